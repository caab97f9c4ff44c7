//! The standalone herder over a source double and a sink double: Connect's answers, and what survives a restart.

mod doubles;

use std::sync::Arc;
use std::time::Duration;

use doubles::*;
use rowtide_api::Props;
use rowtide_runtime::herder::standalone::StandaloneHerder;
use rowtide_runtime::herder::{Herder, Parts, ServerInfo, State, TargetState};
use rowtide_runtime::offsets::EmbeddedStore;
use rowtide_runtime::pipeline::Threads;
use rowtide_runtime::worker_config::WorkerConfig;

/// Opens the store. Where a process would have ended, tasks of a herder that was stopped let go of it a moment later.
fn open(folder: &std::path::Path) -> EmbeddedStore {
    for _ in 0..2_000 {
        if let Ok(store) = EmbeddedStore::open(folder) {
            return store;
        }
        // waits: for the last task's end, which nothing tells; the loop bounds it
        std::thread::sleep(Duration::from_millis(5));
    }
    EmbeddedStore::open(folder).unwrap()
}

fn herder(log: &Arc<Log>, written: &Arc<Written>, folder: &std::path::Path, more: &[(&str, &str)]) -> StandaloneHerder {
    let store = open(folder);
    let worker = [("offset.flush.interval.ms", "2")].iter().chain(more).copied().collect();
    let parts = Parts {
        worker: WorkerConfig::run(&worker).unwrap(),
        worker_id: "127.0.0.1:8083".to_owned(),
        server: ServerInfo { version: "4.3.1".to_owned(), commit: "c".to_owned(), kafka_cluster_id: None },
        plugins: plugins(log.clone()),
        offsets: Arc::new(store.clone()),
        sink: RandomAckSink::factory(written.clone(), 5),
        scratch: std::env::temp_dir(),
        threads: Threads::default(),
    };
    StandaloneHerder::new(parts, Some(store))
}

fn config(more: &[(&str, &str)]) -> Props {
    [("connector.class", "Numbers"), ("topic.prefix", "p"), ("name", "c")].iter().chain(more).copied().collect()
}

/// Looks again until a status is as expected; there is no event to wait for behind REST either.
async fn status_until(
    herder: &StandaloneHerder,
    wanted: impl Fn(&rowtide_runtime::herder::ConnectorStateInfo) -> bool,
) -> String {
    for _ in 0..2_000 {
        let status = herder.status("c").await.unwrap();
        if wanted(&status) {
            return serde_json::to_string(&status).unwrap();
        }
        // waits: status has no event to await; the loop bounds it
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{:?}", herder.status("c").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_connector_in_connects_words() {
    let (log, written, folder) = (Arc::new(Log::of(1_000_000_000)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let herder = herder(&log, &written, folder.path(), &[]);
    let (created, info) = herder.put("c", config(&[]), None, false).await.unwrap();
    assert!(created);
    assert_eq!(
        serde_json::to_string(&info).unwrap(),
        r#"{"name":"c","config":{"connector.class":"Numbers","topic.prefix":"p","name":"c"},"tasks":[{"connector":"c","task":0}],"type":"source"}"#
    );
    let running = status_until(&herder, |status| status.tasks.iter().any(|task| task.state == State::Running)).await;
    assert_eq!(
        running,
        r#"{"name":"c","connector":{"state":"RUNNING","worker_id":"127.0.0.1:8083","version":"1.2.3"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"127.0.0.1:8083","version":"1.2.3"}],"type":"source"}"#
    );
    let conflict = herder.put("c", config(&[]), None, false).await.unwrap_err();
    assert_eq!((conflict.status, conflict.message.as_str()), (409, "Connector c already exists"));
    let tasks = herder.task_configs("c").await.unwrap();
    assert_eq!(tasks[0].get("task.class"), Some("test.NumbersTask"));

    herder.set_target_state("c", TargetState::Paused).await.unwrap();
    status_until(&herder, |status| status.connector.state == State::Paused && status.tasks[0].state == State::Paused).await;
    let refused = herder.reset_offsets("c").await.unwrap_err();
    assert!(refused.message.ends_with("'PUT' request to the '/connectors/c/stop' endpoint") && refused.status == 400);
    herder.set_target_state("c", TargetState::Stopped).await.unwrap();
    let stopped = serde_json::to_string(&herder.status("c").await.unwrap()).unwrap();
    assert_eq!(
        stopped,
        r#"{"name":"c","connector":{"state":"STOPPED","worker_id":"127.0.0.1:8083","version":"1.2.3"},"tasks":[],"type":"source"}"#
    );
    assert!(!herder.offsets("c").await.unwrap().is_empty());
    let altered = herder.alter_offsets("c", vec![(partition("p"), Some(offset(10)))]).await.unwrap();
    assert!(
        altered
            .starts_with("The Connect framework-managed offsets for this connector have been altered successfully. However, if")
    );
    assert_eq!(herder.offsets("c").await.unwrap(), vec![(partition("p"), offset(10))]);
    assert_eq!(herder.topics("c").await.unwrap(), ["p.t0", "p.t1", "p.t2"]);
    herder.reset_topics("c").await.unwrap();
    assert!(herder.topics("c").await.unwrap().is_empty());

    herder.set_target_state("c", TargetState::Started).await.unwrap();
    status_until(&herder, |status| status.tasks.iter().any(|task| task.state == State::Running)).await;
    assert_eq!(log.starts.lock().unwrap().last(), Some(&11), "goes on from the altered offset");
    herder.delete("c").await.unwrap();
    let gone = herder.status("c").await.unwrap_err();
    assert_eq!((gone.status, gone.message.as_str()), (404, "No status found for connector c"));
    assert!(!herder_offsets_after_delete(&herder).await.is_empty(), "deleting keeps offsets");
    herder.stop().await;
}

async fn herder_offsets_after_delete(herder: &StandaloneHerder) -> Vec<(rowtide_api::OffsetMap, rowtide_api::OffsetMap)> {
    herder.put("c", config(&[]), Some(TargetState::Stopped), false).await.unwrap();
    herder.offsets("c").await.unwrap()
}

#[tokio::test]
async fn what_is_not_there_is_404_in_connects_words() {
    let (log, written, folder) = (Arc::new(Log::of(1)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let herder = herder(&log, &written, folder.path(), &[]);
    let texts = [
        herder.info("x").await.unwrap_err(),
        herder.status("x").await.unwrap_err(),
        herder.delete("x").await.unwrap_err(),
        herder.set_target_state("x", TargetState::Paused).await.unwrap_err(),
        herder.restart_task("x", 0).await.unwrap_err(),
        herder.plugin_config("no.such").unwrap_err(),
    ];
    let expected = [
        "Connector x not found",
        "No status found for connector x",
        "Connector x not found",
        "Unknown connector x",
        "Unknown connector: x",
        "Unknown plugin no.such.",
    ];
    for (error, expected) in texts.iter().zip(expected) {
        assert_eq!((error.status, error.message.as_str()), (404, expected));
    }
    herder.put("c", config(&[]), None, false).await.unwrap();
    assert_eq!(herder.restart_task("c", 7).await.unwrap_err().message, "Unknown task: c-7");
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_every_reason() {
    let (log, written, folder) = (Arc::new(Log::of(1)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let herder = herder(&log, &written, folder.path(), &[]);
    let none = herder.put("c", [("name", "c")].into_iter().collect(), None, false).await.unwrap_err();
    assert_eq!((none.status, none.message.as_str()), (400, "Connector config {name=c} contains no connector type"));
    let class = herder.put("c", config(&[("connector.class", "no.such.Class")]), None, false).await.unwrap_err();
    assert_eq!(class.status, 400);
    assert!(class.message.starts_with(
        "Failed to find any class that implements Connector and which name matches no.such.Class, available connectors are: "
    ));
    let bad =
        config(&[("tasks.max", "x"), ("topic.prefix", ""), ("key.converter", "io.confluent.connect.protobuf.ProtobufConverter")]);
    let bad = herder.put("c", bad, None, false).await.unwrap_err();
    assert_eq!(bad.status, 400);
    for part in [
        "Connector configuration is invalid and contains the following 4 error(s):\n",
        "\nInvalid value x for configuration tasks.max: Not a number of type INT\nInvalid value null for configuration tasks.max: Value must be non-null\n",
        "converters for Protobuf and JSON Schema come with a later version",
        "org.apache.kafka.connect.json.JsonConverter",
        "\nThe 'topic.prefix' value is invalid: A value is required\n",
        "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
    ] {
        assert!(bad.message.contains(part), "{}", bad.message);
    }
    assert!(herder.connectors().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_filled_in_and_never_shown() {
    let (log, written, folder) = (Arc::new(Log::of(1_000_000)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let herder = herder(&log, &written, folder.path(), &[]);
    let home = std::env::var("HOME").unwrap();
    herder.put("c", config(&[("numbers.password", "${HOME}")]), None, false).await.unwrap();
    assert_eq!(herder.task_configs("c").await.unwrap()[0].get("numbers.password"), Some("${HOME}"));
    let info = serde_json::to_string(&herder.info("c").await.unwrap()).unwrap();
    assert!(!info.contains(&home) && info.contains("${HOME}"), "{info}");
    herder.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_and_offsets_survive_the_process() {
    let (log, written, folder) = (Arc::new(Log::of(1_000_000_000)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    {
        let first = herder(&log, &written, folder.path(), &[]);
        first.put("c", config(&[]), None, false).await.unwrap();
        status_until(&first, |status| status.tasks.iter().any(|task| task.state == State::Running)).await;
        first.patch("c", vec![("tasks.max".to_owned(), Some("1".to_owned()))]).await.unwrap();
        first.stop().await;
    }
    let end = written.records.lock().unwrap().last().map_or(-1, |(n, _)| *n);
    let second = herder(&log, &written, folder.path(), &[]);
    second.start_stored().await.unwrap();
    status_until(&second, |status| status.tasks.iter().any(|task| task.state == State::Running)).await;
    assert_eq!(second.info("c").await.unwrap().config["tasks.max"], "1");
    assert_eq!(*log.starts.lock().unwrap().last().unwrap(), end + 1, "drained and stored at the stop");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_is_restarted_by_request_only() {
    let (written, folder) = (Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let log = Log::of(1_000_000_000);
    log.start_errors.lock().unwrap().push_back(rowtide_api::Error::configuration("wrong password").remedy("correct it"));
    let log = Arc::new(log);
    let herder = herder(&log, &written, folder.path(), &[]);
    herder.put("c", config(&[]), None, false).await.unwrap();
    let failed = status_until(&herder, |status| status.tasks.iter().any(|task| task.state == State::Failed)).await;
    assert!(
        failed.contains(r#""trace":"org.apache.kafka.connect.errors.ConnectException: wrong password\nRemedy: correct it\n""#),
        "{failed}"
    );
    assert!(failed.contains(r#""connector":{"state":"RUNNING""#));
    let plan = herder.restart("c", true, true).await.unwrap().unwrap();
    assert_eq!((plan.connector.state, plan.tasks[0].state), (State::Running, State::Restarting));
    assert!(plan.tasks[0].trace.is_some());
    let after = herder.status("c").await.unwrap();
    assert!(after.tasks.iter().all(|task| task.state != State::Failed), "the old failure does not show any more: {after:?}");
    status_until(&herder, |status| status.tasks.iter().any(|task| task.state == State::Running)).await;
    assert!(herder.restart("c", false, false).await.unwrap().is_none());
    herder.stop().await;
}

/// Order, groups and texts as the captured answer of Connect 4.3.1 has them.
#[tokio::test]
async fn validation_lists_connects_options_then_transforms_then_the_connectors_own() {
    let (log, written, folder) = (Arc::new(Log::of(1)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let herder = herder(&log, &written, folder.path(), &[("connector.client.config.override.policy", "None")]);
    let props = config(&[
        ("tasks.max", "0"),
        ("errors.tolerance", "some"),
        ("exactly.once.support", "maybe"),
        ("transforms", "route,bad"),
        ("transforms.route.type", "RegexRouter"),
        ("transforms.route.predicate", "p"),
        ("transforms.bad.type", "no.such"),
        ("predicates", "p"),
        ("predicates.p.type", "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"),
        ("producer.override.acks", "1"),
    ]);
    let validated = herder.validate("Numbers", props).await.unwrap();
    let names: Vec<&str> = validated.entries.iter().map(|(info, _)| info.name.as_str()).collect();
    let expected = "name connector.class connector.plugin.version tasks.max tasks.max.enforce key.converter key.converter.plugin.version \
        value.converter value.converter.plugin.version header.converter header.converter.plugin.version transforms predicates config.action.reload \
        errors.retry.timeout errors.retry.delay.max.ms errors.tolerance errors.log.enable errors.log.include.messages topic.creation.groups \
        exactly.once.support transaction.boundary transaction.boundary.interval.ms offsets.storage.topic transforms.route.type \
        transforms.route.plugin.version transforms.route.regex transforms.route.replacement transforms.route.negate transforms.route.predicate \
        transforms.bad.type transforms.bad.plugin.version predicates.p.type predicates.p.plugin.version predicates.p.pattern topic.prefix \
        numbers.password producer.override.acks";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    let errors = |name: &str| {
        let entry = validated.entries.iter().find(|(info, _)| info.name == name).unwrap();
        entry.1.as_ref().unwrap().errors.clone()
    };
    assert_eq!(errors("tasks.max"), ["Invalid value 0 for configuration tasks.max: Value must be at least 1"]);
    assert_eq!(
        errors("errors.tolerance"),
        ["Invalid value some for configuration errors.tolerance: String must be one of: none, all"]
    );
    assert_eq!(
        errors("exactly.once.support"),
        [
            "Invalid value maybe for configuration exactly.once.support: String must be one of (case insensitive): REQUIRED, REQUESTED"
        ]
    );
    assert_eq!(
        errors("transforms.route.replacement"),
        ["Missing required configuration \"transforms.route.replacement\" which has no default value."]
    );
    assert!(errors("transforms.bad.type")[0].contains("Class no.such could not be found."));
    assert_eq!(
        errors("producer.override.acks"),
        ["The 'None' policy does not allow 'acks' to be overridden in the connector configuration."]
    );
    let groups: Vec<&str> = validated.entries.iter().filter_map(|(info, _)| info.group.as_deref()).collect();
    assert!(groups.contains(&"Transforms: route") && groups.contains(&"Predicates: p") && groups.contains(&"offsets.topic"));
}

/// Recorded from Connect 4.3.1 (`PUT …/config/validate` without a name), documentation texts left out, class and version
/// those of the double.
#[tokio::test]
async fn connects_own_options_are_listed_as_connect_lists_them() {
    let (log, written, folder) = (Arc::new(Log::of(1)), Arc::new(Written::default()), tempfile::tempdir().unwrap());
    let herder = herder(&log, &written, folder.path(), &[]);
    let props: Props = [("connector.class", "test.NumbersConnector"), ("tasks.max", "1")].into_iter().collect();
    let validated = herder.validate("test.NumbersConnector", props).await.unwrap();
    let golden: Vec<serde_json::Value> = serde_json::from_str(include_str!("golden/connect-options.json")).unwrap();
    for (expected, (info, value)) in golden.iter().zip(&validated.entries) {
        let mut got = serde_json::to_value(info).unwrap();
        let object = got.as_object_mut().unwrap();
        object.shift_remove("documentation");
        let value = value.as_ref().unwrap();
        object.insert("value".to_owned(), serde_json::to_value(&value.value).unwrap());
        object.insert("errors".to_owned(), serde_json::to_value(&value.errors).unwrap());
        assert_eq!(&got, expected);
    }
}
