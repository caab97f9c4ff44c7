//! `kill -9` at every durability step, under load, with acknowledgements in random order: the topic has no gap, keeps the order
//! of each key, repeats only what follows the stored offset, and ends as the table does.

use std::collections::BTreeSet;

use rowtide_api::failpoint::{Failpoint, Phase};
use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_system_tests::stored;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::random::{Random, torture};
use rowtide_testkit::wait_until;

/// The first of the rows that nobody changes.
const QUIET: i64 = 3000;

/// Kills at one step.
fn kills() -> u64 {
    torture().map_or(2, |rounds| 5 * rounds)
}

/// How often a step is passed before the process dies there: records are many, the rest is not.
fn count(point: Failpoint, random: &mut Random) -> u64 {
    1 + random.below(if point == Failpoint::RecordAcked { 900 } else { 6 })
}

/// Starts it, lets it die at the step, and answers how many records are in the topic then.
fn die(scene: &mut Scene, point: Failpoint, count: u64, shuffle: u64) -> usize {
    scene.home.set("ROWTIDE_FAILPOINT", &format!("{}:{count}", point.name()));
    scene.home.set("ROWTIDE_SHUFFLE_ACKS", &shuffle.to_string());
    let mut rowtide = scene.begin();
    let status = rowtide.wait_exit(LONG);
    assert_eq!(status.code(), None, "it should have died at {}:{count}, and ended with {status}", point.name());
    scene.database.wait_slot_free();
    scene.count()
}

/// Dies at a step of the stream again and again.
fn dies_in_the_stream(point: Failpoint) {
    let mut random = Random::of(point.name());
    let mut scene =
        Scene::new(Database::new(&format!("crash_{}", point.name().replace('-', "_")))).worker("offset.flush.interval.ms=20");
    // the snapshot is over, and its offset stored
    let rowtide = scene.stream();
    scene.wait_end();
    rowtide.stop();
    scene.database.wait_slot_free();
    let load = scene.load();
    let mut deaths = Vec::new();
    for _ in 0..kills() {
        let (count, shuffle) = (count(point, &mut random), random.any());
        println!("dies at {}:{count}, ROWTIDE_SHUFFLE_ACKS={shuffle}", point.name());
        let records = die(&mut scene, point, count, shuffle);
        deaths.push((records, stored::offset(&scene.offsets_file(), &scene.database.name).expect("the snapshot's at least")));
    }
    scene.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = scene.stream();
    let repeats = scene.arrives(rowtide, load);
    let records = scene.records();
    for (index, (from, offset)) in deaths.iter().enumerate() {
        let to = deaths.get(index + 1).map_or(records.len(), |(next, _)| *next);
        stored::assert_follows(&scene.database, offset, &records[*from..to]);
    }
    let outcome = format!(
        "{} kills: no gap, order kept, final state equal; {} repeats, all after the stored offset",
        deaths.len(),
        repeats.records
    );
    note(&format!("kill -9 at {}", point.name()), "stream", &outcome);
}

/// Dies at a step of the snapshot again and again; answers how many rows the stored ledger knew then.
fn dies_in_the_snapshot(point: Failpoint) -> usize {
    let mut random = Random::of(point.name());
    let mut scene = Scene::new(Database::new(&format!("crash_snap_{}", point.name().replace('-', "_"))))
        .worker("offset.flush.interval.ms=20")
        // a block is a chunk: about thirty rows
        .option("rowtide.snapshot.chunk.bytes", "8192");
    // rows that no load touches, in the first chunks: what of them is done cannot come again
    scene.database.sql("DELETE FROM orders");
    scene.database.sql("VACUUM orders");
    for (first, text) in [(QUIET, "quiet"), (1, "busy")] {
        let rows = format!("SELECT i, nextval('versions'), repeat('{text}', 50) FROM generate_series({first}, {first} + 499) i");
        scene.database.sql(&format!("INSERT INTO orders {rows}"));
    }
    let load = scene.load();
    let mut deaths = Vec::new();
    let kills = if point == Failpoint::SlotCreated { 1 } else { kills() };
    for _ in 0..kills {
        let count = if point == Failpoint::SlotCreated { 1 } else { count(point, &mut random) };
        let shuffle = random.any();
        println!("dies at {}:{count}, ROWTIDE_SHUFFLE_ACKS={shuffle}", point.name());
        let records = die(&mut scene, point, count, shuffle);
        let ledger = stored::ledger(&scene.offsets_file(), &scene.database.name).unwrap_or_default();
        deaths.push((records, stored::done_rows(&scene.database, &ledger, QUIET)));
    }
    scene.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = scene.stream();
    let repeats = scene.arrives(rowtide, load);
    for (from, done) in &deaths {
        for record in &scene.records()[*from..] {
            let id = record.key["id"].as_i64().expect("an id");
            assert!(!done.contains(&id), "row {id} was done by the stored ledger, and came again: {}", record.value);
        }
    }
    let outcome =
        format!("{kills} kills: no gap, order kept, final state equal; {} repeats, none of a stored chunk", repeats.records);
    note(&format!("kill -9 at {}", point.name()), "snapshot", &outcome);
    deaths.iter().map(|(_, done)| done.len()).sum()
}

/// Dies at a step of an incremental snapshot again and again: each time a signal asks for all rows. The initial snapshot
/// took none, so that rows which nobody changes come only from there.
fn dies_in_an_incremental_snapshot(point: Failpoint) {
    let mut random = Random::of(point.name());
    let database = Database::new(&format!("crash_inc_{}", point.name().replace('-', "_")));
    database.sql("CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(32), data varchar(2048))");
    let mut scene = Scene::new(database)
        .worker("offset.flush.interval.ms=20")
        .option("snapshot.mode", "no_data")
        .option("signal.data.collection", "public.signals")
        .option("incremental.snapshot.chunk.size", "37");
    let rowtide = scene.stream();
    scene.wait_end();
    rowtide.stop();
    scene.database.wait_slot_free();
    let load = scene.load();
    for kill in 0..kills() {
        let signal = "execute-snapshot', '{\"data-collections\": [\"public.orders\"]}";
        scene.database.sql(&format!("INSERT INTO signals VALUES ('{kill}', '{signal}')"));
        let count = if point == Failpoint::SignalRead { 1 } else { count(point, &mut random) };
        let shuffle = random.any();
        println!("dies at {}:{count}, ROWTIDE_SHUFFLE_ACKS={shuffle}", point.name());
        die(&mut scene, point, count, shuffle);
    }
    scene.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = scene.stream();
    wait_until("every row that was there arrives", LONG, || {
        let ids: BTreeSet<i64> = scene.records().iter().filter_map(|record| record.key["id"].as_i64()).collect();
        (1..=500).all(|id| ids.contains(&id)).then_some(())
    });
    let repeats = scene.arrives(rowtide, load);
    let outcome = format!("{} kills: no gap, order kept, final state equal; {} repeats", kills(), repeats.records);
    note(&format!("kill -9 at {}", point.name()), "incremental snapshot", &outcome);
}

fn points(phase: Phase) -> impl Iterator<Item = Failpoint> {
    Failpoint::ALL.iter().copied().filter(move |point| point.phases().contains(&phase))
}

#[test]
fn nothing_is_lost_when_it_dies_at_any_step_of_the_stream() {
    points(Phase::Stream).for_each(dies_in_the_stream);
}

#[test]
fn nothing_is_lost_when_it_dies_at_any_step_of_the_snapshot() {
    let done: usize = points(Phase::Snapshot).map(dies_in_the_snapshot).sum();
    assert!(done > 0, "no kill found a chunk in the ledger: this shows nothing of repeats");
}

#[test]
fn nothing_is_lost_when_it_dies_at_any_step_of_an_incremental_snapshot() {
    points(Phase::Incremental).for_each(dies_in_an_incremental_snapshot);
}
