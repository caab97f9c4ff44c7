//! One attempt of a task: polls the source into the stages, stores offsets, ends cleanly or with an error.
//!
//! What follows from the error (retry or FAILED) belongs to `task`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rowtide_api::failpoint::{self, Failpoint};
use rowtide_api::{Batch, Error, ErrorKind, Result, Sink, SourceTask};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, interval, sleep, timeout_at};

use super::encode::{self, RawBatch};
use super::input::Input;
use super::kept::Kept;
use super::letters::Sender;
use super::produce::{Produce, Progress, advanced};
use super::rules::{Cancel, Rules};
use super::task::{Asked, Control, Reporter};
use super::transaction::Transaction;
use super::{SinkContext, TaskMetrics, TaskSetup, shuffle};
use crate::herder::State;
use crate::offsets::OffsetEntry;
use crate::patience::patiently;

/// How an attempt ended.
pub(super) enum Exit {
    /// as asked; offsets are stored
    Stopped,
    /// all was taken apart; whether to try again is for the caller
    Failed(Error),
}

/// How long to wait for acks when the task is paused: Connect's `offset.flush.timeout.ms`.
const PAUSE_FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// One attempt, running.
struct Attempt<'a> {
    setup: &'a TaskSetup,
    task: Box<dyn SourceTask>,
    inputs: Vec<mpsc::Sender<RawBatch>>,
    turn: usize,
    next_sequence: u64,
    produce: JoinHandle<Result<()>>,
    progress: watch::Receiver<Progress>,
    flushes: mpsc::Sender<()>,
    store_now: Arc<Notify>,
    cancel: Arc<Cancel>,
    stored: Stored,
}

/// What of the progress is stored.
struct Stored {
    /// per durable partition, in the tracker's order: advance and records
    at: Vec<(u64, u64)>,
    last: Instant,
    /// a failed store is tried again after this
    not_before: Option<Instant>,
}

/// Runs one attempt. `polled` is called after each successful poll: the count of retries begins anew.
pub(super) async fn run(
    setup: &TaskSetup,
    control: &mut watch::Receiver<Control>,
    signals: &mut mpsc::Receiver<Asked>,
    reporter: &Reporter,
    polled: &mut (dyn FnMut() + Send),
) -> Exit {
    let start = Attempt::start(setup);
    let mut attempt = tokio::select! {
        started = start => match started {
            Ok(attempt) => attempt,
            Err(error) => return Exit::Failed(error),
        },
        () = stopped(control) => return Exit::Stopped,
    };
    reporter.set(State::Running);
    setup.metrics.set_retry(None);
    match attempt.poll_until_stopped(control, signals, reporter, polled).await {
        Ok(deadline) => attempt.finish(deadline).await,
        Err(error) => attempt.take_apart(error, control).await,
    }
}

/// Resolves once a stop is asked for.
pub(super) async fn stopped(control: &mut watch::Receiver<Control>) {
    // A herder that is gone asks for a stop, too.
    let _ = control.wait_for(|control| matches!(control, Control::Stop(_))).await;
}

/// One that is dropped half-way, because it did not stop in time, must not leave a producer behind that writes beside its
/// successor's.
impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.produce.abort();
    }
}

impl<'a> Attempt<'a> {
    async fn start(setup: &'a TaskSetup) -> Result<Self> {
        let threads = setup.settings.encode_threads;
        let encoders = (0..threads).map(|_| (setup.encoder)()).collect::<Result<Vec<_>>>()?;
        let sink = open_sink(setup).await?;
        let offsets = setup.offsets.load(&setup.connector).await?;
        let mut task = (setup.source)()?;
        let context = rowtide_api::TaskContext {
            connector: setup.connector.clone(),
            task: setup.task,
            config: setup.config.clone(),
            offsets,
            scratch: setup.scratch.clone(),
            progress: setup.metrics.snapshot.clone(),
        };
        if let Err(error) = task.start(context).await {
            task.stop().await;
            return Err(error);
        }
        let cancel = Arc::new(Cancel::default());
        let rules = Rules {
            tolerance: setup.settings.tolerance.clone(),
            metrics: setup.metrics.clone(),
            id: format!("{}-{}", setup.connector, setup.task).into(),
            sender: setup.settings.tolerance.letters.clone().map(|queue| Sender {
                queue,
                connector: setup.connector.as_str().into(),
                task: setup.task,
            }),
            cancel: cancel.clone(),
        };
        let tolerance = &rules.tolerance;
        let keeps = tolerance.skip && (tolerance.letters.is_some() || setup.exactly_once.is_some());
        let kept = keeps.then(|| Kept::new(tolerance.buffer));
        let stage = encode::start(encoders, &rules)?;
        let (published, progress) = watch::channel(Progress::default());
        let (flushes, asked) = mpsc::channel(1);
        let store_now = Arc::new(Notify::new());
        let transaction = setup.exactly_once.as_ref().map(|once| Transaction::new(once, setup.settings.idle_flush_interval));
        let produce = Produce {
            sink,
            input: Input::new(stage.encoded, transaction.as_ref().map_or(0, Transaction::most)),
            progress: published,
            flushes: asked,
            rules,
            kept,
            urgent: VecDeque::new(),
            store_now: store_now.clone(),
            transaction,
        };
        Ok(Self {
            setup,
            task,
            inputs: stage.inputs,
            turn: 0,
            next_sequence: 0,
            produce: tokio::spawn(produce.run()),
            progress,
            flushes,
            store_now,
            cancel,
            stored: Stored { at: Vec::new(), last: Instant::now(), not_before: None },
        })
    }

    /// The life of a running task. Ends with the deadline of a stop, or with an error.
    async fn poll_until_stopped(
        &mut self,
        control: &mut watch::Receiver<Control>,
        signals: &mut mpsc::Receiver<Asked>,
        reporter: &Reporter,
        polled: &mut (dyn FnMut() + Send),
    ) -> Result<Instant> {
        let mut tick = interval(self.setup.settings.flush_interval.clamp(Duration::from_millis(1), Duration::from_secs(1)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked = *control.borrow_and_update();
            match asked {
                Control::Stop(deadline) => return Ok(deadline),
                Control::Pause if reporter.state() != State::Paused => {
                    self.settle_for_pause().await?;
                    reporter.set(State::Paused);
                }
                Control::Run if reporter.state() == State::Paused => reporter.set(State::Running),
                _ => {}
            }
            let paused = asked == Control::Pause;
            // Room first, then a poll: no batch is ever in hand without a place to put it.
            let room = self.inputs[self.turn].clone();
            tokio::select! {
                changed = control.changed() => if changed.is_err() { return Ok(Instant::now()) },
                ended = &mut self.produce => return Err(stage_error(ended)),
                Some(Asked { signal, answer }) = signals.recv() => {
                    // nobody may wait for the answer any more
                    let _ = answer.send(self.task.signal(signal));
                }
                _ = tick.tick() => self.commit_when_due().await?,
                () = self.store_now.notified() => self.commit().await?,
                polling = poll(&mut self.task, &room), if !paused => {
                    let Some((batch, place)) = polling? else {
                        return Err(Error::fatal("the source ended although nobody asked it to"));
                    };
                    polled();
                    let raw = self.numbered(batch);
                    if let Some(place) = place {
                        place.send(raw);
                    }
                }
            }
        }
    }

    fn numbered(&mut self, batch: Batch) -> RawBatch {
        let first_sequence = self.next_sequence;
        self.next_sequence += batch.records.len() as u64;
        self.turn = (self.turn + 1) % self.inputs.len();
        TaskMetrics::add(&self.setup.metrics.polled, batch.records.len());
        RawBatch { first_sequence, records: batch.records, reached: batch.reached, urgent: batch.urgent }
    }

    /// Stores when the interval for what has advanced is over: records by `offset.flush.interval.ms`, positions alone
    /// by their own, and both at once when the database keeps much log for them.
    async fn commit_when_due(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.setup.exactly_once.is_some() && self.task.holds_log() {
            // a transaction of positions alone would take its time
            let _ = self.flushes.try_send(());
        }
        if self.stored.not_before.is_some_and(|time| now < time) {
            return Ok(());
        }
        let (advanced, records) = {
            let progress = self.progress.borrow();
            let stored = |index: usize| self.stored.at.get(index).copied().unwrap_or_default();
            let mut durable = progress.durable.iter().enumerate();
            let records = durable.clone().any(|(index, durable)| durable.records != stored(index).1);
            (durable.any(|(index, durable)| durable.advance != stored(index).0), records)
        };
        let settings = &self.setup.settings;
        let interval = match records {
            _ if self.task.holds_log() => Duration::ZERO,
            true => settings.flush_interval,
            false => settings.idle_flush_interval,
        };
        if advanced && now.duration_since(self.stored.last) >= interval { self.commit().await } else { Ok(()) }
    }

    /// Stores what is durable, then tells the source. A store that may succeed later keeps the task running.
    async fn commit(&mut self) -> Result<()> {
        match self.store().await {
            Ok(entries) => {
                self.stored.not_before = None;
                for (partition, offset) in &entries {
                    if let Some(offset) = offset {
                        self.task.committed(partition, offset).await?;
                        failpoint::pass(Failpoint::PositionConfirmed);
                    }
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Transient => {
                let wait = self.setup.settings.flush_interval.min(Duration::from_secs(10));
                self.stored.not_before = Some(Instant::now() + wait);
                let (connector, task) = (&self.setup.connector, self.setup.task);
                tracing::error!(connector, task, "offsets are not stored, next try in {} ms: {error}", wait.as_millis());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn store(&mut self) -> Result<Vec<OffsetEntry>> {
        let durable = self.progress.borrow().durable.clone();
        let entries = advanced(&durable, |index| self.stored.at.get(index).map(|(advance, _)| *advance));
        if entries.is_empty() {
            return Ok(entries);
        }
        // with transactions what is told to be durable is stored already
        if self.setup.exactly_once.is_none() {
            self.setup.offsets.store(&self.setup.connector, &entries).await?;
            failpoint::pass(Failpoint::OffsetStored);
        }
        self.setup.metrics.commits.fetch_add(1, Relaxed);
        self.stored.at = durable.iter().map(|durable| (durable.advance, durable.records)).collect();
        self.stored.last = Instant::now();
        Ok(entries)
    }

    /// Before a pause: what is on its way becomes durable, within bounds, and its offsets stored.
    async fn settle_for_pause(&mut self) -> Result<()> {
        let _ = self.flushes.try_send(());
        let target = self.next_sequence;
        let mut progress = self.progress.clone();
        let settled = progress.wait_for(|progress| progress.settled >= target);
        let ended = tokio::select! {
            _ = settled => None,
            () = sleep(PAUSE_FLUSH_TIMEOUT) => None,
            ended = &mut self.produce => Some(ended),
        };
        match ended {
            Some(ended) => Err(stage_error(ended)),
            None => self.commit().await,
        }
    }

    /// A clean end: up to a transaction boundary, all of it durable, its offsets stored, the source told.
    async fn finish(mut self, deadline: Instant) -> Exit {
        self.task.finish();
        let (connector, task) = (self.setup.connector.clone(), self.setup.task);
        match timeout_at(deadline, self.drain()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(connector, task, "the task did not drain to its end: {error}"),
            Err(_) => {
                tracing::warn!(
                    connector,
                    task,
                    "the task did not drain within task.shutdown.graceful.timeout.ms; what was not durable is read again at the next start"
                );
                self.cancel.stop();
                self.produce.abort();
            }
        }
        if let Err(error) = self.commit().await {
            tracing::warn!(connector, task, "at the stop of the task: {error}");
        }
        self.task.stop().await;
        Exit::Stopped
    }

    async fn drain(&mut self) -> Result<()> {
        loop {
            let room = self.inputs[self.turn].clone();
            tokio::select! {
                ended = &mut self.produce => return Err(stage_error(ended)),
                polling = poll(&mut self.task, &room) => match polling? {
                    Some((batch, Some(place))) => {
                        let raw = self.numbered(batch);
                        place.send(raw);
                    }
                    Some((_, None)) => continue,
                    None => break,
                },
            }
        }
        self.inputs.clear();
        joined((&mut self.produce).await)
    }

    /// After an error: the source is dropped at once; what is on its way is waited for, because a producer that still
    /// writes must never overlap with its successor. A stop ends the wait.
    async fn take_apart(mut self, error: Error, control: &mut watch::Receiver<Control>) -> Exit {
        self.task.stop().await;
        self.cancel.stop();
        self.inputs.clear();
        if !self.produce.is_finished() {
            tokio::select! {
                ended = &mut self.produce => if let Err(also) = joined(ended) {
                    tracing::warn!(connector = self.setup.connector, task = self.setup.task, "while ending the attempt: {also}");
                },
                () = stopped(control) => self.produce.abort(),
            }
        }
        if let Err(also) = self.store().await {
            tracing::warn!(connector = self.setup.connector, task = self.setup.task, "offsets are not stored: {also}");
        }
        Exit::Failed(error)
    }
}

/// The sink of an attempt. With transactions nobody writes for the tasks before it once it is there.
async fn open_sink(setup: &TaskSetup) -> Result<Box<dyn Sink>> {
    let context = SinkContext {
        connector: setup.connector.clone(),
        task: setup.task,
        config: setup.config.clone(),
        transactions: setup.exactly_once.as_ref().map(|once| once.transactions.clone()),
    };
    let Some(once) = &setup.exactly_once else { return Ok(shuffle::if_asked((setup.sink)(context).await?)) };
    let (connector, task) = (&setup.connector, setup.task);
    let word = |what: &'static str| {
        move |waited: Duration| {
            tracing::warn!(connector, task, "the task does not start: for {} s it has waited for {what}", waited.as_secs())
        }
    };
    patiently((once.before)(), word("the leader of the group, which has to fence earlier tasks of the connector")).await?;
    let sink = patiently((setup.sink)(context), word("Kafka's transaction coordinator, which has to give it a producer")).await?;
    patiently((once.after)(), word("the end of the config topic")).await?;
    Ok(shuffle::if_asked(sink))
}

/// Waits for room, then polls. Dropping it loses nothing: a permit is given back, and a dropped poll loses none by its
/// own contract.
async fn poll(
    task: &mut Box<dyn SourceTask>,
    room: &mpsc::Sender<RawBatch>,
) -> Result<Option<(Batch, Option<mpsc::OwnedPermit<RawBatch>>)>> {
    // A closed stage shows as the end of `produce`, which the caller waits for as well.
    let Ok(place) = room.clone().reserve_owned().await else { return std::future::pending().await };
    let batch = task.poll().await?;
    Ok(batch.map(|batch| (batch, Some(place))))
}

fn joined(ended: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    match ended {
        Ok(result) => result,
        Err(error) => Err(Error::fatal("the produce stage ended abnormally").caused_by(error)),
    }
}

fn stage_error(ended: std::result::Result<Result<()>, tokio::task::JoinError>) -> Error {
    match joined(ended) {
        Err(error) => error,
        Ok(()) => Error::fatal("the encode stage ended abnormally").remedy("the log above holds the reason; please report it"),
    }
}
