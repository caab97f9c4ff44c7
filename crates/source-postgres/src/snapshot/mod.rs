//! Reads the rows of the captured tables with `COPY`, on one connection or several, in chunks of which a ledger says
//! which are done.
//!
//! The first round is read under the snapshot that the slot exported, so that the stream goes on exactly where it ends.
//! Here it is driven; later rounds, which a crash or `rowtide.snapshot.concurrent.stream` makes necessary, are driven by
//! `stream::rounds` amid the log, and what signals ask for by `incremental::blocking`.

mod emission;
mod late;
pub mod locks;
mod plan;
mod round;
mod split;
mod view;

use std::sync::Arc;

use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{Result, SnapshotKind, ToOffset};
use rowtide_cdc::database::Control;
use rowtide_cdc::ledger::Ledger;
use rowtide_cdc::{Dispatcher, SnapshotEvent, TableId};
use tracing::info;

pub use emission::Emission;
pub use plan::Wanted;
pub use view::{Exported, View};

use crate::database::{Postgres, SnapshotState};
use crate::position::{Position, Snapshot, lsn_text};
use crate::source_block::SourceBlock;

/// Takes the snapshot, or leaves to the stream what an earlier start has begun.
pub async fn run(database: &mut Postgres, out: &mut Dispatcher, control: &mut Control) -> Result<()> {
    let captured = database.captured_tables().await?;
    let tables: Arc<[TableId]> = captured.iter().filter(|id| database.filters.is_snapshotted(id)).cloned().collect();
    out.snapshot_event(&SnapshotEvent::Started { kind: SnapshotKind::Initial, tables, captured: captured.into() })?;
    let SnapshotState::Whole { resumable } = database.snapshot else {
        info!("The snapshot goes on beside the stream: what an earlier start has read is not read again");
        return Ok(());
    };
    let exported = database.created.as_ref().and_then(|slot| slot.snapshot_name.clone());
    let exported = exported.map(|name| Exported { name, lsn: database.position.lsn });
    let mut view = View::open(&database.config, exported.as_ref(), &[]).await?;
    let position = Position { system: database.position.system, ..view.at.clone() };
    let wanted = initial_tables(database).await?;
    let mut emission = begin(database, &mut view, &wanted, &Ledger::default()).await?;
    out.snapshot_expects(emission.book(), emission.estimates());
    emission.begin(Snapshot::INITIAL, &position, database.config.snapshot.round_time.filter(|_| resumable));
    if resumable {
        // a crash from here on is noticed by the next start: it streams on from here before it reads again
        out.open_ledger(emission.book().clone(), emission.position())?;
        out.flush().await?;
        control.stored_once().await?;
    }
    let complete = hand_all_on(&mut emission, &database.block, out).await?;
    let ledger = emission.finish().await?;
    // a temporary slot that lent the snapshot holds log back until its session ends
    if database.created.take().is_some_and(|slot| slot.name != database.config.slot) {
        database.replication = None;
    }
    database.position = position;
    if complete {
        database.snapshot = SnapshotState::None;
        info!("The stream goes on at {}", lsn_text(database.position.lsn));
        let position: Arc<dyn ToOffset> = Arc::new(database.position.clone());
        return out.complete_snapshot(&position).await;
    }
    database.position.snapshot = Some(Snapshot::INITIAL);
    database.snapshot = SnapshotState::Rest(ledger);
    Ok(())
}

/// What the initial snapshot is of.
pub async fn initial_tables(database: &mut Postgres) -> Result<Vec<Wanted>> {
    let mut captured = database.captured_tables().await?;
    let filters = &database.filters;
    captured.retain(|id| filters.is_snapshotted(id));
    let statement = |id: &TableId| filters.select_override(id).map(str::to_owned);
    Ok(captured.into_iter().map(|table| Wanted { statement: statement(&table), table }).collect())
}

/// Plans a round and starts to read it.
pub async fn begin(database: &mut Postgres, view: &mut View, wanted: &[Wanted], ledger: &Ledger) -> Result<Emission> {
    view.lock(&database.config, wanted.iter().map(|wanted| &wanted.table)).await?;
    let plans = plan::plan(database, view, wanted, ledger).await?;
    pass(Failpoint::RoundBegun);
    Ok(Emission::start(view, plans, ledger))
}

/// Hands on all that is read. True: no other round is needed.
pub async fn hand_all_on(emission: &mut Emission, block: &SourceBlock, out: &mut Dispatcher) -> Result<bool> {
    while let Some(piece) = emission.next().await? {
        emission.take(piece, out)?;
        while emission.emit(block, out)? {
            hand_on(out).await?;
        }
        if emission.is_idle() {
            hand_on(out).await?;
        }
    }
    let complete = emission.end();
    while emission.emit(block, out)? {
        hand_on(out).await?;
    }
    hand_on(out).await?;
    Ok(complete)
}

async fn hand_on(out: &mut Dispatcher) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    pass(Failpoint::ChunkRead);
    out.flush().await?;
    pass(Failpoint::ChunkEmitted);
    Ok(())
}
