//! Drives the machine: turns what happens into events, and begins what it wants done. See `distributed` for the rules.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use ring::rand::SecureRandom as _;
use rowtide_api::{Error, Props, Result};
use tokio::sync::mpsc;

use super::Shared;
use super::fencing;
use super::machine::{Action, Change, Event, Machine, Status, Unit};
use super::member::Command;
use super::requests::Outcome;
use super::tasks::Begin;
use crate::herder::hop::Onward;
use crate::herder::{State, TargetState, TaskId};
use crate::pipeline::trace;
use crate::stores::config_record::SessionKey;
use crate::stores::status_record::{self, StatusRecord};
use crate::worker_config::Membership;

/// Length of a session key; Java's default for HmacSHA256.
const KEY_BYTES: usize = 32;

/// What is to happen with the config topic, in the order in which it was wanted.
pub enum Write {
    /// write these changes
    Changes(u64, Vec<Change>),
    /// this worker leads from now on, or does not any more
    Lead(bool),
}

/// The task that owns the machine.
pub struct Driver {
    pub shared: Arc<Shared>,
    pub machine: Machine,
    pub membership: Membership,
    /// for those who act on its behalf
    pub events: mpsc::Sender<Event>,
    /// At most one is under way; what comes after a command that was not begun yet is rare and small.
    pub commands: mpsc::UnboundedSender<Command>,
    /// one for each change that a user or the machine wants, each of whom waits for it
    pub writes: mpsc::UnboundedSender<Write>,
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl Driver {
    /// Runs until the machine has ended.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Event>) {
        let (state, _) = self.shared.configs.take();
        let mut own = VecDeque::from([Event::Configs(state, Default::default())]);
        loop {
            let event = match own.pop_front() {
                Some(event) => event,
                None => self.next(&mut inbox).await,
            };
            let generation = self.machine.generation();
            let actions = self.machine.handle(now(), event);
            if self.machine.generation() != generation {
                self.note_generation();
                // it lives as long as this
                let _ = self.writes.send(Write::Lead(self.machine.leads()));
            }
            self.shared.sessioned.store(self.machine.sessioned(), Ordering::Relaxed);
            for action in actions {
                if action == Action::Ended {
                    return;
                }
                own.extend(self.begin(action).await);
            }
        }
    }

    fn note_generation(&self) {
        let Some(assignment) = self.machine.assignment() else { return };
        let (generation, leader) = (self.machine.generation(), &assignment.leader_url);
        let (connectors, tasks) = (assignment.assigned.connectors.len(), assignment.assigned.tasks.len());
        let leads = self.machine.leads();
        tracing::info!(
            generation,
            leads,
            leader,
            connectors,
            tasks,
            "a generation of the group '{}' has begun",
            self.membership.group
        );
    }

    async fn next(&self, inbox: &mut mpsc::Receiver<Event>) -> Event {
        let due = async {
            match self.machine.next() {
                Some(at) => tokio::time::sleep(Duration::from_millis(u64::try_from(at - now()).unwrap_or(0))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // this holds a sender, so that there is no end
            Some(event) = inbox.recv() => event,
            () = due => Event::Tick,
        }
    }

    /// Begins an action; an event that comes of it at once is answered.
    async fn begin(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Join(offer) => self.command(Command::Join(offer)),
            Action::Sync(assignments) => self.command(Command::Sync(assignments)),
            Action::Leave => self.command(Command::Leave),
            Action::Refresh(number) => self.refresh(number),
            // it lives as long as this
            Action::Write(number, changes) => drop(self.writes.send(Write::Changes(number, changes))),
            Action::Status(status) => self.status(status).await,
            Action::CleanStatuses => self.clean_statuses(),
            Action::Plan(number, name) => self.plan(number, name),
            Action::Start(id) => {
                let configs = self.machine.configs();
                let paused = configs.target(&id.connector) == Some(TargetState::Paused);
                let config = configs.task_config(&id.connector, id.task)?;
                if let Err(error) = self.start(&id, config, paused) {
                    tracing::error!(connector = id.connector, task = id.task, "the task has failed: {error}");
                    return Some(Event::Task(id, State::Failed, Some(trace(&error))));
                }
            }
            Action::Stop(id) => {
                self.shared.tasks.stop(&self.shared.parts, &self.shared.statuses, id, self.events.clone());
            }
            Action::Pause(id, paused) => self.shared.tasks.pause(&id, paused),
            Action::ForwardTasks(name, tasks, url) => self.forward_tasks(name, tasks, url),
            Action::Forward(id, url, forward) => self.shared.requests.answer(id, Outcome::Elsewhere(Onward { url, forward })),
            Action::Answer(id, answer) => self.shared.requests.answer(id, Outcome::Here(answer)),
            Action::Ended => {}
        }
        None
    }

    fn start(&self, id: &TaskId, config: &Props, paused: bool) -> Result<(), Error> {
        let Shared { tasks, parts, statuses, .. } = &*self.shared;
        let offsets = self.shared.own_offsets(&id.connector, config)?;
        let exactly_once = fencing::exactly_once(&self.shared, id, config, offsets.as_ref(), &self.events)?;
        tasks.start(parts, statuses, Begin { id, config, offsets, exactly_once, paused }, &self.events)
    }

    fn command(&self, command: Command) {
        // a member that has ended told so
        let _ = self.commands.send(command);
    }

    fn refresh(&self, number: u64) {
        let (shared, events, limit) = (self.shared.clone(), self.events.clone(), self.membership.sync_timeout);
        tokio::spawn(async move {
            let read = shared.configs.refresh(limit).await;
            if let Err(error) = &read {
                tracing::warn!("{error}");
            }
            let _turn = shared.feed(&events).await;
            let _ = events.send(Event::Refreshed(number, read.is_ok().then(|| shared.configs.state()))).await;
        });
    }

    async fn status(&self, status: Status) {
        let Status { unit, state, trace, generation, safe } = status;
        let connector = match &unit {
            Unit::Connector(name) => name,
            Unit::Task(id) => &id.connector,
        };
        let config = self.machine.configs().config(connector);
        // Java leaves it out where no plug-in is at work: of tasks that have stopped, and amid a restart
        let at_work = match unit {
            Unit::Connector(_) => state != State::Restarting,
            Unit::Task(_) => !matches!(state, State::Unassigned | State::Restarting),
        };
        let version = config.filter(|_| at_work).and_then(|config| self.shared.parts.version(config));
        let worker_id = self.shared.parts.worker_id.clone();
        let trouble = match &unit {
            Unit::Task(id) if at_work => self.shared.tasks.trouble(id),
            _ => None,
        };
        let status = status_record::Status { state, trace, worker_id, generation, version, trouble };
        let configured = match &unit {
            Unit::Connector(_) => config.is_some(),
            Unit::Task(id) => id.task < self.machine.configs().task_count(&id.connector),
        };
        // What has stopped for good is forgotten: the leader may have done so before it had.
        let status = (configured || status.state != State::Unassigned).then_some(status);
        let record = match unit {
            Unit::Connector(name) => StatusRecord::Connector(name, status),
            Unit::Task(id) => StatusRecord::Task(id, status),
        };
        if safe {
            self.shared.statuses.put_safe(record).await;
        } else {
            self.shared.statuses.put(record).await;
        }
    }

    /// As the leader does after a rebalance (`updateDeletedConnectorStatus`, `updateDeletedTaskStatus`), once all is read that
    /// the workers said before it.
    fn clean_statuses(&self) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            match shared.statuses.refresh().await {
                Ok(()) => shared.statuses.clean(&shared.configs.state()).await,
                Err(error) => tracing::warn!("statuses of what is deleted stay until the next rebalance: {error}"),
            }
        });
    }

    fn plan(&self, number: u64, name: String) {
        let configs = self.machine.configs();
        let (config, target) = (configs.config(&name).cloned().unwrap_or_default(), configs.target(&name));
        let (shared, events) = (self.shared.clone(), self.events.clone());
        tokio::spawn(async move {
            let target = target.unwrap_or(TargetState::Started);
            let planned = tokio::task::spawn_blocking(move || shared.parts.plan(&config, target)).await;
            let failed = |panic| Error::fatal("the plan of the connector's tasks ended abnormally").caused_by(panic);
            let planned = planned.map_err(failed).and_then(|planned| planned);
            if let Err(error) = &planned {
                tracing::error!(connector = name, "the connector has failed: {error}");
            }
            let _ = events.send(Event::Planned(number, name, planned.map_err(|error| trace(&error)))).await;
        });
    }

    fn forward_tasks(&self, name: String, tasks: Vec<rowtide_api::Props>, url: String) {
        let (shared, events) = (self.shared.clone(), self.events.clone());
        tokio::spawn(async move {
            let sent = shared.send_tasks(&name, tasks, &url).await;
            let sent = sent.map_err(|error| {
                tracing::warn!(connector = name, "the leader did not take the connector's tasks: {error}");
                error.to_string()
            });
            let _ = events.send(Event::TasksForwarded(name, sent)).await;
        });
    }
}

/// Writes to the config topic one after the other; what a write brings is told before it is told to be done.
pub async fn write(shared: Arc<Shared>, mut writes: mpsc::UnboundedReceiver<Write>, events: mpsc::Sender<Event>) {
    while let Some(write) = writes.recv().await {
        let (number, changes) = match write {
            Write::Changes(number, changes) => (number, changes),
            Write::Lead(leads) => {
                shared.configs.lead(leads).await;
                continue;
            }
        };
        let mut result = Ok(());
        for change in changes {
            if result.is_ok() {
                result = carry_out(&shared, change).await;
            }
        }
        let result = result.map_err(|error| {
            tracing::error!("the config topic was not changed: {error}");
            error.to_string()
        });
        let _turn = shared.feed(&events).await;
        let _ = events.send(Event::Written(number, result)).await;
    }
}

async fn carry_out(shared: &Shared, change: Change) -> Result<()> {
    let configs = &shared.configs;
    match change {
        Change::Connector(name, config, initial) => configs.put_connector(&name, &config, initial).await,
        Change::Remove(name) => configs.remove_connector(&name).await,
        Change::Tasks(name, tasks) => configs.put_task_configs(&name, &tasks).await,
        Change::Target(name, state) => configs.put_target_state(&name, state).await,
        Change::Restart(name, tasks, failed) => configs.put_restart(&name, tasks, failed).await,
        Change::SessionKey => configs.put_session_key(new_key()?).await,
    }
}

fn new_key() -> Result<SessionKey> {
    let mut bytes = [0; KEY_BYTES];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| Error::fatal("the system gives no random numbers"))?;
    let key = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok(SessionKey { key, algorithm: "HmacSHA256".to_owned(), created: now() })
}

/// Tells each change of the config topic, for as long as somebody listens.
pub async fn follow(shared: Arc<Shared>, events: mpsc::Sender<Event>) {
    while !events.is_closed() {
        shared.configs.changed().await;
        drop(shared.feed(&events).await);
    }
}
