//! What changed from one Avro schema to another, and what that means to a consumer that goes on reading by the old one.
//!
//! The consumer resolves schemas as the Avro specification says ("Schema Resolution"): fields by name, numbers widened, what is missing from
//! its own schema's default. Resolution does not look at logical types: a value of another scale or unit is taken for one of the old, and no
//! registry objects.

use std::sync::Arc;

use rowtide_api::difference::kind_words;
use rowtide_api::{Difference, Kind, Schema, Told};

use super::schema::AvroSchema;
use super::{Settings, connect, parameter, word};
use crate::changes::{self, Seen};

/// The changes; empty where one of the two holds no schema of Connect's, or where only names and documentation differ.
pub(crate) fn told(old: &Arc<AvroSchema>, new: &Arc<AvroSchema>, settings: &Settings) -> Vec<Told> {
    let read = |avro: &Arc<AvroSchema>| connect::schema(avro, None, settings).ok().flatten();
    let (Some(old), Some(new)) = (read(old), read(new)) else { return Vec::new() };
    changes::told(&old, &new, &old_reader)
}

/// What who reads by the old schema sees, and whether it breaks them.
pub(crate) fn old_reader(difference: &Difference<'_>) -> Seen {
    const READS_ON: &str = "reads on";
    let cannot = || ("cannot read what is written from then on".to_owned(), true);
    match (difference.old, difference.new) {
        (None, _) => ("does not see it".to_owned(), false),
        (Some(old), None) => match (&old.default, old.optional) {
            (Some(default), _) if !default.is_null() => ("sees the default of its schema".to_owned(), false),
            (_, true) => ("sees null".to_owned(), false),
            _ => ("cannot read what is written from then on: its schema has no default for it".to_owned(), true),
        },
        (Some(old), Some(new)) if kind_words(old) == kind_words(new) => match (old.optional, new.optional) {
            _ if matches!(old.kind, Kind::Struct(_)) && old.name != new.name => cannot(),
            (false, true) => ("reads on until there is a null, which it cannot read".to_owned(), true),
            _ if symbols(old) != symbols(new) => ("reads on until there is a label that it does not know".to_owned(), true),
            _ => (READS_ON.to_owned(), false),
        },
        (Some(old), Some(new)) => match (base(old), base(new)) {
            (Some(reader), Some(writer)) if reader == writer => as_before(old, new),
            (Some(reader), Some(writer)) if widens(writer, reader) => ("reads on, the numbers widened".to_owned(), false),
            _ => cannot(),
        },
    }
}

/// The same bytes under another logical type.
fn as_before(old: &Schema, new: &Schema) -> Seen {
    let (was, is) = (kind_words(old), kind_words(new));
    let is_decimal = |schema: &Schema| schema.name.as_deref() == Some(word::DECIMAL);
    if matches!(old.kind, Kind::String)
        || is_decimal(old) && is_decimal(new) && parameter(old, "scale") == parameter(new, "scale")
    {
        return ("reads on".to_owned(), false);
    }
    let small = |schema: &Schema| matches!(schema.kind, Kind::Int8 | Kind::Int16 | Kind::Int32) && schema.name.is_none();
    if small(old) && small(new) {
        return ("reads on".to_owned(), false);
    }
    let who = if is_decimal(old) && is_decimal(new) {
        "may read wrong numbers (Java's Avro library does)"
    } else {
        "reads wrong values"
    };
    (format!("{who}, and is not told: {is} as if it were {was}"), true)
}

/// Avro's type for it, where it is a plain one.
fn base(schema: &Schema) -> Option<&'static str> {
    Some(match schema.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 => "int",
        Kind::Int64 => "long",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) | Kind::Map(..) | Kind::Struct(_) => return None,
    })
}

/// Avro's promotions.
fn widens(writer: &str, reader: &str) -> bool {
    matches!(
        (writer, reader),
        ("int", "long" | "float" | "double")
            | ("long", "float" | "double")
            | ("float", "double")
            | ("string", "bytes")
            | ("bytes", "string")
    )
}

/// The labels of what is an Avro enum.
fn symbols(schema: &Schema) -> Vec<&str> {
    let of_enum = |(name, value): &&(Arc<str>, Arc<str>)| name.starts_with(word::ENUM) && !value.is_empty();
    schema.parameters.iter().filter(of_enum).map(|(_, value)| &**value).collect()
}

#[cfg(test)]
mod tests {
    use super::super::derive;
    use super::*;
    use rowtide_api::{Field, Value};

    fn seen(old: Option<Schema>, new: Option<Schema>) -> Vec<(String, bool)> {
        let row = |column: Option<Schema>| {
            let column = column.map(|schema| Field::new("c", schema));
            let fields = [Some(Field::new("id", Schema::new(Kind::Int32))), column].into_iter().flatten().collect();
            let schema = Schema::structure(fields).named("p.t.Value").shared();
            derive::derive(&schema, &Settings::default()).unwrap()
        };
        told(&row(old), &row(new), &Settings::default()).into_iter().map(|told| (told.old_reader, told.breaks)).collect()
    }

    fn decimal(scale: &str, precision: &str) -> Schema {
        let named = Schema::new(Kind::Bytes).named(word::DECIMAL).versioned(1);
        named.parameter("scale", scale).parameter(word::PRECISION, precision)
    }

    #[test]
    fn what_an_old_reader_sees_follows_from_avros_resolution() {
        let of = |kind| Some(Schema::new(kind));
        let null = |kind| Some(Schema::new(kind).optional());
        let micros = |name: &'static str| Some(Schema::new(Kind::Int64).named(name).versioned(1));
        let cases = [
            (None, of(Kind::Int32), "does not see it", false),
            (of(Kind::Int32), None, "has no default for it", true),
            (null(Kind::Int32), None, "sees null", false),
            (Some(Schema::new(Kind::Int32).default_value(Value::Int32(3))), None, "sees the default", false),
            (of(Kind::Int64), of(Kind::Int32), "widened", false),
            (of(Kind::Int32), of(Kind::Int64), "cannot read", true),
            (of(Kind::Int16), of(Kind::Int32), "reads on", false),
            (of(Kind::String), of(Kind::Int32), "cannot read", true),
            (of(Kind::Int32), null(Kind::Int32), "until there is a null", true),
            (null(Kind::Int32), of(Kind::Int32), "reads on", false),
            (Some(decimal("2", "10")), Some(decimal("2", "12")), "reads on", false),
            (Some(decimal("2", "10")), Some(decimal("4", "12")), "decimal(12,4) as if it were decimal(10,2)", true),
            (
                micros("io.debezium.time.Timestamp"),
                micros("io.debezium.time.MicroTimestamp"),
                "as if it were int64 (io.debezium",
                true,
            ),
        ];
        for (old, new, words, breaks) in cases {
            let what = format!("{old:?} -> {new:?}");
            let seen = seen(old, new);
            assert!(seen.len() == 1 && seen[0].0.contains(words) && seen[0].1 == breaks, "{what}: {seen:?}");
        }
    }

    #[test]
    fn equal_schemas_differ_in_nothing() {
        assert_eq!(seen(Some(decimal("2", "10")), Some(decimal("2", "10"))), []);
    }
}
