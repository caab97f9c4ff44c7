//! A view of the database that several sessions share: their transactions are on one snapshot, which a slot exported, or
//! which the first of them takes.
//!
//! What is read in it belongs to `plan` and `round`.

use rowtide_api::{Error, Result};
use rowtide_cdc::TableId;
use tokio::task::JoinSet;

use super::locks;
use crate::client::Connection;
use crate::config::{Isolation, PostgresConfig};
use crate::errors::explain;
use crate::position::{Position, parse_lsn};
use crate::session;

/// A snapshot that a slot exported.
#[derive(Clone, Debug)]
pub struct Exported {
    /// for `SET TRANSACTION SNAPSHOT`
    pub name: String,
    /// every transaction whose commit record lies before this is in it, and no other
    pub lsn: u64,
}

/// Sessions on one snapshot.
pub struct View {
    /// at least one
    pub sessions: Vec<Connection>,
    /// position, transaction and time of the snapshot
    pub at: Position,
    /// tells what they wait for
    pub watch: JoinSet<()>,
}

impl View {
    /// Opens `snapshot.max.threads` sessions. `held` are tables that must not be rewritten from now on.
    pub async fn open(config: &PostgresConfig, exported: Option<&Exported>, held: &[TableId]) -> Result<Self> {
        let mut first = session::open(config, session::GENERAL).await?;
        let watch = locks::watch(config, std::slice::from_ref(&first));
        let xid = transaction_id(&mut first).await?;
        begin(&mut first, exported.map(|exported| &*exported.name), config.isolation).await?;
        for id in held {
            execute(&mut first, &locks::lock_statement(id)).await?;
        }
        let at = Position { xid, ..read_position(&mut first, exported).await? };
        let mut view = Self { sessions: vec![first], at, watch };
        if config.snapshot.threads > 1 {
            let name = match exported {
                Some(exported) => exported.name.clone(),
                None => export(view.first()?).await?,
            };
            for _ in 1..config.snapshot.threads {
                let mut session = session::open(config, session::GENERAL).await?;
                begin(&mut session, Some(&name), config.isolation).await?;
                view.sessions.push(session);
            }
            view.watch = locks::watch(config, &view.sessions);
        }
        Ok(view)
    }

    /// The session that reads catalogs.
    pub fn first(&mut self) -> Result<&mut Connection> {
        self.sessions.first_mut().ok_or_else(|| Error::fatal("a view without a session"))
    }

    /// `snapshot.locking.mode=shared`: keeps the tables' shape as it is, not their rows.
    pub async fn lock(&mut self, config: &PostgresConfig, tables: impl Iterator<Item = &TableId>) -> Result<()> {
        let Some(timeout) = config.lock_timeout else { return Ok(()) };
        let session = self.first()?;
        execute(session, &format!("SET LOCAL lock_timeout = {}", timeout.as_millis())).await?;
        for id in tables {
            execute(session, &locks::lock_statement(id)).await?;
        }
        Ok(())
    }
}

async fn execute(session: &mut Connection, sql: &str) -> Result<()> {
    session.execute(sql).await.map_err(|error| explain(&format!("executing {sql}"), error))
}

/// Opens the transaction: on the exported snapshot where there is one, else as `snapshot.isolation.mode` says.
async fn begin(session: &mut Connection, exported: Option<&str>, isolation: Isolation) -> Result<()> {
    let sql = match (exported, isolation) {
        (Some(name), _) => format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{name}'"),
        (None, Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE".to_owned(),
        (None, Isolation::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned(),
        (None, Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY".to_owned(),
        (None, Isolation::ReadUncommitted) => "BEGIN ISOLATION LEVEL READ UNCOMMITTED READ ONLY".to_owned(),
    };
    execute(session, &sql).await?;
    // a long COPY is no runaway query; rows come in the order in which they lie
    execute(session, "SET LOCAL statement_timeout = 0; SET LOCAL synchronize_seqscans = off").await
}

async fn export(session: &mut Connection) -> Result<String> {
    let doing = "exporting the snapshot for the other connections (snapshot.max.threads)";
    let rows = session.query("SELECT pg_export_snapshot()").await.map_err(|error| explain(doing, error))?;
    Ok(rows.first().map(|row| row.text(0).to_owned()).unwrap_or_default())
}

/// The transaction that rows are said to be of. One before the snapshot's own: that gets no number, so that the making of
/// slots does not wait for its end, not even when its client is gone without a word.
async fn transaction_id(session: &mut Connection) -> Result<Option<i64>> {
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE txid_current() END";
    let rows = session.query(sql).await.map_err(|error| explain("reading a transaction's number", error))?;
    Ok(rows.first().and_then(|row| row.get(0)?.parse().ok()))
}

/// Time and, where no slot says it, position of the snapshot.
async fn read_position(session: &mut Connection, exported: Option<&Exported>) -> Result<Position> {
    let sql = "SELECT (extract(epoch FROM current_timestamp) * 1000000)::int8, \
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END";
    let rows = session.query(sql).await.map_err(|error| explain("reading the snapshot's position", error))?;
    let here = rows.first().and_then(|row| row.get(1).and_then(parse_lsn));
    Ok(Position {
        lsn: exported.map(|exported| exported.lsn).or(here).unwrap_or(0),
        micros: rows.first().and_then(|row| row.get(0)?.parse().ok()),
        ..Position::default()
    })
}
