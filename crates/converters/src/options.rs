//! Declarations that the options of converters share.

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Error, Importance, Props, Result, Validator, Width};

/// The version of Apache Kafka whose converters these behave as.
pub const KAFKA: &str = "4.3.1";

/// Set by the worker, never by a user: key, value or header.
pub const CONVERTER_TYPE: ConfigKey = ConfigKey {
    name: "converter.type",
    kind: ConfigType::String,
    default: None,
    required: false,
    importance: Importance::Low,
    group: "",
    order: -1,
    width: Width::None,
    display_name: "converter.type",
    doc: "What the converter is used for: key, value or header. Set by the worker.",
    validator: Validator::Any,
    listed: true,
    idle: false,
};

/// The first thing that is wrong with the options.
pub fn check(def: &ConfigDef, props: &Props) -> Result<()> {
    match def.validate(props).into_iter().flat_map(|value| value.errors).next() {
        Some(wrong) => Err(Error::configuration(wrong)),
        None => Ok(()),
    }
}
