//! The producer's tasks: one sender per broker, and one that keeps metadata, the producer id and time limits.
//!
//! Here: IO and waiting. What to send and what an answer means is decided by `accumulator` and `outcome`.

use super::Shared;
use super::accumulator::{Outgoing, Turn};
use super::batch::Body;
use super::outcome::{Answer, RetryPace};
use super::request::{TopicBatches, produce_request};
use super::transaction::add_partitions;
use crate::client::backoff;
use crate::compression::Compression;
use crate::connection::Connection;
use crate::error::{KafkaError, ProduceError, code_name, is_stale_metadata};
use crate::record_batch::{ProducerState, rewrite_producer_state};
use bytes::Bytes;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The newest produce request that names topics instead of their ids.
const PRODUCE: i16 = 12;
/// The newest that expects the partitions of a transaction to be added to it before (KIP-890).
const PRODUCE_IN_TRANSACTION: i16 = 11;
/// How often time limits are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Sends to one broker, until the producer is gone.
pub(super) async fn run_sender(shared: Arc<Shared>, node: i32) {
    let notify = shared.notify_of(node);
    loop {
        let turn = shared.lock().turn(node, Instant::now());
        match turn {
            Turn::Wait(None) => notify.notified().await,
            Turn::Wait(Some(at)) => {
                let _ = tokio::time::timeout_at(at, notify.notified()).await;
            }
            Turn::Add(partitions) => add_partitions(&shared, &partitions).await,
            Turn::Send => match shared.client.broker(node).await {
                Ok(connection) => send_once(&shared, node, connection).await,
                Err(error) if error.is_retriable() => {
                    shared.refresh.notify_one();
                    tokio::time::sleep(shared.client.config.retry_backoff).await;
                }
                Err(error) => {
                    let failed = shared.lock().fail_waiting(|_, leader| leader == node, &ProduceError::Client(error));
                    shared.deliver(failed);
                }
            },
        }
    }
}

async fn send_once(shared: &Arc<Shared>, node: i32, connection: Arc<Connection>) {
    let mut outgoing = shared.lock().drain(node, Instant::now());
    if outgoing.is_empty() {
        return;
    }
    let newest = if shared.coordinator.is_some() { PRODUCE_IN_TRANSACTION } else { PRODUCE };
    let prepared = match connection.version::<ProduceRequest>(newest) {
        Ok(version) => seal_all(shared, &mut outgoing).map(|()| version),
        Err(error) => Err(error),
    };
    let version = match prepared {
        Ok(version) => version,
        Err(error) => return settle(shared, node, outgoing, Err(error)),
    };
    let request = build(shared, &outgoing, version);
    if shared.client.config.producer.acks == 0 {
        let result = connection.send_unanswered::<ProduceRequest>(request, version).await;
        return settle(shared, node, outgoing, result.map(|()| None));
    }
    let sent = connection.send_pieces::<ProduceRequest>(request, version).await;
    let waiting = match sent {
        Ok(waiting) => waiting,
        Err(error) => {
            shared.client.note_lost(&connection, &error);
            return settle(shared, node, outgoing, Err(error));
        }
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        let result = connection.receive::<ProduceRequest>(waiting, version).await;
        if let Err(error) = &result
            && error.is_retriable()
        {
            shared.client.note_lost(&connection, error);
        }
        settle(&shared, node, outgoing, result.map(Some));
    });
}

/// Finishes the bytes of what is sent for the first time or under a new epoch.
fn seal_all(shared: &Shared, outgoing: &mut [Outgoing]) -> Result<(), KafkaError> {
    let compression = shared.client.config.producer.compression;
    let (mut unpacked, mut packed) = (0, 0);
    for Outgoing { batch, .. } in outgoing {
        let state = batch.state.unwrap_or(ProducerState::NONE);
        let body = std::mem::replace(&mut batch.body, Body::Sealed(Bytes::new()));
        batch.body = Body::Sealed(match body {
            Body::Open(builder) => {
                unpacked += builder.len();
                let bytes = builder
                    .finish(compression, state)
                    .map_err(|e| KafkaError::Config { key: "compression.type".into(), problem: e.to_string() })?;
                packed += bytes.len();
                bytes.into()
            }
            Body::Sealed(bytes) if std::mem::take(&mut batch.rewrite) => rewrite_producer_state(&bytes, state),
            Body::Sealed(bytes) => bytes,
        });
    }
    if compression != Compression::None && unpacked > 0 {
        shared.lock().observe_ratio(unpacked, packed);
    }
    Ok(())
}

fn build(shared: &Shared, outgoing: &[Outgoing], version: i16) -> Vec<Bytes> {
    let mut topics: Vec<TopicBatches> = Vec::new();
    let mut place: HashMap<Arc<str>, usize> = HashMap::new();
    let accumulator = shared.lock();
    for Outgoing { partition, batch } in outgoing {
        let Body::Sealed(bytes) = &batch.body else { continue };
        let partition = &accumulator.partitions[*partition];
        let at = *place.entry(partition.topic.clone()).or_insert_with(|| {
            topics.push((partition.topic.clone(), Vec::new()));
            topics.len() - 1
        });
        topics[at].1.push((partition.index, bytes.clone()));
    }
    let config = &shared.client.config;
    let timeout = config.request_timeout.as_millis().min(i32::MAX as u128) as i32;
    produce_request(config.producer.transactional_id.as_deref(), &topics, config.producer.acks, timeout, version)
}

fn settle(shared: &Arc<Shared>, node: i32, outgoing: Vec<Outgoing>, result: Result<Option<ProduceResponse>, KafkaError>) {
    let now = Instant::now();
    let config = &shared.client.config;
    let pace = RetryPace { base: config.retry_backoff, most: config.retry_backoff_max };
    let throttle = match &result {
        Ok(Some(response)) => u64::try_from(response.throttle_time_ms).unwrap_or(0),
        _ => 0,
    };
    let answers = read_answers(&result);
    let mut stale = result.is_err();
    let mut settled = Vec::with_capacity(outgoing.len());
    {
        let mut accumulator = shared.lock();
        if let Some(target) = accumulator.targets.get_mut(&node) {
            target.in_flight = target.in_flight.saturating_sub(1);
            if throttle > 0 {
                target.throttled_until = Some(now + Duration::from_millis(throttle));
            }
        }
        for sent in outgoing {
            let partition = &accumulator.partitions[sent.partition];
            let answer = match (&result, answers.get(&(&*partition.topic, partition.index))) {
                (_, Some(answer)) => answer.clone(),
                (Ok(None), None) => Answer::Stored(-1),
                (Err(error), None) => Answer::Lost(error.clone()),
                (Ok(Some(_)), None) => Answer::Lost(KafkaError::Disconnected {
                    address: format!("broker {node}"),
                    problem: "its answer leaves out a partition".into(),
                }),
            };
            if let Answer::Refused { code, detail } = &answer {
                stale |= is_stale_metadata(*code);
                tracing::debug!(topic = %partition.topic, partition = partition.index, error = code_name(*code), ?detail, "Kafka refused a batch");
            }
            settled.extend(accumulator.settle(sent, answer, pace, now));
        }
    }
    if stale {
        shared.refresh.notify_one();
    }
    shared.deliver(settled);
    // Partitions that were held back may go on, at a new leader too.
    shared.wake_all();
}

fn read_answers(result: &Result<Option<ProduceResponse>, KafkaError>) -> HashMap<(&str, i32), Answer> {
    let mut answers = HashMap::new();
    let Ok(Some(response)) = result else { return answers };
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let answer = match partition.error_code {
                0 => Answer::Stored(partition.base_offset),
                code => Answer::Refused { code, detail: partition.error_message.as_ref().map(|m| m.to_string()) },
            };
            answers.insert((topic.name.0.as_str(), partition.index), answer);
        }
    }
    answers
}

/// Keeps metadata and the producer id, and fails what is too old, until the producer is gone.
pub(super) async fn run_keeper(shared: Arc<Shared>) {
    let mut refreshed = Instant::now();
    let mut failures: u32 = 0;
    let config = &shared.client.config;
    loop {
        let wanted = tokio::time::timeout(TICK, shared.refresh.notified()).await.is_ok();
        let expired = shared.lock().expire_waiting(Instant::now());
        shared.deliver(expired);
        let (need_id, leaderless) = {
            let accumulator = shared.lock();
            let by_itself = accumulator.settings.idempotence && accumulator.transaction.is_none();
            (by_itself && accumulator.producer.is_none(), accumulator.leaderless_work())
        };
        if need_id {
            fetch_producer_id(&shared).await;
        }
        if !(wanted || leaderless || refreshed.elapsed() >= config.metadata_max_age) {
            failures = 0;
            continue;
        }
        match refresh(&shared).await {
            Ok(()) => refreshed = Instant::now(),
            Err(error) if error.is_retriable() => shared.refresh.notify_one(),
            Err(error) => shared.fail_for_good(error),
        }
        failures = failures.saturating_add(1);
        tokio::time::sleep(backoff(config.retry_backoff, config.retry_backoff_max, failures)).await;
    }
}

/// Asks for the metadata of all topics in use.
async fn refresh(shared: &Arc<Shared>) -> Result<(), KafkaError> {
    let names: Vec<String> = shared.lock().names.keys().map(|t| t.to_string()).collect();
    let metadata = shared.client.metadata(Some(&names), true).await?;
    let (failed, settings_error) = {
        let mut accumulator = shared.lock();
        let refused = accumulator.apply(&metadata);
        let mut failed = Vec::new();
        for (topic, code) in &refused {
            let error = super::topic_refused(topic, *code);
            failed.extend(accumulator.fail_waiting(|t, _| t == topic, &error));
        }
        (failed, refused)
    };
    for (topic, code) in settings_error {
        tracing::warn!(%topic, error = code_name(code), "Kafka refuses this topic");
    }
    shared.deliver(failed);
    shared.start_senders();
    shared.wake_all();
    Ok(())
}

/// One try to get a producer id (KIP-98); the keeper comes back when it fails.
async fn fetch_producer_id(shared: &Arc<Shared>) {
    let attempt = async {
        let connection = shared.client.any().await?;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let response = connection.call_newest(&request, 4).await?;
        match response.error_code {
            0 => Ok((response.producer_id.0, response.producer_epoch)),
            code => Err(KafkaError::broker(
                code,
                "the request for a producer id (enable.idempotence=true needs the right IdempotentWrite or Write)",
                None,
            )),
        }
    };
    match attempt.await {
        Ok(producer) => {
            shared.lock().producer = Some(producer);
            shared.wake_all();
        }
        Err(error) if error.is_retriable() => {
            tokio::time::sleep(shared.client.config.retry_backoff).await;
            shared.refresh.notify_one();
        }
        Err(error) => shared.fail_for_good(error),
    }
}
