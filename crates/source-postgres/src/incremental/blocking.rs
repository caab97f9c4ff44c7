//! Blocking snapshots: tables that a signal asks for, read whole while the stream waits at its place.
//!
//! They are read in one transaction that sees all that was streamed; what it saw beyond that the stream tells again, so
//! that nothing is lost and each row ends as it is.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rowtide_api::{Error, ErrorKind, Result};
use rowtide_cdc::progress::ScanStatus;
use rowtide_cdc::signal::Execute;
use rowtide_cdc::{Change, Dispatcher, Operation, Origin, Row, RowChange, SnapshotEvent, TableId, TableSchema};
use tracing::{info, warn};

use super::Reader;
use crate::catalog;
use crate::client::{Connection, quote_ident};
use crate::errors::explain;
use crate::position::Position;
use crate::publication::quote_table;
use crate::relation::decoders;
use crate::source_block::{SnapshotMarker, TableNames};
use crate::values::ColumnDecoder;

/// Reads the tables. One that cannot be read ends the snapshot, not the stream.
pub async fn run(reader: &mut Reader<'_>, execute: &Execute, out: &mut Dispatcher) -> Result<()> {
    let captured = reader.database.captured_tables().await?;
    let wanted = |id: &&TableId| execute.tables.iter().any(|pattern| pattern.is_full_match(&id.to_string()));
    let tables: Vec<TableId> =
        captured.iter().filter(wanted).filter(|id| !reader.database.filters.is_signal_table(id)).cloned().collect();
    if tables.is_empty() {
        warn!("A blocking snapshot of {:?} has no tables: none of that name is captured", execute.names());
        return Ok(());
    }
    info!("Requested 'BLOCKING' snapshot of data collections '{:?}'", execute.names());
    let mut session = reader.chunks.session(&reader.database.config).await?;
    // a chunk that waits for its place saw what it saw
    let seen = reader.chunks.seen.take();
    let read = read_all(reader, &mut session, &tables, execute, out).await;
    let ended = session.execute("ROLLBACK").await.map_err(|error| explain("ending a blocking snapshot", error));
    reader.chunks.seen = seen;
    let read = read.and(ended);
    reader.chunks.keep(session, &read);
    match read {
        Err(error) if error.kind() != ErrorKind::Transient => {
            warn!("The blocking snapshot is given up, the stream goes on: {error}");
            out.snapshot_event(&SnapshotEvent::Aborted)
        }
        read => read,
    }
}

async fn read_all(
    reader: &mut Reader<'_>,
    session: &mut Connection,
    tables: &[TableId],
    execute: &Execute,
    out: &mut Dispatcher,
) -> Result<()> {
    reader.begin(session).await?;
    out.snapshot_event(&SnapshotEvent::Started { tables: tables.into(), captured: tables.into() })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let mut rows = Rows { at: Position { micros: i64::try_from(now).ok(), ..reader.position.clone() }, held: None, first: true };
    for (index, id) in tables.iter().enumerate() {
        let count = read_table(reader, session, id, execute, &mut rows, out).await?;
        if let Some(held) = rows.held.as_mut().filter(|_| count > 0 && index + 1 < tables.len()) {
            held.marker = if held.marker == SnapshotMarker::First { held.marker } else { SnapshotMarker::LastInDataCollection };
        }
        out.snapshot_event(&SnapshotEvent::TableCompleted { table: id.clone(), rows: count, status: ScanStatus::Succeeded })?;
    }
    if let Some(last) = rows.held.take() {
        rows.emit(reader, Held { marker: SnapshotMarker::Last, ..last }, out)?;
    }
    out.snapshot_event(&SnapshotEvent::Completed)
}

/// A row that waits until it is known whether it is the last one.
struct Held {
    row: Row,
    table: Arc<TableSchema>,
    marker: SnapshotMarker,
    size: usize,
}

struct Rows {
    at: Position,
    held: Option<Held>,
    first: bool,
}

impl Rows {
    fn push(&mut self, reader: &Reader<'_>, next: Held, out: &mut Dispatcher) -> Result<()> {
        match self.held.replace(next) {
            Some(before) => self.emit(reader, before, out),
            None => Ok(()),
        }
    }

    fn emit(&self, reader: &Reader<'_>, held: Held, out: &mut Dispatcher) -> Result<()> {
        let source = reader.database.block.block(&self.at, held.marker, &TableNames::from(&held.table.id), None);
        let origin = Origin { position: Arc::new(reader.position.clone()), source, transaction: None };
        let change = RowChange { operation: Operation::Read, table: held.table, before: None, after: Some(held.row), origin };
        out.dispatch(Change::Row(change), held.size)
    }
}

/// Copies one table out; of a condition the whole statement is the user's. Answers how many rows it has.
async fn read_table(
    reader: &mut Reader<'_>,
    session: &mut Connection,
    id: &TableId,
    execute: &Execute,
    rows: &mut Rows,
    out: &mut Dispatcher,
) -> Result<u64> {
    let database = &mut *reader.database;
    let tables = catalog::read_tables(session, &mut database.types, std::slice::from_ref(id)).await?;
    let Some(table) = tables.into_iter().next() else { return Err(Error::data(format!("table {id} is gone"))) };
    let schema = Arc::new(database.shaper.shape(table, &database.types)?);
    let wanted: Vec<(String, (usize, ColumnDecoder))> = schema
        .table
        .columns
        .iter()
        .zip(decoders(&schema, &schema.table, &database.types))
        .filter_map(|(column, decoder)| Some((quote_ident(&column.name), decoder?)))
        .collect();
    let columns: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let from = match execute.condition(&id.to_string()) {
        Some(statement) => format!("({}) AS conditioned", statement.trim_end_matches(';')),
        None => quote_table(id),
    };
    out.snapshot_event(&SnapshotEvent::TableStarted { table: id.clone() })?;
    let doing = format!("reading table {id}");
    let sql = format!("COPY (SELECT {} FROM {from}) TO STDOUT", columns.join(", "));
    let mut copy = session.copy_out(&sql).await.map_err(|error| explain(&doing, error))?;
    let (mut fields, mut count) = (Vec::new(), 0);
    while let Some(chunk) = copy.next_rows().await.map_err(|error| explain(&doing, error))? {
        out.read_clock();
        for line in chunk {
            crate::decode::copy_text_row(&line, &mut fields)
                .map_err(|error| Error::fatal(format!("COPY of table {id}: {error}")))?;
            let mut row = schema.fallbacks.clone();
            for ((_, (place, decoder)), field) in wanted.iter().zip(&fields) {
                if let Some(text) = field {
                    row[*place] = decoder.text(text)?;
                }
            }
            let marker = match (std::mem::take(&mut rows.first), count) {
                (true, _) => SnapshotMarker::First,
                (false, 0) => SnapshotMarker::FirstInDataCollection,
                (false, _) => SnapshotMarker::True,
            };
            count += 1;
            rows.push(reader, Held { row, table: schema.clone(), marker, size: line.len() }, out)?;
            if out.is_full() {
                out.flush().await?;
            }
        }
    }
    Ok(count)
}
