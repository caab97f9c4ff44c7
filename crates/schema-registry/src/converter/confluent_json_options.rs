//! The options of `io.confluent.connect.json.JsonSchemaConverter`: those of its data, beside what Confluent's converters share.
//!
//! Source: `JsonSchemaConverterConfig`, `JsonSchemaDataConfig` and `KafkaJsonSchemaSerializerConfig` of Confluent's Schema Registry.

use std::sync::LazyLock;

use rowtide_api::{ConfigDef, ConfigKey, Error, Importance, Props, Result};

use super::confluent_options::{self, PREFIXES};
use super::options::{self, flag, number, text};
use crate::json_schema::Settings;

/// What would change what is written, and is not there yet.
const REFUSED: [&str; 2] = ["preserve.additional.properties", "validation.rules.execution"];

pub(crate) fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let latest = "With auto.register.schemas=false: values go under the id of the latest version under the subject. They are written by the table, as Java does; a table that does not fit that schema stops the task.";
        let keys = [confluent_options::keys(latest), data(), idle(), options::refused(&REFUSED)];
        ConfigDef { keys: keys.concat(), prefixes: PREFIXES.to_vec() }
    });
    &DEF
}

fn data() -> Vec<ConfigKey> {
    vec![
        text("decimal.format", Importance::Low)
            .default_value("BASE64")
            .doc("How decimals (org.apache.kafka.connect.data.Decimal) are written: BASE64, the bytes of the unscaled value, or NUMERIC, a number."),
        flag("object.additional.properties", "true", Importance::Medium)
            .doc("Whether schemas allow members that they do not describe. Only with false is a new column compatible under BACKWARD."),
        flag("ignore.default.for.nullables", "false", Importance::Medium)
            .doc("Whether null stays null in an optional field that has a default; otherwise the default is written in its place, as Java does."),
        flag("generalized.sum.type.support", "false", Importance::Medium)
            .doc("Whether enums and unions are told by the parameters org.apache.kafka.connect.data.Enum and Union."),
        flag("json.indent.output", "false", Importance::Low).doc("Whether values are written with line breaks."),
        flag("json.fail.invalid.schema", "false", Importance::Medium)
            .doc("A value that is not of its table's schema is always an error; with use.latest.version=true, where Java would hold each value against the registered schema, it is refused."),
    ]
}

fn idle() -> Vec<ConfigKey> {
    let cache =
        "Size of Java's cache of converted schemas. Has no effect here: each schema is converted once for as long as it is used.";
    let objects = "Concerns Java objects, which no connector writes: has no effect.";
    let reading = |name, default| flag(name, default, Importance::Low).doc(options::READING).idle();
    vec![
        number("schemas.cache.size", "1000", Importance::Low).doc(cache).idle(),
        number("schemas.cache.config", "1000", Importance::Low).doc(cache).idle(),
        reading("use.optional.for.nonrequired", "false"),
        reading("ignore.modern.dialects", "false"),
        reading("flatten.singleton.unions", "true"),
        flag("json.fail.unknown.properties", "true", Importance::Low).doc(objects).idle(),
        flag("json.write.dates.iso8601", "false", Importance::Low).doc(objects).idle(),
        flag("json.oneof.for.nullables", "true", Importance::Low).doc(objects).idle(),
        flag("json.envelope.detection", "true", Importance::Low).doc(objects).idle(),
        flag("json.validate.before.domain.rules", "false", Importance::Low).doc(objects).idle(),
        text("json.schema.spec.version", Importance::Low).default_value("draft_7").doc(objects).idle(),
        text("json.schema.scan.packages", Importance::Low).doc(objects).idle(),
        text("json.default.property.inclusion", Importance::Low).doc(objects).idle(),
    ]
}

/// What the options say.
pub(crate) struct Options {
    pub common: confluent_options::Options,
    pub settings: Settings,
}

impl Options {
    pub(crate) fn read(props: &Props, is_key: bool) -> Result<Self> {
        options::check(definition(), props)?;
        let config = definition().read(props);
        for name in REFUSED {
            options::refuse(props, name, &["", "false", "DISABLED"], options::LATER)?;
        }
        let common = confluent_options::Options::read(config, is_key)?;
        if config.flag("json.fail.invalid.schema") && common.use_latest && !common.auto_register {
            return Err(Error::configuration("json.fail.invalid.schema=true is not supported with use.latest.version=true")
                .remedy("leave it out: a table that does not fit the registered schema stops the task in any case"));
        }
        Ok(Self {
            common,
            settings: Settings {
                numeric_decimals: numeric(config.text("decimal.format")?)?,
                ignore_default: config.flag("ignore.default.for.nullables"),
                open_objects: config.flag("object.additional.properties"),
                generalized: config.flag("generalized.sum.type.support"),
                optional_unless_required: config.flag("use.optional.for.nonrequired"),
                indent: config.flag("json.indent.output"),
            },
        })
    }
}

fn numeric(format: &str) -> Result<bool> {
    match format.to_ascii_uppercase().as_str() {
        "BASE64" => Ok(false),
        "NUMERIC" => Ok(true),
        _ => Err(Error::configuration(format!(
            "Invalid value {format} for configuration decimal.format: String must be one of (case insensitive): NUMERIC, BASE64"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<Options> {
        let url = ("schema.registry.url", "http://registry:8081");
        Options::read(&options.iter().copied().chain([url]).collect(), false)
    }

    #[test]
    fn options_are_taken_as_java_takes_them() {
        let options = read(&[
            ("decimal.format", "numeric"),
            ("object.additional.properties", "false"),
            ("json.fail.invalid.schema", "true"),
        ]);
        let expected = Settings { numeric_decimals: true, open_objects: false, ..Settings::default() };
        assert_eq!(options.map(|options| options.settings).ok(), Some(expected));
        assert_eq!(read(&[]).map(|options| options.settings).ok(), Some(Settings::default()));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let latest = [("auto.register.schemas", "false"), ("use.latest.version", "true"), ("json.fail.invalid.schema", "true")];
        let cases: [(&[(&str, &str)], &str); 4] = [
            (&[("decimal.format", "HEX")], "decimal.format"),
            (&[("preserve.additional.properties", "true")], "preserve.additional.properties=true is not supported"),
            (&[("validation.rules.execution", "BEFORE_DOMAIN_RULES")], "validation.rules.execution"),
            (&latest, "json.fail.invalid.schema=true is not supported with use.latest.version=true"),
        ];
        for (options, says) in cases {
            let error = read(options).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(says), "{options:?}: {error}");
        }
    }
}
