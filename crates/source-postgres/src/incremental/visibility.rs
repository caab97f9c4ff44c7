//! Which transactions a session sees.
//!
//! The log has commits in one order; sessions come to see them a moment later, and not quite in that order. A
//! transaction that a chunk did not see comes after the chunk's rows, wherever in the log its commit is.

use crate::client::Row;
use crate::position::parse_lsn;

/// Before the transaction: how far a standby has replayed; null on a primary.
pub const STANDBY: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END";
/// One snapshot for all statements of the transaction.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// The transaction's snapshot (`pg_current_snapshot`, by the name that every version has).
pub const SNAPSHOT: &str = "SELECT pg_catalog.txid_current_snapshot()";

/// Streamed transactions between two looks which of them are seen by now.
const LOOK_AFTER: usize = 4096;

/// What a transaction sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// on a primary: its snapshot
    Primary {
        /// all before were over
        xmin: u64,
        /// from here on none was
        xmax: u64,
        /// those between that were not
        running: Vec<u64>,
    },
    /// on a standby, whose snapshots name no transactions: all that was replayed before
    Standby {
        /// a place in the log
        replayed: u64,
    },
}

impl Seen {
    /// From the answers to [`STANDBY`] and [`SNAPSHOT`]. What cannot be read has seen nothing.
    pub fn read(standby: Option<&Row>, snapshot: Option<&Row>) -> Self {
        match standby.and_then(|row| row.get(0)) {
            Some(replayed) => Seen::Standby { replayed: parse_lsn(replayed).unwrap_or(0) },
            None => Self::parse(snapshot.map_or("", |row| row.text(0))),
        }
    }

    /// `xmin:xmax:xip,xip`
    fn parse(text: &str) -> Self {
        let mut parts = text.split(':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let (xmin, xmax) = (number(), number());
        let running = parts.next().unwrap_or("").split(',').filter_map(|xid| xid.parse().ok()).collect();
        Seen::Primary { xmin, xmax, running }
    }

    /// Whether it saw a transaction of the stream, by its number and the place of its commit.
    pub fn saw(&self, xid: u32, commit: u64) -> bool {
        match self {
            Seen::Primary { xmin, xmax, running } => {
                let xid = with_epoch(xid, *xmax);
                xid < *xmin || (xid < *xmax && !running.contains(&xid))
            }
            Seen::Standby { replayed } => commit < *replayed,
        }
    }
}

/// The stream's numbers have 32 bits; this is the one nearest to a whole one.
fn with_epoch(xid: u32, near: u64) -> u64 {
    let distance = xid.wrapping_sub(near as u32) as i32;
    near.wrapping_add_signed(i64::from(distance))
}

/// Transactions that were streamed and that other sessions may not see yet.
#[derive(Debug, Default)]
pub struct Streamed {
    transactions: Vec<(u32, u64)>,
    look_at: usize,
}

impl Streamed {
    /// A transaction is streamed.
    pub fn push(&mut self, xid: u32, commit: u64) {
        self.transactions.push((xid, commit));
    }

    /// Whether so many came together that it is time for a look.
    pub fn wants_look(&self) -> bool {
        self.transactions.len() >= self.look_at.max(LOOK_AFTER)
    }

    /// Forgets those that were seen; answers whether all were.
    pub fn all_seen_by(&mut self, seen: &Seen) -> bool {
        self.transactions.retain(|(xid, commit)| !seen.saw(*xid, *commit) && !matches!(seen, Seen::Standby { .. }));
        self.look_at = self.transactions.len() * 2;
        self.transactions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_says_which_transactions_it_saw() {
        let seen = Seen::parse("100:110:100,105");
        let saw: Vec<u32> = (98..112).filter(|xid| seen.saw(*xid, 0)).collect();
        assert_eq!(saw, [98, 99, 101, 102, 103, 104, 106, 107, 108, 109]);
        assert!(!Seen::parse("").saw(3, 0));
        let standby = Seen::Standby { replayed: 500 };
        assert!(standby.saw(1, 499) && !standby.saw(1, 500));
    }

    #[test]
    fn numbers_that_wrapped_around_belong_to_the_nearest_epoch() {
        let seen = Seen::parse(&format!("{}:{}:", 1_u64 << 32, (1_u64 << 32) + 10));
        assert!(seen.saw(u32::MAX, 0), "before the wrap");
        assert!(seen.saw(9, 0) && !seen.saw(10, 0));
        assert_eq!(with_epoch(5, u64::from(u32::MAX)), (1 << 32) + 5);
        assert_eq!(with_epoch(u32::MAX, 1 << 32), u64::from(u32::MAX));
    }

    #[test]
    fn streamed_transactions_are_kept_until_they_are_seen() {
        let mut streamed = Streamed::default();
        (100..104).for_each(|xid| streamed.push(xid, 0));
        assert!(!streamed.all_seen_by(&Seen::parse("102:105:102")));
        assert_eq!(streamed.transactions, [(102, 0)]);
        assert!(streamed.all_seen_by(&Seen::parse("105:105:")));
    }
}
