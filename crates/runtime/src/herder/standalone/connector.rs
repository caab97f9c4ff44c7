//! One connector of the standalone herder: its configuration, its tasks, and how it shows them.

use std::sync::Arc;

use rowtide_api::{Props, Result, SnapshotProgress};
use tokio::time::Instant;

use super::super::parts::NewTask;
use super::super::{ConnectorInfo, ConnectorStateInfo, ConnectorStatus, Parts, State, TargetState, TaskStatus};
use crate::pipeline::{Signals, TaskHandle, TaskMetrics, TaskState, trace};

/// A connector and its tasks.
pub struct Connector {
    /// as the user wrote it, variables not filled in
    pub config: Props,
    pub target: TargetState,
    /// what its tasks are configured with, variables not filled in; empty while it is stopped
    pub task_configs: Vec<Props>,
    tasks: Vec<Task>,
    /// by task number; survives restarts
    metrics: Vec<Arc<TaskMetrics>>,
    version: Option<String>,
    /// why it could not make its tasks
    failed: Option<String>,
}

enum Task {
    Running(TaskHandle),
    /// could not even be set up
    Failed(String),
    /// between two lives
    Restarting,
}

impl Task {
    /// None: it has not said yet how it is, as in Connect's status store.
    fn state(&self) -> Option<TaskState> {
        match self {
            Task::Running(handle) => Some(handle.state()).filter(|state| state.state != State::Unassigned),
            Task::Failed(trace) => Some(TaskState { state: State::Failed, trace: Some(trace.clone()) }),
            Task::Restarting => Some(TaskState { state: State::Restarting, trace: None }),
        }
    }
}

impl Connector {
    /// Starts a connector with its tasks, or says in its status why it cannot. `before` is what it replaces: its
    /// running tasks are taken over when their configurations are the same, as Connect does.
    pub fn start(parts: &Parts, name: &str, config: Props, target: TargetState, before: Option<Connector>) -> Self {
        let (mut tasks, metrics, old_configs) =
            before.map_or_else(Default::default, |before| (before.tasks, before.metrics, before.task_configs));
        let mut connector =
            Self { config, target, task_configs: Vec::new(), tasks: Vec::new(), metrics, version: None, failed: None };
        match connector.plan(parts) {
            Ok(configs) if !tasks.is_empty() && configs == old_configs => {
                connector.task_configs = configs;
                connector.tasks.append(&mut tasks);
            }
            Ok(configs) => {
                connector.task_configs = configs;
                for number in 0..connector.task_configs.len() {
                    let task = connector.new_task(parts, name, number);
                    connector.tasks.push(task);
                }
            }
            Err(error) => {
                tracing::error!(connector = name, "the connector has failed: {error}");
                connector.failed = Some(trace(&error));
            }
        }
        connector
    }

    /// Whether `start` with this configuration would leave the running tasks alone.
    pub fn keeps_tasks(&self, parts: &Parts, config: &Props) -> bool {
        let mut probe = Self {
            config: config.clone(),
            target: self.target,
            task_configs: Vec::new(),
            tasks: Vec::new(),
            metrics: Vec::new(),
            version: None,
            failed: None,
        };
        !self.tasks.is_empty() && probe.plan(parts).is_ok_and(|configs| configs == self.task_configs)
    }

    /// The task configurations; none while stopped.
    fn plan(&mut self, parts: &Parts) -> Result<Vec<Props>> {
        self.version = parts.version(&self.config);
        parts.plan(&self.config, self.target)
    }

    fn new_task(&mut self, parts: &Parts, name: &str, number: usize) -> Task {
        while self.metrics.len() <= number {
            self.metrics.push(Arc::default());
        }
        let (config, metrics) = (&self.task_configs[number], self.metrics[number].clone());
        let paused = self.target == TargetState::Paused;
        match parts.start_task(NewTask { name, number, config, metrics, offsets: None, exactly_once: None, paused }) {
            Ok(task) => Task::Running(task),
            Err(error) => {
                tracing::error!(connector = name, task = number, "the task has failed: {error}");
                Task::Failed(trace(&error))
            }
        }
    }

    /// Takes all tasks out, asked to stop; the caller waits for them.
    pub fn ask_stop(&mut self, deadline: Instant) -> Vec<TaskHandle> {
        let mut handles = Vec::new();
        for task in self.tasks.drain(..) {
            if let Task::Running(handle) = task {
                handle.ask_stop(deadline);
                handles.push(handle);
            }
        }
        handles
    }

    /// Takes one task out, asked to stop; it shows as RESTARTING until `run_again`.
    pub fn ask_stop_one(&mut self, number: usize, deadline: Instant) -> Option<TaskHandle> {
        let task = std::mem::replace(self.tasks.get_mut(number)?, Task::Restarting);
        let Task::Running(handle) = task else { return None };
        handle.ask_stop(deadline);
        Some(handle)
    }

    /// Starts a task that was taken out.
    pub fn run_again(&mut self, parts: &Parts, name: &str, number: usize) {
        if number < self.tasks.len() && number < self.task_configs.len() {
            let task = self.new_task(parts, name, number);
            self.tasks[number] = task;
        }
    }

    /// The ways of signals to its running tasks.
    pub fn signals(&self) -> Vec<Signals> {
        let handles = self.tasks.iter().filter_map(|task| match task {
            Task::Running(handle) => Some(handle.signals()),
            Task::Failed(_) | Task::Restarting => None,
        });
        handles.collect()
    }

    /// Pauses its tasks, or lets them go on.
    pub fn set_paused(&mut self, paused: bool) {
        self.target = if paused { TargetState::Paused } else { TargetState::Started };
        for task in &self.tasks {
            if let Task::Running(handle) = task {
                handle.set_paused(paused);
            }
        }
    }

    pub fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    pub fn task_count(&self) -> usize {
        self.task_configs.len()
    }

    /// How far the snapshots of its tasks are; of a task that ended, how far they were.
    pub fn snapshots(&self) -> Vec<SnapshotProgress> {
        self.tasks.iter().zip(&self.metrics).map(|(_, metrics)| metrics.snapshot.get()).collect()
    }

    pub fn topics(&self) -> Vec<String> {
        let mut topics: Vec<String> = self.metrics.iter().flat_map(|metrics| metrics.topics()).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    pub fn forget_topics(&self) {
        self.metrics.iter().for_each(|metrics| metrics.forget_topics());
    }

    pub fn info(&self, name: &str) -> ConnectorInfo {
        ConnectorInfo::of_source(name, &self.config, self.task_configs.len())
    }

    pub fn status(&self, name: &str, worker_id: &str) -> ConnectorStateInfo {
        let state = match (&self.failed, self.target) {
            (Some(_), _) => State::Failed,
            (None, TargetState::Started) => State::Running,
            (None, TargetState::Paused) => State::Paused,
            (None, TargetState::Stopped) => State::Stopped,
        };
        let tasks = self.tasks.iter().enumerate().filter_map(|(id, task)| {
            let TaskState { state, trace } = task.state()?;
            let trouble = self.metrics.get(id).and_then(|metrics| metrics.trouble());
            Some(TaskStatus { id, state, worker_id: worker_id.to_owned(), trace, version: self.version.clone(), trouble })
        });
        ConnectorStateInfo {
            name: name.to_owned(),
            connector: ConnectorStatus {
                state,
                worker_id: worker_id.to_owned(),
                trace: self.failed.clone(),
                version: self.version.clone(),
            },
            tasks: tasks.collect(),
            kind: "source",
        }
    }
}
