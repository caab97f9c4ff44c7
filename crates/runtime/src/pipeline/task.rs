//! A task as the herder sees it: pause, resume, stop, state; and the restarts inside after transient errors.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rowtide_api::{Error, ErrorKind, Result, Signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};

use super::driver::{self, Exit};
use super::{Retry, TaskMetrics, TaskSetup, Threads, trace, trouble};
use crate::herder::State;

/// What the herder wants of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Control {
    Run,
    Pause,
    /// clean until then, at any price after it
    Stop(Instant),
}

/// State of a task; the trace when it FAILED.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskState {
    /// the state; UNASSIGNED until the source has started for the first time
    pub state: State,
    /// why it failed
    pub trace: Option<String>,
}

/// A running task.
pub struct TaskHandle {
    control: watch::Sender<Control>,
    state: watch::Receiver<TaskState>,
    joined: JoinHandle<()>,
    metrics: Arc<TaskMetrics>,
    signals: mpsc::Sender<Asked>,
}

/// A signal, and whom to tell what became of it.
pub(super) struct Asked {
    pub signal: Signal,
    pub answer: oneshot::Sender<Result<()>>,
}

/// Signals that wait for a task.
const SIGNALS: usize = 16;

impl TaskHandle {
    /// Its state now.
    pub fn state(&self) -> TaskState {
        self.state.borrow().clone()
    }

    /// Follows its state.
    pub fn states(&self) -> watch::Receiver<TaskState> {
        self.state.clone()
    }

    /// What it counts.
    pub fn metrics(&self) -> &Arc<TaskMetrics> {
        &self.metrics
    }

    /// Pauses it, or lets it go on.
    pub fn set_paused(&self, paused: bool) {
        self.control.send_if_modified(|control| {
            let wanted = if paused { Control::Pause } else { Control::Run };
            let change = !matches!(control, Control::Stop(_)) && *control != wanted;
            if change {
                *control = wanted;
            }
            change
        });
    }

    /// The way of signals to it.
    pub fn signals(&self) -> Signals {
        Signals(self.signals.clone())
    }

    /// Asks for a clean stop, to be over by the deadline. `stopped` waits for it.
    pub fn ask_stop(&self, deadline: Instant) {
        self.control.send_replace(Control::Stop(deadline));
    }

    /// Waits for the end after `ask_stop`. A task that hangs past its deadline is dropped.
    pub async fn stopped(mut self, deadline: Instant) {
        // A little more than the deadline: storing the last offsets comes after the drain.
        if tokio::time::timeout_at(deadline + Duration::from_secs(5), &mut self.joined).await.is_err() {
            tracing::error!("a task did not stop in time and was dropped");
            self.joined.abort();
        }
    }
}

/// The way of signals to a task.
pub struct Signals(mpsc::Sender<Asked>);

impl Signals {
    /// Hands a signal to the task and waits for its word. None: the task does not run.
    pub async fn send(&self, signal: Signal) -> Option<Result<()>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Asked { signal, answer }).await.ok()?;
        answered.await.ok()
    }
}

/// Sets the state, and leaves it alone when nothing changes.
pub(super) struct Reporter(watch::Sender<TaskState>);

impl Reporter {
    pub fn set(&self, state: State) {
        self.0.send_if_modified(|current| {
            let change = current.state != state;
            *current = TaskState { state, trace: None };
            change
        });
    }

    pub fn state(&self) -> State {
        self.0.borrow().state
    }

    fn failed(&self, trace: String) {
        self.0.send_replace(TaskState { state: State::Failed, trace: Some(trace) });
    }
}

/// Starts a task on one of the threads; paused, it waits for its first `set_paused(false)` before it connects, as Connect's do.
pub fn spawn(setup: TaskSetup, paused: bool, threads: &Threads) -> Result<TaskHandle> {
    let (control, wanted) = watch::channel(if paused { Control::Pause } else { Control::Run });
    let (reporter, state) = watch::channel(TaskState { state: State::Unassigned, trace: None });
    let metrics = setup.metrics.clone();
    let reporter = Arc::new(Reporter(reporter));
    let (signals, asked) = mpsc::channel(SIGNALS);
    let inner = threads.spawn(run(setup, wanted, asked, reporter.clone()))?;
    let joined = tokio::spawn(async move {
        // Dropping the outer task must end the inner one.
        let _guard = AbortOnDrop(inner.abort_handle());
        if let Err(panic) = inner.await
            && panic.is_panic()
        {
            let error = Error::fatal("the task ended abnormally; this is a mistake in Rowtide").caused_by(panic);
            reporter.failed(trace(&error.remedy("the log holds the place; please report it, then restart the task")));
        }
    });
    Ok(TaskHandle { control, state, joined, metrics, signals })
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(setup: TaskSetup, mut control: watch::Receiver<Control>, mut asked: mpsc::Receiver<Asked>, reporter: Arc<Reporter>) {
    if *control.borrow() == Control::Pause {
        reporter.set(State::Paused);
        if control.wait_for(|control| *control != Control::Pause).await.is_err() {
            return;
        }
    }
    let mut failures = 0;
    loop {
        let exit = driver::run(&setup, &mut control, &mut asked, &reporter, &mut || failures = 0).await;
        let Exit::Failed(error) = exit else { return };
        if matches!(*control.borrow(), Control::Stop(_)) {
            tracing::warn!(connector = setup.connector, task = setup.task, "the task was stopped while it was failing: {error}");
            return;
        }
        failures += 1;
        if !retry(&setup, &mut control, &reporter, failures, error).await {
            return;
        }
    }
}

/// True after the back-off of a transient error; otherwise the task has failed, or was stopped meanwhile.
async fn retry(
    setup: &TaskSetup,
    control: &mut watch::Receiver<Control>,
    reporter: &Reporter,
    failures: u64,
    error: Error,
) -> bool {
    let policy = &setup.settings.retries;
    let (connector, task) = (&setup.connector, setup.task);
    let out_of_retries = policy.max.is_some_and(|max| failures > max);
    if error.kind() != ErrorKind::Transient || out_of_retries {
        setup.metrics.set_retry(None);
        tracing::error!(connector, task, "the task has failed and will not run until it is restarted: {error}");
        reporter.failed(trace(&error));
        return false;
    }
    // Debezium's status stays RUNNING while it restarts inside; so does this one. The log says what goes on, and the status below it.
    if reporter.state() != State::Paused {
        reporter.set(State::Running);
    }
    setup.metrics.restarts.fetch_add(1, Relaxed);
    let wait = jittered(policy.delay(failures), 0.1);
    let (of, at_ms) = (policy.max, trouble::millis_in(wait));
    setup.metrics.set_retry(Some(Retry { attempt: failures, of, at_ms, reason: error.to_string() }));
    let most = policy.max.map_or_else(|| "without limit".to_owned(), |max| format!("of {max}"));
    tracing::warn!(connector, task, "restarting the task in {} ms, attempt {failures} {most}: {error}", wait.as_millis());
    tokio::select! {
        () = sleep(wait) => true,
        () = driver::stopped(control) => {
            setup.metrics.set_retry(None);
            false
        }
    }
}

/// A delay up to this share longer or shorter, so that many tasks do not come back in step.
pub(super) fn jittered(delay: Duration, share: f64) -> Duration {
    let random = RandomState::new().hash_one(()) as f64 / u64::MAX as f64;
    delay.mul_f64(1.0 + share * (2.0 * random - 1.0))
}
