//! What happens to a snapshot, told at the moments at which the original notifies of it, and how far it is.
//!
//! Sources tell [`crate::Dispatcher::snapshot_event`]. What is made of the events (notifications, metrics) belongs to
//! whoever takes them there; when a table is read belongs to the source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::table::TableId;

/// Time between two lines of progress in the log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// An event of an initial snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotEvent {
    /// it begins
    Started {
        /// tables whose rows are read, in order
        tables: Arc<[TableId]>,
        /// all captured tables, those included
        captured: Arc<[TableId]>,
    },
    /// the first row of a table is about to be read
    TableStarted {
        /// the table
        table: TableId,
    },
    /// a chunk of a table is about to be read; not told of a table that is one chunk
    ChunkStarted(Chunk),
    /// a chunk's rows are handed to the pipeline; not told of a table that is one chunk
    ChunkCompleted(Chunk),
    /// all rows of a table are handed to the pipeline, or it failed
    TableCompleted {
        /// the table
        table: TableId,
        /// its rows
        rows: u64,
        /// how it ended
        status: ScanStatus,
    },
    /// all rows of all tables are handed to the pipeline
    Completed,
    /// it ends before its time: an error, or a stop
    Aborted,
    /// none is taken at this start
    Skipped,
}

/// A part of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// the table
    pub table: TableId,
    /// from 1
    pub index: usize,
    /// how many chunks the table has
    pub total: usize,
    /// rows of the table that were read so far
    pub rows: u64,
}

/// How the reading of a table ended, in the original's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ScanStatus {
    Succeeded,
    SqlException,
}

impl ScanStatus {
    /// The original's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ScanStatus::Succeeded => "SUCCEEDED",
            ScanStatus::SqlException => "SQL_EXCEPTION",
        }
    }
}

/// How far the snapshot is, for the log.
#[derive(Debug, Default)]
pub struct SnapshotProgress {
    /// tables that are done, and their rows
    done: (usize, u64),
    /// tables in all
    tables: usize,
    /// tables that are being read: rows so far, and since when
    reading: HashMap<TableId, (u64, Instant)>,
    /// estimated rows of those that are not done
    expected: HashMap<TableId, u64>,
    told: Option<Instant>,
}

impl SnapshotProgress {
    /// Takes the estimated rows of tables that will be read.
    pub fn expect(&mut self, rows: impl Iterator<Item = (TableId, u64)>) {
        self.expected = rows.collect();
    }

    /// Whether the reading of a table has begun and has not ended.
    pub fn is_reading(&self, table: &TableId) -> bool {
        self.reading.contains_key(table)
    }

    /// Counts rows of a table that were read.
    pub fn count(&mut self, table: &TableId, rows: u64) {
        let Some((count, since)) = self.reading.get_mut(table) else { return };
        *count += rows;
        if self.told.is_none_or(|told| told.elapsed() >= BETWEEN_LINES) {
            self.told = Some(Instant::now());
            let expected = self.expected.get(table).copied().unwrap_or(0);
            info!("\t Exported {count} records for table '{table}'{}", outlook(*count, expected, since.elapsed()));
        }
    }

    /// Takes an event.
    pub fn take(&mut self, event: &SnapshotEvent) {
        match event {
            SnapshotEvent::Started { tables, .. } => {
                *self = Self { tables: tables.len(), told: Some(Instant::now()), ..Self::default() };
            }
            SnapshotEvent::TableStarted { table } => {
                info!("Exporting data from table '{table}'");
                self.reading.insert(table.clone(), (0, Instant::now()));
            }
            SnapshotEvent::TableCompleted { table, rows, .. } => {
                self.done = (self.done.0 + 1, self.done.1 + rows);
                self.reading.remove(table);
                self.expected.remove(table);
                let (done, tables) = (self.done.0, self.tables);
                info!("\t Finished exporting {rows} records for table '{table}' ({done} of {tables} tables)");
            }
            SnapshotEvent::Completed => info!("Snapshot completed: {} rows of {} tables", self.done.1, self.done.0),
            SnapshotEvent::Aborted => {
                warn!("Snapshot ended before its time, after {} of {} tables", self.done.0, self.tables);
            }
            SnapshotEvent::Skipped => info!("Snapshot skipped"),
            SnapshotEvent::ChunkStarted(_) | SnapshotEvent::ChunkCompleted(_) => {}
        }
    }
}

/// ` of about 1000 (12 %, 34 s left)`, as far as it is known.
fn outlook(rows: u64, expected: u64, since: Duration) -> String {
    if rows == 0 || expected <= rows {
        return String::new();
    }
    let left = since.mul_f64((expected - rows) as f64 / rows as f64);
    format!(" of about {expected} ({} %, {} s left)", rows * 100 / expected, left.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_snapshot_counts_anew() {
        let table = TableId::in_schema("public", "t");
        let started = SnapshotEvent::Started { tables: vec![table.clone()].into(), captured: vec![table.clone()].into() };
        let mut progress = SnapshotProgress::default();
        progress.take(&started);
        progress.take(&SnapshotEvent::TableCompleted { table, rows: 3, status: ScanStatus::Succeeded });
        assert_eq!((progress.done, progress.tables), ((1, 3), 1));
        progress.take(&started);
        assert_eq!((progress.done, progress.tables), ((0, 0), 1));
    }

    #[test]
    fn what_is_left_is_told_only_where_it_is_known() {
        assert_eq!(outlook(250, 1000, Duration::from_secs(10)), " of about 1000 (25 %, 30 s left)");
        assert_eq!(outlook(0, 1000, Duration::from_secs(10)), "");
        assert_eq!(outlook(1001, 1000, Duration::from_secs(10)), "");
    }
}
