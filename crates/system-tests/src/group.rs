//! A group of Connect workers with a connector under load: the scene of the tests of groups.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rowtide_testkit::group::Group;
use rowtide_testkit::kafka::Broker;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::wait_until;
use serde_json::json;

use crate::audit::{self, Load};
use crate::topics::{Cleanup, Reader, Record};

/// Workers of such a group do not wait long for one that has gone.
pub const AT_ONCE: &str = "session.timeout.ms=6000\nheartbeat.interval.ms=300\nscheduled.rebalance.max.delay.ms=0\n";

/// Longer than anything here takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(120);

/// A database under load, and the group whose connector captures it.
pub struct Scene {
    /// the group; its workers are for the test to start
    pub group: Group,
    /// the database that its connector captures
    pub database: Database,
    reader: RefCell<Reader>,
    _topics: Vec<Cleanup>,
}

impl Scene {
    /// On the broker of the tests.
    pub fn new(name: &str) -> Self {
        let mut scene = Self::at(name, &rowtide_testkit::kafka());
        scene._topics = vec![Cleanup(scene.database.name.clone()), Cleanup(scene.group.name.clone())];
        scene
    }

    /// On a broker of the test's own.
    pub fn at(name: &str, broker: &str) -> Self {
        let database = Database::new(name);
        database.sql(audit::SCHEMA);
        let reader = RefCell::new(Reader::new(broker, &format!("{}.public.orders", database.name)));
        Self { group: Group::at(name, broker), reader, _topics: Vec::new(), database }
    }

    /// Whoever reads sees only what is committed.
    #[must_use]
    pub fn committed(mut self, broker: &str) -> Self {
        self.reader = RefCell::new(Reader::committed(broker, &format!("{}.public.orders", self.database.name)));
        self
    }

    /// Creates the connector.
    pub fn create(&self, rest: &Rest) {
        let config = self.database.connector(&[
            ("table.include.list", "public.orders"),
            ("publication.autocreate.mode", "filtered"),
            ("poll.interval.ms", "50"),
        ]);
        rest.create(&self.database.name, &config, None);
    }

    /// What the topic holds now.
    pub fn read(&self) -> Vec<Record> {
        self.reader.borrow_mut().read().to_vec()
    }

    /// The worker has the connector, runs it, is past the snapshot (a Java worker that loses its task amid one starts it over), and changes go on
    /// arriving.
    pub fn goes_on(&self, rest: &Rest) {
        // a Java worker knows of connectors once it has read the topic of configurations, or answers nothing while the group forms anew
        wait_until("the worker has the connector", LONG, || {
            (rest.try_send("GET", "/connectors", None)?.body == json!([self.database.name])).then_some(())
        });
        rest.wait_running(&self.database.name);
        let path = format!("/connectors/{}/offsets", self.database.name);
        wait_until("the stored offset is past the snapshot", LONG, || {
            let stored = rest.try_send("GET", &path, None)?.body;
            let stored = stored["offsets"].as_array().filter(|stored| !stored.is_empty())?;
            stored.iter().all(|stored| stored["offset"]["snapshot"].is_null()).then_some(())
        });
        self.records_come();
    }

    /// Changes go on arriving.
    pub fn records_come(&self) {
        self.database.wait_streaming();
        let before = self.read().len();
        wait_until("records arrive", LONG, || (self.read().len() > before + 300).then_some(()));
    }

    /// Ends the load and waits until its last change is there: nothing is under way then.
    pub fn comes_to_rest(&self, load: Load) {
        load.stop();
        let mark = audit::mark_end(&self.database);
        wait_until("the last change arrives", LONG, || audit::has_mark(&self.read(), mark).then_some(()));
    }

    /// Waits until the last change is there; no gap, order kept, final state equal, one snapshot.
    pub fn verdict(&self, load: Load) -> usize {
        self.comes_to_rest(load);
        let records = self.read();
        let rows = records.iter().filter(|record| record.value["op"] == "r");
        let rounds: BTreeSet<i64> = rows.map(|row| row.value["source"]["lsn"].as_i64().expect("an lsn")).collect();
        assert_eq!(rounds.len(), 1, "one snapshot at one place of the log");
        audit::check(&self.database, &records).records
    }
}

/// Starts a broker on a machine that has other work.
pub fn start_broker(broker: &mut Broker) {
    broker.launch();
    wait_until("the broker takes connections", LONG, || std::net::TcpStream::connect(broker.address()).ok());
}

/// A second connector, on a database of its own with one row.
pub fn add_small(group: &str, rest: &Rest) -> (Database, Cleanup) {
    let database = Database::new(&format!("{group}_small"));
    database.sql("CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1)");
    let options = [("table.include.list", "public.small"), ("publication.autocreate.mode", "filtered")];
    rest.create(&database.name, &database.connector(&options), None);
    let topics = Cleanup(database.name.clone());
    (database, topics)
}

/// Where connectors and tasks are, by worker id, and how many: once all of them run.
pub fn workers(rest: &Rest, names: &[&str]) -> BTreeMap<String, usize> {
    wait_until("all run", LONG, || {
        let mut workers = BTreeMap::new();
        for name in names {
            let status = rest.try_send("GET", &format!("/connectors/{name}/status"), None)?.body;
            for unit in [&status["connector"], &status["tasks"][0]] {
                if unit["state"] != "RUNNING" {
                    return None;
                }
                *workers.entry(unit["worker_id"].as_str()?.to_owned()).or_default() += 1;
            }
        }
        Some(workers)
    })
}

/// Waits until the work is divided among so many workers.
pub fn wait_shared(rest: &Rest, names: &[&str], among: usize) {
    wait_until(&format!("{among} workers share the work"), LONG, || (workers(rest, names).len() == among).then_some(()));
}
