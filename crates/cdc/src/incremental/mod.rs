//! Incremental snapshots: tables read in chunks beside the stream (DBLog, "A Watermark Based Change-Data-Capture
//! Framework", Andreakis and Papapanagiotou 2020).
//!
//! A chunk's rows wait in a window until the stream has passed the point at which they were read. Whatever the stream
//! changes meanwhile is newer and takes a row out of the window. Here is what is known of a snapshot, and what follows
//! from each event: pure, without IO. [`driver`] does what is then to be done; how a database reads a chunk and marks
//! its place in the log stands behind [`ChunkReader`].

pub mod driver;
pub mod java_object;
pub mod offset;
pub mod reader;
pub mod window;

use std::collections::VecDeque;
use std::sync::Arc;

use rowtide_api::{IncrementalProgress, JavaRegex};
use tracing::info;

use crate::change::{Operation, RowChange};
use crate::notification::{Aggregate, Notification};
use crate::signal::Execute;
use crate::table::TableId;
use crate::table_schema::TableSchema;

pub use driver::drive;
pub use java_object::KeyValue;
pub use offset::{Beside, Collection, Key, Progress};
pub use reader::{Chunk, ChunkRead, ChunkReader, Scan, Watermark};
pub use window::{ChunkRow, Window};

/// What is to be done next, by [`drive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// tables were added to a snapshot that was under way: their expressions are to be resolved
    Resolve,
    /// a snapshot begins
    Begin,
    /// the window is over: its rows are to be emitted
    Emit,
    /// the next chunk is to be read
    Read,
}

/// An incremental snapshot, or none.
#[derive(Debug, Default)]
pub struct Incremental {
    collections: VecDeque<Collection>,
    /// what was asked for and is not resolved yet: its expressions stand at the end of `collections`
    asked: Vec<Execute>,
    correlation: Arc<str>,
    last: Option<Key>,
    maximum: Option<Key>,
    /// end of the chunk in the window
    read_to: Option<Key>,
    /// rows of the first table that were read, those of the chunk in the window aside
    rows: u64,
    /// rows of the chunk in the window
    chunk_rows: u64,
    /// whether the stream has told of another shape of the table than the chunk's rows have
    outdated: bool,
    paused: bool,
    /// a stop that was asked for: of tables, or of all
    stop: Option<Option<Vec<JavaRegex>>>,
    chunk: String,
    window: Window,
    /// whether the window's opening mark has passed: all events of the table count from then on
    open: bool,
    /// whether the transaction that is streamed was seen by the chunk that was read
    unseen: bool,
    steps: VecDeque<Step>,
}

impl Incremental {
    /// Goes on with what a stored offset says.
    pub fn restore(progress: Option<Progress>) -> Self {
        let Some(progress) = progress else {
            return Self::default();
        };
        info!("Incremental snapshot in progress, need to read new chunk on start");
        Self {
            collections: progress.collections.iter().cloned().collect(),
            correlation: progress.correlation,
            read_to: progress.last.clone(),
            last: progress.last,
            maximum: progress.maximum,
            steps: [Step::Resolve, Step::Read].into(),
            ..Self::default()
        }
    }

    /// Whether one is under way.
    pub fn is_running(&self) -> bool {
        !self.collections.is_empty()
    }

    /// How far it is, as offsets hold it.
    pub fn progress(&self) -> Option<Progress> {
        self.is_running().then(|| Progress {
            collections: self.collections.iter().cloned().collect(),
            correlation: self.correlation.clone(),
            last: self.last.clone(),
            maximum: self.maximum.clone(),
        })
    }

    /// How far it is, for whoever looks at it.
    pub fn shown(&self) -> Option<IncrementalProgress> {
        self.is_running().then(|| IncrementalProgress {
            signal: self.correlation.to_string(),
            tables: self.collections.iter().map(|collection| collection.table.to_string()).collect(),
            rows: self.rows,
            paused: self.paused,
            window_open: self.holds_rows(),
        })
    }

    /// The table that is being read.
    pub fn current(&self) -> Option<&Collection> {
        self.collections.front()
    }

    /// What is to be done next.
    pub fn next_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Whether something is to be done.
    pub fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    // -- signals

    /// Adds tables; they are expressions until [`Step::Resolve`].
    pub fn add(&mut self, id: &str, execute: Execute) {
        self.steps.push_back(if self.is_running() { Step::Resolve } else { Step::Begin });
        self.correlation = id.into();
        self.collections.extend(execute.tables.iter().map(|pattern| execute.collection(pattern.as_str())));
        self.asked.push(execute);
    }

    /// Asks for a stop, which takes effect before the next chunk.
    pub fn stop(&mut self, tables: Option<Vec<JavaRegex>>) {
        if self.is_running() {
            self.stop = Some(tables);
        } else {
            info!("No incremental snapshot is under way, a stop has no effect");
        }
    }

    /// Reads no further chunk; the window under way goes on. Answers whether that is new.
    pub fn pause(&mut self) -> bool {
        let pauses = self.is_running() && !self.paused;
        self.paused |= pauses;
        pauses
    }

    /// Reads chunks again. Answers whether it was paused.
    pub fn resume(&mut self) -> bool {
        let resumes = self.is_running() && std::mem::take(&mut self.paused);
        // a window that is still under way reads the next chunk when it ends
        if resumes && self.window.table().is_none() {
            self.steps.push_back(Step::Read);
        }
        resumes
    }

    /// The stream has passed the window's opening mark.
    pub fn open_window(&mut self, id: &str) {
        if self.is_window(id, "open") {
            self.open = true;
        }
    }

    /// The stream has passed the window's closing mark.
    pub fn close_window(&mut self, id: &str) {
        if self.is_window(id, "close") {
            self.end_window();
        }
    }

    /// The stream has passed the point up to which the window counts.
    pub fn end_window(&mut self) {
        self.steps.push_back(Step::Emit);
    }

    fn is_window(&self, id: &str, what: &str) -> bool {
        let ours = !self.chunk.is_empty() && id.starts_with(&self.chunk);
        if !ours {
            info!("Received request to {what} window with id = '{id}', expected = '{}', request ignored", self.chunk);
        }
        ours
    }

    // -- the stream

    /// Whether rows wait for events of the stream.
    pub fn holds_rows(&self) -> bool {
        self.window.table().is_some()
    }

    /// A transaction begins; `unseen`: the chunk that was read may not have seen it, so that its events are newer.
    pub fn transaction(&mut self, unseen: bool) {
        self.unseen = unseen;
    }

    /// A row was changed: what the window holds of it is old.
    pub fn changed(&mut self, change: &RowChange) {
        if !self.counts(&change.table.id) || change.operation == Operation::Read {
            return;
        }
        for row in [&change.before, &change.after].into_iter().flatten() {
            self.window.remove(&change.table, row);
        }
    }

    /// A table was emptied.
    pub fn truncated(&mut self, table: &TableSchema) {
        if self.counts(&table.id) {
            self.window.forget_rows();
        }
    }

    /// The stream tells the shape that a table has from here on.
    pub fn described(&mut self, table: &TableSchema) {
        let other = |held: &Arc<TableSchema>| held.id == table.id && !held.has_shape_of(table);
        self.outdated |= self.window.table().is_some_and(other);
    }

    fn counts(&self, table: &TableId) -> bool {
        (self.open || self.unseen) && self.window.table().is_some_and(|held| held.id == *table)
    }

    // -- steps

    /// Puts names in place of the expressions that were asked for: those of the known tables that match, else the
    /// expression itself, each once.
    pub fn resolve(&mut self, known: &[TableId]) {
        let known: Vec<String> = known.iter().map(TableId::to_string).collect();
        let asked = std::mem::take(&mut self.asked);
        let unresolved: usize = asked.iter().map(|execute| execute.tables.len()).sum();
        self.collections.truncate(self.collections.len().saturating_sub(unresolved));
        for execute in &asked {
            let mut names: Vec<&str> = Vec::new();
            for pattern in &execute.tables {
                let before = names.len();
                names.extend(known.iter().map(String::as_str).filter(|name| pattern.is_full_match(name)));
                if names.len() == before {
                    names.push(pattern.as_str());
                }
            }
            let mut seen = std::collections::HashSet::new();
            names.retain(|name| seen.insert(*name));
            self.collections.extend(names.into_iter().map(|name| execute.collection(name)));
        }
    }

    /// Begins a chunk; answers the name of its window.
    pub fn begin_chunk(&mut self) -> &str {
        self.chunk = uuid::Uuid::now_v7().to_string();
        (self.open, self.unseen, self.outdated, self.chunk_rows) = (false, false, false, 0);
        self.window.clear();
        &self.chunk
    }

    /// Which rows the next chunk has; none: no table is left.
    pub fn scan(&self) -> Option<Scan> {
        let collection = self.current()?.clone();
        Some(Scan { collection, after: self.read_to.clone(), maximum: self.maximum.clone() })
    }

    /// Takes a chunk's rows into the window.
    pub fn fill(&mut self, chunk: Chunk) {
        let surrogate = self.current().and_then(|collection| collection.surrogate_key.clone());
        self.chunk_rows = chunk.rows.len() as u64;
        self.read_to = chunk.rows.last().map(|row| row.key.as_slice().into());
        self.maximum = Some(chunk.maximum);
        self.window.fill(chunk.table, surrogate, chunk.rows);
    }

    /// Forgets a window whose rows would contradict the shape that the stream has told: its chunk is to be read again.
    /// Answers whether it was one.
    pub fn drop_outdated(&mut self) -> bool {
        if self.outdated {
            self.window.clear();
            self.read_to.clone_from(&self.last);
        }
        std::mem::take(&mut self.outdated)
    }

    /// Ends the window; answers what is left in it.
    pub fn take_window(&mut self) -> Option<(Arc<TableSchema>, Vec<ChunkRow>)> {
        self.open = false;
        self.window.take()
    }

    /// A row is about to be emitted.
    pub fn sent(&mut self, key: &[KeyValue]) {
        self.last = Some(key.into());
    }

    /// All rows of the window were emitted or are outdated.
    pub fn end_chunk(&mut self) {
        self.last.clone_from(&self.read_to);
        self.rows += std::mem::take(&mut self.chunk_rows);
    }

    /// The first table is done; answers its notification. The next one is the first now.
    pub fn finish_table(&mut self, status: &'static str) -> Notification {
        let scanned = self.current().map_or_else(String::new, |collection| collection.table.to_string());
        let data = vec![
            ("scanned_collection", scanned),
            ("data_collections", self.names()),
            ("total_rows_scanned", self.rows.to_string()),
            ("status", status.to_owned()),
        ];
        let notification = self.notification("TABLE_SCAN_COMPLETED", data);
        self.collections.pop_front();
        self.next_table();
        notification
    }

    fn next_table(&mut self) {
        (self.last, self.maximum, self.read_to, self.rows) = (None, None, None, 0);
        if !self.is_running() {
            // the id stays for the notification of the end
            let correlation = std::mem::take(&mut self.correlation);
            let steps = std::mem::take(&mut self.steps);
            *self = Self { correlation, steps, chunk: std::mem::take(&mut self.chunk), ..Self::default() };
        }
    }

    /// Carries out a stop that was asked for; answers its notification.
    pub fn apply_stop(&mut self) -> Option<Notification> {
        let stop = self.stop.take()?;
        let matches = |table: &str| stop.as_ref().is_none_or(|tables| tables.iter().any(|pattern| pattern.is_full_match(table)));
        let first = self.current().is_some_and(|collection| matches(&collection.table));
        let removed: Vec<_> = self.collections.iter().filter(|collection| matches(&collection.table)).cloned().collect();
        self.collections.retain(|collection| !matches(&collection.table));
        let names = removed.iter().map(|collection| &*collection.table).collect::<Vec<_>>().join(",");
        info!("Removed collections from incremental snapshot: '[{names}]'");
        let notification = self.notification("ABORTED", vec![("data_collections", names)]);
        if first {
            self.window.clear();
            self.next_table();
        }
        (!removed.is_empty()).then_some(notification)
    }

    /// A notification of this snapshot with its tables.
    pub fn notify(&self, kind: &'static str) -> Notification {
        self.notification(kind, vec![("data_collections", self.names())])
    }

    /// The notification of a chunk that was read.
    pub fn in_progress(&self) -> Notification {
        let shown = |key: &Option<Key>| {
            let values: Vec<String> = key.iter().flat_map(|key| key.iter().map(KeyValue::to_string)).collect();
            values.join(",")
        };
        let current = self.current().map_or_else(String::new, |collection| collection.table.to_string());
        let data = vec![
            ("data_collections", self.names()),
            ("current_collection_in_progress", current),
            ("maximum_key", shown(&self.maximum)),
            ("last_processed_key", shown(&self.read_to)),
        ];
        self.notification("IN_PROGRESS", data)
    }

    /// The notification of the end.
    pub fn completed(&self) -> Notification {
        self.notification("COMPLETED", Vec::new())
    }

    fn notification(&self, kind: &'static str, data: Vec<(&'static str, String)>) -> Notification {
        Notification { id: self.correlation.to_string(), aggregate: Aggregate::Incremental, kind, data }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.collections.iter().map(|collection| &*collection.table).collect();
        names.join(",")
    }

    /// Whether chunks are read now.
    pub fn is_paused(&self) -> bool {
        self.paused
    }
}

impl Execute {
    fn collection(&self, table: &str) -> Collection {
        Collection {
            table: table.into(),
            condition: self.condition(table).map(Arc::from),
            surrogate_key: self.surrogate_key.as_deref().map(Arc::from),
        }
    }
}
