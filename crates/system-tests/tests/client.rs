//! A client of Connect's REST that others wrote (kafka-connect-py) works with a group of Rowtide's workers as with Java's, answer by answer.

use std::process::Command;

use rowtide_system_tests::group::AT_ONCE;
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::group::Group;
use rowtide_testkit::need;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, said};
use serde_json::Value;

/// What the client says of a worker, without what is its own.
fn transcript(rest: &Rest, workers: &[&Rest]) -> Vec<String> {
    let database = Database::new("client");
    let _topics = Cleanup(database.name.clone());
    database.sql("CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)");
    let options = [("tasks.max", "1"), ("publication.autocreate.mode", "filtered"), ("table.include.list", "public.items")];
    let home = Home::default();
    let file = home.file("config.json", &Value::Object(database.connector(&options)).to_string());
    let mut python = Command::new(need("ROWTIDE_TEST_PYTHON"));
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client.py"));
    let ran = python.arg(format!("http://{}", rest.worker_id())).arg(&database.name).arg(file).output().expect("Python");
    // a worker that others use, too
    rest.delete(&database.name);
    let own = |text: String, worker: &&Rest| text.replace(worker.worker_id(), "{worker}");
    let text = workers.iter().fold(said(&ran).replace(&database.name, "{name}"), own);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_client_of_connects_rest_that_others_wrote_sees_no_difference() {
    let java = Rest::new(&need("ROWTIDE_TEST_CONNECT"));
    let group = Group::new("client");
    let _topics = Cleanup(group.name.clone());
    let (one, two) = (Home::default(), Home::default());
    let (leader, follower) = (one.distributed(&group, AT_ONCE), two.distributed(&group, AT_ONCE));
    let expected = transcript(&java, &[&java]);
    assert!(expected.last().is_some_and(|last| last.contains("gone") && last.contains("404")), "{expected:?}");
    let found = transcript(&follower.rest, &[&follower.rest, &leader.rest]);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    follower.stop();
    leader.stop();
}
