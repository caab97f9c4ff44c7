//! A group of Connect workers: Rowtide takes connectors, offsets and states over from Java workers and gives them back, with no
//! gap and no second snapshot.

use std::collections::BTreeSet;

use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::backups;
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene, add_small, start_broker, wait_shared, workers};
use rowtide_testkit::kafka::{Broker, Extras};
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::wait_until;
use serde_json::{Value, json};

#[test]
fn java_workers_that_stopped_left_all_that_rowtide_needs_and_it_leaves_them_the_same() {
    let scene = Scene::new("group_takeover");
    let name = scene.database.name.clone();
    let load = Load::start(&scene.database, Mix::All);
    let java = scene.group.java("");
    scene.create(&java.rest);
    scene.goes_on(&java.rest);
    let (config, tasks) = (java.rest.ok("GET", &format!("/connectors/{name}"), None), task_configs(&java.rest, &name));
    java.stop();

    let home = Home::default();
    let rowtide = home.distributed(&scene.group, "");
    scene.goes_on(&rowtide.rest);
    assert_eq!(rowtide.rest.ok("GET", &format!("/connectors/{name}"), None), config);
    assert_eq!(task_configs(&rowtide.rest, &name), tasks, "its tasks were not configured anew");
    wait_until("the topic is known to be written to", LONG, || {
        let topics = rowtide.rest.ok("GET", &format!("/connectors/{name}/topics"), None);
        (topics == json!({ &name: { "topics": [format!("{name}.public.orders")] } })).then_some(())
    });
    // what a user wants of it stays wanted
    rowtide.rest.ok("PUT", &format!("/connectors/{name}/pause"), None);
    wait_until("it is paused", LONG, || (rowtide.rest.state(&name).1 == "PAUSED").then_some(()));
    rowtide.stop();

    let java = scene.group.java("");
    wait_until("Java finds it paused", LONG, || (java.rest.state(&name).1 == "PAUSED").then_some(()));
    java.rest.resume(&name);
    scene.goes_on(&java.rest);
    java.stop();
    let rowtide = home.distributed(&scene.group, "");
    scene.goes_on(&rowtide.rest);
    let repeats = scene.verdict(load);
    // each row of the load has an LSN of its own, so that only the event of the stored LSN itself may come again
    assert!(repeats <= 3, "{repeats} repeats after three clean takeovers");
    rowtide.stop();
}

fn task_configs(rest: &Rest, name: &str) -> Value {
    rest.ok("GET", &format!("/connectors/{name}/tasks"), None)
}

#[test]
fn a_worker_that_was_killed_is_followed_by_the_other_kind() {
    let scene = Scene::new("group_killed");
    let load = Load::start(&scene.database, Mix::All);
    let home = Home::default();
    // the dead worker's session must end before its work is anybody's
    let soon = "session.timeout.ms=6000\nheartbeat.interval.ms=500\nscheduled.rebalance.max.delay.ms=0\n";
    let rowtide = home.distributed(&scene.group, soon);
    scene.create(&rowtide.rest);
    scene.goes_on(&rowtide.rest);
    rowtide.kill();
    let java = scene.group.java(soon);
    scene.goes_on(&java.rest);
    java.kill();
    let rowtide = home.distributed(&scene.group, soon);
    scene.goes_on(&rowtide.rest);
    scene.verdict(load);
    rowtide.stop();
}

#[test]
fn a_connector_is_managed_as_on_a_java_worker() {
    let scene = Scene::new("group_rest");
    let (home, name) = (Home::default(), scene.database.name.clone());
    let rowtide = home.distributed(&scene.group, "rowtide.backup.directory=backups\nrowtide.backup.interval.ms=200\n");
    let rest = &rowtide.rest;
    scene.create(rest);
    let load = Load::start(&scene.database, Mix::NoDeletes);
    scene.goes_on(rest);
    wait_until("configuration and offset are backed up", LONG, || {
        let backup = backups::newest(&home.path().join("backups"))?;
        backup.connector(&name).filter(|kept| kept.config.is_some() && !kept.offsets.is_empty()).map(|_| ())
    });
    let path = |rest: &str| format!("/connectors/{name}{rest}");
    assert_eq!(rest.send("POST", "/connectors", Some(&json!({ "name": name, "config": {} }))).status, 400);
    let plan = rest.send("POST", &path("/restart?includeTasks=true"), None);
    assert_eq!((plan.status, &plan.body["tasks"][0]["state"]), (202, &json!("RESTARTING")), "{plan:?}");
    wait_until("it has restarted", LONG, || (home.log().matches("Processing messages").count() > 1).then_some(()));
    assert_eq!(rest.send("POST", &path("/restart"), None).status, 204);
    assert_eq!(rest.send("POST", &path("/tasks/0/restart"), None).status, 204);
    assert_eq!(rest.send("POST", &path("/tasks/7/restart"), None).status, 404);
    rest.wait_running(&name);
    rest.ok("PATCH", &path("/config"), Some(&json!({ "poll.interval.ms": "20" })));
    wait_until("its task has the new configuration", LONG, || {
        (task_configs(rest, &name)[0]["config"]["poll.interval.ms"] == "20").then_some(())
    });
    scene.goes_on(rest);
    let altered = json!({ "offsets": [{ "partition": { "server": "x" }, "offset": { "lsn": 1 } }] });
    assert_eq!(rest.send("PATCH", &path("/offsets"), Some(&altered)).status, 400, "it is not stopped");
    rest.stop(&name);
    scene.database.wait_slot_free();
    rest.set_offsets(&name, &altered);
    assert_eq!(rest.offsets(&name)["offsets"].as_array().map(Vec::len), Some(2));
    rest.set_offsets(&name, &json!({ "offsets": [{ "partition": { "server": "x" }, "offset": null }] }));
    rest.resume(&name);
    scene.verdict(load);
    rest.delete(&name);
    wait_until("it is gone", LONG, || (rest.send("GET", &path("/status"), None).status == 404).then_some(()));
    rowtide.stop();
}

#[test]
fn a_group_with_what_is_not_built_in_is_not_joined_unless_told_so() {
    let scene = Scene::new("group_unknown");
    let java = scene.group.java("");
    let config = scene.database.connector(&[
        ("table.include.list", "public.orders"),
        ("transforms", "t"),
        ("transforms.t.type", "org.apache.kafka.connect.transforms.TimestampRouter"),
    ]);
    java.rest.create(&scene.database.name, &config, Some("STOPPED"));
    java.stop();
    let home = Home::default();
    let mut refused = home.begin_distributed(&scene.group, "");
    assert_eq!(refused.wait_exit(LONG).code(), Some(3));
    assert!(refused.log().contains("TimestampRouter") && refused.log().contains("rowtide.join.unknown"), "{}", refused.log());
    let rowtide = home.distributed(&scene.group, "rowtide.join.unknown=fail");
    rowtide.rest.ok("PUT", &format!("/connectors/{}/resume", scene.database.name), None);
    let trace = rowtide.rest.wait_failed(&scene.database.name);
    assert!(trace.contains("TimestampRouter"), "{trace}");
    rowtide.stop();
}

#[test]
fn two_workers_share_the_work_answer_for_each_other_and_take_over_from_each_other() {
    let scene = Scene::new("group_two");
    let name = scene.database.name.clone();
    let (one, two) = (Home::default(), Home::default());
    let (first, second) = (one.distributed(&scene.group, AT_ONCE), two.distributed(&scene.group, AT_ONCE));
    scene.create(&second.rest);
    let (small, _topics) = add_small("group_two", &first.rest);
    let names = [name.as_str(), small.name.as_str()];
    wait_shared(&first.rest, &names, 2);
    let load = Load::start(&scene.database, Mix::All);
    scene.records_come();
    // whichever of the two leads, and whichever has what is asked for: both answer
    for rest in [&first.rest, &second.rest] {
        for name in names {
            assert_eq!(rest.send("POST", &format!("/connectors/{name}/restart"), None).status, 204);
            assert_eq!(rest.send("POST", &format!("/connectors/{name}/tasks/0/restart"), None).status, 204);
            let plan = rest.send("POST", &format!("/connectors/{name}/restart?includeTasks=true"), None);
            assert_eq!((plan.status, &plan.body["tasks"][0]["state"]), (202, &json!("RESTARTING")), "{plan:?}");
            let progress = rest.ok("GET", &format!("/connectors/{name}/snapshot"), None);
            assert_eq!(progress["tasks"].as_array().map(Vec::len), Some(1), "{progress}");
            workers(rest, &names);
            rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "poll.interval.ms": "30" })));
            workers(rest, &names);
            rest.stop(name);
            rest.set_offsets(name, &json!({ "offsets": [{ "partition": { "server": "x" }, "offset": { "lsn": 1 } }] }));
            rest.set_offsets(name, &json!({ "offsets": [{ "partition": { "server": "x" }, "offset": null }] }));
            rest.resume(name);
        }
        assert_eq!(rest.send("GET", "/connectors/unknown", None).status, 404);
        assert_eq!(rest.send("DELETE", "/connectors/unknown", None).status, 404);
        assert_eq!(rest.send("POST", &format!("/connectors/{name}/tasks"), Some(&json!([]))).status, 400, "it is not signed");
    }
    wait_shared(&first.rest, &names, 2);
    // a worker that is stopped hands its work over at once, one that is killed when its session ends
    first.stop();
    wait_shared(&second.rest, &names, 1);
    scene.records_come();
    let first = one.distributed(&scene.group, AT_ONCE);
    wait_shared(&first.rest, &names, 2);
    second.kill();
    wait_until("the other has it all", LONG, || (workers(&first.rest, &names).len() == 1).then_some(()));
    scene.records_come();
    scene.verdict(load);
    first.rest.delete(&small.name);
    small.wait_slot_free();
    first.stop();
}

#[test]
fn a_java_worker_and_rowtide_are_workers_of_one_group() {
    let scene = Scene::new("group_mixed");
    let name = scene.database.name.clone();
    let load = Load::start(&scene.database, Mix::All);
    let java = scene.group.java(AT_ONCE);
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, AT_ONCE);
    // the Java worker leads
    scene.create(&rowtide.rest);
    let (small, _topics) = add_small("group_mixed", &rowtide.rest);
    let names = [name.as_str(), small.name.as_str()];
    wait_shared(&rowtide.rest, &names, 2);
    // in any order: Java's is that of a hash map
    let listed = |rest: &Rest| -> BTreeSet<String> {
        serde_json::from_value(rest.ok("GET", "/connectors", None)).expect("a list of names")
    };
    assert_eq!(listed(&java.rest), listed(&rowtide.rest));
    scene.records_come();
    for rest in [&rowtide.rest, &java.rest] {
        for name in names {
            wait_until("it takes restarts", LONG, || {
                (rest.send("POST", &format!("/connectors/{name}/restart?includeTasks=true"), None).status == 202).then_some(())
            });
            workers(rest, &names);
        }
    }
    // Rowtide leads
    java.stop();
    wait_shared(&rowtide.rest, &names, 1);
    scene.records_come();
    let java = scene.group.java(AT_ONCE);
    wait_shared(&java.rest, &names, 2);
    // of its connector the Java worker tells the leader, signed, what its tasks are
    for name in names {
        java.rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "poll.interval.ms": "33" })));
        wait_until("its task is configured anew", LONG, || {
            (task_configs(&rowtide.rest, name)[0]["config"]["poll.interval.ms"] == "33").then_some(())
        });
        workers(&java.rest, &names);
    }
    java.rest.ok("PUT", &format!("/connectors/{}/pause", small.name), None);
    wait_until("it is paused", LONG, || (rowtide.rest.state(&small.name).1 == "PAUSED").then_some(()));
    java.rest.resume(&small.name);
    rowtide.stop();
    wait_shared(&java.rest, &names, 1);
    scene.verdict(load);
    java.rest.delete(&small.name);
    small.wait_slot_free();
    java.stop();
}

#[test]
fn a_worker_whose_broker_goes_away_stops_its_tasks_when_its_session_is_over_and_goes_on_with_them_afterwards() {
    let mut broker = Broker::new();
    broker.format(&Extras::default());
    start_broker(&mut broker);
    let scene = Scene::at("group_broker", &broker.address());
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, AT_ONCE);
    scene.create(&rowtide.rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    // shorter than its session: nothing stops
    broker.stop(false);
    start_broker(&mut broker);
    scene.goes_on(&rowtide.rest);
    broker.stop(true);
    wait_until("nobody streams from the slot any more", LONG, || (scene.database.slot("active") == "f").then_some(()));
    start_broker(&mut broker);
    scene.goes_on(&rowtide.rest);
    scene.verdict(load);
    rowtide.stop();
}

#[test]
fn a_log_level_for_the_cluster_is_set_on_all_workers() {
    let scene = Scene::new("group_levels");
    let (one, two) = (Home::default(), Home::default());
    let (first, second) = (one.distributed(&scene.group, AT_ONCE), two.distributed(&scene.group, AT_ONCE));
    let path = "/admin/loggers/io.debezium";
    let answer = first.rest.send("PUT", &format!("{path}?scope=cluster"), Some(&json!({ "level": "DEBUG" })));
    assert_eq!((answer.status, answer.body), (204, Value::Null));
    for rest in [&first.rest, &second.rest] {
        wait_until("the level is set", LONG, || (rest.ok("GET", path, None)["level"] == "DEBUG").then_some(()));
    }
    first.stop();
    second.stop();
}
