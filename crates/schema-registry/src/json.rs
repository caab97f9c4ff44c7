//! JSON as schemas hold it: properties and defaults, written as Jackson's `WriterBasedJsonGenerator` does.
//!
//! A float and a double of the same value are written with different digits, so they are told apart.

use std::sync::Arc;

use rowtide_converters::java;

/// A JSON value; members keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Whole(i64),
    Float(f32),
    Double(f64),
    /// a number by its text
    Number(Arc<str>),
    Text(Arc<str>),
    Array(Vec<Json>),
    Object(Vec<(Arc<str>, Json)>),
}

impl Json {
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Whole(number) => out.push_str(&number.to_string()),
            Self::Float(number) => floating(&java::float(*number), number.is_finite(), out),
            Self::Double(number) => floating(&java::double(*number), number.is_finite(), out),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => string(text, out),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    string(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(*truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Whole(whole),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::text(text.as_str()),
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.as_str().into(), Self::from(value))).collect())
            }
        }
    }
}

/// What is not a number in JSON is quoted.
fn floating(text: &str, finite: bool, out: &mut String) {
    if finite { out.push_str(text) } else { string(text, out) }
}

/// A quoted string: control characters, quotes and backslashes are escaped, everything else is written as it is.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04X}", letter as u32)),
            _ => out.push(letter),
        }
    }
    out.push('"');
}
