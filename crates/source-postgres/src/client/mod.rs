//! A client of PostgreSQL's frontend/backend protocol 3.0: SQL, COPY and logical replication over one kind of connection.
//!
//! What belongs here: connecting (addresses, TLS, authentication), sending statements, and handing out what the server
//! sends. What does not: what the bytes mean (`crate::decode`), which statements to send, retries, anything of Debezium.
//!
//! Specification: PostgreSQL manual, part "Internals", chapter "Frontend/Backend Protocol".
//!
//! # Memory
//!
//! Rows, COPY chunks and replication messages are slices of the connection's read buffer
//! ([`ConnectOptions::read_buffer`] bytes a piece, 64 KiB unless told). A slice keeps its whole buffer alive: copy what
//! outlives its batch.

mod auth;
mod connection;
mod copy;
mod error;
mod options;
mod query;
mod replication;
mod stream;
mod tls;
mod wire;

pub use connection::{CancelToken, Connection, TransactionStatus};
pub use copy::{CopyChunk, CopyFormat, CopyOut, CopyRows};
pub use error::{ClientError, ServerError};
pub use options::{ConnectOptions, SslMode, SslOptions};
pub use query::{Column, Row, Rows, quote_ident, quote_literal};
pub use replication::{
    CreateSlot, CreatedSlot, ReplicationMessage, ReplicationStream, SnapshotAction, StartReplication, SystemIdentification,
};
