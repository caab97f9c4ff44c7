//! Exactly once: who reads only what is committed sees each change once, whatever dies and whoever believes that a task is its own.

use rowtide_api::failpoint::{Failpoint, Phase};
use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene};
use rowtide_system_tests::scene::note;
use rowtide_system_tests::topics;
use rowtide_testkit::kafka::{Broker, Extras};
use rowtide_testkit::random::{Random, torture};
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;
use serde_json::{Value, json};

/// A worker file's lines.
fn enabled(more: &str) -> String {
    format!("{AT_ONCE}exactly.once.source.support=enabled\n{more}")
}

/// A scene whose reader sees what is committed; its topics are deleted at the end.
fn scene(name: &str) -> Scene {
    Scene::new(name).committed(&rowtide_testkit::kafka())
}

/// A worker whose connector has taken its snapshot: that it is over is committed, so that nothing of it comes again.
fn start(scene: &Scene, home: &Home, more: &str) -> Rowtide {
    let rowtide = home.distributed(&scene.group, &enabled(more));
    scene.create(&rowtide.rest);
    rowtide.rest.wait_running(&scene.database.name);
    wait_until("the end of its snapshot is committed", LONG, || {
        let offsets = rowtide.rest.offsets(&scene.database.name);
        let mut places =
            offsets["offsets"].as_array()?.iter().map(|entry| &entry["offset"]).filter(|offset| offset["lsn"].is_i64());
        places.any(|offset| offset["snapshot_completed"] != json!(false)).then_some(())
    });
    scene.database.wait_streaming();
    rowtide
}

/// Everything arrives, and nothing twice.
fn once(scene: &Scene, load: Load) {
    assert_eq!(scene.verdict(load), 0, "no change is committed twice");
}

/// Kills at one step.
fn kills() -> u64 {
    torture().map_or(1, |rounds| 5 * rounds)
}

fn dies_at(point: Failpoint) {
    let mut random = Random::of(point.name());
    let scene = scene(&format!("once_{}", point.name().replace('-', "_")));
    let mut home = Home::default();
    start(&scene, &home, "").stop();
    let load = Load::start(&scene.database, Mix::All);
    for _ in 0..kills() {
        let count = 1 + random.below(if point == Failpoint::RecordAcked { 900 } else { 20 });
        println!("dies at {}:{count}", point.name());
        home.set("ROWTIDE_FAILPOINT", &format!("{}:{count}", point.name()));
        let mut rowtide = home.begin_distributed(&scene.group, &enabled(""));
        let status = rowtide.wait_exit(LONG);
        assert_eq!(status.code(), None, "it should have died at {}:{count}, and ended with {status}", point.name());
        scene.database.wait_slot_free();
    }
    home.unset("ROWTIDE_FAILPOINT");
    let rowtide = home.distributed(&scene.group, &enabled(""));
    scene.goes_on(&rowtide.rest);
    once(&scene, load);
    rowtide.stop();
    note(&format!("kill -9 at {}", point.name()), "exactly once", &format!("{} kills: each change committed once", kills()));
}

#[test]
fn each_change_is_committed_once_whatever_step_the_worker_dies_at() {
    let points = Failpoint::ALL.iter().copied().filter(|point| point.phases().contains(&Phase::Transactions));
    points.for_each(dies_at);
}

#[test]
fn a_worker_that_slept_through_the_loss_of_its_task_writes_nothing_that_is_read() {
    let scene = scene("once_zombie");
    let (one, two) = (Home::default(), Home::default());
    let first = start(&scene, &one, "");
    let load = Load::start(&scene.database, Mix::All);
    scene.records_come();
    let second = two.distributed(&scene.group, &enabled(""));
    for _ in 0..kills() {
        let at_second = worker_of(&second.rest, &scene.database.name) == second.rest.worker_id();
        let (awake, asleep) = if at_second { (&first, &second) } else { (&second, &first) };
        // amid whatever it is doing, with what it has read and not written
        asleep.signal("-STOP");
        scene.database.end_streaming();
        wait_until("the other has the task", LONG, || {
            (worker_of(&awake.rest, &scene.database.name) == awake.rest.worker_id()).then_some(())
        });
        scene.goes_on(&awake.rest);
        asleep.signal("-CONT");
        scene.records_come();
        wait_until("both are members again", LONG, || asleep.rest.try_send("GET", "/connectors", None));
    }
    once(&scene, load);
    first.stop();
    second.stop();
    note("two workers have the task (SIGSTOP, SIGCONT)", "exactly once", "each change committed once");
}

/// `host:port` of the worker that runs the task, once it does.
fn worker_of(rest: &Rest, name: &str) -> String {
    wait_until("the task runs", LONG, || {
        let task = rest.try_send("GET", &format!("/connectors/{name}/status"), None)?.body["tasks"][0].take();
        (task["state"] == "RUNNING").then(|| task["worker_id"].as_str().expect("an id").to_owned())
    })
}

/// A cluster of three in which the loss of one takes nothing away.
fn replicated() -> (Vec<Broker>, String) {
    let lines = "transaction.state.log.replication.factor=3\ntransaction.state.log.min.isr=2\noffsets.topic.replication.factor=3\n\
                 default.replication.factor=3\n";
    let mut brokers = Broker::cluster(3);
    for broker in &mut brokers {
        broker.format(&Extras { properties: lines.to_owned(), ..Extras::default() });
        broker.launch();
    }
    let bootstrap = brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",");
    all_there(&bootstrap);
    (brokers, bootstrap)
}

fn all_there(bootstrap: &str) {
    wait_until("all brokers are there", LONG, || (topics::brokers(bootstrap) == Some(3)).then_some(()));
}

#[test]
fn transactions_go_on_when_their_coordinator_is_killed() {
    let (mut brokers, bootstrap) = replicated();
    let scene = Scene::at("once_coordinator", &bootstrap).committed(&bootstrap);
    let home = Home::default();
    let storage = ["config", "offset", "status"].map(|what| format!("{what}.storage.replication.factor=3\n")).concat();
    let rowtide = start(&scene, &home, &storage);
    let load = Load::start(&scene.database, Mix::All);
    for _ in 0..kills() {
        // each in turn: one of them coordinates
        for broker in &mut brokers {
            scene.records_come();
            broker.stop(true);
            scene.records_come();
            broker.launch();
            all_there(&bootstrap);
        }
    }
    scene.records_come();
    once(&scene, load);
    rowtide.stop();
    note(
        "each of three brokers killed and started, the transaction coordinator among them",
        "exactly once",
        "each change committed once",
    );
}

#[test]
fn java_workers_with_exactly_once_leave_it_to_rowtide_and_have_it_back() {
    let scene = scene("once_takeover");
    let name = scene.database.name.clone();
    let java = scene.group.java(&enabled(""));
    scene.create(&java.rest);
    java.rest.wait_running(&name);
    scene.database.wait_streaming();
    let load = Load::start(&scene.database, Mix::All);
    scene.records_come();
    java.stop();
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, &enabled(""));
    scene.goes_on(&rowtide.rest);
    // new tasks: those before them are fenced, as the config topic says in Java's words
    rowtide.rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "poll.interval.ms": "20" })));
    let key = format!("tasks-fencing-{name}");
    wait_until("the fencing is written down", LONG, || {
        let mut counts: Vec<Value> = Vec::new();
        topics::each(&format!("{}-config", scene.group.name), |found, value| {
            if found == Some(key.as_bytes()) {
                counts.extend(value.map(|value| serde_json::from_slice::<Value>(value).expect("JSON")));
            }
        });
        (counts.len() >= 2 && counts.iter().all(|count| *count == json!({ "task-count": 1 }))).then_some(())
    });
    scene.goes_on(&rowtide.rest);
    rowtide.stop();
    let java = scene.group.java(&enabled(""));
    scene.goes_on(&java.rest);
    java.stop();
    let rowtide = home.distributed(&scene.group, &enabled(""));
    scene.goes_on(&rowtide.rest);
    let repeats = scene.verdict(load);
    // Debezium's own keys name the last event of a place in the log, which comes again
    assert!(repeats <= 3, "{repeats} repeats after three takeovers");
    rowtide.stop();
}

#[test]
fn a_worker_joins_a_java_leader_which_fences_for_it() {
    let scene = scene("once_mixed");
    let name = scene.database.name.clone();
    let java = scene.group.java(&enabled(""));
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, &enabled(""));
    scene.create(&rowtide.rest);
    rowtide.rest.wait_running(&name);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    // Rowtide leads, and fences for the Java worker
    java.stop();
    scene.goes_on(&rowtide.rest);
    let java = scene.group.java(&enabled(""));
    rowtide.rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "poll.interval.ms": "20" })));
    scene.goes_on(&java.rest);
    rowtide.stop();
    scene.goes_on(&java.rest);
    let repeats = scene.verdict(load);
    assert!(repeats <= 3, "{repeats} repeats");
    java.stop();
}

#[test]
fn offsets_of_a_stopped_connector_change_and_its_transactions_have_an_interval() {
    let scene = scene("once_rest");
    let (home, name) = (Home::default(), scene.database.name.clone());
    let rowtide = home.distributed(&scene.group, &enabled(""));
    let rest = &rowtide.rest;
    let config = scene.database.connector(&[
        ("table.include.list", "public.orders"),
        ("publication.autocreate.mode", "filtered"),
        ("exactly.once.support", "required"),
        ("transaction.boundary", "interval"),
        ("transaction.boundary.interval.ms", "300"),
    ]);
    rest.create(&name, &config, None);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(rest);
    rest.stop(&name);
    scene.database.wait_slot_free();
    let altered = json!({ "offsets": [{ "partition": { "server": "x" }, "offset": { "lsn": 1 } }] });
    rest.set_offsets(&name, &altered);
    rest.set_offsets(&name, &json!({ "offsets": [{ "partition": { "server": "x" }, "offset": null }] }));
    rest.resume(&name);
    scene.goes_on(rest);
    let mut boundary = config;
    boundary.insert("transaction.boundary".into(), json!("connector"));
    let refused = rest.send("PUT", &format!("/connectors/{name}/config"), Some(&Value::Object(boundary)));
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.body["message"].as_str().is_some_and(|text| text.contains("connector-defined transaction boundaries")));
    once(&scene, load);
    rowtide.stop();
}
