//! The declarations, in the order in which Connect lists them (`ConnectorConfig`, `SourceConnectorConfig`).

use std::sync::OnceLock;

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Importance, Width};

use ConfigType::{Boolean, Class, Int, List, Long, String};
use Importance::{High, Low, Medium};

const fn in_group(mut key: ConfigKey, group: &'static str, order: i32, width: Width) -> ConfigKey {
    key.group = group;
    key.order = order;
    key.width = width;
    key
}

const fn common(key: ConfigKey, order: i32, width: Width) -> ConfigKey {
    in_group(key, "Common", order, width)
}

const fn errors(key: ConfigKey, order: i32, width: Width) -> ConfigKey {
    in_group(key, "Error Handling", order, width)
}

const fn once(key: ConfigKey, order: i32) -> ConfigKey {
    in_group(key, "Exactly Once Support", order, Width::Short)
}

const fn required(mut key: ConfigKey) -> ConfigKey {
    key.required = true;
    key
}

const KEYS: &[ConfigKey] = &[
    common(required(ConfigKey::new("name", String, High, "Connector name")).doc("The connector's name, its own in this worker."), 1, Width::Medium),
    common(
        required(ConfigKey::new("connector.class", String, High, "Connector class"))
            .doc("The connector: its Java class, its simple name, or that without `Connector`."),
        2,
        Width::Long,
    ),
    common(ConfigKey::new("connector.plugin.version", String, Medium, "Connector version").doc("Accepted; there is one version of each connector.").idle(), 3, Width::Medium),
    common(ConfigKey::new("tasks.max", Int, High, "Tasks max").default_value("1").doc("The most tasks that the connector may use."), 4, Width::Short),
    common(ConfigKey::new("tasks.max.enforce", Boolean, Low, "Enforce tasks max").default_value("true").doc("Whether more tasks than `tasks.max` fail the connector."), 5, Width::Short),
    common(ConfigKey::new("key.converter", Class, Low, "Key converter class").doc("Converter of keys; absent: the worker's, with the worker's options. Its own options follow under `key.converter.`."), 6, Width::Short),
    common(ConfigKey::new("key.converter.plugin.version", String, Low, "Key converter version").doc("Accepted; there is one version of each converter.").idle(), 7, Width::Short),
    common(ConfigKey::new("value.converter", Class, Low, "Value converter class").doc("Converter of values; absent: the worker's, with the worker's options."), 8, Width::Short),
    common(ConfigKey::new("value.converter.plugin.version", String, Low, "Value converter version").doc("Accepted; there is one version of each converter.").idle(), 9, Width::Short),
    common(ConfigKey::new("header.converter", Class, Low, "Header converter class").doc("Converter of header values; absent: the worker's."), 10, Width::Short),
    common(ConfigKey::new("header.converter.plugin.version", String, Low, "Header converter version").doc("Accepted; there is one version of each converter.").idle(), 11, Width::Short),
    in_group(ConfigKey::new("transforms", List, Low, "Transforms").default_value("").doc("Aliases of transforms, applied in this order; each is declared under `transforms.<alias>.`."), "Transforms", 12, Width::Long),
    in_group(ConfigKey::new("predicates", List, Low, "Predicates").default_value("").doc("Aliases of predicates that transforms are bound to; each is declared under `predicates.<alias>.`."), "Predicates", 13, Width::Long),
    common(ConfigKey::new("config.action.reload", String, Low, "Reload Action").default_value("restart").doc("Accepted; none of the config providers announces changes.").idle(), 14, Width::Medium),
    errors(ConfigKey::new("errors.retry.timeout", Long, Medium, "Retry Timeout for Errors").default_value("0").doc("For how many milliseconds a transform that fails for a passing reason is tried again; -1 for ever."), 1, Width::Medium),
    errors(ConfigKey::new("errors.retry.delay.max.ms", Long, Medium, "Maximum Delay Between Retries for Errors").default_value("60000").doc("The longest wait between two such tries."), 2, Width::Medium),
    errors(ConfigKey::new("errors.tolerance", String, Medium, "Error Tolerance").default_value("none").doc("What a record does that cannot be transformed, converted or accepted: `none` fails the task, `all` skips the record and counts it (`GET /connectors/<name>/status` shows them)."), 3, Width::Short),
    errors(ConfigKey::new("errors.log.enable", Boolean, Medium, "Log Errors").default_value("false").doc("Whether each skipped record is logged, with its position and the reason; else the log has the first one alone."), 4, Width::Short),
    errors(ConfigKey::new("errors.log.include.messages", Boolean, Medium, "Log Error Details").default_value("false").doc("Accepted; row data is never written to the log.").idle(), 5, Width::Short),
    in_group(ConfigKey::new("topic.creation.groups", List, Low, "Topic Creation Groups").default_value("").doc("Groups of topics that are created with settings of their own; `default` is always there and last."), "Topic Creation", 1, Width::Long),
    once(ConfigKey::new("exactly.once.support", String, Medium, "Exactly once support").default_value("requested").doc("`required` demands exactly-once delivery of the worker and the connector."), 2),
    once(ConfigKey::new("transaction.boundary", String, Medium, "Transaction Boundary").default_value("poll").doc("Where producer transactions end under exactly-once delivery: `poll`, when nothing more waits or after `max.batch.size` records; `interval`."), 3),
    once(ConfigKey::new("transaction.boundary.interval.ms", Long, Low, "Transaction boundary interval").doc("Their length when the boundary is `interval`; absent: `offset.flush.interval.ms`."), 4),
    in_group(ConfigKey::new("offsets.storage.topic", String, Low, "Offsets topic").doc("A topic of its own for the connector's offsets, in distributed mode; it is created like the worker's (`offset.storage.`) when it is missing. The worker's topic has what was there before, and takes a copy of what is stored."), "offsets.topic", 1, Width::Long),
];

/// Families of Connect's own, and of Debezium's pipeline, that every connector may have.
const PREFIXES: &[&str] = &[
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "transforms.",
    "predicates.",
    "topic.creation.",
    "producer.override.",
    "consumer.override.",
    "admin.override.",
];

/// Honoured by the runtime without being listed.
const UNLISTED: &[ConfigKey] = &[
    ConfigKey::new("errors.deadletterqueue.topic.name", String, Medium, "Dead Letter Queue Topic Name")
        .default_value("")
        .doc("Where records go that `errors.tolerance=all` skips; empty: nowhere. Kafka Connect has it for sink connectors only.")
        .unlisted(),
    ConfigKey::new("errors.deadletterqueue.topic.replication.factor", ConfigType::Short, Medium, "Dead Letter Queue Topic Replication Factor")
        .default_value("3")
        .doc("With how many replicas that topic is created when it is missing, of one partition; -1: as the broker has it.")
        .unlisted(),
    ConfigKey::new("errors.deadletterqueue.context.headers.enable", Boolean, Medium, "Enable Error Context Headers")
        .default_value("true")
        .doc("Whether headers that begin with `__connect.errors.` say where the record comes from and what is wrong with it. Connect's default for sink connectors is false.")
        .unlisted(),
    ConfigKey::new("rowtide.errors.buffer.bytes", Long, Low, "Errors buffer")
        .default_value("67108864")
        .doc("Bytes of records that are kept until Kafka has accepted them, so that one that is refused can be skipped, or go to the dead letter queue; what is more waits, and under exactly once ends its transaction.")
        .unlisted(),
    ConfigKey::new("task.class", Class, Low, "Task class").doc("Written into task configurations for Java workers.").unlisted(),
    ConfigKey::new("rowtide.encode.threads", Int, Low, "Encode threads")
        .default_value("1")
        .doc("Threads of a task that transform and convert; order is kept.")
        .unlisted(),
];

/// The options of Connect's own.
pub fn definition() -> &'static ConfigDef {
    static DEF: OnceLock<ConfigDef> = OnceLock::new();
    DEF.get_or_init(|| ConfigDef { keys: KEYS.iter().chain(UNLISTED).copied().collect(), prefixes: PREFIXES.to_vec() })
}
