//! What the options of both converters have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use rowtide_api::config::Config;
use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Error, Importance, Props, Result};
use rowtide_kafka::TlsSettings;

use crate::avro::Settings;
use crate::http::{Base, Http, Retries, secret};

/// Of an option that would change what is written.
pub(super) const LATER: &str = "leave it out: it is not supported yet";

/// Of an option of Java's readers.
pub(super) const READING: &str = "Concerns reading only: has no effect on source connectors.";

pub(super) const fn text(name: &'static str, importance: Importance) -> ConfigKey {
    ConfigKey::new(name, ConfigType::String, importance, name)
}

pub(super) const fn flag(name: &'static str, default: &'static str, importance: Importance) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Boolean, importance, name).default_value(default)
}

pub(super) const fn number(name: &'static str, default: &'static str, importance: Importance) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Int, importance, name).default_value(default)
}

pub(super) const fn password(name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Password, Importance::Medium, name)
}

/// The options of `AvroDataConfig` that Apicurio's copy kept.
pub(super) const DATA: [ConfigKey; 3] = [
    flag("enhanced.avro.schema.support", "false", Importance::Medium)
        .doc("Whether strings that stand for an Avro enum (parameter io.confluent.connect.avro.Enum) are written as one."),
    flag("connect.meta.data", "true", Importance::Low)
        .doc("Whether what Avro cannot say (names of logical types, versions, parameters, 8- and 16-bit numbers) is written beside the types as connect.*."),
    number("schemas.cache.config", "1000", Importance::Low)
        .doc("Size of Java's cache of converted schemas. Has no effect here: each schema is converted once for as long as it is used.")
        .idle(),
];

/// What both say of schemas.
pub(super) fn settings(config: Config<'_>) -> Settings {
    Settings {
        enhanced: config.flag("enhanced.avro.schema.support"),
        connect_meta: config.flag("connect.meta.data"),
        ..Settings::default()
    }
}

/// Options that exist in the original and are refused, for the manual and so that none is taken for a slip.
pub(crate) fn refused(names: &[&'static str]) -> Vec<ConfigKey> {
    let key = |name: &&'static str| {
        text(name, Importance::Low).doc("Not supported: refused where it is set to more than its default.").unlisted()
    };
    names.iter().map(key).collect()
}

/// An option that would change what is written, and is not there yet.
pub(super) fn refuse(props: &Props, name: &str, harmless: &[&str], remedy: &str) -> Result<()> {
    match props.get(name).map(str::trim) {
        Some(value) if !harmless.iter().any(|harmless| harmless.eq_ignore_ascii_case(value)) => {
            Err(Error::configuration(format!("{name}={value} is not supported")).remedy(remedy))
        }
        _ => Ok(()),
    }
}

/// Connect and read timeouts, and tries.
pub(super) struct Patience {
    pub connect: Duration,
    pub read: Duration,
    pub retries: Retries,
}

/// The client of these URLs. `tls` are `ssl.*` properties.
pub(super) fn http(urls: Vec<Base>, headers: Headers, tls: &Props, patience: Patience) -> Result<Http> {
    let stores: BTreeMap<String, String> = tls.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let bad = |error: rowtide_kafka::KafkaError| {
        Error::configuration(format!("TLS to the schema registry: {error}"))
            .remedy("correct the stores of the schema registry's ssl options")
    };
    let tls = match urls.iter().any(Base::is_tls) {
        true => Some(Arc::new(TlsSettings::from_properties(&stores).and_then(|tls| tls.client_config()).map_err(bad)?)),
        false => None,
    };
    let Patience { connect, read, retries } = patience;
    Ok(Http { urls, current: AtomicUsize::new(0), headers, tls, connect_timeout: connect, read_timeout: read, retries })
}

/// Headers of each request.
pub(super) type Headers = Vec<(HeaderName, HeaderValue)>;

/// Headers that the user adds to each request: what stands under a prefix.
pub(super) fn request_headers(props: &Props, prefix: &str) -> Result<Headers> {
    let wanted = props.with_prefix(prefix);
    let header = |(name, value): (&str, &str)| {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let parsed = parsed.map_err(|_| Error::configuration(format!("'{prefix}{name}' names no HTTP header")))?;
        Ok((parsed, secret(value)?))
    };
    wanted.iter().map(header).collect()
}

/// The first thing that is wrong with the options.
pub(super) fn check(def: &ConfigDef, props: &Props) -> Result<()> {
    rowtide_converters::options::check(def, props)
}

/// The simple name of a class.
pub(super) fn simple(class: &str) -> &str {
    class.trim().rsplit(['.', '$']).next().unwrap_or_default()
}
