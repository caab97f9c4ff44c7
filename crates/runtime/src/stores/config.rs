//! The config topic: the connectors of a group, read by all its workers.
//!
//! Writes return when they were read back, as Connect's do, so that whoever wrote sees what it wrote. Who may write what belongs to the herder: the
//! leader writes all but wanted states, restarts and levels.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rowtide_api::{Error, Props, Result};
use rowtide_kafka::ConsumedRecord;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::config_record::{ConfigRecord, SessionKey};
use super::config_state::{Changes, ConfigState};
use super::leader::LeaderWrites;
use super::{Clients, Entry, StorageTopic, TopicLog};
use crate::herder::TargetState;

/// `READ_WRITE_TOTAL_TIMEOUT_MS`: for writing and reading back together.
const LIMIT: Duration = Duration::from_secs(30);

/// The config topic.
pub struct ConfigStore {
    log: TopicLog,
    /// none: the leader writes as everybody does
    leader: Option<LeaderWrites>,
    shared: Arc<Shared>,
    /// one logical write at a time: the configurations of tasks and their commit belong together
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Shared {
    read: Mutex<Read>,
    changed: Notify,
}

#[derive(Default)]
struct Read {
    state: Arc<ConfigState>,
    changes: Changes,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, consumed: ConsumedRecord) {
        let record = consumed.record;
        let read = ConfigRecord::read(record.key.as_deref().unwrap_or_default(), record.value.as_deref());
        let mut shared = self.lock();
        let Read { state, changes } = &mut *shared;
        let state = Arc::make_mut(state);
        state.offset = record.offset + 1;
        match read {
            Ok(read) => state.apply(read, changes),
            Err(why) => tracing::error!("the record at offset {} of the config topic has no effect: {why}", record.offset),
        }
        let news = !changes.is_empty();
        drop(shared);
        if news {
            self.changed.notify_one();
        }
    }
}

impl ConfigStore {
    /// Opens the topic and reads it to its end; what it holds by then is no change. A leader of this group, if it is given, writes in transactions.
    pub async fn open(clients: &Clients, topic: &StorageTopic, leaders_of: Option<&str>) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let reader = shared.clone();
        let log = TopicLog::open(clients, topic, LIMIT, move |record| reader.take(record)).await?;
        shared.lock().changes = Changes::default();
        let leader = leaders_of.map(|group| LeaderWrites::new(clients, group)).transpose()?;
        Ok(Self { log, leader, shared, turn: tokio::sync::Mutex::default() })
    }

    /// This worker leads from now on, or does not lead any more.
    pub async fn lead(&self, leads: bool) {
        let Some(leader) = &self.leader else { return };
        if !leads {
            leader.relinquish().await;
        } else if let Err(error) = leader.claim().await {
            tracing::warn!("the right to write to the config topic could not be claimed, the next write tries again: {error}");
        }
    }

    /// What is read by now.
    pub fn state(&self) -> Arc<ConfigState> {
        self.shared.lock().state.clone()
    }

    /// Waits until something has changed. One caller at a time.
    pub async fn changed(&self) {
        while self.shared.lock().changes.is_empty() {
            self.shared.changed.notified().await;
        }
    }

    /// What is read by now, and what has changed since it was last taken.
    pub fn take(&self) -> (Arc<ConfigState>, Changes) {
        let mut read = self.shared.lock();
        (read.state.clone(), std::mem::take(&mut read.changes))
    }

    /// Reads to the end of the topic, if that is within the limit.
    pub async fn refresh(&self, limit: Duration) -> Result<()> {
        let read = timeout(limit, self.log.read_to_end()).await;
        read.unwrap_or_else(|_| {
            Err(Error::transient(format!("the config topic was not read to its end within {} ms", limit.as_millis())))
        })
    }

    /// Stores a connector's configuration; with a state that is wanted of it from the beginning, that before it.
    pub async fn put_connector(&self, name: &str, config: &Props, initial: Option<TargetState>) -> Result<()> {
        let target = initial.map(|state| ConfigRecord::Target(name.to_owned(), Some(state)));
        let config = ConfigRecord::Connector(name.to_owned(), Some(config.clone()));
        self.lead_write(vec![target.into_iter().chain([config]).collect()]).await
    }

    /// Deletes a connector.
    pub async fn remove_connector(&self, name: &str) -> Result<()> {
        let gone = vec![ConfigRecord::Connector(name.to_owned(), None), ConfigRecord::Target(name.to_owned(), None)];
        self.lead_write(vec![gone]).await
    }

    /// Stores the configurations of a connector's tasks, then that they are all: a reader takes all or none of them.
    pub async fn put_task_configs(&self, name: &str, configs: &[Props]) -> Result<()> {
        let tasks = configs.iter().enumerate();
        let tasks: Vec<_> = tasks.map(|(task, config)| ConfigRecord::Task(name.to_owned(), task, config.clone())).collect();
        self.lead_write(vec![tasks, vec![ConfigRecord::Commit(name.to_owned(), configs.len())]]).await
    }

    /// Stores how many producers of a connector's tasks may have begun to write: as many are fenced before the tasks that come after these.
    pub async fn put_fencing(&self, name: &str, tasks: usize) -> Result<()> {
        self.lead_write(vec![vec![ConfigRecord::Fencing(name.to_owned(), tasks)]]).await
    }

    /// Stores what is wanted of a connector.
    pub async fn put_target_state(&self, name: &str, state: TargetState) -> Result<()> {
        self.write(vec![vec![ConfigRecord::Target(name.to_owned(), Some(state))]]).await
    }

    /// Stores the key that requests between workers are signed with from now on.
    pub async fn put_session_key(&self, key: SessionKey) -> Result<()> {
        self.lead_write(vec![vec![ConfigRecord::SessionKey(key)]]).await
    }

    /// Asks all workers for their part of a restart.
    pub async fn put_restart(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<()> {
        self.write(vec![vec![ConfigRecord::Restart(name.to_owned(), include_tasks, only_failed)]]).await
    }

    /// Sets the level of a logger on all workers.
    pub async fn put_log_level(&self, logger: &str, level: &str) -> Result<()> {
        self.write(vec![vec![ConfigRecord::LogLevel(logger.to_owned(), level.to_owned())]]).await
    }

    /// Waits for what is under way, within bounds.
    pub async fn close(&self) {
        self.log.close().await;
    }

    /// Writes what every worker may write.
    async fn write(&self, groups: Vec<Vec<ConfigRecord>>) -> Result<()> {
        self.write_by(None, groups).await
    }

    /// Writes what only the leader may write.
    async fn lead_write(&self, groups: Vec<Vec<ConfigRecord>>) -> Result<()> {
        self.write_by(self.leader.as_ref(), groups).await
    }

    /// Writes one group of records after the other and reads each back.
    async fn write_by(&self, leader: Option<&LeaderWrites>, groups: Vec<Vec<ConfigRecord>>) -> Result<()> {
        let _turn = self.turn.lock().await;
        let written = async {
            for group in groups.into_iter().filter(|group| !group.is_empty()) {
                let entries: Vec<Entry> = group.iter().map(|record| (record.key().into_bytes(), record.value())).collect();
                match leader {
                    Some(leader) => leader.write(self.log.topic(), entries).await?,
                    None => self.log.write(entries).await?,
                }
                self.log.read_to_end().await?;
            }
            Ok(())
        };
        let late = || Error::transient(format!("the config topic was not written and read back within {} ms", LIMIT.as_millis()));
        timeout(LIMIT, written).await.unwrap_or_else(|_| Err(late()))
    }
}
