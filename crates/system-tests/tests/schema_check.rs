//! `rowtide schema check` on a live PostgreSQL and a real registry: what it says, that it changes nothing and is in nobody's way, and which
//! rights it needs.
//!
//! That its verdicts are those of the connector itself is for `evolution`.

use std::process::Command;

use rowtide_system_tests::changing::{LONG, Scene, connector, foresee, registry};
use rowtide_testkit::postgres::{Database, Role};
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{binary, wait_until};
use serde_json::Value;

/// The latest version of a subject.
fn version(subject: &str) -> Value {
    registry().ok("GET", &format!("/subjects/{subject}/versions/latest"), None)["version"].clone()
}

/// `rowtide schema check` as a person calls it: exit code, and what it says on both ways.
fn check(args: &[&str]) -> (i32, String) {
    let output = Command::new(binary()).args(["schema", "check"]).args(args).output().expect("rowtide");
    let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code().expect("an exit code"), text)
}

#[test]
fn the_check_tells_it_beforehand_and_touches_nothing() {
    let scene = Scene::new("foresight", &[("orders", "a text", "BACKWARD")]);
    let worker = format!("http://{}", scene.rowtide.rest.worker_id());
    let subject = format!("{}-value", scene.topic("orders"));
    let columns =
        "SELECT string_agg(attname || atttypid || attnotnull, ',') FROM pg_attribute WHERE attrelid = 's.orders'::regclass";
    let (form, known) = (scene.database.sql(columns), version(&subject));
    // a writer that has not committed is in nobody's way
    let mut writer = scene.database.session();
    writer.send("BEGIN; INSERT INTO s.orders VALUES (7, 'open');");
    wait_until("the writer writes", LONG, || {
        (scene.database.sql("SELECT count(*) FROM pg_locks WHERE relation = 's.orders'::regclass AND mode = 'RowExclusiveLock'")
            != "0")
            .then_some(())
    });
    let required =
        "BEGIN; SET lock_timeout = '1s'; ALTER TABLE s.orders ADD COLUMN b int NOT NULL; UPDATE s.orders SET b = 1; COMMIT";
    let (code, text) = check(&[&worker, "--connector", "s", "--ddl", required]);
    assert_eq!(code, 1, "{text}");
    for words in [
        "table s.orders",
        "column 'b': added (int32, not null, no default); a consumer with the old schema does not see it",
        &format!("subject '{subject}', version {known}, level BACKWARD: REFUSED: the task would stop"),
        "way out: give column 'b' a default",
        "passed over, it changes no table's columns: UPDATE s.orders SET b = 1",
        "connector s would stop",
        "nothing was changed",
    ] {
        assert!(text.contains(words), "'{words}' is not in {text}");
    }
    let file = scene.home.file("change.sql", "ALTER TABLE s.orders ADD b int;");
    let (code, text) = check(&[&worker, "--ddl-file", &file.display().to_string()]);
    assert!(code == 0 && text.contains("level BACKWARD: would be registered as a new version"), "{text}");
    drop(writer);
    assert_eq!((scene.database.sql(columns), version(&subject)), (form, known), "the check has changed something");
    assert_eq!(scene.database.sql("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), "0");
    // a table that is locked is not waited for
    let mut locker = scene.database.session();
    locker.send("BEGIN; LOCK TABLE s.orders IN ACCESS EXCLUSIVE MODE;");
    wait_until("the table is locked", LONG, || {
        (scene
            .database
            .sql("SELECT count(*) FROM pg_locks WHERE relation = 's.orders'::regclass AND mode = 'AccessExclusiveLock'")
            != "0")
            .then_some(())
    });
    let (code, text) = check(&[&worker, "--lock-timeout-ms", "200", "--ddl", "ALTER TABLE s.orders ADD b int"]);
    assert!(code == 2 && text.contains("55P03") && text.contains("--lock-timeout-ms"), "{code} {text}");
    drop(locker);
    scene.rowtide.stop();
}

#[test]
fn the_check_needs_no_more_rights_than_a_snapshot_and_says_which_are_missing() {
    let scene = Scene::new("rights", &[("orders", "a text", "BACKWARD")]);
    let role = Role::new("LOGIN", "pw");
    let (user, name) = (format!("database.user={}", role.name), &role.name);
    let file = scene.home.connector_file("s", &connector(&scene.database, "s")).display().to_string();
    let ask = |ddl: &str| check(&[&file, "-C", &user, "-C", "database.password=pw", "--ddl", ddl]);
    let add = "ALTER TABLE s.orders ADD b int";
    let (code, text) = ask(add);
    assert!(code == 2 && text.contains("SELECT on the tables"), "{text}");
    scene.sql(&format!("GRANT USAGE ON SCHEMA s TO {name}; GRANT SELECT ON s.orders TO {name}"));
    let (code, text) = ask(add);
    assert!(code == 0 && text.contains("connector s would go on"), "who may not alter it may check it: {text}");
    scene.sql(&format!("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", scene.database.name));
    let (code, text) = ask(add);
    assert!(code == 2 && text.contains("GRANT TEMPORARY ON DATABASE"), "{text}");
    for (ddl, words) in [
        ("ALTER TABLE s.orders ADD b nonsense", "type \"nonsense\" does not exist"),
        ("ALTER TABLE s.other ADD b int", "there is no table s.other"),
        ("DO $$ BEGIN PERFORM 1; END $$", "cannot be tried"),
        ("", "there is no statement"),
    ] {
        let (code, text) = check(&[&file, "--ddl", ddl]);
        assert!(code == 2 && text.contains(words) && text.contains("Remedy:"), "{ddl}: {text}");
    }
    scene.sql(&format!("DROP OWNED BY {name}"));
    scene.rowtide.stop();
}

/// Tables of every kind that has a form of its own.
const KINDS: &str = "CREATE SCHEMA s; CREATE SCHEMA \"Odd Names\"; CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);
    CREATE EXTENSION hstore; CREATE TABLE s.other (id int PRIMARY KEY);
    CREATE TABLE s.serials (id bigserial PRIMARY KEY, n int GENERATED BY DEFAULT AS IDENTITY, twice int GENERATED ALWAYS AS (id::int * 2) STORED);
    CREATE TABLE s.constraints (a int, b text, o int CONSTRAINT to_other REFERENCES s.other, CONSTRAINT own_name PRIMARY KEY (b, a), CHECK (a > 0), UNIQUE (o));
    CREATE TABLE s.excluding (id int PRIMARY KEY, r int4range, EXCLUDE USING gist (r WITH &&));
    CREATE TABLE s.indexed (a int NOT NULL, b text NOT NULL DEFAULT 'it''s', c text); CREATE UNIQUE INDEX by_b ON s.indexed (b); CREATE INDEX ON s.indexed (lower(c));
    CREATE TABLE s.types (id int PRIMARY KEY, m mood DEFAULT 'good', ms mood[], p positive, h hstore, j jsonb DEFAULT '{}', n numeric(8, 3) DEFAULT 1.5,
        at timestamptz DEFAULT now(), v varchar(7) COLLATE \"C\", bits bit(3), u uuid DEFAULT '00000000-0000-0000-0000-000000000001');
    CREATE TABLE s.parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE s.parts_2020 PARTITION OF s.parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE s.parent (id int PRIMARY KEY, a int); CREATE TABLE s.child (b int) INHERITS (s.parent);
    CREATE UNLOGGED TABLE s.unlogged (id int PRIMARY KEY);
    CREATE TABLE \"Odd Names\".\"select\" (\"Id\" int PRIMARY KEY, \"a \"\"b\" text);
    CREATE TABLE public.visible (id int PRIMARY KEY); CREATE VIEW s.seen AS SELECT * FROM s.types";

#[test]
fn a_copy_of_any_table_has_its_very_form() {
    for database in [Database::new("kinds"), Database::new18("kinds")] {
        database.sql(KINDS);
        let home = Home::default();
        let mut config = connector(&database, "s");
        config.remove("schema.include.list");
        config.insert("schema.name.adjustment.mode".to_owned(), "avro".into());
        config.insert("field.name.adjustment.mode".to_owned(), "avro".into());
        config.insert("hstore.handling.mode".to_owned(), "map".into());
        config.insert("column.propagate.source.type".to_owned(), ".*".into());
        let named = ["serials", "constraints", "excluding", "indexed", "types", "parts", "parent", "unlogged"]
            .map(|table| format!("s.{table}"));
        let all = named.iter().map(String::as_str).chain(["\"Odd Names\".\"select\"", "visible"]);
        let script: String = all.map(|table| format!("ALTER TABLE {table} ADD COLUMN zz int;")).collect();
        let told = foresee(&home, &config, &script);
        let tables = told["tables"].as_array().expect("tables");
        // partitions go with their table, what inherits does not
        assert_eq!(tables.len(), 11, "{told:#}");
        assert!(tables.iter().any(|table| table["table"] == "s.parts_2020"), "{told:#}");
        for table in tables {
            for side in table["sides"].as_array().expect("sides") {
                let changes = side["changes"].as_array().expect("changes");
                match side["role"] == "key" {
                    true => assert!(changes.is_empty(), "{table:#}"),
                    false => {
                        assert!(changes.len() == 1 && changes[0].to_string().contains("column 'zz': added (int32"), "{table:#}")
                    }
                }
            }
        }
        let keys = |name: &str| {
            tables.iter().find(|table| table["table"] == name).map(|table| table["sides"].as_array().map_or(0, Vec::len))
        };
        assert_eq!(keys("s.indexed"), Some(2), "a unique index is a key");
    }
}

#[test]
fn names_of_constraints_indexes_and_labels_are_known_to_copies() {
    let database = Database::new("names");
    database.sql(KINDS);
    let home = Home::default();
    let mut config = connector(&database, "s");
    config.insert("transforms".to_owned(), "route".into());
    config.insert("transforms.route.type".to_owned(), "org.apache.kafka.connect.transforms.RegexRouter".into());
    config.insert("transforms.route.regex".to_owned(), ".*\\.(.*)".into());
    config.insert("transforms.route.replacement".to_owned(), "routed.$1".into());
    let script = "ALTER TABLE s.constraints DROP CONSTRAINT to_other, DROP CONSTRAINT own_name;
        DROP INDEX CONCURRENTLY s.by_b; ALTER TYPE public.mood ADD VALUE 'so so';
        ALTER TABLE s.types ALTER COLUMN n TYPE numeric(9, 4), ALTER m SET DEFAULT 'bad';
        CREATE TYPE s.colour AS ENUM ('red'); CREATE TABLE s.fresh (id int PRIMARY KEY, c s.colour, o int REFERENCES s.other, f int REFERENCES s.fresh);
        ALTER TABLE s.fresh RENAME TO fresher; ALTER TABLE s.fresher ADD d int NOT NULL";
    let told = foresee(&home, &config, script);
    let table = |name: &str| {
        told["tables"].as_array().and_then(|tables| tables.iter().find(|table| table["table"] == name)).unwrap_or(&Value::Null)
    };
    let changes = |name: &str| {
        table(name)["sides"].as_array().and_then(|sides| sides.last()).map_or(Value::Null, |side| side["changes"].clone())
    };
    assert!(table("s.indexed")["notes"].to_string().contains("no key from then on"), "{told:#}");
    // the next unique index is the key
    let key = table("s.constraints")["sides"][0]["changes"].to_string();
    assert!(key.contains("column 'b': dropped") && key.contains("column 'o': added"), "{told:#}");
    let of_types = changes("s.types").to_string();
    for words in [
        "column 'm'",
        "allowed was good,bad, is good,bad,so so",
        "the default was 'good', is 'bad'",
        "column 'n': was decimal(8,3), is decimal(9,4)",
        "column 'ms'",
    ] {
        assert!(of_types.contains(words), "'{words}' is not in {of_types}");
    }
    let fresh = table("s.fresher");
    assert_eq!(
        (&fresh["sides"][1]["topic"], &fresh["sides"][1]["verdict"]),
        (&Value::from("routed.fresher"), &Value::from("first")),
        "{told:#}"
    );
    assert_eq!(database.sql("SELECT count(*) FROM pg_enum WHERE enumlabel = 'so so'"), "0");
}
