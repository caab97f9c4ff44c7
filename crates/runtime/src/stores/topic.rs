//! What the three topics have to be like: their settings when they are created, and what makes an existing one unfit.
//!
//! The sentences are `TopicAdmin`'s and `KafkaConfigBackingStore`'s.

use std::collections::BTreeMap;

use rowtide_api::{Error, ErrorKind, Result};
use rowtide_kafka::{Admin, CreateOutcome, KafkaError, NewTopic};

use crate::worker_config::{ExactlyOnceSupport, WorkerConfig};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// configurations
    Configs,
    /// source offsets
    Offsets,
    /// states
    Statuses,
}

impl Storage {
    fn prefix(self) -> &'static str {
        match self {
            Self::Configs => "config.storage.",
            Self::Offsets => "offset.storage.",
            Self::Statuses => "status.storage.",
        }
    }

    /// The end of the names of its clients.
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::Configs => "configs",
            Self::Offsets => "offsets",
            Self::Statuses => "statuses",
        }
    }

    /// What is kept in it, for a sentence.
    fn content(self) -> &'static str {
        match self {
            Self::Configs => "connector configurations",
            Self::Offsets => "source connector offsets",
            Self::Statuses => "connector and task statuses",
        }
    }
}

/// One of the three topics.
#[derive(Clone, Debug)]
pub struct StorageTopic {
    /// which one
    pub storage: Storage,
    /// as it is created when it is missing
    pub new: NewTopic,
    /// only what is committed is read
    pub committed: bool,
}

impl StorageTopic {
    /// Reads its settings from the worker's configuration, which is checked.
    pub fn read(worker: &WorkerConfig, storage: Storage) -> Self {
        let prefix = storage.prefix();
        let number = |name: &str| worker.get(&format!("{prefix}{name}")).and_then(|text| text.trim().parse().ok());
        let mut configs: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in worker.props.with_prefix(prefix).iter() {
            let ours = name == "cleanup.policy" || (name == "partitions" && storage == Storage::Configs);
            if ours {
                tracing::warn!(
                    "{prefix}{name} is ignored: this topic is compacted{}",
                    match storage {
                        Storage::Configs => " and has one partition",
                        Storage::Offsets | Storage::Statuses => "",
                    }
                );
            } else if !matches!(name, "topic" | "partitions" | "replication.factor") {
                configs.insert(name.to_owned(), value.to_owned());
            }
        }
        configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
        let partitions = if storage == Storage::Configs { 1 } else { number("partitions").unwrap_or(-1) };
        let new = NewTopic {
            name: worker.get(&format!("{prefix}topic")).unwrap_or_default().trim().to_owned(),
            partitions,
            replication_factor: number("replication.factor").and_then(|count| i16::try_from(count).ok()).unwrap_or(-1),
            configs,
        };
        let committed = worker.exactly_once == ExactlyOnceSupport::Enabled && storage != Storage::Statuses;
        Self { storage, new, committed }
    }

    /// Creates the topic, or makes sure that the one that is there will do.
    pub(super) async fn ensure(&self, admin: &Admin) -> Result<()> {
        let NewTopic { name, partitions, replication_factor, .. } = &self.new;
        match admin.create_topic(&self.new).await {
            Ok(CreateOutcome::Created) => {
                tracing::info!(partitions, replication_factor, "created the topic '{name}' for {}", self.storage.content());
                return Ok(());
            }
            Ok(CreateOutcome::Exists) => {}
            // As Java: who may not create topics may well use one that somebody else made.
            Err(error) if is_forbidden(&error) => {
                tracing::debug!(%error, "not allowed to create the topic '{name}', which is taken to be there");
            }
            Err(error) => {
                let key = format!("{}replication.factor", self.storage.prefix());
                return Err(failed(format!("Unable to create the topic '{name}' for {}", self.storage.content()), error)
                    .remedy(format!("{key} is {replication_factor}: it must not be more than there are brokers")));
            }
        }
        self.check_policy(admin).await?;
        self.check_partitions(admin).await
    }

    async fn check_policy(&self, admin: &Admin) -> Result<()> {
        let (name, property, content) = (&self.new.name, format!("{}topic", self.storage.prefix()), self.storage.content());
        let found = match admin.topic_config(name).await {
            Ok(config) => config,
            Err(error) if is_forbidden(&error) => {
                tracing::warn!(
                    "cannot see whether the topic '{name}' has cleanup.policy=compact; without it {content} are lost in time"
                );
                return Ok(());
            }
            Err(error) => return Err(failed(format!("cannot read the configuration of the topic '{name}'"), error)),
        };
        match found.get("cleanup.policy").and_then(Option::as_deref) {
            Some("compact") | None => Ok(()),
            Some(policy) => Err(Error::configuration(format!(
                "Topic '{name}' supplied via the '{property}' property is required to have 'cleanup.policy=compact' to guarantee consistency and \
                 durability of {content}, but found the topic currently has 'cleanup.policy={policy}'. Continuing would likely result in \
                 eventually losing {content} and problems restarting this Connect cluster in the future."
            ))
            .remedy(format!(
                "give the topic cleanup.policy=compact (kafka-configs --alter --entity-type topics --entity-name {name} --add-config cleanup.policy=compact), \
                 or let '{property}' name another one"
            ))),
        }
    }

    async fn check_partitions(&self, admin: &Admin) -> Result<()> {
        if self.storage != Storage::Configs {
            return Ok(());
        }
        let name = &self.new.name;
        let found = admin.partition_count(name).await;
        match found.map_err(|error| failed(format!("cannot describe the topic '{name}'"), error))? {
            Some(count) if count > 1 => Err(Error::configuration(format!(
                "Topic '{name}' supplied via the 'config.storage.topic' property is required to have a single partition in order to guarantee \
                 consistency of connector configurations, but found {count} partitions."
            ))
            .remedy("let 'config.storage.topic' name a topic of one partition, or a new one, which is created with one")),
            _ => Ok(()),
        }
    }
}

/// Not allowed, or not understood by the broker.
fn is_forbidden(error: &KafkaError) -> bool {
    const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
    const UNSUPPORTED_VERSION: i16 = 35;
    matches!(error.code(), Some(TOPIC_AUTHORIZATION_FAILED | CLUSTER_AUTHORIZATION_FAILED | UNSUPPORTED_VERSION))
}

fn failed(doing: String, error: KafkaError) -> Error {
    let kind = if error.is_retriable() { ErrorKind::Transient } else { ErrorKind::Configuration };
    Error::new(kind, doing).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::Props;

    #[test]
    fn settings_are_connects_and_the_workers() {
        let props: Props = [
            ("bootstrap.servers", "b:9092"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("config.storage.partitions", "9"),
            ("config.storage.cleanup.policy", "delete"),
            ("offset.storage.topic", "o"),
            ("offset.storage.segment.bytes", "1048576"),
            ("status.storage.topic", "s"),
            ("status.storage.partitions", "-1"),
            ("status.storage.replication.factor", "1"),
        ]
        .into_iter()
        .collect();
        let worker = WorkerConfig::run(&props).unwrap();
        let of = |storage| StorageTopic::read(&worker, storage).new;
        let (configs, offsets, statuses) = (of(Storage::Configs), of(Storage::Offsets), of(Storage::Statuses));
        assert_eq!((configs.name.as_str(), configs.partitions, configs.replication_factor), ("c", 1, 3));
        assert_eq!(configs.configs, [("cleanup.policy".to_owned(), "compact".to_owned())].into());
        assert_eq!((offsets.partitions, offsets.configs["segment.bytes"].as_str()), (25, "1048576"));
        assert_eq!((statuses.partitions, statuses.replication_factor), (-1, 1));
    }
}
