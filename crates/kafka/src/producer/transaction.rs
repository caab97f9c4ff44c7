//! Transactions (KIP-98): what a producer with a `transactional.id` may do when, and what it asks of its coordinator.
//!
//! Here: the state of one transaction after the other (pure, within the accumulator), and the calls that begin and end one. The protocol is that of brokers without KIP-890's second part, which newer ones speak too:
//! partitions are added before their first batch, and an end does not raise the epoch. Not here: batches (`accumulator`,
//! `outcome`), the coordinator's requests and error codes (`crate::coordinator`), and which records make up a transaction, which is the caller's matter.
//!
//! In such a producer an epoch is raised by the coordinator only, and no sequence number is ever given twice: what would make
//! an idempotent producer raise its epoch makes the transaction fail; its abort asks for the next epoch.

use super::accumulator::{Accumulator, Turn};
use super::batch::{Partition, Readiness, Urgency};
use super::outcome::RetryPace;
use super::{Delivery, Producer, Shared};
use crate::client::backoff;
use crate::coordinator::{Coordinator, is_fencing};
use crate::error::{KafkaError, ProduceError, code_name, codes};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// While the transaction before is still being completed the first partition of the next one is asked for again soon: brokers need a few
/// milliseconds for that, and with every transaction somebody waits for it. Java's client waits for the longest each time
/// (`TransactionManager.ADD_PARTITIONS_RETRY_BACKOFF_MS`).
const FIRST_ADD_BACKOFF: Duration = Duration::from_millis(2);
const FIRST_ADD_BACKOFF_MAX: Duration = Duration::from_millis(20);

/// Where a transactional producer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `init_transactions`.
    New,
    /// Records go out; the first one begins a transaction.
    Ready,
    /// The coordinator was asked to commit (or to abort), and may have done it or not.
    Ending { commit: bool },
}

/// The transactions of one producer, one after the other.
pub(super) struct Transaction {
    pub id: String,
    phase: Phase,
    /// Counts transactions from 1; the partitions of the present one bear it.
    number: u64,
    /// The coordinator may know of it: it was asked to add partitions.
    begun: bool,
    /// It does know of it.
    has_partitions: bool,
    /// Requests to add partitions that are under way.
    adding: usize,
    add_failures: u32,
    /// While it is being ended: batches from this id on belong to the next one.
    barrier: Option<u64>,
    /// It had failed before its abort began, which therefore makes it good again.
    abort_cures: bool,
    /// A batch failed whose sequence numbers the broker waits for: nothing more can be written.
    lost_numbers: bool,
}

impl Transaction {
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            phase: Phase::New,
            number: 1,
            begun: false,
            has_partitions: false,
            adding: 0,
            add_failures: 0,
            barrier: None,
            abort_cures: false,
            lost_numbers: false,
        }
    }

    /// Batches below this id take no more records.
    pub(super) fn closed_below(&self) -> u64 {
        self.barrier.unwrap_or(0)
    }

    fn has_added(&self, partition: &Partition) -> bool {
        partition.added_in == self.number
    }

    /// Whether the head of the partition's queue belongs to the next transaction.
    fn is_for_later(&self, partition: &Partition) -> bool {
        self.barrier.is_some_and(|barrier| partition.queue.front().is_some_and(|head| head.id >= barrier))
    }

    fn error(&self, problem: impl Into<String>) -> KafkaError {
        KafkaError::Transaction { transactional_id: self.id.clone(), problem: problem.into() }
    }

    fn fenced(&self) -> KafkaError {
        KafkaError::Fenced { transactional_id: self.id.clone() }
    }

    /// The next transaction begins with the next record.
    fn next(&mut self) {
        self.number += 1;
        self.phase = Phase::Ready;
        (self.begun, self.has_partitions, self.add_failures) = (false, false, 0);
        (self.barrier, self.abort_cures) = (None, false);
    }
}

/// What the coordinator said to new partitions.
#[derive(Debug)]
pub(super) enum AddAnswer {
    /// Topic, partition, and its own error code, or 0.
    Codes(Vec<(String, i32, i16)>),
    /// The same request may succeed later.
    Later(KafkaError),
    /// It never will.
    Never(KafkaError),
}

/// What to ask the coordinator to add: who asks, topics and partitions.
pub(super) struct Addition {
    producer: (i64, i16),
    partitions: Vec<(Arc<str>, i32)>,
}

impl Accumulator {
    /// Why records cannot be taken yet.
    pub(super) fn not_initialized(&self) -> Option<KafkaError> {
        let transaction = self.transaction.as_ref().filter(|t| t.phase == Phase::New)?;
        Some(transaction.error("init_transactions has to be called before anything is sent"))
    }

    pub(super) fn initialized(&mut self, producer: (i64, i16)) {
        self.producer = Some(producer);
        if let Some(transaction) = &mut self.transaction {
            transaction.phase = Phase::Ready;
        }
    }

    /// Whether the head of this partition's queue cannot go yet, ready as it may be.
    pub(super) fn is_held(&self, at: usize) -> bool {
        let partition = &self.partitions[at];
        partition.stopped || self.transaction.as_ref().is_some_and(|t| !t.has_added(partition) || t.is_for_later(partition))
    }

    /// What is to be done before anything is sent to `node`, if something is.
    pub(super) fn transactional_turn(&self, node: i32, now: Instant, urgency: &Urgency) -> Option<Turn> {
        let transaction = self.transaction.as_ref()?;
        if transaction.phase != Phase::Ready || self.fatal.is_some() {
            return Some(Turn::Wait(None));
        }
        let (mut due, mut missing) = (false, Vec::new());
        for at in self.targets.get(&node).into_iter().flat_map(|target| &target.active) {
            let partition = &self.partitions[*at];
            if transaction.has_added(partition) || transaction.is_for_later(partition) {
                continue;
            }
            let readiness = partition.readiness(node, now, urgency);
            due |= readiness == Readiness::Ready;
            // what lingers goes along, here as in the request to come
            if matches!(readiness, Readiness::Ready | Readiness::At(_)) {
                missing.push(*at);
            }
        }
        due.then_some(Turn::Add(missing))
    }

    /// Notes that the coordinator is being asked for these partitions; `None` when that has become pointless.
    pub(super) fn begin_add(&mut self, partitions: &[usize]) -> Option<Addition> {
        let producer = self.producer?;
        let transaction = self.transaction.as_mut().filter(|t| t.phase == Phase::Ready)?;
        if self.fatal.is_some() {
            return None;
        }
        transaction.begun = true;
        transaction.adding += 1;
        let partitions = partitions.iter().map(|at| (self.partitions[*at].topic.clone(), self.partitions[*at].index)).collect();
        Some(Addition { producer, partitions })
    }

    /// Books the answer; gives the records that failed by it, and how long to wait when something is to be asked again.
    pub(super) fn finish_add(
        &mut self,
        partitions: &[usize],
        answer: AddAnswer,
        pace: RetryPace,
    ) -> (Vec<Delivery>, Option<Duration>) {
        let Some(transaction) = self.transaction.as_mut() else { return (Vec::new(), None) };
        transaction.adding = transaction.adding.saturating_sub(1);
        let first = !transaction.has_partitions;
        let (answers, later) = match answer {
            AddAnswer::Never(error) => {
                self.give_up(error);
                return (self.sweep(), None);
            }
            AddAnswer::Later(error) => (Vec::new(), Some(error)),
            AddAnswer::Codes(answers) => (answers, None),
        };
        let mut refused = Vec::new();
        let mut again = later.is_some();
        for at in partitions {
            let partition = &mut self.partitions[*at];
            let code = answers.iter().find(|(topic, index, _)| **topic == *partition.topic && *index == partition.index);
            match code.map(|(_, _, code)| *code) {
                Some(0) => {
                    partition.added_in = transaction.number;
                    transaction.has_partitions = true;
                }
                Some(code @ (codes::TOPIC_AUTHORIZATION_FAILED | codes::INVALID_TOPIC_EXCEPTION)) => {
                    refused.push((partition.topic.clone(), partition.index, code));
                }
                _ => again = true,
            }
        }
        let wait = again.then(|| {
            transaction.add_failures += 1;
            match later.and_then(|error| error.code()) {
                Some(codes::CONCURRENT_TRANSACTIONS) if first => {
                    backoff(FIRST_ADD_BACKOFF, FIRST_ADD_BACKOFF_MAX, transaction.add_failures)
                }
                _ => backoff(pace.base, pace.most, transaction.add_failures),
            }
        });
        if !again {
            transaction.add_failures = 0;
        }
        let mut failed = Vec::new();
        for (topic, partition, code) in refused {
            let detail = Some("it cannot be part of a transaction of this client".into());
            let error = ProduceError::Broker { topic: topic.clone(), partition, code, name: code_name(code), detail };
            failed.extend(self.fail_waiting(|name, _| *name == topic, &error));
        }
        (failed, wait)
    }

    /// A record was not written, so that the rest of its transaction cannot be committed either. True: there are no transactions, and nothing
    /// may be written behind it.
    pub(super) fn doom(&mut self, cause: &ProduceError, lost_numbers: bool) -> bool {
        let Some(transaction) = &mut self.transaction else { return self.stop(cause) };
        transaction.lost_numbers |= lost_numbers;
        if self.fatal.is_none() {
            self.fatal = Some(transaction.error(format!("it cannot be committed, for a record was not written: {cause}")));
        }
        false
    }

    /// Nothing more can be sent, ever; of several reasons a newer producer is the best one.
    pub(super) fn give_up(&mut self, error: KafkaError) {
        let better = matches!((&self.fatal, &error), (Some(KafkaError::Transaction { .. }), KafkaError::Fenced { .. }));
        if self.fatal.is_none() || better {
            self.fatal = Some(error);
        }
    }

    /// Notes a produce answer by which a newer producer of the same transactional id is at work.
    pub(super) fn fenced_by(&mut self, code: i16) -> Option<KafkaError> {
        let error = self.transaction.as_ref().filter(|_| is_fencing(code))?.fenced();
        self.give_up(error.clone());
        Some(error)
    }

    /// Fails all that waits in a transaction that cannot go on (`RecordAccumulator.abortUndrainedBatches`), or in partitions that have stopped.
    pub(super) fn sweep(&mut self) -> Vec<Delivery> {
        match (&self.transaction, self.fatal.clone()) {
            (Some(_), Some(error)) => self.fail_waiting(|_, _| true, &ProduceError::Client(error)),
            _ => self.sweep_stopped(),
        }
    }

    /// Begins to end the transaction: what was taken so far belongs to it. When it is aborted that which was never sent fails
    /// at once; what has its sequence numbers is still written, so that none is missing later.
    pub(super) fn begin_end(&mut self, commit: bool) -> Result<Vec<Delivery>, KafkaError> {
        if let Some(error) = self.not_initialized() {
            return Err(error);
        }
        let barrier = self.next_id;
        self.check_not_over()?;
        let Some(transaction) = &mut self.transaction else { return Ok(Vec::new()) };
        if let Phase::Ending { commit: before } = transaction.phase {
            let under_way = if before { "commit" } else { "abort" };
            return match before == commit {
                // The caller did not wait for the answer before.
                true => Ok(Vec::new()),
                false => Err(transaction.error(format!("its {under_way} is under way and has to be waited for"))),
            };
        }
        match &self.fatal {
            Some(error) if commit => return Err(error.clone()),
            failed => transaction.abort_cures = failed.is_some(),
        }
        transaction.barrier = Some(barrier);
        if commit {
            self.flush_through = barrier;
            return Ok(Vec::new());
        }
        let error = transaction.error("it was aborted before this record was sent");
        Ok(self.take_unsent().into_iter().map(|(at, batch)| self.finish(at, batch, Err(error.clone().into()))).collect())
    }

    /// An error if nothing can be ended any more, not even a transaction that has failed.
    fn check_not_over(&self) -> Result<(), KafkaError> {
        match &self.fatal {
            Some(KafkaError::Transaction { .. }) | None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// Whether all of the transaction that is being ended is settled.
    pub(super) fn is_settled(&self) -> bool {
        let Some(transaction) = &self.transaction else { return true };
        let barrier = transaction.barrier.unwrap_or(u64::MAX);
        transaction.adding == 0 && self.incomplete.first().is_none_or(|first| *first >= barrier)
    }

    /// Whose transaction the coordinator is to end now that all of it is settled; `None` when there is none.
    pub(super) fn ask_to_end(&mut self, commit: bool) -> Result<Option<(i64, i16)>, KafkaError> {
        self.check_not_over()?;
        let Some(transaction) = &mut self.transaction else { return Ok(None) };
        if transaction.phase == Phase::Ready {
            // A record of this transaction failed meanwhile. One that fails later is none of it.
            if let Some(error) = self.fatal.as_ref().filter(|_| commit) {
                return Err(error.clone());
            }
            if !transaction.begun {
                return Ok(None);
            }
            transaction.phase = Phase::Ending { commit };
        }
        Ok(self.producer)
    }

    /// Whether the coordinator may rightly know of no transaction to abort: the answer to its only addition was lost.
    fn may_be_unknown(&self) -> bool {
        self.transaction.as_ref().is_some_and(|t| !t.has_partitions)
    }

    /// Whether nothing can be sent before the epoch is raised. One that is being closed needs none.
    fn has_lost_numbers(&self) -> bool {
        !self.closing && self.transaction.as_ref().is_some_and(|t| t.lost_numbers)
    }

    /// Takes the next epoch over. All batches that have sequence numbers are settled.
    pub(super) fn renewed(&mut self, producer: (i64, i16)) {
        self.producer = Some(producer);
        self.partitions.iter_mut().for_each(|partition| partition.restart_sequences(producer));
        if let Some(transaction) = &mut self.transaction {
            transaction.lost_numbers = false;
        }
    }

    /// The transaction has ended. An abort makes good what had failed in it, unless sequence numbers are missing.
    pub(super) fn ended(&mut self, commit: bool) {
        let Some(transaction) = &mut self.transaction else { return };
        let cured = !commit && transaction.abort_cures && !transaction.lost_numbers;
        if cured && matches!(self.fatal, Some(KafkaError::Transaction { .. })) {
            self.fatal = None;
        }
        transaction.next();
    }

    /// Lets the next transaction's records go, unless the coordinator has yet to answer about this one's end.
    fn lift_barrier(&mut self) {
        if let Some(transaction) = self.transaction.as_mut().filter(|t| t.phase == Phase::Ready) {
            transaction.barrier = None;
        }
    }
}

/// Holds the next transaction's records back while one is ended, also when the caller stops waiting.
struct Hold<'a>(&'a Shared);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.lock().lift_barrier();
        self.0.wake_all();
    }
}

/// Asks for partitions once; after a failure it waits for as long as is due before the next try.
pub(super) async fn add_partitions(shared: &Shared, partitions: &[usize]) {
    let Some(coordinator) = &shared.coordinator else { return };
    let Some(addition) = shared.lock().begin_add(partitions) else { return };
    let answer = match coordinator.try_add(addition.producer, &addition.partitions).await {
        Ok(codes) => AddAnswer::Codes(codes),
        Err(error) if coordinator.is_passing(&error) => {
            tracing::debug!(%error, "partitions not yet added to a transaction, trying again");
            AddAnswer::Later(error)
        }
        Err(error) => AddAnswer::Never(error),
    };
    let config = &shared.client.config;
    let pace = RetryPace { base: config.retry_backoff, most: config.retry_backoff_max };
    let (failed, wait) = shared.lock().finish_add(partitions, answer, pace);
    shared.deliver(failed);
    shared.progress.notify_waiters();
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
    }
}

impl Producer {
    /// Makes this producer the only one of its `transactional.id`: the older ones are fenced, and what they left open is
    /// aborted. To be called before the first record of such a producer. Brokers that are away are waited for, at most
    /// `max.block.ms`; after such an error it may be called again, and a second call after a success changes nothing.
    pub async fn init_transactions(&self) -> Result<(), KafkaError> {
        let coordinator = self.coordinator()?;
        let _turn = self.ending.lock().await;
        {
            let accumulator = self.shared.lock();
            if let Some(error) = &accumulator.fatal {
                return Err(error.clone());
            }
            if accumulator.not_initialized().is_none() {
                return Ok(());
            }
        }
        let settings = &self.shared.client.config.producer;
        let producer = coordinator.init(None, settings.transaction_timeout, settings.max_block, "max.block.ms").await?;
        self.shared.lock().initialized(producer);
        self.shared.wake_all();
        Ok(())
    }

    /// Commits all that was taken so far, once it is written; without any record there is nothing to do. An error of a record
    /// (its [`Delivery`] has it) is one of the commit: then nothing is committed, and nothing more can be sent by this
    /// producer. The next one's `init_transactions` aborts what was written, and so does `abort_transaction`.
    ///
    /// Brokers that are away are waited for, at most `max.block.ms` once all is written. After [`KafkaError::Timeout`], or when
    /// the call was dropped half-way, the transaction may be committed or not: call again to know.
    pub async fn commit_transaction(&self) -> Result<(), KafkaError> {
        self.end_transaction(true).await
    }

    /// Aborts all that was taken so far: what was not sent yet fails, what is under way is waited for.
    ///
    /// A transaction that could not be committed can be aborted too. The producer goes on after that.
    pub async fn abort_transaction(&self) -> Result<(), KafkaError> {
        self.end_transaction(false).await
    }

    fn coordinator(&self) -> Result<&Coordinator, KafkaError> {
        self.shared.coordinator.as_ref().ok_or_else(|| KafkaError::Config {
            key: "transactional.id".into(),
            problem: "is not set; transactions need one".into(),
        })
    }

    async fn end_transaction(&self, commit: bool) -> Result<(), KafkaError> {
        let coordinator = self.coordinator()?;
        let shared = &*self.shared;
        let _turn = self.ending.lock().await;
        let aborted = shared.lock().begin_end(commit)?;
        let _hold = Hold(shared);
        shared.deliver(aborted);
        shared.wake_all();
        loop {
            let progress = shared.progress.notified();
            if shared.lock().is_settled() {
                break;
            }
            progress.await;
        }
        let Some(producer) = shared.lock().ask_to_end(commit)? else {
            shared.lock().ended(commit);
            return Ok(());
        };
        let limit = shared.client.config.producer.max_block;
        match coordinator.end(producer, commit, limit).await {
            Ok(()) => {}
            Err(error) if !commit && error.code() == Some(codes::INVALID_TXN_STATE) && shared.lock().may_be_unknown() => {}
            Err(error) => {
                if !matches!(error, KafkaError::Timeout { .. }) {
                    shared.fail_for_good(error.clone());
                }
                return Err(error);
            }
        }
        if !commit && shared.lock().has_lost_numbers() {
            self.renew(coordinator, producer).await?;
        }
        shared.lock().ended(commit);
        Ok(())
    }

    /// Goes on under the next epoch, in which the lost sequence numbers are not missed (`TransactionManager.bumpEpoch`).
    async fn renew(&self, coordinator: &Coordinator, producer: (i64, i16)) -> Result<(), KafkaError> {
        let settings = &self.shared.client.config.producer;
        match coordinator.init(Some(producer), settings.transaction_timeout, settings.max_block, "max.block.ms").await {
            Ok(renewed) => {
                self.shared.lock().renewed(renewed);
                Ok(())
            }
            Err(error) => {
                if !matches!(error, KafkaError::Timeout { .. }) {
                    self.shared.fail_for_good(error.clone());
                }
                Err(error)
            }
        }
    }
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
