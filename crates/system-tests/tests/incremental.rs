//! Incremental snapshots and signals: what a user asks for comes, beside the stream, and whatever is written to the
//! tables meanwhile, the topics end with the tables' rows.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rowtide_api::failpoint::{Failpoint, Phase};
use rowtide_system_tests::gate::{self, Gate};
use rowtide_system_tests::stored;
use rowtide_system_tests::topics::{self, Cleanup, Record};
use rowtide_testkit::postgres::{Database, Server, psql, try_psql};
use rowtide_testkit::random::{Random, torture};
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;
use serde_json::{Map, Value, json};

const LONG: Duration = Duration::from_secs(120);

/// The signal table, and tables with rows that no event tells of.
const SCHEMA: &str = "
CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(32), data varchar(2048));
CREATE TABLE one (id int PRIMARY KEY, n bigint NOT NULL, note text);
CREATE TABLE two (part text, no int, n bigint NOT NULL, PRIMARY KEY (part, no));
CREATE TABLE loose (code bigint NOT NULL, n bigint NOT NULL);
ALTER TABLE loose REPLICA IDENTITY FULL;
CREATE SEQUENCE versions;
INSERT INTO one SELECT i, nextval('versions'), repeat('x', 50) FROM generate_series(1, 1500) i;
INSERT INTO two SELECT 'p' || i % 7, i, nextval('versions') FROM generate_series(1, 1000) i;
INSERT INTO loose SELECT i, nextval('versions') FROM generate_series(1, 500) i;
";

/// A database, and a connector that has taken no snapshot.
struct Setup {
    database: Database,
    home: Home,
    config: Map<String, Value>,
    _topics: Cleanup,
}

impl Setup {
    fn new(name: &str, extra: &[(&str, &str)]) -> Self {
        Self::on(Database::new(name), extra)
    }

    fn on(database: Database, extra: &[(&str, &str)]) -> Self {
        database.sql(SCHEMA);
        let mut options = vec![
            ("table.include.list", r"public\.(one|two|loose)"),
            ("publication.autocreate.mode", "filtered"),
            ("snapshot.mode", "no_data"),
            ("signal.data.collection", "public.signals"),
            ("incremental.snapshot.chunk.size", "97"),
            ("notification.enabled.channels", "sink,log"),
        ];
        options.extend(extra);
        let mut config = database.connector(&options);
        config.insert("notification.sink.topic.name".into(), format!("{}.notifications", database.name).into());
        Self { _topics: Cleanup(database.name.clone()), home: Home::default(), config, database }
    }

    fn start(&self) -> Rowtide {
        let file = self.home.connector_file(&self.database.name, &self.config);
        let rowtide = self.home.standalone("", &[file]);
        self.database.wait_streaming();
        rowtide
    }

    fn signal(&self, id: &str, kind: &str, data: &Value) {
        self.database.sql(&format!("INSERT INTO signals VALUES ('{id}', '{kind}', '{data}')"));
    }

    fn execute(&self, id: &str, tables: &[&str]) {
        self.signal(id, "execute-snapshot", &json!({ "data-collections": tables }));
    }

    fn read(&self, table: &str) -> Vec<Record> {
        topics::read(&format!("{}.public.{table}", self.database.name))
    }

    /// Types of the notifications of a signal, with the table that each is about.
    fn notified(&self, id: &str) -> Vec<String> {
        let all = topics::read(&format!("{}.notifications", self.database.name)).into_iter();
        let of_signal = all.map(|record| record.value).filter(|value| value["id"] == id);
        let words = |value: Value| {
            let data = &value["additional_data"];
            let table = data["scanned_collection"].as_str().or(data["current_collection_in_progress"].as_str());
            let parts = [value["type"].as_str(), table, data["status"].as_str()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        of_signal.map(words).collect()
    }

    fn wait_notified(&self, id: &str, kind: &str) {
        wait_until(&format!("{id} is {kind}"), LONG, || self.notified(id).iter().any(|have| have == kind).then_some(()));
    }

    /// Waits for a change that nothing comes after.
    fn wait_for_the_end(&self) {
        self.database.sql("INSERT INTO one VALUES (-1, 0, 'end') ON CONFLICT (id) DO UPDATE SET n = one.n + 1");
        let n: i64 = self.database.sql("SELECT n FROM one WHERE id = -1").parse().expect("a number");
        let is_end = |record: &Record| record.value["after"]["id"] == -1 && record.value["after"]["n"] == n;
        wait_until("the last change arrives", LONG, || self.read("one").iter().any(is_end).then_some(()));
    }

    /// Who replays a topic ends with the table's rows.
    fn assert_replays(&self, table: &str, key: &[&str]) {
        let name_of = |row: &Value| key.iter().map(|column| row[*column].to_string()).collect::<Vec<_>>().join("/");
        let mut replayed: BTreeMap<String, Value> = BTreeMap::new();
        for record in self.read(table).into_iter().filter(|record| !record.value.is_null()) {
            match record.value["op"].as_str() {
                Some("d") => replayed.remove(&name_of(&record.value["before"])),
                _ => replayed.insert(name_of(&record.value["after"]), record.value["after"].clone()),
            };
        }
        let rows = self.database.sql(&format!("SELECT row_to_json(t) FROM {table} t"));
        let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).expect("a row"));
        let expected: BTreeMap<String, Value> = rows.map(|row| (name_of(&row), row)).collect();
        let keys = expected.keys().chain(replayed.keys()).collect::<std::collections::BTreeSet<_>>();
        let wrong: Vec<_> = keys.into_iter().filter(|key| expected.get(*key) != replayed.get(*key)).collect();
        let shown = wrong.first().map(|key| (key, expected.get(*key), replayed.get(*key)));
        assert!(wrong.is_empty(), "{table}: {} of {} keys differ, for instance {shown:?}", wrong.len(), expected.len());
    }

    fn assert_all_but_loose(&self) {
        self.assert_replays("one", &["id"]);
        self.assert_replays("two", &["part", "no"]);
    }

    fn assert_all_replay(&self) {
        self.assert_all_but_loose();
        self.assert_replays("loose", &["code"]);
    }
}

const ALL: &str = r#"{"data-collections": ["public.one", "public.two"]}"#;
const LOOSE: &str = r#"{"data-collections": ["public.loose"], "surrogate-key": "code"}"#;

#[test]
fn rows_of_several_tables_come_in_chunks_and_notifications_tell_of_them() {
    let setup = Setup::new("incremental", &[]);
    let _rowtide = setup.start();
    setup.database.sql("CREATE TABLE bare (a int); CREATE TABLE empty (id int PRIMARY KEY)");
    setup.execute("all", &[r"public\.(one|two)", "public.bare", "public.loose"]);
    setup.wait_notified("all", "COMPLETED");
    let notified = setup.notified("all");
    assert_eq!(notified.first().map(String::as_str), Some("STARTED"));
    for expected in [
        "TABLE_SCAN_COMPLETED public.one SUCCEEDED",
        "TABLE_SCAN_COMPLETED public.two SUCCEEDED",
        "TABLE_SCAN_COMPLETED public.bare UNKNOWN_SCHEMA",
        "TABLE_SCAN_COMPLETED public.loose NO_PRIMARY_KEY",
    ] {
        assert!(notified.iter().any(|have| have == expected), "{expected} is not in {notified:?}");
    }
    assert_eq!(notified.iter().filter(|have| *have == "IN_PROGRESS public.one").count(), 1500_usize.div_ceil(97));
    setup.signal("loose", "execute-snapshot", &serde_json::from_str(LOOSE).unwrap());
    setup.wait_notified("loose", "COMPLETED");
    setup.assert_all_replay();
    let rows = setup.read("one");
    assert_eq!(rows.len(), 1500);
    let source = &rows[0].value["source"];
    assert_eq!((&rows[0].value["op"], &source["snapshot"]), (&json!("r"), &json!("incremental")));
    assert!(source["lsn"].is_null() && source["txId"].is_null(), "{source}");
    let ids: Vec<i64> = rows.iter().filter_map(|record| record.value["after"]["id"].as_i64()).collect();
    assert!(ids.is_sorted(), "rows come in the order of the key");
}

#[test]
fn wrong_signals_are_refused_with_what_would_be_right_and_harm_nothing() {
    let setup = Setup::new("signals", &[]);
    let rowtide = setup.start();
    setup.signal("bad", "execute-snapshot", &json!({ "type": "incremental" }));
    setup
        .database
        .sql("INSERT INTO signals VALUES ('cut', 'execute-snapshot', '{\"data-coll'), ('none', 'execute-snapshot', NULL)");
    setup.signal("unknown", "make-coffee", &json!({}));
    setup.signal("hello", "log", &json!({ "message": "Hello at {}" }));
    rowtide.wait_log("Hello at {lsn_proc=");
    for words in ["data-collections", "no JSON", "make-coffee", "Signal 'none'"] {
        assert!(rowtide.log().contains(words), "{words}");
    }
    setup.signal(
        "filter",
        "execute-snapshot",
        &json!({ "data-collections": ["public.one", "public.two"],
            "additional-conditions": [{ "data-collection": "public.one", "filter": "no_such_column > 5" },
                { "data-collection": "public.two", "filter": "no <= 10" }] }),
    );
    setup.wait_notified("filter", "COMPLETED");
    let notified = setup.notified("filter");
    assert!(notified.contains(&"TABLE_SCAN_COMPLETED public.one SQL_EXCEPTION".to_owned()), "{notified:?}");
    assert_eq!((setup.read("one").len(), setup.read("two").len()), (0, 10));
    assert_eq!(setup.read("signals").len() as i64, setup.database.sql("SELECT count(*) FROM signals").parse::<i64>().unwrap());
}

#[test]
fn a_snapshot_is_paused_resumed_and_stopped() {
    let setup = Setup::new("pause", &[]);
    let rowtide = setup.start();
    setup
        .database
        .sql(&format!("INSERT INTO signals VALUES ('go', 'execute-snapshot', '{ALL}'), ('wait', 'pause-snapshot', '{{}}')"));
    setup.wait_notified("go", "PAUSED");
    setup.wait_for_the_end();
    let count = setup.read("one").len();
    assert!(count < 1500, "{count} rows although it is paused");
    let path = format!("/connectors/{}/snapshot", setup.database.name);
    let shown = || rowtide.rest.ok("GET", &path, None)["tasks"][0]["incremental"].clone();
    let paused = shown();
    assert_eq!((&paused["status"], &paused["signal"]), (&json!("paused"), &json!("go")), "{paused}");
    assert_eq!((&paused["tables"], &paused["rows"]), (&json!(["public.one", "public.two"]), &json!(97)), "{paused}");
    setup.signal("stop", "stop-snapshot", &json!({ "data-collections": ["public.two"] }));
    setup.signal("on", "resume-snapshot", &json!({}));
    setup.wait_notified("go", "COMPLETED");
    assert!(setup.notified("go").iter().any(|have| have == "ABORTED"));
    wait_until("none is under way", LONG, || shown().is_null().then_some(()));
    setup.assert_replays("one", &["id"]);
    assert_eq!(setup.read("two").len(), 0);
}

/// The closing mark of the first window comes in a transaction that changes the table's shape, and a row in the new shape.
const DDL_IN_WINDOW: &str = "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.type = 'snapshot-window-close' AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'one'::regclass AND attname = 'extra') THEN
      EXECUTE 'ALTER TABLE one ADD COLUMN extra int DEFAULT 7, DROP COLUMN note';
      EXECUTE 'UPDATE one SET n = 0 WHERE id = 2';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER change BEFORE INSERT ON signals FOR EACH ROW EXECUTE FUNCTION change()";

#[test]
fn rows_have_the_shape_that_the_stream_has_told_although_it_changes_while_they_wait() {
    let setup = Setup::new("incremental_ddl", &[]);
    let rowtide = setup.start();
    setup.database.sql(DDL_IN_WINDOW);
    setup.execute("ddl", &["public.one", "public.two"]);
    setup.wait_notified("ddl", "COMPLETED");
    assert!(rowtide.log().contains("The table's shape has changed since its chunk was read"));
    setup.assert_all_but_loose();
    let rows = setup.read("one");
    assert_eq!(rows[0].value["op"], "u", "the first chunk's rows wait until the stream has told of the change");
    for record in rows {
        let after = record.value["after"].as_object().expect("a row");
        assert!(after["extra"] == 7 && !after.contains_key("note"), "{after:?}");
    }
    let completed = "TABLE_SCAN_COMPLETED public.one SUCCEEDED".to_owned();
    assert!(setup.notified("ddl").contains(&completed));
}

#[test]
fn signals_come_through_rest_files_and_topics_too() {
    let mut setup = Setup::new("channels", &[("signal.enabled.channels", "file,kafka"), ("signal.poll.interval.ms", "100")]);
    let (name, topic) = (setup.database.name.clone(), format!("{}-signal", setup.database.name));
    let file = setup.home.path().join("signals");
    setup.config.insert("signal.file".into(), file.display().to_string().into());
    setup.config.insert("signal.kafka.bootstrap.servers".into(), rowtide_testkit::kafka().into());
    setup.config.remove("signal.data.collection");
    let message = |text: &str| json!({ "id": text, "type": "log", "data": { "message": text } }).to_string();
    topics::write(&topic, &name, &message("from before the start"));
    topics::write(&topic, "another connector", &message("not for us"));
    let rowtide = setup.start();
    rowtide.wait_log("from before the start");

    std::fs::write(&file, format!("rubbish\n{}\n", message("from a file"))).expect("a file");
    rowtide.wait_log("from a file");
    assert!(rowtide.log().contains("is no signal and is ignored"));
    wait_until("the file is empty", LONG, || std::fs::read(&file).expect("the file").is_empty().then_some(()));

    let path = format!("/connectors/{name}/signals");
    let signal = json!({ "id": "rest", "type": "execute-snapshot", "data": serde_json::from_str::<Value>(ALL).unwrap() });
    assert_eq!(rowtide.rest.send("POST", &path, Some(&signal)).status, 202);
    setup.wait_notified("rest", "COMPLETED");
    setup.assert_replays("one", &["id"]);
    let wrong = rowtide.rest.send("POST", &path, Some(&json!({ "id": "1", "type": "execute-snapshot", "data": {} })));
    assert_eq!(wrong.status, 400);
    assert!(wrong.body["message"].as_str().is_some_and(|text| text.contains("data-collections")), "{wrong:?}");
    assert_eq!(rowtide.rest.send("POST", &path, Some(&json!({ "type": "log" }))).status, 400);
    assert_eq!(rowtide.rest.send("POST", "/connectors/none/signals", Some(&signal)).status, 404);
    let offsets = rowtide.rest.offsets(&name);
    assert_eq!(offsets["offsets"][0]["offset"]["rowtide_signal_offset"], 0, "{offsets}");
    rowtide.stop();

    topics::write(&topic, &name, &message("while it was down"));
    let rowtide = setup.start();
    rowtide.wait_log("while it was down");
    let log = rowtide.log();
    assert_eq!(log.matches(" from before the start").count(), 1, "a signal is taken once");
    assert!(!log.contains(" not for us"));
}

#[test]
fn a_signal_of_a_file_that_was_read_before_a_kill_is_taken_by_the_next_start() {
    let mut setup = Setup::new("file_killed", &[("signal.enabled.channels", "file"), ("signal.poll.interval.ms", "100")]);
    let signal = json!({ "id": "file", "type": "execute-snapshot", "data": ALL }).to_string();
    let file = setup.home.path().join("signals");
    setup.config.insert("signal.file".into(), file.display().to_string().into());
    setup.home.set("ROWTIDE_FAILPOINT", "signal-read");
    let mut rowtide = setup.start();
    setup.home.file("signals", &signal);
    assert_eq!(rowtide.wait_exit(LONG).code(), None, "it should have died");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), signal, "nothing of it is stored yet");
    setup.database.wait_slot_free();
    setup.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = setup.start();
    setup.wait_notified("file", "COMPLETED");
    setup.assert_all_but_loose();
    wait_until("the file is empty", LONG, || std::fs::read(&file).expect("the file").is_empty().then_some(()));
    let offsets = rowtide.rest.offsets(&setup.database.name);
    assert_eq!(offsets["offsets"][0]["offset"]["rowtide_file_signals"], 1, "{offsets}");
}

#[test]
fn a_blocking_snapshot_reads_tables_whole_and_the_stream_goes_on() {
    let setup = Setup::new("blocking", &[]);
    let _rowtide = setup.start();
    let data = json!({ "data-collections": ["public.one", "public.two"], "type": "blocking",
        "additional-conditions": [{ "data-collection": "public.two", "filter": "SELECT * FROM two WHERE no <= 10" }] });
    setup.signal("block", "execute-snapshot", &data);
    wait_until("the last row arrives", LONG, || {
        setup.read("two").last().is_some_and(|record| record.value["source"]["snapshot"] == "last").then_some(())
    });
    setup.database.sql("UPDATE one SET n = 0 WHERE id = 7");
    setup.wait_for_the_end();
    setup.assert_replays("one", &["id"]);
    let markers = |table: &str| {
        let rows = setup.read(table).into_iter().filter(|record| record.value["op"] == "r");
        rows.map(|record| record.value["source"]["snapshot"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let (one, two) = (markers("one"), markers("two"));
    assert_eq!((one.len(), two.len()), (1500, 10));
    assert_eq!((one[0].as_str(), one[1499].as_str()), ("first", "last_in_data_collection"));
    assert_eq!((two[0].as_str(), two[9].as_str()), ("first_in_data_collection", "last"));
    setup.signal(
        "wrong",
        "execute-snapshot",
        &json!({ "data-collections": ["public.one"], "type": "blocking",
        "additional-conditions": [{ "data-collection": "public.one", "filter": "SELECT nothing" }] }),
    );
    setup.wait_for_the_end();
}

#[test]
fn a_blocking_snapshot_that_is_killed_goes_on_with_what_was_not_read() {
    let options = [("rowtide.snapshot.chunk.bytes", "65536"), ("snapshot.max.threads", "2"), ("max.batch.size", "64")];
    let mut setup = Setup::new("blocking_killed", &options);
    setup.database.sql("INSERT INTO one SELECT i, nextval('versions'), repeat('x', 50) FROM generate_series(2001, 20000) i");
    setup.home.set("ROWTIDE_FAILPOINT", "chunk-done:2");
    let mut rowtide = setup.start();
    let data = json!({ "data-collections": ["public.one", "public.two"], "type": "blocking",
        "additional-conditions": [{ "data-collection": "public.two", "filter": "SELECT * FROM two WHERE no <= 10" }] });
    setup.signal("block", "execute-snapshot", &data);
    assert_eq!(rowtide.wait_exit(LONG).code(), None, "it should have died");
    let offset = stored::offset(&setup.home.path().join("offsets"), &setup.database.name).expect("an offset");
    assert_eq!(offset.string("snapshot"), Some("BLOCKING"), "as the original's");
    setup.database.sql("DELETE FROM one WHERE id % 17 = 0; UPDATE one SET n = nextval('versions') WHERE id % 10 = 0");
    setup.database.wait_slot_free();
    setup.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = setup.start();
    rowtide.wait_log("The blocking snapshot of signal 'block' was under way, and is taken up again");
    rowtide.wait_log("Snapshot completed");
    setup.wait_for_the_end();
    setup.assert_replays("one", &["id"]);
    let read = |table: &str| setup.read(table).iter().filter(|record| record.value["op"] == "r").count();
    let (one, rows) = (read("one"), 1500 + 18_000);
    assert!(rows - rows / 17 < one && one < 2 * rows - 2000, "{one} rows were read of {rows}: what was done is not read again");
    let two: BTreeSet<String> = setup.read("two").iter().map(|record| record.key.to_string()).collect();
    assert_eq!(two.len(), 10, "the condition holds for each read");
    assert!(read("two") <= 20, "twice only where the kill came before they were stored as done");
    rowtide.stop();
    let offset = stored::offset(&setup.home.path().join("offsets"), &setup.database.name).expect("an offset");
    assert_eq!((offset.string("snapshot"), offset.string("rowtide_blocking_snapshots")), (None, None), "it is over");
}

/// A session that rewrites a table: it has the table for itself until a chunk of it waits, and the signal 'go' is there.
fn rewrite(database: &Database) -> JoinHandle<()> {
    let url = database.url();
    let rewriting = std::thread::spawn(move || {
        psql(
            &url,
            "DO $$ BEGIN
               LOCK TABLE one IN ACCESS EXCLUSIVE MODE;
               WHILE NOT EXISTS (SELECT FROM signals WHERE id = 'go')
                  OR NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'one'::regclass) LOOP
                 PERFORM pg_sleep(0.01);
               END LOOP;
               ALTER TABLE one ALTER n TYPE bigint USING n + 1000000;
             END $$",
        );
    });
    let held = "SELECT count(*) FROM pg_locks WHERE granted AND relation = 'one'::regclass AND mode = 'AccessExclusiveLock'";
    wait_until("the table is locked", LONG, || (database.sql(held) == "1").then_some(()));
    rewriting
}

#[test]
fn a_table_that_is_rewritten_while_a_chunk_of_it_waits_does_not_look_empty() {
    let setup = Setup::new("rewritten", &[("snapshot.lock.timeout.ms", "1000")]);
    let rowtide = setup.start();
    let rewriting = rewrite(&setup.database);
    setup.execute("a", &["public.one"]);
    rowtide.wait_log("The snapshot waits for table 'public.one'");
    setup.signal("go", "log", &json!({ "message": "go" }));
    rewriting.join().expect("it is rewritten");
    setup.wait_notified("a", "COMPLETED");
    let notified = setup.notified("a");
    assert!(notified.contains(&"TABLE_SCAN_COMPLETED public.one SUCCEEDED".to_owned()), "{notified:?}");
    // no event tells of what was rewritten
    setup.assert_replays("one", &["id"]);
}

#[test]
fn a_table_that_is_rewritten_before_a_blocking_snapshot_has_locked_it_is_read_in_a_newer_one() {
    let setup = Setup::new("blocking_late", &[("retriable.restart.connector.wait.ms", "300")]);
    let rowtide = setup.start();
    let gate = Gate::shut(&setup.database);
    // 'loose' comes first, and waits there
    let data = json!({ "data-collections": ["public.loose", "public.one"], "type": "blocking",
        "additional-conditions": [{ "data-collection": "public.loose",
            "filter": format!("SELECT * FROM loose WHERE {}", gate::OPEN) }] });
    setup.database.sql(&format!("INSERT INTO signals VALUES ('block', 'execute-snapshot', '{data}')"));
    gate.wait_reader();
    gate.open_after("ALTER TABLE one ALTER n TYPE bigint USING n + 1000000");
    rowtide.wait_log("Snapshot completed");
    setup.wait_for_the_end();
    // no event tells of what was rewritten
    setup.assert_replays("one", &["id"]);
}

/// Writers that insert, update, delete, bring back and rename keys, on connections of their own, until they are stopped.
struct Storm {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

/// How many write, and how long each of them waits after a transaction, in seconds.
#[derive(Clone, Copy)]
struct Load {
    writers: u64,
    pause: f64,
}

impl Storm {
    fn start(database: &Database, load: Load, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writer = |number: u64| {
            let (stop, url) = (stop.clone(), database.url());
            std::thread::spawn(move || {
                let mut random = Random::of(&format!("storm {seed} {number}"));
                while !stop.load(Ordering::Relaxed) {
                    psql(&url, &Self::statement(number, load, random.below(1_000_000)));
                }
            })
        };
        let writers = (0..load.writers).map(writer).collect();
        Self { stop, writers }
    }

    /// Forty transactions of a few changes each, some of them in subtransactions that fail.
    fn statement(writer: u64, Load { writers, pause }: Load, seed: u64) -> String {
        format!(
            "DO $$ DECLARE k int; other int; BEGIN PERFORM setseed({seed} / 1000000.0);
             FOR i IN 1..40 LOOP
               BEGIN
                 FOR j IN 1..1 + (random() * 4)::int LOOP
                   k := 1 + (random() * 1600)::int;
                   other := 1 + (random() * 1600)::int;
                   CASE (random() * 8)::int
                   WHEN 0 THEN INSERT INTO one VALUES (k, nextval('versions'), 'new') ON CONFLICT (id) DO UPDATE SET n = nextval('versions');
                   WHEN 1 THEN UPDATE one SET n = nextval('versions') WHERE id = k;
                   WHEN 2 THEN DELETE FROM one WHERE id = k;
                   WHEN 3 THEN UPDATE one SET id = other, n = nextval('versions') WHERE id = k;
                   WHEN 4 THEN DELETE FROM one WHERE id = k; INSERT INTO one VALUES (k, nextval('versions'), 'again');
                   WHEN 5 THEN INSERT INTO two VALUES ('p' || k % 7, k, nextval('versions')) ON CONFLICT (part, no) DO UPDATE SET n = nextval('versions');
                   WHEN 6 THEN UPDATE two SET part = 'p' || other % 7, n = nextval('versions') WHERE no = k;
                   WHEN 7 THEN DELETE FROM two WHERE no = k;
                   ELSE k := k - k % {writers} + {writer}; DELETE FROM loose WHERE code = k;
                     IF other % 3 > 0 THEN INSERT INTO loose VALUES (k, nextval('versions')); END IF;
                   END CASE;
                 END LOOP;
               EXCEPTION WHEN deadlock_detected OR unique_violation THEN NULL; END;
               COMMIT;
               PERFORM pg_sleep({pause});
             END LOOP; END $$"
        )
    }

    /// Ends it; everything is committed then.
    fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writers.drain(..).for_each(|writer| writer.join().expect("a writer"));
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writers.drain(..).for_each(|writer| drop(writer.join()));
    }
}

/// A snapshot of all tables in a storm, with `kill -9` at a step that the seed chooses; then the topics are replayed.
fn storm(name: &str, extra: &[(&str, &str)], seed: u64) {
    storm_over(Setup::new(&format!("{name}_{seed}"), extra), name, Load { writers: 4, pause: 0.0 }, seed);
}

fn storm_over(mut setup: Setup, name: &str, load: Load, seed: u64) -> Setup {
    let mut random = Random::of(&format!("{name} {seed}"));
    let points: Vec<_> = Failpoint::ALL.iter().filter(|point| point.phases().contains(&Phase::Incremental)).collect();
    let point = points[random.below(points.len() as u64) as usize];
    let count = if *point == Failpoint::SignalRead { 1 } else { 1 + random.below(12) };
    println!("{name}, seed {seed}: dies at {}:{count}", point.name());
    let storm = Storm::start(&setup.database, load, seed);
    setup.home.set("ROWTIDE_FAILPOINT", &format!("{}:{count}", point.name()));
    let mut rowtide = setup.start();
    setup.database.sql(&format!("INSERT INTO signals VALUES ('all', 'execute-snapshot', '{ALL}')"));
    setup.database.sql(&format!("INSERT INTO signals VALUES ('loose', 'execute-snapshot', '{LOOSE}')"));
    assert_eq!(rowtide.wait_exit(LONG).code(), None, "it should have died");
    setup.database.wait_slot_free();
    setup.home.unset("ROWTIDE_FAILPOINT");
    let rowtide = setup.start();
    setup.wait_notified("loose", "COMPLETED");
    storm.stop();
    setup.wait_for_the_end();
    rowtide.stop();
    setup.assert_all_replay();
    setup
}

/// A few in `make test`, fifty and more in `make torture`.
fn seeds() -> std::ops::Range<u64> {
    0..torture().map_or(2, |rounds| 50 * rounds)
}

#[test]
fn in_a_storm_the_topics_end_with_the_tables_rows() {
    seeds().for_each(|seed| storm("storm", &[], seed));
}

#[test]
fn in_a_storm_the_topics_end_with_the_tables_rows_where_windows_end_with_a_deletion() {
    seeds().for_each(|seed| storm("storm_delete", &[("incremental.snapshot.watermarking.strategy", "insert_delete")], seed));
}

#[test]
fn in_a_storm_the_topics_end_with_the_tables_rows_where_transactions_are_streamed_before_they_end() {
    for seed in 0..seeds().end / 2 {
        let database = Database::new18(&format!("storm_streamed_{seed}"));
        database.sql(&format!("ALTER DATABASE {} SET debug_logical_replication_streaming = immediate", database.name));
        // each such transaction describes its tables anew, for which the catalogs are read: more would be ahead for ever
        let setup = Setup::on(database, &[("rowtide.streaming.transactions", "true")]);
        let setup = storm_over(setup, "storm_streamed", Load { writers: 1, pause: 0.02 }, seed);
        let sql = format!("SELECT stream_txns > 100 FROM pg_stat_replication_slots WHERE slot_name = '{}'", setup.database.name);
        assert_eq!(setup.database.sql(&sql), "t", "transactions came before they ended");
    }
}

#[test]
fn in_a_storm_the_topics_end_with_the_tables_rows_although_nothing_is_written_to_the_database() {
    seeds().for_each(|seed| storm("storm_read_only", &[("read.only", "true")], seed));
}

#[test]
fn a_hot_standby_is_read_as_a_primary_is() {
    let mut primary = Server::new18("");
    let standby = primary.standby();
    let port = standby.port().to_string();
    let options = [("database.port", port.as_str()), ("read.only", "true"), ("snapshot.mode", "initial")];
    let setup = Setup::on(Database::on(&primary.url(), "standby"), &options);
    let (database, name) = (&setup.database, &setup.database.name);
    database.sql(&format!("CREATE PUBLICATION {name} FOR TABLE one, two, loose, signals"));
    let there = format!("postgres://postgres:postgres@127.0.0.1:{port}/{name}");
    wait_until("the standby has it", LONG, || try_psql(&there, "TABLE pg_publication").ok().filter(|rows| !rows.is_empty()));
    let rowtide = setup.home.standalone("", &[setup.home.connector_file(name, &setup.config)]);
    wait_until("the snapshot ends", LONG, || {
        // a slot of a standby waits until the primary tells of its transactions
        database.sql("SELECT pg_log_standby_snapshot()");
        rowtide.log().contains("Snapshot completed").then_some(())
    });
    let storm = Storm::start(database, Load { writers: 2, pause: 0.01 }, 1);
    setup.execute("all", &["public.one", "public.two"]);
    setup.wait_notified("all", "COMPLETED");
    storm.stop();
    setup.wait_for_the_end();
    setup.assert_all_replay();
}
