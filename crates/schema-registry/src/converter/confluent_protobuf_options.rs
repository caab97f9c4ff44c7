//! The options of `io.confluent.connect.protobuf.ProtobufConverter`: those of its data, beside what Confluent's converters share.
//!
//! Source: `ProtobufDataConfig` and `KafkaProtobufSerializerConfig` of Confluent's Schema Registry.

use std::sync::LazyLock;

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Importance, Props, Result};

use super::confluent_options::{self, PREFIXES};
use super::options::{self, flag, number, text};
use crate::protobuf::Settings;

const REFERENCES: &str = "reference.subject.name.strategy";

pub(crate) fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let latest = "With auto.register.schemas=false: values are written by the latest version under the subject, whatever the table's schema. Fields go by name and are written with the registered numbers; a field that the registered schema lacks is not written, one that the table lacks is absent, one of another type stops the task.";
        let keys = [confluent_options::keys(latest), references(), data(), reading()];
        ConfigDef { keys: keys.concat(), prefixes: PREFIXES.to_vec() }
    });
    &DEF
}

fn references() -> Vec<ConfigKey> {
    vec![
        flag("skip.known.types", "true", Importance::Low)
            .doc("Whether files that every reader knows (google/protobuf/…, google/type/…, confluent/type/decimal.proto) are not registered; otherwise each is registered under its own name, and referred to."),
        flag("reference.lookup.only", "false", Importance::Medium)
            .doc("With skip.known.types=false: whether such files must be registered already, even with auto.register.schemas=true."),
        ConfigKey::new(REFERENCES, ConfigType::Class, Importance::Low, REFERENCES)
            .default_value("io.confluent.kafka.serializers.subject.DefaultReferenceSubjectNameStrategy")
            .doc("Under which subject a file is registered that others import: only DefaultReferenceSubjectNameStrategy, the file's name, is supported."),
        text("validation.rules.execution", Importance::Medium)
            .default_value("DISABLED")
            .doc("When rules of the schema are run on values: only DISABLED is supported."),
        text("schema.format", Importance::Low).doc("Another form of the schema's text: not supported.").unlisted(),
    ]
}

fn data() -> Vec<ConfigKey> {
    vec![
        flag("scrub.invalid.names", "false", Importance::Medium)
            .doc("Whether characters that Protobuf does not allow in names are replaced. Debezium's schema.name.adjustment.mode does it earlier, for every converter."),
        flag("optional.for.nullables", "false", Importance::Medium)
            .doc("Whether fields that may be null have the label optional, so that readers tell null from zero. Without it and without wrapper.for.nullables null reads as zero or as an empty text."),
        flag("wrapper.for.nullables", "false", Importance::Medium)
            .doc("Whether fields that may be null are messages such as google.protobuf.Int32Value, so that readers tell null from zero."),
        flag("ignore.default.for.nullables", "false", Importance::Medium)
            .doc("Whether null stays null in an optional field that has a default; otherwise the default is written in its place, as Java does."),
        flag("generalized.sum.type.support", "false", Importance::Medium).doc("Another form of enums and unions; only false is supported."),
        number("schemas.cache.config", "1000", Importance::Low)
            .doc("Size of Java's cache of converted schemas. Has no effect here: each schema is converted once for as long as it is used.")
            .idle(),
    ]
}

fn reading() -> Vec<ConfigKey> {
    [
        ("enhanced.protobuf.schema.support", "false"),
        ("int.for.enums", "false"),
        ("optional.for.proto2", "true"),
        ("wrapper.for.raw.primitives", "true"),
        ("generate.struct.for.nulls", "false"),
        ("generate.index.for.unions", "true"),
        ("flatten.unions", "false"),
    ]
    .into_iter()
    .map(|(name, default)| flag(name, default, Importance::Medium).doc(options::READING).idle())
    .collect()
}

/// What the options say.
pub(crate) struct Options {
    pub common: confluent_options::Options,
    pub settings: Settings,
    pub skip_known: bool,
    pub lookup_only: bool,
}

impl Options {
    pub(crate) fn read(props: &Props, is_key: bool) -> Result<Self> {
        options::check(definition(), props)?;
        let config = definition().read(props);
        options::refuse(props, "generalized.sum.type.support", &["false"], options::LATER)?;
        options::refuse(props, "validation.rules.execution", &["", "DISABLED"], options::LATER)?;
        options::refuse(props, "schema.format", &[""], options::LATER)?;
        let short = props.get(REFERENCES).map_or("", options::simple);
        if !["", "DefaultReferenceSubjectNameStrategy"].contains(&short) {
            options::refuse(props, REFERENCES, &[], options::LATER)?;
        }
        Ok(Self {
            common: confluent_options::Options::read(config, is_key)?,
            settings: Settings {
                enhanced: config.flag("enhanced.protobuf.schema.support"),
                scrub: config.flag("scrub.invalid.names"),
                int_for_enums: config.flag("int.for.enums"),
                optional_for_nullables: config.flag("optional.for.nullables"),
                optional_for_proto2: config.flag("optional.for.proto2"),
                wrapper_for_nullables: config.flag("wrapper.for.nullables"),
                wrapper_for_raw: config.flag("wrapper.for.raw.primitives"),
                struct_for_nulls: config.flag("generate.struct.for.nulls"),
                index_for_unions: config.flag("generate.index.for.unions"),
                flatten_unions: config.flag("flatten.unions"),
                ignore_default: config.flag("ignore.default.for.nullables"),
            },
            skip_known: config.flag("skip.known.types"),
            lookup_only: config.flag("reference.lookup.only"),
        })
    }
}
