//! The encode stage: transforms and converters, a batch at a time, where the records were made or on threads of their own.
//!
//! Batches go to the threads in turn and are collected in the same turn, so that any number of threads keeps the order.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rowtide_api::transform::HeaderConverter;
use rowtide_api::{Converter, EncodedRecord, Error, ErrorKind, Header, Outcome, Result, SourcePosition, SourceRecord};
use tokio::sync::mpsc;

use super::plans::Plans;
use super::{Chain, TaskMetrics, Tolerance};

/// Names and bytes of a record's headers.
type EncodedHeaders = Arc<[(Arc<str>, Option<Bytes>)]>;

/// A polled batch on its way to an encoder.
pub(super) struct RawBatch {
    /// sequence number of the first record
    pub first_sequence: u64,
    pub records: Vec<SourceRecord>,
    pub reached: Vec<SourcePosition>,
    pub urgent: bool,
}

/// A batch on its way to the sink.
#[derive(Default)]
pub(super) struct EncodedBatch {
    /// one for each polled record, in order; true: it goes to no sink
    pub positions: Vec<(SourcePosition, bool)>,
    pub records: Vec<EncodedRecord>,
    pub reached: Vec<SourcePosition>,
    pub urgent: bool,
    /// the topics of the records
    pub topics: Vec<Arc<str>>,
    /// why the batch ends early; the task fails once what is before it is written
    pub failed: Option<Error>,
}

/// Where a record's bytes are in its batch's buffer.
struct Parts {
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
}

/// Transforms and converters of a connector. Each encode thread has one of its own.
pub struct Encoder {
    chain: Chain,
    key: Plans,
    value: Plans,
    headers: Box<dyn HeaderConverter>,
    /// the shared headers seen last, and their bytes: most records of a connector carry the same ones
    last_headers: Option<(Arc<[Header]>, EncodedHeaders)>,
    no_headers: EncodedHeaders,
    /// size of the last batch: what the next buffer begins with
    capacity: usize,
}

impl Encoder {
    /// An encoder of these parts.
    pub fn new(chain: Chain, key: Box<dyn Converter>, value: Box<dyn Converter>, headers: Box<dyn HeaderConverter>) -> Self {
        let (key, value) = (Plans::new(key.into(), "key"), Plans::new(value.into(), "value"));
        Self { chain, key, value, headers, last_headers: None, no_headers: Arc::default(), capacity: 0 }
    }

    fn encode(&mut self, batch: RawBatch, rules: &Rules) -> EncodedBatch {
        // All bytes of the batch in one buffer; the records get their parts of it once it grows no more.
        let mut buffer = Vec::with_capacity(self.capacity);
        let mut parts = Vec::with_capacity(batch.records.len());
        let mut out = EncodedBatch { reached: batch.reached, urgent: batch.urgent, ..EncodedBatch::default() };
        out.positions.reserve(batch.records.len());
        out.records.reserve(batch.records.len());
        let mut filtered = 0;
        for (index, record) in batch.records.into_iter().enumerate() {
            let sequence = batch.first_sequence + index as u64;
            let position = record.position.clone();
            let outcome = match self.transform(record, rules) {
                Outcome::Kept(record) => self.convert(sequence, record, &mut buffer).map(Some),
                Outcome::Dropped => {
                    filtered += 1;
                    Ok(None)
                }
                Outcome::Failed(error) => Err(error),
            };
            match outcome {
                Ok(Some((record, part))) => {
                    if out.topics.last().is_none_or(|last| !Arc::ptr_eq(last, &record.topic)) {
                        note_topic(&mut out.topics, &record.topic);
                    }
                    out.records.push(record);
                    parts.push(part);
                    out.positions.push((position, false));
                }
                Ok(None) => out.positions.push((position, true)),
                Err(error) => match rules.tolerate(error, &position) {
                    None => out.positions.push((position, true)),
                    Some(error) => {
                        out.failed = Some(error);
                        out.reached.clear();
                        break;
                    }
                },
            }
        }
        self.capacity = buffer.len() + buffer.len() / 8;
        let buffer = Bytes::from(buffer);
        for (record, Parts { key, value }) in out.records.iter_mut().zip(parts) {
            record.key = key.map(|range| buffer.slice(range));
            record.value = value.map(|range| buffer.slice(range));
        }
        TaskMetrics::add(&rules.metrics.filtered, filtered);
        out
    }

    fn transform(&mut self, record: SourceRecord, rules: &Rules) -> Outcome {
        if self.chain.is_empty() {
            return Outcome::Kept(record);
        }
        let mut backoff = None;
        let mut again = |error: &Error| backoff.get_or_insert_with(|| Backoff::new(&rules.tolerance)).wait(error, rules);
        self.chain.apply(record, rules.tolerance.retry_for != Some(Duration::ZERO), &mut again)
    }

    /// The record but for key and value, and where those are in the buffer.
    fn convert(&mut self, sequence: u64, record: SourceRecord, buffer: &mut Vec<u8>) -> Result<(EncodedRecord, Parts)> {
        let key = self.key.encode(&record.topic, &record.key, buffer)?;
        let value = self.value.encode(&record.topic, &record.value, buffer)?;
        let headers = self.convert_headers(&record.topic, &record.headers, buffer)?;
        let SourceRecord { topic, partition, timestamp, .. } = record;
        Ok((EncodedRecord { sequence, topic, partition, key: None, value: None, headers, timestamp }, Parts { key, value }))
    }

    fn convert_headers(&mut self, topic: &Arc<str>, headers: &Arc<[Header]>, buffer: &mut Vec<u8>) -> Result<EncodedHeaders> {
        if headers.is_empty() {
            return Ok(self.no_headers.clone());
        }
        if let Some((last, encoded)) = &self.last_headers
            && Arc::ptr_eq(last, headers)
        {
            return Ok(encoded.clone());
        }
        let mut encoded = Vec::with_capacity(headers.len());
        let start = buffer.len();
        for header in headers.iter() {
            let present = self.headers.encode(topic, &header.name, &header.datum, buffer).map_err(|error| {
                error.context(&format!("cannot convert the header '{}' of a record of topic {topic}", header.name))
            })?;
            // A copy: it may outlive the batch and must not pin its buffer (DESIGN, invariant 3).
            encoded.push((header.name.clone(), present.then(|| Bytes::copy_from_slice(&buffer[start..]))));
            buffer.truncate(start);
        }
        let encoded = EncodedHeaders::from(encoded);
        if Arc::strong_count(headers) > 1 {
            // other records share them
            self.last_headers = Some((headers.clone(), encoded.clone()));
        }
        Ok(encoded)
    }
}

fn note_topic(topics: &mut Vec<Arc<str>>, topic: &Arc<str>) {
    // The last one stands for the fast path; a batch that mixes many topics keeps each once.
    match topics.iter().position(|have| have == topic) {
        Some(index) => {
            let last = topics.len() - 1;
            topics.swap(index, last);
        }
        None => topics.push(topic.clone()),
    }
}

/// What the stage needs beside its encoders.
#[derive(Clone)]
pub(super) struct Rules {
    pub tolerance: Tolerance,
    pub metrics: Arc<TaskMetrics>,
    /// "connector-task", for the log
    pub id: Arc<str>,
    pub cancel: Arc<Cancel>,
}

impl Rules {
    /// The table's row for data errors: none when the record is skipped, counted and logged as asked.
    pub fn tolerate(&self, error: Error, position: &SourcePosition) -> Option<Error> {
        self.metrics.failures.fetch_add(1, Ordering::Relaxed);
        // A transient error that outlasted errors.retry.timeout is tolerated as any other (RetryWithToleranceOperator).
        let tolerable = matches!(error.kind(), ErrorKind::Data | ErrorKind::Transient);
        if self.tolerance.skip && tolerable {
            self.metrics.skipped.fetch_add(1, Ordering::Relaxed);
            if self.tolerance.log {
                // Never the record itself, whatever errors.log.include.messages says: no row data in logs.
                tracing::error!(task = &*self.id, position = ?position.offset.to_offset(), "record skipped: {error}");
            }
            return None;
        }
        let error = if error.kind() == ErrorKind::Transient {
            let mut stop = Error::fatal(error.message());
            stop = stop.remedy(error.remedy_text().unwrap_or("raise errors.retry.timeout to try for longer"));
            stop
        } else if error.remedy_text().is_none() && tolerable {
            error.remedy("set errors.tolerance=all to skip such records (they are counted; errors.log.enable=true logs each)")
        } else {
            error
        };
        Some(error)
    }
}

/// `errors.retry.timeout`: from 300 ms, doubling, up to the greatest delay, with jitter there.
struct Backoff {
    until: Option<Instant>,
    delay: Duration,
    max: Duration,
}

impl Backoff {
    fn new(tolerance: &Tolerance) -> Self {
        let until = tolerance.retry_for.map(|limit| Instant::now() + limit);
        Self { until, delay: Duration::from_millis(300), max: tolerance.max_delay }
    }

    fn wait(&mut self, error: &Error, rules: &Rules) -> bool {
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

/// Both ends of the encode stage.
pub(super) struct EncodeStage {
    /// where batches go, in turn
    pub inputs: Vec<mpsc::Sender<RawBatch>>,
    /// where they come out
    pub encoded: Encoded,
}

/// Batches in the order in which they were polled.
pub(super) enum Encoded {
    /// encoded by whoever takes them: nothing crosses threads
    Here { raw: mpsc::Receiver<RawBatch>, encoder: Box<Encoder>, rules: Rules },
    /// taken from the threads in the turn in which they were given
    Threads { outputs: Vec<mpsc::Receiver<EncodedBatch>>, turn: usize },
}

impl Encoded {
    /// The next batch; none once there are no more. Dropping the future loses none.
    pub async fn next(&mut self) -> Option<EncodedBatch> {
        match self {
            Self::Here { raw, encoder, rules } => raw.recv().await.map(|batch| encoder.encode(batch, rules)),
            Self::Threads { outputs, turn } => {
                let batch = outputs[*turn].recv().await?;
                *turn = (*turn + 1) % outputs.len();
                Some(batch)
            }
        }
    }
}

/// Starts the stage: as many threads as there are encoders. A single encoder whose transforms never wait to try again
/// needs none: encoding where the records were made is cheaper than handing them over.
pub(super) fn start(mut encoders: Vec<Encoder>, rules: &Rules) -> Result<EncodeStage> {
    let alone = encoders.len() == 1 && rules.tolerance.retry_for == Some(Duration::ZERO);
    if let Some(encoder) = encoders.pop_if(|_| alone) {
        let (input, raw) = mpsc::channel(1);
        let encoded = Encoded::Here { raw, encoder: Box::new(encoder), rules: rules.clone() };
        return Ok(EncodeStage { inputs: vec![input], encoded });
    }
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for encoder in encoders {
        let (input, raw) = mpsc::channel(1);
        let (encoded, output) = mpsc::channel(1);
        start_thread(encoder, raw, encoded, rules.clone())?;
        inputs.push(input);
        outputs.push(output);
    }
    Ok(EncodeStage { inputs, encoded: Encoded::Threads { outputs, turn: 0 } })
}

/// The thread ends when its input is closed, or when nobody takes its output any more.
fn start_thread(
    mut encoder: Encoder,
    mut raw: mpsc::Receiver<RawBatch>,
    encoded: mpsc::Sender<EncodedBatch>,
    rules: Rules,
) -> Result<()> {
    let work = move || {
        while let Some(batch) = raw.blocking_recv() {
            let batch = encoder.encode(batch, &rules);
            let failed = batch.failed.is_some();
            if encoded.blocking_send(batch).is_err() || failed {
                break;
            }
        }
    };
    let thread = std::thread::Builder::new().name("encode".to_owned()).spawn(work);
    thread.map_err(|error| Error::transient("cannot start an encode thread").caused_by(error))?;
    Ok(())
}
