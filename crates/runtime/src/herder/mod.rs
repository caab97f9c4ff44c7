//! The herder: starts and stops connectors and their tasks, and answers for them.
//!
//! REST and CLI talk to nothing else. Here stand the trait and the plain data that it speaks in; `standalone` is
//! the herder of one process, `distributed` that of a group of workers. How a task does its work belongs to `pipeline`.

mod answers;
pub mod distributed;
pub mod hop;
mod parts;
pub mod standalone;

use async_trait::async_trait;
use rowtide_api::{ConfigValue, OffsetMap, Props, Signal, SnapshotProgress};
use serde::Serialize;

pub use parts::Parts;

use crate::pipeline::Trouble;

/// An answer that is an error: Connect's `{"error_code","message"}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HerderError {
    /// HTTP status
    pub status: u16,
    /// what the user reads
    pub message: String,
}

/// Result of a herder call.
pub type Result<T> = std::result::Result<T, HerderError>;

/// State of a connector or a task, in Connect's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum State {
    Unassigned,
    Running,
    Paused,
    Stopped,
    Failed,
    Restarting,
}

impl State {
    /// The state of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [Self::Unassigned, Self::Running, Self::Paused, Self::Stopped, Self::Failed, Self::Restarting];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Connect's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
        }
    }
}

/// What a user wants of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TargetState {
    Started,
    Paused,
    Stopped,
}

impl TargetState {
    /// Connect's word for it, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
        }
    }

    /// The state of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Started, Self::Paused, Self::Stopped].into_iter().find(|state| state.name() == name)
    }
}

/// `GET /`
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ServerInfo {
    pub version: String,
    pub commit: String,
    pub kafka_cluster_id: Option<String>,
}

/// A task's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[allow(missing_docs)]
pub struct TaskId {
    pub connector: String,
    pub task: usize,
}

/// `GET /connectors/{c}`; `config` holds what the user wrote, variables not filled in.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ConnectorInfo {
    pub name: String,
    pub config: serde_json::Map<String, serde_json::Value>,
    pub tasks: Vec<TaskId>,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl ConnectorInfo {
    /// A source connector's, with this many tasks.
    fn of_source(name: &str, config: &Props, tasks: usize) -> Self {
        let config = config.iter().map(|(key, value)| (key.to_owned(), serde_json::Value::from(value))).collect();
        let tasks = (0..tasks).map(|task| TaskId { connector: name.to_owned(), task }).collect();
        Self { name: name.to_owned(), config, tasks, kind: "source" }
    }
}

/// Status of a connector.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ConnectorStatus {
    pub state: State,
    pub worker_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    pub version: Option<String>,
}

/// Status of a task. Rowtide's own member comes last, and is there only when there is something to say: a client that takes Connect's members
/// alone gets them alone of a healthy task.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct TaskStatus {
    pub id: usize,
    pub state: State,
    pub worker_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    pub version: Option<String>,
    #[serde(rename = "rowtide", skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// `GET /connectors/{c}/status`
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ConnectorStateInfo {
    pub name: String,
    pub connector: ConnectorStatus,
    pub tasks: Vec<TaskStatus>,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl ConnectorStateInfo {
    /// `RestartPlan`: what is to be restarted shows as RESTARTING, with the trace that it still has.
    fn restart_plan(mut self, include_tasks: bool, only_failed: bool) -> Self {
        if !only_failed || self.connector.state == State::Failed {
            self.connector.state = State::Restarting;
        }
        for task in &mut self.tasks {
            if include_tasks && (!only_failed || task.state == State::Failed) {
                task.state = State::Restarting;
            }
        }
        self
    }
}

/// `PUT /connector-plugins/{p}/config/validate`, before it is laid out as Connect's `ConfigInfos`: one entry for each
/// option, in order, each with the declaration that it belongs to.
#[derive(Clone, Debug)]
pub struct Validated {
    /// the connector's class
    pub class: String,
    /// declaration and outcome; none: the option is listed but has no value (a deprecated name of another one)
    pub entries: Vec<(ConfigKeyInfo, Option<ConfigValue>)>,
}

/// Connect's `ConfigKeyInfo`, field order as it is written.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ConfigKeyInfo {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub required: bool,
    pub default_value: Option<String>,
    pub importance: String,
    pub documentation: String,
    /// heading; none for a plug-in whose options have no headings
    pub group: Option<String>,
    /// place under the heading
    #[serde(rename = "order_in_group")]
    pub order: i32,
    pub width: String,
    pub display_name: String,
    pub dependents: Vec<String>,
}

/// An entry of `GET /connector-plugins`.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct PluginEntry {
    pub class: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: String,
}

/// A request of another worker, as it has to be verified (KIP-507).
#[derive(Clone, Debug)]
pub struct SignedCall {
    /// what is signed
    pub body: Vec<u8>,
    /// base64
    pub signature: Option<String>,
    /// how it was signed
    pub algorithm: Option<String>,
}

/// What runs connectors. Every answer's status code and text is Connect's.
#[async_trait]
pub trait Herder: Send + Sync {
    /// Version, commit and the Kafka cluster behind it.
    fn server_info(&self) -> ServerInfo;
    /// Names of all connectors.
    async fn connectors(&self) -> Vec<String>;
    /// A connector's definition.
    async fn info(&self, name: &str) -> Result<ConnectorInfo>;
    /// A connector's state.
    async fn status(&self, name: &str) -> Result<ConnectorStateInfo>;
    /// The configurations of its tasks, by task number.
    async fn task_configs(&self, name: &str) -> Result<Vec<Props>>;
    /// Creates (`replace` false) or puts a connector's configuration. True: it is new.
    async fn put(&self, name: &str, config: Props, initial: Option<TargetState>, replace: bool) -> Result<(bool, ConnectorInfo)>;
    /// Merges into a connector's configuration; none removes a key.
    async fn patch(&self, name: &str, changes: Vec<(String, Option<String>)>) -> Result<ConnectorInfo>;
    /// Deletes a connector.
    async fn delete(&self, name: &str) -> Result<()>;
    /// Pauses, resumes or stops.
    async fn set_target_state(&self, name: &str, state: TargetState) -> Result<()>;
    /// Restarts the connector and, if asked, its tasks; answers the plan's states when tasks are included.
    async fn restart(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<Option<ConnectorStateInfo>>;
    /// Restarts one task.
    async fn restart_task(&self, name: &str, task: usize) -> Result<()>;
    /// Stored offsets: partition and offset maps.
    async fn offsets(&self, name: &str) -> Result<Vec<(OffsetMap, OffsetMap)>>;
    /// Stores (none removes) offsets of a stopped connector; answers Connect's sentence.
    async fn alter_offsets(&self, name: &str, offsets: Vec<(OffsetMap, Option<OffsetMap>)>) -> Result<String>;
    /// Removes all offsets of a stopped connector; answers Connect's sentence.
    async fn reset_offsets(&self, name: &str) -> Result<String>;
    /// Hands a signal to the connector's tasks. Rowtide's own: Debezium takes signals over JMX in its place.
    async fn signal(&self, name: &str, signal: Signal) -> Result<()>;
    /// Sets the level of a logger on all workers of the group; false: there is no group, the level is this worker's alone.
    async fn set_cluster_log_level(&self, _logger: &str, _level: &str) -> Result<bool> {
        Ok(false)
    }
    /// Takes the configurations of a connector's tasks from the worker that has the connector.
    async fn submit_tasks(&self, _name: &str, _tasks: Vec<Props>, _call: SignedCall) -> Result<()> {
        let message = "Kafka Connect in standalone mode does not support externally setting task configurations.";
        Err(HerderError { status: 500, message: message.to_owned() })
    }
    /// Makes sure that nobody writes any more for the tasks that a connector had before those that it has now (exactly once); asked by the worker
    /// that is to start one of these.
    async fn fence(&self, _name: &str, _call: SignedCall) -> Result<()> {
        let message = "Kafka Connect in standalone mode does not support exactly-once source connectors.";
        Err(HerderError { status: 500, message: message.to_owned() })
    }
    /// How far the snapshots of its tasks are, by task number. Rowtide's own: Debezium has it in JMX.
    async fn snapshots(&self, name: &str) -> Result<Vec<SnapshotProgress>>;
    /// Topics that the connector wrote to since they were last reset.
    async fn topics(&self, name: &str) -> Result<Vec<String>>;
    /// Forgets them.
    async fn reset_topics(&self, name: &str) -> Result<()>;
    /// Installed plug-ins, sorted as Connect sorts them.
    fn plugins(&self, connectors_only: bool) -> Vec<PluginEntry>;
    /// A plug-in's options.
    fn plugin_config(&self, class: &str) -> Result<Vec<ConfigKeyInfo>>;
    /// Checks a configuration.
    async fn validate(&self, class: &str, config: Props) -> Result<Validated>;
}
