//! Incremental snapshots and signals: what a user asks for comes, beside the stream, and whatever is written to the
//! tables meanwhile, the topics end with the tables' rows.

use std::collections::BTreeMap;

use std::time::Duration;

use rowtide_system_tests::topics::{self, Cleanup, Record};
use rowtide_testkit::postgres::Database;
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
        let database = Database::new(name);
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

    fn assert_all_replay(&self) {
        self.assert_replays("one", &["id"]);
        self.assert_replays("two", &["part", "no"]);
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
    let _rowtide = setup.start();
    setup
        .database
        .sql(&format!("INSERT INTO signals VALUES ('go', 'execute-snapshot', '{ALL}'), ('wait', 'pause-snapshot', '{{}}')"));
    setup.wait_notified("go", "PAUSED");
    setup.wait_for_the_end();
    let count = setup.read("one").len();
    assert!(count < 1500, "{count} rows although it is paused");
    setup.signal("stop", "stop-snapshot", &json!({ "data-collections": ["public.two"] }));
    setup.signal("on", "resume-snapshot", &json!({}));
    setup.wait_notified("go", "COMPLETED");
    assert!(setup.notified("go").iter().any(|have| have == "ABORTED"));
    setup.assert_replays("one", &["id"]);
    assert_eq!(setup.read("two").len(), 0);
}
