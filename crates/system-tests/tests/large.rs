//! What could take memory for good: transactions that are larger than memory (bounded batches, and a restart that goes on inside of them), and
//! tables that are described again and again.
//!
//! 300,000 rows in one transaction; 5,000,000 when `ROWTIDE_TORTURE` is set, or as many as
//! `ROWTIDE_LARGE_ROWS` says. The bound on memory is the same for both.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;

const LONG: Duration = Duration::from_secs(1800);
/// What a transaction of any size may take above what an idle process has.
const MEMORY: u64 = 128 << 20;

fn rows() -> u64 {
    let wanted = std::env::var("ROWTIDE_LARGE_ROWS").ok().map(|text| text.parse().expect("ROWTIDE_LARGE_ROWS is a whole number"));
    let usual = if std::env::var_os("ROWTIDE_TORTURE").is_some() { 5_000_000 } else { 300_000 };
    wanted.unwrap_or(usual)
}

/// Where records go, and how they are read.
enum Sink {
    File,
    Kafka,
}

/// A connector of one table.
struct Large {
    database: Database,
    home: Home,
    sink: Sink,
    /// whether the server sends the transaction before its commit
    streaming: bool,
    _topics: Cleanup,
}

impl Large {
    fn new(name: &str, sink: Sink, streaming: bool) -> Self {
        let database = Database::new(name);
        database.sql(&format!("ALTER DATABASE {} SET logical_decoding_work_mem = '4MB'", database.name));
        database.sql("CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric(10,2), at timestamptz)");
        let topics = Cleanup(database.name.clone());
        Self { database, home: Home::default(), sink, streaming, _topics: topics }
    }

    fn start(&self) -> Rowtide {
        let streaming = ("rowtide.streaming.transactions", if self.streaming { "true" } else { "false" });
        let options = [("table.include.list", "public.items"), ("publication.autocreate.mode", "filtered"), streaming];
        let file = self.home.connector_file(&self.database.name, &self.database.connector(&options));
        let rowtide = match self.sink {
            Sink::Kafka => self.home.standalone("", &[file]),
            Sink::File => {
                let mut command = self.home.run_command(&[file]);
                let folder = self.home.path().join("changes");
                // one file, however large
                command.args(["-D", "rowtide.sink.file.max.bytes=0"]).arg("--sink").arg(format!("file:{}", folder.display()));
                self.home.spawn(command, Stdio::null())
            }
        };
        // not: caught up, which it is long after
        rowtide.rest.wait_running(&self.database.name);
        rowtide
    }

    /// One transaction of this many rows. It is open for so long that the slot is told of log past its beginning.
    fn commit(&self, rows: u64) {
        let before = self.database.sql("SELECT pg_current_wal_lsn()");
        let mut session = self.database.session();
        session.send(&format!(
            "BEGIN; INSERT INTO items SELECT i, 'item number ' || i, i / 100.0, now() FROM generate_series(1, {rows}) i;"
        ));
        let told = format!("confirmed_flush_lsn > '{before}'::pg_lsn + 10000000");
        wait_until("the slot is told of log past the beginning", LONG, || (self.database.slot(&told) == "t").then_some(()));
        session.send("COMMIT;");
        wait_until("it is committed", LONG, || (self.database.sql("SELECT EXISTS (SELECT FROM items)") == "t").then_some(()));
    }

    /// The events of the transaction that the stored offset has behind it.
    fn stored(&self, rowtide: &Rowtide) -> u64 {
        rowtide.rest.offsets(&self.database.name)["offsets"][0]["offset"]["rowtide_event"].as_u64().unwrap_or(0)
    }

    /// Waits until the whole transaction is stored: `rowtide_event` is then larger than any count.
    fn wait_done(&self, rowtide: &Rowtide, rows: u64) {
        wait_until("the transaction is through", LONG, || (self.stored(rowtide) > rows).then_some(()));
    }

    /// The keys that were delivered, in order.
    fn ids(&self) -> Vec<u64> {
        let mut ids = Vec::new();
        match self.sink {
            Sink::Kafka => {
                topics::each(&format!("{}.public.items", self.database.name), |key, _| ids.extend(key.and_then(topics::id)))
            }
            Sink::File => {
                let path = self.home.path().join(format!("changes/{}.ndjson", self.database.name));
                let mut file = BufReader::new(std::fs::File::open(path).expect("the file of changes"));
                let mut line = Vec::new();
                // a line that a kill cut off is no record: the next start takes it away
                while file.read_until(b'\n', &mut line).expect("a line") > 0 && line.ends_with(b"\n") {
                    ids.extend(topics::id(&line));
                    line.clear();
                }
            }
        }
        ids
    }
}

fn passes_in_bounded_memory(name: &str, sink: Sink, streaming: bool) {
    let (large, rows) = (Large::new(name, sink, streaming), rows());
    let rowtide = large.start();
    large.database.wait_streaming();
    let (idle, _) = rowtide.memory();
    large.commit(rows);
    let began = Instant::now();
    large.wait_done(&rowtide, rows);
    let (took, (_, most)) = (began.elapsed(), rowtide.memory());
    let above = most.saturating_sub(idle);
    println!(
        "{rows} rows in one transaction: {took:.1?} after COMMIT, {:.0} rows/s, {} MB above {} MB idle",
        rows as f64 / took.as_secs_f64(),
        above >> 20,
        idle >> 20
    );
    rowtide.stop();
    assert!(large.ids().into_iter().eq(1..=rows), "every row once, in order");
    // what is received before its commit is read back from files in pieces beside all that the pipeline holds
    let bound = if streaming { MEMORY + (32 << 20) } else { MEMORY };
    assert!(above < bound, "{} MB above idle", above >> 20);
}

/// Killed in the middle; the next start goes on after the stored place.
fn goes_on_inside(name: &str, sink: Sink, streaming: bool) {
    let (large, rows) = (Large::new(name, sink, streaming), rows());
    let rowtide = large.start();
    large.database.wait_streaming();
    large.commit(rows);
    let stored = wait_until("half of it is stored", LONG, || Some(large.stored(&rowtide)).filter(|events| *events > rows / 2));
    assert!(stored < rows, "it went through before it could be killed");
    rowtide.kill();
    large.database.wait_slot_free();
    let sent = large.ids().len() as u64;
    let rowtide = large.start();
    large.wait_done(&rowtide, rows);
    rowtide.stop();
    let ids = large.ids();
    let (before, after) = ids.split_at(sent as usize);
    assert!(before.iter().copied().eq(1..=sent), "before the kill every row comes once, in order");
    let first = *after.first().expect("records after the restart");
    println!("killed after {sent} of {rows} rows with {stored} or more stored; the restart began at {first}");
    assert!(first > stored && first <= sent + 1, "{stored} rows were stored, {sent} sent, and the restart began at {first}");
    assert!(after.iter().copied().eq(first..=rows), "after the restart every row comes once, in order");
}

#[test]
fn a_transaction_of_any_size_passes_in_bounded_memory_into_files() {
    passes_in_bounded_memory("large_file", Sink::File, false);
}

#[test]
fn a_transaction_of_any_size_passes_in_bounded_memory_into_kafka() {
    passes_in_bounded_memory("large_kafka", Sink::Kafka, false);
}

#[test]
fn killed_inside_a_large_transaction_it_goes_on_after_the_stored_row_in_files() {
    goes_on_inside("large_kill_file", Sink::File, false);
}

#[test]
fn killed_inside_a_large_transaction_it_goes_on_after_the_stored_row_in_kafka() {
    goes_on_inside("large_kill_kafka", Sink::Kafka, false);
}

#[test]
fn a_transaction_of_any_size_that_is_received_before_its_commit_passes_in_bounded_memory() {
    passes_in_bounded_memory("large_streamed", Sink::Kafka, true);
}

#[test]
fn killed_inside_a_large_transaction_that_was_received_before_its_commit_it_goes_on_after_the_stored_row() {
    goes_on_inside("large_kill_streamed", Sink::Kafka, true);
}

#[test]
fn a_transaction_that_is_received_before_its_commit_passes_in_bounded_memory_into_files() {
    passes_in_bounded_memory("large_streamed_file", Sink::File, true);
}

/// The server describes a table again after an `ANALYZE`, whose columns are as they were.
#[test]
fn a_table_that_is_described_again_and_again_takes_no_more_memory() {
    let large = Large::new("large_described", Sink::File, false);
    let rowtide = large.start();
    large.database.wait_streaming();
    let describe = |from: u64, to: u64| {
        let again =
            format!("FOR i IN {from}..{to} LOOP INSERT INTO items (id) VALUES (i); EXECUTE 'ANALYZE items'; COMMIT; END LOOP;");
        large.database.sql(&format!("DO $$ BEGIN {again} END $$"));
        wait_until("every row is delivered", LONG, || large.ids().into_iter().eq(1..=to).then_some(()));
        rowtide.memory().0
    };
    let settled = describe(1, 1_000);
    let grown = describe(1_001, 4_000).saturating_sub(settled);
    rowtide.stop();
    // a description kept for good takes 8 KB: 24 MB
    assert!(grown < 6 << 20, "{} KB more after 3,000 descriptions", grown >> 10);
}
