//! Kafka, as Rowtide uses it: producer, admin client, a small consumer and membership of groups. The only crate that knows
//! which Kafka client is below it.
//!
//! Belongs here: everything that speaks Kafka's protocol, and Kafka's client properties as Java spells them. Does not belong
//! here: connectors, offsets, converters, and what to do about an error.
//!
//! # Which client, and why
//!
//! A thin layer of our own over `kafka-protocol` 0.18, which has the messages of every request and nothing else. Looked at in
//! November 2026:
//!
//! | | own layer on `kafka-protocol` | `krafka` 0.28 | `rdkafka` 0.39 |
//! |---|---|---|---|
//! | language | Rust throughout (`ring` apart) | Rust | C library, needs cmake or make, libcurl or a feature off |
//! | brokers | 2.8 to 4.3 tested, see below | 3.9 and newer only | all |
//! | group messages of protocol type `connect` | yes | no | no |
//! | Java's PEM, PKCS12 and JKS stores | yes | not looked at | PEM, PKCS12 |
//! | SASL | PLAIN, SCRAM-SHA-256/512, OAUTHBEARER; GSSAPI not yet | PLAIN, SCRAM, OAUTHBEARER | all, with more C libraries |
//! | transactions | a transactional producer, fencing, readers of committed records; no offsets of consumer groups in them | yes | yes |
//! | control of memory, batches and acks | ours | theirs | theirs, a callback a record |
//!
//! The columns of `krafka` and `rdkafka` are from their documentation; ours is measured or tested here.
//!
//! **Throughput**, one million records of 200 random letters, no key, default settings (`acks=all`, idempotent, `linger.ms=5`,
//! `batch.size=16384`), broker 4.3.1 and client on the same two shared cores of an AMD EPYC, 23 November 2026, alternating runs, three
//! each (`cargo run --release -p rowtide-kafka --example produce_perf` against `org.apache.kafka.tools.ProducerPerformance`):
//!
//! | | records/s | user CPU of the client |
//! |---|---|---|
//! | 1 partition, Rowtide | 889,000 – 1,018,000 | 0.5 – 0.6 s |
//! | 1 partition, Java | 310,000 – 380,000 | 4.2 – 4.9 s |
//! | 6 partitions, Rowtide | 1,142,000 – 1,439,000 | 0.5 s |
//! | 6 partitions, Java | 203,000 – 292,000 | 3.8 – 4.5 s |
//! | 6 partitions, lz4: Rowtide / Java, one run | 714,000 / 169,000 | 0.7 s / 5.5 s |
//! | 6 partitions, zstd: Rowtide / Java, one run | 199,000 / 151,000 | 3.8 s / 7.1 s |
//!
//! Both make a random payload for each record inside the measured time; Java's figures include the start of its JVM in CPU, not in
//! records/s.
//!
//! **Build cost**: 58 CPU-seconds for a cold dev build of this crate with all it depends on (71 s on two busy cores).
//!
//! **Brokers tested**: `tests/produce.rs` against 2.8.2 (ZooKeeper), 3.3.2, 3.9.2 and 4.3.1; `tests/restart.rs` against 3.3.2 and
//! 4.3.1; `tests/transactions.rs`, `tests/cluster.rs` and `tests/security.rs` against 4.3.1. A broker must offer what Kafka 2.1 offers.
//!
//! # What is not here yet
//!
//! Offsets committed by consumer groups, within transactions or without (AddOffsetsToTxn, TxnOffsetCommit), transactions by the
//! protocol of KIP-890's second part (brokers that have it take the older one, which is spoken here), GSSAPI,
//! `compression.*.level`, topic ids (topics are named, as protocol versions up to produce 12 and
//! fetch 12 allow; all brokers up to 4.3 take them).

mod admin;
mod client;
mod compression;
mod config;
mod connection;
mod consumer;
mod coordinator;
mod ec_key;
mod error;
mod group;
pub mod http;
pub mod jaas;
mod java_store;
mod login;
mod oauth;
mod partitioner;
mod producer;
pub mod record_batch;
mod sasl;
mod tls;
mod trust;

pub use admin::{Admin, CreateOutcome, NewTopic};
pub use client::{ClusterMetadata, TopicMetadata};
pub use compression::Compression;
pub use config::{ClientConfig, Look, ProducerSettings, Secret};
pub use consumer::{ConsumedRecord, Consumer, StartOffset};
pub use error::{KafkaError, ProduceError};
pub use group::{Group, GroupSettings, Joined, Member, Standing};
pub use login::{Login, SaslMechanism, SaslSettings};
pub use oauth::TokenSettings;
pub use partitioner::{murmur2, partition_for_key};
pub use producer::{Delivery, Producer, ProducerRecord};
pub use tls::{ClientAuth, TlsSettings};
