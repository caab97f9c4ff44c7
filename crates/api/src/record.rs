//! The second and third waist: Connect's source record, and its bytes.

use std::sync::Arc;

use bytes::Bytes;

use crate::{SchemaRef, SourcePosition, Value};

/// A value together with its schema. Connect allows a value without schema, and null without either.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Datum {
    /// the schema; none for schemaless data and tombstones
    pub schema: Option<SchemaRef>,
    /// the value
    pub value: Value,
}

/// A header of a record, before it is converted.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// the header's name; names may repeat
    pub name: Arc<str>,
    /// its value
    pub datum: Datum,
}

/// Connect's `SourceRecord`: what a source emits and what transforms see.
#[derive(Clone, Debug)]
pub struct SourceRecord {
    /// the topic
    pub topic: Arc<str>,
    /// the topic's partition; none leaves it to the producer's partitioner
    pub partition: Option<i32>,
    /// the key
    pub key: Datum,
    /// the value; null without schema is a tombstone
    pub value: Datum,
    /// the headers, in order; shared by records that have the same ones
    pub headers: Arc<[Header]>,
    /// milliseconds since the epoch; none leaves it to the producer
    pub timestamp: Option<i64>,
    /// where to go on once this record and all before it are durable
    pub position: SourcePosition,
}

/// The bytes of a record, ready for any sink.
#[derive(Clone, Debug)]
pub struct EncodedRecord {
    /// the task's own sequence number: acknowledgements name it
    pub sequence: u64,
    /// the topic
    pub topic: Arc<str>,
    /// the topic's partition; none leaves it to the sink
    pub partition: Option<i32>,
    /// the key's bytes; none is a null key
    pub key: Option<Bytes>,
    /// the value's bytes; none is a tombstone
    pub value: Option<Bytes>,
    /// names and bytes of the headers, in order; shared by records that have the same ones
    pub headers: Arc<[(Arc<str>, Option<Bytes>)]>,
    /// milliseconds since the epoch
    pub timestamp: Option<i64>,
}

impl SourceRecord {
    /// The table that it is of, as Debezium's `source` block names it: `public.orders`. None where the value has no such block.
    pub fn table(&self) -> Option<String> {
        let Value::Struct(value) = &self.value.value else { return None };
        let Some(Value::Struct(source)) = value.get("source") else { return None };
        let part = |name| match source.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.to_string()),
            _ => None,
        };
        let table = part("table")?;
        Some(part("schema").map_or_else(|| table.clone(), |schema| format!("{schema}.{table}")))
    }
}

impl Datum {
    /// A value of this schema.
    pub fn new(schema: SchemaRef, value: Value) -> Self {
        Self { schema: Some(schema), value }
    }

    /// Null without a schema: the key of a table that has none, the value of a tombstone.
    pub fn null() -> Self {
        Self::default()
    }
}
