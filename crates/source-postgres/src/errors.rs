//! What PostgreSQL's errors mean: one table from SQLSTATE to kind and remedy.
//!
//! SQLSTATEs: PostgreSQL manual, appendix "PostgreSQL Error Codes".

use rowtide_api::{Error, ErrorKind};

use crate::client::ClientError;

/// SQLSTATE (or its class, two characters), kind, and what the user can do.
const TABLE: &[(&str, ErrorKind, &str)] = &[
    ("28P01", ErrorKind::Configuration, "check 'database.user' and 'database.password'"),
    (
        "28000",
        ErrorKind::Configuration,
        "check 'database.user', and that pg_hba.conf lets this host connect (also lines for 'replication')",
    ),
    ("3D000", ErrorKind::Configuration, "check 'database.dbname'"),
    (
        "42501",
        ErrorKind::Configuration,
        "grant the missing privilege: the role needs LOGIN, REPLICATION (ALTER ROLE … REPLICATION) and SELECT on the captured \
      tables; creating publications needs ownership of the tables (FOR ALL TABLES: superuser)",
    ),
    ("42704", ErrorKind::Configuration, "the named object does not exist: check 'slot.name' and 'publication.name'"),
    ("42710", ErrorKind::Configuration, "the object exists already: each connector needs a 'slot.name' of its own"),
    (
        "42P01",
        ErrorKind::Configuration,
        "the table does not exist: check the statement, the schema and the search_path of the user",
    ),
    (
        "55000",
        ErrorKind::Configuration,
        "the server is not in the state that this needs, see its message: logical decoding needs wal_level=logical and a \
      restart of the server; a table whose updates are published needs a primary key or ALTER TABLE … REPLICA IDENTITY FULL",
    ),
    (
        "55006",
        ErrorKind::Transient,
        "the replication slot is active for another process: stop the other connector, or give each a distinct 'slot.name'",
    ),
    (
        "53300",
        ErrorKind::Transient,
        "the server has no free connection: raise max_connections, or max_wal_senders for replication",
    ),
    (
        "53400",
        ErrorKind::Configuration,
        "the server's limit is reached: raise max_replication_slots, or drop slots that nobody uses (SELECT slot_name, active \
      FROM pg_replication_slots)",
    ),
    (
        "58P01",
        ErrorKind::Fatal,
        "the log was removed: reset the connector's offsets and take a new snapshot (snapshot.mode=when_needed does so by itself); \
      raise max_slot_wal_keep_size to prevent it",
    ),
    (
        "57P01",
        ErrorKind::Transient,
        "the server is shutting down or an administrator ended the session; the connector tries again",
    ),
    ("57P02", ErrorKind::Transient, "the server crashed and recovers; the connector tries again"),
    ("57P03", ErrorKind::Transient, "the server is starting up; the connector tries again"),
    (
        "57014",
        ErrorKind::Transient,
        "a statement timed out or was cancelled: see 'database.query.timeout.ms' and the server's statement_timeout",
    ),
    (
        "55P03",
        ErrorKind::Transient,
        "a lock could not be had: see what holds it in pg_locks; 'snapshot.lock.timeout.ms' bounds the wait",
    ),
    ("42601", ErrorKind::Configuration, "the statement has a syntax error: check the SQL in the connector's configuration"),
    ("0A000", ErrorKind::Configuration, "this server does not support it: see the manual for the versions that do"),
    ("08", ErrorKind::Transient, "the connection broke; the connector tries again"),
    ("40", ErrorKind::Transient, "the transaction was rolled back by the server; the connector tries again"),
    ("53", ErrorKind::Transient, "the server lacks resources (disk, memory); free some: the connector tries again"),
    ("57", ErrorKind::Transient, "the server ended the session; the connector tries again"),
    ("58", ErrorKind::Transient, "the server has trouble with its files: see its log"),
    ("XX", ErrorKind::Transient, "the server reports an internal error: see its log"),
];

/// An error of the client in the user's terms. `doing` says what was tried.
pub fn explain(doing: &str, error: ClientError) -> Error {
    let row = error.sqlstate().and_then(find);
    let (kind, remedy) = match (&error, row) {
        (_, Some((_, kind, remedy))) => (*kind, *remedy),
        (ClientError::Server(_), None) => (ErrorKind::Configuration, "see the message of the server"),
        (ClientError::Auth(_), None) => {
            (ErrorKind::Configuration, "check 'database.user', 'database.password' and the method in pg_hba.conf")
        }
        (ClientError::Tls(_), None) => (
            ErrorKind::Configuration,
            "check 'database.sslmode' and the files of 'database.sslrootcert', 'database.sslcert', 'database.sslkey'",
        ),
        (ClientError::Protocol(_), None) => {
            (ErrorKind::Transient, "check that 'database.hostname' and 'database.port' name a PostgreSQL server")
        }
        _ => (
            ErrorKind::Transient,
            "check that the server runs and that 'database.hostname' and 'database.port' are right; the connector tries again",
        ),
    };
    Error::new(kind, format!("{doing}: {error}")).remedy(remedy)
}

/// The row of an SQLSTATE: its own, else its class's.
fn find(sqlstate: &str) -> Option<&'static (&'static str, ErrorKind, &'static str)> {
    let class = sqlstate.get(..2).unwrap_or("");
    TABLE.iter().find(|(state, ..)| *state == sqlstate).or_else(|| TABLE.iter().find(|(state, ..)| *state == class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_without_a_row_of_its_own_takes_its_classs() {
        assert_eq!(find("08006").map(|row| row.1), Some(ErrorKind::Transient));
        assert_eq!(find("28P01").map(|row| row.1), Some(ErrorKind::Configuration));
        assert_eq!(find("22003").map(|row| row.1), None);
    }
}
