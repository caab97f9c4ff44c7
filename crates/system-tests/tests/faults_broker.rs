//! A broker that dies, comes back, is slow, refuses or forgets: Rowtide waits and goes on without a gap.

use std::time::Duration;

use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_system_tests::{audit, stored, topics};
use rowtide_testkit::kafka::{Broker, Extras};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::proxy::{Cut, Fault, Proxy};
use rowtide_testkit::random::torture;
use rowtide_testkit::rowtide::Rowtide;
use rowtide_testkit::{free_port, wait_until};

/// A broker behind a proxy, and the scene before it. `direct` leads around the proxy.
fn scene(name: &str) -> (Broker, Proxy, Scene) {
    let mut broker = Broker::new();
    let port = free_port();
    let proxy = Proxy::new(name, port);
    broker.format(&Extras { proxied: Some((port, proxy.port)), ..Extras::default() });
    broker.start();
    let scene = Scene::at(&broker.address(), Database::new(name))
        .worker(&format!("bootstrap.servers=127.0.0.1:{}", proxy.port))
        .worker("producer.request.timeout.ms=3000");
    (broker, proxy, scene)
}

/// Waits until nothing comes any more, for as long as the fault is to last: minutes in `make torture`.
fn last() {
    // waits: the fault lasts so long
    std::thread::sleep(Duration::from_secs(torture().map_or(2, |_| 150)));
}

fn overcome(scene: &Scene, rowtide: &Rowtide, fault: &str) {
    scene.wait_more(200);
    assert_eq!(rowtide.rest.state(&scene.database.name).1, "RUNNING");
    println!("{fault}: overcome");
}

const FAULTS: [&str; 6] = [
    "broker killed (kill -9), away, started again",
    "broker restarted in order",
    "broker behind a slow network (delay, stalls, 200 kB/s)",
    "broker connection half-open",
    "broker connections reset, new ones refused for a while",
    "broker connections reset after every 50 kB",
];

#[test]
fn a_broker_that_dies_hangs_or_is_slow_is_waited_for() {
    let (mut broker, proxy, scene) = scene("broker");
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);

    broker.stop(true);
    last();
    broker.start();
    overcome(&scene, &rowtide, FAULTS[0]);

    broker.stop(false);
    broker.start();
    overcome(&scene, &rowtide, FAULTS[1]);

    let slow = Fault {
        delay: Duration::from_millis(50),
        stall: Duration::from_millis(100),
        bytes_per_second: 200_000,
        ..Fault::default()
    };
    proxy.set_both(slow);
    overcome(&scene, &rowtide, FAULTS[2]);

    proxy.set_both(Fault { swallow: true, ..Fault::default() });
    last();
    proxy.restore();
    overcome(&scene, &rowtide, FAULTS[3]);

    proxy.refuse();
    last();
    proxy.restore();
    overcome(&scene, &rowtide, FAULTS[4]);

    proxy.set_both(Fault { reset_after: 50_000, ..Fault::default() });
    overcome(&scene, &rowtide, FAULTS[5]);
    proxy.restore();
    proxy.cut(Cut::Reset);
    overcome(&scene, &rowtide, FAULTS[5]);

    let repeats = scene.arrives(rowtide, load);
    assert_eq!(repeats.records, 0, "the process never ended, and its producer is idempotent");
    for fault in FAULTS {
        note(fault, "stream", "keeps working: no gap, order kept, final state equal, nothing twice");
    }
}

#[test]
fn a_broker_that_dies_during_the_snapshot_is_waited_for() {
    let (mut broker, proxy, scene) = scene("broker_snap");
    let load = scene.load();
    // the snapshot takes a while: little is read ahead of a slow broker
    let scene = scene.option("max.queue.size", "128").option("producer.override.buffer.memory", "65536");
    proxy.set_both(Fault { bytes_per_second: 50_000, ..Fault::default() });
    let rowtide = scene.start();
    scene.wait_more(50);
    assert!(!rowtide.log().contains("Snapshot completed"), "the snapshot was over too soon");
    broker.stop(true);
    last();
    broker.start();
    proxy.restore();
    rowtide.rest.wait_running(&scene.database.name);
    scene.database.wait_streaming();
    let repeats = scene.arrives(rowtide, load);
    assert_eq!(repeats.records, 0, "the process never ended, and its producer is idempotent");
    note(FAULTS[0], "snapshot", "keeps working: no gap, order kept, final state equal, nothing twice");
}

#[test]
fn a_topic_that_lost_a_replica_it_needs_is_waited_for() {
    let mut brokers = Broker::cluster(3);
    for broker in &mut brokers {
        broker.format(&Extras::default());
        broker.launch();
    }
    let bootstrap = brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",");
    wait_until("all brokers are there", LONG, || (topics::brokers(&bootstrap) == Some(3)).then_some(()));
    let scene = Scene::at(&bootstrap, Database::new("replicas"))
        .worker(&format!("bootstrap.servers={bootstrap}"))
        .option("topic.creation.default.partitions", "1")
        .option("topic.creation.default.replication.factor", "3")
        .option("topic.creation.default.min.insync.replicas", "3");
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);
    // not the leader: a new one could not say how many records there are before the replica is back (KIP-207, KIP-966)
    let leader = topics::leader(&bootstrap, &format!("{}.public.orders", scene.database.name));
    let gone = leader % brokers.len();
    brokers[gone].stop(true);
    wait_until("the topic takes no more", LONG, || {
        let before = scene.count();
        last();
        (scene.count() == before).then_some(())
    });
    brokers[gone].launch();
    scene.wait_more(300);
    let repeats = scene.arrives(rowtide, load);
    assert_eq!(repeats.records, 0, "the process never ended, and its producer is idempotent");
    note(
        "ISR smaller than min.insync.replicas",
        "stream",
        "waits, then goes on: no gap, order kept, final state equal, nothing twice",
    );
}

#[test]
fn a_topic_that_is_deleted_is_made_again_for_what_was_not_acknowledged() {
    let (broker, _proxy, scene) = scene("deleted");
    let topic = format!("{}.public.orders", scene.database.name);
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(500);
    let before = scene.records();
    topics::delete_at(&broker.address(), &topic);
    // the broker makes it again for the next record
    let mut after = topics::Reader::new(&broker.address(), &topic);
    wait_until("records arrive in the new topic", LONG, || (after.read().len() > 300).then_some(()));
    load.stop();
    let last = audit::length(&scene.database) - 1;
    wait_until("all changes arrive", LONG, || {
        (stored::places(&scene.database, after.read()).last() == Some(&last)).then_some(())
    });
    assert_eq!(rowtide.rest.state(&scene.database.name).1, "RUNNING");
    rowtide.stop();
    assert_contiguous(&stored::places(&scene.database, &before));
    assert_contiguous(&stored::places(&scene.database, after.read()));
    note(
        "topic deleted while it is written to",
        "stream",
        "goes on in a new topic with what was not acknowledged: in order, without a gap",
    );
}

/// The changes follow each other in the order of the trail, none left out, none twice.
fn assert_contiguous(places: &[usize]) {
    let runs: Vec<(usize, usize)> = places.chunk_by(|a, b| *b == a + 1).map(|run| (run[0], run[run.len() - 1])).collect();
    assert!(runs.len() <= 1, "changes are missing or repeated between these, from first to last: {runs:?}");
}
