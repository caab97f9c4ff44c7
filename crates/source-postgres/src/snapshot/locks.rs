//! Locks of snapshots. Tells in the log whose lock one waits for: a table that another session rewrites or has locked cannot
//! be read, and its size cannot either.
//!
//! Nothing is done about a wait here; when a wait ends with an error is for `snapshot.locking.mode` and `database.query.timeout.ms`.

use rowtide_api::Result;
use rowtide_cdc::TableId;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::client::{Connection, Row};
use crate::config::PostgresConfig;
use crate::errors::explain;
use crate::publication::quote_table;
use crate::session;

/// What the sessions `{}` wait for, and who has it.
const WAITS: &str = "SELECT n.nspname || '.' || c.relname, holder, b.application_name, b.state, b.xact_start::timestamptz(0) \
     FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(l.pid)) AS holder \
     LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = holder \
     WHERE NOT l.granted AND l.locktype = 'relation' AND l.pid IN ({}) ORDER BY 1, 2";

/// Keeps a table from being rewritten, truncated, changed or dropped; its rows may change.
pub fn lock_statement(id: &TableId) -> String {
    format!("LOCK TABLE {} IN ACCESS SHARE MODE", quote_table(id))
}

/// Watches these sessions until it is dropped: looks every `snapshot.lock.timeout.ms`, from a session that is opened for the
/// first look.
pub fn watch(config: &PostgresConfig, sessions: &[Connection]) -> JoinSet<()> {
    let pids: Vec<String> = sessions.iter().map(|session| session.process_id().to_string()).collect();
    let (config, sql) = (config.clone(), WAITS.replace("{}", &pids.join(", ")));
    let mut watching = JoinSet::new();
    watching.spawn(async move {
        let mut own = None;
        loop {
            tokio::time::sleep(config.lock_watch).await;
            // the snapshot does not depend on it
            if let Err(error) = look(&config, &mut own, &sql).await {
                debug!("cannot look for locks: {error}");
                own = None;
            }
        }
    });
    watching
}

async fn look(config: &PostgresConfig, own: &mut Option<Connection>, sql: &str) -> Result<()> {
    let session = match own {
        Some(session) => session,
        None => own.insert(session::open(config, session::GENERAL).await?),
    };
    let rows = session.query(sql).await.map_err(|error| explain("looking for locks", error))?;
    rows.iter().for_each(|row| warn!("{}", sentence(row)));
    Ok(())
}

fn sentence(row: &Row) -> String {
    let text = |index: usize| row.get(index).unwrap_or("unknown");
    let (table, holder) = (text(0), text(1));
    format!(
        "The snapshot waits for table '{table}', on which session {holder} ('{}', {}, in a transaction since {}) has a lock that lets nobody \
         read, or waits for one. Remedy: let it end its transaction, or end it: SELECT pg_terminate_backend({holder})",
        text(2),
        text(3),
        text(4)
    )
}
