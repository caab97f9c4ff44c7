//! The way from a source into the pipeline: changes become records, records become bounded batches (`max.batch.size`,
//! `max.queue.size.in.bytes`), and one of them at a time waits for the pipeline.
//!
//! What a record looks like belongs to `envelope`; when a source reads belongs to the source.

mod signals;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{Batch, Error, OffsetMap, Result, SharedProgress, SourcePartition, SourcePosition, ToOffset};
use tokio::sync::mpsc;

use crate::change::Change;
use crate::envelope::Emitter;
use crate::heartbeat::Heartbeat;
use crate::ledger::{Ledger, LedgerBook};
use crate::progress::{ProgressBook, SnapshotEvent};
use crate::table::TableId;
use crate::table_schema::TableSchema;

pub use signals::Aside;

/// Bytes of changes in a batch at most: larger ones push each other out of the processor's caches (`bench/budget.md`), and as
/// JSON with schemas they are twenty times as large.
const BATCH_BYTES: usize = 32 << 10;

/// Batches that wait between source and sink: one is being filled, one waits for the pipeline and one in it. Where a hundred connectors wait for their
/// brokers, each of them has so many in memory.
const BATCHES: usize = 3;

/// How often finished chunks ask to be stored before `offset.flush.interval.ms` at most.
const LEDGER_INTERVAL: Duration = Duration::from_secs(1);

/// Bounds of the batches between a source and the pipeline.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// `max.batch.size`: records in a batch. `max.queue.size` is more than that, and one batch waits at a time.
    pub records: usize,
    /// bytes of changes in a batch
    pub bytes: usize,
}

impl BatchLimits {
    /// From two of Debezium's settings; 0 bytes: no bound but our own.
    pub fn new(max_batch_size: usize, max_queue_bytes: usize) -> Self {
        let bytes = if max_queue_bytes == 0 { BATCH_BYTES } else { (max_queue_bytes / BATCHES).clamp(1, BATCH_BYTES) };
        Self { records: max_batch_size, bytes }
    }
}

/// Takes changes from one source.
pub struct Dispatcher {
    emitter: Emitter,
    heartbeat: Heartbeat,
    partition: Arc<SourcePartition>,
    limits: BatchLimits,
    queue: mpsc::Sender<Batch>,
    batch: Batch,
    batch_bytes: usize,
    /// position of the last change that was emitted whole, unless that is the batch's last record: see [`Dispatcher::whole`]
    whole: Option<SourcePosition>,
    progress: ProgressBook,
    aside: Aside,
    ledger_partition: Arc<SourcePartition>,
    /// of the snapshot under way, where its parts can be told apart after a crash
    ledger: Option<Arc<LedgerBook>>,
    /// when a part's end last asked to be stored at once
    hurried: Option<Instant>,
    now: Duration,
}

impl Dispatcher {
    /// A dispatcher for one partition, and the end of its queue that the task polls.
    pub fn new(
        emitter: Emitter,
        heartbeat: Heartbeat,
        partition: Arc<SourcePartition>,
        limits: BatchLimits,
        aside: Aside,
        progress: SharedProgress,
    ) -> (Self, mpsc::Receiver<Batch>) {
        let (queue, polled) = mpsc::channel(1);
        let mut dispatcher = Self {
            emitter,
            heartbeat,
            ledger_partition: Ledger::partition(&partition),
            partition,
            limits,
            queue,
            batch: Batch::default(),
            batch_bytes: 0,
            whole: None,
            progress: ProgressBook::new(progress),
            aside,
            ledger: None,
            hurried: None,
            now: Duration::ZERO,
        };
        dispatcher.read_clock();
        dispatcher.show_incremental();
        (dispatcher, polled)
    }

    /// Reads the wall clock; sources call it once for each batch that they read, so that no record needs to.
    pub fn read_clock(&mut self) {
        self.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.emitter.set_now(self.now);
    }

    /// The clock as last read, since the epoch.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Turns a change into records. `bytes` is its size as it was read, for the queue's bound.
    ///
    /// A change that gives several records (a delete and its tombstone) counts as done only with the last of them: the
    /// others get the position of the change before, so that a crash between them loses none.
    pub fn dispatch(&mut self, change: Change, bytes: usize) -> Result<()> {
        self.batch_bytes += bytes;
        self.watch(&change);
        let reached = match &change {
            Change::Commit { position, .. } | Change::Progress { position } => Some(position.clone()),
            _ => None,
        };
        let before = self.batch.records.len();
        self.emitter.emit(change, &mut self.batch.records)?;
        let (earlier, records) = self.batch.records.split_at_mut(before);
        if let Some((_, others)) = records.split_last_mut() {
            let whole = self.whole.take();
            if let Some(whole) = whole.as_ref().or(earlier.last().map(|record| &record.position)) {
                others.iter_mut().for_each(|record| record.position = whole.clone());
            }
            self.forget_reached();
        }
        if let Some(position) = reached {
            let position = self.at(position);
            self.whole = Some(position.clone());
            self.reached(position);
        }
        self.send_waiting();
        Ok(())
    }

    /// Takes note of what happens to an initial snapshot.
    pub fn snapshot_event(&mut self, event: &SnapshotEvent) -> Result<()> {
        self.progress.take(event);
        if self.aside.notifier.is_enabled() {
            let notification = self.aside.notifier.of(event);
            self.notify(&notification);
        }
        Ok(())
    }

    /// Takes what a round of a snapshot will read, with the estimated rows of its tables.
    pub fn snapshot_expects(&mut self, book: &LedgerBook, rows: impl Iterator<Item = Option<u64>>) {
        let (finished, open) = book.before();
        self.progress.expect(finished, open.iter().zip(rows));
    }

    /// Whether the reading of a table has begun and has not ended.
    pub fn is_snapshotting(&self, table: &TableId) -> bool {
        self.progress.is_reading(table)
    }

    /// Counts rows of a table that a snapshot has read.
    pub fn snapshot_rows(&mut self, table: &TableId, rows: usize) {
        self.progress.count(table, rows as u64);
    }

    /// A round of a snapshot begins whose parts are written into this ledger. It is stored at once, with the log's
    /// position: from then on a crash is noticed by whoever starts again.
    pub fn open_ledger(&mut self, book: Arc<LedgerBook>, position: Arc<dyn ToOffset>) -> Result<()> {
        self.dispatch(Change::Progress { position }, 0)?;
        self.ledger_reached(Arc::new(book.start()));
        self.ledger = Some(book);
        self.batch.urgent = true;
        Ok(())
    }

    /// All rows of a chunk were dispatched.
    pub fn chunk_done(&mut self, table: usize, chunk: usize) {
        let Some(book) = &self.ledger else { return };
        let position = book.done(table, chunk);
        self.ledger_reached(Arc::new(position));
        if self.hurried.is_none_or(|last| last.elapsed() >= LEDGER_INTERVAL) {
            self.hurried = Some(Instant::now());
            self.batch.urgent = true;
        }
    }

    /// The ledger means nothing any more.
    pub fn drop_ledger(&mut self) {
        self.ledger = None;
        self.ledger_reached(Arc::new(OffsetMap::default()));
    }

    /// All rows of all tables were dispatched: the log's position, which no snapshot is part of any more, is stored
    /// first, then the ledger goes.
    pub async fn complete_snapshot(&mut self, position: &Arc<dyn ToOffset>) -> Result<()> {
        self.read_clock();
        self.snapshot_event(&SnapshotEvent::Completed)?;
        self.dispatch(Change::Progress { position: position.clone() }, 0)?;
        self.force_heartbeat(position);
        if self.ledger.is_some() {
            self.drop_ledger();
            self.batch.urgent = true;
        }
        self.flush().await?;
        pass(Failpoint::SnapshotCompleted);
        Ok(())
    }

    /// Counts a change of a resumed transaction that was emitted before the restart.
    pub fn count_in_transaction(&mut self, table: &TableSchema) {
        self.emitter.count_only(table);
    }

    /// Emits a heartbeat at this position if one is due. True: `heartbeat.action.query` should run now.
    pub fn heartbeat(&mut self, position: impl FnOnce() -> Arc<dyn ToOffset>) -> bool {
        let due = self.heartbeat.due(self.now);
        if due {
            let at = self.at(position());
            self.batch.records.push(self.heartbeat.record(self.now, at));
            self.forget_reached();
        }
        due
    }

    /// Emits a heartbeat now, due or not, unless heartbeats are off.
    pub fn force_heartbeat(&mut self, position: &Arc<dyn ToOffset>) -> bool {
        self.heartbeat.expire();
        self.heartbeat(|| position.clone())
    }

    /// Whether the batch should be handed over before more is added.
    pub fn is_full(&self) -> bool {
        self.batch.records.len() >= self.limits.records || self.batch_bytes >= self.limits.bytes
    }

    /// Whether nothing waits to be handed over.
    pub fn is_empty(&self) -> bool {
        self.batch.records.is_empty() && self.batch.reached.is_empty()
    }

    /// Hands the batch to the pipeline, waiting while the queue is full. Cancelling loses nothing: what was not
    /// handed over goes with the next call.
    pub async fn flush(&mut self) -> Result<()> {
        if self.is_empty() {
            self.batch_bytes = 0;
            return Ok(());
        }
        let slot = self.queue.reserve().await.map_err(|_| Error::transient("the task was stopped"))?;
        self.whole = self.whole().cloned();
        // the next batch will be about as large as this one
        let next = Batch { records: Vec::with_capacity(self.batch.records.len()), ..Batch::default() };
        slot.send(std::mem::replace(&mut self.batch, next));
        self.batch_bytes = 0;
        // first it is encoded, while the processor's caches still hold it; then more is read
        tokio::task::yield_now().await;
        Ok(())
    }

    /// The position of the last change that was emitted whole. While that is the batch's last record nobody has to keep its position beside.
    fn whole(&self) -> Option<&SourcePosition> {
        self.whole.as_ref().or(self.batch.records.last().map(|record| &record.position))
    }

    /// The partition of the log reaches a position past its last record.
    fn reached(&mut self, position: SourcePosition) {
        self.forget_reached();
        // first: whoever stores them one by one stores the log's position before the ledger's end
        self.batch.reached.insert(0, position);
    }

    fn forget_reached(&mut self) {
        let partition = &self.partition;
        self.batch.reached.retain(|reached| !Arc::ptr_eq(&reached.partition, partition));
    }

    fn ledger_reached(&mut self, offset: Arc<dyn ToOffset>) {
        let partition = self.ledger_partition.clone();
        self.batch.reached.retain(|reached| !Arc::ptr_eq(&reached.partition, &partition));
        self.batch.reached.push(SourcePosition { partition, offset });
    }

    fn at(&self, offset: Arc<dyn ToOffset>) -> SourcePosition {
        SourcePosition { partition: self.partition.clone(), offset: self.emitter.with_state(offset) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_between_source_and_sink_keep_the_users_bound_of_bytes() {
        assert_eq!(BatchLimits::new(2048, 0).bytes, BATCH_BYTES);
        assert_eq!(BatchLimits::new(2048, 30_000).bytes * BATCHES, 30_000);
        assert_eq!(BatchLimits::new(2048, 1 << 40).bytes, BATCH_BYTES);
        assert_eq!(BatchLimits::new(2048, 1).bytes, 1, "a change that is larger goes alone");
    }
}
