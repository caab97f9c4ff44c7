//! Heartbeats: `heartbeat.interval.ms` and the record of the heartbeat topic.
//!
//! When a source asks whether one is due belongs to the source; `heartbeat.action.query` too.

use std::sync::Arc;
use std::time::Duration;

use rowtide_api::{Datum, Field, Kind, Schema, SchemaRef, SourcePosition, SourceRecord, Struct, Value};

/// Heartbeats of one task. The clock is the caller's.
pub struct Heartbeat {
    interval: Duration,
    topic: Arc<str>,
    key: Datum,
    value: SchemaRef,
    next: Option<Duration>,
}

impl Heartbeat {
    /// Interval (zero: off), topic, and value of `serverName`.
    pub fn new(interval: Duration, topic: Arc<str>, server: Arc<str>) -> Self {
        let struct_of = |name: &str, field: &str, kind: Kind| {
            let fields = vec![Field::new(field, Schema::new(kind))];
            Schema::structure(fields).named(format!("io.debezium.connector.common.{name}")).versioned(1).shared()
        };
        let key = struct_of("ServerNameKey", "serverName", Kind::String);
        let server = Struct::new(key.clone(), vec![Value::from(&server)]);
        let key = Datum::new(key, Value::Struct(server));
        Self { interval, topic, key, value: struct_of("Heartbeat", "ts_ms", Kind::Int64), next: None }
    }

    /// Whether one is due now; if so the next is due an interval later. The first is due an interval after the first
    /// call.
    pub fn due(&mut self, now: Duration) -> bool {
        if self.interval.is_zero() {
            return false;
        }
        let due = match self.next {
            // a clock set back must not silence heartbeats for long
            Some(next) => now >= next || next > now + self.interval,
            None => false,
        };
        if due || self.next.is_none() {
            self.next = Some(now + self.interval);
        }
        due
    }

    /// Makes the next `due` true, unless heartbeats are off.
    pub fn expire(&mut self) {
        self.next = Some(Duration::ZERO);
    }

    /// The record.
    pub fn record(&self, now: Duration, position: SourcePosition) -> SourceRecord {
        let now = Value::Int64(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        SourceRecord {
            topic: self.topic.clone(),
            partition: Some(0),
            key: self.key.clone(),
            value: Datum::new(self.value.clone(), Value::Struct(Struct::new(self.value.clone(), vec![now]))),
            headers: Arc::default(),
            timestamp: None,
            position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record_json, recorded, somewhere};

    #[test]
    fn a_heartbeat_is_due_once_in_each_interval() {
        let mut heartbeat = Heartbeat::new(Duration::from_secs(5), "h".into(), "s".into());
        let due: Vec<bool> =
            [0, 4, 5, 6, 9, 10, 30, 31].into_iter().map(|at| heartbeat.due(Duration::from_secs(100 + at))).collect();
        assert_eq!(due, [false, false, true, false, false, true, true, false]);
        assert!(heartbeat.due(Duration::from_secs(1)), "the clock was set back");
        heartbeat.expire();
        assert!(heartbeat.due(Duration::from_secs(2)));
        let mut off = Heartbeat::new(Duration::ZERO, "h".into(), "s".into());
        off.expire();
        assert!(!off.due(Duration::from_secs(100)));
    }

    #[test]
    fn the_record_is_that_of_the_original() {
        let theirs = &recorded("streaming-heartbeat-topic")[0];
        let heartbeat = Heartbeat::new(Duration::from_secs(1), "__debezium-heartbeat.pgall".into(), "pgall".into());
        let now = theirs["value"]["payload"]["ts_ms"].as_u64().unwrap();
        let ours = record_json(&heartbeat.record(Duration::from_millis(now), somewhere()));
        for part in ["topic", "partition", "headers", "key", "value"] {
            assert_eq!(ours[part], theirs[part], "{part}");
        }
    }
}
