//! `heartbeat.action.query`: the user's statement, run after each heartbeat on a session of its own.
//!
//! It runs beside the stream, so that a statement that waits for a lock holds up nothing; a heartbeat that comes
//! while it still runs is passed over.

use rowtide_api::{Error, ErrorKind, Result};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::client::{ClientError, Connection};
use crate::config::PostgresConfig;
use crate::errors::explain;
use crate::session;

/// The statement and its session.
pub struct ActionQuery {
    sql: String,
    config: PostgresConfig,
    session: Option<Connection>,
    running: Option<JoinHandle<Ran>>,
}

type Ran = (Option<Connection>, std::result::Result<(), Error>);

impl ActionQuery {
    /// Connects only when it is first due.
    pub fn new(sql: String, config: PostgresConfig) -> Self {
        Self { sql, config, session: None, running: None }
    }

    /// Collects how the last run ended, and starts another one if `due`.
    pub async fn beat(&mut self, due: bool) -> Result<()> {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(ended) = self.running.take()
        {
            let (session, ran) = ended.await.unwrap_or((None, Ok(())));
            self.session = session;
            ran?;
        }
        if due && self.running.is_none() {
            let (session, sql, config) = (self.session.take(), self.sql.clone(), self.config.clone());
            self.running = Some(tokio::spawn(run(session, sql, config)));
        }
        Ok(())
    }
}

async fn run(session: Option<Connection>, sql: String, config: PostgresConfig) -> Ran {
    let mut session = match session {
        Some(session) => session,
        None => match session::open(&config, session::HEARTBEAT).await {
            Ok(session) => session,
            Err(error) => return (None, judge_connect(error)),
        },
    };
    match session.execute(&sql).await {
        Ok(()) => (Some(session), Ok(())),
        Err(error) => {
            let judged = judge(error);
            // a session that saw an error may be broken: the next run opens another
            (None, judged)
        }
    }
}

/// As Debezium: a missing table and an administrator's shutdown stop or restart the connector; the rest is logged.
fn judge(error: ClientError) -> Result<()> {
    let state = error.sqlstate().map(str::to_owned);
    let explained = explain("Could not execute heartbeat action query", error);
    match state.as_deref() {
        Some("42P01" | "57P01" | "57P03") => Err(explained),
        _ => {
            warn!("{explained}");
            Ok(())
        }
    }
}

/// The stream has its own connection and its own retries: here a server that is away is only said.
fn judge_connect(error: Error) -> Result<()> {
    if error.kind() == ErrorKind::Configuration {
        return Err(error);
    }
    warn!("{error}");
    Ok(())
}
