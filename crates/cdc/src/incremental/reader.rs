//! What an incremental snapshot asks of a database.

use std::sync::Arc;

use async_trait::async_trait;
use rowtide_api::{Result, ToOffset};

use super::offset::{Collection, Key};
use super::window::ChunkRow;
use crate::change::Origin;
use crate::table::TableId;
use crate::table_schema::TableSchema;

/// Which rows a chunk has: those of a table after one key, up to another.
#[derive(Clone, Debug)]
pub struct Scan {
    /// the table
    pub collection: Collection,
    /// the end of the chunk before; none: from the first row on
    pub after: Option<Key>,
    /// the last key; none: to be read too
    pub maximum: Option<Key>,
}

/// Rows of a table, in the order of its key.
#[derive(Debug)]
pub struct Chunk {
    /// the table as it is
    pub table: Arc<TableSchema>,
    /// the last key of the table, as it was found by the first chunk
    pub maximum: Key,
    /// at most `incremental.snapshot.chunk.size`; none are left if this is empty
    pub rows: Vec<ChunkRow>,
}

/// What became of the reading of a chunk.
#[derive(Debug)]
pub enum ChunkRead {
    /// there is no such table, or it is not captured
    UnknownTable,
    /// nothing orders its rows
    NoKey,
    /// it has no rows
    Empty,
    /// rows
    Rows(Chunk),
}

/// A mark in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watermark {
    /// before the rows of a chunk are read
    Open,
    /// after they were read
    Close,
}

/// A database that tables can be read from beside its stream.
#[async_trait]
pub trait ChunkReader: Send {
    /// The captured tables, without the signal table.
    async fn tables(&mut self) -> Result<Vec<TableId>>;

    /// Marks a window's end in the log, by its name. What the stream then does when it comes to the mark is
    /// [`super::Incremental::open_window`] and [`super::Incremental::close_window`]; a database that needs no marks calls
    /// [`super::Incremental::end_window`] where the window ends.
    async fn watermark(&mut self, mark: Watermark, window: &str) -> Result<()>;

    /// Reads a chunk. What the stream has told before has happened for it, and whatever it has not seen comes later in the
    /// stream.
    async fn read(&mut self, scan: &Scan) -> Result<ChunkRead>;

    /// Where the stream is.
    fn position(&self) -> Arc<dyn ToOffset>;

    /// Where the stream is, and the `source` block of a row that is emitted there.
    fn origin(&self, table: &TableSchema) -> Origin;
}
