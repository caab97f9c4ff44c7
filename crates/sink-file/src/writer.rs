//! The thread that writes, and the sink before it.
//!
//! Records go to the thread as batches; what waits there is bounded by [`WAITING`] bytes. The thread writes what has come
//! and syncs when nothing more waits, under load at least every [`SYNC_INTERVAL`]: then it acknowledges. So a sync covers
//! as many records as came during the one before.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rowtide_api::{Ack, EncodedRecord, Error, Props, Result, Sink};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::options;
use crate::rotating::{RotatingFile, Rotation};
use crate::terminal::Terminal;

/// Bytes of records that wait for the thread.
const WAITING: usize = 16 * 1024 * 1024;
/// Under load, records wait for their acknowledgement no longer than this and one sync.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);

enum Job {
    Write(Vec<EncodedRecord>, OwnedSemaphorePermit),
    Close,
}

enum Event {
    Durable(Vec<u64>),
    Failed(Error),
}

/// Where the thread writes to.
enum Target {
    File(RotatingFile),
    Terminal(Terminal),
}

/// The sink: both kinds differ in the target alone.
struct WriterSink {
    jobs: Sender<Job>,
    events: UnboundedReceiver<Event>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
    outstanding: usize,
    /// the thread's error was handed out: nothing more is taken
    failed: bool,
}

/// Makes the `file` sink.
pub(crate) fn new_file(props: &Props) -> Result<Box<dyn Sink>> {
    let config = options::file().read(props);
    let rotation = Rotation {
        max_bytes: config.size(options::MAX_BYTES)? as u64,
        max_age: config.millis(options::MAX_AGE)?,
        max_files: config.size(options::MAX_FILES)?,
    };
    let file = RotatingFile::open(Path::new(config.text(options::PATH)?), rotation)?;
    start(Target::File(file))
}

/// Makes the `stdout` sink.
pub(crate) fn new_stdout(props: &Props) -> Result<Box<dyn Sink>> {
    let format = options::stdout().read(props).text(options::FORMAT)?;
    let pretty = match format.to_ascii_lowercase().as_str() {
        "json" => false,
        "pretty" => true,
        _ => {
            return Err(Error::configuration(format!("Invalid value {format} for configuration {}", options::FORMAT))
                .remedy("use json or pretty"));
        }
    };
    start(Target::Terminal(Terminal::new(pretty)))
}

fn start(target: Target) -> Result<Box<dyn Sink>> {
    let (jobs, received) = channel();
    let (reports, events) = unbounded_channel();
    let thread = std::thread::Builder::new().name("sink-writer".to_owned()).spawn(move || {
        if let Err(error) = run(target, &received, &reports) {
            // nobody listens to a sink that is being dropped
            let _ = reports.send(Event::Failed(error));
        }
    });
    let thread = thread.map_err(|error| Error::transient("cannot start the thread that writes").caused_by(error))?;
    let room = Arc::new(Semaphore::new(WAITING));
    Ok(Box::new(WriterSink { jobs, events, room, thread: Some(thread), outstanding: 0, failed: false }))
}

fn run(mut target: Target, jobs: &Receiver<Job>, reports: &UnboundedSender<Event>) -> Result<()> {
    let mut pending = Vec::new();
    let mut oldest = Instant::now();
    loop {
        let job = if pending.is_empty() { wait(jobs, target.due_in()) } else { jobs.try_recv() };
        match job {
            Ok(Job::Write(records, _room)) => {
                if pending.is_empty() {
                    oldest = Instant::now();
                }
                pending.extend(records.iter().map(|record| record.sequence));
                target.append(&records)?;
                if oldest.elapsed() < SYNC_INTERVAL {
                    continue;
                }
            }
            Ok(Job::Close) | Err(TryRecvError::Disconnected) => {
                target.sync()?;
                let _ = reports.send(Event::Durable(pending));
                return Ok(());
            }
            Err(TryRecvError::Empty) => {}
        }
        if !pending.is_empty() {
            target.sync()?;
            let _ = reports.send(Event::Durable(std::mem::take(&mut pending)));
        }
        target.when_due()?;
    }
}

/// Waits for a job until the target has something to do.
fn wait(jobs: &Receiver<Job>, due: Option<Duration>) -> Result<Job, TryRecvError> {
    match due {
        None => jobs.recv().map_err(|_| TryRecvError::Disconnected),
        Some(due) => jobs.recv_timeout(due).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        }),
    }
}

impl Target {
    fn append(&mut self, records: &[EncodedRecord]) -> Result<()> {
        match self {
            Target::File(file) => {
                let mut line = Vec::with_capacity(1024);
                for record in records {
                    line.clear();
                    crate::line::write(record, &mut line);
                    file.append(&line)?;
                }
                Ok(())
            }
            Target::Terminal(terminal) => {
                terminal.append(records);
                Ok(())
            }
        }
    }

    fn sync(&mut self) -> Result<()> {
        match self {
            Target::File(file) => file.sync(),
            Target::Terminal(terminal) => terminal.flush(),
        }
    }

    /// When there is something to do although no record comes.
    fn due_in(&self) -> Option<Duration> {
        match self {
            Target::File(file) => file.ages_in(),
            Target::Terminal(terminal) => terminal.status_in(),
        }
    }

    fn when_due(&mut self) -> Result<()> {
        match self {
            Target::File(file) => file.rotate_if_old(),
            Target::Terminal(terminal) => {
                terminal.status_if_due();
                Ok(())
            }
        }
    }
}

impl WriterSink {
    fn take(&mut self, event: Option<Event>, out: &mut Vec<Ack>) -> Result<()> {
        match event {
            Some(Event::Durable(sequences)) => {
                self.outstanding = self.outstanding.saturating_sub(sequences.len());
                out.extend(sequences.into_iter().map(|sequence| Ack { sequence, result: Ok(()) }));
                Ok(())
            }
            Some(Event::Failed(error)) => {
                self.failed = true;
                Err(error)
            }
            None => Err(Error::transient("the thread that writes records has ended")),
        }
    }
}

#[async_trait]
impl Sink for WriterSink {
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()> {
        if self.failed {
            return self.take(None, &mut Vec::new());
        }
        if batch.is_empty() {
            return Ok(());
        }
        let part = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
        let size: usize = batch.iter().map(|record| part(&record.key) + part(&record.value) + 100).sum();
        let room = Arc::clone(&self.room).acquire_many_owned(size.min(WAITING) as u32).await;
        let room = room.map_err(|error| Error::fatal("the sink is closed").caused_by(error))?;
        let count = batch.len();
        if self.jobs.send(Job::Write(batch, room)).is_err() {
            // the thread has ended; its last words say why
            loop {
                match self.events.recv().await {
                    Some(Event::Durable(_)) => {}
                    last => return self.take(last, &mut Vec::new()),
                }
            }
        }
        self.outstanding += count;
        Ok(())
    }

    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        match self.events.recv().await {
            None if self.outstanding == 0 => std::future::pending().await,
            event => self.take(event, out),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        // the thread syncs as soon as nothing more waits
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        // an error here says that the thread has ended, which is what is wanted
        let _ = self.jobs.send(Job::Close);
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                return Err(Error::fatal("the thread that writes records has failed"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
