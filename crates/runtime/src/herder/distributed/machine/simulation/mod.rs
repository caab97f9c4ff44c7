//! Groups of machines under pauses, crashes, cut-off networks, lost messages and failing writes, and what must hold of them.
//!
//! All follows from a seed, which a failure names: `ROWTIDE_SEED=<seed>` begins with it.

mod coordinator;
mod membership;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use rowtide_api::Props;
use rowtide_testkit::random::{Random, seed, torture};

use super::{Done, Request};
use crate::herder::distributed::protocol::Protocol;
use crate::herder::{TargetState, TaskId};
use crate::stores::config_state::{Changes, ConfigState};
use world::{DELAY, SESSION, World, plan};

const SEEDS: u64 = 300;
/// Long enough for a session, the delay, the back-offs of revocations and of plans, and what follows from them.
const QUIET: i64 = 240_000;

fn config(tasks: usize, value: u64) -> Props {
    [("tasks", tasks.to_string()), ("value", value.to_string())].into_iter().collect()
}

fn put(name: &str, tasks: usize, value: u64) -> Request {
    Request::Put { name: name.to_owned(), config: config(tasks, value), initial: None, replace: true }
}

/// Something that a user does.
fn user(world: &mut World, value: u64) {
    let name = format!("c{}", world.random.below(5));
    let tasks = world.random.below(5) as usize;
    let request = match world.random.below(12) {
        0..=4 => put(&name, tasks, value),
        5 => Request::Delete(name),
        6 => Request::Target(name, TargetState::Stopped),
        7 => Request::Target(name, TargetState::Paused),
        8 | 9 => Request::Target(name, TargetState::Started),
        10 => Request::Restart(name, world.random.below(2) == 0, false),
        _ => Request::RestartTask(TaskId { connector: name, task: 0 }),
    };
    let place = world.random.below(world.workers.len() as u64) as usize;
    if world.workers[place].alive {
        world.ask(place, request);
    }
}

/// Something that goes wrong.
fn fault(world: &mut World) {
    let place = world.random.below(world.workers.len() as u64) as usize;
    let ms = world.random.below(25_000) as i64;
    match world.random.below(5) {
        _ if !world.workers[place].alive => world.revive(place),
        0 => world.crash(place),
        1 | 2 => world.pause(place, ms),
        3 => world.cut_off(place, ms),
        _ => {}
    }
}

/// What the config topic says in the end.
fn final_state(world: &World) -> ConfigState {
    let (mut state, mut changes) = (ConfigState::default(), Changes::default());
    for record in &world.log {
        state.apply(record.clone(), &mut changes);
    }
    state
}

/// Every task runs once, as it is configured last, and nothing else runs; each connector has the tasks that it plans.
fn settled(world: &World) -> Result<(), String> {
    let state = final_state(world);
    let mut running: BTreeMap<TaskId, Vec<(usize, &Props)>> = BTreeMap::new();
    for (place, worker) in world.workers.iter().enumerate() {
        for (id, run) in &worker.running {
            running.entry(id.clone()).or_default().push((place, &run.config));
        }
    }
    for name in state.connectors() {
        let stopped = state.target(name) == Some(TargetState::Stopped);
        let planned = if stopped { Vec::new() } else { plan(state.config(name).unwrap_or(&Props::default())) };
        let paused = state.target(name) == Some(TargetState::Paused);
        if !paused && state.task_configs(name) != planned {
            return Err(format!("{name} has not the tasks that it plans: {:?}, {planned:?}", state.task_configs(name)));
        }
        for (task, config) in state.task_configs(name).iter().enumerate() {
            let id = TaskId { connector: name.to_owned(), task };
            match running.remove(&id).as_deref() {
                Some([(_, with)]) if *with == config => {}
                other => return Err(format!("{id:?} is to run once with {config:?}: {other:?}")),
            }
        }
    }
    if running.is_empty() { Ok(()) } else { Err(format!("nothing asks for {running:?}")) }
}

/// A part of the seeds; more of them where `make torture` asks for rounds.
fn seeds(part: u64) -> std::ops::Range<u64> {
    seed()..seed() + SEEDS / part * torture().unwrap_or(1)
}

struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation failed with ROWTIDE_SEED={}", self.0);
        }
    }
}

fn check(world: &World) {
    assert!(world.violations.is_empty(), "{:#?}", world.violations);
    if let Err(why) = settled(world) {
        panic!("{why}");
    }
    assert!(world.coordinator.is_stable());
}

fn protocols(random: &mut Random) -> Vec<Protocol> {
    let count = 1 + random.below(5);
    let mixed = random.below(4);
    let one = |random: &mut Random| match mixed {
        0 => Protocol::ALL[random.below(3) as usize],
        1 => Protocol::Eager,
        _ => Protocol::Sessioned,
    };
    (0..count).map(|_| one(random)).collect()
}

/// Whatever happened: once it is over, every task runs exactly once; and no two runs of a task began under one generation.
#[test]
fn settles_after_any_history() {
    for seed in seeds(1) {
        let _named = Named(seed);
        let mut random = Random::new(seed);
        let workers = protocols(&mut random);
        let delay = if random.below(3) == 0 { 0 } else { DELAY };
        let mut world = World::new(random, &workers, delay);
        world.loss = 25;
        for value in 0..40 {
            let pause = 1 + world.random.below(4_000) as i64;
            world.run_until(world.now + pause);
            if world.random.below(3) == 0 {
                fault(&mut world);
            } else {
                user(&mut world, value);
            }
        }
        world.loss = 0;
        for place in 0..world.workers.len() {
            if !world.workers[place].alive {
                world.revive(place);
            }
        }
        world.run_until(world.now + QUIET);
        check(&world);
    }
}

/// Without faults no task ever runs twice at a time, and every request is answered.
#[test]
fn never_twice_without_faults() {
    for seed in seeds(3) {
        let _named = Named(seed);
        let mut random = Random::new(seed);
        let workers = protocols(&mut random);
        let mut world = World::new(random, &workers, DELAY);
        world.strict = true;
        let mut asked = BTreeSet::new();
        for value in 0..30 {
            let pause = 1 + world.random.below(6_000) as i64;
            world.run_until(world.now + pause);
            let place = world.random.below(world.workers.len() as u64) as usize;
            if value % 3 == 0 {
                asked.insert(world.ask(place, put(&format!("c{}", value % 4), 3, value)));
            } else {
                user(&mut world, value);
            }
        }
        world.run_until(world.now + QUIET);
        check(&world);
        for id in asked {
            let answer = world.answers.get(&id);
            assert!(matches!(answer, Some(Ok(Done::Put(..))) | Some(Err(_))), "request {id}: {answer:?}");
        }
    }
}

/// A group at rest with two connectors.
fn at_rest(seed: u64, workers: usize) -> World {
    let mut world = World::new(Random::new(seed), &vec![Protocol::Sessioned; workers], DELAY);
    world.strict = true;
    world.run_until(world.now + 20_000);
    world.ask(0, put("a", 3, 1));
    world.ask(0, put("b", 4, 1));
    world.run_until(world.now + QUIET);
    check(&world);
    world
}

/// The incremental protocols leave alone what need not move.
#[test]
fn a_new_connector_stops_no_task_of_another() {
    for seed in seeds(10) {
        let _named = Named(seed);
        let mut world = at_rest(seed, 1 + (seed % 4) as usize);
        let before = world.stops.len();
        world.ask(0, put("c", 1 + (seed % 5) as usize, 1));
        world.run_until(world.now + QUIET);
        check(&world);
        assert_eq!(world.stops[before..], []);
    }
}

/// What a worker had waits for it for the scheduled delay, and then is everybody's; unless it led: then its memory is lost
/// with it, and the next leader deals its work at once, as Java's does.
#[test]
fn a_lost_workers_tasks_come_back_after_the_delay() {
    for seed in seeds(10) {
        let _named = Named(seed);
        let mut world = at_rest(seed, 3);
        let place = (0..3).find(|place| !world.workers[*place].machine.leads() && !world.workers[*place].running.is_empty());
        let place = place.expect("somebody follows and has work");
        let lost: Vec<TaskId> = world.workers[place].running.keys().cloned().collect();
        let stops = world.stops.len();
        world.crash(place);
        let again = |world: &World| world.workers.iter().any(|worker| lost.iter().any(|id| worker.running.contains_key(id)));
        world.run_until(world.now + i64::from(DELAY));
        assert!(!again(&world), "the delay begins when the session has ended");
        world.run_until(world.now + SESSION + 10_000);
        assert!(lost.iter().all(|id| world.workers.iter().any(|worker| worker.running.contains_key(id))));
        check(&world);
        assert_eq!(world.stops[stops..], [], "nobody else's task was stopped");
    }
}

/// A worker that comes back within the delay gets its tasks, and no other task moves.
#[test]
fn a_worker_that_returns_in_time_gets_its_tasks_back() {
    for seed in seeds(10) {
        let _named = Named(seed);
        let mut world = at_rest(seed, 3);
        let place = (0..3).find(|place| !world.workers[*place].machine.leads() && !world.workers[*place].running.is_empty());
        let place = place.expect("somebody follows and has work");
        let lost: BTreeSet<TaskId> = world.workers[place].running.keys().cloned().collect();
        let stops = world.stops.len();
        world.crash(place);
        world.run_until(world.now + 5_000);
        world.revive(place);
        world.run_until(world.now + QUIET);
        check(&world);
        assert_eq!(world.workers[place].running.keys().cloned().collect::<BTreeSet<_>>(), lost);
        assert_eq!(world.stops[stops..], [], "nobody else's task was stopped");
    }
}

/// A pause that is longer than the session does not stop a follower's tasks: nobody else has them yet.
#[test]
fn a_pause_within_the_delay_stops_nothing() {
    for seed in seeds(10) {
        let _named = Named(seed);
        let mut world = at_rest(seed, 3);
        let place = (0..3).find(|place| !world.workers[*place].machine.leads()).expect("somebody follows");
        let (starts, stops) = (world.starts, world.stops.len());
        world.pause(place, SESSION + 5_000);
        world.run_until(world.now + QUIET);
        check(&world);
        assert_eq!((world.starts, &world.stops[stops..]), (starts, &[][..]));
    }
}
