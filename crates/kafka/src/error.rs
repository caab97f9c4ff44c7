//! What can go wrong between this process and Kafka, and which of it is worth another try.
//!
//! Here: the error types and the classification of broker error codes, as Java's `RetriableException` tree has it. Not here:
//! what a connector does about an error; that is the runtime's table.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::sync::Arc;

/// A failed call to Kafka.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaError {
    /// A client property that cannot be used as it stands.
    #[error("Kafka client property '{key}': {problem}")]
    Config {
        /// The property as Java spells it.
        key: String,
        /// What is wrong and what to write instead; never a secret's value.
        problem: String,
    },
    /// No broker could be reached.
    #[error(
        "no Kafka broker reached at {address}: {problem}; check bootstrap.servers, security.protocol and that the broker is up"
    )]
    Unreachable {
        /// The addresses that were tried.
        address: String,
        /// What the last one answered.
        problem: String,
    },
    /// A connection broke or a broker did not answer in time.
    #[error("connection to Kafka broker {address} lost: {problem}")]
    Disconnected {
        /// The broker's address.
        address: String,
        /// What happened.
        problem: String,
    },
    /// The broker or the client refused the other's identity.
    #[error("authentication with Kafka broker {address} failed: {problem}")]
    Authentication {
        /// The broker's address.
        address: String,
        /// What was refused, and which properties to check.
        problem: String,
    },
    /// No token for OAUTHBEARER.
    #[error("no token for sasl.mechanism=OAUTHBEARER from {url}: {problem}")]
    Token {
        /// The token endpoint.
        url: String,
        /// What happened, and what to check; never a secret's value.
        problem: String,
        /// Whether the same request may succeed later.
        passes: bool,
    },
    /// The broker answered with an error code.
    #[error("Kafka answered {name} ({code}) to {what}{}", detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default())]
    Broker {
        /// The protocol's error code.
        code: i16,
        /// The protocol's name of it.
        name: String,
        /// The request and its subject.
        what: String,
        /// The broker's own message, when it sent one.
        detail: Option<String>,
    },
    /// A time limit passed.
    #[error("{what} not done within {setting}={millis} ms")]
    Timeout {
        /// What was waited for.
        what: String,
        /// The property that set the limit.
        setting: &'static str,
        /// Its value.
        millis: u64,
    },
    /// The broker cannot do what was asked: too old, or a bad answer.
    #[error("Kafka broker {address}: {problem}")]
    Protocol {
        /// The broker's address.
        address: String,
        /// What was expected and what came.
        problem: String,
    },
    /// A newer producer of this transactional id is at work (KIP-98): this one can never write again, and its open transaction
    /// is aborted.
    #[error(
        "another producer with transactional.id '{transactional_id}' took this one's place (or a transaction was open for longer than transaction.timeout.ms, and Kafka aborted it)"
    )]
    Fenced {
        /// The `transactional.id`.
        transactional_id: String,
    },
    /// A transaction cannot go on, though no other producer took its place.
    #[error("transaction of transactional.id '{transactional_id}': {problem}")]
    Transaction {
        /// The `transactional.id`.
        transactional_id: String,
        /// What happened, and what became of the transaction.
        problem: String,
    },
    /// A producer has met a record at which it stops ([`crate::Producer::stops_at`]).
    #[error("nothing more is written after a record that could not be: {cause}")]
    Stopped {
        /// Why that record was not written.
        cause: Box<ProduceError>,
    },
    /// The client was closed.
    #[error("the Kafka client is closed")]
    Closed,
}

impl KafkaError {
    /// Whether the same call may succeed later without anyone changing a configuration.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Disconnected { .. } | Self::Timeout { .. } => true,
            Self::Broker { code, .. } => is_retriable(*code),
            Self::Token { passes, .. } => *passes,
            _ => false,
        }
    }

    /// An error of the given code.
    pub fn broker(code: i16, what: impl Into<String>, detail: Option<String>) -> Self {
        Self::Broker { code, name: code_name(code), what: what.into(), detail }
    }

    /// The broker's error code, when it was the broker that refused.
    pub fn code(&self) -> Option<i16> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Why a record was not delivered.
#[derive(Clone, thiserror::Error)]
pub enum ProduceError {
    /// The record is larger than a limit. The key is for the caller to name the row by; it is in no message.
    #[error("a record for topic '{topic}' is {size} bytes when serialized, more than {setting}{}; raise max.request.size of the producer and message.max.bytes of the broker (max.message.bytes of the topic) together", limit.map(|l| format!("={l}")).unwrap_or_default())]
    RecordTooLarge {
        /// The topic.
        topic: Arc<str>,
        /// The record's key.
        key: Option<Bytes>,
        /// Its size as Java's producer estimates it.
        size: usize,
        /// The limit, when known to the client.
        limit: Option<usize>,
        /// The property that set it: `max.request.size`, `buffer.memory`, or the broker's
        /// `message.max.bytes / max.message.bytes`.
        setting: &'static str,
    },
    /// The broker refused the batch for good.
    #[error("Kafka refused a batch for topic '{topic}' partition {partition}: {name} ({code}){}", detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default())]
    Broker {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The protocol's error code.
        code: i16,
        /// The protocol's name of it.
        name: String,
        /// The broker's own message.
        detail: Option<String>,
    },
    /// `delivery.timeout.ms` passed.
    #[error(
        "a batch for topic '{topic}' partition {partition} was not acknowledged within delivery.timeout.ms={millis}; the last error was: {last}"
    )]
    DeliveryTimeout {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The limit.
        millis: u64,
        /// What the last try met.
        last: String,
    },
    /// The topic has no such partition.
    #[error("topic '{topic}' has no partition {partition}: it has {partitions}")]
    NoSuchPartition {
        /// The topic.
        topic: Arc<str>,
        /// The partition asked for.
        partition: i32,
        /// How many it has.
        partitions: i32,
    },
    /// The client failed as a whole.
    #[error(transparent)]
    Client(#[from] KafkaError),
}

impl std::fmt::Debug for ProduceError {
    /// As displayed: a record's key is row data and stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The protocol's name of an error code, spelled as Kafka's documentation does.
pub(crate) fn code_name(code: i16) -> String {
    let camel = match error_of(code) {
        Some(ResponseError::Unknown(n)) => return format!("UNKNOWN_ERROR_{n}"),
        Some(e) => format!("{e:?}"),
        None => return "NONE".into(),
    };
    let mut name = String::with_capacity(camel.len() + 8);
    for (i, c) in camel.chars().enumerate() {
        if i > 0 && c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

fn error_of(code: i16) -> Option<ResponseError> {
    ResponseError::try_from_code(code)
}

/// Whether Java's clients would try again after this code.
pub(crate) fn is_retriable(code: i16) -> bool {
    error_of(code).is_some_and(|e| e.is_retriable())
}

/// Error codes that this crate decides by; the protocol guide's names.
pub(crate) mod codes {
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub const LEADER_NOT_AVAILABLE: i16 = 5;
    pub const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    pub const MESSAGE_TOO_LARGE: i16 = 10;
    pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    pub const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    pub const NOT_COORDINATOR: i16 = 16;
    pub const INVALID_TOPIC_EXCEPTION: i16 = 17;
    pub const RECORD_LIST_TOO_LARGE: i16 = 18;
    pub const ILLEGAL_GENERATION: i16 = 22;
    pub const UNKNOWN_MEMBER_ID: i16 = 25;
    pub const REBALANCE_IN_PROGRESS: i16 = 27;
    pub const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    pub const UNSUPPORTED_VERSION: i16 = 35;
    pub const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub const NOT_CONTROLLER: i16 = 41;
    pub const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
    pub const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
    pub const INVALID_PRODUCER_EPOCH: i16 = 47;
    pub const INVALID_TXN_STATE: i16 = 48;
    pub const CONCURRENT_TRANSACTIONS: i16 = 51;
    pub const OPERATION_NOT_ATTEMPTED: i16 = 55;
    pub const KAFKA_STORAGE_ERROR: i16 = 56;
    pub const UNKNOWN_PRODUCER_ID: i16 = 59;
    pub const GROUP_ID_NOT_FOUND: i16 = 69;
    pub const FENCED_LEADER_EPOCH: i16 = 74;
    pub const MEMBER_ID_REQUIRED: i16 = 79;
    pub const PRODUCER_FENCED: i16 = 90;
}

/// Whether the code says that the client's picture of the cluster is out of date (Java's `InvalidMetadataException`).
pub(crate) fn is_stale_metadata(code: i16) -> bool {
    matches!(
        code,
        codes::UNKNOWN_TOPIC_OR_PARTITION
            | codes::LEADER_NOT_AVAILABLE
            | codes::NOT_LEADER_OR_FOLLOWER
            | codes::KAFKA_STORAGE_ERROR
            | codes::FENCED_LEADER_EPOCH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kafkas_names() {
        assert_eq!(code_name(3), "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(code_name(10), "MESSAGE_TOO_LARGE");
        assert!(is_retriable(6) && !is_retriable(10) && !is_retriable(29));
    }

    #[test]
    fn a_too_large_record_names_both_settings_and_not_its_key() {
        let e = ProduceError::RecordTooLarge {
            topic: "t".into(),
            key: Some(Bytes::from_static(b"secret-key")),
            size: 2_000_000,
            limit: Some(1_048_576),
            setting: "max.request.size",
        };
        let text = format!("{e} {e:?}");
        assert!(
            text.contains("2000000 bytes") && text.contains("max.request.size=1048576") && text.contains("message.max.bytes")
        );
        assert!(!text.contains("secret"));
    }
}
