//! Records that wait to be sent, by partition, within `buffer.memory`.
//!
//! Here: which batch a record joins, which batches a broker gets next, and the books of memory and of flushes. Pure state
//! behind one lock that is taken per batch of records, never per record. Not here: IO (`sender`), outcomes (`outcome`).

use super::ProducerRecord;
use super::batch::{Batch, Body, ID_SPAN, Partition, Readiness, Urgency};
use super::transaction::Transaction;
use crate::client::ClusterMetadata;
use crate::config::ProducerSettings;
use crate::error::{KafkaError, ProduceError, codes};
use crate::partitioner::partition_for_key;
use crate::record_batch::{BatchBuilder, Header, ProducerState, RecordParts, encode_headers};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A batch that was taken out to be sent, and its partition.
pub(super) struct Outgoing {
    pub partition: usize,
    pub batch: Batch,
}

/// A topic's partitions and where its keyless records go at present.
pub(super) struct Topic {
    /// Indexes into `Accumulator::partitions`; the position is the partition.
    pub partitions: Vec<usize>,
    sticky: usize,
    sticky_bytes: usize,
}

/// A broker as a target.
#[derive(Default)]
pub(super) struct Target {
    /// Partitions with waiting batches, in turn.
    pub active: VecDeque<usize>,
    pub in_flight: usize,
    pub throttled_until: Option<Instant>,
}

/// What a broker's sender is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something is due.
    Send,
    /// These partitions have to join the transaction first.
    Add(Vec<usize>),
    /// Nothing before this moment or the next notice.
    Wait(Option<Instant>),
}

/// What became of a record that was offered.
pub(super) enum Append {
    /// It is in a batch; the broker's sender wants to know when given.
    Done(Option<i32>),
    /// No memory for it now.
    Full,
    /// It can never be sent.
    Refused(ProduceError),
    /// The topic is not known (any more).
    UnknownTopic,
}

/// The headers of the record before, and their bytes.
type LastHeaders = Option<(Arc<[Header]>, Vec<u8>)>;

/// The parts of a record that has the last headers.
fn parts<'a>(record: &'a ProducerRecord, last: &'a LastHeaders, now_ms: i64) -> RecordParts<'a> {
    RecordParts {
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: last.as_ref().map_or(&[], |(_, encoded)| encoded),
        timestamp: record.timestamp.unwrap_or(now_ms),
    }
}

/// All that waits or is under way.
pub(super) struct Accumulator {
    pub settings: ProducerSettings,
    /// Places in `topics`, none of which is ever taken away.
    pub names: HashMap<Arc<str>, usize>,
    pub topics: Vec<Topic>,
    /// The topic and the headers of the record before: most records follow one like it.
    last_topic: Option<(Arc<str>, usize)>,
    last_headers: LastHeaders,
    pub partitions: Vec<Partition>,
    pub targets: HashMap<i32, Target>,
    pub used: usize,
    pub waiting_for_memory: usize,
    pub incomplete: BTreeSet<u64>,
    pub next_id: u64,
    pub flush_through: u64,
    pub producer: Option<(i64, i16)>,
    /// Of a producer with a `transactional.id`.
    pub transaction: Option<Transaction>,
    pub closing: bool,
    /// Compressed size of recent batches by their uncompressed size; 1 without compression.
    pub ratio: f64,
    /// Set when nothing more can be sent, ever.
    pub fatal: Option<KafkaError>,
    /// Which failure of a record is to be the last one, and that one.
    pub stops_at: Option<fn(&ProduceError) -> bool>,
    pub stopped: Option<KafkaError>,
    random: u64,
}

impl Accumulator {
    pub(super) fn new(settings: ProducerSettings) -> Self {
        let mut seed = [0u8; 8];
        // Only spreads keyless records; any seed will do.
        let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed);
        let transaction = settings.transactional_id.clone().map(Transaction::new);
        Self {
            settings,
            names: HashMap::new(),
            topics: Vec::new(),
            last_topic: None,
            last_headers: None,
            partitions: Vec::new(),
            targets: HashMap::new(),
            used: 0,
            waiting_for_memory: 0,
            incomplete: BTreeSet::new(),
            next_id: ID_SPAN,
            flush_through: 0,
            producer: None,
            transaction,
            closing: false,
            ratio: 1.0,
            fatal: None,
            stops_at: None,
            stopped: None,
            random: u64::from_le_bytes(seed) | 1,
        }
    }

    /// For a broker with this many requests under way.
    fn urgency(&self, in_flight: usize) -> Urgency {
        Urgency {
            linger: if self.settings.eager && in_flight == 0 { Duration::ZERO } else { self.settings.linger },
            batch_size: self.batch_limit(),
            flush_through: self.flush_through,
            all: self.closing || self.waiting_for_memory > 0,
        }
    }

    /// Uncompressed bytes that fill a batch: `batch.size` counts compressed bytes, as Java's `CompressionRatioEstimator` has it.
    fn batch_limit(&self) -> usize {
        let unpacked = self.settings.batch_size as f64 / self.ratio.max(0.05);
        (unpacked as usize).min(self.settings.max_request_size.max(self.settings.batch_size))
    }

    /// Learns from a compressed batch: at once when it came out larger than thought, slowly when smaller.
    pub(super) fn observe_ratio(&mut self, unpacked: usize, packed: usize) {
        let seen = (1.05 * packed as f64 / unpacked.max(1) as f64).min(1.0);
        self.ratio = if seen > self.ratio { seen } else { self.ratio * 0.9 + seen * 0.1 };
    }

    fn topic_of(&mut self, record: &ProducerRecord) -> Option<usize> {
        if let Some((name, at)) = &self.last_topic
            && Arc::ptr_eq(name, &record.topic)
        {
            return Some(*at);
        }
        let at = *self.names.get(&record.topic)?;
        self.last_topic = Some((record.topic.clone(), at));
        Some(at)
    }

    /// Makes sure that `last_headers` are those of the record.
    fn note_headers(&mut self, record: &ProducerRecord) {
        if self.last_headers.as_ref().is_none_or(|(headers, _)| !Arc::ptr_eq(headers, &record.headers)) {
            self.last_headers = Some((record.headers.clone(), encode_headers(&record.headers)));
        }
    }

    /// The partition for a record, as Java's producer chooses (KIP-480, KIP-794).
    fn choose(&mut self, record: &ProducerRecord, size: usize) -> Option<Result<usize, ProduceError>> {
        let at = self.topic_of(record)?;
        let topic = &mut self.topics[at];
        let count = topic.partitions.len();
        if let Some(wanted) = record.partition {
            let found = usize::try_from(wanted).ok().and_then(|p| topic.partitions.get(p));
            return Some(found.copied().ok_or_else(|| ProduceError::NoSuchPartition {
                topic: record.topic.clone(),
                partition: wanted,
                partitions: count as i32,
            }));
        }
        if let Some(key) = record.key.as_ref().filter(|_| !self.settings.ignore_keys) {
            let partition = partition_for_key(key, count as i32) as usize;
            return topic.partitions.get(partition).copied().map(Ok);
        }
        if topic.sticky_bytes >= self.settings.batch_size || topic.sticky >= count {
            topic.sticky_bytes = 0;
            let led: Vec<usize> = (0..count).filter(|p| self.partitions[topic.partitions[*p]].leader >= 0).collect();
            // xorshift64: evenness matters here, secrecy does not.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            let among = if led.is_empty() { count } else { led.len() };
            let pick = (self.random % among.max(1) as u64) as usize;
            topic.sticky = led.get(pick).copied().unwrap_or(pick);
        }
        topic.sticky_bytes += size;
        topic.partitions.get(topic.sticky).copied().map(Ok)
    }

    fn too_large(&self, record: &ProducerRecord, size: usize) -> Option<ProduceError> {
        let limits = [("max.request.size", self.settings.max_request_size), ("buffer.memory", self.settings.buffer_memory)];
        let (setting, limit) = limits.into_iter().find(|(_, limit)| size > *limit)?;
        Some(ProduceError::RecordTooLarge {
            topic: record.topic.clone(),
            key: record.key.clone(),
            size,
            limit: Some(limit),
            setting,
        })
    }

    /// Writes a record into its partition's batch.
    pub(super) fn append(&mut self, record: &ProducerRecord, now: Instant, now_ms: i64) -> Append {
        self.note_headers(record);
        let size = parts(record, &self.last_headers, now_ms).size_upper_bound();
        if let Some(refusal) = self.too_large(record, size) {
            return Append::Refused(refusal);
        }
        if self.used > 0 && self.used.saturating_add(size) > self.settings.buffer_memory {
            return Append::Full;
        }
        let at = match self.choose(record, size) {
            None => return Append::UnknownTopic,
            Some(Err(refusal)) => return Append::Refused(refusal),
            Some(Ok(at)) => at,
        };
        let batch_size = self.batch_limit();
        let closed_below = self.transaction.as_ref().map_or(0, Transaction::closed_below);
        let partition = &mut self.partitions[at];
        let mut wake = None;
        let open = partition.queue.back().filter(|batch| batch.id >= closed_below);
        let fits = open.is_some_and(|b| matches!(&b.body, Body::Open(o) if o.len() + size <= batch_size));
        if !fits {
            // Somewhat more than the one before: a buffer that falls short by a few bytes is copied to one of twice the size.
            partition.size_hint = partition.filled.max(partition.size_hint / 2);
            let capacity = (partition.size_hint + partition.size_hint / 8).max(size).min(batch_size.max(size));
            partition.queue.push_back(Batch {
                id: self.next_id,
                span: ID_SPAN,
                body: Body::Open(BatchBuilder::with_capacity(capacity)),
                tokens: Vec::with_capacity((capacity / size.max(1)).clamp(1, 4096)),
                created: now,
                attempts: 0,
                retry_at: None,
                reserved: 0,
                state: None,
                rewrite: false,
                last_error: None,
            });
            self.incomplete.insert(self.next_id);
            self.next_id += ID_SPAN;
            wake = Some(partition.leader);
        }
        if let Some(batch) = partition.queue.back_mut()
            && let Body::Open(builder) = &mut batch.body
        {
            let before = if builder.is_empty() { 0 } else { builder.len() };
            builder.append(&parts(record, &self.last_headers, now_ms));
            let grown = builder.len() - before;
            batch.reserved += grown;
            batch.tokens.push(record.token);
            partition.filled = builder.len();
            self.used += grown;
        }
        self.list(at);
        Append::Done(wake)
    }

    /// Why no record can be taken.
    pub(super) fn refusal(&self) -> Option<KafkaError> {
        let closed = || self.closing.then_some(KafkaError::Closed);
        self.fatal.clone().or_else(|| self.stopped.clone()).or_else(closed)
    }

    /// Makes sure that the partition's leader sees its work.
    pub(super) fn list(&mut self, at: usize) {
        let partition = &mut self.partitions[at];
        if !partition.listed && !partition.queue.is_empty() {
            partition.listed = true;
            self.targets.entry(partition.leader).or_default().active.push_back(at);
        }
    }

    /// What the sender of `node` is to do now.
    pub(super) fn turn(&self, node: i32, now: Instant) -> Turn {
        let Some(target) = self.targets.get(&node) else { return Turn::Wait(None) };
        if target.in_flight >= self.settings.max_in_flight || (self.settings.idempotence && self.producer.is_none()) {
            return Turn::Wait(None);
        }
        if let Some(until) = target.throttled_until.filter(|until| *until > now) {
            return Turn::Wait(Some(until));
        }
        let urgency = self.urgency(target.in_flight);
        if let Some(turn) = self.transactional_turn(node, now, &urgency) {
            return turn;
        }
        let mut next: Option<Instant> = None;
        for at in target.active.iter().filter(|at| !self.is_held(**at)) {
            match self.partitions[*at].readiness(node, now, &urgency) {
                Readiness::Ready => return Turn::Send,
                Readiness::At(at) | Readiness::Backoff(at) => next = Some(next.map_or(at, |n| n.min(at))),
                Readiness::Blocked => {}
            }
        }
        Turn::Wait(next)
    }

    /// Takes what goes to `node` in one request: at most one batch a partition, at most `max.request.size` in all. When one
    /// partition is due, the others' batches go along.
    pub(super) fn drain(&mut self, node: i32, now: Instant) -> Vec<Outgoing> {
        let (turns, in_flight) = self.targets.get(&node).map_or((0, 0), |t| (t.active.len(), t.in_flight));
        let urgency = self.urgency(in_flight);
        let mut taken = Vec::new();
        let mut total = 0;
        for _ in 0..turns {
            let Some(at) = self.targets.get_mut(&node).and_then(|t| t.active.pop_front()) else { break };
            let readiness = self.partitions[at].readiness(node, now, &urgency);
            if matches!(readiness, Readiness::Ready | Readiness::At(_)) && !self.is_held(at) {
                let size = self.partitions[at].queue.front().map_or(0, Batch::len);
                if !taken.is_empty() && total + size > self.settings.max_request_size {
                    if let Some(target) = self.targets.get_mut(&node) {
                        target.active.push_front(at);
                    }
                    break;
                }
                if let Some(batch) = self.take(at, node) {
                    total += size;
                    taken.push(Outgoing { partition: at, batch });
                }
            }
            let keep = !self.partitions[at].queue.is_empty();
            self.partitions[at].listed = keep;
            if keep && let Some(target) = self.targets.get_mut(&node) {
                target.active.push_back(at);
            }
        }
        if !taken.is_empty() {
            self.targets.entry(node).or_default().in_flight += 1;
        }
        taken
    }

    fn take(&mut self, at: usize, node: i32) -> Option<Batch> {
        if self.partitions[at].bump && !self.raise_epoch(at) {
            return None;
        }
        let partition = &mut self.partitions[at];
        let mut batch = partition.queue.pop_front()?;
        partition.in_flight.push(batch.id);
        partition.in_flight_node = node;
        batch.attempts += 1;
        if batch.state.is_none() {
            batch.state = Some(match self.producer.filter(|_| self.settings.idempotence) {
                None => ProducerState::NONE,
                Some(current) => {
                    let producer = *partition.producer.get_or_insert(current);
                    let state = partition.take_sequences(producer, batch.tokens.len() as i32);
                    ProducerState { transactional: self.transaction.is_some(), ..state }
                }
            });
        }
        Some(batch)
    }

    /// A new epoch for a partition whose numbering has a hole. `false` when a new producer id is needed first.
    fn raise_epoch(&mut self, at: usize) -> bool {
        let Some((id, epoch)) = self.producer else { return !self.settings.idempotence };
        let Some(epoch) = epoch.checked_add(1) else {
            self.producer = None;
            return false;
        };
        self.producer = Some((id, epoch));
        self.partitions[at].restart_sequences((id, epoch));
        true
    }

    /// Takes over what the cluster says about topics; gives the brokers that lead something and the topics refused for good.
    pub(super) fn apply(&mut self, metadata: &ClusterMetadata) -> Vec<(Arc<str>, i16)> {
        let mut refused = Vec::new();
        let mut moved = false;
        for found in &metadata.topics {
            let name: Arc<str> = found.name.as_str().into();
            if !matches!(found.error_code, 0 | codes::LEADER_NOT_AVAILABLE) {
                if !crate::error::is_retriable(found.error_code) {
                    refused.push((name, found.error_code));
                }
                continue;
            }
            if found.leaders.is_empty() {
                continue;
            }
            let place = *self.names.entry(name.clone()).or_insert_with(|| {
                self.topics.push(Topic { partitions: Vec::new(), sticky: usize::MAX, sticky_bytes: 0 });
                self.topics.len() - 1
            });
            let topic = &mut self.topics[place];
            for (index, leader) in found.leaders.iter().enumerate() {
                if index >= topic.partitions.len() {
                    topic.partitions.push(self.partitions.len());
                    self.partitions.push(Partition::new(name.clone(), index as i32));
                }
                let partition = &mut self.partitions[topic.partitions[index]];
                moved |= partition.leader != *leader;
                partition.leader = *leader;
            }
        }
        if moved {
            self.relist();
        }
        refused
    }

    fn relist(&mut self) {
        for target in self.targets.values_mut() {
            target.active.clear();
        }
        for at in 0..self.partitions.len() {
            self.partitions[at].listed = false;
            self.targets.entry(self.partitions[at].leader).or_default();
            self.list(at);
        }
    }

    /// Whether some batch waits for a leader.
    pub(super) fn leaderless_work(&self) -> bool {
        self.targets.get(&-1).is_some_and(|t| !t.active.is_empty())
    }

    /// Brokers that have or had something to do.
    pub(super) fn nodes(&self) -> Vec<i32> {
        self.targets.keys().copied().filter(|n| *n >= 0).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::client::TopicMetadata;
    use crate::config::ClientConfig;

    /// Of a producer with these settings that knows one topic, of one partition, which broker 1 leads.
    pub(in crate::producer) fn accumulator(settings: &[(&str, &str)]) -> Accumulator {
        let all = settings.iter().chain(&[("bootstrap.servers", "127.0.0.1:9092")]);
        let config =
            ClientConfig::from_properties(&all.map(|(name, value)| ((*name).into(), (*value).into())).collect()).unwrap();
        let mut accumulator = Accumulator::new(config.producer);
        let topic = TopicMetadata { name: "changes".into(), leaders: vec![1], ..TopicMetadata::default() };
        accumulator.apply(&ClusterMetadata { topics: vec![topic], ..ClusterMetadata::default() });
        accumulator
    }

    /// A record of that topic.
    pub(in crate::producer) fn record(token: u64) -> ProducerRecord {
        let topic = Arc::from("changes");
        ProducerRecord { topic, partition: None, key: None, value: None, headers: Arc::default(), timestamp: None, token }
    }

    fn with_a_record(settings: &[(&str, &str)], now: Instant) -> Accumulator {
        let mut accumulator = accumulator(&[&[("enable.idempotence", "false")], settings].concat());
        assert!(matches!(accumulator.append(&record(0), now, 0), Append::Done(Some(1))));
        accumulator
    }

    #[test]
    fn a_record_lingers_while_requests_are_under_way_or_when_linger_ms_says_so() {
        let now = Instant::now();
        let lingering = Turn::Wait(Some(now + Duration::from_millis(5)));
        let mut accumulator = with_a_record(&[], now);
        assert_eq!(accumulator.turn(1, now), Turn::Send, "nothing is under way");
        accumulator.targets.get_mut(&1).unwrap().in_flight = 1;
        assert_eq!(accumulator.turn(1, now), lingering);
        assert_eq!(with_a_record(&[("linger.ms", "5")], now).turn(1, now), lingering);
    }
}
