//! What a dead worker had stored: a restart may repeat only what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rowtide_api::{OffsetMap, OffsetValue};
use rowtide_cdc::ledger::{Ledger, Split};
use rowtide_runtime::offsets::{FileOffsetStore, OffsetStore};
use rowtide_testkit::postgres::Database;

use crate::topics::Record;

/// The offset of a connector of one source partition in the file of `offset.storage.file.filename`; none if it has none.
pub fn offset(file: &Path, connector: &str) -> Option<OffsetMap> {
    let server =
        |partition: &OffsetMap| partition.0.len() == 1 && matches!(partition.get("server"), Some(OffsetValue::String(_)));
    load(file, connector).into_iter().find(|(partition, _)| server(partition)).map(|(_, offset)| offset)
}

/// The ledger of its snapshot in the same file; none if nothing of a snapshot is done, or all of it.
pub fn ledger(file: &Path, connector: &str) -> Option<Ledger> {
    let offsets = load(file, connector);
    let (_, ledger) = offsets.iter().find(|(partition, _)| Ledger::is_partition(partition))?;
    Some(Ledger::read(ledger).expect("a ledger"))
}

fn load(file: &Path, connector: &str) -> Vec<(OffsetMap, OffsetMap)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = FileOffsetStore::open(file).expect("the offsets file");
    runtime.block_on(store.load(connector)).expect("offsets")
}

/// Rows of `orders` from `first` on that the ledger says are done, as long as nobody changes them.
pub fn done_rows(database: &Database, ledger: &Ledger, first: i64) -> BTreeSet<i64> {
    let is_done = |block: u64| match ledger.open.first() {
        None => !ledger.finished.is_empty(),
        Some(open) => {
            let Split::Blocks { each, .. } = open.split else { panic!("not of blocks: {open:?}") };
            let chunk = usize::try_from(block / each).expect("a chunk").min(open.split.chunks() - 1);
            open.done.contains(&chunk)
        }
    };
    let rows = database.sql(&format!("SELECT id, (ctid::text::point)[0]::bigint FROM orders WHERE id >= {first}"));
    let row = |line: &str| {
        let (id, block) = line.split_once('|').expect("two cells");
        (id.parse::<i64>().expect("an id"), block.parse::<u64>().expect("a block"))
    };
    rows.lines().map(row).filter(|(_, block)| is_done(*block)).map(|(id, _)| id).collect()
}

/// The changes of the trail in its order: transaction, and the change as [`places`] finds it.
fn trail(database: &Database) -> Vec<(i64, String)> {
    let rows = database.sql("SELECT xid, n, op, id FROM audit ORDER BY at");
    let row = |line: &str| {
        let (xid, change) = line.split_once('|').expect("cells");
        (xid.parse().expect("a transaction"), change.to_owned())
    };
    rows.lines().map(row).collect()
}

/// For each streamed record, which change of the trail it is, from 0.
///
/// # Panics
/// When one is none.
pub fn places(database: &Database, records: &[Record]) -> Vec<usize> {
    place(&trail(database), records)
}

fn place(trail: &[(i64, String)], records: &[Record]) -> Vec<usize> {
    let known: BTreeMap<&str, usize> = trail.iter().enumerate().map(|(place, (_, change))| (change.as_str(), place)).collect();
    let streamed = records.iter().filter(|record| !record.value.is_null() && record.value["op"] != "r");
    streamed
        .map(|record| {
            let op = record.value["op"].as_str().expect("an op");
            let row = if op == "d" { &record.value["before"] } else { &record.value["after"] };
            let change = format!("{}|{op}|{}", row["n"], row["id"]);
            *known.get(change.as_str()).unwrap_or_else(|| panic!("{change} is no change of the table"))
        })
        .collect()
}

/// Asserts that no change among these records was done by the stored offset.
///
/// The offset says `rowtide_event` events of transaction `txId`; every event of the publication is a row of the trail, so
/// that it is a row of the trail, too.
///
/// # Panics
/// When one was.
pub fn assert_follows(database: &Database, stored: &OffsetMap, records: &[Record]) {
    let (Some(xid), Some(event)) = (stored.int("txId"), stored.int("rowtide_event")) else { return };
    let trail = trail(database);
    // transactions are numbered as they begin, and there is one writer
    let before = trail.iter().filter(|(own, _)| *own < xid).count();
    let within = trail.iter().filter(|(own, _)| *own == xid).count();
    // a whole transaction counts as more events than any has
    let done = before + within.min(usize::try_from(event).unwrap_or(usize::MAX));
    for place in place(&trail, records) {
        assert!(place >= done, "change number {place} is repeated, but {done} were done by the stored offset {stored:?}");
    }
}
