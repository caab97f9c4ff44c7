//! A database that goes away, comes back, or is another one: Rowtide goes on without a gap, or stops with the remedy.

use std::collections::BTreeSet;

use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_system_tests::{audit, topics};
use rowtide_testkit::postgres::{Database, Role, Server, psql};
use rowtide_testkit::proxy::Proxy;
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
        scene.database.end_streaming();
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

/// A signal asks for all rows; while they are read, the server goes away and comes back again and again.
#[test]
fn an_incremental_snapshot_goes_on_after_restarts_of_the_server() {
    let mut server = Server::new("");
    let database = Database::on(&server.url(), "inc_restarts");
    database.sql("CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(32), data varchar(2048))");
    let scene = Scene::new(database)
        .option("snapshot.mode", "no_data")
        .option("signal.data.collection", "public.signals")
        .option("incremental.snapshot.chunk.size", "5");
    let rowtide = scene.stream();
    let load = scene.load();
    scene.database.sql("INSERT INTO signals VALUES ('1', 'execute-snapshot', '{\"data-collections\": [\"public.orders\"]}')");
    // what of the rows that were there has come, as a row read or otherwise
    let arrived = || -> usize {
        let ids: BTreeSet<i64> = scene.records().iter().filter_map(|record| record.key["id"].as_i64()).collect();
        ids.range(1..=500).count()
    };
    for signal in ["QUIT", "INT", "QUIT"] {
        let before = arrived();
        let now = wait_until("rows of the snapshot arrive", LONG, || Some(arrived()).filter(|rows| *rows > before + 20));
        assert!(now < 500, "it was over too soon");
        server.stop(signal);
        server.start();
    }
    wait_until("every row that was there arrives", LONG, || (arrived() == 500).then_some(()));
    scene.verdict(rowtide, load, "PostgreSQL restarted (fast, immediate)", "incremental snapshot");
}

/// Other settings than PostgreSQL's defaults make a slot lose its log soon.
const LITTLE_LOG: &str = "max_slot_wal_keep_size = 16MB\nmax_wal_size = 32MB\nmin_wal_size = 32MB";

/// While nobody reads it, the server invalidates the slot.
fn loses_its_log(database: &Database) {
    database.sql("CREATE TABLE filler (note text)");
    wait_until("the slot is lost", LONG, || {
        database.sql("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 40000); TRUNCATE filler");
        database.sql("CHECKPOINT");
        (database.slot("wal_status") == "lost").then_some(())
    });
}

#[test]
fn a_slot_that_lost_its_log_stops_with_the_remedy() {
    let server = Server::new(LITTLE_LOG);
    let scene = Scene::new(Database::on(&server.url(), "lost"));
    let rowtide = scene.stream();
    scene.wait_end();
    rowtide.stop();
    loses_its_log(&scene.database);
    let rowtide = scene.start();
    let trace = rowtide.rest.wait_failed(&scene.database.name);
    assert!(
        trace.contains("wal_status=lost") && trace.contains("max_slot_wal_keep_size") && trace.contains("when_needed"),
        "{trace}"
    );
    assert!(scene.home.log().contains("wal_status=lost"));
    note("slot lost its log (wal_status=lost)", "stopped", "stops with the remedy: a gap is not passed over in silence");
}

#[test]
fn a_slot_that_lost_its_log_is_made_anew_with_a_snapshot_when_the_user_says_so() {
    let server = Server::new(LITTLE_LOG);
    let scene = Scene::new(Database::on(&server.url(), "lost_when_needed")).option("snapshot.mode", "when_needed");
    let rowtide = scene.stream();
    scene.wait_end();
    rowtide.stop();
    loses_its_log(&scene.database);
    // nobody changed the captured table meanwhile: what the lost log held of it no checker could ask for
    let rowtide = scene.stream();
    let load = scene.load();
    scene.verdict(rowtide, load, "slot lost its log, snapshot.mode=when_needed", "stopped");
}

#[test]
fn a_rotated_password_stops_with_the_remedy_and_goes_on_with_the_new_one() {
    let role = Role::new("LOGIN SUPERUSER REPLICATION", "first");
    let scene = Scene::new(Database::new("rotated")).option("database.user", &role.name).option("database.password", "first");
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);
    scene.database.sql(&format!("ALTER ROLE {} PASSWORD 'second'", role.name));
    // who is logged in stays so
    scene.wait_more(200);
    scene.database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'Debezium%'");
    let trace = rowtide.rest.wait_failed(&scene.database.name);
    assert!(trace.contains("password") && trace.contains("Remedy: check 'database.user' and 'database.password'"), "{trace}");
    let scene = scene.option("database.password", "second");
    let config = serde_json::Value::Object(scene.config());
    rowtide.rest.ok("PUT", &format!("/connectors/{}/config", scene.database.name), Some(&config));
    rowtide.rest.wait_running(&scene.database.name);
    let repeats = scene.arrives(rowtide, load);
    let outcome = format!(
        "stops with the remedy; with the new password no gap, order kept, final state equal; {} repeats",
        repeats.records
    );
    note("password rotated", "stream", &outcome);
}

#[test]
fn a_thousand_tables_created_in_a_burst_are_captured() {
    let scene = Scene::new(Database::new("burst"))
        .option("publication.autocreate.mode", "all_tables")
        .option("table.include.list", "public.orders,public.burst.*");
    let home = &scene.home;
    let file = home.connector_file(&scene.database.name, &scene.config());
    let rowtide = home.run(&[file]);
    rowtide.rest.wait_running(&scene.database.name);
    scene.database.wait_streaming();
    let load = scene.load();
    let burst = "DO $$ BEGIN FOR i IN 1..1000 LOOP
        EXECUTE format('CREATE TABLE burst_%s (id int PRIMARY KEY, note text)', i);
        EXECUTE format('INSERT INTO burst_%s VALUES (%s, ''new'')', i, i);
        IF i % 7 = 0 THEN COMMIT; END IF;
      END LOOP; END $$";
    scene.database.sql(burst);
    load.stop();
    let found = || -> BTreeSet<i64> {
        let lines = home.lines(&scene.database.name);
        let burst = lines.iter().filter(|line| line["topic"].as_str().is_some_and(|topic| topic.contains(".burst_")));
        burst.filter_map(|line| line["value"]["after"]["id"].as_i64()).collect()
    };
    wait_until("a row of each table arrives", LONG, || (found().len() == 1000).then_some(()));
    let mark = audit::mark_end(&scene.database);
    let orders = || -> Vec<_> {
        home.lines(&scene.database.name).iter().map(topics::of_line).filter(|record| record.topic.ends_with(".orders")).collect()
    };
    wait_until("the last change arrives", LONG, || audit::has_mark(&orders(), mark).then_some(()));
    rowtide.stop();
    assert_eq!(audit::check(&scene.database, &orders()).records, 0);
    note("1,000 tables created in a burst", "stream", "keeps working: every row of every table arrives, nothing twice");
}

#[test]
fn another_server_behind_the_same_address_is_not_mistaken_for_the_first() {
    let [first, second] = [Server::new(""), Server::new("")];
    let proxy = Proxy::new("other", first.port());
    let scene = Scene::new(Database::on(&first.url(), "other")).option("database.port", &proxy.port.to_string());
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);
    // the other one has everything of the same name, even the slot
    let name = &scene.database.name;
    psql(&second.url(), &format!("CREATE DATABASE {name} TEMPLATE template0"));
    let other = format!("{}{name}", second.url().strip_suffix("postgres").expect("a URL"));
    psql(&other, audit::SCHEMA);
    psql(&other, &format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"));
    proxy.point_to(second.port());
    let trace = rowtide.rest.wait_failed(name);
    assert!(trace.contains("system identifier") && trace.contains("rowtide.accept.system.identifier"), "{trace}");
    proxy.point_to(first.port());
    rowtide.rest.ok("POST", &format!("/connectors/{name}/restart?includeTasks=true"), None);
    rowtide.rest.wait_running(name);
    let repeats = scene.arrives(rowtide, load);
    let outcome = format!(
        "stops with the remedy; back at the first server no gap, order kept, final state equal; {} repeats",
        repeats.records
    );
    note("the name leads to another server", "stream", &outcome);
}
