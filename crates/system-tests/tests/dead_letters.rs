//! What becomes of records that cannot be converted or accepted, and what the status says of a task that has trouble and goes on.

use std::collections::BTreeMap;

use rowtide_system_tests::group::{AT_ONCE, LONG, Scene};
use rowtide_system_tests::topics::{self, Cleanup, Record};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::wait_until;
use serde_json::{Map, Value, json};

/// A table whose records are as large as wanted, and a connector that may skip them.
struct Docs {
    database: Database,
    dead: String,
    _topics: Cleanup,
}

impl Docs {
    fn new(name: &str) -> Self {
        let database = Database::new(name);
        database.sql("CREATE TABLE docs (id int PRIMARY KEY, body text); INSERT INTO docs VALUES (1, 'first')");
        let (dead, topics) = (format!("{}.dead", database.name), Cleanup(database.name.clone()));
        Self { database, dead, _topics: topics }
    }

    /// Records of more than 10,000 bytes are refused by the broker, of more than 100,000 by the client.
    fn config(&self, more: &[(&str, &str)]) -> Map<String, Value> {
        let mut config = self.database.connector(&[
            ("table.include.list", "public.docs"),
            ("publication.autocreate.mode", "filtered"),
            ("poll.interval.ms", "50"),
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.default.max.message.bytes", "10000"),
            ("producer.override.max.request.size", "100000"),
        ]);
        config.extend(more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        config
    }

    fn queue(&self) -> [(&str, &str); 3] {
        [
            ("errors.tolerance", "all"),
            ("errors.deadletterqueue.topic.name", self.dead.as_str()),
            ("errors.deadletterqueue.topic.replication.factor", "1"),
        ]
    }

    fn insert(&self, id: i32, size: usize) {
        self.database.sql(&format!("INSERT INTO docs VALUES ({id}, repeat('x', {size}))"));
    }

    fn topic(&self) -> String {
        format!("{}.public.docs", self.database.name)
    }

    /// Waits until the row is in the topic; all rows there.
    fn wait_row(&self, id: i64) -> Vec<i64> {
        wait_until(&format!("row {id} arrives"), LONG, || {
            let rows: Vec<i64> =
                topics::read(&self.topic()).iter().filter_map(|record| record.value["after"]["id"].as_i64()).collect();
            rows.contains(&id).then_some(rows)
        })
    }

    /// Waits for so many dead letters.
    fn letters(&self, count: usize) -> Vec<Record> {
        wait_until(&format!("{count} dead letters"), LONG, || {
            let letters = topics::read(&self.dead);
            (letters.len() >= count).then_some(letters)
        })
    }
}

/// A header of a dead letter.
#[track_caller]
fn header<'a>(letter: &'a Record, name: &str) -> &'a str {
    let found: &BTreeMap<String, String> = &letter.headers;
    found.get(&format!("__connect.errors.{name}")).unwrap_or_else(|| panic!("no {name} in {found:?}"))
}

/// What the status says of task 0 beside Connect's own members.
fn trouble(rest: &Rest, name: &str) -> Value {
    rest.ok("GET", &format!("/connectors/{name}/status"), None)["tasks"][0]["rowtide"].take()
}

#[test]
fn a_record_that_the_broker_refuses_goes_to_the_dead_letter_queue_with_its_place_and_the_reason() {
    let docs = Docs::new("dead_refused");
    let (home, name) = (Home::default(), docs.database.name.clone());
    let rowtide = home.standalone("", &[home.connector_file(&name, &docs.config(&docs.queue()))]);
    docs.wait_row(1);
    assert_eq!(trouble(&rowtide.rest, &name), Value::Null, "nothing but Connect's members of a healthy task");
    docs.insert(2, 20_000);
    docs.insert(3, 200_000);
    docs.insert(4, 10);
    assert_eq!(docs.wait_row(4), [1, 4]);
    let letters = docs.letters(2);
    let returned = &letters[0];
    assert_eq!((&returned.key, &returned.value["after"]["id"]), (&json!({ "id": 2 }), &json!(2)));
    assert_eq!(returned.value["after"]["body"].as_str().map(str::len), Some(20_000), "as it would have been written");
    assert_eq!((header(returned, "topic"), header(returned, "stage")), (docs.topic().as_str(), "KAFKA_PRODUCE"));
    assert_eq!((header(returned, "connector.name"), header(returned, "task.id")), (name.as_str(), "0"));
    assert!(header(returned, "exception.message").contains("max.message.bytes"), "{returned:?}");
    assert!(header(returned, "exception.stacktrace").contains("Remedy: "), "{returned:?}");
    assert_eq!(header(returned, "source.partition"), json!({ "server": name }).to_string());
    let offset: Value = serde_json::from_str(header(returned, "source.offset")).expect("JSON");
    assert!(offset["lsn"].is_i64(), "{offset}");
    // one that no topic takes leaves at least its place and the reason
    let bare = &letters[1];
    assert_eq!((&bare.key, &bare.value, header(bare, "omitted")), (&Value::Null, &Value::Null, "key,value,headers"));
    assert!(header(bare, "exception.message").contains("max.request.size=100000"), "{bare:?}");
    let trouble = trouble(&rowtide.rest, &name);
    assert_eq!((&trouble["skipped"], &trouble["dead_letters"], &trouble["restarts"]), (&json!(2), &json!(2), &json!(0)));
    assert!(trouble["last_skipped"]["reason"].as_str().is_some_and(|reason| reason.contains("200")), "{trouble}");
    let written = rowtide.rest.ok("GET", &format!("/connectors/{name}/topics"), None);
    assert_eq!(written[&name]["topics"], json!([docs.topic()]), "the queue is none of the connector's topics");
    rowtide.stop();
    assert_eq!(docs.letters(2).len(), 2);
}

#[test]
fn a_record_that_cannot_be_converted_is_there_as_json_with_its_schema() {
    let docs = Docs::new("dead_converted");
    let (home, name) = (Home::default(), docs.database.name.clone());
    let bytes = [("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter")];
    let config = docs.config(&[&docs.queue()[..], &bytes].concat());
    let rowtide = home.standalone("", &[home.connector_file(&name, &config)]);
    docs.insert(2, 10);
    let letters = docs.letters(2);
    for (letter, id) in letters.iter().zip([1, 2]) {
        assert_eq!((&letter.key["payload"], &letter.value["payload"]["after"]["id"]), (&json!({ "id": id }), &json!(id)));
        assert_eq!(letter.value["schema"]["name"], format!("{}.Envelope", docs.topic()));
        assert_eq!(header(letter, "stage"), "VALUE_CONVERTER");
        assert_eq!(header(letter, "class.name"), "org.apache.kafka.connect.converters.ByteArrayConverter");
        assert_eq!(header(letter, "exception.class.name"), "org.apache.kafka.connect.errors.DataException");
    }
    rowtide.stop();
    // done is what is durable in the queue: nothing comes again
    let rowtide = home.standalone("", &[home.connector_file(&name, &config)]);
    rowtide.rest.wait_running(&name);
    docs.database.wait_streaming();
    docs.insert(3, 10);
    let letters = docs.letters(3);
    let ids: Vec<i64> = letters.iter().filter_map(|letter| letter.value["payload"]["after"]["id"].as_i64()).collect();
    assert_eq!(ids, [1, 2, 3]);
    rowtide.stop();
}

#[test]
fn what_is_skipped_without_a_queue_is_counted_and_said() {
    let docs = Docs::new("dead_skipped");
    let (home, name) = (Home::default(), docs.database.name.clone());
    let config = docs.config(&[("errors.tolerance", "all")]);
    let rowtide = home.standalone("", &[home.connector_file(&name, &config)]);
    docs.wait_row(1);
    docs.insert(2, 20_000);
    docs.insert(3, 10);
    assert_eq!(docs.wait_row(3), [1, 3]);
    let trouble = trouble(&rowtide.rest, &name);
    assert_eq!((&trouble["skipped"], &trouble["dead_letters"]), (&json!(1), &json!(0)));
    let reason = trouble["last_skipped"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("max.message.bytes") && reason.contains("Remedy: "), "{trouble}");
    rowtide.wait_log("a record is skipped, as errors.tolerance=all asks");
    // and without tolerance it stops the task, with the remedy
    rowtide.rest.ok("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "errors.tolerance": "none" })));
    rowtide.rest.wait_running(&name);
    docs.insert(4, 20_000);
    let trace = rowtide.rest.wait_failed(&name);
    assert!(trace.contains("max.message.bytes") && trace.contains("Remedy: raise both limits"), "{trace}");
    rowtide.stop();
}

#[test]
fn a_queue_that_cannot_be_made_stops_the_task_and_one_that_stays_empty_is_warned_of() {
    let docs = Docs::new("dead_refusal");
    let (home, name) = (Home::default(), docs.database.name.clone());
    let rowtide = home.standalone("", &[]);
    let factor = [("errors.tolerance", "all"), ("errors.deadletterqueue.topic.name", docs.dead.as_str())];
    rowtide.rest.create(&name, &docs.config(&factor), None);
    let trace = rowtide.rest.wait_failed(&name);
    assert!(trace.contains("Could not initialize dead letter queue with topic="), "{trace}");
    assert!(trace.contains("errors.deadletterqueue.topic.replication.factor=3"), "Connect's default: {trace}");
    let mut none = docs.config(&docs.queue());
    none.insert("errors.tolerance".to_owned(), "none".into());
    rowtide.rest.ok("PUT", &format!("/connectors/{name}/config"), Some(&Value::Object(none.clone())));
    rowtide.rest.wait_running(&name);
    rowtide.wait_log("errors.deadletterqueue.topic.name has no effect without errors.tolerance=all");
    none.insert("errors.deadletterqueue.topic.replication.factor".to_owned(), "0".into());
    let refused = rowtide.rest.send("PUT", &format!("/connectors/{name}/config"), Some(&Value::Object(none)));
    assert_eq!(refused.status, 400, "{refused:?}");
    rowtide.stop();
}

#[test]
fn restarts_and_the_next_one_are_in_the_status() {
    let docs = Docs::new("dead_restarts");
    let (home, name) = (Home::default(), docs.database.name.clone());
    let config = docs.config(&[("retriable.restart.connector.wait.ms", "3600000"), ("errors.max.retries", "5")]);
    let rowtide = home.standalone("", &[home.connector_file(&name, &config)]);
    docs.wait_row(1);
    docs.database.wait_streaming();
    docs.database.end_streaming();
    let trouble = wait_until("a restart is waited for", LONG, || {
        let trouble = trouble(&rowtide.rest, &name);
        trouble["retry"].is_object().then_some(trouble)
    });
    let retry = &trouble["retry"];
    assert_eq!((&trouble["restarts"], &retry["attempt"], &retry["of"]), (&json!(1), &json!(1), &json!(5)));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_millis() as i64;
    let wait = retry["at_ms"].as_i64().expect("a time") - now;
    assert!((3_000_000..4_000_000).contains(&wait), "an hour, a tenth more or less: {wait}");
    assert!(retry["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{retry}");
    assert_eq!(rowtide.rest.state(&name).1, "RUNNING", "as Debezium's");
    // a restart by hand does not wait
    rowtide.rest.ok("POST", &format!("/connectors/{name}/tasks/0/restart"), None);
    docs.insert(2, 10);
    docs.wait_row(2);
    let status = rowtide.rest.ok("GET", &format!("/connectors/{name}/tasks/0/status"), None);
    assert_eq!(status["rowtide"], json!({ "restarts": 1, "skipped": 0, "dead_letters": 0 }), "{status}");
    let members: Vec<&String> = status.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["id", "state", "worker_id", "version", "rowtide"], "Connect's come first");
    rowtide.stop();
}

#[test]
fn every_worker_of_a_group_knows_of_the_trouble_and_a_java_worker_reads_on() {
    let docs = Docs::new("dead_group");
    let name = docs.database.name.clone();
    let scene = Scene::new("dead_group_scene");
    let (one, two) = (Home::default(), Home::default());
    let first = one.distributed(&scene.group, AT_ONCE);
    first.rest.create(&name, &docs.config(&docs.queue()), None);
    first.rest.wait_running(&name);
    docs.wait_row(1);
    let second = two.distributed(&scene.group, AT_ONCE);
    let java = scene.group.java(AT_ONCE);
    docs.insert(2, 20_000);
    docs.insert(3, 10);
    docs.wait_row(3);
    for rest in [&first.rest, &second.rest] {
        wait_until("a skip is known", LONG, || (trouble(rest, &name)["dead_letters"] == 1).then_some(()));
    }
    let path = format!("/connectors/{name}/status");
    let status = java.rest.ok("GET", &path, None);
    let expected = first.rest.ok("GET", &path, None);
    for member in ["id", "state", "worker_id", "version"] {
        assert_eq!(status["tasks"][0][member], expected["tasks"][0][member], "{member}");
    }
    assert_eq!(status["tasks"][0]["rowtide"], Value::Null);
    // what Java says of the task from now on is its own
    first.stop();
    second.stop();
    wait_until("the Java worker runs it", LONG, || {
        let task = java.rest.ok("GET", &path, None)["tasks"][0].take();
        (task["state"] == "RUNNING" && task["worker_id"] == java.rest.worker_id()).then_some(())
    });
    java.stop();
}
