//! Where source offsets are kept between runs: the trait, and how offsets are written as JSON.
//!
//! When they are stored is `pipeline`'s business. What Kafka's file looks like is `java_hashmap`'s.

mod embedded;
mod file;
pub mod java_hashmap;
pub mod json;
mod kafka;
mod own;

use async_trait::async_trait;
use rowtide_api::{OffsetMap, Result};

pub use embedded::EmbeddedStore;
pub use file::FileOffsetStore;
pub use kafka::KafkaOffsetStore;
pub use own::OwnOffsets;

/// Source partition and the offset to store under it; none removes it.
pub type OffsetEntry = (OffsetMap, Option<OffsetMap>);

/// A durable home for offsets. Both calls are atomic: after a crash the store holds all of a `store`, or nothing of it; where that cannot be had
/// (Kafka's topic), values come before removals.
#[async_trait]
pub trait OffsetStore: Send + Sync {
    /// The names that offsets are stored under, sorted; connectors that were deleted are among them, as Connect keeps theirs.
    async fn names(&self) -> Result<Vec<String>>;

    /// Every stored partition and offset of a connector.
    async fn load(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>>;

    /// Stores offsets (none removes) and returns once they are durable. A transient error means that nothing was
    /// changed and that the same call may succeed later: a full disk.
    async fn store(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()>;
}
