//! A database that goes away, comes back, or is another one: Rowtide goes on without a gap, or stops with the remedy.

use rowtide_system_tests::scene::{LONG, Scene};
use rowtide_testkit::postgres::{Database, Server};
use rowtide_testkit::wait_until;

/// The server is stopped and started several times under load.
fn survives_restarts(signal: &str, fault: &str) {
    let mut server = Server::new("");
    let scene = Scene::new(Database::on(&server.url(), "restarts"));
    let rowtide = scene.stream();
    let load = scene.load();
    for _ in 0..3 {
        scene.wait_more(200);
        server.stop(signal);
        server.start();
    }
    scene.verdict(rowtide, load, fault, "stream");
}

#[test]
fn a_fast_shutdown_of_the_server_is_waited_out() {
    survives_restarts("INT", "PostgreSQL restarted (fast)");
}

#[test]
fn an_immediate_shutdown_of_the_server_is_waited_out() {
    survives_restarts("QUIT", "PostgreSQL restarted (immediate)");
}

#[test]
fn a_walsender_that_is_killed_is_replaced() {
    let scene = Scene::new(Database::new("walsender"));
    let rowtide = scene.stream();
    let load = scene.load();
    for _ in 0..5 {
        scene.wait_more(100);
        let killed = format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{}' AND active",
            scene.database.name
        );
        wait_until("the walsender is killed", LONG, || (scene.database.sql(&killed) == "t").then_some(()));
    }
    scene.verdict(rowtide, load, "walsender killed (pg_terminate_backend)", "stream");
}

#[test]
fn every_session_is_killed_again_and_again() {
    let scene = Scene::new(Database::new("sessions"));
    let rowtide = scene.stream();
    let load = scene.load();
    for _ in 0..5 {
        scene.wait_more(100);
        let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'Debezium%'";
        scene.database.sql(all);
    }
    scene.verdict(rowtide, load, "all sessions of the connector killed", "stream");
}
