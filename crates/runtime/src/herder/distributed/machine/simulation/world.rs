//! A group of machines, each with a driver that does no more than the documentation of `distributed` asks for, around models of the
//! group coordinator and of the config topic. Everything that happens is in one queue, by a time that only the queue moves on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rowtide_api::Props;
use rowtide_testkit::random::Random;

use super::super::{Action, Asked, Change, Done, Event, Machine, Request, Settings};
use super::coordinator::{Call, Caller, Coordinator, Reply};
use crate::herder::distributed::protocol::Protocol;
use crate::herder::{HerderError, State, TaskId};
use crate::stores::config_record::{ConfigRecord, SessionKey};
use crate::stores::config_state::{Changes, ConfigState};

pub const SESSION: i64 = 10_000;
pub const BEAT: i64 = 3_000;
pub const REBALANCE: i64 = 20_000;
pub const DELAY: i32 = 30_000;

/// A task that runs.
#[derive(Clone, Debug)]
pub struct Running {
    pub generation: i32,
    pub config: Props,
    stopping: bool,
}

/// A worker's process and its driver.
pub struct Worker {
    pub machine: Machine,
    pub running: BTreeMap<TaskId, Running>,
    /// grows with each life
    pub(super) life: u64,
    pub alive: bool,
    paused_until: i64,
    pub(super) cut_off_until: i64,
    /// what came while it was paused
    inbox: VecDeque<What>,
    pub(super) member: String,
    pub(super) generation: Option<i32>,
    pub(super) call: Option<(u64, Call)>,
    pub(super) heard: i64,
    /// heartbeats since then
    pub(super) unanswered: u32,
    read: usize,
    configs: ConfigState,
    changes: Changes,
}

/// What happens.
#[derive(Clone)]
pub enum What {
    Start,
    Resume,
    Event(Event),
    /// the driver's timer of a call
    CallTimeout(u64),
    Beat(i32),
    Reply(u64, Reply),
    /// reads the config topic as far as it is
    Poll,
    Refresh(u64),
    Write(u64, Vec<Change>),
    Stopped(TaskId),
}

#[derive(Clone)]
pub(super) enum Item {
    Worker(usize, u64, What),
    Coordinator(Caller, Call),
    CoordinatorTick,
    /// the driver's timer of a request to another worker
    AnswerTimeout(u64),
}

/// Who waits for an answer.
#[derive(Clone)]
enum Source {
    Client,
    /// a worker, its life, and the connector whose tasks it sent
    Tasks(usize, u64, String),
}

pub struct World {
    pub now: i64,
    pub random: Random,
    queue: BTreeMap<(i64, u64), Item>,
    pub(super) sequence: u64,
    pub coordinator: Coordinator,
    pub workers: Vec<Worker>,
    pub log: Vec<ConfigRecord>,
    requests: BTreeMap<u64, (Source, Request)>,
    pub answers: BTreeMap<u64, Result<Done, HerderError>>,
    /// messages get lost and writes fail, of each thousand
    pub loss: u64,
    pub starts: u64,
    /// tasks that were stopped, by time
    pub stops: Vec<(i64, TaskId)>,
    /// what must not be
    pub violations: Vec<String>,
    /// nobody may run what another one runs, whatever the generations
    pub strict: bool,
    max_delay: i32,
}

impl World {
    pub fn new(random: Random, workers: &[Protocol], max_delay: i32) -> Self {
        let mut world = Self {
            now: 1_000_000,
            random,
            queue: BTreeMap::new(),
            sequence: 0,
            coordinator: Coordinator::new(SESSION, REBALANCE),
            workers: Vec::new(),
            log: Vec::new(),
            requests: BTreeMap::new(),
            answers: BTreeMap::new(),
            loss: 0,
            starts: 0,
            stops: Vec::new(),
            violations: Vec::new(),
            strict: false,
            max_delay,
        };
        for (place, protocol) in workers.iter().enumerate() {
            let machine = world.machine(place, *protocol);
            world.workers.push(Worker::new(machine, 0));
            world.after(place as i64 * 10, Item::Worker(place, 0, What::Start));
        }
        world.after(0, Item::CoordinatorTick);
        world
    }

    fn machine(&self, place: usize, protocol: Protocol) -> Machine {
        Machine::new(Settings {
            url: format!("http://w{place}/"),
            protocol,
            session_timeout: SESSION,
            max_delay: self.max_delay,
            sync_timeout: 3_000,
            unsync_backoff: 10_000,
            key_ttl: 60_000,
            key_algorithm: "HmacSHA256".to_owned(),
        })
    }

    pub(super) fn after(&mut self, delay: i64, item: Item) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), item);
    }

    pub(super) fn soon(&mut self, worker: usize, most: u64, what: What) {
        let delay = 1 + self.random.below(most) as i64;
        let life = self.workers[worker].life;
        self.after(delay, Item::Worker(worker, life, what));
    }

    pub(super) fn lost(&mut self) -> bool {
        self.random.below(1000) < self.loss
    }

    /// Lets everything happen until a time.
    pub fn run_until(&mut self, until: i64) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), item) = entry.remove_entry();
            self.now = at.max(self.now);
            self.happen(item);
        }
        self.now = until;
    }

    fn happen(&mut self, item: Item) {
        match item {
            Item::Worker(place, life, what) => {
                let worker = &mut self.workers[place];
                if !worker.alive || worker.life != life {
                    return;
                }
                if worker.paused_until > self.now && !matches!(what, What::Resume) {
                    worker.inbox.push_back(what);
                } else {
                    self.worker(place, what);
                }
            }
            Item::Coordinator(caller, call) => {
                let replies = self.coordinator.take(self.now, caller, call);
                self.reply(replies);
            }
            Item::CoordinatorTick => {
                let replies = self.coordinator.tick(self.now);
                self.reply(replies);
                self.after(200, Item::CoordinatorTick);
            }
            Item::AnswerTimeout(id) => {
                if matches!(self.requests.get(&id), Some((Source::Tasks(..), _))) {
                    self.answer(id, Err(failure("nobody answers")));
                }
            }
        }
    }

    fn reply(&mut self, replies: Vec<(Caller, Reply)>) {
        for ((place, number), reply) in replies {
            if !self.lost() && self.workers[place].cut_off_until <= self.now {
                self.soon(place, 60, What::Reply(number, reply));
            }
        }
    }

    fn worker(&mut self, place: usize, what: What) {
        match what {
            What::Start => {
                self.poll(place);
                let worker = &mut self.workers[place];
                worker.changes = Changes::default();
                let configs = Arc::new(worker.configs.clone());
                self.event(place, Event::Configs(configs, Changes::default()));
            }
            What::Resume => {
                self.workers[place].paused_until = 0;
                for what in std::mem::take(&mut self.workers[place].inbox) {
                    self.worker(place, what);
                }
            }
            What::Event(event) => self.event(place, event),
            What::CallTimeout(number) => self.call_timed_out(place, number),
            What::Beat(generation) => self.beat(place, generation),
            What::Reply(number, reply) => self.answered(place, number, reply),
            What::Poll => self.tell_changes(place),
            What::Refresh(number) => {
                // The store's state moves on before its changes are told.
                self.poll(place);
                let configs = (!self.lost()).then(|| Arc::new(self.workers[place].configs.clone()));
                self.event(place, Event::Refreshed(number, configs));
                self.soon(place, 20, What::Poll);
            }
            What::Write(number, changes) => self.write(place, number, changes),
            What::Stopped(id) => {
                self.workers[place].running.remove(&id);
                self.event(place, Event::Stopped(id));
            }
        }
    }

    pub(super) fn event(&mut self, place: usize, event: Event) {
        let actions = self.workers[place].machine.handle(self.now, event);
        for action in actions {
            self.act(place, action);
        }
        if let Some(at) = self.workers[place].machine.next() {
            let life = self.workers[place].life;
            self.after((at - self.now).max(1), Item::Worker(place, life, What::Event(Event::Tick)));
        }
    }

    fn act(&mut self, place: usize, action: Action) {
        match action {
            Action::Join(protocols) => {
                self.workers[place].generation = None;
                let member = self.workers[place].member.clone();
                self.call(place, Call::Join { member, protocols });
            }
            Action::Sync(assignments) => {
                let worker = &self.workers[place];
                let (member, generation) = (worker.member.clone(), worker.generation.unwrap_or(-1));
                self.call(place, Call::Sync { member, generation, assignments });
            }
            Action::Leave => {
                let worker = &mut self.workers[place];
                (worker.generation, worker.call) = (None, None);
                let member = std::mem::take(&mut worker.member);
                self.send(place, 0, Call::Leave { member });
            }
            Action::Refresh(number) => self.soon(place, 100, What::Refresh(number)),
            Action::Write(number, changes) => self.soon(place, 100, What::Write(number, changes)),
            Action::Plan(number, name) => {
                let config = self.workers[place].machine.configs().config(&name).cloned().unwrap_or_default();
                self.soon(place, 300, What::Event(Event::Planned(number, name, Ok(plan(&config)))));
            }
            Action::ForwardTasks(name, tasks, url) => self.forward_tasks(place, name, tasks, &url),
            Action::Start(id) => self.start(place, id),
            Action::Stop(id) => {
                self.stops.push((self.now, id.clone()));
                self.workers[place].running.entry(id.clone()).and_modify(|running| running.stopping = true);
                self.soon(place, 2_000, What::Stopped(id));
            }
            Action::Forward(id, url, again) => self.forward(id, &url, again),
            Action::Answer(id, answer) => self.answer(id, answer),
            Action::Status(_) | Action::CleanStatuses | Action::Pause(..) => {}
            Action::Ended => self.workers[place].alive = false,
        }
    }

    /// Applies what the config topic has by now.
    fn poll(&mut self, place: usize) {
        let worker = &mut self.workers[place];
        for record in &self.log[worker.read..] {
            worker.configs.apply(record.clone(), &mut worker.changes);
        }
        worker.read = self.log.len();
        worker.configs.offset = self.log.len() as i64;
    }

    fn tell_changes(&mut self, place: usize) {
        self.poll(place);
        let worker = &mut self.workers[place];
        let changes = std::mem::take(&mut worker.changes);
        if !changes.is_empty() {
            let configs = Arc::new(worker.configs.clone());
            self.event(place, Event::Configs(configs, changes));
        }
    }

    fn write(&mut self, place: usize, number: u64, changes: Vec<Change>) {
        let (fails, arrives) = (self.lost(), self.random.below(2) == 0);
        if !fails || arrives {
            for change in changes {
                let records = self.records(change);
                self.append(records);
            }
        }
        if fails {
            return self.soon(place, 500, What::Event(Event::Written(number, Err("not written".to_owned()))));
        }
        self.tell_changes(place);
        self.event(place, Event::Written(number, Ok(())));
    }

    fn records(&self, change: Change) -> Vec<ConfigRecord> {
        match change {
            Change::Connector(name, config, initial) => {
                let initial = initial.map(|state| ConfigRecord::Target(name.clone(), Some(state)));
                initial.into_iter().chain([ConfigRecord::Connector(name, Some(config))]).collect()
            }
            Change::Remove(name) => vec![ConfigRecord::Connector(name.clone(), None), ConfigRecord::Target(name, None)],
            Change::Tasks(name, tasks) => {
                let count = tasks.len();
                let each = tasks.into_iter().enumerate();
                let each = each.map(|(task, config)| ConfigRecord::Task(name.clone(), task, config));
                each.chain([ConfigRecord::Commit(name.clone(), count)]).collect()
            }
            Change::Target(name, state) => vec![ConfigRecord::Target(name, Some(state))],
            Change::Restart(name, tasks, failed) => vec![ConfigRecord::Restart(name, tasks, failed)],
            Change::SessionKey => {
                let (key, algorithm) = ("a2V5".to_owned(), "HmacSHA256".to_owned());
                vec![ConfigRecord::SessionKey(SessionKey { key, algorithm, created: self.now })]
            }
        }
    }

    pub fn append(&mut self, records: Vec<ConfigRecord>) {
        self.log.extend(records);
        for place in 0..self.workers.len() {
            let most = if self.random.below(10) == 0 && self.loss > 0 { 4_000 } else { 200 };
            self.soon(place, most, What::Poll);
        }
    }

    fn start(&mut self, place: usize, id: TaskId) {
        let worker = &self.workers[place];
        let Some(config) = worker.machine.configs().task_config(&id.connector, id.task).cloned() else {
            return self.violations.push(format!("{id:?} was started without a configuration"));
        };
        let generation = worker.machine.generation();
        for (other, worker) in self.workers.iter().enumerate() {
            let Some(running) = worker.running.get(&id) else { continue };
            if other == place || self.strict || running.generation == generation {
                let when = self.now;
                self.violations.push(format!(
                    "{when}: w{place} starts {id:?} in generation {generation} while w{other} has it: {running:?}"
                ));
            }
        }
        self.starts += 1;
        let running = Running { generation, config, stopping: false };
        self.workers[place].running.insert(id.clone(), running);
        self.soon(place, 100, What::Event(Event::Task(id, State::Running, None)));
    }

    fn place_of(&self, url: &str) -> Option<usize> {
        (0..self.workers.len()).find(|place| format!("http://w{place}/") == url && self.workers[*place].alive)
    }

    fn forward_tasks(&mut self, place: usize, name: String, tasks: Vec<Props>, url: &str) {
        let to = if self.lost() { None } else { self.place_of(url) };
        let Some(to) = to else {
            return self.soon(place, 5_000, What::Event(Event::TasksForwarded(name, Err("nobody answers".to_owned()))));
        };
        let life = self.workers[place].life;
        let id = self.request_to(to, Source::Tasks(place, life, name.clone()), Request::Tasks(name, tasks), Some(false));
        self.after(15_000, Item::AnswerTimeout(id));
    }

    /// Asks a worker as a user does; the answer comes under the number.
    pub fn ask(&mut self, place: usize, request: Request) -> u64 {
        self.request_to(place, Source::Client, request, None)
    }

    fn request_to(&mut self, place: usize, source: Source, request: Request, forward: Option<bool>) -> u64 {
        self.sequence += 1;
        let id = self.sequence;
        self.requests.insert(id, (source, request.clone()));
        self.soon(place, 50, What::Event(Event::Request(Asked { id, request, forward })));
        id
    }

    fn forward(&mut self, id: u64, url: &str, again: bool) {
        let Some((_, request)) = self.requests.get(&id).cloned() else { return };
        match self.place_of(url) {
            Some(to) => self.soon(to, 50, What::Event(Event::Request(Asked { id, request, forward: Some(again) }))),
            None => self.answer(id, Err(failure("nobody answers"))),
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Done, HerderError>) {
        match self.requests.get(&id).map(|(source, _)| source.clone()) {
            Some(Source::Client) => {
                let before = self.answers.insert(id, answer);
                self.violations.extend(before.map(|_| format!("request {id} was answered twice")));
            }
            Some(Source::Tasks(place, life, name)) => {
                self.requests.remove(&id);
                let result = answer.map(drop).map_err(|error| error.message);
                let what = What::Event(Event::TasksForwarded(name, result));
                let delay = 1 + self.random.below(50) as i64;
                self.after(delay, Item::Worker(place, life, what));
            }
            // it came too late
            None => {}
        }
    }

    /// The process ends; whoever it was is a new one when it comes back.
    pub fn crash(&mut self, place: usize) {
        let worker = &mut self.workers[place];
        worker.alive = false;
        worker.life += 1;
        worker.running.clear();
    }

    pub fn revive(&mut self, place: usize) {
        let protocol = self.workers[place].machine.settings.protocol;
        let life = self.workers[place].life + 1;
        let machine = self.machine(place, protocol);
        self.workers[place] = Worker::new(machine, life);
        self.soon(place, 100, What::Start);
    }

    /// The process stands still for a while.
    pub fn pause(&mut self, place: usize, ms: i64) {
        let until = self.now + ms;
        let worker = &mut self.workers[place];
        worker.paused_until = until;
        let life = worker.life;
        self.after(ms, Item::Worker(place, life, What::Resume));
    }

    /// Nothing passes between the worker and the coordinator for a while.
    pub fn cut_off(&mut self, place: usize, ms: i64) {
        self.workers[place].cut_off_until = self.now + ms;
    }
}

impl Worker {
    pub(super) fn hear(&mut self, now: i64) {
        self.heard = now;
        self.unanswered = 0;
    }

    fn new(machine: Machine, life: u64) -> Self {
        Self {
            machine,
            running: BTreeMap::new(),
            life,
            alive: true,
            paused_until: 0,
            cut_off_until: 0,
            inbox: VecDeque::new(),
            member: String::new(),
            generation: None,
            call: None,
            heard: 0,
            unanswered: 0,
            read: 0,
            configs: ConfigState::default(),
            changes: Changes::default(),
        }
    }
}

fn failure(message: &str) -> HerderError {
    HerderError { status: 500, message: message.to_owned() }
}

/// A connector's tasks follow from its configuration.
pub fn plan(config: &Props) -> Vec<Props> {
    let count = config.get("tasks").and_then(|text| text.parse().ok()).unwrap_or(0);
    (0..count)
        .map(|task: usize| [("of", config.get("value").unwrap_or_default()), ("task", &task.to_string())].into_iter().collect())
        .collect()
}
