//! A network that cuts, delays, loses and forgets, between Rowtide and the database or the broker.

use std::time::Duration;

use rowtide_system_tests::scene::Scene;
use rowtide_testkit::postgres::{Database, Server, psql};
use rowtide_testkit::proxy::{Cut, Fault, Proxy, Way};
use rowtide_testkit::random::{Random, torture};
use rowtide_testkit::rowtide::Rowtide;

/// A server of the test's own, whose walsenders soon notice that nobody listens, a proxy before it, and the scene behind.
fn behind_proxy(name: &str) -> (Server, Proxy, Scene) {
    let server = Server::new("wal_sender_timeout = 3s");
    let database = Database::on(&server.url(), name);
    let proxy = Proxy::new(name, server.port());
    let scene = Scene::new(database).option("database.port", &proxy.port.to_string());
    (server, proxy, scene)
}

/// The limits are short: minutes, and the defaults, in `make torture`.
fn survives_half_open(way: Way, fault: &str) {
    let (_server, proxy, scene) = behind_proxy("half_open");
    let scene = scene.option("rowtide.stream.silence.timeout.ms", "2000").option("connection.validation.timeout.ms", "1000");
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);
    proxy.set(way, Fault { swallow: true, ..Fault::default() });
    rowtide.wait_log("the connection is dead");
    // waits: the fault lasts so long
    std::thread::sleep(Duration::from_secs(torture().map_or(1, |_| 180)));
    proxy.restore();
    scene.verdict(rowtide, load, fault, "stream");
}

#[test]
fn a_stream_on_which_nothing_comes_back_is_opened_anew() {
    survives_half_open(Way::ToClient, "database connection half-open (nothing comes back)");
}

#[test]
fn a_stream_on_which_nothing_goes_out_is_opened_anew() {
    survives_half_open(Way::ToServer, "database connection half-open (nothing goes out)");
}

#[test]
fn connections_to_the_database_that_are_cut_reset_slow_or_refused_are_opened_anew() {
    let (_server, proxy, scene) = behind_proxy("network");
    let scene = scene.option("rowtide.stream.silence.timeout.ms", "20000");
    let rowtide = scene.stream();
    let load = scene.load();
    let mut random = Random::of("network");
    for how in [Cut::Closed, Cut::Reset, Cut::Reset, Cut::Closed] {
        scene.wait_more(1 + random.below(300) as usize);
        proxy.cut(how);
    }
    scene.wait_more(100);
    proxy.refuse();
    rowtide.wait_log("restarting the task");
    proxy.restore();
    scene.wait_more(100);
    proxy.set(Way::ToClient, Fault { reset_after: 100_000, ..Fault::default() });
    scene.wait_more(1000);
    let slow = Fault {
        delay: Duration::from_millis(30),
        stall: Duration::from_millis(200),
        bytes_per_second: 300_000,
        ..Fault::default()
    };
    proxy.set_both(slow);
    scene.wait_more(500);
    proxy.restore();
    scene.verdict(rowtide, load, "database connections closed, reset, refused, slow (delay, stalls, 300 kB/s)", "stream");
}

/// Something happens while rows of the snapshot are on their way; the network is slow, so that they take a while.
fn survives_in_the_snapshot(name: &str, fault: &str, breaks: impl FnOnce(&mut Server, &Proxy, &Rowtide)) {
    let (mut server, proxy, scene) = behind_proxy(name);
    let scene = scene.option("connection.validation.timeout.ms", "3000").option("database.query.timeout.ms", "2000");
    let load = scene.load();
    proxy.set(Way::ToClient, Fault { bytes_per_second: 50_000, ..Fault::default() });
    let rowtide = scene.start();
    scene.wait_more(50);
    assert!(!rowtide.log().contains("Snapshot completed"), "the snapshot was over too soon");
    breaks(&mut server, &proxy, &rowtide);
    proxy.restore();
    rowtide.rest.wait_running(&scene.database.name);
    scene.database.wait_streaming();
    scene.verdict(rowtide, load, fault, "snapshot");
}

#[test]
fn a_snapshot_survives_a_restart_of_the_server() {
    survives_in_the_snapshot("snap_restart", "PostgreSQL restarted (immediate)", |server, _, _| {
        server.stop("QUIT");
        server.start();
    });
}

#[test]
fn a_snapshot_survives_a_reset_of_its_connections() {
    survives_in_the_snapshot("snap_reset", "database connections reset", |_, proxy, _| proxy.cut(Cut::Reset));
}

#[test]
fn a_snapshot_survives_connections_that_are_half_open() {
    survives_in_the_snapshot("snap_half_open", "database connection half-open", |_, proxy, rowtide| {
        proxy.set_both(Fault { swallow: true, ..Fault::default() });
        rowtide.wait_log("the server has sent nothing for");
    });
}

#[test]
fn a_snapshot_survives_the_end_of_its_sessions() {
    survives_in_the_snapshot("snap_sessions", "all sessions of the connector killed", |server, _, _| {
        psql(
            &server.url(),
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'Debezium%'",
        );
    });
}
