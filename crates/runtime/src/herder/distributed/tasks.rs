//! The tasks that run in this worker: started, watched, stopped. Which ones, is the machine's decision.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rowtide_api::{Props, Result, SnapshotProgress};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::machine::Event;
use crate::herder::parts::NewTask;
use crate::herder::{Parts, State, TaskId};
use crate::offsets::{OffsetStore, OwnOffsets};
use crate::pipeline::{ExactlyOnce, Signals, TaskHandle, TaskMetrics, Trouble};
use crate::stores::StatusStore;
use crate::stores::status_record::{ActiveTopic, StatusRecord};

/// How often it is looked which topics a task has written to.
const LOOK: Duration = Duration::from_millis(500);

/// How long nothing is said of more trouble after something was: each word is a record of the status topic.
const QUIET: Duration = Duration::from_secs(5);

/// A task that is to start.
pub struct Begin<'a> {
    pub id: &'a TaskId,
    pub config: &'a Props,
    /// a topic of its connector's own; none: the worker's
    pub offsets: Option<Arc<OwnOffsets>>,
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
        let Begin { id, config, offsets, exactly_once, paused } = begin;
        let metrics = locked(&self.metrics).entry(id.clone()).or_default().clone();
        let handle = parts.start_task(NewTask {
            name: &id.connector,
            number: id.task,
            config,
            metrics: metrics.clone(),
            offsets: offsets.map(|own| own as Arc<dyn OffsetStore>),
            exactly_once,
            paused,
        })?;
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

    /// What went wrong with a task while it went on here.
    pub fn trouble(&self, id: &TaskId) -> Option<Trouble> {
        locked(&self.metrics).get(id)?.trouble()
    }

    /// How far the snapshots of a connector's tasks are, by the tasks' numbers; of one that ended here, how far they were.
    pub fn snapshots(&self, connector: &str, tasks: usize) -> Vec<SnapshotProgress> {
        let metrics = locked(&self.metrics);
        let id = |task| TaskId { connector: connector.to_owned(), task };
        (0..tasks).filter_map(|task| Some(metrics.get(&id(task))?.snapshot.get())).collect()
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
    let (mut told, mut quiet_until) = (metrics.trouble(), Instant::now());
    loop {
        let now = states.borrow_and_update().clone();
        let trouble = metrics.trouble();
        let news = said != State::Unassigned && trouble != told && Instant::now() >= quiet_until;
        if now.state != said || news {
            (said, told) = (now.state, trouble);
            quiet_until = Instant::now() + QUIET;
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
