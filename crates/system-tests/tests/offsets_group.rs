//! `rowtide offsets` on the topics of a group: what Java workers wrote is backed up and put back, and nothing is written beside a task that runs.

use std::process::Output;
use std::time::Instant;

use rowtide_kafka::{ClientConfig, KafkaError, Producer, ProducerRecord};
use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene};
use rowtide_system_tests::topics;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, refused, said};
use rowtide_testkit::{free_port, kafka, wait_until};
use serde_json::{Value, json};

/// Who runs `rowtide offsets`: with the properties of a worker that does not run.
struct Operator<'a> {
    scene: &'a Scene,
    home: Home,
}

impl<'a> Operator<'a> {
    fn new(scene: &'a Scene, extra: &str) -> Self {
        let home = Home::default();
        home.file(
            "group.properties",
            &scene.group.properties(free_port(), &format!("{extra}rowtide.backup.directory=backups\n")),
        );
        Self { scene, home }
    }

    fn offsets(&self, words: &[&str]) -> Output {
        self.home.offsets(&[words, &["--worker", "group.properties"]].concat())
    }

    /// The connector's offsets, as Connect's REST has them.
    fn show(&self, more: &[&str]) -> Value {
        let words = [&["show", "--connector", &self.scene.database.name, "--json"], more].concat();
        serde_json::from_str(&said(&self.offsets(&words))).expect("JSON")
    }
}

/// The connector, with a slot that only somebody else moves on: there is something to go back to.
fn create(scene: &Scene, rest: &Rest) {
    let config = scene.database.connector(&[
        ("table.include.list", "public.orders"),
        ("publication.autocreate.mode", "filtered"),
        ("poll.interval.ms", "50"),
        ("lsn.flush.mode", "manual"),
    ]);
    rest.create(&scene.database.name, &config, None);
}

#[test]
fn offsets_that_java_wrote_and_that_were_lost_come_back_with_no_gap_and_no_second_snapshot() {
    let scene = Scene::new("offsets_lost");
    let name = scene.database.name.clone();
    let operator = Operator::new(&scene, "");
    let nothing = refused(&operator.offsets(&["show"]));
    assert!(nothing.contains("there is no group") && nothing.contains("config.storage.topic"), "{nothing}");
    let java = scene.group.java("");
    scene.create(&java.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&java.rest);
    java.rest.stop(&name);
    let stored = java.rest.offsets(&name);
    java.stop();

    let taken = said(&operator.offsets(&["backup"]));
    assert!(taken.contains("1 connectors, 1 offsets"), "{taken}");
    assert_eq!(operator.show(&[]), stored);
    assert_eq!(operator.show(&["--backup", "newest"]), stored);
    assert_eq!(said(&operator.offsets(&["diff", "newest"])), "no difference\n");
    let [_, topic, _] = scene.group.topics();
    topics::delete_at(&kafka(), &topic);
    wait_until("the offsets are lost", LONG, || (!topics::names().contains(&topic)).then_some(()));
    let dry = said(&operator.offsets(&["restore"]));
    assert!(dry.contains("(now: none)") && dry.contains("nothing was written; --apply writes it"), "{dry}");
    assert!(!topics::names().contains(&topic), "a look makes no topic");
    let done = said(&operator.offsets(&["restore", "--apply"]));
    assert!(done.contains(&format!("{name}: written")), "{done}");
    assert_eq!(operator.show(&[]), stored);

    let java = scene.group.java("");
    assert_eq!(java.rest.offsets(&name), stored, "a Java worker finds what was put back");
    java.rest.resume(&name);
    scene.goes_on(&java.rest);
    java.stop();
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, "");
    scene.goes_on(&rowtide.rest);
    let repeats = scene.verdict(load);
    assert!(repeats <= 3, "{repeats} repeats");
    rowtide.stop();
}

/// Puts a backup back while a worker lives that has this REST.
fn put_back_by_a_worker(operator: &Operator<'_>, rest: &Rest) {
    let (scene, name) = (operator.scene, operator.scene.database.name.as_str());
    said(&operator.offsets(&["backup"]));
    scene.records_come();
    let dry = said(&operator.offsets(&["restore"]));
    assert!(dry.contains("are sent again") && dry.contains("nothing was written"), "{dry}");
    let busy = refused(&operator.offsets(&["restore", "--apply"]));
    assert!(
        busy.contains("is not stopped") && busy.contains(&format!("/connectors/{}/stop", name.replace('_', "%5F"))),
        "{busy}"
    );
    rest.stop(name);
    scene.database.wait_slot_free();
    let backup = operator.show(&["--backup", "newest"]);
    assert_ne!(rest.offsets(name), backup);
    said(&operator.offsets(&["restore", "--apply"]));
    assert_eq!(rest.offsets(name), backup);
    let place = scene.database.slot("confirmed_flush_lsn");
    said(&operator.offsets(&["rewind", "--connector", name, "--to-position", &place, "--apply"]));
    assert_ne!(rest.offsets(name), backup);
    rest.resume(name);
    scene.goes_on(rest);
}

#[test]
fn while_workers_live_one_of_them_writes_and_only_below_a_connector_that_is_stopped() {
    let scene = Scene::new("offsets_live");
    let name = scene.database.name.clone();
    let operator = Operator::new(&scene, "");
    let java = scene.group.java(AT_ONCE);
    create(&scene, &java.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&java.rest);
    put_back_by_a_worker(&operator, &java.rest);
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, AT_ONCE);
    java.stop();
    scene.goes_on(&rowtide.rest);
    put_back_by_a_worker(&operator, &rowtide.rest);

    // a connector that was deleted by mistake
    said(&operator.offsets(&["backup"]));
    rowtide.rest.delete(&name);
    scene.database.wait_slot_free();
    let done = said(&operator.offsets(&["restore", "--apply"]));
    assert!(done.contains("its configuration is put back, too"), "{done}");
    scene.goes_on(&rowtide.rest);
    assert!(scene.verdict(load) > 0, "nothing was sent again");
    rowtide.stop();
}

/// A producer that writes as the connector's first task, and has not ended its transaction.
async fn zombie(group: &str, connector: &str, topic: &str) -> Producer {
    let id = format!("{group}-{connector}-0");
    // longer than this test takes
    let properties = [("bootstrap.servers", kafka()), ("transactional.id", id), ("transaction.timeout.ms", "600000".to_owned())];
    let config = ClientConfig::from_properties(&properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    let (deliveries, _) = tokio::sync::mpsc::unbounded_channel();
    let producer = Producer::new(config.expect("a client"), deliveries).expect("a producer");
    producer.init_transactions().await.expect("a transactional id");
    let key = json!([connector, { "server": connector }]).to_string();
    let record = ProducerRecord {
        topic: topic.into(),
        partition: None,
        key: Some(key.into()),
        value: Some(json!({ "lsn": 1 }).to_string().into()),
        headers: std::sync::Arc::default(),
        timestamp: None,
        token: 0,
    };
    producer.send_batch(vec![record]).await.expect("a batch");
    producer.flush().await;
    producer
}

#[test]
fn what_dead_workers_with_exactly_once_left_open_is_fenced_before_offsets_are_put_back() {
    let scene = Scene::new("offsets_once").committed(&kafka());
    let name = scene.database.name.clone();
    let enabled = format!("{AT_ONCE}exactly.once.source.support=enabled\n");
    let operator = Operator::new(&scene, &enabled);
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, &enabled);
    create(&scene, &rowtide.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    said(&operator.offsets(&["backup"]));
    scene.records_come();
    scene.comes_to_rest(load);
    rowtide.kill();
    scene.database.wait_slot_free();
    let [_, topic, _] = scene.group.topics();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let zombie = runtime.block_on(zombie(&scene.group.name, &name, &topic));
    // until its session ends, who died counts as one that lives; that is said before the topic is read, whose open transaction has minutes
    let asked = Instant::now();
    for words in [&["restore", "--apply"][..], &["rewind", "--connector", &name, "--to-position", "0/1", "--apply"]] {
        let busy = refused(&operator.offsets(words));
        assert!(busy.contains("is not stopped"), "{busy}");
    }
    assert!(asked.elapsed() < LONG, "{:?}", asked.elapsed());
    wait_until("its session has ended", LONG, || (topics::members(&kafka(), &scene.group.name) == 0).then_some(()));
    let done = said(&operator.offsets(&["restore", "--apply"]));
    assert!(done.contains(&format!("{name}: written")), "{done}");
    let end = runtime.block_on(zombie.commit_transaction());
    assert!(matches!(end, Err(KafkaError::Fenced { .. })), "{end:?}");
    assert_eq!(operator.show(&[]), operator.show(&["--backup", "newest"]));
    let rowtide = home.distributed(&scene.group, &enabled);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    assert!(scene.verdict(load) > 0, "nothing was sent again");
    rowtide.stop();
}
