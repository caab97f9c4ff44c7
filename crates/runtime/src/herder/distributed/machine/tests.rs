//! Single steps of the machine: what it answers, and in which order it does things.

use std::sync::Arc;

use super::*;
use crate::herder::distributed::protocol::{WorkerState, decode_assignment, decode_state, encode_assignment, encode_state};
use crate::stores::config_record::{ConfigRecord, SessionKey};

/// A machine and the config topic that it reads.
struct Bench {
    machine: Machine,
    now: i64,
    configs: ConfigState,
    request: u64,
}

fn props(value: &str) -> Props {
    [("value", value)].into_iter().collect()
}

fn task(number: usize) -> TaskId {
    TaskId { connector: "a".to_owned(), task: number }
}

fn answers(actions: &[Action]) -> Vec<Result<Done, (u16, String)>> {
    let answer = |action: &Action| match action {
        Action::Answer(_, answer) => Some(answer.clone().map_err(|error| (error.status, error.message))),
        _ => None,
    };
    actions.iter().filter_map(answer).collect()
}

impl Bench {
    fn new(protocol: Protocol) -> Self {
        let machine = Machine::new(Settings {
            url: "http://me/".to_owned(),
            protocol,
            session_timeout: 10_000,
            max_delay: 300_000,
            sync_timeout: 3_000,
            unsync_backoff: 300_000,
            key_ttl: 3_600_000,
            key_algorithm: "HmacSHA256".to_owned(),
        });
        Self { machine, now: 1_000, configs: ConfigState::default(), request: 0 }
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        self.machine.handle(self.now, event)
    }

    fn records(&mut self, records: Vec<ConfigRecord>) -> Vec<Action> {
        let mut changes = Changes::default();
        self.configs.offset = self.configs.offset.max(0) + records.len() as i64;
        records.into_iter().for_each(|record| self.configs.apply(record, &mut changes));
        let configs = Arc::new(self.configs.clone());
        self.event(Event::Configs(configs, changes))
    }

    /// A connector with a number of tasks, as the config topic has it.
    fn connector(&mut self, tasks: usize) -> Vec<Action> {
        let mut records = vec![ConfigRecord::Connector("a".to_owned(), Some(props("1")))];
        records.extend((0..tasks).map(|task| ConfigRecord::Task("a".to_owned(), task, props("t"))));
        records.push(ConfigRecord::Commit("a".to_owned(), tasks));
        self.records(records)
    }

    /// The generation that follows on a join, with this machine as its leader; what it does once it is synced.
    fn lead(&mut self, generation: i32, others: &[(&str, Vec<u8>)]) -> Vec<Action> {
        let protocol = self.machine.settings.protocol;
        let state = protocol_state(&self.machine);
        let mut members = vec![("me".to_owned(), encode_state(protocol, &state))];
        members.extend(others.iter().map(|(id, bytes)| ((*id).to_owned(), bytes.clone())));
        let (member, leader) = ("me".to_owned(), "me".to_owned());
        let joined = Joined { generation, member, leader, protocol: protocol.name().to_owned(), members };
        let actions = self.event(Event::Joined(joined));
        let Some(Action::Sync(assignments)) = actions.last() else { panic!("{actions:?}") };
        let mine = assignments.iter().find(|(id, _)| id == "me").unwrap().1.clone();
        self.event(Event::Synced(generation, mine))
    }

    /// The generation that follows on a join, with another leader, which assigns this.
    fn follow(&mut self, generation: i32, offset: i64, assigned: Work, revoked: Work) -> Vec<Action> {
        let protocol = self.machine.settings.protocol;
        let (member, leader) = ("me".to_owned(), "it".to_owned());
        let joined = Joined { generation, member, leader, protocol: protocol.name().to_owned(), members: Vec::new() };
        assert_eq!(self.event(Event::Joined(joined)), [Action::Sync(Vec::new())]);
        let (leader, leader_url) = ("it".to_owned(), "http://it/".to_owned());
        let told = Assignment { leader, leader_url, offset, assigned, revoked, ..Assignment::default() };
        self.event(Event::Synced(generation, encode_assignment(protocol, &told)))
    }

    fn ask(&mut self, request: Request, forward: Option<bool>) -> Vec<Action> {
        self.request += 1;
        self.event(Event::Request(Asked { id: self.request, request, forward }))
    }

    /// Lets the last write among these succeed.
    fn written(&mut self, actions: &[Action]) -> Vec<Action> {
        let number = actions.iter().rev().find_map(|action| match action {
            Action::Write(number, _) => Some(*number),
            _ => None,
        });
        self.event(Event::Written(number.unwrap_or_else(|| panic!("{actions:?}")), Ok(())))
    }
}

fn protocol_state(machine: &Machine) -> WorkerState {
    let url = machine.settings.url.clone();
    WorkerState { url, offset: machine.configs.offset, allocation: machine.assignment.clone() }
}

fn work(connectors: &[&str], tasks: &[usize]) -> Work {
    Work {
        connectors: connectors.iter().map(|name| (*name).to_owned()).collect(),
        tasks: tasks.iter().map(|it| task(*it)).collect(),
    }
}

fn stale() -> Result<Done, (u16, String)> {
    let text = "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)";
    Err((409, text.to_owned()))
}

/// A leader at rest with a session key, connector `a` and its tasks.
fn leader(tasks: usize) -> Bench {
    let mut bench = Bench::new(Protocol::Sessioned);
    let key = SessionKey { key: String::new(), algorithm: "HmacSHA256".to_owned(), created: 0 };
    bench.records(vec![ConfigRecord::SessionKey(key)]);
    bench.connector(tasks);
    bench.event(Event::Rebalancing);
    bench.lead(1, &[]);
    bench
}

fn follower(assigned: Work) -> Bench {
    let mut bench = Bench::new(Protocol::Sessioned);
    bench.records(vec![
        ConfigRecord::Connector("a".to_owned(), Some(props("1"))),
        ConfigRecord::Task("a".to_owned(), 0, props("t")),
    ]);
    bench.records(vec![ConfigRecord::Commit("a".to_owned(), 1)]);
    bench.follow(1, 3, assigned, Work::default());
    bench
}

#[test]
fn joins_once_the_config_topic_is_read() {
    let mut bench = Bench::new(Protocol::Sessioned);
    assert_eq!(bench.event(Event::Tick), []);
    let actions = bench.records(vec![ConfigRecord::Connector("a".to_owned(), Some(props("1")))]);
    let [Action::Join(protocols)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(protocols.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["sessioned", "compatible", "default"]);
    let state = decode_state(&protocols[0].1).unwrap();
    assert_eq!((state.url.as_str(), state.offset, state.allocation), ("http://me/", 1, None));
}

#[test]
fn a_leader_makes_a_key_and_plans_what_it_has() {
    let mut bench = Bench::new(Protocol::Sessioned);
    bench.records(vec![ConfigRecord::Connector("a".to_owned(), Some(props("1")))]);
    let actions = bench.lead(1, &[]);
    assert!(
        matches!(&actions[..], [Action::CleanStatuses, Action::Plan(_, name), Action::Write(_, changes)]
        if name == "a" && changes == &[Change::SessionKey]),
        "{actions:?}"
    );
    let Action::Plan(plan, _) = actions[1] else { panic!() };
    let planned = bench.event(Event::Planned(plan, "a".to_owned(), Ok(vec![props("t")])));
    assert!(matches!(&planned[..], [Action::Status(status)] if status.state == State::Running && status.generation == 1));
    let written = bench.written(&actions);
    let tasks = vec![Change::Tasks("a".to_owned(), vec![props("t")])];
    assert!(matches!(&written[..], [Action::Write(_, changes)] if *changes == tasks), "{written:?}");
}

#[test]
fn keys_are_renewed_and_not_made_without_the_protocol() {
    let mut bench = leader(0);
    assert_eq!(bench.machine.next(), Some(3_600_000));
    bench.now = 3_600_000;
    assert!(matches!(&bench.event(Event::Tick)[..], [Action::Write(_, changes)] if changes == &[Change::SessionKey]));
    let mut bench = Bench::new(Protocol::Compatible);
    bench.connector(0);
    let actions = bench.lead(1, &[]);
    assert!(!actions.iter().any(|action| matches!(action, Action::Write(..))), "{actions:?}");
}

#[test]
fn a_leader_writes_and_answers_when_it_is_read_back() {
    let mut bench = leader(0);
    let put = |replace| Request::Put { name: "b".to_owned(), config: props("2"), initial: None, replace };
    let actions = bench.ask(put(false), None);
    assert_eq!(answers(&actions), []);
    let waits = bench.ask(Request::Delete("a".to_owned()), None);
    assert_eq!(waits, [], "one change at a time");
    let rebalance = bench.records(vec![ConfigRecord::Connector("b".to_owned(), Some(props("2")))]);
    assert!(matches!(rebalance[..], [Action::Join(_)]));
    assert_eq!(answers(&bench.written(&actions)), [Ok(Done::Put(true, props("2")))]);
    let actions = bench.lead(2, &[]);
    assert!(
        actions.iter().any(|action| matches!(action, Action::Write(_, changes) if changes == &[Change::Remove("a".to_owned())]))
    );
    bench.written(&actions);
    assert_eq!(answers(&bench.ask(put(false), None)), [Err((409, "Connector b already exists".to_owned()))]);
    let name = "x".repeat(40_000);
    let actions = bench.ask(Request::Put { name, config: props("2"), initial: None, replace: true }, None);
    assert!(matches!(&answers(&actions)[..], [Err((400, _))]));
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut bench = leader(1);
    let name = || "x".to_owned();
    for (request, message) in [
        (Request::Delete(name()), "Connector x not found"),
        (Request::Patch(name()), "Connector x not found"),
        (Request::Tasks(name(), Vec::new()), "Connector x not found"),
        (Request::Target(name(), TargetState::Paused), "Unknown connector x"),
        (Request::Target(name(), TargetState::Stopped), "Unknown connector x"),
        (Request::Restart(name(), false, false), "Unknown connector: x"),
        (Request::Restart(name(), true, false), "Unknown connector: x"),
        (Request::RestartTask(TaskId { connector: name(), task: 0 }), "Unknown connector: x"),
        (Request::RestartTask(task(7)), "Unknown task: a-7"),
    ] {
        let what = format!("{request:?}");
        assert_eq!(answers(&bench.ask(request, None)), [Err((404, message.to_owned()))], "{what}");
    }
}

#[test]
fn a_stop_takes_the_tasks_away_first() {
    let mut bench = leader(1);
    let actions = bench.ask(Request::Target("a".to_owned(), TargetState::Stopped), None);
    let expected = vec![Change::Tasks("a".to_owned(), Vec::new()), Change::Target("a".to_owned(), TargetState::Stopped)];
    assert!(matches!(&actions[..], [Action::Write(_, changes)] if *changes == expected), "{actions:?}");
}

#[test]
fn offsets_change_only_of_what_is_stopped() {
    let mut bench = leader(1);
    let refreshed = |bench: &mut Bench, actions: &[Action]| {
        let [Action::Refresh(number)] = actions else { panic!("{actions:?}") };
        let configs = Arc::new(bench.configs.clone());
        answers(&bench.event(Event::Refreshed(*number, Some(configs))))
    };
    let actions = bench.ask(Request::Offsets("a".to_owned()), None);
    let answer = refreshed(&mut bench, &actions);
    assert!(
        matches!(&answer[..], [Err((400, text))] if text.starts_with("Connectors must be in the STOPPED state")),
        "{answer:?}"
    );
    let gone = vec![ConfigRecord::Commit("a".to_owned(), 0), ConfigRecord::Target("a".to_owned(), Some(TargetState::Stopped))];
    bench.records(gone);
    bench.lead(2, &[]);
    bench.event(Event::Stopped(task(0)));
    bench.lead(3, &[]);
    let actions = bench.ask(Request::Offsets("a".to_owned()), None);
    assert_eq!(refreshed(&mut bench, &actions), [Ok(Done::Proceed)]);
    let actions = bench.ask(Request::Offsets("a".to_owned()), None);
    let [Action::Refresh(number)] = actions[..] else { panic!("{actions:?}") };
    assert!(matches!(answers(&bench.event(Event::Refreshed(number, None)))[..], [Err((500, _))]));
}

/// Two hops at most, and none to nowhere.
#[test]
fn a_follower_sends_requests_to_the_leader() {
    let mut bench = follower(Work::default());
    let delete = || Request::Delete("a".to_owned());
    let id = bench.request + 1;
    assert_eq!(bench.ask(delete(), None), [Action::Forward(id, "http://it/".to_owned(), true)]);
    assert_eq!(bench.ask(delete(), Some(true)), [Action::Forward(id + 1, "http://it/".to_owned(), false)]);
    let conflict = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
    assert_eq!(answers(&bench.ask(delete(), Some(false))), [Err((409, conflict.to_owned()))]);
    let pause = bench.ask(Request::Target("a".to_owned(), TargetState::Paused), None);
    assert!(matches!(pause[..], [Action::Write(..)]), "any worker pauses: {pause:?}");
}

#[test]
fn a_leader_sends_a_restart_to_the_owner() {
    let mut bench = leader(2);
    let allocation = Assignment { assigned: work(&["a"], &[0]), ..Assignment::default() };
    let state = WorkerState { url: "http://it/".to_owned(), offset: 0, allocation: Some(allocation) };
    bench.event(Event::Rebalancing);
    bench.machine.assignment.as_mut().unwrap().assigned = work(&[], &[1]);
    bench.lead(2, &[("it", encode_state(Protocol::Sessioned, &state))]);
    let id = bench.request + 1;
    let to_owner = |id| [Action::Forward(id, "http://it/".to_owned(), true)];
    assert_eq!(bench.ask(Request::RestartTask(task(0)), None), to_owner(id));
    assert_eq!(bench.ask(Request::Restart("a".to_owned(), false, false), None), to_owner(id + 1));
}

#[test]
fn requests_wait_while_the_group_forms_anew() {
    let mut bench = leader(0);
    assert!(matches!(bench.event(Event::Rebalancing)[..], [Action::Join(_)]));
    assert_eq!(bench.ask(Request::Read, None), []);
    assert_eq!(bench.machine.next(), Some(90_000));
    assert_eq!(answers(&bench.lead(2, &[])), [Ok(Done::Proceed)]);
    bench.event(Event::Rebalancing);
    bench.ask(Request::Read, None);
    bench.now += 89_000;
    let message = "Request timed out. The worker is currently ensuring membership in the cluster";
    assert_eq!(answers(&bench.event(Event::Tick)), [Err((500, message.to_owned()))]);
}

/// The eager protocol stops everything before it joins; a request in between would be answered from an old view.
#[test]
fn an_old_view_is_a_conflict() {
    let mut bench = Bench::new(Protocol::Eager);
    bench.connector(1);
    let actions = bench.lead(1, &[]);
    assert!(actions.contains(&Action::Start(task(0))), "{actions:?}");
    let actions = bench.records(vec![ConfigRecord::Connector("b".to_owned(), Some(props("2")))]);
    assert!(actions.contains(&Action::Stop(task(0))) && !actions.iter().any(|action| matches!(action, Action::Join(_))));
    assert_eq!(answers(&bench.ask(Request::Read, None)), [stale()]);
    let actions = bench.event(Event::Stopped(task(0)));
    assert!(matches!(actions.last(), Some(Action::Join(_))), "{actions:?}");
}

#[test]
fn a_worker_that_lags_reads_on_before_it_begins() {
    let mut bench = Bench::new(Protocol::Sessioned);
    bench.connector(1);
    let offset = bench.configs.offset;
    let actions = bench.follow(1, offset + 1, work(&[], &[0]), Work::default());
    assert!(matches!(actions[..], [Action::Refresh(_)]), "{actions:?}");
    assert_eq!(bench.machine.next(), Some(4_000));
    let actions = bench.records(vec![ConfigRecord::Target("a".to_owned(), Some(TargetState::Paused))]);
    assert_eq!(actions, [Action::Start(task(0))]);
}

#[test]
fn a_worker_that_cannot_read_on_lets_the_others_go_on() {
    let mut bench = Bench::new(Protocol::Sessioned);
    bench.connector(1);
    bench.follow(1, bench.configs.offset, work(&[], &[0]), Work::default());
    bench.event(Event::Rebalancing);
    let offset = bench.configs.offset + 1;
    bench.follow(2, offset, Work::default(), Work::default());
    let mut left = 0;
    let mut stopped = false;
    for _ in 0..20 {
        bench.now = bench.machine.next().unwrap();
        let actions = bench.event(Event::Tick);
        left += actions.iter().filter(|action| **action == Action::Leave).count();
        stopped |= actions.contains(&Action::Stop(task(0)));
        if stopped {
            break;
        }
    }
    assert_eq!((left, stopped), (1, true));
    assert!(bench.now < 1_000 + 300_000, "before the leader gives its work to others");
    let actions = bench.records(vec![ConfigRecord::Target("a".to_owned(), Some(TargetState::Paused))]);
    assert_eq!(actions, [], "the task still stops");
    assert!(matches!(bench.event(Event::Stopped(task(0))).last(), Some(Action::Join(_))));
}

#[test]
fn what_is_taken_away_ends_before_others_begin() {
    let mut bench = follower(work(&[], &[0]));
    bench.event(Event::Rebalancing);
    let actions = bench.follow(2, 3, Work::default(), work(&[], &[0]));
    assert_eq!(actions, [Action::Stop(task(0))]);
    let actions = bench.event(Event::Stopped(task(0)));
    let [Action::Status(status), Action::Join(protocols)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((status.state, status.safe), (State::Unassigned, true));
    assert!(decode_state(&protocols[0].1).unwrap().allocation.unwrap().assigned.is_empty());
}

#[test]
fn new_tasks_begin_after_the_rebalance() {
    let mut bench = follower(work(&[], &[0]));
    let again = vec![ConfigRecord::Task("a".to_owned(), 0, props("u")), ConfigRecord::Commit("a".to_owned(), 1)];
    let actions = bench.records(again);
    assert!(matches!(&actions[..], [Action::Stop(id), Action::Join(_)] if *id == task(0)), "{actions:?}");
    let actions = bench.event(Event::Stopped(task(0)));
    assert!(!actions.contains(&Action::Start(task(0))), "{actions:?}");
    assert_eq!(bench.follow(2, 5, Work::default(), Work::default()), [Action::Start(task(0))]);
}

#[test]
fn a_restart_stops_and_starts() {
    let mut bench = follower(work(&["a"], &[0]));
    bench.event(Event::Task(task(0), State::Running, None));
    assert_eq!(bench.ask(Request::RestartTask(task(0)), None), [Action::Stop(task(0))]);
    let actions = bench.event(Event::Stopped(task(0)));
    assert_eq!(actions[0], Action::Start(task(0)));
    assert_eq!(answers(&actions), [Ok(Done::Plain)]);
    bench.event(Event::Task(task(0), State::Failed, Some("trace".to_owned())));
    let only_failed = vec![ConfigRecord::Restart("a".to_owned(), true, true)];
    let actions = bench.records(only_failed);
    let restarting = Status { unit: Unit::Task(task(0)), state: State::Restarting, trace: None, generation: 1, safe: false };
    assert_eq!(actions, [Action::Status(restarting), Action::Start(task(0))], "it had ended, and the connector had not failed");
    let actions = bench.ask(Request::Restart("a".to_owned(), false, false), None);
    let [Action::Plan(plan, _)] = actions[..] else { panic!("{actions:?}") };
    let failed = bench.event(Event::Planned(plan, "a".to_owned(), Err("trace".to_owned())));
    assert_eq!(answers(&failed), [Err((500, "Failed to start connector: a".to_owned()))]);
}

#[test]
fn tasks_that_do_not_reach_the_leader_are_planned_again() {
    let mut bench = follower(work(&["a"], &[0]));
    let tasks = || vec![props("u")];
    let mut waited = Vec::new();
    let mut plan = bench.machine.number;
    for _ in 0..4 {
        let actions = bench.event(Event::Planned(plan, "a".to_owned(), Ok(tasks())));
        let forwarded = Action::ForwardTasks("a".to_owned(), tasks(), "http://it/".to_owned());
        assert_eq!(actions.last(), Some(&forwarded));
        bench.event(Event::TasksForwarded("a".to_owned(), Err("gone".to_owned())));
        waited.push(bench.machine.next().unwrap() - bench.now);
        bench.now = bench.machine.next().unwrap();
        let again = bench.event(Event::Tick);
        let [Action::Plan(number, _)] = again[..] else { panic!("{again:?}") };
        plan = number;
    }
    assert_eq!(waited, [250, 500, 1000, 2000]);
}

/// What a leader was sent may be written long after the sender gave it up.
#[test]
fn tasks_that_are_written_late_are_found_out() {
    let mut bench = follower(work(&["a"], &[0]));
    let plan = bench.machine.number;
    bench.event(Event::Planned(plan, "a".to_owned(), Ok(vec![props("t")])));
    let late = |value| vec![ConfigRecord::Task("a".to_owned(), 0, props(value)), ConfigRecord::Commit("a".to_owned(), 1)];
    bench.records(late("old"));
    assert_eq!(bench.machine.next(), Some(bench.now + 250));
    bench.now += 250;
    assert!(matches!(bench.event(Event::Tick)[..], [Action::Plan(..)]));
}

#[test]
fn pauses_and_resumes() {
    let mut bench = follower(work(&["a"], &[0]));
    let target = |state| vec![ConfigRecord::Target("a".to_owned(), Some(state))];
    let actions = bench.records(target(TargetState::Paused));
    assert!(
        matches!(&actions[..], [Action::Pause(id, true), Action::Status(status)]
        if *id == task(0) && status.state == State::Paused),
        "{actions:?}"
    );
    let actions = bench.records(target(TargetState::Started));
    assert!(matches!(&actions[..], [Action::Pause(_, false), Action::Plan(..)]), "{actions:?}");
}

/// A fenced follower goes on: its work waits for it. A leader's does not, and nobody's does after the delay.
#[test]
fn who_is_fenced_keeps_what_nobody_else_can_have() {
    let mut bench = follower(work(&[], &[0]));
    let actions = bench.event(Event::Fenced(12_000));
    let [Action::Join(protocols)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(decode_state(&protocols[0].1).unwrap().allocation.unwrap().assigned, work(&[], &[0]));
    let mut bench = follower(work(&[], &[0]));
    assert_eq!(bench.event(Event::Fenced(310_000)), [Action::Stop(task(0))]);
    let mut bench = leader(1);
    assert!(bench.event(Event::Fenced(12_000)).contains(&Action::Stop(task(0))));
    let mut bench = follower(work(&[], &[0]));
    assert_eq!(bench.event(Event::CoordinatorLost), [Action::Stop(task(0))]);
}

/// A leader that lags tells the group so, and all join again.
#[test]
fn a_leader_that_lags_assigns_nothing() {
    let mut bench = Bench::new(Protocol::Sessioned);
    bench.connector(1);
    let state = WorkerState { url: "http://it/".to_owned(), offset: 99, allocation: None };
    let members = vec![("it".to_owned(), encode_state(Protocol::Sessioned, &state))];
    let (member, leader, protocol) = ("me".to_owned(), "me".to_owned(), "sessioned".to_owned());
    let actions = bench.event(Event::Joined(Joined { generation: 1, member, leader, protocol, members }));
    let [Action::Sync(assignments)] = &actions[..] else { panic!("{actions:?}") };
    let told = decode_assignment(&assignments[0].1).unwrap();
    assert_eq!((told.error, told.offset, told.assigned), (1, 99, Work::default()));
}

#[test]
fn a_member_whose_leader_lags_joins_again_in_a_moment() {
    let mut bench = follower(work(&[], &[0]));
    bench.event(Event::Rebalancing);
    bench.follow(2, 3, Work::default(), Work::default());
    bench.event(Event::Rebalancing);
    let (member, leader, protocol) = ("me".to_owned(), "it".to_owned(), "sessioned".to_owned());
    bench.event(Event::Joined(Joined { generation: 3, member, leader: leader.clone(), protocol, members: Vec::new() }));
    let told = Assignment { error: 1, leader, offset: 3, ..Assignment::default() };
    assert_eq!(bench.event(Event::Synced(3, encode_assignment(Protocol::Sessioned, &told))), []);
    assert_eq!(bench.machine.next(), Some(bench.now + 100));
    bench.now += 100;
    assert!(matches!(bench.event(Event::Tick)[..], [Action::Join(_)]), "with its task running");
}

#[test]
fn ends_when_its_tasks_have_ended() {
    let mut bench = follower(work(&["a"], &[0]));
    let actions = bench.event(Event::Shutdown);
    assert!(actions.contains(&Action::Stop(task(0))) && !actions.contains(&Action::Ended), "{actions:?}");
    assert_eq!(answers(&bench.ask(Request::Read, None)), [Err((500, "Worker is shutting down".to_owned()))]);
    let actions = bench.event(Event::Stopped(task(0)));
    assert_eq!(actions[actions.len() - 2..], [Action::Leave, Action::Ended]);
}
