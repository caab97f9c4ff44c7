//! Blocking snapshots: tables that a signal asks for, read while the stream waits at its place, by the machinery of the
//! initial snapshot.
//!
//! Their view sees all that was streamed; what it saw beyond that the stream tells again, so that nothing is lost and
//! each row ends as it is. For the same reason chunks that a killed process has read need not be read again.

use rowtide_api::{ErrorKind, Result, SnapshotKind};
use rowtide_cdc::blocking::Blocking;
use rowtide_cdc::ledger::Ledger;
use rowtide_cdc::signal::Execute;
use rowtide_cdc::{Change, Dispatcher, SnapshotEvent, TableId};
use tracing::{info, warn};

use super::{Reader, visibility};
use crate::errors::explain;
use crate::position::{Position, Snapshot};
use crate::snapshot::{self, View, Wanted};

/// Takes the snapshot. One that cannot be read ends, not the stream.
pub async fn run(reader: &mut Reader<'_>, asked: &Blocking, out: &mut Dispatcher) -> Result<()> {
    match take(reader, asked, out).await {
        Err(error) if error.kind() != ErrorKind::Transient => {
            warn!("The blocking snapshot of signal '{}' is given up, the stream goes on: {error}", asked.signal.id);
            out.snapshot_event(&SnapshotEvent::Aborted)?;
            out.end_blocking();
            out.dispatch(Change::Progress { position: reader.shared_position() }, 0)?;
            out.drop_ledger();
            Ok(())
        }
        taken => taken,
    }
}

async fn take(reader: &mut Reader<'_>, asked: &Blocking, out: &mut Dispatcher) -> Result<()> {
    let execute = asked.execute()?;
    let wanted = wanted(reader, &execute).await?;
    if wanted.is_empty() {
        warn!("A blocking snapshot of {:?} has no tables: none of that name is captured", execute.names());
        out.end_blocking();
        return Ok(());
    }
    info!("Requested 'BLOCKING' snapshot of data collections '{:?}'", execute.names());
    let tables: Vec<TableId> = wanted.iter().map(|wanted| wanted.table.clone()).collect();
    let kind = SnapshotKind::Blocking;
    out.snapshot_event(&SnapshotEvent::Started { kind, tables: tables.clone().into(), captured: tables.into() })?;
    let ledger = reader.database.take_unfinished(Some(&asked.token));
    let mut view = open_view(reader, &wanted, &ledger).await?;
    let position = reader.position.clone();
    let mut emission = snapshot::begin(reader.database, &mut view, &wanted, &ledger).await?;
    out.snapshot_expects(emission.book(), emission.estimates());
    emission.begin(Snapshot::BLOCKING, &position, None);
    out.open_ledger(emission.book().clone(), emission.position())?;
    snapshot::hand_all_on(&mut emission, &reader.database.block, out).await?;
    emission.finish().await?;
    out.end_blocking();
    out.complete_snapshot(&reader.shared_position()).await
}

/// The tables that are meant; of a condition the whole statement is the user's.
async fn wanted(reader: &mut Reader<'_>, execute: &Execute) -> Result<Vec<Wanted>> {
    let mut captured = reader.database.captured_tables().await?;
    let filters = &reader.database.filters;
    captured.retain(|id| !filters.is_signal_table(id) && execute.asks_for(&id.to_string()));
    let statement = |id: &TableId| execute.condition(&id.to_string()).map(str::to_owned);
    Ok(captured.into_iter().map(|table| Wanted { statement: statement(&table), table }).collect())
}

/// A view that sees all that was streamed, and whose rows are said to be of the stream's place, as in the original. Tables
/// of which chunks are done must mean the same when they are read as when the ledger is held against them.
async fn open_view(reader: &mut Reader<'_>, wanted: &[Wanted], ledger: &Ledger) -> Result<View> {
    let config = reader.database.config.clone();
    let mut session = reader.chunks.session(&config).await?;
    // what one transaction sees, every later one sees
    let seen = reader.open(&mut session, visibility::BEGIN).await;
    let ended = session.execute("ROLLBACK").await.map_err(|error| explain("ending the look at what is seen", error));
    reader.chunks.keep(session, &seen);
    seen.and(ended)?;
    let begun = |id: &TableId| wanted.iter().any(|wanted| wanted.table == *id);
    let held: Vec<TableId> = ledger.open.iter().map(|open| open.table.clone()).filter(begun).collect();
    let mut view = View::open(&config, None, &held).await?;
    view.at = Position { micros: view.at.micros, ..reader.position.clone() };
    Ok(view)
}
