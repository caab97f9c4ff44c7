//! The part of the machine that deals with the group: it joins, divides the work when it leads, takes what it is given, and keeps
//! up with the config topic (`WorkerCoordinator` and the rebalances of `DistributedHerder` in Java).

use super::{Action, Change, Joined, Machine, Phase, Purpose};
use crate::herder::distributed::assignor::{self, Shares};
use crate::herder::distributed::protocol::{
    Assignment, CONFIG_MISMATCH, Protocol, Work, WorkerState, decode_assignment, decode_state, encode_assignment, offer,
};

/// How often a worker that cannot read the config topic stays out of the group for a while with its work running, before it
/// gives the work up (`BACKOFF_RETRIES`).
pub(super) const BACK_OFFS: i32 = 5;
/// How long a member waits before it joins again because the leader lags.
const LEADER_LAGS: i64 = 100;
/// How long after a session key was written, or could not be, the next one is made at the earliest.
const KEY_RETRY: i64 = 1000;

impl Machine {
    /// The metadata tells the truth at this moment: what it has, and how far it has read.
    fn join(&mut self) {
        self.led.clear();
        self.rejoin = false;
        self.phase = Phase::Joining;
        let state =
            WorkerState { url: self.settings.url.clone(), offset: self.configs.offset, allocation: self.assignment.clone() };
        self.act(Action::Join(offer(self.settings.protocol, &state)));
    }

    /// With the eager protocol a worker gives up all it has before it joins; with the others it keeps it. In any case what it
    /// no longer has must have ended: its metadata lets others begin with it.
    pub(super) fn join_if_due(&mut self) {
        let due = match self.phase {
            Phase::Out => !self.behind(),
            Phase::Member => self.rebalance_due(),
            _ => false,
        };
        if !due {
            return;
        }
        if self.protocol == Protocol::Eager {
            self.give_up();
        }
        if !self.something_given_up_runs() {
            self.join();
        }
    }

    /// Whether this member is about to join again.
    pub(super) fn rebalance_due(&self) -> bool {
        let Some(assignment) = &self.assignment else { return true };
        self.rejoin || self.asked > assignment.offset || self.scheduled.is_some_and(|at| at <= self.now)
    }

    pub(super) fn joined(&mut self, joined: Joined) {
        if self.phase != Phase::Joining {
            return;
        }
        let leads = joined.leader == joined.member;
        self.phase = Phase::Syncing;
        self.generation = joined.generation;
        self.member = joined.member;
        // A name that nobody offered cannot come.
        self.protocol = Protocol::of_name(&joined.protocol).unwrap_or(self.protocol);
        if self.protocol == Protocol::Eager {
            // The group fell back to this protocol only now: what is kept may be dealt to others.
            self.give_up();
        }
        let assignments = if leads { self.divide(&joined.members) } else { Vec::new() };
        self.act(Action::Sync(assignments));
    }

    /// The leader's part. Metadata that cannot be read is that of a member that has nothing and knows nothing.
    fn divide(&mut self, members: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
        let states: Vec<(&String, WorkerState)> = members
            .iter()
            .map(|(id, bytes)| {
                let unreadable = |_| WorkerState { url: String::new(), offset: -1, allocation: None };
                (id, decode_state(bytes).unwrap_or_else(unreadable))
            })
            .collect();
        let newest = states.iter().map(|(_, state)| state.offset).max().unwrap_or(-1);
        let mut told = Assignment {
            leader: self.member.clone(),
            leader_url: self.settings.url.clone(),
            offset: newest.max(self.configs.offset),
            ..Assignment::default()
        };
        let mut shares = Shares::new();
        if self.configs.offset < newest {
            told.error = CONFIG_MISMATCH;
        } else {
            shares = self.shares(&states);
            told.delay = if self.protocol == Protocol::Eager { 0 } else { self.cooperative.delay() };
        }
        let mut assignments = Vec::with_capacity(states.len());
        for (id, state) in states {
            let share = shares.remove(id).unwrap_or_default();
            told.assigned = share.assigned;
            told.revoked = share.revoked;
            assignments.push((id.clone(), encode_assignment(self.protocol, &told)));
            self.led.insert(id.clone(), (state.url, share.all));
        }
        assignments
    }

    fn shares(&mut self, states: &[(&String, WorkerState)]) -> Shares {
        let configured = self.configured();
        if self.protocol == Protocol::Eager {
            let ids: Vec<&str> = states.iter().map(|(id, _)| id.as_str()).collect();
            return assignor::deal(&configured, &ids);
        }
        let has = |state: &WorkerState| state.allocation.as_ref().map(|allocation| allocation.assigned.clone());
        let members = states.iter().map(|(id, state)| ((*id).clone(), has(state).unwrap_or_default())).collect();
        self.cooperative.divide(self.now, &configured, self.completed, self.generation, &members)
    }

    /// What it was given before stays, but for what is revoked.
    pub(super) fn synced(&mut self, generation: i32, bytes: &[u8]) {
        if self.phase != Phase::Syncing || generation != self.generation {
            return;
        }
        self.phase = Phase::Member;
        self.resolved = false;
        let Ok(mut told) = decode_assignment(bytes) else {
            // The leader knew nothing of this member.
            self.rejoin = true;
            return;
        };
        self.completed = Some(generation);
        self.wanted = told.offset;
        self.read_by = None;
        self.scheduled = (told.delay > 0).then(|| self.now + i64::from(told.delay));
        if self.protocol == Protocol::Eager {
            told.revoked = Work::default();
        } else {
            let before = self.assignment.take().map(|assignment| assignment.assigned).unwrap_or_default();
            told.assigned.add(&before.without(&told.revoked));
        }
        self.assignment = Some(told);
        self.stop_the_rest();
        if self.leads() {
            self.act(Action::CleanStatuses);
        }
    }

    pub(super) fn rebalancing(&mut self) {
        if matches!(self.phase, Phase::Syncing | Phase::Member) {
            self.phase = Phase::Member;
            self.rejoin = true;
        }
    }

    /// The coordinator has put this member out. Its work stays unassigned for the scheduled delay in the hope that it comes
    /// back, so it goes on, unless so much time has passed. What a leader had is nobody's memory: the next leader deals it
    /// again at once.
    pub(super) fn fenced(&mut self, silent: i64) {
        if matches!(self.phase, Phase::Starting | Phase::Ending | Phase::Ended) {
            return;
        }
        let led = self.assignment.as_ref().is_some_and(|assignment| assignment.leader == self.member);
        self.out();
        if led || silent >= self.settings.session_timeout + i64::from(self.settings.max_delay) {
            self.give_up();
        }
    }

    /// Nothing runs while nobody knows whether this is a member; Java stops its work as well.
    pub(super) fn coordinator_lost(&mut self) {
        let idle = self.phase == Phase::Joining && self.assignment.is_none();
        if idle || matches!(self.phase, Phase::Starting | Phase::Ending | Phase::Ended) {
            return;
        }
        self.out();
        self.give_up();
    }

    fn out(&mut self) {
        self.phase = Phase::Out;
        self.member.clear();
        self.wanted = -1;
        self.read_by = None;
        self.scheduled = None;
    }

    /// Whether the config topic must be read further before anything else.
    pub(super) fn behind(&self) -> bool {
        self.configs.offset < self.wanted
    }

    /// Reads on in the config topic, within a time; a worker that cannot leaves the group, so that the others go on, and comes
    /// back when it has read. Its work runs meanwhile, for a part of the time in which it stays unassigned.
    pub(super) fn catch_up(&mut self) {
        if !self.behind() {
            self.read_by = None;
            self.back_offs_left = BACK_OFFS;
            return;
        }
        let may_read = self.phase == Phase::Member || (self.phase == Phase::Out && self.now >= self.back_off_until);
        match self.read_by {
            None if may_read => {
                self.read_by = Some(self.now + self.settings.sync_timeout);
                let number = self.next_number();
                self.act(Action::Refresh(number));
            }
            Some(by) if may_read && self.now >= by => self.stay_out(),
            _ => {}
        }
    }

    fn stay_out(&mut self) {
        if self.phase == Phase::Member {
            self.act(Action::Leave);
        }
        self.phase = Phase::Out;
        self.member.clear();
        self.read_by = None;
        self.scheduled = None;
        if self.protocol == Protocol::Eager {
            self.back_off_until = self.now + self.settings.unsync_backoff;
        } else if self.back_offs_left > 0 {
            self.back_off_until = self.now + i64::from(self.settings.max_delay / 10 / self.back_offs_left);
            self.back_offs_left -= 1;
        } else {
            self.back_offs_left = BACK_OFFS;
            self.back_off_until = self.now + self.settings.sync_timeout;
            self.give_up();
        }
    }

    /// Begins with what was assigned, once the config topic is read as far as the leader had read it.
    pub(super) fn resolve(&mut self) {
        if self.phase != Phase::Member || self.resolved || self.behind() {
            return;
        }
        let Some(assignment) = &mut self.assignment else { return };
        if assignment.error != 0 {
            // The leader lags. It has caught up now, if it is this worker; else it takes a moment.
            if assignment.leader == self.member {
                self.rejoin = true;
            } else {
                self.scheduled = self.scheduled.or(Some(self.now + LEADER_LAGS));
            }
            return;
        }
        // The group joins again at once, to give others what was taken from somebody.
        if !assignment.revoked.is_empty() {
            assignment.revoked = Work::default();
            self.rejoin = true;
        }
        self.resolved = true;
        self.start_work();
    }

    /// When the leader is to make a new session key.
    pub(super) fn key_due(&self) -> Option<i64> {
        if !self.leads() || !self.resolved || self.key_pending || self.protocol != Protocol::Sessioned {
            return None;
        }
        let due = match &self.configs.session_key {
            None => self.now,
            Some(key) if key.algorithm != self.settings.key_algorithm => self.now,
            Some(_) if self.settings.key_ttl == 0 => return None,
            Some(key) => key.created + self.settings.key_ttl,
        };
        Some(due.max(self.key_retry_at))
    }

    pub(super) fn renew_key(&mut self) {
        if self.at_rest() && self.key_due().is_some_and(|at| at <= self.now) {
            self.key_pending = true;
            self.write(Purpose::SessionKey, vec![Change::SessionKey]);
        }
    }

    /// A key that is not what the settings ask for, although it was just made, is no reason to make one after the other.
    pub(super) fn key_written(&mut self) {
        self.key_pending = false;
        self.key_retry_at = self.now + KEY_RETRY;
    }
}
