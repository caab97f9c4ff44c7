//! Rounds of a snapshot amid the stream: what an earlier start has left unread, or what is read while the log goes on
//! (`rowtide.snapshot.concurrent.stream`).
//!
//! A round's rows are as they were at one place of the log, the barrier. They are handed on when the stream stands
//! there: after every transaction that they hold, before every other. So a key's changes come in their order, although
//! its row was read at another time than its neighbours'. How rows are read belongs to `crate::snapshot`.

use std::collections::HashSet;

use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{Error, Result};
use rowtide_cdc::Dispatcher;
use rowtide_cdc::TableId;
use rowtide_cdc::database::Control;
use rowtide_cdc::ledger::Ledger;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};
use tracing::info;

use super::{StreamState, UNASKED, hand_over};
use crate::client::{ReplicationMessage, ReplicationStream};
use crate::config::PostgresConfig;
use crate::database::{Postgres, SnapshotState};
use crate::decode::{self, Message};
use crate::errors::explain;
use crate::position::{Snapshot, lsn_text, parse_lsn};
use crate::snapshot::{self, Emission, Exported, View};
use crate::{session, slot};

/// How long the stream stands still at first while a view is opened; it doubles each time that was too short, up to
/// `internal.create.slot.command.timeout`.
const PATIENCE: Duration = Duration::from_secs(2);

/// The rest of a snapshot.
pub(super) struct Rounds {
    ledger: Ledger,
    stage: Stage,
    /// how long the stream stands still for a view
    patience: Duration,
    /// how long the last view took to open
    opening: Duration,
}

#[derive(Default)]
enum Stage {
    /// nothing is left to be read
    #[default]
    Over,
    /// first the log up to here is streamed: the next view should not grow old meanwhile
    CatchUp(u64),
    /// a view is being opened since then. The server makes it when older transactions have ended, and says only then
    /// which place of the log it belongs to: the stream must not be past that
    Opening(JoinHandle<Result<View>>, Instant),
    /// rows are read; they belong here
    Barrier(u64, Box<Emission>),
}

impl Rounds {
    /// What the database has left to be read.
    pub async fn new(database: &mut Postgres) -> Result<Self> {
        match std::mem::replace(&mut database.snapshot, SnapshotState::None) {
            SnapshotState::Rest(ledger) => Ok(Self {
                ledger,
                stage: Stage::CatchUp(end_of_log(database).await?),
                patience: PATIENCE,
                opening: Duration::ZERO,
            }),
            SnapshotState::None | SnapshotState::Whole { .. } => {
                Ok(Self { ledger: Ledger::default(), stage: Stage::Over, patience: PATIENCE, opening: Duration::ZERO })
            }
        }
    }

    /// Whether nothing is left to be read.
    pub fn are_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether the stream has to stand still.
    pub fn hold_stream(&self) -> bool {
        matches!(&self.stage, Stage::Opening(_, since) if since.elapsed() < self.patience)
    }

    /// Whether something happens when the stream gets to a place: then the server should say where it is.
    pub fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::CatchUp(_) | Stage::Barrier(..))
    }

    /// Whether the stream, about to take this message between two transactions, is past all that lies before the place
    /// that is waited for.
    pub fn are_due(&self, message: &ReplicationMessage) -> bool {
        let (Stage::CatchUp(place) | Stage::Barrier(place, _)) = &self.stage else { return false };
        match message {
            ReplicationMessage::Keepalive { wal_end, .. } => wal_end >= place,
            ReplicationMessage::Data { data, .. } => match decode::pgoutput(data) {
                Ok(Message::Begin(begin)) => begin.final_lsn >= *place,
                Ok(Message::StreamCommit(commit)) => commit.commit_lsn >= *place,
                _ => false,
            },
        }
    }

    /// Waits for the view that is being opened; for ever, if none is. May be dropped while it waits.
    pub async fn opened(&mut self) -> Result<View> {
        let Stage::Opening(opening, since) = &mut self.stage else { return std::future::pending().await };
        let opened = opening.await;
        self.opening = since.elapsed();
        self.stage = Stage::Over;
        opened.map_err(|panic| Error::fatal("opening a view of the tables ended abnormally").caused_by(panic))?
    }

    /// A view is open: reading begins.
    pub async fn read(&mut self, mut view: View, state: &mut StreamState<'_>, out: &mut Dispatcher) -> Result<()> {
        let barrier = view.at.lsn;
        if state.last_commit >= barrier {
            // older transactions took longer than the stream could wait
            self.patience = (self.patience * 2).min(state.database.config.create_slot_timeout.max(PATIENCE));
            self.stage = Stage::CatchUp(0);
            return Ok(());
        }
        self.patience = PATIENCE;
        let wanted = snapshot::initial_tables(state.database).await?;
        let emission = snapshot::begin(state.database, &mut view, &wanted, &self.ledger).await?;
        out.snapshot_expects(emission.book(), emission.estimates());
        out.open_ledger(emission.book().clone(), state.shared_position())?;
        info!("The snapshot goes on with the tables as they are at {}", lsn_text(barrier));
        self.stage = Stage::Barrier(barrier, Box::new(emission));
        Ok(())
    }

    /// The stream stands at the place that was waited for.
    pub async fn go_on(
        &mut self,
        state: &mut StreamState<'_>,
        stream: &mut ReplicationStream,
        out: &mut Dispatcher,
        control: &mut Control,
    ) -> Result<()> {
        match std::mem::take(&mut self.stage) {
            Stage::CatchUp(_) => {
                let held = self.tables_to_hold(state.database).await?;
                let opening = tokio::spawn(open_view(state.database.config.clone(), held));
                self.stage = Stage::Opening(opening, Instant::now());
                Ok(())
            }
            Stage::Barrier(_, emission) => {
                pass(Failpoint::BarrierReached);
                self.emit(*emission, state, stream, out, control).await
            }
            stage => {
                self.stage = stage;
                Ok(())
            }
        }
    }

    /// Tables whose chunks must mean the same when they are read as when the ledger is held against them.
    async fn tables_to_hold(&self, database: &mut Postgres) -> Result<Vec<TableId>> {
        let there: HashSet<TableId> = database.captured_tables().await?.into_iter().collect();
        Ok(self.ledger.open.iter().map(|open| open.table.clone()).filter(|id| there.contains(id)).collect())
    }

    /// Hands the round's rows on. The stream stands still meanwhile, and the server hears from us.
    async fn emit(
        &mut self,
        mut emission: Emission,
        state: &mut StreamState<'_>,
        stream: &mut ReplicationStream,
        out: &mut Dispatcher,
        control: &mut Control,
    ) -> Result<()> {
        // a view that took long to open is read at least as long
        let within = state.database.config.snapshot.round_time.map(|time| time.max(self.opening));
        emission.begin(Snapshot::INITIAL, &state.position, within);
        let mut asked = control.clone();
        loop {
            let piece = tokio::select! {
                piece = emission.next() => piece?,
                () = tokio::time::sleep(state.status_interval().min(UNASKED)) => {
                    state.status_due = true;
                    state.report(stream, control).await?;
                    continue;
                }
                // what is done counts, the next start reads the rest
                () = asked.finished() => return Ok(()),
            };
            let Some(piece) = piece else { break };
            emission.take(piece, out)?;
            while emission.emit(&state.database.block, out)? {
                hand_rows_over(state, stream, out, control).await?;
            }
            if emission.is_idle() {
                hand_rows_over(state, stream, out, control).await?;
            }
        }
        let complete = emission.end();
        while emission.emit(&state.database.block, out)? {
            hand_rows_over(state, stream, out, control).await?;
        }
        hand_rows_over(state, stream, out, control).await?;
        self.ledger = emission.finish().await?;
        // nobody listened meanwhile
        state.heard = Instant::now();
        if !complete {
            self.stage = Stage::CatchUp(end_of_log(state.database).await?);
            return Ok(());
        }
        state.position.snapshot = None;
        out.complete_snapshot(&state.shared_position()).await
    }
}

async fn hand_rows_over(
    state: &mut StreamState<'_>,
    stream: &mut ReplicationStream,
    out: &mut Dispatcher,
    control: &mut Control,
) -> Result<()> {
    pass(Failpoint::ChunkRead);
    hand_over(state, stream, out, control).await?;
    pass(Failpoint::ChunkEmitted);
    Ok(())
}

/// Opens a view whose place in the log a temporary slot says.
async fn open_view(config: PostgresConfig, held: Vec<TableId>) -> Result<View> {
    let mut replication = session::open_replication(&config).await?;
    let mut watcher = session::open(&config, session::GENERAL).await?;
    let created = slot::create(&mut replication, &mut watcher, &config, &slot::lending()).await?;
    let lsn = parse_lsn(&created.consistent_point).unwrap_or(0);
    let exported = Exported { name: created.snapshot_name.unwrap_or_default(), lsn };
    // the sessions keep the snapshot once they are on it; the slot, which holds log back, goes with its connection
    View::open(&config, Some(&exported), &held).await
}

async fn end_of_log(database: &mut Postgres) -> Result<u64> {
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END";
    let rows = database.sql.query(sql).await.map_err(|error| explain("reading the end of the log", error))?;
    Ok(rows.first().and_then(|row| row.get(0).and_then(parse_lsn)).unwrap_or(0))
}
