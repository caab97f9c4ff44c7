//! The options of `io.apicurio.registry.utils.converter.ExtJsonConverter`: those of Kafka's `JsonConverter` for values, and how the schema is
//! registered.
//!
//! Source: `SerdeConfig` and `SchemaResolverConfig` of Apicurio Registry 2.6.13, and `ExtJsonConverter`, which hands its options on to a
//! `JsonConverter` with `schemas.enable=false`.

use std::sync::LazyLock;

use rowtide_api::{ConfigDef, ConfigKey, Importance, Props, Result, Validator};
use rowtide_converters::json::{Dialect, Style};

use super::apicurio_options::{self, PREFIXES, Registration};
use super::options::{self, flag, text};
use crate::apicurio::ApiVersion;
use crate::http::Http;

pub(crate) fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let latest = "With apicurio.registry.auto-register=false: values go under the id of the artifact's latest version. They are written by the table, as Java does; a table whose values are not of that schema stops the task.";
        let keys = [apicurio_options::keys(latest), data(), idle()];
        ConfigDef { keys: keys.concat(), prefixes: PREFIXES.to_vec() }
    });
    &DEF
}

fn data() -> Vec<ConfigKey> {
    vec![
        ConfigKey { validator: Validator::OneOf(&["BASE64", "NUMERIC"]), ..text("decimal.format", Importance::Low) }
            .default_value("BASE64")
            .doc("How decimals (org.apache.kafka.connect.data.Decimal) are written: BASE64, the bytes of the unscaled value, or NUMERIC, a number."),
        flag("replace.null.with.default", "true", Importance::Low)
            .doc("Whether null is written as the default of its field, where there is one."),
    ]
}

fn idle() -> Vec<ConfigKey> {
    let place = "Has no effect, as in Java: the global id stands beside the value (schemaId).";
    vec![
        flag("apicurio.registry.headers.enabled", "true", Importance::Low).doc(place).idle(),
        flag("apicurio.registry.as-confluent", "false", Importance::Low).doc(place).idle(),
        text("apicurio.registry.use-id", Importance::Low).default_value("globalId").doc(place).idle(),
        text("apicurio.registry.id-handler", Importance::Low).doc(place).idle(),
        flag("schemas.enable", "true", Importance::Low).doc("Has no effect, as in Java: the schema is in the registry.").idle(),
        text("schemas.cache.size", Importance::Low)
            .doc("Has no effect here: each schema is converted once for as long as it is used.")
            .idle(),
    ]
}

/// What the options say.
pub(crate) struct Options {
    pub http: Http,
    pub version: ApiVersion,
    pub registration: Registration,
    pub style: Style,
}

impl Options {
    pub(crate) fn read(props: &Props) -> Result<Self> {
        options::check(definition(), props)?;
        let config = definition().read(props);
        let (http, version) = apicurio_options::http(config)?;
        let style = Style {
            replace_null: config.flag("replace.null.with.default"),
            numeric_decimals: config.text("decimal.format")? == "NUMERIC",
            dialect: Dialect::Kafka,
        };
        Ok(Self { http, version, registration: Registration::read(config)?, style })
    }
}
