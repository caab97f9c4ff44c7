//! The part of a simulated driver that is a member of the group: calls, their timeouts, heartbeats.

use super::super::{Event, Joined};
use super::coordinator::{Call, Reply};
use super::world::{BEAT, Item, REBALANCE, SESSION, What, World};

/// How long an answer is waited for.
const CALL: i64 = 5_000;

impl World {
    pub(super) fn call(&mut self, place: usize, call: Call) {
        self.sequence += 1;
        let number = self.sequence;
        self.workers[place].call = Some((number, call.clone()));
        let timeout = if matches!(call, Call::Join { .. }) { REBALANCE + CALL } else { CALL };
        self.send(place, number, call);
        let life = self.workers[place].life;
        self.after(timeout, Item::Worker(place, life, What::CallTimeout(number)));
    }

    pub(super) fn send(&mut self, place: usize, number: u64, call: Call) {
        if !self.lost() && self.workers[place].cut_off_until <= self.now {
            let delay = 1 + self.random.below(60) as i64;
            self.after(delay, Item::Coordinator((place, number), call));
        }
    }

    /// A join is sent again; what else fails within a generation is a reason to join again.
    pub(super) fn call_timed_out(&mut self, place: usize, number: u64) {
        match self.workers[place].call.take_if(|(current, _)| *current == number) {
            Some((_, call @ Call::Join { .. })) => self.call(place, call),
            Some(_) => self.event(place, Event::Rebalancing),
            None => {}
        }
    }

    pub(super) fn answered(&mut self, place: usize, number: u64, reply: Reply) {
        let worker = &mut self.workers[place];
        let Some((_, call)) = worker.call.take_if(|(current, _)| *current == number) else {
            // heartbeats have the number 0
            return if number == 0 && worker.call.is_none() {
                self.beaten(place, &reply)
            };
        };
        match (call, reply) {
            (Call::Join { protocols, .. }, Reply::Id(member)) => {
                worker.member.clone_from(&member);
                self.call(place, Call::Join { member, protocols });
            }
            (Call::Join { protocols, .. }, Reply::Unknown) => {
                worker.member.clear();
                self.call(place, Call::Join { member: String::new(), protocols });
            }
            (Call::Join { .. }, Reply::Joined { generation, member, leader, protocol, members }) => {
                worker.member.clone_from(&member);
                worker.generation = Some(generation);
                worker.hear(self.now);
                let life = worker.life;
                self.after(BEAT, Item::Worker(place, life, What::Beat(generation)));
                self.event(place, Event::Joined(Joined { generation, member, leader, protocol, members }));
            }
            (Call::Sync { generation, .. }, Reply::Assignment(bytes)) => {
                worker.hear(self.now);
                self.event(place, Event::Synced(generation, bytes));
            }
            (_, Reply::Unknown) => self.fenced(place),
            _ => self.event(place, Event::Rebalancing),
        }
    }

    fn fenced(&mut self, place: usize) {
        let worker = &mut self.workers[place];
        worker.member.clear();
        worker.generation = None;
        let silent = self.now - worker.heard;
        self.event(place, Event::Fenced(silent));
    }

    pub(super) fn beat(&mut self, place: usize, generation: i32) {
        let worker = &self.workers[place];
        if worker.generation != Some(generation) {
            return;
        }
        // A pause of our own is no silence of the coordinator's.
        if self.now - worker.heard > SESSION && worker.unanswered > 1 {
            self.workers[place].generation = None;
            return self.event(place, Event::CoordinatorLost);
        }
        let member = worker.member.clone();
        let life = worker.life;
        if worker.call.is_none() {
            self.workers[place].unanswered += 1;
            self.send(place, 0, Call::Beat { member, generation });
        }
        self.after(BEAT, Item::Worker(place, life, What::Beat(generation)));
    }

    fn beaten(&mut self, place: usize, reply: &Reply) {
        let worker = &mut self.workers[place];
        if worker.generation.is_none() {
            return;
        }
        match reply {
            Reply::Unknown => self.fenced(place),
            Reply::Rebalancing => {
                worker.hear(self.now);
                self.event(place, Event::Rebalancing);
            }
            _ => worker.hear(self.now),
        }
    }
}
