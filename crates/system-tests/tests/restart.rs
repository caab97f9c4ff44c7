//! Stops, kills and restarts: nothing is lost, and after a clean stop nothing is sent twice. Kills at named steps: `crash.rs`.

use std::process::{ChildStdout, Stdio};
use std::time::Duration;

use rowtide_system_tests::audit::{self, Load, Mix};
use rowtide_system_tests::topics::{self, Cleanup, Record};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;

const LONG: Duration = Duration::from_secs(120);

fn connector(database: &Database) -> serde_json::Map<String, serde_json::Value> {
    // small batches: a snapshot of 500 rows passes the steps of its chunks several times
    let small = ("max.batch.size", "64");
    database.connector(&[("table.include.list", "public.orders"), ("publication.autocreate.mode", "filtered"), small])
}

fn in_topic(database: &Database) -> Vec<Record> {
    topics::read(&format!("{}.public.orders", database.name))
}

fn in_file(home: &Home, database: &Database) -> Vec<Record> {
    let lines = home.lines(&database.name);
    lines.iter().map(topics::of_line).filter(|record| record.topic.ends_with(".orders")).collect()
}

fn wait_for_mark(database: &Database, read: impl Fn() -> Vec<Record>) {
    let mark = audit::mark_end(database);
    wait_until("the last change arrives", LONG, || audit::has_mark(&read(), mark).then_some(()));
}

/// Start, load, stop; changes while it is down; and again. `start` and `read` are the two ways to run.
fn stops_cleanly_three_times(database: &Database, start: impl Fn() -> Rowtide, read: impl Fn() -> Vec<Record>) {
    database.sql(audit::SCHEMA);
    let load = Load::start(database, Mix::All);
    for _ in 0..3 {
        let before = read().len();
        let rowtide = start();
        wait_until("records arrive", LONG, || (read().len() > before + 700).then_some(()));
        rowtide.stop();
    }
    load.stop();
    let rowtide = start();
    wait_for_mark(database, &read);
    rowtide.stop();
    let repeats = audit::check(database, &read());
    assert_eq!(repeats.records, 0, "records were sent twice although every stop was clean");
}

#[test]
fn run_goes_on_exactly_where_a_clean_stop_left_off() {
    let database = Database::new("run_stop");
    let home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database));
    stops_cleanly_three_times(&database, || home.run(std::slice::from_ref(&file)), || in_file(&home, &database));
}

#[test]
fn standalone_goes_on_exactly_where_a_clean_stop_left_off() {
    let database = Database::new("standalone_stop");
    let _topics = Cleanup(database.name.clone());
    let home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database));
    stops_cleanly_three_times(&database, || home.standalone("", std::slice::from_ref(&file)), || in_topic(&database));
}

#[test]
fn rows_of_one_copy_that_share_an_lsn_are_sent_on_exactly_after_the_stored_one() {
    let database = Database::new("kill_copy");
    let _topics = Cleanup(database.name.clone());
    database.sql("CREATE TABLE orders (id int PRIMARY KEY, note text)");
    let mut home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database));
    let rowtide = home.standalone("", std::slice::from_ref(&file));
    rowtide.rest.wait_running(&database.name);
    database.wait_streaming();
    rowtide.stop();
    database.sql("COPY orders FROM PROGRAM 'seq -f %.0f,row 1 20000' (FORMAT csv)");
    // the load of the machine decides how far each try gets; that each gets somewhere is enough
    let mut stored = Vec::new();
    for count in [3000, 3000, 3000] {
        home.set("ROWTIDE_FAILPOINT", &format!("record-acked:{count}"));
        let mut rowtide = home.begin_standalone("offset.flush.interval.ms=10", std::slice::from_ref(&file));
        assert_eq!(rowtide.wait_exit(LONG).code(), None, "{}", rowtide.log());
        database.wait_slot_free();
        stored.push(in_topic(&database).len());
    }
    home.unset("ROWTIDE_FAILPOINT");
    let rowtide = home.standalone("", std::slice::from_ref(&file));
    wait_until("the last row arrives", LONG, || in_topic(&database).iter().any(|record| record.key["id"] == 20000).then_some(()));
    rowtide.stop();
    let records = in_topic(&database);
    let ids: Vec<i64> = records.iter().filter_map(|record| record.key["id"].as_i64()).collect();
    let mut next = 1;
    let mut back = Vec::new();
    for id in ids {
        if id != next {
            assert!(id < next, "rows {next} to {} are missing", id - 1);
            back.push(id);
        }
        next = id + 1;
    }
    assert_eq!(next, 20001);
    assert!(back.len() <= 3, "the topic goes back more often than the process died: {back:?}");
    assert!(
        back.iter().any(|id| *id > 1),
        "each start began at the first row: no offset amid the transaction was used, {stored:?}"
    );
}

#[test]
fn nothing_is_lost_when_run_is_killed_at_any_time() {
    let database = Database::new("run_kill");
    database.sql(audit::SCHEMA);
    let home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database));
    let load = Load::start(&database, Mix::All);
    for _ in 0..4 {
        let before = in_file(&home, &database).len();
        let rowtide = home.run(std::slice::from_ref(&file));
        wait_until("records arrive", LONG, || (in_file(&home, &database).len() > before + 900).then_some(()));
        rowtide.kill();
        database.wait_slot_free();
    }
    load.stop();
    let rowtide = home.run(std::slice::from_ref(&file));
    wait_for_mark(&database, || in_file(&home, &database));
    rowtide.stop();
    audit::check(&database, &in_file(&home, &database));
}

/// Reads nothing of what the process writes: once the pipe is full, its sink is stuck with records that it has taken.
fn stuck(rowtide: &mut Rowtide) -> ChildStdout {
    let stdout = rowtide.stdout().expect("a pipe");
    // of a pipe's 64 KB the last page may have a hole
    let full = || rustix::io::ioctl_fionread(&stdout).expect("a pipe") > 60_000;
    wait_until("the pipe is full", LONG, || full().then_some(()));
    stdout
}

#[test]
fn a_second_signal_ends_at_once_although_records_wait_for_the_sink() {
    let database = Database::new("second_signal");
    database.sql(audit::SCHEMA);
    database.sql("INSERT INTO orders SELECT i, i, repeat('y', 1000) FROM generate_series(100001, 120000) i");
    let home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database));
    let mut rowtide = home.spawn(home.run_command(&[file]), Stdio::piped());
    let _stdout = stuck(&mut rowtide);
    rowtide.terminate();
    rowtide.wait_log("a second signal ends at once");
    // one that comes within a moment of the first counts as the same
    let status = wait_until("it ends", Duration::from_secs(3), || {
        let ended = rowtide.ended();
        if ended.is_none() {
            rowtide.terminate();
        }
        ended
    });
    assert_eq!(status.code(), Some(143));
}

#[test]
fn a_stop_waits_no_longer_than_the_graceful_timeout_for_a_stuck_sink() {
    let database = Database::new("stuck_sink");
    database.sql(audit::SCHEMA);
    database.sql("INSERT INTO orders SELECT i, i, repeat('y', 1000) FROM generate_series(100001, 120000) i");
    let home = Home::default();
    let file = home.connector_file(&database.name, &connector(&database));
    let mut command = home.run_command(&[file]);
    command.args(["-D", "task.shutdown.graceful.timeout.ms=1000"]);
    let mut rowtide = home.spawn(command, Stdio::piped());
    let _stdout = stuck(&mut rowtide);
    rowtide.terminate();
    assert_eq!(rowtide.wait_exit(Duration::from_secs(10)).code(), Some(0), "{}", rowtide.log());
}

#[test]
fn a_start_without_a_broker_exits_with_3_and_names_it() {
    let home = Home::default();
    let mut rowtide = home.begin_standalone("bootstrap.servers=127.0.0.1:1\n", &[]);
    let status = rowtide.wait_exit(LONG);
    let log = rowtide.log();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("127.0.0.1:1") && log.contains("bootstrap.servers"), "{log}");
}
