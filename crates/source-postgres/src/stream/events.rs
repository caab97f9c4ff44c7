//! What each message of the stream does to the state: transactions, rows, truncations, logical messages.

use std::sync::Arc;

use bytestring::ByteString;
use rowtide_api::{Error, Result, Struct, ToOffset};
use rowtide_cdc::{Change, Dispatcher, Operation, Origin, Row, RowChange, Table, TableId};
use tracing::{info, warn};

use super::{StreamState, Transaction};
use crate::catalog;
use crate::decode::{Begin, LogicalMessage, Message, OldTuple, Relation, Tuple};
use crate::locator::Verdict;
use crate::position::{Mark, MessageType};
use crate::relation::Captured;
use crate::source_block::{ReplicationOrigin, TableNames};

/// Filtered events between two warnings that the log grows, where nothing else moves it on.
const FILTERED_BETWEEN_WARNINGS: u64 = 10_000;

impl StreamState<'_> {
    pub(super) fn begin(&mut self, wal_start: u64, begin: &Begin, out: &mut Dispatcher) -> Result<()> {
        let xid = i64::from(begin.xid);
        self.locator.begin(begin.final_lsn, xid);
        self.last_commit = begin.final_lsn;
        let unseen = self.chunks.begin(begin.xid, begin.final_lsn);
        out.incremental().transaction(unseen);
        let resumed = !self.locator.is_passed();
        self.transaction = Some(Transaction { commit: begin.final_lsn, events: 0, origin: None });
        let position = &mut self.position;
        position.lsn = wal_start;
        position.xid = Some(xid);
        position.micros = Some(begin.timestamp_micros);
        position.message = Some(MessageType::Begin);
        position.mark = Some(Mark { transaction: begin.final_lsn, event: 0 });
        position.java = None;
        let (id, timestamp, position) = (self.transaction_id(), begin.timestamp_micros.div_euclid(1000), self.shared_position());
        out.dispatch(Change::Begin { id, timestamp, position, resumed }, 0)
    }

    pub(super) fn commit(&mut self, wal_start: u64, out: &mut Dispatcher) -> Result<()> {
        self.settle(out)?;
        self.locator.commit();
        self.chunks.reached = self.chunks.reached.max(wal_start);
        let Some(transaction) = self.transaction.take() else {
            return Err(Error::fatal("pgoutput sent a COMMIT outside of a transaction"));
        };
        let position = &mut self.position;
        position.lsn = wal_start;
        position.processed = Some(wal_start);
        position.commit = Some(wal_start);
        position.message = Some(MessageType::Commit);
        position.mark = Some(Mark { transaction: transaction.commit, event: Mark::WHOLE });
        position.java = None;
        position.idle = None;
        let timestamp = position.micros.unwrap_or(0).div_euclid(1000);
        let (id, position) = (self.transaction_id(), self.shared_position());
        out.dispatch(Change::Commit { id, timestamp, position }, 0)
    }

    /// `<xid>:<lsn>`, with the LSN of this very moment: the peer's transaction topic has it so.
    fn transaction_id(&self) -> ByteString {
        format!("{}:{}", self.position.xid.unwrap_or(0), self.position.lsn).into()
    }

    /// The table of a relation message: columns from the message, which is exact for this point of the log; defaults,
    /// nullability and key from the catalogs as they are now, which is the best there is.
    pub(super) async fn relation(&mut self, relation: &Relation) -> Result<Option<Captured>> {
        let id = TableId::in_schema(&*relation.namespace, &*relation.name);
        if !self.database.filters.is_captured(&id) {
            return Ok(None);
        }
        refuse_case_twins(relation, &id)?;
        let database = &mut *self.database;
        if let Some(xid) = self.transaction.as_ref().and(self.position.xid) {
            catalog::wait_until_visible(&mut database.sql, xid as u32).await?;
        }
        let oids: Vec<u32> = relation.columns.iter().map(|column| column.type_oid).collect();
        catalog::load_types(&mut database.sql, &mut database.types, &oids).await?;
        let known = catalog::read_tables(&mut database.sql, &mut database.types, std::slice::from_ref(&id)).await?;
        let table = table_of(relation, id, known.first(), &database.types);
        let schema = Arc::new(database.shaper.shape(table, &database.types)?);
        Ok(Some(Captured::new(schema, &database.types)))
    }

    /// An event that counts within its transaction, captured or not.
    pub(super) fn counted(&mut self, wal_start: u64, message: Message, out: &mut Dispatcher, size: usize) -> Result<()> {
        let Some(transaction) = &mut self.transaction else {
            return Err(Error::fatal("pgoutput sent a change outside of a transaction"));
        };
        transaction.events += 1;
        let number = transaction.events;
        if self.locator.is_passed() {
            return self.apply(wal_start, number, &message, out, size);
        }
        let verdict = self.locator.event(transaction.commit, number, wal_start);
        match verdict {
            Verdict::Skip => self.count_only(wal_start, number, &message, out),
            Verdict::Hold => {
                self.held = Some((wal_start, number, message, size));
                Ok(())
            }
            Verdict::Pass => {
                self.settle(out)?;
                self.apply(wal_start, number, &message, out, size)
            }
        }
    }

    /// Decides on the event that was held because it has the stored LSN.
    fn settle(&mut self, out: &mut Dispatcher) -> Result<()> {
        let Some((wal_start, number, message, size)) = self.held.take() else { return Ok(()) };
        if self.locator.settle() {
            self.apply(wal_start, number, &message, out, size)
        } else {
            self.count_only(wal_start, number, &message, out)
        }
    }

    /// An event that was emitted before counts in its transaction's metadata still.
    fn count_only(&mut self, wal_start: u64, number: u64, message: &Message, out: &mut Dispatcher) -> Result<()> {
        self.advance(wal_start, number, message);
        let relation = match message {
            Message::Insert(insert) => insert.relation,
            Message::Update(update) => update.relation,
            Message::Delete(delete) => delete.relation,
            _ => return Ok(()),
        };
        if let Some(Some(captured)) = self.relations.get(relation) {
            out.count_in_transaction(&captured.schema);
        }
        Ok(())
    }

    fn advance(&mut self, wal_start: u64, number: u64, message: &Message) {
        let transaction = self.transaction.as_ref().map_or(0, |transaction| transaction.commit);
        let kind = match message {
            Message::Insert(_) => MessageType::Insert,
            Message::Update(_) => MessageType::Update,
            Message::Delete(_) => MessageType::Delete,
            Message::Truncate(_) => MessageType::Truncate,
            _ => MessageType::Message,
        };
        self.position.advance(wal_start, Mark { transaction, event: number }, kind);
    }

    fn apply(&mut self, wal_start: u64, number: u64, message: &Message, out: &mut Dispatcher, size: usize) -> Result<()> {
        // only a truncation of several tables needs the place before it
        let before = matches!(message, Message::Truncate(_)).then(|| self.shared_position());
        self.advance(wal_start, number, message);
        match message {
            Message::Insert(insert) => self.row(insert.relation, Operation::Create, None, Some(&insert.new), out, size),
            Message::Update(update) => {
                self.row(update.relation, Operation::Update, update.old.as_ref(), Some(&update.new), out, size)
            }
            Message::Delete(delete) => self.row(delete.relation, Operation::Delete, Some(&delete.old), None, out, size),
            Message::Truncate(truncate) => self.truncate(&truncate.relations, before, out),
            Message::Logical(logical) => self.logical(logical, out, size),
            _ => Ok(()),
        }
    }

    fn row(
        &mut self,
        relation: u32,
        operation: Operation,
        old: Option<&OldTuple>,
        new: Option<&Tuple>,
        out: &mut Dispatcher,
        size: usize,
    ) -> Result<()> {
        let captured = match self.relations.get(relation) {
            Some(Some(captured)) => captured,
            Some(None) => return self.filtered(),
            None => return Err(Error::fatal(format!("pgoutput sent a change of relation {relation} without describing it"))),
        };
        let before: Option<Row> = old.map(|old| captured.row(&old.tuple, None, &mut self.slab)).transpose()?;
        let after = new.map(|new| captured.row(new, before.as_ref(), &mut self.slab)).transpose()?;
        let source =
            self.database.block.streamed(&self.position, &captured.names, replicated_from(&self.transaction), &mut self.slab);
        let (table, origin) = (captured.schema.clone(), self.origin(source));
        out.dispatch(Change::Row(RowChange { operation, table, before, after, origin }), size)
    }

    fn origin(&self, source: Struct) -> Origin {
        Origin { position: self.shared_position(), source, transaction: self.metadata.then(|| self.transaction_id()) }
    }

    /// One change for each captured table; all but the last still have the position before, so that none is lost.
    fn truncate(&mut self, relations: &[u32], before: Option<Arc<dyn ToOffset>>, out: &mut Dispatcher) -> Result<()> {
        let captured: Vec<_> = relations
            .iter()
            .filter_map(|id| self.relations.get(*id)?)
            .map(|captured| {
                let source = self.database.block.streamed(
                    &self.position,
                    &captured.names,
                    replicated_from(&self.transaction),
                    &mut self.slab,
                );
                (captured.schema.clone(), source)
            })
            .collect();
        let last = captured.len().saturating_sub(1);
        for (index, (table, source)) in captured.into_iter().enumerate() {
            let mut origin = self.origin(source);
            if index < last
                && let Some(before) = &before
            {
                origin.position = before.clone();
            }
            out.dispatch(Change::Truncate { table, origin }, 0)?;
        }
        Ok(())
    }

    /// A message outside of transactions: it commits itself.
    pub(super) fn plain_message(
        &mut self,
        wal_start: u64,
        message: &LogicalMessage,
        out: &mut Dispatcher,
        size: usize,
    ) -> Result<()> {
        if self.locator.message(wal_start) == Verdict::Skip {
            return Ok(());
        }
        let position = &mut self.position;
        position.lsn = wal_start;
        position.processed = Some(wal_start);
        position.commit = Some(wal_start);
        position.xid = None;
        position.message = Some(MessageType::Message);
        position.mark = Some(Mark { transaction: wal_start, event: Mark::WHOLE });
        position.java = None;
        position.idle = None;
        self.logical(message, out, size)
    }

    fn logical(&mut self, message: &LogicalMessage, out: &mut Dispatcher, size: usize) -> Result<()> {
        let source = self.database.block.streamed(
            &self.position,
            &TableNames::default(),
            replicated_from(&self.transaction),
            &mut self.slab,
        );
        let origin = self.origin(source);
        out.dispatch(Change::Message { prefix: message.prefix.clone(), content: message.content.clone(), origin }, size)
    }

    /// An event of a table that is not captured. The log moves on with the next commit all the same; in manual mode
    /// nothing does that, so it is said.
    fn filtered(&mut self) -> Result<()> {
        self.filtered += 1;
        if self.filtered.is_multiple_of(FILTERED_BETWEEN_WARNINGS) {
            info!(
                "{} events of tables that are not captured were received: a publication of just the captured tables \
                 (publication.autocreate.mode=filtered) would spare the server from sending them",
                self.filtered
            );
        }
        Ok(())
    }
}

/// Where a transaction was replicated from, if it was.
fn replicated_from(transaction: &Option<Transaction>) -> Option<&ReplicationOrigin> {
    transaction.as_ref()?.origin.as_ref()
}

/// Consumers and Debezium itself look columns up without regard to case: two that differ only by it would be mixed up.
fn refuse_case_twins(relation: &Relation, id: &TableId) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    match relation.columns.iter().find(|column| !seen.insert(column.name.to_lowercase())) {
        None => Ok(()),
        Some(twin) => {
            Err(Error::configuration(format!("Table '{id}' has columns that differ only by case. Column name: '{}'.", twin.name))
                .remedy("rename one of them, or exclude the table"))
        }
    }
}

/// A table with the columns of the message and what the catalogs say beside them.
fn table_of(relation: &Relation, id: TableId, known: Option<&Table>, types: &crate::types::PgTypes) -> Table {
    let columns = relation.columns.iter().map(|sent| {
        let mut column = types.streamed_column(&sent.name, sent.type_oid, sent.type_modifier);
        match known.and_then(|table| table.columns.iter().find(|have| *have.name == *sent.name)) {
            Some(have) => {
                column.optional = have.optional;
                column.default = have.default.clone();
                column.auto_increment = have.auto_increment;
            }
            None => {
                warn!("Column '{}' optionality of table {id} could not be determined, defaulting to true", sent.name);
                column.optional = true;
            }
        }
        column
    });
    let columns: Vec<_> = columns.collect();
    let key = match known {
        // a key column may come from the future: the catalogs are newer than the message
        Some(table) => table.key.iter().filter(|name| columns.iter().any(|column| column.name == **name)).cloned().collect(),
        // the table is gone: its replica identity is the best guess
        None if relation.identity == b'f' => Vec::new(),
        None => relation.columns.iter().filter(|column| column.is_key).map(|column| (&*column.name).into()).collect(),
    };
    Table { id, columns, key, comment: known.and_then(|table| table.comment.clone()) }
}
