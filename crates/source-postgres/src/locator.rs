//! Finds the place in the resent log where the stored position left off. Pure.
//!
//! The server resends whole transactions. With our own mark the place is exact. With a Java worker's offset it is
//! found as Debezium finds it (`WalPositionLocator`): by the LSN of the last event within its transaction. Rows of one
//! `COPY` share an LSN; how many of them were done cannot be told then, so that all of them are sent again rather than
//! one be lost. The second of them shows it, so that never more than one event is held.

use crate::position::{Mark, MessageType, Position};

/// What to do with an event of the resent log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// it was not processed before
    Pass,
    /// it was
    Skip,
    /// it may have been: keep it until the next event of the transaction decides ([`Locator::settle`])
    Hold,
}

/// Compares the resent log with the stored position until that is passed.
#[derive(Debug)]
pub struct Locator {
    target: Target,
    /// whether the current transaction is the one that holds the target
    inside: bool,
    /// an event with the stored LSN is held
    held: bool,
    /// another one has come: the held one is sent again
    shared: bool,
}

#[derive(Debug)]
enum Target {
    Passed,
    Mark(Mark),
    /// last event's LSN, and its transaction if known
    Lsn {
        lsn: u64,
        xid: Option<i64>,
    },
}

impl Locator {
    /// For a stored position; none: everything passes.
    pub fn new(stored: Option<&Position>) -> Self {
        let target = match stored {
            None => Target::Passed,
            Some(Position { mark: Some(mark), .. }) => Target::Mark(*mark),
            Some(position) => match position.message {
                // after a snapshot, between transactions, or before a transaction's first event
                None | Some(MessageType::Begin | MessageType::Commit) => Target::Passed,
                Some(_) => Target::Lsn { lsn: position.lsn, xid: position.xid },
            },
        };
        Self { target, inside: false, held: false, shared: false }
    }

    /// Whether the stored position lies behind us: nothing needs to be asked any more.
    pub fn is_passed(&self) -> bool {
        matches!(self.target, Target::Passed) && !self.held
    }

    /// A transaction begins; `commit` is the LSN of its commit record.
    pub fn begin(&mut self, commit: u64, xid: i64) {
        self.inside = match &self.target {
            Target::Mark(mark) if commit > mark.transaction => {
                self.target = Target::Passed;
                false
            }
            Target::Mark(_) => true,
            Target::Lsn { xid: Some(stored), .. } if *stored != xid => {
                self.target = Target::Passed;
                false
            }
            Target::Lsn { .. } => true,
            Target::Passed => false,
        };
    }

    /// An event inside a transaction: the transaction's commit LSN, the event's number from 1, its own LSN.
    pub fn event(&mut self, commit: u64, number: u64, lsn: u64) -> Verdict {
        match &self.target {
            Target::Mark(mark) if self.inside && (Mark { transaction: commit, event: number }) <= *mark => Verdict::Skip,
            Target::Lsn { lsn: stored, .. } if self.inside && lsn < *stored => Verdict::Skip,
            Target::Lsn { lsn: stored, .. } if self.inside && lsn == *stored && !self.held => {
                self.held = true;
                Verdict::Hold
            }
            _ => {
                self.shared = matches!(self.target, Target::Lsn { lsn: stored, .. } if lsn == stored);
                self.target = Target::Passed;
                Verdict::Pass
            }
        }
    }

    /// Whether a non-transactional message at this LSN was processed before.
    pub fn message(&self, lsn: u64) -> Verdict {
        let done = match &self.target {
            Target::Mark(mark) => lsn <= mark.transaction && mark.event == Mark::WHOLE || lsn < mark.transaction,
            Target::Lsn { lsn: stored, xid: None } => lsn <= *stored,
            Target::Lsn { .. } | Target::Passed => false,
        };
        if done { Verdict::Skip } else { Verdict::Pass }
    }

    /// Called when the held event is to be decided: the next event or the commit came. True: emit it (several share
    /// the stored LSN); false: it is the only one and was processed before.
    pub fn settle(&mut self) -> bool {
        self.held = false;
        self.shared
    }

    /// The transaction ended.
    pub fn commit(&mut self) {
        if self.inside && matches!(self.target, Target::Lsn { .. }) {
            self.target = Target::Passed;
        }
        self.inside = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(transaction: u64, event: u64) -> Locator {
        Locator::new(Some(&Position { mark: Some(Mark { transaction, event }), ..Position::default() }))
    }

    fn java(lsn: u64, xid: i64, message: MessageType) -> Locator {
        Locator::new(Some(&Position { lsn, xid: Some(xid), message: Some(message), ..Position::default() }))
    }

    #[test]
    fn a_mark_is_exact_even_where_events_share_an_lsn() {
        let mut locator = marked(200, 2);
        locator.begin(150, 1);
        assert_eq!(locator.event(150, 9, 10), Verdict::Skip);
        locator.commit();
        locator.begin(200, 2);
        let verdicts: Vec<_> = (1..=4).map(|number| locator.event(200, number, 42)).collect();
        assert_eq!(verdicts, [Verdict::Skip, Verdict::Skip, Verdict::Pass, Verdict::Pass]);
    }

    #[test]
    fn a_committed_mark_skips_its_transaction_and_nothing_else() {
        let mut locator = marked(200, Mark::WHOLE);
        locator.begin(200, 2);
        assert_eq!(locator.event(200, 1, 42), Verdict::Skip);
        locator.commit();
        assert_eq!(locator.message(200), Verdict::Skip);
        assert_eq!(locator.message(201), Verdict::Pass);
        locator.begin(300, 3);
        assert!(locator.is_passed());
    }

    #[test]
    fn a_java_offset_skips_up_to_its_event() {
        let mut locator = java(42, 2, MessageType::Insert);
        locator.begin(200, 2);
        assert_eq!(locator.event(200, 1, 41), Verdict::Skip);
        assert_eq!(locator.event(200, 2, 42), Verdict::Hold);
        assert!(!locator.settle());
        assert_eq!(locator.event(200, 3, 43), Verdict::Pass);
        assert!(locator.is_passed());
    }

    #[test]
    fn rows_that_share_the_stored_lsn_are_sent_again() {
        let mut locator = java(42, 2, MessageType::Insert);
        locator.begin(200, 2);
        assert_eq!((locator.event(200, 1, 42), locator.event(200, 2, 42)), (Verdict::Hold, Verdict::Pass));
        assert!(locator.settle());
        assert!(locator.is_passed(), "one event was held, however many share its LSN");
    }

    #[test]
    fn another_transaction_than_the_stored_one_passes_whole() {
        let mut locator = java(42, 2, MessageType::Update);
        locator.begin(300, 3);
        assert_eq!(locator.event(300, 1, 42), Verdict::Pass);
    }

    #[test]
    fn between_transactions_everything_passes() {
        assert!(java(42, 2, MessageType::Commit).is_passed());
        assert!(java(42, 2, MessageType::Begin).is_passed());
        assert!(Locator::new(None).is_passed());
    }
}
