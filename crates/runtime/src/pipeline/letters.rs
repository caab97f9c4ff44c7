//! Dead letters: what becomes of a record that is skipped, for whoever looks into it later.
//!
//! Kafka Connect has a dead letter queue for sink connectors only; its headers are kept (`DeadLetterQueueReporter`). A letter is an
//! encoded record with the sequence number of the one that it stands for: it is acknowledged, stored and part of transactions as that
//! would have been. When a record becomes one belongs to `encode` and `produce`.
//!
//! What cannot be transformed or converted is written as JSON with its schema, as the source made it. What the sink refuses is written as
//! its bytes were, and once more without them should they be the reason.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::{Converter, Datum, EncodedRecord, Error, ErrorKind, Result, SourcePosition, SourceRecord};

use super::DeadLetterQueue;
use super::plans::Plans;
use crate::offsets::json;

/// Names and bytes of a record's headers.
pub(super) type EncodedHeaders = Arc<[(Arc<str>, Option<Bytes>)]>;

/// Where a record failed, in Connect's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Transformation,
    HeaderConverter,
    KeyConverter,
    ValueConverter,
    Produce,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Transformation => "TRANSFORMATION",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::Produce => "KAFKA_PRODUCE",
        }
    }
}

/// A record that could not be transformed or converted.
pub(super) struct Failure {
    pub stage: Stage,
    /// the Java class whose place is taken by what failed
    pub class: &'static str,
    pub error: Error,
    /// as it was before the stage, where that is at hand
    pub record: Option<SourceRecord>,
}

/// Whose letters they are.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub queue: DeadLetterQueue,
    pub connector: Arc<str>,
    pub task: usize,
}

/// What a letter is about.
pub(super) struct About<'a> {
    /// where the record would have gone
    pub topic: &'a str,
    pub position: &'a SourcePosition,
    pub stage: Stage,
    pub class: &'static str,
    pub error: &'a Error,
    /// what of it the letter lacks
    pub omitted: &'a [&'static str],
}

/// The Java class that writes records, which is what fails where one is refused.
const PRODUCING: &str = "org.apache.kafka.connect.runtime.WorkerSourceTask";

impl Sender {
    /// The headers of a letter: the record's own ones, then those that say what is wrong.
    fn headers(&self, own: impl Iterator<Item = (Arc<str>, Option<Bytes>)>, about: &About<'_>) -> EncodedHeaders {
        if !self.queue.headers {
            return own.collect();
        }
        let About { topic, position, stage, class, error, omitted } = about;
        let exception = exception(error, *stage);
        let text = |name: &str, text: String| (Arc::from(format!("{CONTEXT}{name}")), Some(Bytes::from(text)));
        let omitted = (!omitted.is_empty()).then(|| text("omitted", omitted.join(",")));
        let context = [
            text("topic", (*topic).to_owned()),
            text("connector.name", self.connector.to_string()),
            text("task.id", self.task.to_string()),
            text("stage", stage.name().to_owned()),
            text("class.name", (*class).to_owned()),
            text("exception.class.name", exception.to_owned()),
            text("exception.message", error.message().to_owned()),
            text("exception.stacktrace", format!("{exception}: {error}\n")),
            // partition and offset are numbers of a consumed record in Connect: those of a source are maps, and have names of their own
            text("source.partition", json::to_json(&position.partition.map).to_string()),
            text("source.offset", json::to_json(&position.offset.to_offset()).to_string()),
        ];
        own.chain(context).chain(omitted).collect()
    }

    /// The letter of a record that could not be encoded, without key and value.
    pub fn envelope(
        &self,
        sequence: u64,
        timestamp: Option<i64>,
        own: impl Iterator<Item = (Arc<str>, Option<Bytes>)>,
        about: &About<'_>,
    ) -> EncodedRecord {
        let headers = self.headers(own, about);
        EncodedRecord { sequence, topic: self.queue.topic.clone(), partition: None, key: None, value: None, headers, timestamp }
    }

    /// The letter of a record that was refused, with its bytes.
    pub fn returned(&self, record: &EncodedRecord, position: &SourcePosition, error: &Error) -> EncodedRecord {
        let about = About { topic: &record.topic, position, stage: Stage::Produce, class: PRODUCING, error, omitted: &[] };
        let letter = self.envelope(record.sequence, record.timestamp, record.headers.iter().cloned(), &about);
        EncodedRecord { key: record.key.clone(), value: record.value.clone(), ..letter }
    }

    /// A letter that was refused, with nothing but what says why it is one.
    pub fn bare(&self, letter: &EncodedRecord) -> EncodedRecord {
        let context = letter.headers.iter().filter(|(name, _)| name.starts_with(CONTEXT) && **name != *OMITTED);
        let omitted = (Arc::from(OMITTED), Some(Bytes::from_static(b"key,value,headers")));
        let headers = if self.queue.headers { context.cloned().chain([omitted]).collect() } else { Arc::default() };
        EncodedRecord { key: None, value: None, headers, ..letter.clone() }
    }
}

/// Names of the headers that say what is wrong begin with this.
const CONTEXT: &str = "__connect.errors.";

const OMITTED: &str = "__connect.errors.omitted";

/// The Java exception that an error stands for.
fn exception(error: &Error, stage: Stage) -> &'static str {
    match (error.kind(), stage) {
        (_, Stage::Produce) => "org.apache.kafka.common.KafkaException",
        (ErrorKind::Transient, _) => "org.apache.kafka.connect.errors.RetriableException",
        (ErrorKind::Data, _) => "org.apache.kafka.connect.errors.DataException",
        _ => "org.apache.kafka.connect.errors.ConnectException",
    }
}

/// Writes records as JSON with their schemas, whatever converters they have. Each encode thread has one.
pub(super) struct Writer {
    key: Plans,
    value: Plans,
}

impl Writer {
    pub fn new(json: Box<dyn Converter>) -> Self {
        let json: Arc<dyn Converter> = json.into();
        Self { key: Plans::new(json.clone(), "key"), value: Plans::new(json, "value") }
    }

    /// Appends key and value, and says where they are and what of them could not be written.
    pub fn write(&mut self, record: &SourceRecord, buffer: &mut Vec<u8>) -> ([Option<Range<usize>>; 2], Vec<&'static str>) {
        let mut omitted = Vec::new();
        let mut part = |plans: &mut Plans, datum: &Datum, name| {
            // what does not fit its schema is written by what it is
            let bare = || Datum { schema: None, value: datum.value.clone() };
            let written = encode(plans, &record.topic, datum, buffer);
            let written = written.or_else(|_| encode(plans, &record.topic, &bare(), buffer));
            written.unwrap_or_else(|_| {
                omitted.push(name);
                None
            })
        };
        let parts = [part(&mut self.key, &record.key, "key"), part(&mut self.value, &record.value, "value")];
        (parts, omitted)
    }
}

/// As JSON, for which nobody has to be asked.
fn encode(plans: &mut Plans, topic: &Arc<str>, datum: &Datum, buffer: &mut Vec<u8>) -> Result<Option<Range<usize>>> {
    plans.prepare(topic, datum, &[])?;
    plans.encode(topic, datum, &[], buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::{OffsetMap, SourcePartition};

    fn sender(headers: bool) -> Sender {
        let queue = DeadLetterQueue { topic: "dead".into(), replication_factor: 1, headers };
        Sender { queue, connector: "shop".into(), task: 2 }
    }

    fn position() -> SourcePosition {
        let (mut map, mut offset) = (OffsetMap::default(), OffsetMap::default());
        map.set("server", "s");
        offset.set("lsn", 7);
        SourcePosition { partition: Arc::new(SourcePartition { index: 0, map }), offset: Arc::new(offset) }
    }

    fn record() -> EncodedRecord {
        EncodedRecord {
            sequence: 5,
            topic: "s.public.t".into(),
            partition: Some(0),
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::from_static(b"v")),
            headers: Arc::new([("own".into(), None)]),
            timestamp: Some(9),
        }
    }

    fn header(letter: &EncodedRecord, name: &str) -> Option<String> {
        let (_, value) = letter.headers.iter().find(|(have, _)| **have == *format!("__connect.errors.{name}"))?;
        Some(String::from_utf8(value.as_ref()?.to_vec()).unwrap())
    }

    #[test]
    fn a_refused_record_is_returned_as_it_was_with_the_reason() {
        let error = Error::data("too large").remedy("raise it");
        let letter = sender(true).returned(&record(), &position(), &error);
        assert_eq!((letter.sequence, &*letter.topic, letter.partition, letter.timestamp), (5, "dead", None, Some(9)));
        assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
        let names: Vec<&str> =
            letter.headers.iter().map(|(name, _)| name.strip_prefix("__connect.errors.").unwrap_or(name)).collect();
        assert_eq!(
            names,
            [
                "own",
                "topic",
                "connector.name",
                "task.id",
                "stage",
                "class.name",
                "exception.class.name",
                "exception.message",
                "exception.stacktrace",
                "source.partition",
                "source.offset"
            ]
        );
        let get = |name: &str| header(&letter, name).unwrap();
        assert_eq!((get("topic"), get("connector.name"), get("task.id")), ("s.public.t".into(), "shop".into(), "2".into()));
        assert_eq!((get("stage"), get("exception.message")), ("KAFKA_PRODUCE".into(), "too large".into()));
        assert_eq!(get("exception.stacktrace"), "org.apache.kafka.common.KafkaException: too large\nRemedy: raise it\n");
        assert_eq!((get("source.partition"), get("source.offset")), (r#"{"server":"s"}"#.into(), r#"{"lsn":7}"#.into()));
    }

    #[test]
    fn a_letter_without_its_bytes_says_so() {
        let sender = sender(true);
        let letter = sender.bare(&sender.returned(&record(), &position(), &Error::data("too large")));
        assert_eq!((letter.key.clone(), letter.value.clone(), letter.headers.len()), (None, None, 11));
        assert_eq!(header(&letter, "omitted").as_deref(), Some("key,value,headers"));
    }

    #[test]
    fn without_context_headers_there_are_the_records_own() {
        let letter = sender(false).returned(&record(), &position(), &Error::data("too large"));
        assert_eq!(letter.headers, record().headers);
    }
}
