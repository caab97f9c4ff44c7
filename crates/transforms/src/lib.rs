//! Single message transforms and predicates, one file each.
//!
//! What belongs here: a pure function from a record to a record (or to true and false), with its options. Its file's
//! header shows what it does as JSON before → after, and a test executes that header.
//! What does not: chains of transforms, predicates bound to them, `errors.tolerance` (the runtime's), and IO of any kind.

pub mod has_header_key;
mod options;
pub mod record_is_tombstone;
pub mod regex_router;
pub mod topic_name_matches;

#[cfg(test)]
mod example;

use rowtide_api::plugin::{PredicatePlugin, TransformPlugin};

/// Every transform, for the binary's list of plug-ins.
pub static ALL: &[TransformPlugin] = &[regex_router::PLUGIN];

/// Every predicate, likewise.
pub static PREDICATES: &[PredicatePlugin] = &[has_header_key::PLUGIN, record_is_tombstone::PLUGIN, topic_name_matches::PLUGIN];

/// The version of Apache Kafka whose built-in transforms these behave as.
const KAFKA: &str = "4.3.1";
