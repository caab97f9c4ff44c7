//! The scene of a fault: a database under load, Rowtide between it and a topic, and the verdict afterwards.
//!
//! What breaks, and when, belongs to the tests.

use std::cell::RefCell;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::wait_until;

use crate::audit::{self, Load, Mix, Repeats};
use crate::stored;
use crate::topics::{self, Reader, Record};

/// How long a fault may take to be overcome.
pub const LONG: Duration = Duration::from_secs(120);

/// A database with the audit trail, and where its changes go.
pub struct Scene {
    /// the directory of Rowtide's processes
    pub home: Home,
    /// the database
    pub database: Database,
    options: Vec<(String, String)>,
    worker: String,
    shared_broker: bool,
    reader: RefCell<Reader>,
}

impl Scene {
    /// On a database, with the broker of the tests.
    pub fn new(database: Database) -> Self {
        let mut scene = Self::at(&rowtide_testkit::kafka(), database);
        scene.shared_broker = true;
        scene
    }

    /// On a database and a broker of the test's own; the worker's `bootstrap.servers` are for the test to set.
    pub fn at(broker: &str, database: Database) -> Self {
        database.sql(audit::SCHEMA);
        let reader = RefCell::new(Reader::new(broker, &format!("{}.public.orders", database.name)));
        let scene = Self {
            home: Home::default(),
            options: Vec::new(),
            worker: "offset.flush.interval.ms=100\n".to_owned(),
            shared_broker: false,
            reader,
            database,
        };
        // small batches pass every step often; short waits, so that tests need not be long
        [
            ("table.include.list", "public.orders"),
            ("publication.autocreate.mode", "filtered"),
            ("max.batch.size", "64"),
            ("retriable.restart.connector.wait.ms", "300"),
            ("slot.retry.delay.ms", "300"),
            ("slot.max.retries", "60"),
            ("status.update.interval.ms", "500"),
        ]
        .into_iter()
        .fold(scene, |scene, (name, value)| scene.option(name, value))
    }

    /// Sets an option of the connector.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.retain(|(have, _)| have != name);
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a line to the worker's file; the last one of a name wins.
    pub fn worker(mut self, line: &str) -> Self {
        self.worker += line;
        self.worker.push('\n');
        self
    }

    /// The connector's configuration.
    pub fn config(&self) -> serde_json::Map<String, serde_json::Value> {
        let options: Vec<(&str, &str)> = self.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.database.connector(&options)
    }

    /// Starts `rowtide standalone` with the connector.
    pub fn start(&self) -> Rowtide {
        let file = self.home.connector_file(&self.database.name, &self.config());
        self.home.standalone(&self.worker, &[file])
    }

    /// The same, perhaps dead before it answers.
    pub fn begin(&self) -> Rowtide {
        let file = self.home.connector_file(&self.database.name, &self.config());
        self.home.begin_standalone(&self.worker, &[file])
    }

    /// Starts it and waits until it streams.
    pub fn stream(&self) -> Rowtide {
        let rowtide = self.start();
        rowtide.rest.wait_running(&self.database.name);
        self.database.wait_streaming();
        rowtide
    }

    /// Number of records in the topic.
    pub fn count(&self) -> usize {
        self.reader.borrow_mut().read().len()
    }

    /// The records of the topic.
    pub fn records(&self) -> Vec<Record> {
        self.reader.borrow_mut().read().to_vec()
    }

    /// Waits until this many more records have come.
    pub fn wait_more(&self, count: usize) {
        let before = self.count();
        wait_until("records arrive", LONG, || (self.count() > before + count).then_some(()));
    }

    /// The file of `offset.storage.file.filename`.
    pub fn offsets_file(&self) -> PathBuf {
        let named = self.worker.lines().rev().find_map(|line| line.strip_prefix("offset.storage.file.filename="));
        named.map_or_else(|| self.home.path().join("offsets"), PathBuf::from)
    }

    /// Waits until the offset of a snapshot's end is stored: what a kill left of it is read amid the stream.
    pub fn wait_snapshot(&self) {
        let stored = || stored::offset(&self.offsets_file(), &self.database.name);
        wait_until("the snapshot ends", LONG, || stored().filter(|offset| offset.get("snapshot").is_none()));
    }

    /// Waits until the last change is in the topic.
    pub fn wait_end(&self) {
        let mark = audit::mark_end(&self.database);
        wait_until("the last change arrives", LONG, || audit::has_mark(self.reader.borrow_mut().read(), mark).then_some(()));
    }

    /// The load goes on for a while, ends, and all of it arrives; then the topic is held against the trail.
    pub fn verdict(&self, rowtide: Rowtide, load: Load, fault: &str, phase: &str) -> Repeats {
        let repeats = self.arrives(rowtide, load);
        note(fault, phase, &format!("keeps working: no gap, order kept, final state equal; {} repeats", repeats.records));
        repeats
    }

    /// The verdict alone: who writes the row of the table says more than that.
    pub fn arrives(&self, rowtide: Rowtide, load: Load) -> Repeats {
        self.wait_more(300);
        self.wait_snapshot();
        load.stop();
        self.wait_end();
        assert_eq!(rowtide.rest.state(&self.database.name).1, "RUNNING");
        rowtide.stop();
        audit::check(&self.database, &self.records())
    }

    /// A load of every kind of change.
    pub fn load(&self) -> Load {
        Load::start(&self.database, Mix::All)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- rowtide's log\n{}", self.home.log());
        }
        // a broker of the test's own goes with the test
        if self.shared_broker {
            topics::delete(&self.database.name);
        }
    }
}

/// Writes a row of the table of faults into the file that `ROWTIDE_TORTURE_TABLE` names, if it does.
pub fn note(fault: &str, phase: &str, outcome: &str) {
    println!("{fault} | {phase} | {outcome}");
    if let Some(path) = std::env::var_os("ROWTIDE_TORTURE_TABLE") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        // one write, so that lines of tests side by side stay whole
        file.and_then(|mut file| file.write_all(format!("| {fault} | {phase} | {outcome} |\n").as_bytes())).expect("the table");
    }
}
