//! Schemas and values as a whole: recorded from what Confluent's source makes of them, and read again.

use bytes::Bytes;
use proptest::prelude::*;
use rowtide_api::{Field, Kind, Schema, SchemaRef, Struct, Value};
use rowtide_converters::json::{Dialect, Payload, Style, schema_text};
use serde_json::Value as Node;

use super::{Settings, connect, decode, derive, fit, kconnect, pretty, word};
use crate::avro::word::{DATE, DECIMAL, TIMESTAMP};
use crate::golden;

const KAFKA: Style = Style { replace_null: true, numeric_decimals: false, dialect: Dialect::Kafka };

fn text(schema: &Schema, settings: &Settings) -> String {
    let mut out = String::new();
    derive::derive(schema, settings).unwrap().write(&mut out);
    out
}

/// None: nothing is written.
fn json(schema: &SchemaRef, value: &Value, style: &Style) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let payload = Payload::compile(schema, style).ok().unwrap();
    payload.write(value, &mut out).ok().unwrap().then_some(out)
}

fn settings(options: &Node) -> Settings {
    let flag = |name: &str| options[name] == "true";
    Settings {
        numeric_decimals: options["decimal.format"].as_str().is_some_and(|format| format.eq_ignore_ascii_case("NUMERIC")),
        ignore_default: flag("ignore.default.for.nullables"),
        open_objects: options["object.additional.properties"] != "false",
        generalized: flag("generalized.sum.type.support"),
        optional_unless_required: false,
        indent: flag("json.indent.output"),
    }
}

/// Recorded from Confluent's public source of `JsonSchemaData` over everit-json-schema 1.14.6, see tests/golden.
#[test]
fn schemas_and_values_are_those_of_confluents_source() {
    let mut wrong = Vec::new();
    for line in include_str!("../../tests/golden/json-schema.jsonl").lines() {
        let case: Node = serde_json::from_str(line).unwrap();
        let (schema, settings) = (golden::schema(&case["schema"]), settings(&case["options"]));
        let value = golden::value(&schema, &case["value"]);
        let got = text(&schema, &settings);
        if got != case["text"].as_str().unwrap() {
            wrong.push(format!("{}:\n  {}\n  {got}", case["name"], case["text"].as_str().unwrap()));
        }
        let got = json(&schema, &value, &settings.style()).map(|compact| {
            let mut out = Vec::new();
            if settings.indent {
                pretty::write(&compact, &mut out)
            } else {
                out = compact
            };
            String::from_utf8(out).unwrap()
        });
        // JDK 17, which recorded this, writes more digits than needed (JDK-4511638)
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
        if got.as_deref() != case["json"].as_str()
            && (number(got.as_deref()).is_none() || number(got.as_deref()) != number(case["json"].as_str()))
        {
            wrong.push(format!("{}:\n  {}\n  {got:?}", case["name"], case["json"]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_default_that_is_no_number_is_an_error() {
    let schema = Schema::new(Kind::Float64).default_value(Value::Float64(f64::NAN)).named("odd");
    let error = derive::derive(&schema, &Settings::default()).unwrap_err().to_string();
    assert!(error.contains("the default of odd is NaN"), "{error}");
}

#[test]
fn a_union_is_read_as_the_branch_that_it_was_written_as() {
    let inner = |field: &str| Schema::structure(vec![Field::new(field, Schema::new(Kind::Int32))]).optional();
    let field = |index: usize, schema: Schema| Field::new(format!("{}.field.{index}", word::ONE_OF), schema);
    let fields = vec![field(0, Schema::new(Kind::Int64).optional()), field(1, inner("a")), field(2, inner("b"))];
    let union = Schema::structure(fields).named(word::ONE_OF).optional().shared();
    let read = connect::parse(&text(&union, &Settings::default()), &Settings::default()).unwrap();
    assert_eq!(read, union);
    let branch = |index: usize, value: i32| {
        let schema = &union.fields()[index].schema;
        Value::Struct(Struct::new(schema.clone(), vec![Value::Int32(value)]))
    };
    for values in [vec![Value::Int64(7), Value::Null, Value::Null], vec![Value::Null, Value::Null, branch(2, 5)]] {
        let value = Value::Struct(Struct::new(union.clone(), values));
        let written = json(&union, &value, &Settings::default().style()).unwrap();
        assert_eq!(decode::read(&union, &written, Dialect::Confluent).unwrap(), value);
    }
}

#[test]
fn decimals_are_read_from_numbers_without_losing_a_digit() {
    let decimal = |scale: &str| Schema::new(Kind::Bytes).named(DECIMAL).versioned(1).parameter("scale", scale).shared();
    let settings = Settings { numeric_decimals: true, ..Settings::default() };
    let unscaled = Value::Bytes(Bytes::from_static(&[0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]));
    for scale in ["0", "2", "40", "-3"] {
        let schema = decimal(scale);
        let written = json(&schema, &unscaled, &settings.style()).unwrap();
        assert_eq!(decode::read(&schema, &written, Dialect::Confluent).unwrap(), unscaled, "{scale}");
    }
    let read = |text: &str| decode::read(&decimal("2"), text.as_bytes(), Dialect::Confluent);
    assert_eq!(read("1.5e0").unwrap(), Value::Bytes(Bytes::from_static(&[0, 150])));
    assert_eq!(read("-0.10").unwrap(), Value::Bytes(Bytes::from_static(&[0xf6])));
    assert_eq!(read("1.500").unwrap(), Value::Bytes(Bytes::from_static(&[0, 150])));
    for bad in ["0.001", "1e999999999", "-1e-999999999", "true"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_registered_schema_must_take_what_the_table_has() {
    let table = |fields: Vec<Field>| text(&Schema::structure(fields).named("t"), &Settings::default());
    let int = |name: &str| Field::new(name, Schema::new(Kind::Int32));
    let ours = table(vec![int("a"), Field::new("b", Schema::new(Kind::String).optional())]);
    let good = [
        ours.as_str(),
        "{}",
        r#"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":["string","null"]}},"required":["a"]}"#,
        r##"{"type":"object","properties":{"a":{"$ref":"#/definitions/n"}},"definitions":{"n":{"type":"integer","minimum":0}}}"##,
    ];
    for theirs in good {
        assert!(fit::check(&ours, theirs).is_ok(), "{theirs}: {}", fit::check(&ours, theirs).unwrap_err());
    }
    let bad = [
        (r#"{"type":"object","properties":{"a":{"type":"string"}}}"#, "the field 'a' does not fit"),
        (r#"{"type":"object","properties":{"b":{"type":"string"}}}"#, "the field 'b' does not fit"),
        (r#"{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}"#, "the field 'b' does not fit"),
        (r#"{"type":"object","properties":{"c":{"type":"integer"}},"required":["c"]}"#, "the field 'c' does not fit"),
        (r#"{"type":"object","properties":{"b":{"enum":["x",null]}}}"#, "the field 'b' does not fit"),
        (r#"{"type":"array"}"#, "the value does not fit"),
    ];
    for (theirs, says) in bad {
        let error = fit::check(&ours, theirs).unwrap_err().to_string();
        assert!(error.contains(says), "{theirs}: {error}");
    }
}

#[test]
fn a_registered_connect_schema_must_read_what_the_table_has() {
    let table = |fields: Vec<Field>| Schema::structure(fields).named("t").shared();
    let field = |name: &str, schema: Schema| Field::new(name, schema);
    let (int, text) = (|| Schema::new(Kind::Int32), || Schema::new(Kind::String));
    let ours = table(vec![field("a", int()), field("b", text().optional())]);
    let check = |theirs: Vec<Field>| {
        let registered = schema_text(&table(theirs), &KAFKA).ok().unwrap();
        kconnect::check(&ours, &registered).map_err(|error| error.to_string())
    };
    assert_eq!(check(vec![field("b", text().optional()), field("c", int().optional())]), Ok(()));
    let bad = [
        (vec![field("b", text())], "the field 'b' does not fit the registered schema: it allows no null"),
        (vec![field("a", text())], "the field 'a' does not fit the registered schema: it is of another type"),
        (vec![field("c", int())], "the field 'c' does not fit the registered schema: it is required"),
    ];
    for (theirs, says) in bad {
        let error = check(theirs).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn schemas_that_others_wrote_are_read() {
    let read = |text: &str| connect::parse(text, &Settings::default());
    let schema = read(
        r##"{"type":"object","title":"t","definitions":{"x":{"type":"integer"}},"properties":{
        "b":{"type":["null","number"]},"a":{"$ref":"#/definitions/x"},"e":{"enum":["p","q"]}}}"##,
    )
    .unwrap();
    let fields: Vec<_> = schema.fields().iter().map(|field| (&*field.name, &field.schema.kind, field.schema.optional)).collect();
    assert_eq!(fields, [("b", &Kind::Float64, true), ("a", &Kind::Int64, false), ("e", &Kind::String, false)]);
    let closed = Settings { optional_unless_required: true, ..Settings::default() };
    let text = r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#;
    let optional: Vec<_> = connect::parse(text, &closed).unwrap().fields().iter().map(|field| field.schema.optional).collect();
    assert_eq!(optional, [false, true]);
    for bad in [
        r##"{"$ref":"#"}"##,
        r#"{"$ref":"other.json"}"#,
        r#"{"allOf":[]}"#,
        "{}",
        "[",
        r#"{"type":"array"}"#,
        r#"{"type":"null"}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_apicurios_converter_writes_is_taken_apart() {
    let bytes = Bytes::from_static(br#"{"schemaId":7,"payload":{"a":1}}"#);
    assert_eq!(decode::ext_json(&bytes).unwrap(), (7, Bytes::from_static(br#"{"a":1}"#)));
    for bad in ["", "{}", r#"{"schemaId":"x","payload":1}"#, r#"{"schemaId":1}"#, "[1]"] {
        assert!(decode::ext_json(&Bytes::from(bad)).is_err(), "{bad}");
    }
}

/// A schema, and a value that fits it.
fn pair() -> impl Strategy<Value = (Schema, Value)> {
    let decimal = |scale: i32| Schema::new(Kind::Bytes).named(DECIMAL).versioned(1).parameter("scale", scale.to_string());
    let leaf = prop_oneof![
        any::<bool>().prop_map(|v| (Schema::new(Kind::Boolean), Value::Boolean(v))),
        any::<i8>().prop_map(|v| (Schema::new(Kind::Int8), Value::Int8(v))),
        any::<i16>().prop_map(|v| (Schema::new(Kind::Int16), Value::Int16(v))),
        any::<i32>().prop_map(|v| (Schema::new(Kind::Int32), Value::Int32(v))),
        any::<i64>().prop_map(|v| (Schema::new(Kind::Int64), Value::Int64(v))),
        prop_oneof![proptest::num::f32::ANY, Just(f32::INFINITY), Just(f32::NEG_INFINITY)]
            .prop_filter("NaN is not equal to itself", |v| !v.is_nan())
            .prop_map(|v| (Schema::new(Kind::Float32), Value::Float32(v))),
        proptest::num::f64::ANY
            .prop_filter("NaN is not equal to itself", |v| !v.is_nan())
            .prop_map(|v| (Schema::new(Kind::Float64), Value::Float64(v))),
        ".*".prop_map(|v| (Schema::new(Kind::String), Value::string(v))),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|v| (Schema::new(Kind::Bytes), Value::Bytes(v.into()))),
        (any::<i64>(), -5..40i32).prop_map(move |(v, scale)| {
            let bytes = num_bytes(v);
            (decimal(scale), Value::Bytes(bytes.into()))
        }),
        any::<i32>().prop_map(|v| (Schema::new(Kind::Int32).named(DATE).versioned(1), Value::Int32(v))),
        any::<i64>().prop_map(|v| (Schema::new(Kind::Int64).named(TIMESTAMP).versioned(1).doc("d"), Value::Int64(v))),
        (any::<i32>(), any::<i32>())
            .prop_map(|(v, default)| { (Schema::new(Kind::Int32).default_value(Value::Int32(default)), Value::Int32(v)) }),
    ];
    let optional = (leaf, any::<bool>(), any::<bool>()).prop_map(|((schema, value), optional, null)| match optional {
        true => {
            // null would be read as the default
            let value = if null && schema.default.is_none() { Value::Null } else { value };
            (schema.optional(), value)
        }
        false => (schema, value),
    });
    optional.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (inner.clone(), 0..4usize).prop_map(|((schema, value), count)| {
                (Schema::new(Kind::Array(schema.shared())), Value::Array(vec![value; count]))
            }),
            (inner.clone(), ".{0,6}").prop_map(|((schema, value), key)| {
                let map = Kind::Map(Schema::new(Kind::String).shared(), schema.shared());
                (Schema::new(map), Value::Map(vec![(Value::string(key), value)]))
            }),
            (inner.clone(), any::<i64>()).prop_map(|((schema, value), key)| {
                let map = Kind::Map(Schema::new(Kind::Int64).shared(), schema.shared());
                (Schema::new(map).optional(), Value::Map(vec![(Value::Int64(key), value)]))
            }),
            (proptest::collection::vec(inner, 1..5), any::<bool>(), ".{0,3}").prop_map(|(pairs, optional, name)| {
                let (schemas, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
                let fields = schemas.into_iter().enumerate().map(|(index, schema)| Field::new(format!("{name}{index}"), schema));
                let schema = Schema::structure(fields.collect()).named("a.Struct");
                let schema = if optional { schema.optional() } else { schema }.shared();
                (Schema::clone(&schema), Value::Struct(Struct::new(schema, values)))
            }),
        ]
    })
}

/// As short as `BigInteger.toByteArray` makes it.
fn num_bytes(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let spare = bytes.windows(2).take_while(|two| two[0] == sign && (two[1] ^ sign) < 0x80).count();
    bytes[spare..].to_vec()
}

proptest! {
    #[test]
    fn what_confluents_converter_writes_is_read_again((schema, value) in pair(), numeric_decimals in any::<bool>(), indent in any::<bool>()) {
        let (schema, settings) = (schema.shared(), Settings { numeric_decimals, ..Settings::default() });
        let read = connect::parse(&text(&schema, &settings), &settings).unwrap();
        prop_assert_eq!(&read, &schema);
        let mut written = json(&schema, &value, &settings.style()).unwrap();
        if indent {
            let compact = std::mem::take(&mut written);
            pretty::write(&compact, &mut written);
        }
        prop_assert_eq!(decode::read(&read, &written, Dialect::Confluent).unwrap(), value);
    }

    #[test]
    fn what_apicurios_converter_writes_is_read_again((schema, value) in pair(), numeric_decimals in any::<bool>()) {
        let (schema, style) = (schema.shared(), Style { numeric_decimals, ..KAFKA });
        let read = kconnect::parse(&schema_text(&schema, &style).ok().unwrap()).unwrap().unwrap();
        prop_assert_eq!(&read, &schema);
        let written = json(&schema, &value, &style).unwrap();
        prop_assert_eq!(decode::read(&read, &written, Dialect::Kafka).unwrap(), value);
    }

    #[test]
    fn no_bytes_make_the_reader_stumble((schema, value) in pair(), noise in proptest::collection::vec(any::<u8>(), 0..60), at in any::<u16>()) {
        let schema = schema.shared();
        for dialect in [Dialect::Kafka, Dialect::Confluent] {
            let _ = decode::read(&schema, &noise, dialect);
            // and what is nearly good
            let mut near = json(&schema, &value, &Style { dialect, ..KAFKA }).unwrap();
            if let Some(byte) = noise.first() {
                let at = usize::from(at) % near.len();
                near[at] = *byte;
            }
            let _ = decode::read(&schema, &near, dialect);
        }
    }

    #[test]
    fn a_derived_schema_takes_what_it_was_derived_from((schema, _) in pair()) {
        let text = text(&schema, &Settings::default());
        prop_assert!(fit::check(&text, &text).is_ok(), "{text}");
    }
}
