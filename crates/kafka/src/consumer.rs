//! A small consumer: assigned partitions, fetched from given offsets, records decoded.
//!
//! Good for reading internal (compacted) topics to their end and for following a signal topic. Not here: consumer groups,
//! offset commits, parallel decoding.

use crate::client::{Client, backoff};
use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{KafkaError, codes, is_retriable, is_stale_metadata};
use crate::record_batch::{DecodedBatch, DecodedRecord, decode_next};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The newest fetch request that names topics instead of their ids.
const FETCH: i16 = 12;
const LIST_OFFSETS: i16 = 7;
/// A batch may unfold to this much.
const BATCH_LIMIT: usize = 1 << 30;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOffset {
    /// At the first record that is still there.
    Earliest,
    /// After the last record.
    Latest,
    /// At this offset.
    At(i64),
}

/// A record and where it was.
#[derive(Debug, Clone)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The record.
    pub record: DecodedRecord,
}

struct Assigned {
    topic: Arc<str>,
    partition: i32,
    position: i64,
    leader: i32,
}

/// A consumer of assigned partitions.
pub struct Consumer {
    client: Arc<Client>,
    assigned: Vec<Assigned>,
    /// Behind the positions, and not handed out yet: what one broker answered is not lost because another fails in the same round, or because
    /// the caller stops waiting.
    ready: Vec<ConsumedRecord>,
    failures: u32,
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

impl Consumer {
    /// A consumer with nothing assigned.
    pub fn new(config: ClientConfig) -> Result<Self, KafkaError> {
        Ok(Self { client: Client::new(config)?, assigned: Vec::new(), ready: Vec::new(), failures: 0 })
    }

    /// Assigns all partitions of a topic in place of what was assigned. Waits up to `limit` until it exists and has leaders.
    pub async fn assign_topic(&mut self, topic: &str, start: StartOffset, limit: Duration) -> Result<(), KafkaError> {
        let deadline = Instant::now() + limit;
        let names = [topic.to_owned()];
        let mut failures = 0;
        let count = loop {
            let problem = match self.client.metadata(Some(&names), false).await {
                Ok(metadata) => match metadata.topics.first() {
                    Some(t) if t.error_code == 0 && !t.leaders.is_empty() && t.leaders.iter().all(|l| *l >= 0) => {
                        break t.leaders.len();
                    }
                    Some(t) if t.error_code != 0 => {
                        KafkaError::broker(t.error_code, format!("metadata of topic '{topic}'"), None)
                    }
                    _ => KafkaError::broker(codes::LEADER_NOT_AVAILABLE, format!("metadata of topic '{topic}'"), None),
                },
                Err(error) => error,
            };
            failures += 1;
            if !problem.is_retriable() || Instant::now() >= deadline {
                return Err(problem);
            }
            tokio::time::sleep(backoff(self.client.config.retry_backoff, self.client.config.retry_backoff_max, failures)).await;
        };
        let partitions: Vec<(String, i32)> = (0..count as i32).map(|p| (topic.to_owned(), p)).collect();
        self.assign(&partitions, start).await
    }

    /// Assigns partitions in place of what was assigned.
    pub async fn assign(&mut self, partitions: &[(String, i32)], start: StartOffset) -> Result<(), KafkaError> {
        self.ready.clear();
        self.assigned = partitions
            .iter()
            .map(|(topic, partition)| Assigned { topic: topic.as_str().into(), partition: *partition, position: 0, leader: -1 })
            .collect();
        let offsets = match start {
            StartOffset::At(offset) => vec![offset; self.assigned.len()],
            StartOffset::Earliest => self.offsets(-2, self.client.config.read_committed).await?,
            StartOffset::Latest => self.end_offsets().await?,
        };
        for (assigned, offset) in self.assigned.iter_mut().zip(offsets) {
            assigned.position = offset;
        }
        Ok(())
    }

    /// The next offset to be read, by topic and partition.
    pub fn positions(&self) -> BTreeMap<(String, i32), i64> {
        self.assigned.iter().map(|a| ((a.topic.to_string(), a.partition), a.position)).collect()
    }

    /// The offset after the last record of each assigned partition (the last stable one under `read_committed`).
    pub async fn end_offsets(&mut self) -> Result<Vec<i64>, KafkaError> {
        self.offsets(-1, self.client.config.read_committed).await
    }

    /// The offset after all that each assigned partition holds, open transactions included, whatever `isolation.level` is. A
    /// position under `read_committed` gets there once the transactions before it have ended: Connect reads its topics to here
    /// (`KafkaBasedLog.readToLogEnd` by an admin client), so that what is being committed is waited for.
    pub async fn high_watermarks(&mut self) -> Result<Vec<i64>, KafkaError> {
        self.offsets(-1, false).await
    }

    /// Offsets by the protocol's special timestamps, over retriable errors for up to a minute.
    async fn offsets(&mut self, timestamp: i64, committed: bool) -> Result<Vec<i64>, KafkaError> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut failures = 0;
        loop {
            let error = match self.offsets_once(timestamp, committed).await {
                Ok(offsets) => return Ok(offsets),
                Err(error) => error,
            };
            failures += 1;
            if !error.is_retriable() || Instant::now() >= deadline {
                return Err(error);
            }
            self.forget_leaders();
            tokio::time::sleep(backoff(self.client.config.retry_backoff, self.client.config.retry_backoff_max, failures)).await;
        }
    }

    async fn offsets_once(&mut self, timestamp: i64, committed: bool) -> Result<Vec<i64>, KafkaError> {
        self.find_leaders().await?;
        let mut offsets = vec![0; self.assigned.len()];
        for (leader, members) in self.by_leader() {
            let topics = members.iter().map(|at| {
                let a = &self.assigned[*at];
                let partition = ListOffsetsPartition::default().with_partition_index(a.partition).with_timestamp(timestamp);
                ListOffsetsTopic::default().with_name(topic_name(&a.topic)).with_partitions(vec![partition])
            });
            let request = ListOffsetsRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_isolation_level(i8::from(committed))
                .with_topics(topics.collect());
            let connection = self.client.broker(leader).await?;
            let response = connection.call_newest(&request, LIST_OFFSETS).await?;
            for topic in &response.topics {
                for p in &topic.partitions {
                    let at = members.iter().find(|at| {
                        let a = &self.assigned[**at];
                        *a.topic == *topic.name.0.as_str() && a.partition == p.partition_index
                    });
                    if p.error_code != 0 {
                        let what = format!("the offsets of '{}' partition {}", topic.name.0, p.partition_index);
                        return Err(KafkaError::broker(p.error_code, what, None));
                    }
                    if let Some(at) = at {
                        offsets[*at] = p.offset;
                    }
                }
            }
        }
        Ok(offsets)
    }

    fn by_leader(&self) -> BTreeMap<i32, Vec<usize>> {
        let mut groups: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (at, assigned) in self.assigned.iter().enumerate().filter(|(_, a)| a.leader >= 0) {
            groups.entry(assigned.leader).or_default().push(at);
        }
        groups
    }

    fn forget_leaders(&mut self) {
        for assigned in &mut self.assigned {
            assigned.leader = -1;
        }
    }

    async fn find_leaders(&mut self) -> Result<(), KafkaError> {
        if self.assigned.iter().all(|a| a.leader >= 0) {
            return Ok(());
        }
        let mut names: Vec<String> = self.assigned.iter().map(|a| a.topic.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        let metadata = self.client.metadata(Some(&names), false).await?;
        for topic in &metadata.topics {
            let what = format!("metadata of topic '{}'", topic.name);
            if topic.error_code != 0 {
                return Err(KafkaError::broker(topic.error_code, what, None));
            }
            for assigned in self.assigned.iter_mut().filter(|a| *a.topic == *topic.name) {
                let leader = usize::try_from(assigned.partition).ok().and_then(|p| topic.leaders.get(p));
                assigned.leader = match leader {
                    Some(leader) if *leader >= 0 => *leader,
                    Some(_) => return Err(KafkaError::broker(codes::LEADER_NOT_AVAILABLE, what, None)),
                    None => return Err(KafkaError::broker(codes::UNKNOWN_TOPIC_OR_PARTITION, what, None)),
                };
            }
        }
        Ok(())
    }

    /// The next records, empty when none come within `wait`. Brokers that are away are waited for, a try a call. Dropping the future loses no
    /// record.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<ConsumedRecord>, KafkaError> {
        match self.poll_once(wait).await {
            Ok(()) => self.failures = 0,
            Err(error) if error.is_retriable() => {
                self.failures = self.failures.saturating_add(1);
                self.forget_leaders();
                tracing::debug!(%error, "fetch failed, trying again");
                let config = &self.client.config;
                tokio::time::sleep(backoff(config.retry_backoff, config.retry_backoff_max, self.failures)).await;
            }
            Err(error) if self.ready.is_empty() => return Err(error),
            // The next call meets it again.
            Err(_) => {}
        }
        Ok(std::mem::take(&mut self.ready))
    }

    async fn poll_once(&mut self, wait: Duration) -> Result<(), KafkaError> {
        self.find_leaders().await?;
        let mut waiting = Vec::new();
        for (leader, members) in self.by_leader() {
            let connection: Arc<Connection> = self.client.broker(leader).await?;
            let version = connection.version::<FetchRequest>(FETCH)?;
            let answer = connection.send(&self.fetch_request(&members, wait), version).await?;
            waiting.push((connection, version, answer));
        }
        for (connection, version, answer) in waiting {
            let response = connection.receive::<FetchRequest>(answer, version).await.inspect_err(|error| {
                if error.is_retriable() {
                    self.client.note_lost(&connection, error);
                }
            })?;
            self.take(response)?;
        }
        Ok(())
    }

    fn fetch_request(&self, members: &[usize], wait: Duration) -> FetchRequest {
        let config = &self.client.config;
        let topics = members.iter().map(|at| {
            let assigned = &self.assigned[*at];
            let partition = FetchPartition::default()
                .with_partition(assigned.partition)
                .with_fetch_offset(assigned.position)
                .with_partition_max_bytes(config.max_partition_fetch_bytes);
            FetchTopic::default().with_topic(topic_name(&assigned.topic)).with_partitions(vec![partition])
        });
        FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            // Less than the time after which the connection would be given up.
            .with_max_wait_ms(wait.min(config.request_timeout / 2).as_millis().min(i32::MAX as u128) as i32)
            .with_min_bytes(1)
            .with_max_bytes(config.fetch_max_bytes)
            .with_isolation_level(i8::from(config.read_committed))
            .with_session_epoch(-1)
            .with_topics(topics.collect())
    }

    fn take(&mut self, response: FetchResponse) -> Result<(), KafkaError> {
        if response.error_code != 0 {
            return Err(KafkaError::broker(response.error_code, "a fetch", None));
        }
        let committed = self.client.config.read_committed;
        for topic in response.responses {
            for data in topic.partitions {
                let name = topic.topic.0.as_str();
                let found = self.assigned.iter_mut().find(|a| *a.topic == *name && a.partition == data.partition_index);
                let Some(assigned) = found else { continue };
                if is_stale_metadata(data.error_code) || is_retriable(data.error_code) {
                    assigned.leader = -1;
                    continue;
                }
                if data.error_code != 0 {
                    let what =
                        format!("a fetch of '{name}' partition {} from offset {}", data.partition_index, assigned.position);
                    return Err(KafkaError::broker(data.error_code, what, None));
                }
                read_partition(assigned, data, committed, &mut self.ready)?;
            }
        }
        Ok(())
    }

    /// Reads everything up to the end that the topics had when this was called; under `read_committed` it waits for the end of
    /// the transactions that were open then.
    pub async fn read_to_end(&mut self, on_record: &mut (dyn FnMut(ConsumedRecord) + Send)) -> Result<(), KafkaError> {
        let ends = self.high_watermarks().await?;
        while self.assigned.iter().zip(&ends).any(|(a, end)| a.position < *end) {
            for record in self.poll(Duration::from_millis(500)).await? {
                on_record(record);
            }
        }
        Ok(())
    }
}

fn read_partition(
    assigned: &mut Assigned,
    data: PartitionData,
    committed: bool,
    records: &mut Vec<ConsumedRecord>,
) -> Result<(), KafkaError> {
    let mut aborted: Vec<(i64, i64)> =
        data.aborted_transactions.unwrap_or_default().iter().map(|t| (t.first_offset, t.producer_id.0)).collect();
    aborted.sort_unstable();
    let mut aborted = aborted.into_iter().peekable();
    let mut aborting: HashSet<i64> = HashSet::new();
    let mut set = data.records.unwrap_or_default();
    loop {
        let batch = decode_next(&mut set, BATCH_LIMIT).map_err(|e| KafkaError::Protocol {
            address: format!("topic '{}' partition {}", assigned.topic, assigned.partition),
            problem: e.to_string(),
        })?;
        let Some(batch) = batch else { return Ok(()) };
        while let Some((_, producer)) = aborted.next_if(|(first, _)| *first <= batch.last_offset) {
            aborting.insert(producer);
        }
        let skip = committed && batch.transactional && aborting.contains(&batch.producer_id);
        if batch.control_commit == Some(false) {
            aborting.remove(&batch.producer_id);
        }
        keep(assigned, batch, skip, records);
    }
}

fn keep(assigned: &mut Assigned, batch: DecodedBatch, skip: bool, records: &mut Vec<ConsumedRecord>) {
    for record in batch.records {
        if !skip && record.offset >= assigned.position {
            records.push(ConsumedRecord { topic: assigned.topic.clone(), partition: assigned.partition, record });
        }
    }
    assigned.position = assigned.position.max(batch.last_offset + 1);
}
