//! The produce stage: hands encoded batches to the sink, collects its acks and says how far everything is durable.
//!
//! A record that the sink refuses and that may be skipped gives its place to its letter; in a transaction, which nothing can be taken out of,
//! all is written again without it (`redo`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rowtide_api::failpoint::{self, Failpoint};
use rowtide_api::{Ack, EncodedRecord, Error, ErrorKind, Result, Sink};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::TaskMetrics;
use super::encode::EncodedBatch;
use super::input::Input;
use super::kept::{Form, Kept};
use super::rules::Rules;
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
    pub input: Input,
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
    /// what may have to be written again, or as a letter; none: nothing does
    pub kept: Option<Kept>,
}

/// What follows when the sink refuses a record.
enum Refusal {
    /// it counts as done
    Skip,
    /// this is to be written in its place
    Letter(EncodedRecord),
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

/// Nothing of the record can be kept, so that skipping it would lose it.
fn undeliverable(error: Error) -> Error {
    error.context("a record is to be skipped, and the dead letter queue does not even take its headers").remedy(
        "let the topic of errors.deadletterqueue.topic.name take records of some kilobytes (max.message.bytes), or take \
         errors.deadletterqueue.topic.name out to skip without it",
    )
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
            let full = self.kept.as_ref().is_some_and(Kept::is_full);
            if self.transaction.as_ref().is_some_and(|open| full || open.is_full(Instant::now())) {
                self.end_transaction(tracker, acks).await?;
            }
            let room = !full || self.transaction.is_some();
            let due = self.transaction.as_ref().and_then(Transaction::due);
            tokio::select! {
                biased;
                taken = self.sink.acks(acks) => {
                    taken?;
                    self.settle(tracker, acks).await?;
                }
                asked = self.flushes.recv(), if flushes_open => match asked {
                    Some(()) if self.transaction.is_some() => self.end_transaction(tracker, acks).await?,
                    Some(()) => self.sink.flush().await?,
                    None => flushes_open = false,
                },
                batch = self.input.next(), if room => {
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
        self.input.meanwhile(self.sink.flush()).await?;
        while tracker.outstanding() > 0 {
            self.input.meanwhile(self.sink.acks(acks)).await?;
            self.settle(tracker, acks).await?;
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
        if let Some((offsets, connector)) = &transaction.beside {
            offsets.remove_beside(connector, &entries).await?;
        }
        self.input.meanwhile(self.sink.commit((transaction.offsets)(&entries))).await?;
        failpoint::pass(Failpoint::TransactionCommitted);
        if let Some((offsets, connector)) = &transaction.beside {
            offsets.copy_beside(connector, &entries).await;
        }
        let letters = self.kept.as_mut().map_or(0, Kept::all_done);
        TaskMetrics::add(&self.rules.metrics.dead_letters, letters);
        transaction.ended(durable.iter().map(|durable| durable.advance).collect());
        self.publish(tracker);
        Ok(())
    }

    async fn write(&mut self, tracker: &mut AckTracker, batch: EncodedBatch) -> Result<Option<Error>> {
        let first = tracker.next_sequence();
        debug_assert!(batch.records.first().is_none_or(|record| record.sequence >= first));
        self.keep(&batch, first);
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
            self.rules.metrics.add_topics(batch.topics);
            match self.sink.write(batch.records).await {
                Err(error) if self.transaction.is_some() => self.redo(tracker, error, Vec::new()).await?,
                written => written?,
            }
        }
        self.publish_durable(tracker);
        Ok(batch.failed)
    }

    /// Keeps the records of a batch, if that is asked for.
    fn keep(&mut self, batch: &EncodedBatch, first: u64) {
        let (Some(kept), letters) = (&mut self.kept, self.rules.sender.as_ref().map(|sender| &sender.queue.topic)) else {
            return;
        };
        for record in &batch.records {
            let position = batch.positions.get((record.sequence - first) as usize);
            let letter = letters.is_some_and(|topic| Arc::ptr_eq(topic, &record.topic));
            if let Some((position, _)) = position {
                kept.keep(record, position.clone(), letter);
            }
        }
    }

    async fn settle(&mut self, tracker: &mut AckTracker, acks: &mut Vec<Ack>) -> Result<()> {
        let (mut written, mut letters) = (0, Vec::new());
        let (mut failed, mut refused) = (None, Vec::new());
        for Ack { sequence, result } in acks.drain(..) {
            match result {
                Ok(()) => written += usize::from(self.acked(tracker, sequence)),
                Err(error) if self.transaction.is_some() => refused.push((sequence, error)),
                // the first one ends the attempt
                Err(_) if failed.is_some() => {}
                // KIP-779: errors.tolerance=all holds for records that the sink refuses, too.
                Err(error) => match self.refused(sequence, error) {
                    Ok(Refusal::Skip) => drop(tracker.ack(sequence)),
                    Ok(Refusal::Letter(letter)) => letters.push(letter),
                    Err(error) => drop(failed.get_or_insert(error)),
                },
            }
        }
        TaskMetrics::add(&self.rules.metrics.written, written);
        self.publish_durable(tracker);
        if let Some(error) = failed {
            return Err(error);
        }
        if !letters.is_empty() {
            self.sink.write(letters).await?;
        }
        match refused.is_empty() {
            true => Ok(()),
            false => self.redo(tracker, Error::transient("a transaction has failed"), refused).await,
        }
    }

    /// A record is durable, or part of a transaction. True: it is the record itself, for the first time.
    fn acked(&mut self, tracker: &mut AckTracker, sequence: u64) -> bool {
        failpoint::pass(Failpoint::RecordAcked);
        let first = tracker.ack(sequence);
        // in a transaction it may have to be written again
        let form = match (&mut self.kept, &self.transaction) {
            (None, _) => Some(Form::Record),
            (Some(kept), Some(_)) => kept.form(sequence),
            (Some(kept), None) => kept.done(sequence),
        };
        let letter = form.is_some_and(|form| form != Form::Record);
        if letter && self.transaction.is_none() {
            self.rules.metrics.dead_letters.fetch_add(1, Relaxed);
        }
        first && !letter
    }

    /// What becomes of a record, or its letter, that the sink refuses: an error unless it may be skipped.
    fn refused(&mut self, sequence: u64, error: Error) -> Result<Refusal> {
        let metrics = &self.rules.metrics;
        metrics.failures.fetch_add(1, Relaxed);
        if error.kind() != ErrorKind::Data || !self.rules.tolerance.skip {
            return Err(error);
        }
        let form = self.kept.as_ref().and_then(|kept| kept.form(sequence));
        match form {
            Some(Form::Bare) => return Err(undeliverable(error)),
            Some(Form::Letter) => {}
            Some(Form::Record) | None => self.rules.skip(&error, self.kept.as_ref().and_then(|kept| kept.position(sequence))),
        }
        let (Some(kept), Some(sender)) = (&mut self.kept, &self.rules.sender) else {
            if let Some(kept) = &mut self.kept {
                kept.done(sequence);
            }
            return Ok(Refusal::Skip);
        };
        Ok(kept.replace(sequence, sender, &error).map_or(Refusal::Skip, Refusal::Letter))
    }

    /// A transaction has failed, perhaps because of records that may be skipped: aborts it and writes the rest of it again, with letters in
    /// their places. Each turn takes something out, so that there is an end to it. An error when nothing may be skipped: its cause.
    async fn redo(&mut self, tracker: &mut AckTracker, mut cause: Error, mut refused: Vec<(u64, Error)>) -> Result<()> {
        loop {
            let mut acks = Vec::new();
            self.sink.abort(&mut acks).await?;
            refused.extend(acks.into_iter().filter_map(|Ack { sequence, result }| Some((sequence, result.err()?))));
            // What was not written because another record was not has nothing wrong with itself.
            let (bad, others): (Vec<_>, Vec<_>) = refused.drain(..).partition(|(_, error)| error.kind() != ErrorKind::Transient);
            if bad.is_empty() {
                return Err(others.into_iter().next().map_or(cause, |(_, error)| error));
            }
            for (sequence, error) in bad {
                if matches!(self.refused(sequence, error)?, Refusal::Skip) {
                    tracker.ack(sequence);
                }
            }
            match self.write_again(tracker).await {
                Ok(failed) if failed.is_empty() => return Ok(()),
                Ok(failed) => refused = failed,
                Err(error) => cause = error,
            }
        }
    }

    /// Writes all that is kept and waits until each of it is acknowledged, or one is refused.
    async fn write_again(&mut self, tracker: &mut AckTracker) -> Result<Vec<(u64, Error)>> {
        let records = self.kept.as_ref().map(Kept::records).unwrap_or_default();
        let mut open: BTreeSet<u64> = records.iter().map(|record| record.sequence).collect();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        self.sink.write(records).await?;
        self.sink.flush().await?;
        let (mut acks, mut refused, mut written) = (Vec::new(), Vec::new(), 0);
        while !open.is_empty() && refused.is_empty() {
            self.sink.acks(&mut acks).await?;
            for Ack { sequence, result } in acks.drain(..) {
                open.remove(&sequence);
                match result {
                    Ok(()) => written += usize::from(self.acked(tracker, sequence)),
                    Err(error) => refused.push((sequence, error)),
                }
            }
        }
        TaskMetrics::add(&self.rules.metrics.written, written);
        Ok(refused)
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
