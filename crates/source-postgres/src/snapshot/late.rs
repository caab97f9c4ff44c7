//! Changes of a table that came after a view of it was lent and before the view's session had locked it.
//!
//! A view does not see what a rewriting `ALTER TABLE` or a `TRUNCATE` has written: the table looks empty (manual, "Caveats" of
//! "Concurrency Control"). No event tells of rows that were rewritten, so they would be lost for good. Such a table is read in
//! a newer view, after the task's next start. Locking it first would not help: the view is older than any lock.

use rowtide_api::{Error, Result};
use rowtide_cdc::TableId;

use crate::client::{ClientError, Connection, quote_literal};
use crate::errors::explain;
use crate::publication::quote_table;

/// Has a row if the table, or one whose rows it has too, is in another file than the view knows: catalogs are read as the view
/// sees them, `pg_relation_filenode` answers what is now.
const REWRITTEN: &str = "WITH RECURSIVE tree(oid) AS (SELECT CAST(CAST({table} AS regclass) AS oid) \
     UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid) \
     SELECT 1 FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid \
     WHERE c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid) LIMIT 1";

/// A column, or a table, that is not there. The catalogs as the view sees them know it.
const GONE: &[&str] = &["42703", "42P01"];

/// Makes sure that a table was not rewritten before this session locked it, as every session has that has read of it.
pub async fn check(session: &mut Connection, id: &TableId) -> Result<()> {
    let sql = REWRITTEN.replace("{table}", &quote_literal(&quote_table(id)));
    let doing = || format!("looking whether table {id} was rewritten");
    let rows = session.query(&sql).await.map_err(|error| explain(&doing(), error))?;
    if rows.is_empty() { Ok(()) } else { Err(changed(id, "was rewritten or truncated")) }
}

/// Why a table cannot be read.
pub fn unreadable(id: &TableId, error: ClientError) -> Error {
    match error.sqlstate() {
        Some(state) if GONE.contains(&state) => changed(id, "has lost a column, or is gone").caused_by(error),
        _ => explain(&format!("reading table {id}"), error),
    }
}

fn changed(id: &TableId, how: &str) -> Error {
    Error::transient(format!(
        "Table '{id}' {how} after the snapshot was taken and before it was read: the snapshot does not show its rows"
    ))
    .remedy("nothing but patience: the next try reads it, and what else is not read yet, in a newer snapshot")
}
