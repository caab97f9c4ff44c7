//! Source partitions and offsets: what Connect stores to know where to go on.
//!
//! An offset is a map of primitives, as Connect demands. Sources keep positions of their own in a compact form and
//! turn one into a map only when it is stored: see [`ToOffset`].

use std::fmt::{self, Debug};
use std::sync::Arc;

use bytestring::ByteString;

/// A primitive that an offset may hold (Connect: `OffsetUtils.validateFormat`).
#[derive(Clone, Debug, PartialEq)]
pub enum OffsetValue {
    /// null
    Null,
    /// boolean
    Boolean(bool),
    /// any whole number
    Int(i64),
    /// any floating-point number
    Float(f64),
    /// text
    String(ByteString),
}

/// An ordered map of primitives: a source partition or an offset. The order is that in which it is written as JSON;
/// two maps are equal when they hold the same entries in any order.
#[derive(Clone, Debug, Default)]
pub struct OffsetMap(pub Vec<(Arc<str>, OffsetValue)>);

impl OffsetMap {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&OffsetValue> {
        self.0.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// The whole number under a key. Java stores small ones as `int`, so every width is one kind here.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            OffsetValue::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The text under a key.
    pub fn string(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            OffsetValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean under a key.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            OffsetValue::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Sets a key, in its old place if it was there, else at the end.
    pub fn set(&mut self, key: impl Into<Arc<str>>, value: impl Into<OffsetValue>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some(found) => found.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for OffsetMap {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl From<i64> for OffsetValue {
    fn from(number: i64) -> Self {
        OffsetValue::Int(number)
    }
}

impl From<bool> for OffsetValue {
    fn from(truth: bool) -> Self {
        OffsetValue::Boolean(truth)
    }
}

impl From<&str> for OffsetValue {
    fn from(text: &str) -> Self {
        OffsetValue::String(text.into())
    }
}

/// A position in a database's log, opaque to everyone but its source. Shared by the records that have it
/// (a delete and its tombstone, the rows of one snapshot chunk).
pub trait ToOffset: Send + Sync + Debug {
    /// The offset to store once everything up to here is durable.
    fn to_offset(&self) -> OffsetMap;
}

/// One independent log of a task: PostgreSQL has one, SQL Server one a database. Each has its own prefix of acks.
#[derive(Debug, PartialEq)]
pub struct SourcePartition {
    /// index among the partitions of the task, from 0
    pub index: usize,
    /// the map that Connect stores offsets under, such as `{"server":"prod"}`
    pub map: OffsetMap,
}

/// Where a record stands in its log.
#[derive(Clone)]
pub struct SourcePosition {
    /// the log
    pub partition: Arc<SourcePartition>,
    /// the position in it
    pub offset: Arc<dyn ToOffset>,
}

impl Debug for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}", self.partition.map, self.offset)
    }
}

impl ToOffset for OffsetMap {
    fn to_offset(&self) -> OffsetMap {
        self.clone()
    }
}
