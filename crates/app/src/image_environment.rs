//! A worker's properties from the environment, as the container images of Connect take them: Debezium's names (`GROUP_ID`), which go before, and `CONNECT_*`,
//! which Confluent's image has too. What a property means belongs to the worker's configuration.

use rowtide_api::{Error, Props, Result};

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const AVRO: &str = "io.apicurio.registry.utils.converter.AvroConverter";

/// Of the file that Debezium's image begins with.
const BASE: [(&str, &str); 9] = [
    ("group.id", "1"),
    ("key.converter", JSON),
    ("value.converter", JSON),
    ("key.converter.schemas.enable", "true"),
    ("value.converter.schemas.enable", "true"),
    ("status.storage.topic", "connect-status"),
    ("config.storage.replication.factor", "1"),
    ("offset.storage.replication.factor", "1"),
    ("status.storage.replication.factor", "1"),
];

/// Names without the prefix.
const NAMED: [(&str, &str); 13] = [
    ("BOOTSTRAP_SERVERS", "bootstrap.servers"),
    ("GROUP_ID", "group.id"),
    ("CONFIG_STORAGE_TOPIC", "config.storage.topic"),
    ("OFFSET_STORAGE_TOPIC", "offset.storage.topic"),
    ("STATUS_STORAGE_TOPIC", "status.storage.topic"),
    ("KEY_CONVERTER", "key.converter"),
    ("VALUE_CONVERTER", "value.converter"),
    ("HOST_NAME", "rest.advertised.host.name"),
    ("ADVERTISED_HOST_NAME", "rest.advertised.host.name"),
    ("ADVERTISED_PORT", "rest.advertised.port"),
    ("OFFSET_FLUSH_INTERVAL_MS", "offset.flush.interval.ms"),
    ("OFFSET_FLUSH_TIMEOUT_MS", "offset.flush.timeout.ms"),
    ("SHUTDOWN_TIMEOUT", "task.shutdown.graceful.timeout.ms"),
];

/// Without these there is no worker.
const REQUIRED: [&str; 3] = ["bootstrap.servers", "config.storage.topic", "offset.storage.topic"];

/// The worker's properties. Later names in the tables above go before earlier ones, and names without a prefix before those with one.
pub fn worker_properties(variables: &[(String, String)]) -> Result<Props> {
    let mut props: Props = BASE.into_iter().collect();
    let set = |name: &str| variables.iter().find(|(have, value)| have == name && !value.is_empty()).map(|(_, value)| value);
    if let Some(registry) = set("APICURIO_REGISTRY") {
        registry_of(&mut props, registry);
    }
    for (name, value) in variables {
        // the log's, which is Log4j's own
        if let Some(property) = name.strip_prefix("CONNECT_").filter(|rest| !rest.starts_with("LOG4J")) {
            props.set(property_name(property), value);
        }
    }
    for (name, property) in NAMED {
        if let Some(value) = set(name) {
            props.set(property, value);
        }
    }
    let missing = |property: &&str| props.get(property).is_none_or(|value| value.trim().is_empty());
    match REQUIRED.iter().find(|property| missing(property)) {
        None => Ok(props),
        Some(property) => {
            let variable = property.replace('.', "_").to_uppercase();
            Err(Error::configuration(format!("there is no worker file, and the environment does not say what {property} is"))
                .remedy(format!("name the worker's properties file, or set {variable} or CONNECT_{variable}")))
        }
    }
}

/// As Debezium's image does for `APICURIO_REGISTRY`.
fn registry_of(props: &mut Props, url: &str) {
    for converter in ["key.converter", "value.converter"] {
        props.set(converter, AVRO);
        for (option, value) in [("url", url), ("auto.register", "true"), ("find.latest", "true")] {
            props.set(format!("{converter}.apicurio.registry.{option}"), value);
        }
    }
}

/// `_` is a dot; in Confluent's image `__` is `_` and `___` is `-`.
fn property_name(variable: &str) -> String {
    variable.to_ascii_lowercase().replace("___", "-").replace("__", "\u{0}").replace('_', ".").replace('\u{0}', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Props> {
        worker_properties(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    }

    const TOPICS: [(&str, &str); 3] =
        [("BOOTSTRAP_SERVERS", "kafka:9092"), ("CONFIG_STORAGE_TOPIC", "configs"), ("OFFSET_STORAGE_TOPIC", "offsets")];

    #[test]
    fn debeziums_image_needs_three_names() {
        let props = read(&TOPICS).unwrap();
        for (property, value) in [
            ("bootstrap.servers", "kafka:9092"),
            ("group.id", "1"),
            ("config.storage.topic", "configs"),
            ("status.storage.topic", "connect-status"),
            ("offset.storage.replication.factor", "1"),
            ("key.converter", JSON),
        ] {
            assert_eq!(props.get(property), Some(value), "{property}");
        }
    }

    #[test]
    fn names_with_the_prefix_are_properties() {
        let more = [
            ("CONNECT_GROUP_ID", "other"),
            ("GROUP_ID", "mine"),
            ("CONNECT_PRODUCER_COMPRESSION_TYPE", "zstd"),
            ("CONNECT_CONFIG_PROVIDERS_ENV_PARAM_A__B___C", "x"),
            ("CONNECT_LOG4J_LOGGERS", "INFO, stdout"),
            ("ADVERTISED_HOST_NAME", "worker-1"),
            ("HOST_NAME", "10.0.0.1"),
        ];
        let props = read(&[&TOPICS[..], &more].concat()).unwrap();
        assert_eq!(props.get("group.id"), Some("mine"));
        assert_eq!(props.get("producer.compression.type"), Some("zstd"));
        assert_eq!(props.get("config.providers.env.param.a_b-c"), Some("x"));
        assert_eq!(props.get("rest.advertised.host.name"), Some("worker-1"));
        assert!(!props.iter().any(|(name, _)| name.contains("log4j")));
    }

    #[test]
    fn confluents_image_has_the_prefix_everywhere() {
        let confluent: Vec<_> = TOPICS.iter().map(|(name, value)| (format!("CONNECT_{name}"), (*value).to_owned())).collect();
        assert_eq!(worker_properties(&confluent).unwrap().get("offset.storage.topic"), Some("offsets"));
    }

    #[test]
    fn a_registry_brings_its_converters() {
        let props = read(&[&TOPICS[..], &[("APICURIO_REGISTRY", "http://registry:8080")]].concat()).unwrap();
        assert_eq!(props.get("value.converter"), Some(AVRO));
        assert_eq!(props.get("key.converter.apicurio.registry.url"), Some("http://registry:8080"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read(&[TOPICS[0], TOPICS[1], ("OFFSET_STORAGE_TOPIC", "")]).unwrap_err().to_string();
        assert!(error.contains("offset.storage.topic") && error.contains("CONNECT_OFFSET_STORAGE_TOPIC"), "{error}");
    }
}
