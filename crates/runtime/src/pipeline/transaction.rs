//! Exactly once (KIP-618): what makes a task's records and offsets one, and when its transactions end.
//!
//! What a transaction is belongs to the sink; who may have a producer, to the herder.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rowtide_api::{EncodedRecord, Error, Props, Result};
use tokio::time::Instant;

use super::settings::number;
use crate::offsets::{OffsetEntry, OwnOffsets};

/// Something that has to hold before a task goes on.
pub type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// The records that store offsets, in their order.
pub type OffsetRecords = Arc<dyn Fn(&[OffsetEntry]) -> Vec<EncodedRecord> + Send + Sync>;

/// What a sink has to know of its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// names the task's producer to the brokers, whichever worker runs it
    pub id: String,
    /// where its offsets go
    pub offsets_topic: Arc<str>,
}

/// What a task needs beside its parts to be exactly once.
#[derive(Clone)]
pub struct ExactlyOnce {
    /// of its sink
    pub transactions: Transactions,
    /// where its transactions end
    pub boundary: Boundary,
    /// how its offsets become part of them
    pub offsets: OffsetRecords,
    /// of a connector with a topic of its own, and its name: the worker's topic gets a copy of what is committed
    pub beside: Option<(Arc<OwnOffsets>, String)>,
    /// asked before its producer is made: nobody writes for the tasks before it any more
    pub before: Check,
    /// asked once its producer has fenced the one before: the task is still this worker's
    pub after: Check,
}

/// `transaction.boundary`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Boundary {
    /// when nothing more waits, or after this many records: what Debezium hands over in one poll is what waits, up to `max.batch.size`
    Poll(usize),
    /// with the first batch that ends so much later than the transaction began
    Interval(Duration),
}

impl Boundary {
    /// Reads a task's configuration, which was validated.
    pub fn read(config: &Props, flush_interval: Duration) -> Result<Self> {
        match config.get("transaction.boundary").map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "poll") => {
                let most = number(config, "max.batch.size", 2048)?;
                Ok(Self::Poll(usize::try_from(most).unwrap_or(1).max(1)))
            }
            Some("interval") => {
                let default = i64::try_from(flush_interval.as_millis()).unwrap_or(i64::MAX);
                let millis = number(config, "transaction.boundary.interval.ms", default)?;
                Ok(Self::Interval(Duration::from_millis(millis.max(1) as u64)))
            }
            Some(other) => {
                Err(Error::configuration(format!("transaction.boundary={other}: the connector defines no boundaries"))
                    .remedy("set it to poll or to interval"))
            }
        }
    }
}

/// The transaction of a produce stage: what it holds so far.
pub(super) struct Transaction {
    pub offsets: OffsetRecords,
    pub beside: Option<(Arc<OwnOffsets>, String)>,
    boundary: Boundary,
    /// how long positions without records may wait
    idle: Duration,
    records: usize,
    /// when the first of it came; none: it is empty
    since: Option<Instant>,
    urgent: bool,
    /// by source partition: the advance that is committed
    pub committed: Vec<u64>,
}

impl Transaction {
    pub fn new(exactly_once: &ExactlyOnce, idle: Duration) -> Self {
        let ExactlyOnce { offsets, beside, boundary, .. } = exactly_once;
        Self {
            offsets: offsets.clone(),
            beside: beside.clone(),
            boundary: *boundary,
            idle,
            records: 0,
            since: None,
            urgent: false,
            committed: Vec::new(),
        }
    }

    /// So many records of the next one may wait while it ends.
    pub fn most(&self) -> usize {
        match self.boundary {
            Boundary::Poll(most) => most,
            Boundary::Interval(_) => usize::MAX,
        }
    }

    /// Takes a batch of so many records, or of positions alone.
    pub fn take(&mut self, records: usize, urgent: bool, now: Instant) {
        self.records += records;
        self.urgent |= urgent;
        self.since.get_or_insert(now);
    }

    /// Whether it has to end before another batch is taken.
    pub fn is_full(&self, now: Instant) -> bool {
        let Some(since) = self.since else { return false };
        self.urgent
            || match self.boundary {
                Boundary::Poll(most) => self.records >= most,
                Boundary::Interval(interval) => self.records > 0 && now >= since + interval,
            }
    }

    /// When it has to end while no other batch comes.
    pub fn due(&self) -> Option<Instant> {
        let since = self.since?;
        Some(match self.boundary {
            _ if self.records == 0 => since + self.idle,
            Boundary::Poll(_) => since,
            Boundary::Interval(interval) => since + interval,
        })
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// It is committed, up to these advances.
    pub fn ended(&mut self, committed: Vec<u64>) {
        (self.records, self.since, self.urgent) = (0, None, false);
        self.committed = committed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(boundary: Boundary) -> Transaction {
        let none: Check = Arc::new(|| Box::pin(async { Ok(()) }));
        let offsets: OffsetRecords = Arc::new(|_| Vec::new());
        let transactions = Transactions { id: "g-c-0".into(), offsets_topic: "o".into() };
        let exactly_once = ExactlyOnce { transactions, boundary, offsets, beside: None, before: none.clone(), after: none };
        Transaction::new(&exactly_once, Duration::from_secs(10))
    }

    #[test]
    fn a_poll_ends_when_nothing_waits_or_when_it_is_full() {
        let now = Instant::now();
        let mut transaction = transaction(Boundary::Poll(10));
        assert!(transaction.is_empty() && transaction.due().is_none() && !transaction.is_full(now));
        transaction.take(9, false, now);
        assert!(!transaction.is_full(now) && transaction.due() == Some(now));
        transaction.take(1, false, now);
        assert!(transaction.is_full(now));
        transaction.ended(vec![1]);
        assert!(transaction.is_empty());
    }

    #[test]
    fn an_interval_counts_from_the_first_record() {
        let (now, interval) = (Instant::now(), Duration::from_secs(3));
        let mut transaction = transaction(Boundary::Interval(interval));
        transaction.take(1, false, now);
        transaction.take(1_000_000, false, now + interval / 2);
        assert!(!transaction.is_full(now + interval / 2) && transaction.due() == Some(now + interval));
        assert!(transaction.is_full(now + interval));
    }

    #[test]
    fn positions_alone_wait_unless_the_source_waits_for_them() {
        let now = Instant::now();
        for boundary in [Boundary::Poll(10), Boundary::Interval(Duration::from_secs(1))] {
            let mut transaction = transaction(boundary);
            transaction.take(0, false, now);
            assert!(!transaction.is_full(now + Duration::from_secs(5)));
            assert_eq!(transaction.due(), Some(now + Duration::from_secs(10)));
            transaction.take(0, true, now);
            assert!(transaction.is_full(now));
        }
    }

    #[test]
    fn the_boundary_is_read_as_connect_reads_it() {
        let read = |pairs: &[(&str, &str)]| Boundary::read(&pairs.iter().copied().collect(), Duration::from_secs(60));
        assert_eq!(read(&[]).unwrap(), Boundary::Poll(2048));
        assert_eq!(read(&[("transaction.boundary", "POLL"), ("max.batch.size", "7")]).unwrap(), Boundary::Poll(7));
        assert_eq!(read(&[("transaction.boundary", "interval")]).unwrap(), Boundary::Interval(Duration::from_secs(60)));
        let own = [("transaction.boundary", "interval"), ("transaction.boundary.interval.ms", "250")];
        assert_eq!(read(&own).unwrap(), Boundary::Interval(Duration::from_millis(250)));
        assert!(read(&[("transaction.boundary", "connector")]).unwrap_err().to_string().contains("poll or to interval"));
    }
}
