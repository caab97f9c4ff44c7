//! PostgreSQL as a source: from a replication slot and `COPY` to `rowtide_cdc`'s changes.
//!
//! Belongs here: everything that is PostgreSQL's own: the protocol (`client`), message formats (`decode`), types and
//! values, slots, publications, positions. Does not: envelopes, topics, filters, heartbeats, snapshot modes, which all
//! databases share.

pub mod client;
pub mod connector;
pub mod decode;
pub mod options;
pub mod schema;
pub mod slab;
pub mod types;
pub mod values;

mod action_query;
mod catalog;
mod config;
mod database;
mod defaults;
mod errors;
mod incremental;
mod locator;
mod outlook;
mod position;
mod publication;
mod relation;
mod session;
mod slot;
mod snapshot;
mod source_block;
mod stream;
mod trial;

pub use connector::PostgresConnector;
