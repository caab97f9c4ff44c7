//! One task: poll → transforms → converters → sink → acknowledgements → offsets → the source is told.
//!
//! Three stages run at the same time, joined by bounded channels: `driver` polls the source and keeps its offsets,
//! `encode` turns records into bytes, `produce` hands them to the sink and collects the acks. A record that is skipped goes on
//! as a letter to the dead letter queue (`letters`), and is done when that is durable.
//! What starts and stops tasks, and where their parts come from, belongs to the herder.

mod chain;
mod driver;
mod encode;
mod input;
mod kept;
mod letters;
mod plans;
mod produce;
mod rules;
mod settings;
mod shuffle;
mod task;
mod threads;
mod transaction;
mod trouble;

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rowtide_api::{Error, Props, Result, SharedProgress, Sink, SourceTask};

pub use chain::{Chain, Link};
pub use encode::{Converters, Encoder};
pub use settings::{DeadLetterQueue, RetryPolicy, TaskSettings, Tolerance, skips};
pub use task::{Signals, TaskHandle, TaskState, spawn};
pub use threads::Threads;
pub use transaction::{Boundary, Check, ExactlyOnce, OffsetRecords, Transactions};
pub use trouble::{Retry, Skipped, Trouble};

use crate::offsets::OffsetStore;

/// For whom a sink is made.
#[derive(Clone, Debug)]
pub struct SinkContext {
    /// the connector's name
    pub connector: String,
    /// the task's number
    pub task: usize,
    /// the task's configuration, variables filled in
    pub config: Props,
    /// none: the sink needs no transactions
    pub transactions: Option<Transactions>,
}

/// Makes a sink for a task; called again after each restart inside.
pub type SinkFactory = Arc<dyn Fn(SinkContext) -> Pin<Box<dyn Future<Output = Result<Box<dyn Sink>>> + Send>> + Send + Sync>;

/// Everything that a task is made of.
pub struct TaskSetup {
    /// the connector's name
    pub connector: String,
    /// the task's number, from 0
    pub task: usize,
    /// its configuration, variables filled in
    pub config: Props,
    /// makes the source
    pub source: Arc<dyn Fn() -> Result<Box<dyn SourceTask>> + Send + Sync>,
    /// makes an encoder; each encode thread owns one
    pub encoder: Arc<dyn Fn() -> Result<Encoder> + Send + Sync>,
    /// makes the sink
    pub sink: SinkFactory,
    /// where offsets are kept
    pub offsets: Arc<dyn OffsetStore>,
    /// what makes it exactly once, if it is to be
    pub exactly_once: Option<ExactlyOnce>,
    /// intervals, retries, tolerance
    pub settings: TaskSettings,
    /// what the task counts; kept by the herder over restarts
    pub metrics: Arc<TaskMetrics>,
    /// where the source may put files that nobody needs once it has ended
    pub scratch: PathBuf,
}

/// What a task counts. Updated once a batch.
#[derive(Debug, Default)]
pub struct TaskMetrics {
    /// records that the source handed over
    pub polled: AtomicU64,
    /// records that are durable in the sink
    pub written: AtomicU64,
    /// records that a transform filtered out
    pub filtered: AtomicU64,
    /// records that failed in a transform, a converter or the sink
    pub failures: AtomicU64,
    /// failed records that `errors.tolerance=all` let pass
    pub skipped: AtomicU64,
    /// how many of them are durable in the dead letter queue
    pub dead_letters: AtomicU64,
    /// transforms tried again under `errors.retry.timeout`
    pub retries: AtomicU64,
    /// restarts inside after transient errors
    pub restarts: AtomicU64,
    /// times that offsets were stored
    pub commits: AtomicU64,
    /// how far the source's snapshots are
    pub snapshot: SharedProgress,
    topics: Mutex<BTreeSet<Arc<str>>>,
    retry: Mutex<Option<Retry>>,
    last_skipped: Mutex<Option<Skipped>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TaskMetrics {
    /// What went wrong while the task went on; none: nothing did.
    pub fn trouble(&self) -> Option<Trouble> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let trouble = Trouble {
            restarts: count(&self.restarts),
            retry: locked(&self.retry).clone(),
            skipped: count(&self.skipped),
            dead_letters: count(&self.dead_letters),
            last_skipped: locked(&self.last_skipped).clone(),
        };
        (trouble != Trouble::default()).then_some(trouble)
    }

    /// A restart is waited for, or (none) no longer.
    fn set_retry(&self, retry: Option<Retry>) {
        *locked(&self.retry) = retry;
    }

    /// A record is skipped. True: it is the first one.
    fn skip(&self, error: &Error) -> bool {
        *locked(&self.last_skipped) = Some(Skipped { at_ms: trouble::millis_in(Duration::ZERO), reason: error.to_string() });
        self.skipped.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// The topics written to since they were last forgotten.
    pub fn topics(&self) -> Vec<String> {
        locked(&self.topics).iter().map(ToString::to_string).collect()
    }

    /// The same, and forgets them.
    pub fn take_topics(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.topics)).iter().map(ToString::to_string).collect()
    }

    /// Forgets the topics.
    pub fn forget_topics(&self) {
        locked(&self.topics).clear();
    }

    fn add_topics(&self, batch: Vec<Arc<str>>) {
        locked(&self.topics).extend(batch);
    }

    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// A failed task's trace, laid out as Connect's so that what greps for it finds it: the exception's line with the
/// message first, the remedy last.
pub fn trace(error: &Error) -> String {
    format!("org.apache.kafka.connect.errors.ConnectException: {error}\n")
}
