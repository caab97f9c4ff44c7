//! What differs between two schemas of the same topic, in words: for whoever is told that a table has changed.
//!
//! What belongs here: finding the fields and naming what happened to them. What a change means to consumers depends on the format, and is the
//! converters' to say.

use std::fmt;

use crate::{Field, Kind, Schema, Value};

/// A default longer than this is cut: schemas may have whole documents as defaults.
const LONGEST_DEFAULT: usize = 60;

/// The parameter under which Confluent's converter of Protobuf has the numbers of fields.
const PROTOBUF_TAG: &str = "io.confluent.connect.protobuf.Tag";

/// What happened to one field. It displays as `column 'total': was decimal(10,2), is int32`.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference<'a> {
    /// `column 'total'`, `field 'source.lsn'`
    pub place: String,
    /// the field's old schema; none: it was added
    pub old: Option<&'a Schema>,
    /// the field's new schema; none: it was dropped
    pub new: Option<&'a Schema>,
    /// the old and the new schema of the struct that has the field, or had it; none: this is the record itself
    pub around: Option<(&'a Schema, &'a Schema)>,
    /// what happened
    pub how: String,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.how)
    }
}

/// What differs, in the order of the new fields, dropped ones first. The rows of Debezium's envelope are looked at once, though they stand in it
/// twice, and their fields are called columns, as those of a flat record are. Documentation does not count.
pub fn differences<'a>(old: &'a Schema, new: &'a Schema) -> Vec<Difference<'a>> {
    let mut out = Vec::new();
    match (row(old), row(new)) {
        (Some(old_row), Some(new_row)) => {
            fields(old_row, new_row, "", "column", &mut out);
            let beside = |field: &&Field| !matches!(&*field.name, "before" | "after");
            let (old_fields, new_fields): (Vec<_>, Vec<_>) =
                (old.fields().iter().filter(beside).collect(), new.fields().iter().filter(beside).collect());
            listed((old, &old_fields), (new, &new_fields), "", "field", &mut out);
        }
        _ if is_struct(old) && is_struct(new) => fields(old, new, "", "column", &mut out),
        _ => out.extend(changed("the record".to_owned(), old, new)),
    }
    if is_struct(old) && is_struct(new) && old.name != new.name {
        let name = |schema: &Schema| schema.name.as_deref().unwrap_or("nothing").to_owned();
        let how = format!("was named {}, is named {}", name(old), name(new));
        out.insert(0, Difference { place: "the record".to_owned(), old: Some(old), new: Some(new), around: None, how });
    }
    out
}

/// The schema of a table's rows, if this is an envelope.
fn row(schema: &Schema) -> Option<&Schema> {
    let part = |name| schema.field(name).map(|(_, field)| &*field.schema).filter(|schema| is_struct(schema));
    let (before, after) = (part("before")?, part("after")?);
    // their places in the envelope may be among the parameters
    (before.kind == after.kind && before.name == after.name).then_some(after)
}

fn is_struct(schema: &Schema) -> bool {
    matches!(schema.kind, Kind::Struct(_))
}

fn fields<'a>(old: &'a Schema, new: &'a Schema, path: &str, word: &str, out: &mut Vec<Difference<'a>>) {
    let (old_fields, new_fields): (Vec<_>, Vec<_>) = (old.fields().iter().collect(), new.fields().iter().collect());
    listed((old, &old_fields), (new, &new_fields), path, word, out);
}

/// Of two structs, the fields that are looked at.
fn listed<'a>(
    (old_struct, old): (&'a Schema, &[&'a Field]),
    (new_struct, new): (&'a Schema, &[&'a Field]),
    path: &str,
    word: &str,
    out: &mut Vec<Difference<'a>>,
) {
    let start = out.len();
    let lacks = |fields: &[&Field], name: &str| fields.iter().all(|field| &*field.name != name);
    let place = |field: &Field| format!("{word} '{path}{}'", field.name);
    let dropped: Vec<&&Field> = old.iter().filter(|field| lacks(new, &field.name)).collect();
    let added: Vec<&&Field> = new.iter().filter(|field| lacks(old, &field.name)).collect();
    for field in &dropped {
        let renamed = match (dropped.as_slice(), added.as_slice()) {
            ([_], [other]) if kind_words(&field.schema) == kind_words(&other.schema) => {
                format!(", perhaps renamed to '{}'", other.name)
            }
            _ => String::new(),
        };
        let how = format!("dropped (was {}){renamed}", words(&field.schema));
        out.push(Difference { place: place(field), old: Some(&field.schema), new: None, around: None, how });
    }
    for field in new {
        match old.iter().find(|before| before.name == field.name) {
            None => {
                let how = format!("added ({})", words(&field.schema));
                out.push(Difference { place: place(field), old: None, new: Some(&field.schema), around: None, how });
            }
            Some(before) if is_struct(&before.schema) && is_struct(&field.schema) && before.schema.name == field.schema.name => {
                fields(&before.schema, &field.schema, &format!("{path}{}.", field.name), "field", out);
                out.extend(beside_kind(place(field), &before.schema, &field.schema, Vec::new()));
            }
            Some(before) => out.extend(changed(place(field), &before.schema, &field.schema)),
        }
    }
    // those of structs within have theirs already
    for difference in &mut out[start..] {
        difference.around.get_or_insert((old_struct, new_struct));
    }
}

fn changed<'a>(place: String, old: &'a Schema, new: &'a Schema) -> Option<Difference<'a>> {
    let (was, is) = (kind_words(old), kind_words(new));
    let how = if was == is { Vec::new() } else { vec![format!("was {was}, is {is}")] };
    beside_kind(place, old, new, how)
}

/// Nullability, default and parameters, after what is said of the type.
fn beside_kind<'a>(place: String, old: &'a Schema, new: &'a Schema, mut how: Vec<String>) -> Option<Difference<'a>> {
    match (old.optional, new.optional) {
        (false, true) => how.push("may be null now".to_owned()),
        (true, false) => how.push("may not be null any more".to_owned()),
        _ => {}
    }
    match (&old.default, &new.default) {
        (was, is) if was == is => {}
        (None, Some(_)) => how.push(format!("has a default now: {}", default_words(new))),
        (Some(_), None) => how.push(format!("has no default any more (was {})", default_words(old))),
        _ => how.push(format!("the default was {}, is {}", default_words(old), default_words(new))),
    }
    for (name, value) in &new.parameters {
        let name = &**name;
        let before = old.parameters.iter().find(|(have, _)| &**have == name).map(|(_, value)| value);
        if !in_words(name) && before != Some(value) {
            let before = before.map_or_else(String::new, |before| format!("was {before}, "));
            let name = if name == PROTOBUF_TAG { "its number in the message" } else { name };
            how.push(format!("{name} {before}is {value}"));
        }
    }
    if let (Kind::Array(was), Kind::Array(is)) | (Kind::Map(_, was), Kind::Map(_, is)) = (&old.kind, &new.kind)
        && kind_words(was) == kind_words(is)
    {
        how.extend(beside_kind(String::new(), was, is, Vec::new()).map(|difference| format!("elements: {}", difference.how)));
    }
    let how = how.join(", ");
    (!how.is_empty()).then_some(Difference { place, old: Some(old), new: Some(new), around: None, how })
}

/// Parameters that the words for a type hold.
fn in_words(name: &str) -> bool {
    matches!(name, "scale" | "connect.decimal.precision" | "length")
}

/// `int32, not null, default 7`
fn words(schema: &Schema) -> String {
    let null = if schema.optional { "may be null" } else { "not null" };
    let default = match &schema.default {
        Some(_) => format!("default {}", default_words(schema)),
        None => "no default".to_owned(),
    };
    format!("{}, {null}, {default}", kind_words(schema))
}

/// A type in words: `int32`, `decimal(10,2)`, `string (io.debezium.data.Json)`.
pub fn kind_words(schema: &Schema) -> String {
    let parameter = |name: &str| schema.parameters.iter().find(|(have, _)| &**have == name).map(|(_, value)| &**value);
    let base = match &schema.kind {
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float32",
        Kind::Float64 => "float64",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(element) => return format!("array of {}", kind_words(element)),
        Kind::Map(_, value) => return format!("map of {}", kind_words(value)),
        Kind::Struct(_) => "struct",
    };
    match (schema.name.as_deref(), parameter("scale"), parameter("connect.decimal.precision")) {
        (Some("org.apache.kafka.connect.data.Decimal"), Some(scale), Some(precision)) => format!("decimal({precision},{scale})"),
        (Some("org.apache.kafka.connect.data.Decimal"), Some(scale), None) => format!("decimal of scale {scale}"),
        (Some(name), ..) => match parameter("length") {
            Some(length) => format!("{base} ({name}, length {length})"),
            None => format!("{base} ({name})"),
        },
        (None, ..) => base.to_owned(),
    }
}

fn default_words(schema: &Schema) -> String {
    let text = match &schema.default {
        None | Some(Value::Null) => "null".to_owned(),
        Some(Value::String(text)) => format!("'{text}'"),
        Some(Value::Boolean(value)) => value.to_string(),
        Some(Value::Float32(value)) => value.to_string(),
        Some(Value::Float64(value)) => value.to_string(),
        Some(Value::Bytes(bytes)) => decimal_words(schema, bytes).unwrap_or_else(|| format!("{} bytes", bytes.len())),
        Some(other) => other.as_i64().map_or_else(|| "of several parts".to_owned(), |number| number.to_string()),
    };
    match text.char_indices().nth(LONGEST_DEFAULT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A decimal's digits with the point where its scale has it.
fn decimal_words(schema: &Schema, bytes: &[u8]) -> Option<String> {
    let scale: usize = schema.parameters.iter().find(|(name, _)| &**name == "scale")?.1.parse().ok()?;
    if bytes.is_empty() || bytes.len() > 16 || scale > 38 {
        return None;
    }
    let negative = bytes[0] & 0x80 != 0;
    let number = bytes.iter().fold(if negative { -1 } else { 0 }, |sum: i128, byte| sum << 8 | i128::from(*byte));
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale == 0 { "" } else { "." };
    Some(format!("{}{whole}{point}{fraction}", if negative { "-" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn int() -> Schema {
        Schema::new(Kind::Int32)
    }

    fn decimal(precision: &str, scale: &str) -> Schema {
        let named = Schema::new(Kind::Bytes).named("org.apache.kafka.connect.data.Decimal");
        named.parameter("scale", scale).parameter("connect.decimal.precision", precision)
    }

    fn row_of(fields: Vec<(&str, Schema)>) -> Schema {
        let fields = fields.into_iter().map(|(name, schema)| Field::new(name, schema)).collect();
        Schema::structure(fields).named("p.public.t.Value").optional()
    }

    fn envelope(row: &Schema, source: Schema) -> Schema {
        let fields = vec![
            Field::new("before", row.clone()),
            Field::new("after", row.clone()),
            Field::new("source", source.named("source")),
            Field::new("op", Schema::new(Kind::String)),
        ];
        Schema::structure(fields).named("p.public.t.Envelope")
    }

    fn told(old: &Schema, new: &Schema) -> Vec<String> {
        differences(old, new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_of_an_envelope_are_told_once_and_other_fields_by_their_path() {
        let source = || Schema::structure(vec![Field::new("lsn", Schema::new(Kind::Int64))]);
        let old = envelope(&row_of(vec![("id", int()), ("total", decimal("10", "2"))]), source());
        let wider = Schema::structure(vec![Field::new("lsn", Schema::new(Kind::String))]);
        let new = envelope(&row_of(vec![("id", int()), ("total", int()), ("more", int().default_value(Value::Int32(7)))]), wider);
        let expected = [
            "column 'total': was decimal(10,2), is int32",
            "column 'more': added (int32, not null, default 7)",
            "field 'source.lsn': was int64, is string",
        ];
        assert_eq!(told(&old, &new), expected);
        assert_eq!(told(&old, &old), [""; 0]);
    }

    #[test]
    fn every_change_of_a_column_has_its_words() {
        let text = || Schema::new(Kind::String);
        let price = |unscaled: &'static [u8]| decimal("6", "2").default_value(Value::Bytes(Bytes::from_static(unscaled)));
        let labels = |labels: &str| text().named("io.debezium.data.Enum").parameter("allowed", labels);
        let cases = [
            (int(), int().optional(), "may be null now"),
            (int().optional(), int(), "may not be null any more"),
            (int(), int().default_value(Value::Int32(1)), "has a default now: 1"),
            (price(&[0xff, 0x6a]), decimal("6", "2"), "has no default any more (was -1.50)"),
            (price(&[5]), price(&[0]), "the default was 0.05, is 0.00"),
            (decimal("6", "2"), decimal("6", "4"), "was decimal(6,2), is decimal(6,4)"),
            (labels("a,b"), labels("a,b,c"), "allowed was a,b, is a,b,c"),
            (
                Schema::new(Kind::Array(labels("a").shared())),
                Schema::new(Kind::Array(labels("a,b").optional().shared())),
                "elements: may be null now, allowed was a, is a,b",
            ),
            (text(), labels("a"), "was string, is string (io.debezium.data.Enum), allowed is a"),
            (text(), Schema::new(Kind::Array(text().shared())), "was string, is array of string"),
        ];
        for (old, new, how) in cases {
            assert_eq!(told(&row_of(vec![("c", old)]), &row_of(vec![("c", new)])), [format!("column 'c': {how}")]);
        }
    }

    #[test]
    fn a_rename_looks_like_one_column_less_and_one_more() {
        let (old, new) = (row_of(vec![("note", Schema::new(Kind::String))]), row_of(vec![("remark", Schema::new(Kind::String))]));
        let expected = [
            "column 'note': dropped (was string, not null, no default), perhaps renamed to 'remark'",
            "column 'remark': added (string, not null, no default)",
        ];
        assert_eq!(told(&old, &new), expected);
        assert_eq!(told(&old, &old.clone().named("other"))[0], "the record: was named p.public.t.Value, is named other");
        assert_eq!(told(&int(), &Schema::new(Kind::String)), ["the record: was int32, is string"]);
    }

    #[test]
    fn long_defaults_are_cut() {
        let long = Schema::new(Kind::String).default_value(Value::string("ä".repeat(500)));
        let text = &told(&row_of(vec![]), &row_of(vec![("c", long)]))[0];
        assert!(text.len() < 200 && text.contains('…'), "{text}");
    }
}
