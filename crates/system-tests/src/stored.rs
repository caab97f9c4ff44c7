//! What a dead worker had stored: a restart may repeat only what follows.

use std::collections::BTreeMap;
use std::path::Path;

use rowtide_api::{OffsetMap, OffsetValue};
use rowtide_runtime::offsets::{FileOffsetStore, OffsetStore};
use rowtide_testkit::postgres::Database;

use crate::topics::Record;

/// The offset of a connector of one source partition in the file of `offset.storage.file.filename`; none if it has none.
pub fn offset(file: &Path, connector: &str) -> Option<OffsetMap> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = FileOffsetStore::open(file).expect("the offsets file");
    let all = runtime.block_on(store.load(connector)).expect("offsets");
    let server =
        |partition: &OffsetMap| partition.0.len() == 1 && matches!(partition.get("server"), Some(OffsetValue::String(_)));
    all.into_iter().find(|(partition, _)| server(partition)).map(|(_, offset)| offset)
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
    let trail = database.sql("SELECT xid, n, op, id FROM audit ORDER BY at");
    let mut places = BTreeMap::new();
    let (mut before, mut within) = (0, 0);
    for (place, line) in trail.lines().enumerate() {
        let (own, change) = line.split_once('|').expect("cells");
        let own: i64 = own.parse().expect("a transaction");
        places.insert(change.to_owned(), place);
        // transactions are numbered as they begin, and there is one writer
        before += usize::from(own < xid);
        within += usize::from(own == xid);
    }
    // a whole transaction counts as more events than any has
    let done = before + within.min(usize::try_from(event).unwrap_or(usize::MAX));
    for record in records.iter().filter(|record| !record.value.is_null() && record.value["op"] != "r") {
        let op = record.value["op"].as_str().expect("an op");
        let row = if op == "d" { &record.value["before"] } else { &record.value["after"] };
        let change = format!("{}|{op}|{}", row["n"], row["id"]);
        let place = places.get(&change).unwrap_or_else(|| panic!("{change} is no change of the table"));
        assert!(*place >= done, "{change} is the change number {place}, but {done} were done by the stored offset {stored:?}");
    }
}
