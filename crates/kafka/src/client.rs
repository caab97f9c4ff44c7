//! The cluster as a client sees it: its brokers, a connection to each, and metadata.
//!
//! Here: which broker to ask, reconnecting with back-off, one line in the log when a broker goes away and one when it is
//! back. Producer, consumer and admin share it. Not here: what they ask.

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{KafkaError, codes};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Metadata is asked for by topic name; version 12 is the newest that needs no topic ids anywhere else.
const METADATA: i16 = 12;

/// A topic as the cluster describes it.
#[derive(Debug, Clone, Default)]
pub struct TopicMetadata {
    /// The topic's name.
    pub name: String,
    /// 0, or the protocol's error code for this topic.
    pub error_code: i16,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
    /// Leader by partition; -1 where there is none. The index is the partition.
    pub leaders: Vec<i32>,
    /// Number of replicas of partition 0.
    pub replication_factor: i16,
}

/// What a metadata request brings.
#[derive(Debug, Clone, Default)]
pub struct ClusterMetadata {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker that takes administrative requests; -1 when unknown.
    pub controller: i32,
    /// Address by broker id.
    pub brokers: BTreeMap<i32, String>,
    /// The topics asked for.
    pub topics: Vec<TopicMetadata>,
}

/// One address and what is known about it.
#[derive(Default)]
struct Node {
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures: u32,
    retry_at: Option<Instant>,
    down: bool,
}

/// Connections to the brokers of one cluster.
pub(crate) struct Client {
    pub(crate) config: ClientConfig,
    tls: Option<tokio_rustls::TlsConnector>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    brokers: BTreeMap<i32, String>,
    nodes: HashMap<String, Arc<Node>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The back-off before try number `failures` (from 1): doubled each time up to `most`, 20 % of jitter as in Java.
pub(crate) fn backoff(base: Duration, most: Duration, failures: u32) -> Duration {
    let doubled = base.saturating_mul(1u32.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(u32::MAX));
    let mut byte = [0u8; 1];
    // Without randomness the clients only stay in step with each other.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut byte);
    doubled.min(most.max(base)).mul_f64(0.8 + 0.4 * f64::from(byte[0]) / 255.0)
}

impl Client {
    /// A client that has not connected yet. Fails on unusable TLS settings.
    pub(crate) fn new(config: ClientConfig) -> Result<Arc<Self>, KafkaError> {
        let tls = match &config.tls {
            Some(settings) => Some(tokio_rustls::TlsConnector::from(Arc::new(settings.client_config()?))),
            None => None,
        };
        Ok(Arc::new(Self { config, tls, state: Mutex::default() }))
    }

    fn node(&self, address: &str) -> Arc<Node> {
        let mut state = locked(&self.state);
        match state.nodes.get(address) {
            Some(node) => node.clone(),
            None => state.nodes.entry(address.to_owned()).or_default().clone(),
        }
    }

    /// A live connection to this address, waiting out its reconnect back-off.
    async fn connect(&self, address: &str) -> Result<Arc<Connection>, KafkaError> {
        let node = self.node(address);
        let mut slot = node.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|c| c.is_usable()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let retry_at = locked(&node.health).retry_at;
        if let Some(at) = retry_at {
            tokio::time::sleep_until(at).await;
        }
        match Connection::open(address, &self.config, self.tls.as_ref()).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *slot = Some(connection.clone());
                if std::mem::take(&mut *locked(&node.health)).down {
                    tracing::info!(broker = address, client_id = %self.config.client_id, "Kafka broker is back");
                }
                Ok(connection)
            }
            Err(error) => {
                self.note_failure(&node, address, &error);
                Err(error)
            }
        }
    }

    fn note_failure(&self, node: &Node, address: &str, error: &KafkaError) {
        let mut health = locked(&node.health);
        health.failures = health.failures.saturating_add(1);
        let wait = backoff(self.config.reconnect_backoff, self.config.reconnect_backoff_max, health.failures);
        health.retry_at = Some(Instant::now() + wait);
        if !std::mem::replace(&mut health.down, true) {
            tracing::warn!(broker = address, client_id = %self.config.client_id, %error, "Kafka broker cannot be reached; trying again until it is back");
        }
    }

    /// Notes a connection that broke while it was in use, so that the log says so once.
    pub(crate) fn note_lost(&self, connection: &Connection, error: &KafkaError) {
        let node = self.node(connection.address());
        let mut health = locked(&node.health);
        if !std::mem::replace(&mut health.down, true) {
            tracing::warn!(broker = connection.address(), client_id = %self.config.client_id, %error, "Kafka broker went away; trying again until it is back");
        }
    }

    /// A connection to the broker with this id.
    pub(crate) async fn broker(&self, id: i32) -> Result<Arc<Connection>, KafkaError> {
        let address = locked(&self.state).brokers.get(&id).cloned();
        match address {
            Some(address) => self.connect(&address).await,
            None => {
                Err(KafkaError::Unreachable { address: format!("broker {id}"), problem: "the cluster does not list it".into() })
            }
        }
    }

    /// A connection to any broker: a live one first, then the known ones, then `bootstrap.servers`.
    pub(crate) async fn any(&self) -> Result<Arc<Connection>, KafkaError> {
        let (known, nodes) = {
            let state = locked(&self.state);
            let known: Vec<String> = state.brokers.values().cloned().collect();
            let nodes: Vec<Arc<Node>> = known.iter().filter_map(|a| state.nodes.get(a).cloned()).collect();
            (known, nodes)
        };
        for node in nodes {
            if let Ok(slot) = node.connection.try_lock()
                && let Some(connection) = slot.as_ref().filter(|c| c.is_usable())
            {
                return Ok(connection.clone());
            }
        }
        let mut last = None;
        let extra = self.config.bootstrap_servers.iter().filter(|b| !known.contains(b));
        for address in known.iter().chain(extra) {
            match self.connect(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) if !error.is_retriable() => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| KafkaError::Unreachable {
            address: self.config.bootstrap_servers.join(","),
            problem: "no address".into(),
        }))
    }

    /// Asks for these topics, or for all with `None`, and remembers the brokers.
    pub(crate) async fn metadata(&self, topics: Option<&[String]>, create: bool) -> Result<ClusterMetadata, KafkaError> {
        let connection = self.any().await?;
        let named =
            |name: &String| MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.clone()))));
        let request = MetadataRequest::default()
            .with_topics(topics.map(|t| t.iter().map(named).collect()))
            .with_allow_auto_topic_creation(create);
        let response = match connection.call_newest(&request, METADATA).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_retriable() {
                    self.note_lost(&connection, &error);
                }
                return Err(error);
            }
        };
        let metadata = digest(response);
        if !metadata.brokers.is_empty() {
            let mut state = locked(&self.state);
            state.brokers.clone_from(&metadata.brokers);
            let keep: Vec<String> = state.brokers.values().chain(&self.config.bootstrap_servers).cloned().collect();
            state.nodes.retain(|address, _| keep.contains(address));
        }
        Ok(metadata)
    }

    /// Repeats `metadata` over retriable errors until `limit` has passed.
    pub(crate) async fn metadata_within(
        &self,
        topics: Option<&[String]>,
        create: bool,
        limit: Duration,
        setting: &'static str,
    ) -> Result<ClusterMetadata, KafkaError> {
        let deadline = Instant::now().checked_add(limit);
        let mut failures = 0;
        loop {
            let error = match self.metadata(topics, create).await {
                Ok(metadata) => return Ok(metadata),
                Err(error) if !error.is_retriable() => return Err(error),
                Err(error) => error,
            };
            failures += 1;
            let wait = backoff(self.config.retry_backoff, self.config.retry_backoff_max, failures);
            if deadline.is_some_and(|d| Instant::now() + wait > d) {
                return Err(KafkaError::Timeout {
                    what: format!("metadata from Kafka (last error: {error})"),
                    setting,
                    millis: limit.as_millis() as u64,
                });
            }
            tokio::time::sleep(wait).await;
        }
    }
}

fn digest(response: MetadataResponse) -> ClusterMetadata {
    let mut brokers = BTreeMap::new();
    for broker in response.brokers {
        let host = broker.host.as_str();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        brokers.insert(broker.node_id.0, format!("{host}:{}", broker.port));
    }
    let topics = response.topics.into_iter().map(|topic| {
        let mut leaders = vec![-1; topic.partitions.len()];
        let mut replication_factor = 0;
        for p in &topic.partitions {
            // A broker lists partitions 0..n in any order; others than these would be damage.
            if let Some(leader) = usize::try_from(p.partition_index).ok().and_then(|i| leaders.get_mut(i)) {
                *leader = if p.error_code == codes::LEADER_NOT_AVAILABLE { -1 } else { p.leader_id.0 };
            }
            replication_factor = replication_factor.max(p.replica_nodes.len() as i16);
        }
        TopicMetadata {
            name: topic.name.map(|n| n.0.to_string()).unwrap_or_default(),
            error_code: topic.error_code,
            internal: topic.is_internal,
            leaders,
            replication_factor,
        }
    });
    ClusterMetadata {
        cluster_id: response.cluster_id.map(|id| id.to_string()),
        controller: response.controller_id.0,
        topics: topics.collect(),
        brokers,
    }
}
