//! `kill -9` at every durability step, under load, with acknowledgements in random order: the topic has no gap, keeps the order
//! of each key, repeats only what follows the stored offset, and ends as the table does.

use std::path::PathBuf;

use rowtide_api::failpoint::{Failpoint, Phase};
use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_system_tests::stored;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::random::{Random, torture};

/// Kills at one step; more in `make torture`.
const KILLS: u64 = 3;

fn offsets_file(scene: &Scene) -> PathBuf {
    scene.home.path().join("offsets")
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
    for _ in 0..KILLS * torture().unwrap_or(1) {
        let (count, shuffle) = (count(point, &mut random), random.any());
        println!("dies at {}:{count}, ROWTIDE_SHUFFLE_ACKS={shuffle}", point.name());
        let records = die(&mut scene, point, count, shuffle);
        deaths.push((records, stored::offset(&offsets_file(&scene), &scene.database.name).expect("the snapshot's at least")));
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

/// Dies at a step of the snapshot again and again.
fn dies_in_the_snapshot(point: Failpoint) {
    let mut random = Random::of(point.name());
    let mut scene = Scene::new(Database::new(&format!("crash_snap_{}", point.name().replace('-', "_"))))
        .worker("offset.flush.interval.ms=20");
    let load = scene.load();
    let kills = if point == Failpoint::SlotCreated { 1 } else { KILLS * torture().unwrap_or(1) };
    for _ in 0..kills {
        let count = if point == Failpoint::SlotCreated { 1 } else { count(point, &mut random) };
        let shuffle = random.any();
        println!("dies at {}:{count}, ROWTIDE_SHUFFLE_ACKS={shuffle}", point.name());
        die(&mut scene, point, count, shuffle);
    }
    scene.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = scene.stream();
    let repeats = scene.arrives(rowtide, load);
    let outcome = format!("{kills} kills: no gap, order kept, final state equal; {} repeats", repeats.records);
    note(&format!("kill -9 at {}", point.name()), "snapshot", &outcome);
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
    points(Phase::Snapshot).for_each(dies_in_the_snapshot);
}
