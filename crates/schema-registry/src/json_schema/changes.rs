//! What a consumer of JSON sees of a change that goes on with the old schema. It reads whatever stands there, by the names of members: what it
//! is not told is that numbers and encoded bytes mean something else. A deserializer that validates holds values against the old schema.
//!
//! Confluent's converter requires no members, so that a missing one is always valid
//! (<https://json-schema.org/draft-07/json-schema-validation>).

use rowtide_api::difference::kind_words;
use rowtide_api::{Difference, Kind, Schema};

use crate::avro::{parameter, word::DECIMAL};
use crate::changes::Seen;

/// How values are written.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    /// decimals are numbers, not their encoded bytes
    pub numeric_decimals: bool,
    /// schemas allow members that they do not describe
    pub open_objects: bool,
}

const READS_ON: &str = "reads on";

/// What who reads by the old schema sees, and whether it breaks them.
pub(crate) fn old_reader(difference: &Difference<'_>, written: Written) -> Seen {
    match (difference.old, difference.new) {
        (None, _) if written.open_objects => ("finds a member that its schema does not describe, and reads on".to_owned(), false),
        (None, _) => refuses("its schema allows no other members"),
        (Some(old), None) if old.optional => ("finds no such member, as if it were null".to_owned(), false),
        (Some(_), None) => ("finds no such member, which its schema allows".to_owned(), false),
        (Some(old), Some(new)) => match values(old, new, written) {
            (_, false) if !old.optional && new.optional => {
                ("reads on until there is a null, which its schema does not allow".to_owned(), true)
            }
            seen => seen,
        },
    }
}

fn refuses(why: &str) -> Seen {
    (format!("refuses what is written from then on, if it holds it against its schema: {why}"), true)
}

/// New values that are no null, by the old schema.
fn values(old: &Schema, new: &Schema, written: Written) -> Seen {
    let (was, is) = (json_type(old, written), json_type(new, written));
    match (&old.kind, &new.kind) {
        // names of structs are titles, which nothing is held against
        _ if kind_words(old) == kind_words(new) => (READS_ON.to_owned(), false),
        (Kind::Array(old), Kind::Array(new)) => values(old, new, written),
        (Kind::Map(old_keys, old), Kind::Map(new_keys, new)) if was == is => {
            let (keys, values) = (values(old_keys, new_keys, written), values(old, new, written));
            if keys.1 { keys } else { values }
        }
        _ if (was, is) == ("integer", "number") => {
            ("refuses numbers with fractions from then on, if it holds them against its schema".to_owned(), true)
        }
        _ if was != is && (was, is) != ("number", "integer") => refuses(&format!("{is} is no {was}")),
        _ if means_the_same(old, new, written) => (READS_ON.to_owned(), false),
        _ => (format!("reads wrong values, and is not told: {} as if it were {}", kind_words(new), kind_words(old)), true),
    }
}

/// Whether the same JSON is the same value by both.
fn means_the_same(old: &Schema, new: &Schema, written: Written) -> bool {
    match (&old.kind, &new.kind) {
        (Kind::Bytes, Kind::Bytes) => {
            let scale = |schema| (is_decimal(schema), parameter(schema, "scale"));
            written.numeric_decimals && is_decimal(old) && is_decimal(new) || scale(old) == scale(new)
        }
        // the base64 of something, and text
        (Kind::Bytes, Kind::String) | (Kind::String, Kind::Bytes) => false,
        (Kind::String, Kind::String) | (Kind::Struct(_), Kind::Struct(_)) => true,
        // a name says what a number counts
        _ if json_type(new, written) == "integer" => old.name == new.name,
        _ => true,
    }
}

/// The type of its JSON, as JSON Schema calls it.
fn json_type(schema: &Schema, written: Written) -> &'static str {
    match &schema.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => "integer",
        Kind::Float32 | Kind::Float64 => "number",
        Kind::Boolean => "boolean",
        Kind::Bytes if written.numeric_decimals && is_decimal(schema) => "number",
        Kind::String | Kind::Bytes => "string",
        Kind::Map(keys, _) if super::derive::is_object(keys) => "object",
        Kind::Array(_) | Kind::Map(..) => "array",
        Kind::Struct(_) => "object",
    }
}

fn is_decimal(schema: &Schema) -> bool {
    schema.name.as_deref() == Some(DECIMAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes;
    use rowtide_api::{Field, Value};

    fn of(kind: Kind) -> Schema {
        Schema::new(kind)
    }

    fn decimal(scale: &str) -> Schema {
        of(Kind::Bytes).named(DECIMAL).versioned(1).parameter("scale", scale)
    }

    fn seen(old: Option<Schema>, new: Option<Schema>, written: Written) -> Seen {
        let row = |column: Option<Schema>| {
            let column = column.map(|schema| Field::new("c", schema));
            Schema::structure([Some(Field::new("id", of(Kind::Int32))), column].into_iter().flatten().collect())
        };
        let mut told = changes::told(&row(old), &row(new), &|difference| old_reader(difference, written));
        assert_eq!(told.len(), 1, "{told:?}");
        let told = told.remove(0);
        (told.old_reader, told.breaks)
    }

    #[test]
    fn what_an_old_reader_sees_follows_from_json_and_its_validation() {
        let array = |kind: Kind| of(Kind::Array(of(kind).shared()));
        let named = |name: &'static str| of(Kind::Int64).named(name).versioned(1);
        let cases = [
            (None, Some(of(Kind::Int32)), "does not describe", false),
            (Some(of(Kind::Int32)), None, "which its schema allows", false),
            (Some(of(Kind::Int32).optional()), None, "as if it were null", false),
            (Some(of(Kind::Int32)), Some(of(Kind::Int64)), "reads on", false),
            (Some(of(Kind::Int32)), Some(of(Kind::Float64)), "with fractions", true),
            (Some(of(Kind::Float32)), Some(of(Kind::Int64)), "reads on", false),
            (Some(of(Kind::Int32)), Some(of(Kind::String)), "string is no integer", true),
            (Some(of(Kind::Int32)), Some(of(Kind::Int64).optional()), "until there is a null", true),
            (Some(of(Kind::Int32).optional()), Some(of(Kind::Int32)), "reads on", false),
            (Some(of(Kind::Int32)), Some(of(Kind::Int32).default_value(Value::Int32(1))), "reads on", false),
            (Some(array(Kind::Int32)), Some(array(Kind::String)), "string is no integer", true),
            (Some(of(Kind::String)), Some(of(Kind::Bytes)), "bytes as if it were string", true),
            (
                Some(named("io.debezium.time.Timestamp")),
                Some(named("io.debezium.time.MicroTimestamp")),
                "wrong values, and is not told",
                true,
            ),
            (Some(decimal("2")), Some(decimal("4")), "decimal of scale 4 as if it were decimal of scale 2", true),
        ];
        let written = Written { numeric_decimals: false, open_objects: true };
        for (old, new, words, breaks) in cases {
            let what = format!("{old:?} -> {new:?}");
            let seen = seen(old, new, written);
            assert!(seen.0.contains(words) && seen.1 == breaks, "{what}: {seen:?}");
        }
    }

    #[test]
    fn options_of_the_converter_decide_too() {
        let written = Written { numeric_decimals: true, open_objects: false };
        assert_eq!(seen(Some(decimal("2")), Some(decimal("4")), written), ("reads on".to_owned(), false));
        let (words, breaks) = seen(None, Some(of(Kind::Int32)), written);
        assert!(breaks && words.contains("allows no other members"), "{words}");
    }
}
