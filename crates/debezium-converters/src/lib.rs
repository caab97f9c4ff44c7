//! Debezium's own converters, `io.debezium.converters`. Each wraps others: events into CloudEvents, what is no bytes into another format.
//!
//! What belongs here: those converters, their options, and how they find the ones that they wrap. What does not: the formats themselves
//! (`rowtide-converters`, `rowtide-schema-registry`).

mod bytes;
mod cloud_events;
mod delegate;

use rowtide_api::plugin::{ConverterPlugin, HeaderConverterPlugin};

/// The version of Debezium whose behaviour these have.
const VERSION: &str = "3.6.1.Final";

/// Every converter of keys and values, for the binary's list of plug-ins.
pub static ALL: &[ConverterPlugin] = &[bytes::BINARY_DATA, bytes::BYTE_ARRAY, cloud_events::CONVERTER];

/// Every converter of headers, likewise.
pub static HEADERS: &[HeaderConverterPlugin] = &[bytes::BINARY_DATA_HEADER, bytes::BYTE_ARRAY_HEADER];
