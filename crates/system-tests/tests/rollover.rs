//! A cluster is moved over while data flows: Rowtide's workers join Java's, which leave one by one, and back; brokers and leaders die; exactly once is
//! switched on. No gap, and no second snapshot.

use std::collections::BTreeMap;

use rowtide_system_tests::audit::{self, Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene, add_small, workers};
use rowtide_system_tests::topics::{self, Record};
use rowtide_testkit::kafka::{Broker, Extras, java};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, said};
use rowtide_testkit::{kafka, wait_until};
use serde_json::Value;

/// A second stream: rows with numbers of their own, a few at each step of a move.
struct Numbered {
    database: Database,
    last: i64,
}

impl Numbered {
    /// More rows; waits until they are there.
    fn more(&mut self) {
        let first = self.last + 1;
        self.last += 20;
        self.database.sql(&format!("INSERT INTO small SELECT generate_series({first}, {})", self.last));
        wait_until("the numbers come", LONG, || (self.numbers().last() == Some(&self.last)).then_some(()));
    }

    fn numbers(&self) -> Vec<i64> {
        let records = topics::read(&format!("{}.public.small", self.database.name));
        records.iter().filter_map(|record| record.value["after"]["id"].as_i64()).collect()
    }
}

/// Until all of the work is with these workers, and both streams go on.
fn settles(scene: &Scene, numbered: &mut Numbered, on: &[&Rest]) {
    let names = [scene.database.name.clone(), numbered.database.name.clone()];
    let mut ids: Vec<&str> = on.iter().map(|rest| rest.worker_id()).collect();
    ids.sort_unstable();
    wait_until(&format!("the work is with {ids:?}"), LONG, || {
        let has = workers(on[0], &names.each_ref().map(String::as_str));
        has.keys().map(String::as_str).eq(ids.iter().copied()).then_some(())
    });
    scene.records_come();
    numbered.more();
}

#[test]
fn workers_of_rowtide_join_a_java_cluster_whose_workers_leave_one_by_one_and_back() {
    let scene = Scene::new("rollover");
    let (one, two) = (Home::default(), Home::default());
    let first_java = scene.group.java(AT_ONCE);
    let second_java = scene.group.java(AT_ONCE);
    scene.create(&first_java.rest);
    let (small, _topics) = add_small("rollover", &first_java.rest);
    let mut numbered = Numbered { database: small, last: 1 };
    let load = Load::start(&scene.database, Mix::All);
    settles(&scene, &mut numbered, &[&first_java.rest, &second_java.rest]);

    let first = one.distributed(&scene.group, AT_ONCE);
    // it leads
    first_java.stop();
    settles(&scene, &mut numbered, &[&first.rest, &second_java.rest]);
    let second = two.distributed(&scene.group, AT_ONCE);
    second_java.stop();
    settles(&scene, &mut numbered, &[&first.rest, &second.rest]);

    let first_java = scene.group.java(AT_ONCE);
    first.stop();
    settles(&scene, &mut numbered, &[&first_java.rest, &second.rest]);
    let second_java = scene.group.java(AT_ONCE);
    second.stop();
    settles(&scene, &mut numbered, &[&first_java.rest, &second_java.rest]);

    let repeats = scene.verdict(load);
    // of each move of a task at most the event of the stored place
    assert!(repeats <= 12, "{repeats} repeats");
    let mut numbers = numbered.numbers();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.iter().copied().eq(1..=numbered.last), "{numbers:?}");
    assert!(count - numbers.len() <= 12, "{count} records of {} rows", numbers.len());
    first_java.rest.delete(&numbered.database.name);
    numbered.database.wait_slot_free();
    second_java.stop();
    first_java.stop();
}

/// Waits until so many workers are in the group, and records come on.
fn joined(broker: &str, scene: &Scene, workers: usize) {
    let group = &scene.group.name;
    wait_until(&format!("{workers} workers are in the group"), LONG, || {
        (topics::members(broker, group) == workers).then_some(())
    });
    scene.records_come();
}

#[test]
fn a_java_leader_that_has_read_nothing_yet_is_followed() {
    let scene = Scene::new("rollover_empty");
    // without signed requests there is no key in the config topic: it is empty until the first connector
    let extra = format!("{AT_ONCE}connect.protocol=compatible\n");
    let java = scene.group.java(&extra);
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, &extra);
    wait_until("it is in the group", LONG, || (topics::members(&kafka(), &scene.group.name) == 2).then_some(()));
    scene.create(&rowtide.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    let generations = home.log().matches("a generation of the group").count();
    assert!(generations < 20, "{generations} generations");
    scene.verdict(load);
    rowtide.stop();
    java.stop();
}

/// Three brokers that keep everything thrice.
fn cluster() -> (Vec<Broker>, String) {
    let mut brokers = Broker::cluster(3);
    let names = ["offsets.topic", "transaction.state.log"].map(|of| format!("{of}.replication.factor=3\n")).concat();
    let properties = format!("{names}transaction.state.log.min.isr=2\ndefault.replication.factor=3\nmin.insync.replicas=2\n");
    for broker in &mut brokers {
        broker.format(&Extras { properties: properties.clone(), ..Extras::default() });
        broker.launch();
    }
    let addresses = brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",");
    (brokers, addresses)
}

#[test]
fn no_change_is_lost_when_brokers_and_leaders_of_a_mixed_group_die() {
    let (mut brokers, addresses) = cluster();
    let all_there = || wait_until("three brokers", LONG, || (topics::brokers(&addresses) == Some(3)).then_some(()));
    all_there();
    let scene = Scene::at("rollover_brokers", &addresses);
    let thrice = ["config", "offset", "status"].map(|of| format!("{of}.storage.replication.factor=3\n")).concat();
    let extra = format!("{AT_ONCE}{thrice}");
    let (one, two) = (Home::default(), Home::default());
    // the first leads
    let java = scene.group.java(&extra);
    let first = one.distributed(&scene.group, &extra);
    scene.create(&first.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&first.rest);
    // the group's coordinator, then whoever leads the topic of the changes
    for topic in ["__consumer_offsets".to_owned(), format!("{}.public.orders", scene.database.name)] {
        let node = topics::leader(&addresses, &topic);
        brokers[node - 1].stop(true);
        scene.records_come();
        brokers[node - 1].launch();
        all_there();
        scene.records_come();
    }
    java.kill();
    scene.goes_on(&first.rest);
    let second = two.distributed(&scene.group, &extra);
    let java = scene.group.java(&extra);
    joined(&addresses, &scene, 3);
    first.kill();
    scene.goes_on(&second.rest);
    second.kill();
    scene.goes_on(&java.rest);
    scene.verdict(load);
    java.stop();
}

/// What Java's own consumer sees of a topic once it has ended.
fn read_by_java(topic: &str) -> Vec<Record> {
    let broker = kafka();
    let mut reader = java("org.apache.kafka.tools.consumer.ConsoleConsumer", &["--bootstrap-server", &broker, "--topic", topic]);
    reader.args(["--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "20000"]);
    reader.args(["--formatter-property", "print.key=true"]);
    let json = |text: &str| if text == "null" { Value::Null } else { serde_json::from_str(text).expect("JSON") };
    let record = |line: &str| {
        let (key, value) = line.split_once('\t').expect("a key and a value");
        Record { topic: topic.to_owned(), key: json(key), value: json(value), headers: BTreeMap::new() }
    };
    // what it has to say of itself is on other lines
    said(&reader.output().expect("java")).lines().filter(|line| line.starts_with('{')).map(record).collect()
}

#[test]
fn exactly_once_is_switched_on_worker_by_worker_while_data_flows() {
    let scene = Scene::new("rollover_once").committed(&kafka());
    let name = scene.database.name.clone();
    let support = |word: &str| format!("{AT_ONCE}exactly.once.source.support={word}\n");
    let home = Home::default();
    let mut java = scene.group.java(&support("disabled"));
    let mut rowtide = home.distributed(&scene.group, &support("disabled"));
    scene.create(&rowtide.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    for word in ["preparing", "enabled"] {
        rowtide.stop();
        scene.goes_on(&java.rest);
        rowtide = home.distributed(&scene.group, &support(word));
        joined(&kafka(), &scene, 2);
        java.stop();
        scene.goes_on(&rowtide.rest);
        java = scene.group.java(&support(word));
        joined(&kafka(), &scene, 2);
    }
    let repeats = scene.verdict(load);
    // of each move of the task at most the event of the stored place
    assert!(repeats <= 12, "{repeats} repeats");
    let seen = read_by_java(&format!("{name}.public.orders"));
    assert_eq!(seen.len(), scene.read().len());
    assert_eq!(audit::check(&scene.database, &seen).records, repeats);
    rowtide.stop();
    java.stop();
}
