//! How long a typical change event takes as JSON: `cargo run --release -p rowtide-converters --example encode`.
//!
//! A create event of a row of eight columns: with and without schemas, and as the converters write it whose schemas are in a registry.

use std::time::Instant;

use bytes::Bytes;
use rowtide_api::{Field, Kind, Plan, Props, Schema, SchemaRef, Struct, Value};
use rowtide_converters::json::{Dialect, Payload, Style};

const EVENTS: u32 = 1_000_000;

fn row() -> SchemaRef {
    let field = |name: &str, kind: Kind| Field::new(name, Schema::new(kind).optional());
    let amount =
        Schema::new(Kind::Bytes).optional().named("org.apache.kafka.connect.data.Decimal").versioned(1).parameter("scale", "2");
    let time = Schema::new(Kind::Int64).optional().named("io.debezium.time.MicroTimestamp").versioned(1);
    Schema::structure(vec![
        field("id", Kind::Int64),
        field("customer_id", Kind::Int32),
        field("status", Kind::String),
        Field::new("amount", amount),
        field("note", Kind::String),
        field("paid", Kind::Boolean),
        Field::new("created_at", time.clone()),
        Field::new("updated_at", time),
    ])
    .optional()
    .named("prod.public.orders.Value")
    .shared()
}

fn source() -> SchemaRef {
    let text = |name: &str| Field::new(name, Schema::new(Kind::String));
    let whole = |name: &str| Field::new(name, Schema::new(Kind::Int64).optional());
    Schema::structure(vec![
        text("version"),
        text("connector"),
        text("name"),
        whole("ts_ms"),
        text("snapshot"),
        text("db"),
        text("sequence"),
        whole("ts_us"),
        whole("ts_ns"),
        text("schema"),
        text("table"),
        whole("txId"),
        whole("lsn"),
        whole("xmin"),
    ])
    .named("io.debezium.connector.postgresql.Source")
    .shared()
}

fn event() -> (SchemaRef, Value) {
    let (row, source) = (row(), source());
    let now = 1_700_000_000_123_i64;
    let after = vec![
        Value::Int64(123_456_789),
        Value::Int32(4711),
        Value::string("shipped"),
        Value::Bytes(Bytes::from_static(&[0x30, 0x39])),
        Value::string("please leave the parcel with the neighbours"),
        Value::Boolean(true),
        Value::Int64(now * 1000),
        Value::Int64(now * 1000 + 5),
    ];
    let text = |text: &'static str| Value::string(text);
    let origin = vec![
        text("3.6.1.Final"),
        text("postgresql"),
        text("prod"),
        Value::Int64(now),
        text("false"),
        text("shop"),
        text("[\"24023128\",\"24023128\"]"),
        Value::Int64(now * 1000),
        Value::Int64(now * 1_000_000),
        text("public"),
        text("orders"),
        Value::Int64(555),
        Value::Int64(24_023_128),
        Value::Null,
    ];
    let schema = Schema::structure(vec![
        Field::new("before", row.clone()),
        Field::new("after", row.clone()),
        Field::new("source", source.clone()),
        Field::new("op", Schema::new(Kind::String)),
        Field::new("ts_ms", Schema::new(Kind::Int64).optional()),
    ])
    .named("prod.public.orders.Envelope")
    .versioned(2)
    .shared();
    let values = vec![
        Value::Null,
        Value::Struct(Struct::new(row, after)),
        Value::Struct(Struct::new(source, origin)),
        text("c"),
        Value::Int64(now + 17),
    ];
    (schema.clone(), Value::Struct(Struct::new(schema, values)))
}

fn main() {
    let (schema, value) = event();
    let json = rowtide_converters::ALL.iter().find(|plugin| plugin.info.matches("Json"));
    let json = json.expect("the JSON converter is built in");
    for schemas in ["false", "true"] {
        let converter = (json.new)(&Props::from_iter([("schemas.enable", schemas)]), false).expect("good options");
        let Ok(Plan::Ready(plan)) = converter.plan("prod.public.orders", Some(&schema)) else { panic!("JSON needs no registry") };
        measure(&format!("schemas.enable={schemas}"), |out| plan.encode(&value, out).is_ok_and(|written| written));
    }
    for (name, dialect) in [("JSON Schema (Confluent)", Dialect::Confluent), ("ExtJsonConverter (Apicurio)", Dialect::Kafka)] {
        let style = Style { replace_null: true, numeric_decimals: false, dialect };
        let Ok(payload) = Payload::compile(&schema, &style) else { panic!("the schema is a good one") };
        measure(name, |out| {
            out.extend_from_slice(&[0, 0, 0, 0, 7]);
            payload.write(&value, out).is_ok_and(|written| written)
        });
    }
}

fn measure(name: &str, write: impl Fn(&mut Vec<u8>) -> bool) {
    let mut out = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    let mut bytes = 0;
    for _ in 0..EVENTS {
        out.clear();
        assert!(write(&mut out), "the value fits its schema");
        bytes += out.len();
    }
    let each = start.elapsed() / EVENTS;
    println!("{name}: {} ns an event of {} bytes", each.as_nanos(), bytes / EVENTS as usize);
}
