//! The produce stage: hands encoded batches to the sink, collects its acks and says how far everything is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use rowtide_api::failpoint::{self, Failpoint};
use rowtide_api::{Ack, Error, Result, Sink};
use tokio::sync::{Notify, mpsc, watch};

use super::TaskMetrics;
use super::encode::{Encoded, EncodedBatch, Rules};
use crate::acks::{AckTracker, Durable};

/// How far a task is durable.
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
}

impl Produce {
    /// Runs until the encode stage is done and all that they made is acknowledged, or until the first error.
    pub async fn run(mut self) -> Result<()> {
        let mut tracker = AckTracker::default();
        let mut acks: Vec<Ack> = Vec::new();
        let ended = self.take_batches(&mut tracker, &mut acks).await;
        // A failed record ends the task only once what is before it is durable; a failed sink cannot do more.
        let (drain, result) = match ended {
            Ok(failed) => (true, failed.map_or(Ok(()), Err)),
            Err(error) => (false, Err(error)),
        };
        if drain {
            self.sink.flush().await?;
            while tracker.outstanding() > 0 {
                self.sink.acks(&mut acks).await?;
                self.settle(&mut tracker, &mut acks)?;
            }
        }
        let closed = self.sink.close().await;
        result.and(closed)
    }

    /// Ends with the error of a record that may not be skipped, if that is what ended the input.
    async fn take_batches(&mut self, tracker: &mut AckTracker, acks: &mut Vec<Ack>) -> Result<Option<Error>> {
        let mut flushes_open = true;
        loop {
            tokio::select! {
                biased;
                taken = self.sink.acks(acks) => {
                    taken?;
                    self.settle(tracker, acks)?;
                }
                asked = self.flushes.recv(), if flushes_open => match asked {
                    Some(()) => self.sink.flush().await?,
                    None => flushes_open = false,
                },
                batch = self.encoded.next() => {
                    let Some(batch) = batch else { return Ok(None) };
                    if let Some(failed) = self.write(tracker, batch).await? {
                        return Ok(Some(failed));
                    }
                }
            }
        }
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
        if !batch.records.is_empty() {
            self.sink.write(batch.records).await?;
            self.rules.metrics.add_topics(batch.topics);
        }
        self.publish(tracker);
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
        self.publish(tracker);
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
