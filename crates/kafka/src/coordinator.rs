//! Which broker coordinates a group or a transactional id (FindCoordinator, KIP-98 and KIP-699).
//!
//! Here: the question and its answer. Not here: what is asked of a coordinator (`group`, `producer::transaction`), and how often
//! it is looked for.

use crate::client::Client;
use crate::error::KafkaError;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;

/// From this version on a request asks for several coordinators (KIP-699).
const FIND_MANY: i16 = 4;

/// What is coordinated; the protocol's `key_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The members of a group.
    Group = 0,
    /// The transactions of a transactional id.
    Transaction = 1,
}

/// The id of the broker that coordinates `key`; one try.
pub(crate) async fn find_coordinator(client: &Client, kind: Kind, key: &str) -> Result<i32, KafkaError> {
    // so that the client knows the brokers' addresses
    client.metadata(Some(&[]), false).await?;
    let connection = client.any().await?;
    let version = connection.version::<FindCoordinatorRequest>(i16::MAX)?;
    let name = StrBytes::from_string(key.to_owned());
    let request = FindCoordinatorRequest::default().with_key_type(kind as i8);
    let request = if version >= FIND_MANY { request.with_coordinator_keys(vec![name]) } else { request.with_key(name) };
    let response = connection.call(&request, version).await.inspect_err(|error| {
        if error.is_retriable() {
            client.note_lost(&connection, error);
        }
    })?;
    let (code, node) = match response.coordinators.first() {
        Some(found) => (found.error_code, found.node_id),
        None => (response.error_code, response.node_id),
    };
    let subject = match kind {
        Kind::Group => "group",
        Kind::Transaction => "transactional id",
    };
    match code {
        0 => Ok(node.0),
        code => Err(KafkaError::broker(code, format!("the search for the coordinator of {subject} '{key}'"), None)),
    }
}
