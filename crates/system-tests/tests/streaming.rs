//! Transactions that the server sends before they end (`rowtide.streaming.transactions`): the same records as without, in
//! the order of the commits; places that hold for both ways; nothing lost and nothing of what was rolled back.

use std::process::Stdio;
use std::time::Duration;

use rowtide_system_tests::topics;
use rowtide_testkit::postgres::{Database, Session};
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{SOON, wait_until};
use serde_json::{Map, Value};

const LONG: Duration = Duration::from_secs(180);

const SCHEMA: &str = "
CREATE TABLE wide (id int PRIMARY KEY, filler text);
CREATE TABLE whole (id int PRIMARY KEY, filler text); ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE small (id int PRIMARY KEY, note text);
CREATE TABLE hidden (id int, filler text);
CREATE SEQUENCE steps";

/// A database in which the server streams every transaction of some rows.
fn database(name: &str, new: fn(&str) -> Database) -> Database {
    let database = new(name);
    database.sql(&format!("ALTER DATABASE {} SET logical_decoding_work_mem = '64kB'", database.name));
    database.sql(SCHEMA);
    database.sql(&format!("CREATE PUBLICATION {} FOR TABLE wide, whole, small", database.name));
    database
}

/// A connector of it, streaming transactions in progress or not. Both have the same topics and slots of their own.
fn connector(database: &Database, streaming: bool, extra: &[(&str, &str)]) -> Map<String, Value> {
    let mut config = database.connector(&[
        ("publication.autocreate.mode", "disabled"),
        ("provide.transaction.metadata", "true"),
        ("skipped.operations", "none"),
        ("snapshot.mode", "no_data"),
        ("rowtide.streaming.memory.bytes", "100000"),
    ]);
    config.insert("rowtide.streaming.transactions".to_owned(), streaming.to_string().into());
    config.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    config
}

/// How many transactions the server has streamed to a slot.
fn streamed(database: &Database, slot: &str) -> u64 {
    let count = database.sql(&format!("SELECT stream_txns FROM pg_stat_replication_slots WHERE slot_name = '{slot}'"));
    count.parse().unwrap_or(0)
}

/// Sessions whose statements come in an order that the test decides.
struct Script<'a> {
    database: &'a Database,
    steps: u64,
}

impl Script<'_> {
    /// Sends statements, and waits until they are done.
    fn step(&mut self, session: &mut Session, sql: &str) {
        self.steps += 1;
        let steps = self.steps;
        session.send(&format!("{sql};\nSELECT nextval('steps');"));
        wait_until(&format!("done: {sql}"), SOON, || {
            (self.database.sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM steps") == steps.to_string())
                .then_some(())
        });
    }
}

const ROWS: &str = "SELECT i, repeat('f', 100) FROM generate_series";

/// Large transactions that run at the same time, with everything in them that may be rolled back or redefined.
fn workload(database: &Database) {
    let mut script = Script { database, steps: 0 };
    let (mut one, mut two, mut three) = (database.session(), database.session(), database.session());
    script.step(&mut one, &format!("BEGIN; INSERT INTO wide {ROWS}(1, 2000) i"));
    script.step(
        &mut two,
        &format!("BEGIN; SAVEPOINT s; INSERT INTO whole {ROWS}(1, 1000) i; ROLLBACK TO s; INSERT INTO whole {ROWS}(1, 2000) i"),
    );
    database.sql("INSERT INTO small VALUES (1, 'beside both')");
    database.sql("SELECT pg_logical_emit_message(false, 'outside', 'of transactions')");
    script.step(
        &mut three,
        &format!("BEGIN; INSERT INTO whole {ROWS}(5001, 8000) i; SAVEPOINT s; INSERT INTO hidden {ROWS}(1, 3000) i"),
    );
    script.step(
        &mut one,
        "SAVEPOINT a; UPDATE wide SET filler = repeat('g', 100) WHERE id <= 1000; SAVEPOINT b; DELETE FROM wide WHERE id <= 500",
    );
    script.step(&mut one, "ROLLBACK TO b; RELEASE a; SELECT pg_logical_emit_message(true, 'inside', 'of a transaction')");
    script.step(&mut two, "SAVEPOINT t; UPDATE whole SET filler = repeat('h', 100); SAVEPOINT u; DELETE FROM whole; ROLLBACK TO t; DELETE FROM whole WHERE id > 1500");
    database.sql("INSERT INTO small VALUES (2, 'beside both'); TRUNCATE small; INSERT INTO small VALUES (3, NULL)");
    script.step(&mut one, "ALTER TABLE wide ADD COLUMN added int DEFAULT 7; INSERT INTO wide SELECT i, repeat('f', 100), i FROM generate_series(3001, 5000) i");
    script.step(&mut one, "SAVEPOINT d; ALTER TABLE wide ADD COLUMN given_up text; INSERT INTO wide SELECT i, repeat('f', 100), i, 'no' FROM generate_series(6001, 7000) i; ROLLBACK TO d");
    script.step(&mut one, "INSERT INTO wide SELECT i, repeat('f', 100), i FROM generate_series(7001, 8000) i");
    script.step(&mut three, "ROLLBACK");
    script.step(&mut two, "COMMIT");
    database.sql("BEGIN; UPDATE small SET id = 30 WHERE id = 3; DELETE FROM small; COMMIT");
    script.step(&mut one, "COMMIT");
    database.sql(&format!("BEGIN; INSERT INTO hidden {ROWS}(1, 3000) i; COMMIT"));
    database.sql("COPY wide FROM PROGRAM 'seq -f %.0f,copied,1 10001 14000' (FORMAT csv)");
    database.sql(&format!("BEGIN; INSERT INTO small {ROWS}(1, 2000) i; TRUNCATE small, wide; INSERT INTO small {ROWS}(1, 2000) i; DROP TABLE whole; COMMIT"));
    let origin = &database.name;
    database.sql(&format!("SELECT pg_replication_origin_create('{origin}')"));
    database.sql(&format!(
        "SELECT pg_replication_origin_session_setup('{origin}'); BEGIN; SELECT pg_replication_origin_xact_setup('0/1234ABCD', now()); \
         INSERT INTO small {ROWS}(10001, 12000) i; COMMIT"
    ));
    database.sql("INSERT INTO small VALUES (0, 'end')");
}

/// A record without the moment of its making and without the headers, which name the connector.
fn timeless(mut line: Value) -> Value {
    line["headers"] = Value::Null;
    line["timestamp"] = Value::Null;
    if let Some(value) = line["value"].as_object_mut().filter(|value| value.contains_key("op")) {
        value.retain(|name, _| !name.starts_with("ts_"));
        // not known to the server while a transaction runs
        value["source"]["origin_lsn"] = Value::Null;
    }
    line
}

fn same_records(name: &str, new: fn(&str) -> Database) {
    let database = database(name, new);
    let home = Home::default();
    let slots = [true, false].map(|streaming| format!("{}_{}", database.name, if streaming { "on" } else { "off" }));
    let files = [true, false].map(|streaming| {
        let slot = &slots[usize::from(!streaming)];
        home.connector_file(slot, &connector(&database, streaming, &[("slot.name", slot)]))
    });
    let rowtide = home.run(&files);
    for slot in &slots {
        rowtide.rest.wait_running(slot);
    }
    let streams = format!(
        "SELECT count(*) FROM pg_stat_replication r JOIN pg_replication_slots s ON r.pid = s.active_pid WHERE database = '{}' AND state = 'streaming'",
        database.name
    );
    wait_until("both stream", SOON, || (database.sql(&streams) == "2").then_some(()));
    workload(&database);
    for slot in &slots {
        wait_until("the last record arrives", LONG, || home.text(slot).contains("\"note\":\"end\"").then_some(()));
    }
    database.sql(&format!("SELECT pg_replication_origin_drop('{}')", database.name));
    wait_until("the server has counted", SOON, || (streamed(&database, &slots[0]) >= 5).then_some(()));
    assert_eq!(streamed(&database, &slots[1]), 0);
    rowtide.stop();
    let [on, off] = [0, 1].map(|index| home.lines(&slots[index]).into_iter().map(timeless).collect::<Vec<_>>());
    for (number, (on, off)) in on.iter().zip(&off).enumerate() {
        assert_eq!(on, off, "record {number} with transactions in progress, and without");
    }
    assert_eq!(on.len(), off.len());
    assert!(on.len() > 17_000, "only {} records", on.len());
    assert!(on.iter().any(|line| line["value"]["source"]["origin"] == database.name.as_str()), "the origin is named");
}

#[test]
fn records_are_the_same_with_transactions_in_progress_and_without() {
    same_records("stream_same", Database::new);
}

#[test]
fn records_are_the_same_with_transactions_in_progress_and_without_on_postgres_18() {
    same_records("stream_same18", Database::new18);
}

/// The stored event of the transaction.
fn stored(rowtide: &rowtide_testkit::rowtide::Rowtide, name: &str) -> u64 {
    rowtide.rest.offsets(name)["offsets"][0]["offset"]["rowtide_event"].as_u64().unwrap_or(0)
}

/// The keys of tables that were delivered, in order; those of the transaction topic are no numbers.
fn ids(home: &Home, name: &str) -> Vec<u64> {
    home.text(name).lines().filter_map(|line| topics::id(line.as_bytes())).collect()
}

#[test]
fn a_place_in_a_transaction_holds_when_the_option_is_switched_between_two_starts() {
    const ROWS: u64 = 150_000;
    let database = database("stream_switch", Database::new);
    let home = Home::default();
    let start = |streaming| {
        let config = connector(&database, streaming, &[("max.batch.size", "256")]);
        let mut command = home.run_command(&[home.connector_file(&database.name, &config)]);
        command
            .args(["-D", "offset.flush.interval.ms=20"])
            .arg("--sink")
            .arg(format!("file:{}", home.path().join("changes").display()));
        let rowtide = home.spawn(command, Stdio::null());
        rowtide.rest.wait_running(&database.name);
        rowtide
    };
    let rowtide = start(true);
    database.wait_streaming();
    rowtide.stop();
    database.wait_slot_free();
    // rows of one COPY share an LSN, and what is rolled back in between counts nowhere
    database.sql(&format!(
        "BEGIN; COPY wide FROM PROGRAM 'seq -f %.0f,copied 1 70000' (FORMAT csv); SAVEPOINT s; \
         INSERT INTO wide SELECT i, repeat('x', 100) FROM generate_series(200000, 205000) i; ROLLBACK TO s; \
         COPY wide FROM PROGRAM 'seq -f %.0f,copied 70001 {ROWS}' (FORMAT csv); COMMIT"
    ));
    let (mut before, mut last) = (0, 0);
    for (streaming, part) in [(true, ROWS / 5), (false, ROWS / 2), (true, ROWS + 1)] {
        let rowtide = start(streaming);
        let at = wait_until("a part is stored", LONG, || Some(stored(&rowtide, &database.name)).filter(|event| *event >= part));
        rowtide.kill();
        database.wait_slot_free();
        let all = ids(&home, &database.name);
        assert!(at > ROWS || all.len() - before < ROWS as usize / 2, "it went through before it could be killed");
        let first = *all.get(before).expect("records after the start");
        assert!(first <= last + 1 && (last == 0 || first > 1), "after row {last} it went on at {first}");
        let rows = &all[before..];
        assert!(rows.iter().copied().zip(first..).all(|(id, wanted)| id == wanted), "rows are missing or out of order");
        (before, last) = (all.len(), *rows.last().expect("a row"));
    }
    assert_eq!(last, ROWS);
}

#[test]
fn killed_with_half_a_transaction_received_it_loses_none_of_it() {
    let database = database("stream_kill", Database::new);
    let home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database, true, &[("status.update.interval.ms", "500")]));
    let rowtide = home.run(std::slice::from_ref(&file));
    database.wait_streaming();
    let (mut script, mut session) = (Script { database: &database, steps: 0 }, database.session());
    script.step(&mut session, &format!("BEGIN; INSERT INTO wide {ROWS}(1, 5000) i"));
    database.sql("INSERT INTO small VALUES (1, 'beside it')");
    let open = database.sql("SELECT pg_current_wal_lsn()");
    // what is beside it, and log that holds nothing for us, is confirmed while it is open
    wait_until("the log advances beside it", LONG, || {
        database.sql("INSERT INTO hidden VALUES (1)");
        let lag = format!("(confirmed_flush_lsn - '{open}'::pg_lsn) > 0 AND restart_lsn < '{open}'::pg_lsn");
        (database.slot(&lag) == "t").then_some(())
    });
    rowtide.kill();
    script.step(&mut session, &format!("INSERT INTO wide {ROWS}(5001, 10000) i"));
    database.wait_slot_free();
    let rowtide = home.run(std::slice::from_ref(&file));
    database.wait_streaming();
    script.step(&mut session, &format!("INSERT INTO wide {ROWS}(10001, 12000) i; COMMIT"));
    wait_until("its last row arrives", LONG, || (ids(&home, &database.name).last() == Some(&12_000)).then_some(()));
    rowtide.stop();
    let received = ids(&home, &database.name);
    assert!(received.iter().copied().eq([1].into_iter().chain(1..=12_000)), "every row once, in the order of the commits");
}

#[test]
fn more_than_the_disk_budget_stops_with_the_remedy_and_loses_nothing() {
    let database = database("stream_budget", Database::new);
    let home = Home::default();
    let config = |bytes| connector(&database, true, &[("rowtide.streaming.spill.bytes.max", bytes)]);
    let rowtide = home.run(&[home.connector_file(&database.name, &config("200000"))]);
    database.wait_streaming();
    database.sql(&format!("INSERT INTO wide {ROWS}(1, 10000) i"));
    let trace = rowtide.rest.wait_failed(&database.name);
    assert!(trace.contains("raise rowtide.streaming.spill.bytes.max"), "{trace}");
    rowtide.rest.ok("PUT", &format!("/connectors/{}/config", database.name), Some(&Value::Object(config("100000000"))));
    wait_until("the last row arrives", LONG, || (ids(&home, &database.name).last() == Some(&10_000)).then_some(()));
    rowtide.stop();
    assert!(ids(&home, &database.name).into_iter().eq(1..=10_000));
}

#[test]
fn a_table_that_is_published_otherwise_beside_a_transaction_in_progress_stays_readable() {
    let database = database("stream_columns", Database::new);
    let home = Home::default();
    let rowtide = home.run(&[home.connector_file(&database.name, &connector(&database, true, &[]))]);
    database.wait_streaming();
    let (mut script, mut session) = (Script { database: &database, steps: 0 }, database.session());
    script.step(&mut session, &format!("BEGIN; INSERT INTO wide {ROWS}(1, 3000) i"));
    wait_until("it is streamed", LONG, || (streamed(&database, &database.name) > 0).then_some(()));
    // the server describes the table anew to this transaction, and to no later one
    database.sql(&format!("ALTER PUBLICATION {} SET TABLE wide (id), small", database.name));
    database.sql("INSERT INTO wide VALUES (5001, 'unpublished')");
    script.step(&mut session, "COMMIT");
    database.sql("INSERT INTO wide VALUES (5002, 'unpublished')");
    wait_until("the last row arrives", LONG, || (ids(&home, &database.name).last() == Some(&5002)).then_some(()));
    rowtide.stop();
    let lines = home.lines(&database.name);
    let filler = |id: u64| {
        let line = lines.iter().find(|line| line["value"]["after"]["id"] == id).expect("the row");
        line["value"]["after"]["filler"].clone()
    };
    assert_eq!((filler(5001), filler(5002)), (Value::Null, Value::Null));
    assert_eq!(filler(1), "f".repeat(100));
}
