//! The options of `io.apicurio.registry.utils.converter.AvroConverter`.
//!
//! Source: `SerdeConfig`, `SchemaResolverConfig`, `AvroKafkaSerdeConfig` and `AvroDataConfig` of Apicurio Registry 2.6.13.

use std::sync::LazyLock;
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use rowtide_api::config::Config;
use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Error, Importance, Props, Result, Validator};

use super::options::{self, DATA, Patience, flag, number, password, text};
use crate::apicurio::{ApiVersion, IdOption, IfExists, base};
use crate::avro::Settings;
use crate::http::{Http, Retries, basic};

/// As long as Java's client waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// What would change what is written, or how the registry is reached, and is not there yet.
const REFUSED: [&str; 6] = [
    "apicurio.auth.service.token.endpoint",
    "apicurio.auth.service.url",
    "apicurio.registry.headers.handler",
    "apicurio.registry.schema-resolver",
    "apicurio.registry.avro-datum-provider",
    "apicurio.registry.artifact.schema.location",
];

/// Values of these that change nothing.
const HARMLESS: [&str; 4] = [
    "",
    "io.apicurio.registry.serde.headers.DefaultHeadersHandler",
    "io.apicurio.registry.resolver.DefaultSchemaResolver",
    "io.apicurio.registry.serde.avro.DefaultAvroDatumProvider",
];

/// Prefixes under which any option may stand.
pub(super) const PREFIXES: [&str; 3] =
    ["apicurio.registry.request.ssl.", "apicurio.registry.request.headers.", "apicurio.registry.headers."];

/// What Apicurio's converters share: how a schema is registered, and how the registry is reached.
/// `latest` says what `find-latest` does.
pub(super) fn keys(latest: &'static str) -> Vec<ConfigKey> {
    [vec![rowtide_converters::options::CONVERTER_TYPE], registration(latest), access(), idle(), options::refused(&REFUSED)]
        .concat()
}

pub(crate) fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let latest = "With apicurio.registry.auto-register=false: values are written by the artifact's latest version, whatever the table's schema. Fields go by name; a field that the registered schema lacks is not written, one that the table lacks stops the task.";
        let keys = [keys(latest), wire(), DATA.to_vec(), vec![SPECIFIC, VALIDATION]];
        ConfigDef { keys: keys.concat(), prefixes: PREFIXES.to_vec() }
    });
    &DEF
}

const SPECIFIC: ConfigKey =
    flag("apicurio.registry.use-specific-avro-reader", "false", Importance::Low).doc(options::READING).idle();
const VALIDATION: ConfigKey = flag("apicurio.registry.serde.validation-enabled", "true", Importance::Low)
    .doc("Concerns JSON Schema only: has no effect on Avro.")
    .idle();

fn registration(latest: &'static str) -> Vec<ConfigKey> {
    vec![
        ConfigKey { required: true, ..text("apicurio.registry.url", Importance::High) }
            .doc("URL of the registry's API, …/apis/registry/v2 or …/apis/registry/v3; without either, v2 is added. Several, separated by commas, are tried in turn."),
        flag("apicurio.registry.auto-register", "false", Importance::High)
            .doc("Whether schemas are registered; otherwise they must be there already, and the task stops at one that is not."),
        ConfigKey { validator: Validator::OneOf(&["FAIL", "UPDATE", "RETURN", "RETURN_OR_UPDATE"]), ..text("apicurio.registry.auto-register.if-exists", Importance::Medium) }
            .default_value("RETURN_OR_UPDATE")
            .doc("What becomes of a schema when the artifact is there already."),
        flag("apicurio.registry.find-latest", "false", Importance::Medium).doc(latest),
        ConfigKey::new("apicurio.registry.artifact-resolver-strategy", ConfigType::Class, Importance::Medium, "apicurio.registry.artifact-resolver-strategy")
            .default_value("io.apicurio.registry.serde.strategy.TopicIdStrategy")
            .doc("Which artifact a schema is: TopicIdStrategy (<topic>-key, <topic>-value), SimpleTopicIdStrategy (<topic>), RecordIdStrategy, TopicRecordIdStrategy or QualifiedRecordIdStrategy, with or without their package."),
        text("apicurio.registry.artifact.group-id", Importance::Medium).doc("The artifact's group; default where it is not set."),
        text("apicurio.registry.artifact.artifact-id", Importance::Low).doc("The artifact's id, instead of the strategy's."),
        text("apicurio.registry.artifact.version", Importance::Low).doc("The artifact's version, instead of the latest."),
        flag("apicurio.registry.dereference-schema", "true", Importance::Low)
            .doc("Whether a schema is registered whole; only true is supported: Java would register each record within as an artifact of its own."),
    ]
}

fn wire() -> Vec<ConfigKey> {
    vec![
        flag("apicurio.registry.headers.enabled", "true", Importance::Medium)
            .doc("Whether the id goes in a header (apicurio.value.globalId and the like), beside one of the encoding; otherwise before the value: a zero byte and the id. Apicurio 3 has false as its default."),
        flag("apicurio.registry.as-confluent", "false", Importance::Low)
            .doc("With headers.enabled=false: the id has four bytes, as Confluent's, instead of eight."),
        ConfigKey { validator: Validator::OneOf(&["globalId", "contentId"]), ..text("apicurio.registry.use-id", Importance::Medium) }
            .default_value("globalId")
            .doc("Which id is written; readers of Confluent's format want contentId. Apicurio 3 has contentId as its default."),
        ConfigKey::new("apicurio.registry.id-handler", ConfigType::Class, Importance::Medium, "apicurio.registry.id-handler")
            .default_value("io.apicurio.registry.serde.DefaultIdHandler")
            .doc("How the id is written before a value: DefaultIdHandler (eight bytes) or Legacy4ByteIdHandler (four)."),
        ConfigKey { validator: Validator::OneOf(&["BINARY", "JSON"]), ..text("apicurio.registry.avro.encoding", Importance::Medium) }
            .default_value("BINARY")
            .doc("The encoding of values; only BINARY is supported."),
    ]
}

fn access() -> Vec<ConfigKey> {
    vec![
        text("apicurio.auth.username", Importance::Medium).doc("The user, for basic authentication."),
        password("apicurio.auth.password").doc("Its password."),
        number("apicurio.registry.retry-count", "3", Importance::Low)
            .doc("How often a request that is not answered is tried again; then the task restarts after retriable.restart.connector.wait.ms, and loses nothing."),
        number("apicurio.registry.retry-backoff-ms", "300", Importance::Low).doc("Wait between tries; twice as long each time."),
    ]
}

fn idle() -> Vec<ConfigKey> {
    let cache = "Has no effect here: what was asked once is known for as long as it is used.";
    vec![
        number("apicurio.registry.check-period-ms", "30000", Importance::Low).doc(cache).idle(),
        flag("apicurio.registry.cache-latest", "true", Importance::Low).doc(cache).idle(),
        flag("apicurio.registry.fault-tolerant-refresh", "false", Importance::Low).doc(cache).idle(),
        flag("apicurio.registry.serializer.dereference-schema", "false", Importance::Low).doc(options::READING).idle(),
        flag("apicurio.registry.deserializer.dereference-schema", "false", Importance::Low).doc(options::READING).idle(),
        text("apicurio.registry.fallback.group-id", Importance::Low).doc(options::READING).idle(),
        text("apicurio.registry.fallback.artifact-id", Importance::Low).doc(options::READING).idle(),
        text("apicurio.registry.fallback.version", Importance::Low).doc(options::READING).idle(),
    ]
}

/// What the options say.
pub(crate) struct Options {
    pub http: Http,
    pub version: ApiVersion,
    pub registration: Registration,
    pub settings: Settings,
    pub id: IdOption,
    pub place: IdPlace,
}

/// As which artifact a schema is registered or looked for.
pub(crate) struct Registration {
    pub auto_register: bool,
    pub if_exists: IfExists,
    pub find_latest: bool,
    pub strategy: Strategy,
    pub group: Option<String>,
    pub artifact: Option<String>,
    pub version: Option<String>,
}

/// Which artifact a schema is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strategy {
    Topic,
    SimpleTopic,
    Record,
    TopicRecord,
    QualifiedRecord,
}

/// Where the id is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IdPlace {
    /// in a header of this name
    Header(String),
    /// after the magic byte, in eight bytes or four
    Prefix { long: bool },
}

impl Options {
    pub(crate) fn read(props: &Props, is_key: bool) -> Result<Self> {
        options::check(definition(), props)?;
        let config = definition().read(props);
        options::refuse(props, "apicurio.registry.avro.encoding", &["BINARY"], "leave it out: BINARY is what is supported")?;
        let (http, version) = http(config)?;
        Ok(Self {
            http,
            version,
            registration: Registration::read(config)?,
            settings: options::settings(config),
            id: match config.text("apicurio.registry.use-id")? {
                "contentId" => IdOption::Content,
                _ => IdOption::Global,
            },
            place: place(config, is_key)?,
        })
    }
}

impl Registration {
    pub(super) fn read(config: Config<'_>) -> Result<Self> {
        let props = config.props();
        options::refuse(props, "apicurio.registry.dereference-schema", &["true"], "leave it out: schemas are registered whole")?;
        for name in REFUSED {
            let remedy = "leave it out: it is not supported; credentials are apicurio.auth.username and apicurio.auth.password";
            options::refuse(props, name, &HARMLESS, remedy)?;
        }
        let given = |name: &str| config.opt(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self {
            auto_register: config.flag("apicurio.registry.auto-register"),
            if_exists: IfExists::read(config.text("apicurio.registry.auto-register.if-exists")?),
            find_latest: config.flag("apicurio.registry.find-latest"),
            strategy: strategy(config)?,
            group: given("apicurio.registry.artifact.group-id"),
            artifact: given("apicurio.registry.artifact.artifact-id"),
            version: given("apicurio.registry.artifact.version"),
        })
    }
}

fn strategy(config: Config<'_>) -> Result<Strategy> {
    let name = "apicurio.registry.artifact-resolver-strategy";
    let class = config.text(name)?;
    Ok(match options::simple(class) {
        "TopicIdStrategy" => Strategy::Topic,
        "SimpleTopicIdStrategy" => Strategy::SimpleTopic,
        "RecordIdStrategy" => Strategy::Record,
        "TopicRecordIdStrategy" => Strategy::TopicRecord,
        "QualifiedRecordIdStrategy" => Strategy::QualifiedRecord,
        _ => {
            return Err(Error::configuration(format!("Invalid value {class} for configuration {name}: no such strategy is built in"))
                .remedy("use TopicIdStrategy, SimpleTopicIdStrategy, RecordIdStrategy, TopicRecordIdStrategy or QualifiedRecordIdStrategy"));
        }
    })
}

fn place(config: Config<'_>, is_key: bool) -> Result<IdPlace> {
    let side = if is_key { "key" } else { "value" };
    if config.flag("apicurio.registry.headers.enabled") {
        let id = config.text("apicurio.registry.use-id")?;
        let name = config.props().get(&format!("apicurio.registry.headers.{side}.{id}.name"));
        return Ok(IdPlace::Header(name.map_or_else(|| format!("apicurio.{side}.{id}"), |name| name.trim().to_owned())));
    }
    let handler = config.text("apicurio.registry.id-handler")?;
    let short = match options::simple(handler) {
        "DefaultIdHandler" => false,
        // the name that version 3 gave it
        "Legacy4ByteIdHandler" | "Default4ByteIdHandler" => true,
        _ => {
            return Err(Error::configuration(format!("apicurio.registry.id-handler={handler} is not built in"))
                .remedy("use DefaultIdHandler or Legacy4ByteIdHandler"));
        }
    };
    Ok(IdPlace::Prefix { long: !short && !config.flag("apicurio.registry.as-confluent") })
}

pub(super) fn http(config: Config<'_>) -> Result<(Http, ApiVersion)> {
    let mut urls = Vec::new();
    let mut version = None;
    for url in config.list("apicurio.registry.url") {
        let (base, found) = base(url)?;
        if version.is_some_and(|version| version != found) {
            return Err(Error::configuration("apicurio.registry.url names versions 2 and 3 of the API")
                .remedy("end every URL with the same /apis/registry/v2 or v3"));
        }
        version = Some(found);
        urls.push(base);
    }
    let Some(version) = version else {
        return Err(Error::configuration("Missing registry base url, set apicurio.registry.url")
            .remedy("set apicurio.registry.url under the converter's prefix, such as value.converter.apicurio.registry.url"));
    };
    let props = config.props();
    let mut headers = options::request_headers(props, "apicurio.registry.request.headers.")?;
    let given = |name: &str| props.get(name).map(str::trim).filter(|value| !value.is_empty());
    if let Some(user) = given("apicurio.auth.username") {
        let password = given("apicurio.auth.password").ok_or_else(|| {
            Error::configuration("Missing registry auth password, set apicurio.auth.password")
                .remedy("set it, or leave apicurio.auth.username out")
        })?;
        headers.push((AUTHORIZATION, basic(&format!("{user}:{password}"))?));
    }
    let backoff = config.millis("apicurio.registry.retry-backoff-ms")?.max(Duration::from_millis(1));
    let patience = Patience {
        connect: CONNECT_TIMEOUT,
        read: READ_TIMEOUT,
        retries: Retries {
            most: config.size("apicurio.registry.retry-count")? as u64,
            wait: backoff,
            longest_wait: backoff * 16,
        },
    };
    let tls = props.with_prefix("apicurio.registry.request.");
    Ok((options::http(urls, headers, &tls, patience)?, version))
}
