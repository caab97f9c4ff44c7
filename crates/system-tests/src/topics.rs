//! Topics as tests read them.

use std::collections::BTreeMap;
use std::time::Duration;

use rowtide_kafka::{Admin, ClientConfig, Consumer, StartOffset};
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
}

fn config() -> ClientConfig {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), rowtide_testkit::kafka())]);
    ClientConfig::from_properties(&properties).expect("a client")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
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
    let mut records = Vec::new();
    each(topic, |key, value| records.push(Record { topic: topic.to_owned(), key: json(key), value: json(value) }));
    records
}

/// Takes key and value of each record that the topic holds now, as bytes; none if there is no such topic.
pub fn each(topic: &str, mut take: impl FnMut(Option<&[u8]>, Option<&[u8]>)) {
    if !names().iter().any(|name| name == topic) {
        return;
    }
    block_on(async {
        let mut consumer = Consumer::new(config()).expect("a consumer");
        consumer.assign_topic(topic, StartOffset::Earliest, Duration::from_secs(30)).await.expect("the topic");
        let mut take = |consumed: rowtide_kafka::ConsumedRecord| {
            take(consumed.record.key.as_deref(), consumed.record.value.as_deref());
        };
        consumer.read_to_end(&mut take).await.expect("the topic's records");
    });
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
    }
}
