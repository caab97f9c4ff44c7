//! What crash tests make the process do, by environment variables that nobody sets otherwise.
//!
//! `ROWTIDE_FAILPOINT=name[:n]` makes the process abort (as `kill -9` would) the n-th time it passes the named step.
//! Without the variable a failpoint costs one relaxed load. `ROWTIDE_SHUFFLE_ACKS=seed` lets sinks acknowledge records in an
//! order that follows from the seed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The steps, in the order of a record's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// the replication slot exists, nothing is read yet
    SlotCreated,
    /// rows of a snapshot are read, not yet handed on
    ChunkRead,
    /// rows of a snapshot are handed to the pipeline
    ChunkEmitted,
    /// a signal was understood, nothing follows from it yet
    SignalRead,
    /// the window of a chunk of an incremental snapshot is open, the chunk is not read
    WindowOpened,
    /// the stream has come to the end of a window, its rows are not emitted
    WindowClosed,
    /// the ledger of a snapshot's chunks is stored
    ChunkDone,
    /// a round of a snapshot has lent its view of the tables, nothing is read yet
    RoundBegun,
    /// the stream stands where a later round's rows belong, none is handed on
    BarrierReached,
    /// all rows of a snapshot are handed to the pipeline, and so is its end
    SnapshotCompleted,
    /// a record is durable in the sink, its offset is not stored
    RecordAcked,
    /// the records of a transaction and their offsets are written, the transaction has not ended
    OffsetsWritten,
    /// a transaction is committed, nobody was told
    TransactionCommitted,
    /// an offset is stored, the database is not told
    OffsetStored,
    /// the database was told
    PositionConfirmed,
}

/// When a step is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// before the stream begins
    Snapshot,
    /// while a snapshot is read in rounds amid the stream
    Rounds,
    /// while the stream is read
    Stream,
    /// while the stream is read and a signal asks for rows of tables
    Incremental,
    /// while records and their offsets go through transactions
    Transactions,
}

impl Failpoint {
    /// All of them, in the order of their declaration: crash tests go through it.
    pub const ALL: &[Failpoint] = &[
        Failpoint::SlotCreated,
        Failpoint::ChunkRead,
        Failpoint::ChunkEmitted,
        Failpoint::SignalRead,
        Failpoint::WindowOpened,
        Failpoint::WindowClosed,
        Failpoint::ChunkDone,
        Failpoint::RoundBegun,
        Failpoint::BarrierReached,
        Failpoint::SnapshotCompleted,
        Failpoint::RecordAcked,
        Failpoint::OffsetsWritten,
        Failpoint::TransactionCommitted,
        Failpoint::OffsetStored,
        Failpoint::PositionConfirmed,
    ];

    /// When it is passed.
    pub fn phases(self) -> &'static [Phase] {
        match self {
            Failpoint::SlotCreated => &[Phase::Snapshot],
            Failpoint::ChunkRead | Failpoint::ChunkEmitted => &[Phase::Snapshot, Phase::Incremental],
            Failpoint::SignalRead | Failpoint::WindowOpened | Failpoint::WindowClosed => &[Phase::Incremental],
            Failpoint::ChunkDone | Failpoint::RoundBegun | Failpoint::BarrierReached | Failpoint::SnapshotCompleted => {
                &[Phase::Rounds]
            }
            Failpoint::OffsetStored => &[Phase::Snapshot, Phase::Stream],
            Failpoint::RecordAcked | Failpoint::PositionConfirmed => &[Phase::Snapshot, Phase::Stream, Phase::Transactions],
            Failpoint::OffsetsWritten | Failpoint::TransactionCommitted => &[Phase::Transactions],
        }
    }

    /// The name that `ROWTIDE_FAILPOINT` takes.
    pub fn name(self) -> &'static str {
        match self {
            Failpoint::SlotCreated => "slot-created",
            Failpoint::ChunkRead => "chunk-read",
            Failpoint::ChunkEmitted => "chunk-emitted",
            Failpoint::SignalRead => "signal-read",
            Failpoint::WindowOpened => "window-opened",
            Failpoint::WindowClosed => "window-closed",
            Failpoint::ChunkDone => "chunk-done",
            Failpoint::RoundBegun => "round-begun",
            Failpoint::BarrierReached => "barrier-reached",
            Failpoint::SnapshotCompleted => "snapshot-completed",
            Failpoint::RecordAcked => "record-acked",
            Failpoint::OffsetsWritten => "offsets-written",
            Failpoint::TransactionCommitted => "transaction-committed",
            Failpoint::OffsetStored => "offset-stored",
            Failpoint::PositionConfirmed => "position-confirmed",
        }
    }
}

struct Armed {
    name: String,
    left: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Passes a step; dies here when the environment says so.
pub fn pass(point: Failpoint) {
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("ROWTIDE_FAILPOINT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some(Armed { name: name.to_owned(), left: AtomicU64::new(count.parse().unwrap_or(1)) })
    });
    if let Some(armed) = armed
        && armed.name == point.name()
        && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

/// The seed by which sinks shuffle their acknowledgements, if they are to.
pub fn shuffle_seed() -> Option<u64> {
    std::env::var("ROWTIDE_SHUFFLE_ACKS").ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_leaves_none_out() {
        for (index, point) in Failpoint::ALL.iter().enumerate() {
            assert_eq!(*point as usize, index, "{point:?} stands elsewhere than it is declared");
        }
        assert_eq!(Failpoint::ALL.last(), Some(&Failpoint::PositionConfirmed), "the last step is no longer the last");
    }
}
