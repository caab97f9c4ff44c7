//! The rows of a chunk that wait for their place in the stream: by key, in the order in which they were read.

use std::collections::HashMap;
use std::sync::Arc;

use rowtide_api::Value;

use super::java_object::KeyValue;
use crate::change::Row;
use crate::table_schema::TableSchema;

/// A row of a chunk.
#[derive(Clone, Debug)]
pub struct ChunkRow {
    /// its values
    pub row: Row,
    /// what the chunks are ordered by
    pub key: Vec<KeyValue>,
    /// bytes as it was read
    pub size: usize,
}

/// A chunk's rows.
#[derive(Debug, Default)]
pub struct Window {
    table: Option<Arc<TableSchema>>,
    surrogate: Option<Arc<str>>,
    rows: Vec<Option<ChunkRow>>,
    places: HashMap<Vec<u8>, usize>,
}

impl Window {
    /// Holds rows in place of those before. Of two with the same key the later one stays, as in the original.
    pub fn fill(&mut self, table: Arc<TableSchema>, surrogate: Option<Arc<str>>, rows: Vec<ChunkRow>) {
        self.clear();
        for row in rows {
            let key = identity(&table, surrogate.as_deref(), &row.row);
            match self.places.get(&key) {
                Some(place) => self.rows[*place] = Some(row),
                None => {
                    self.places.insert(key, self.rows.len());
                    self.rows.push(Some(row));
                }
            }
        }
        self.table = Some(table);
        self.surrogate = surrogate;
    }

    /// The table of the rows.
    pub fn table(&self) -> Option<&Arc<TableSchema>> {
        self.table.as_ref()
    }

    /// Forgets the row that a row of the stream (as that table is there) stands for.
    pub fn remove(&mut self, table: &TableSchema, row: &Row) {
        if let Some(place) = self.places.remove(&identity(table, self.surrogate.as_deref(), row)) {
            self.rows[place] = None;
        }
    }

    /// Forgets the rows; the table is still the one whose window this is.
    pub fn forget_rows(&mut self) {
        self.rows.clear();
        self.places.clear();
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives out what is left, in order.
    pub fn take(&mut self) -> Option<(Arc<TableSchema>, Vec<ChunkRow>)> {
        let Self { table, rows, .. } = std::mem::take(self);
        Some((table?, rows.into_iter().flatten().collect()))
    }
}

/// What makes a row itself: the values of its record's key, or of the column that stands in for one.
fn identity(table: &TableSchema, surrogate: Option<&str>, row: &Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    match &table.key {
        Some(key) => key.fields.iter().for_each(|place| encode(row.get(*place), &mut bytes)),
        None => encode(surrogate.and_then(|name| table.place_of(name)).and_then(|place| row.get(place)), &mut bytes),
    }
    bytes
}

/// A text that two values have in common only if they are equal.
fn encode(value: Option<&Value>, out: &mut Vec<u8>) {
    let mut sized = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend((bytes.len() as u64).to_be_bytes());
        out.extend(bytes);
    };
    match value.unwrap_or(&Value::Null) {
        Value::Null => sized(0, &[]),
        Value::Boolean(truth) => sized(1, &[u8::from(*truth)]),
        Value::Int8(number) => sized(2, &number.to_be_bytes()),
        Value::Int16(number) => sized(3, &number.to_be_bytes()),
        Value::Int32(number) => sized(4, &number.to_be_bytes()),
        Value::Int64(number) => sized(5, &number.to_be_bytes()),
        Value::Float32(number) => sized(6, &number.to_be_bytes()),
        Value::Float64(number) => sized(7, &number.to_be_bytes()),
        Value::String(text) => sized(8, text.as_bytes()),
        Value::Bytes(bytes) => sized(9, bytes),
        Value::Array(items) => {
            sized(10, &(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| encode(Some(item), out));
        }
        Value::Map(entries) => {
            sized(11, &(entries.len() as u64).to_be_bytes());
            for (key, value) in entries {
                encode(Some(key), out);
                encode(Some(value), out);
            }
        }
        Value::Struct(fields) => fields.values.iter().for_each(|value| encode(Some(value), out)),
    }
}
