//! `io.debezium.connector.postgresql.PostgresConnector`: what it says of itself, and what it says of a configuration.

use std::time::Duration;

use async_trait::async_trait;
use rowtide_api::{
    ConfigDef, ConfigValue, Error, ExactlyOnce, OffsetMap, Outlook, PluginInfo, PluginKind, Props, Remark, Result,
    SourceConnector, SourceTask, Trial,
};
use rowtide_cdc::CdcTask;
use rowtide_cdc::ledger::Ledger;
use tracing::{error, warn};

use crate::client::Connection;
use crate::config::PostgresConfig;
use crate::database::{Postgres, readable};
use crate::errors::explain;
use crate::options::{postgres_config_def, unsupported};
use crate::source_block::VERSION;
use crate::{outlook, session, trial};

/// The connector.
pub struct PostgresConnector;

static INFO: PluginInfo =
    PluginInfo { class: "io.debezium.connector.postgresql.PostgresConnector", kind: PluginKind::Source, version: VERSION };

#[async_trait]
impl SourceConnector for PostgresConnector {
    fn info(&self) -> &'static PluginInfo {
        &INFO
    }

    fn config_def(&self) -> &'static ConfigDef {
        postgres_config_def()
    }

    async fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        let mut values = postgres_config_def().validate(props);
        let bad = |name: &str| values.iter().any(|value| value.name == name && !value.errors.is_empty());
        let connectable = ["database.hostname", "database.port", "database.user", "database.dbname", "slot.name", "plugin.name"];
        if !connectable.iter().any(|name| bad(name))
            && let Err(problem) = try_connection(props).await
            && let Some(value) = values.iter_mut().find(|value| value.name == "database.hostname")
        {
            value.errors.push(problem);
        }
        values
    }

    fn remarks(&self, props: &Props) -> Vec<Remark> {
        let idle = unsupported(props).into_iter().map(|(property, sentence)| Remark {
            property: Some(property),
            sentence,
            remedy: None,
            stops: false,
        });
        let refused = readable(props).err().map(|error| Remark {
            property: None,
            sentence: error.message().to_owned(),
            remedy: error.remedy_text().map(str::to_owned),
            stops: true,
        });
        idle.chain(refused).collect()
    }

    fn task_configs(&self, props: &Props, _max: usize) -> Result<Vec<Props>> {
        for (_, sentence) in unsupported(props) {
            warn!("{sentence}");
        }
        let mut task = props.clone();
        task.set("task.class", "io.debezium.connector.postgresql.PostgresConnectorTask");
        Ok(vec![task])
    }

    fn exactly_once(&self, _props: &Props) -> ExactlyOnce {
        ExactlyOnce::Supported
    }

    /// Debezium's connector leaves them to the worker too. What could never be resumed from is refused; a snapshot's ledger
    /// that means nothing is passed over when it is read.
    fn alter_offsets(&self, _props: &Props, offsets: &[(OffsetMap, Option<OffsetMap>)]) -> Result<bool> {
        let logs = offsets.iter().filter(|(partition, _)| !Ledger::is_partition(partition));
        for offset in logs.filter_map(|(_, offset)| offset.as_ref()) {
            if offset.int("lsn").is_none() {
                return Err(Error::configuration("an offset of the PostgreSQL connector needs the whole number 'lsn'")
                    .remedy("take the offset that GET /connectors/{name}/offsets shows and change its numbers"));
            }
        }
        Ok(false)
    }

    fn place(&self, offset: &OffsetMap) -> Option<String> {
        outlook::place(offset)
    }

    async fn outlook(
        &self,
        props: &Props,
        partition: &OffsetMap,
        offset: &OffsetMap,
        present: Option<&OffsetMap>,
    ) -> Result<Outlook> {
        let config = PostgresConfig::read(&postgres_config_def().read(props))?;
        outlook::of(&config, partition, offset, present).await
    }

    fn offset_at(&self, props: &Props, stored: &[(OffsetMap, OffsetMap)], place: &str) -> Result<(OffsetMap, OffsetMap)> {
        let config = PostgresConfig::read(&postgres_config_def().read(props))?;
        outlook::offset_at(&config, stored, place)
    }

    async fn try_change(&self, props: &Props, change: &str, patience: Duration) -> Result<Trial> {
        trial::run(props, change, patience).await
    }

    fn new_task(&self) -> Box<dyn SourceTask> {
        Box::<CdcTask<Postgres>>::default()
    }
}

/// Connects as the connector would; the text is what the peer says, with the remedy.
async fn try_connection(props: &Props) -> std::result::Result<(), String> {
    let config = PostgresConfig::read(&postgres_config_def().read(props)).map_err(|error| error.to_string())?;
    let limit = config.connect.connect_timeout;
    match tokio::time::timeout(limit, check_server(&config)).await {
        Err(_) => Err(format!("Connection validation timed out after {} ms", limit.as_millis())),
        Ok(Err(problem)) => Err(format!("Error while validating connector config: {problem}")),
        Ok(Ok(())) => Ok(()),
    }
}

async fn check_server(config: &PostgresConfig) -> Result<()> {
    let mut connection = session::open(config, session::VALIDATION).await?;
    check_roles(&mut connection).await
}

/// A role that cannot replicate is only logged, as by the peer: managed services grant it in ways of their own.
async fn check_roles(connection: &mut Connection) -> Result<()> {
    let sql = "SELECT r.rolcanlogin AND (r.rolsuper OR r.rolreplication OR EXISTS (SELECT FROM pg_catalog.pg_roles g \
         WHERE g.rolname IN ('rds_superuser', 'rdsadmin', 'rdsrepladmin', 'rds_replication') AND pg_has_role(current_user, g.oid, 'member'))), \
         current_user FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    let rows = connection.query(sql).await.map_err(|failed| explain("reading the role", failed))?;
    if let Some(row) = rows.first().filter(|row| row.text(0) != "t") {
        error!(
            "Postgres roles LOGIN and REPLICATION are not assigned to user: {}. Remedy: ALTER ROLE \"{}\" WITH LOGIN REPLICATION",
            row.text(1),
            row.text(1)
        );
    }
    Ok(())
}
