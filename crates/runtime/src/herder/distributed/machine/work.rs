//! The part of the machine that runs what this worker was given: its connectors, whose only work is to say what their tasks are,
//! and its tasks.

use rowtide_api::Props;

use super::requests::conflict;
use super::{Action, Change, Done, Machine, Phase, Purpose, Status, Unit};
use crate::herder::distributed::protocol::{Work, fits};
use crate::herder::{HerderError, State, TargetState, TaskId};

/// `RECONFIGURE_CONNECTOR_TASKS_BACKOFF_INITIAL_MS` and `_MAX_MS`; twice as long each time.
const PLAN_BACK_OFF: (i64, i64) = (250, 60_000);

/// A connector that this worker has.
#[derive(Default)]
pub(super) struct Connector {
    /// the plan under way
    plan: Option<u64>,
    state: Option<State>,
    /// its tasks by its last plan
    tasks: Option<Vec<Props>>,
    /// they are still to be compared with the config topic
    fresh: bool,
    /// they are on their way there
    publishing: bool,
    /// how often they did not get there
    failures: u32,
    /// when the plan is made again, after it could not be published
    pub(super) retry_at: Option<i64>,
    /// requests that wait for it to have started
    restarts: Vec<u64>,
}

/// A task that was started here.
pub(super) struct Run {
    state: State,
    stopping: bool,
    /// it is to start again when it has stopped
    again: bool,
    /// requests that wait for that
    restarts: Vec<u64>,
}

impl Machine {
    /// All connectors and tasks that somebody is to run.
    pub(super) fn configured(&self) -> Work {
        let mut work = Work::default();
        for name in self.configs.connectors().filter(|name| fits(name)) {
            work.connectors.push(name.to_owned());
            work.tasks.extend((0..self.configs.task_count(name)).map(|task| TaskId { connector: name.to_owned(), task }));
        }
        work
    }

    pub(super) fn has_connector(&self, name: &str) -> bool {
        self.assignment.as_ref().is_some_and(|assignment| assignment.assigned.connectors.iter().any(|has| has == name))
    }

    pub(super) fn has_task(&self, id: &TaskId) -> bool {
        self.assignment.as_ref().is_some_and(|assignment| assignment.assigned.tasks.contains(id))
    }

    /// The tasks that this worker has of a connector, running or not.
    fn tasks_of(&self, connector: &str) -> Vec<TaskId> {
        let tasks = self.assignment.iter().flat_map(|assignment| &assignment.assigned.tasks);
        tasks.filter(|id| id.connector == connector).cloned().collect()
    }

    /// A task that is no longer this worker's has not stopped yet.
    pub(super) fn something_given_up_runs(&self) -> bool {
        self.tasks.keys().any(|id| !self.has_task(id))
    }

    /// Starts what was assigned and does not run. What has failed stays so until somebody restarts it.
    pub(super) fn start_work(&mut self) {
        let Some(assignment) = &self.assignment else { return };
        let work = assignment.assigned.clone();
        for name in work.connectors {
            if !self.connectors.contains_key(&name) {
                self.start_connector(&name);
            }
        }
        for id in work.tasks {
            self.start_task(id);
        }
    }

    /// Stops everything, and has nothing any more.
    pub(super) fn give_up(&mut self) {
        self.assignment = None;
        self.stop_the_rest();
    }

    /// Stops what is not, or no longer, this worker's.
    pub(super) fn stop_the_rest(&mut self) {
        let connectors = self.connectors.keys().filter(|name| !self.has_connector(name)).cloned();
        for name in connectors.collect::<Vec<_>>() {
            self.stop_connector(&name);
        }
        let tasks = self.tasks.keys().filter(|id| !self.has_task(id)).cloned();
        for id in tasks.collect::<Vec<_>>() {
            self.stop_task(&id, false);
        }
    }

    fn status(&mut self, unit: Unit, state: State, trace: Option<String>) {
        let safe = matches!(state, State::Unassigned | State::Failed);
        self.act(Action::Status(Status { unit, state, trace, generation: self.generation(), safe }));
    }

    fn start_connector(&mut self, name: &str) {
        if self.configs.config(name).is_none() {
            return;
        }
        self.connectors.entry(name.to_owned()).or_default();
        match self.configs.target(name) {
            Some(TargetState::Paused) => self.connector_is(name, State::Paused, None),
            Some(TargetState::Stopped) => self.connector_is(name, State::Stopped, None),
            Some(TargetState::Started) | None => self.plan(name),
        }
    }

    fn stop_connector(&mut self, name: &str) {
        if let Some(connector) = self.connectors.remove(name) {
            self.answer_restarts(connector.restarts, Err(conflict()));
            self.status(Unit::Connector(name.to_owned()), State::Unassigned, None);
        }
    }

    fn restart_connector(&mut self, name: &str) {
        let waiting = self.connectors.remove(name).map(|connector| connector.restarts).unwrap_or_default();
        let connector = Connector { restarts: waiting, ..Connector::default() };
        self.connectors.insert(name.to_owned(), connector);
        self.start_connector(name);
    }

    /// A user restarts it; the answer waits until it has started.
    pub(super) fn restart_connector_for(&mut self, id: u64, name: &str) {
        self.connectors.entry(name.to_owned()).or_default().restarts.push(id);
        self.restart_connector(name);
    }

    fn connector_is(&mut self, name: &str, state: State, trace: Option<String>) {
        let Some(connector) = self.connectors.get_mut(name) else { return };
        if connector.state == Some(state) && trace.is_none() {
            return;
        }
        connector.state = Some(state);
        let started = state != State::Restarting;
        let restarts = if started { std::mem::take(&mut connector.restarts) } else { Vec::new() };
        let answer = if state == State::Failed {
            Err(HerderError { status: 500, message: format!("Failed to start connector: {name}") })
        } else {
            Ok(())
        };
        self.answer_restarts(restarts, answer);
        self.status(Unit::Connector(name.to_owned()), state, trace);
    }

    fn answer_restarts(&mut self, requests: Vec<u64>, answer: Result<(), HerderError>) {
        for id in requests {
            self.act(Action::Answer(id, answer.clone().map(|()| Done::Plain)));
        }
    }

    fn plan(&mut self, name: &str) {
        let number = self.next_number();
        if let Some(connector) = self.connectors.get_mut(name) {
            connector.plan = Some(number);
            connector.retry_at = None;
            self.act(Action::Plan(number, name.to_owned()));
        }
    }

    pub(super) fn planned(&mut self, number: u64, name: &str, result: Result<Vec<Props>, String>) {
        let Some(connector) = self.connectors.get_mut(name).filter(|connector| connector.plan == Some(number)) else { return };
        connector.plan = None;
        match result {
            Ok(tasks) => {
                connector.tasks = Some(tasks);
                connector.fresh = true;
                self.connector_is(name, State::Running, None);
            }
            Err(trace) => self.connector_is(name, State::Failed, Some(trace)),
        }
    }

    /// Brings the configurations of tasks into the config topic, by the leader, while the group is at rest.
    pub(super) fn publish(&mut self) {
        let ready = self.connectors.iter().filter(|(_, connector)| connector.fresh && !connector.publishing);
        for name in ready.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            if self.at_rest() {
                self.publish_tasks(&name);
            }
        }
    }

    /// Whether the config topic has the tasks of a connector's last plan.
    fn has_plan(&self, name: &str, tasks: &[Props]) -> bool {
        !self.configs.is_inconsistent(name) && self.configs.task_configs(name) == tasks
    }

    fn publish_tasks(&mut self, name: &str) {
        let Some(tasks) = self.connectors.get(name).and_then(|connector| connector.tasks.clone()) else { return };
        let needed = self.configs.target(name) == Some(TargetState::Started) && !self.has_plan(name, &tasks);
        let Some(connector) = self.connectors.get_mut(name) else { return };
        connector.fresh = false;
        connector.publishing = needed;
        if !needed {
            connector.failures = 0;
        } else if self.leads() {
            self.write(Purpose::Tasks(name.to_owned()), vec![Change::Tasks(name.to_owned(), tasks)]);
        } else if let Some(url) = self.leader_url().map(str::to_owned) {
            self.act(Action::ForwardTasks(name.to_owned(), tasks, url));
        } else {
            self.published(name, Err(String::new()));
        }
    }

    /// What did not get there is planned anew after a while: the leader may have changed, or the configuration.
    pub(super) fn published(&mut self, name: &str, result: Result<(), String>) {
        let Some(connector) = self.connectors.get_mut(name) else { return };
        connector.publishing = false;
        if result.is_err() {
            self.plan_later(name);
        }
    }

    fn plan_later(&mut self, name: &str) {
        let Some(connector) = self.connectors.get_mut(name) else { return };
        let (first, most) = PLAN_BACK_OFF;
        connector.retry_at = Some(self.now + (first << connector.failures.min(16)).min(most));
        connector.failures += 1;
    }

    /// The config topic has other tasks of a connector than it had. They should be those of its last plan; but what one leader
    /// seemed to have lost, or was asked by another owner, may still be written late. Then the connector plans again.
    fn compare_plan(&mut self, name: &str) {
        let Some(connector) = self.connectors.get(name) else { return };
        let under_way = connector.plan.is_some() || connector.fresh || connector.publishing || connector.retry_at.is_some();
        let Some(tasks) = connector.tasks.as_ref().filter(|_| !under_way) else { return };
        if self.configs.target(name) != Some(TargetState::Started) {
            return;
        }
        if !self.has_plan(name, tasks) {
            self.plan_later(name);
        } else if let Some(connector) = self.connectors.get_mut(name) {
            connector.failures = 0;
        }
    }

    pub(super) fn retry_plans(&mut self) {
        let due = self.connectors.iter().filter(|(_, connector)| connector.retry_at.is_some_and(|at| at <= self.now));
        for name in due.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            if self.configs.target(&name) == Some(TargetState::Started) {
                self.plan(&name);
            } else if let Some(connector) = self.connectors.get_mut(&name) {
                connector.retry_at = None;
            }
        }
    }

    /// Starts a task that is this worker's and is configured, unless it runs, has failed, or is still stopping: then it starts
    /// when it has stopped.
    fn start_task(&mut self, id: TaskId) {
        if let Some(run) = self.tasks.get_mut(&id) {
            run.again |= run.stopping;
        } else if self.has_task(&id) && self.configs.task_config(&id.connector, id.task).is_some() {
            let run = Run { state: State::Unassigned, stopping: false, again: false, restarts: Vec::new() };
            self.tasks.insert(id.clone(), run);
            self.act(Action::Start(id));
        }
    }

    /// Stops a task; `again`: and starts it then.
    fn stop_task(&mut self, id: &TaskId, again: bool) {
        match self.tasks.get_mut(id) {
            Some(run) if run.state == State::Failed && !run.stopping => {
                // Its status stays: why it failed is worth more than that nobody has it.
                self.tasks.remove(id);
                if again {
                    self.start_task(id.clone());
                }
            }
            Some(run) => {
                run.again = again;
                if !std::mem::replace(&mut run.stopping, true) {
                    self.act(Action::Stop(id.clone()));
                }
            }
            None if again => self.start_task(id.clone()),
            None => {}
        }
    }

    /// A user restarts it; the answer waits until it has been started.
    pub(super) fn restart_task_for(&mut self, request: u64, id: &TaskId) {
        self.stop_task(id, true);
        match self.tasks.get_mut(id).filter(|run| run.stopping) {
            Some(run) => run.restarts.push(request),
            None => self.answer_restarts(vec![request], Ok(())),
        }
    }

    pub(super) fn stopped(&mut self, id: &TaskId) {
        let Some(run) = self.tasks.remove(id) else { return };
        if run.again {
            self.start_task(id.clone());
        }
        if self.tasks.contains_key(id) {
            self.answer_restarts(run.restarts, Ok(()));
        } else {
            self.answer_restarts(run.restarts, Err(conflict()));
            self.status(Unit::Task(id.clone()), State::Unassigned, None);
        }
    }

    pub(super) fn task_is(&mut self, id: TaskId, state: State, trace: Option<String>) {
        if let Some(run) = self.tasks.get_mut(&id) {
            run.state = state;
            self.status(Unit::Task(id), state, trace);
        }
    }

    /// The connector was configured anew: it makes its plan again, from the new configuration.
    pub(super) fn reconfigured(&mut self, name: &str) {
        if self.connectors.contains_key(name) {
            self.restart_connector(name);
        }
    }

    /// What no configuration knows ends at once, not only when the leader takes it away: should a connector of that name be
    /// created again meanwhile, nothing of the old one may go on in its place.
    pub(super) fn stop_removed(&mut self, name: &str) {
        self.stop_connector(name);
        for id in self.tasks_of(name) {
            self.stop_task(&id, false);
        }
    }

    /// Tasks that were configured anew stop now and start after the rebalance that follows, if they are still this worker's:
    /// no task of the new set runs beside one of the old.
    pub(super) fn stop_for_new_tasks(&mut self, name: &str) {
        for id in self.tasks_of(name) {
            self.stop_task(&id, false);
        }
        self.compare_plan(name);
        let idle =
            self.phase == Phase::Member && self.resolved && self.assignment.as_ref().is_some_and(|it| it.offset >= self.asked);
        if idle {
            self.start_work();
        }
    }

    pub(super) fn target_changed(&mut self, name: &str) {
        let Some(target) = self.configs.target(name) else { return };
        if target != TargetState::Stopped {
            let running =
                self.tasks.iter().filter(|(id, run)| id.connector == name && !run.stopping && run.state != State::Failed);
            for id in running.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
                self.act(Action::Pause(id, target == TargetState::Paused));
            }
        }
        if !self.connectors.contains_key(name) {
            return;
        }
        match target {
            TargetState::Started => self.plan(name),
            TargetState::Paused => self.connector_is(name, State::Paused, None),
            TargetState::Stopped => self.connector_is(name, State::Stopped, None),
        }
    }

    /// This worker's part of a restart that was asked of all.
    pub(super) fn restart(&mut self, name: &str, include_tasks: bool, only_failed: bool) {
        let failed = self.connectors.get(name).map(|connector| connector.state == Some(State::Failed));
        if failed.is_some_and(|failed| failed || !only_failed) {
            self.connector_is(name, State::Restarting, None);
            self.restart_connector(name);
        }
        if !include_tasks {
            return;
        }
        for id in self.tasks_of(name) {
            let failed = self.tasks.get(&id).map(|run| run.state == State::Failed);
            if failed.is_some_and(|failed| failed || !only_failed) {
                self.status(Unit::Task(id.clone()), State::Restarting, None);
                self.stop_task(&id, true);
            }
        }
    }
}
