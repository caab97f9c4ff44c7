//! The produce stage: hands encoded batches to the sink, collects its acks and says how far everything is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use rowtide_api::failpoint::{self, Failpoint};
use rowtide_api::{Ack, Error, Result, Sink};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::TaskMetrics;
use super::encode::{Encoded, EncodedBatch, Rules};
use super::transaction::Transaction;
use crate::acks::{AckTracker, Durable};
use crate::offsets::OffsetEntry;

/// How far a task is durable; with transactions, how far it is committed.
#[derive(Clone, Default)]
pub(super) struct Progress {
    /// by source partition
    pub durable: Vec<Durable>,
    /// the sequence number before which every record is done
    pub settled: u64,
}

pub(super) struct Produce {
    pub sink: Box<dyn Sink>,
    pub encoded: Encoded,
    pub progress: watch::Sender<Progress>,
    /// asks to send out what is buffered
    pub flushes: mpsc::Receiver<()>,
    pub rules: Rules,
    /// sequence numbers before which everything is to be stored as soon as it is durable
    pub urgent: VecDeque<u64>,
    /// told when it is
    pub store_now: Arc<Notify>,
    /// exactly once: what is not committed yet
    pub transaction: Option<Transaction>,
}

/// The offsets that have moved on since these advances were stored; none removes.
pub(super) fn advanced(durable: &[Durable], stored: impl Fn(usize) -> Option<u64>) -> Vec<OffsetEntry> {
    let news = durable.iter().enumerate().filter(|(index, durable)| stored(*index) != Some(durable.advance));
    let entry = |durable: &Durable| {
        let offset = durable.position.offset.to_offset();
        (durable.position.partition.map.clone(), (!offset.is_empty()).then_some(offset))
    };
    news.map(|(_, durable)| entry(durable)).collect()
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Produce {
    /// Runs until the encode stage is done and all that they made is acknowledged, or until the first error.
    pub async fn run(mut self) -> Result<()> {
        let worked = self.work().await;
        let closed = self.sink.close().await;
        worked.and(closed)
    }

    async fn work(&mut self) -> Result<()> {
        let mut tracker = AckTracker::default();
        let mut acks: Vec<Ack> = Vec::new();
        // A failed record ends the task only once what is before it is durable; a failed sink cannot do more.
        let failed = self.take_batches(&mut tracker, &mut acks).await?;
        self.drain(&mut tracker, &mut acks).await?;
        match failed {
            // Nor is it committed: a change may have lost some of its records (`finalOffsetCommit`).
            Some(failed) => Err(failed),
            None => self.end_transaction(&mut tracker, &mut acks).await,
        }
    }

    /// Ends with the error of a record that may not be skipped, if that is what ended the input.
    async fn take_batches(&mut self, tracker: &mut AckTracker, acks: &mut Vec<Ack>) -> Result<Option<Error>> {
        let mut flushes_open = true;
        loop {
            if self.transaction.as_ref().is_some_and(|open| open.is_full(Instant::now())) {
                self.end_transaction(tracker, acks).await?;
            }
            let due = self.transaction.as_ref().and_then(Transaction::due);
            tokio::select! {
                biased;
                taken = self.sink.acks(acks) => {
                    taken?;
                    self.settle(tracker, acks)?;
                }
                asked = self.flushes.recv(), if flushes_open => match asked {
                    Some(()) if self.transaction.is_some() => self.end_transaction(tracker, acks).await?,
                    Some(()) => self.sink.flush().await?,
                    None => flushes_open = false,
                },
                batch = self.encoded.next() => {
                    let Some(batch) = batch else { return Ok(None) };
                    if let Some(failed) = self.write(tracker, batch).await? {
                        return Ok(Some(failed));
                    }
                }
                () = until(due) => self.end_transaction(tracker, acks).await?,
            }
        }
    }

    /// Waits until everything that was written is acknowledged.
    async fn drain(&mut self, tracker: &mut AckTracker, acks: &mut Vec<Ack>) -> Result<()> {
        self.sink.flush().await?;
        while tracker.outstanding() > 0 {
            self.sink.acks(acks).await?;
            self.settle(tracker, acks)?;
        }
        Ok(())
    }

    /// Commits what was written together with its offsets, if there is anything to commit.
    async fn end_transaction(&mut self, tracker: &mut AckTracker, acks: &mut Vec<Ack>) -> Result<()> {
        if self.transaction.as_ref().is_none_or(Transaction::is_empty) {
            return Ok(());
        }
        self.drain(tracker, acks).await?;
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        let durable: Vec<Durable> = tracker.durable().cloned().collect();
        let entries = advanced(&durable, |index| transaction.committed.get(index).copied());
        self.sink.commit((transaction.offsets)(&entries)).await?;
        failpoint::pass(Failpoint::TransactionCommitted);
        transaction.ended(durable.iter().map(|durable| durable.advance).collect());
        self.publish(tracker);
        Ok(())
    }

    async fn write(&mut self, tracker: &mut AckTracker, batch: EncodedBatch) -> Result<Option<Error>> {
        let first = tracker.next_sequence();
        debug_assert!(batch.records.first().is_none_or(|record| record.sequence >= first));
        for (position, done) in batch.positions {
            tracker.track(position, done);
        }
        batch.reached.into_iter().for_each(|position| tracker.reached(position));
        if batch.urgent {
            self.urgent.push_back(tracker.next_sequence());
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.take(batch.records.len(), batch.urgent, Instant::now());
        }
        if !batch.records.is_empty() {
            self.sink.write(batch.records).await?;
            self.rules.metrics.add_topics(batch.topics);
        }
        self.publish_durable(tracker);
        Ok(batch.failed)
    }

    fn settle(&mut self, tracker: &mut AckTracker, acks: &mut Vec<Ack>) -> Result<()> {
        let mut written = 0;
        let mut failed = None;
        for ack in acks.drain(..) {
            match ack.result {
                Ok(()) => {
                    failpoint::pass(Failpoint::RecordAcked);
                    written += 1;
                    tracker.ack(ack.sequence);
                }
                // KIP-779: errors.tolerance=all holds for records that the sink refuses, too.
                Err(error) => match self.refused(error) {
                    None => drop(tracker.ack(ack.sequence)),
                    Some(error) => drop(failed.get_or_insert(error)),
                },
            }
        }
        TaskMetrics::add(&self.rules.metrics.written, written);
        self.publish_durable(tracker);
        failed.map_or(Ok(()), Err)
    }

    fn refused(&self, error: Error) -> Option<Error> {
        use std::sync::atomic::Ordering::Relaxed;
        let metrics: &Arc<TaskMetrics> = &self.rules.metrics;
        metrics.failures.fetch_add(1, Relaxed);
        if error.kind() != rowtide_api::ErrorKind::Data || !self.rules.tolerance.skip {
            return Some(error);
        }
        metrics.skipped.fetch_add(1, Relaxed);
        if self.rules.tolerance.log {
            tracing::error!(task = &*self.rules.id, "record skipped: {error}");
        }
        None
    }

    /// What is durable in a transaction counts only once that is committed.
    fn publish_durable(&mut self, tracker: &AckTracker) {
        if self.transaction.is_none() {
            self.publish(tracker);
        }
    }

    fn publish(&mut self, tracker: &AckTracker) {
        let settled = tracker.next_sequence() - tracker.outstanding() as u64;
        self.progress.send_modify(|progress| {
            progress.settled = settled;
            progress.durable.clear();
            progress.durable.extend(tracker.durable().cloned());
        });
        while self.urgent.front().is_some_and(|sequence| *sequence <= settled) {
            self.urgent.pop_front();
            self.store_now.notify_one();
        }
    }
}
