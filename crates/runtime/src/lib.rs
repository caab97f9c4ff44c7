//! Runs connectors: the task pipeline, the offset stores and the herder.
//!
//! Names no source, transform, converter or sink: those come in as plug-ins from the binary.

pub mod acks;
pub mod backup;
pub mod connector_config;
pub mod durable;
pub mod herder;
pub mod https;
pub mod kafka_sink;
pub mod offsets;
mod patience;
pub mod pipeline;
pub mod properties;
pub mod stores;
pub mod survey;
pub mod topic_creation;
pub mod trial;
pub mod variables;
pub mod worker_config;
