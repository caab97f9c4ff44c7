//! The tasks that run in this worker: started, watched, stopped. Which ones, is the machine's decision.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rowtide_api::{Error, Props, Result, SnapshotProgress};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::machine::Event;
use crate::herder::{Parts, State, TaskId};
use crate::pipeline::{ExactlyOnce, Signals, TaskHandle, TaskMetrics};
use crate::stores::StatusStore;
use crate::stores::status_record::{ActiveTopic, StatusRecord};

/// How often it is looked which topics a task has written to.
const LOOK: Duration = Duration::from_millis(500);

/// A connector's property.
const OWN_TOPIC: &str = "offsets.storage.topic";

/// A task that is to start.
pub struct Begin<'a> {
    pub id: &'a TaskId,
    pub config: &'a Props,
    pub exactly_once: Option<ExactlyOnce>,
    pub paused: bool,
}

/// The tasks of this worker.
#[derive(Default)]
pub struct Tasks {
    running: Mutex<BTreeMap<TaskId, Running>>,
    /// survives restarts
    metrics: Mutex<BTreeMap<TaskId, Arc<TaskMetrics>>>,
}

struct Running {
    handle: TaskHandle,
    watcher: JoinHandle<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tasks {
    /// Starts a task; what it says of itself comes as events.
    pub fn start(
        &self,
        parts: &Parts,
        statuses: &Arc<StatusStore>,
        begin: Begin<'_>,
        events: &mpsc::Sender<Event>,
    ) -> Result<()> {
        let Begin { id, config, exactly_once, paused } = begin;
        own_offsets(parts, config)?;
        let metrics = locked(&self.metrics).entry(id.clone()).or_default().clone();
        let handle = parts.start_task(&id.connector, id.task, config, metrics.clone(), exactly_once, paused)?;
        let tracked = parts.worker.topic_tracking.then(|| statuses.clone());
        let watcher = tokio::spawn(watch(id.clone(), handle.states(), metrics, tracked, events.clone()));
        locked(&self.running).insert(id.clone(), Running { handle, watcher });
        Ok(())
    }

    /// Pauses a task, or lets it go on.
    pub fn pause(&self, id: &TaskId, paused: bool) {
        if let Some(task) = locked(&self.running).get(id) {
            task.handle.set_paused(paused);
        }
    }

    /// Stops a task, by force when its time is over; tells of its end.
    pub fn stop(&self, parts: &Parts, statuses: &Arc<StatusStore>, id: TaskId, events: mpsc::Sender<Event>) {
        let deadline = parts.deadline();
        let running = locked(&self.running).remove(&id);
        let metrics = locked(&self.metrics).get(&id).cloned();
        let tracked = parts.worker.topic_tracking.then(|| statuses.clone());
        tokio::spawn(async move {
            if let Some(Running { handle, watcher }) = running {
                handle.ask_stop(deadline);
                // what it says from now on is about one that is stopping
                watcher.abort();
                handle.stopped(deadline).await;
            }
            if let (Some(statuses), Some(metrics)) = (tracked, metrics) {
                note_topics(&id, &metrics, &statuses).await;
            }
            // nobody listens any more when the worker has ended
            let _ = events.send(Event::Stopped(id)).await;
        });
    }

    /// The ways of signals to a connector's tasks here.
    pub fn signals(&self, connector: &str) -> Vec<Signals> {
        let running = locked(&self.running);
        running.iter().filter(|(id, _)| id.connector == connector).map(|(_, task)| task.handle.signals()).collect()
    }

    /// How far the snapshots of a connector's tasks are, by the tasks' numbers; of one that ended here, how far they were.
    pub fn snapshots(&self, connector: &str, tasks: usize) -> Vec<SnapshotProgress> {
        let metrics = locked(&self.metrics);
        let id = |task| TaskId { connector: connector.to_owned(), task };
        (0..tasks).filter_map(|task| Some(metrics.get(&id(task))?.snapshot.get())).collect()
    }
}

/// A connector whose offsets are in a topic of its own would begin anew here, with a second snapshot.
fn own_offsets(parts: &Parts, config: &Props) -> Result<()> {
    let own = config.get(OWN_TOPIC).map(str::trim).filter(|topic| !topic.is_empty());
    match own {
        Some(topic) if parts.worker.get("offset.storage.topic").map(str::trim) != Some(topic) => {
            Err(Error::configuration(format!("{OWN_TOPIC}={topic} is not there yet: offsets are kept in the worker's offset.storage.topic"))
                .remedy(format!("remove '{OWN_TOPIC}' and set the connector's offsets by PATCH /connectors/<name>/offsets, or leave it to a Java worker")))
        }
        _ => Ok(()),
    }
}

/// Tells how a task is, and which topics it writes to, until it has ended.
async fn watch(
    id: TaskId,
    mut states: tokio::sync::watch::Receiver<crate::pipeline::TaskState>,
    metrics: Arc<TaskMetrics>,
    tracked: Option<Arc<StatusStore>>,
    events: mpsc::Sender<Event>,
) {
    let mut looks = tokio::time::interval(LOOK);
    let mut said = State::Unassigned;
    loop {
        let now = states.borrow_and_update().clone();
        if now.state != said {
            said = now.state;
            if events.send(Event::Task(id.clone(), now.state, now.trace)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            _ = looks.tick() => if let Some(statuses) = &tracked {
                note_topics(&id, &metrics, statuses).await;
            },
        }
    }
}

/// Stores which topics the task has written to since the last look, unless it is known.
async fn note_topics(id: &TaskId, metrics: &TaskMetrics, statuses: &StatusStore) {
    let written = metrics.take_topics();
    if written.is_empty() {
        return;
    }
    let known = statuses.topics(&id.connector);
    let discovered = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    for topic in written.into_iter().filter(|topic| !known.contains(topic)) {
        let active = ActiveTopic { topic, connector: id.connector.clone(), task: id.task, discovered };
        statuses.put(StatusRecord::Topic(active)).await;
    }
}
