//! What a source is to the runtime: a connector that validates and plans, and tasks that are polled.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ConfigDef, ConfigValue, Error, OffsetMap, PluginInfo, Props, Result, SharedProgress, SourcePosition, SourceRecord};

/// Whether a connector can take part in exactly-once delivery (KIP-618).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnce {
    /// offsets and records may share a transaction
    Supported,
    /// they may not
    Unsupported,
}

/// What a task is given when it starts.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// the connector's name
    pub connector: String,
    /// the task's number, from 0
    pub task: usize,
    /// the task's configuration, variables filled in
    pub config: Props,
    /// every offset stored for the connector: partition map and offset map
    pub offsets: Vec<(OffsetMap, OffsetMap)>,
    /// where it may put files that nobody needs once it has ended
    pub scratch: PathBuf,
    /// where it writes how far its snapshots are
    pub progress: SharedProgress,
}

/// What a user asks of a running task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// names it in notifications and logs
    pub id: String,
    /// its type
    pub kind: String,
    /// a JSON object; blank: none
    pub data: String,
}

/// What one poll brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// records in the order of the log
    pub records: Vec<SourceRecord>,
    /// positions past the last record, at most one of a source partition, reached once all records of the task so far
    /// are durable: the end of a transaction, log that held nothing for us, a finished part of a snapshot. None of a
    /// partition whose last record's own position says it all. An empty offset removes what is stored.
    pub reached: Vec<SourcePosition>,
    /// offsets are to be stored as soon as this batch is durable, whatever the interval: the source waits for it
    pub urgent: bool,
}

/// What a source says of a configuration without asking its server, beyond what its declarations show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// the property, where one can be named
    pub property: Option<String>,
    /// a sentence; shows no value that may be secret
    pub sentence: String,
    /// what can be done about it
    pub remedy: Option<String>,
    /// whether a task would refuse to start because of it
    pub stops: bool,
}

/// Something that would be missing for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// which changes, and why
    pub what: String,
    /// what can be done about it
    pub remedy: String,
}

/// What would follow if a task went on from an offset: the source's word, for whoever decides whether to store it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// the place in the log, as the database writes it
    pub place: String,
    /// from where on the database still has its log for us, likewise; none: nowhere
    pub earliest: Option<String>,
    /// what a task would never send
    pub losses: Vec<Loss>,
    /// what else would follow: a sentence each
    pub notes: Vec<String>,
    /// who reads the log at this moment: a task that runs stores offsets of its own over any other
    pub reader: Option<String>,
}

/// What a planned change of tables would make of them. Nothing has been changed.
#[derive(Debug, Default)]
pub struct Trial {
    /// the tables that the change names, and those that it makes
    pub tables: Vec<TrialTable>,
    /// what was passed over, and why
    pub notes: Vec<String>,
}

/// A table before and after a change, in records of made-up rows as the connector would make them.
#[derive(Debug)]
pub struct TrialTable {
    /// its name
    pub table: String,
    /// its name afterwards, if that is another
    pub renamed: Option<String>,
    /// a record as it is now; none: the table is not there, or not captured
    pub before: Option<SourceRecord>,
    /// a record as it would be then, likewise
    pub after: Option<SourceRecord>,
    /// what else is to be known of it
    pub notes: Vec<String>,
}

/// A kind of source: `io.debezium.connector.postgresql.PostgresConnector`.
#[async_trait]
pub trait SourceConnector: Send + Sync {
    /// Class name, aliases and version.
    fn info(&self) -> &'static PluginInfo;

    /// The options, in the order in which validation lists them.
    fn config_def(&self) -> &'static ConfigDef;

    /// Checks a configuration, the server behind it included, and answers one value for each option of the
    /// definition, in its order. Never fails: what is wrong stands in the values' errors.
    async fn validate(&self, config: &Props) -> Vec<ConfigValue>;

    /// What else a task of this configuration would log or fail with before it asks its server anything.
    fn remarks(&self, _config: &Props) -> Vec<Remark> {
        Vec::new()
    }

    /// The configurations of the tasks: at most `max` of them. They carry what Debezium's carry, so that a Java
    /// worker can run them.
    fn task_configs(&self, config: &Props, max: usize) -> Result<Vec<Props>>;

    /// Whether tasks of this configuration can be exactly once.
    fn exactly_once(&self, config: &Props) -> ExactlyOnce;

    /// Checks offsets that a user wants to store (none removes one). True if the source did something of its own
    /// with them, false when the worker alone handles them.
    fn alter_offsets(&self, config: &Props, offsets: &[(OffsetMap, Option<OffsetMap>)]) -> Result<bool>;

    /// An offset's place in the log, in words that the database's own tools use. None: it is no such offset.
    fn place(&self, _offset: &OffsetMap) -> Option<String> {
        None
    }

    /// Holds an offset against the server as a task's start would, and changes nothing: whether its place is still there, and
    /// what would come again or never. `present` is what is stored now under the same partition.
    async fn outlook(
        &self,
        _config: &Props,
        _partition: &OffsetMap,
        _offset: &OffsetMap,
        _present: Option<&OffsetMap>,
    ) -> Result<Outlook> {
        Err(Error::configuration("This connector cannot hold offsets against its server"))
    }

    /// The offset that stands for a place which a user names, made from the one that is stored, and its partition.
    fn offset_at(&self, _config: &Props, _stored: &[(OffsetMap, OffsetMap)], _place: &str) -> Result<(OffsetMap, OffsetMap)> {
        Err(Error::configuration("This connector takes no places of its log"))
    }

    /// Tries a change of tables, in the database's own language, without changing anything: what records would be made from then on. Locks are
    /// waited for no longer than `patience`.
    async fn try_change(&self, _config: &Props, _change: &str, _patience: Duration) -> Result<Trial> {
        Err(Error::configuration("This connector cannot try changes of tables"))
    }

    /// A task that is not started yet.
    fn new_task(&self) -> Box<dyn SourceTask>;
}

/// A running source. The runtime polls it at its own pace, and never from two places at once.
#[async_trait]
pub trait SourceTask: Send {
    /// Connects, checks the stored position and begins to read. A transient error makes the runtime try again with
    /// a new task.
    async fn start(&mut self, context: TaskContext) -> Result<()>;

    /// Waits for the next records. Dropping the future loses none. `None` after [`SourceTask::finish`], once all
    /// that was read is handed over.
    async fn poll(&mut self) -> Result<Option<Batch>>;

    /// Says that these offsets are stored: everything up to them is durable. Only now may the database forget it.
    async fn committed(&mut self, partition: &OffsetMap, offset: &OffsetMap) -> Result<()>;

    /// Whether the database keeps much of its log only for want of a newer offset: one is then stored as soon as there
    /// is one, without waiting for its interval.
    fn holds_log(&self) -> bool {
        false
    }

    /// Takes a signal; an error says why it is refused. What it asks for happens in the course of the stream.
    fn signal(&mut self, _signal: Signal) -> Result<()> {
        Err(Error::data("This connector takes no signals"))
    }

    /// Asks for a clean end: `poll` goes on to the next transaction boundary, then answers `None`.
    fn finish(&mut self);

    /// Releases connections; what was not polled is dropped and will be read again.
    async fn stop(&mut self);
}
