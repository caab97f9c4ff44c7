//! What a consumer of Protobuf sees of a change that goes on with the old schema, such as a class that protoc made of it.
//!
//! Bytes name fields by their numbers, and Confluent's converter numbers fields in the order of the columns, anew for each schema: where a
//! column is dropped from the middle, those behind it move up, and an old reader takes each for the one before. What arrives under a number in
//! another wire type is passed over, and what does not arrive is the type's zero: nothing fails.
//! Source: <https://protobuf.dev/programming-guides/encoding/>, <https://protobuf.dev/programming-guides/proto3/#updating>.

use rowtide_api::difference::kind_words;
use rowtide_api::{Difference, Field, Kind, Schema, Told, differences};

use super::derive::{logical, scalar};
use super::schema::Scalar;
use super::{Settings, wire, word};
use crate::avro::parameter;
use crate::changes::{self, Seen};

/// The changes between two schemas of Connect that messages were derived from.
pub(crate) fn told(old: &Schema, new: &Schema, settings: &Settings) -> Vec<Told> {
    changes::told(&numbered(old), &numbered(new), &|difference| old_reader(difference, settings))
}

/// The changes between two schemas as they are read from messages, which tell neither defaults nor, unless labels do, what may be null.
pub(crate) fn told_of_messages(old: &Schema, new: &Schema, settings: &Settings) -> Vec<Told> {
    let tell = |difference: &Difference<'_>| {
        let (old_reader, breaks) = old_reader(difference, settings);
        let change = match (difference.old, difference.new) {
            (None, Some(new)) => format!("{}: added ({})", difference.place, kind_words(new)),
            (Some(old), None) => format!("{}: dropped (was {})", difference.place, kind_words(old)),
            _ => difference.to_string(),
        };
        Told { change, old_reader, breaks }
    };
    differences(old, new).iter().map(tell).collect()
}

/// A schema whose fields have the numbers that `derive` gives them, among their parameters as in schemas that were read.
pub(crate) fn numbered(schema: &Schema) -> Schema {
    let Kind::Struct(fields) = &schema.kind else { return schema.clone() };
    let mut next = 1;
    let mut number = |field: &Field| {
        let mut inner = numbered(&field.schema);
        if parameter(&inner, word::TAG).is_none() {
            inner = inner.parameter(word::TAG, next.to_string());
            next += 1;
        }
        Field::new(field.name.clone(), inner)
    };
    let fields: Vec<Field> = fields.iter().map(&mut number).collect();
    Schema { kind: Schema::structure(fields).kind, ..schema.clone() }
}

/// What who reads by the old schema sees, and whether it breaks them.
pub(crate) fn old_reader(difference: &Difference<'_>, settings: &Settings) -> Seen {
    let (old_around, new_around) = match difference.around {
        Some((old, new)) => (Some(old), Some(new)),
        None => (None, None),
    };
    match (difference.old, difference.new) {
        (None, new) => match new.and_then(|new| of_number(old_around?, new)) {
            // and what that means is told of that field
            Some(field) => (format!("takes it for '{}'", field.name), false),
            None => ("does not see it".to_owned(), false),
        },
        (Some(old), new) if difference.around.is_none() => {
            new.map_or_else(|| missing(old, settings), |new| values(old, new, settings))
        }
        (Some(old), new) => match new_around.and_then(|around| of_number(around, old)) {
            None => missing(old, settings),
            Some(field) if new.is_some_and(|new| parameter(new, word::TAG) == parameter(old, word::TAG)) => {
                values(old, &field.schema, settings)
            }
            Some(field) => instead(difference, old, field, old_around, settings),
        },
    }
}

/// The field that has the number of another.
fn of_number<'a>(around: &'a Schema, other: &Schema) -> Option<&'a Field> {
    let number = parameter(other, word::TAG)?;
    around.fields().iter().find(|field| parameter(&field.schema, word::TAG) == Some(number))
}

/// Another field under the number of the old one.
fn instead(difference: &Difference<'_>, old: &Schema, field: &Field, old_around: Option<&Schema>, settings: &Settings) -> Seen {
    let is_new = old_around.is_some_and(|around| around.field(&field.name).is_none());
    if difference.new.is_none() && is_new && kind_words(old) == kind_words(&field.schema) {
        return (format!("reads '{}' in its place, which is right if only the name is another", field.name), false);
    }
    match carried(old, &field.schema, settings) {
        Carried::Unread => (format!("sees {}, and is not told: '{}' has its number now", zero(old, settings), field.name), true),
        Carried::Broken => (format!("fails, or reads wrong values: '{}' has its number now", field.name), true),
        _ => (format!("reads wrong values, and is not told: '{}' has its number now", field.name), true),
    }
}

/// A value of a message that is not there.
fn missing(old: &Schema, settings: &Settings) -> Seen {
    let zero = zero(old, settings);
    match old.optional || zero == EMPTY || zero == NULL {
        true => (format!("sees {zero}"), false),
        false => (format!("sees {zero}, and is not told that it is missing"), true),
    }
}

const NULL: &str = "null";
const EMPTY: &str = "nothing in it";
const ZERO: &str = "0, or an empty text";

/// What is read where nothing is written.
fn zero(schema: &Schema, settings: &Settings) -> &'static str {
    let labelled = schema.optional && (settings.optional_for_nullables || settings.wrapper_for_nullables);
    match &schema.kind {
        Kind::Array(_) | Kind::Map(..) => EMPTY,
        Kind::Struct(_) => NULL,
        _ if labelled || logical(schema).is_some() => NULL,
        _ => ZERO,
    }
}

/// New values under the same number.
fn values(old: &Schema, new: &Schema, settings: &Settings) -> Seen {
    const READS_ON: &str = "reads on";
    let zero = zero(old, settings);
    match carried(old, new, settings) {
        _ if matches!((&old.kind, &new.kind), (Kind::Struct(_), Kind::Struct(_))) => (READS_ON.to_owned(), false),
        Carried::Unread => (format!("sees {zero} from then on, and is not told"), true),
        Carried::Broken => ("fails, or reads wrong values".to_owned(), true),
        Carried::Cut => ("reads numbers that are too large cut off, and is not told".to_owned(), true),
        Carried::Whole if !same_meaning(old, new) => {
            (format!("reads wrong values, and is not told: {} as if it were {}", kind_words(new), kind_words(old)), true)
        }
        Carried::Whole if !old.optional && new.optional && zero == ZERO => {
            (format!("sees {ZERO}, where there is a null, and is not told"), true)
        }
        Carried::Whole => (READS_ON.to_owned(), false),
    }
}

/// How bytes of one type are read as another.
enum Carried {
    /// all of them
    Whole,
    /// the lower half of large numbers
    Cut,
    /// not at all: the wire type is another
    Unread,
    /// as what they are not
    Broken,
}

fn carried(old: &Schema, new: &Schema, settings: &Settings) -> Carried {
    let whole = |old: &Schema, new: &Schema| matches!(carried(old, new, settings), Carried::Whole);
    match (form(old, settings), form(new, settings)) {
        (Form::Plain(was), Form::Plain(is)) | (Form::Wrapped(was), Form::Wrapped(is)) => scalars(was, is),
        (Form::Message(was), Form::Message(is)) if was == is => Carried::Whole,
        (Form::Repeated(was), Form::Repeated(is)) if whole(was, is) => Carried::Whole,
        (Form::Entries(old_key, old), Form::Entries(new_key, new)) if whole(old_key, new_key) && whole(old, new) => {
            Carried::Whole
        }
        (Form::Plain(plain), _) | (_, Form::Plain(plain)) if plain.wire() != wire::LENGTH => Carried::Unread,
        _ => Carried::Broken,
    }
}

fn scalars(was: Scalar, is: Scalar) -> Carried {
    match (was, is) {
        _ if was == is => Carried::Whole,
        _ if was.wire() != is.wire() => Carried::Unread,
        (Scalar::Int64, Scalar::Int32) | (Scalar::Bytes, Scalar::String) => Carried::Whole,
        (Scalar::Int32, Scalar::Int64) => Carried::Cut,
        _ => Carried::Broken,
    }
}

/// What a value is in bytes.
enum Form<'a> {
    Plain(Scalar),
    /// in a message of its own, so that it may be missing
    Wrapped(Scalar),
    Message(&'a str),
    Repeated(&'a Schema),
    Entries(&'a Schema, &'a Schema),
}

fn form<'a>(schema: &'a Schema, settings: &Settings) -> Form<'a> {
    match (&schema.kind, logical(schema)) {
        (_, Some(known)) => Form::Message(known),
        (Kind::Struct(_), None) => Form::Message(schema.name.as_deref().unwrap_or_default()),
        (Kind::Array(items), None) => Form::Repeated(items),
        (Kind::Map(keys, values), None) => Form::Entries(keys, values),
        (kind, None) if settings.wrapper_for_nullables && schema.optional => Form::Wrapped(scalar(kind)),
        (kind, None) => Form::Plain(scalar(kind)),
    }
}

/// Whether a name says of both that they count the same; a decimal brings its scale along.
fn same_meaning(old: &Schema, new: &Schema) -> bool {
    match new.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => logical(new).is_some() || old.name == new.name,
        Kind::String => matches!(old.kind, Kind::String),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::word::DECIMAL;

    fn of(kind: Kind) -> Schema {
        Schema::new(kind)
    }

    fn row(columns: &[(&str, Schema)]) -> Schema {
        let columns = columns.iter().map(|(name, schema)| Field::new(*name, schema.clone()));
        Schema::structure(std::iter::once(Field::new("id", of(Kind::Int32))).chain(columns).collect()).named("p.t.Value")
    }

    /// Change, what is seen, and whether it breaks.
    fn seen(old: &[(&str, Schema)], new: &[(&str, Schema)]) -> Vec<(String, String, bool)> {
        let told = told(&row(old), &row(new), &Settings::default());
        told.into_iter().map(|told| (told.change, told.old_reader, told.breaks)).collect()
    }

    #[test]
    fn columns_behind_a_dropped_one_are_read_in_its_place() {
        let (text, int) = (of(Kind::String).optional(), of(Kind::Int32));
        let told =
            seen(&[("a", text.clone()), ("b", int.clone()), ("c", int.clone())], &[("b", int.clone()), ("c", int.clone())]);
        let expected = [
            ("column 'a': dropped", "sees 0, or an empty text, and is not told: 'b' has its number now"),
            ("column 'b': its number in the message was 3, is 2", "reads wrong values, and is not told: 'c' has its number now"),
            ("column 'c': its number in the message was 4, is 3", "sees 0, or an empty text, and is not told that it is missing"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((change, seen, breaks), (words, expected)) in told.iter().zip(expected) {
            assert!(change.starts_with(words) && seen == expected && *breaks, "{told:?}");
        }
        // the last one leaves the others where they are
        let told = seen(&[("b", int.clone()), ("a", text.clone())], &[("b", int.clone())]);
        assert!(told.len() == 1 && told[0].1 == "sees 0, or an empty text" && !told[0].2, "{told:?}");
        let told = seen(&[("a", text.clone())], &[("b", text)]);
        assert!(told[0].1.contains("right if only the name") && told[1].1 == "takes it for 'a'" && !told[0].2, "{told:?}");
    }

    #[test]
    fn what_an_old_reader_sees_follows_from_the_wire() {
        let decimal = |scale: &str| of(Kind::Bytes).named(DECIMAL).versioned(1).parameter("scale", scale);
        let named = |name: &'static str| of(Kind::Int64).named(name).versioned(1);
        let array = |kind: Kind| of(Kind::Array(of(kind).shared()));
        let cases = [
            (of(Kind::Int32), of(Kind::Int64), "cut off", true),
            (of(Kind::Int64), of(Kind::Int32), "reads on", false),
            (of(Kind::Int16), of(Kind::Int32), "reads on", false),
            (of(Kind::Int32), of(Kind::String), "sees 0, or an empty text from then on", true),
            (of(Kind::String), decimal("2"), "fails, or reads wrong values", true),
            (decimal("2"), of(Kind::Int32), "sees null from then on", true),
            (decimal("2"), decimal("4"), "reads on", false),
            (of(Kind::Int32), of(Kind::Int32).optional(), "where there is a null", true),
            (of(Kind::Int32).optional(), of(Kind::Int32), "reads on", false),
            (array(Kind::Int32), array(Kind::String), "fails, or reads wrong values", true),
            (named("io.debezium.time.Timestamp"), named("io.debezium.time.MicroTimestamp"), "as if it were int64 (io.deb", true),
        ];
        for (old, new, words, breaks) in cases {
            let what = format!("{old:?} -> {new:?}");
            let told = seen(&[("c", old)], &[("c", new)]);
            assert!(told.len() == 1 && told[0].1.contains(words) && told[0].2 == breaks, "{what}: {told:?}");
        }
    }

    #[test]
    fn labels_tell_what_is_missing() {
        let settings = Settings { optional_for_nullables: true, ..Settings::default() };
        let int = of(Kind::Int32).optional();
        let told = told(&row(&[("c", int.clone())]), &row(&[]), &settings);
        assert_eq!((told[0].old_reader.as_str(), told[0].breaks), ("sees null", false));
    }
}
