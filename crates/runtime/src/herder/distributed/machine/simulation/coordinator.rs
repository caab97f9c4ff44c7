//! A model of Kafka's group coordinator, as far as a Connect group can tell (`GroupMetadataManager`'s classic groups, KIP-394).

use std::collections::BTreeMap;

/// Where an answer goes: the worker, and the number that its driver gave the request.
pub type Caller = (usize, u64);

/// Names and metadata, the preferred first.
pub type Protocols = Vec<(&'static str, Vec<u8>)>;

#[derive(Clone, Debug)]
pub enum Call {
    Join { member: String, protocols: Protocols },
    Sync { member: String, generation: i32, assignments: Vec<(String, Vec<u8>)> },
    Beat { member: String, generation: i32 },
    Leave { member: String },
}

#[derive(Clone, Debug)]
pub enum Reply {
    Joined {
        generation: i32,
        member: String,
        leader: String,
        protocol: String,
        members: Vec<(String, Vec<u8>)>,
    },
    /// to join with
    Id(String),
    Assignment(Vec<u8>),
    Beaten,
    Rebalancing,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preparing { since: i64 },
    Completing,
    Stable,
}

struct Member {
    protocols: Protocols,
    heard: i64,
    joining: Option<Caller>,
    syncing: Option<Caller>,
    assignment: Vec<u8>,
}

pub struct Coordinator {
    session_timeout: i64,
    rebalance_timeout: i64,
    state: State,
    pub generation: i32,
    leader: String,
    protocol: String,
    members: BTreeMap<String, Member>,
    /// ids that nobody joined with yet
    pending: BTreeMap<String, i64>,
    ids: u64,
    replies: Vec<(Caller, Reply)>,
}

impl Coordinator {
    pub fn new(session_timeout: i64, rebalance_timeout: i64) -> Self {
        Self {
            session_timeout,
            rebalance_timeout,
            state: State::Stable,
            generation: 0,
            leader: String::new(),
            protocol: String::new(),
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            ids: 0,
            replies: Vec::new(),
        }
    }

    pub fn is_stable(&self) -> bool {
        self.state == State::Stable
    }

    pub fn take(&mut self, now: i64, from: Caller, call: Call) -> Vec<(Caller, Reply)> {
        match call {
            Call::Join { member, protocols } => self.join(now, from, member, protocols),
            Call::Sync { member, generation, assignments } => self.sync(now, from, &member, generation, assignments),
            Call::Beat { member, generation } => self.beat(now, from, &member, generation),
            Call::Leave { member } => {
                if self.members.remove(&member).is_some() {
                    self.prepare(now);
                }
            }
        }
        self.tick(now)
    }

    /// Sessions end; a rebalance does not wait for ever.
    pub fn tick(&mut self, now: i64) -> Vec<(Caller, Reply)> {
        let timeout = self.session_timeout;
        self.pending.retain(|_, since| now - *since <= timeout);
        let before = self.members.len();
        self.members.retain(|_, member| member.joining.is_some() || now - member.heard <= timeout);
        if self.members.len() < before {
            self.prepare(now);
        }
        if let State::Preparing { since } = self.state {
            let all = self.members.values().all(|member| member.joining.is_some()) && self.pending.is_empty();
            if all || now - since > self.rebalance_timeout {
                self.complete(now);
            }
        }
        std::mem::take(&mut self.replies)
    }

    fn prepare(&mut self, now: i64) {
        if matches!(self.state, State::Preparing { .. }) {
            return;
        }
        self.state = State::Preparing { since: now };
        for member in self.members.values_mut() {
            if let Some(caller) = member.syncing.take() {
                self.replies.push((caller, Reply::Rebalancing));
            }
        }
    }

    fn join(&mut self, now: i64, from: Caller, id: String, protocols: Protocols) {
        if id.is_empty() {
            self.ids += 1;
            let id = format!("m{:04}", self.ids);
            self.pending.insert(id.clone(), now);
            self.replies.push((from, Reply::Id(id)));
            return;
        }
        let leads = self.leader == id;
        match self.members.get_mut(&id) {
            // A follower that has nothing new to say is told of the generation that there is.
            Some(member)
                if !leads && self.state != State::Completing && member.protocols == protocols && self.state == State::Stable =>
            {
                member.heard = now;
                self.tell(from, &id);
            }
            Some(member) => {
                member.protocols = protocols;
                member.heard = now;
                member.joining = Some(from);
                self.prepare(now);
            }
            None if self.pending.remove(&id).is_some() => {
                let member = Member { protocols, heard: now, joining: Some(from), syncing: None, assignment: Vec::new() };
                self.members.insert(id, member);
                self.prepare(now);
            }
            None => self.replies.push((from, Reply::Unknown)),
        }
    }

    fn tell(&mut self, to: Caller, id: &str) {
        let members = if id == self.leader { self.metadata() } else { Vec::new() };
        let reply = Reply::Joined {
            generation: self.generation,
            member: id.to_owned(),
            leader: self.leader.clone(),
            protocol: self.protocol.clone(),
            members,
        };
        self.replies.push((to, reply));
    }

    fn metadata(&self) -> Vec<(String, Vec<u8>)> {
        let of = |member: &Member| {
            let chosen = member.protocols.iter().find(|(name, _)| *name == self.protocol);
            chosen.map(|(_, bytes)| bytes.clone()).unwrap_or_default()
        };
        self.members.iter().map(|(id, member)| (id.clone(), of(member))).collect()
    }

    /// Who has not joined is out.
    fn complete(&mut self, now: i64) {
        self.members.retain(|_, member| member.joining.is_some());
        self.generation += 1;
        self.state = State::Completing;
        let Some(first) = self.members.keys().next().cloned() else {
            self.state = State::Stable;
            self.leader.clear();
            return;
        };
        if !self.members.contains_key(&self.leader) {
            self.leader = first;
        }
        // What all can do, by the leader's preference.
        let can = |member: &Member, name: &str| member.protocols.iter().any(|(known, _)| *known == name);
        let preferred = &self.members[&self.leader].protocols;
        let common = preferred.iter().find(|(name, _)| self.members.values().all(|member| can(member, name)));
        self.protocol = common.expect("all offer the eager protocol").0.to_owned();
        let joined: Vec<(String, Caller)> = self
            .members
            .iter_mut()
            .filter_map(|(id, member)| {
                member.heard = now;
                member.assignment.clear();
                Some((id.clone(), member.joining.take()?))
            })
            .collect();
        for (id, caller) in joined {
            self.tell(caller, &id);
        }
    }

    fn sync(&mut self, now: i64, from: Caller, id: &str, generation: i32, assignments: Vec<(String, Vec<u8>)>) {
        let leads = self.leader == id;
        let state = self.state;
        let Some(member) = self.members.get_mut(id).filter(|_| generation == self.generation) else {
            self.replies.push((from, Reply::Unknown));
            return;
        };
        member.heard = now;
        match state {
            State::Preparing { .. } => self.replies.push((from, Reply::Rebalancing)),
            State::Stable => self.replies.push((from, Reply::Assignment(member.assignment.clone()))),
            State::Completing => {
                member.syncing = Some(from);
                if leads {
                    self.state = State::Stable;
                    for (id, bytes) in assignments {
                        if let Some(member) = self.members.get_mut(&id) {
                            member.assignment = bytes;
                        }
                    }
                    let waiting = self.members.values_mut().filter_map(|member| Some((member.syncing.take()?, member)));
                    self.replies.extend(waiting.map(|(caller, member)| (caller, Reply::Assignment(member.assignment.clone()))));
                }
            }
        }
    }

    fn beat(&mut self, now: i64, from: Caller, id: &str, generation: i32) {
        let preparing = matches!(self.state, State::Preparing { .. });
        let reply = match self.members.get_mut(id) {
            Some(member) if generation == self.generation => {
                member.heard = now;
                if preparing { Reply::Rebalancing } else { Reply::Beaten }
            }
            _ => Reply::Unknown,
        };
        self.replies.push((from, reply));
    }
}
