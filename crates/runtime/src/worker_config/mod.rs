//! The worker's own properties: declared, defaulted, checked. Those of a group stand in `distributed`.
//!
//! What a connector's configuration means belongs to `connector_config`; listeners are read by the REST server, client
//! properties by the Kafka client.

mod distributed;

use std::sync::OnceLock;
use std::time::Duration;

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Error, Importance, Props, Result, Validator, Width};

use crate::backup;
use crate::variables::{self, Variables};

pub use distributed::{Membership, is_group};
pub(crate) use distributed::{NEEDED as GROUP_NEEDS, is_of_group, refusals};

const fn key(name: &'static str, kind: ConfigType, default: Option<&'static str>, doc: &'static str) -> ConfigKey {
    let mut key = ConfigKey::new(name, kind, Importance::Medium, name).doc(doc).width(Width::None);
    key.default = default;
    key.group = "Worker";
    key
}

const fn required(mut key: ConfigKey) -> ConfigKey {
    key.required = true;
    key.importance = Importance::High;
    key
}

/// Kafka Connect 4.3's `WorkerConfig` and `StandaloneConfig`.
const KEYS: &[ConfigKey] = &[
    required(key(
        "bootstrap.servers",
        ConfigType::List,
        None,
        "host:port of Kafka brokers to begin with; the rest is learnt from them.",
    )),
    key("client.dns.lookup", ConfigType::String, Some("use_all_dns_ips"), "Accepted; all addresses of a name are tried.").idle(),
    required(key(
        "key.converter",
        ConfigType::Class,
        None,
        "Converter of record keys; its own options follow under `key.converter.`. A connector may name another one.",
    )),
    key("key.converter.plugin.version", ConfigType::String, None, "Accepted; there is one version of each converter.").idle(),
    required(key(
        "value.converter",
        ConfigType::Class,
        None,
        "Converter of record values; its own options follow under `value.converter.`.",
    )),
    key("value.converter.plugin.version", ConfigType::String, None, "Accepted; there is one version of each converter.").idle(),
    key(
        "header.converter",
        ConfigType::Class,
        Some("org.apache.kafka.connect.storage.SimpleHeaderConverter"),
        "Converter of header values.",
    ),
    key("header.converter.plugin.version", ConfigType::String, None, "Accepted; there is one version of each converter.").idle(),
    key(
        "task.shutdown.graceful.timeout.ms",
        ConfigType::Long,
        Some("5000"),
        "How long a stop waits, for all tasks together, until what was read is durable and its offsets are stored.",
    ),
    key(
        "offset.flush.interval.ms",
        ConfigType::Long,
        Some("60000"),
        "How often offsets are stored, after which the database may forget what is before them.",
    ),
    key(
        "offset.flush.timeout.ms",
        ConfigType::Long,
        Some("5000"),
        "How long storing offsets in the topic of a group may take before it has failed; it is tried again at the next interval. Offsets of durable records are stored without waiting for the others.",
    ),
    key(
        "offset.storage.file.filename",
        ConfigType::String,
        None,
        "The offsets file of standalone mode, in the format that Java workers write.",
    ),
    key("plugin.path", ConfigType::List, None, "Accepted and not used: connectors, converters and transforms are built in.")
        .idle(),
    key("plugin.discovery", ConfigType::String, Some("hybrid_warn"), "Accepted and not used.").idle(),
    key(
        "config.providers",
        ConfigType::List,
        Some(""),
        "Aliases of providers that fill in `${alias:path:key}`; classes under `config.providers.<alias>.class`.",
    ),
    key(
        "connector.client.config.override.policy",
        ConfigType::String,
        Some("All"),
        "Which `producer.override.` and `admin.override.` properties a connector may set: All, None or Principal.",
    ),
    key(
        "topic.creation.enable",
        ConfigType::Boolean,
        Some("true"),
        "Whether `topic.creation.` properties of connectors create topics; else the broker does.",
    ),
    key(
        "topic.tracking.enable",
        ConfigType::Boolean,
        Some("true"),
        "Whether the topics that a connector wrote to are remembered.",
    ),
    key("topic.tracking.allow.reset", ConfigType::Boolean, Some("true"), "Whether they may be forgotten by request."),
    key("metrics.sample.window.ms", ConfigType::Long, Some("30000"), "Accepted and not used.").idle(),
    key("metrics.num.samples", ConfigType::Int, Some("2"), "Accepted and not used.").idle(),
    key("metrics.recording.level", ConfigType::String, Some("INFO"), "Accepted and not used.").idle(),
    key("metric.reporters", ConfigType::List, Some("org.apache.kafka.common.metrics.JmxReporter"), "Accepted and not used.")
        .idle(),
    key(
        "listeners",
        ConfigType::List,
        Some("http://:8083"),
        "Addresses of the REST API: http or https, as `http://host:port`; without a host, or with 0.0.0.0, all of this machine's. https is set up by \
         `listeners.https.ssl.*`, or, where no property begins so, by `ssl.*`; see above.",
    ),
    key(
        "admin.listeners",
        ConfigType::List,
        None,
        "Addresses of the admin endpoints; absent: those of `listeners`; empty: none. https by `admin.listeners.https.ssl.*`, or `ssl.*`. No password \
         is asked for there, as in Kafka Connect.",
    ),
    key(
        "rest.advertised.host.name",
        ConfigType::String,
        None,
        "Host name of the worker's id, by which the others of its group reach it; absent: the listener's.",
    ),
    key("rest.advertised.port", ConfigType::Int, None, "Port of the worker's id; absent: the listener's."),
    key(
        "rest.advertised.listener",
        ConfigType::String,
        None,
        "http or https: how the others of the group reach it, by which of `listeners` unless host and port are given; absent: http if there is one.",
    ),
    one_of(
        key(
            "ssl.client.auth",
            ConfigType::String,
            Some("none"),
            "Whether https listeners ask those who call for a certificate (also under `listeners.https.`): required, requested (who shows none gets in) or none.",
        ),
        &["required", "requested", "none"],
    ),
    key("rest.host.name", ConfigType::String, None, "Deprecated and without effect; use `listeners`.").idle().unlisted(),
    key("rest.port", ConfigType::Int, None, "Deprecated and without effect; use `listeners`.").idle().unlisted(),
    key(
        "access.control.allow.origin",
        ConfigType::String,
        Some(""),
        "Origins that browsers may call the REST API from (CORS): Java regular expressions, by comma; `*`: any; empty: none.",
    ),
    key("access.control.allow.methods", ConfigType::String, Some(""), "Methods that such calls may use; empty: GET, POST, HEAD."),
    key(
        "response.http.headers.config",
        ConfigType::String,
        Some(""),
        "Headers of every answer, by comma: `set|add|setDate|addDate name: value`, in double quotes where it has a comma; the value of a date is \
         milliseconds from now. What an answer has of its own stays.",
    ),
    key(
        "rest.extension.classes",
        ConfigType::List,
        Some(""),
        "`org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension` asks for a user and password, see above; any other is refused.",
    ),
    key(
        "rowtide.config.env",
        ConfigType::Boolean,
        Some("false"),
        "Whether `${NAME}` in a connector's configuration is filled in from this process's environment. Whoever may call REST can then read it.",
    ),
];

/// Backups of configurations and offsets.
const BACKUPS: &[ConfigKey] = &[
    key(
        "rowtide.backup.directory",
        ConfigType::String,
        None,
        "Where backups of configurations and offsets are written: a local directory, or `s3://bucket/prefix` of an object store. `rowtide run`: `backups` in its data directory, \
         unless it is set, or set to nothing. `rowtide standalone`, `rowtide distributed`: none unless it is set. See [offsets.md](offsets.md).",
    ),
    at_least(key("rowtide.backup.interval.ms", ConfigType::Long, Some("3600000"), "How often a backup is taken."), 1),
    at_least(key("rowtide.backup.keep", ConfigType::Int, Some("72"), "How many backups are kept; older ones are removed."), 1),
    key(
        "rowtide.backup.s3.region",
        ConfigType::String,
        None,
        "Region of the bucket that backups are written to. Without it what `AWS_REGION` or `AWS_DEFAULT_REGION` says, else `us-east-1`.",
    ),
    key(
        "rowtide.backup.s3.endpoint",
        ConfigType::String,
        None,
        "URL of the object store, if it is not Amazon's: `https://minio.example:9000`. Without it what `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` says.",
    ),
];

const fn one_of(mut key: ConfigKey, words: &'static [&'static str]) -> ConfigKey {
    key.validator = Validator::OneOf(words);
    key
}

const fn at_least(mut key: ConfigKey, least: i64) -> ConfigKey {
    key.validator = Validator::AtLeast(least);
    key
}

/// Families that are passed on, or accepted.
const PREFIXES: &[&str] = &[
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "config.providers.",
    "producer.",
    "consumer.",
    "admin.",
    "admin.listeners.https.",
    "listeners.https.",
    "ssl.",
    "sasl.",
    "security.",
    "internal.key.converter",
    "internal.value.converter",
    "metrics.context.",
    // settings of the topics of a group when they are created
    "config.storage.",
    "offset.storage.",
    "status.storage.",
];

/// The declaration, for the manual.
pub fn definition() -> &'static ConfigDef {
    static DEF: OnceLock<ConfigDef> = OnceLock::new();
    DEF.get_or_init(|| ConfigDef {
        // a file made for the one mode is no reason to warn in the other
        keys: [KEYS, BACKUPS, distributed::KEYS].concat(),
        prefixes: PREFIXES.to_vec(),
    })
}

/// Which client properties a connector may override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverridePolicy {
    /// any
    All,
    /// none
    None,
    /// who it is: `security.protocol`, `sasl.jaas.config`, `sasl.mechanism`
    Principal,
}

const POLICY: &str = "connector.client.config.override.policy";

/// What a standalone worker cannot be without.
pub(crate) const STANDALONE_NEEDS: [&str; 4] =
    ["bootstrap.servers", "key.converter", "value.converter", "offset.storage.file.filename"];

/// Why a worker does not start that lacks a property.
pub(crate) fn missing(name: &str) -> Error {
    Error::configuration(format!("Missing required configuration \"{name}\" which has no default value."))
        .remedy(format!("set '{name}' in the worker's properties file"))
}

/// Every property that has a value which no worker can start with, and why. What is missing is told by the modes.
pub(crate) fn faults(props: &Props) -> Vec<(String, Error)> {
    let mut faults = Vec::new();
    for value in definition().validate(props) {
        if let Some(error) = value.errors.iter().find(|error| !error.starts_with("Missing required")) {
            let error = Error::configuration(error.as_str()).remedy("correct it in the worker's properties file");
            faults.push((value.name, error));
        }
    }
    if let Some(error) = props.get(POLICY).and_then(|policy| OverridePolicy::read(policy.trim()).err()) {
        faults.push((POLICY.to_owned(), error));
    }
    faults
}

impl OverridePolicy {
    fn read(policy: &str) -> Result<Self> {
        match policy.rsplit('.').next().unwrap_or(policy) {
            "All" | "AllConnectorClientConfigOverridePolicy" => Ok(OverridePolicy::All),
            "None" | "NoneConnectorClientConfigOverridePolicy" => Ok(OverridePolicy::None),
            "Principal" | "PrincipalConnectorClientConfigOverridePolicy" => Ok(OverridePolicy::Principal),
            other => {
                Err(Error::configuration(format!("{POLICY}: there is no policy '{other}'")).remedy("use All, None or Principal"))
            }
        }
    }

    /// Connect's reason why a property may not be overridden; none when it may.
    pub fn refuses(self, property: &str) -> Option<String> {
        let name = match self {
            OverridePolicy::All => return None,
            OverridePolicy::Principal if matches!(property, "security.protocol" | "sasl.jaas.config" | "sasl.mechanism") => {
                return None;
            }
            OverridePolicy::Principal => "Principal",
            OverridePolicy::None => "None",
        };
        Some(format!("The '{name}' policy does not allow '{property}' to be overridden in the connector configuration."))
    }
}

/// `exactly.once.source.support`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnceSupport {
    /// neither leader nor tasks write in transactions
    Disabled,
    /// the leader does, so that workers with `Enabled` may join
    Preparing,
    /// tasks do, too
    Enabled,
}

impl ExactlyOnceSupport {
    /// Of a worker's properties, which have no faults.
    fn read(props: &Props) -> Self {
        match props.get("exactly.once.source.support").filter(|_| is_group(props)).map(str::to_ascii_lowercase).as_deref() {
            Some("enabled") => Self::Enabled,
            Some("preparing") => Self::Preparing,
            _ => Self::Disabled,
        }
    }
}

/// A worker's configuration, checked.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// as the user wrote it, variables filled in
    pub props: Props,
    /// `offset.flush.interval.ms`
    pub flush_interval: Duration,
    /// `task.shutdown.graceful.timeout.ms`
    pub graceful_timeout: Duration,
    /// `topic.creation.enable`
    pub topic_creation: bool,
    /// `topic.tracking.enable`
    pub topic_tracking: bool,
    /// `topic.tracking.allow.reset`
    pub topic_reset: bool,
    /// `connector.client.config.override.policy`
    pub override_policy: OverridePolicy,
    /// of a worker of a group; any other is without
    pub exactly_once: ExactlyOnceSupport,
    /// what fills in variables of connectors' configurations
    pub variables: Variables,
    /// `rowtide.backup.*`; none: no backups
    pub backups: Option<backup::Settings>,
}

impl WorkerConfig {
    /// The worker of `rowtide standalone`. Warns of what has no effect, fails on what a worker cannot run with.
    pub fn standalone(props: &Props) -> Result<Self> {
        let worker = Self::read(props, false)?;
        worker.insist(STANDALONE_NEEDS)?;
        Ok(worker)
    }

    fn insist<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        match names.into_iter().find(|name| self.lacks(name)) {
            Some(name) => Err(missing(name)),
            None => Ok(()),
        }
    }

    fn lacks(&self, name: &str) -> bool {
        self.get(name).is_none_or(|value| value.trim().is_empty())
    }

    /// The worker of `rowtide run`: JSON converters unless told otherwise, variables always filled in.
    pub fn run(props: &Props) -> Result<Self> {
        let mut filled = props.clone();
        for name in ["key.converter", "value.converter"] {
            if filled.get(name).is_none() {
                filled.set(name, "org.apache.kafka.connect.json.JsonConverter");
            }
        }
        Self::read(&filled, true)
    }

    fn read(props: &Props, always_environment: bool) -> Result<Self> {
        let environment = always_environment || definition().read(props).flag("rowtide.config.env");
        let variables = Variables::new(environment, props)?;
        let props = variables.fill_in(props)?;
        match faults(&props).into_iter().next() {
            Some((_, error)) => Err(error),
            None => Self::of(props, variables),
        }
    }

    /// What connectors may be held against although the worker itself could not start, or not here: the rest of its properties
    /// where some are wrong, or have variables, of which none is looked up.
    pub(crate) fn outline(props: &Props) -> Result<Self> {
        let faulty: Vec<String> = faults(props).into_iter().map(|(name, _)| name).collect();
        let sound = props
            .iter()
            .filter(|(name, value)| !faulty.iter().any(|faulty| faulty == name) && variables::placeholders(value).is_empty());
        let sound: Props = sound.collect();
        let environment = definition().read(&sound).flag("rowtide.config.env");
        Self::of(sound.clone(), Variables::new(environment, &sound).unwrap_or_default())
    }

    /// Of properties that have no faults.
    fn of(props: Props, variables: Variables) -> Result<Self> {
        let view = definition().read(&props);
        let override_policy = OverridePolicy::read(view.text(POLICY)?)?;
        Ok(Self {
            flush_interval: view.millis("offset.flush.interval.ms")?,
            graceful_timeout: view.millis("task.shutdown.graceful.timeout.ms")?,
            topic_creation: view.flag("topic.creation.enable"),
            topic_tracking: view.flag("topic.tracking.enable"),
            topic_reset: view.flag("topic.tracking.allow.reset"),
            override_policy,
            exactly_once: ExactlyOnceSupport::read(&props),
            variables,
            backups: backup::Settings::read(&view)?,
            props,
        })
    }

    /// Says once, in the log, what of the file has no effect.
    pub fn log_what_has_no_effect(&self) {
        let idle: Vec<&str> = definition().idle(&self.props).into_iter().map(|key| key.name).collect();
        if !idle.is_empty() {
            tracing::info!("accepted and not used: {}", idle.join(", "));
        }
        for sentence in definition().unknown(&self.props, &[]) {
            tracing::warn!("{sentence}");
        }
    }

    /// A property, or its default.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.props.get(name).or_else(|| definition().key(name).and_then(|key| key.default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(more: &[(&str, &str)]) -> Props {
        let base = [
            ("bootstrap.servers", "b:9092"),
            ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("offset.storage.file.filename", "/tmp/o"),
        ];
        base.iter().chain(more).copied().collect()
    }

    #[test]
    fn defaults_are_connects() {
        let worker = WorkerConfig::standalone(&props(&[("plugin.path", "/x"), ("offset.flush.interval.ms", "100")])).unwrap();
        assert_eq!(worker.flush_interval, Duration::from_millis(100));
        assert_eq!(worker.graceful_timeout, Duration::from_secs(5));
        assert!(worker.topic_creation && worker.topic_tracking && worker.topic_reset);
        assert_eq!(worker.override_policy, OverridePolicy::All);
        assert!(worker.backups.is_none());
        assert_eq!(worker.get("header.converter"), Some("org.apache.kafka.connect.storage.SimpleHeaderConverter"));
    }

    #[test]
    fn what_a_worker_cannot_run_with_is_named() {
        let without: Props = props(&[]).iter().filter(|(name, _)| *name != "key.converter").collect();
        let error = WorkerConfig::standalone(&without).unwrap_err();
        assert_eq!(error.message(), "Missing required configuration \"key.converter\" which has no default value.");
        let error = WorkerConfig::standalone(&props(&[("offset.flush.interval.ms", "soon")])).unwrap_err();
        assert!(error.message().contains("Invalid value soon for configuration offset.flush.interval.ms"), "{error}");
        let error = WorkerConfig::standalone(&props(&[("connector.client.config.override.policy", "Some")])).unwrap_err();
        assert!(error.message().contains("there is no policy 'Some'"));
    }

    #[test]
    fn backups_are_taken_where_a_directory_is_named() {
        let worker =
            WorkerConfig::standalone(&props(&[("rowtide.backup.directory", "/b"), ("rowtide.backup.keep", "3")])).unwrap();
        let backups = worker.backups.unwrap();
        assert_eq!((backups.interval, backups.keep), (Duration::from_secs(3600), 3));
        let error = WorkerConfig::standalone(&props(&[("rowtide.backup.keep", "0")])).unwrap_err();
        assert!(error.message().contains("rowtide.backup.keep"), "{error}");
    }

    #[test]
    fn policies_refuse_in_connects_words() {
        assert_eq!(OverridePolicy::Principal.refuses("sasl.mechanism"), None);
        assert_eq!(
            OverridePolicy::None.refuses("acks").unwrap(),
            "The 'None' policy does not allow 'acks' to be overridden in the connector configuration."
        );
    }

    #[test]
    fn unknown_keys_come_with_what_was_meant() {
        let sentences = definition().unknown(&props(&[("offset.flush.intervall.ms", "1"), ("producer.linger.ms", "5")]), &[]);
        assert_eq!(
            sentences,
            ["the property 'offset.flush.intervall.ms' is not known and has no effect; did you mean 'offset.flush.interval.ms'?"]
        );
    }
}
