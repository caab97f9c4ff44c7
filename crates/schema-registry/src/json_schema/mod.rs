//! JSON with a schema in a registry: Connect's schemas as Confluent's `JsonSchemaData` describes them in JSON Schema, and as Kafka's
//! `JsonConverter` describes them, and both back.
//!
//! What belongs here: schemas (`derive` from Connect's, `connect` to Connect's, `kconnect` for Kafka's form, `fit` for a registered one, `changes`
//! between two), and values read again (`decode`). How values are written is `rowtide_converters::json`'s. All of it is pure.

pub(crate) mod changes;
pub(crate) mod connect;
pub(crate) mod decode;
pub(crate) mod derive;
pub(crate) mod fit;
pub(crate) mod kconnect;
pub(crate) mod pretty;
#[cfg(test)]
mod tests;

use rowtide_converters::json::{Dialect, Style};

/// What the options of Confluent's converter say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// `decimal.format` is NUMERIC
    pub numeric_decimals: bool,
    /// `ignore.default.for.nullables`: null stays null where there is a default
    pub ignore_default: bool,
    /// `object.additional.properties`: objects may have more members than are described
    pub open_objects: bool,
    /// `generalized.sum.type.support`: another form of enums and unions
    pub generalized: bool,
    /// `use.optional.for.nonrequired`, on reading: what a schema does not require is optional
    pub optional_unless_required: bool,
    /// `json.indent.output`
    pub indent: bool,
}

impl Settings {
    /// How values are written, as far as old readers are concerned.
    pub(crate) fn written(&self) -> changes::Written {
        changes::Written { numeric_decimals: self.numeric_decimals, open_objects: self.open_objects }
    }

    pub(crate) fn style(&self) -> Style {
        Style { replace_null: !self.ignore_default, numeric_decimals: self.numeric_decimals, dialect: Dialect::Confluent }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            numeric_decimals: false,
            ignore_default: false,
            open_objects: true,
            generalized: false,
            optional_unless_required: false,
            indent: false,
        }
    }
}

/// Names that Confluent's `JsonSchemaData` gave to what JSON Schema cannot say.
pub(crate) mod word {
    pub(crate) const NAMESPACE: &str = "io.confluent.connect.json";
    pub(crate) const TYPE: &str = "connect.type";
    pub(crate) const VERSION: &str = "connect.version";
    pub(crate) const PARAMETERS: &str = "connect.parameters";
    pub(crate) const INDEX: &str = "connect.index";
    pub(crate) const ENUM: &str = "io.confluent.connect.json.Enum";
    pub(crate) const ONE_OF: &str = "io.confluent.connect.json.OneOf";
    pub(crate) const GENERAL_ENUM: &str = "org.apache.kafka.connect.data.Enum";
    pub(crate) const GENERAL_UNION: &str = "org.apache.kafka.connect.data.Union";
    /// stands for null among the symbols of an enum
    pub(crate) const NULL: &str = "<NULL>";
    pub(crate) const KEY: &str = "key";
    pub(crate) const VALUE: &str = "value";
}
