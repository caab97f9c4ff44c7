//! A network that cuts, delays, loses and forgets, between Rowtide and the database or the broker.

use std::time::Duration;

use rowtide_system_tests::scene::Scene;
use rowtide_testkit::postgres::{Database, Server};
use rowtide_testkit::proxy::{Fault, Proxy, Way};
use rowtide_testkit::random::torture;

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
