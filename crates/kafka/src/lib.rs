//! Kafka, as Rowtide uses it: producer, admin client and a small consumer. The only crate that knows which Kafka client is
//! below it.

mod admin;
mod client;
mod compression;
mod config;
mod connection;
mod consumer;
mod error;
mod jaas;
mod java_store;
mod partitioner;
mod producer;
pub mod record_batch;
mod sasl;
mod tls;

pub use admin::{Admin, CreateOutcome, NewTopic};
pub use client::{ClusterMetadata, TopicMetadata};
pub use compression::Compression;
pub use config::{ClientConfig, ProducerSettings, SaslMechanism, SaslSettings, Secret};
pub use consumer::{ConsumedRecord, Consumer, StartOffset};
pub use error::{KafkaError, ProduceError};
pub use partitioner::{murmur2, partition_for_key};
pub use producer::{Delivery, Producer, ProducerRecord};
pub use tls::TlsSettings;
