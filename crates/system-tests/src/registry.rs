//! A real schema registry, Apicurio's, by the API that is Confluent's, and an unmodified consumer of what was written by it.

use std::io::BufRead;
use std::process::Command;

use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Rowtide;
use rowtide_testkit::{kafka, need, wait_until};
use serde_json::{Map, Value, json};

use crate::scene::LONG;
use crate::topics;

/// The registry's API that is Confluent's.
pub fn ccompat() -> String {
    format!("{}/apis/ccompat/v7", need("ROWTIDE_TEST_REGISTRY"))
}

/// A connector whose key and value go through this converter.
pub fn connector(database: &Database, more: &[(&str, &str)], class: &str, options: &[(&str, &str)]) -> Map<String, Value> {
    let mut config = database.connector(&[&[("retriable.restart.connector.wait.ms", "500")], more].concat());
    for side in ["key", "value"] {
        config.insert(format!("{side}.converter"), class.into());
        for (name, value) in options {
            config.insert(format!("{side}.converter.{name}"), (*value).into());
        }
    }
    config
}

/// The first records of a topic, by confluent-kafka's deserializer of a format: avro, json or protobuf.
pub fn consume(format: &str, topic: &str, count: usize) -> Vec<Value> {
    let script = match format {
        "protobuf" => concat!(env!("CARGO_MANIFEST_DIR"), "/readers/protobuf.py"),
        _ => concat!(env!("CARGO_MANIFEST_DIR"), "/readers/registered.py"),
    };
    let mut command = Command::new(need("ROWTIDE_TEST_PYTHON"));
    let output = command.args([script, format, &kafka(), &ccompat(), topic, &count.to_string()]).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.lines().map(|line| serde_json::from_str(&line.expect("text")).expect("JSON")).collect()
}

/// What such records are of changes: key, operation, row.
pub fn told(records: &[Value]) -> Vec<Value> {
    let of =
        |record: &Value| json!({ "id": record["key"]["id"], "op": record["value"]["op"], "after": record["value"]["after"] });
    records.iter().map(of).collect()
}

/// The registry refuses the schema of a row that says `much`: the task stops before anything of it is written beyond what is there, the trace
/// has these words, and once the level of the topic's values allows it the task is restarted.
pub fn refuses_then_takes(rowtide: &Rowtide, connector: &str, topic: &str, there: usize, words: &[&str]) {
    let trace = rowtide.rest.wait_failed(connector);
    let always = [topic, "-value", "BACKWARD", "nothing of the new schema was written", "PUT /config/"];
    for word in always.iter().chain(words) {
        assert!(trace.contains(word), "'{word}' is not in: {trace}");
    }
    assert!(!trace.contains("much"), "no row data in errors: {trace}");
    assert_eq!(count(topic), there);
    hold_to(&format!("{topic}-value"), "NONE");
    rowtide.rest.ok("POST", &format!("/connectors/{connector}/restart?includeTasks=true"), None);
}

/// Under BACKWARD a column gets another type: [`refuses_then_takes`], for a table of which one row is there, and the connector `orders` of
/// this configuration. Then the second row is there, too, with a total of 77.
pub fn refuses_another_type(rowtide: &Rowtide, database: &Database, mut config: Map<String, Value>, topic: &str, words: &[&str]) {
    config.insert("errors.tolerance".into(), "all".into());
    rowtide.rest.create("orders", &config, None);
    database.wait_streaming();
    wait_until("the first row arrives", LONG, || (count(topic) == 1).then_some(()));
    hold_to(&format!("{topic}-value"), "BACKWARD");
    database.sql("ALTER TABLE orders ALTER COLUMN total TYPE int USING 1; INSERT INTO orders VALUES (2, 77, 'much')");
    refuses_then_takes(rowtide, "orders", topic, 1, words);
}

/// How many records a topic holds.
pub fn count(topic: &str) -> usize {
    let mut count = 0;
    topics::each(topic, |_, _| count += 1);
    count
}

/// Sets a subject's compatibility level.
pub fn hold_to(subject: &str, level: &str) {
    Rest::new(&ccompat()).ok("PUT", &format!("/config/{subject}"), Some(&json!({ "compatibility": level })));
}
