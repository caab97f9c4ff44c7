//! The three topics that the workers of a Connect cluster share: configurations, offsets, statuses.
//!
//! `config_record`, `config_state` and `status_record` are pure: the records' bytes, and what they amount to. `topic` is what such a topic has
//! to be like, `log` reads one to its end, follows it and writes to it. `config` and `status` are the topics themselves; offsets are an
//! `OffsetStore` among the others. Who may write what, and what follows from it, belongs to the herder.

mod clients;
pub mod config;
pub mod config_record;
pub mod config_state;
mod leader;
mod log;
pub mod status;
pub mod status_record;
mod topic;

pub use clients::Clients;
pub use config::ConfigStore;
pub use log::{Entry, TopicLog};
pub use status::StatusStore;
pub use topic::{Storage, StorageTopic};

/// Records as they were recorded: a line each, key and value with a tab between; a tombstone has neither tab nor value.
#[cfg(test)]
pub(crate) fn golden(text: &str) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    text.lines().map(|line| match line.split_once('\t') {
        Some((key, value)) => (key.as_bytes(), Some(value.as_bytes())),
        None => (line.as_bytes(), None),
    })
}
