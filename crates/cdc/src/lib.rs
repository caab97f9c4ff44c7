//! What all databases share: from a `Change` to Connect's source records, and how a connector lives.
//!
//! Belongs here: the relational model, filters, topic naming, column options, envelopes, transaction metadata,
//! heartbeats, signals, notifications, snapshot modes, progress, markers and ledger, blocking and incremental snapshots, the coordinator
//! that makes a connector of any [`database::Database`].
//! Does not: anything that one database alone has (slots, binlogs), and what happens to a record after it was made.

pub mod adjust;
pub mod blocking;
pub mod change;
pub mod columns;
pub mod coordinator;
pub mod database;
pub mod dispatcher;
pub mod envelope;
pub mod filters;
pub mod headers;
pub mod heartbeat;
pub mod incremental;
pub mod java_order;
pub mod ledger;
pub mod markers;
pub mod naming;
pub mod notification;
pub mod options;
mod pool;
pub mod progress;
pub mod settings;
pub mod shape;
pub mod signal;
pub mod snapshot_mode;
pub mod table;
pub mod table_schema;
#[cfg(test)]
mod testing;
pub mod transaction;

pub use change::{Change, Operation, Origin, Row, RowChange};
pub use coordinator::CdcTask;
pub use database::{Control, Database, Opened, Resume};
pub use dispatcher::Dispatcher;
pub use progress::SnapshotEvent;
pub use table::{Column, ColumnTypes, Table, TableId};
pub use table_schema::{KeySchema, TableSchema};
