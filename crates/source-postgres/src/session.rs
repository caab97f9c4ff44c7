//! Opening sessions: what every connection of the connector has in common.

use std::time::Duration;

use rowtide_api::Result;

use crate::client::Connection;
use crate::config::PostgresConfig;
use crate::errors::explain;

/// `application_name` of the session that reads catalogs and snapshots, as Debezium's.
pub const GENERAL: &str = "Debezium General";
/// `application_name` of the walsender's session.
pub const STREAMING: &str = "Debezium Streaming";
/// `application_name` of the session that runs `heartbeat.action.query`.
pub const HEARTBEAT: &str = "Debezium Heartbeat";
/// `application_name` of the session that validation opens.
pub const VALIDATION: &str = "Debezium Validate Connection";

/// A server that answers says by itself that a statement took too long (`statement_timeout`); one that does not is given
/// up this much later.
const GRACE: Duration = Duration::from_secs(5);

/// The text form of values depends on these; the decoders are written for them (see `values`).
const TEXT_FORM: &str = "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; \
     SET extra_float_digits = 3; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; SET xmloption = 'content'";

/// An ordinary session, with `database.initial.statements` done.
pub async fn open(config: &PostgresConfig, name: &str) -> Result<Connection> {
    let mut connection = connect(config, name, false).await?;
    if !config.query_timeout.is_zero() {
        let millis = config.query_timeout.as_millis();
        execute(&mut connection, &format!("SET statement_timeout = {millis}")).await?;
    }
    for statement in &config.initial_statements {
        execute(&mut connection, statement).await?;
    }
    Ok(connection)
}

/// A walsender's session. It has no statement timeout: a slot's creation may wait long.
pub async fn open_replication(config: &PostgresConfig) -> Result<Connection> {
    connect(config, STREAMING, true).await
}

async fn connect(config: &PostgresConfig, name: &str, replication: bool) -> Result<Connection> {
    let mut options = config.connect.clone();
    options.application_name = name.to_owned();
    options.replication = replication;
    options.answer_timeout = Some(config.query_timeout).filter(|limit| !limit.is_zero()).map(|limit| limit + GRACE);
    let doing = format!("connecting to {}:{}/{} as {}", options.host, options.port, options.dbname, options.user);
    let mut connection = Connection::connect(&options).await.map_err(|error| explain(&doing, error))?;
    execute(&mut connection, TEXT_FORM).await?;
    Ok(connection)
}

async fn execute(connection: &mut Connection, sql: &str) -> Result<()> {
    connection.execute(sql).await.map_err(|error| explain(&format!("executing {sql}"), error))
}
