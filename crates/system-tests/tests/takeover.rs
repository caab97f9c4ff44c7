//! The same slot, publication and offsets handed from a Java worker with Debezium to Rowtide and back: nothing is lost,
//! and what is sent again is at most the rows that share the stored LSN.

use std::collections::BTreeMap;
use std::time::Duration;

use rowtide_system_tests::audit::{self, Load, Mix};
use rowtide_system_tests::gate::{self, Gate};
use rowtide_system_tests::topics::{self, Cleanup, Record};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::{connect, wait_until};
use serde_json::{Map, Value, json};

const LONG: Duration = Duration::from_secs(120);

/// The Java worker and Rowtide, with a connector of the same configuration on each; one of the two runs.
struct Pair {
    java: Rest,
    rowtide: Rowtide,
    database: Database,
    _home: Home,
    _topics: Cleanup,
}

impl Pair {
    fn new(name: &str, schema: &str, extra: &[(&str, &str)]) -> Self {
        let database = Database::new(name);
        database.sql(schema);
        let home = Home::default();
        let pair = Self {
            java: connect(),
            rowtide: home.standalone("", &[]),
            _topics: Cleanup(database.name.clone()),
            _home: home,
            database,
        };
        let config = pair.config(extra);
        for side in [&pair.java, &pair.rowtide.rest] {
            side.create(&pair.database.name, &config, Some("STOPPED"));
        }
        pair
    }

    fn config(&self, extra: &[(&str, &str)]) -> Map<String, Value> {
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let mut all = vec![
            ("publication.autocreate.mode", "filtered"),
            ("key.converter", json),
            ("value.converter", json),
            ("key.converter.schemas.enable", "false"),
            ("value.converter.schemas.enable", "false"),
        ];
        all.extend(extra);
        self.database.connector(&all)
    }

    /// Stops one side, and gives its offsets to the other, which goes on.
    fn hand_over(&self, from: &Rest, to: &Rest) -> Value {
        let name = &self.database.name;
        from.stop(name);
        self.database.wait_slot_free();
        let offsets = from.offsets(name);
        to.set_offsets(name, &offsets);
        to.resume(name);
        offsets
    }

    fn to_rowtide(&self) -> Value {
        self.hand_over(&self.java, &self.rowtide.rest)
    }

    fn to_java(&self) -> Value {
        self.hand_over(&self.rowtide.rest, &self.java)
    }

    fn read(&self, table: &str) -> Vec<Record> {
        topics::read(&format!("{}.public.{table}", self.database.name))
    }

    fn wait_for_more(&self, count: usize) {
        let before = self.read("orders").len();
        wait_until("records arrive", LONG, || (self.read("orders").len() > before + count).then_some(()));
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.java.delete(&self.database.name);
        self.rowtide.rest.delete(&self.database.name);
        self.database.wait_slot_free();
    }
}

#[test]
fn under_load_java_hands_over_to_rowtide_and_rowtide_to_java_without_a_gap() {
    let pair = Pair::new("takeover", audit::SCHEMA, &[("table.include.list", "public.orders")]);
    let load = Load::start(&pair.database, Mix::All);
    pair.java.resume(&pair.database.name);
    pair.wait_for_more(800);
    pair.to_rowtide();
    pair.wait_for_more(300);
    let offset = pair.to_java()["offsets"][0]["offset"].clone();
    assert!(offset["lsn"].is_i64() && offset["lsn_proc"].is_i64(), "Debezium's keys are there: {offset}");
    pair.wait_for_more(300);
    pair.to_rowtide();
    pair.wait_for_more(300);
    load.stop();
    let mark = audit::mark_end(&pair.database);
    wait_until("the last change arrives", LONG, || audit::has_mark(&pair.read("orders"), mark).then_some(()));
    let repeats = audit::check(&pair.database, &pair.read("orders"));
    // each row of the load has an LSN of its own, so that only the event of the stored LSN itself may come again
    assert!(repeats.records <= 3, "{repeats:?} after three clean handovers");
}

const COPIED: &str = "CREATE TABLE copied (id int PRIMARY KEY, note text); INSERT INTO copied VALUES (0, 'before')";

/// `count` rows in one COPY, so that many of them share an LSN.
fn copy(database: &Database, from: u32, count: u32) {
    let to = from + count - 1;
    database.sql(&format!("COPY copied FROM PROGRAM 'seq -f %.0f,row {from} {to}' (FORMAT csv)"));
}

/// How often each id is in the topic.
fn counts(records: &[Record]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for record in records.iter().filter(|record| !record.value.is_null()) {
        *counts.entry(record.value["after"]["id"].as_i64().expect("an id")).or_default() += 1;
    }
    counts
}

/// The offset of the record in the middle of a COPY, as the side that sent it would have stored it there.
fn middle(records: &[Record], last: &Value, id: i64) -> (Value, i64) {
    let at = |record: &Record| record.value["source"]["lsn"].as_i64();
    let record = records.iter().find(|record| record.value["after"]["id"] == id).expect("the row");
    let lsn = at(record).expect("an lsn");
    let commit: Value =
        record.value["source"]["sequence"].as_str().map(|text| serde_json::from_str(text).expect("a list")).expect("a sequence");
    let mut offsets = last.clone();
    let mut offset = Map::new();
    let copied = ["transaction_id", "ts_usec", "txId"];
    for key in copied {
        if let Some(value) = last["offsets"][0]["offset"].get(key) {
            offset.insert(key.to_owned(), value.clone());
        }
    }
    offset.insert("lsn".into(), lsn.into());
    offset.insert("lsn_proc".into(), lsn.into());
    offset.insert("txId".into(), record.value["source"]["txId"].clone());
    offset.insert("messageType".into(), "INSERT".into());
    // none before the first commit after a snapshot
    if let Some(commit) = commit[0].as_str().and_then(|text| text.parse::<i64>().ok()) {
        offset.insert("lsn_commit".into(), commit.into());
    }
    offsets["offsets"][0]["offset"] = Value::Object(offset);
    let sharing = records.iter().filter(|other| at(other) == Some(lsn)).count() as i64;
    (offsets, sharing)
}

#[test]
fn an_offset_of_java_amid_rows_that_share_an_lsn_loses_none_of_them() {
    // the slot stays where the offset is, however far the topic goes
    let pair = Pair::new("takeover_copy", COPIED, &[("table.include.list", "public.copied"), ("lsn.flush.mode", "manual")]);
    let name = pair.database.name.clone();
    pair.java.resume(&name);
    wait_until("the snapshot is there", LONG, || (!pair.read("copied").is_empty()).then_some(()));
    pair.database.wait_streaming();
    copy(&pair.database, 1, 1000);
    wait_until("Java has sent the rows", LONG, || (pair.read("copied").len() == 1001).then_some(()));
    pair.java.stop(&name);
    pair.database.wait_slot_free();
    let (offsets, sharing) = middle(&pair.read("copied"), &pair.java.offsets(&name), 500);
    assert!(sharing > 1, "the rows of this COPY do not share an LSN: the test shows nothing");

    pair.rowtide.rest.set_offsets(&name, &offsets);
    pair.rowtide.rest.resume(&name);
    pair.database.sql("INSERT INTO copied VALUES (2000, 'after')");
    wait_until("what follows arrives", LONG, || counts(&pair.read("copied")).contains_key(&2000).then_some(()));
    let all = pair.read("copied");
    let again: Vec<i64> = all[1001..].iter().filter_map(|record| record.value["after"]["id"].as_i64()).collect();
    assert_eq!(again.last(), Some(&2000));
    let first = again[0];
    assert!(first <= 501, "rows between 500 and {first} were skipped");
    assert!(first > 500 - sharing, "row {first} does not share the stored LSN, and came again");
    assert_eq!(again[..again.len() - 1], (first..=1000).collect::<Vec<_>>(), "each row after it once, in order");
}

#[test]
fn an_offset_of_rowtide_amid_rows_that_share_an_lsn_is_exact_for_rowtide_and_known_to_java() {
    let pair = Pair::new("takeover_back", COPIED, &[("table.include.list", "public.copied")]);
    let name = pair.database.name.clone();
    pair.rowtide.rest.resume(&name);
    pair.database.wait_streaming();
    copy(&pair.database, 1, 1000);
    wait_until("Rowtide has sent the rows", LONG, || (pair.read("copied").len() == 1001).then_some(()));
    pair.to_java();
    pair.database.sql("INSERT INTO copied VALUES (2000, 'after')");
    wait_until("what follows arrives", LONG, || counts(&pair.read("copied")).contains_key(&2000).then_some(()));
    pair.to_rowtide();
    pair.database.sql("INSERT INTO copied VALUES (2001, 'after')");
    wait_until("what follows arrives", LONG, || counts(&pair.read("copied")).contains_key(&2001).then_some(()));
    let counts = counts(&pair.read("copied"));
    let expected: Vec<i64> = (0..=1000).chain([2000, 2001]).collect();
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), expected);
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "after clean handovers between transactions nothing comes twice: {twice:?}");
}

#[test]
fn java_goes_on_where_rowtide_let_the_log_advance_beside_an_idle_table() {
    let pair = Pair::new("takeover_idle", COPIED, &[("table.include.list", "public.copied")]);
    let (database, name) = (&pair.database, pair.database.name.clone());
    database.sql("CREATE TABLE other (note text)");
    pair.rowtide.rest.resume(&name);
    database.wait_streaming();
    copy(database, 1, 10);
    wait_until("Rowtide has sent the rows", LONG, || (pair.read("copied").len() == 11).then_some(()));
    let last = database.sql("SELECT pg_current_wal_lsn()");
    wait_until("the slot needs nothing of the table's log any more", LONG, || {
        database.sql("INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
        database.sql("CHECKPOINT");
        (database.slot(&format!("restart_lsn > '{last}'::pg_lsn")) == "t").then_some(())
    });
    pair.to_java();
    database.sql("INSERT INTO copied VALUES (2000, 'after')");
    wait_until("what follows arrives", LONG, || counts(&pair.read("copied")).contains_key(&2000).then_some(()));
    let counts = counts(&pair.read("copied"));
    let expected: Vec<i64> = (0..=10).chain([2000]).collect();
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), expected);
    assert!(counts.values().all(|count| *count == 1), "nothing comes twice: {counts:?}");
}

#[test]
fn an_offset_that_a_crash_of_rowtide_left_amid_rows_that_share_an_lsn_loses_none_with_java() {
    let database = Database::new("takeover_crash");
    let _topics = Cleanup(database.name.clone());
    database.sql(COPIED);
    let name = database.name.clone();
    let mut home = Home::default();
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let mut options = vec![("table.include.list", "public.copied"), ("key.converter", json), ("value.converter", json)];
    options.extend([
        ("key.converter.schemas.enable", "false"),
        ("value.converter.schemas.enable", "false"),
        ("max.batch.size", "50"),
    ]);
    let config = database.connector(&options);
    let file = home.connector_file(&name, &config);
    let read = || topics::read(&format!("{name}.public.copied"));
    let rowtide = home.standalone("", std::slice::from_ref(&file));
    database.wait_streaming();
    rowtide.stop();
    copy(&database, 1, 20000);
    home.set("ROWTIDE_FAILPOINT", "record-acked:9000");
    let mut rowtide = home.begin_standalone("offset.flush.interval.ms=10", &[file]);
    assert_eq!(rowtide.wait_exit(LONG).code(), None, "{}", rowtide.log());
    home.unset("ROWTIDE_FAILPOINT");
    database.wait_slot_free();
    let sent = read().len();
    let java = connect();
    java.create(&name, &config, Some("STOPPED"));
    // the offsets file, shown by a worker that does not run the connector
    let rowtide = home.standalone("", &[]);
    rowtide.rest.create(&name, &config, Some("STOPPED"));
    let offsets = rowtide.rest.offsets(&name);
    rowtide.stop();
    assert_eq!(offsets["offsets"][0]["offset"]["messageType"], "INSERT", "the offset is amid the transaction: {offsets}");
    java.set_offsets(&name, &offsets);
    java.resume(&name);
    wait_until("the last row arrives", LONG, || counts(&read()).contains_key(&20000).then_some(()));
    java.delete(&name);
    database.wait_slot_free();
    let counts = counts(&read());
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        (0..=20000).collect::<Vec<_>>(),
        "rows are missing after {sent} records"
    );
}

#[test]
fn right_after_a_snapshot_each_side_goes_on_from_the_offset_of_the_other() {
    for java_first in [true, false] {
        let pair = Pair::new("takeover_snapshot", COPIED, &[("table.include.list", "public.copied")]);
        let first = if java_first { &pair.java } else { &pair.rowtide.rest };
        first.resume(&pair.database.name);
        pair.database.wait_streaming();
        wait_until("the snapshot is there", LONG, || (!pair.read("copied").is_empty()).then_some(()));
        let offsets = if java_first { pair.to_rowtide() } else { pair.to_java() };
        assert!(offsets["offsets"][0]["offset"].get("lsn_proc").is_none(), "nothing was streamed yet: {offsets}");
        pair.database.sql("INSERT INTO copied VALUES (1, 'after')");
        wait_until("what follows arrives", LONG, || (pair.read("copied").len() > 1).then_some(()));
        assert_eq!(counts(&pair.read("copied")), BTreeMap::from([(0, 1), (1, 1)]), "java first: {java_first}");
    }
}

#[test]
fn a_java_worker_that_takes_over_amid_a_snapshot_takes_it_anew() {
    let statement = format!("SELECT id FROM gate WHERE {}", gate::OPEN);
    let options = [
        ("table.include.list", "public.copied,public.gate"),
        ("snapshot.select.statement.overrides", "public.gate"),
        ("snapshot.select.statement.overrides.public.gate", &statement),
    ];
    let schema = format!("{COPIED}; CREATE TABLE gate (id int PRIMARY KEY); INSERT INTO gate VALUES (1)");
    let pair = Pair::new("takeover_amid", &schema, &options);
    let (database, name) = (&pair.database, &pair.database.name);
    copy(database, 1, 1000);
    let gate = Gate::shut(database);
    pair.rowtide.rest.resume(name);
    // the last row of a table waits until it is known whether it is the last of all
    wait_until("a table is read", LONG, || (pair.read("copied").len() >= 1000).then_some(()));
    let before = pair.read("copied").len();
    pair.rowtide.rest.stop(name);
    gate.open_after("INSERT INTO copied VALUES (2000, 'between')");
    let offset = pair.to_java()["offsets"][0]["offset"].clone();
    assert_eq!(offset["snapshot"], "INITIAL", "{offset}");
    wait_until("the table behind the gate is read", LONG, || (pair.read("gate").len() == 1).then_some(()));
    database.wait_streaming();
    database.sql("INSERT INTO copied VALUES (2001, 'after')");
    wait_until("what follows arrives", LONG, || counts(&pair.read("copied")).contains_key(&2001).then_some(()));
    let again = counts(&pair.read("copied")[before..]);
    let expected: Vec<i64> = (0..=1000).chain([2000, 2001]).collect();
    assert_eq!(again.keys().copied().collect::<Vec<_>>(), expected, "each row of the table, then what follows");
    // its own ledger is void for Rowtide, which goes on in the stream
    pair.to_rowtide();
    database.sql("INSERT INTO copied VALUES (2002, 'last')");
    wait_until("what follows arrives", LONG, || counts(&pair.read("copied")).contains_key(&2002).then_some(()));
    let counts = counts(&pair.read("copied"));
    assert!(counts.values().all(|count| *count <= 2), "Rowtide reads nothing a third time: {counts:?}");
}

const CHUNKED: &str = "
CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(32), data varchar(2048));
CREATE TABLE chunked (part text, no numeric(10, 2), day date, PRIMARY KEY (part, no, day));
INSERT INTO chunked SELECT 'p' || i % 3, i / 4.0, date '2020-01-01' + i FROM generate_series(1, 600) i";

/// Begins an incremental snapshot that is paused after its first chunk.
fn read_one_chunk(pair: &Pair, id: &str) {
    let reads = || pair.read("chunked").iter().filter(|record| record.value["op"] == "r").count();
    let before = reads();
    pair.database.sql(&format!(
        "INSERT INTO signals VALUES ('{id}', 'execute-snapshot', '{{\"data-collections\": [\"public.chunked\"]}}'), ('{id}-wait', 'pause-snapshot', '{{}}')"
    ));
    wait_until("a chunk arrives", LONG, || (reads() >= before + 50).then_some(()));
}

/// Waits until every row was read this often.
fn wait_for_rows(pair: &Pair, times: usize) {
    wait_until("all rows arrive", LONG, || {
        let mut reads: BTreeMap<String, usize> = BTreeMap::new();
        for record in pair.read("chunked").iter().filter(|record| record.value["op"] == "r") {
            *reads.entry(record.key.to_string()).or_default() += 1;
        }
        (reads.len() == 600 && reads.values().all(|count| *count >= times)).then_some(())
    });
}

#[test]
fn an_incremental_snapshot_goes_on_where_the_other_side_was() {
    let options = [
        ("table.include.list", "public.chunked"),
        ("snapshot.mode", "no_data"),
        ("signal.data.collection", "public.signals"),
        ("incremental.snapshot.chunk.size", "50"),
    ];
    let pair = Pair::new("takeover_chunks", CHUNKED, &options);
    pair.rowtide.rest.resume(&pair.database.name);
    pair.database.wait_streaming();
    read_one_chunk(&pair, "one");
    let offset = pair.to_java()["offsets"][0]["offset"].clone();
    assert!(offset["incremental_snapshot_primary_key"].as_str().is_some_and(|key| key.len() > 50), "{offset}");
    wait_for_rows(&pair, 1);
    let count = pair.read("chunked").len();
    assert!(count <= 650, "Java read more than a chunk again: {count} records of 600 rows");

    read_one_chunk(&pair, "two");
    let offset = pair.to_rowtide()["offsets"][0]["offset"].clone();
    assert!(offset["incremental_snapshot_primary_key"].as_str().is_some_and(|key| key.len() > 50), "{offset}");
    wait_for_rows(&pair, 2);
    let count = pair.read("chunked").len();
    assert!(count <= 1300, "Rowtide read more than a chunk again: {count} records of 600 rows read twice");
}

#[test]
fn an_offset_without_a_place_in_the_log_is_refused_with_what_it_should_hold() {
    let pair = Pair::new("takeover_bad", COPIED, &[("table.include.list", "public.copied")]);
    let name = &pair.database.name;
    let offsets = json!({ "offsets": [{ "partition": { "server": name }, "offset": { "txId": 5 } }] });
    let answer = pair.rowtide.rest.send("PATCH", &format!("/connectors/{name}/offsets"), Some(&offsets));
    assert!(answer.status >= 400, "{answer:?}");
    assert!(answer.body["message"].as_str().is_some_and(|text| text.contains("'lsn'")), "{answer:?}");
}
