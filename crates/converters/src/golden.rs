//! Holds every converter against what Apache Kafka's own made of the same schemas and values: `tests/golden`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rowtide_api::{Datum, Field, Kind, Plan, Props, Schema, SchemaRef, Struct, Value};
use serde_json::Value as Json;

fn hex(text: &Json) -> Value {
    let text = text.as_str().unwrap();
    Value::Bytes((0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect::<Bytes>())
}

fn schema(json: &Json) -> SchemaRef {
    let kind = match json["type"].as_str().unwrap() {
        "array" => Kind::Array(schema(&json["items"])),
        "map" => Kind::Map(schema(&json["keys"]), schema(&json["values"])),
        "struct" => {
            let fields = json["fields"].as_array().unwrap().iter();
            Kind::Struct(fields.map(|field| Field::new(field[0].as_str().unwrap(), schema(&field[1]))).collect())
        }
        simple => simple_kind(simple),
    };
    let mut schema = Schema::new(kind);
    schema.optional = json["optional"].as_bool().unwrap();
    schema.name = json["name"].as_str().map(Into::into);
    schema.version = json["version"].as_i64().map(|version| version as i32);
    schema.doc = json["doc"].as_str().map(Into::into);
    for parameter in json["parameters"].as_array().into_iter().flatten() {
        schema = schema.parameter(parameter[0].as_str().unwrap(), parameter[1].as_str().unwrap());
    }
    let default = json.get("default").map(|default| value(&schema.clone().shared(), default));
    schema.default = default;
    schema.shared()
}

fn simple_kind(name: &str) -> Kind {
    match name {
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float" => Kind::Float32,
        "double" => Kind::Float64,
        "boolean" => Kind::Boolean,
        "string" => Kind::String,
        _ => Kind::Bytes,
    }
}

fn value(schema: &SchemaRef, json: &Json) -> Value {
    if json.is_null() {
        return Value::Null;
    }
    let items = || json.as_array().unwrap().iter();
    match &schema.kind {
        Kind::Array(item) => Value::Array(items().map(|json| value(item, json)).collect()),
        Kind::Map(keys, values) => Value::Map(items().map(|pair| (value(keys, &pair[0]), value(values, &pair[1]))).collect()),
        Kind::Struct(fields) => {
            let values = fields.iter().zip(items()).map(|(field, json)| value(&field.schema, json)).collect();
            Value::Struct(Struct::new(schema.clone(), values))
        }
        kind => simple(kind, json),
    }
}

fn simple(kind: &Kind, json: &Json) -> Value {
    let whole = || json.as_i64().unwrap();
    match kind {
        Kind::Int8 => Value::Int8(whole() as i8),
        Kind::Int16 => Value::Int16(whole() as i16),
        Kind::Int32 => Value::Int32(whole() as i32),
        Kind::Int64 => Value::Int64(whole()),
        Kind::Float32 => Value::Float32(json.as_str().unwrap().parse().unwrap()),
        Kind::Float64 => Value::Float64(json.as_str().unwrap().parse().unwrap()),
        Kind::Boolean => Value::Boolean(json.as_bool().unwrap()),
        Kind::String => Value::string(json.as_str().unwrap()),
        _ => hex(json),
    }
}

fn untyped(json: &Json) -> Value {
    let (Some(kind), value) = (json["t"].as_str(), &json["v"]) else { return Value::Null };
    match kind {
        "array" => Value::Array(value.as_array().unwrap().iter().map(untyped).collect()),
        "map" => Value::Map(value.as_array().unwrap().iter().map(|pair| (untyped(&pair[0]), untyped(&pair[1]))).collect()),
        kind => simple(&simple_kind(kind), value),
    }
}

/// The bytes in base64, `null` or `error`.
fn encoded(converter: &str, case: &Json) -> String {
    let schema = Some(&case["schema"]).filter(|json| !json.is_null()).map(schema);
    let value = schema.as_ref().map_or_else(|| untyped(&case["value"]), |schema| value(schema, &case["value"]));
    let mut props: Props =
        case["options"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let mut out = Vec::new();
    let result = if converter == "simple" {
        let datum = Datum { schema, value };
        (super::simple_header::HEADER.new)(&props).unwrap().encode("t", "h", &datum, &mut out)
    } else {
        let new = if converter == "string" { super::string::CONVERTER.new } else { super::json::CONVERTER.new };
        props.set("schemas.enable", (converter == "json+schema").to_string());
        new(&props, false).unwrap().plan("t", schema.as_ref()).and_then(|plan| match plan {
            Plan::Ready(plan) => plan.encode(&value, &mut out),
            Plan::NeedsLookup(_) => panic!("no registry here"),
        })
    };
    match result {
        Ok(true) => STANDARD.encode(&out),
        Ok(false) => "null".to_owned(),
        Err(_) => {
            assert!(out.is_empty(), "half a record is left after an error");
            "error".to_owned()
        }
    }
}

/// Where we differ on purpose; each with its reason.
fn differs(converter: &str, name: &str, expected: &[u8], got: &[u8]) -> bool {
    // Java writes an object's address
    if converter == "string" && expected.windows(3).any(|window| window == b"[B@") {
        return true;
    }
    // JDK 17, which recorded this, writes more digits than needed (JDK-4511638)
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    let number = |bytes| text(bytes).trim_end_matches('}').rsplit(':').next().unwrap_or_default().to_owned();
    name.starts_with("double") && number(expected).parse::<f64>().is_ok_and(|same| number(got).parse() == Ok(same))
        || name.starts_with("float") && number(expected).parse::<f32>().is_ok_and(|same| number(got).parse() == Ok(same))
}

#[test]
fn the_bytes_are_those_of_apache_kafka() {
    let cases: Vec<Json> = serde_json::from_str(include_str!("../tests/golden/cases.json")).unwrap();
    let (mut wrong, mut different) = (Vec::new(), Vec::new());
    for line in include_str!("../tests/golden/expected.tsv").lines() {
        let [number, converter, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let case = &cases[number.parse::<usize>().unwrap()];
        let got = encoded(converter, case);
        if got != expected {
            let (name, bytes) = (case["name"].as_str().unwrap(), |text| STANDARD.decode(text).unwrap_or_default());
            let (expected_bytes, got_bytes) = (bytes(expected), bytes(&got));
            let list = if differs(converter, name, &expected_bytes, &got_bytes) { &mut different } else { &mut wrong };
            let shown =
                |text, bytes| if bytes == b"" { text } else { String::from_utf8_lossy(bytes).chars().take(300).collect() };
            list.push(format!(
                "{converter} {name}: {} but {}",
                shown(expected.to_owned(), &expected_bytes),
                shown(got, &got_bytes)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(different.len() <= 60, "{} different:\n{}", different.len(), different.join("\n"));
}
