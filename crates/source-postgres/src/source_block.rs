//! The `source` block of PostgreSQL's events (`io.debezium.connector.postgresql.Source`, version 1).

use std::sync::Arc;

use bytestring::ByteString;
use rowtide_api::{Common, Field, Kind, Schema, SchemaRef, Struct, Value};
use rowtide_cdc::TableId;

use crate::position::Position;
use crate::slab::Slab;

/// The version that `source.version` names: that of the connector whose records these equal.
pub const VERSION: &str = "3.6.1.Final";

/// Which rows of a snapshot are marked (`io.debezium.connector.SnapshotRecord`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SnapshotMarker {
    First,
    FirstInDataCollection,
    True,
    LastInDataCollection,
    Last,
    False,
    Incremental,
}

impl SnapshotMarker {
    /// Null outside of snapshots: the schema's default says so, and a converter that keeps nulls keeps this one too.
    fn value(self) -> Value {
        Value::String(ByteString::from_static(match self {
            SnapshotMarker::First => "first",
            SnapshotMarker::FirstInDataCollection => "first_in_data_collection",
            SnapshotMarker::True => "true",
            SnapshotMarker::LastInDataCollection => "last_in_data_collection",
            SnapshotMarker::Last => "last",
            SnapshotMarker::Incremental => "incremental",
            SnapshotMarker::False => return Value::Null,
        }))
    }
}

/// The names of a table, as the block holds them: made once for each table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableNames {
    schema: ByteString,
    table: ByteString,
}

impl From<&TableId> for TableNames {
    fn from(id: &TableId) -> Self {
        Self { schema: ByteString::from(id.schema.as_deref().unwrap_or("")), table: ByteString::from(&*id.table) }
    }
}

/// Where a transaction came from (`ORIGIN` message).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicationOrigin {
    /// name of the origin
    pub name: ByteString,
    /// commit LSN at the origin
    pub lsn: u64,
}

/// Makes the blocks of one connector.
pub struct SourceBlock {
    schema: SchemaRef,
    name: ByteString,
    database: ByteString,
    last: Option<InCommon>,
}

/// What the blocks of a transaction's events of one table have in common, and of which ones it is.
struct InCommon {
    micros: Option<i64>,
    xid: Option<i64>,
    xmin: Option<i64>,
    table: TableNames,
    origin: Option<ReplicationOrigin>,
    values: Arc<Common>,
}

/// The fields that each event's block has of its own: `sequence` and `lsn`.
const OWN: &[usize] = &[6, 12];

impl SourceBlock {
    /// For this `topic.prefix` and database.
    pub fn new(prefix: &str, database: &str) -> Self {
        Self { schema: schema(), name: prefix.into(), database: database.into(), last: None }
    }

    /// The block's schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The block of an event at this position.
    pub fn block(&self, position: &Position, marker: SnapshotMarker, table: &TableNames, slab: &mut Slab) -> Struct {
        let [sequence, lsn] = own(position, slab);
        let mut values = self.values(position, marker, table, None);
        // a row that was read beside the stream has no place in the log
        let lsn = if marker == SnapshotMarker::Incremental { Value::Null } else { lsn };
        for (index, value) in OWN.iter().zip([sequence, lsn]) {
            values[*index] = value;
        }
        Struct::new(Arc::clone(&self.schema), values)
    }

    /// The same of an event of the stream, which has most of it in common with the event before.
    pub fn streamed(
        &mut self,
        position: &Position,
        table: &TableNames,
        origin: Option<&ReplicationOrigin>,
        slab: &mut Slab,
    ) -> Struct {
        let known = self.last.as_ref().filter(|last| last.is_of(position, table, origin)).map(|last| last.values.clone());
        let common = known.unwrap_or_else(|| {
            let values = Common::new(self.values(position, SnapshotMarker::False, table, origin), OWN);
            let &Position { micros, xid, xmin, .. } = position;
            let (table, origin) = (table.clone(), origin.cloned());
            self.last = Some(InCommon { micros, xid, xmin, table, origin, values: values.clone() });
            values
        });
        Struct::varied(Arc::clone(&self.schema), common, own(position, slab))
    }

    /// All but what is an event's own.
    fn values(
        &self,
        position: &Position,
        marker: SnapshotMarker,
        table: &TableNames,
        origin: Option<&ReplicationOrigin>,
    ) -> Vec<Value> {
        let micros = position.micros.unwrap_or(0);
        let optional = |number: Option<i64>| number.map_or(Value::Null, Value::Int64);
        let placed = |number: Option<i64>| optional(number.filter(|_| marker != SnapshotMarker::Incremental));
        vec![
            Value::String(ByteString::from_static(VERSION)),
            Value::String(ByteString::from_static("postgresql")),
            Value::String(self.name.clone()),
            Value::Int64(micros.div_euclid(1000)),
            marker.value(),
            Value::String(self.database.clone()),
            Value::Null,
            Value::Int64(micros),
            Value::Int64(micros.saturating_mul(1000)),
            Value::String(table.schema.clone()),
            Value::String(table.table.clone()),
            placed(position.xid),
            Value::Null,
            placed(position.xmin),
            origin.map_or(Value::Null, |origin| Value::String(origin.name.clone())),
            optional(origin.map(|origin| origin.lsn as i64)),
        ]
    }
}

impl InCommon {
    fn is_of(&self, position: &Position, table: &TableNames, origin: Option<&ReplicationOrigin>) -> bool {
        (self.micros, self.xid, self.xmin) == (position.micros, position.xid, position.xmin)
            && self.table == *table
            && self.origin.as_ref() == origin
    }
}

/// The values of [`OWN`].
fn own(position: &Position, slab: &mut Slab) -> [Value; 2] {
    [Value::String(sequence(position, slab)), Value::Int64(position.lsn as i64)]
}

/// `["<last commit or null>","<lsn>"]`: what a consumer orders events by.
fn sequence(position: &Position, slab: &mut Slab) -> ByteString {
    let (mut commit, mut lsn) = (itoa::Buffer::new(), itoa::Buffer::new());
    let lsn = lsn.format(position.lsn);
    match position.commit {
        Some(number) => slab.text(&["[\"", commit.format(number), "\",\"", lsn, "\"]"]),
        None => slab.text(&["[null,\"", lsn, "\"]"]),
    }
}

fn schema() -> SchemaRef {
    let text = || Schema::new(Kind::String);
    let long = || Schema::new(Kind::Int64);
    let marker = text()
        .optional()
        .named("io.debezium.data.Enum")
        .versioned(1)
        .parameter("allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental")
        .default_value(Value::string("false"));
    let fields = [
        ("version", text()),
        ("connector", text()),
        ("name", text()),
        ("ts_ms", long()),
        ("snapshot", marker),
        ("db", text()),
        ("sequence", text().optional()),
        ("ts_us", long().optional()),
        ("ts_ns", long().optional()),
        ("schema", text()),
        ("table", text()),
        ("txId", long().optional()),
        ("lsn", long().optional()),
        ("xmin", long().optional()),
        ("origin", text().optional()),
        ("origin_lsn", long().optional()),
    ];
    Schema::structure(fields.into_iter().map(|(name, schema)| Field::new(name, schema)).collect())
        .named("io.debezium.connector.postgresql.Source")
        .versioned(1)
        .shared()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_snapshots_are_marked() {
        let block = SourceBlock::new("p", "d");
        let marked = |marker| {
            block.block(&Position::default(), marker, &TableNames::default(), &mut Slab::default()).get("snapshot").cloned()
        };
        assert_eq!(marked(SnapshotMarker::Last), Some(Value::string("last")));
        // null, which the schema's default explains
        assert_eq!(marked(SnapshotMarker::False), Some(Value::Null));
    }
    #[test]
    fn events_of_a_transaction_and_a_table_share_all_but_their_places() {
        let (mut blocks, mut slab) = (SourceBlock::new("p", "d"), Slab::default());
        let orders = TableNames { schema: "public".into(), table: "orders".into() };
        let at = |lsn, xid| Position { lsn, xid: Some(xid), micros: Some(5), commit: Some(1), ..Position::default() };
        let mut made = |position: &Position, table: &TableNames| {
            let block = blocks.streamed(position, table, None, &mut slab);
            // as one that shares nothing
            assert_eq!(block, blocks.block(position, SnapshotMarker::False, table, &mut Slab::default()));
            block.values.common().unwrap().0.clone()
        };
        let first = made(&at(10, 7), &orders);
        assert!(Arc::ptr_eq(&first, &made(&at(11, 7), &orders)));
        assert!(!Arc::ptr_eq(&first, &made(&at(11, 7), &TableNames::default())));
        assert!(!Arc::ptr_eq(&first, &made(&at(12, 8), &orders)));
    }
}
