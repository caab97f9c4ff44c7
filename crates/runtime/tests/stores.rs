//! The three topics of a group in a real Kafka, whose address is `ROWTIDE_TEST_KAFKA`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rowtide_api::{OffsetMap, Props, Result};
use rowtide_kafka::{Admin, ClientConfig, NewTopic};
use rowtide_runtime::herder::{State, TargetState, TaskId};
use rowtide_runtime::offsets::{KafkaOffsetStore, OffsetStore, OwnOffsets};
use rowtide_runtime::stores::config_state::ConfigState;
use rowtide_runtime::stores::status_record::{ActiveTopic, Status, StatusRecord};
use rowtide_runtime::stores::{Clients, ConfigStore, StatusStore, Storage, StorageTopic};
use rowtide_runtime::worker_config::WorkerConfig;

fn kafka() -> String {
    std::env::var("ROWTIDE_TEST_KAFKA").expect("set ROWTIDE_TEST_KAFKA to host:port of a running Kafka")
}

fn admin() -> Admin {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), kafka())]);
    Admin::new(ClientConfig::from_properties(&properties).unwrap()).unwrap()
}

/// A group of its own with its topics, which go with it.
struct Cluster {
    worker: WorkerConfig,
    clients: Clients,
}

impl Cluster {
    fn new(what: &str) -> Self {
        Self::with(what, &[])
    }

    fn with(what: &str, more: &[(&str, &str)]) -> Self {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let group = format!("rowtide-stores-{what}-{}-{nanos}", std::process::id());
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let mut props: Props = [("key.converter", json), ("value.converter", json)].into_iter().collect();
        props.set("bootstrap.servers", kafka());
        props.set("group.id", &group);
        for storage in ["config", "offset", "status"] {
            props.set(format!("{storage}.storage.topic"), format!("{group}-{storage}"));
            props.set(format!("{storage}.storage.replication.factor"), "1");
        }
        more.iter().for_each(|(name, value)| props.set(*name, *value));
        let (worker, membership) = WorkerConfig::distributed(&props).unwrap();
        let clients = Clients::new(&worker, &membership.group);
        Self { worker, clients }
    }

    fn topic(&self, storage: Storage) -> StorageTopic {
        StorageTopic::read(&self.worker, storage)
    }

    async fn configs(&self) -> Result<ConfigStore> {
        ConfigStore::open(&self.clients, &self.topic(Storage::Configs), None).await
    }

    async fn offsets(&self) -> KafkaOffsetStore {
        KafkaOffsetStore::open(&self.clients, &self.topic(Storage::Offsets), Duration::from_secs(30)).await.unwrap()
    }

    async fn statuses(&self) -> StatusStore {
        StatusStore::open(&self.clients, &self.topic(Storage::Statuses)).await.unwrap()
    }

    async fn done(self) {
        let all = [Storage::Configs, Storage::Offsets, Storage::Statuses].map(|storage| self.topic(storage).new.name);
        admin().delete_topics(&all).await.unwrap();
    }
}

fn props(value: &str) -> Props {
    [("connector.class", "C"), ("x", value)].into_iter().collect()
}

fn map(entries: &[(&str, i64)]) -> OffsetMap {
    let mut map = OffsetMap::default();
    entries.iter().for_each(|(key, value)| map.set(*key, *value));
    map
}

async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let mut polls = tokio::time::interval(Duration::from_millis(20));
    let waited = async {
        while !done() {
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.unwrap_or_else(|_| panic!("not within 30 s: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_there_for_who_wrote_it_at_once_for_others_soon_and_after_a_restart() {
    let cluster = Cluster::new("configs");
    let one = cluster.configs().await.unwrap();
    let two = cluster.configs().await.unwrap();
    one.put_connector("c", &props("1"), Some(TargetState::Paused)).await.unwrap();
    one.put_task_configs("c", &[props("a"), props("b")]).await.unwrap();
    let state = one.state();
    assert_eq!((state.target("c"), state.task_configs("c")), (Some(TargetState::Paused), vec![props("a"), props("b")]));
    assert_eq!(state.offset, 5, "a wanted state, a connector, two tasks and their commit");

    two.refresh(Duration::from_secs(10)).await.unwrap();
    assert_eq!(two.state(), state);
    two.changed().await;
    let (_, changes) = two.take();
    assert!(changes.connectors.contains("c") && changes.tasks.contains("c") && changes.targets.is_empty());
    two.put_target_state("c", TargetState::Started).await.unwrap();
    one.put_restart("c", true, false).await.unwrap();
    let (_, mut seen) = one.take();
    while !(seen.targets.contains("c") && seen.restarts.contains_key("c")) {
        one.changed().await;
        let (_, more) = one.take();
        seen.targets.extend(more.targets);
        seen.restarts.extend(more.restarts);
    }
    one.close().await;
    two.remove_connector("c").await.unwrap();
    let three = cluster.configs().await.unwrap();
    assert_eq!(three.state().connectors().count(), 0);
    assert_eq!(three.state().offset, 9);
    let settings = admin().topic_config(&cluster.topic(Storage::Configs).new.name).await.unwrap();
    assert_eq!(settings["cleanup.policy"].as_deref(), Some("compact"));
    cluster.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_offset_of_a_partition_is_the_one_that_any_worker_loads() {
    let cluster = Cluster::new("offsets");
    let (one, two) = (cluster.offsets().await, cluster.offsets().await);
    let (first, second) = (map(&[("a", 1), ("b", 1)]), map(&[("a", 2), ("b", 2)]));
    one.store("c", &[(first.clone(), Some(map(&[("lsn", 1)]))), (second.clone(), Some(map(&[("lsn", 2)])))]).await.unwrap();
    one.store("other", &[(first.clone(), Some(map(&[("lsn", 9)])))]).await.unwrap();
    // the same partition in another order of its keys
    let turned = map(&[("b", 1), ("a", 1)]);
    assert_eq!(two.load("c").await.unwrap().len(), 2);
    two.store("c", &[(turned, Some(map(&[("lsn", 3)]))), (second, None)]).await.unwrap();
    assert_eq!(one.load("c").await.unwrap(), [(first.clone(), map(&[("lsn", 3)]))]);
    assert_eq!(cluster.offsets().await.load("c").await.unwrap(), [(first, map(&[("lsn", 3)]))]);
    assert_eq!(admin().partition_count(&cluster.topic(Storage::Offsets).new.name).await.unwrap(), Some(25));
    cluster.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connectors_own_topic_comes_first_and_the_workers_gets_copies() {
    let cluster = Cluster::new("own");
    let worker = Arc::new(cluster.offsets().await);
    let topic = format!("{}-own", worker.topic());
    let of = |topic: Option<&str>| {
        let config: Props = topic.map(|topic| ("offsets.storage.topic", topic)).into_iter().collect();
        OwnOffsets::of(&config, "c", &cluster.worker, &worker, Duration::from_secs(30)).unwrap()
    };
    assert!(of(None).is_none() && of(Some(worker.topic())).is_none(), "the worker's alone");
    let own = of(Some(&topic)).expect("two topics");
    let (first, second) = (map(&[("a", 1)]), map(&[("a", 2)]));
    let entry = |partition: &OffsetMap, lsn| (partition.clone(), Some(map(&[("lsn", lsn)])));
    // what was there before the connector had a topic of its own
    worker.store("c", &[entry(&first, 1), entry(&second, 2)]).await.unwrap();
    assert_eq!(own.load("c").await.unwrap().len(), 2);
    own.store("c", &[entry(&first, 5)]).await.unwrap();
    assert_eq!(own.load("c").await.unwrap(), [(first.clone(), map(&[("lsn", 5)])), (second.clone(), map(&[("lsn", 2)]))]);
    let copied = async {
        let mut polls = tokio::time::interval(Duration::from_millis(20));
        while !worker.load("c").await.unwrap().contains(&(first.clone(), map(&[("lsn", 5)]))) {
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), copied).await.expect("the worker's topic gets a copy");
    worker.store("c", &[entry(&first, 1)]).await.unwrap();
    // another task of the connector, in another worker
    let later = of(Some(&topic)).expect("two topics");
    assert!(later.load("c").await.unwrap().contains(&(first.clone(), map(&[("lsn", 5)]))), "the connector's own wins");
    later.store("c", &[(first, None), (second, None)]).await.unwrap();
    assert_eq!(worker.load("c").await.unwrap(), [], "or what is gone would be found there");
    assert_eq!(own.load("c").await.unwrap(), []);
    let settings = admin().topic_config(&topic).await.unwrap();
    assert_eq!(settings["cleanup.policy"].as_deref(), Some("compact"), "made like the worker's");
    admin().delete_topics(&[topic]).await.unwrap();
    cluster.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn states_are_shared_and_a_stale_worker_writes_over_none() {
    let cluster = Cluster::new("statuses");
    let (one, two) = (cluster.statuses().await, cluster.statuses().await);
    let status = |worker: &str, state, generation| Status {
        state,
        trace: None,
        worker_id: worker.to_owned(),
        generation,
        version: Some("1".to_owned()),
        trouble: None,
    };
    let id = TaskId { connector: "c".to_owned(), task: 0 };
    one.put(StatusRecord::Connector("c".into(), Some(status("one:1", State::Running, 1)))).await;
    one.put(StatusRecord::Task(id.clone(), Some(status("one:1", State::Running, 1)))).await;
    let topic = ActiveTopic { topic: "t".into(), connector: "c".into(), task: 0, discovered: 1 };
    one.put(StatusRecord::Topic(topic)).await;
    eventually("the other worker sees it", || !two.tasks("c").is_empty() && two.topics("c") == ["t"]).await;
    two.put(StatusRecord::Task(id.clone(), Some(status("two:1", State::Running, 2)))).await;
    eventually("the first worker sees that its task has gone", || one.tasks("c")[&0].worker_id == "two:1").await;
    one.put_safe(StatusRecord::Task(id, Some(status("one:1", State::Unassigned, 1)))).await;
    one.clean(&ConfigState::default()).await;
    eventually("all of it is gone", || two.connector("c").is_none() && two.tasks("c").is_empty() && two.topics("c").is_empty())
        .await;
    one.close().await;
    let three = cluster.statuses().await;
    assert!(three.connector("c").is_none() && three.tasks("c").is_empty());
    cluster.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_loses_records_or_order_is_refused_with_the_remedy() {
    let cluster = Cluster::new("wrong");
    let name = cluster.topic(Storage::Configs).new.name;
    let make = |partitions, policy: &str| NewTopic {
        name: name.clone(),
        partitions,
        replication_factor: 1,
        configs: [("cleanup.policy".to_owned(), policy.to_owned())].into(),
    };
    admin().create_topic(&make(1, "delete")).await.unwrap();
    let error = cluster.configs().await.err().expect("an error").to_string();
    assert!(
        error.contains("is required to have 'cleanup.policy=compact'") && error.contains("'cleanup.policy=delete'"),
        "{error}"
    );
    assert!(error.contains("kafka-configs --alter"), "{error}");
    admin().delete_topics(std::slice::from_ref(&name)).await.unwrap();

    let cluster = Cluster::new("wide");
    let name = cluster.topic(Storage::Configs).new.name;
    let wide = NewTopic { name, ..make(3, "compact") };
    admin().create_topic(&wide).await.unwrap();
    let error = cluster.configs().await.err().expect("an error").to_string();
    assert!(error.contains("required to have a single partition") && error.contains("found 3 partitions"), "{error}");
    admin().delete_topics(&[wide.name]).await.unwrap();

    let cluster = Cluster::with("many", &[("config.storage.replication.factor", "3")]);
    let error = cluster.configs().await.err().expect("an error").to_string();
    assert!(error.contains("config.storage.replication.factor is 3") && error.contains("INVALID_REPLICATION_FACTOR"), "{error}");
}
