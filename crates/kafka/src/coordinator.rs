//! Coordinators of groups and of transactional ids (FindCoordinator, KIP-98 and KIP-699).
//!
//! Here: which broker it is, and for transactions what is asked of it, over its changes and restarts, and what its error codes
//! mean; the producer and the admin client share that. Not here: the requests of a group's member (`group`), and when a
//! transaction begins and ends (`producer::transaction`).

use crate::client::{Client, backoff};
use crate::error::{KafkaError, codes};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest, ProducerId, TopicName,
    TransactionalId,
};
use kafka_protocol::protocol::{Request, StrBytes};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Later versions are for brokers among themselves (KIP-890).
const ADD_PARTITIONS: i16 = 3;
/// The next one raises the epoch with each transaction (KIP-890).
const END: i16 = 4;
const INIT: i16 = 4;
/// From this version on a request asks for several coordinators (KIP-699).
const FIND_MANY: i16 = 4;

/// What is coordinated; the protocol's `key_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The members of a group.
    Group = 0,
    /// The transactions of a transactional id.
    Transaction = 1,
}

/// The id of the broker that coordinates `key`; one try.
pub(crate) async fn find_coordinator(client: &Client, kind: Kind, key: &str) -> Result<i32, KafkaError> {
    // so that the client knows the brokers' addresses
    client.metadata(Some(&[]), false).await?;
    let connection = client.any().await?;
    let version = connection.version::<FindCoordinatorRequest>(i16::MAX)?;
    let name = StrBytes::from_string(key.to_owned());
    let request = FindCoordinatorRequest::default().with_key_type(kind as i8);
    let request = if version >= FIND_MANY { request.with_coordinator_keys(vec![name]) } else { request.with_key(name) };
    let response = connection.call(&request, version).await.inspect_err(|error| {
        if error.is_retriable() {
            client.note_lost(&connection, error);
        }
    })?;
    let (code, node) = match response.coordinators.first() {
        Some(found) => (found.error_code, found.node_id),
        None => (response.error_code, response.node_id),
    };
    let subject = match kind {
        Kind::Group => "group",
        Kind::Transaction => "transactional id",
    };
    match code {
        0 => Ok(node.0),
        code => Err(KafkaError::broker(code, format!("the search for the coordinator of {subject} '{key}'"), None)),
    }
}

/// Whether the code says that a newer producer is at work.
pub(crate) fn is_fencing(code: i16) -> bool {
    matches!(code, codes::INVALID_PRODUCER_EPOCH | codes::PRODUCER_FENCED)
}

/// Whether the coordinator has to be looked for again.
pub(crate) fn is_gone(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::Disconnected { .. }
            | KafkaError::Unreachable { .. }
            | KafkaError::Broker { code: codes::NOT_COORDINATOR | codes::COORDINATOR_NOT_AVAILABLE, .. }
    )
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The coordinator of one transactional id.
pub(crate) struct Coordinator {
    client: Arc<Client>,
    id: String,
    node: Mutex<Option<i32>>,
}

impl Coordinator {
    /// Not looked for yet.
    pub(crate) fn new(client: Arc<Client>, id: &str) -> Self {
        Self { client, id: id.to_owned(), node: Mutex::default() }
    }

    fn transactional_id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.id.clone()))
    }

    /// Gets a producer id and its next epoch, by which older producers are fenced and their transaction is aborted. One that `goes_on` has
    /// an epoch already, and gets the next one unless it was fenced itself meanwhile (KIP-360).
    pub(crate) async fn init(
        &self,
        goes_on: Option<(i64, i16)>,
        transaction_timeout: Duration,
        limit: Duration,
        setting: &'static str,
    ) -> Result<(i64, i16), KafkaError> {
        let (id, epoch) = goes_on.unwrap_or((-1, -1));
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.transactional_id()))
            .with_transaction_timeout_ms(i32::try_from(transaction_timeout.as_millis()).unwrap_or(i32::MAX))
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(epoch);
        let attempt = || async {
            let response = self.call(&request, INIT).await?;
            self.check(response.error_code, "the producer id of")?;
            Ok((response.producer_id.0, response.producer_epoch))
        };
        self.patiently("the start of", limit, setting, attempt).await
    }

    /// Ends the transaction. An answer that was lost is asked for again: the coordinator knows what it did last.
    pub(crate) async fn end(&self, (id, epoch): (i64, i16), commit: bool, limit: Duration) -> Result<(), KafkaError> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(epoch)
            .with_committed(commit);
        let doing = if commit { "the commit of a transaction of" } else { "the abort of a transaction of" };
        let attempt = || async { self.check(self.call(&request, END).await?.error_code, doing) };
        self.patiently(doing, limit, "max.block.ms", attempt).await
    }

    /// One try to add partitions. An error code that concerns them all, as most do, is an error.
    pub(crate) async fn try_add(
        &self,
        (id, epoch): (i64, i16),
        partitions: &[(Arc<str>, i32)],
    ) -> Result<Vec<(String, i32, i16)>, KafkaError> {
        let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
        for (topic, partition) in partitions {
            match topics.iter_mut().find(|known| *known.name.0.as_str() == **topic) {
                Some(known) => known.partitions.push(*partition),
                None => {
                    let name = TopicName(StrBytes::from_string(topic.to_string()));
                    topics.push(AddPartitionsToTxnTopic::default().with_name(name).with_partitions(vec![*partition]));
                }
            }
        }
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id())
            .with_v3_and_below_producer_id(ProducerId(id))
            .with_v3_and_below_producer_epoch(epoch)
            .with_v3_and_below_topics(topics);
        let response = self.call(&request, ADD_PARTITIONS).await?;
        let mut answers = Vec::with_capacity(partitions.len());
        for topic in &response.results_by_topic_v3_and_below {
            for result in &topic.results_by_partition {
                match result.partition_error_code {
                    code @ (0
                    | codes::UNKNOWN_TOPIC_OR_PARTITION
                    | codes::TOPIC_AUTHORIZATION_FAILED
                    | codes::INVALID_TOPIC_EXCEPTION
                    | codes::OPERATION_NOT_ATTEMPTED) => {
                        answers.push((topic.name.0.to_string(), result.partition_index, code));
                    }
                    code => self.check(code, "the partitions of a transaction of")?,
                }
            }
        }
        Ok(answers)
    }

    /// Sends a request to the coordinator, which is looked for when it is not known.
    async fn call<R: Request>(&self, request: &R, newest: i16) -> Result<R::Response, KafkaError> {
        let known = *locked(&self.node);
        let node = match known {
            Some(node) => node,
            None => {
                let node = find_coordinator(&self.client, Kind::Transaction, &self.id).await?;
                *locked(&self.node).insert(node)
            }
        };
        let connection = self.client.broker(node).await?;
        connection.call_newest(request, newest).await.inspect_err(|error| {
            if error.is_retriable() {
                self.client.note_lost(&connection, error);
            }
        })
    }

    /// An error if the code says so.
    fn check(&self, code: i16, doing: &str) -> Result<(), KafkaError> {
        match code {
            0 => Ok(()),
            code if is_fencing(code) => Err(KafkaError::Fenced { transactional_id: self.id.clone() }),
            code => Err(KafkaError::broker(code, format!("{doing} transactional id '{}'", self.id), None)),
        }
    }

    /// Whether the same request may succeed later; forgets a coordinator that is none any more.
    pub(crate) fn is_passing(&self, error: &KafkaError) -> bool {
        let gone = is_gone(error);
        if gone {
            *locked(&self.node) = None;
        }
        let busy = matches!(error.code(), Some(codes::CONCURRENT_TRANSACTIONS | codes::COORDINATOR_LOAD_IN_PROGRESS));
        gone || busy || error.is_retriable()
    }

    /// Repeats `attempt` over errors that pass, until `limit` has passed.
    async fn patiently<T, F: Future<Output = Result<T, KafkaError>>>(
        &self,
        doing: &str,
        limit: Duration,
        setting: &'static str,
        attempt: impl Fn() -> F,
    ) -> Result<T, KafkaError> {
        let deadline = Instant::now().checked_add(limit);
        let config = &self.client.config;
        let mut failures: u32 = 0;
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) if self.is_passing(&error) => error,
                Err(error) => return Err(error),
            };
            failures = failures.saturating_add(1);
            tracing::debug!(%error, transactional_id = self.id, "{doing} a transactional id: not done yet, trying again");
            let wait = backoff(config.retry_backoff, config.retry_backoff_max, failures);
            if deadline.is_some_and(|deadline| Instant::now() + wait > deadline) {
                return Err(KafkaError::Timeout {
                    what: format!("{doing} transactional id '{}' (last error: {error})", self.id),
                    setting,
                    millis: limit.as_millis() as u64,
                });
            }
            tokio::time::sleep(wait).await;
        }
    }
}
