//! Exactly once with records that the client or the broker refuses: a transaction cannot be committed with one, and is written again without it.

use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene};
use rowtide_system_tests::topics::{Reader, Record};
use rowtide_testkit::kafka;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;
use serde_json::{Map, Value, json};

/// Beside the table under load one of documents, some of which are too large.
struct Refused {
    scene: Scene,
    home: Home,
    dead: String,
}

impl Refused {
    fn new(name: &str) -> Self {
        let scene = Scene::new(name).committed(&kafka());
        scene.database.sql("CREATE TABLE docs (id int PRIMARY KEY, body text)");
        let dead = format!("{}.dead", scene.database.name);
        Self { scene, home: Home::default(), dead }
    }

    /// Documents of more than 10,000 bytes are refused by the broker, of more than 100,000 by the client.
    fn start(&self, more: &[(&str, &str)]) -> Rowtide {
        let rowtide = self.home.distributed(&self.scene.group, &format!("{AT_ONCE}exactly.once.source.support=enabled\n"));
        let mut config: Map<String, Value> = self.scene.database.connector(&[
            ("table.include.list", "public.orders,public.docs"),
            ("publication.autocreate.mode", "filtered"),
            ("poll.interval.ms", "50"),
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.groups", "docs"),
            ("topic.creation.docs.include", ".*docs"),
            ("topic.creation.docs.max.message.bytes", "10000"),
            ("producer.override.max.request.size", "100000"),
            ("retriable.restart.connector.wait.ms", "300"),
        ]);
        config.extend(more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        rowtide.rest.create(&self.scene.database.name, &config, None);
        rowtide.rest.wait_running(&self.scene.database.name);
        self.scene.database.wait_streaming();
        rowtide
    }

    /// A transaction that changes both tables: small, too large for the broker, small, too large for the client, small.
    fn change(&self, first: i32) {
        let doc = |at: i32, size: usize| format!("INSERT INTO docs VALUES ({}, repeat('x', {size}));", first + at);
        let (broker, client) = (doc(1, 20_000), doc(3, 200_000));
        self.scene.database.sql(&format!("BEGIN;{}{broker}{}{client}{}COMMIT", doc(0, 10), doc(2, 10), doc(4, 10)));
    }

    fn read(&self, topic: &str) -> Vec<Record> {
        Reader::committed(&kafka(), topic).read().to_vec()
    }

    /// The documents that are committed, once the last one is.
    fn docs(&self, last: i64) -> Vec<i64> {
        let topic = format!("{}.public.docs", self.scene.database.name);
        wait_until(&format!("document {last} is committed"), LONG, || {
            let ids: Vec<i64> = self.read(&topic).iter().filter_map(|record| record.value["after"]["id"].as_i64()).collect();
            ids.contains(&last).then_some(ids)
        })
    }

    fn trouble(&self, rowtide: &Rowtide) -> Value {
        let path = format!("/connectors/{}/status", self.scene.database.name);
        rowtide.rest.ok("GET", &path, None)["tasks"][0]["rowtide"].take()
    }
}

/// Rows of `Refused::change` that are in the topic.
fn small(first: i64) -> [i64; 3] {
    [first, first + 2, first + 4]
}

#[test]
fn a_refused_record_goes_to_the_dead_letter_queue_within_the_transaction_of_the_others() {
    let refused = Refused::new("once_letters");
    let rowtide = refused.start(&[
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", &refused.dead),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
    ]);
    let load = Load::start(&refused.scene.database, Mix::All);
    for first in [1, 11, 21] {
        refused.scene.records_come();
        refused.change(first);
    }
    assert_eq!(refused.docs(25), [small(1), small(11), small(21)].concat(), "in their order, each once");
    let letters = refused.read(&refused.dead);
    let returned: Vec<i64> = letters.iter().filter_map(|letter| letter.value["after"]["id"].as_i64()).collect();
    assert_eq!((returned, letters.len()), (vec![2, 12, 22], 6), "the others leave their place and the reason: {letters:?}");
    assert_eq!(refused.scene.verdict(load), 0, "no change is committed twice");
    let trouble = wait_until("all of it is counted", LONG, || {
        let trouble = refused.trouble(&rowtide);
        (trouble["dead_letters"] == 6).then_some(trouble)
    });
    assert_eq!((&trouble["skipped"], &trouble["restarts"]), (&json!(6), &json!(0)), "the task was never restarted: {trouble}");
    rowtide.stop();
}

#[test]
fn a_refused_record_is_skipped_alone_where_there_is_no_queue() {
    let refused = Refused::new("once_skipped");
    let rowtide = refused.start(&[
        ("errors.tolerance", "all"),
        ("transaction.boundary", "interval"),
        ("transaction.boundary.interval.ms", "300"),
        // a transaction that would keep more ends early
        ("rowtide.errors.buffer.bytes", "50000"),
    ]);
    let load = Load::start(&refused.scene.database, Mix::All);
    for first in [1, 11, 21] {
        refused.scene.records_come();
        refused.change(first);
    }
    assert_eq!(refused.docs(25), [small(1), small(11), small(21)].concat());
    assert_eq!(refused.scene.verdict(load), 0, "no change is committed twice");
    let trouble = wait_until("all of it is counted", LONG, || {
        let trouble = refused.trouble(&rowtide);
        (trouble["skipped"] == 6).then_some(trouble)
    });
    assert_eq!((&trouble["dead_letters"], &trouble["restarts"]), (&json!(0), &json!(0)), "{trouble}");
    rowtide.stop();
}

#[test]
fn without_tolerance_the_task_fails_with_the_remedy_and_goes_on_when_it_is_followed() {
    let refused = Refused::new("once_fails");
    let (name, rowtide) = (refused.scene.database.name.clone(), refused.start(&[]));
    let load = Load::start(&refused.scene.database, Mix::All);
    refused.scene.records_come();
    refused.change(1);
    let trace = rowtide.rest.wait_failed(&name);
    assert!(trace.contains("Remedy: raise both limits above that size"), "{trace}");
    let follow = json!({ "errors.tolerance": "all" });
    rowtide.rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&follow));
    assert_eq!(refused.docs(5), small(1));
    refused.scene.records_come();
    assert_eq!(refused.scene.verdict(load), 0, "no change is committed twice");
    rowtide.stop();
}
