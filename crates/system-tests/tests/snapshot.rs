//! Initial snapshots: on several connections, resumed after kills, beside the stream.

use std::collections::{BTreeMap, BTreeSet};

use rowtide_api::failpoint::{Failpoint, Phase};
use rowtide_cdc::ledger::{Ledger, Split};
use rowtide_system_tests::gate::{self, Gate};
use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_system_tests::stored;
use rowtide_system_tests::topics::{self, Record};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::proxy::{Fault, Proxy, Way};
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::wait_until;

/// A table of many blocks whose rows do not lie in the order of their keys, small ones, an empty one, one in partitions, one
/// without a key.
const TABLES: &str = "
CREATE TABLE big (id int PRIMARY KEY, note text);
INSERT INTO big SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i;
UPDATE big SET note = 'moved' WHERE id % 7 = 0;
CREATE TABLE alone (id int PRIMARY KEY);
INSERT INTO alone VALUES (1);
CREATE TABLE barren (id int PRIMARY KEY);
CREATE TABLE keyless (id int);
INSERT INTO keyless SELECT i FROM generate_series(1, 300) i;
CREATE TABLE parts (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (500);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT i, 'p' FROM generate_series(1, 1000) i;
ANALYZE;
";
const INCLUDED: &str = "public.alone,public.barren,public.big,public.keyless,public.parts";

/// Takes a snapshot into a file; answers table, row and marker of each record.
fn snapshot(database: &Database, options: &[(&str, &str)]) -> Vec<(String, serde_json::Value, String)> {
    let home = Home::default();
    let mut all = vec![("table.include.list", INCLUDED), ("slot.drop.on.stop", "true")];
    all.extend(options);
    let file = home.connector_file(&database.name, &database.connector(&all));
    let rowtide = home.run(&[file]);
    rowtide.wait_log("Snapshot completed");
    let read = || -> Vec<Record> { home.lines(&database.name).iter().map(topics::of_line).collect() };
    let records = wait_until("the last row arrives", LONG, || {
        let records = read();
        records.iter().any(|record| record.value["source"]["snapshot"] == "last").then_some(records)
    });
    rowtide.stop();
    database.wait_slot_free();
    let rows = records.into_iter().filter(|record| record.value["op"] == "r");
    let marked = rows.map(|mut record| {
        let source = &record.value["source"];
        let text = |name: &str| source[name].as_str().unwrap_or_default().to_owned();
        let (table, marker) = (text("table"), text("snapshot"));
        (table, record.value["after"].take(), marker)
    });
    marked.collect()
}

fn several_connections_read_every_row_once(database: &Database) {
    database.sql(TABLES);
    let threads = [("snapshot.max.threads", "4"), ("snapshot.max.threads.multiplier", "2")];
    let small = ("rowtide.snapshot.chunk.bytes", "65536");
    let rows = snapshot(database, &[threads[0], threads[1], small]);
    let mut ids: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (table, row, _) in &rows {
        ids.entry(table).or_default().push(row["id"].as_i64().expect("an id"));
    }
    ids.values_mut().for_each(|ids| ids.sort_unstable());
    let expected = [("alone", 1), ("big", 20000), ("keyless", 300), ("parts", 1000)];
    assert_eq!(ids, expected.into_iter().map(|(table, count)| (table, (1..=count).collect())).collect());
    for (index, (table, _, marker)) in rows.iter().enumerate() {
        let others = |rows: &[(String, serde_json::Value, String)]| rows.iter().any(|(other, ..)| other == table);
        let (first, last) = (!others(&rows[..index]), !others(&rows[index + 1..]));
        let expected = match (index, first, last) {
            (0, ..) => "first",
            _ if index + 1 == rows.len() => "last",
            (_, _, true) => "last_in_data_collection",
            (_, true, _) => "first_in_data_collection",
            _ => "true",
        };
        assert_eq!(marker, expected, "row {index} of {}, of table {table}", rows.len());
    }
}

#[test]
fn several_connections_read_every_row_once_on_15() {
    several_connections_read_every_row_once(&Database::new("snap_threads"));
}

#[test]
fn several_connections_read_every_row_once_on_18() {
    several_connections_read_every_row_once(&Database::new18("snap_threads"));
}

#[test]
fn one_connection_reads_in_the_order_of_a_plain_scan_however_small_its_chunks() {
    let database = Database::new("snap_order");
    database.sql(TABLES);
    let whole = snapshot(&database, &[]);
    let chunks = snapshot(&database, &[("rowtide.snapshot.chunk.bytes", "8192")]);
    assert!(whole == chunks, "rows or markers differ");
    assert_eq!(whole.len(), 21301);
    let ids: Vec<&str> =
        whole.iter().filter(|(table, ..)| table == "big").map(|(_, row, _)| row["note"].as_str().unwrap()).collect();
    assert_eq!(ids.last(), Some(&"moved"), "rows that an update moved lie behind the others");
}

/// A scene whose table has many chunks.
fn scene(name: &str, threads: &str) -> Scene {
    scene_on(Database::new(name), threads)
}

fn scene_on(database: Database, threads: &str) -> Scene {
    let scene = Scene::new(database)
        .worker("offset.flush.interval.ms=60000")
        .option("rowtide.snapshot.chunk.bytes", "65536")
        .option("snapshot.max.threads", threads)
        .option("max.batch.size", "500");
    scene
        .database
        .sql("INSERT INTO orders SELECT i, nextval('versions'), repeat('y', 200) FROM generate_series(100001, 108000) i");
    scene
}

fn dies(scene: &mut Scene, point: Failpoint, count: u32) {
    scene.home.set("ROWTIDE_FAILPOINT", &format!("{}:{count}", point.name()));
    let mut rowtide = scene.begin();
    let status = rowtide.wait_exit(LONG);
    assert_eq!(status.code(), None, "it should have died at {}:{count}, and ended with {status}", point.name());
    scene.database.wait_slot_free();
    scene.home.unset("ROWTIDE_FAILPOINT");
}

/// The stored ledger, if there is one.
fn ledger(scene: &Scene) -> Option<Ledger> {
    stored::ledger(&scene.offsets_file(), &scene.database.name)
}

/// Under a load of inserts, updates, deletes and keys that come again, killed at every step that a snapshot has.
fn a_snapshot_survives_kills(mut scene: Scene, fault: &str) {
    let load = scene.load();
    let kills = [
        (Failpoint::RoundBegun, 1),
        (Failpoint::ChunkEmitted, 5),
        (Failpoint::BarrierReached, 1),
        (Failpoint::ChunkRead, 4),
        (Failpoint::ChunkDone, 2),
        (Failpoint::SnapshotCompleted, 1),
    ];
    for point in Failpoint::ALL.iter().filter(|point| point.phases().contains(&Phase::Rounds)) {
        assert!(kills.iter().any(|(killed, _)| killed == point), "nothing dies at {point:?}");
    }
    for (point, count) in kills {
        dies(&mut scene, point, count);
    }
    let rowtide = scene.stream();
    let repeats = scene.arrives(rowtide, load);
    assert_eq!(ledger(&scene), None, "the ledger goes with the end of the snapshot");
    let outcome = format!("{} kills: no gap, order kept, final state equal; {} repeats", kills.len(), repeats.records);
    note(&format!("kill -9 at {} steps of a snapshot {fault}", kills.len()), "rounds", &outcome);
}

#[test]
fn a_snapshot_on_one_connection_survives_kills() {
    a_snapshot_survives_kills(scene("snap_kills_1", "1"), "on 1 connection");
}

#[test]
fn a_snapshot_on_four_connections_survives_kills() {
    a_snapshot_survives_kills(scene("snap_kills_4", "4"), "on 4 connections");
}

#[test]
fn a_snapshot_on_18_survives_kills() {
    a_snapshot_survives_kills(scene_on(Database::new18("snap_kills_18"), "2"), "on PostgreSQL 18");
}

/// A table in partitions has no file of its own: its chunks are ranges of its key.
const PARTED: &str = "
ALTER TABLE orders RENAME TO whole;
CREATE TABLE orders (id int PRIMARY KEY, n bigint NOT NULL, note text) PARTITION BY RANGE (id);
CREATE TABLE orders_low PARTITION OF orders FOR VALUES FROM (MINVALUE) TO (104000);
CREATE TABLE orders_high PARTITION OF orders DEFAULT;
ALTER TABLE orders_low REPLICA IDENTITY FULL;
ALTER TABLE orders_high REPLICA IDENTITY FULL;
INSERT INTO orders SELECT * FROM whole;
DROP TABLE whole;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION audit();
ANALYZE orders;
";

#[test]
fn a_snapshot_by_ranges_of_keys_survives_kills() {
    let scene = scene_on(Database::new18("snap_kills_keys"), "4")
        .option("snapshot.max.threads.multiplier", "10")
        .option("publish.via.partition.root", "true");
    scene.database.sql(PARTED);
    a_snapshot_survives_kills(scene, "by ranges of keys");
}

#[test]
fn chunks_that_are_done_are_not_read_again() {
    let mut scene = scene("snap_chunks", "1");
    dies(&mut scene, Failpoint::ChunkDone, 2);
    let ledger = ledger(&scene).expect("a ledger");
    let [open] = ledger.open.as_slice() else { panic!("one table is open: {ledger:?}") };
    let Split::Blocks { each, .. } = open.split else { panic!("it is read by blocks: {ledger:?}") };
    assert!(!open.done.is_empty() && !open.is_complete(), "{ledger:?}");
    let rowtide = scene.stream();
    scene.wait_snapshot();
    scene.wait_end();
    rowtide.stop();
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for record in scene.records().iter().filter(|record| record.value["op"] == "r") {
        *counts.entry(record.key["id"].as_i64().expect("an id")).or_default() += 1;
    }
    let sql = "SELECT id, (ctid::text::point)[0]::bigint FROM orders WHERE id <> 99999";
    let mut again = BTreeSet::new();
    for line in scene.database.sql(sql).lines() {
        let (id, block) = line.split_once('|').expect("two cells");
        let (id, block): (i64, u64) = (id.parse().expect("an id"), block.parse().expect("a block"));
        let chunk = (block / each) as usize;
        let count = counts.get(&id).copied().unwrap_or(0);
        assert!(count >= 1, "row {id} was never read");
        assert!(count == 1 || !open.done.contains(&chunk), "row {id} of chunk {chunk}, which was done, was read {count} times");
        again.extend((count > 1).then_some(chunk));
    }
    println!("{} of {} chunks were done, {} read again", open.done.len(), open.split.chunks(), again.len());
}

#[test]
fn a_table_that_is_rewritten_between_two_rounds_is_read_anew() {
    let mut scene = scene("snap_rewritten", "1");
    let load = scene.load();
    dies(&mut scene, Failpoint::ChunkDone, 2);
    load.stop();
    scene.database.sql("DELETE FROM orders WHERE id % 3 = 0");
    scene.database.sql("VACUUM FULL orders");
    let load = scene.load();
    let rowtide = scene.stream();
    rowtide.wait_log("it is read from its beginning");
    scene.arrives(rowtide, load);
}

/// A snapshot that stands at the table `gate` while `orders` is changed by `ddl`: after its view of the tables was lent, before
/// it has locked the table. No event tells of what a rewriting `ALTER TABLE` writes, and an older view does not see it.
fn a_table_changes_before_it_is_locked(name: &str, before: &str, ddl: &str) {
    let scene = scene(name, "1")
        .option("table.include.list", "public.gate,public.orders")
        .option("publish.via.partition.root", "true")
        .option("snapshot.select.statement.overrides", "public.gate")
        .option("snapshot.select.statement.overrides.public.gate", &format!("SELECT id FROM gate WHERE {}", gate::OPEN));
    scene.database.sql(&format!("CREATE TABLE gate (id int PRIMARY KEY); INSERT INTO gate VALUES (1); {before}"));
    let gate = Gate::shut(&scene.database);
    let rowtide = scene.start();
    gate.wait_reader();
    gate.open_after(ddl);
    scene.wait_snapshot();
    scene.wait_end();
    rowtide.stop();
    let read: BTreeSet<i64> = scene.records().iter().filter_map(|record| record.key["id"].as_i64()).collect();
    let there = scene.database.sql("SELECT id FROM orders");
    let lost = there.lines().filter(|id| !read.contains(&id.parse().expect("an id"))).count();
    assert_eq!(lost, 0, "rows of {} were lost after {ddl}", there.lines().count());
}

/// Writes every row anew.
const REWRITING: &str = "ALTER TABLE orders ADD COLUMN extra uuid DEFAULT gen_random_uuid()";

#[test]
fn a_table_that_is_rewritten_before_a_snapshot_has_locked_it_is_read_in_a_newer_one() {
    a_table_changes_before_it_is_locked("snap_late_lock", "", REWRITING);
}

#[test]
fn partitions_that_are_rewritten_before_a_snapshot_has_locked_them_are_read_in_a_newer_one() {
    a_table_changes_before_it_is_locked("snap_late_parts", PARTED, REWRITING);
}

#[test]
fn a_table_that_loses_a_column_before_a_snapshot_has_locked_it_is_read_in_a_newer_one() {
    let odd = "ALTER TABLE orders ADD COLUMN odd int";
    a_table_changes_before_it_is_locked("snap_late_column", odd, "ALTER TABLE orders DROP COLUMN odd");
}

/// The scene behind a proxy that lets so many bytes a second come from the server, however fast the reader is.
fn slowed(scene: Scene, bytes_per_second: u64) -> (Proxy, Scene) {
    let port = scene.config()["database.port"].as_str().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = Proxy::new(&scene.database.name, port);
    proxy.set(Way::ToClient, Fault { bytes_per_second, ..Fault::default() });
    let scene = scene.option("database.port", &proxy.port.to_string());
    (proxy, scene)
}

#[test]
fn a_clean_stop_amid_a_snapshot_is_gone_on_from() {
    let scene = scene("snap_stop", "1").worker("task.shutdown.graceful.timeout.ms=60000");
    scene.database.sql("INSERT INTO orders SELECT i, nextval('versions'), 'z' FROM generate_series(200001, 260000) i");
    // takes 10 s
    let (proxy, scene) = slowed(scene, 300_000);
    let rowtide = scene.start();
    scene.wait_more(1000);
    rowtide.stop();
    let ledger = ledger(&scene).expect("the stop came amid the snapshot");
    proxy.restore();
    let load = scene.load();
    let rowtide = scene.stream();
    scene.arrives(rowtide, load);
    let [open] = ledger.open.as_slice() else { panic!("one table is open: {ledger:?}") };
    // of the rows that no load touches only those of the chunk that was being read come again
    let (mut seen, mut again) = (BTreeSet::new(), 0);
    for id in scene.records().iter().filter_map(|record| record.key["id"].as_i64()).filter(|id| *id > 200_000) {
        again += usize::from(!seen.insert(id));
    }
    assert_eq!(seen.len(), 60_000);
    assert!(!open.done.is_empty() && again < 5000, "{again} rows came again, with {ledger:?}");
}

#[test]
fn the_log_is_read_and_confirmed_while_a_snapshot_goes_on() {
    let scene = scene("snap_beside", "2")
        .option("rowtide.snapshot.concurrent.stream", "true")
        .option("rowtide.snapshot.round.ms", "100")
        .worker("offset.flush.interval.ms=50");
    scene
        .database
        .sql("INSERT INTO orders SELECT i, nextval('versions'), repeat('y', 200) FROM generate_series(200001, 220000) i");
    // takes 3 s
    let (proxy, scene) = slowed(scene, 2_000_000);
    let load = scene.load();
    let rowtide = scene.start();
    let mut confirmed = BTreeSet::new();
    wait_until("the snapshot ends", LONG, || {
        confirmed.insert(scene.database.slot("confirmed_flush_lsn"));
        rowtide.log().contains("Snapshot completed").then_some(())
    });
    let rounds = rowtide.log().matches("The snapshot goes on with the tables as they are at").count();
    assert!(rounds >= 2, "{rounds} rounds");
    assert!(confirmed.len() >= 3, "the slot stood still: {confirmed:?}");
    proxy.restore();
    let repeats = scene.arrives(rowtide, load);
    assert!(repeats.records > 0, "rows of tables that were read in several rounds");
    println!("{rounds} rounds, {} confirmed places", confirmed.len());
}
