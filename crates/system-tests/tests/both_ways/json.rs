//! JSON with JSON Schema: `jsonschema` and confluent-kafka in Python; with Connect's own schema: Apicurio's `ExtJsonConverter` in Java.

use rowtide_api::{Datum, Kind, Props};
use rowtide_schema_registry::Reader;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::{need, unique};
use serde_json::{Value as Json, json};

use rowtide_system_tests::converting::{ask, hex, script};

use super::{ccompat, confluent_options, encoded, everything, hold_against_java, payload, python_writes, read, with_schema_of};

const CONFLUENT: &str = "io.confluent.connect.json.JsonSchemaConverter";
const APICURIO: &str = "io.apicurio.registry.utils.converter.ExtJsonConverter";

fn reader(more: &[(&str, &str)]) -> Reader {
    let mut options = confluent_options();
    options.0.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Reader::confluent_json(&options, false).expect("good options")
}

#[test]
fn apicurios_java_converter_and_rowtide_read_each_other() {
    let url = format!("{}/apis/registry/v2", need("ROWTIDE_TEST_REGISTRY"));
    let options = Props::from_iter([("apicurio.registry.url", url.as_str()), ("apicurio.registry.auto-register", "true")]);
    let reader = Reader::apicurio_json(&options).expect("good options");
    hold_against_java(APICURIO, &options, &reader, &unique("ext_json"));
}

#[test]
fn what_rowtide_writes_is_valid_by_the_schema_that_it_registers() {
    let (datum, topic, options) = (everything(), unique("json_valid"), confluent_options());
    let (_, bytes) = encoded(CONFLUENT, &options, &topic, &datum);
    let command = || {
        let mut command = script("confluent.py");
        command.args(["json", "read", &ccompat(), &topic]);
        command
    };
    let said: Json = serde_json::from_str(&ask(&mut command(), hex(&bytes).as_bytes()).expect("valid")).expect("JSON");
    for (name, expected) in [
        ("boolean", json!(true)),
        ("int64", json!(i64::MIN)),
        ("float64", json!(-1e-300)),
        ("string", json!("Ærø 🌊\n")),
        ("bytes", json!("AP8=")),
        ("none", Json::Null),
        ("array", json!([1, null])),
        ("map", json!({ "k": null })),
        ("pairs", json!([{ "key": -3, "value": false }])),
        ("point", json!({ "x": 0.5, "y": null })),
    ] {
        assert_eq!(said[name], expected, "{name}");
    }
    // a value that is not of the schema is seen by it
    let wrong = String::from_utf8(bytes[5..].to_vec()).expect("text").replacen(":true", ":\"x\"", 1);
    let wrong = [&bytes[..5], wrong.as_bytes()].concat();
    let told = ask(&mut command(), hex(&wrong).as_bytes()).expect_err("not valid");
    assert!(told.contains("'x' is not of type 'boolean'"), "{told}");
    let ours = read(&reader(&[]), &Vec::new(), &bytes).expect("Rowtide reads it");
    assert_eq!(ours.value, with_schema_of(&datum.value, &ours), "decode(encode(x)) = x");
}

/// An order as somebody describes it who never heard of Connect.
fn order() -> Json {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Order",
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "integer", "minimum": 0 },
            "price": { "type": "number" },
            "paid": { "type": "boolean", "default": false },
            "at": { "type": "string", "format": "date-time" },
            "state": { "type": "string", "enum": ["new", "sent"] },
            "level": { "enum": [1, 2.5, "top", true] },
            "note": { "oneOf": [{ "type": "null" }, { "type": "string" }] },
            "weight": { "type": ["number", "null"] },
            "buyer": { "$ref": "#/definitions/person" },
            "payer": { "anyOf": [{ "$ref": "#/definitions/person" }, { "type": "null" }] },
            "lines": { "type": "array", "items": { "$ref": "#/definitions/line" } },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "either": { "oneOf": [{ "type": "integer" }, { "type": "string" }, { "$ref": "#/definitions/line" }] },
            "both": { "allOf": [{ "$ref": "#/definitions/person" }, { "properties": { "vip": { "type": "boolean" } } }] }
        },
        "definitions": {
            "person": { "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] },
            "line": { "type": "object", "properties": { "sku": { "type": "string" }, "count": { "type": "integer" } } }
        }
    })
}

#[test]
fn what_python_writes_by_a_schema_of_its_own_rowtide_reads() {
    let full = json!({
        "id": i64::MAX, "price": 12.5, "paid": true, "at": "2024-02-29T12:00:00Z", "state": "sent", "level": 2.5,
        "note": "Ærø 🌊", "weight": 1, "buyer": { "name": "Ann" }, "payer": { "name": "Bob" },
        "lines": [{ "sku": "a", "count": 2 }, { "sku": "b" }], "labels": { "x": "1", "y": "2" },
        "either": { "sku": "c", "count": 1 }, "both": { "name": "Cy", "vip": true }
    });
    let least = json!({ "id": 0, "note": null, "weight": null, "payer": null, "lines": [], "either": "text" });
    let asked = json!({ "schema": order(), "values": [full, least] });
    let written = python_writes("json", &unique("json_python"), &asked);
    let plain = reader(&[]);
    for bytes in &written {
        let found = read(&plain, &Vec::new(), bytes).expect("Rowtide reads it");
        assert_eq!(found.schema.as_ref().and_then(|schema| schema.name.as_deref()), Some("Order"));
    }
    let optional = reader(&[("use.optional.for.nonrequired", "true")]);
    let found: Vec<Datum> = written.iter().map(|bytes| read(&optional, &Vec::new(), bytes).expect("Rowtide reads it")).collect();
    let mut expected = full;
    expected["level"] = json!("2.5");
    expected["weight"] = json!(1.0);
    expected["lines"][1]["count"] = Json::Null;
    let branch = |index: usize, value: Json| {
        let mut fields = json!({});
        for place in 0..3 {
            fields[format!("io.confluent.connect.json.OneOf.field.{place}")] =
                if place == index { value.clone() } else { Json::Null };
        }
        fields
    };
    expected["either"] = branch(2, json!({ "sku": "c", "count": 1 }));
    assert_eq!(payload(&found[0]), expected);
    let second = payload(&found[1]);
    for name in ["price", "at", "state", "note", "weight", "buyer", "payer", "labels", "both"] {
        assert_eq!(second[name], Json::Null, "{name}");
    }
    assert_eq!((&second["paid"], &second["lines"]), (&json!(false), &json!([])));
    assert_eq!(second["either"], branch(1, json!("text")));
    let schema = found[0].schema.as_ref().expect("a schema");
    let of = |name: &str| &schema.fields().iter().find(|field| &*field.name == name).expect("a field").schema;
    assert_eq!((&of("id").kind, of("id").optional, of("price").optional), (&Kind::Int64, false, true));
}

#[test]
fn a_schema_that_cannot_be_read_is_refused_with_a_way_out() {
    let node = json!({ "type": "object", "properties": { "next": { "$ref": "#/definitions/node" } } });
    let recursive = json!({
        "title": "Tree", "type": "object", "properties": { "top": { "$ref": "#/definitions/node" } }, "definitions": { "node": node }
    });
    let free = json!({ "title": "Free", "type": "object", "properties": { "it": {} } });
    let cases = [
        (recursive, json!({ "top": { "next": {} } }), "holds itself", "hold what recurs as a text"),
        (free, json!({ "it": 1 }), "a schema without a type", "give each property a type of its own"),
    ];
    for (schema, value, word, remedy) in cases {
        let written = python_writes("json", &unique("json_refused"), &json!({ "schema": schema, "values": [value] }));
        let error = read(&reader(&[]), &Vec::new(), &written[0]).expect_err("it cannot be read");
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.remedy_text().is_some_and(|text| text.contains(remedy)), "{error:?}");
    }
}

#[test]
fn a_schema_that_refers_to_others_in_the_registry_is_refused_with_a_way_out() {
    let registry = Rest::new(&ccompat());
    let (topic, person) = (unique("json_refers"), unique("person"));
    let post = |subject: &str, schema: Json, references: Json| {
        let body = json!({ "schema": schema.to_string(), "schemaType": "JSON", "references": references });
        registry.ok("POST", &format!("/subjects/{subject}/versions"), Some(&body))["id"].as_u64().expect("an id")
    };
    post(&person, json!({ "type": "object", "properties": { "name": { "type": "string" } } }), json!([]));
    let order = json!({ "type": "object", "properties": { "buyer": { "$ref": "person.json" } } });
    let id = post(&format!("{topic}-value"), order, json!([{ "name": "person.json", "subject": person, "version": 1 }]));
    let bytes = [&[0][..], &u32::try_from(id).expect("an id").to_be_bytes(), b"{}"].concat();
    let error = read(&reader(&[]), &Vec::new(), &bytes).expect_err("it refers to another");
    assert!(error.to_string().contains("refers to others"), "{error}");
    assert!(error.remedy_text().is_some_and(|text| text.contains("#/definitions/")), "{error:?}");
}
