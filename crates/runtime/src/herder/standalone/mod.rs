//! The herder of one process: `rowtide run` (offsets and configurations in a data directory) and `rowtide standalone`
//! (offsets in Connect's file, configurations in memory, as `connect-standalone` has it).
//!
//! Requests that change something run one after the other, as on Connect's single herder thread, and to their end even
//! when the client that asked has gone. How a task runs belongs to `pipeline`.

mod change;
mod connector;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rowtide_api::{OffsetMap, Props, Signal, SnapshotProgress};

use super::answers::{self, no_connector, not_found, unknown_connector};
use super::parts::load_offsets;
use super::{
    ConfigKeyInfo, ConnectorInfo, ConnectorStateInfo, Herder, HerderError, Parts, PluginEntry, Result, ServerInfo, TargetState,
    Validated,
};
use crate::offsets::{EmbeddedStore, OffsetEntry, OffsetStore};
use connector::Connector;

/// The herder; cheap to clone.
#[derive(Clone)]
pub struct StandaloneHerder(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// where configurations survive a restart; none: in memory only
    configs: Option<EmbeddedStore>,
    /// held by whoever changes something
    turn: tokio::sync::Mutex<()>,
    connectors: Mutex<BTreeMap<String, Connector>>,
}

impl StandaloneHerder {
    /// A herder that runs nothing yet.
    pub fn new(parts: Parts, configs: Option<EmbeddedStore>) -> Self {
        Self(Arc::new(Inner { parts, configs, turn: tokio::sync::Mutex::default(), connectors: Mutex::default() }))
    }

    /// Where its connectors' offsets are kept.
    pub fn offset_store(&self) -> Arc<dyn OffsetStore> {
        self.0.parts.offsets.clone()
    }

    /// Starts the connectors that the data directory knows. One that cannot start is FAILED and says why; only an
    /// unreadable directory is an error.
    pub async fn start_stored(&self) -> rowtide_api::Result<()> {
        let Some(store) = &self.0.configs else { return Ok(()) };
        let stored = store.connectors()?;
        let _turn = self.0.turn.lock().await;
        for (name, config, target) in stored {
            let connector = Connector::start(&self.0.parts, &name, config, target, None);
            self.0.lock().insert(name, connector);
        }
        Ok(())
    }

    /// Stops all connectors at once: tasks drain within `task.shutdown.graceful.timeout.ms`, offsets are stored.
    pub async fn stop(&self) {
        let _turn = self.0.turn.lock().await;
        let connectors = std::mem::take(&mut *self.0.lock());
        let deadline = self.0.parts.deadline();
        let mut tasks = Vec::new();
        for mut connector in connectors.into_values() {
            tasks.extend(connector.ask_stop(deadline));
        }
        for task in tasks {
            task.stopped(deadline).await;
        }
    }

    /// Runs a change to its end, also when the future that asked for it is dropped.
    async fn change<T: Send + 'static>(&self, change: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let ended = tokio::spawn(change).await;
        ended.unwrap_or_else(|panic| Err(HerderError { status: 500, message: format!("the request ended abnormally: {panic}") }))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Connector>> {
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads something of a connector; the error of one that is not there comes from the caller.
    fn with<T>(&self, name: &str, missing: impl FnOnce(&str) -> HerderError, read: impl FnOnce(&Connector) -> T) -> Result<T> {
        self.lock().get(name).map(read).ok_or_else(|| missing(name))
    }
}

#[async_trait]
impl Herder for StandaloneHerder {
    fn server_info(&self) -> ServerInfo {
        self.0.parts.server.clone()
    }

    async fn connectors(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    async fn info(&self, name: &str) -> Result<ConnectorInfo> {
        self.0.with(name, no_connector, |connector| connector.info(name))
    }

    async fn status(&self, name: &str) -> Result<ConnectorStateInfo> {
        let missing = |name: &str| not_found(format!("No status found for connector {name}"));
        self.0.with(name, missing, |connector| connector.status(name, &self.0.parts.worker_id))
    }

    async fn task_configs(&self, name: &str) -> Result<Vec<Props>> {
        self.0.with(name, no_connector, |connector| connector.task_configs.clone())
    }

    async fn put(&self, name: &str, config: Props, initial: Option<TargetState>, replace: bool) -> Result<(bool, ConnectorInfo)> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.put(&name, config, initial, replace).await }).await
    }

    async fn patch(&self, name: &str, changes: Vec<(String, Option<String>)>) -> Result<ConnectorInfo> {
        let mut config = self.0.with(name, no_connector, |connector| connector.config.clone())?;
        for (key, value) in changes {
            match value {
                Some(value) => config.set(key, value),
                None => drop(config.0.shift_remove(&key)),
            }
        }
        Ok(self.put(name, config, None, true).await?.1)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.delete(&name).await }).await
    }

    async fn set_target_state(&self, name: &str, state: TargetState) -> Result<()> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.set_target_state(&name, state).await }).await
    }

    async fn restart(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<Option<ConnectorStateInfo>> {
        let plan = self.0.restart_plan(name, include_tasks, only_failed)?;
        let (inner, name) = (self.0.clone(), name.to_owned());
        // As `StandaloneHerder.restartConnectorAndTasks` does, it answers when all has been started again: whoever then
        // asks for the status does not find the failure that the restart was for.
        let restarting = async move {
            inner.restart(&name, &plan).await;
            Ok((include_tasks || only_failed).then_some(plan))
        };
        self.change(restarting).await
    }

    async fn restart_task(&self, name: &str, task: usize) -> Result<()> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.restart_task(&name, task).await }).await
    }

    async fn offsets(&self, name: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        self.0.with(name, no_connector, |_| ())?;
        load_offsets(&*self.0.parts.offsets, name).await
    }

    async fn alter_offsets(&self, name: &str, offsets: Vec<OffsetEntry>) -> Result<String> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.alter_offsets(&name, Some(offsets)).await }).await
    }

    async fn reset_offsets(&self, name: &str) -> Result<String> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.alter_offsets(&name, None).await }).await
    }

    async fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        answers::signal(name, self.0.with(name, no_connector, Connector::signals)?, signal).await
    }

    async fn snapshots(&self, name: &str) -> Result<Vec<SnapshotProgress>> {
        self.0.with(name, no_connector, Connector::snapshots)
    }

    async fn topics(&self, name: &str) -> Result<Vec<String>> {
        self.0.parts.tracked()?;
        // a connector that is not there wrote to no topics, as Connect has it
        Ok(self.0.lock().get(name).map(Connector::topics).unwrap_or_default())
    }

    async fn reset_topics(&self, name: &str) -> Result<()> {
        self.0.parts.resettable()?;
        if let Some(connector) = self.0.lock().get(name) {
            connector.forget_topics();
        }
        Ok(())
    }

    fn plugins(&self, connectors_only: bool) -> Vec<PluginEntry> {
        answers::plugins(&self.0.parts.plugins, connectors_only)
    }

    fn plugin_config(&self, class: &str) -> Result<Vec<ConfigKeyInfo>> {
        self.0.parts.plugin_config(class)
    }

    async fn validate(&self, class: &str, config: Props) -> Result<Validated> {
        self.0.parts.validate(class, config).await
    }
}

impl Inner {
    /// The plan of a restart: what is to be RESTARTING, and everything else as it is.
    fn restart_plan(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<ConnectorStateInfo> {
        let status = self.with(name, unknown_connector, |connector| connector.status(name, &self.parts.worker_id))?;
        Ok(status.restart_plan(include_tasks, only_failed))
    }
}
