//! Membership of a group with Kafka's classic protocol (KIP-62, KIP-394), for any protocol type.
//!
//! Here: joining, handing assignments out, heartbeats, leaving, and what each error code means for a
//! member. Metadata and assignments are bytes that this module does not look into. Not here: who gets what, and what a member
//! does with it. Kafka answers the requests of one connection one after the other, and a join only once all members have joined:
//! a member therefore has connections of its own.

mod calls;

use crate::client::{Client, backoff};
use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::coordinator::{Kind, find_coordinator, is_gone};
use crate::error::{KafkaError, codes};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a member says of itself.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// `group.id`
    pub group: String,
    /// What kind of group it is; all members say the same.
    pub protocol_type: String,
    /// `session.timeout.ms`: a member that is silent for this long is out.
    pub session_timeout: Duration,
    /// `rebalance.timeout.ms`: how long the others wait for a member to join again.
    pub rebalance_timeout: Duration,
    /// `heartbeat.interval.ms`
    pub heartbeat_interval: Duration,
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// What it sent for the protocol that was chosen.
    pub metadata: Bytes,
}

/// A generation of the group that this member belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The generation's number.
    pub generation: i32,
    /// This member's id.
    pub member: String,
    /// The leader's id.
    pub leader: String,
    /// The name of the protocol that all members know.
    pub protocol: String,
    /// All members: for the leader, nobody else is told.
    pub members: Vec<Member>,
}

impl Joined {
    /// Whether this member hands the assignments out.
    pub fn leads(&self) -> bool {
        self.leader == self.member
    }
}

/// What came of an exchange within a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<T> {
    /// The generation goes on.
    Good(T),
    /// The group is forming anew: join again. What was assigned may be kept until the next assignment.
    Rejoin,
    /// The coordinator no longer knows this member, or not in this generation: what was assigned may belong to others.
    Lost,
    /// The coordinator has not answered for as long as a session lasts, so that it may have ended there.
    Silent,
}

/// A member of a group. All calls may be dropped half-way, as in a `select!`.
pub struct Group {
    client: Arc<Client>,
    settings: GroupSettings,
    coordinator: Option<i32>,
    /// Empty: not a member.
    member: String,
    joined: Option<Joined>,
    next_beat: Instant,
    /// The last sign of life from the coordinator.
    heard: Instant,
}

impl Group {
    /// Not yet a member. Fails on unusable client settings.
    pub fn new(config: ClientConfig, settings: GroupSettings) -> Result<Self, KafkaError> {
        let now = Instant::now();
        Ok(Self {
            client: Client::new(config)?,
            settings,
            coordinator: None,
            member: String::new(),
            joined: None,
            next_beat: now,
            heard: now,
        })
    }

    /// The generation that it belongs to.
    pub fn joined(&self) -> Option<&Joined> {
        self.joined.as_ref()
    }

    /// Joins, or joins again, with a name and metadata for each protocol that it knows, the preferred one first. Waits until all
    /// members have joined; brokers that are away are waited for, for a session at a time. An error is one that waiting does
    /// not cure.
    pub async fn join(&mut self, protocols: &[(String, Bytes)]) -> Result<Standing<Joined>, KafkaError> {
        self.joined = None;
        let mut failures = 0;
        loop {
            let error = match self.try_join(protocols).await {
                Ok(joined) => {
                    self.note_life();
                    self.joined = Some(joined.clone());
                    return Ok(Standing::Good(joined));
                }
                Err(error) => error,
            };
            match error.code() {
                // KIP-394: the answer brought the id to join with.
                Some(codes::MEMBER_ID_REQUIRED) => continue,
                Some(codes::UNKNOWN_MEMBER_ID | codes::ILLEGAL_GENERATION) => self.member.clear(),
                _ if self.is_passing(&error) => {
                    if self.is_silent() {
                        return Ok(Standing::Silent);
                    }
                }
                _ => return Err(error),
            }
            failures += 1;
            tracing::debug!(%error, group = self.settings.group, "not joined yet, trying again");
            tokio::time::sleep(backoff(self.client.config.retry_backoff, self.client.config.retry_backoff_max, failures)).await;
        }
    }

    /// Fetches what is assigned to this member; the leader brings what is assigned to each by its id.
    pub async fn sync(&mut self, assignments: Vec<(String, Bytes)>) -> Result<Standing<Bytes>, KafkaError> {
        let answer = self.try_sync(assignments).await;
        self.standing(answer)
    }

    /// Waits for the time of the next heartbeat and sends it. A broker that does not answer is waited for until the session
    /// must have ended there.
    pub async fn heartbeat(&mut self) -> Result<Standing<()>, KafkaError> {
        tokio::time::sleep_until(self.next_beat).await;
        let answer = self.try_heartbeat().await;
        if let Err(error) = &answer
            && self.is_passing(error)
        {
            tracing::debug!(%error, group = self.settings.group, "no heartbeat, trying again");
            self.next_beat = Instant::now() + self.client.config.retry_backoff;
            return Ok(if self.is_silent() { Standing::Silent } else { Standing::Good(()) });
        }
        self.next_beat = Instant::now() + self.settings.heartbeat_interval;
        self.standing(answer)
    }

    /// Leaves, so that the others need not wait for the session to end. What fails is of no consequence.
    pub async fn leave(&mut self, reason: &str) {
        self.joined = None;
        let member = std::mem::take(&mut self.member);
        if member.is_empty() {
            return;
        }
        if let Err(error) = self.try_leave(&member, reason).await {
            tracing::debug!(%error, group = self.settings.group, "the coordinator was not told that this member leaves");
        }
    }

    /// How long ago the coordinator last answered.
    pub fn silent_for(&self) -> Duration {
        self.heard.elapsed()
    }

    /// Whether a session has passed without an answer; once for each.
    fn is_silent(&mut self) -> bool {
        let silent = self.heard.elapsed() > self.settings.session_timeout;
        if silent {
            self.heard = Instant::now();
            self.joined = None;
        }
        silent
    }

    fn note_life(&mut self) {
        self.heard = Instant::now();
        self.next_beat = self.heard + self.settings.heartbeat_interval;
    }

    /// What an answer within a generation means, as Java's `AbstractCoordinator` has it.
    fn standing<T>(&mut self, answer: Result<T, KafkaError>) -> Result<Standing<T>, KafkaError> {
        let error = match answer {
            Ok(answer) => {
                self.heard = Instant::now();
                return Ok(Standing::Good(answer));
            }
            Err(error) => error,
        };
        match error.code() {
            Some(codes::REBALANCE_IN_PROGRESS) => {
                self.heard = Instant::now();
                Ok(Standing::Rejoin)
            }
            Some(code @ (codes::UNKNOWN_MEMBER_ID | codes::ILLEGAL_GENERATION)) => {
                if code == codes::UNKNOWN_MEMBER_ID {
                    self.member.clear();
                }
                self.joined = None;
                Ok(Standing::Lost)
            }
            _ if self.is_passing(&error) => Ok(Standing::Rejoin),
            _ => Err(error),
        }
    }

    /// Whether the same request may succeed later; forgets a coordinator that is none any more.
    fn is_passing(&mut self, error: &KafkaError) -> bool {
        let gone = is_gone(error);
        if gone {
            self.coordinator = None;
        }
        gone || error.is_retriable()
    }

    async fn connection(&mut self) -> Result<Arc<Connection>, KafkaError> {
        let id = match self.coordinator {
            Some(id) => id,
            None => {
                let id = find_coordinator(&self.client, Kind::Group, &self.settings.group).await?;
                *self.coordinator.insert(id)
            }
        };
        self.client.broker(id).await
    }
}
