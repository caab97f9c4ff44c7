//! Transaction metadata (`provide.transaction.metadata`): the counters of the open transaction, the records of the
//! transaction topic, and what of them offsets hold.
//!
//! Where transactions begin and end in a log belongs to the source.

use std::collections::HashMap;
use std::sync::Arc;

use bytestring::ByteString;
use rowtide_api::{Datum, Field, Kind, OffsetMap, OffsetValue, Schema, SchemaRef, Struct, ToOffset, Value};

use crate::adjust::NameAdjuster;
use crate::java_order;

/// The block in the envelopes of a transaction's events.
pub fn block_schema() -> SchemaRef {
    let text = Schema::new(Kind::String);
    let long = || Schema::new(Kind::Int64);
    let fields = vec![Field::new("id", text), Field::new("total_order", long()), Field::new("data_collection_order", long())];
    Schema::structure(fields).named("event.block").versioned(1).optional().shared()
}

/// Places of an event in its transaction, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventOrder {
    /// among all events
    pub total: i64,
    /// among those of its table
    pub in_table: i64,
}

/// Counters of the open transaction.
#[derive(Debug, Default)]
pub struct TransactionCounters {
    id: Option<ByteString>,
    total: i64,
    /// tables in the order of their first event, with their counts
    tables: Vec<(Arc<str>, i64)>,
    places: HashMap<Arc<str>, usize>,
}

impl TransactionCounters {
    /// Starts a transaction of this name, with counters at zero.
    pub fn begin(&mut self, id: ByteString) {
        self.end();
        self.id = Some(id);
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.id = None;
        self.total = 0;
        self.tables.clear();
        self.places.clear();
    }

    /// The open transaction.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Counts an event of a table.
    pub fn count(&mut self, table: &Arc<str>) -> EventOrder {
        self.total += 1;
        let place = *self.places.entry(table.clone()).or_insert_with(|| {
            self.tables.push((table.clone(), 0));
            self.tables.len() - 1
        });
        let count = &mut self.tables[place].1;
        *count += 1;
        EventOrder { total: self.total, in_table: *count }
    }

    /// The offset with what Debezium stores of an open transaction.
    pub fn wrap(&self, offset: Arc<dyn ToOffset>) -> Arc<dyn ToOffset> {
        match &self.id {
            None => offset,
            Some(id) => Arc::new(InTransaction { offset, id: id.clone(), tables: self.tables.clone() }),
        }
    }

    /// Counts in the order in which Java's `HashMap` gives them out, which is that of the original's records.
    fn counts(&self) -> Vec<(&Arc<str>, i64)> {
        let mut counts: Vec<_> = self.tables.iter().map(|(name, count)| (name, *count)).collect();
        java_order::sort(&mut counts, |(name, _)| name);
        counts
    }
}

/// A position within a transaction.
#[derive(Debug)]
struct InTransaction {
    offset: Arc<dyn ToOffset>,
    id: ByteString,
    tables: Vec<(Arc<str>, i64)>,
}

impl ToOffset for InTransaction {
    fn to_offset(&self) -> OffsetMap {
        let mut map = self.offset.to_offset();
        map.set("transaction_id", OffsetValue::String(self.id.clone()));
        for (table, count) in &self.tables {
            map.set(format!("transaction_data_collection_order_{table}"), *count);
        }
        map
    }
}

/// Makes the records of the transaction topic.
#[derive(Debug)]
pub struct TransactionRecords {
    key: SchemaRef,
    value: SchemaRef,
    collection: SchemaRef,
}

impl TransactionRecords {
    /// With the names that `schema.name.adjustment.mode` makes of theirs.
    pub fn new(names: NameAdjuster) -> Self {
        let text = || Schema::new(Kind::String);
        let long = || Schema::new(Kind::Int64);
        let name = |simple: &str| names.adjust(&format!("io.debezium.connector.common.{simple}"));
        let collection = Schema::structure(vec![Field::new("data_collection", text()), Field::new("event_count", long())])
            .named("event.collection")
            .versioned(1)
            .optional()
            .shared();
        let key = Schema::structure(vec![Field::new("id", text())]).named(name("TransactionMetadataKey")).versioned(1);
        let value = Schema::structure(vec![
            Field::new("status", text()),
            Field::new("id", text()),
            Field::new("event_count", long().optional()),
            Field::new("data_collections", Schema::new(Kind::Array(collection.clone())).optional()),
            Field::new("ts_ms", long()),
        ]);
        let value = value.named(name("TransactionMetadataValue")).versioned(1);
        Self { key: key.shared(), value: value.shared(), collection }
    }

    /// Key and value of `BEGIN`.
    pub fn begin(&self, id: &ByteString, timestamp: i64) -> (Datum, Datum) {
        self.record("BEGIN", id, Value::Null, Value::Null, timestamp)
    }

    /// Key and value of `END`.
    pub fn end(&self, id: &ByteString, counters: &TransactionCounters, timestamp: i64) -> (Datum, Datum) {
        let collections = counters.counts().into_iter().map(|(table, count)| {
            Value::Struct(Struct::new(self.collection.clone(), vec![Value::from(table), Value::Int64(count)]))
        });
        self.record("END", id, Value::Int64(counters.total), Value::Array(collections.collect()), timestamp)
    }

    fn record(&self, status: &'static str, id: &ByteString, count: Value, collections: Value, timestamp: i64) -> (Datum, Datum) {
        let id = Value::String(id.clone());
        let status = Value::String(ByteString::from_static(status));
        let key = Struct::new(self.key.clone(), vec![id.clone()]);
        let value = Struct::new(self.value.clone(), vec![status, id, count, collections, Value::Int64(timestamp)]);
        (Datum::new(self.key.clone(), Value::Struct(key)), Datum::new(self.value.clone(), Value::Struct(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{datum_json, recorded};

    #[test]
    fn the_records_are_those_of_the_original() {
        let theirs = recorded("streaming-transaction-metadata-topic");
        let records = TransactionRecords::new(NameAdjuster::default());
        let mut counters = TransactionCounters::default();
        counters.begin("822".into());
        let (key, value) = records.begin(&"822:24520048".into(), 1795409571742);
        assert_eq!(datum_json(&key), theirs[0]["key"]);
        assert_eq!(datum_json(&value), theirs[0]["value"]);
        let (customers, identity): (Arc<str>, Arc<str>) = ("public.customers".into(), "public.full_identity".into());
        assert_eq!(counters.count(&customers), EventOrder { total: 1, in_table: 1 });
        assert_eq!(counters.count(&customers), EventOrder { total: 2, in_table: 2 });
        assert_eq!(counters.count(&identity), EventOrder { total: 3, in_table: 1 });
        let (key, value) = records.end(&"822:24520696".into(), &counters, 1795409571742);
        assert_eq!(datum_json(&key), theirs[1]["key"]);
        assert_eq!(datum_json(&value), theirs[1]["value"]);
    }

    #[test]
    fn an_open_transaction_is_in_the_offset() {
        let mut counters = TransactionCounters::default();
        let plain: Arc<dyn ToOffset> = Arc::new(OffsetMap::default());
        assert_eq!(counters.wrap(plain.clone()).to_offset(), OffsetMap::default());
        counters.begin("822".into());
        counters.count(&"public.customers".into());
        let offset = counters.wrap(plain.clone()).to_offset();
        assert_eq!(offset.string("transaction_id"), Some("822"));
        assert_eq!(offset.int("transaction_data_collection_order_public.customers"), Some(1));
        counters.end();
        assert!(counters.wrap(plain).to_offset().is_empty());
    }

    /// `HashMap` of the three keys in a JDK 21: b, c, aa ("aa" hashes to 3104, bucket 0 of 16).
    #[test]
    fn tables_come_in_the_order_of_javas_hash_map() {
        let mut counters = TransactionCounters::default();
        for table in ["c", "b", "aa"] {
            counters.count(&table.into());
        }
        let names: Vec<&str> = counters.counts().into_iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["aa", "b", "c"]);
    }
}
