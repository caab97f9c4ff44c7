//! What went wrong with a task that goes on: plain data for whoever shows how it is. A healthy task has none of it.
//!
//! Restarts inside and skips show nowhere else: a task that restarts stays RUNNING, as Debezium's do.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// What a user should know of a task beside its state; since this worker has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// restarts inside after errors that may pass
    pub restarts: u64,
    /// the restart to come, while it is waited for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// records that `errors.tolerance=all` let pass
    pub skipped: u64,
    /// how many of them are durable in the dead letter queue
    pub dead_letters: u64,
    /// the last one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_skipped: Option<Skipped>,
}

/// A restart to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// failures in a row
    pub attempt: u64,
    /// `errors.max.retries`; none: without limit
    pub of: Option<u64>,
    /// when it begins, in milliseconds since 1970
    pub at_ms: i64,
    /// the error, with its remedy
    pub reason: String,
}

/// A record that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// when, in milliseconds since 1970
    pub at_ms: i64,
    /// what was wrong with it, with the remedy
    pub reason: String,
}

/// This much later than now, in milliseconds since 1970.
pub(super) fn millis_in(delay: Duration) -> i64 {
    let then = SystemTime::now().checked_add(delay).and_then(|then| then.duration_since(SystemTime::UNIX_EPOCH).ok());
    then.map_or(i64::MAX, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
