//! What becomes of a batch after it was sent: delivered, sent again, split, or failed.
//!
//! The classification follows Java's `Sender.completeBatch` and `TransactionManager.canRetry`. Within a transaction no sequence
//! number is given twice and no epoch raised: a batch that would need it fails, and the transaction with it (`transaction`).
//! Pure state; not here: IO.

use super::Delivery;
use super::accumulator::{Accumulator, Outgoing};
use super::batch::{Batch, Body, add_sequence};
use crate::client::backoff;
use crate::error::{KafkaError, ProduceError, code_name, codes, is_retriable};
use crate::record_batch::{BatchBuilder, DecodedRecord, Header, RecordParts, decode_next, encode_headers};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A broker's answer about one batch.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// It is in the log at this offset.
    Stored(i64),
    /// It is not, or the broker cannot say.
    Refused { code: i16, detail: Option<String> },
    /// No answer came.
    Lost(KafkaError),
}

/// A batch may unfold to this much when it has to be taken apart again.
const SPLIT_LIMIT: usize = 1 << 30;

/// How long to wait before trying again.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPace {
    pub base: Duration,
    pub most: Duration,
}

impl Accumulator {
    /// Books the answer for one batch; gives what to tell the caller, if it is settled.
    pub(super) fn settle(&mut self, sent: Outgoing, answer: Answer, pace: RetryPace, now: Instant) -> Option<Delivery> {
        let Outgoing { partition, mut batch } = sent;
        self.partitions[partition].in_flight.retain(|id| *id != batch.id);
        let (code, detail, lost) = match answer {
            Answer::Stored(offset) => {
                self.partitions[partition].established = true;
                return Some(self.finish(partition, batch, Ok(offset)));
            }
            // The broker had it already: an answer was lost on the way.
            Answer::Refused { code: codes::DUPLICATE_SEQUENCE_NUMBER, .. } => {
                self.partitions[partition].established = true;
                return Some(self.finish(partition, batch, Ok(-1)));
            }
            Answer::Refused { code, detail } => (code, detail, None),
            Answer::Lost(error) => (0, None, Some(error)),
        };
        if matches!(code, codes::MESSAGE_TOO_LARGE | codes::RECORD_LIST_TOO_LARGE) {
            return self.too_large_for_broker(partition, batch);
        }
        batch.last_error = Some(match (&lost, &detail) {
            (Some(error), _) => error.to_string(),
            (None, Some(detail)) => format!("{}: {detail}", code_name(code)),
            (None, None) => code_name(code),
        });
        if let Some(error) = self.fenced_by(code) {
            return Some(self.fail(partition, batch, error.into()));
        }
        let again = match &lost {
            Some(error) => error.is_retriable(),
            None => self.worth_another_try(partition, batch.id, code),
        };
        let stopped = self.stopped.clone().filter(|_| self.partitions[partition].stopped);
        if let Some(error) = stopped {
            return Some(self.fail(partition, batch, error.into()));
        }
        if !again || batch.attempts > self.settings.retries || self.fatal.is_some() {
            let topic = self.partitions[partition].topic.clone();
            let index = self.partitions[partition].index;
            let error = match (lost, &self.fatal) {
                (_, Some(fenced @ KafkaError::Fenced { .. })) => fenced.clone().into(),
                (Some(error), _) => error.into(),
                (None, _) => ProduceError::Broker { topic, partition: index, code, name: code_name(code), detail },
            };
            return Some(self.fail(partition, batch, error));
        }
        if now.saturating_duration_since(batch.created) >= self.settings.delivery_timeout {
            return Some(self.expire(partition, batch));
        }
        batch.retry_at = Some(now + backoff(pace.base, pace.most, batch.attempts));
        self.partitions[partition].requeue(batch);
        self.list(partition);
        None
    }

    fn worth_another_try(&mut self, at: usize, id: u64, code: i16) -> bool {
        let idempotent = self.settings.idempotence;
        let transactional = self.transaction.is_some();
        let partition = &mut self.partitions[at];
        match code {
            codes::OUT_OF_ORDER_SEQUENCE_NUMBER if transactional => partition.is_outstanding_before(id),
            codes::UNKNOWN_PRODUCER_ID if transactional => false,
            // While batches before it are outstanding it only came too early. Those after it do not count: as long as there is
            // more to send some are always under way, and it would be sent again until there is not.
            codes::OUT_OF_ORDER_SEQUENCE_NUMBER if idempotent => {
                partition.bump |= !partition.is_outstanding_before(id);
                true
            }
            // Deleted, and perhaps made anew: its next leader expects no sequence number.
            codes::UNKNOWN_TOPIC_OR_PARTITION if idempotent => {
                partition.established = false;
                true
            }
            codes::UNKNOWN_PRODUCER_ID | codes::INVALID_PRODUCER_EPOCH if idempotent => {
                partition.bump = true;
                true
            }
            _ => is_retriable(code),
        }
    }

    /// Takes all batches that were never sent from their queues; each is still to be finished.
    pub(super) fn take_unsent(&mut self) -> Vec<(usize, Batch)> {
        let mut unsent = Vec::new();
        for (at, partition) in self.partitions.iter_mut().enumerate() {
            let (new, sent): (Vec<_>, Vec<_>) = partition.queue.drain(..).partition(|batch| batch.attempts == 0);
            partition.queue.extend(sent);
            unsent.extend(new.into_iter().map(|batch| (at, batch)));
        }
        unsent
    }

    /// Takes a batch off the books.
    pub(super) fn finish(&mut self, at: usize, batch: Batch, result: Result<i64, ProduceError>) -> Delivery {
        self.used = self.used.saturating_sub(batch.reserved);
        self.incomplete.remove(&batch.id);
        self.list(at);
        let partition = &self.partitions[at];
        Delivery { topic: partition.topic.clone(), partition: partition.index, tokens: batch.tokens, result }
    }

    /// Gives a batch up. Its sequence numbers are lost with it, so the partition goes on under a new epoch; a transaction does
    /// not go on.
    pub(super) fn fail(&mut self, at: usize, batch: Batch, error: ProduceError) -> Delivery {
        if batch.state.is_some() {
            self.partitions[at].bump = self.settings.idempotence && self.transaction.is_none();
        }
        self.partitions[at].stopped |= self.doom(&error, batch.state.is_some());
        self.finish(at, batch, Err(error))
    }

    /// Whether a record that is not written for this reason is the last one: then no more are taken.
    pub(super) fn stop(&mut self, cause: &ProduceError) -> bool {
        let stops = self.stops_at.is_some_and(|stops_at| stops_at(cause));
        if stops && self.stopped.is_none() {
            self.stopped = Some(KafkaError::Stopped { cause: Box::new(cause.clone()) });
        }
        stops
    }

    /// Fails what waits in partitions that have stopped.
    pub(super) fn sweep_stopped(&mut self) -> Vec<Delivery> {
        let Some(error) = self.stopped.clone().map(ProduceError::Client) else { return Vec::new() };
        let mut failed = Vec::new();
        for at in 0..self.partitions.len() {
            while self.partitions[at].stopped
                && let Some(batch) = self.partitions[at].queue.pop_front()
            {
                failed.push(self.finish(at, batch, Err(error.clone())));
            }
        }
        failed
    }

    fn expire(&mut self, at: usize, batch: Batch) -> Delivery {
        let partition = &self.partitions[at];
        let error = ProduceError::DeliveryTimeout {
            topic: partition.topic.clone(),
            partition: partition.index,
            millis: self.settings.delivery_timeout.as_millis() as u64,
            last: batch.last_error.clone().unwrap_or_else(|| "none, it was never sent: no broker to send it to".into()),
        };
        self.fail(at, batch, error)
    }

    /// Fails what has waited longer than `delivery.timeout.ms`.
    pub(super) fn expire_waiting(&mut self, now: Instant) -> Vec<Delivery> {
        let limit = self.settings.delivery_timeout;
        let mut failed = Vec::new();
        for at in 0..self.partitions.len() {
            while self.partitions[at].queue.front().is_some_and(|b| now.saturating_duration_since(b.created) >= limit) {
                let Some(batch) = self.partitions[at].queue.pop_front() else { break };
                failed.push(self.expire(at, batch));
            }
        }
        failed
    }

    /// Fails everything that waits and that `which` accepts.
    pub(super) fn fail_waiting(&mut self, which: impl Fn(&Arc<str>, i32) -> bool, error: &ProduceError) -> Vec<Delivery> {
        let mut failed = Vec::new();
        for at in 0..self.partitions.len() {
            if which(&self.partitions[at].topic, self.partitions[at].leader) {
                while let Some(batch) = self.partitions[at].queue.pop_front() {
                    failed.push(self.fail(at, batch, error.clone()));
                }
            }
        }
        failed
    }

    fn too_large_for_broker(&mut self, at: usize, batch: Batch) -> Option<Delivery> {
        let Body::Sealed(bytes) = &batch.body else { return None };
        let records = match decode_next(&mut bytes.clone(), SPLIT_LIMIT) {
            Ok(Some(decoded)) => decoded.records,
            _ => Vec::new(),
        };
        if records.len() > 1 {
            self.split(at, batch, &records);
            return None;
        }
        let partition = &self.partitions[at];
        let record = records.first();
        let error = ProduceError::RecordTooLarge {
            topic: partition.topic.clone(),
            key: record.and_then(|r| r.key.as_deref().map(Bytes::copy_from_slice)),
            size: record.map_or(batch.len(), |r| with_parts(r, |p| p.size_upper_bound())),
            limit: None,
            setting: "the broker's message.max.bytes (or the topic's max.message.bytes)",
        };
        Some(self.fail(at, batch, error))
    }

    /// Sends a batch in two halves, which keep its sequence numbers (`ProducerBatch.split`).
    fn split(&mut self, at: usize, batch: Batch, records: &[DecodedRecord]) {
        let middle = records.len() / 2;
        let span = (batch.span / 2).max(1);
        let ids = [batch.id, batch.id + span];
        for (id, range) in ids.into_iter().zip([0..middle, middle..records.len()]) {
            let mut builder = BatchBuilder::with_capacity(batch.len() / 2);
            for record in &records[range.clone()] {
                with_parts(record, |parts| builder.append(&parts));
            }
            let first = range.start == 0;
            let state = batch.state.map(|mut state| {
                if state.base_sequence >= 0 {
                    state.base_sequence = add_sequence(state.base_sequence, range.start as i32);
                }
                state
            });
            self.incomplete.insert(id);
            self.partitions[at].requeue(Batch {
                id,
                span,
                body: Body::Open(builder),
                tokens: batch.tokens.get(range).map(<[u64]>::to_vec).unwrap_or_default(),
                created: batch.created,
                attempts: batch.attempts,
                retry_at: None,
                reserved: if first { batch.reserved } else { 0 },
                state,
                rewrite: false,
                last_error: None,
            });
        }
        self.list(at);
    }
}

fn with_parts<T>(record: &DecodedRecord, then: impl FnOnce(RecordParts<'_>) -> T) -> T {
    let headers: Vec<Header> =
        record.headers.iter().map(|(name, value)| (String::from_utf8_lossy(name).into(), value.clone())).collect();
    then(RecordParts {
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: &encode_headers(&headers),
        timestamp: record.timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::super::accumulator::Append;
    use super::super::accumulator::tests::{accumulator, record};
    use super::*;

    const PACE: RetryPace = RetryPace { base: Duration::ZERO, most: Duration::ZERO };

    /// An idempotent producer whose first batch, of record 0, is stored.
    fn producer() -> Accumulator {
        let mut producer = accumulator(&[]);
        producer.producer = Some((7, 0));
        let first = send(&mut producer, Some(0)).unwrap();
        settle(&mut producer, first, 0);
        producer
    }

    /// Sends the records that wait, as one batch, with one more if it has a token.
    fn send(producer: &mut Accumulator, token: Option<u64>) -> Option<Outgoing> {
        let now = Instant::now();
        token.map(|token| producer.append(&record(token), now, 0));
        // as for its bytes, which are not looked at here
        producer.drain(1, now).pop().map(|mut sent| {
            sent.batch.body = Body::Sealed(Bytes::new());
            sent
        })
    }

    fn settle(producer: &mut Accumulator, sent: Outgoing, code: i16) {
        let answer = if code == 0 { Answer::Stored(0) } else { Answer::Refused { code, detail: None } };
        let settled = producer.settle(sent, answer, PACE, Instant::now());
        assert_eq!(settled.is_some(), code == 0, "it is sent again");
    }

    fn state(sent: &Outgoing) -> (i16, i32) {
        sent.batch.state.map(|state| (state.epoch, state.base_sequence)).expect("an idempotent producer's")
    }

    #[test]
    fn a_batch_whose_number_was_passed_goes_under_a_new_epoch_before_all_others() {
        let mut producer = producer();
        // the topic is deleted before the one and made anew before the other, whose number the new leader takes
        let (refused, taken) = (send(&mut producer, Some(1)).unwrap(), send(&mut producer, Some(2)).unwrap());
        settle(&mut producer, refused, codes::UNKNOWN_TOPIC_OR_PARTITION);
        settle(&mut producer, taken, 0);
        let again = send(&mut producer, None).unwrap();
        assert_eq!((state(&again), &again.batch.tokens), ((0, 1), &vec![1]));
        let beside = send(&mut producer, Some(3)).unwrap();
        settle(&mut producer, again, codes::OUT_OF_ORDER_SEQUENCE_NUMBER);
        assert!(send(&mut producer, Some(4)).is_none(), "the new epoch begins when nothing is under way");
        settle(&mut producer, beside, 0);
        let again = send(&mut producer, None).unwrap();
        assert_eq!((state(&again), &again.batch.tokens), ((1, 0), &vec![1]));
        assert!(send(&mut producer, None).is_none(), "nothing overtakes it");
        settle(&mut producer, again, 0);
        let next = send(&mut producer, None).unwrap();
        assert_eq!((state(&next), &next.batch.tokens), ((1, 1), &vec![4]));
    }

    #[test]
    fn nothing_is_written_after_a_record_at_which_the_producer_stops() {
        const INVALID_TIMESTAMP: i16 = 32;
        let mut producer = producer();
        producer.stops_at = Some(|error| matches!(error, ProduceError::Broker { code: INVALID_TIMESTAMP, .. }));
        let (refused, after) = (send(&mut producer, Some(1)).unwrap(), send(&mut producer, Some(2)).unwrap());
        assert!(matches!(producer.append(&record(3), Instant::now(), 0), Append::Done(_)));
        let mut answer = |sent, code| producer.settle(sent, Answer::Refused { code, detail: None }, PACE, Instant::now());
        assert_eq!(answer(refused, INVALID_TIMESTAMP).unwrap().tokens, [1]);
        let after = answer(after, codes::OUT_OF_ORDER_SEQUENCE_NUMBER).unwrap();
        assert!(after.tokens == [2] && matches!(after.result, Err(ProduceError::Client(KafkaError::Stopped { .. }))));
        assert!(send(&mut producer, None).is_none(), "what waits is not sent");
        let swept = producer.sweep_stopped().pop().unwrap();
        assert_eq!(swept.tokens, [3]);
        assert!(swept.result.unwrap_err().to_string().contains("INVALID_TIMESTAMP"));
        assert!(matches!(producer.refusal(), Some(KafkaError::Stopped { .. })));
        assert!(producer.incomplete.is_empty());
    }

    #[test]
    fn nothing_overtakes_the_first_batch_of_a_topic_that_may_be_made_anew() {
        let mut producer = producer();
        let (one, two) = (send(&mut producer, Some(1)).unwrap(), send(&mut producer, Some(2)).unwrap());
        settle(&mut producer, one, codes::UNKNOWN_TOPIC_OR_PARTITION);
        settle(&mut producer, two, codes::UNKNOWN_TOPIC_OR_PARTITION);
        let one = send(&mut producer, Some(3)).unwrap();
        assert_eq!((state(&one), &one.batch.tokens), ((0, 1), &vec![1]));
        assert!(send(&mut producer, None).is_none(), "the new topic's leader would take any number");
        settle(&mut producer, one, 0);
        assert_eq!(send(&mut producer, None).unwrap().batch.tokens, [2]);
    }
}
