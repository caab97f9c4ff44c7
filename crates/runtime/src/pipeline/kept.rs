//! Records that were handed to the sink and are not done yet, kept while one that is refused may be skipped: it may have to become a
//! letter, and in a transaction all others have to be written again without it.
//!
//! Here: what is kept, and within which bytes. When something is done belongs to `produce`.

use std::collections::BTreeMap;

use rowtide_api::{EncodedRecord, Error, SourcePosition};

use super::letters::Sender;

/// What a kept record is by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// the record itself
    Record,
    /// its letter
    Letter,
    /// its letter without its bytes
    Bare,
}

struct Entry {
    record: EncodedRecord,
    position: SourcePosition,
    form: Form,
}

/// By sequence number.
pub(super) struct Kept {
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
    /// `rowtide.errors.buffer.bytes`
    limit: usize,
}

fn size(record: &EncodedRecord) -> usize {
    record.key.as_ref().map_or(0, bytes::Bytes::len) + record.value.as_ref().map_or(0, bytes::Bytes::len)
}

impl Kept {
    pub fn new(limit: usize) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, limit }
    }

    /// Keeps a record. `letter`: it is one already.
    pub fn keep(&mut self, record: &EncodedRecord, position: SourcePosition, letter: bool) {
        let form = if letter { Form::Letter } else { Form::Record };
        self.bytes += size(record);
        self.entries.insert(record.sequence, Entry { record: record.clone(), position, form });
    }

    /// Whether nothing more should be taken before something is done.
    pub fn is_full(&self) -> bool {
        self.bytes >= self.limit && !self.entries.is_empty()
    }

    /// A record is done, or skipped: what it was.
    pub fn done(&mut self, sequence: u64) -> Option<Form> {
        let entry = self.entries.remove(&sequence)?;
        self.bytes -= size(&entry.record);
        Some(entry.form)
    }

    /// All of them are done: how many letters there are among them.
    pub fn all_done(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.entries).values().filter(|entry| entry.form != Form::Record).count()
    }

    /// What a record is; none: it is not kept.
    pub fn form(&self, sequence: u64) -> Option<Form> {
        self.entries.get(&sequence).map(|entry| entry.form)
    }

    /// Where a record stands in its log.
    pub fn position(&self, sequence: u64) -> Option<&SourcePosition> {
        self.entries.get(&sequence).map(|entry| &entry.position)
    }

    /// Puts the next form into the place of a refused one: its letter, or the letter without its bytes.
    pub fn replace(&mut self, sequence: u64, sender: &Sender, error: &Error) -> Option<EncodedRecord> {
        let entry = self.entries.get_mut(&sequence)?;
        let (letter, form) = match entry.form {
            Form::Record => (sender.returned(&entry.record, &entry.position, error), Form::Letter),
            Form::Letter | Form::Bare => (sender.bare(&entry.record), Form::Bare),
        };
        self.bytes = self.bytes + size(&letter) - size(&entry.record);
        (entry.record, entry.form) = (letter.clone(), form);
        Some(letter)
    }

    /// All of them, in their order.
    pub fn records(&self) -> Vec<EncodedRecord> {
        self.entries.values().map(|entry| entry.record.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rowtide_api::{OffsetMap, SourcePartition};

    use super::*;
    use crate::pipeline::DeadLetterQueue;

    fn kept(limit: usize) -> Kept {
        let mut kept = Kept::new(limit);
        let partition = Arc::new(SourcePartition { index: 0, map: OffsetMap::default() });
        for sequence in 0..3 {
            let record = EncodedRecord {
                sequence,
                topic: "t".into(),
                partition: None,
                key: None,
                value: Some("four".into()),
                headers: Arc::default(),
                timestamp: None,
            };
            let position = SourcePosition { partition: partition.clone(), offset: Arc::new(OffsetMap::default()) };
            kept.keep(&record, position, sequence == 2);
        }
        kept
    }

    #[test]
    fn a_refused_record_becomes_a_letter_and_that_an_empty_one() {
        let mut kept = kept(100);
        let queue = DeadLetterQueue { topic: "dead".into(), replication_factor: 1, headers: true };
        let sender = Sender { queue, connector: "c".into(), task: 0 };
        let error = Error::data("too large");
        let letter = kept.replace(1, &sender, &error).unwrap();
        assert_eq!((&*letter.topic, letter.value.is_some(), kept.form(1)), ("dead", true, Some(Form::Letter)));
        let bare = kept.replace(1, &sender, &error).unwrap();
        assert_eq!((bare.value.is_some(), kept.form(1)), (false, Some(Form::Bare)));
        let topics: Vec<String> = kept.records().iter().map(|record| record.topic.to_string()).collect();
        assert_eq!(topics, ["t", "dead", "t"], "in their order");
        assert_eq!(kept.all_done(), 2, "one came as a letter");
        assert!(kept.records().is_empty() && kept.form(0).is_none());
    }

    #[test]
    fn it_is_full_until_something_is_done() {
        let mut kept = kept(12);
        assert!(kept.is_full());
        assert_eq!((kept.done(0), kept.done(0)), (Some(Form::Record), None));
        assert!(!kept.is_full());
        assert!(!Kept::new(0).is_full(), "one record always finds a place");
    }
}
