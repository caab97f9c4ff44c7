//! The life of a source task, the same for every database: open, hold the stored offset against the server, decide
//! on a snapshot, take it, stream.
//!
//! The work runs beside the runtime's polling; between the two is the dispatcher's bounded queue. What each step
//! does belongs to [`Database`]; what becomes of the records belongs to the runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{Batch, Error, OffsetMap, Result, Signal, SourcePartition, SourceTask, TaskContext};
use rowtide_kafka::StartOffset;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

use crate::blocking::Blocking;
use crate::database::{Control, Database, Opened};
use crate::dispatcher::{Aside, Dispatcher};
use crate::heartbeat::Heartbeat;
use crate::incremental::Beside;
use crate::ledger::Ledger;
use crate::progress::SnapshotEvent;
use crate::settings::Settings;
use crate::signal::action;
use crate::signal::channels::{self, FileSignals, Incoming, Way};
use crate::snapshot_mode::SnapshotPlan;

/// A task of any [`Database`].
pub struct CdcTask<D> {
    running: Option<Running>,
    database: std::marker::PhantomData<fn() -> D>,
}

struct Running {
    batches: mpsc::Receiver<Batch>,
    /// none once its end was told
    work: Option<JoinHandle<Result<()>>>,
    log: Arc<SourcePartition>,
    stored: watch::Sender<Option<OffsetMap>>,
    finish: watch::Sender<bool>,
    holds_log: Arc<AtomicBool>,
    signals: mpsc::Sender<Incoming>,
    /// read the other ways of signals until they are dropped
    _readers: JoinSet<()>,
}

impl<D> Default for CdcTask<D> {
    fn default() -> Self {
        Self { running: None, database: std::marker::PhantomData }
    }
}

#[async_trait]
impl<D: Database> SourceTask for CdcTask<D> {
    async fn start(&mut self, context: TaskContext) -> Result<()> {
        let Opened { mut database, partition, emitter, heartbeat_topic, server_name, settings } = D::open(&context).await?;
        let offset = context.offsets.iter().find(|(map, _)| *map == partition.map).map(|(_, offset)| offset.clone());
        match &offset {
            Some(offset) => info!("Found previous offset {:?}", without_keys(offset)),
            None => info!("No previous offset found"),
        }
        let ledger_partition = Ledger::partition(&partition);
        let ledger = context.offsets.iter().find(|(map, _)| *map == ledger_partition.map).map(|(_, ledger)| ledger);
        let stale = ledger.is_some();
        let resume = database.resume(offset.as_ref(), ledger.and_then(Ledger::read)).await?;
        let plan = settings.mode.plan(&resume)?;
        info!("{resume:?}: the snapshot {} be taken", if plan.data { "will" } else { "will not" });
        database.prepare(&plan).await?;
        warn_without_heartbeats(&settings, &context.connector);

        let heartbeat = Heartbeat::new(settings.heartbeat_interval, heartbeat_topic, server_name);
        // a snapshot of everything has nothing to go on with
        let beside = offset.as_ref().filter(|_| !plan.data || !plan.forget_offset).map(Beside::read).unwrap_or_default();
        tell_of_blocking(&beside, offset.as_ref());
        let (signals, channel) = mpsc::channel(channels::WAITING);
        let (stored, stored_seen) = watch::channel(None);
        let file = FileSignals { before: beside.file_signals.unwrap_or(0), stored: stored_seen.clone() };
        let readers = settings.channels.start(signals_from(&beside, offset.is_some(), &settings), file, &signals);
        // a blocking snapshot goes on with its own
        let stale = stale && beside.blocking.is_empty();
        let aside = Aside::new(&settings, beside, channel);
        let log = partition.clone();
        let (mut dispatcher, batches) = Dispatcher::new(emitter, heartbeat, partition, settings.limits, aside, context.progress);
        if stale && (!plan.data || plan.forget_offset) {
            dispatcher.drop_ledger();
        }
        let (finish, finish_seen) = watch::channel(false);
        let holds_log = Arc::new(AtomicBool::default());
        let control = Control { stored: stored_seen, finish: finish_seen, holds_log: holds_log.clone() };
        let work = tokio::spawn(work(database, dispatcher, plan, settings, control));
        self.running = Some(Running { batches, work: Some(work), log, stored, finish, holds_log, signals, _readers: readers });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Batch>> {
        let Some(running) = &mut self.running else { return Ok(None) };
        if let Some(batch) = running.batches.recv().await {
            return Ok(Some(batch));
        }
        // the queue is closed and drained: the work has ended, and says why
        let Some(work) = &mut running.work else { return Ok(None) };
        let ended = work.await;
        running.work = None;
        match ended {
            Ok(ended) => ended.map(|()| None),
            Err(panic) => Err(Error::fatal("the source ended without a word").caused_by(panic)),
        }
    }

    async fn committed(&mut self, partition: &OffsetMap, offset: &OffsetMap) -> Result<()> {
        match &self.running {
            Some(running) if *partition == running.log.map => drop(running.stored.send_replace(Some(offset.clone()))),
            _ => pass(Failpoint::ChunkDone),
        }
        Ok(())
    }

    fn holds_log(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.holds_log.load(Ordering::Relaxed))
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        // what is wrong with it is told to the sender
        action(&signal)?;
        let Some(running) = &self.running else { return Err(Error::transient("the task is not started")) };
        running.signals.try_send(Incoming { signal, way: Way::Rest }).map_err(|_| {
            Error::transient("the task has as many signals waiting as it takes").remedy("send it again when the others are done")
        })
    }

    fn finish(&mut self) {
        if let Some(running) = &self.running {
            running.finish.send_replace(true);
        }
    }

    async fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.finish.send_replace(true);
        running.batches.close();
        let Some(mut work) = running.work else { return };
        let ended = tokio::time::timeout(std::time::Duration::from_secs(4), &mut work).await;
        if ended.is_err() {
            warn!("the source did not end in time and is cut off");
            work.abort();
        }
    }
}

/// Says what becomes of blocking snapshots that were under way.
fn tell_of_blocking(beside: &Beside, offset: Option<&OffsetMap>) {
    for Blocking { signal, .. } in beside.blocking.iter() {
        info!("The blocking snapshot of signal '{}' was under way, and is taken up again", signal.id);
    }
    if beside.blocking.is_empty() && offset.is_some_and(|offset| offset.string("snapshot") == Some("BLOCKING")) {
        warn!(
            "A Java worker left the stored offset amid a blocking snapshot, or after one that it did not end: it keeps no record of what was \
             asked for. Send the signal again if rows are missing"
        );
    }
}

/// An offset for the log: keys of rows are no business of it.
fn without_keys(offset: &OffsetMap) -> OffsetMap {
    OffsetMap(offset.0.iter().filter(|(name, _)| !name.ends_with("_key")).cloned().collect())
}

/// Where in the signal topic to go on: after what was read, else at its beginning, as the original. Where a Java worker has
/// stored the offset, it has read the topic too, and only its consumer group would say how far.
fn signals_from(beside: &Beside, has_offset: bool, settings: &Settings) -> StartOffset {
    match beside.signal_place {
        Some(place) => StartOffset::At(place + 1),
        None if has_offset => {
            if settings.channels.reads_topic() {
                warn!(
                    "The stored offset does not say how far the signal topic was read: it is read from its end. Send signals again that were \
                     sent while no worker ran"
                );
            }
            StartOffset::Latest
        }
        None => StartOffset::Earliest,
    }
}

/// Works until told to finish, then releases the database whatever happened.
async fn work<D: Database>(
    mut database: D,
    mut out: Dispatcher,
    plan: SnapshotPlan,
    settings: Settings,
    control: Control,
) -> Result<()> {
    let worked = phases(&mut database, &mut out, plan, &settings, control).await;
    let closed = database.close().await;
    worked.and(closed)
}

/// Snapshot, then stream. After an `initial_only` snapshot there is nothing to do until the task is stopped.
async fn phases<D: Database>(
    database: &mut D,
    out: &mut Dispatcher,
    plan: SnapshotPlan,
    settings: &Settings,
    mut control: Control,
) -> Result<()> {
    if plan.data {
        let done = tokio::select! {
            done = snapshot(database, out, settings, control.clone()) => done.map(|()| true),
            // a snapshot has no transaction boundary to wait for: what is read of it counts, the next start reads the rest
            () = control.finished() => Ok(false),
        };
        if !matches!(done, Ok(true)) {
            out.snapshot_event(&SnapshotEvent::Aborted)?;
            return done.map(|_| ());
        }
    } else {
        out.snapshot_event(&SnapshotEvent::Skipped)?;
    }
    if !plan.stream {
        info!("Streaming is not enabled in current configuration");
        control.finished().await;
        return Ok(());
    }
    tokio::time::sleep(settings.streaming_delay).await;
    database.stream(out, control).await
}

async fn snapshot<D: Database>(database: &mut D, out: &mut Dispatcher, settings: &Settings, mut control: Control) -> Result<()> {
    tokio::time::sleep(settings.snapshot_delay).await;
    database.snapshot(out, &mut control).await
}

/// Says once what running without heartbeats means.
fn warn_without_heartbeats(settings: &Settings, connector: &str) {
    if settings.heartbeat_interval.is_zero() && settings.mode.streams() {
        warn!(
            "heartbeats are off for connector '{connector}' (heartbeat.interval.ms=0): while captured tables are idle, consumers cannot tell \
             an idle source from a dead connector. Rowtide still lets the log advance whenever nothing captured is in flight; set \
             heartbeat.interval.ms (and heartbeat.action.query where the database itself may be idle) to see it in a topic too"
        );
    }
}
