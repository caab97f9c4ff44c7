//! Real brokers for the tests: the one that `ROWTIDE_TEST_KAFKA` names, and private ones that a test may kill and configure.

#![allow(dead_code)] // each test file uses its part

use rowtide_kafka::{
    Admin, ClientConfig, ConsumedRecord, Consumer, CreateOutcome, Delivery, NewTopic, Producer, ProducerRecord, StartOffset,
};
use rowtide_testkit::kafka::Broker;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// `host:port` of the shared broker.
pub fn shared_broker() -> String {
    std::env::var("ROWTIDE_TEST_KAFKA")
        .expect("these tests need a real Kafka broker: start one and set ROWTIDE_TEST_KAFKA=127.0.0.1:9092")
}

/// A topic name that no other run uses.
pub fn unique(name: &str) -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("rowtide-kafka-test-{name}-{}-{nanos}", std::process::id())
}

pub fn config(broker: &str, extra: &[(&str, &str)]) -> ClientConfig {
    let mut map: BTreeMap<String, String> = extra.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    map.insert("bootstrap.servers".into(), broker.into());
    ClientConfig::from_properties(&map).unwrap()
}

pub async fn create(broker: &str, name: &str, partitions: i32, configs: &[(&str, &str)]) -> String {
    let topic = unique(name);
    let configs = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let new = NewTopic { name: topic.clone(), partitions, replication_factor: 1, configs };
    assert_eq!(Admin::new(config(broker, &[])).unwrap().create_topic(&new).await.unwrap(), CreateOutcome::Created);
    topic
}

pub async fn delete(broker: &str, topics: &[String]) {
    Admin::new(config(broker, &[])).unwrap().delete_topics(topics).await.unwrap();
}

pub fn record(topic: &Arc<str>, key: Option<&str>, value: &str, token: u64) -> ProducerRecord {
    ProducerRecord {
        topic: topic.clone(),
        partition: None,
        key: key.map(|k| bytes::Bytes::copy_from_slice(k.as_bytes())),
        value: Some(bytes::Bytes::copy_from_slice(value.as_bytes())),
        headers: Arc::default(),
        timestamp: None,
        token,
    }
}

pub fn producer(config: ClientConfig) -> (Producer, UnboundedReceiver<Delivery>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    (Producer::new(config, sender).unwrap(), receiver)
}

/// Everything that a topic holds now.
pub async fn read_all(config: ClientConfig, topic: &str) -> Vec<ConsumedRecord> {
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign_topic(topic, StartOffset::Earliest, Duration::from_secs(30)).await.unwrap();
    let mut records = Vec::new();
    consumer.read_to_end(&mut |record| records.push(record)).await.unwrap();
    records
}

/// Deliveries until `count` records are settled.
pub async fn settle(deliveries: &mut UnboundedReceiver<Delivery>, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    let mut settled = 0;
    while settled < count {
        let next = tokio::time::timeout(Duration::from_secs(120), deliveries.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("{settled} of {count} records settled, then nothing for 120 s")).unwrap();
        settled += next.tokens.len();
        all.push(next);
    }
    all
}

/// Starts a private broker and waits until it answers.
pub async fn start(broker: &mut Broker) {
    broker.launch();
    let admin = Admin::new(config(&broker.address(), &[])).unwrap();
    let mut found = admin.describe_cluster().await;
    // a busy machine takes more than the minute that one call waits
    for _ in 0..3 {
        if found.is_err() {
            found = admin.describe_cluster().await;
        }
    }
    assert!(found.is_ok(), "the private broker did not start, see kafka.log in {}: {found:?}", broker.dir().display());
}

/// Asserts that each partition holds the values `key:0`, `key:1`, … of its keys in order, none missing, none twice.
pub fn assert_complete_and_ordered(records: &[ConsumedRecord], keys: usize, count: usize) {
    let mut next = vec![0usize; keys];
    for consumed in records {
        let text = String::from_utf8(consumed.record.value.as_ref().unwrap().to_vec()).unwrap();
        let (key, n) = text.split_once(':').unwrap();
        let (key, n): (usize, usize) = (key.parse().unwrap(), n.parse().unwrap());
        assert_eq!(n, next[key], "key {key} at offset {} of partition {}", consumed.record.offset, consumed.partition);
        next[key] += 1;
    }
    assert_eq!(next.iter().sum::<usize>(), count, "records in all");
}

/// Waits for a condition that another process brings about, up to a limit.
pub async fn eventually(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    let mut polls = tokio::time::interval(Duration::from_millis(50));
    while !done().await {
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        polls.tick().await;
    }
}
