//! Every format in both directions: what Rowtide writes is decoded by the programs of others, and what they write by Rowtide's `Reader`.
//!
//! What belongs here: what the formats' files share. They ask a registry and no broker.

mod avro;
mod json;
mod protobuf;

use std::path::PathBuf;

use bytes::Bytes;
use rowtide_api::{Datum, Field, Kind, Props, Schema, Struct, Value};
use rowtide_schema_registry::Reader;
use rowtide_system_tests::converting::{self, Headers, Java, ask, script, unhex};
use rowtide_system_tests::registry::ccompat;
use rowtide_system_tests::topics::block_on;
use rowtide_testkit::need;
use serde_json::Value as Json;

/// A value of every type of Connect, named ones as Debezium and Connect name them; null where it may be.
fn everything() -> Datum {
    let named = |kind, name: &str| Schema::new(kind).named(name).versioned(1);
    let decimal = named(Kind::Bytes, "org.apache.kafka.connect.data.Decimal")
        .parameter("scale", "2")
        .parameter("connect.decimal.precision", "10");
    let point = Schema::structure(vec![
        Field::new("x", Schema::new(Kind::Float64)),
        Field::new("y", Schema::new(Kind::Float64).optional()),
    ]);
    let point = point.named("app.Point").optional().shared();
    let text = |text: &str| Value::string(text.to_owned());
    let fields: Vec<(&str, Schema, Value)> = vec![
        ("boolean", Schema::new(Kind::Boolean), Value::Boolean(true)),
        ("int8", Schema::new(Kind::Int8), Value::Int8(i8::MIN)),
        ("int16", Schema::new(Kind::Int16).optional(), Value::Int16(i16::MAX)),
        ("int32", Schema::new(Kind::Int32), Value::Int32(i32::MIN)),
        ("int64", Schema::new(Kind::Int64), Value::Int64(i64::MIN)),
        ("float32", Schema::new(Kind::Float32), Value::Float32(1.5)),
        ("float64", Schema::new(Kind::Float64), Value::Float64(-1e-300)),
        ("string", Schema::new(Kind::String), text("Ærø 🌊\n")),
        ("bytes", Schema::new(Kind::Bytes), Value::Bytes(Bytes::from_static(&[0, 0xFF]))),
        ("none", Schema::new(Kind::String).optional(), Value::Null),
        ("decimal", decimal.optional(), Value::Bytes(Bytes::from_static(&[0xFF, 0x00]))),
        ("date", named(Kind::Int32, "org.apache.kafka.connect.data.Date"), Value::Int32(-1)),
        ("time", named(Kind::Int32, "org.apache.kafka.connect.data.Time"), Value::Int32(86_399_999)),
        ("timestamp", named(Kind::Int64, "org.apache.kafka.connect.data.Timestamp"), Value::Int64(1_700_000_000_123)),
        ("micros", named(Kind::Int64, "io.debezium.time.MicroTimestamp").optional(), Value::Int64(-1)),
        ("mood", named(Kind::String, "io.debezium.data.Enum").parameter("allowed", "sad,ok"), text("ok")),
        ("default", Schema::new(Kind::Int32).optional().default_value(Value::Int32(7)), Value::Int32(8)),
        (
            "array",
            Schema::new(Kind::Array(Schema::new(Kind::Int32).optional().shared())),
            Value::Array(vec![Value::Int32(1), Value::Null]),
        ),
        (
            "map",
            Schema::new(Kind::Map(Schema::new(Kind::String).shared(), Schema::new(Kind::String).optional().shared())),
            Value::Map(vec![(text("k"), Value::Null)]),
        ),
        (
            "pairs",
            Schema::new(Kind::Map(Schema::new(Kind::Int32).shared(), Schema::new(Kind::Boolean).shared())),
            Value::Map(vec![(Value::Int32(-3), Value::Boolean(false))]),
        ),
        ("point", (*point).clone(), Value::Struct(Struct::new(point.clone(), vec![Value::Float64(0.5), Value::Null]))),
        ("again", (*point).clone(), Value::Null),
    ];
    let (described, values): (Vec<_>, Vec<_>) =
        fields.into_iter().map(|(name, schema, value)| (Field::new(name, schema), value)).unzip();
    let schema = Schema::structure(described).named("app.Everything").shared();
    Datum { schema: Some(schema.clone()), value: Value::Struct(Struct::new(schema, values)) }
}

/// What one of Rowtide's converters of values writes.
fn encoded(class: &str, options: &Props, topic: &str, datum: &Datum) -> (Headers, Vec<u8>) {
    converting::encoded(rowtide_schema_registry::ALL, class, options, topic, (datum, &[]))
}

/// As `JsonConverter` writes it, with its schema.
fn as_json(datum: &Datum) -> Vec<u8> {
    let options = Props::from_iter([("schemas.enable", "true")]);
    let class = "org.apache.kafka.connect.json.JsonConverter";
    converting::encoded(rowtide_converters::ALL, class, &options, "any", (datum, &[])).1
}

/// The folder of Apicurio's Java converters.
fn apicurios_jars() -> [PathBuf; 1] {
    [std::path::Path::new(&need("ROWTIDE_TEST_DEBEZIUM")).with_file_name("apicurio-converters")]
}

/// Apicurio's Java converter and Rowtide's of the same class read each other's records of every type.
fn hold_against_java(class: &str, options: &Props, reader: &Reader, topic: &str) {
    let datum = everything();
    let written = encoded(class, options, topic, &datum);
    let ours = read(reader, &written.0, &written.1).expect("Rowtide reads it");
    assert_eq!(ours.value, with_schema_of(&datum.value, &ours), "decode(encode(x)) = x");
    // Java reads it as Rowtide does, schema and all
    let (jars, in_java) = (apicurios_jars(), format!("{topic}_java"));
    let java = |topic| Java { jars: &jars, class, options, topic };
    let theirs = java(topic).reads(&written);
    assert_eq!(theirs, serde_json::from_slice::<Json>(&as_json(&ours)).expect("JSON"));
    // what Java writes of the same data, under a topic of its own
    let (headers, bytes) = java(&in_java).writes(&as_json(&datum), &[]);
    let found = read(reader, &headers, &bytes).expect("Rowtide reads Java's");
    assert_eq!(found.value, with_schema_of(&datum.value, &found));
    assert_eq!(as_json(&found), as_json(&ours), "its schema is the same, too");
}

/// What confluent-kafka's serializer of a format writes of what it is asked, value by value.
fn python_writes(format: &str, topic: &str, asked: &Json) -> Vec<Bytes> {
    let said = ask(script("confluent.py").args([format, "write", &ccompat(), topic]), asked.to_string().as_bytes());
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    said.lines().map(unhex).collect()
}

fn confluent_options() -> Props {
    Props::from_iter([("schema.registry.url", ccompat())])
}

fn read(reader: &Reader, headers: &Headers, bytes: &[u8]) -> rowtide_api::Result<Datum> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
    block_on(reader.read(&headers, Some(&Bytes::copy_from_slice(bytes))))
}

/// The same values under the schema that was read back: it has parameters more, which say where a default came from.
fn with_schema_of(value: &Value, read: &Datum) -> Value {
    match (value, &read.schema) {
        (Value::Struct(fields), Some(schema)) => {
            let values =
                fields.values.iter().zip(schema.fields()).map(|(value, field)| {
                    with_schema_of(value, &Datum { schema: Some(field.schema.clone()), value: Value::Null })
                });
            Value::Struct(Struct::new(schema.clone(), values.collect()))
        }
        _ => value.clone(),
    }
}

/// A datum as `JsonConverter` writes it, without its schema.
fn payload(datum: &Datum) -> Json {
    let mut written: Json = serde_json::from_slice(&as_json(datum)).expect("JSON");
    written["payload"].take()
}
