//! Acknowledgements in any order in; out comes how far each source partition is durable without a gap.
//!
//! Pure: no clock, no IO, no knowledge of sinks. What is done with the positions (storing, confirming) belongs to
//! `pipeline`.

use std::collections::VecDeque;
use std::sync::Arc;

use rowtide_api::{SourcePartition, SourcePosition, ToOffset};

/// While more positions than this wait, so many records in a row of a partition have one, that of the last: a position is as large
/// as a short row, and tens of thousands would wait for a broker that is behind. A record that is not done then holds back
/// fewer than a span of those before it.
const MANY: usize = 1024;
const SPAN: u64 = 16;
/// Places that are kept while nothing is under way: a burst's are given back.
const KEPT: usize = 128;

/// Tracks the records of one task. Sequence numbers are the task's own, from 0 and without gaps; every source
/// partition has a prefix of its own (DESIGN, invariant 1).
#[derive(Default)]
pub struct AckTracker {
    /// sequence number of `acked[0]`
    base: u64,
    /// for each record since `base`: whether it is done
    acked: VecDeque<Slot>,
    partitions: Vec<Partition>,
}

struct Slot {
    partition: usize,
    done: bool,
}

struct Partition {
    source: Arc<SourcePartition>,
    waiting: VecDeque<Waiting>,
    durable: Option<Durable>,
}

struct Waiting {
    need: Need,
    offset: Arc<dyn ToOffset>,
}

/// What a position waits for, beside those before it in its partition.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// its own record, which is the last of these, and those before it that gave up their positions for it
    Records { first: u64, last: u64 },
    /// a position without a record: every record of the task before this number
    AllBefore(u64),
}

/// How far a source partition is durable.
#[derive(Clone, Debug)]
pub struct Durable {
    /// the last position of the contiguous prefix
    pub position: SourcePosition,
    /// how many records that prefix has had so far: tells an advance by records from an idle one
    pub records: u64,
    /// changes with every advance
    pub advance: u64,
}

impl AckTracker {
    /// The sequence number that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.base + self.acked.len() as u64
    }

    /// How many records are neither done nor behind one that is not.
    pub fn outstanding(&self) -> usize {
        self.acked.len()
    }

    /// Takes the next record. `done`: it goes to no sink (dropped by a transform, skipped); only its position counts.
    pub fn track(&mut self, position: SourcePosition, done: bool) -> u64 {
        let sequence = self.next_sequence();
        let index = self.partition(&position.partition);
        self.acked.push_back(Slot { partition: index, done });
        let waiting = &mut self.partitions[index].waiting;
        let many = waiting.len() > MANY;
        match waiting.back_mut() {
            Some(Waiting { need: Need::Records { first, last }, offset })
                if many && *last + 1 == sequence && sequence - *first < SPAN =>
            {
                *last = sequence;
                *offset = position.offset;
            }
            _ => waiting.push_back(Waiting { need: Need::Records { first: sequence, last: sequence }, offset: position.offset }),
        }
        if done {
            self.settle_after(index, true);
        }
        sequence
    }

    /// Takes a position without a record: complete as soon as every record of the task before it is, those of other
    /// partitions too.
    pub fn reached(&mut self, position: SourcePosition) {
        let need = Need::AllBefore(self.next_sequence());
        let index = self.partition(&position.partition);
        let waiting = &mut self.partitions[index].waiting;
        // Of several in a row only the last counts: an idle log behind a slow record costs no memory.
        match waiting.back_mut() {
            Some(last) if last.need == need => last.offset = position.offset,
            _ => waiting.push_back(Waiting { need, offset: position.offset }),
        }
        self.settle(index);
    }

    /// Marks a record as done. False if the number is unknown or was acknowledged before: then nothing changes.
    pub fn ack(&mut self, sequence: u64) -> bool {
        let Some(slot) = sequence.checked_sub(self.base).and_then(|index| self.acked.get_mut(usize::try_from(index).ok()?))
        else {
            return false;
        };
        if std::mem::replace(&mut slot.done, true) {
            return false;
        }
        let partition = slot.partition;
        // Most acks don't complete the front; looking at it is all they cost.
        let at_front = self.partitions[partition].waiting.front().is_some_and(|front| match front.need {
            Need::Records { first, last } => (first..=last).contains(&sequence),
            Need::AllBefore(_) => false,
        });
        self.settle_after(partition, at_front);
        true
    }

    /// The durable prefix of each source partition that has one.
    pub fn durable(&self) -> impl Iterator<Item = &Durable> {
        self.partitions.iter().filter_map(|partition| partition.durable.as_ref())
    }

    fn partition(&mut self, source: &Arc<SourcePartition>) -> usize {
        // A task has one partition, or a handful; the index of its own numbering may be sparse.
        let known = |have: &Partition| Arc::ptr_eq(&have.source, source) || have.source.map == source.map;
        self.partitions.iter().position(known).unwrap_or_else(|| {
            self.partitions.push(Partition { source: source.clone(), waiting: VecDeque::new(), durable: None });
            self.partitions.len() - 1
        })
    }

    /// A record of this partition is done; `at_front`: it may be what the partition waits for.
    fn settle_after(&mut self, partition: usize, at_front: bool) {
        let before = self.base;
        while self.acked.front().is_some_and(|slot| slot.done) {
            self.acked.pop_front();
            self.base += 1;
        }
        if at_front {
            self.settle(partition);
        }
        if self.base == before {
            return;
        }
        if self.acked.is_empty() {
            self.acked.shrink_to(KEPT);
            self.partitions.iter_mut().for_each(|partition| partition.waiting.shrink_to(KEPT));
        }
        for index in 0..self.partitions.len() {
            if matches!(self.partitions[index].waiting.front(), Some(Waiting { need: Need::AllBefore(_), .. })) {
                self.settle(index);
            }
        }
    }

    fn settle(&mut self, index: usize) {
        let base = self.base;
        let acked = &self.acked;
        let partition = &mut self.partitions[index];
        let is_done = |sequence: u64| acked.get((sequence - base) as usize).is_some_and(|slot| slot.done);
        let done = |waiting: &Waiting| match waiting.need {
            // Whatever left the ring was done.
            Need::Records { first, last } => (first.max(base)..=last).all(is_done),
            Need::AllBefore(sequence) => sequence <= base,
        };
        let mut last = None;
        let mut records = 0;
        while partition.waiting.front().is_some_and(done) {
            last = partition.waiting.pop_front();
            if let Some(Waiting { need: Need::Records { first, last }, .. }) = last {
                records += last - first + 1;
            }
        }
        let Some(Waiting { offset, .. }) = last else { return };
        match &mut partition.durable {
            Some(durable) => {
                durable.position.offset = offset;
                durable.records += records;
                durable.advance += 1;
            }
            None => {
                let position = SourcePosition { partition: partition.source.clone(), offset };
                partition.durable = Some(Durable { position, records, advance: 1 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rowtide_api::OffsetMap;

    fn source(index: usize) -> Arc<SourcePartition> {
        let mut map = OffsetMap::default();
        map.set("server", format!("s{index}").as_str());
        Arc::new(SourcePartition { index, map })
    }

    fn at(partition: &Arc<SourcePartition>, lsn: i64) -> SourcePosition {
        let mut offset = OffsetMap::default();
        offset.set("lsn", lsn);
        SourcePosition { partition: partition.clone(), offset: Arc::new(offset) }
    }

    fn lsn(tracker: &AckTracker, partition: &Arc<SourcePartition>) -> Option<i64> {
        let durable = tracker.durable().find(|durable| durable.position.partition.map == partition.map)?;
        durable.position.offset.to_offset().int("lsn")
    }

    #[test]
    fn a_gap_holds_the_prefix_back() {
        let log = source(0);
        let mut tracker = AckTracker::default();
        for n in 0..3 {
            assert_eq!(tracker.track(at(&log, n), false), n as u64);
        }
        assert!(tracker.ack(2));
        assert!(tracker.ack(1));
        assert_eq!(lsn(&tracker, &log), None);
        assert!(tracker.ack(0));
        assert_eq!(lsn(&tracker, &log), Some(2));
        assert_eq!(tracker.outstanding(), 0);
        assert!(!tracker.ack(0), "an ack that comes twice changes nothing");
        assert!(!tracker.ack(99));
    }

    #[test]
    fn many_records_in_a_row_wait_with_few_positions() {
        let log = source(0);
        let mut tracker = AckTracker::default();
        let count = MANY as u64 + 10 * SPAN;
        for n in 0..count {
            tracker.track(at(&log, n as i64), false);
        }
        assert!(tracker.partitions[0].waiting.len() <= MANY + 12, "{}", tracker.partitions[0].waiting.len());
        for sequence in 0..count {
            tracker.ack(sequence);
            let found = lsn(&tracker, &log).unwrap();
            assert!(found <= sequence as i64 && sequence as i64 - found < SPAN as i64, "{found} after {sequence}");
            assert!(sequence >= MANY as u64 || found == sequence as i64, "those that came while few waited have their own");
        }
        assert_eq!(lsn(&tracker, &log), Some(count as i64 - 1));
        assert_eq!(tracker.durable().next().unwrap().records, count);
    }

    #[test]
    fn a_reached_position_waits_for_what_is_before_it() {
        let log = source(0);
        let mut tracker = AckTracker::default();
        tracker.reached(at(&log, 1));
        assert_eq!(lsn(&tracker, &log), Some(1));
        tracker.track(at(&log, 2), false);
        tracker.reached(at(&log, 3));
        tracker.reached(at(&log, 4));
        assert_eq!(lsn(&tracker, &log), Some(1));
        tracker.ack(0);
        assert_eq!(lsn(&tracker, &log), Some(4));
        assert_eq!(tracker.durable().next().unwrap().records, 1);
    }

    #[test]
    fn partitions_do_not_wait_for_each_other() {
        let (one, two) = (source(0), source(1));
        let mut tracker = AckTracker::default();
        tracker.track(at(&one, 1), false);
        tracker.track(at(&two, 10), false);
        tracker.track(at(&two, 11), true);
        tracker.ack(1);
        assert_eq!((lsn(&tracker, &one), lsn(&tracker, &two)), (None, Some(11)));
        tracker.ack(0);
        assert_eq!((lsn(&tracker, &one), tracker.outstanding()), (Some(1), 0));
    }

    #[test]
    fn a_position_without_a_record_waits_for_those_of_other_partitions() {
        let (log, ledger) = (source(0), source(1));
        let mut tracker = AckTracker::default();
        tracker.track(at(&log, 1), false);
        tracker.reached(at(&ledger, 1));
        tracker.track(at(&log, 2), false);
        tracker.reached(at(&ledger, 2));
        tracker.ack(1);
        assert_eq!(lsn(&tracker, &ledger), None);
        tracker.ack(0);
        assert_eq!((lsn(&tracker, &log), lsn(&tracker, &ledger)), (Some(2), Some(2)));
    }

    /// What is tracked: a record of a partition (perhaps dropped), or a position alone.
    #[derive(Clone, Debug)]
    enum Step {
        Record(usize, bool),
        Reached(usize),
    }

    proptest! {
        /// Against the definition itself: the durable position is that of the last entry before the first one that is
        /// not done: a record's own, or without a record every record before it.
        #[test]
        fn the_prefix_is_contiguous_in_every_order(
            steps in prop::collection::vec(prop_oneof![
                (0..3usize, prop::bool::weighted(0.2)).prop_map(|(p, done)| Step::Record(p, done)),
                (0..3usize).prop_map(Step::Reached),
            ], 0..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            early in 0..60usize,
        ) {
            let logs = [source(0), source(1), source(2)];
            let mut tracker = AckTracker::default();
            // per partition: (lsn, the record that must be done, or all before a number)
            let mut model: Vec<Vec<(i64, Need)>> = vec![Vec::new(); 3];
            let mut open: Vec<u64> = Vec::new();
            let mut order = order.into_iter();
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Record(p, done) => {
                        let sequence = tracker.track(at(&logs[p], n as i64), done);
                        model[p].push((n as i64, if done { Need::AllBefore(0) } else { Need::Records { first: sequence, last: sequence } }));
                        if !done { open.push(sequence); }
                    }
                    Step::Reached(p) => {
                        model[p].push((n as i64, Need::AllBefore(tracker.next_sequence())));
                        tracker.reached(at(&logs[p], n as i64));
                    }
                }
                // some acks come while records are still being tracked
                if n >= early && !open.is_empty() && let Some(pick) = order.next() {
                    let sequence = open.swap_remove(pick.index(open.len()));
                    prop_assert!(tracker.ack(sequence));
                }
                check(&tracker, &logs, &model, &open)?;
            }
            while !open.is_empty() {
                let pick = order.next().map_or(0, |pick| pick.index(open.len()));
                let sequence = open.swap_remove(pick);
                prop_assert!(tracker.ack(sequence));
                check(&tracker, &logs, &model, &open)?;
            }
            prop_assert_eq!(tracker.outstanding(), 0);
        }
    }

    fn check(
        tracker: &AckTracker,
        logs: &[Arc<SourcePartition>],
        model: &[Vec<(i64, Need)>],
        open: &[u64],
    ) -> Result<(), TestCaseError> {
        for (log, entries) in logs.iter().zip(model) {
            let done = |(_, need): &&(i64, Need)| match need {
                Need::Records { last, .. } => !open.contains(last),
                Need::AllBefore(sequence) => open.iter().all(|open| open >= sequence),
            };
            let expected = entries.iter().take_while(done).last().map(|(lsn, _)| *lsn);
            prop_assert_eq!(lsn(tracker, log), expected);
        }
        Ok(())
    }
}
