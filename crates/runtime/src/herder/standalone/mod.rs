//! The herder of one process: `rowtide run` (offsets and configurations in a data directory) and `rowtide standalone`
//! (offsets in Connect's file, configurations in memory, as `connect-standalone` has it).
//!
//! Requests that change something run one after the other, as on Connect's single herder thread, and to their end even
//! when the client that asked has gone. How a task runs belongs to `pipeline`.

mod answers;
mod change;
mod connector;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rowtide_api::plugin::Plugins;
use rowtide_api::{OffsetMap, Props, Signal, SnapshotProgress, SourceConnector};

use super::{
    ConfigKeyInfo, ConnectorInfo, ConnectorStateInfo, Herder, HerderError, PluginEntry, Result, ServerInfo, TargetState,
    Validated,
};
use crate::connector_config;
use crate::offsets::{EmbeddedStore, OffsetEntry, OffsetStore};
use crate::pipeline::SinkFactory;
use crate::worker_config::WorkerConfig;
use answers::{bad_request, no_connector, not_found, of_error, of_start, unknown_connector};
use connector::Connector;

/// What a standalone herder is made of.
pub struct Parts {
    /// the worker's configuration
    pub worker: WorkerConfig,
    /// `host:port` of the advertised URL
    pub worker_id: String,
    /// what `GET /` answers
    pub server: ServerInfo,
    /// everything that is built in
    pub plugins: Arc<Plugins>,
    /// where offsets are kept
    pub offsets: Arc<dyn OffsetStore>,
    /// where configurations survive a restart; none: in memory only
    pub configs: Option<EmbeddedStore>,
    /// where records go
    pub sink: SinkFactory,
    /// where sources may put files that nobody needs once they have ended
    pub scratch: PathBuf,
}

/// The herder; cheap to clone.
#[derive(Clone)]
pub struct StandaloneHerder(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// held by whoever changes something
    turn: tokio::sync::Mutex<()>,
    connectors: Mutex<BTreeMap<String, Connector>>,
}

impl StandaloneHerder {
    /// A herder that runs nothing yet.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, turn: tokio::sync::Mutex::default(), connectors: Mutex::default() }))
    }

    /// Where its connectors' offsets are kept.
    pub fn offset_store(&self) -> Arc<dyn OffsetStore> {
        self.0.parts.offsets.clone()
    }

    /// Starts the connectors that the data directory knows. One that cannot start is FAILED and says why; only an
    /// unreadable directory is an error.
    pub async fn start_stored(&self) -> rowtide_api::Result<()> {
        let Some(store) = &self.0.parts.configs else { return Ok(()) };
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
        let deadline = self.0.deadline();
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

    fn deadline(&self) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.parts.worker.graceful_timeout
    }

    /// Reads something of a connector; the error of one that is not there comes from the caller.
    fn with<T>(&self, name: &str, missing: impl FnOnce(&str) -> HerderError, read: impl FnOnce(&Connector) -> T) -> Result<T> {
        self.lock().get(name).map(read).ok_or_else(|| missing(name))
    }

    fn source(&self, config: &Props) -> Result<&dyn SourceConnector> {
        connector_config::source(&self.parts.plugins, config).map_err(|error| bad_request(error.message()))
    }

    async fn load_offsets(&self, name: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        self.parts.offsets.load(name).await.map_err(|error| of_error(&error))
    }

    fn tracked(&self) -> Result<()> {
        if self.parts.worker.topic_tracking {
            return Ok(());
        }
        Err(HerderError { status: 403, message: "Topic tracking is disabled.".to_owned() })
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
        let wanted = plan.clone();
        let restarting = async move {
            inner.restart(&name, &wanted).await;
            Ok(())
        };
        if !include_tasks && !only_failed {
            self.change(restarting).await?;
            return Ok(None);
        }
        // 202: the answer is the plan, what comes of it shows in the status.
        tokio::spawn(restarting);
        Ok(Some(plan))
    }

    async fn restart_task(&self, name: &str, task: usize) -> Result<()> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        self.change(async move { inner.restart_task(&name, task).await }).await
    }

    async fn offsets(&self, name: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        self.0.with(name, no_connector, |_| ())?;
        self.0.load_offsets(name).await
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
        let tasks = self.0.with(name, no_connector, Connector::signals)?;
        let mut taken = false;
        for task in tasks {
            match task.send(signal.clone()).await {
                Some(Ok(())) => taken = true,
                Some(Err(refused)) => return Err(bad_request(refused.to_string())),
                None => {}
            }
        }
        let message = || format!("Connector {name} has no running task that could take a signal");
        if taken { Ok(()) } else { Err(HerderError { status: 409, message: message() }) }
    }

    async fn snapshots(&self, name: &str) -> Result<Vec<SnapshotProgress>> {
        self.0.with(name, no_connector, Connector::snapshots)
    }

    async fn topics(&self, name: &str) -> Result<Vec<String>> {
        self.0.tracked()?;
        // a connector that is not there wrote to no topics, as Connect has it
        Ok(self.0.lock().get(name).map(Connector::topics).unwrap_or_default())
    }

    async fn reset_topics(&self, name: &str) -> Result<()> {
        self.0.tracked()?;
        if !self.0.parts.worker.topic_reset {
            return Err(HerderError { status: 403, message: "Topic tracking reset is disabled.".to_owned() });
        }
        if let Some(connector) = self.0.lock().get(name) {
            connector.forget_topics();
        }
        Ok(())
    }

    fn plugins(&self, connectors_only: bool) -> Vec<PluginEntry> {
        answers::plugins(&self.0.parts.plugins, connectors_only)
    }

    fn plugin_config(&self, class: &str) -> Result<Vec<ConfigKeyInfo>> {
        let plugins = &self.0.parts.plugins;
        if let Some(source) = plugins.source(class) {
            // a connector's options are followed by those that Connect gives to each
            let own = connector_config::plugin_keys(source.config_def());
            return Ok(own.into_iter().chain(connector_config::plugin_keys(connector_config::definition())).collect());
        }
        let def = plugins.transforms.iter().find(|plugin| plugin.info.matches(class)).map(|plugin| (plugin.config_def)());
        let def = def.or_else(|| Some((plugins.predicates.iter().find(|plugin| plugin.info.matches(class))?.config_def)()));
        let def = def.or_else(|| Some((plugins.converters.iter().find(|plugin| plugin.info.matches(class))?.config_def)()));
        let def =
            def.or_else(|| Some((plugins.header_converters.iter().find(|plugin| plugin.info.matches(class))?.config_def)()));
        def.map(connector_config::plugin_keys).ok_or_else(|| not_found(format!("Unknown plugin {class}.")))
    }

    async fn validate(&self, class: &str, mut config: Props) -> Result<Validated> {
        let parts = &self.0.parts;
        if config.get("connector.class").is_none() {
            config.set("connector.class", class);
        }
        let config = parts.worker.variables.fill_in(&config).map_err(|error| of_error(&error))?;
        // Connect answers 500 here: the exception comes back wrapped from the validation's thread.
        let source = self.0.source(&config).map_err(|error| HerderError {
            status: 500,
            message: format!("org.apache.kafka.connect.runtime.rest.errors.BadRequestException: {}", error.message),
        })?;
        let entries = connector_config::validate(&parts.plugins, &parts.worker, source, &config).await;
        Ok(Validated { class: class.to_owned(), entries })
    }
}

impl Inner {
    /// The plan of a restart: what is to be RESTARTING, and everything else as it is.
    fn restart_plan(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<ConnectorStateInfo> {
        self.with(name, unknown_connector, |connector| {
            connector.restart_plan(name, &self.parts.worker_id, include_tasks, only_failed)
        })
    }

    /// Validation decides whether a connector may be stored at all.
    async fn check(&self, config: &Props) -> Result<()> {
        let class = config.get("connector.class").unwrap_or_default();
        if class.trim().is_empty() {
            // Connect shows the whole map; values may be secret, the name is what helps.
            let name = config.get("name").unwrap_or_default();
            return Err(bad_request(format!("Connector config {{name={name}}} contains no connector type")));
        }
        let config = self.parts.worker.variables.fill_in(config).map_err(|error| of_start(&error))?;
        let source = self.source(&config)?;
        let entries = connector_config::validate(&self.parts.plugins, &self.parts.worker, source, &config).await;
        let mut errors: Vec<&str> = entries
            .iter()
            .filter_map(|(_, value)| value.as_ref())
            .flat_map(|value| value.errors.iter().map(String::as_str))
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        // a password that was not filled in looks like a wrong one
        let left_over = self.parts.worker.variables.left_over(&config);
        errors.extend(left_over.iter().map(String::as_str));
        Err(answers::invalid(&errors))
    }
}
