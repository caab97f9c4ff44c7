//! A task's intervals, bounds and error settings, read once when it starts.

use std::time::Duration;

use rowtide_api::{Error, Props, Result};

/// `errors.tolerance` and its kin: what becomes of a record that cannot be transformed, converted or accepted.
#[derive(Clone, Debug)]
pub struct Tolerance {
    /// `errors.tolerance=all`: skip and count
    pub skip: bool,
    /// `errors.log.enable`
    pub log: bool,
    /// `errors.retry.timeout`; none is without end
    pub retry_for: Option<Duration>,
    /// `errors.retry.delay.max.ms`
    pub max_delay: Duration,
}

/// What follows a transient error of source or sink.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// `errors.max.retries`; none is without end
    pub max: Option<u64>,
    /// `retriable.restart.connector.wait.ms`
    pub wait: Duration,
}

/// Settings of one task.
#[derive(Clone, Debug)]
pub struct TaskSettings {
    /// `offset.flush.interval.ms`
    pub flush_interval: Duration,
    /// how often positions that no record carries are stored at most (DESIGN, "Positions and offsets")
    pub idle_flush_interval: Duration,
    /// restarts inside
    pub retries: RetryPolicy,
    /// bad records
    pub tolerance: Tolerance,
    /// threads that transform and convert
    pub encode_threads: usize,
}

impl TaskSettings {
    /// Reads a task's configuration; what Debezium and Connect default to where it says nothing.
    pub fn read(config: &Props, flush_interval: Duration) -> Result<Self> {
        let max = number(config, "errors.max.retries", -1)?;
        let retry_for = number(config, "errors.retry.timeout", 0)?;
        Ok(Self {
            flush_interval,
            idle_flush_interval: Duration::from_secs(10),
            retries: RetryPolicy {
                max: u64::try_from(max).ok(),
                wait: Duration::from_millis(number(config, "retriable.restart.connector.wait.ms", 10_000)?.max(0) as u64),
            },
            tolerance: Tolerance {
                skip: config.get("errors.tolerance").is_some_and(|text| text.trim() == "all"),
                log: config.get("errors.log.enable").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")),
                retry_for: u64::try_from(retry_for).ok().map(Duration::from_millis),
                max_delay: Duration::from_millis(number(config, "errors.retry.delay.max.ms", 60_000)?.max(0) as u64),
            },
            encode_threads: number(config, "rowtide.encode.threads", 1)?.clamp(1, 64) as usize,
        })
    }
}

/// A whole number of a configuration.
pub(super) fn number(config: &Props, name: &str, default: i64) -> Result<i64> {
    let Some(text) = config.get(name) else { return Ok(default) };
    text.trim().parse().map_err(|_| {
        Error::configuration(format!("Invalid value {text} for configuration {name}: Not a number of type LONG"))
            .remedy(format!("set '{name}' to a whole number, or leave it out for {default}"))
    })
}
