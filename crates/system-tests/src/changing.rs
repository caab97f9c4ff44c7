//! Tables that change while their records go through a schema registry: connectors, levels, and what is waited for.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use rowtide_testkit::binary;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, Rowtide};
use serde_json::{Map, Value};

use crate::registry::{self, ccompat, count};
use crate::topics::Cleanup;

/// How long anything may take on a loaded machine.
pub const LONG: Duration = Duration::from_secs(90);

/// Confluent's converter of Avro.
pub const AVRO: &str = "io.confluent.connect.avro.AvroConverter";

/// The registry's API that is Confluent's.
pub fn registry() -> Rest {
    Rest::new(&ccompat())
}

/// A connector of one schema of the database, with the schema's name in all of its own, that writes Avro.
pub fn connector(database: &Database, schema: &str) -> Map<String, Value> {
    connector_by(AVRO, database, schema)
}

/// The same with the converter of this class.
pub fn connector_by(class: &str, database: &Database, schema: &str) -> Map<String, Value> {
    let own = format!("{}_{schema}", database.name);
    let extra = [
        ("topic.prefix", own.as_str()),
        ("slot.name", &own),
        ("publication.name", &own),
        ("publication.autocreate.mode", "filtered"),
        ("schema.include.list", schema),
        ("retriable.restart.connector.wait.ms", "500"),
    ];
    let mut config = database.connector(&extra);
    for side in ["key", "value"] {
        config.insert(format!("{side}.converter"), class.into());
        config.insert(format!("{side}.converter.schema.registry.url"), ccompat().into());
    }
    config
}

/// The topic of a table of such a connector.
pub fn topic(database: &Database, schema: &str, table: &str) -> String {
    format!("{}_{schema}.{schema}.{table}", database.name)
}

/// Sets the compatibility level of a topic's subjects.
pub fn hold_to(topic: &str, level: &str) {
    for side in ["key", "value"] {
        registry::hold_to(&format!("{topic}-{side}"), level);
    }
}

/// Waits until a topic holds so many records, and no more. A task that was restarted a moment ago may still look failed.
pub fn wait_count(rowtide: &Rowtide, connector: &str, topic: &str, wanted: usize) {
    let deadline = Instant::now() + LONG;
    while count(topic) < wanted {
        assert!(Instant::now() < deadline, "{wanted} records do not come to {topic}: {:?}", rowtide.rest.state(connector));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(count(topic), wanted, "{topic}");
}

/// Restarts a connector with its tasks.
pub fn restart(rowtide: &Rowtide, connector: &str) {
    rowtide.rest.ok("POST", &format!("/connectors/{connector}/restart?includeTasks=true"), None);
}

/// Waits for the failure of a task; what its trace must say.
pub fn wait_stopped(rowtide: &Rowtide, connector: &str, words: &[&str]) -> String {
    let trace = rowtide.rest.wait_failed(connector);
    for word in words {
        assert!(trace.contains(word), "'{word}' is not in: {trace}");
    }
    trace
}

/// What `rowtide schema check --json` says; none of it changes anything.
pub fn foresee(home: &Home, config: &Map<String, Value>, script: &str) -> Value {
    let file = home.connector_file("planned", config);
    let output = Command::new(binary()).args(["schema", "check", "--json", "--ddl", script]).arg(file).output().expect("rowtide");
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A database with one schema `s` of some tables, each with a row, a connector on it that streams, and a level for each table.
pub struct Scene {
    /// the database
    pub database: Database,
    /// of the worker
    pub home: Home,
    /// the worker
    pub rowtide: Rowtide,
    _topics: Cleanup,
}

impl Scene {
    /// `tables`: name, columns after `id`, level.
    pub fn new(name: &str, tables: &[(&str, &str, &str)]) -> Self {
        let database = Database::new(name);
        let topics = Cleanup(database.name.clone());
        let mut script = "CREATE SCHEMA s;".to_owned();
        for (table, columns, level) in tables {
            let _ = writeln!(
                script,
                "CREATE TABLE s.{table} (id int PRIMARY KEY, {columns}); INSERT INTO s.{table} VALUES (1, '1');"
            );
            hold_to(&topic(&database, "s", table), level);
        }
        database.sql(&script);
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        rowtide.rest.create("s", &connector(&database, "s"), None);
        let scene = Self { database, home, rowtide, _topics: topics };
        for (table, ..) in tables {
            scene.wait(table, 1);
        }
        scene
    }

    /// The topic of a table.
    pub fn topic(&self, table: &str) -> String {
        topic(&self.database, "s", table)
    }

    /// Waits until a table's topic holds so many records.
    pub fn wait(&self, table: &str, records: usize) {
        wait_count(&self.rowtide, "s", &self.topic(table), records);
    }

    /// Runs SQL.
    pub fn sql(&self, sql: &str) {
        self.database.sql(sql);
    }

    /// Waits for the failure of the task; the trace names the table and says these words.
    pub fn stopped(&self, table: &str, words: &[&str]) {
        wait_stopped(&self.rowtide, "s", &[&[table], words].concat());
    }

    /// Restarts a connector with its tasks.
    pub fn restart(&self) {
        restart(&self.rowtide, "s");
    }
}
