//! A connector with a topic of its own for its offsets (`offsets.storage.topic`), taken over from Java workers and given back.

use std::collections::BTreeMap;

use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene};
use rowtide_system_tests::topics;
use rowtide_testkit::kafka;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::wait_until;
use serde_json::{Value, json};

/// Creates the connector with a topic of its own, which the worker's settings are to make.
fn create(scene: &Scene, rest: &Rest) -> String {
    let own = format!("{}-own", scene.group.name);
    let config = scene.database.connector(&[
        ("table.include.list", "public.orders"),
        ("publication.autocreate.mode", "filtered"),
        ("poll.interval.ms", "50"),
        ("offsets.storage.topic", &own),
    ]);
    rest.create(&scene.database.name, &config, None);
    own
}

/// The offsets in a topic by their keys, removed ones left out.
fn stored(topic: &str) -> BTreeMap<String, Value> {
    let mut offsets = BTreeMap::new();
    topics::each(topic, |key, value| {
        let key = String::from_utf8_lossy(key.unwrap_or_default()).into_owned();
        match value {
            Some(value) => offsets.insert(key, serde_json::from_slice(value).expect("JSON")),
            None => offsets.remove(&key),
        };
    });
    offsets
}

/// The group's topic for all connectors.
fn global(scene: &Scene) -> String {
    format!("{}-offset", scene.group.name)
}

fn takeover(name: &str, worker: &str, most: usize) {
    let mut scene = Scene::new(name);
    if worker.contains("exactly.once") {
        scene = scene.committed(&kafka());
    }
    let worker = format!("{AT_ONCE}{worker}");
    let load = Load::start(&scene.database, Mix::All);
    let java = scene.group.java(&worker);
    let own = create(&scene, &java.rest);
    scene.goes_on(&java.rest);
    java.stop();

    let home = Home::default();
    let rowtide = home.distributed(&scene.group, &worker);
    let before = stored(&own);
    assert!(!before.is_empty(), "the Java worker's are there");
    scene.goes_on(&rowtide.rest);
    wait_until("offsets go to the connector's own topic", LONG, || (stored(&own) != before).then_some(()));
    wait_until("and a copy to the worker's", LONG, || {
        let (own, global) = (stored(&own), stored(&global(&scene)));
        own.keys().all(|key| global.contains_key(key)).then_some(())
    });
    rowtide.stop();

    let java = scene.group.java(&worker);
    scene.goes_on(&java.rest);
    java.stop();
    let rowtide = home.distributed(&scene.group, &worker);
    scene.goes_on(&rowtide.rest);
    let repeats = scene.verdict(load);
    assert!(repeats <= most, "{repeats} repeats after three clean takeovers");
    rowtide.stop();
}

// each row of the load has an LSN of its own, so that only the event of the stored LSN itself may come again
#[test]
fn java_workers_leave_a_connector_with_its_own_topic_and_have_it_back() {
    takeover("own_takeover", "", 3);
}

#[test]
fn under_exactly_once_too() {
    takeover("own_once", "exactly.once.source.support=enabled\n", 3);
}

#[test]
fn the_connectors_own_come_first_and_rest_shows_and_changes_them() {
    let scene = Scene::new("own_rest");
    let (home, name) = (Home::default(), scene.database.name.clone());
    let rowtide = home.distributed(&scene.group, AT_ONCE);
    let rest = &rowtide.rest;
    // a connector that gets a topic of its own goes on from the worker's
    scene.create(rest);
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(rest);
    let own = format!("{}-own", scene.group.name);
    rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "offsets.storage.topic": own })));
    wait_until("its offsets go to its own", LONG, || (!stored(&own).is_empty()).then_some(()));
    scene.goes_on(rest);
    rest.stop(&name);
    scene.database.wait_slot_free();
    // what the worker's topic has does not count where the connector's has something else
    let there = rest.offsets(&name);
    let key = stored(&own).into_keys().next().expect("an offset");
    topics::write(&global(&scene), &key, r#"{"lsn":1}"#);
    assert_eq!(rest.offsets(&name), there);
    let partition = json!({ "server": "x" });
    rest.set_offsets(&name, &json!({ "offsets": [{ "partition": partition, "offset": { "lsn": 1 } }] }));
    assert_eq!(rest.offsets(&name)["offsets"].as_array().map(Vec::len), Some(2));
    let x = json!([name, partition]).to_string();
    wait_until("both topics have it", LONG, || {
        (stored(&own).contains_key(&x) && stored(&global(&scene)).contains_key(&x)).then_some(())
    });
    rest.set_offsets(&name, &json!({ "offsets": [{ "partition": partition, "offset": null }] }));
    assert!(!stored(&own).contains_key(&x) && !stored(&global(&scene)).contains_key(&x), "gone from both");
    // Java shows the same
    let java = scene.group.java(AT_ONCE);
    assert_eq!(java.rest.offsets(&name), there);
    java.stop();
    // a connector that loses its topic again goes on from the copies
    rest.resume(&name);
    scene.goes_on(rest);
    rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "offsets.storage.topic": null })));
    wait_until("its task has no topic of its own", LONG, || {
        let tasks = rest.ok("GET", &format!("/connectors/{name}/tasks"), None);
        (tasks[0]["config"]["offsets.storage.topic"] == Value::Null).then_some(())
    });
    scene.goes_on(rest);
    scene.verdict(load);
    // and all of them can be forgotten
    rest.stop(&name);
    scene.database.wait_slot_free();
    wait_until("the worker forgets them", LONG, || {
        (rest.send("DELETE", &format!("/connectors/{name}/offsets"), None).status == 200).then_some(())
    });
    assert_eq!(rest.offsets(&name), json!({ "offsets": [] }));
    rowtide.stop();
}

/// The offsets that REST shows of a connector with an offset in its own topic that was never committed.
fn shown(scene: &Scene, rest: &Rest, isolation: &str) -> Value {
    let name = &scene.database.name;
    let own = format!("{}-own", scene.group.name);
    let config = json!({ "offsets.storage.topic": own, "consumer.override.isolation.level": isolation });
    // a Java worker answers nothing while the group forms anew
    wait_until("the connector is configured", LONG, || {
        (rest.send("PATCH", &format!("/connectors/{name}/config"), Some(&config)).status == 200).then_some(())
    });
    wait_until("its offsets are read", LONG, || {
        let answer = rest.send("GET", &format!("/connectors/{name}/offsets"), None);
        (answer.status == 200).then_some(answer.body)
    })
}

#[test]
fn a_connectors_consumer_says_whether_what_was_not_committed_is_read_as_on_a_java_worker() {
    let (scene, home) = (Scene::new("own_isolation"), Home::default());
    let (name, own) = (scene.database.name.clone(), format!("{}-own", scene.group.name));
    let aborted = json!({ "offsets": [{ "partition": { "server": "x" }, "offset": { "lsn": 1 } }] });
    let of = |rest: &Rest| [shown(&scene, rest, "read_uncommitted"), shown(&scene, rest, "read_committed")];
    let expected = [aborted, json!({ "offsets": [] })];
    let java = scene.group.java(AT_ONCE);
    java.rest.create(&name, &scene.database.connector(&[]), Some("STOPPED"));
    assert_eq!(of(&java.rest), [json!({ "offsets": [] }), json!({ "offsets": [] })], "the topic is made");
    topics::write_and_abort(&own, &json!([name, { "server": "x" }]).to_string(), r#"{"lsn":1}"#);
    assert_eq!(of(&java.rest), expected, "Java");
    java.stop();
    let rowtide = home.distributed(&scene.group, AT_ONCE);
    assert_eq!(of(&rowtide.rest), expected);
    rowtide.stop();
    // where tasks write in transactions it has no effect
    let java = scene.group.java(&format!("{AT_ONCE}exactly.once.source.support=enabled\n"));
    assert_eq!(shown(&scene, &java.rest, "read_uncommitted"), expected[1], "Java");
    java.stop();
    let rowtide = home.distributed(&scene.group, &format!("{AT_ONCE}exactly.once.source.support=enabled\n"));
    assert_eq!(shown(&scene, &rowtide.rest, "read_uncommitted"), expected[1]);
    rowtide.wait_log("property will be ignored as it cannot be overridden");
    rowtide.stop();
}
