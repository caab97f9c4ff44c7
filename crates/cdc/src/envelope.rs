//! From a [`Change`] to Connect's source records: envelopes, keys, tombstones, headers, transaction metadata.
//!
//! Schemas are made by `shape`, once for each version of a table. When a record is sent belongs to `dispatcher`.

mod message;

use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use rowtide_api::config::Config;
use rowtide_api::{
    Common, Datum, Header, Result, SchemaRef, SourcePartition, SourcePosition, SourceRecord, Struct, TaskContext, ToOffset, Value,
};
use tracing::debug;

use crate::adjust::NameAdjuster;
use crate::change::{Change, Operation, Origin, Row, RowChange};
use crate::filters::MessageFilter;
use crate::headers::context_headers;
use crate::incremental::offset::{Beside, WithBeside};
use crate::naming::TopicNaming;
use crate::table_schema::{KeySchema, TableSchema};
use crate::transaction::{self, TransactionCounters, TransactionRecords};

use message::MessageShape;

/// The letter of a truncation.
const TRUNCATE: &str = "t";
/// Which field of the envelope a row that a snapshot read has of its own: `after`.
const ROW_READ: &[usize] = &[1];
/// What messages are counted under in transaction metadata.
const MESSAGES: &str = "LOGICAL_DECODING_MESSAGE";

/// What the emitter must know of a kind of source.
#[derive(Clone, Copy, Debug)]
pub struct SourceKind {
    /// the connector's word for itself: `postgresql`
    pub name: &'static str,
    /// transaction names end with `:` and a position that differs from event to event; only what stands before it
    /// names the transaction
    pub position_in_transaction_id: bool,
}

/// What became of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    pub truncated: u64,
    pub messages: u64,
    /// dropped by `skipped.operations` or by the lists of message prefixes
    pub filtered: u64,
    /// dropped by `skip.messages.without.change`, or because they hold no values at all
    pub skipped: u64,
}

/// Turns changes into records.
pub struct Emitter {
    kind: SourceKind,
    partition: Arc<SourcePartition>,
    tombstones: bool,
    skip_unchanged: bool,
    /// letters of `skipped.operations`
    skipped: Vec<String>,
    headers: Arc<[Header]>,
    messages: MessageShape,
    message_filter: MessageFilter,
    transactions: Option<Transactions>,
    beside: Option<Arc<Beside>>,
    new_key: Arc<str>,
    old_key: Arc<str>,
    counts: Counts,
    /// `ts_ms`, `ts_us`, `ts_ns`
    now: [i64; 3],
    /// what the envelopes of rows have in common that a snapshot read
    reads: Option<Reads>,
}

/// All of an envelope but the row, and of which rows it is: those of one table that were read together.
struct Reads {
    envelope: SchemaRef,
    source: Arc<Common>,
    values: Arc<Common>,
}

/// State of `provide.transaction.metadata`.
struct Transactions {
    topic: Arc<str>,
    block: SchemaRef,
    records: TransactionRecords,
    counters: TransactionCounters,
    messages: Arc<str>,
}

/// The rows and the letter of one envelope.
struct Content {
    operation: &'static str,
    before: Value,
    after: Value,
}

impl Emitter {
    /// Reads the options. `source` is the schema of the source's `source` block.
    pub fn read(
        config: &Config<'_>,
        context: &TaskContext,
        kind: SourceKind,
        partition: Arc<SourcePartition>,
        source: SchemaRef,
    ) -> Result<Self> {
        let props = config.props();
        let skipped = props.get("skipped.operations").unwrap_or(TRUNCATE);
        let naming = TopicNaming::read(config)?;
        let names = NameAdjuster::of_schemas(config);
        let block = transaction::block_schema();
        let transactions = config.flag("provide.transaction.metadata").then(|| Transactions {
            topic: naming.transaction(),
            block: block.clone(),
            records: TransactionRecords::new(names),
            counters: TransactionCounters::default(),
            messages: MESSAGES.into(),
        });
        Ok(Self {
            kind,
            partition,
            tombstones: config.flag("tombstones.on.delete"),
            skip_unchanged: config.flag("skip.messages.without.change"),
            skipped: skipped.split(',').map(|word| word.trim().to_owned()).collect(),
            headers: context_headers(config, context, kind.name),
            messages: MessageShape::read(config, kind.name, source, block),
            message_filter: MessageFilter::read(config)?,
            transactions,
            beside: None,
            new_key: "__debezium.newkey".into(),
            old_key: "__debezium.oldkey".into(),
            counts: Counts::default(),
            now: [0; 3],
            reads: None,
        })
    }

    /// The wall clock since the epoch, for `ts_ms` and its siblings.
    pub fn set_now(&mut self, now: Duration) {
        let number = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
        self.now = [number(now.as_millis()), number(now.as_micros()), number(now.as_nanos())];
        self.reads = None;
    }

    /// What became of the changes so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Appends the records of a change. `Progress` and `Schema` give none.
    pub fn emit(&mut self, change: Change, out: &mut Vec<SourceRecord>) -> Result<()> {
        match change {
            Change::Row(change) => self.row(change, out),
            Change::Truncate { table, origin } => {
                let content = Content { operation: TRUNCATE, before: Value::Null, after: Value::Null };
                self.event(&table, Datum::null(), content, origin, None, out);
            }
            Change::Message { prefix, content, origin } => self.message(prefix, content, origin, out),
            Change::Begin { id, timestamp, position, resumed } => self.begin(&id, timestamp, position, resumed, out),
            Change::Commit { id, timestamp, position } => self.end(&id, timestamp, position, out),
            Change::Progress { .. } | Change::Schema { .. } => {}
        }
        Ok(())
    }

    /// Adds to a position what offsets hold beside it: the open transaction's state, when `provide.transaction.metadata`
    /// asks for it, and what goes on beside the stream.
    pub fn with_state(&self, offset: Arc<dyn ToOffset>) -> Arc<dyn ToOffset> {
        let offset = match &self.transactions {
            Some(transactions) => transactions.counters.wrap(offset),
            None => offset,
        };
        match &self.beside {
            Some(beside) => Arc::new(WithBeside { offset, beside: beside.clone() }),
            None => offset,
        }
    }

    /// What goes on beside the stream from now on.
    pub fn set_beside(&mut self, beside: Beside) {
        self.beside = (beside != Beside::default()).then(|| Arc::new(beside));
    }

    /// Counts a change of a resumed transaction that was emitted before the restart.
    pub fn count_only(&mut self, table: &TableSchema) {
        if let Some(transactions) = &mut self.transactions {
            transactions.counters.count(&table.name);
        }
    }

    fn row(&mut self, change: RowChange, out: &mut Vec<SourceRecord>) {
        let RowChange { operation, table, before, after, origin } = change;
        match (operation, before, after) {
            (Operation::Update, before, Some(after)) => self.update(&table, before, after, origin, out),
            (Operation::Delete, Some(before), _) => {
                let key = key_of(table.key.as_ref(), &before);
                let content = Content { operation: Operation::Delete.code(), before: row_of(&table, before), after: Value::Null };
                self.event(&table, key, content, origin, None, out);
            }
            (Operation::Read | Operation::Create, _, Some(after)) => {
                let key = key_of(table.key.as_ref(), &after);
                let content = Content { operation: operation.code(), before: Value::Null, after: row_of(&table, after) };
                self.event(&table, key, content, origin, None, out);
            }
            // a table without replica identity tells nothing of deleted rows
            (operation, ..) => {
                self.counts.skipped += 1;
                debug!(
                    "no values found for table '{}' from '{}' at {:?}; skipping record",
                    table.id,
                    operation.code(),
                    origin.position
                );
            }
        }
    }

    fn update(&mut self, table: &TableSchema, before: Option<Row>, after: Row, origin: Origin, out: &mut Vec<SourceRecord>) {
        let old_key = before.as_ref().filter(|_| table.key.is_some()).map(|before| key_of(table.key.as_ref(), before));
        let key = key_of(table.key.as_ref(), &after);
        let before = before.map_or(Value::Null, |before| row_of(table, before));
        let after = row_of(table, after);
        if self.skip_unchanged && before == after {
            self.counts.skipped += 1;
            return;
        }
        match old_key {
            Some(old_key) if old_key.value != key.value => {
                // the row goes on under another key: whoever compacts by key must see the old one end
                let newer = Header { name: self.new_key.clone(), datum: key.clone() };
                let older = Header { name: self.old_key.clone(), datum: old_key.clone() };
                let delete = Content { operation: Operation::Delete.code(), before, after: Value::Null };
                self.event(table, old_key, delete, origin.clone(), Some(newer), out);
                let create = Content { operation: Operation::Create.code(), before: Value::Null, after };
                self.event(table, key, create, origin, Some(older), out);
            }
            _ => {
                let content = Content { operation: Operation::Update.code(), before, after };
                self.event(table, key, content, origin, None, out);
            }
        }
    }

    /// One envelope, and the tombstone after a delete, unless the operation is skipped.
    fn event(
        &mut self,
        table: &TableSchema,
        key: Datum,
        content: Content,
        origin: Origin,
        header: Option<Header>,
        out: &mut Vec<SourceRecord>,
    ) {
        let operation = content.operation;
        let read = operation == Operation::Read.code();
        if !read && self.skipped.iter().any(|letter| letter == operation) {
            self.counts.filtered += 1;
            return;
        }
        self.count(operation);
        // snapshots are outside of all transactions
        let transaction = if read { Value::Null } else { self.block(&table.name, &origin, out) };
        let value = match origin.source.values.common() {
            Some((source, [])) if read => self.row_read(&table.envelope, content.after, &origin.source, source),
            _ => Struct::new(table.envelope.clone(), self.values(content, origin.source, transaction)),
        };
        let record = SourceRecord {
            topic: table.topic.clone(),
            partition: None,
            key,
            value: Datum::new(table.envelope.clone(), Value::Struct(value)),
            headers: self.headers(header),
            timestamp: None,
            position: self.at(origin.position),
        };
        let tombstone = self.tombstones && operation == Operation::Delete.code();
        let tombstone = tombstone.then(|| tombstone_of(&record));
        out.push(record);
        out.extend(tombstone);
    }

    /// The envelope of a row that a snapshot read, whose `source` block, the `block`, has all its values in common with other rows'.
    fn row_read(&mut self, envelope: &SchemaRef, row: Value, block: &Struct, source: &Arc<Common>) -> Struct {
        let is_known = |last: &&Reads| Arc::ptr_eq(&last.envelope, envelope) && Arc::ptr_eq(&last.source, source);
        let values = match self.reads.as_ref().filter(is_known) {
            Some(last) => last.values.clone(),
            None => {
                let content = Content { operation: Operation::Read.code(), before: Value::Null, after: Value::Null };
                let values = Common::new(self.values(content, block.clone(), Value::Null), ROW_READ);
                self.reads = Some(Reads { envelope: envelope.clone(), source: source.clone(), values: values.clone() });
                values
            }
        };
        Struct::varied(envelope.clone(), values, [row])
    }

    /// The values of an envelope.
    fn values(&self, content: Content, source: Struct, transaction: Value) -> Vec<Value> {
        let [millis, micros, nanos] = self.now.map(Value::Int64);
        let operation = Value::String(ByteString::from_static(content.operation));
        vec![content.before, content.after, Value::Struct(source), transaction, operation, millis, micros, nanos]
    }

    fn message(&mut self, prefix: ByteString, content: bytes::Bytes, origin: Origin, out: &mut Vec<SourceRecord>) {
        if !self.message_filter.is_included(&prefix) {
            self.counts.filtered += 1;
            return;
        }
        self.counts.messages += 1;
        let counted = self.transactions.as_ref().map(|transactions| transactions.messages.clone());
        let transaction = counted.map_or(Value::Null, |name| self.block(&name, &origin, out));
        let (key, value) = self.messages.record(prefix, content, origin.source, transaction, self.now[0]);
        out.push(SourceRecord {
            topic: self.messages.topic(),
            partition: None,
            key,
            value,
            headers: Arc::default(),
            timestamp: None,
            position: self.at(origin.position),
        });
    }

    fn begin(
        &mut self,
        id: &ByteString,
        timestamp: i64,
        position: Arc<dyn ToOffset>,
        resumed: bool,
        out: &mut Vec<SourceRecord>,
    ) {
        let name = self.transaction_name(id);
        let Some(transactions) = &mut self.transactions else { return };
        transactions.counters.begin(name);
        if !resumed {
            let (key, value) = transactions.records.begin(id, timestamp);
            let topic = transactions.topic.clone();
            self.transaction_record(topic, key, value, position, out);
        }
    }

    /// Ends the open transaction, if there is one.
    fn end(&mut self, id: &ByteString, timestamp: i64, position: Arc<dyn ToOffset>, out: &mut Vec<SourceRecord>) {
        let Some(transactions) = self.transactions.as_ref().filter(|one| one.counters.id().is_some()) else { return };
        let (key, value) = transactions.records.end(id, &transactions.counters, timestamp);
        let topic = transactions.topic.clone();
        self.transaction_record(topic, key, value, position, out);
        if let Some(transactions) = &mut self.transactions {
            transactions.counters.end();
        }
    }

    fn transaction_record(
        &self,
        topic: Arc<str>,
        key: Datum,
        value: Datum,
        position: Arc<dyn ToOffset>,
        out: &mut Vec<SourceRecord>,
    ) {
        let position = self.at(position);
        out.push(SourceRecord { topic, partition: None, key, value, headers: Arc::default(), timestamp: None, position });
    }

    /// The transaction block of an event, which counts it. A log without boundaries begins and ends transactions by
    /// the events' own names.
    fn block(&mut self, table: &Arc<str>, origin: &Origin, out: &mut Vec<SourceRecord>) -> Value {
        let Some(transactions) = &self.transactions else { return Value::Null };
        let name = origin.transaction.as_ref().map(|id| self.transaction_name(id));
        if transactions.counters.id() != name.as_deref() {
            let open = transactions.counters.id().map(ByteString::from);
            let timestamp = origin.source.get("ts_ms").and_then(Value::as_i64).unwrap_or(self.now[0]);
            if let Some(open) = open {
                self.end(&open, timestamp, origin.position.clone(), out);
            }
            if let Some(id) = &origin.transaction {
                self.begin(id, timestamp, origin.position.clone(), false, out);
            }
        }
        match (&mut self.transactions, &origin.transaction) {
            (Some(transactions), Some(id)) => {
                let order = transactions.counters.count(table);
                let values = vec![Value::String(id.clone()), Value::Int64(order.total), Value::Int64(order.in_table)];
                Value::Struct(Struct::new(transactions.block.clone(), values))
            }
            _ => Value::Null,
        }
    }

    /// What names a transaction for as long as it is open.
    fn transaction_name(&self, id: &ByteString) -> ByteString {
        match id.rsplit_once(':') {
            Some((name, _)) if self.kind.position_in_transaction_id => id.slice_ref(name),
            _ => id.clone(),
        }
    }

    fn headers(&self, first: Option<Header>) -> Arc<[Header]> {
        match first {
            None => self.headers.clone(),
            Some(header) => std::iter::once(header).chain(self.headers.iter().cloned()).collect(),
        }
    }

    fn count(&mut self, operation: &str) {
        let counts = &mut self.counts;
        let count = match operation {
            "r" => &mut counts.read,
            "c" => &mut counts.created,
            "u" => &mut counts.updated,
            "d" => &mut counts.deleted,
            _ => &mut counts.truncated,
        };
        *count += 1;
    }

    fn at(&self, offset: Arc<dyn ToOffset>) -> SourcePosition {
        SourcePosition { partition: self.partition.clone(), offset: self.with_state(offset) }
    }
}

/// What follows a delete, so that compaction forgets the key.
fn tombstone_of(delete: &SourceRecord) -> SourceRecord {
    SourceRecord {
        topic: delete.topic.clone(),
        partition: delete.partition,
        key: delete.key.clone(),
        value: Datum::null(),
        headers: delete.headers.clone(),
        timestamp: delete.timestamp,
        position: delete.position.clone(),
    }
}

/// The key of a row that is not masked yet.
fn key_of(key: Option<&KeySchema>, row: &Row) -> Datum {
    let Some(key) = key else { return Datum::null() };
    let mut values = Vec::with_capacity(key.fields.len() + key.appended.len());
    for (place, field) in key.fields.iter().zip(key.schema.fields()) {
        values.push(match row.get(*place) {
            // the row's field may have parameters that the key's has not
            Some(Value::Struct(value)) => Value::Struct(Struct { schema: field.schema.clone(), values: value.values.clone() }),
            value => value.cloned().unwrap_or_default(),
        });
    }
    values.extend(key.appended.iter().cloned());
    Datum::new(key.schema.clone(), Value::Struct(Struct::new(key.schema.clone(), values)))
}

/// The row as it is emitted: masked, and without what only the key needs.
fn row_of(table: &TableSchema, mut row: Row) -> Value {
    row.resize(table.row.fields().len(), Value::Null);
    for (place, mapper) in &table.mappers {
        if let Some(value) = row.get_mut(*place) {
            *value = mapper.apply(std::mem::take(value));
        }
    }
    Value::Struct(Struct::new(table.row.clone(), row))
}

#[cfg(test)]
mod tests;
