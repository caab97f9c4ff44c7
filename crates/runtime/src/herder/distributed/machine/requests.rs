//! The part of the machine that answers requests, as the herder thread of `DistributedHerder` does: while the group forms anew they
//! wait, what only the leader may do is sent to it, and a stale view is answered with 409.

use rowtide_api::Props;

use super::{Action, Asked, Change, Done, Machine, Phase, Purpose, Request};
use crate::herder::answers::{bad_request, must_be_stopped, no_connector, not_found, unknown_connector};
use crate::herder::distributed::protocol::fits;
use crate::herder::{HerderError, TargetState, TaskId};
use crate::stores::config_state::ConfigState;

/// How long a request waits: a second less than REST waits for its answer (`RestServer.DEFAULT_REST_REQUEST_TIMEOUT_MS`), so that
/// whoever asked learns what was in its way.
const TIMEOUT: i64 = 89_000;

/// A request that came while the group formed anew.
pub(super) struct Waiting {
    asked: Asked,
    pub(super) until: i64,
}

fn error(status: u16, message: impl Into<String>) -> HerderError {
    HerderError { status, message: message.into() }
}

pub(super) fn conflict() -> HerderError {
    error(409, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)")
}

fn stale() -> HerderError {
    error(409, "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)")
}

impl Machine {
    pub(super) fn ask(&mut self, asked: Asked) {
        if matches!(self.phase, Phase::Ending | Phase::Ended) {
            self.answer(asked.id, Err(error(500, "Worker is shutting down")));
            return;
        }
        self.waiting.push(Waiting { asked, until: self.now + TIMEOUT });
    }

    /// Takes the requests that wait, in their order, while the group is at rest.
    pub(super) fn serve(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            if self.at_rest() {
                self.take(waiting.asked);
            } else if self.now >= waiting.until {
                let message = format!("Request timed out. The worker is currently {}", self.stage());
                self.answer(waiting.asked.id, Err(error(500, message)));
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// What keeps this worker from being at rest, in words of Java's where it has some (`DistributedHerder`, its stages).
    fn stage(&self) -> &'static str {
        if self.behind() {
            "reading to the end of the config topic"
        } else if self.something_given_up_runs() {
            "stopping tasks that it no longer has"
        } else if !self.writes.is_empty() {
            "writing to the config topic"
        } else {
            "ensuring membership in the cluster"
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Done, HerderError>) {
        self.act(Action::Answer(id, answer));
    }

    fn take(&mut self, asked: Asked) {
        let Asked { id, forward, .. } = asked;
        let looks_at_work =
            matches!(asked.request, Request::Read | Request::Restart(..) | Request::RestartTask(_) | Request::Offsets(_));
        if looks_at_work && self.rebalance_due() {
            return self.answer(id, Err(stale()));
        }
        match asked.request {
            Request::Read => self.answer(id, Ok(Done::Proceed)),
            Request::Target(name, target) if target != TargetState::Stopped => {
                let known = self.configs.config(&name).is_some();
                let change = Change::Target(name.clone(), target);
                if known { self.change(id, Done::Plain, vec![change]) } else { self.answer(id, Err(unknown(&name))) }
            }
            Request::Target(name, _) if self.configs.config(&name).is_none() => self.answer(id, Err(unknown(&name))),
            Request::Restart(name, false, false) => self.take_restart(id, forward, &name),
            Request::Restart(name, ..) if self.configs.config(&name).is_none() => {
                self.answer(id, Err(unknown_connector(&name)));
            }
            Request::RestartTask(task) => self.take_restart_task(id, forward, &task),
            request if self.leads() => self.lead(Asked { id, request, forward }),
            _ => {
                let leader = self.leader_url().map(str::to_owned);
                self.forward(id, forward, leader);
            }
        }
    }

    /// At most two hops: who is asked at the second and is not the right one either has an old view, or the asker had.
    fn forward(&mut self, id: u64, forward: Option<bool>, url: Option<String>) {
        let missing = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.";
        match (forward, url) {
            (Some(false), _) => self.answer(id, Err(conflict())),
            (_, None) => self.answer(id, Err(error(409, missing))),
            (_, Some(url)) => self.act(Action::Forward(id, url, forward.is_none())),
        }
    }

    fn change(&mut self, id: u64, done: Done, changes: Vec<Change>) {
        self.write(Purpose::Answer(id, done), changes);
    }

    /// What only the leader does.
    fn lead(&mut self, asked: Asked) {
        let id = asked.id;
        match asked.request {
            Request::Put { name, config, initial, replace } => self.put(id, name, config, initial, replace),
            Request::Target(name, target) => {
                // Tasks first: should this worker end in between, the connector runs without tasks, which is healthier than a
                // stopped one with tasks.
                let changes = vec![Change::Tasks(name.clone(), Vec::new()), Change::Target(name, target)];
                self.change(id, Done::Plain, changes);
            }
            Request::Restart(name, tasks, failed) => {
                self.change(id, Done::Restarting, vec![Change::Restart(name, tasks, failed)]);
            }
            Request::Offsets(name) => {
                let number = self.next_number();
                self.refreshing.insert(number, Asked { id, request: Request::Offsets(name), forward: asked.forward });
                self.act(Action::Refresh(number));
            }
            Request::Patch(name) | Request::Delete(name) | Request::Fence(name) | Request::Tasks(name, _)
                if self.configs.config(&name).is_none() =>
            {
                self.answer(id, Err(no_connector(&name)));
            }
            Request::Patch(_) | Request::Fence(_) | Request::Read | Request::RestartTask(_) => self.answer(id, Ok(Done::Proceed)),
            Request::Delete(name) => self.change(id, Done::Plain, vec![Change::Remove(name)]),
            Request::Tasks(name, tasks) => {
                if !tasks.is_empty() && self.configs.target(&name) == Some(TargetState::Stopped) {
                    let message = format!("Cannot submit non-empty set of task configs for stopped connector {name}");
                    return self.answer(id, Err(bad_request(message)));
                }
                self.change(id, Done::Plain, vec![Change::Tasks(name, tasks)]);
            }
        }
    }

    fn put(&mut self, id: u64, name: String, config: Props, initial: Option<TargetState>, replace: bool) {
        let exists = self.configs.config(&name).is_some();
        if exists && !replace {
            return self.answer(id, Err(error(409, format!("Connector {name} already exists"))));
        }
        if !fits(&name) {
            let message = format!("The connector's name has {} bytes; workers can tell each other of 32767 at most", name.len());
            return self.answer(id, Err(bad_request(message)));
        }
        self.change(id, Done::Put(!exists, config.clone()), vec![Change::Connector(name, config, initial)]);
    }

    fn take_restart(&mut self, id: u64, forward: Option<bool>, name: &str) {
        if self.configs.config(name).is_none() {
            self.answer(id, Err(unknown_connector(name)));
        } else if self.has_connector(name) {
            self.restart_connector_for(id, name);
        } else {
            let owner = self.owner(|work| work.connectors.iter().any(|has| has == name));
            self.forward(id, forward, owner);
        }
    }

    fn take_restart_task(&mut self, id: u64, forward: Option<bool>, task: &TaskId) {
        if self.configs.config(&task.connector).is_none() {
            self.answer(id, Err(unknown_connector(&task.connector)));
        } else if self.configs.task_config(&task.connector, task.task).is_none() {
            self.answer(id, Err(not_found(format!("Unknown task: {}-{}", task.connector, task.task))));
        } else if self.has_task(task) {
            self.restart_task_for(id, task);
        } else {
            let owner = self.owner(|work| work.tasks.contains(task));
            self.forward(id, forward, owner);
        }
    }

    /// Where to ask for something that another worker has: the leader knows who, the others ask the leader.
    fn owner(&self, has: impl Fn(&super::Work) -> bool) -> Option<String> {
        if !self.leads() {
            return self.leader_url().map(str::to_owned);
        }
        self.led.values().find(|(_, work)| has(work)).map(|(url, _)| url.clone())
    }

    /// Offsets change only of a connector that is stopped by all that the config topic says.
    pub(super) fn refreshed(&mut self, number: u64, configs: Option<std::sync::Arc<ConfigState>>) {
        let read = configs.is_some();
        if let Some(configs) = configs {
            self.read(configs, &crate::stores::config_state::Changes::default());
        }
        let Some(asked) = self.refreshing.remove(&number) else { return };
        let Request::Offsets(name) = asked.request else { return };
        let stopped = self.configs.target(&name) == Some(TargetState::Stopped) && self.configs.task_count(&name) == 0;
        let answer = if !read {
            Err(error(500, "Failed to read to end of config topic before modifying connector offsets"))
        } else if !self.leads() || self.rebalance_due() {
            Err(stale())
        } else if self.configs.config(&name).is_none() {
            Err(no_connector(&name))
        } else if !stopped {
            Err(must_be_stopped(&name))
        } else {
            Ok(Done::Proceed)
        };
        self.answer(asked.id, answer);
    }

    pub(super) fn shutdown(&mut self) {
        if matches!(self.phase, Phase::Ending | Phase::Ended) {
            return;
        }
        self.phase = Phase::Ending;
        self.give_up();
        for waiting in std::mem::take(&mut self.waiting) {
            self.answer(waiting.asked.id, Err(error(500, "Worker is shutting down")));
        }
    }

    /// Leaves once all tasks have ended, so that others begin with them at once.
    pub(super) fn end(&mut self) {
        if self.tasks.is_empty() {
            self.phase = Phase::Ended;
            self.act(Action::Leave);
            self.act(Action::Ended);
        }
    }
}

fn unknown(name: &str) -> HerderError {
    not_found(format!("Unknown connector {name}"))
}
