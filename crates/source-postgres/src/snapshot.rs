//! Reads the rows of the captured tables under one snapshot, with `COPY`, on one connection.
//!
//! The snapshot is the one that a slot exported, so that the stream goes on exactly where it ends. Rows come in the
//! server's own order, tables in the order of the filters, as the peer has them. Chunks on several connections (the
//! next issue) will each run [`copy_table`] under the same exported snapshot.

use std::sync::Arc;

use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{Result, ToOffset};
use rowtide_cdc::progress::ScanStatus;
use rowtide_cdc::{Change, Dispatcher, Operation, Origin, Row, RowChange, SnapshotEvent, Table, TableId, TableSchema};
use tracing::{info, warn};

use crate::catalog;
use crate::client::{Connection, quote_ident};
use crate::config::Isolation;
use crate::database::Postgres;
use crate::errors::explain;
use crate::position::{Position, lsn_text, parse_lsn};
use crate::publication::quote_table;
use crate::relation::decoders;
use crate::session;
use crate::source_block::{SnapshotMarker, TableNames};
use crate::values::ColumnDecoder;

/// Rows between two lines of progress in the log.
const ROWS_BETWEEN_LOGS: u64 = 1_000_000;

/// Takes the snapshot; answers where the stream goes on.
pub async fn run(database: &mut Postgres, out: &mut Dispatcher) -> Result<Arc<dyn ToOffset>> {
    let mut session = session::open(&database.config, session::GENERAL).await?;
    begin(&mut session, database).await?;
    let captured = database.captured_tables().await?;
    let wanted: Vec<TableId> = captured.iter().filter(|id| database.filters.is_snapshotted(id)).cloned().collect();
    out.snapshot_event(&SnapshotEvent::Started { tables: wanted.as_slice().into(), captured: captured.into() })?;
    lock(&mut session, database, &wanted).await?;
    read_position(&mut session, database).await?;
    let tables = catalog::read_tables(&mut session, &mut database.types, &wanted).await?;

    let mut rows = SnapshotRows { held: None, sent: 0 };
    let count = tables.len();
    for (index, table) in tables.into_iter().enumerate() {
        let (first, last) = (index == 0, index + 1 == count);
        copy_table(&mut session, database, table, first, last, &mut rows, out).await?;
    }
    rows.finish(database, out)?;
    execute(&mut session, "ROLLBACK").await?;
    // a temporary slot that lent the snapshot holds log back until its session ends
    if database.created.take().is_some_and(|slot| slot.name != database.config.slot) {
        database.replication = None;
    }
    info!("Snapshot ends with {} rows of {count} tables, the stream goes on at {}", rows.sent, lsn_text(database.position.lsn));
    Ok(Arc::new(database.position.clone()))
}

async fn execute(session: &mut Connection, sql: &str) -> Result<()> {
    session.execute(sql).await.map_err(|error| explain(&format!("executing {sql}"), error))
}

/// Opens the transaction: on the exported snapshot where there is one, else as `snapshot.isolation.mode` says.
async fn begin(session: &mut Connection, database: &Postgres) -> Result<()> {
    let sql = match database.created.as_ref().and_then(|slot| slot.snapshot_name.as_deref()) {
        Some(name) => format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{name}'"),
        None => match database.config.isolation {
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
            Isolation::RepeatableRead => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
            Isolation::ReadUncommitted => "BEGIN ISOLATION LEVEL READ UNCOMMITTED READ ONLY",
        }
        .to_owned(),
    };
    execute(session, &sql).await?;
    // a long COPY is no runaway query
    execute(session, "SET LOCAL statement_timeout = 0").await
}

/// `snapshot.locking.mode=shared`: keeps the tables' shape as it is, not their rows.
async fn lock(session: &mut Connection, database: &Postgres, tables: &[TableId]) -> Result<()> {
    let Some(timeout) = database.config.lock_timeout else { return Ok(()) };
    execute(session, &format!("SET LOCAL lock_timeout = {}", timeout.as_millis())).await?;
    for id in tables {
        execute(session, &format!("LOCK TABLE {} IN ACCESS SHARE MODE", quote_table(id))).await?;
    }
    Ok(())
}

/// Transaction, time and, where no slot says it, position of the snapshot.
async fn read_position(session: &mut Connection, database: &mut Postgres) -> Result<()> {
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE txid_current() END, \
         (extract(epoch FROM current_timestamp) * 1000000)::int8, \
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END";
    let rows = session.query(sql).await.map_err(|error| explain("reading the snapshot's position", error))?;
    let number = |index: usize| rows.first().and_then(|row| row.get(index)?.parse::<i64>().ok());
    let here = rows.first().and_then(|row| row.get(2).and_then(parse_lsn));
    let position = &mut database.position;
    if database.created.is_none() {
        position.lsn = here.unwrap_or(0);
    }
    position.xid = number(0);
    position.micros = number(1);
    Ok(())
}

/// One row is always held back, so that the last one can be marked as such.
struct SnapshotRows {
    held: Option<Held>,
    sent: u64,
}

struct Held {
    row: Row,
    table: Arc<TableSchema>,
    names: TableNames,
    marker: SnapshotMarker,
    size: usize,
}

impl SnapshotRows {
    /// Hands on the row before, and holds this one.
    fn push(&mut self, next: Held, database: &Postgres, out: &mut Dispatcher) -> Result<()> {
        if let Some(before) = self.held.replace(next) {
            self.emit(before, database, out)?;
        }
        Ok(())
    }

    /// The last row of all is `last`, even if tables without rows come after its table.
    fn finish(&mut self, database: &Postgres, out: &mut Dispatcher) -> Result<()> {
        match self.held.take() {
            Some(last) => self.emit(Held { marker: SnapshotMarker::Last, ..last }, database, out),
            None => Ok(()),
        }
    }

    fn emit(&mut self, held: Held, database: &Postgres, out: &mut Dispatcher) -> Result<()> {
        self.sent += 1;
        let at = Position { snapshot: Some(held.marker == SnapshotMarker::Last), ..database.position.clone() };
        let source = database.block.block(&at, held.marker, &held.names, None);
        let origin = Origin { position: Arc::new(at), source, transaction: None };
        let change = RowChange { operation: Operation::Read, table: held.table, before: None, after: Some(held.row), origin };
        out.dispatch(Change::Row(change), held.size)
    }
}

/// Copies one table out. `first` and `last` say where it stands among the tables.
async fn copy_table(
    session: &mut Connection,
    database: &mut Postgres,
    table: Table,
    first: bool,
    last: bool,
    rows: &mut SnapshotRows,
    out: &mut Dispatcher,
) -> Result<()> {
    let id = table.id.clone();
    let schema = Arc::new(database.shaper.shape(table, &database.types)?);
    let plan = copy_plan(session, database, &schema).await?;
    info!("Exporting data from table '{id}' with {}", plan.sql);
    out.snapshot_event(&SnapshotEvent::TableStarted { table: id.clone() })?;
    let names = TableNames::from(&id);
    let doing = format!("reading table {id}");
    let mut copy = session.copy_out(&plan.sql).await.map_err(|error| explain(&doing, error))?;
    let mut fields = Vec::new();
    let mut number = 0_u64;
    while let Some(chunk) = copy.next_rows().await.map_err(|error| explain(&doing, error))? {
        out.read_clock();
        for line in chunk {
            number += 1;
            let row = plan.row(&schema, &line, &mut fields)?;
            let marker = if number == 1 && first {
                SnapshotMarker::First
            } else if number == 1 {
                SnapshotMarker::FirstInDataCollection
            } else {
                SnapshotMarker::True
            };
            rows.push(Held { row, table: schema.clone(), names: names.clone(), marker, size: line.len() }, database, out)?;
            if number.is_multiple_of(ROWS_BETWEEN_LOGS) {
                info!("\t Exported {number} records for table '{id}'");
            }
            if out.is_full() {
                pass(Failpoint::ChunkRead);
                out.flush().await?;
                pass(Failpoint::ChunkEmitted);
            }
        }
    }
    if let Some(held) = rows.held.as_mut().filter(|_| number > 0) {
        held.marker = end_marker(first && number == 1, last);
    }
    out.snapshot_event(&SnapshotEvent::TableCompleted { table: id, rows: number, status: ScanStatus::Succeeded })?;
    out.flush().await
}

/// The marker of a table's last row; `only_first`: it is the first row of the snapshot too.
fn end_marker(only_first: bool, last_table: bool) -> SnapshotMarker {
    match (only_first, last_table) {
        (_, true) => SnapshotMarker::Last,
        (true, false) => SnapshotMarker::First,
        (false, false) => SnapshotMarker::LastInDataCollection,
    }
}

/// A `COPY` statement and how its fields become a row.
struct CopyPlan {
    sql: String,
    fields: Vec<(usize, ColumnDecoder)>,
}

impl CopyPlan {
    fn row(&self, schema: &TableSchema, line: &bytes::Bytes, fields: &mut Vec<Option<bytes::Bytes>>) -> Result<Row> {
        crate::decode::copy_text_row(line, fields)
            .map_err(|error| rowtide_api::Error::fatal(format!("COPY of table {}: {error}", schema.id)))?;
        let mut row = schema.fallbacks.clone();
        for ((place, decoder), field) in self.fields.iter().zip(fields.iter()) {
            if let Some(text) = field {
                row[*place] = decoder.text(text)?;
            }
        }
        Ok(row)
    }
}

/// Selects just the columns that somebody wants; the user's own statement where there is one.
async fn copy_plan(session: &mut Connection, database: &Postgres, schema: &TableSchema) -> Result<CopyPlan> {
    let decoders = decoders(schema, &schema.table, &database.types);
    let wanted = schema.table.columns.iter().zip(decoders).filter_map(|(column, decoder)| Some((column.name.clone(), decoder?)));
    let mut wanted: Vec<_> = wanted.collect();
    let from = match database.filters.select_override(&schema.id) {
        None => quote_table(&schema.id),
        Some(select) => {
            let select = select.trim().trim_end_matches(';');
            let offered = column_names(session, select).await?;
            wanted.retain(|(name, _)| {
                let there = offered.iter().any(|have| **have == **name);
                if !there {
                    warn!("snapshot.select.statement.overrides of {}: the statement has no column '{name}'", schema.id);
                }
                there
            });
            format!("({select}) AS overridden")
        }
    };
    let columns: Vec<_> = wanted.iter().map(|(name, _)| quote_ident(name)).collect();
    let sql = format!("COPY (SELECT {} FROM {from}) TO STDOUT", columns.join(", "));
    Ok(CopyPlan { sql, fields: wanted.into_iter().map(|(_, field)| field).collect() })
}

/// Names of the columns that a statement gives.
async fn column_names(session: &mut Connection, select: &str) -> Result<Vec<String>> {
    let described = session.describe(&format!("SELECT * FROM ({select}) AS overridden LIMIT 0")).await;
    described.map_err(|error| explain("snapshot.select.statement.overrides", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_of_a_table_is_marked_as_the_peer_marks_it() {
        assert_eq!(end_marker(false, false), SnapshotMarker::LastInDataCollection);
        assert_eq!(end_marker(true, false), SnapshotMarker::First);
        assert_eq!(end_marker(true, true), SnapshotMarker::Last);
    }
}
