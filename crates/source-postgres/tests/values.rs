//! Every type in every mode, held against what Debezium made of the same rows.
//!
//! `golden/all-types.{types,columns,rows}` are what a PostgreSQL 15 said by `COPY` of the types, the columns and the three
//! rows of the table `all_types` of `lab/capture-postgres.py`; the samples are Debezium's records of that table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use proptest::prelude::*;
use rowtide_api::{Kind, Props, Schema, Value};
use rowtide_cdc::{Column, ColumnTypes};
use rowtide_source_postgres::decode::{DecodeError, Part, copy_text_row};
use rowtide_source_postgres::options::postgres_config_def;
use rowtide_source_postgres::slab::Slab;
use rowtide_source_postgres::types::{PgType, PgTypes, TypeOptions, TypeRegistry};
use serde_json::{Map, Value as Json, json};

type Fields = Vec<Option<Bytes>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn golden(name: &str) -> Vec<Fields> {
    let text = std::fs::read(root().join("tests/golden").join(name)).unwrap();
    text.split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let mut fields = Fields::new();
            copy_text_row((&Bytes::copy_from_slice(line)).into(), |_, field| {
                fields.push(field.map(Part::keep));
                Ok::<_, DecodeError>(())
            })
            .unwrap();
            fields
        })
        .collect()
}

fn text(field: &Option<Bytes>) -> &str {
    std::str::from_utf8(field.as_deref().unwrap_or_default()).unwrap()
}

fn types(options: &[(&str, &str)]) -> PgTypes {
    let known = golden("all-types.types").into_iter().map(|row| PgType {
        oid: text(&row[0]).parse().unwrap(),
        name: text(&row[1]).into(),
        driver_name: row[6].as_ref().map_or(text(&row[1]), |_| text(&row[6])).into(),
        element: text(&row[2]).parse().unwrap(),
        base: text(&row[3]).parse().unwrap(),
        modifier: text(&row[4]).parse().unwrap(),
        labels: row[5].as_ref().map_or(Arc::default(), |_| text(&row[5]).split('\u{1}').map(Arc::from).collect()),
    });
    let props: Props = options.iter().copied().collect();
    PgTypes::new(TypeRegistry::of(known), TypeOptions::read(&postgres_config_def().read(&props)).unwrap())
}

fn columns(types: &PgTypes) -> Vec<Column> {
    let column = |row: &Fields| Column {
        optional: text(&row[3]) == "t",
        generated: text(&row[4]) == "t",
        ..types.column(
            text(&row[0]),
            text(&row[1]).parse().unwrap(),
            text(&row[2]).parse().unwrap(),
            row[5].as_ref().map(|_| text(&row[5])),
        )
    };
    golden("all-types.columns").iter().map(column).collect()
}

/// Name, schema and the values of the three rows of each column that has a schema.
fn decoded(options: &[(&str, &str)]) -> Vec<(String, Schema, Vec<Value>)> {
    let types = types(options);
    let rows = golden("all-types.rows");
    let mut decoded = Vec::new();
    for (index, column) in columns(&types).iter().enumerate() {
        let Some(schema) = types.schema(column) else { continue };
        let schema = Schema { optional: column.optional || schema.optional, ..schema };
        let decoder = types.decoder(&"public.all_types".into(), column, &schema.clone().shared());
        let value =
            |row: &Fields| row[index].as_ref().map_or(Value::Null, |raw| decoder.text(raw.into(), &mut Slab::default()).unwrap());
        decoded.push((column.name.to_string(), schema, rows.iter().map(value).collect()));
    }
    decoded
}

fn base64(bytes: &[u8]) -> Json {
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

fn float(number: f64) -> Json {
    match number {
        number if number.is_nan() => "NaN".into(),
        number if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        number => number.into(),
    }
}

/// As Connect's JSON converter writes a value.
fn value_json(value: &Value, schema: &Schema) -> Json {
    match (value, &schema.kind) {
        (Value::Null, _) => Json::Null,
        (Value::Boolean(value), Kind::Boolean) => (*value).into(),
        (Value::Int16(_), Kind::Int16) | (Value::Int32(_), Kind::Int32) | (Value::Int64(_), Kind::Int64) => value.as_i64().into(),
        (Value::Float32(number), Kind::Float32) => float((*number).into()),
        (Value::Float64(number), Kind::Float64) => float(*number),
        (Value::String(text), Kind::String) => (**text).into(),
        (Value::Bytes(bytes), Kind::Bytes) => base64(bytes),
        (Value::Array(items), Kind::Array(of)) => items.iter().map(|item| value_json(item, of)).collect(),
        (Value::Map(entries), Kind::Map(_, of)) => {
            Json::Object(entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), value_json(value, of))).collect())
        }
        (Value::Struct(fields), Kind::Struct(of)) => Json::Object(
            of.iter()
                .zip(&fields.values)
                .map(|(field, value)| (field.name.to_string(), value_json(value, &field.schema)))
                .collect(),
        ),
        (value, kind) => panic!("{value:?} is no value of {kind:?}"),
    }
}

/// As Connect's JSON converter writes a schema.
fn schema_json(schema: &Schema) -> Map<String, Json> {
    let object = |json: Json| match json {
        Json::Object(object) => object,
        _ => unreachable!(),
    };
    let mut json = object(match &schema.kind {
        Kind::Int8 => json!({"type": "int8"}),
        Kind::Int16 => json!({"type": "int16"}),
        Kind::Int32 => json!({"type": "int32"}),
        Kind::Int64 => json!({"type": "int64"}),
        Kind::Float32 => json!({"type": "float"}),
        Kind::Float64 => json!({"type": "double"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "bytes"}),
        Kind::Array(items) => json!({"type": "array", "items": schema_json(items)}),
        Kind::Map(keys, values) => json!({"type": "map", "keys": schema_json(keys), "values": schema_json(values)}),
        Kind::Struct(fields) => {
            let field = |field: &rowtide_api::Field| {
                let mut json = schema_json(&field.schema);
                json.insert("field".to_owned(), (*field.name).into());
                json
            };
            json!({"type": "struct", "fields": fields.iter().map(field).collect::<Vec<_>>()})
        }
    });
    json.insert("optional".to_owned(), schema.optional.into());
    let mut put = |key: &str, value: Option<Json>| value.into_iter().for_each(|value| drop(json.insert(key.to_owned(), value)));
    put("name", schema.name.as_deref().map(Json::from));
    put("doc", schema.doc.as_deref().map(Json::from));
    put("version", schema.version.map(Json::from));
    put("default", schema.default.as_ref().map(|default| value_json(default, schema)));
    if !schema.parameters.is_empty() {
        let parameters = schema.parameters.iter().map(|(name, value)| (name.to_string(), (**value).into())).collect();
        json.insert("parameters".to_owned(), Json::Object(parameters));
    }
    json
}

/// The records of a sample: one, or a list of them.
fn sample(name: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(root().join("../../lab/samples/postgres").join(name)).unwrap();
    match serde_json::from_str(&text).unwrap() {
        Json::Array(records) => records,
        record => vec![record],
    }
}

/// Whether Debezium's answer for a column is one that we do not follow: see `parity`'s known differences.
fn is_known(column: &str, row: usize, streamed: bool) -> bool {
    match column {
        // Debezium's snapshot loses the era of dates before Christ; its stream does not
        "c_date" => row == 2 && !streamed,
        // Debezium's stream has null for the type name
        "c_name" => streamed,
        // new for each row
        "id" | "d_tstz" | "d_uuid" => streamed,
        _ => false,
    }
}

/// serde_json reads decimal fractions to the last bit but one.
fn is_same(ours: &Json, theirs: &Json) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(a), Some(b)) if ours.is_f64() && theirs.is_f64() => (a - b).abs() <= a.abs() * 1e-15,
        _ => ours == theirs,
    }
}

/// Holds schema and values of a row against those of a record.
fn compare(decoded: &[(String, Schema, Vec<Value>)], row: usize, record: &Json, streamed: bool) {
    let fields = record["value"]["schema"]["fields"].as_array().unwrap();
    let after = fields.iter().find(|field| field["field"] == "after").unwrap()["fields"].as_array().unwrap();
    let payload = record["value"]["payload"]["after"].as_object().unwrap();
    let mut wrong = Vec::new();
    let names = |fields: &[Json]| fields.iter().map(|field| field["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let ours: Vec<_> = decoded.iter().map(|(name, ..)| name.clone()).filter(|name| !streamed || name != "g_sum").collect();
    assert_eq!(ours, names(after), "the columns");
    for (name, schema, values) in decoded.iter().filter(|(name, ..)| ours.contains(name)) {
        let expected = after.iter().find(|field| field["field"] == **name).unwrap().as_object().unwrap();
        let mut ours = schema_json(schema);
        ours.insert("field".to_owned(), name.as_str().into());
        if Json::Object(ours.clone()) != Json::Object(expected.clone()) {
            wrong.push(format!("{name}: schema {ours:?} instead of {expected:?}"));
        }
        let value = value_json(&values[row], schema);
        if !is_same(&value, &payload[name]) && !is_known(name, row, streamed) {
            wrong.push(format!("{name}: {value} instead of {}", payload[name]));
        }
    }
    assert!(wrong.is_empty(), "row {}:\n{}", row + 1, wrong.join("\n"));
}

const ROWS: [&str; 3] = ["values", "nulls-and-defaults", "edge-values"];

#[test]
fn every_type_is_as_debezium_snapshots_it() {
    let decoded = decoded(&[]);
    for (row, name) in ROWS.iter().enumerate() {
        compare(&decoded, row, &sample(&format!("all-types-snapshot-read-{name}.json"))[0], false);
    }
}

#[test]
fn every_type_is_as_debezium_streams_it() {
    let decoded = decoded(&[]);
    for (row, name) in ROWS.iter().enumerate() {
        compare(&decoded, row, &sample(&format!("all-types-create-{name}.json"))[0], true);
    }
}

/// The records of the first three rows of the snapshot of a variant.
fn variant(name: &str, options: &[(&str, &str)]) {
    let decoded = decoded(options);
    let mut compared = 0;
    for record in sample(&format!("variant-{name}-snapshot.json")) {
        let id = record["value"]["payload"]["after"]["id"].as_u64().unwrap() as usize;
        if (1..=3).contains(&id) {
            compare(&decoded, id - 1, &record, false);
            compared += 1;
        }
    }
    assert!(compared >= 2, "{compared}");
}

#[test]
fn decimals_as_doubles_bytes_in_hex_connects_times() {
    let options = [("decimal.handling.mode", "double"), ("binary.handling.mode", "hex"), ("time.precision.mode", "connect")];
    variant("decimal-double-binary-hex-time-connect", &options);
}

#[test]
fn decimals_and_intervals_as_text_hstore_as_map_bytes_in_base64() {
    let options = [
        ("decimal.handling.mode", "string"),
        ("interval.handling.mode", "string"),
        ("hstore.handling.mode", "map"),
        ("binary.handling.mode", "base64"),
    ];
    variant("decimal-string-interval-string-hstore-map-binary-base64", &options);
}

#[test]
fn times_as_iso_text_and_types_without_mapping_as_bytes() {
    variant("time-isostring-unknown-datatypes", &[("time.precision.mode", "isostring"), ("include.unknown.datatypes", "true")]);
}

#[test]
fn times_in_microseconds() {
    variant("time-microseconds", &[("time.precision.mode", "microseconds")]);
}

#[test]
fn times_in_nanoseconds() {
    variant("time-nanoseconds", &[("time.precision.mode", "nanoseconds")]);
}

#[test]
fn columns_are_described_as_the_driver_describes_them() {
    let record = &sample("variant-column-propagate-type-and-comments-snapshot.json")[0];
    let fields = record["value"]["schema"]["fields"].as_array().unwrap();
    let after = fields.iter().find(|field| field["field"] == "after").unwrap()["fields"].as_array().unwrap();
    let columns = columns(&types(&[]));
    for field in after {
        let column = columns.iter().find(|column| *column.name == *field["field"].as_str().unwrap()).unwrap();
        let parameter = |name: &str| field["parameters"][format!("__debezium.source.column.{name}")].as_str();
        assert_eq!(Some(&*column.type_name.to_uppercase()), parameter("type"), "{}", column.name);
        assert_eq!(column.length.map(|length| length.to_string()).as_deref(), parameter("length"), "{}", column.name);
        assert_eq!(column.scale.map(|scale| scale.to_string()).as_deref(), parameter("scale"), "{}", column.name);
    }
}

#[test]
fn what_is_no_number_becomes_null_or_stops_the_connector_as_asked() {
    let decode = |mode: &str| {
        let types = types(&[("event.converting.failure.handling.mode", mode)]);
        let column = types.column("m", 1700, 655_366, None);
        let schema = types.schema(&column).unwrap().optional().shared();
        types
            .decoder(&"public.numeric_nan".into(), &column, &schema)
            .text((&Bytes::from_static(b"NaN")).into(), &mut Slab::default())
    };
    assert_eq!(decode("warn").unwrap(), Value::Null);
    assert_eq!(decode("skip").unwrap(), Value::Null);
    let error = decode("fail").unwrap_err();
    assert!(error.message().contains("public.numeric_nan.m") && !error.message().contains("NaN"), "{error}");
}

#[test]
fn unchanged_values_have_the_placeholder_of_their_type() {
    let types = types(&[("unavailable.value.placeholder", "hex:61ff")]);
    let unavailable = |oid: u32| {
        let column = types.column("c", oid, -1, None);
        let schema = types.schema(&column).unwrap().optional().shared();
        types.decoder(&"s.t".into(), &column, &schema).unavailable()
    };
    let text = || Value::string("a\u{fffd}");
    assert_eq!(unavailable(25), text());
    assert_eq!(unavailable(3802), text());
    assert_eq!(unavailable(17), Value::Bytes(Bytes::from_static(b"a\xff")));
    assert_eq!(unavailable(1009), Value::Array(vec![text()]));
    assert_eq!(unavailable(1007), Value::Array(vec![Value::Int32(97), Value::Int32(-1)]));
    assert_eq!(unavailable(1016), Value::Array(vec![Value::Int64(97), Value::Int64(-1)]));
    assert_eq!(unavailable(1001), Value::Array(vec![Value::Bytes(Bytes::from_static(b"a\xff"))]));
}

const ANY_MODE: [&[(&str, &str)]; 3] = [
    &[("include.unknown.datatypes", "true"), ("event.converting.failure.handling.mode", "fail")],
    &[("decimal.handling.mode", "string"), ("time.precision.mode", "isostring"), ("interval.handling.mode", "string")],
    &[
        ("decimal.handling.mode", "double"),
        ("time.precision.mode", "nanoseconds"),
        ("hstore.handling.mode", "map"),
        ("binary.handling.mode", "hex"),
    ],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What a server would never send is refused or read, in every type and mode; and what is read fits its schema.
    #[test]
    fn no_text_panics(mode in 0_usize..3, modifier: i32, cut: prop::sample::Index, put in "[-+0-9:. {}\"\\\\,=>()BCe\u{e9}]{0,6}", random: Vec<u8>) {
        let types = types(ANY_MODE[mode]);
        for (column, text) in columns(&types).into_iter().zip(&golden("all-types.rows")[0]) {
            let text = text.as_deref().unwrap_or_default();
            let (head, tail) = text.split_at(cut.index(text.len() + 1));
            let spoilt: Vec<u8> = [head, put.as_bytes(), tail].concat();
            let default = Some(String::from_utf8_lossy(&spoilt).as_ref().into());
            let strange = types.column(&column.name, column.type_id, modifier, None);
            for column in [&column, &Column { default, ..column.clone() }, &strange] {
                let Some(schema) = types.schema(column) else { continue };
                schema.default.iter().for_each(|default| drop(value_json(default, &schema)));
                let decoder = types.decoder(&"s.t".into(), column, &schema.clone().optional().shared());
                for raw in [&spoilt, &head.to_vec(), &random] {
                    if let Ok(value) = decoder.text((&Bytes::copy_from_slice(raw)).into(), &mut Slab::default()) {
                        value_json(&value, &schema);
                    }
                }
            }
        }
    }
}
