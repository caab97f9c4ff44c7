//! Protobuf: Connect's schemas and data as `ProtobufData` of Confluent's converter makes them, and back.
//!
//! What belongs here: schemas (`schema` with their text, `parse`, `derive` from Connect's, `connect` to Connect's, `changes` between two), and bytes (`plan`,
//! `decode`). All of it is pure. What does not: who is asked for an id, and what is written before the bytes.
//!
//! No jar of Confluent's was to be had: what is here follows its public sources (8.x), and tests hold it against protoc's own libraries.

pub(crate) mod changes;
pub(crate) mod connect;
pub(crate) mod decode;
pub(crate) mod derive;
#[cfg(test)]
mod golden;
pub(crate) mod known;
mod logical;
mod names;
pub(crate) mod parse;
pub(crate) mod plan;
pub(crate) mod schema;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod wire;

/// What the options of the converter say of schemas and values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// `enhanced.protobuf.schema.support`: schemas that are read keep their package in their names
    pub enhanced: bool,
    /// `scrub.invalid.names`
    pub scrub: bool,
    /// `int.for.enums`: enums are read as numbers
    pub int_for_enums: bool,
    /// `optional.for.nullables`: optional fields have the label
    pub optional_for_nullables: bool,
    /// `optional.for.proto2`: the label counts in files of the older syntax, too
    pub optional_for_proto2: bool,
    /// `wrapper.for.nullables`: optional fields are wrapper messages
    pub wrapper_for_nullables: bool,
    /// `wrapper.for.raw.primitives`: a wrapper message at the top is read as what it wraps
    pub wrapper_for_raw: bool,
    /// `generate.struct.for.nulls`: a message that is not there is read as an empty one
    pub struct_for_nulls: bool,
    /// `generate.index.for.unions`: fields that stand for a oneof end with its number
    pub index_for_unions: bool,
    /// `flatten.unions`: the fields of a oneof are read as fields of the struct
    pub flatten_unions: bool,
    /// `ignore.default.for.nullables`: null stays null in a field that has a default
    pub ignore_default: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enhanced: false,
            scrub: false,
            int_for_enums: false,
            optional_for_nullables: false,
            optional_for_proto2: true,
            wrapper_for_nullables: false,
            wrapper_for_raw: true,
            struct_for_nulls: false,
            index_for_unions: true,
            flatten_unions: false,
            ignore_default: false,
        }
    }
}

/// Names that Confluent's `ProtobufData` gave to what Protobuf or Connect cannot say.
pub(crate) mod word {
    pub(crate) const DEFAULT_NAME: &str = "ConnectDefault";
    pub(crate) const ENTRY: &str = "Entry";
    pub(crate) const KEY: &str = "key";
    pub(crate) const VALUE: &str = "value";
    pub(crate) const ENUM: &str = "io.confluent.connect.protobuf.Enum";
    pub(crate) const UNION: &str = "io.confluent.connect.protobuf.Union";
    pub(crate) const TAG: &str = "io.confluent.connect.protobuf.Tag";
    pub(crate) const TYPE: &str = "io.confluent.connect.protobuf.Type";
    pub(crate) const WRAPPER: &str = "io.confluent.connect.protobuf.Wrapper";
    pub(crate) const FIELD_META: &str = "confluent.field_meta";
    pub(crate) const CONNECT_TYPE: &str = "connect.type";
    pub(crate) const CONNECT_PRECISION: &str = "connect.decimal.precision";
    pub(crate) const PRECISION: &str = "precision";
    pub(crate) const SCALE: &str = "scale";
}

/// Whether a struct stands for a oneof, each field for one of its members.
fn is_union(schema: &rowtide_api::Schema) -> bool {
    schema.name.as_deref().is_some_and(|name| name.starts_with(word::UNION))
}
