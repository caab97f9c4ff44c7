//! What a CloudEvent of a change consists of: attributes of the specification, extensions from the source block, the data.
//!
//! Source: Debezium's `CloudEventsMaker` and `PostgresCloudEventsMaker`, and what the running converter writes.

use std::sync::Arc;

use rowtide_api::{Error, Field, Header, Kind, Result, Schema, SchemaRef, Struct, Value};
use rowtide_cdc::transaction::block_schema;
use rowtide_converters::date;

use super::options::Options;

const BEFORE: &str = "before";
const AFTER: &str = "after";
const SOURCE: &str = "source";
const OP: &str = "op";
const TRANSACTION: &str = "transaction";

/// The connectors whose events are known, as the source block names them.
const CONNECTORS: [&str; 1] = ["postgresql"];

/// A record as far as an event needs it.
pub(super) struct Record<'a> {
    pub source: &'a Struct,
    operation: &'a Value,
    transaction: Option<&'a Struct>,
    id: Option<&'a str>,
    kind: Option<&'a str>,
    trace_parent: Option<&'a str>,
    data_name: Option<&'a str>,
}

/// In which form the data is part of the event.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum DataKind {
    Struct,
    Empty,
    Bytes,
}

/// How events of one source are described.
pub(super) struct Event {
    pub schema: SchemaRef,
    pub data: SchemaRef,
    /// a struct without fields
    pub empty: SchemaRef,
    source: SchemaRef,
    /// the places of the data's fields in the value
    places: Vec<usize>,
    /// the name of the data's schema where a header says it
    data_name: Option<String>,
}

impl<'a> Record<'a> {
    /// None: it is no change of data.
    pub(super) fn of(value: &'a Struct, headers: &'a [Header], options: &Options) -> Result<Option<Self>> {
        let from = options.from_headers;
        let last = |name: &str| headers.iter().rev().find(|header| &*header.name == name).map(|header| &header.datum.value);
        let text = |wanted: bool, name: &str| match (wanted, last(name)) {
            (false, _) => Ok(None),
            (true, Some(value)) => Ok(value.as_str()),
            (true, None) => Err(Error::data(format!("Header `{name}` was not provided"))
                .remedy("put it there with a transform, or set metadata.source to generate it")),
        };
        let (source, operation, transaction) = match from.global {
            true => (last(SOURCE), last(OP), last(TRANSACTION)),
            false => (value.get(SOURCE), value.get(OP), value.get(TRANSACTION)),
        };
        let (Some(Value::Struct(source)), Some(operation)) = (source, operation) else { return Ok(None) };
        Ok(Some(Self {
            source,
            operation,
            transaction: transaction.and_then(Value::as_struct),
            id: text(from.id, "id")?,
            kind: text(from.kind, "type")?,
            trace_parent: last("traceparent").filter(|_| from.trace_parent).and_then(Value::as_str),
            data_name: text(from.data_schema_name, "dataSchemaName")?,
        }))
    }

    fn source_text(&self, name: &str) -> &str {
        self.source.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Event {
    /// The schemas of event and data for a value of this schema.
    pub(super) fn describe(schema: &SchemaRef, record: &Record<'_>, options: &Options, kind: DataKind) -> Result<Self> {
        let connector = record.source_text("connector");
        if !CONNECTORS.contains(&connector) {
            return Err(Error::data(format!("No usable CloudEvents converters for connector type \"{connector}\"")));
        }
        let whole = options.from_headers.global;
        let kept = |(_, field): &(usize, &Field)| whole || [BEFORE, AFTER].contains(&&*field.name);
        let (places, fields): (Vec<usize>, Vec<Field>) =
            schema.fields().iter().enumerate().filter(kept).map(|(index, field)| (index, field.clone())).unzip();
        let data_name = record.data_name.map(str::to_owned);
        let generated = || format!("io.debezium.connector.{connector}.Data");
        let data = Schema::structure(fields).named(data_name.clone().unwrap_or_else(generated)).shared();
        let empty = Schema::structure(Vec::new()).shared();
        let name = options
            .schema_name
            .clone()
            .unwrap_or_else(|| format!("{}.{}.CloudEvents.Envelope", record.source_text("name"), record.source_text("db")));
        let written = match kind {
            DataKind::Struct => data.clone(),
            DataKind::Empty => empty.clone(),
            DataKind::Bytes => Schema::new(Kind::Bytes).shared(),
        };
        let fields = attributes(&record.source.schema, options, kind, written)?;
        let schema = Schema::structure(fields).named(options.adjuster.adjust(&name)).shared();
        Ok(Self { schema, data, empty, source: record.source.schema.clone(), places, data_name })
    }

    /// Whether it describes this record as well.
    pub(super) fn describes(&self, record: &Record<'_>) -> bool {
        self.data_name.as_deref() == record.data_name
            && (Arc::ptr_eq(&self.source, &record.source.schema) || self.source == record.source.schema)
    }

    /// The data of a value.
    pub(super) fn data_of(&self, value: &Struct) -> Value {
        let values = self.places.iter().map(|place| value.values.get(*place).cloned().unwrap_or_default());
        Value::Struct(Struct::new(self.data.clone(), values.collect()))
    }

    /// The event of a record.
    pub(super) fn value(
        &self,
        record: &Record<'_>,
        options: &Options,
        data: Value,
        data_schema: Option<String>,
    ) -> Result<Value> {
        let source = record.source;
        let (connector, name) = (record.source_text("connector"), record.source_text("name"));
        let Some(millis) = source.get("ts_ms").and_then(Value::as_i64) else {
            return Err(Error::data("the source block of a record has no ts_ms"));
        };
        let mut values = Vec::with_capacity(self.schema.fields().len());
        values.push(record.id.map_or_else(|| Value::string(id(source)), |id| Value::string(id.to_owned())));
        values.push(Value::string(format!("/debezium/{connector}/{name}")));
        values.push(Value::string("1.0"));
        let kind = record.kind.map(str::to_owned);
        values.push(Value::string(kind.unwrap_or_else(|| format!("io.debezium.connector.{connector}.DataChangeEvent"))));
        values.push(Value::string(date::instant(millis)));
        values.push(Value::string(if options.avro_data { "application/avro" } else { "application/json" }));
        values.extend(data_schema.map(Value::string));
        if options.tracing {
            values.push(self.trace_parent(record, options)?);
        }
        if options.extensions {
            values.push(record.operation.clone());
            // a null is the default of its field, as in Java: the source block's snapshot is "false"
            let present = |(field, value): (&Field, &Value)| match (&field.schema.default, value) {
                (Some(default), Value::Null) => attribute(default),
                (_, value) => attribute(value),
            };
            values.extend(source.schema.fields().iter().zip(&source.values).map(present));
            for (index, _) in block_schema().fields().iter().enumerate() {
                let value = record.transaction.and_then(|transaction| transaction.values.get(index));
                values.push(value.map(attribute).unwrap_or_default());
            }
        }
        values.push(data);
        Ok(Value::Struct(Struct::new(self.schema.clone(), values)))
    }

    fn trace_parent(&self, record: &Record<'_>, options: &Options) -> Result<Value> {
        match record.trace_parent {
            Some(text) => Ok(Value::string(text.to_owned())),
            None if options.from_headers.trace_parent => Err(Error::data("a record has no header `traceparent`")
                .remedy("put it there (ActivateTracingSpan), or set opentelemetry.tracing.attributes.enable=false")),
            None => Err(Error::data(
                "Value for `traceparent` CloudEvents field currently can't be obtained from a record value and can only be obtained from a record header",
            )
            .remedy("set traceparent:header in metadata.source")),
        }
    }
}

/// The attributes in the order in which they are written.
fn attributes(source: &Schema, options: &Options, kind: DataKind, data: SchemaRef) -> Result<Vec<Field>> {
    let text = || Schema::new(Kind::String);
    let mut fields: Vec<Field> =
        ["id", "source", "specversion", "type", "time", "datacontenttype"].map(|name| Field::new(name, text())).into();
    if kind == DataKind::Bytes {
        fields.push(Field::new("dataschema", text()));
    }
    if options.tracing {
        fields.push(Field::new("traceparent", text()));
    }
    if options.extensions {
        fields.push(Field::new(extension("", OP), text()));
        for field in source.fields() {
            fields.push(Field::new(extension("", &field.name), extension_schema(&field.schema, false)?));
        }
        for field in block_schema().fields() {
            fields.push(Field::new(extension("tx", &field.name), extension_schema(&field.schema, true)?));
        }
    }
    fields.push(Field::new("data", data));
    Ok(fields)
}

/// The name of an extension: letters and digits alone.
fn extension(prefix: &str, name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    ["iodebezium", prefix].into_iter().flat_map(str::chars).chain(letters).collect()
}

/// The types that extensions have: long numbers are texts.
fn extension_schema(schema: &Schema, optional: bool) -> Result<Schema> {
    let kind = match schema.kind {
        Kind::Boolean => Kind::Boolean,
        Kind::Int8 | Kind::Int16 | Kind::Int32 => Kind::Int32,
        Kind::String | Kind::Int64 => Kind::String,
        _ => {
            return Err(Error::data("a field of the source block cannot be converted into CloudEvents extension attribute")
                .remedy("set extension.attributes.enable=false"));
        }
    };
    Ok(Schema { optional: optional || schema.optional, ..Schema::new(kind) })
}

fn attribute(value: &Value) -> Value {
    match value {
        Value::Int64(number) => Value::string(number.to_string()),
        Value::Int8(_) | Value::Int16(_) => value.as_i64().map_or(Value::Null, |number| Value::Int32(number as i32)),
        value => value.clone(),
    }
}

/// What tells a change of PostgreSQL from all others.
fn id(source: &Struct) -> String {
    let of = |name: &str| match source.get(name) {
        Some(Value::String(text)) => text.to_string(),
        Some(value) => value.as_i64().map_or_else(|| "null".to_owned(), |number| number.to_string()),
        None => "null".to_owned(),
    };
    format!("name:{};lsn:{};txId:{};sequence:{}", of("name"), of("lsn"), of("txId"), of("sequence"))
}
