//! The first waist: what happened in a database, in words that all databases share.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use rowtide_api::{Struct, ToOffset, Value};

use crate::TableSchema;
use crate::table::TableId;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// read by a snapshot
    Read,
    /// inserted
    Create,
    /// updated
    Update,
    /// deleted
    Delete,
}

impl Operation {
    /// The letter in the envelope.
    pub fn code(self) -> &'static str {
        match self {
            Operation::Read => "r",
            Operation::Create => "c",
            Operation::Update => "u",
            Operation::Delete => "d",
        }
    }
}

/// Values of a row in the order of [`TableSchema::layout`].
pub type Row = Vec<Value>;

/// What every change carries: its place in the log and the `source` block that describes it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// where to go on once this change and all before it are durable
    pub position: Arc<dyn ToOffset>,
    /// the `source` block
    pub source: Struct,
    /// the transaction that it belongs to, as the transaction topic names it; none outside of one
    pub transaction: Option<ByteString>,
}

/// A row was read, created, updated or deleted.
#[derive(Debug)]
pub struct RowChange {
    /// what happened
    pub operation: Operation,
    /// the table as it was then
    pub table: Arc<TableSchema>,
    /// the row before, as far as the database tells
    pub before: Option<Row>,
    /// the row after
    pub after: Option<Row>,
    /// place and description
    pub origin: Origin,
}

/// A change of the database.
#[derive(Debug)]
pub enum Change {
    /// of a row
    Row(RowChange),
    /// a table was emptied
    Truncate {
        /// the table
        table: Arc<TableSchema>,
        /// place and description
        origin: Origin,
    },
    /// an application wrote a message into the log
    Message {
        /// whom it is for
        prefix: ByteString,
        /// its content
        content: Bytes,
        /// place and description
        origin: Origin,
    },
    /// a transaction begins; with `resumed` its beginning was emitted before a restart: only its counters start (the
    /// changes that follow are counted by `Emitter::count_only` up to the first that is emitted)
    Begin {
        /// its name, as the transaction topic has it at this moment
        id: ByteString,
        /// commit time, milliseconds since the epoch
        timestamp: i64,
        /// place in the log
        position: Arc<dyn ToOffset>,
        /// whether its beginning was emitted before a restart
        resumed: bool,
    },
    /// a transaction ends
    Commit {
        /// its name, as the transaction topic has it at this moment
        id: ByteString,
        /// commit time, milliseconds since the epoch
        timestamp: i64,
        /// place in the log, past the transaction
        position: Arc<dyn ToOffset>,
    },
    /// the log went on without anything for us (keepalive, filtered changes, end of a snapshot)
    Progress {
        /// place in the log
        position: Arc<dyn ToOffset>,
    },
    /// a table's shape changed; sources whose schema is historised (MySQL, SQL Server, Oracle) fill `ddl`
    Schema {
        /// the table
        table: TableId,
        /// the statement, where the log has it
        ddl: Option<ByteString>,
        /// place and description
        origin: Origin,
    },
}
