//! Avro: Connect's schemas and data as `AvroData` of Confluent's and Apicurio's converters makes them, and back.
//!
//! What belongs here: schemas (`schema`, `parse`, `derive` from Connect's, `connect` to Connect's, `changes` between two), and bytes (`plan`, `decode`). All of
//! it is pure. What does not: who is asked for an id, and what is written before the bytes.

pub(crate) mod changes;
pub(crate) mod connect;
pub(crate) mod decode;
pub(crate) mod defaults;
pub(crate) mod derive;
mod names;
pub(crate) mod parse;
pub(crate) mod plan;
pub(crate) mod schema;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

/// What the options of a converter say of schemas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// `enhanced.avro.schema.support`: enums stay enums
    pub enhanced: bool,
    /// `connect.meta.data`: what Avro cannot say is written beside, as `connect.*`
    pub connect_meta: bool,
    /// `scrub.invalid.names`
    pub scrub: bool,
    /// `discard.type.doc.default`: only documentation and defaults of fields are kept
    pub discard_doc: bool,
    /// `allow.optional.map.keys`
    pub optional_map_keys: bool,
    /// `ignore.default.for.nullables`: null stays null in an optional field that has a default
    pub ignore_default: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enhanced: false,
            connect_meta: true,
            scrub: false,
            discard_doc: false,
            optional_map_keys: false,
            ignore_default: false,
        }
    }
}

/// Names that Confluent's `AvroData` gave to what Avro cannot say; Apicurio's copy kept them.
pub(crate) mod word {
    pub(crate) const NAMESPACE: &str = "io.confluent.connect.avro";
    pub(crate) const DEFAULT_NAME: &str = "ConnectDefault";
    pub(crate) const MAP_ENTRY: &str = "MapEntry";
    pub(crate) const KEY: &str = "key";
    pub(crate) const VALUE: &str = "value";
    pub(crate) const NAME: &str = "connect.name";
    pub(crate) const DOC: &str = "connect.doc";
    pub(crate) const VERSION: &str = "connect.version";
    pub(crate) const DEFAULT: &str = "connect.default";
    pub(crate) const PARAMETERS: &str = "connect.parameters";
    pub(crate) const TYPE: &str = "connect.type";
    pub(crate) const INTERNAL_TYPE: &str = "connect.internal.type";
    pub(crate) const RECORD_DOC: &str = "connect.record.doc";
    pub(crate) const ENUM_DOC: &str = "connect.enum.doc";
    pub(crate) const FIXED_SIZE: &str = "connect.fixed.size";
    pub(crate) const PRECISION: &str = "connect.decimal.precision";
    pub(crate) const UNION: &str = "io.confluent.connect.avro.Union";
    pub(crate) const ENUM: &str = "io.confluent.connect.avro.Enum";
    pub(crate) const AVRO_RECORD_DOC: &str = "io.confluent.connect.avro.record.doc";
    pub(crate) const AVRO_ENUM_DOC: &str = "io.confluent.connect.avro.enum.doc.";
    pub(crate) const AVRO_ENUM_DEFAULT: &str = "io.confluent.connect.avro.enum.default.";
    pub(crate) const AVRO_FIELD_DOC: &str = "io.confluent.connect.avro.field.doc.";
    pub(crate) const AVRO_FIELD_DEFAULT: &str = "io.confluent.connect.avro.field.default";

    pub(crate) const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
    pub(crate) const DATE: &str = "org.apache.kafka.connect.data.Date";
    pub(crate) const TIME: &str = "org.apache.kafka.connect.data.Time";
    pub(crate) const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
}

/// The parameter of a Connect schema.
pub(crate) fn parameter<'a>(schema: &'a rowtide_api::Schema, name: &str) -> Option<&'a str> {
    schema.parameters.iter().find(|(have, _)| &**have == name).map(|(_, value)| &**value)
}

/// Whether a struct stands for a union of Avro, each field for a branch.
pub(crate) fn is_union(schema: &rowtide_api::Schema) -> bool {
    schema.name.as_deref() == Some(word::UNION)
}

/// Whether bytes stand for a fixed of Avro.
pub(crate) fn is_fixed(schema: &rowtide_api::Schema) -> bool {
    matches!(schema.kind, rowtide_api::Kind::Bytes) && schema.name.is_some() && parameter(schema, word::FIXED_SIZE).is_some()
}
