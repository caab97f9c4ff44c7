//! The leader's writes to the config topic, each in a transaction of a producer whose name all leaders of the group have: one that was
//! replaced without noticing writes no more (KIP-618, the fencable producer of `KafkaConfigBackingStore`).
//!
//! Who leads, the herder knows.

use std::sync::Arc;

use rowtide_api::{Error, Result};
use rowtide_kafka::{ClientConfig, Delivery, KafkaError, Producer};
use tokio::sync::{Mutex, mpsc};

use super::log::record;
use super::{Clients, Entry};
use crate::kafka_sink::client_error;

/// What a leader that died had not ended holds up all who read the topic for so long.
const TIMEOUT_MS: &str = "10000";

/// This worker's right to write.
#[derive(Default)]
enum Right {
    /// to be claimed by the next write
    #[default]
    Unclaimed,
    Claimed(Producer, mpsc::UnboundedReceiver<Delivery>),
    /// another worker leads by now; only a later generation gives it back
    Lost,
}

/// Producers of the leaders of a group.
pub struct LeaderWrites {
    config: ClientConfig,
    right: Mutex<Right>,
}

impl LeaderWrites {
    /// Nobody leads yet.
    pub fn new(clients: &Clients, group: &str) -> Result<Self> {
        let id = format!("connect-cluster-{group}");
        let transactional = [
            ("transactional.id", id.as_str()),
            ("transaction.timeout.ms", TIMEOUT_MS),
            ("enable.idempotence", "true"),
            ("acks", "all"),
        ];
        let config = clients.producer("configs-leader", &transactional)?;
        Ok(Self { config, right: Mutex::default() })
    }

    /// This worker leads: whoever led before writes no more.
    pub async fn claim(&self) -> Result<()> {
        let mut right = self.right.lock().await;
        *right = Right::Unclaimed;
        let (producer, deliveries) = self.open().await.map_err(client_error)?;
        *right = Right::Claimed(producer, deliveries);
        Ok(())
    }

    /// This worker does not lead any more.
    pub async fn relinquish(&self) {
        *self.right.lock().await = Right::Unclaimed;
    }

    /// Writes records in one transaction. An error means that none of them can be read.
    pub async fn write(&self, topic: &Arc<str>, entries: Vec<Entry>) -> Result<()> {
        let mut right = self.right.lock().await;
        let (producer, mut deliveries) = match std::mem::take(&mut *right) {
            Right::Claimed(producer, deliveries) => (producer, deliveries),
            Right::Unclaimed => self.open().await.map_err(client_error)?,
            Right::Lost => {
                *right = Right::Lost;
                return Err(Error::transient("another worker leads the group by now"));
            }
        };
        let records = (0..).zip(entries).map(|(token, entry)| record(topic, entry, token)).collect();
        let written = async {
            producer.send_batch(records).await?;
            producer.commit_transaction().await
        };
        match written.await {
            Ok(()) => {
                // the end of the transaction said it all
                while deliveries.try_recv().is_ok() {}
                *right = Right::Claimed(producer, deliveries);
                Ok(())
            }
            Err(error) => {
                if matches!(error, KafkaError::Fenced { .. }) {
                    *right = Right::Lost;
                }
                Err(client_error(error))
            }
        }
    }

    async fn open(&self) -> Result<(Producer, mpsc::UnboundedReceiver<Delivery>), KafkaError> {
        let (sent, deliveries) = mpsc::unbounded_channel();
        let producer = Producer::new(self.config.clone(), sent)?;
        producer.init_transactions().await?;
        Ok((producer, deliveries))
    }
}
