//! The options of `io.confluent.connect.avro.AvroConverter`: those of its data, beside what Confluent's converters share.
//!
//! Source: `AvroDataConfig` of Confluent's Schema Registry.

use std::sync::LazyLock;

use rowtide_api::{ConfigDef, ConfigKey, Importance, Props, Result};

use super::confluent_options::{self, PREFIXES};
use super::options::{self, DATA, flag};
use crate::avro::Settings;

pub(crate) fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let latest = "With auto.register.schemas=false: values are written by the latest version under the subject, whatever the table's schema. Fields go by name; a field that the registered schema lacks is not written, one that the table lacks stops the task.";
        let keys = [confluent_options::keys(latest), DATA.to_vec(), data()];
        ConfigDef { keys: keys.concat(), prefixes: PREFIXES.to_vec() }
    });
    &DEF
}

fn data() -> Vec<ConfigKey> {
    vec![
        flag("scrub.invalid.names", "false", Importance::Medium)
            .doc("Whether characters that Avro does not allow in names are replaced. Debezium's schema.name.adjustment.mode does it earlier, for every converter."),
        flag("discard.type.doc.default", "false", Importance::Low)
            .doc("Whether only the documentation and defaults of fields are kept, not those of types."),
        flag("allow.optional.map.keys", "false", Importance::Low)
            .doc("Whether a map with optional string keys is an Avro map; otherwise it is an array of key and value."),
        flag("ignore.default.for.nullables", "false", Importance::Medium)
            .doc("Whether null stays null in an optional field that has a default; otherwise the default is written in its place, as Java does."),
        flag("generalized.sum.type.support", "false", Importance::Medium).doc("Another form of enums and unions; only false is supported."),
        flag("flatten.singleton.unions", "true", Importance::Low).doc(options::READING).idle(),
        flag("specific.avro.reader", "false", Importance::Low).doc(options::READING).idle(),
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
        options::refuse(props, "generalized.sum.type.support", &["false"], options::LATER)?;
        Ok(Self {
            common: confluent_options::Options::read(config, is_key)?,
            settings: Settings {
                scrub: config.flag("scrub.invalid.names"),
                discard_doc: config.flag("discard.type.doc.default"),
                optional_map_keys: config.flag("allow.optional.map.keys"),
                ignore_default: config.flag("ignore.default.for.nullables"),
                ..options::settings(config)
            },
        })
    }
}
