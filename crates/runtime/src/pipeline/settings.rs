//! A task's intervals, bounds and error settings, read once when it starts.

use std::sync::Arc;
use std::time::Duration;

use rowtide_api::{Error, Props, Result};

/// `errors.tolerance` and its kin: what becomes of a record that cannot be transformed, converted or accepted.
#[derive(Clone, Debug)]
pub struct Tolerance {
    /// `errors.tolerance=all`: skip and count
    pub skip: bool,
    /// `errors.log.enable`
    pub log: bool,
    /// where skipped records go; none: nowhere
    pub letters: Option<DeadLetterQueue>,
    /// `rowtide.errors.buffer.bytes`: of records that are kept until they are accepted
    pub buffer: usize,
    /// `errors.retry.timeout`; none is without end
    pub retry_for: Option<Duration>,
    /// `errors.retry.delay.max.ms`
    pub max_delay: Duration,
}

/// `errors.deadletterqueue.`: where records that are skipped go. Names and defaults are those of Connect's sink connectors
/// (`SinkConnectorConfig`), but for the headers, without which nobody could tell why a record is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// `topic.name`
    pub topic: Arc<str>,
    /// `topic.replication.factor`, with which a missing topic is created; -1 leaves it to the broker
    pub replication_factor: i16,
    /// `context.headers.enable`: headers say where the record comes from and what is wrong with it
    pub headers: bool,
}

impl DeadLetterQueue {
    /// The queue of a configuration; none where nothing is skipped, or no topic is named.
    pub fn read(config: &Props) -> Result<Option<Self>> {
        let topic = config.get("errors.deadletterqueue.topic.name").map(str::trim).filter(|topic| !topic.is_empty());
        let (Some(topic), true) = (topic, skips(config)) else { return Ok(None) };
        let name = "errors.deadletterqueue.topic.replication.factor";
        let factor = number(config, name, 3)?;
        let replication_factor = i16::try_from(factor).ok().filter(|factor| *factor == -1 || *factor >= 1).ok_or_else(|| {
            Error::configuration(format!("Invalid value {factor} for configuration {name}: must be -1 or at least 1"))
                .remedy("-1 leaves it to the broker")
        })?;
        let headers = config.get("errors.deadletterqueue.context.headers.enable");
        let headers = headers.is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"));
        Ok(Some(Self { topic: topic.into(), replication_factor, headers }))
    }
}

/// `errors.tolerance=all`
pub fn skips(config: &Props) -> bool {
    config.get("errors.tolerance").is_some_and(|text| text.trim() == "all")
}

/// What follows a transient error of source or sink.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// `errors.max.retries`; none is without end
    pub max: Option<u64>,
    /// `retriable.restart.connector.wait.ms`
    pub wait: Duration,
}

impl RetryPolicy {
    /// How long to wait after so many failures in a row: twice as long each time, up to six times the setting. A server that is
    /// away for long is not asked in vain all the time, and one that comes back is found within a minute by default.
    pub(super) fn delay(&self, failures: u64) -> Duration {
        let times = 1u32 << u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(3);
        self.wait.saturating_mul(times.min(6))
    }
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
                skip: skips(config),
                log: config.get("errors.log.enable").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")),
                retry_for: u64::try_from(retry_for).ok().map(Duration::from_millis),
                max_delay: Duration::from_millis(number(config, "errors.retry.delay.max.ms", 60_000)?.max(0) as u64),
                letters: DeadLetterQueue::read(config)?,
                buffer: usize::try_from(number(config, "rowtide.errors.buffer.bytes", 64 << 20)?).unwrap_or(0),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_have_an_end() {
        let policy = RetryPolicy { max: None, wait: Duration::from_secs(10) };
        let seconds: Vec<u64> = [1, 2, 3, 4, 5, 1000].map(|failures| policy.delay(failures).as_secs()).to_vec();
        assert_eq!(seconds, [10, 20, 40, 60, 60, 60]);
        let endless = RetryPolicy { max: None, wait: Duration::MAX };
        assert_eq!(endless.delay(9), Duration::MAX);
    }

    #[test]
    fn a_dead_letter_queue_is_one_of_what_is_skipped() {
        let read = |more: &[(&str, &str)]| {
            let name = ("errors.deadletterqueue.topic.name", " dead ");
            DeadLetterQueue::read(&[name].iter().chain(more).copied().collect())
        };
        assert_eq!(read(&[]).unwrap(), None, "nothing is skipped");
        let all = ("errors.tolerance", "all");
        let queue = DeadLetterQueue { topic: "dead".into(), replication_factor: 3, headers: true };
        assert_eq!(read(&[all]).unwrap(), Some(queue.clone()));
        let own = [
            all,
            ("errors.deadletterqueue.topic.replication.factor", "-1"),
            ("errors.deadletterqueue.context.headers.enable", "false"),
        ];
        assert_eq!(read(&own).unwrap(), Some(DeadLetterQueue { replication_factor: -1, headers: false, ..queue }));
        let none = read(&[all, ("errors.deadletterqueue.topic.replication.factor", "0")]).unwrap_err();
        assert!(none.to_string().contains("-1 leaves it to the broker"), "{none}");
    }
}
