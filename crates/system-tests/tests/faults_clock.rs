//! A wall clock that jumps under a running process (libfaketime): nothing is lost, nothing waits for the time to come again.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::{faketime, wait_until};

/// The wall clock of the processes to come.
struct Clock(PathBuf);

impl Clock {
    /// Of the scene's processes; it is right at first.
    fn of(scene: &mut Scene) -> Self {
        let clock = Self(scene.home.path().join("clock"));
        clock.set("+0");
        for (name, value) in [
            ("LD_PRELOAD", faketime()),
            ("FAKETIME_TIMESTAMP_FILE", clock.0.clone()),
            ("FAKETIME_CACHE_DURATION", Path::new("1").to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", Path::new("1").to_owned()),
        ] {
            scene.home.set(name, value.to_str().expect("a path of text"));
        }
        clock
    }

    /// Makes it jump to so much after or before the right time.
    fn set(&self, offset: &str) {
        // a process never reads half of it
        let next = self.0.with_extension("next");
        std::fs::write(&next, offset).and_then(|()| std::fs::rename(next, &self.0)).expect("the clock's file");
    }
}

/// Waits until an event was made with the clock so wrong, in seconds.
fn wait_wrong(scene: &Scene, by: std::ops::Range<i64>) {
    wait_until("the clock has jumped", LONG, || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
        let last = scene.records().into_iter().rev().find_map(|record| record.value["ts_ms"].as_i64());
        last.filter(|made| by.contains(&(made / 1000 - now))).map(|_| ())
    });
}

#[test]
fn a_clock_that_jumps_back_and_forth_loses_nothing() {
    let mut scene = Scene::new(Database::new("clock")).option("heartbeat.interval.ms", "500");
    let clock = Clock::of(&mut scene);
    let rowtide = scene.stream();
    let load = scene.load();
    for (offset, seconds) in
        [("-1d", -90_000..-80_000), ("+40m", 2000..3000), ("-30d", -2_600_000..-2_500_000), ("+0", -100..100)]
    {
        clock.set(offset);
        wait_wrong(&scene, seconds);
        scene.wait_more(200);
    }
    let repeats = scene.arrives(rowtide, load);
    assert_eq!(repeats.records, 0);
    note(
        "wall clock a day back, 40 minutes ahead, 30 days back",
        "stream",
        "keeps working: no gap, order kept, final state equal, nothing twice",
    );
}

/// Brokers refuse records of more than `message.timestamp.after.max.ms` (an hour) ahead of their own clock.
#[test]
fn a_clock_too_far_ahead_for_the_broker_is_waited_out_with_the_remedy() {
    let mut scene = Scene::new(Database::new("clock_ahead"));
    let clock = Clock::of(&mut scene);
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);
    clock.set("+2d");
    rowtide.wait_log("compare this machine's clock with the broker's");
    clock.set("+0");
    let repeats = scene.arrives(rowtide, load);
    let outcome = format!("waits, the log names the remedy; no gap, order kept, final state equal; {} repeats", repeats.records);
    note("wall clock two days ahead (the broker refuses the records)", "stream", &outcome);
}
