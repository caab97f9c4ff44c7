//! The herder of a group of workers that share connectors through Kafka, Java workers among them.
//!
//! What stands here is pure: no IO, no clock, no tokio. `protocol` is the bytes of the group's protocol, `assignor` what
//! the leader computes.

pub mod assignor;
pub mod protocol;
pub mod unknown;
