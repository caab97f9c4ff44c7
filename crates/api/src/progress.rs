//! How far the snapshots of a task are: plain data that a source keeps up to date, for whoever shows it (REST, the
//! terminal).
//!
//! When what is told belongs to the source; how it is shown, to who shows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Why whole tables are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotKind {
    /// by `snapshot.mode`
    Initial,
    /// by a signal, while the stream waits
    Blocking,
}

impl SnapshotKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            SnapshotKind::Initial => "initial",
            SnapshotKind::Blocking => "blocking",
        }
    }
}

/// Where a snapshot stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotStatus {
    /// the task has not come to it
    #[default]
    None,
    /// none is taken at this start
    Skipped,
    /// tables are read
    Running,
    /// all rows are handed to the pipeline
    Completed,
    /// it ended before its time
    Aborted,
}

impl SnapshotStatus {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            SnapshotStatus::None => "none",
            SnapshotStatus::Skipped => "skipped",
            SnapshotStatus::Running => "running",
            SnapshotStatus::Completed => "completed",
            SnapshotStatus::Aborted => "aborted",
        }
    }
}

/// A snapshot of whole tables: the last one that the task took, or is taking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SnapshotProgress {
    /// where it stands
    pub status: SnapshotStatus,
    /// why it is taken
    pub kind: Option<SnapshotKind>,
    /// when this start began with it
    pub started: Option<SystemTime>,
    /// when it ended, well or not
    pub ended: Option<SystemTime>,
    /// its tables in their order
    pub tables: Vec<TableProgress>,
    /// the snapshot beside the stream; none: none is under way
    pub incremental: Option<IncrementalProgress>,
}

/// A table of a snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableProgress {
    /// its name
    pub table: String,
    /// rows that this start has read
    pub rows: u64,
    /// rows of the whole table, as the database estimates them
    pub estimated: Option<u64>,
    /// its chunks
    pub chunks: usize,
    /// chunks that are read
    pub chunks_done: usize,
    /// chunks that an earlier start had read
    pub chunks_before: usize,
    /// when this start began with it
    pub started: Option<Instant>,
    /// all of it is read
    pub finished: bool,
}

impl TableProgress {
    /// Whether its reading has begun and has not ended.
    pub fn is_being_read(&self) -> bool {
        self.started.is_some() && !self.finished
    }

    /// The share of it that is read, from 0 to 1, as far as it is known.
    pub fn share(&self) -> Option<f64> {
        if self.finished {
            return Some(1.0);
        }
        let by_chunks = || (self.chunks > 1).then(|| self.chunks_done as f64 / self.chunks as f64);
        match self.estimated {
            Some(estimated) if estimated > 0 => Some((self.before() + self.rows as f64 / estimated as f64).min(1.0)),
            _ => by_chunks(),
        }
    }

    /// How long it takes yet, as far as that is known. None where the estimate has proved wrong.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let (share, started) = (self.share()?, self.started?);
        let read = share - self.before();
        let known = !self.finished && read > 0.0 && share < 1.0;
        known.then(|| now.saturating_duration_since(started).mul_f64((1.0 - share) / read))
    }

    fn before(&self) -> f64 {
        self.chunks_before as f64 / self.chunks.max(1) as f64
    }
}

impl SnapshotProgress {
    /// Rows that this start has read.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// How many tables are wholly read.
    pub fn tables_finished(&self) -> usize {
        self.tables.iter().filter(|table| table.finished).count()
    }

    /// How long all of it takes yet: by the estimated rows, so none if those of a table that is not finished are unknown.
    pub fn left(&self, now: SystemTime) -> Option<Duration> {
        let rows = self.rows();
        if self.status != SnapshotStatus::Running || rows == 0 {
            return None;
        }
        let unread = |table: &TableProgress| Some(table.estimated? as f64 * (1.0 - table.share().unwrap_or(0.0)));
        let unread: f64 = self.tables.iter().filter(|table| !table.finished).map(unread).sum::<Option<f64>>()?;
        Some(now.duration_since(self.started?).ok()?.mul_f64(unread / rows as f64))
    }
}

/// A snapshot that is read in chunks beside the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncrementalProgress {
    /// id of the signal that asked last
    pub signal: String,
    /// what is still to be read, in its order; the first is being read
    pub tables: Vec<String>,
    /// rows of the first one that are read
    pub rows: u64,
    /// no further chunk is read until it is resumed
    pub paused: bool,
    /// rows of a chunk wait for the stream to pass the place at which they were read
    pub window_open: bool,
}

/// Where a source writes its progress, and others read it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedProgress(Arc<Mutex<SnapshotProgress>>);

impl SharedProgress {
    /// Changes it, or looks at a part of it. Not to be called from within itself.
    pub fn with<T>(&self, change: impl FnOnce(&mut SnapshotProgress) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How it is now.
    pub fn get(&self) -> SnapshotProgress {
        self.with(|progress| progress.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn table(rows: u64, estimated: Option<u64>, chunks: (usize, usize, usize)) -> TableProgress {
        let (chunks_before, chunks_done, chunks) = chunks;
        let started = Some(Instant::now());
        TableProgress { rows, estimated, chunks, chunks_done, chunks_before, started, ..TableProgress::default() }
    }

    fn outlook(table: &TableProgress) -> (Option<f64>, Option<u64>) {
        let left = table.left(table.started.unwrap() + MINUTE);
        (table.share(), left.map(|left| left.as_secs()))
    }

    #[test]
    fn what_is_left_is_told_only_where_it_is_known() {
        assert_eq!(outlook(&table(250, Some(1000), (0, 0, 1))), (Some(0.25), Some(180)));
        assert_eq!(outlook(&table(0, Some(1000), (0, 0, 1))), (Some(0.0), None));
        assert_eq!(outlook(&table(250, None, (0, 0, 1))), (None, None));
        assert_eq!(outlook(&table(2000, Some(1000), (0, 0, 1))), (Some(1.0), None), "the estimate was too low");
        assert_eq!(outlook(&table(250, None, (0, 1, 4))), (Some(0.25), Some(180)), "by its chunks");
    }

    #[test]
    fn what_an_earlier_start_has_read_took_no_time_of_this_one() {
        assert_eq!(outlook(&table(250, Some(1000), (2, 3, 4))), (Some(0.75), Some(60)));
        assert_eq!(outlook(&table(0, None, (2, 3, 4))), (Some(0.75), Some(60)));
    }

    #[test]
    fn the_whole_is_the_sum_of_its_tables() {
        let started = SystemTime::now();
        let mut all = SnapshotProgress {
            status: SnapshotStatus::Running,
            started: Some(started),
            tables: vec![table(250, Some(1000), (0, 0, 1)), table(0, Some(250), (0, 0, 1))],
            ..SnapshotProgress::default()
        };
        assert_eq!(all.left(started + MINUTE), Some(MINUTE * 4));
        all.tables.push(table(0, None, (0, 0, 1)));
        assert_eq!(all.left(started + MINUTE), None);
    }
}
