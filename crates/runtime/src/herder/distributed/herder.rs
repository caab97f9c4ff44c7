//! The worker of a group as REST and CLI see it: what changes something goes through the machine, what is read comes from the stores.

use std::sync::Arc;

use async_trait::async_trait;
use rowtide_api::{Error, OffsetMap, Props, Result as ApiResult, Signal, SnapshotProgress};
use rowtide_kafka::{ClientConfig, Group, GroupSettings};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::driver::{self, Driver};
use super::fencing::Fencing;
use super::machine::{Done, Event, Machine, Request, Settings};
use super::protocol::{PROTOCOL_TYPE, Protocol};
use super::requests::Outcome;
use super::shared::{LogLevel, Shared};
use super::{fencing, member, peer};
use crate::herder::answers::{self, no_connector, not_found};
use crate::herder::hop::{self, Onward};
use crate::herder::parts::load_offsets;
use crate::herder::{
    ConfigKeyInfo, ConnectorInfo, ConnectorStateInfo, ConnectorStatus, Herder, HerderError, Parts, PluginEntry, Result,
    ServerInfo, SignedCall, TargetState, TaskId, TaskStatus, Validated,
};
use crate::kafka_sink::client_error;
use crate::offsets::{KafkaOffsetStore, OffsetEntry, OffsetStore};
use crate::stores::config_record::SessionKey;
use crate::stores::status_record::Status;
use crate::stores::{ConfigStore, StatusStore};
use crate::worker_config::Membership;

/// Events that wait for the machine.
const INBOX: usize = 256;

/// What a worker of a group is made of.
pub struct Start {
    /// what every herder is made of; its offsets are the group's
    pub parts: Parts,
    /// the same as `parts.offsets`
    pub offsets: Arc<KafkaOffsetStore>,
    /// the group's configurations
    pub configs: ConfigStore,
    /// the group's statuses
    pub statuses: StatusStore,
    /// the worker's place in the group
    pub membership: Membership,
    /// its advertised URL
    pub url: String,
    /// of the client that is the group's member
    pub client: ClientConfig,
    /// of a worker whose tasks are exactly once
    pub fencing: Option<Fencing>,
    /// sets the level of a logger of this process
    pub log_level: LogLevel,
}

/// The herder; cheap to clone.
#[derive(Clone)]
pub struct DistributedHerder {
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    /// the driver's end
    ended: watch::Receiver<bool>,
    /// why the worker cannot be a member of the group
    failed: watch::Receiver<Option<String>>,
}

impl DistributedHerder {
    /// Joins the group.
    pub fn start(start: Start) -> ApiResult<Self> {
        let membership = start.membership.clone();
        let settings = settings(&membership, start.url.clone());
        let group = GroupSettings {
            group: membership.group.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            session_timeout: membership.session_timeout,
            rebalance_timeout: membership.rebalance_timeout,
            heartbeat_interval: membership.heartbeat_interval,
        };
        let group = Group::new(start.client.clone(), group).map_err(client_error)?;
        let shared = Arc::new(Shared::new(start));
        if shared.url.starts_with("https://") {
            shared.peers.check()?;
        }
        let (events, inbox) = mpsc::channel(INBOX);
        let (commands, commanded) = mpsc::unbounded_channel();
        let (writes, written) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(false);
        let (fail, failed) = watch::channel(None);
        let driver = Driver { shared: shared.clone(), machine: Machine::new(settings), membership, events, commands, writes };
        let events = driver.events.clone();
        let helpers = [
            tokio::spawn(driver::write(shared.clone(), written, events.clone())),
            tokio::spawn(driver::follow(shared.clone(), events.clone())),
        ];
        let member = tokio::spawn(run_member(group, commanded, events.clone(), fail));
        tokio::spawn(async move {
            driver.run(inbox).await;
            // the last command was to leave
            let _ = member.await;
            helpers.iter().for_each(JoinHandle::abort);
            end.send_replace(true);
        });
        Ok(Self { shared, events, ended, failed })
    }

    /// Where the group's offsets are kept.
    pub fn offset_store(&self) -> Arc<dyn OffsetStore> {
        self.shared.parts.offsets.clone()
    }

    /// Stops all tasks, leaves the group, and returns when what they said is written.
    pub async fn stop(&self) {
        // one that has ended takes no events
        let _ = self.events.send(Event::Shutdown).await;
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
        self.shared.statuses.close().await;
        self.shared.configs.close().await;
    }

    /// Waits for what makes it useless: it cannot be a member of its group.
    pub async fn failed(&self) -> Error {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(why) => Error::configuration(why.clone().unwrap_or_default())
                .remedy("check 'group.id' and the rights of the worker's clients"),
            // ended in order
            Err(_) => std::future::pending().await,
        }
    }

    /// Asks the machine. What another worker has to answer goes on to it; should nobody carry it there, the answer says where to ask.
    async fn ask(&self, request: Request) -> Result<Done> {
        match self.shared.requests.ask(request, hop::came_by(), &self.events).await {
            Outcome::Here(answer) => answer,
            Outcome::Elsewhere(onward) => Err(elsewhere(onward)),
        }
    }

    /// Stores, removes (none) or, without a list, resets offsets; to the end, also when who asked has gone.
    async fn change_offsets(&self, name: &str, offsets: Option<Vec<OffsetEntry>>) -> Result<String> {
        self.ask(Request::Offsets(name.to_owned())).await?;
        if self.shared.fencing.is_some() {
            // a task that was stopped here may go on elsewhere without knowing
            fencing::fence(&self.shared, name).await?;
        }
        let (shared, name, config) = (self.shared.clone(), name.to_owned(), self.config(name)?);
        let change = async move {
            let store = shared.offsets_of(&name, &config).map_err(|error| answers::of_error(&error))?;
            shared.parts.alter_offsets(&*store, &name, &config, offsets).await
        };
        let changed = tokio::spawn(change).await;
        changed
            .unwrap_or_else(|panic| Err(HerderError { status: 500, message: format!("the request ended abnormally: {panic}") }))
    }

    /// Whether a request for the tasks of a connector has to go on, to the worker that says that it has them.
    fn elsewhere(&self, name: &str) -> Result<()> {
        let own = &self.shared.parts.worker_id;
        let tasks = self.shared.statuses.tasks(name);
        match tasks.into_values().map(|status| status.worker_id).find(|id| id != own) {
            // the workers of a group are taken to be reached alike
            Some(id) if hop::came_by().is_none() => {
                let scheme = self.shared.url.split("://").next().unwrap_or("http");
                Err(elsewhere(Onward { url: format!("{scheme}://{id}/"), forward: false }))
            }
            _ => Ok(()),
        }
    }

    fn config(&self, name: &str) -> Result<Props> {
        self.shared.configs.state().config(name).cloned().ok_or_else(|| no_connector(name))
    }

    fn state(&self, name: &str) -> Result<ConnectorStateInfo> {
        let missing = || not_found(format!("No status found for connector {name}"));
        let Status { state, trace, worker_id, version, .. } = self.shared.statuses.connector(name).ok_or_else(missing)?;
        let tasks = self.shared.statuses.tasks(name).into_iter().map(|(id, status)| {
            let Status { state, trace, worker_id, version, trouble, .. } = status;
            TaskStatus { id, state, worker_id, trace, version, trouble }
        });
        Ok(ConnectorStateInfo {
            name: name.to_owned(),
            connector: ConnectorStatus { state, worker_id, trace, version },
            tasks: tasks.collect(),
            kind: "source",
        })
    }
}

fn settings(membership: &Membership, url: String) -> Settings {
    let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Settings {
        url,
        protocol: match membership.protocol.as_str() {
            "eager" => Protocol::Eager,
            "compatible" => Protocol::Compatible,
            _ => Protocol::Sessioned,
        },
        session_timeout: millis(membership.session_timeout),
        max_delay: i32::try_from(membership.scheduled_delay.as_millis()).unwrap_or(i32::MAX),
        sync_timeout: millis(membership.sync_timeout),
        unsync_backoff: millis(membership.unsync_backoff),
        key_ttl: membership.key_ttl.map_or(0, millis),
        key_algorithm: "HmacSHA256".to_owned(),
    }
}

async fn run_member(
    group: Group,
    commands: mpsc::UnboundedReceiver<member::Command>,
    events: mpsc::Sender<Event>,
    failed: watch::Sender<Option<String>>,
) {
    if let Err(error) = member::run(group, commands, events.clone()).await {
        tracing::error!("this worker cannot be a member of its group: {error}");
        failed.send_replace(Some(error.to_string()));
        // its tasks are others' from now on
        let _ = events.send(Event::CoordinatorLost).await;
    }
}

#[async_trait]
impl Herder for DistributedHerder {
    fn server_info(&self) -> ServerInfo {
        self.shared.parts.server.clone()
    }

    async fn connectors(&self) -> Vec<String> {
        self.shared.configs.state().connectors().map(str::to_owned).collect()
    }

    async fn info(&self, name: &str) -> Result<ConnectorInfo> {
        let state = self.shared.configs.state();
        let config = state.config(name).ok_or_else(|| no_connector(name))?;
        Ok(ConnectorInfo::of_source(name, config, state.task_count(name)))
    }

    async fn status(&self, name: &str) -> Result<ConnectorStateInfo> {
        self.state(name)
    }

    async fn task_configs(&self, name: &str) -> Result<Vec<Props>> {
        self.config(name)?;
        Ok(self.shared.configs.state().task_configs(name))
    }

    async fn put(&self, name: &str, config: Props, initial: Option<TargetState>, replace: bool) -> Result<(bool, ConnectorInfo)> {
        self.shared.parts.check(&config).await?;
        self.shared.parts.warn_of(name, &config);
        let request = Request::Put { name: name.to_owned(), config: config.clone(), initial, replace };
        let created = matches!(self.ask(request).await?, Done::Put(true, _));
        let tasks = self.shared.configs.state().task_count(name);
        Ok((created, ConnectorInfo::of_source(name, &config, tasks)))
    }

    async fn patch(&self, name: &str, changes: Vec<(String, Option<String>)>) -> Result<ConnectorInfo> {
        self.ask(Request::Patch(name.to_owned())).await?;
        let mut config = self.config(name)?;
        for (key, value) in changes {
            match value {
                Some(value) => config.set(key, value),
                None => drop(config.0.shift_remove(&key)),
            }
        }
        Ok(self.put(name, config, None, true).await?.1)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.ask(Request::Delete(name.to_owned())).await.map(drop)
    }

    async fn set_target_state(&self, name: &str, state: TargetState) -> Result<()> {
        self.ask(Request::Target(name.to_owned(), state)).await.map(drop)
    }

    async fn restart(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<Option<ConnectorStateInfo>> {
        // what the restart begins with: by the time of the answer it may be under way, and a status amid it has no version
        let before = self.state(name);
        match self.ask(Request::Restart(name.to_owned(), include_tasks, only_failed)).await? {
            Done::Restarting => Ok(Some(before?.restart_plan(include_tasks, only_failed))),
            _ => Ok(None),
        }
    }

    async fn restart_task(&self, name: &str, task: usize) -> Result<()> {
        self.ask(Request::RestartTask(TaskId { connector: name.to_owned(), task })).await.map(drop)
    }

    async fn offsets(&self, name: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        let store = self.shared.offsets_of(name, &self.config(name)?).map_err(|error| answers::of_error(&error))?;
        load_offsets(&*store, name).await
    }

    async fn alter_offsets(&self, name: &str, offsets: Vec<OffsetEntry>) -> Result<String> {
        self.change_offsets(name, Some(offsets)).await
    }

    async fn reset_offsets(&self, name: &str) -> Result<String> {
        self.change_offsets(name, None).await
    }

    async fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        self.config(name)?;
        let tasks = self.shared.tasks.signals(name);
        if tasks.is_empty() {
            self.elsewhere(name)?;
        }
        answers::signal(name, tasks, signal).await
    }

    async fn snapshots(&self, name: &str) -> Result<Vec<SnapshotProgress>> {
        self.config(name)?;
        if self.shared.tasks.signals(name).is_empty() {
            self.elsewhere(name)?;
        }
        Ok(self.shared.tasks.snapshots(name, self.shared.configs.state().task_count(name)))
    }

    async fn set_cluster_log_level(&self, logger: &str, level: &str) -> Result<bool> {
        self.shared.configs.put_log_level(logger, level).await.map_err(|error| answers::of_error(&error))?;
        Ok(true)
    }

    async fn submit_tasks(&self, name: &str, tasks: Vec<Props>, call: SignedCall) -> Result<()> {
        if self.shared.is_sessioned() {
            verify(self.shared.configs.state().session_key.as_ref(), &call)?;
        }
        self.ask(Request::Tasks(name.to_owned(), tasks)).await.map(drop)
    }

    async fn fence(&self, name: &str, call: SignedCall) -> Result<()> {
        if self.shared.is_sessioned() {
            verify(self.shared.configs.state().session_key.as_ref(), &call)?;
        }
        self.ask(Request::Fence(name.to_owned())).await?;
        fencing::fence(&self.shared, name).await
    }

    async fn topics(&self, name: &str) -> Result<Vec<String>> {
        self.shared.parts.tracked()?;
        Ok(self.shared.statuses.topics(name))
    }

    async fn reset_topics(&self, name: &str) -> Result<()> {
        self.shared.parts.resettable()?;
        self.shared.statuses.forget_topics(name).await;
        Ok(())
    }

    fn plugins(&self, connectors_only: bool) -> Vec<PluginEntry> {
        answers::plugins(&self.shared.parts.plugins, connectors_only)
    }

    fn plugin_config(&self, class: &str) -> Result<Vec<ConfigKeyInfo>> {
        self.shared.parts.plugin_config(class)
    }

    async fn validate(&self, class: &str, config: Props) -> Result<Validated> {
        self.shared.parts.validate(class, config).await
    }
}

fn elsewhere(onward: Onward) -> HerderError {
    let message = format!("Cannot complete request here; ask the worker at {}", onward.url);
    hop::send_on(onward);
    HerderError { status: 409, message }
}

/// `DistributedHerder.putTaskConfigs`: only members of the group say what a connector's tasks are.
fn verify(key: Option<&SessionKey>, call: &SignedCall) -> Result<()> {
    let refused = |status, message: &str| Err(HerderError { status, message: message.to_owned() });
    let (Some(signature), Some(algorithm)) = (&call.signature, &call.algorithm) else {
        return refused(400, "Internal request missing required signature");
    };
    if algorithm != peer::ALGORITHM {
        return refused(
            400,
            &format!(
                "This worker does not support the '{algorithm}' key signing algorithm used by other workers. This worker is currently configured \
                 to use: {}. Check that all workers' configuration files permit the same set of signature algorithms, and correct any \
                 misconfigured worker and restart it.",
                peer::ALGORITHM
            ),
        );
    }
    match key {
        None => {
            refused(503, "This worker is still starting up and has not been able to read a session key from the config topic yet")
        }
        Some(key) if peer::is_signed(key, &call.body, signature) => Ok(()),
        Some(_) => refused(403, "Internal request contained invalid signature."),
    }
}
