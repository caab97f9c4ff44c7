//! What a worker of a group has besides: the group, and the three topics that it shares.

use std::time::Duration;

use rowtide_api::{ConfigKey, ConfigType, Error, Importance, Result, Validator};

use super::{WorkerConfig, key as worker_key, one_of};

const fn key(name: &'static str, kind: ConfigType, default: Option<&'static str>, doc: &'static str) -> ConfigKey {
    let mut key = worker_key(name, kind, default, doc);
    key.group = "Worker of a group";
    key
}

const fn at_least(mut key: ConfigKey, least: i64) -> ConfigKey {
    key.validator = Validator::AtLeast(least);
    key
}

/// -1, or 1 and more.
fn count_or_default(value: Option<&str>, _: &rowtide_api::Props) -> Option<String> {
    let number: i64 = value?.trim().parse().ok()?;
    (number == 0 || number < -1).then(|| format!("{number} is neither -1, for the broker's default, nor 1 or more"))
}

const fn count(mut key: ConfigKey) -> ConfigKey {
    key.validator = Validator::Check(count_or_default);
    key
}

/// Kafka Connect 4.3's `DistributedConfig`.
pub(super) const KEYS: &[ConfigKey] = &[
    needed("group.id", "Name of the group of workers that share connectors; a group of Java workers may have it."),
    needed("config.storage.topic", "Topic of configurations, one partition, compacted; created if it is missing."),
    needed("offset.storage.topic", "Topic of source offsets, compacted; created if it is missing."),
    needed("status.storage.topic", "Topic of states, compacted; created if it is missing."),
    count(key(
        "config.storage.replication.factor",
        ConfigType::Short,
        Some("3"),
        "Replicas of the topic of configurations when it is created; -1: the broker's default.",
    )),
    count(key(
        "offset.storage.replication.factor",
        ConfigType::Short,
        Some("3"),
        "Replicas of the topic of offsets when it is created; -1: the broker's default.",
    )),
    count(key(
        "status.storage.replication.factor",
        ConfigType::Short,
        Some("3"),
        "Replicas of the topic of states when it is created; -1: the broker's default.",
    )),
    count(key(
        "offset.storage.partitions",
        ConfigType::Int,
        Some("25"),
        "Partitions of the topic of offsets when it is created; -1: the broker's default.",
    )),
    count(key(
        "status.storage.partitions",
        ConfigType::Int,
        Some("5"),
        "Partitions of the topic of states when it is created; -1: the broker's default.",
    )),
    key(
        "session.timeout.ms",
        ConfigType::Int,
        Some("10000"),
        "A worker that is silent for this long is out of the group, and its tasks are given to others.",
    ),
    key("heartbeat.interval.ms", ConfigType::Int, Some("3000"), "How often a worker says that it is there."),
    key(
        "rebalance.timeout.ms",
        ConfigType::Int,
        Some("60000"),
        "How long the group waits for a worker to stop what it has to give up and to join again.",
    ),
    one_of(
        key(
            "connect.protocol",
            ConfigType::String,
            Some("sessioned"),
            "The newest protocol to share work by: eager, compatible or sessioned. The group takes the newest that all its workers know.",
        ),
        &["eager", "compatible", "sessioned"],
    ),
    at_least(
        key(
            "scheduled.rebalance.max.delay.ms",
            ConfigType::Int,
            Some("300000"),
            "How long the work of a worker that went away waits for its return before others get it.",
        ),
        0,
    ),
    key(
        "worker.sync.timeout.ms",
        ConfigType::Int,
        Some("3000"),
        "How long a worker may take to read the topic of configurations to its end before it leaves the group.",
    ),
    key("worker.unsync.backoff.ms", ConfigType::Int, Some("300000"), "How long such a worker stays away before it joins again."),
    key(
        "inter.worker.key.generation.algorithm",
        ConfigType::String,
        Some("HmacSHA256"),
        "Algorithm of the key that requests between workers are signed with.",
    ),
    key("inter.worker.key.size", ConfigType::Int, None, "Accepted and not used: the key has the algorithm's own size.").idle(),
    key("inter.worker.key.ttl.ms", ConfigType::Int, Some("3600000"), "How long a key is used; 0: for ever."),
    key("inter.worker.signature.algorithm", ConfigType::String, Some("HmacSHA256"), "Algorithm of the signatures."),
    key(
        "inter.worker.verification.algorithms",
        ConfigType::List,
        Some("HmacSHA256"),
        "Accepted and not used: HmacSHA256 is the algorithm that is accepted.",
    )
    .idle(),
    one_of(
        key(
            "exactly.once.source.support",
            ConfigType::String,
            Some("disabled"),
            "enabled: each task writes records and offsets in transactions, so that readers with isolation.level=read_committed see each change once. \
             All workers of a group are set to preparing first, then to enabled.",
        ),
        &["disabled", "preparing", "enabled"],
    ),
    one_of(
        key(
            "rowtide.join.unknown",
            ConfigType::String,
            Some("refuse"),
            "What becomes of a worker whose group has connectors, transforms or converters that are not built in: it does not start and names them (refuse), or it joins, and what of these it is given fails (fail).",
        ),
        &["refuse", "fail"],
    ),
    key("client.id", ConfigType::String, Some(""), "Name of this worker's own clients at the brokers."),
    key("metadata.max.age.ms", ConfigType::Long, Some("300000"), "Of the worker's own clients."),
    key("request.timeout.ms", ConfigType::Int, Some("40000"), "Of the worker's own clients."),
    key("retry.backoff.ms", ConfigType::Long, Some("100"), "Of the worker's own clients."),
    key("retry.backoff.max.ms", ConfigType::Long, Some("1000"), "Of the worker's own clients."),
    key("reconnect.backoff.ms", ConfigType::Long, Some("50"), "Of the worker's own clients."),
    key("reconnect.backoff.max.ms", ConfigType::Long, Some("1000"), "Of the worker's own clients."),
    key("socket.connection.setup.timeout.ms", ConfigType::Long, Some("10000"), "Of the worker's own clients."),
    key("socket.connection.setup.timeout.max.ms", ConfigType::Long, Some("30000"), "Accepted and not used.").idle(),
    key("connections.max.idle.ms", ConfigType::Long, Some("540000"), "Accepted and not used.").idle(),
    key("send.buffer.bytes", ConfigType::Int, Some("131072"), "Accepted and not used.").idle(),
    key("receive.buffer.bytes", ConfigType::Int, Some("32768"), "Accepted and not used.").idle(),
    key("metadata.recovery.strategy", ConfigType::String, Some("rebootstrap"), "Accepted and not used.").idle(),
    key("metadata.recovery.rebootstrap.trigger.ms", ConfigType::Long, Some("300000"), "Accepted and not used.").idle(),
];

/// Whether a property is of groups alone.
pub(crate) fn is_of_group(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name && key.group == "Worker of a group" && !SHARED.contains(&name))
}

/// Of the worker's own clients in every mode, though a group has more of them.
const SHARED: [&str; 10] = [
    "client.id",
    "metadata.max.age.ms",
    "request.timeout.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "connections.max.idle.ms",
];

/// What a group cannot be without. A standalone worker has none of it, so that only `distributed` insists.
pub(crate) const NEEDED: [&str; 7] = [
    "bootstrap.servers",
    "key.converter",
    "value.converter",
    "group.id",
    "config.storage.topic",
    "offset.storage.topic",
    "status.storage.topic",
];

const fn needed(name: &'static str, doc: &'static str) -> ConfigKey {
    let mut key = key(name, ConfigType::String, None, doc);
    key.importance = Importance::High;
    key
}

/// Whether these are the properties of a worker of a group (`rowtide distributed`).
pub fn is_group(props: &rowtide_api::Props) -> bool {
    props.get("group.id").is_some_and(|group| !group.trim().is_empty())
}

/// A worker's place in its group.
#[derive(Clone, Debug)]
pub struct Membership {
    /// `group.id`
    pub group: String,
    /// `connect.protocol`
    pub protocol: String,
    /// `session.timeout.ms`
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`
    pub heartbeat_interval: Duration,
    /// `rebalance.timeout.ms`
    pub rebalance_timeout: Duration,
    /// `offset.flush.timeout.ms`
    pub flush_timeout: Duration,
    /// `scheduled.rebalance.max.delay.ms`
    pub scheduled_delay: Duration,
    /// `worker.sync.timeout.ms`
    pub sync_timeout: Duration,
    /// `worker.unsync.backoff.ms`
    pub unsync_backoff: Duration,
    /// `inter.worker.key.ttl.ms`; none: keys are used for ever
    pub key_ttl: Option<Duration>,
    /// `rowtide.join.unknown` is `fail`
    pub join_unknown: bool,
}

/// What a worker of a group may ask for in Java and not here: the property, and why.
pub(crate) fn refusals(worker: &WorkerConfig) -> Vec<(&'static str, Error)> {
    let algorithm = |name: &'static str| {
        let value = worker.get(name).unwrap_or_default().trim();
        let error = || {
            Error::configuration(format!("{name}={value} is not there yet"))
                .remedy("set it to HmacSHA256 on all workers of the group")
        };
        (value != "HmacSHA256").then(|| (name, error()))
    };
    let names = ["inter.worker.key.generation.algorithm", "inter.worker.signature.algorithm"];
    names.into_iter().filter_map(algorithm).collect()
}

impl WorkerConfig {
    /// The worker of `rowtide distributed`.
    pub fn distributed(props: &rowtide_api::Props) -> Result<(Self, Membership)> {
        let worker = Self::read(props, false)?;
        worker.insist(NEEDED)?;
        let view = super::definition().read(&worker.props);
        if let Some((_, error)) = refusals(&worker).into_iter().next() {
            return Err(error);
        }
        let membership = Membership {
            group: view.text("group.id")?.to_owned(),
            protocol: view.text("connect.protocol")?.to_ascii_lowercase(),
            session_timeout: view.millis("session.timeout.ms")?,
            heartbeat_interval: view.millis("heartbeat.interval.ms")?,
            rebalance_timeout: view.millis("rebalance.timeout.ms")?,
            flush_timeout: view.millis("offset.flush.timeout.ms")?,
            scheduled_delay: view.millis("scheduled.rebalance.max.delay.ms")?,
            sync_timeout: view.millis("worker.sync.timeout.ms")?,
            unsync_backoff: view.millis("worker.unsync.backoff.ms")?,
            key_ttl: Some(view.millis("inter.worker.key.ttl.ms")?).filter(|ttl| !ttl.is_zero()),
            join_unknown: view.text("rowtide.join.unknown")?.eq_ignore_ascii_case("fail"),
        };
        Ok((worker, membership))
    }
}
