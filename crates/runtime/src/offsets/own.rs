//! A connector's own topic of offsets (`offsets.storage.topic`), with the worker's beside it: Connect's `ConnectorOffsetBackingStore`.
//!
//! The connector's own comes first, in what is read and in what has to be written; the worker's has what the connector had before it got a
//! topic of its own, and takes a copy of every offset, so that it can lose it again. What is removed goes there first: otherwise the worker's
//! offset would take the place of one that is gone. The topic is opened when it is asked for the first time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rowtide_api::{EncodedRecord, OffsetMap, Props, Result};
use tokio::sync::OnceCell;

use super::{KafkaOffsetStore, OffsetEntry, OffsetStore};
use crate::stores::{Clients, Storage, StorageTopic};
use crate::worker_config::{ExactlyOnceSupport, WorkerConfig};

const PROPERTY: &str = "offsets.storage.topic";

/// The two topics of a connector.
pub struct OwnOffsets {
    worker: Arc<KafkaOffsetStore>,
    clients: Clients,
    topic: StorageTopic,
    /// of a store
    limit: Duration,
    own: OnceCell<KafkaOffsetStore>,
    name: Arc<str>,
}

impl OwnOffsets {
    /// Those of a connector's configuration, variables filled in; none: it has the worker's alone. Under exactly once a connector that
    /// writes to other brokers has to have its offsets there, too.
    pub fn of(
        config: &Props,
        connector: &str,
        settings: &WorkerConfig,
        worker: &Arc<KafkaOffsetStore>,
        limit: Duration,
    ) -> Result<Option<Arc<Self>>> {
        let named = config.get(PROPERTY).map(str::trim).filter(|topic| !topic.is_empty());
        let transactional = settings.exactly_once == ExactlyOnceSupport::Enabled;
        if named.is_none() && !transactional {
            return Ok(None);
        }
        let clients = Clients::of_connector(settings, connector, config)?;
        let servers = settings.get("bootstrap.servers").unwrap_or_default();
        let elsewhere = brokers(clients.bootstrap_servers()) != brokers(servers);
        let name: Arc<str> = named.map_or_else(|| worker.topic().clone(), Arc::from);
        if name == *worker.topic() && !elsewhere {
            return Ok(None);
        }
        let mut topic = StorageTopic::read(settings, Storage::Offsets);
        name.as_ref().clone_into(&mut topic.new.name);
        topic.committed = committed(clients.isolation(), transactional);
        Ok(Some(Arc::new(Self { worker: worker.clone(), clients, topic, limit, own: OnceCell::new(), name })))
    }

    /// The name of the connector's own topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.name
    }

    async fn own(&self) -> Result<&KafkaOffsetStore> {
        let open = || KafkaOffsetStore::open(&self.clients, &self.topic, self.limit);
        let opened = self.own.get_or_try_init(open).await;
        opened.map_err(|error| error.context(&format!("{PROPERTY}={}", self.name)))
    }

    /// The records that store offsets in the connector's own topic, which was read before.
    pub fn records(&self, connector: &str, entries: &[OffsetEntry]) -> Vec<EncodedRecord> {
        self.own.get().map(|own| own.records(connector, entries)).unwrap_or_default()
    }

    /// Removes from the worker's topic what is about to be removed from the connector's own.
    pub async fn remove_beside(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        let removals: Vec<OffsetEntry> = entries.iter().filter(|(_, offset)| offset.is_none()).cloned().collect();
        if removals.is_empty() { Ok(()) } else { self.worker.store(connector, &removals).await }
    }

    /// Copies to the worker's topic what is stored in the connector's own. Nobody waits for it; the log says when it cannot be written.
    pub async fn copy_beside(&self, connector: &str, entries: &[OffsetEntry]) {
        let values: Vec<OffsetEntry> = entries.iter().filter(|(_, offset)| offset.is_some()).cloned().collect();
        self.worker.post(connector, &values).await;
    }
}

/// Whether only what is committed is read of a connector's own topic, as in Java (`Worker.regularSourceOffsetsConsumerConfigs` and
/// `exactlyOnceSourceOffsetsConsumerConfigs`): yes, but as long as its tasks do not write in transactions themselves, its consumer's properties may say other.
fn committed(isolation: Option<&str>, transactional: bool) -> bool {
    const COMMITTED: &str = "read_committed";
    let wanted = isolation.unwrap_or(COMMITTED);
    if transactional && wanted != COMMITTED {
        tracing::warn!(
            "The value '{wanted}' for the 'isolation.level' property will be ignored as it cannot be overridden for source connectors' offset \
             consumers when exactly-once source support is enabled. The value '{COMMITTED}' will be used instead."
        );
    }
    transactional || wanted == COMMITTED
}

fn brokers(list: &str) -> HashSet<&str> {
    list.split(',').map(str::trim).filter(|broker| !broker.is_empty()).collect()
}

#[async_trait]
impl OffsetStore for OwnOffsets {
    async fn names(&self) -> Result<Vec<String>> {
        self.own().await?.names().await
    }

    async fn load(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        let mut offsets = self.own().await?.load(connector).await?;
        for (partition, offset) in self.worker.load(connector).await? {
            if !offsets.iter().any(|(own, _)| *own == partition) {
                offsets.push((partition, offset));
            }
        }
        Ok(offsets)
    }

    async fn store(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        self.remove_beside(connector, entries).await?;
        self.own().await?.store(connector, entries).await?;
        self.copy_beside(connector, entries).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connectors_consumer_says_what_is_read_unless_its_tasks_write_in_transactions() {
        for (isolation, transactional, read) in [
            (None, false, true),
            (Some("read_committed"), false, true),
            (Some("read_uncommitted"), false, false),
            (Some("read_uncommitted"), true, true),
            (None, true, true),
        ] {
            assert_eq!(committed(isolation, transactional), read, "{isolation:?} {transactional}");
        }
    }
}
