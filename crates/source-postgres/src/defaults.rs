//! Column defaults: which expressions become the default of a schema, and as what.
//!
//! Debezium's `PostgresDefaultValueConverter`: literals are read, generated values have a stand-in, the rest has none.

use bytes::Bytes;
use rowtide_api::{Kind, Schema, Value};
use rowtide_cdc::Column;

use crate::types::PgTypes;
use crate::values::ColumnDecoder;

/// For each type with defaults, what stands for a value that the database makes anew for each row.
const STAND_INS: &[(&str, &str)] = &[
    ("bit", "00"),
    ("varbit", "0"),
    ("bool", "false"),
    ("bpchar", ""),
    ("varchar", ""),
    ("text", ""),
    ("numeric", "0.0"),
    ("float4", "0.0"),
    ("float8", "0.0"),
    ("int2", "0"),
    ("smallserial", "0"),
    ("int4", "0"),
    ("serial", "0"),
    ("int8", "0"),
    ("bigserial", "0"),
    ("json", "{}"),
    ("jsonb", "{}"),
    ("xml", ""),
    ("uuid", "00000000-0000-0000-0000-000000000000"),
    ("date", "1970-01-01"),
    ("time", "00:00"),
    ("timestamp", "1970-01-01"),
    ("timestamptz", "1970-01-01"),
    ("interval", "00:00:00"),
];

/// Words that are functions without parentheses.
const CURRENT: &[&str] = &["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];

/// The default of a column's schema. None where the expression is no literal, or its value no plain one.
pub fn of(types: &PgTypes, column: &Column, schema: &Schema) -> Option<Value> {
    let expression = column.default.as_deref()?.trim();
    if column.generated || expression.starts_with("NULL::") {
        return None;
    }
    // a domain over an enumeration has no default
    let is_enumeration = types
        .registry()
        .get(column.type_id)
        .is_some_and(|known| !known.labels.is_empty() && known.driver_name == column.type_name);
    let text = match STAND_INS.iter().find(|(name, _)| *name == &*column.type_name) {
        Some((_, stand_in)) if is_generated(expression) => (*stand_in).to_owned(),
        // Java's `Boolean.parseBoolean`
        Some(("bool", _)) => literal(expression)?.eq_ignore_ascii_case("true").to_string(),
        Some(_) => literal(expression)?,
        None if is_enumeration => quoted_and_cast(expression)?,
        None => return None,
    };
    // the original overflows there, or fails: a default of its making would replace nulls by nonsense
    let is_infinite = column.type_name.starts_with("time") && matches!(&*text, "infinity" | "-infinity");
    if is_infinite || matches!(schema.kind, Kind::Struct(_)) {
        return None;
    }
    // one bit of several counts as a boolean's text would
    let schema = schema.clone().optional().shared();
    let decoder = ColumnDecoder::new(&"".into(), &Column { optional: true, ..column.clone() }, &schema, types);
    let value = decoder.literal(&Bytes::from(text))?;
    if value.is_null() { None } else { Some(value) }
}

/// A call of a function.
fn is_generated(expression: &str) -> bool {
    let inner = expression.strip_prefix('(').unwrap_or(expression);
    let name =
        inner.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '.')).unwrap_or(inner.len());
    CURRENT.contains(&expression.to_ascii_lowercase().as_str())
        || (name > 0 && inner[name..].starts_with('(') && inner[name..].contains(')'))
}

/// What stands between the first quotes, or a bare literal.
fn literal(expression: &str) -> Option<String> {
    match expression.find('\'') {
        None => Some(expression.to_owned()),
        Some(start) => between_quotes(&expression[start + 1..]),
    }
}

/// `'label'::type`
fn quoted_and_cast(expression: &str) -> Option<String> {
    let cast = expression.rfind("::")?;
    let value = expression[..cast].strip_prefix('\'')?;
    value.strip_suffix('\'').map(str::to_owned)
}

/// Up to the quote that ends the literal; a doubled one is part of it.
fn between_quotes(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            value.push(letter);
        } else if letters.next_if_eq(&'\'').is_some() {
            value.push('\'');
        } else {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_calls_are_told_apart() {
        assert!(is_generated("now()") && is_generated("nextval('x'::regclass)") && is_generated("CURRENT_TIMESTAMP"));
        assert!(is_generated("CURRENT_TIMESTAMP(3)"));
        assert!(!is_generated("(1 + 1)") && !is_generated("'a'::text") && !is_generated("42"));
        assert_eq!(literal("'it''s'::text").as_deref(), Some("it's"));
        assert_eq!(literal("42").as_deref(), Some("42"));
        assert_eq!(quoted_and_cast("'sad'::mood").as_deref(), Some("sad"));
    }
}
