//! What both herders are made of, and what they do alike: validation, the plan of a connector's tasks, the start of a task.
//!
//! Which connectors there are, and who runs what, belongs to each of them.

use std::path::PathBuf;
use std::sync::Arc;

use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, OffsetMap, Props, SourceConnector};

use super::answers::{self, bad_request, not_found, of_error, of_start};
use super::{ConfigKeyInfo, HerderError, Result, ServerInfo, TargetState, Validated};
use crate::connector_config;
use crate::offsets::{OffsetEntry, OffsetStore};
use crate::pipeline::{ExactlyOnce, SinkFactory, TaskHandle, TaskMetrics, TaskSettings, TaskSetup, Threads, spawn};
use crate::worker_config::WorkerConfig;

/// What a herder is made of.
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
    /// where records go
    pub sink: SinkFactory,
    /// where sources may put files that nobody needs once they have ended
    pub scratch: PathBuf,
    /// where tasks run
    pub threads: Threads,
}

/// A task that is to start.
pub(super) struct NewTask<'a> {
    /// its connector's name
    pub name: &'a str,
    /// its number
    pub number: usize,
    /// variables not filled in
    pub config: &'a Props,
    /// what it counts
    pub metrics: Arc<TaskMetrics>,
    /// none: its offsets are where those of all are
    pub offsets: Option<Arc<dyn OffsetStore>>,
    /// what makes it exactly once
    pub exactly_once: Option<ExactlyOnce>,
    /// it waits before it connects
    pub paused: bool,
}

/// Stored offsets, or the answer that they cannot be had.
pub(super) async fn load_offsets(store: &dyn OffsetStore, name: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
    store.load(name).await.map_err(|error| of_error(&error))
}

impl Parts {
    /// When tasks that are asked to stop now have to be at their end.
    pub(super) fn deadline(&self) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.worker.graceful_timeout
    }

    /// The source that a configuration names, or the answer to who sent it.
    pub(super) fn source(&self, config: &Props) -> Result<&dyn SourceConnector> {
        connector_config::source(&self.plugins, config).map_err(|error| bad_request(error.message()))
    }

    /// Stores, removes (none) or, without a list, resets offsets of a connector that is stopped; answers Connect's sentence.
    pub(super) async fn alter_offsets(
        &self,
        store: &dyn OffsetStore,
        name: &str,
        config: &Props,
        offsets: Option<Vec<OffsetEntry>>,
    ) -> Result<String> {
        let done = if offsets.is_some() { "altered" } else { "reset" };
        let offsets = match offsets {
            Some(offsets) => offsets,
            None => load_offsets(store, name).await?.into_iter().map(|(partition, _)| (partition, None)).collect(),
        };
        let filled = self.worker.variables.fill_in(config).map_err(|error| of_error(&error))?;
        let by_connector =
            self.source(&filled)?.alter_offsets(&filled, &offsets).map_err(|error| bad_request(error.to_string()))?;
        store.store(name, &offsets).await.map_err(|error| of_error(&error))?;
        Ok(answers::offsets_changed(by_connector, done))
    }

    /// Connect's answer when topics are not tracked.
    pub(super) fn tracked(&self) -> Result<()> {
        if self.worker.topic_tracking {
            return Ok(());
        }
        Err(HerderError { status: 403, message: "Topic tracking is disabled.".to_owned() })
    }

    /// Connect's answer when they may not be forgotten.
    pub(super) fn resettable(&self) -> Result<()> {
        self.tracked()?;
        if self.worker.topic_reset {
            return Ok(());
        }
        Err(HerderError { status: 403, message: "Topic tracking reset is disabled.".to_owned() })
    }

    /// A plug-in's options.
    pub(super) fn plugin_config(&self, class: &str) -> Result<Vec<ConfigKeyInfo>> {
        let plugins = &self.plugins;
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

    /// Checks a configuration for who asks.
    pub(super) async fn validate(&self, class: &str, mut config: Props) -> Result<Validated> {
        if config.get("connector.class").is_none() {
            config.set("connector.class", class);
        }
        let config = self.worker.variables.fill_in(&config).map_err(|error| of_error(&error))?;
        // Connect answers 500 here: the exception comes back wrapped from the validation's thread.
        let source = self.source(&config).map_err(|error| HerderError {
            status: 500,
            message: format!("org.apache.kafka.connect.runtime.rest.errors.BadRequestException: {}", error.message),
        })?;
        let entries = connector_config::validate(&self.plugins, &self.worker, source, &config).await;
        Ok(Validated { class: class.to_owned(), entries })
    }

    /// Validation decides whether a connector may be stored at all.
    pub(super) async fn check(&self, config: &Props) -> Result<()> {
        let class = config.get("connector.class").unwrap_or_default();
        if class.trim().is_empty() {
            // Connect shows the whole map; values may be secret, the name is what helps.
            let name = config.get("name").unwrap_or_default();
            return Err(bad_request(format!("Connector config {{name={name}}} contains no connector type")));
        }
        let config = self.worker.variables.fill_in(config).map_err(|error| of_start(&error))?;
        let source = self.source(&config)?;
        let entries = connector_config::validate(&self.plugins, &self.worker, source, &config).await;
        let mut errors: Vec<&str> = entries
            .iter()
            .filter_map(|(_, value)| value.as_ref())
            .flat_map(|value| value.errors.iter().map(String::as_str))
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        // a password that was not filled in looks like a wrong one
        let left_over = self.worker.variables.left_over(&config);
        errors.extend(left_over.iter().map(String::as_str));
        Err(answers::invalid(&errors))
    }

    /// Says in the log what of a configuration that is to be stored has no effect.
    pub(super) fn warn_of(&self, name: &str, config: &Props) {
        if let Ok(source) = self.source(config) {
            let filled = self.worker.variables.fill_in(config).unwrap_or_else(|_| config.clone());
            let left_over = self.worker.variables.left_over(&filled);
            let idle = connector_config::idle_letters(&filled).map(|why| format!("errors.deadletterqueue.topic.name {why}"));
            for sentence in connector_config::unknown(source, config).into_iter().chain(idle).chain(left_over) {
                tracing::warn!(connector = name, "{sentence}");
            }
        }
    }

    /// The version of the plug-in that a configuration names.
    pub(super) fn version(&self, config: &Props) -> Option<String> {
        connector_config::source(&self.plugins, config).ok().map(|source| source.info().version.to_owned())
    }

    /// The task configurations; none while stopped.
    pub(super) fn plan(&self, config: &Props, target: TargetState) -> rowtide_api::Result<Vec<Props>> {
        let source = connector_config::source(&self.plugins, config)?;
        if target == TargetState::Stopped {
            return Ok(Vec::new());
        }
        let filled = self.worker.variables.fill_in(config)?;
        let max = filled.get("tasks.max").and_then(|text| text.trim().parse().ok()).unwrap_or(1);
        let mut configs = source.task_configs(&filled, max)?;
        let enforce = filled.get("tasks.max.enforce").is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"));
        if configs.len() > max && enforce {
            let count = configs.len();
            return Err(Error::configuration(format!("The connector {} has generated {count} tasks, which is greater than {max}, the maximum number of tasks it is configured to create.", config.get("name").unwrap_or_default()))
                .remedy("raise tasks.max"));
        }
        // What was filled in is put back (`AbstractHerder.reverseTransform`): task configurations are shown.
        for task in &mut configs {
            for (key, value) in &mut task.0 {
                if let Some(raw) = config.get(key)
                    && filled.get(key) == Some(value.as_str())
                {
                    raw.clone_into(value);
                }
            }
        }
        Ok(configs)
    }

    /// Starts a task.
    pub(super) fn start_task(&self, new: NewTask<'_>) -> rowtide_api::Result<TaskHandle> {
        let NewTask { name, number, config, metrics, offsets, exactly_once, paused } = new;
        let config = self.worker.variables.fill_in(config)?;
        let settings = TaskSettings::read(&config, self.worker.flush_interval)?;
        connector_config::source(&self.plugins, &config)?;
        // The first one shows what is wrong with converters and transforms before anything is connected.
        connector_config::encoder(&self.plugins, &self.worker, &config)?;
        let (plugins, worker, own) = (self.plugins.clone(), self.worker.clone(), config.clone());
        let (sources, named) = (self.plugins.clone(), config.clone());
        let setup = TaskSetup {
            connector: name.to_owned(),
            task: number,
            source: Arc::new(move || connector_config::source(&sources, &named).map(|source| source.new_task())),
            encoder: Arc::new(move || connector_config::encoder(&plugins, &worker, &own)),
            sink: self.sink.clone(),
            offsets: offsets.unwrap_or_else(|| self.offsets.clone()),
            exactly_once,
            settings,
            metrics,
            scratch: self.scratch.clone(),
            config,
        };
        spawn(setup, paused, &self.threads)
    }
}
