//! Schemas and bytes as a whole, by the rules of Confluent's public sources (`golden` holds them against what those make). What
//! is written is held against `prost-reflect`, which reads it by the text that is registered, compiled as protoc does.

use bytes::Bytes;
use proptest::prelude::*;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value as Oracle};
use rowtide_api::{Field, Kind, Schema, SchemaRef, Struct, Value};

use super::decode::{Decoder, message_index};
use super::derive::derive;
use super::plan::{ProtobufPlan, full_name, misfit_error};
use super::schema::{File, Types};
use super::{Settings, known, parse, wire, word};
use crate::avro::word::{DATE, DECIMAL, TIME, TIMESTAMP};

const NULLS: Settings = Settings {
    optional_for_nullables: true,
    enhanced: false,
    scrub: false,
    int_for_enums: false,
    optional_for_proto2: true,
    wrapper_for_nullables: false,
    wrapper_for_raw: true,
    struct_for_nulls: false,
    index_for_unions: true,
    flatten_unions: false,
    ignore_default: false,
};

fn text(schema: &Schema, settings: &Settings) -> String {
    derive(schema, settings).unwrap().0.text()
}

fn bytes(schema: &SchemaRef, value: &Value, settings: &Settings) -> Result<Vec<u8>, String> {
    let (file, index) = derive(schema, settings).unwrap();
    let full = full_name(&file, index).unwrap();
    let plan = ProtobufPlan::compile(schema, &full, &Types::of([&file]), settings).unwrap();
    let mut out = Vec::new();
    plan.write(value, &mut out).map_err(|misfit| misfit_error(misfit).to_string())?;
    Ok(out)
}

/// A struct of one field, and the bytes of a value in it.
fn one(schema: Schema, value: Value, settings: &Settings) -> Result<Vec<u8>, String> {
    let row = Schema::structure(vec![Field::new("a", schema)]).named("r").shared();
    bytes(&row, &Value::Struct(Struct::new(row.clone(), vec![value])), settings)
}

fn decimal(scale: &str) -> Schema {
    Schema::new(Kind::Bytes).named(DECIMAL).versioned(1).parameter("scale", scale)
}

fn named(kind: Kind, name: &str) -> Schema {
    Schema::new(kind).named(name).versioned(1)
}

/// An event of a table as Debezium describes it.
fn envelope() -> Schema {
    let variable =
        Schema::structure(vec![Field::new("scale", Schema::new(Kind::Int32)), Field::new("value", Schema::new(Kind::Bytes))]);
    let variable = variable.optional().named("io.debezium.data.VariableScaleDecimal").versioned(1);
    let value = Schema::structure(vec![
        Field::new("id", Schema::new(Kind::Int64)),
        Field::new("i2", Schema::new(Kind::Int16).optional()),
        Field::new("n", variable),
        Field::new("n52", decimal("2").optional().parameter(word::CONNECT_PRECISION, "5")),
        Field::new("j", named(Kind::String, "io.debezium.data.Json").optional()),
        Field::new("ia", Schema::new(Kind::Array(Schema::new(Kind::Int32).optional().shared())).optional()),
        Field::new(
            "h",
            Schema::new(Kind::Map(Schema::new(Kind::String).shared(), Schema::new(Kind::String).optional().shared())).optional(),
        ),
        Field::new("d", named(Kind::Int32, DATE).optional()),
    ]);
    let value = value.optional().named("srv.public.t.Value").shared();
    Schema::structure(vec![
        Field::new("before", value.clone()),
        Field::new("after", value),
        Field::new("op", Schema::new(Kind::String)),
        Field::new("ts_ms", Schema::new(Kind::Int64).optional()),
    ])
    .named("srv.public.t.Envelope")
    .versioned(2)
}

#[test]
fn an_event_is_described_by_the_rules_of_confluents_source() {
    let expected = r#"syntax = "proto3";
package srv.public.t;

import "confluent/type/decimal.proto";
import "google/type/date.proto";

message Envelope {
  Value before = 1;
  Value after = 2;
  string op = 3;
  int64 ts_ms = 4;

  message Value {
    int64 id = 1;
    int32 i2 = 2 [(confluent.field_meta) = {
      params: [
        {
          key: "connect.type",
          value: "int16"
        }
      ]
    }];
    VariableScaleDecimal n = 3;
    confluent.type.Decimal n52 = 4 [(confluent.field_meta) = {
      params: [
        {
          value: "5",
          key: "precision"
        },
        {
          value: "2",
          key: "scale"
        }
      ]
    }];
    string j = 5;
    repeated int32 ia = 6;
    repeated ConnectDefault1Entry h = 7;
    google.type.Date d = 8;
  
    message VariableScaleDecimal {
      int32 scale = 1;
      bytes value = 2;
    }
    message ConnectDefault1Entry {
      string key = 1;
      string value = 2;
    }
  }
}
"#;
    assert_eq!(text(&envelope(), &Settings::default()), expected);
}

#[test]
fn null_is_said_by_labels_or_by_wrappers_where_that_is_wanted() {
    let row = Schema::structure(vec![
        Field::new("id", Schema::new(Kind::Int32)),
        Field::new("note", Schema::new(Kind::String).optional()),
        Field::new("tags", Schema::new(Kind::Array(Schema::new(Kind::Int64).optional().shared())).optional()),
        Field::new("when", named(Kind::Int64, TIMESTAMP).optional()),
    ]);
    let optional = "syntax = \"proto3\";\n\nimport \"google/protobuf/timestamp.proto\";\n\nmessage ConnectDefault1 {\n  int32 id = 1;\n  \
         optional string note = 2;\n  repeated int64 tags = 3;\n  optional google.protobuf.Timestamp when = 4;\n}\n";
    assert_eq!(text(&row, &NULLS), optional);
    let wrapped = "syntax = \"proto3\";\n\nimport \"google/protobuf/wrappers.proto\";\nimport \"google/protobuf/timestamp.proto\";\n\n\
         message ConnectDefault1 {\n  int32 id = 1;\n  google.protobuf.StringValue note = 2;\n  repeated google.protobuf.Int64Value tags = 3;\n  \
         google.protobuf.Timestamp when = 4;\n}\n";
    assert_eq!(text(&row, &Settings { wrapper_for_nullables: true, ..Settings::default() }), wrapped);
}

#[test]
fn a_message_of_the_name_of_its_field_is_called_otherwise() {
    let inner = Schema::structure(vec![Field::new("x", Schema::new(Kind::Boolean))]).named("a.point");
    let outer = Schema::structure(vec![Field::new("point", inner)]).named("a.R");
    let text = text(&outer, &Settings::default());
    assert!(text.contains("  pointMessage point = 1;") && text.contains("  message pointMessage {"), "{text}");
}

#[test]
fn a_plain_value_is_a_wrapper_and_its_place_in_their_file() {
    let schema = Schema::new(Kind::Int32).shared();
    let (file, index) = derive(&schema, &Settings::default()).unwrap();
    assert_eq!(index, 4);
    assert!(file.text().contains("\nmessage Int32Value {\n  int32 value = 1 [json_name = \"value\"];\n}\n"), "{}", file.text());
    let mut prefix = Vec::new();
    wire::message_index(index, &mut prefix);
    assert_eq!(prefix, [2, 8]);
    assert_eq!(message_index(&prefix.into()).unwrap(), (vec![4], 2));
    assert_eq!(message_index(&Bytes::from_static(&[0])).unwrap(), (vec![0], 1));
    assert_eq!(bytes(&schema, &Value::Int32(-1), &Settings::default()).unwrap().len(), 11);
    assert_eq!(bytes(&schema, &Value::Int32(0), &Settings::default()).unwrap(), Vec::<u8>::new());
}

/// <https://protobuf.dev/programming-guides/encoding/>
#[test]
fn bytes_are_those_of_the_specification() {
    let default = Settings::default();
    assert_eq!(one(Schema::new(Kind::Int32), Value::Int32(150), &default).unwrap(), [8, 0x96, 1]);
    assert_eq!(one(Schema::new(Kind::Int8), Value::Int8(-2), &default).unwrap()[..3], [8, 0xFE, 0xFF]);
    assert_eq!(one(Schema::new(Kind::String), Value::string("testing"), &default).unwrap(), b"\x0a\x07testing");
    let items = Schema::new(Kind::Array(Schema::new(Kind::Int32).shared()));
    let packed = Value::Array([3, 270, 86_942].map(Value::Int32).into());
    assert_eq!(one(items.clone(), packed, &default).unwrap(), [0x0A, 6, 3, 0x8E, 2, 0x9E, 0xA7, 5]);
    assert_eq!(one(items, Value::Array(Vec::new()), &default).unwrap(), Vec::<u8>::new());
    let long = "x".repeat(300);
    let inner = Schema::structure(vec![Field::new("s", Schema::new(Kind::String))]).named("i").shared();
    let value = Value::Struct(Struct::new(inner.clone(), vec![Value::string(long.clone())]));
    let row = Schema::structure(vec![Field::new("a", inner)]).named("r").shared();
    let written = bytes(&row, &Value::Struct(Struct::new(row.clone(), vec![value])), &default).unwrap();
    assert_eq!(written[..6], [0x0A, 0xAF, 2, 0x0A, 0xAC, 2]);
    assert_eq!(&written[6..], long.as_bytes());
}

#[test]
fn zero_is_left_out_unless_null_could_be_meant() {
    let optional = || Schema::new(Kind::Int32).optional();
    let wrapper = Settings { wrapper_for_nullables: true, ..Settings::default() };
    assert_eq!(one(optional(), Value::Int32(0), &Settings::default()).unwrap(), Vec::<u8>::new());
    assert_eq!(one(optional(), Value::Int32(0), &NULLS).unwrap(), [8, 0]);
    assert_eq!(one(optional(), Value::Int32(0), &wrapper).unwrap(), [0x0A, 0]);
    for settings in [&Settings::default(), &NULLS, &wrapper] {
        assert_eq!(one(optional(), Value::Null, settings).unwrap(), Vec::<u8>::new());
    }
    let minus_zero = one(Schema::new(Kind::Float64), Value::Float64(-0.0), &Settings::default()).unwrap();
    assert_eq!(minus_zero.len(), 9, "it is another number");
}

#[test]
fn null_is_the_default_unless_that_is_ignored() {
    let schema = Schema::new(Kind::Int32).optional().default_value(Value::Int32(5));
    assert_eq!(one(schema.clone(), Value::Null, &NULLS).unwrap(), [8, 5]);
    assert_eq!(one(schema, Value::Null, &Settings { ignore_default: true, ..NULLS }).unwrap(), Vec::<u8>::new());
}

#[test]
fn logical_types_are_messages() {
    let default = Settings::default();
    let amount = one(decimal("2"), Value::Bytes(Bytes::from_static(&[4, 0xD2])), &default).unwrap();
    assert_eq!(amount, [0x0A, 8, 0x0A, 2, 4, 0xD2, 0x10, 4, 0x18, 2]);
    assert_eq!(one(named(Kind::Int32, DATE), Value::Int32(0), &default).unwrap(), [0x0A, 7, 8, 0xB2, 0x0F, 0x10, 1, 0x18, 1]);
    let noon = one(named(Kind::Int32, TIME), Value::Int32(43_200_001), &default).unwrap();
    assert_eq!(noon, [0x0A, 6, 8, 12, 0x20, 0xC0, 0x84, 0x3D]);
    let before = one(named(Kind::Int64, TIMESTAMP), Value::Int64(-1), &default).unwrap();
    assert_eq!(before[2..12], [8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "seconds are rounded down");
    assert!(one(named(Kind::Int32, TIME), Value::Int32(-1), &default).unwrap_err().contains("86400000"));
    assert!(one(named(Kind::Int64, TIMESTAMP), Value::Int64(i64::MAX), &default).is_err());
}

#[test]
fn what_protobuf_cannot_say_is_an_error_that_says_so() {
    let message = |schema: &Schema| derive(schema, &Settings::default()).unwrap_err().to_string();
    let row = |name: &str, schema: Schema| Schema::structure(vec![Field::new(name, schema)]).named("r");
    let ints = || Schema::new(Kind::Array(Schema::new(Kind::Int32).optional().shared()));
    assert!(message(&row("a", Schema::new(Kind::Array(ints().shared())))).contains("Array cannot be nested"));
    assert!(message(&row("a-b", Schema::new(Kind::Int32))).contains("field.name.adjustment.mode=avro"));
    assert!(message(&ints()).contains("an array"));
    assert!(message(&decimal("2")).contains("Decimal"));
    let scrubbed = text(&row("1-b", Schema::new(Kind::Int32)), &Settings { scrub: true, ..Settings::default() });
    assert!(scrubbed.contains("int32 x1_b = 1;"), "{scrubbed}");
    let null = one(ints(), Value::Array(vec![Value::Null]), &Settings::default()).unwrap_err();
    assert!(null.contains("the field 'a'") && null.contains("null"), "{null}");
    let misfit = one(Schema::new(Kind::Int32), Value::string("secret"), &Settings::default()).unwrap_err();
    assert!(misfit.contains("'a'") && !misfit.contains("secret"), "{misfit}");
}

#[test]
fn unions_and_enums_that_were_read_are_written_again() {
    let text = "syntax = \"proto3\";\npackage p;\n\nmessage M {\n  int32 id = 1;\n  Mood mood = 4;\n\n  oneof choice {\n    string a = 2;\n    \
                int64 b = 3;\n  }\n\n  enum Mood {\n    SAD = 0;\n    OK = 1;\n  }\n}\n";
    let types = Types::of([&parse::parse(text).unwrap()]);
    let settings = Settings { enhanced: true, index_for_unions: false, ..Settings::default() };
    let decoder = Decoder::new("p.M", &types, &settings).unwrap();
    let written = Bytes::from_static(&[8, 7, 0x18, 0, 0x20, 1]);
    let read = decoder.read(&written).unwrap();
    let row = read.as_struct().unwrap();
    assert_eq!(row.get("mood"), Some(&Value::string("OK")));
    assert_eq!(row.get("choice").and_then(Value::as_struct).and_then(|union| union.get("b")), Some(&Value::Int64(0)));
    assert_eq!(bytes(decoder.schema(), &read, &settings).unwrap(), written);
    assert_eq!(self::text(decoder.schema(), &settings), text);
}

#[test]
fn a_registered_schema_decides_numbers_and_what_it_lacks_is_left_out() {
    let row = Schema::structure(vec![Field::new("a", Schema::new(Kind::Int32)), Field::new("b", Schema::new(Kind::Int32))]);
    let row = row.named("p.r").shared();
    let value = Value::Struct(Struct::new(row.clone(), vec![Value::Int32(1), Value::Int32(2)]));
    let registered =
        |fields: &str| Types::of([&parse::parse(&format!("syntax = \"proto3\"; package p; message r {{ {fields} }}")).unwrap()]);
    let written = |fields: &str| {
        let mut out = Vec::new();
        let plan = ProtobufPlan::compile(&row, "p.r", &registered(fields), &Settings::default())?;
        plan.write(&value, &mut out).map_err(misfit_error)?;
        Ok::<_, rowtide_api::Error>(out)
    };
    assert_eq!(written("int32 b = 1; string more = 2; int32 a = 3;").unwrap(), [8, 2, 0x18, 1]);
    assert_eq!(written("sint32 b = 9;").unwrap(), [0x48, 4]);
    assert!(written("string a = 1;").is_err());
    assert!(written("repeated int32 a = 1;").is_err());
}

/// Confluent's definition of the option that its converter does not import.
const META: &str = "syntax = \"proto3\"; package confluent; import \"google/protobuf/descriptor.proto\";
    message Meta { string doc = 1; map<string, string> params = 2; } extend google.protobuf.FieldOptions { Meta field_meta = 1088; }";

/// The file's own text, and those of the known types that it imports.
struct Resolver(String);

impl protox::file::FileResolver for Resolver {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        let text = match name {
            "schema.proto" => self.0.replacen("\n\n", "\nimport \"confluent/meta.proto\";\n\n", 1),
            "confluent/meta.proto" => META.to_owned(),
            name => match known::file(name) {
                Some(file) => file.text(),
                None => return protox::file::GoogleFileResolver::new().open_file(name),
            },
        };
        protox::file::File::from_source(name, &text)
    }
}

fn by_oracle(file: &File, full: &str, written: &[u8]) -> DynamicMessage {
    let mut compiler = protox::Compiler::with_file_resolver(Resolver(file.text()));
    compiler.include_imports(true);
    let compiled =
        compiler.open_file("schema.proto").unwrap_or_else(|error| panic!("{error}: {}", file.text())).file_descriptor_set();
    let pool = DescriptorPool::from_file_descriptor_set(compiled).unwrap();
    DynamicMessage::decode(pool.get_message_by_name(full).unwrap(), written).unwrap()
}

/// What the oracle read is what was written.
fn same(schema: &Schema, value: &Value, read: Option<&Oracle>) -> bool {
    let Some(read) = read else { return value.is_null() };
    match (value, read) {
        (value, Oracle::Message(read)) if schema.name.is_some() && !matches!(schema.kind, Kind::Struct(_)) => {
            logical(schema, value, read)
        }
        (Value::Boolean(a), Oracle::Bool(b)) => a == b,
        (Value::Float32(a), Oracle::F32(b)) => a.to_bits() == b.to_bits(),
        (Value::Float64(a), Oracle::F64(b)) => a.to_bits() == b.to_bits(),
        (Value::String(a), Oracle::String(b)) => **a == **b,
        (Value::Bytes(a), Oracle::Bytes(b)) => a == b,
        (Value::Struct(a), Oracle::Message(b)) => same_struct(a, b),
        (Value::Array(a), Oracle::List(b)) => {
            let Kind::Array(items) = &schema.kind else { return false };
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(items, a, Some(b)))
        }
        (Value::Map(a), Oracle::List(b)) => {
            let Kind::Map(keys, values) = &schema.kind else { return false };
            let entry = |(key, value): &(Value, Value), read: &Oracle| {
                let read = read.as_message().unwrap();
                let of = |name| read.get_field_by_name(name).map(std::borrow::Cow::into_owned);
                same(keys, key, of("key").as_ref()) && same(values, value, of("value").as_ref())
            };
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| entry(a, b))
        }
        (number, Oracle::I32(b)) => number.as_i64() == Some((*b).into()),
        (number, Oracle::I64(b)) => number.as_i64() == Some(*b),
        _ => false,
    }
}

fn same_struct(a: &Struct, b: &DynamicMessage) -> bool {
    a.schema.fields().iter().zip(&a.values).all(|(field, value)| {
        let described = b.descriptor().get_field_by_name(&field.name).unwrap();
        let there = !described.supports_presence() || b.has_field(&described);
        let read = there.then(|| b.get_field(&described).into_owned());
        // an array that is null is empty to every reader
        value.is_null() && described.is_list() && !b.has_field(&described) || same(&field.schema, value, read.as_ref())
    })
}

fn logical(schema: &Schema, value: &Value, read: &DynamicMessage) -> bool {
    let number = |name: &str| match read.get_field_by_name(name).map(std::borrow::Cow::into_owned) {
        Some(Oracle::I32(number)) => i64::from(number),
        Some(Oracle::I64(number)) => number,
        _ => panic!("{name}"),
    };
    match (schema.name.as_deref(), value) {
        (Some(DATE), Value::Int32(days)) => {
            super::logical::days(number("year"), number("month"), number("day")) == i64::from(*days)
        }
        (Some(TIME), value) => {
            let millis = (number("hours") * 60 + number("minutes")) * 60_000 + number("seconds") * 1000;
            value.as_i64() == Some(millis + number("nanos") / 1_000_000)
        }
        (Some(TIMESTAMP), value) => value.as_i64() == Some(number("seconds") * 1000 + number("nanos") / 1_000_000),
        (Some(DECIMAL), Value::Bytes(unscaled)) => {
            read.get_field_by_name("value").unwrap().as_bytes().unwrap() == unscaled && number("scale") == 2
        }
        _ => false,
    }
}

fn leaf() -> impl Strategy<Value = (Schema, Value)> {
    prop_oneof![
        any::<bool>().prop_map(|v| (Schema::new(Kind::Boolean), Value::Boolean(v))),
        any::<i8>().prop_map(|v| (Schema::new(Kind::Int8), Value::Int8(v))),
        any::<i16>().prop_map(|v| (Schema::new(Kind::Int16), Value::Int16(v))),
        any::<i32>().prop_map(|v| (Schema::new(Kind::Int32), Value::Int32(v))),
        any::<i64>().prop_map(|v| (Schema::new(Kind::Int64), Value::Int64(v))),
        any::<f32>()
            .prop_filter("prost drops -0", |v| !v.is_nan() && v.to_bits() != 1 << 31)
            .prop_map(|v| (Schema::new(Kind::Float32), Value::Float32(v))),
        any::<f64>()
            .prop_filter("prost drops -0", |v| !v.is_nan() && v.to_bits() != 1 << 63)
            .prop_map(|v| (Schema::new(Kind::Float64), Value::Float64(v))),
        ".*".prop_map(|v| (Schema::new(Kind::String), Value::string(v))),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|v| (Schema::new(Kind::Bytes), Value::Bytes(v.into()))),
        (-719_000i32..2_000_000).prop_map(|v| (named(Kind::Int32, DATE), Value::Int32(v))),
        (0i32..86_400_000).prop_map(|v| (named(Kind::Int32, TIME), Value::Int32(v))),
        (-62_135_596_800_000i64..253_402_300_800_000).prop_map(|v| (named(Kind::Int64, TIMESTAMP), Value::Int64(v))),
        any::<i128>().prop_map(|v| {
            let unscaled = num_bigint::BigInt::from(v).to_signed_bytes_be();
            (decimal("2"), Value::Bytes(unscaled.into()))
        }),
    ]
}

/// A schema, and a value that fits it.
fn pair() -> impl Strategy<Value = (Schema, Value)> {
    let optional = (leaf(), any::<bool>(), any::<bool>()).prop_map(|((schema, value), optional, null)| match optional {
        true => (schema.optional(), if null { Value::Null } else { value }),
        false => (schema, value),
    });
    optional.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (leaf(), 0..4usize).prop_map(|((schema, value), count)| {
                (Schema::new(Kind::Array(schema.shared())), Value::Array(vec![value; count]))
            }),
            (leaf(), "[a-z]{0,6}").prop_map(|((schema, value), key)| {
                let map = Kind::Map(Schema::new(Kind::String).shared(), schema.shared());
                (Schema::new(map), Value::Map(vec![(Value::string(key), value)]))
            }),
            (leaf(), any::<i64>()).prop_map(|((schema, value), key)| {
                let map = Kind::Map(Schema::new(Kind::Int64).shared(), schema.shared());
                (Schema::new(map), Value::Map(vec![(Value::Int64(key), value)]))
            }),
            (proptest::collection::vec(inner, 1..5), any::<bool>(), "[A-Z][a-z]{15}")
                .prop_map(|(pairs, optional, name)| {
                    let (schema, value) = structure(pairs, &name);
                    (if optional { schema.optional() } else { schema }, value)
                })
                .prop_map(rebound),
        ]
    })
}

fn structure(pairs: Vec<(Schema, Value)>, name: &str) -> (Schema, Value) {
    let (schemas, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let fields = schemas.into_iter().enumerate().map(|(index, schema)| Field::new(format!("f{index}"), schema));
    let schema = Schema::structure(fields.collect()).named(name);
    let value = Value::Struct(Struct::new(schema.clone().shared(), values));
    (schema, value)
}

/// A struct's value whose schema is the very one beside it.
fn rebound((schema, value): (Schema, Value)) -> (Schema, Value) {
    match value {
        Value::Struct(fields) => {
            let values = fields.values.iter().cloned().collect();
            (schema.clone(), Value::Struct(Struct::new(schema.shared(), values)))
        }
        value => (schema, value),
    }
}

fn row() -> impl Strategy<Value = (SchemaRef, Value)> {
    proptest::collection::vec(pair(), 1..6).prop_map(|pairs| {
        let (schema, value) = structure(pairs, "a.b.Row");
        (schema.shared(), value)
    })
}

/// The same values, whatever names and parameters the schemas have; an array or a map that is null was read as an empty one.
fn alike(value: &Value, read: &Value) -> bool {
    match (value, read) {
        (Value::Struct(a), Value::Struct(b)) => {
            a.values.len() == b.values.len() && a.values.iter().zip(&b.values).all(|(a, b)| alike(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(&a.0, &b.0) && alike(&a.1, &b.1))
        }
        (Value::Float32(a), Value::Float32(b)) => a.to_bits() == b.to_bits(),
        (Value::Float64(a), Value::Float64(b)) => a.to_bits() == b.to_bits(),
        // a wrapper does not say that its number is a small one
        (a, b) => a == b || a.as_i64().is_some() && a.as_i64() == b.as_i64(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn another_implementation_reads_what_is_written((schema, value) in row()) {
        let (file, index) = derive(&schema, &NULLS).unwrap();
        let full = full_name(&file, index).unwrap();
        let written = bytes(&schema, &value, &NULLS).map_err(TestCaseError::fail)?;
        let read = by_oracle(&file, &full, &written);
        prop_assert!(same_struct(value.as_struct().unwrap(), &read), "{value:?} became {read:?}");
        // and it writes the same bytes
        prop_assert_eq!(prost_reflect::prost::Message::encode_to_vec(&read), written);
        prop_assert_eq!(parse::parse(&file.text()).unwrap().text(), file.text());
    }

    #[test]
    fn what_is_written_is_read_again((schema, value) in row()) {
        for settings in [NULLS, Settings { wrapper_for_nullables: true, ..Settings::default() }] {
            let (file, index) = derive(&schema, &settings).unwrap();
            let written: Bytes = bytes(&schema, &value, &settings).map_err(TestCaseError::fail)?.into();
            let types = Types::of([&parse::parse(&file.text()).unwrap()]);
            let decoder = Decoder::new(&full_name(&file, index).unwrap(), &types, &settings).unwrap();
            let read = decoder.read(&written).unwrap();
            prop_assert!(alike(&value, &read), "{:?} became {:?}", value, read);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_stumble((schema, _) in row(), noise in proptest::collection::vec(any::<u8>(), 0..60)) {
        let (file, index) = derive(&schema, &NULLS).unwrap();
        let decoder = Decoder::new(&full_name(&file, index).unwrap(), &Types::of([&file]), &NULLS).unwrap();
        let _ = decoder.read(&noise.clone().into());
        let _ = message_index(&noise.into());
    }
}

#[test]
fn keys_of_real_maps_are_read() {
    let text = "syntax = \"proto3\"; message M { map<string, int32> m = 1; }";
    let decoder = Decoder::new("M", &Types::of([&parse::parse(text).unwrap()]), &Settings::default()).unwrap();
    let read = decoder.read(&Bytes::from_static(&[0x0A, 5, 0x0A, 1, b'k', 0x10, 3])).unwrap();
    assert_eq!(read.as_struct().unwrap().get("m"), Some(&Value::Map(vec![(Value::string("k"), Value::Int32(3))])));
}
