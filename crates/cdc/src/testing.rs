//! What this crate's unit tests share: configurations, columns, and records as the JSON in which the lab recorded those
//! of the original.

use std::sync::Arc;

use rowtide_api::Importance::High;
use rowtide_api::config::Config;
use rowtide_api::{
    ConfigDef, Datum, Field, Kind, OffsetMap, Props, Schema, SchemaRef, SourcePartition, SourcePosition, SourceRecord, Struct,
    Value,
};
use serde_json::{Value as Json, json};

use crate::options;
use crate::table::{Column, ColumnTypes};

/// Runs `read` over a configuration of the shared options.
pub fn config<T>(entries: &[(&str, &str)], read: impl FnOnce(Config<'_>) -> T) -> T {
    let own = [
        options::string("topic.prefix", High, "Topic prefix"),
        options::list("skipped.operations", High, "Skipped operations").default_value("t"),
        options::string("binary.handling.mode", High, "Binary").default_value("bytes"),
        options::string("schema.name.adjustment.mode", High, "Schema names").default_value("none"),
        options::list("message.prefix.include.list", High, "Prefixes"),
        options::list("message.prefix.exclude.list", High, "Prefixes"),
    ];
    let lists: [&[_]; 6] = [
        &own,
        options::COMMON_CONNECTOR,
        options::RELATIONAL_CONNECTOR,
        options::COMMON_EVENTS,
        options::RELATIONAL_EVENTS,
        options::UNLISTED,
    ];
    let def = ConfigDef { keys: options::assemble(&[("Test", &lists)]), prefixes: Vec::new() };
    let props: Props = entries.iter().copied().collect();
    read(def.read(&props))
}

/// A `varchar`.
pub fn text_column(name: &str, length: Option<i32>) -> Column {
    Column {
        name: name.into(),
        type_id: 1043,
        type_name: "varchar".into(),
        modifier: -1,
        length,
        scale: None,
        optional: false,
        generated: false,
        auto_increment: false,
        default: None,
        comment: None,
        textual: true,
    }
}

/// Records of the original, from `lab/samples/postgres`.
pub fn recorded(name: &str) -> Vec<Json> {
    let path = format!("{}/../../lab/samples/postgres/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    match serde_json::from_str(&text).unwrap() {
        Json::Array(records) => records,
        record => vec![record],
    }
}

/// A position that means nothing.
pub fn somewhere() -> SourcePosition {
    let partition = Arc::new(SourcePartition { index: 0, map: OffsetMap::default() });
    SourcePosition { partition, offset: Arc::new(OffsetMap::default()) }
}

/// A record as the lab writes one down.
pub fn record_json(record: &SourceRecord) -> Json {
    let headers: Vec<Json> = record
        .headers
        .iter()
        .map(|header| {
            let value = match payload(&header.datum.value) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            json!({"key": &*header.name, "value": value})
        })
        .collect();
    json!({
        "topic": &*record.topic,
        "partition": record.partition,
        "headers": headers,
        "key": datum_json(&record.key),
        "value": datum_json(&record.value),
    })
}

/// Connect's JSON envelope.
pub fn datum_json(datum: &Datum) -> Json {
    match &datum.schema {
        None => Json::Null,
        Some(schema) => json!({"schema": schema_json(schema, None), "payload": payload(&datum.value)}),
    }
}

fn schema_json(schema: &Schema, field: Option<&str>) -> Json {
    let kind = match &schema.kind {
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) => "array",
        Kind::Map(..) => "map",
        Kind::Struct(_) => "struct",
    };
    let mut out = serde_json::Map::new();
    out.insert("type".into(), kind.into());
    match &schema.kind {
        Kind::Array(items) => {
            out.insert("items".into(), schema_json(items, None));
        }
        Kind::Map(keys, values) => {
            out.insert("keys".into(), schema_json(keys, None));
            out.insert("values".into(), schema_json(values, None));
        }
        Kind::Struct(fields) => {
            let fields = fields.iter().map(|field| schema_json(&field.schema, Some(&field.name)));
            out.insert("fields".into(), fields.collect());
        }
        _ => {}
    }
    out.insert("optional".into(), schema.optional.into());
    let mut put = |name: &str, value: Option<Json>| value.map(|value| out.insert(name.into(), value));
    put("name", schema.name.as_deref().map(Json::from));
    put("version", schema.version.map(Json::from));
    put("doc", schema.doc.as_deref().map(Json::from));
    let parameters = schema.parameters.iter().map(|(name, value)| (name.to_string(), Json::from(&**value)));
    put("parameters", (!schema.parameters.is_empty()).then(|| Json::Object(parameters.collect())));
    put("default", schema.default.as_ref().map(payload));
    put("field", field.map(Json::from));
    Json::Object(out)
}

fn payload(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(truth) => (*truth).into(),
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => value.as_i64().into(),
        Value::Float32(number) => (*number).into(),
        Value::Float64(number) => (*number).into(),
        Value::String(text) => (&**text).into(),
        Value::Bytes(bytes) => base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes).into(),
        Value::Array(items) => items.iter().map(payload).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.as_str().unwrap_or("").to_owned(), payload(value))).collect())
        }
        Value::Struct(fields) => {
            let names = fields.schema.fields().iter().map(|field| field.name.to_string());
            Json::Object(names.zip(fields.values.iter().map(payload)).collect())
        }
    }
}

/// `int4` as a 32-bit number, everything else as text.
pub struct Texts;

impl ColumnTypes for Texts {
    fn schema(&self, column: &Column) -> Option<Schema> {
        Some(Schema::new(if &*column.type_name == "int4" { Kind::Int32 } else { Kind::String }))
    }

    fn fallback(&self, _column: &Column, schema: &Schema) -> Value {
        if schema.kind == Kind::Int32 { Value::Int32(0) } else { Value::string("") }
    }
}

/// The schema of PostgreSQL's `source` block.
pub fn source_schema() -> SchemaRef {
    let allowed = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental";
    let text = || Schema::new(Kind::String);
    let long = || Schema::new(Kind::Int64).optional();
    let snapshot = text()
        .optional()
        .named("io.debezium.data.Enum")
        .versioned(1)
        .parameter("allowed", allowed)
        .default_value(Value::string("false"));
    let fields = [
        ("version", text()),
        ("connector", text()),
        ("name", text()),
        ("ts_ms", Schema::new(Kind::Int64)),
        ("snapshot", snapshot),
        ("db", text()),
        ("sequence", text().optional()),
        ("ts_us", long()),
        ("ts_ns", long()),
        ("schema", text()),
        ("table", text()),
        ("txId", long()),
        ("lsn", long()),
        ("xmin", long()),
        ("origin", text().optional()),
        ("origin_lsn", long()),
    ];
    let fields = fields.into_iter().map(|(name, schema)| Field::new(name, schema)).collect();
    Schema::structure(fields).named("io.debezium.connector.postgresql.Source").versioned(1).shared()
}

/// A recorded payload as a value of a schema of text and numbers.
pub fn value_of(schema: &Schema, json: &Json) -> Value {
    match (&schema.kind, json) {
        (_, Json::Null) => Value::Null,
        (Kind::Int32, json) => Value::Int32(json.as_i64().unwrap() as i32),
        (Kind::Int64, json) => Value::Int64(json.as_i64().unwrap()),
        (_, json) => Value::string(json.as_str().unwrap()),
    }
}

/// A recorded `source` block.
pub fn source_of(json: &Json) -> Struct {
    let schema = source_schema();
    let values = schema.fields().iter().map(|field| value_of(&field.schema, &json[&*field.name])).collect();
    Struct::new(schema, values)
}
