//! How far a snapshot is: what REST says while it goes on, and after a restart.

use std::collections::BTreeMap;

use rowtide_system_tests::scene::LONG;
use rowtide_testkit::postgres::{Database, try_psql};
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;
use serde_json::Value;

/// Rows of the table that is watched.
const ROWS: u64 = 60_000;
/// It, one before it, and one after it that was never analyzed.
const TABLES: &str = "
CREATE TABLE a_small (id int PRIMARY KEY);
INSERT INTO a_small VALUES (1), (2);
CREATE TABLE big (id int PRIMARY KEY, note text);
INSERT INTO big SELECT i, repeat('x', 200) FROM generate_series(1, 60000) i;
ANALYZE a_small, big;
CREATE TABLE unknown (id int PRIMARY KEY) WITH (autovacuum_enabled = off);
INSERT INTO unknown VALUES (1);
";

/// Slow enough to be watched: the queue holds a few rows, each of which waits for the sink.
fn start(home: &Home, database: &Database) -> Rowtide {
    let config = database.connector(&[
        ("table.include.list", "public.a_small,public.big,public.unknown"),
        ("max.batch.size", "10"),
        ("max.queue.size", "11"),
        ("rowtide.snapshot.chunk.bytes", "1048576"),
    ]);
    home.run(&[home.connector_file(&database.name, &config)])
}

fn progress(rowtide: &Rowtide, database: &Database) -> Value {
    let mut answer = rowtide.rest.ok("GET", &format!("/connectors/{}/snapshot", database.name), None);
    answer["tasks"][0].take()
}

fn table<'a>(task: &'a Value, name: &str) -> &'a Value {
    let tables = task["tables"].as_array().expect("tables");
    tables.iter().find(|table| table["table"] == name).expect("the table")
}

#[test]
fn rest_tells_how_far_each_table_is_and_a_restart_goes_on_from_there() {
    let database = Database::new18("progress");
    database.sql(TABLES);
    let home = Home::default();
    let rowtide = start(&home, &database);
    let mut shares = Vec::new();
    let part = wait_until("a part of the table is read, and that is stored", LONG, || {
        let task = progress(&rowtide, &database);
        let big = (task["status"] == "running").then(|| table(&task, "public.big"))?;
        let reading = big["status"] == "reading" && big["eta_seconds"].is_u64();
        shares.extend(reading.then(|| big["share"].as_f64()).flatten());
        let stored = || rowtide.rest.offsets(&database.name).to_string().contains("blocks");
        (reading && big["chunks_done"].as_u64() >= Some(2) && stored()).then_some(task)
    });
    rowtide.kill();
    database.wait_slot_free();
    assert!(shares.len() > 2 && shares.is_sorted() && shares[0] < 0.3, "several states were seen: {shares:?}");
    assert_eq!((&part["kind"], part["ended_ms"].is_null(), part["started_ms"].is_u64()), (&"initial".into(), true, true));
    assert_eq!(table(&part, "public.a_small")["status"], "finished");
    assert_eq!(table(&part, "public.big")["estimated_rows"], ROWS);
    let unknown = table(&part, "public.unknown");
    let said = ["status", "estimated_rows", "share", "eta_seconds"].map(|name| unknown[name].clone());
    assert_eq!(said, ["waiting".into(), Value::Null, Value::Null, Value::Null]);

    let rowtide = start(&home, &database);
    let resumed = wait_until("the rest is read", LONG, || {
        let task = progress(&rowtide, &database);
        let reading = task["status"] == "running" && table(&task, "public.big")["status"] == "reading";
        reading.then_some(task)
    });
    let (share, rows) = (&table(&resumed, "public.big")["share"], &table(&resumed, "public.big")["rows"]);
    assert!(share.as_f64() > Some(0.05) && rows.as_u64() < Some(ROWS / 2), "what was read before counts: {resumed}");
    let ended = wait_until("the snapshot ends", LONG, || {
        let task = progress(&rowtide, &database);
        (task["status"] == "completed").then_some(task)
    });
    assert!(ended["ended_ms"].as_u64() >= ended["started_ms"].as_u64() && ended["eta_seconds"].is_null(), "{ended}");
    let states: BTreeMap<&str, &Value> = ended["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .map(|table| (table["table"].as_str().unwrap(), &table["share"]))
        .collect();
    assert!(states.len() == 3 && states.values().all(|share| **share == 1.0), "{states:?}");
    rowtide.stop();
    database.wait_slot_free();

    let rowtide = start(&home, &database);
    wait_until("nothing is left to be read", LONG, || (progress(&rowtide, &database)["status"] == "skipped").then_some(()));
    assert_eq!(rowtide.rest.send("GET", "/connectors/nobody/snapshot", None).status, 404);
    rowtide.stop();
}

#[test]
fn whose_lock_a_snapshot_waits_for_is_told_with_the_remedy() {
    let database = Database::new18("snap_locked");
    database.sql("CREATE TABLE locked (id int PRIMARY KEY); INSERT INTO locked VALUES (1)");
    // one that is open before delays the making of the slot, which is told as well
    let options = [("table.include.list", "public.locked"), ("snapshot.lock.timeout.ms", "1000"), ("snapshot.delay.ms", "8000")];
    let home = Home::default();
    let rowtide = home.run(&[home.connector_file(&database.name, &database.connector(&options))]);
    rowtide.wait_log("is consistent from");
    let url = database.url();
    let holder = std::thread::spawn(move || try_psql(&url, "BEGIN; LOCK TABLE locked; SELECT pg_sleep(600); COMMIT"));
    let holds = "SELECT pid FROM pg_locks WHERE relation = 'locked'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    let pid = wait_until("the table is locked", LONG, || Some(database.sql(holds)).filter(|pid| !pid.is_empty()));
    rowtide.wait_log(&format!("The snapshot waits for table 'public.locked', on which session {pid} "));
    rowtide.wait_log(&format!("end it: SELECT pg_terminate_backend({pid})"));
    database.sql(&format!("SELECT pg_terminate_backend({pid})"));
    assert!(holder.join().expect("the session").is_err(), "it was ended");
    rowtide.wait_log("Snapshot completed: 1 rows of 1 tables");
    rowtide.stop();
}
