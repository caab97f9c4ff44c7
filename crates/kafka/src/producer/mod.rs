//! The producer: batches of records in, one delivery report per sent batch out.
//!
//! Idempotent by default, `acks=all`, at most `max.in.flight.requests.per.connection` requests a broker, order kept within a
//! partition over retries. Here: the API and what its parts share. The parts: `accumulator` (waiting records), `batch`
//! (one partition), `outcome` (what an answer means), `request` (its bytes), `sender` (the tasks), `transaction` (what a
//! `transactional.id` adds).

mod accumulator;
mod batch;
mod outcome;
mod request;
mod sender;
mod transaction;

use crate::client::{Client, backoff};
use crate::config::ClientConfig;
use crate::coordinator::Coordinator;
use crate::error::{KafkaError, ProduceError, code_name};
use crate::record_batch::Header;
use accumulator::{Accumulator, Append};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Records that are appended under one hold of the lock.
const CHUNK: usize = 256;

/// After this many looks for a topic the log says what is waited for.
const MISSING_TOPIC_WARNING: u32 = 5;

/// A record to produce.
#[derive(Debug, Clone)]
pub struct ProducerRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition; `None` for Java's choice: by the key's hash, or sticky without a key.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Arc<[Header]>,
    /// Milliseconds since 1970; `None` for now.
    pub timestamp: Option<i64>,
    /// Comes back in the [`Delivery`].
    pub token: u64,
}

/// What became of records of one partition.
#[derive(Debug)]
pub struct Delivery {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition; -1 for a record that was refused before one was chosen.
    pub partition: i32,
    /// The tokens of the records, in their order.
    pub tokens: Vec<u64>,
    /// The offset of the first one, the others follow it (-1 when the broker did not say: `acks=0`, or an earlier answer was
    /// lost); or why none of them was delivered.
    pub result: Result<i64, ProduceError>,
}

/// What the API and the tasks share.
struct Shared {
    client: Arc<Client>,
    /// Of a producer with a `transactional.id`.
    coordinator: Option<Coordinator>,
    state: Mutex<Accumulator>,
    deliveries: mpsc::UnboundedSender<Delivery>,
    /// Wakes a broker's sender.
    targets: Mutex<HashMap<i32, Arc<Notify>>>,
    tasks: Mutex<HashMap<i32, JoinHandle<()>>>,
    /// Asks the keeper for fresh metadata.
    refresh: Notify,
    /// Batches were settled: memory is free, a flush may be done.
    progress: Notify,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Accumulator> {
        locked(&self.state)
    }

    fn notify_of(&self, node: i32) -> Arc<Notify> {
        locked(&self.targets).entry(node).or_default().clone()
    }

    fn wake_all(&self) {
        for notify in locked(&self.targets).values() {
            notify.notify_one();
        }
    }

    fn wake(&self, nodes: &[i32]) {
        let targets = locked(&self.targets);
        for node in nodes {
            match targets.get(node) {
                Some(notify) => notify.notify_one(),
                None => self.refresh.notify_one(),
            }
        }
    }

    fn deliver(&self, mut settled: Vec<Delivery>) {
        if settled.is_empty() {
            return;
        }
        if settled.iter().any(|delivery| delivery.result.is_err()) {
            settled.extend(self.lock().sweep());
        }
        for delivery in settled {
            // A caller that no longer listens does not want to know.
            let _ = self.deliveries.send(delivery);
        }
        self.progress.notify_waiters();
    }

    fn start_senders(self: &Arc<Self>) {
        let nodes = self.lock().nodes();
        let mut tasks = locked(&self.tasks);
        for node in nodes {
            tasks.entry(node).or_insert_with(|| {
                // Its notice exists before it runs, so that no wake-up is lost.
                self.notify_of(node);
                tokio::spawn(sender::run_sender(self.clone(), node))
            });
        }
    }

    fn fail_for_good(&self, error: KafkaError) {
        let failed = {
            let mut accumulator = self.lock();
            accumulator.give_up(error.clone());
            accumulator.fail_waiting(|_, _| true, &ProduceError::Client(error))
        };
        self.deliver(failed);
        self.progress.notify_waiters();
    }
}

fn topic_refused(topic: &Arc<str>, code: i16) -> ProduceError {
    ProduceError::Broker {
        topic: topic.clone(),
        partition: -1,
        code,
        name: code_name(code),
        detail: Some("its metadata is refused; check the topic's name and the rights of this client".into()),
    }
}

/// Counts one waiter for memory off again, also when the wait is dropped half-way.
struct MemoryWait<'a>(&'a Shared);

impl Drop for MemoryWait<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting_for_memory -= 1;
    }
}

/// A producer. Cheap to share behind an `Arc`. Dropping it fails what is not yet sent, `close` waits for it; what is under way
/// then is still reported when its answer comes.
pub struct Producer {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
    /// Metadata of new topics is asked for by one caller at a time.
    lookup: tokio::sync::Mutex<()>,
    /// Transactions are ended by one caller at a time.
    ending: tokio::sync::Mutex<()>,
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.fail_for_good(KafkaError::Closed);
        self.keeper.abort();
        for (_, task) in locked(&self.shared.tasks).drain() {
            task.abort();
        }
    }
}

impl Producer {
    /// A producer that reports by `deliveries`. It connects with the first record. Must be called within a tokio runtime.
    ///
    /// The channel is unbounded, but holds no more than one report per settled batch, 8 bytes a record.
    pub fn new(config: ClientConfig, deliveries: mpsc::UnboundedSender<Delivery>) -> Result<Self, KafkaError> {
        let settings = config.producer.clone();
        let client = Client::new(config)?;
        let shared = Arc::new(Shared {
            coordinator: settings.transactional_id.as_deref().map(|id| Coordinator::new(client.clone(), id)),
            client,
            state: Mutex::new(Accumulator::new(settings)),
            deliveries,
            targets: Mutex::default(),
            tasks: Mutex::default(),
            refresh: Notify::new(),
            progress: Notify::new(),
        });
        shared.refresh.notify_one();
        let keeper = tokio::spawn(sender::run_keeper(shared.clone()));
        Ok(Self { shared, keeper, lookup: tokio::sync::Mutex::default(), ending: tokio::sync::Mutex::default() })
    }

    /// Makes a record that fails for such a reason the last one of its partition, and takes no more. Otherwise the others go on, as Java's
    /// producer lets them, and who writes the record again writes it after those. Transactions need none of it: they fail as a whole.
    #[must_use]
    pub fn stops_at(self, reason: fn(&ProduceError) -> bool) -> Self {
        self.shared.lock().stops_at = Some(reason);
        self
    }

    /// Takes records over, waiting while `buffer.memory` is full (at most `max.block.ms`). Every record that was taken gets its
    /// token in exactly one [`Delivery`], refused ones too; records of one partition are stored in the order of the calls.
    ///
    /// An error means that none of them was taken.
    pub async fn send_batch(&self, records: Vec<ProducerRecord>) -> Result<(), KafkaError> {
        {
            let accumulator = self.shared.lock();
            if let Some(error) = accumulator.refusal().or_else(|| accumulator.not_initialized()) {
                return Err(error);
            }
        }
        self.ensure_topics(&records).await;
        let mut at = 0;
        let mut blocked_since = None;
        while at < records.len() {
            let progress = self.shared.progress.notified();
            let (taken, full) = self.append_some(&records[at..]);
            at += taken;
            if !full {
                blocked_since = None;
                continue;
            }
            let since = *blocked_since.get_or_insert_with(Instant::now);
            let limit = self.shared.client.config.producer.max_block;
            let _waiting = MemoryWait(&self.shared);
            let freed = match since.checked_add(limit) {
                Some(deadline) => tokio::time::timeout_at(deadline, progress).await.is_ok(),
                None => {
                    progress.await;
                    true
                }
            };
            if !freed {
                let error = KafkaError::Timeout {
                    what: "waiting for room in buffer.memory".into(),
                    setting: "max.block.ms",
                    millis: limit.as_millis() as u64,
                };
                self.refuse(&records[at..], &ProduceError::Client(error));
                break;
            }
        }
        Ok(())
    }

    /// Appends up to a chunk of records; says how many, and whether memory ran out (then a waiter was counted).
    fn append_some(&self, records: &[ProducerRecord]) -> (usize, bool) {
        let now = Instant::now();
        let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        let mut wake: Vec<i32> = Vec::new();
        let mut refused = Vec::new();
        let mut taken = 0;
        let mut full = false;
        {
            let mut accumulator = self.shared.lock();
            let mut over = accumulator.refusal();
            for record in records.iter().take(CHUNK) {
                let refusal = match &over {
                    Some(error) => ProduceError::Client(error.clone()),
                    None => match accumulator.append(record, now, now_ms) {
                        Append::Done(node) => {
                            wake.extend(node.filter(|n| !wake.contains(n)));
                            taken += 1;
                            continue;
                        }
                        Append::Full => {
                            accumulator.waiting_for_memory += 1;
                            full = true;
                            break;
                        }
                        Append::Refused(error) => error,
                        Append::UnknownTopic => topic_refused(&record.topic, crate::error::codes::UNKNOWN_TOPIC_OR_PARTITION),
                    },
                };
                taken += 1;
                if accumulator.doom(&refusal, false) && over.is_none() {
                    over = accumulator.refusal();
                }
                refused.push(refusal_of(record, refusal));
            }
        }
        self.shared.deliver(refused);
        if full {
            self.shared.wake_all();
        } else {
            self.shared.wake(&wake);
        }
        (taken, full)
    }

    fn refuse(&self, records: &[ProducerRecord], error: &ProduceError) {
        self.shared.lock().doom(error, false);
        self.shared.deliver(records.iter().map(|r| refusal_of(r, error.clone())).collect());
    }

    /// Learns the partitions of topics that are new, letting the broker create them. What cannot be learnt is refused by
    /// `append`.
    async fn ensure_topics(&self, records: &[ProducerRecord]) {
        let mut missing = self.unknown_topics(records);
        if missing.is_empty() {
            return;
        }
        let _turn = self.lookup.lock().await;
        let config = &self.shared.client.config;
        let deadline = Instant::now().checked_add(config.producer.max_block);
        let mut failures = 0;
        loop {
            missing.retain(|name| !self.shared.lock().names.contains_key(name.as_str()));
            if missing.is_empty() {
                break;
            }
            let found = self.shared.client.metadata(Some(&missing), true).await;
            match found {
                Ok(metadata) => {
                    let refused = self.shared.lock().apply(&metadata);
                    missing.retain(|name| !refused.iter().any(|(topic, _)| **topic == **name));
                    self.shared.start_senders();
                }
                Err(error) if error.is_retriable() => {}
                Err(error) => {
                    self.shared.fail_for_good(error);
                    break;
                }
            }
            missing.retain(|name| !self.shared.lock().names.contains_key(name.as_str()));
            if missing.is_empty() {
                break;
            }
            failures += 1;
            if failures == MISSING_TOPIC_WARNING {
                tracing::warn!(
                    topics = missing.join(","),
                    "waiting for topics that do not exist or have no leader; create them, or let the broker (auto.create.topics.enable=true)"
                );
            }
            let wait = backoff(config.retry_backoff, config.retry_backoff_max, failures);
            if deadline.is_some_and(|d| Instant::now() + wait > d) || self.shared.lock().closing {
                break;
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn unknown_topics(&self, records: &[ProducerRecord]) -> Vec<String> {
        let accumulator = self.shared.lock();
        let mut missing: Vec<String> = Vec::new();
        let mut last: Option<&Arc<str>> = None;
        for record in records {
            if last.is_some_and(|l| Arc::ptr_eq(l, &record.topic)) {
                continue;
            }
            last = Some(&record.topic);
            if !accumulator.names.contains_key(&record.topic) && !missing.iter().any(|m| **m == *record.topic) {
                missing.push(record.topic.to_string());
            }
        }
        missing
    }

    /// Sends everything that was taken so far without lingering, and waits until all of it is settled.
    pub async fn flush(&self) {
        let through = {
            let mut accumulator = self.shared.lock();
            accumulator.flush_through = accumulator.next_id;
            accumulator.next_id
        };
        self.shared.wake_all();
        loop {
            let progress = self.shared.progress.notified();
            if self.shared.lock().incomplete.first().is_none_or(|first| *first >= through) {
                return;
            }
            progress.await;
        }
    }

    /// Takes no more records, waits up to `timeout` for the rest, and fails what is left then. A transaction that is open is
    /// aborted within that time, as `KafkaProducer.close` does it, so that readers need not wait for its timeout.
    pub async fn close(self, timeout: Duration) {
        self.shared.lock().closing = true;
        let rest = async {
            self.flush().await;
            if self.shared.coordinator.is_some() {
                // What could not be aborted now is aborted by the next producer, or by Kafka in time.
                let _ = self.abort_transaction().await;
            }
        };
        let _ = tokio::time::timeout(timeout, rest).await;
        self.shared.fail_for_good(KafkaError::Closed);
    }
}

fn refusal_of(record: &ProducerRecord, error: ProduceError) -> Delivery {
    Delivery {
        topic: record.topic.clone(),
        partition: record.partition.unwrap_or(-1),
        tokens: vec![record.token],
        result: Err(error),
    }
}
