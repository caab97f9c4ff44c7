//! Any bytes as the text of a value of any type, in every mode: `cargo +nightly fuzz run values`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rowtide_api::{Kind, Props, Schema, Value};
use rowtide_cdc::{ColumnTypes, TableId};
use rowtide_source_postgres::options::postgres_config_def;
use rowtide_source_postgres::slab::Slab;
use rowtide_source_postgres::types::{PgType, PgTypes, TypeOptions, TypeRegistry};

const DECIMAL: [&str; 3] = ["precise", "double", "string"];
const TIME: [&str; 6] = ["adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"];
const BINARY: [&str; 4] = ["bytes", "base64", "base64-url-safe", "hex"];
/// Built-in types: OID, name, OID of the array's elements.
const TYPES: &[(u32, &str, u32)] = &[
    (16, "bool", 0), (17, "bytea", 0), (20, "int8", 0), (21, "int2", 0), (23, "int4", 0), (25, "text", 0), (600, "point", 0),
    (603, "box", 0), (700, "float4", 0), (701, "float8", 0), (790, "money", 0), (1082, "date", 0), (1083, "time", 0), (1114, "timestamp", 0),
    (1184, "timestamptz", 0), (1186, "interval", 0), (1266, "timetz", 0), (1560, "bit", 0), (1562, "varbit", 0), (1700, "numeric", 0),
    (2950, "uuid", 0), (1007, "_int4", 23), (1009, "_text", 25), (1020, "_box", 603), (1185, "_timestamptz", 1184), (1231, "_numeric", 1700),
    (9001, "hstore", 0), (9002, "_hstore", 9001), (9003, "geometry", 0), (9004, "vector", 0), (9005, "sparsevec", 0), (9006, "circle", 0),
];

// four bytes choose type, modes and modifier; the rest is the text
fuzz_target!(|data: &[u8]| {
    let Some(([kind, modes, scale, length], text)) = data.split_first_chunk::<4>() else { return };
    let (kind, modes) = (usize::from(*kind), usize::from(*modes));
    let options = [
        ("decimal.handling.mode", DECIMAL[modes % 3]),
        ("time.precision.mode", TIME[modes % 6]),
        ("binary.handling.mode", BINARY[modes % 4]),
        ("hstore.handling.mode", if modes & 16 == 0 { "json" } else { "map" }),
        ("interval.handling.mode", if modes & 32 == 0 { "numeric" } else { "string" }),
        ("include.unknown.datatypes", "true"),
    ];
    let props: Props = options.into_iter().collect();
    let options = TypeOptions::read(&postgres_config_def().read(&props)).expect("the options are good ones");
    let known = TYPES.iter().map(|(oid, name, element)| PgType {
        oid: *oid,
        name: (*name).into(),
        driver_name: (*name).into(),
        element: *element,
        base: 0,
        modifier: -1,
        labels: [].into(),
    });
    let types = PgTypes::new(TypeRegistry::of(known), options);
    let (oid, ..) = TYPES[kind % TYPES.len()];
    let modifier = match length {
        0 => -1,
        length if oid == 1700 => i32::from(*length) << 16 | i32::from(*scale) + 4,
        length if matches!(oid, 1083 | 1114 | 1184 | 1266) => i32::from(*length % 7),
        length => i32::from(*length),
    };
    let default = std::str::from_utf8(text).ok();
    let column = types.column("c", oid, modifier, default);
    let Some(schema) = types.schema(&column) else { return };
    let decoder = types.decoder(&TableId::in_schema("s", "t"), &column, &schema.clone().optional().shared());
    let value = decoder.text((&Bytes::copy_from_slice(text)).into(), &mut Slab::default());
    assert!(fits(&value.expect("what is wrong becomes null"), &schema));
});

/// Whether a value is one of its schema.
fn fits(value: &Value, schema: &Schema) -> bool {
    match (value, &schema.kind) {
        (Value::Null, _) => true,
        (Value::Array(items), Kind::Array(of)) => items.iter().all(|item| fits(item, of)),
        (Value::Map(entries), Kind::Map(keys, values)) => entries.iter().all(|(key, value)| fits(key, keys) && fits(value, values)),
        (Value::Struct(fields), Kind::Struct(of)) => {
            fields.values.len() == of.len() && fields.values.iter().zip(of).all(|(value, field)| fits(value, &field.schema))
        }
        (value, kind) => matches!(
            (value, kind),
            (Value::Boolean(_), Kind::Boolean)
                | (Value::Int16(_), Kind::Int16)
                | (Value::Int32(_), Kind::Int32)
                | (Value::Int64(_), Kind::Int64)
                | (Value::Float32(_), Kind::Float32)
                | (Value::Float64(_), Kind::Float64)
                | (Value::String(_), Kind::String)
                | (Value::Bytes(_), Kind::Bytes)
        ),
    }
}
