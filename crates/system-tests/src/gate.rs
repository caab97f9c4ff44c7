//! A gate in a table's reading: a statement of the user's that waits until the test has done something to other tables.

use std::time::Duration;

use rowtide_testkit::postgres::{Database, Session};
use rowtide_testkit::wait_until;

const LONG: Duration = Duration::from_secs(120);

/// A condition that waits while the gate is shut.
pub const OPEN: &str = "(SELECT pg_advisory_xact_lock(7)) IS NOT NULL";

/// A gate that is shut by a session's transaction, which has no number as long as it changes nothing: slots are made beside it.
pub struct Gate<'a> {
    database: &'a Database,
    session: Session,
}

impl<'a> Gate<'a> {
    /// Shuts it.
    pub fn shut(database: &'a Database) -> Self {
        let mut session = database.session();
        session.send("BEGIN; SELECT pg_advisory_xact_lock(7);");
        let gate = Self { database, session };
        gate.wait(true);
        gate
    }

    /// Waits until a reader stands before it.
    pub fn wait_reader(&self) {
        self.wait(false);
    }

    /// Changes tables, and opens it.
    pub fn open_after(mut self, sql: &str) {
        self.session.send(&format!("{sql}; COMMIT;"));
        let over = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%COMMIT;' AND state = 'idle'";
        wait_until("the gate is open", LONG, || (self.database.sql(over) == "1").then_some(()));
    }

    fn wait(&self, granted: bool) {
        let sql = format!(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE locktype = 'advisory' AND granted = {granted} AND datname = current_database()"
        );
        wait_until("a session is at the gate", LONG, || (self.database.sql(&sql) == "1").then_some(()));
    }
}
