//! The encode stage: transforms and converters, a batch at a time, where the records were made or on threads of their own.
//!
//! Batches go to the threads in turn and are collected in the same turn, so that any number of threads keeps the order. What becomes of a record that
//! fails, and how long one is tried again, is said in `rules`.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use rowtide_api::transform::HeaderConverter;
use rowtide_api::{Converter, Datum, EncodePlan, EncodedRecord, Error, Header, Lookup, Result, SourcePosition, SourceRecord};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::letters::{About, EncodedHeaders, Failure, Stage, Writer};
use super::plans::{Plans, Wanted};
use super::rules::{Backoff, Rules};
use super::{Chain, TaskMetrics};

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

/// The converters of a connector, each with its class.
pub struct Converters {
    /// of keys
    pub key: (Box<dyn Converter>, &'static str),
    /// of values
    pub value: (Box<dyn Converter>, &'static str),
    /// of headers
    pub headers: (Box<dyn HeaderConverter>, &'static str),
    /// JSON with schemas, where records that cannot be converted go to a dead letter queue
    pub letters: Option<Box<dyn Converter>>,
}

/// Transforms and converters of a connector. Each encode thread has one of its own.
pub struct Encoder {
    chain: Chain,
    key: Plans,
    value: Plans,
    headers: Box<dyn HeaderConverter>,
    /// of key, value and headers
    classes: [&'static str; 3],
    letters: Option<Writer>,
    /// the shared headers seen last, and their bytes: most records of a connector carry the same ones
    last_headers: Option<(Arc<[Header]>, EncodedHeaders)>,
    /// the headers that converters added last: to which, which, and the sum
    last_added: Option<Added>,
    no_headers: EncodedHeaders,
    /// size of the last batch: what the next buffer begins with
    capacity: usize,
    /// the batch that is being encoded
    work: Option<Box<Work>>,
}

/// Headers with those that converters add to each record.
struct Added {
    to: EncodedHeaders,
    added: Vec<(Arc<str>, Bytes)>,
    sum: EncodedHeaders,
}

/// A batch that is being encoded. It outlives waiting for a registry, and whoever waits may stop waiting and come again.
struct Work {
    records: std::vec::IntoIter<SourceRecord>,
    sequence: u64,
    /// all bytes of the batch in one buffer; the records get their parts of it once it grows no more
    buffer: Vec<u8>,
    parts: Vec<Parts>,
    out: EncodedBatch,
    filtered: usize,
    waiting: Option<Waiting>,
}

/// A record that is transformed, and what has to be asked before it is converted.
struct Waiting {
    record: SourceRecord,
    /// as the source made it, where a letter may have to hold it
    original: Option<SourceRecord>,
    asked: Asked,
}

/// A question to a registry.
struct Asked {
    of_key: bool,
    wanted: Wanted,
    lookup: Lookup,
}

impl Encoder {
    /// An encoder of these parts.
    pub fn new(chain: Chain, converters: Converters) -> Self {
        let Converters { key, value, headers, letters } = converters;
        let classes = [key.1, value.1, headers.1];
        let (key, value) = (Plans::new(key.0.into(), "key"), Plans::new(value.0.into(), "value"));
        let (letters, headers) = (letters.map(Writer::new), headers.0);
        let (last_headers, last_added, no_headers) = (None, None, EncodedHeaders::default());
        Self { chain, key, value, headers, classes, letters, last_headers, last_added, no_headers, capacity: 0, work: None }
    }

    /// Takes a batch; [`Encoder::finish`] encodes it.
    fn begin(&mut self, batch: RawBatch) {
        let mut out = EncodedBatch { reached: batch.reached, urgent: batch.urgent, ..EncodedBatch::default() };
        out.positions.reserve(batch.records.len());
        out.records.reserve(batch.records.len());
        self.work = Some(Box::new(Work {
            parts: Vec::with_capacity(batch.records.len()),
            records: batch.records.into_iter(),
            sequence: batch.first_sequence,
            buffer: Vec::with_capacity(self.capacity),
            out,
            filtered: 0,
            waiting: None,
        }));
    }

    /// Encodes the batch that was taken, and waits where a registry has to be asked. Dropping the future loses nothing: the
    /// next one goes on. None when no batch was taken.
    async fn finish(&mut self, rules: &Rules) -> Option<EncodedBatch> {
        loop {
            if let Some(waiting) = &mut self.work.as_mut()?.waiting {
                let answer = waiting.asked.lookup.as_mut().await;
                self.take_answer(answer, rules);
            }
            let work = self.work.take()?;
            match self.advance(work, rules) {
                Ok(done) => return Some(done),
                Err(waits) => self.work = Some(waits),
            }
        }
    }

    fn take_answer(&mut self, answer: Result<Arc<dyn EncodePlan>>, rules: &Rules) {
        let Some(mut work) = self.work.take() else { return };
        if let Some(Waiting { record, original, asked }) = work.waiting.take() {
            let plans = if asked.of_key { &mut self.key } else { &mut self.value };
            match plans.answered(asked.wanted, answer) {
                Ok(()) => self.convert(&mut work, record, original, rules),
                Err(error) => {
                    rules.metrics.failures.fetch_add(1, Ordering::Relaxed);
                    work.end(match record.table() {
                        Some(table) => error.context(&format!("table {table}")),
                        None => error,
                    });
                }
            }
        }
        self.work = Some(work);
    }

    /// Goes on with a batch until it is done, or until a registry has to be asked.
    fn advance(&mut self, mut work: Box<Work>, rules: &Rules) -> Result<EncodedBatch, Box<Work>> {
        while work.waiting.is_none() && work.out.failed.is_none() {
            let Some(record) = work.records.next() else { break };
            if self.chain.is_empty() {
                self.convert(&mut work, record, None, rules);
            } else {
                self.transform(&mut work, record, rules);
            }
        }
        if work.waiting.is_some() {
            return Err(work);
        }
        let Work { buffer, parts, mut out, filtered, .. } = *work;
        self.capacity = buffer.len() + buffer.len() / 8;
        let buffer = Bytes::from(buffer);
        for (record, Parts { key, value }) in out.records.iter_mut().zip(parts) {
            record.key = key.map(|range| buffer.slice(range));
            record.value = value.map(|range| buffer.slice(range));
        }
        TaskMetrics::add(&rules.metrics.filtered, filtered);
        Ok(out)
    }

    /// Transforms a record and converts what became of it.
    fn transform(&mut self, work: &mut Work, record: SourceRecord, rules: &Rules) {
        let (position, original) = (record.position.clone(), self.letters.as_ref().map(|_| record.clone()));
        let mut backoff = None;
        let mut again = |error: &Error| backoff.get_or_insert_with(|| Backoff::new(&rules.tolerance)).wait(error, rules);
        match self.chain.apply(record, rules.tolerance.retry_for != Some(Duration::ZERO), &mut again) {
            Ok(Some(record)) => self.convert(work, record, original, rules),
            Ok(None) => {
                work.filtered += 1;
                work.done(position, true);
            }
            Err(failure) => self.failed(work, *failure, original, position, rules),
        }
    }

    /// Converts a record, or lets it wait for what has to be asked.
    fn convert(&mut self, work: &mut Work, record: SourceRecord, original: Option<SourceRecord>, rules: &Rules) {
        let (stage, error) = match self.prepare(&record) {
            Ok(Some(asked)) => {
                work.waiting = Some(Waiting { record, original, asked });
                return;
            }
            Ok(None) => match self.encode(&record, &mut work.buffer) {
                Ok((headers, parts)) => return work.converted(record, headers, parts),
                Err(failed) => failed,
            },
            Err(failed) => failed,
        };
        let [key, value, headers] = self.classes;
        let class = match stage {
            Stage::KeyConverter => key,
            Stage::ValueConverter => value,
            _ => headers,
        };
        let position = record.position.clone();
        self.failed(work, Failure { stage, class, error, record: Some(record) }, original, position, rules);
    }

    /// A record that could not be transformed or converted is skipped, or ends the batch.
    fn failed(
        &mut self,
        work: &mut Work,
        failure: Failure,
        original: Option<SourceRecord>,
        position: SourcePosition,
        rules: &Rules,
    ) {
        if !rules.tolerates(&failure.error, &position) {
            return work.end(rules.fatal(failure.error));
        }
        match self.letter(work.sequence, &failure, original, &position, rules, &mut work.buffer) {
            Some((letter, parts)) => work.encoded(letter, parts, position),
            None => work.done(position, true),
        }
    }

    /// Makes sure that there are plans for key and value, or says what has to be asked first.
    fn prepare(&mut self, record: &SourceRecord) -> Result<Option<Asked>, (Stage, Error)> {
        let of_key =
            self.key.prepare(&record.topic, &record.key, &record.headers).map_err(|error| (Stage::KeyConverter, error))?;
        if let Some((wanted, lookup)) = of_key {
            return Ok(Some(Asked { of_key: true, wanted, lookup }));
        }
        let of_value =
            self.value.prepare(&record.topic, &record.value, &record.headers).map_err(|error| (Stage::ValueConverter, error))?;
        Ok(of_value.map(|(wanted, lookup)| Asked { of_key: false, wanted, lookup }))
    }

    fn encode(&mut self, record: &SourceRecord, buffer: &mut Vec<u8>) -> Result<(EncodedHeaders, Parts), (Stage, Error)> {
        let SourceRecord { topic, key, value, headers, .. } = record;
        let of_key = self.key.encode(topic, key, headers, buffer).map_err(|error| (Stage::KeyConverter, error))?;
        let of_value = self.value.encode(topic, value, headers, buffer).map_err(|error| (Stage::ValueConverter, error))?;
        let headers = self.convert_headers(topic, headers, buffer).map_err(|error| (Stage::HeaderConverter, error))?;
        let headers = self.with_added(headers, of_key.as_ref().map(|_| key), of_value.as_ref().map(|_| value));
        Ok((headers, Parts { key: of_key, value: of_value }))
    }

    /// The headers with those that the converters of key and value add, in this order.
    fn with_added(&mut self, headers: EncodedHeaders, key: Option<&Datum>, value: Option<&Datum>) -> EncodedHeaders {
        let of_key = key.map_or(&[][..], |key| self.key.headers(key));
        let of_value = value.map_or(&[][..], |value| self.value.headers(value));
        if of_key.is_empty() && of_value.is_empty() {
            return headers;
        }
        let added = of_key.iter().chain(of_value);
        if let Some(last) = &self.last_added
            && Arc::ptr_eq(&last.to, &headers)
            && last.added.iter().eq(added.clone())
        {
            return last.sum.clone();
        }
        let all = headers.iter().cloned().chain(added.clone().map(|(name, value)| (name.clone(), Some(value.clone()))));
        let sum = EncodedHeaders::from_iter(all);
        self.last_added = Some(Added { to: headers, added: added.cloned().collect(), sum: sum.clone() });
        sum
    }

    /// The letter of a record that is skipped, but for its bytes, and where those are in the buffer; none: there is no dead letter queue.
    fn letter(
        &mut self,
        sequence: u64,
        failure: &Failure,
        original: Option<SourceRecord>,
        position: &SourcePosition,
        rules: &Rules,
        buffer: &mut Vec<u8>,
    ) -> Option<(EncodedRecord, Parts)> {
        let (writer, sender) = (self.letters.as_mut()?, rules.sender.as_ref()?);
        let record = original.as_ref().or(failure.record.as_ref())?;
        let ([key, value], mut omitted) = writer.write(record, buffer);
        let mut own = Vec::with_capacity(record.headers.len());
        for header in record.headers.iter() {
            match encode_header(&*self.headers, &record.topic, header, buffer) {
                Ok(encoded) => own.push(encoded),
                Err(_) if omitted.contains(&"headers") => {}
                Err(_) => omitted.push("headers"),
            }
        }
        let Failure { stage, class, error, .. } = failure;
        let about = About { topic: &record.topic, position, stage: *stage, class, error, omitted: &omitted };
        Some((sender.envelope(sequence, record.timestamp, own.into_iter(), &about), Parts { key, value }))
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
        for header in headers.iter() {
            encoded.push(encode_header(&*self.headers, topic, header, buffer)?);
        }
        let encoded = EncodedHeaders::from(encoded);
        if Arc::strong_count(headers) > 1 {
            // other records share them
            self.last_headers = Some((headers.clone(), encoded.clone()));
        }
        Ok(encoded)
    }
}

impl Work {
    /// The record whose turn it is was converted.
    fn converted(&mut self, record: SourceRecord, headers: EncodedHeaders, parts: Parts) {
        let (SourceRecord { topic, partition, timestamp, position, .. }, sequence) = (record, self.sequence);
        if self.out.topics.last().is_none_or(|last| !Arc::ptr_eq(last, &topic)) {
            note_topic(&mut self.out.topics, &topic);
        }
        self.encoded(EncodedRecord { sequence, topic, partition, key: None, value: None, headers, timestamp }, parts, position);
    }

    /// The record whose turn it is, or its letter, goes to the sink. Key and value are still to come.
    fn encoded(&mut self, record: EncodedRecord, parts: Parts, position: SourcePosition) {
        self.out.records.push(record);
        self.parts.push(parts);
        self.done(position, false);
    }

    /// The turn is over. `skipped`: the record goes to no sink.
    fn done(&mut self, position: SourcePosition, skipped: bool) {
        self.out.positions.push((position, skipped));
        self.sequence += 1;
    }

    /// Nothing after this record is encoded.
    fn end(&mut self, error: Error) {
        self.out.failed = Some(error);
        self.out.reached.clear();
    }
}

/// The buffer is as it was afterwards.
fn encode_header(
    converter: &dyn HeaderConverter,
    topic: &Arc<str>,
    header: &Header,
    buffer: &mut Vec<u8>,
) -> Result<(Arc<str>, Option<Bytes>)> {
    let start = buffer.len();
    let encoded = converter.encode(topic, &header.name, &header.datum, buffer);
    // A copy: it may outlive the batch and must not pin its buffer (DESIGN, invariant 3).
    let encoded = encoded.map(|present| (header.name.clone(), present.then(|| Bytes::copy_from_slice(&buffer[start..]))));
    buffer.truncate(start);
    encoded.map_err(|error| error.context(&format!("cannot convert the header '{}' of a record of topic {topic}", header.name)))
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
            Self::Here { raw, encoder, rules } => {
                if encoder.work.is_none() {
                    encoder.begin(raw.recv().await?);
                }
                encoder.finish(rules).await
            }
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
    let runtime = Handle::current();
    let work = move || {
        while let Some(batch) = raw.blocking_recv() {
            encoder.begin(batch);
            let Some(batch) = runtime.block_on(encoder.finish(&rules)) else { break };
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
