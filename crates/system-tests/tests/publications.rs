//! Publications, slots and replica identities as the connector makes them, on PostgreSQL 15 and 18.

use std::time::Duration;

use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;

const LONG: Duration = Duration::from_secs(60);
const TABLES: &str = "CREATE TABLE a (id int PRIMARY KEY, note text); CREATE TABLE b (id int PRIMARY KEY, note text); CREATE TABLE c (id int PRIMARY KEY)";

/// A database on each server.
fn on_both(name: &str) -> [Database; 2] {
    let both = [Database::new(&format!("{name}_15")), Database::new18(&format!("{name}_18"))];
    for database in &both {
        database.sql(TABLES);
    }
    both
}

/// Runs a connector until it streams.
fn streams(rowtide: &Rowtide, database: &Database, extra: &[(&str, &str)]) {
    let config = serde_json::Value::Object(database.connector(extra));
    rowtide.rest.ok("PUT", &format!("/connectors/{}/config", database.name), Some(&config));
    rowtide.rest.wait_running(&database.name);
    database.wait_streaming();
}

fn gone(rowtide: &Rowtide, database: &Database) {
    rowtide.rest.delete(&database.name);
    database.wait_slot_free();
}

fn published(database: &Database) -> String {
    let name = &database.name;
    database
        .sql(&format!("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = '{name}'"))
}

fn publication(database: &Database, column: &str) -> String {
    database.sql(&format!("SELECT {column} FROM pg_publication WHERE pubname = '{}'", database.name))
}

#[test]
fn a_publication_of_all_tables_is_made_by_default() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for database in on_both("pub_all") {
        streams(&rowtide, &database, &[("table.include.list", "public.a")]);
        assert_eq!(publication(&database, "puballtables"), "t");
        gone(&rowtide, &database);
        assert_eq!(publication(&database, "count(*)"), "1", "it stays when the connector is deleted");
    }
}

#[test]
fn a_filtered_publication_holds_what_is_captured_and_follows_the_configuration() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for database in on_both("pub_filtered") {
        let filtered = ("publication.autocreate.mode", "filtered");
        streams(&rowtide, &database, &[filtered, ("table.include.list", "public.a,public.b")]);
        assert_eq!((published(&database).as_str(), publication(&database, "puballtables").as_str()), ("a,b", "f"));
        streams(&rowtide, &database, &[filtered, ("table.include.list", "public.b,public.c")]);
        wait_until("the publication follows", LONG, || (published(&database) == "b,c").then_some(()));
        database.wait_streaming();
        database.sql("INSERT INTO a VALUES (1); INSERT INTO c VALUES (7)");
        wait_until("the change arrives", LONG, || (!home.lines(&database.name).is_empty()).then_some(()));
        let lines = home.lines(&database.name);
        assert!(lines.len() == 1 && lines[0]["value"]["after"]["id"] == 7, "{lines:?}");
        gone(&rowtide, &database);
    }
}

#[test]
fn a_publication_of_no_tables_is_left_to_its_owner_to_fill() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for database in on_both("pub_none") {
        let mode = [("publication.autocreate.mode", "no_tables"), ("table.include.list", "public.a")];
        streams(&rowtide, &database, &mode);
        assert_eq!(publication(&database, "puballtables"), "f");
        assert_eq!(published(&database), "");
        database.sql("INSERT INTO a VALUES (1, 'not published yet')");
        database.sql(&format!("ALTER PUBLICATION {} ADD TABLE a", database.name));
        database.sql("INSERT INTO a VALUES (2, 'published')");
        wait_until("the change arrives", LONG, || (!home.lines(&database.name).is_empty()).then_some(()));
        let ids: Vec<String> = home.lines(&database.name).iter().map(|line| line["value"]["after"]["id"].to_string()).collect();
        assert_eq!(ids, ["2"]);
        gone(&rowtide, &database);
    }
}

#[test]
fn a_publication_that_is_there_is_used_as_it_is_when_autocreate_is_disabled() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for database in on_both("pub_disabled") {
        database.sql(&format!("CREATE PUBLICATION {} FOR TABLE b WITH (publish = 'insert')", database.name));
        streams(&rowtide, &database, &[("publication.autocreate.mode", "disabled")]);
        assert_eq!((published(&database).as_str(), publication(&database, "pubupdate").as_str()), ("b", "f"));
        gone(&rowtide, &database);
    }
}

/// Two connectors that find no publication both make one. An event trigger holds the statements up until both are under way: before the name is
/// looked for, so that the second finds it taken, or behind, so that it waits for the first one's transaction.
#[test]
fn of_two_connectors_that_make_one_publication_at_once_the_slower_one_uses_the_others() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for (event, mode, on) in
        [("start", "filtered", Database::new as fn(&str) -> Database), ("end", "all_tables", Database::new18)]
    {
        let database = on("pub_race");
        database.sql(TABLES);
        database.sql(&format!(
            "CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); END';
            CREATE EVENT TRIGGER hold ON ddl_command_{event} WHEN TAG IN ('CREATE PUBLICATION') EXECUTE FUNCTION hold()"
        ));
        let mut gate = database.session();
        gate.send("SELECT pg_advisory_lock(7);");
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        wait_until("the gate is shut", LONG, || (database.sql(held) == "1").then_some(()));
        let names = [database.name.clone(), format!("{}_2", database.name)];
        let common = [("publication.autocreate.mode", mode), ("table.include.list", "public.a,public.b")];
        for name in &names {
            let own = [("slot.name", name.as_str()), ("topic.prefix", name.as_str())];
            rowtide.rest.create(name, &database.connector(&[common, own].concat()), None);
        }
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE PUBLICATION%'";
        wait_until("both are under way", LONG, || (database.sql(waiting) == "2").then_some(()));
        gate.send("SELECT pg_advisory_unlock(7);");
        database.sql("INSERT INTO a VALUES (1)");
        for name in &names {
            let rows = || home.lines(name).iter().any(|line| line["value"]["after"]["id"] == 1);
            wait_until(&format!("{name} goes on"), LONG, || rows().then_some(()));
            rowtide.rest.wait_running(name);
        }
        assert_eq!(publication(&database, "count(*)"), "1");
        assert_eq!(rowtide.log().matches("has made the publication").count(), if event == "start" { 1 } else { 2 });
        names.iter().for_each(|name| rowtide.rest.delete(name));
    }
}

#[test]
fn the_slot_stays_after_a_stop_and_goes_with_slot_drop_on_stop() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for database in on_both("slot_drop") {
        streams(&rowtide, &database, &[]);
        rowtide.rest.stop(&database.name);
        database.wait_slot_free();
        assert_eq!(database.slot("plugin"), "pgoutput");
        rowtide.rest.ok("PUT", &format!("/connectors/{}/resume", database.name), None);
        streams(&rowtide, &database, &[("slot.drop.on.stop", "true")]);
        rowtide.rest.stop(&database.name);
        wait_until("the slot is dropped", LONG, || database.slot("slot_name").is_empty().then_some(()));
        gone(&rowtide, &database);
    }
}

#[test]
fn slot_failover_marks_the_slot_where_the_server_knows_it() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    let [older, newer] = on_both("slot_failover");
    for database in [&older, &newer] {
        streams(&rowtide, database, &[("slot.failover", "true")]);
    }
    assert_eq!(older.slot("to_jsonb(s) ->> 'failover'"), "", "15 has no such thing, and starts all the same");
    assert_eq!(newer.slot("to_jsonb(s) ->> 'failover'"), "true");
    for database in [&older, &newer] {
        gone(&rowtide, database);
    }
}

#[test]
fn replica_identities_are_set_as_configured() {
    let home = Home::default();
    let rowtide = home.run(&[]);
    for database in on_both("identity") {
        database.sql("ALTER TABLE b ALTER COLUMN note SET NOT NULL; CREATE UNIQUE INDEX b_note ON b (note)");
        let wanted = "public.a:FULL,public.b:INDEX b_note,public.c:NOTHING";
        streams(&rowtide, &database, &[("replica.identity.autoset.values", wanted)]);
        let have = database.sql("SELECT string_agg(relname || '=' || relreplident::text, ',' ORDER BY relname) FROM pg_class WHERE relname IN ('a', 'b', 'c')");
        assert_eq!(have, "a=f,b=i,c=n");
        database.sql("INSERT INTO a VALUES (1, 'old'); UPDATE a SET note = 'new'");
        wait_until("the update arrives", LONG, || (home.lines(&database.name).len() == 2).then_some(()));
        assert_eq!(home.lines(&database.name)[1]["value"]["before"]["note"], "old", "the full old row is there");
        gone(&rowtide, &database);
    }
}
