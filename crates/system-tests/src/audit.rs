//! A load on one table whose triggers write down every change in order; a topic is then held against that trail.
//!
//! What holds after any number of crashes: per key the changes come in the order of the trail, none is left out, a repeat begins
//! only after a restart, and who replays the topic ends with the table's rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rowtide_testkit::postgres::{Database, try_psql};

use crate::topics::Record;

/// Table `orders`, and `audit`, which is not captured.
pub const SCHEMA: &str = "
CREATE TABLE orders (id int PRIMARY KEY, n bigint NOT NULL, note text);
CREATE SEQUENCE versions;
CREATE TABLE audit (at bigserial PRIMARY KEY, id int, n bigint, op text, xid bigint DEFAULT txid_current());
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'DELETE' THEN INSERT INTO audit (id, n, op) VALUES (OLD.id, OLD.n, 'd'); RETURN OLD; END IF;
  INSERT INTO audit (id, n, op) VALUES (NEW.id, NEW.n, CASE TG_OP WHEN 'INSERT' THEN 'c' ELSE 'u' END);
  RETURN NEW; END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION audit();
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO orders SELECT i, nextval('versions'), repeat('x', 200) FROM generate_series(1, 500) i;
";

/// What the load does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// inserts and updates
    NoDeletes,
    /// inserts, updates, deletes, and deleted keys that come again
    All,
}

/// Some transactions of several changes each, to rows up to 2000, at a pace that leaves the checker a trail it can hold.
pub fn transactions(database: &str, mix: Mix, count: u32) {
    try_transactions(database, mix, count).expect("transactions");
}

fn try_transactions(database: &str, mix: Mix, count: u32) -> Result<String, String> {
    let deletes = if mix == Mix::All { "DELETE FROM orders WHERE id BETWEEN 900 AND 2000 AND random() < 0.1;" } else { "" };
    try_psql(
        database,
        &format!(
            "DO $$ DECLARE k int; BEGIN FOR i IN 1..{count} LOOP
               INSERT INTO orders SELECT 900 + (random() * 1100)::int, nextval('versions'), 'new' ON CONFLICT (id) DO UPDATE SET n = nextval('versions');
               UPDATE orders SET n = nextval('versions') WHERE id <= 2000 AND id % 50 = (random() * 50)::int;
               {deletes}
               COMMIT;
               PERFORM pg_sleep(0.005);
             END LOOP; END $$"
        ),
    )
}

/// A load in the background, until it is stopped or goes out of scope. While the server is away it waits; what was not
/// committed is not in the trail.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts it.
    pub fn start(database: &Database, mix: Mix) -> Self {
        let (stop, url) = (Arc::new(AtomicBool::new(false)), database.url());
        let asked = stop.clone();
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                if try_transactions(&url, mix, 10).is_err() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it; everything is committed then.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a load").join().expect("the load");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Number of changes in the trail.
pub fn length(database: &Database) -> usize {
    database.sql("SELECT count(*) FROM audit").parse().expect("a number")
}

/// Changes a row that no load touches; its version is how to know the end of a load in a topic.
pub fn mark_end(database: &Database) -> i64 {
    let n = database.sql("INSERT INTO orders VALUES (99999, nextval('versions'), 'end') ON CONFLICT (id) DO UPDATE SET n = nextval('versions') RETURNING n");
    n.parse().expect("a number")
}

/// Whether the change that [`mark_end`] made is there.
pub fn has_mark(records: &[Record], mark: i64) -> bool {
    records.iter().any(|record| record.value["after"]["n"] == mark)
}

/// What is in a topic more than once.
#[derive(Debug, Default, PartialEq)]
pub struct Repeats {
    /// records that are there again
    pub records: usize,
}

/// Holds the records of `orders` against the trail.
///
/// A snapshot may have been read in several rounds, each at a place of the log of its own: `source.lsn` says which. The
/// rows of one round are as they were at one place of the trail; a row of a key that is in the topic already says what
/// its last change said.
///
/// # Panics
/// When a change is missing, out of order or wrong, or when the replayed rows are not the table's.
pub fn check(database: &Database, records: &[Record]) -> Repeats {
    let trail = Trail::read(database);
    let changes: Vec<Seen> = records.iter().filter(|record| !record.value.is_null()).map(Seen::read).collect();
    let mut rounds: BTreeMap<i64, Cut> = BTreeMap::new();
    // where the log begins
    let mut begin = Cut::default();
    // per key: the furthest change so far, and the last one
    let mut reached: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
    let mut rows: BTreeMap<i64, i64> = BTreeMap::new();
    let mut repeats = Repeats::default();
    for seen in &changes {
        let Seen { op, id, n, lsn } = seen;
        let (keys, index) = trail.find(seen);
        let known = reached.get(id).copied();
        match known {
            _ if op == "r" => {
                if let Some(lsn) = lsn {
                    rounds.entry(*lsn).or_default().is_between(keys.get(index), keys.get(index + 1));
                }
                assert!(
                    known.is_none_or(|(_, last)| last == index),
                    "row {id} was read as {n} at {lsn:?}, after {known:?} of {keys:?}"
                );
            }
            // what was over before the log begins is in no topic
            None => begin.is_between(index.checked_sub(1).and_then(|before| keys.get(before)), keys.get(index)),
            // going back is a repeat after a restart; going on must be step by step
            Some((_, last)) => assert!(index <= last + 1, "before {op} {id} {n} this is left out: {:?}", keys[last + 1]),
        }
        let furthest = known.map(|(furthest, _)| furthest);
        repeats.records += usize::from(furthest.is_some_and(|furthest| index <= furthest));
        reached.insert(*id, (furthest.map_or(index, |furthest| furthest.max(index)), index));
        if op == "d" {
            rows.remove(id)
        } else {
            rows.insert(*id, *n)
        };
    }
    assert_eq!(rows, table(database), "the replayed topic is not the table");
    for (id, keys) in &trail.keys {
        match reached.get(id) {
            Some((_, last)) => assert_eq!(*last, keys.len() - 1, "key {id} ends too early: {keys:?}"),
            None => begin.is_between(keys.last(), None),
        }
    }
    assert!(begin.holds(), "records before or after the begin of the log are missing: {begin:?}");
    for (lsn, cut) in &rounds {
        assert!(cut.holds(), "the rows read at {lsn} are not of one moment: {cut:?}");
    }
    repeats
}

/// A place in the trail, as far as it is known: after some changes, before others.
#[derive(Debug)]
struct Cut {
    after: i64,
    before: i64,
}

impl Default for Cut {
    fn default() -> Self {
        Self { after: i64::MIN, before: i64::MAX }
    }
}

impl Cut {
    fn is_between(&mut self, change: Option<&Change>, next: Option<&Change>) {
        self.after = self.after.max(change.map_or(i64::MIN, |change| change.at));
        self.before = self.before.min(next.map_or(i64::MAX, |next| next.at));
    }

    fn holds(&self) -> bool {
        self.after < self.before
    }
}

/// What an event says.
struct Seen {
    op: String,
    id: i64,
    n: i64,
    /// of the event; of a snapshot's row, of its round; an incremental snapshot's has none
    lsn: Option<i64>,
}

impl Seen {
    fn read(record: &Record) -> Self {
        let op = record.value["op"].as_str().expect("an op").to_owned();
        let row = if op == "d" { &record.value["before"] } else { &record.value["after"] };
        let (id, n) = (row["id"].as_i64().expect("an id"), row["n"].as_i64().expect("a version"));
        assert_eq!(record.key["id"], id, "the key of {}", record.value);
        Self { op, id, n, lsn: record.value["source"]["lsn"].as_i64() }
    }
}

#[derive(Debug)]
struct Change {
    at: i64,
    op: String,
    n: i64,
}

/// Per key what was done, in order.
struct Trail {
    keys: BTreeMap<i64, Vec<Change>>,
}

impl Trail {
    fn read(database: &Database) -> Self {
        let mut keys: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
        for line in database.sql("SELECT id, at, op, n FROM audit ORDER BY at").lines() {
            let cells: Vec<&str> = line.split('|').collect();
            let number = |index: usize| cells[index].parse::<i64>().expect("a number");
            let change = Change { at: number(1), op: cells[2].to_owned(), n: number(3) };
            keys.entry(number(0)).or_default().push(change);
        }
        Self { keys }
    }

    /// The key's changes, and which of them this is.
    fn find(&self, seen: &Seen) -> (&[Change], usize) {
        let Seen { op, id, n, .. } = seen;
        let keys = self.keys.get(id).unwrap_or_else(|| panic!("key {id} was never in the table"));
        let fits = |change: &Change| change.n == *n && (change.op == *op || op == "r" && change.op != "d");
        let index = keys.iter().position(fits).unwrap_or_else(|| panic!("{op} {id} {n} is no change of the table: {keys:?}"));
        (keys, index)
    }
}

fn table(database: &Database) -> BTreeMap<i64, i64> {
    let rows = database.sql("SELECT id, n FROM orders");
    rows.lines()
        .map(|line| line.split_once('|').expect("two cells"))
        .map(|(id, n)| (id.parse().expect("an id"), n.parse().expect("a version")))
        .collect()
}
