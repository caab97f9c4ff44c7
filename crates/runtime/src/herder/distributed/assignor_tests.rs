//! The assignors against Java's decisions, and over clusters of any history.

use proptest::prelude::*;

use super::super::super::TaskId;
use super::*;

/// Rounds as Kafka Connect 4.3.1's own `IncrementalCooperativeAssignor` decided them, over clusters that change by chance.
/// Each `max` begins a cluster, `new` a leader that remembers nothing; a round is: now, completed and new generation, then
/// connectors with their task counts, what members have, the delay, and what each is given (+) and loses (-).
const JAVA: &str = include_str!("../../../tests/golden/connect-assignor.txt");

fn work(text: &str) -> Work {
    let mut work = Work::default();
    for item in text.split(',').filter(|item| !item.is_empty()) {
        match item.split_once('-') {
            Some((connector, task)) => work.tasks.push(id(connector, task.parse().unwrap())),
            None => work.connectors.push(item.to_owned()),
        }
    }
    work
}

fn id(connector: &str, task: usize) -> TaskId {
    TaskId { connector: connector.to_owned(), task }
}

fn configured(text: &str) -> Work {
    let mut work = Work::default();
    for (connector, count) in text.split_whitespace().map(|item| item.split_once('=').unwrap()) {
        work.connectors.push(connector.to_owned());
        work.tasks.extend((0..count.parse().unwrap()).map(|task| id(connector, task)));
    }
    work
}

/// `w0+a,b-0-c`: the first minus ends what is given, if no number follows it.
fn told(text: &str) -> (String, Work, Work) {
    let (member, rest) = text.split_once('+').unwrap();
    let minus = rest.match_indices('-').find(|(at, _)| !rest[at + 1..].starts_with(|c: char| c.is_ascii_digit())).unwrap().0;
    (member.to_owned(), work(&rest[..minus]), work(&rest[minus + 1..]))
}

#[test]
fn decides_as_java_does() {
    let (mut ours, mut max) = (Cooperative::new(0), 0);
    let mut rounds = 0;
    for (number, line) in JAVA.lines().enumerate() {
        if let Some(delay) = line.strip_prefix("max ") {
            max = delay.parse().unwrap();
            ours = Cooperative::new(max);
        } else if line == "new" {
            ours = Cooperative::new(max);
        } else {
            let parts: Vec<&str> = line.strip_prefix("round ").unwrap().split('|').collect();
            let times: Vec<i64> = parts[0].split_whitespace().map(|text| text.parse().unwrap()).collect();
            let members: BTreeMap<String, Work> = parts[2]
                .split_whitespace()
                .map(|item| item.split_once(':').unwrap())
                .map(|(member, has)| (member.to_owned(), work(has)))
                .collect();
            let completed = i32::try_from(times[1]).ok().filter(|generation| *generation >= 0);
            let shares = ours.divide(times[0], &configured(parts[1]), completed, i32::try_from(times[2]).unwrap(), &members);
            let close = (i64::from(ours.delay()) - parts[3].trim().parse::<i64>().unwrap()).abs() <= 1; // Java's is of doubles
            assert!(close, "delay {} at line {}: {line}", ours.delay(), number + 1);
            for (member, assigned, revoked) in parts[4].split_whitespace().map(told) {
                let share = &shares[&member];
                assert_eq!(share.assigned, assigned, "given to {member} at line {}: {line}", number + 1);
                assert_eq!(
                    share.revoked.clone().sorted(),
                    revoked.sorted(),
                    "taken from {member} at line {}: {line}",
                    number + 1
                );
            }
            rounds += 1;
        }
    }
    assert!(rounds > 500);
}

/// As Java's `EagerAssignor`: connectors first, tasks go on where they ended.
#[test]
fn deals_round_robin() {
    let shares = deal(&configured("b=1 a=3"), &["w2", "w1", "w3"]);
    let told: Vec<(&str, &Work)> = shares.iter().map(|(member, share)| (member.as_str(), &share.assigned)).collect();
    assert_eq!(told, [("w1", &work("a,a-1")), ("w2", &work("b,a-2")), ("w3", &work("a-0,b-0"))]);
}

#[test]
fn a_new_leader_takes_away_what_nothing_asks_for() {
    let members = BTreeMap::from([("w0".to_owned(), work("a,gone,a-0,gone-0"))]);
    let shares = Cooperative::new(1000).divide(0, &configured("a=1"), Some(4), 9, &members);
    assert_eq!(shares["w0"].revoked, work("gone,gone-0"));
    assert_eq!(shares["w0"].all, work("a,a-0"));
}

/// A pause, then the connectors' numbers of tasks, and which workers are there.
type Round = (i64, Vec<usize>, Vec<usize>);

fn cluster() -> impl Strategy<Value = (Vec<Round>, i32)> {
    let round = (0..50_000i64, proptest::collection::vec(0..4usize, 0..5), proptest::collection::vec(0..6usize, 0..5));
    (proptest::collection::vec(round, 1..8), prop_oneof![Just(0), Just(10_000)])
}

proptest! {
    /// Whatever comes and goes: nothing is given to two, nothing is given that somebody has, and after as many quiet rounds
    /// as it takes, all is somebody's and the load is level.
    #[test]
    fn quiet_rounds_settle((rounds, max_delay) in cluster()) {
        let mut ours = Cooperative::new(max_delay);
        let mut has: BTreeMap<String, Work> = BTreeMap::new();
        let (mut now, mut wanted, mut generation) = (0, Work::default(), 0);
        let quiet = std::iter::repeat_with(|| None).take(12);
        for round in rounds.into_iter().map(Some).chain(quiet) {
            if let Some((pause, tasks, workers)) = round {
                now += pause;
                let counts: Vec<String> = tasks.iter().enumerate().map(|(c, count)| format!("c{c}={count}")).collect();
                wanted = configured(&counts.join(" "));
                let ids: BTreeSet<String> = workers.iter().map(|worker| format!("w{worker}")).collect();
                has.retain(|worker, _| ids.contains(worker) || worker == "leader");
                for worker in ids.into_iter().chain(["leader".to_owned()]) {
                    has.entry(worker).or_default();
                }
            } else {
                now += i64::from(ours.delay());
            }
            let completed = (generation > 0).then_some(generation);
            generation += 1;
            let shares = ours.divide(now, &wanted, completed, generation, &has);
            let mut before = Work::default();
            has.values().for_each(|work| before.add(work));
            for (worker, share) in &shares {
                prop_assert!(share.assigned.and(&before).is_empty(), "given while somebody has it");
                before.add(&share.assigned);
                let mut now_has = has[worker].without(&share.revoked);
                now_has.add(&share.assigned);
                prop_assert_eq!(now_has.clone().sorted(), share.all.clone().sorted());
                has.insert(worker.clone(), now_has);
            }
        }
        let mut all = Work::default();
        let mut count = 0;
        for work in has.values() {
            count += work.tasks.len();
            all.add(work);
        }
        prop_assert_eq!(all.tasks.len(), count);
        prop_assert_eq!(all.sorted(), wanted.sorted());
        let loads = has.values().map(|work| work.tasks.len());
        prop_assert!(loads.clone().max().unwrap() - loads.min().unwrap() <= 1);
    }
}
