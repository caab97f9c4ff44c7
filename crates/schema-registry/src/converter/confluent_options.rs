//! The options that Confluent's converters share: how a schema is registered, and how the registry is reached.
//!
//! Source: `AbstractKafkaSchemaSerDeConfig` and `SchemaRegistryClientConfig` of Confluent's Schema Registry.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderName};
use rowtide_api::config::Config;
use rowtide_api::{ConfigKey, ConfigType, Error, Importance, Result, Validator};

use super::options::{self, Headers, Patience, flag, number, password, text};
use crate::http::{Base, Http, Retries, basic, secret};

/// What would change what is written, or how the registry is reached, and is not there yet.
const REFUSED: [&str; 9] = [
    "use.schema.id",
    "use.schema.guid",
    "use.latest.with.metadata",
    "context.name.strategy",
    "proxy.host",
    "proxy.port",
    "schema.backup.enabled",
    "key.schema.id.serializer",
    "value.schema.id.serializer",
];

/// Values of these that change nothing.
const HARMLESS: [&str; 5] = [
    "",
    "-1",
    "false",
    "io.confluent.kafka.serializers.context.NullContextNameStrategy",
    "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer",
];

/// Prefixes under which any option may stand.
pub(super) const PREFIXES: [&str; 2] = ["schema.registry.ssl.", "request.header."];

/// All of them but those of the data itself. `latest` says what `use.latest.version` does.
pub(super) fn keys(latest: &'static str) -> Vec<ConfigKey> {
    [vec![rowtide_converters::options::CONVERTER_TYPE], registration(latest), access(), idle(), options::refused(&REFUSED)]
        .concat()
}

fn registration(latest: &'static str) -> Vec<ConfigKey> {
    let strategy = |name| {
        let class = "io.confluent.kafka.serializers.subject.TopicNameStrategy";
        let key = ConfigKey::new(name, ConfigType::Class, Importance::Medium, name).default_value(class);
        key.doc("Under which subject a schema is registered: TopicNameStrategy (<topic>-key, <topic>-value), RecordNameStrategy (the record's full name) or TopicRecordNameStrategy (<topic>-<record>), with or without their package.")
    };
    vec![
        ConfigKey { required: true, ..ConfigKey::new("schema.registry.url", ConfigType::List, Importance::High, "schema.registry.url") }
            .doc("URLs of the registry, separated by commas; when one does not answer the next is asked. Credentials may stand in them (https://user:password@host)."),
        flag("auto.register.schemas", "true", Importance::Medium)
            .doc("Whether schemas are registered; otherwise they must be registered already, and the task stops at one that is not."),
        flag("use.latest.version", "false", Importance::Low).doc(latest),
        flag("latest.compatibility.strict", "true", Importance::Low)
            .doc("Has no effect here: a registered schema that values cannot be written by always stops the task.")
            .idle(),
        flag("normalize.schemas", "false", Importance::Medium).doc("Whether the registry normalizes schemas before it compares them."),
        strategy("key.subject.name.strategy"),
        strategy("value.subject.name.strategy"),
    ]
}

fn access() -> Vec<ConfigKey> {
    vec![
        text("basic.auth.credentials.source", Importance::Medium)
            .default_value("URL")
            .doc("Where basic authentication's credentials are: URL (user:password@ in schema.registry.url), USER_INFO (basic.auth.user.info); SASL_INHERIT is refused."),
        password("basic.auth.user.info").doc("user:password, for basic.auth.credentials.source=USER_INFO."),
        ConfigKey { validator: Validator::Alias, ..password("schema.registry.basic.auth.user.info") }
            .doc("The older name of basic.auth.user.info."),
        text("bearer.auth.credentials.source", Importance::Medium)
            .doc("Where a bearer token comes from, instead of basic authentication: STATIC_TOKEN (bearer.auth.token); other sources are refused."),
        password("bearer.auth.token").doc("The token, for bearer.auth.credentials.source=STATIC_TOKEN."),
        text("bearer.auth.logical.cluster", Importance::Low).doc("Sent with a bearer token as target-sr-cluster."),
        text("bearer.auth.identity.pool.id", Importance::Low).doc("Sent with a bearer token as Confluent-Identity-Pool-Id."),
        number("http.connect.timeout.ms", "60000", Importance::Low).doc("How long a connection to the registry may take."),
        number("http.read.timeout.ms", "60000", Importance::Low).doc("How long an answer of the registry may take."),
        number("max.retries", "3", Importance::Low)
            .doc("How often a request that no URL answers is tried again; then the task restarts after retriable.restart.connector.wait.ms, and loses nothing."),
        number("retries.wait.ms", "1000", Importance::Low).doc("Wait before the first try again; twice as long each time."),
        number("retries.max.wait.ms", "20000", Importance::Low).doc("The longest wait between tries."),
    ]
}

fn idle() -> Vec<ConfigKey> {
    let own_cache = "Size of one of Java's caches. Has no effect here: what was asked once is known for as long as it is used.";
    vec![
        text("key.schema.id.deserializer", Importance::Low).doc(options::READING).idle(),
        text("value.schema.id.deserializer", Importance::Low).doc(options::READING).idle(),
        number("max.schemas.per.subject", "1000", Importance::Low).doc(own_cache).idle(),
        number("latest.cache.size", "1000", Importance::Low).doc(own_cache).idle(),
        flag("schema.registry.url.randomize", "false", Importance::Low)
            .doc("Has no effect here: the first URL that answers is kept.")
            .idle(),
    ]
}

/// What they say.
pub(crate) struct Options {
    pub http: Http,
    pub auto_register: bool,
    pub use_latest: bool,
    pub normalize: bool,
    pub strategy: Strategy,
}

/// How a subject is named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strategy {
    Topic,
    Record,
    TopicRecord,
}

impl Options {
    pub(crate) fn read(config: Config<'_>, is_key: bool) -> Result<Self> {
        for name in REFUSED {
            options::refuse(config.props(), name, &HARMLESS, options::LATER)?;
        }
        let strategy = if is_key { "key.subject.name.strategy" } else { "value.subject.name.strategy" };
        Ok(Self {
            http: http(config)?,
            auto_register: config.flag("auto.register.schemas"),
            use_latest: config.flag("use.latest.version"),
            normalize: config.flag("normalize.schemas"),
            strategy: strategy_of(strategy, config.text(strategy)?)?,
        })
    }
}

fn strategy_of(name: &str, class: &str) -> Result<Strategy> {
    match options::simple(class) {
        // newest releases ask the registry for an association first, and without one go by the topic
        "TopicNameStrategy" | "AssociatedNameStrategy" => Ok(Strategy::Topic),
        "RecordNameStrategy" => Ok(Strategy::Record),
        "TopicRecordNameStrategy" => Ok(Strategy::TopicRecord),
        _ => Err(Error::configuration(format!("Invalid value {class} for configuration {name}: no such strategy is built in"))
            .remedy("use TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy")),
    }
}

fn http(config: Config<'_>) -> Result<Http> {
    let mut urls = Vec::new();
    for url in config.list("schema.registry.url") {
        urls.push(Base::read(url)?);
    }
    if urls.is_empty() {
        return Err(Error::configuration("Missing required configuration \"schema.registry.url\" which has no default value.")
            .remedy("set schema.registry.url under the converter's prefix, such as value.converter.schema.registry.url"));
    }
    let props = config.props();
    let mut headers = options::request_headers(props, "request.header.")?;
    headers.extend(authorization(config)?);
    let patience = Patience {
        connect: config.millis("http.connect.timeout.ms")?,
        read: config.millis("http.read.timeout.ms")?,
        retries: Retries {
            most: config.size("max.retries")? as u64,
            wait: config.millis("retries.wait.ms")?.max(Duration::from_millis(1)),
            longest_wait: config.millis("retries.max.wait.ms")?,
        },
    };
    options::http(urls, headers, &props.with_prefix("schema.registry."), patience)
}

/// The header of basic or bearer authentication, unless the URLs say it.
fn authorization(config: Config<'_>) -> Result<Headers> {
    let props = config.props();
    let given = |name: &str| props.get(name).map(str::trim).filter(|value| !value.is_empty());
    let missing = |name: &str| {
        Error::configuration(format!("{name} is not set, but its credentials source names it")).remedy(format!("set {name}"))
    };
    if let Some(source) = given("bearer.auth.credentials.source") {
        if !source.eq_ignore_ascii_case("STATIC_TOKEN") {
            return Err(Error::configuration(format!("bearer.auth.credentials.source={source} is not supported"))
                .remedy("use STATIC_TOKEN with bearer.auth.token, or basic authentication"));
        }
        let token = given("bearer.auth.token").ok_or_else(|| missing("bearer.auth.token"))?;
        let mut headers = vec![(AUTHORIZATION, secret(&format!("Bearer {token}"))?)];
        for (option, header) in
            [("bearer.auth.logical.cluster", "target-sr-cluster"), ("bearer.auth.identity.pool.id", "confluent-identity-pool-id")]
        {
            if let Some(value) = given(option) {
                headers.push((HeaderName::from_static(header), secret(value)?));
            }
        }
        return Ok(headers);
    }
    match config.opt("basic.auth.credentials.source").unwrap_or_default() {
        source if source.is_empty() || source.eq_ignore_ascii_case("URL") => Ok(Vec::new()),
        source if source.eq_ignore_ascii_case("USER_INFO") => {
            let info = given("basic.auth.user.info").or_else(|| given("schema.registry.basic.auth.user.info"));
            let info = info.ok_or_else(|| missing("basic.auth.user.info"))?;
            Ok(vec![(AUTHORIZATION, basic(info)?)])
        }
        source => Err(Error::configuration(format!("basic.auth.credentials.source={source} is not supported"))
            .remedy("use USER_INFO with basic.auth.user.info, or URL")),
    }
}
