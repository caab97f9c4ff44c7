//! What happens to a snapshot, told at the moments at which the original notifies of it, and how far it is.
//!
//! Sources tell [`crate::Dispatcher::snapshot_event`]. What is made of the events (notifications, metrics) belongs to
//! whoever takes them there; when a table is read belongs to the source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rowtide_api::{IncrementalProgress, SharedProgress, SnapshotKind, SnapshotProgress, SnapshotStatus, TableProgress};
use tracing::{info, warn};

use crate::ledger::OpenTable;
use crate::table::TableId;

/// Time between two lines of progress in the log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// An event of a snapshot of whole tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotEvent {
    /// it begins
    Started {
        /// why it is taken
        kind: SnapshotKind,
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

/// How far the snapshot is: in the log, and for whoever looks at what is shared.
#[derive(Debug, Default)]
pub struct ProgressBook {
    shared: SharedProgress,
    /// places of the tables in what is shared
    places: HashMap<TableId, usize>,
    /// when the log was last told
    told: Option<Instant>,
}

impl ProgressBook {
    /// Of a start that has read nothing yet.
    pub fn new(shared: SharedProgress) -> Self {
        shared.with(|progress| *progress = SnapshotProgress::default());
        Self { shared, places: HashMap::new(), told: None }
    }

    /// Takes what of the tables is read already and what a round reads, with estimated rows.
    pub fn expect<'a>(&mut self, finished: &[TableId], open: impl Iterator<Item = (&'a OpenTable, Option<u64>)>) {
        for id in finished {
            self.change(id, |table| (table.finished, table.chunks_done) = (true, table.chunks));
        }
        for (open, rows) in open {
            self.change(&open.table, |table| {
                (table.chunks, table.chunks_done) = (open.split.chunks(), open.done.len());
                // a later round of this start goes on with what this start has begun
                if table.started.is_none() {
                    (table.chunks_before, table.estimated) = (open.done.len(), rows);
                }
            });
        }
    }

    /// Whether the reading of a table has begun and has not ended.
    pub fn is_reading(&self, id: &TableId) -> bool {
        let Some(place) = self.places.get(id) else { return false };
        self.shared.with(|progress| progress.tables.get(*place).is_some_and(|table| table.is_being_read()))
    }

    /// Counts rows of a table that were read.
    pub fn count(&mut self, id: &TableId, rows: u64) {
        self.change(id, |table| table.rows += rows);
        if self.told.is_none_or(|told| told.elapsed() >= BETWEEN_LINES) {
            let now = Instant::now();
            self.told = Some(now);
            let line = |table: &TableProgress| {
                info!("\t Exported {} records for table '{}'{}", table.rows, table.table, outlook(table, now));
            };
            self.shared.with(|progress| progress.tables.iter().filter(|table| table.is_being_read()).for_each(line));
        }
    }

    /// Takes an event.
    pub fn take(&mut self, event: &SnapshotEvent) {
        match event {
            SnapshotEvent::Started { kind, tables, .. } => self.start(*kind, tables),
            SnapshotEvent::TableStarted { table } => {
                info!("Exporting data from table '{table}'");
                self.change(table, |table| table.started = Some(Instant::now()));
            }
            SnapshotEvent::ChunkStarted(_) => {}
            SnapshotEvent::ChunkCompleted(chunk) => self.change(&chunk.table, |table| table.chunks_done += 1),
            SnapshotEvent::TableCompleted { table, rows, .. } => {
                self.change(table, |table| (table.finished, table.chunks_done) = (true, table.chunks));
                let (done, tables) = self.tables();
                info!("\t Finished exporting {rows} records for table '{table}' ({done} of {tables} tables)");
            }
            SnapshotEvent::Completed => {
                self.end(SnapshotStatus::Completed);
                let (rows, (done, _)) = (self.rows(), self.tables());
                info!("Snapshot completed: {rows} rows of {done} tables");
            }
            SnapshotEvent::Aborted => {
                self.end(SnapshotStatus::Aborted);
                let (done, tables) = self.tables();
                warn!("Snapshot ended before its time, after {done} of {tables} tables");
            }
            SnapshotEvent::Skipped => {
                self.shared.with(|progress| progress.status = SnapshotStatus::Skipped);
                info!("Snapshot skipped");
            }
        }
    }

    /// The incremental snapshot is as far as this.
    pub fn show_incremental(&self, progress: Option<IncrementalProgress>) {
        self.shared.with(|shared| shared.incremental = progress);
    }

    fn start(&mut self, kind: SnapshotKind, tables: &[TableId]) {
        self.told = Some(Instant::now());
        self.places = tables.iter().enumerate().map(|(place, id)| (id.clone(), place)).collect();
        let named = |id: &TableId| TableProgress { table: id.to_string(), chunks: 1, ..TableProgress::default() };
        self.shared.with(|progress| {
            *progress = SnapshotProgress {
                status: SnapshotStatus::Running,
                kind: Some(kind),
                started: Some(SystemTime::now()),
                ended: None,
                tables: tables.iter().map(named).collect(),
                incremental: progress.incremental.take(),
            }
        });
    }

    fn end(&mut self, status: SnapshotStatus) {
        self.shared.with(|progress| (progress.status, progress.ended) = (status, Some(SystemTime::now())));
    }

    fn rows(&self) -> u64 {
        self.shared.with(|progress| progress.rows())
    }

    /// Tables that are wholly read, and tables in all.
    fn tables(&self) -> (usize, usize) {
        self.shared.with(|progress| (progress.tables_finished(), progress.tables.len()))
    }

    fn change(&self, id: &TableId, change: impl FnOnce(&mut TableProgress)) {
        let Some(place) = self.places.get(id) else { return };
        self.shared.with(|progress| progress.tables.get_mut(*place).map(change));
    }
}

/// ` of about 1000 (12 %, 34 s left)`, as far as it is known.
fn outlook(table: &TableProgress, now: Instant) -> String {
    let (Some(share), Some(left)) = (table.share(), table.left(now)) else { return String::new() };
    let of = table.estimated.map(|rows| format!(" of about {rows}")).unwrap_or_default();
    format!("{of} ({:.0} %, {} s left)", share * 100.0, left.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Split;

    fn table(name: &str) -> TableId {
        TableId::in_schema("public", name)
    }

    fn started(names: &[&str]) -> SnapshotEvent {
        let tables: Arc<[TableId]> = names.iter().map(|name| table(name)).collect();
        SnapshotEvent::Started { kind: SnapshotKind::Initial, captured: tables.clone(), tables }
    }

    #[test]
    fn a_new_snapshot_counts_anew() {
        let shared = SharedProgress::default();
        let mut book = ProgressBook::new(shared.clone());
        book.take(&started(&["t"]));
        book.count(&table("t"), 3);
        book.take(&SnapshotEvent::TableCompleted { table: table("t"), rows: 3, status: ScanStatus::Succeeded });
        book.take(&SnapshotEvent::Completed);
        assert_eq!((shared.get().status, shared.get().rows(), book.tables()), (SnapshotStatus::Completed, 3, (1, 1)));
        book.take(&started(&["t"]));
        assert_eq!((shared.get().status, shared.get().rows(), book.tables()), (SnapshotStatus::Running, 0, (0, 1)));
    }

    #[test]
    fn what_an_earlier_start_has_read_counts_as_read() {
        let shared = SharedProgress::default();
        let mut book = ProgressBook::new(shared.clone());
        book.take(&started(&["done", "half", "new"]));
        let open = |name: &str, done: &[usize]| OpenTable {
            table: table(name),
            identity: None,
            split: Split::Blocks { blocks: 40, each: 10 },
            done: done.iter().copied().collect(),
        };
        let (half, new) = (open("half", &[0, 2]), open("new", &[]));
        book.expect(&[table("done")], [(&half, Some(1000)), (&new, None)].into_iter());
        book.take(&SnapshotEvent::TableStarted { table: table("half") });
        book.count(&table("half"), 100);
        assert!(book.is_reading(&table("half")) && !book.is_reading(&table("new")));
        let shares: Vec<_> = shared.get().tables.iter().map(TableProgress::share).collect();
        assert_eq!(shares, [Some(1.0), Some(0.6), Some(0.0)]);
        // the next round of the same start
        book.expect(&[table("done")], [(&open("half", &[0, 1, 2]), Some(9))].into_iter());
        assert_eq!(shared.get().tables[1].share(), Some(0.6));
    }

    #[test]
    fn the_log_says_what_is_left_where_that_is_known() {
        let now = Instant::now();
        let mut table = TableProgress { rows: 250, estimated: Some(1000), started: Some(now), ..TableProgress::default() };
        assert_eq!(outlook(&table, now + Duration::from_secs(10)), " of about 1000 (25 %, 30 s left)");
        table.estimated = None;
        assert_eq!(outlook(&table, now), "");
        (table.chunks, table.chunks_done) = (4, 1);
        assert_eq!(outlook(&table, now + Duration::from_secs(10)), " (25 %, 30 s left)");
    }
}
