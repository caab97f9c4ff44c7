//! The requests of a member, one try each: their fields by version, and their error codes as errors.

use super::{Group, Joined, Member};
use crate::connection::Connection;
use crate::error::{KafkaError, codes};
use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;
use std::time::Duration;

/// From this version on several members leave at once (KIP-345).
const LEAVE_MANY: i16 = 3;
/// From this version on the broker checks that the protocol is the one that the member joined with (KIP-559).
const SYNC_NAMES_PROTOCOL: i16 = 5;
/// The broker answers a join after the rebalance timeout at the latest; Java waits this much longer.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

impl Group {
    fn id(&self) -> GroupId {
        GroupId(text(&self.settings.group))
    }

    /// An error if the code says so.
    fn check(&self, code: i16, doing: &str) -> Result<(), KafkaError> {
        if code == 0 { Ok(()) } else { Err(KafkaError::broker(code, format!("{doing} group '{}'", self.settings.group), None)) }
    }

    /// The generation's number and protocol; a member of none is told so as the broker would tell it.
    fn generation(&self) -> Result<&Joined, KafkaError> {
        self.joined.as_ref().ok_or_else(|| KafkaError::broker(codes::ILLEGAL_GENERATION, "a request without a generation", None))
    }

    pub(super) async fn try_join(&mut self, protocols: &[(String, Bytes)]) -> Result<Joined, KafkaError> {
        let connection = self.connection().await?;
        let named = |(name, metadata): &(String, Bytes)| {
            JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata.clone())
        };
        let request = JoinGroupRequest::default()
            .with_group_id(self.id())
            .with_session_timeout_ms(millis(self.settings.session_timeout))
            .with_rebalance_timeout_ms(millis(self.settings.rebalance_timeout))
            .with_member_id(text(&self.member))
            .with_protocol_type(text(&self.settings.protocol_type))
            .with_protocols(protocols.iter().map(named).collect());
        let version = connection.version::<JoinGroupRequest>(i16::MAX)?;
        let waiting = connection.send(&request, version).await?;
        let limit = self.client.config.request_timeout.max(self.settings.rebalance_timeout + JOIN_LAPSE);
        let answer = connection.receive_within::<JoinGroupRequest>(waiting, version, limit).await;
        let response = self.told(&connection, answer)?;
        if matches!(response.error_code, 0 | codes::MEMBER_ID_REQUIRED) {
            self.member = response.member_id.to_string();
        }
        self.check(response.error_code, "joining")?;
        let members = response.members.into_iter();
        Ok(Joined {
            generation: response.generation_id,
            member: self.member.clone(),
            leader: response.leader.to_string(),
            protocol: response.protocol_name.map(|name| name.to_string()).unwrap_or_default(),
            members: members.map(|member| Member { id: member.member_id.to_string(), metadata: member.metadata }).collect(),
        })
    }

    pub(super) async fn try_sync(&mut self, assignments: Vec<(String, Bytes)>) -> Result<Bytes, KafkaError> {
        let connection = self.connection().await?;
        let joined = self.generation()?;
        let assigned = |(member, assignment): (String, Bytes)| {
            SyncGroupRequestAssignment::default().with_member_id(StrBytes::from_string(member)).with_assignment(assignment)
        };
        let version = connection.version::<SyncGroupRequest>(i16::MAX)?;
        let mut request = SyncGroupRequest::default()
            .with_group_id(self.id())
            .with_generation_id(joined.generation)
            .with_member_id(text(&self.member))
            .with_assignments(assignments.into_iter().map(assigned).collect());
        if version >= SYNC_NAMES_PROTOCOL {
            request.protocol_type = Some(text(&self.settings.protocol_type));
            request.protocol_name = Some(text(&joined.protocol));
        }
        let response = self.told(&connection, connection.call(&request, version).await)?;
        self.check(response.error_code, "the assignments of")?;
        Ok(response.assignment)
    }

    pub(super) async fn try_heartbeat(&mut self) -> Result<(), KafkaError> {
        let connection = self.connection().await?;
        let request = HeartbeatRequest::default()
            .with_group_id(self.id())
            .with_generation_id(self.generation()?.generation)
            .with_member_id(text(&self.member));
        let response = self.told(&connection, connection.call_newest(&request, i16::MAX).await)?;
        self.check(response.error_code, "a heartbeat in")
    }

    pub(super) async fn try_leave(&mut self, member: &str, reason: &str) -> Result<(), KafkaError> {
        let connection = self.connection().await?;
        let version = connection.version::<LeaveGroupRequest>(i16::MAX)?;
        let request = LeaveGroupRequest::default().with_group_id(self.id());
        let request = if version >= LEAVE_MANY {
            let identity = MemberIdentity::default().with_member_id(text(member)).with_reason(Some(text(reason)));
            request.with_members(vec![identity])
        } else {
            request.with_member_id(text(member))
        };
        let response = self.told(&connection, connection.call(&request, version).await)?;
        self.check(response.error_code, "leaving")
    }

    /// Notes a connection that broke, so that the log says so once.
    fn told<T>(&self, connection: &Arc<Connection>, answer: Result<T, KafkaError>) -> Result<T, KafkaError> {
        answer.inspect_err(|error| {
            if error.is_retriable() {
                self.client.note_lost(connection, error);
            }
        })
    }
}
