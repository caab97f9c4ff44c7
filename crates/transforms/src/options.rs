//! Declarations that the options of transforms share.

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Importance, Validator, Width};

/// A text that must be given, as Kafka's built-in transforms declare theirs.
pub(crate) fn required(name: &'static str, importance: Importance, doc: &'static str, validator: Validator) -> ConfigKey {
    ConfigKey {
        name,
        kind: ConfigType::String,
        default: None,
        required: true,
        importance,
        group: "",
        order: -1,
        width: Width::None,
        display_name: name,
        doc,
        validator,
        listed: true,
        idle: false,
    }
}

/// Options of a transform, none of which is a family.
pub(crate) fn definition(keys: Vec<ConfigKey>) -> ConfigDef {
    ConfigDef { keys, prefixes: Vec::new() }
}
