//! Schemas and bytes as a whole: recorded from Apicurio's Java converter, and held against `apache-avro`.

use std::sync::Arc;

use apache_avro::types::Value as Oracle;
use bytes::Bytes;
use proptest::prelude::*;
use rowtide_api::{Field, Kind, Schema, SchemaRef, Struct, Value};

use super::connect;
use super::decode::Decoder;
use super::derive::derive;
use super::parse::parse;
use super::plan::{AvroPlan, misfit_error};
use super::{Settings, is_union, wire, word};

fn text(schema: &Schema, settings: &Settings) -> String {
    derive(schema, settings).unwrap().text()
}

fn bytes(schema: &SchemaRef, value: &Value) -> Vec<u8> {
    let settings = Settings::default();
    let avro = derive(schema, &settings).unwrap();
    let mut out = Vec::new();
    AvroPlan::compile(Some(schema), &avro, &settings).unwrap().write(value, &mut out).map_err(misfit_error).unwrap();
    out
}

fn decimal(scale: &str) -> Schema {
    Schema::new(Kind::Bytes).named(word::DECIMAL).versioned(1).parameter("scale", scale)
}

/// As Apicurio's converter 2.6.13 registers the row of a table (taken from the registry).
#[test]
fn a_row_is_described_as_java_does() {
    let variable =
        Schema::structure(vec![Field::new("scale", Schema::new(Kind::Int32)), Field::new("value", Schema::new(Kind::Bytes))]);
    let variable = variable.optional().named("io.debezium.data.VariableScaleDecimal").versioned(1).doc("Variable scaled decimal");
    let value = Schema::structure(vec![
        Field::new("id", Schema::new(Kind::Int64)),
        Field::new("i2", Schema::new(Kind::Int16).optional()),
        Field::new("n", variable),
        Field::new("n52", decimal("2").optional().parameter(word::PRECISION, "5")),
        Field::new("j", Schema::new(Kind::String).optional().named("io.debezium.data.Json").versioned(1)),
        Field::new("ia", Schema::new(Kind::Array(Schema::new(Kind::Int32).optional().shared())).optional()),
    ]);
    let value = value.optional().named("av1.public.types_all.Value").shared();
    let envelope = Schema::structure(vec![Field::new("before", value.clone()), Field::new("after", value)]);
    let expected = concat!(
        r#"{"type":"record","name":"Envelope","namespace":"av1.public.types_all","fields":[{"name":"before","type":["null","#,
        r#"{"type":"record","name":"Value","fields":[{"name":"id","type":"long"},"#,
        r#"{"name":"i2","type":["null",{"type":"int","connect.type":"int16"}],"default":null},"#,
        r#"{"name":"n","type":["null",{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data","fields":["#,
        r#"{"name":"scale","type":"int"},{"name":"value","type":"bytes"}],"connect.doc":"Variable scaled decimal","#,
        r#""connect.version":1,"connect.name":"io.debezium.data.VariableScaleDecimal"}],"default":null},"#,
        r#"{"name":"n52","type":["null",{"type":"bytes","scale":2,"precision":5,"connect.version":1,"#,
        r#""connect.parameters":{"scale":"2","connect.decimal.precision":"5"},"#,
        r#""connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}],"default":null},"#,
        r#"{"name":"j","type":["null",{"type":"string","connect.version":1,"connect.name":"io.debezium.data.Json"}],"default":null},"#,
        r#"{"name":"ia","type":["null",{"type":"array","items":["null","int"]}],"default":null}],"#,
        r#""connect.name":"av1.public.types_all.Value"}],"default":null},"#,
        r#"{"name":"after","type":["null","Value"],"default":null}],"connect.version":2,"connect.name":"av1.public.types_all.Envelope"}"#,
    );
    let envelope = envelope.named("av1.public.types_all.Envelope").versioned(2);
    assert_eq!(text(&envelope, &Settings::default()), expected);
}

#[test]
fn defaults_stand_first_in_their_union_and_floats_keep_their_digits() {
    let field = |name: &str, schema: Schema, default: Value| Field::new(name, schema.default_value(default));
    let schema = Schema::structure(vec![
        field("i", Schema::new(Kind::Int32).optional(), Value::Int32(5)),
        field("f", Schema::new(Kind::Float32), Value::Float32(1.1)),
        field("b", Schema::new(Kind::Bytes), Value::Bytes(Bytes::from_static(&[1, 0xff, b'"']))),
        field("n", Schema::new(Kind::Float64), Value::Float64(1e10)),
    ]);
    let expected = concat!(
        r#"{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":["#,
        r#"{"name":"i","type":[{"type":"int","connect.default":5},"null"],"default":5},"#,
        r#"{"name":"f","type":{"type":"float","connect.default":1.1},"default":1.1},"#,
        r#"{"name":"b","type":{"type":"bytes","connect.default":"\u0001ÿ\""},"default":"\u0001ÿ\""},"#,
        r#"{"name":"n","type":{"type":"double","connect.default":1.0E10},"default":1.0E10}]}"#,
    );
    assert_eq!(text(&schema, &Settings::default()), expected);
    let null = Value::Struct(Struct::new(schema.clone().shared(), vec![Value::Null; 4]));
    let written = [&[0, 10][..], &1.1f32.to_le_bytes(), &[6, 1, 0xff, b'"'], &1e10f64.to_le_bytes()].concat();
    assert_eq!(bytes(&schema.shared(), &null), written, "null is written as the default");
}

#[test]
fn names_that_avro_does_not_allow_are_errors_with_the_option_that_helps() {
    let record = |name: &str, field: &str| Schema::structure(vec![Field::new(field, Schema::new(Kind::Int32))]).named(name);
    let error = derive(&record("my-server.t.Key", "id"), &Settings::default());
    assert!(error.is_ok(), "a namespace is not looked at, as in Java");
    let error = derive(&record("s.t-1", "id"), &Settings::default()).unwrap_err().to_string();
    assert!(error.contains("schema.name.adjustment.mode=avro"), "{error}");
    let error = derive(&record("s.t", "1st"), &Settings::default()).unwrap_err().to_string();
    assert!(error.contains("field.name.adjustment.mode=avro"), "{error}");
    let scrubbed = text(&record("s.t-1", "1st"), &Settings { scrub: true, ..Settings::default() });
    assert!(scrubbed.contains(r#""name":"t_1""#) && scrubbed.contains(r#""name":"x1st""#), "{scrubbed}");
}

#[test]
fn without_meta_data_only_the_types_are_left() {
    let settings = Settings { connect_meta: false, ..Settings::default() };
    assert_eq!(text(&decimal("2"), &settings), r#"{"type":"bytes","scale":2,"precision":64,"logicalType":"decimal"}"#);
    assert_eq!(text(&Schema::new(Kind::Int8), &settings), r#""int""#);
}

#[test]
fn enums_are_kept_where_they_are_asked_for() {
    let mood = Schema::new(Kind::String).parameter(word::ENUM, "a.Mood").parameter(format!("{}.sad", word::ENUM), "sad");
    let mood = mood.parameter(format!("{}.ok", word::ENUM), "ok").named("a.Mood");
    let settings = Settings { enhanced: true, connect_meta: false, ..Settings::default() };
    assert_eq!(text(&mood, &settings), r#"{"type":"enum","name":"Mood","namespace":"a","symbols":["sad","ok"]}"#);
    let mood = mood.shared();
    let avro = derive(&mood, &settings).unwrap();
    let plan = AvroPlan::compile(Some(&mood), &avro, &settings).unwrap();
    let mut out = Vec::new();
    assert!(plan.write(&Value::string("ok"), &mut out).is_ok());
    assert_eq!(out, [2]);
    assert!(plan.write(&Value::string("angry"), &mut out).is_err());
}

#[test]
fn a_struct_may_stand_for_a_union() {
    let fields =
        vec![Field::new("int", Schema::new(Kind::Int32).optional()), Field::new("string", Schema::new(Kind::String).optional())];
    let union = Schema::structure(fields).named(word::UNION).optional().shared();
    assert_eq!(text(&union, &Settings::default()), r#"["null","int","string"]"#);
    let of = |values| Value::Struct(Struct::new(union.clone(), values));
    assert_eq!(bytes(&union, &of(vec![Value::Null, Value::string("x")])), [4, 2, b'x']);
    assert_eq!(bytes(&union, &of(vec![Value::Int32(-1), Value::Null])), [2, 1]);
    assert_eq!(bytes(&union, &Value::Null), [0]);
}

/// Both orders are a JDK's own.
#[test]
fn a_map_is_written_in_the_order_of_a_java_hash_map() {
    let order = |keys: &[String]| {
        let entries: Vec<(Value, Value)> = keys.iter().map(|key| (Value::string(key.clone()), Value::Null)).collect();
        let ordered = wire::java_order(&entries).ok().unwrap();
        ordered.iter().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    // all but "a" share a place, and "Aa" and "BB" their hash: there they stand as they were put
    let few = ["zebra", "a", "Aa", "BB", ""].map(str::to_owned);
    assert_eq!(order(&few), ["zebra", "Aa", "BB", "", "a"]);
    // so many that the table has grown
    let many: Vec<String> = (0..30).map(|number| format!("key{}", number * 7)).collect();
    let expected = [
        0, 119, 84, 7, 154, 21, 175, 42, 112, 63, 133, 14, 35, 196, 56, 91, 147, 168, 105, 70, 126, 203, 77, 98, 189, 161, 182,
        140, 28, 49,
    ];
    assert_eq!(order(&many), expected.map(|number| format!("key{number}")));
}

#[test]
fn what_the_registered_schema_lacks_is_left_out_and_what_it_has_beyond_stops() {
    let row = Schema::structure(vec![Field::new("a", Schema::new(Kind::Int32)), Field::new("b", Schema::new(Kind::Int32))]);
    let row = row.named("r").shared();
    let value = Value::Struct(Struct::new(row.clone(), vec![Value::Int32(1), Value::Int32(2)]));
    let registered = |fields: &str| parse(&format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#)).unwrap();
    let less = registered(r#"{"name":"b","type":["null","int"]}"#);
    let mut out = Vec::new();
    let plan = AvroPlan::compile(Some(&row), &less, &Settings::default()).unwrap();
    assert!(plan.write(&value, &mut out).is_ok());
    assert_eq!(out, [2, 4]);
    let more = registered(r#"{"name":"c","type":"int"}"#);
    let error = AvroPlan::compile(Some(&row), &more, &Settings::default()).err().unwrap().to_string();
    assert!(error.contains("'c'"), "{error}");
    let other = registered(r#"{"name":"a","type":"string"}"#);
    assert!(AvroPlan::compile(Some(&row), &other, &Settings::default()).is_err());
}

#[test]
fn data_without_a_schema_is_the_record_anything() {
    let map = Value::Map(vec![(Value::string("k"), Value::Array(vec![Value::Int8(1), Value::Null, Value::Float64(0.5)]))]);
    let avro = parse(wire::ANYTHING).unwrap();
    let mut out = Vec::new();
    let plan = AvroPlan::compile(None, &avro, &Settings::default()).unwrap();
    assert!(plan.write(&map, &mut out).is_ok());
    let oracle = apache_avro::Schema::parse_str(wire::ANYTHING).unwrap();
    let read = by_oracle(&oracle, &mut out.as_slice()).unwrap();
    let shown = format!("{read:?}");
    assert!(shown.contains(r#"String("k")"#) && shown.contains("Double(0.5)"), "{shown}");
}

fn by_oracle(schema: &apache_avro::Schema, bytes: &mut &[u8]) -> apache_avro::AvroResult<Oracle> {
    apache_avro::reader::datum::GenericDatumReader::builder(schema).build()?.read_value(bytes)
}

/// A schema, and a value that fits it.
fn pair() -> impl Strategy<Value = (Schema, Value)> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|v| (Schema::new(Kind::Boolean), Value::Boolean(v))),
        any::<i8>().prop_map(|v| (Schema::new(Kind::Int8), Value::Int8(v))),
        any::<i16>().prop_map(|v| (Schema::new(Kind::Int16), Value::Int16(v))),
        any::<i32>().prop_map(|v| (Schema::new(Kind::Int32), Value::Int32(v))),
        any::<i64>().prop_map(|v| (Schema::new(Kind::Int64), Value::Int64(v))),
        proptest::num::f32::NORMAL.prop_map(|v| (Schema::new(Kind::Float32), Value::Float32(v))),
        proptest::num::f64::NORMAL.prop_map(|v| (Schema::new(Kind::Float64), Value::Float64(v))),
        ".*".prop_map(|v| (Schema::new(Kind::String), Value::string(v))),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|v| (Schema::new(Kind::Bytes), Value::Bytes(v.into()))),
        any::<i32>().prop_map(|v| (Schema::new(Kind::Int32).named(word::DATE).versioned(1), Value::Int32(v))),
        any::<i64>().prop_map(|v| (Schema::new(Kind::Int64).named(word::TIMESTAMP).versioned(1), Value::Int64(v))),
        any::<i32>().prop_map(|v| (Schema::new(Kind::Int32).named(word::TIME).versioned(1), Value::Int32(v))),
        proptest::collection::vec(any::<u8>(), 1..20)
            .prop_map(|v| (decimal("2").parameter(word::PRECISION, "40"), Value::Bytes(v.into()))),
        // as Debezium describes what Connect has no type for
        any::<i64>()
            .prop_map(|v| (Schema::new(Kind::Int64).named("io.debezium.time.MicroTimestamp").versioned(1), Value::Int64(v))),
        "[a-z]{0,4}".prop_map(|v| {
            let schema = Schema::new(Kind::String).named("io.debezium.data.Enum").versioned(1).doc("a mood");
            (schema.parameter("allowed", "sad,ok"), Value::string(v))
        }),
        proptest::array::uniform4(any::<u8>()).prop_map(|v| {
            let schema = Schema::new(Kind::Bytes).named("four.Bytes").parameter(word::FIXED_SIZE, "4");
            (schema, Value::Bytes(Bytes::copy_from_slice(&v)))
        }),
    ];
    let optional = (leaf, any::<bool>(), any::<bool>()).prop_map(|((schema, value), optional, null)| match optional {
        true => (schema.optional(), if null { Value::Null } else { value }),
        false => (schema, value),
    });
    // never optional: read back, it has a parameter more (of its default, null), as in Java
    let union = any::<Option<i32>>().prop_map(|v| {
        let fields = [("int", Kind::Int32), ("string", Kind::String)];
        let fields = fields.map(|(name, kind)| Field::new(name, Schema::new(kind).optional()));
        let schema = Schema::structure(fields.into()).named(word::UNION);
        let values = match v {
            Some(number) => vec![Value::Int32(number), Value::Null],
            None => vec![Value::Null, Value::string("none")],
        };
        (schema.clone(), Value::Struct(Struct::new(schema.shared(), values)))
    });
    prop_oneof![9 => optional, 1 => union].prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (inner.clone(), 0..4usize).prop_map(|((schema, value), count)| {
                (Schema::new(Kind::Array(schema.shared())), Value::Array(vec![value; count]))
            }),
            (inner.clone(), "[a-z]{0,6}").prop_map(|((schema, value), key)| {
                let map = Kind::Map(Schema::new(Kind::String).shared(), schema.shared());
                (Schema::new(map), Value::Map(vec![(Value::string(key), value)]))
            }),
            // a name of its own: Avro could not tell two unnamed ones in a schema apart
            (inner.clone(), any::<i64>(), "[a-z]{16}").prop_map(|((schema, value), key, name)| {
                let map = Kind::Map(Schema::new(Kind::Int64).shared(), schema.shared());
                (Schema::new(map).named(name), Value::Map(vec![(Value::Int64(key), value)]))
            }),
            (proptest::collection::vec(inner, 1..5), any::<bool>()).prop_map(|(pairs, optional)| {
                let (schemas, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
                let fields = schemas.into_iter().enumerate().map(|(index, schema)| Field::new(format!("f{index}"), schema));
                let schema = Schema::structure(fields.collect());
                let schema = if optional { schema.optional() } else { schema }.shared();
                (Schema::clone(&schema), Value::Struct(Struct::new(schema, values)))
            }),
        ]
    })
}

/// What the oracle read is what was written.
fn same(value: &Value, read: &Oracle) -> bool {
    match (value, read) {
        (Value::Struct(a), Oracle::Union(_, read)) if is_union(&a.schema) => {
            a.values.iter().find(|value| !value.is_null()).is_some_and(|value| same(value, read))
        }
        (value, Oracle::Union(_, read)) => same(value, read),
        (Value::Null, Oracle::Null) => true,
        (Value::Boolean(a), Oracle::Boolean(b)) => a == b,
        (Value::Float32(a), Oracle::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Float64(a), Oracle::Double(b)) => a.to_bits() == b.to_bits(),
        (Value::String(a), Oracle::String(b)) => **a == **b,
        (Value::Bytes(a), Oracle::Bytes(b) | Oracle::Fixed(_, b)) => a == b,
        (Value::Bytes(a), Oracle::Decimal(b)) => Vec::try_from(b.clone()).is_ok_and(|b: Vec<u8>| a == &b),
        (Value::Array(a), Oracle::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Oracle::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key.as_str().unwrap_or_default()).is_some_and(|b| same(value, b)))
        }
        (Value::Map(a), Oracle::Array(b)) => {
            let entry = |(key, value): &(Value, Value), read: &Oracle| match read {
                Oracle::Record(fields) => same(key, &fields[0].1) && same(value, &fields[1].1),
                _ => false,
            };
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| entry(a, b))
        }
        (Value::Struct(a), Oracle::Record(b)) => {
            a.values.len() == b.len() && a.values.iter().zip(b).all(|(a, (_, b))| same(a, b))
        }
        (number, Oracle::Int(b) | Oracle::Date(b) | Oracle::TimeMillis(b)) => number.as_i64() == Some((*b).into()),
        (number, Oracle::Long(b) | Oracle::TimestampMillis(b)) => number.as_i64() == Some(*b),
        _ => false,
    }
}

proptest! {
    #[test]
    fn another_implementation_reads_what_is_written((schema, value) in pair()) {
        let schema = schema.shared();
        let (avro, written) = (derive(&schema, &Settings::default()).unwrap(), bytes(&schema, &value));
        let oracle = apache_avro::Schema::parse_str(&avro.text()).map_err(|e| TestCaseError::fail(format!("{e}: {}", avro.text())))?;
        let mut rest = written.as_slice();
        let read = by_oracle(&oracle, &mut rest).map_err(|e| TestCaseError::fail(format!("{e}: {}", avro.text())))?;
        prop_assert!(rest.is_empty());
        prop_assert!(same(&value, &read), "{value:?} became {read:?}");
        let again: Arc<_> = parse(&avro.text()).unwrap();
        prop_assert_eq!(again.text(), avro.text());
    }

    #[test]
    fn what_is_written_is_read_again((schema, value) in pair()) {
        let schema = schema.shared();
        let (avro, written) = (derive(&schema, &Settings::default()).unwrap(), bytes(&schema, &value));
        let avro = parse(&avro.text()).unwrap();
        let read = connect::schema(&avro, None, &Settings::default()).unwrap().unwrap();
        prop_assert_eq!(&read, &schema);
        prop_assert_eq!(Decoder::new(avro, Some(read)).read(&written.into()).unwrap(), value);
    }

    #[test]
    fn no_bytes_make_the_reader_stumble((schema, _) in pair(), noise in proptest::collection::vec(any::<u8>(), 0..60)) {
        let avro = derive(&schema, &Settings::default()).unwrap();
        let _ = Decoder::new(avro, Some(schema.shared())).read(&noise.clone().into());
        let _ = Decoder::new(parse(wire::ANYTHING).unwrap(), None).read(&noise.into());
    }
}
