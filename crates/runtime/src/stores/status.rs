//! The status topic: how connectors and tasks are, each as the worker says that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rowtide_api::Result;
use rowtide_kafka::ConsumedRecord;

use super::config_state::ConfigState;
use super::status_record::{ActiveTopic, Status, StatusRecord};
use super::{Clients, StorageTopic, TopicLog};
use crate::herder::TaskId;

/// What could not be written for this long is no news any more.
const DELIVERY: Duration = Duration::from_secs(30);

/// What the topic holds.
#[derive(Default)]
struct Statuses {
    connectors: BTreeMap<String, Status>,
    /// by connector and task
    tasks: BTreeMap<String, BTreeMap<usize, Status>>,
    /// by connector and topic
    topics: BTreeMap<String, BTreeMap<String, ActiveTopic>>,
}

impl Statuses {
    fn apply(&mut self, record: StatusRecord) {
        match record {
            StatusRecord::Connector(name, Some(status)) => drop(self.connectors.insert(name, status)),
            StatusRecord::Connector(name, None) => {
                self.connectors.remove(&name);
                self.tasks.remove(&name);
            }
            StatusRecord::Task(id, Some(status)) => drop(self.tasks.entry(id.connector).or_default().insert(id.task, status)),
            StatusRecord::Task(id, None) => {
                self.tasks.entry(id.connector).or_default().remove(&id.task);
            }
            StatusRecord::Topic(active) => {
                self.topics.entry(active.connector.clone()).or_default().insert(active.topic.clone(), active);
            }
            StatusRecord::TopicGone(topic, connector) => {
                self.topics.entry(connector).or_default().remove(&topic);
            }
        }
    }

    /// What a worker that may have lost what it speaks of must not write over: what another one says in a later generation.
    fn is_newer(&self, record: &StatusRecord, own: &str, generation: i32) -> bool {
        let there = match record {
            StatusRecord::Connector(name, _) => self.connectors.get(name),
            StatusRecord::Task(id, _) => self.tasks.get(&id.connector).and_then(|tasks| tasks.get(&id.task)),
            StatusRecord::Topic(_) | StatusRecord::TopicGone(..) => None,
        };
        there.is_some_and(|status| status.worker_id != own && status.generation > generation)
    }
}

/// The status topic.
pub struct StatusStore {
    log: TopicLog,
    statuses: Arc<Mutex<Statuses>>,
}

fn locked(statuses: &Mutex<Statuses>) -> MutexGuard<'_, Statuses> {
    statuses.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StatusStore {
    /// Opens the topic and reads it to its end.
    pub async fn open(clients: &Clients, topic: &StorageTopic) -> Result<Self> {
        let statuses = Arc::new(Mutex::new(Statuses::default()));
        let reader = statuses.clone();
        let take = move |consumed: ConsumedRecord| {
            let record = consumed.record;
            match StatusRecord::read(record.key.as_deref().unwrap_or_default(), record.value.as_deref()) {
                Ok(read) => locked(&reader).apply(read),
                Err(why) => tracing::debug!("the record at offset {} of the status topic has no effect: {why}", record.offset),
            }
        };
        Ok(Self { log: TopicLog::open(clients, topic, DELIVERY, take).await?, statuses })
    }

    /// Returns once everything is read that the topic holds now.
    pub async fn refresh(&self) -> Result<()> {
        self.log.read_to_end().await
    }

    /// Connectors that have a status, or tasks with one.
    fn connectors(&self) -> Vec<String> {
        let statuses = locked(&self.statuses);
        let names: BTreeSet<&String> = statuses.connectors.keys().chain(statuses.tasks.keys()).collect();
        names.into_iter().cloned().collect()
    }

    /// A connector's.
    pub fn connector(&self, name: &str) -> Option<Status> {
        locked(&self.statuses).connectors.get(name).cloned()
    }

    /// Those of its tasks, by their numbers.
    pub fn tasks(&self, name: &str) -> BTreeMap<usize, Status> {
        locked(&self.statuses).tasks.get(name).cloned().unwrap_or_default()
    }

    /// The topics that a connector wrote to.
    pub fn topics(&self, connector: &str) -> Vec<String> {
        locked(&self.statuses).topics.get(connector).map(|topics| topics.keys().cloned().collect()).unwrap_or_default()
    }

    /// Says how something is that this worker has. It is seen here at once, elsewhere when it was read.
    pub async fn put(&self, record: StatusRecord) {
        let entry = (record.key().into_bytes(), record.value());
        locked(&self.statuses).apply(record);
        self.log.post(entry).await;
    }

    /// Says how something is that this worker may have lost: nothing is written over what another one says in a later generation.
    pub async fn put_safe(&self, record: StatusRecord) {
        let newer = match &record {
            StatusRecord::Connector(_, Some(status)) | StatusRecord::Task(_, Some(status)) => {
                locked(&self.statuses).is_newer(&record, &status.worker_id, status.generation)
            }
            _ => false,
        };
        if !newer {
            self.put(record).await;
        }
    }

    /// Forgets what no configuration knows, for all workers.
    pub async fn clean(&self, configs: &ConfigState) {
        for name in self.connectors() {
            let count = configs.task_count(&name);
            for task in self.tasks(&name).into_keys().filter(|task| *task >= count) {
                self.put(StatusRecord::Task(TaskId { connector: name.clone(), task }, None)).await;
            }
            if configs.config(&name).is_none() {
                self.forget_topics(&name).await;
                self.put(StatusRecord::Connector(name, None)).await;
            }
        }
    }

    /// Forgets the topics that a connector wrote to, for all workers.
    pub async fn forget_topics(&self, connector: &str) {
        for topic in self.topics(connector) {
            self.put(StatusRecord::TopicGone(topic, connector.to_owned())).await;
        }
    }

    /// Waits for what is under way, within bounds.
    pub async fn close(&self) {
        self.log.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::herder::State;

    #[test]
    fn what_java_wrote_amounts_to_what_java_shows() {
        let mut statuses = Statuses::default();
        for (key, value) in super::super::golden(include_str!("../../tests/golden/connect-status.tsv")) {
            statuses.apply(StatusRecord::read(key, value).unwrap());
        }
        // the worker that wrote it was stopped in order
        let connectors: Vec<_> = statuses.connectors.iter().map(|(name, status)| (name.as_str(), status.state)).collect();
        assert_eq!(connectors, [("shop é1", State::Unassigned)]);
        assert_eq!(statuses.tasks["shop é1"][&0].state, State::Unassigned);
        assert!(statuses.tasks.get("failing").is_none_or(BTreeMap::is_empty), "a deleted connector's tasks go with it");
        assert_eq!(statuses.topics["shop é1"].len(), 0, "its topics were reset");
    }

    #[test]
    fn a_stale_worker_does_not_write_over_a_later_generation() {
        let status = |worker: &str, generation| Status {
            state: State::Running,
            trace: None,
            worker_id: worker.into(),
            generation,
            version: None,
            trouble: None,
        };
        let record = |worker, generation| StatusRecord::Connector("c".into(), Some(status(worker, generation)));
        let mut statuses = Statuses::default();
        statuses.apply(record("b:1", 7));
        assert!(statuses.is_newer(&record("a:1", 6), "a:1", 6));
        assert!(!statuses.is_newer(&record("a:1", 7), "a:1", 7));
        assert!(!statuses.is_newer(&record("b:1", 3), "b:1", 3), "one's own word");
    }
}
