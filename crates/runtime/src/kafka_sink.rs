//! Kafka as a sink: a producer with Connect's settings for source tasks, and the creation of missing topics.
//!
//! How Kafka is spoken to belongs to `rowtide-kafka`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rowtide_api::failpoint::{self, Failpoint};
use rowtide_api::{Ack, EncodedRecord, Error, ErrorKind, Props, Result, Sink};
use rowtide_kafka::{Admin, ClientConfig, CreateOutcome, Delivery, KafkaError, NewTopic, ProduceError, Producer, ProducerRecord};
use tokio::sync::mpsc;

use crate::pipeline::{DeadLetterQueue, SinkContext, SinkFactory, Transactions, skips};
use crate::topic_creation::TopicGroups;
use crate::worker_config::WorkerConfig;

/// How long `close` waits for records that nobody waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Marks a record of a transaction that is none of the task's: nobody waits for its acknowledgement.
pub const NOT_A_RECORD: u64 = u64::MAX;

/// A task's producer.
pub struct KafkaSink {
    producer: Option<Producer>,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    creation: Option<Creation>,
    transactions: Option<Transactions>,
}

/// Creates topics before their first record.
struct Creation {
    admin: Admin,
    groups: TopicGroups,
    known: HashSet<Arc<str>>,
}

/// Makes a Kafka sink for each task of this worker.
pub fn factory(worker: &WorkerConfig) -> SinkFactory {
    let worker = Arc::new(worker.clone());
    Arc::new(move |context| {
        let worker = worker.clone();
        Box::pin(async move { Ok(Box::new(KafkaSink::open(&worker, &context).await?) as Box<dyn Sink>) })
    })
}

/// The id of the worker's Kafka cluster; a worker that cannot learn it does not start.
pub async fn cluster_id(worker: &WorkerConfig) -> Result<Option<String>> {
    let mut properties = BTreeMap::new();
    put_all(&mut properties, &worker.props);
    properties.entry("client.id".to_owned()).or_insert_with(|| "rowtide-worker".to_owned());
    let failed = |error: KafkaError| {
        let kind = if error.is_retriable() { ErrorKind::Transient } else { ErrorKind::Configuration };
        Error::new(kind, "Failed to connect to and describe Kafka cluster")
            .remedy("check bootstrap.servers and the security properties of the worker, and that the brokers are up")
            .caused_by(error)
    };
    let admin = Admin::new(ClientConfig::from_properties(&properties).map_err(failed)?).map_err(failed)?;
    Ok(admin.describe_cluster().await.map_err(failed)?.cluster_id)
}

/// The properties of a source task's producer: Connect's own, then the worker's `producer.`, then the connector's
/// `producer.override.` as far as the policy lets it. (`Worker.baseProducerConfigs`; idempotence stays on, unlike
/// Connect's default, and then five requests in flight keep the order that Connect needs one for.)
pub fn producer_properties(
    worker: &WorkerConfig,
    connector: &str,
    task: usize,
    config: &Props,
) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for (name, value) in [
        ("bootstrap.servers", worker.get("bootstrap.servers").unwrap_or_default()),
        ("client.id", &format!("connector-producer-{connector}-{task}")),
        ("acks", "all"),
        ("delivery.timeout.ms", "2147483647"),
        ("max.block.ms", "9223372036854775807"),
    ] {
        properties.insert(name.to_owned(), value.to_owned());
    }
    put_all(&mut properties, &worker.props.with_prefix("producer."));
    overrides(worker, config, "producer.override.", &mut properties)?;
    let idempotent = properties.get("enable.idempotence").is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"));
    if !idempotent {
        properties.entry("max.in.flight.requests.per.connection".to_owned()).or_insert_with(|| "1".to_owned());
    }
    Ok(properties)
}

/// Exactly once leaves no choice in some of them (`Worker.exactlyOnceSourceTaskProducerConfigs`).
fn ensure_transactions(transactions: &Transactions, connector: &str, properties: &mut BTreeMap<String, String>) {
    for (name, value) in [("enable.idempotence", "true"), ("transactional.id", transactions.id.as_str())] {
        let given = properties.insert(name.to_owned(), value.to_owned());
        if let Some(given) = given.filter(|given| given.trim() != value) {
            tracing::warn!(connector, "the producer property {name}={given} has no effect: exactly once needs {value}");
        }
    }
}

/// An administrative client with the rights of a connector.
pub(crate) fn connector_admin(worker: &WorkerConfig, connector: &str, task: usize, config: &Props) -> Result<Admin> {
    let properties = admin_properties(worker, connector, task, config)?;
    Admin::new(ClientConfig::from_properties(&properties).map_err(client_error)?).map_err(client_error)
}

pub(crate) fn admin_properties(
    worker: &WorkerConfig,
    connector: &str,
    task: usize,
    config: &Props,
) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    properties.insert("bootstrap.servers".to_owned(), worker.get("bootstrap.servers").unwrap_or_default().to_owned());
    properties.insert("client.id".to_owned(), format!("connector-adminclient-{connector}-{task}"));
    put_all(&mut properties, &admin_defaults(&worker.props));
    overrides(worker, config, "admin.override.", &mut properties)?;
    Ok(properties)
}

/// The properties of a connector's consumer, which reads its offsets: Connect's, then the worker's `consumer.`, then the connector's
/// `consumer.override.` (`Worker.baseConsumerConfigs`).
pub(crate) fn consumer_properties(worker: &WorkerConfig, connector: &str, config: &Props) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    properties.insert("bootstrap.servers".to_owned(), worker.get("bootstrap.servers").unwrap_or_default().to_owned());
    properties.insert("client.id".to_owned(), format!("connector-consumer-{connector}"));
    put_all(&mut properties, &worker.props.with_prefix("consumer."));
    overrides(worker, config, "consumer.override.", &mut properties)?;
    Ok(properties)
}

/// What a worker's properties say of its connectors' admin clients: those under `admin.`, over those of its own clients, which producers do
/// without (`Worker.adminConfigs`).
pub(crate) fn admin_defaults(props: &Props) -> Props {
    let of_others = |name: &str| ["admin.", "producer.", "consumer."].iter().any(|prefix| name.starts_with(prefix));
    let own = props.with_prefix("admin.");
    let own = own.iter().filter(|(name, _)| !name.starts_with("listeners"));
    props.iter().filter(|(name, _)| !of_others(name)).chain(own).collect()
}

fn overrides(worker: &WorkerConfig, config: &Props, prefix: &str, properties: &mut BTreeMap<String, String>) -> Result<()> {
    let own = config.with_prefix(prefix);
    for (name, _) in own.iter() {
        if let Some(reason) = worker.override_policy.refuses(name) {
            return Err(Error::configuration(reason)
                .remedy("remove the property, or change connector.client.config.override.policy of the worker"));
        }
    }
    put_all(properties, &own);
    Ok(())
}

fn put_all(properties: &mut BTreeMap<String, String>, more: &Props) {
    properties.extend(more.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
}

impl KafkaSink {
    /// A producer for this task. It connects with its first records; one with transactions at once, which ends those of the
    /// producer before it.
    pub async fn open(worker: &WorkerConfig, context: &SinkContext) -> Result<Self> {
        let SinkContext { connector, task, config, transactions } = context;
        let mut properties = producer_properties(worker, connector, *task, config)?;
        if let Some(transactions) = transactions {
            ensure_transactions(transactions, connector, &mut properties);
        }
        let client = ClientConfig::from_properties(&properties).map_err(client_error)?;
        for name in &client.unknown {
            tracing::warn!(connector, task, "the producer property '{name}' is not known and has no effect");
        }
        let (sent, deliveries) = mpsc::unbounded_channel();
        // What comes after a record that ends the task is not written: the next attempt writes all of it again, in order.
        let ends_the_task = if skips(config) { |error: &ProduceError| !is_skipped(error) } else { |_: &ProduceError| true };
        let producer = Producer::new(client, sent).map_err(client_error)?.stops_at(ends_the_task);
        let groups = if worker.topic_creation { TopicGroups::read(config)? } else { None };
        let creation = match groups {
            Some(groups) => {
                let admin = connector_admin(worker, connector, *task, config)?;
                Some(Creation { admin, groups, known: HashSet::new() })
            }
            None => None,
        };
        if let Some(queue) = DeadLetterQueue::read(config)? {
            ensure_letters(&connector_admin(worker, connector, *task, config)?, &queue).await?;
        }
        if transactions.is_some() {
            producer.init_transactions().await.map_err(client_error)?;
        }
        Ok(Self { producer: Some(producer), deliveries, creation, transactions: transactions.clone() })
    }

    /// The next start of the task reads the offsets topic to its end, for which it would wait for its own transaction.
    fn check_topics(&self, batch: &[EncodedRecord]) -> Result<()> {
        let Some(Transactions { offsets_topic, .. }) = &self.transactions else { return Ok(()) };
        if batch.iter().any(|record| record.topic == *offsets_topic) {
            return Err(Error::configuration(
                "Source tasks may not produce to their own offsets topics when exactly-once support is enabled",
            )
            .remedy(format!("route the connector's records to other topics than '{offsets_topic}'")));
        }
        Ok(())
    }

    fn producer(&self) -> Result<&Producer> {
        self.producer.as_ref().ok_or_else(|| Error::fatal("the Kafka sink is closed"))
    }
}

/// Creates the topic of a dead letter queue unless it is there, as Connect's sink tasks do (`DeadLetterQueueReporter.createAndSetup`).
async fn ensure_letters(admin: &Admin, queue: &DeadLetterQueue) -> Result<()> {
    let DeadLetterQueue { topic, replication_factor, .. } = queue;
    let refused = |error: KafkaError| {
        let kind = if error.is_retriable() { ErrorKind::Transient } else { ErrorKind::Configuration };
        Error::new(kind, format!("Could not initialize dead letter queue with topic={topic}"))
            .remedy(format!(
                "create the topic, or let it be created: errors.deadletterqueue.topic.replication.factor={replication_factor} must not be \
                 more than there are brokers (-1 leaves it to them), and the connector's admin client needs the right to"
            ))
            .caused_by(error)
    };
    if admin.partition_count(topic).await.map_err(refused)?.is_some_and(|count| count > 0) {
        return Ok(());
    }
    let new =
        NewTopic { name: topic.to_string(), partitions: 1, replication_factor: *replication_factor, configs: BTreeMap::new() };
    if admin.create_topic(&new).await.map_err(refused)? == CreateOutcome::Created {
        tracing::info!("created the topic '{topic}' of the dead letter queue");
    }
    Ok(())
}

impl Creation {
    async fn ensure(&mut self, batch: &[EncodedRecord]) -> Result<()> {
        let mut last: Option<&Arc<str>> = None;
        for record in batch {
            if last.is_some_and(|last| Arc::ptr_eq(last, &record.topic)) {
                continue;
            }
            last = Some(&record.topic);
            if !self.known.contains(&record.topic) {
                self.create(&record.topic).await?;
                self.known.insert(record.topic.clone());
            }
        }
        Ok(())
    }

    async fn create(&self, name: &Arc<str>) -> Result<()> {
        let Some(topic) = self.groups.topic(name) else { return Ok(()) };
        let refused = |error: KafkaError| {
            let kind = if error.is_retriable() { ErrorKind::Transient } else { ErrorKind::Configuration };
            Error::new(kind, format!("cannot create the topic '{name}'"))
                .remedy("check the topic.creation. properties of its group and the rights of the admin client")
                .caused_by(error)
        };
        if self.admin.partition_count(name).await.map_err(refused)?.is_some_and(|count| count > 0) {
            return Ok(());
        }
        if self.admin.create_topic(&topic).await.map_err(refused)? == CreateOutcome::Created {
            tracing::info!(
                partitions = topic.partitions,
                replication_factor = topic.replication_factor,
                "created the topic '{name}'"
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for KafkaSink {
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()> {
        if let Some(creation) = &mut self.creation {
            creation.ensure(&batch).await?;
        }
        self.check_topics(&batch)?;
        self.producer()?.send_batch(batch.into_iter().map(to_produce).collect()).await.map_err(client_error)
    }

    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        // The sender's end lives in the producer, which lives as long as this does.
        let Some(first) = self.deliveries.recv().await else { return std::future::pending().await };
        let mut next = Some(first);
        while let Some(delivery) = next {
            settle(delivery, out);
            next = self.deliveries.try_recv().ok();
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.producer()?.flush().await;
        Ok(())
    }

    async fn commit(&mut self, more: Vec<EncodedRecord>) -> Result<()> {
        let producer = self.producer()?;
        producer.send_batch(more.into_iter().map(to_produce).collect()).await.map_err(client_error)?;
        producer.flush().await;
        failpoint::pass(Failpoint::OffsetsWritten);
        producer.commit_transaction().await.map_err(client_error)
    }

    async fn abort(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        self.producer()?.abort_transaction().await.map_err(client_error)?;
        // each record was settled before the abort's end
        while let Ok(delivery) = self.deliveries.try_recv() {
            settle(delivery, out);
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        if let Some(producer) = self.producer.take() {
            producer.close(CLOSE_TIMEOUT).await;
        }
        Ok(())
    }
}

fn settle(delivery: Delivery, out: &mut Vec<Ack>) {
    match delivery.result {
        // whether they are durable, the end of their transaction says
        _ if delivery.tokens.first() == Some(&NOT_A_RECORD) => {}
        Ok(_) => out.extend(delivery.tokens.into_iter().map(|sequence| Ack { sequence, result: Ok(()) })),
        Err(error) => {
            let failed = |sequence| Ack { sequence, result: Err(produce_error(&error)) };
            out.extend(delivery.tokens.into_iter().map(failed));
        }
    }
}

fn to_produce(record: EncodedRecord) -> ProducerRecord {
    ProducerRecord {
        topic: record.topic,
        partition: record.partition,
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp: record.timestamp,
        token: record.sequence,
    }
}

/// A client's failure, as the runtime's table of kinds has it.
pub(crate) fn client_error(error: KafkaError) -> Error {
    if matches!(error, KafkaError::Fenced { .. }) {
        return Error::fatal(error.to_string()).remedy(
            "nothing that was not committed is visible to readers with isolation.level=read_committed. If another worker has the task by now, \
             leave it alone; else its transaction took longer than transaction.timeout.ms: raise producer.override.transaction.timeout.ms, or \
             lower max.batch.size or transaction.boundary.interval.ms, and restart the task",
        );
    }
    if let KafkaError::Stopped { cause } = &error {
        return produce_error(cause);
    }
    let kind = match &error {
        KafkaError::Config { .. } | KafkaError::Authentication { .. } | KafkaError::Protocol { .. } => ErrorKind::Configuration,
        KafkaError::Token { passes: false, .. } => ErrorKind::Configuration,
        KafkaError::Closed => ErrorKind::Transient,
        error if error.is_retriable() => ErrorKind::Transient,
        // Authorization: only a person can change that.
        KafkaError::Broker { code: 29..=31 | 53, .. } => ErrorKind::Configuration,
        _ => ErrorKind::Transient,
    };
    Error::new(kind, error.to_string())
}

/// Whether a record that was not written for this reason may be skipped.
fn is_skipped(error: &ProduceError) -> bool {
    produce_error(error).kind() == ErrorKind::Data
}

/// Why a record was not written.
pub(crate) fn produce_error(error: &ProduceError) -> Error {
    match error {
        ProduceError::RecordTooLarge { topic, key, size, limit, setting } => {
            let key = key.as_ref().map_or_else(|| "null".to_owned(), |key| shortened(key));
            let limit = limit.map_or_else(String::new, |limit| format!("={limit}"));
            Error::data(format!(
                "the record for topic '{topic}' with key {key} is {size} bytes when serialized, which is more than {setting}{limit}"
            ))
            .remedy(
                "raise both limits above that size: producer.override.max.request.size in the connector's configuration (or \
                 producer.max.request.size in the worker's), and max.message.bytes of the topic (or message.max.bytes of the \
                 broker); or leave the large column out with column.exclude.list",
            )
        }
        // TOPIC_AUTHORIZATION_FAILED, GROUP_…, CLUSTER_…, INVALID_TOPIC_EXCEPTION
        ProduceError::Broker { code: 17 | 29..=31, .. } => {
            Error::configuration(error.to_string()).remedy("check the topic's name and the rights of the connector's producer")
        }
        // INVALID_RECORD
        ProduceError::Broker { code: 87, .. } => Error::data(error.to_string()),
        // INVALID_TIMESTAMP: a wrong clock that is set right ends it
        ProduceError::Broker { code: 32, .. } => Error::transient(error.to_string()).remedy(
            "compare this machine's clock with the broker's: brokers refuse records of more than message.timestamp.after.max.ms \
             (an hour) ahead of their own clock",
        ),
        // Fenced or out of sequence: a new producer may go on from the stored offsets.
        ProduceError::Broker { .. } | ProduceError::DeliveryTimeout { .. } => Error::transient(error.to_string()),
        ProduceError::NoSuchPartition { .. } => Error::configuration(error.to_string())
            .remedy("correct what sets the partition (heartbeat and schema change records need partition 0), or add partitions"),
        ProduceError::Client(error) => client_error(error.clone()),
    }
}

/// The key names the row; a long one is cut.
fn shortened(key: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&key[..key.len().min(MOST)]);
    if key.len() > MOST { format!("{text}…") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(more: &[(&str, &str)]) -> WorkerConfig {
        let base = [("bootstrap.servers", "b:9092"), ("producer.linger.ms", "7"), ("producer.acks", "1")];
        WorkerConfig::run(&base.iter().chain(more).copied().collect()).unwrap()
    }

    #[test]
    fn the_connectors_properties_win_over_the_workers_over_connects() {
        let config: Props =
            [("producer.override.acks", "all"), ("producer.override.enable.idempotence", "false")].into_iter().collect();
        let properties = producer_properties(&worker(&[]), "c", 3, &config).unwrap();
        let get = |name: &str| properties.get(name).map(String::as_str);
        assert_eq!(get("client.id"), Some("connector-producer-c-3"));
        assert_eq!(get("linger.ms"), Some("7"));
        assert_eq!(get("acks"), Some("all"));
        assert_eq!(get("delivery.timeout.ms"), Some("2147483647"));
        assert_eq!(get("max.in.flight.requests.per.connection"), Some("1"), "without idempotence one in flight keeps the order");
    }

    #[test]
    fn the_policy_is_kept() {
        let config: Props = [("producer.override.acks", "all")].into_iter().collect();
        let worker = worker(&[("connector.client.config.override.policy", "None")]);
        let error = producer_properties(&worker, "c", 0, &config).unwrap_err();
        assert!(error.message().contains("'None' policy does not allow 'acks'"), "{error}");
    }

    #[test]
    fn admin_clients_have_the_workers_own_properties_and_their_own_over_them() {
        let props: Props = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("producer.sasl.mechanism", "SCRAM-SHA-256"),
            ("admin.sasl.mechanism", "SCRAM-SHA-512"),
            ("admin.listeners", "http://127.0.0.1:8084"),
        ]
        .into_iter()
        .collect();
        let admin = admin_defaults(&props);
        assert_eq!(admin, [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-512")].into_iter().collect());
    }

    #[test]
    fn a_record_that_is_too_large_names_itself_and_both_settings() {
        let error = produce_error(&ProduceError::RecordTooLarge {
            topic: "prod.public.docs".into(),
            key: Some("{\"id\":7}".into()),
            size: 2_000_000,
            limit: Some(1_048_576),
            setting: "max.request.size",
        });
        let text = error.to_string();
        for part in [
            "prod.public.docs",
            "{\"id\":7}",
            "2000000",
            "max.request.size=1048576",
            "producer.override.max.request.size",
            "max.message.bytes",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(error.kind(), ErrorKind::Data);
    }
}
