//! What becomes of records that fail, how long one is tried again, and what a stop cuts short.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rowtide_api::{Error, ErrorKind, SourcePosition};

use super::letters::Sender;
use super::{TaskMetrics, Tolerance};

/// What the stages need beside their parts.
#[derive(Clone)]
pub(super) struct Rules {
    pub tolerance: Tolerance,
    pub metrics: Arc<TaskMetrics>,
    /// "connector-task", for the log
    pub id: Arc<str>,
    /// sends letters to the dead letter queue, if there is one
    pub sender: Option<Sender>,
    pub cancel: Arc<Cancel>,
}

impl Rules {
    /// The table's row for data errors: true when the record is skipped, counted and logged as asked.
    pub fn tolerates(&self, error: &Error, position: &SourcePosition) -> bool {
        self.metrics.failures.fetch_add(1, Ordering::Relaxed);
        // A transient error that outlasted errors.retry.timeout is tolerated as any other (RetryWithToleranceOperator).
        let tolerated = self.tolerance.skip && is_tolerable(error);
        if tolerated {
            self.skip(error, Some(position));
        }
        tolerated
    }

    /// Counts a record that is skipped, and logs it as asked; the first one in any case.
    pub fn skip(&self, error: &Error, position: Option<&SourcePosition>) {
        let first = self.metrics.skip(error);
        if self.tolerance.log {
            // Never the record itself, whatever errors.log.include.messages says: no row data in logs.
            let position = position.map(|position| position.offset.to_offset());
            tracing::error!(task = &*self.id, ?position, "record skipped: {error}");
        } else if first {
            tracing::warn!(
                task = &*self.id,
                "a record is skipped, as errors.tolerance=all asks; the status counts them, and errors.log.enable=true logs each"
            );
        }
    }

    /// What becomes of the error of a record that may not be skipped.
    pub fn fatal(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Transient {
            let stop = Error::fatal(error.message());
            return stop.remedy(error.remedy_text().unwrap_or("raise errors.retry.timeout to try for longer"));
        }
        if error.remedy_text().is_some() || !is_tolerable(&error) {
            return error;
        }
        error.remedy(
            "set errors.tolerance=all to skip such records (they are counted; errors.log.enable=true logs each, \
             errors.deadletterqueue.topic.name keeps them)",
        )
    }
}

fn is_tolerable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Data | ErrorKind::Transient)
}

/// `errors.retry.timeout`: from 300 ms, doubling, up to the greatest delay, with jitter there.
pub(super) struct Backoff {
    until: Option<Instant>,
    delay: Duration,
    max: Duration,
}

impl Backoff {
    pub fn new(tolerance: &Tolerance) -> Self {
        let until = tolerance.retry_for.map(|limit| Instant::now() + limit);
        Self { until, delay: Duration::from_millis(300), max: tolerance.max_delay }
    }

    pub fn wait(&mut self, error: &Error, rules: &Rules) -> bool {
        let now = Instant::now();
        if self.until.is_some_and(|until| now >= until) {
            return false;
        }
        let mut delay = if self.delay >= self.max { super::task::jittered(self.max, 0.5) } else { self.delay };
        if let Some(until) = self.until {
            delay = delay.min(until - now);
        }
        rules.metrics.retries.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(task = &*rules.id, "trying a record again in {} ms: {error}", delay.as_millis());
        self.delay = (self.delay * 2).min(self.max.max(Duration::from_millis(1)));
        !rules.cancel.wait(delay)
    }
}

/// Wakes encode threads that wait between retries when the task stops.
#[derive(Default)]
pub(super) struct Cancel {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Cancel {
    pub fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// True when stopped before the time is over.
    fn wait(&self, limit: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, limit, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
