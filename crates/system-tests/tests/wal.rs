//! The server's log does not grow behind an idle connector: it advances beside tables that nobody changes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rowtide_testkit::postgres::{Database, Server};
use rowtide_testkit::random::torture;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;

const LONG: Duration = Duration::from_secs(120);
const TABLES: &str =
    "CREATE TABLE quiet (id int PRIMARY KEY); INSERT INTO quiet VALUES (1); CREATE TABLE busy (id int, filler text)";
/// About 250 MB of log.
const BUSY: &str = "INSERT INTO busy SELECT i, repeat('x', 1000) FROM generate_series(1, 220000) i";

/// 4 MB of log in one transaction; the table does not grow.
const WRITE: &str = "BEGIN; TRUNCATE busy; INSERT INTO busy SELECT i, repeat('x', 1000) FROM generate_series(1, 3700) i; COMMIT";
/// Log that others write, in bytes a second.
const RATE: f64 = 16e6;
/// Retained log, at any time.
const BOUND: u64 = 128 << 20;

/// A connector without heartbeats on a server of its own, whose log nobody else writes.
struct Idle {
    home: Home,
    rowtide: Rowtide,
    database: Database,
    _server: Server,
}

impl Idle {
    fn start(name: &str, extra: &[(&str, &str)]) -> Self {
        Self::on(Server::new("max_wal_size = 128MB\nwal_sender_timeout = 60s"), name, extra, "200")
    }

    /// `flush`: `offset.flush.interval.ms`
    fn on(server: Server, name: &str, extra: &[(&str, &str)], flush: &str) -> Self {
        let database = Database::on(&server.url(), name);
        database.sql(TABLES);
        let home = Home::default();
        let mut command = home.run_command(&[]);
        command.arg("--sink").arg(format!("file:{}", home.path().join("changes").display()));
        command.args(["-D", &format!("offset.flush.interval.ms={flush}")]);
        let rowtide = home.spawn(command, Stdio::null());
        rowtide.wait_ready();
        let mut options = vec![("table.include.list", "public.quiet"), ("publication.autocreate.mode", "filtered")];
        options.extend(extra);
        rowtide.rest.create(&database.name, &database.connector(&options), None);
        database.wait_streaming();
        Self { home, rowtide, database, _server: server }
    }

    fn number(&self, sql: &str) -> u64 {
        self.database.sql(sql).parse().expect("a number")
    }

    /// Log that the slot has not confirmed, and log that it makes the server keep, in bytes.
    fn behind(&self) -> (u64, u64) {
        let lag = |column: &str| {
            let name = &self.database.name;
            self.number(&format!(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), {column})::bigint FROM pg_replication_slots WHERE slot_name = '{name}'"
            ))
        };
        (lag("confirmed_flush_lsn"), lag("restart_lsn"))
    }
}

#[test]
fn the_log_advances_beside_an_idle_table_without_heartbeats_and_without_a_heartbeat_table() {
    let idle = Idle::start("wal_idle", &[]);
    let from = idle.database.sql("SELECT pg_current_wal_lsn()");
    idle.database.sql(BUSY);
    let written = idle.number(&format!("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{from}')::bigint"));
    assert!(written > 200 << 20, "only {written} bytes of log were written");
    wait_until("the slot has followed", Duration::from_secs(25), || (idle.behind().0 < 1 << 20).then_some(()));
    // restart_lsn follows with the next record of running transactions, which a checkpoint writes
    wait_until("the log before it is free", Duration::from_secs(60), || {
        idle.database.sql("CHECKPOINT");
        (idle.behind().1 < 32 << 20).then_some(())
    });
    // what comes now is not lost, and a restart does not repeat it
    idle.database.sql("INSERT INTO quiet VALUES (2)");
    let rows = || idle.home.lines(&idle.database.name).len();
    wait_until("the change arrives", LONG, || (rows() == 2).then_some(()));
    let Idle { home, rowtide, database, _server } = idle;
    rowtide.stop();
    let rowtide = home.run(&[]);
    database.sql("INSERT INTO quiet VALUES (3)");
    wait_until("the next change arrives", LONG, || (home.lines(&database.name).len() >= 3).then_some(()));
    rowtide.stop();
    let ids: Vec<String> = home.lines(&database.name).iter().map(|line| line["value"]["after"]["id"].to_string()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

/// Others write to another table and in another database, at a steady rate and in small transactions, and checkpoints come
/// every 30 MB (`max_wal_size`): the log that the slot retains is looked at after each transaction. The server moves
/// `restart_lsn` only with a record of running transactions, that is with a checkpoint or after 15 s, and then to the
/// one before: a server of this rate with rare checkpoints keeps half a gigabyte for any client. Offsets are stored at
/// Connect's default interval of 60 s. 400 MB, and 5 GB in `make torture`.
fn others_write(name: &str, extra: &[(&str, &str)]) {
    let bytes: u64 = if torture().is_some() { 5 << 30 } else { 400 << 20 };
    let server = Server::new("max_wal_size = 64MB\nwal_compression = off\nwal_sender_timeout = 60s");
    let other = Database::on(&server.url(), "wal_other");
    other.sql("CREATE TABLE busy (id int, filler text)");
    let idle = Idle::on(server, name, extra, "60000");
    let from = idle.database.sql("SELECT pg_current_wal_lsn()");
    let written = || idle.number(&format!("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{from}')::bigint"));
    let (start, mut done, mut most) = (Instant::now(), 0, (0, 0));
    while done < bytes {
        for database in [&idle.database, &other] {
            database.sql(WRITE);
            let (unconfirmed, retained) = idle.behind();
            most = (most.0.max(unconfirmed), most.1.max(retained));
        }
        done = written();
        let due = Duration::from_secs_f64(done as f64 / RATE);
        // waits: so that the others write at their rate
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    let (unconfirmed, retained, seconds) = (most.0 >> 20, most.1 >> 20, start.elapsed().as_secs());
    println!("{name}: {} MB in {seconds} s; at most {unconfirmed} MB not confirmed, {retained} MB retained", done >> 20);
    assert!(most.1 < BOUND, "{retained} MB were retained, {unconfirmed} MB not confirmed");
    assert_eq!(idle.database.slot("wal_status"), "reserved");
    drop(other);
}

#[test]
fn retained_log_stays_small_beside_busy_tables_without_heartbeats() {
    others_write("wal_silent", &[]);
}

#[test]
fn retained_log_stays_small_beside_busy_tables_with_heartbeats() {
    others_write("wal_beating", &[("heartbeat.interval.ms", "5000")]);
}

#[test]
fn nothing_is_confirmed_while_lsn_flush_mode_is_manual() {
    let idle = Idle::start("wal_manual", &[("lsn.flush.mode", "manual")]);
    let before = idle.database.slot("confirmed_flush_lsn");
    idle.database
        .sql("INSERT INTO busy SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i; INSERT INTO quiet VALUES (2)");
    wait_until("the change arrives", LONG, || (idle.home.lines(&idle.database.name).len() == 2).then_some(()));
    wait_until("its offset is stored", LONG, || {
        let offsets = idle.rowtide.rest.offsets(&idle.database.name);
        offsets["offsets"][0]["offset"]["messageType"].is_string().then_some(())
    });
    // a stop confirms whatever there is to confirm
    idle.rowtide.rest.stop(&idle.database.name);
    idle.database.wait_slot_free();
    assert_eq!(idle.database.slot("confirmed_flush_lsn"), before);
}
