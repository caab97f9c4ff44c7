//! Topics as tests read them.

use std::collections::BTreeMap;
use std::time::Duration;

use rowtide_kafka::{Admin, ClientConfig, ConsumedRecord, Consumer, Producer, ProducerRecord, StartOffset};
use serde_json::Value;

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// its topic
    pub topic: String,
    /// JSON; null when there is none
    pub key: Value,
    /// JSON; null when it is a tombstone
    pub value: Value,
    /// names and texts; empty where they were not read
    pub headers: BTreeMap<String, String>,
}

fn config() -> ClientConfig {
    config_of(&rowtide_testkit::kafka())
}

fn config_of(broker: &str) -> ClientConfig {
    config_with(broker, "read_uncommitted")
}

fn config_with(broker: &str, isolation: &str) -> ClientConfig {
    let properties = [("bootstrap.servers", broker), ("isolation.level", isolation)];
    let properties: BTreeMap<String, String> = properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    ClientConfig::from_properties(&properties).expect("a client")
}

/// What a future gives, without anything else running.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn json(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| serde_json::from_slice(bytes).expect("JSON in the topic"))
}

/// Names of all topics.
pub fn names() -> Vec<String> {
    block_on(async { Admin::new(config()).expect("admin").list_topics().await.expect("topics") })
}

/// Everything that the topic holds now; nothing if there is no such topic.
pub fn read(topic: &str) -> Vec<Record> {
    Reader::new(&rowtide_testkit::kafka(), topic).read().to_vec()
}

/// Takes key and value of each record that the topic holds now, as bytes; none if there is no such topic.
pub fn each(topic: &str, take: impl FnMut(Option<&[u8]>, Option<&[u8]>) + Send) {
    Reader::new(&rowtide_testkit::kafka(), topic).each_new(take);
}

/// Follows a topic: each time it reads only what is new.
pub struct Reader {
    config: ClientConfig,
    topic: String,
    consumer: Option<Consumer>,
    records: Vec<Record>,
    runtime: tokio::runtime::Runtime,
}

impl Reader {
    /// Of a broker's topic, which need not be there yet.
    pub fn new(broker: &str, topic: &str) -> Self {
        Self::with(config_of(broker), topic)
    }

    /// Of what transactions have committed there; waits for those that are open.
    pub fn committed(broker: &str, topic: &str) -> Self {
        Self::with(config_with(broker, "read_committed"), topic)
    }

    fn with(config: ClientConfig, topic: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { config, topic: topic.to_owned(), consumer: None, records: Vec::new(), runtime }
    }

    /// Everything that the topic holds now.
    pub fn read(&mut self) -> &[Record] {
        let (topic, mut records) = (self.topic.clone(), std::mem::take(&mut self.records));
        self.each_record(|ConsumedRecord { record, .. }| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = record.headers.iter().map(|(name, value)| (text(name), text(value.as_deref().unwrap_or_default())));
            records.push(Record {
                topic: topic.clone(),
                key: json(record.key.as_deref()),
                value: json(record.value.as_deref()),
                headers: headers.collect(),
            });
        });
        self.records = records;
        &self.records
    }

    fn each_new(&mut self, mut take: impl FnMut(Option<&[u8]>, Option<&[u8]>) + Send) {
        self.each_record(|ConsumedRecord { record, .. }| take(record.key.as_deref(), record.value.as_deref()));
    }

    fn each_record(&mut self, mut take: impl FnMut(&ConsumedRecord) + Send) {
        let Self { config, topic, consumer, runtime, .. } = self;
        runtime.block_on(async {
            let consumer = match consumer {
                Some(consumer) => consumer,
                None => {
                    let names = Admin::new(config.clone()).expect("admin").list_topics().await.expect("topics");
                    if !names.contains(topic) {
                        return;
                    }
                    let mut new = Consumer::new(config.clone()).expect("a consumer");
                    new.assign_topic(topic, StartOffset::Earliest, Duration::from_secs(30)).await.expect("the topic");
                    consumer.insert(new)
                }
            };
            let mut take = |consumed: ConsumedRecord| take(&consumed);
            consumer.read_to_end(&mut take).await.expect("the topic's records");
        });
    }
}

/// Number of brokers that the cluster has now; none while it does not answer.
pub fn brokers(broker: &str) -> Option<usize> {
    let found = block_on(async { Admin::new(config_of(broker)).expect("admin").describe_cluster().await });
    found.ok().map(|cluster| cluster.brokers.len())
}

/// How many members a group has.
pub fn members(broker: &str, group: &str) -> usize {
    block_on(async { Admin::new(config_of(broker)).expect("admin").group_members(group).await.expect("the group") }).len()
}

/// The node that leads a topic of one partition.
pub fn leader(broker: &str, topic: &str) -> usize {
    let name = [topic.to_owned()];
    let topics = block_on(async { Admin::new(config_of(broker)).expect("admin").describe_topics(&name).await });
    usize::try_from(topics.expect("the topic")[0].leaders[0]).expect("it has a leader")
}

/// Deletes a topic of a broker.
pub fn delete_at(broker: &str, topic: &str) {
    let gone = [topic.to_owned()];
    block_on(async { Admin::new(config_of(broker)).expect("admin").delete_topics(&gone).await.expect("deletion") });
}

/// Writes a record into a topic.
pub fn write(topic: &str, key: &str, value: &str) {
    write_at(&rowtide_testkit::kafka(), topic, key, value);
}

/// The same at another broker.
pub fn write_at(broker: &str, topic: &str, key: &str, value: &str) {
    block_on(async {
        let (deliveries, mut delivered) = tokio::sync::mpsc::unbounded_channel();
        let producer = Producer::new(config_of(broker), deliveries).expect("a producer");
        producer.send_batch(vec![record(topic, key, value)]).await.expect("a batch");
        producer.flush().await;
        delivered.recv().await.expect("a delivery").result.expect("the record is written");
    });
}

/// Writes a record in a transaction that is aborted: who reads what is not committed is shown it.
pub fn write_and_abort(topic: &str, key: &str, value: &str) {
    block_on(async {
        let (deliveries, mut delivered) = tokio::sync::mpsc::unbounded_channel();
        let id = rowtide_testkit::unique("aborts");
        let properties = [("bootstrap.servers", rowtide_testkit::kafka()), ("transactional.id", id)];
        let properties = properties.map(|(name, value)| (name.to_owned(), value)).into();
        let producer =
            Producer::new(ClientConfig::from_properties(&properties).expect("properties"), deliveries).expect("a producer");
        producer.init_transactions().await.expect("a coordinator");
        producer.send_batch(vec![record(topic, key, value)]).await.expect("a batch");
        producer.flush().await;
        delivered.recv().await.expect("a delivery").result.expect("the record is written");
        producer.abort_transaction().await.expect("it is aborted");
    });
}

fn record(topic: &str, key: &str, value: &str) -> ProducerRecord {
    ProducerRecord {
        topic: topic.into(),
        partition: None,
        key: Some(key.to_owned().into()),
        value: Some(value.to_owned().into()),
        headers: std::sync::Arc::default(),
        timestamp: None,
        token: 0,
    }
}

/// Deletes all topics that have this in their names: heartbeats, too.
pub fn delete(name: &str) {
    let gone: Vec<String> = names().into_iter().filter(|topic| topic.contains(name)).collect();
    if !gone.is_empty() {
        let _ = block_on(async { Admin::new(config()).expect("admin").delete_topics(&gone).await });
    }
}

/// Deletes a test's topics when it goes out of scope.
pub struct Cleanup(pub String);

impl Drop for Cleanup {
    fn drop(&mut self) {
        delete(&self.0);
    }
}

/// A line of `rowtide run` as a record.
pub fn of_line(line: &Value) -> Record {
    Record {
        topic: line["topic"].as_str().unwrap_or_default().to_owned(),
        key: line["key"].clone(),
        value: line["value"].clone(),
        headers: BTreeMap::new(),
    }
}

/// The number after the first `"id":` of some JSON, which is the key's: for so many records that parsing takes too long.
pub fn id(json: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(json).ok()?;
    let number = text.split_once("\"id\":")?.1;
    number[..number.find(|letter: char| !letter.is_ascii_digit())?].parse().ok()
}
