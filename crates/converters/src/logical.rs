//! Connect's logical types, as far as converters look at them.

use rowtide_api::{Kind, Schema, Value};

/// `org.apache.kafka.connect.data.Decimal`
const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
const DATE: &str = "org.apache.kafka.connect.data.Date";
const TIME: &str = "org.apache.kafka.connect.data.Time";
const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";

/// The struct that stands for a union.
const ONE_OF: &str = "io.confluent.connect.json.OneOf";
/// The parameter of such a struct with `generalized.sum.type.support`.
const UNION: &str = "org.apache.kafka.connect.data.Union";

/// What a schema's name makes of its carrier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Logical {
    /// an unscaled value with this scale
    Decimal(i32),
    /// milliseconds since the epoch, once the carrier is multiplied by this
    Instant(i64),
}

/// The logical type of a schema, if it is one that Connect holds as an object of its own.
pub(crate) fn logical(schema: &Schema) -> Option<Logical> {
    match (schema.name.as_deref()?, &schema.kind) {
        (DECIMAL, Kind::Bytes) => decimal_scale(schema).map(Logical::Decimal),
        (DATE, Kind::Int32) => Some(Logical::Instant(86_400_000)),
        (TIME, Kind::Int32) | (TIMESTAMP, Kind::Int64) => Some(Logical::Instant(1)),
        _ => None,
    }
}

/// The scale, if this is a decimal.
pub fn decimal_scale(schema: &Schema) -> Option<i32> {
    if schema.name.as_deref() != Some(DECIMAL) {
        return None;
    }
    schema.parameters.iter().find(|(name, _)| &**name == "scale")?.1.parse().ok()
}

/// Whether a struct stands for a union, as Confluent's converter for JSON Schema knows it: each field for a branch.
pub fn is_union(schema: &Schema) -> bool {
    schema.name.as_deref() == Some(ONE_OF) || schema.parameters.iter().any(|(name, _)| &**name == UNION)
}

/// Connect's name of a value's type, for messages.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "BOOLEAN",
        Value::Int8(_) => "INT8",
        Value::Int16(_) => "INT16",
        Value::Int32(_) => "INT32",
        Value::Int64(_) => "INT64",
        Value::Float32(_) => "FLOAT32",
        Value::Float64(_) => "FLOAT64",
        Value::String(_) => "STRING",
        Value::Bytes(_) => "BYTES",
        Value::Array(_) => "ARRAY",
        Value::Map(_) => "MAP",
        Value::Struct(_) => "STRUCT",
    }
}
