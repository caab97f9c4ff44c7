//! `rowtide check` against a real Java worker: what runs there is said to run here as it is, and the worker is left as it was.
//!
//! Needs `ROWTIDE_TEST_CONNECT` and `ROWTIDE_TEST_PG`. What the report says of other configurations is shown by the tests of the
//! command line.

use std::process::Command;

use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::{SOON, binary, connect, need, wait_until};
use serde_json::Value;

/// A connector at the Java worker; gone at the end.
struct AtJava {
    java: Rest,
    database: Database,
}

impl AtJava {
    fn new(name: &str, extra: &[(&str, &str)]) -> Self {
        let database = Database::new(name);
        let java = connect();
        java.create(&database.name, &database.connector(extra), Some("STOPPED"));
        // a group tells of a state some time after it took the configuration
        wait_until("the connector has a state", SOON, || (java.state(&database.name).0 == "STOPPED").then_some(()));
        Self { java, database }
    }

    /// Exit code of `rowtide check URL --json`, and what it says of this connector; others may be there too.
    fn check(&self) -> (Option<i32>, Value) {
        let output = Command::new(binary()).args(["check", "--json", &need("ROWTIDE_TEST_CONNECT")]).output().expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let all = report["connectors"].as_array().expect("connectors");
        let ours = all.iter().find(|connector| connector["name"] == self.database.name.as_str());
        (output.status.code(), ours.expect("the connector is in the report").clone())
    }
}

impl Drop for AtJava {
    fn drop(&mut self) {
        self.java.delete(&self.database.name);
    }
}

#[test]
fn a_connector_of_a_java_worker_would_run_as_it_is_and_is_not_touched() {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let at = AtJava::new("check", &[("value.converter", json), ("value.converter.schemas.enable", "false")]);
    let path = format!("/connectors/{}/config", at.database.name);
    let before = at.java.ok("GET", &path, None);
    let (_, report) = at.check();
    assert_eq!((&report["outcome"], &report["state"]), (&"as_it_is".into(), &"STOPPED".into()), "{report:#}");
    let properties = report["properties"].as_array().expect("properties");
    assert!(properties.iter().all(|property| property["verdict"] == "ok"), "{report:#}");
    assert_eq!(properties.len(), before.as_object().expect("a map").len());
    assert_eq!(at.java.ok("GET", &path, None), before);
    assert_eq!(at.database.slot("slot_name"), "", "nothing was asked of the database");
}

#[test]
fn what_java_has_and_rowtide_has_not_is_told() {
    let at =
        AtJava::new("checkjava", &[("transforms", "u"), ("transforms.u.type", "io.debezium.transforms.ExtractNewRecordState")]);
    let (code, report) = at.check();
    assert_eq!((code, &report["outcome"]), (Some(1), &"refused".into()), "{report:#}");
    let class = report["properties"].as_array().expect("properties").iter().find(|it| it["property"] == "transforms.u.type");
    assert_eq!(class.expect("the transform")["verdict"], "unsupported");
}
