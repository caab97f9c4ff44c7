//! What the leader of a group computes: who gets which connectors and tasks. Pure; the time comes in as a number.
//!
//! Both assignors decide as Java's do (`EagerAssignor`, `IncrementalCooperativeAssignor`, KIP-415 and its follow-ups), so
//! that a Java worker may lead after a Rowtide worker and the other way round: what a leader needs to know of the past it
//! finds in the members' allocations, and what it remembers itself it may lose. Members are looked at in the order of
//! their ids, where Java's order is that of a hash map. In one thing ours does more: what a member has and no
//! configuration asks for is revoked even by a leader that has just come; Java's leader forgets it.
//!
//! Not here: bytes (`protocol`), and when a rebalance is due (`machine`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::protocol::Work;

/// What one member is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// what it is to run beside what it has; with the eager protocol all that it is to run
    pub assigned: Work,
    /// what it is to give up
    pub revoked: Work,
    /// what it has once the round is over
    pub all: Work,
}

/// What all members are told, by member id.
pub type Shares = BTreeMap<String, Share>;

/// Deals connectors, then tasks, round-robin over the members in the order of their ids.
pub fn deal(configured: &Work, members: &[&str]) -> Shares {
    let mut shares: Shares = members.iter().map(|member| ((*member).to_owned(), Share::default())).collect();
    let members: BTreeSet<&str> = members.iter().copied().collect();
    let mut turn = members.iter().cycle();
    let configured = configured.clone().sorted();
    for connector in configured.connectors {
        if let Some(share) = turn.next().and_then(|member| shares.get_mut(*member)) {
            share.assigned.connectors.push(connector);
        }
    }
    for task in configured.tasks {
        if let Some(share) = turn.next().and_then(|member| shares.get_mut(*member)) {
            share.assigned.tasks.push(task);
        }
    }
    for share in shares.values_mut() {
        share.all = share.assigned.clone();
    }
    shares
}

/// The incremental cooperative assignor, with what it remembers from one round to the next.
#[derive(Clone, Debug, Default)]
pub struct Cooperative {
    /// `scheduled.rebalance.max.delay.ms`
    max_delay: i64,
    /// all that was somebody's, or lost, after the round before
    previous: Work,
    /// what the round before took away
    revocation: Work,
    /// the round before took something away to level the load
    revoked_before: bool,
    /// members without work since something was lost: they get it
    candidates: Vec<String>,
    /// when the group joins again; 0: at no known time
    scheduled: i64,
    /// milliseconds until then
    delay: i64,
    /// the generation that `previous` is of; none before the first
    generation: Option<i32>,
    members: BTreeSet<String>,
    /// how many rounds in a row wanted to take something away
    successive: u32,
}

/// One member while the shares are computed.
struct Load {
    member: String,
    has: Work,
}

impl Cooperative {
    /// An assignor that remembers nothing.
    pub fn new(max_delay_ms: i32) -> Self {
        Self { max_delay: i64::from(max_delay_ms.max(0)), ..Self::default() }
    }

    /// Milliseconds after which the members join again, as the last round decided; 0: not.
    pub fn delay(&self) -> i32 {
        i32::try_from(self.delay).unwrap_or(i32::MAX)
    }

    /// Divides `configured` among the members, whose allocations are given. `completed` is the last generation of which
    /// this worker got its own share (none: of none), `generation` the one that begins: when they show that others led
    /// meanwhile, or that the last shares did not get through, what is remembered is void.
    pub fn divide(
        &mut self,
        now: i64,
        configured: &Work,
        completed: Option<i32>,
        generation: i32,
        members: &BTreeMap<String, Work>,
    ) -> Shares {
        if self.generation != completed {
            self.previous = Work::default();
        }
        let mut active = Work::default();
        for has in members.values() {
            active.add(has);
        }
        if !self.revocation.and(&active).is_empty() {
            self.previous = active.clone();
        }
        let configured = configured.clone().sorted();
        let mut known = self.previous.clone();
        known.add(&active);
        let deleted = known.without(&configured);
        let lost = self.previous.without(&active).without(&deleted).sorted();
        let created = configured.without(&self.previous).without(&active);

        let mut gone = deleted;
        gone.add(&duplicated(members));
        let mut revoked: BTreeMap<String, Work> = members.iter().map(|(id, has)| (id.clone(), has.and(&gone))).collect();
        let mut loads: Vec<Load> = members.iter().map(|(id, has)| Load { member: id.clone(), has: has.without(&gone) }).collect();
        let lost_now = self.lost(now, &lost, &mut loads);
        self.level(now, &configured, &mut loads, &mut revoked);
        let mut new = created;
        new.add(&lost_now);
        hand_out(&mut loads, &new);
        self.remember(&loads, &revoked, &lost, generation);
        loads.sort_by(|one, other| one.member.cmp(&other.member));
        let shares = loads.into_iter().map(|load| {
            let had = &members[&load.member];
            let revoked = revoked.remove(&load.member).unwrap_or_default();
            let share = Share { assigned: load.has.without(had), revoked, all: load.has };
            (load.member, share)
        });
        shares.collect()
    }

    /// Java's `handleLostAssignments`: answers what is to be dealt like new work. What a member that has gone had waits for
    /// it to come back; after the delay it goes to the members that came meanwhile, if any did.
    fn lost(&mut self, now: i64, lost: &Work, loads: &mut [Load]) -> Work {
        if lost.is_empty() && !self.revoked_before {
            self.reset();
            return Work::default();
        }
        let nobody_left = self.members.iter().all(|member| loads.iter().any(|load| load.member == *member));
        if (self.scheduled <= 0 && nobody_left) || self.max_delay == 0 {
            return lost.clone();
        }
        if self.scheduled > 0 && now >= self.scheduled {
            let rest = self.to_candidates(lost, loads);
            self.reset();
            self.revoked_before = false;
            return rest;
        }
        for load in loads.iter().filter(|load| load.has.is_empty()) {
            if !self.candidates.contains(&load.member) {
                self.candidates.push(load.member.clone());
            }
        }
        self.delay = if now < self.scheduled { (self.scheduled - now).min(self.max_delay) } else { self.max_delay };
        self.scheduled = now + self.delay;
        Work::default()
    }

    fn reset(&mut self) {
        self.candidates.clear();
        self.scheduled = 0;
        self.delay = 0;
    }

    /// Deals lost work to the candidates that are still there; answers it when none is.
    fn to_candidates(&self, lost: &Work, loads: &mut [Load]) -> Work {
        let place = |id: &String| loads.iter().position(|load| load.member == *id);
        let places: Vec<usize> = self.candidates.iter().filter_map(place).collect();
        if places.is_empty() {
            return lost.clone();
        }
        for (connector, place) in lost.connectors.iter().zip(places.iter().cycle()) {
            loads[*place].has.connectors.push(connector.clone());
        }
        for (task, place) in lost.tasks.iter().zip(places.iter().cycle()) {
            loads[*place].has.tasks.push(task.clone());
        }
        Work::default()
    }

    /// Takes away what members have too much of, unless lost work is waited for. A second time in a row waits first:
    /// longer each time, until a round needs nothing taken away.
    fn level(&mut self, now: i64, configured: &Work, loads: &mut [Load], revoked: &mut BTreeMap<String, Work>) {
        if self.delay != 0 {
            self.revoked_before = false;
            return;
        }
        let surplus = surplus(configured, loads);
        let take = if surplus.is_empty() {
            self.revoked_before = false;
            self.successive = 0;
            return;
        } else if self.revoked_before {
            self.successive = self.successive.saturating_add(1);
            self.delay = back_off(self.successive, self.max_delay);
            if self.delay != 0 {
                self.scheduled = now + self.delay;
            }
            self.delay == 0
        } else {
            self.revoked_before = true;
            true
        };
        if take {
            for (place, work) in surplus {
                loads[place].has.remove(&work);
                revoked.entry(loads[place].member.clone()).or_default().add(&work);
            }
        }
    }

    fn remember(&mut self, loads: &[Load], revoked: &BTreeMap<String, Work>, lost: &Work, generation: i32) {
        self.previous = Work::default();
        for load in loads {
            self.previous.add(&load.has);
        }
        self.revocation = Work::default();
        for work in revoked.values() {
            self.previous.remove(work);
            self.revocation.add(work);
        }
        self.previous.add(lost);
        self.generation = Some(generation);
        self.members = loads.iter().map(|load| load.member.clone()).collect();
    }
}

/// `ExponentialBackoff(1, 40, max, 0)`; without a delay there is no back-off either.
fn back_off(attempts: u32, max: i64) -> i64 {
    40i64.checked_pow(attempts).unwrap_or(i64::MAX).min(max)
}

/// What more than one member has.
fn duplicated(members: &BTreeMap<String, Work>) -> Work {
    Work {
        connectors: repeated(members.values().flat_map(|has| &has.connectors)),
        tasks: repeated(members.values().flat_map(|has| &has.tasks)),
    }
}

fn repeated<'a, T: Clone + Eq + Hash + Ord + 'a>(all: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut seen = HashSet::new();
    let twice: BTreeSet<&T> = all.filter(|item| !seen.insert(*item)).collect();
    twice.into_iter().cloned().collect()
}

/// What each member, by its place, has too much of.
fn surplus(configured: &Work, loads: &[Load]) -> HashMap<usize, Work> {
    let mut surplus: HashMap<usize, Work> = HashMap::new();
    if configured.is_empty() || loads.iter().all(|load| load.has.is_empty()) {
        return surplus;
    }
    let connectors: Vec<usize> = loads.iter().map(|load| load.has.connectors.len()).collect();
    for (place, count) in excess(configured.connectors.len(), &connectors) {
        surplus.entry(place).or_default().connectors = loads[place].has.connectors[..count].to_vec();
    }
    let tasks: Vec<usize> = loads.iter().map(|load| load.has.tasks.len()).collect();
    for (place, count) in excess(configured.tasks.len(), &tasks) {
        surplus.entry(place).or_default().tasks = loads[place].has.tasks[..count].to_vec();
    }
    surplus
}

/// How many each is to give up, by place, when `total` is to be spread evenly; the first ones keep what does not divide.
fn excess(total: usize, has: &[usize]) -> Vec<(usize, usize)> {
    let (least, extra) = (total / has.len(), total % has.len());
    let with = |count: usize| has.iter().filter(|has| **has == count).count();
    if with(least + 1) == extra && with(least) + extra == has.len() {
        return Vec::new();
    }
    let mut left = extra;
    let mut excess = Vec::new();
    for (place, has) in has.iter().enumerate().filter(|(_, has)| **has > least) {
        let keep = if left > 0 { least + 1 } else { least };
        left = left.saturating_sub(1);
        if *has > keep {
            excess.push((place, has - keep));
        }
    }
    excess
}

/// Gives work to those who have least, one each, then to all who have as little, and so on.
fn hand_out(loads: &mut [Load], new: &Work) {
    loads.sort_by(|one, other| (one.has.connectors.len(), &one.member).cmp(&(other.has.connectors.len(), &other.member)));
    let counts = loads.iter().map(|load| load.has.connectors.len()).collect();
    for (connector, place) in new.connectors.iter().zip(turns(counts, new.connectors.len())) {
        loads[place].has.connectors.push(connector.clone());
    }
    loads.sort_by(|one, other| (one.has.tasks.len(), &one.member).cmp(&(other.has.tasks.len(), &other.member)));
    let counts = loads.iter().map(|load| load.has.tasks.len()).collect();
    for (task, place) in new.tasks.iter().zip(turns(counts, new.tasks.len())) {
        loads[place].has.tasks.push(task.clone());
    }
}

/// The places that get the next `wanted` pieces of work; `counts` rises.
fn turns(mut counts: Vec<usize>, wanted: usize) -> Vec<usize> {
    let mut turns = Vec::with_capacity(wanted);
    while turns.len() < wanted && !counts.is_empty() {
        let first = counts[0];
        let up_to = counts.iter().position(|count| *count > first).unwrap_or(counts.len());
        for place in (0..up_to).take(wanted - turns.len()) {
            counts[place] += 1;
            turns.push(place);
        }
    }
    turns
}

#[cfg(test)]
#[path = "assignor_tests.rs"]
mod tests;
