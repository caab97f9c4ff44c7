//! What goes wrong at a user's: each mistake and each mishap gets its evidence and its remedy, in the status, in the
//! answer or in the log; nothing is lost by it, and no password is shown.

use std::time::Duration;

use rowtide_system_tests::audit::{self, Load, Mix};
use rowtide_system_tests::topics::{self, Cleanup, Record};
use rowtide_testkit::postgres::{Database, Role, Server};
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;
use serde_json::{Map, Value};

const LONG: Duration = Duration::from_secs(120);
/// Never to be seen anywhere.
const SECRET: &str = "s3cret-7731-pw";
const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'one')";

type Config = Map<String, Value>;

/// All of these words are in the text, and the secret is not.
#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
    assert!(!text.contains(SECRET), "the password is shown: {text}");
}

/// The errors that validation finds, all of them.
fn validate(rest: &Rest, config: &Config) -> String {
    let path = "/connector-plugins/PostgresConnector/config/validate";
    let mut config = config.clone();
    config.insert("name".into(), "validated".into());
    let body = rest.ok("PUT", path, Some(&Value::Object(config)));
    let options = body["configs"].as_array().expect("options");
    options
        .iter()
        .flat_map(|option| option["value"]["errors"].as_array().cloned().unwrap_or_default())
        .map(|error| error.to_string())
        .collect()
}

/// `rowtide run` without connectors: they come over REST.
fn worker() -> (Home, Rowtide) {
    let home = Home::default();
    let rowtide = home.run(&[]);
    (home, rowtide)
}

fn in_file(home: &Home, database: &Database, table: &str) -> Vec<Record> {
    let lines = home.lines(&database.name);
    let end = format!(".{table}");
    lines.iter().map(topics::of_line).filter(|record| record.topic.ends_with(&end)).collect()
}

#[test]
fn a_wrong_password_is_said_at_once_and_shown_nowhere() {
    let database = Database::new("bad_password");
    let role = Role::new("LOGIN REPLICATION", "another-password");
    let (_home, rowtide) = worker();
    let config = database.connector(&[("database.user", &role.name), ("database.password", SECRET)]);
    says(&validate(&rowtide.rest, &config), &["password authentication failed", &role.name, "'database.password'"]);
    let answer = rowtide.rest.send("PUT", "/connectors/c/config", Some(&Value::Object(config)));
    assert_eq!(answer.status, 400, "{answer:?}");
    says(&answer.body.to_string(), &["password authentication failed"]);
    says(&rowtide.log(), &[]);
}

#[test]
fn a_database_that_does_not_exist_is_named() {
    let database = Database::new("bad_database");
    let (_home, rowtide) = worker();
    let config = database.connector(&[("database.dbname", "no_such_database")]);
    says(&validate(&rowtide.rest, &config), &["no_such_database", "does not exist", "'database.dbname'"]);
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let database = Database::new("bad_port");
    let (_home, rowtide) = worker();
    let config = database.connector(&[("database.port", "1")]);
    says(&validate(&rowtide.rest, &config), &["127.0.0.1:1", "'database.port'"]);
}

#[test]
fn an_include_list_that_matches_nothing_is_warned_of() {
    let database = Database::new("bad_include");
    database.sql(TABLE);
    let (_home, rowtide) = worker();
    rowtide.rest.create(&database.name, &database.connector(&[("table.include.list", "public.tt")]), None);
    rowtide.wait_log("No table of database");
    rowtide.rest.wait_running(&database.name);
    says(&rowtide.log(), &[&database.name, "table.include.list"]);
}

#[test]
fn a_server_without_logical_decoding_is_refused_with_the_setting() {
    let server = Server::new("wal_level = replica");
    let database = Database::on(&server.url(), "bad_wal");
    let (_home, rowtide) = worker();
    rowtide.rest.create(&database.name, &database.connector(&[]), None);
    says(&rowtide.rest.wait_failed(&database.name), &["wal_level", "'replica'", "ALTER SYSTEM SET wal_level = 'logical'"]);
}

#[test]
fn a_role_that_may_not_replicate_is_told_what_to_grant() {
    let database = Database::new("bad_role");
    let role = Role::new("LOGIN", SECRET);
    let (_home, rowtide) = worker();
    let config = database.connector(&[("database.user", &role.name), ("database.password", SECRET)]);
    validate(&rowtide.rest, &config);
    says(&rowtide.log(), &[&format!("ALTER ROLE \"{}\" WITH LOGIN REPLICATION", role.name)]);
    rowtide.rest.create(&database.name, &config, None);
    says(&rowtide.rest.wait_failed(&database.name), &["REPLICATION", "Remedy"]);
    says(&rowtide.log(), &[]);
    says(&rowtide.rest.ok("GET", &format!("/connectors/{}/status", database.name), None).to_string(), &[]);
}

#[test]
fn a_slot_that_another_connector_reads_is_waited_for_and_named() {
    let database = Database::new("bad_active");
    database.sql(TABLE);
    let (_home, rowtide) = worker();
    let (first, second) = (format!("{}_a", database.name), format!("{}_b", database.name));
    let config = database.connector(&[("snapshot.mode", "no_data"), ("slot.max.retries", "1"), ("slot.retry.delay.ms", "200")]);
    rowtide.rest.create(&first, &config, None);
    database.wait_streaming();
    rowtide.rest.create(&second, &config, None);
    rowtide.wait_log("a distinct 'slot.name'");
    says(&rowtide.log(), &[&format!("replication slot \"{}\" is active for PID", database.name)]);
    rowtide.rest.delete(&first);
    rowtide.rest.wait_running(&second);
    database.wait_streaming();
}

/// A connector that has streamed, and is stopped with its offset.
fn stopped_after_streaming(rowtide: &Rowtide, database: &Database, extra: &[(&str, &str)]) {
    database.sql(TABLE);
    rowtide.rest.create(&database.name, &database.connector(extra), None);
    database.wait_streaming();
    rowtide.rest.wait_running(&database.name);
    database.sql("INSERT INTO t VALUES (2, 'two')");
    wait_until("the change is stored", LONG, || {
        let offsets = rowtide.rest.offsets(&database.name);
        (offsets["offsets"][0]["offset"]["messageType"].is_string()).then_some(())
    });
    rowtide.rest.stop(&database.name);
    database.wait_slot_free();
}

fn reconfigure(rowtide: &Rowtide, database: &Database, extra: &[(&str, &str)]) {
    let config = Value::Object(database.connector(extra));
    rowtide.rest.ok("PUT", &format!("/connectors/{}/config", database.name), Some(&config));
}

fn resume_and_fail(rowtide: &Rowtide, database: &Database) -> String {
    rowtide.rest.ok("PUT", &format!("/connectors/{}/resume", database.name), None);
    rowtide.rest.wait_failed(&database.name)
}

#[test]
fn a_slot_that_was_dropped_stops_the_connector_unless_a_new_snapshot_is_allowed() {
    let database = Database::new("bad_dropped");
    let (home, rowtide) = worker();
    stopped_after_streaming(&rowtide, &database, &[]);
    database.sql(&format!("SELECT pg_drop_replication_slot('{}')", database.name));
    let trace = resume_and_fail(&rowtide, &database);
    says(&trace, &[&database.name, "does not exist any more", "when_needed"]);
    assert_eq!(database.slot("slot_name"), "", "no slot is made in silence");

    database.sql("INSERT INTO t VALUES (3, 'while it was away')");
    reconfigure(&rowtide, &database, &[("snapshot.mode", "when_needed")]);
    rowtide.rest.wait_running(&database.name);
    wait_until("a new snapshot has the row", LONG, || {
        in_file(&home, &database, "t")
            .iter()
            .any(|record| record.value["op"] == "r" && record.value["after"]["id"] == 3)
            .then_some(())
    });
}

#[test]
fn a_slot_that_somebody_moved_on_stops_the_connector() {
    let database = Database::new("bad_moved");
    let (_home, rowtide) = worker();
    stopped_after_streaming(&rowtide, &database, &[]);
    database.sql("INSERT INTO t VALUES (3, 'lost')");
    database.sql(&format!("SELECT pg_replication_slot_advance('{}', pg_current_wal_insert_lsn())", database.name));
    says(
        &resume_and_fail(&rowtide, &database),
        &[&database.name, "moved on to", "offset.mismatch.strategy=trust_slot", "Remedy"],
    );
    reconfigure(&rowtide, &database, &[("offset.mismatch.strategy", "trust_slot")]);
    rowtide.rest.wait_running(&database.name);
    says(&rowtide.log(), &["changes between them are not captured"]);
}

#[test]
fn another_server_behind_the_address_is_seen_and_can_be_accepted() {
    let database = Database::new("bad_system");
    let (_home, rowtide) = worker();
    stopped_after_streaming(&rowtide, &database, &[]);
    let mut offsets = rowtide.rest.offsets(&database.name);
    let system = database.sql("SELECT system_identifier FROM pg_control_system()");
    let stored = &mut offsets["offsets"][0]["offset"]["rowtide_system"];
    assert_eq!(stored.to_string(), system, "the server's identifier is stored");
    *stored = 4711.into();
    rowtide.rest.set_offsets(&database.name, &offsets);
    let accept = format!("rowtide.accept.system.identifier={system}");
    says(&resume_and_fail(&rowtide, &database), &["4711", &system, "pg_upgrade", &accept]);
    reconfigure(&rowtide, &database, &[("rowtide.accept.system.identifier", &system)]);
    rowtide.rest.wait_running(&database.name);
    database.wait_streaming();
}

#[test]
fn a_publication_that_is_missing_or_of_all_tables_says_what_to_do() {
    let database = Database::new("bad_publication");
    database.sql(TABLE);
    let (_home, rowtide) = worker();
    rowtide.rest.create(&database.name, &database.connector(&[("publication.autocreate.mode", "disabled")]), None);
    says(&rowtide.rest.wait_failed(&database.name), &["autocreation is disabled", &database.name, "CREATE PUBLICATION"]);
    database.sql(&format!("CREATE PUBLICATION {} FOR ALL TABLES", database.name));
    reconfigure(&rowtide, &database, &[("publication.autocreate.mode", "filtered")]);
    wait_until("the other error", LONG, || rowtide.rest.state(&database.name).2.contains("for all tables").then_some(()));
    says(&rowtide.rest.wait_failed(&database.name), &["can not be altered", "DROP PUBLICATION", "'all_tables'"]);
}

#[test]
fn a_database_that_goes_away_for_a_while_is_waited_for_and_nothing_is_lost() {
    let mut server = Server::new("");
    let database = Database::on(&server.url(), "away");
    database.sql(audit::SCHEMA);
    let (home, rowtide) = worker();
    let config = database.connector(&[("table.include.list", "public.orders"), ("retriable.restart.connector.wait.ms", "500")]);
    rowtide.rest.create(&database.name, &config, None);
    for (round, signal) in ["INT", "QUIT"].into_iter().enumerate() {
        database.wait_streaming();
        audit::transactions(&database.url(), Mix::All, 30);
        server.stop(signal);
        // the second outage's messages are told apart by their number
        wait_until("the outage is logged", LONG, || (rowtide.log().matches("tries again").count() > round).then_some(()));
        let (connector, task, trace) = rowtide.rest.state(&database.name);
        assert_eq!((connector.as_str(), task.as_str()), ("RUNNING", "RUNNING"), "{trace}");
        server.start();
    }
    audit::transactions(&database.url(), Mix::All, 30);
    let mark = audit::mark_end(&database);
    wait_until("the last change arrives", LONG, || audit::has_mark(&in_file(&home, &database, "orders"), mark).then_some(()));
    audit::check(&database, &in_file(&home, &database, "orders"));
    rowtide.rest.delete(&database.name);
    database.wait_slot_free();
}

#[test]
fn a_stream_that_an_administrator_ends_goes_on_without_a_gap() {
    let database = Database::new("terminated");
    database.sql(audit::SCHEMA);
    let (home, rowtide) = worker();
    let config = database.connector(&[("table.include.list", "public.orders"), ("retriable.restart.connector.wait.ms", "500")]);
    rowtide.rest.create(&database.name, &config, None);
    let load = Load::start(&database, Mix::All);
    for _ in 0..3 {
        let before = in_file(&home, &database, "orders").len();
        wait_until("records arrive", LONG, || (in_file(&home, &database, "orders").len() > before + 400).then_some(()));
        database.end_streaming();
    }
    load.stop();
    let mark = audit::mark_end(&database);
    wait_until("the last change arrives", LONG, || audit::has_mark(&in_file(&home, &database, "orders"), mark).then_some(()));
    audit::check(&database, &in_file(&home, &database, "orders"));
    rowtide.rest.wait_running(&database.name);
}

#[test]
fn a_record_over_max_request_size_stops_with_table_size_and_both_settings() {
    let database = Database::new("bad_size");
    let _topics = Cleanup(database.name.clone());
    database.sql(TABLE);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    rowtide.rest.create(&database.name, &database.connector(&[]), None);
    database.wait_streaming();
    database.sql("INSERT INTO t VALUES (77, repeat('x', 1500000))");
    let trace = rowtide.rest.wait_failed(&database.name);
    let topic = format!("{}.public.t", database.name);
    says(&trace, &[&topic, "1500", "max.request.size=1048576", "producer.override.max.request.size", "max.message.bytes"]);
    assert!(!trace.contains("xxxx"), "row data is shown: {trace}");
}

#[test]
fn a_slot_that_waits_for_an_open_transaction_names_its_process() {
    let database = Database::new("bad_open");
    database.sql(TABLE);
    let mut session = database.session();
    session.send("SET application_name = 'forgotten'; BEGIN; INSERT INTO t VALUES (5, 'open');");
    let pid = wait_until("the transaction is open", LONG, || {
        let pid =
            database.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'forgotten' AND backend_xid IS NOT NULL");
        (!pid.is_empty()).then_some(pid)
    });
    let (home, rowtide) = worker();
    rowtide.rest.create(&database.name, &database.connector(&[]), None);
    rowtide.wait_log("waits for the transaction of process");
    says(&rowtide.log(), &[&format!("process {pid} "), "'forgotten'"]);
    session.send("COMMIT;");
    wait_until("the row is in the snapshot", LONG, || {
        in_file(&home, &database, "t").iter().any(|record| record.value["after"]["id"] == 5).then_some(())
    });
}
