//! What a database must offer so that [`crate::coordinator`] can make a connector of it.
//!
//! On paper against the ones to come: MySQL's position is (binlog file, position, GTID set, row); MongoDB's an opaque
//! resume token (its changes carry documents as rows of one JSON column); SQL Server has several partitions, each with
//! its own `Database` instance behind one task; Oracle's position is the oldest open SCN with the commit SCN.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use rowtide_api::{Error, OffsetMap, Result, SourcePartition, TaskContext};
use tokio::sync::watch;

use crate::dispatcher::Dispatcher;
use crate::envelope::Emitter;
use crate::ledger::Ledger;
use crate::settings::Settings;
use crate::snapshot_mode::SnapshotPlan;

/// What was found when the stored offset was held against the server.
#[derive(Debug)]
pub enum Resume {
    /// no offset is stored
    Fresh,
    /// a snapshot was under way, was not completed, and has to be taken anew
    SnapshotInterrupted,
    /// a snapshot was under way: the log since its position is there, and what was not read is read on
    SnapshotContinues,
    /// streaming goes on from the stored offset
    Stored,
    /// the log no longer has the stored position; the text is evidence
    Lost(String),
}

/// Signals from the runtime to the running source. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    /// the newest stored offset; its position may be confirmed to the database
    pub stored: watch::Receiver<Option<OffsetMap>>,
    /// true: end at the next transaction boundary
    pub finish: watch::Receiver<bool>,
    /// what [`rowtide_api::SourceTask::holds_log`] answers
    pub holds_log: Arc<AtomicBool>,
}

impl Control {
    /// Waits until the task is asked to finish.
    pub async fn finished(&mut self) {
        // an error means that the task object is gone: that is an end too
        let _ = self.finish.wait_for(|finish| *finish).await;
    }

    /// Waits until an offset is stored.
    pub async fn stored_once(&mut self) -> Result<()> {
        let stored = self.stored.wait_for(Option::is_some).await;
        stored.map(drop).map_err(|_| Error::transient("the task was stopped"))
    }
}

/// A database that was opened for a task.
pub struct Opened<D> {
    /// the database
    pub database: D,
    /// its log, as offsets name it
    pub partition: Arc<SourcePartition>,
    /// makes its records
    pub emitter: Emitter,
    /// topic of its heartbeats
    pub heartbeat_topic: Arc<str>,
    /// value of `serverName` in its heartbeats
    pub server_name: Arc<str>,
    /// the shared settings
    pub settings: Settings,
}

/// A database that changes are captured from. One instance serves one source partition of one task.
#[async_trait]
pub trait Database: Send + Sized + 'static {
    /// Reads the configuration and connects.
    async fn open(context: &TaskContext) -> Result<Opened<Self>>;

    /// Holds a stored offset against the server; with it comes the ledger of the snapshot that was under way, if it is
    /// stored.
    async fn resume(&mut self, stored: Option<&OffsetMap>, ledger: Option<Ledger>) -> Result<Resume>;

    /// Makes ready what must exist before anything is read: publications, slots, replica identities.
    async fn prepare(&mut self, plan: &SnapshotPlan) -> Result<()>;

    /// Takes a consistent snapshot of the captured tables' rows and hands them over, in the order and with the
    /// markers of the original, then calls [`Dispatcher::complete_snapshot`]. What it leaves unread, because an earlier
    /// start has read a part or because the log is to be read meanwhile, is read by `stream` in further rounds.
    async fn snapshot(&mut self, out: &mut Dispatcher, control: &mut Control) -> Result<()>;

    /// Streams changes until `control.finish`, then returns at a transaction boundary. Confirms to the database what
    /// `control.stored` says is durable. Asks the dispatcher for a heartbeat after each batch and when idle, and
    /// runs `heartbeat.action.query` when it says so.
    async fn stream(&mut self, out: &mut Dispatcher, control: Control) -> Result<()>;

    /// Releases connections; drops what the configuration says is to be dropped on a stop.
    async fn close(&mut self) -> Result<()>;
}
