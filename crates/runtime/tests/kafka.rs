//! From a source double through the herder into a real Kafka, whose address is `ROWTIDE_TEST_KAFKA`.

mod doubles;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use doubles::*;
use rowtide_api::Props;
use rowtide_kafka::{Admin, ClientConfig, ConsumedRecord, Consumer, StartOffset};
use rowtide_runtime::herder::standalone::StandaloneHerder;
use rowtide_runtime::herder::{Herder, Parts, ServerInfo, State};
use rowtide_runtime::kafka_sink;
use rowtide_runtime::offsets::{FileOffsetStore, OffsetStore};
use rowtide_runtime::pipeline::Threads;
use rowtide_runtime::worker_config::WorkerConfig;

fn kafka() -> String {
    std::env::var("ROWTIDE_TEST_KAFKA").expect("set ROWTIDE_TEST_KAFKA to host:port of a running Kafka")
}

fn client() -> ClientConfig {
    let properties: BTreeMap<String, String> = [("bootstrap.servers".to_owned(), kafka())].into_iter().collect();
    ClientConfig::from_properties(&properties).unwrap()
}

struct Worker {
    herder: StandaloneHerder,
    offsets: std::path::PathBuf,
    prefix: String,
    _folder: tempfile::TempDir,
}

impl Worker {
    async fn new(log: Arc<Log>, what: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let offsets = folder.path().join("offsets");
        let bootstrap = kafka();
        let file = offsets.display().to_string();
        let props: Props = [
            ("bootstrap.servers", bootstrap.as_str()),
            ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("key.converter.schemas.enable", "false"),
            ("value.converter.schemas.enable", "false"),
            ("offset.storage.file.filename", file.as_str()),
            ("offset.flush.interval.ms", "20"),
            ("task.shutdown.graceful.timeout.ms", "30000"),
        ]
        .into_iter()
        .collect();
        let worker = WorkerConfig::standalone(&props).unwrap();
        let kafka_cluster_id = kafka_sink::cluster_id(&worker).await.unwrap();
        assert!(kafka_cluster_id.is_some());
        let parts = Parts {
            sink: kafka_sink::factory(&worker),
            offsets: Arc::new(FileOffsetStore::open(&offsets).unwrap()),
            scratch: std::env::temp_dir(),
            threads: Threads::default(),
            worker_id: "127.0.0.1:8083".to_owned(),
            server: ServerInfo { version: "4.3.1".to_owned(), commit: "c".to_owned(), kafka_cluster_id },
            plugins: plugins(log),
            worker,
        };
        let herder = StandaloneHerder::new(parts, None);
        Self { herder, offsets, prefix: format!("runtime-{what}-{}", std::process::id()), _folder: folder }
    }

    async fn put(&self, more: &[(&str, &str)]) {
        let base = [("name", "c"), ("connector.class", "test.NumbersConnector"), ("topic.prefix", self.prefix.as_str())];
        let config: Props = base.iter().chain(more).copied().collect();
        self.herder.put("c", config, None, true).await.unwrap();
    }

    fn topics(&self) -> Vec<String> {
        (0..3).map(|n| format!("{}.t{n}", self.prefix)).collect()
    }

    async fn stored(&self) -> Option<i64> {
        let stored = FileOffsetStore::open(&self.offsets).unwrap().load("c").await.unwrap();
        stored.first().and_then(|(_, offset)| offset.int("n"))
    }

    /// Polls the file, as another process would have to.
    async fn until_stored(&self, n: i64) {
        for _ in 0..3_000 {
            if self.stored().await.is_some_and(|stored| stored >= n) {
                return;
            }
            // waits: the file is another process' view; the loop bounds it
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("offset {n} was not stored: {:?} {:?}", self.stored().await, self.herder.status("c").await);
    }

    async fn end(self) {
        self.herder.stop().await;
        Admin::new(client()).unwrap().delete_topics(&self.topics()).await.unwrap();
    }
}

async fn read(topic: &str) -> Vec<ConsumedRecord> {
    let mut consumer = Consumer::new(client()).unwrap();
    consumer.assign_topic(topic, StartOffset::Earliest, Duration::from_secs(30)).await.unwrap();
    let mut records = Vec::new();
    consumer.read_to_end(&mut |record| records.push(record)).await.unwrap();
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_arrives_once_in_its_keys_order_and_the_offset_follows() {
    let log = Arc::new(Log::of(5_000));
    let worker = Worker::new(log.clone(), "all").await;
    worker
        .put(&[
            ("topic.creation.default.partitions", "6"),
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.groups", "one"),
            ("topic.creation.one.include", ".*\\.t1"),
            ("topic.creation.one.partitions", "1"),
            ("topic.creation.one.cleanup.policy", "compact"),
        ])
        .await;
    worker.until_stored(5_000).await;
    let mut all = Vec::new();
    for topic in worker.topics() {
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for consumed in read(&topic).await {
            let (place, record) = ((consumed.partition, consumed.record.offset), consumed.record);
            let n: i64 = String::from_utf8_lossy(record.value.as_ref().unwrap()).trim_matches('"').parse().unwrap();
            assert_eq!(record.key.as_deref(), Some((n % 11).to_string().as_bytes()));
            assert_eq!(record.headers[0], ("run".into(), Some("one".into())));
            let before = last.insert(record.key.unwrap().to_vec(), n);
            assert!(before.is_none_or(|before| before < n), "key {}: {n} after {before:?}, {topic} {place:?}", n % 11);
            all.push(n);
        }
    }
    all.sort_unstable();
    assert_eq!(all, (0..5_000).collect::<Vec<_>>());
    let admin = Admin::new(client()).unwrap();
    let [t0, t1, _] = <[String; 3]>::try_from(worker.topics()).unwrap();
    assert_eq!(admin.partition_count(&t0).await.unwrap(), Some(6));
    assert_eq!(admin.partition_count(&t1).await.unwrap(), Some(1));
    assert_eq!(admin.topic_config(&t1).await.unwrap()["cleanup.policy"].as_deref(), Some("compact"));
    assert_eq!(worker.herder.topics("c").await.unwrap(), worker.topics());
    assert_eq!(log.confirmed.lock().unwrap().last(), Some(&5_000));
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_fails_the_task_with_both_settings_named() {
    let mut log = Log::of(10);
    log.padding = 3_000;
    let worker = Worker::new(Arc::new(log), "large").await;
    worker.put(&[("producer.override.max.request.size", "2000")]).await;
    let mut trace = None;
    for _ in 0..3_000 {
        let status = worker.herder.status("c").await.unwrap();
        trace = status.tasks.iter().find(|task| task.state == State::Failed).and_then(|task| task.trace.clone());
        if trace.is_some() {
            break;
        }
        // waits: status has no event to await; the loop bounds it
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let trace = trace.expect("the task fails");
    for part in [
        format!("'{}.t0'", worker.prefix),
        "with key 0 is 30".into(),
        "max.request.size=2000".into(),
        "max.message.bytes of the topic".into(),
    ] {
        assert!(trace.contains(&part), "{trace}");
    }
    assert_eq!(worker.stored().await, None);
    worker.end().await;
}
