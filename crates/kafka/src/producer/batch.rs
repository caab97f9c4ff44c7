//! A batch on its way and the partition it waits for.
//!
//! Here: plain state of one partition and of its batches. Not here: the choice among partitions (`accumulator`), outcomes
//! (`outcome`).

use crate::record_batch::{BatchBuilder, ProducerState};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A batch's bytes.
pub(super) enum Body {
    /// Still taking records.
    Open(BatchBuilder),
    /// Finished; the bytes are sent again as they are when the broker may not have them.
    Sealed(Bytes),
}

/// Distance between the ids of two batches: room for the parts of one that is split.
pub(super) const ID_SPAN: u64 = 1 << 24;

/// Records of one partition that are sent, acknowledged and retried together.
pub(super) struct Batch {
    /// Ascending in the order of creation, over all partitions.
    pub id: u64,
    /// Ids from `id` that are this batch's own.
    pub span: u64,
    pub body: Body,
    /// The caller's token of each record, in order.
    pub tokens: Vec<u64>,
    pub created: Instant,
    /// How often it was sent.
    pub attempts: u32,
    /// Not before this moment again.
    pub retry_at: Option<Instant>,
    /// Bytes it holds of `buffer.memory`.
    pub reserved: usize,
    /// Given when it is first sent.
    pub state: Option<ProducerState>,
    /// Whether `state` was changed after the body was sealed.
    pub rewrite: bool,
    pub last_error: Option<String>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Open(builder) => builder.len(),
            Body::Sealed(bytes) => bytes.len(),
        }
    }
}

/// When the head of a partition's queue may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Now.
    Ready,
    /// It may go along with others now, and is due at this moment.
    At(Instant),
    /// Not before this moment.
    Backoff(Instant),
    /// Not before something else happens.
    Blocked,
}

/// What makes batches due before they linger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Urgency {
    pub linger: Duration,
    pub batch_size: usize,
    /// Batches up to this id are flushed.
    pub flush_through: u64,
    /// Closing, or someone waits for memory.
    pub all: bool,
}

/// One partition of one topic.
pub(super) struct Partition {
    pub topic: Arc<str>,
    pub index: i32,
    /// Broker id, or -1.
    pub leader: i32,
    pub queue: VecDeque<Batch>,
    /// Whether its leader's list of partitions with work has it.
    pub listed: bool,
    /// Ids of the batches under way, in no order.
    pub in_flight: Vec<u64>,
    pub in_flight_node: i32,
    /// Producer id and epoch that `next_sequence` counts under.
    pub producer: Option<(i64, i16)>,
    pub next_sequence: i32,
    /// Whether the leader has stored a batch under `producer`. Until then it knows no sequence number to expect and takes any
    /// (`ProducerAppendInfo.checkSequence`): a second batch in flight could overtake a first one that is refused, as on a
    /// topic whose leader is not ready yet, or that is deleted and made anew.
    pub established: bool,
    /// A sequence number was lost for good: continue under a new epoch once nothing is in flight.
    pub bump: bool,
    /// A record was not written, and nothing may be after it.
    pub stopped: bool,
    /// The number of the last transaction that it was added to; 0 for none.
    pub added_in: u64,
    /// Size of the last batch.
    pub filled: usize,
    /// What the next one's buffer is to hold: as much as the last one, half of what was expected of that at least.
    pub size_hint: usize,
}

impl Partition {
    pub(super) fn new(topic: Arc<str>, index: i32) -> Self {
        Self {
            topic,
            index,
            leader: -1,
            queue: VecDeque::new(),
            listed: false,
            in_flight: Vec::new(),
            in_flight_node: -1,
            producer: None,
            next_sequence: 0,
            established: false,
            bump: false,
            stopped: false,
            added_in: 0,
            filled: 0,
            size_hint: 512,
        }
    }

    /// Whether the head of the queue may be sent to `node`, and when.
    pub(super) fn readiness(&self, node: i32, now: Instant, urgency: &Urgency) -> Readiness {
        let Some(head) = self.queue.front() else { return Readiness::Blocked };
        // A retried batch goes alone, so that order holds whatever becomes of those sent after it; so does the first one.
        let alone = head.attempts > 0 || !self.established || self.bump || self.in_flight_node != node;
        if self.leader != node || (alone && !self.in_flight.is_empty()) {
            return Readiness::Blocked;
        }
        if let Some(at) = head.retry_at.filter(|at| *at > now) {
            return Readiness::Backoff(at);
        }
        let due = head.attempts > 0
            || self.queue.len() > 1
            || head.len() >= urgency.batch_size
            || head.id <= urgency.flush_through
            || urgency.all;
        // A linger beyond the clock's range is as good as none ever passing.
        match head.created.checked_add(urgency.linger) {
            _ if due => Readiness::Ready,
            Some(at) if at > now => Readiness::At(at),
            Some(_) => Readiness::Ready,
            None => Readiness::Blocked,
        }
    }

    /// Whether a batch before this one is under way or waits to be sent again.
    pub(super) fn is_outstanding_before(&self, id: u64) -> bool {
        self.in_flight.iter().any(|sent| *sent < id) || self.queue.front().is_some_and(|head| head.attempts > 0 && head.id < id)
    }

    /// Puts a batch back at its place in the order.
    pub(super) fn requeue(&mut self, batch: Batch) {
        let at = self.queue.partition_point(|b| b.id < batch.id);
        self.queue.insert(at, batch);
    }

    /// Starts numbering anew under `producer`.
    pub(super) fn restart_sequences(&mut self, producer: (i64, i16)) {
        self.producer = Some(producer);
        self.next_sequence = 0;
        self.established = false;
        self.bump = false;
        for batch in &mut self.queue {
            batch.rewrite |= batch.state.take().is_some();
        }
    }

    /// The state of a batch of `count` records that is sent now for the first time.
    pub(super) fn take_sequences(&mut self, (id, epoch): (i64, i16), count: i32) -> ProducerState {
        let base_sequence = self.next_sequence;
        self.next_sequence = add_sequence(base_sequence, count);
        ProducerState { id, epoch, base_sequence, transactional: false }
    }
}

/// Sequence numbers go from `i32::MAX` to 0 (`DefaultRecordBatch.incrementSequence`).
pub(super) fn add_sequence(sequence: i32, count: i32) -> i32 {
    match sequence.checked_add(count) {
        Some(next) => next,
        None => count - (i32::MAX - sequence) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_the_first_batch_of_a_producer() {
        let now = Instant::now();
        let urgency = Urgency { linger: Duration::ZERO, batch_size: 1, flush_through: 0, all: true };
        let batch = |id| Batch {
            id,
            span: 1,
            body: Body::Sealed(Bytes::new()),
            tokens: vec![id],
            created: now,
            attempts: 0,
            retry_at: None,
            reserved: 0,
            state: None,
            rewrite: false,
            last_error: None,
        };
        let mut partition = Partition::new("t".into(), 0);
        partition.leader = 1;
        partition.queue.push_back(batch(1));
        assert_eq!(partition.readiness(1, now, &urgency), Readiness::Ready);
        (partition.in_flight, partition.in_flight_node) = (vec![1], 1);
        assert_eq!(partition.readiness(1, now, &urgency), Readiness::Blocked, "the leader would take it as the first one");
        partition.established = true;
        assert_eq!(partition.readiness(1, now, &urgency), Readiness::Ready);
        partition.restart_sequences((7, 1));
        assert_eq!(partition.readiness(1, now, &urgency), Readiness::Blocked, "a new numbering begins the same way");
    }

    #[test]
    fn sequences_wrap_as_in_java() {
        assert_eq!(add_sequence(i32::MAX, 1), 0);
        assert_eq!(add_sequence(i32::MAX - 1, 3), 1);
        assert_eq!(add_sequence(5, 7), 12);
    }
}
