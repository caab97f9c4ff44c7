//! The worker's options: what `worker.properties` may hold and what `-D` sets.
//!
//! REST's own are declared in `rowtide-rest`. What an option's value then means belongs to whoever reads it.

use std::sync::LazyLock;

use rowtide_api::Importance::{High, Low, Medium};
use rowtide_api::config::ConfigKey;
use rowtide_api::{ConfigDef, ConfigType, Error, Props, Result, Validator};

/// Options that existing deployments set and that mean nothing without a JVM or without a group of workers.
const WITHOUT_EFFECT: &[&str] = &[
    "plugin.path",
    "plugin.discovery",
    "metric.reporters",
    "metrics.sample.window.ms",
    "metrics.num.samples",
    "metrics.recording.level",
    "auto.include.jmx.reporter",
    "group.id",
    "config.storage.topic",
    "offset.storage.topic",
    "status.storage.topic",
    "config.storage.replication.factor",
    "offset.storage.replication.factor",
    "status.storage.replication.factor",
    "offset.storage.partitions",
    "status.storage.partitions",
    "response.http.headers.config",
    "key.converter.plugin.version",
    "value.converter.plugin.version",
    "header.converter.plugin.version",
];

/// Every option of a worker.
pub fn worker_config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let group = |group: &'static str, keys: &[ConfigKey]| -> Vec<ConfigKey> {
            let placed = keys.iter().zip(1..);
            placed.map(|(key, order)| ConfigKey { group, order, ..*key }).collect()
        };
        let keys = [group("Worker", WORKER), group("REST", rowtide_rest::OPTIONS), group("Rowtide's own", OURS)];
        let prefixes = vec![
            "key.converter.",
            "value.converter.",
            "header.converter.",
            "config.providers.",
            "producer.",
            "consumer.",
            "admin.",
            "ssl.",
            "sasl.",
            "listeners.https.",
            "admin.listeners.https.",
            "internal.",
        ];
        ConfigDef { keys: keys.concat(), prefixes }
    });
    &DEF
}

const WORKER: &[ConfigKey] = &[
    ConfigKey { required: true, ..ConfigKey::new("bootstrap.servers", ConfigType::List, High, "Brokers") }
        .doc("Kafka brokers to begin with, `host:port` with commas. `rowtide run` needs none."),
    ConfigKey { required: true, ..ConfigKey::new("key.converter", ConfigType::Class, High, "Key converter") }
        .doc("Converter of keys for connectors that set none; its options follow as `key.converter.<option>`. `rowtide run`: JsonConverter without schemas."),
    ConfigKey { required: true, ..ConfigKey::new("value.converter", ConfigType::Class, High, "Value converter") }
        .doc("Converter of values, likewise."),
    ConfigKey::new("header.converter", ConfigType::Class, Low, "Header converter")
        .default_value("org.apache.kafka.connect.storage.SimpleHeaderConverter")
        .doc("Converter of headers, likewise."),
    ConfigKey { required: true, ..ConfigKey::new("offset.storage.file.filename", ConfigType::String, High, "Offset file") }
        .doc("`standalone`: file that keeps offsets, as Java's Connect writes and reads it."),
    at_least("offset.flush.interval.ms", Low, "Offset interval", 1)
        .default_value("60000")
        .doc("How often offsets are stored."),
    at_least("offset.flush.timeout.ms", Low, "Offset timeout", 1)
        .default_value("5000")
        .doc("How long storing offsets may take."),
    at_least("task.shutdown.graceful.timeout.ms", Low, "Time to drain", 0)
        .default_value("5000")
        .doc("How long all tasks together may drain after SIGTERM or Ctrl-C."),
    ConfigKey::new("connector.client.config.override.policy", ConfigType::String, Medium, "Override policy")
        .default_value("All")
        .doc("Which `producer.override.*` a connector may set: All, None, Principal, Allowlist."),
    ConfigKey::new("config.providers", ConfigType::List, Low, "Configuration providers")
        .default_value("")
        .doc("Aliases of providers that fill in `${alias:path:key}`; each with `config.providers.<alias>.class` and `.param.<name>`."),
    flag("topic.creation.enable", "Topic creation").doc("Whether `topic.creation.*` of connectors creates topics."),
    flag("topic.tracking.enable", "Topic tracking").doc("Whether `GET /connectors/{c}/topics` answers."),
    flag("topic.tracking.allow.reset", "Topic reset").doc("Whether the list of topics may be reset."),
    ConfigKey::new("client.dns.lookup", ConfigType::String, Low, "DNS lookup")
        .default_value("use_all_dns_ips")
        .doc("How the brokers' names are looked up."),
    ConfigKey::new("client.id", ConfigType::String, Low, "Client id").default_value("").doc("Name of the worker's own clients."),
    ConfigKey::new("security.protocol", ConfigType::String, Medium, "Security protocol")
        .default_value("PLAINTEXT")
        .doc("How the worker's own clients reach the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL; with Kafka's `ssl.*` and `sasl.*`. Producers take `producer.*`."),
];

const OURS: &[ConfigKey] = &[
    ConfigKey::new("rowtide.config.env", ConfigType::Boolean, Low, "Environment in configurations")
        .default_value("false")
        .doc("Whether `${NAME}` in a connector's configuration is filled in from the worker's environment. Whoever may call REST could read the environment that way. `rowtide run`: true."),
];

const fn at_least(name: &'static str, importance: rowtide_api::Importance, display: &'static str, least: i64) -> ConfigKey {
    ConfigKey { validator: Validator::AtLeast(least), ..ConfigKey::new(name, ConfigType::Long, importance, display) }
}

const fn flag(name: &'static str, display: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Boolean, Low, display).default_value("true")
}

/// Refuses what is wrong, warns of what has no effect. `needed`: whether Kafka's required options must be there.
pub fn check(worker: &Props, needed: bool) -> Result<()> {
    let def = worker_config_def();
    let mut wrong: Vec<String> = Vec::new();
    for value in def.validate(worker) {
        let missing = worker.get(&value.name).is_none();
        if needed || !missing {
            wrong.extend(value.errors);
        }
    }
    if !wrong.is_empty() {
        return Err(Error::configuration(format!("the worker's configuration is invalid: {}", wrong.join("; ")))
            .remedy("the options are listed in docs/manual/worker.md, or by `rowtide docs`"));
    }
    let (idle, unknown): (Vec<_>, Vec<_>) =
        worker.iter().filter(|(name, _)| def.key(name).is_none()).partition(|(name, _)| WITHOUT_EFFECT.contains(name));
    if !idle.is_empty() {
        let names: Vec<&str> = idle.iter().map(|(name, _)| *name).collect();
        tracing::info!("accepted and without effect here: {}", names.join(", "));
    }
    for sentence in def.unknown(&unknown.into_iter().collect(), &[]) {
        tracing::warn!("worker: {sentence}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let empty = check(&Props::default(), true).unwrap_err().to_string();
        for name in ["bootstrap.servers", "key.converter", "value.converter", "offset.storage.file.filename"] {
            assert!(empty.contains(&format!("Missing required configuration \"{name}\"")), "{empty}");
        }
        assert!(check(&Props::default(), false).is_ok());
        let odd = [("task.shutdown.graceful.timeout.ms", "soon")].into_iter().collect();
        assert!(check(&odd, false).unwrap_err().to_string().contains("Not a number of type LONG"));
    }
}
