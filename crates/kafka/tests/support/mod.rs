//! Real brokers for the tests: the one that `ROWTIDE_TEST_KAFKA` names, and private ones (from the jars in
//! `ROWTIDE_TEST_KAFKA_LIBS`) that a test may kill and configure.

#![allow(dead_code)] // each test file uses its part

use rowtide_kafka::{
    Admin, ClientConfig, ConsumedRecord, Consumer, CreateOutcome, Delivery, NewTopic, Producer, ProducerRecord, StartOffset,
};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// `host:port` of the shared broker.
pub fn shared_broker() -> String {
    std::env::var("ROWTIDE_TEST_KAFKA")
        .expect("these tests need a real Kafka broker: start one and set ROWTIDE_TEST_KAFKA=127.0.0.1:9092")
}

fn libs() -> String {
    let dir = std::env::var("ROWTIDE_TEST_KAFKA_LIBS").expect(
        "these tests run Kafka's own programs: set ROWTIDE_TEST_KAFKA_LIBS to the libs/ folder of a Kafka distribution (Java 17 or newer is needed)",
    );
    assert!(Path::new(&dir).is_dir(), "ROWTIDE_TEST_KAFKA_LIBS={dir} is no folder");
    format!("{dir}/*")
}

/// A Java program of Kafka's.
pub fn java(class: &str, args: &[&str]) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-cp", &libs(), class]).args(args);
    command
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
        headers: Vec::new(),
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

/// A broker of a test's own, gone with the test.
pub struct PrivateBroker {
    dir: PathBuf,
    child: Option<Child>,
    pub port: u16,
    node: usize,
    /// `id@host:port` of every controller of its cluster.
    voters: String,
    controller: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// More than the plain listener.
#[derive(Default)]
pub struct Extras {
    /// `NAME://` listeners with their ports, for instance `("SASL_SSL", 12345)`.
    pub listeners: Vec<(&'static str, u16)>,
    pub properties: String,
    /// Arguments of the storage formatter.
    pub format: Vec<String>,
}

impl PrivateBroker {
    pub fn new() -> Self {
        let dir = std::env::temp_dir().join(unique("broker"));
        std::fs::create_dir_all(&dir).unwrap();
        let controller = free_port();
        Self { dir, child: None, port: free_port(), node: 1, voters: format!("1@127.0.0.1:{controller}"), controller }
    }

    /// Brokers of one cluster, not yet formatted.
    pub fn cluster(size: usize) -> Vec<Self> {
        let mut brokers: Vec<Self> = (0..size).map(|_| Self::new()).collect();
        let voters: Vec<String> =
            brokers.iter().enumerate().map(|(i, b)| format!("{}@127.0.0.1:{}", i + 1, b.controller)).collect();
        for (i, broker) in brokers.iter_mut().enumerate() {
            broker.node = i + 1;
            broker.voters = voters.join(",");
        }
        brokers
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn free_port() -> u16 {
        free_port()
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Formats the storage.
    pub fn format(&self, extras: &Extras) {
        let controller = self.controller;
        let mut listeners = format!("PLAINTEXT://{},CONTROLLER://127.0.0.1:{controller}", self.address());
        let mut advertised = format!("PLAINTEXT://{}", self.address());
        let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        for (name, port) in &extras.listeners {
            listeners += &format!(",{name}://127.0.0.1:{port}");
            advertised += &format!(",{name}://127.0.0.1:{port}");
            protocols += &format!(",{name}:{name}");
        }
        let text = format!(
            "process.roles=broker,controller\nnode.id={}\ncontroller.quorum.voters={}\nlisteners={listeners}\n\
             advertised.listeners={advertised}\nlistener.security.protocol.map={protocols}\ninter.broker.listener.name=PLAINTEXT\n\
             controller.listener.names=CONTROLLER\nlog.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nnum.partitions=1\n{}\n",
            self.node,
            self.voters,
            self.dir.join("data").display(),
            extras.properties
        );
        let file = self.dir.join("server.properties");
        std::fs::write(&file, text).unwrap();
        let mut command = java("kafka.tools.StorageTool", &["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c"]);
        let done = command.arg(&file).args(&extras.format).output().unwrap();
        assert!(
            done.status.success(),
            "storage format: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// Starts it and waits until it answers.
    pub async fn start(&mut self) {
        self.launch();
        let admin = Admin::new(config(&self.address(), &[])).unwrap();
        let found = admin.describe_cluster().await;
        assert!(found.is_ok(), "the private broker did not start, see {}: {found:?}", self.dir.join("kafka.log").display());
    }

    /// Starts it; a cluster's broker answers once most of the others run.
    pub fn launch(&mut self) {
        let log = std::fs::File::create(self.dir.join("kafka.log")).unwrap();
        let mut command = java("kafka.Kafka", &[]);
        command.arg(self.dir.join("server.properties")).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Stops it: in order, or as a crash does.
    pub fn stop(&mut self, crash: bool) {
        let Some(mut child) = self.child.take() else { return };
        if crash {
            child.kill().unwrap();
        } else {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        }
        child.wait().unwrap();
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        self.stop(true);
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
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
