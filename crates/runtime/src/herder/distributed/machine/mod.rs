//! What a worker of a group does, as a state machine: an event goes in with the time, actions come out. Pure.
//!
//! `group` joins, leads and follows, `work` runs what this worker was given, `requests` answers users. How to drive it stands
//! in the documentation of `distributed`. Not here: who gets what (`assignor`), bytes (`protocol`), and all IO.

mod group;
mod requests;
mod work;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rowtide_api::Props;

use super::super::{HerderError, State, TargetState, TaskId};
use super::assignor::Cooperative;
use super::protocol::{Assignment, Protocol, Work};
use crate::stores::config_state::{Changes, ConfigState};
use requests::Waiting;
use work::{Connector, Run};

/// How a worker behaves in its group; times in milliseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// its advertised URL, as other workers are told
    pub url: String,
    /// `connect.protocol`
    pub protocol: Protocol,
    /// `session.timeout.ms`
    pub session_timeout: i64,
    /// `scheduled.rebalance.max.delay.ms`
    pub max_delay: i32,
    /// `worker.sync.timeout.ms`
    pub sync_timeout: i64,
    /// `worker.unsync.backoff.ms`
    pub unsync_backoff: i64,
    /// `inter.worker.key.ttl.ms`; 0: keys are not renewed
    pub key_ttl: i64,
    /// `inter.worker.key.generation.algorithm`
    pub key_algorithm: String,
}

/// What happens to a worker.
#[derive(Clone, Debug)]
pub enum Event {
    /// Nothing but that time passes: the time that [`Machine::next`] named has come.
    Tick,
    /// The config topic has changed, or was read to its end for the first time: what it says now, and what is new.
    Configs(Arc<ConfigState>, Changes),
    /// What an [`Action::Refresh`] brought; none: the topic was not read to its end in time.
    Refreshed(u64, Option<Arc<ConfigState>>),
    /// The group has a generation, which this worker belongs to.
    Joined(Joined),
    /// What the leader of the generation assigned to this worker.
    Synced(i32, Vec<u8>),
    /// The coordinator says that the group is forming anew.
    Rebalancing,
    /// The coordinator no longer knows this member; it last answered so many milliseconds ago.
    Fenced(i64),
    /// The coordinator has not answered for so long that the session may have ended.
    CoordinatorLost,
    /// What came of an [`Action::Write`].
    Written(u64, Result<(), String>),
    /// What came of an [`Action::Plan`]: the configurations of the connector's tasks, or a trace.
    Planned(u64, String, Result<Vec<Props>, String>),
    /// What came of an [`Action::ForwardTasks`] for this connector.
    TasksForwarded(String, Result<(), String>),
    /// A task says how it is; with FAILED it has ended.
    Task(TaskId, State, Option<String>),
    /// A task that was to stop has ended. Comes once for each [`Action::Stop`].
    Stopped(TaskId),
    /// A request of a user, or of another worker.
    Request(Asked),
    /// The worker is to end.
    Shutdown,
}

/// A generation of the group, as it is told to a member.
#[derive(Clone, Debug)]
pub struct Joined {
    /// its number
    pub generation: i32,
    /// this member's id
    pub member: String,
    /// the leader's id
    pub leader: String,
    /// name of the protocol that all members know
    pub protocol: String,
    /// to the leader: ids and metadata of all members
    pub members: Vec<(String, Vec<u8>)>,
}

/// A request and how it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// names it in the answer
    pub id: u64,
    /// what is asked for
    pub request: Request,
    /// the query parameter `forward`: none from a user, true at its first hop between workers, false at its second
    pub forward: Option<bool>,
}

/// What users and other workers ask for. A configuration was validated before it comes here.
#[derive(Clone, Debug)]
pub enum Request {
    /// anything that reads what the config topic says
    Read,
    /// create or replace a connector
    Put {
        /// its name
        name: String,
        /// its configuration
        config: Props,
        /// how it begins
        initial: Option<TargetState>,
        /// it may be there already
        replace: bool,
    },
    /// merge into a configuration: the answer lets the leader's worker merge and validate, then [`Request::Put`] follows
    Patch(String),
    /// delete a connector
    Delete(String),
    /// pause, resume or stop a connector
    Target(String, TargetState),
    /// restart a connector: with its tasks, only what has failed
    Restart(String, bool, bool),
    /// restart a task
    RestartTask(TaskId),
    /// alter or reset offsets of a connector
    Offsets(String),
    /// fence the producers of a connector's earlier tasks; its signature was checked
    Fence(String),
    /// the configurations of its tasks, from the worker that has the connector; its signature was checked
    Tasks(String, Vec<Props>),
}

/// Why a request may go on, or that it is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// it is carried out
    Plain,
    /// the worker may now read, merge, fence, or change offsets itself, from [`Machine::configs`] as it is now
    Proceed,
    /// the connector has this configuration; true: it is new
    Put(bool, Props),
    /// the restart was asked for; the answer is the plan that follows from the statuses
    Restarting,
}

/// A connector or a task, as statuses go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Unit {
    Connector(String),
    Task(TaskId),
}

/// A status to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// of what
    pub unit: Unit,
    /// how it is
    pub state: State,
    /// why it failed
    pub trace: Option<String>,
    /// the generation in which this worker has it
    pub generation: i32,
    /// another worker may have it by now: leave out what a later generation wrote
    pub safe: bool,
}

/// A change of the config topic.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Change {
    /// with what is wanted of it from the beginning, if that was said
    Connector(String, Props, Option<TargetState>),
    Remove(String),
    /// the configurations of all its tasks
    Tasks(String, Vec<Props>),
    Target(String, TargetState),
    /// with tasks, only what has failed
    Restart(String, bool, bool),
    /// a new key, which the driver makes
    SessionKey,
}

/// What a worker is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Join the group, or join again, with these protocols and metadata. Takes the place of one that is under way.
    Join(Vec<(&'static str, Vec<u8>)>),
    /// Hand assignments out (nobody but the leader has any), and fetch one's own.
    Sync(Vec<(String, Vec<u8>)>),
    /// Leave the group.
    Leave,
    /// Read the config topic to its end within `worker.sync.timeout.ms`.
    Refresh(u64),
    /// Write to the config topic, one after the other, and read it back: [`Event::Configs`] comes before [`Event::Written`].
    Write(u64, Vec<Change>),
    /// Write a status.
    Status(Status),
    /// Forget the statuses of connectors and tasks that no configuration knows.
    CleanStatuses,
    /// Let a connector say what its tasks are.
    Plan(u64, String),
    /// Send the configurations of a connector's tasks to the leader at this URL, signed.
    ForwardTasks(String, Vec<Props>, String),
    /// Start a task, as the config topic has it.
    Start(TaskId),
    /// Stop a task within `task.shutdown.graceful.timeout.ms`, by force if need be.
    Stop(TaskId),
    /// Pause (true) or resume a task.
    Pause(TaskId, bool),
    /// Send a request to the worker at this URL, with this query parameter `forward`, and answer what it answers.
    Forward(u64, String, bool),
    /// Answer a request.
    Answer(u64, Result<Done, HerderError>),
    /// All has ended.
    Ended,
}

/// Where a worker stands towards its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// the config topic was not read yet
    Starting,
    /// not a member; joins when it may
    Out,
    Joining,
    Syncing,
    Member,
    Ending,
    Ended,
}

/// What a write is for.
enum Purpose {
    /// answers a request
    Answer(u64, Done),
    /// a connector's tasks
    Tasks(String),
    SessionKey,
}

/// A worker of a group.
pub struct Machine {
    settings: Settings,
    now: i64,
    actions: Vec<Action>,
    /// the last number given to a write, a plan or a refresh
    number: u64,
    configs: Arc<ConfigState>,
    /// the offset at which the config topic last asked for a rebalance
    asked: i64,
    phase: Phase,
    /// the protocol in force
    protocol: Protocol,
    member: String,
    generation: i32,
    /// the last generation that assigned something to this worker
    completed: Option<i32>,
    /// what it has, and who leads
    assignment: Option<Assignment>,
    cooperative: Cooperative,
    /// as the leader: the members' URLs and what they have
    led: BTreeMap<String, (String, Work)>,
    /// a rebalance is wanted for another reason than the config topic
    rejoin: bool,
    /// what was assigned runs
    resolved: bool,
    /// when the members join again
    scheduled: Option<i64>,
    /// an offset that the config topic must be read to first
    wanted: i64,
    /// by when
    read_by: Option<i64>,
    /// out of the group until then, unless the topic is read earlier
    back_off_until: i64,
    back_offs_left: i32,
    connectors: BTreeMap<String, Connector>,
    tasks: BTreeMap<TaskId, Run>,
    writes: BTreeMap<u64, Purpose>,
    waiting: Vec<Waiting>,
    /// requests that wait for the config topic to be read to its end
    refreshing: BTreeMap<u64, Asked>,
    key_pending: bool,
    key_retry_at: i64,
}

impl Machine {
    /// A worker that knows nothing yet. The first event is [`Event::Configs`] with the whole topic.
    pub fn new(settings: Settings) -> Self {
        Self {
            now: 0,
            actions: Vec::new(),
            number: 0,
            configs: Arc::default(),
            asked: -1,
            phase: Phase::Starting,
            protocol: settings.protocol,
            member: String::new(),
            generation: -1,
            completed: None,
            assignment: None,
            cooperative: Cooperative::new(settings.max_delay),
            led: BTreeMap::new(),
            rejoin: false,
            resolved: false,
            scheduled: None,
            wanted: -1,
            read_by: None,
            back_off_until: 0,
            back_offs_left: group::BACK_OFFS,
            connectors: BTreeMap::new(),
            tasks: BTreeMap::new(),
            writes: BTreeMap::new(),
            waiting: Vec::new(),
            refreshing: BTreeMap::new(),
            key_pending: false,
            key_retry_at: 0,
            settings,
        }
    }

    /// Takes an event in at a time in milliseconds since 1970. The actions are to be begun in their order; none needs to have
    /// ended before the next event comes.
    pub fn handle(&mut self, now: i64, event: Event) -> Vec<Action> {
        self.now = now;
        match event {
            Event::Tick => {}
            Event::Configs(configs, changes) => self.read(configs, &changes),
            Event::Refreshed(number, configs) => self.refreshed(number, configs),
            Event::Joined(joined) => self.joined(joined),
            Event::Synced(generation, assignment) => self.synced(generation, &assignment),
            Event::Rebalancing => self.rebalancing(),
            Event::Fenced(silent) => self.fenced(silent),
            Event::CoordinatorLost => self.coordinator_lost(),
            Event::Written(number, result) => self.written(number, result),
            Event::Planned(number, connector, result) => self.planned(number, &connector, result),
            Event::TasksForwarded(connector, result) => self.published(&connector, result),
            Event::Task(id, state, trace) => self.task_is(id, state, trace),
            Event::Stopped(id) => self.stopped(&id),
            Event::Request(asked) => self.ask(asked),
            Event::Shutdown => self.shutdown(),
        }
        self.settle();
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is due, unless another event comes before.
    pub fn next(&self) -> Option<i64> {
        let mut times: Vec<i64> = self.waiting.iter().map(|waiting| waiting.until).collect();
        match self.phase {
            Phase::Starting | Phase::Ending | Phase::Ended => return None,
            Phase::Out if self.behind() => times.push(self.read_by.unwrap_or(self.back_off_until)),
            Phase::Member => times.extend(self.read_by.into_iter().chain(self.scheduled).chain(self.key_due())),
            Phase::Out | Phase::Joining | Phase::Syncing => {}
        }
        times.extend(self.connectors.values().filter_map(|connector| connector.retry_at));
        // What is due already waits for an event, not for time.
        times.into_iter().filter(|time| *time > self.now).min()
    }

    /// What the config topic says, as far as this worker goes by it.
    pub fn configs(&self) -> &ConfigState {
        &self.configs
    }

    /// The generation that its work is of; -1: none.
    pub fn generation(&self) -> i32 {
        self.completed.unwrap_or(-1)
    }

    /// What it has, and who leads; none while it has nothing.
    pub fn assignment(&self) -> Option<&Assignment> {
        self.assignment.as_ref()
    }

    /// Whether requests between workers are signed.
    pub fn sessioned(&self) -> bool {
        self.protocol == Protocol::Sessioned
    }

    /// Whether it leads the group.
    pub fn leads(&self) -> bool {
        self.phase == Phase::Member && self.assignment.as_ref().is_some_and(|assignment| assignment.leader == self.member)
    }

    /// The leader's URL; none while it is not known.
    pub fn leader_url(&self) -> Option<&str> {
        self.assignment.as_ref().map(|assignment| assignment.leader_url.as_str()).filter(|url| !url.is_empty())
    }

    /// Does what has become possible.
    fn settle(&mut self) {
        match self.phase {
            Phase::Starting | Phase::Ended => return,
            Phase::Ending => return self.end(),
            Phase::Out | Phase::Joining | Phase::Syncing | Phase::Member => {}
        }
        self.catch_up();
        self.resolve();
        self.retry_plans();
        self.join_if_due();
        self.publish();
        self.serve();
        self.renew_key();
    }

    /// What was assigned runs, and what was written is read back: one change at a time is decided from what the config topic says
    /// then, as on Java's herder thread.
    fn at_rest(&self) -> bool {
        self.phase == Phase::Member && self.resolved && self.writes.is_empty()
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn write(&mut self, purpose: Purpose, changes: Vec<Change>) {
        let number = self.next_number();
        self.writes.insert(number, purpose);
        self.act(Action::Write(number, changes));
    }

    fn written(&mut self, number: u64, result: Result<(), String>) {
        match self.writes.remove(&number) {
            Some(Purpose::Answer(id, done)) => {
                let answer = result.map(|()| done).map_err(|message| HerderError { status: 500, message });
                self.act(Action::Answer(id, answer));
            }
            Some(Purpose::Tasks(connector)) => self.published(&connector, result),
            Some(Purpose::SessionKey) => self.key_written(),
            None => {}
        }
    }

    /// A new view of the config topic. Which connectors came and went shows in the views themselves: one may have come with a
    /// refresh before its change was told.
    fn read(&mut self, configs: Arc<ConfigState>, changes: &Changes) {
        let newest = if configs.offset < self.configs.offset { self.configs.clone() } else { configs };
        let before = std::mem::replace(&mut self.configs, newest);
        if self.phase == Phase::Starting {
            self.phase = Phase::Out;
            return;
        }
        if !before.connectors().eq(self.configs.connectors()) || !changes.tasks.is_empty() {
            self.asked = self.configs.offset;
        }
        let removed = before.connectors().filter(|name| self.configs.config(name).is_none()).map(str::to_owned);
        for name in removed.collect::<Vec<_>>() {
            self.stop_removed(&name);
        }
        for name in &changes.connectors {
            self.reconfigured(name);
        }
        for name in &changes.tasks {
            self.stop_for_new_tasks(name);
        }
        for name in &changes.targets {
            self.target_changed(name);
        }
        for (name, (include_tasks, only_failed)) in &changes.restarts {
            self.restart(name, *include_tasks, *only_failed);
        }
    }
}
