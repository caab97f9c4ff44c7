//! A group of Connect workers with a connector under load: the scene of the tests of groups.

use std::cell::RefCell;
use std::collections::BTreeSet;
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

    /// The worker has the connector, runs it, and changes go on arriving.
    pub fn goes_on(&self, rest: &Rest) {
        assert_eq!(rest.ok("GET", "/connectors", None), json!([self.database.name]));
        rest.wait_running(&self.database.name);
        self.records_come();
    }

    /// Changes go on arriving.
    pub fn records_come(&self) {
        self.database.wait_streaming();
        let before = self.read().len();
        wait_until("records arrive", LONG, || (self.read().len() > before + 300).then_some(()));
    }

    /// Waits until the last change is there; no gap, order kept, final state equal, one snapshot.
    pub fn verdict(&self, load: Load) -> usize {
        load.stop();
        let mark = audit::mark_end(&self.database);
        wait_until("the last change arrives", LONG, || audit::has_mark(&self.read(), mark).then_some(()));
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
