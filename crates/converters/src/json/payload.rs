//! What converters of other crates take from JSON: values without their schema, and the schema's own text.

use rowtide_api::{Error, SchemaRef, Value};

use super::plan::{Node, Shared, misfit_error};
use super::{Style, schema};
use crate::misfit::Misfit;

/// How values of one schema become JSON, without the schema beside them.
pub struct Payload(Node);

impl Payload {
    /// # Errors
    /// When a default is not of its schema.
    pub fn compile(schema: &SchemaRef, style: &Style) -> Result<Self, Misfit> {
        Ok(Self(Node::compile(schema, &Shared::new(*style))?))
    }

    /// Appends a value. False: Confluent's converter writes nothing at all, which null becomes that is neither allowed nor has a default.
    ///
    /// # Errors
    /// When the value does not fit; then part of it may have been appended.
    pub fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool, Misfit> {
        if self.0.is_absent(value) {
            return Ok(false);
        }
        self.0.write(value, out)?;
        Ok(true)
    }
}

/// The error of a value that does not fit: names field, schema and topic, never the value.
pub fn error(misfit: Misfit, topic: &str, schema: &SchemaRef) -> Error {
    misfit_error(misfit, topic, Some(schema))
}

/// A schema as `JsonConverter` describes it, the way Jackson's `JsonNode.toString` writes it.
///
/// # Errors
/// When a default is not of its schema.
pub fn schema_text(schema: &SchemaRef, style: &Style) -> Result<String, Misfit> {
    let mut out = Vec::new();
    schema::write(schema, None, &Shared::new(*style), &mut out)?;
    Ok(with_pairs(&String::from_utf8_lossy(&out)))
}

/// Text leaves what lies outside of the basic plane as it is, where bytes have it as an escaped pair of surrogates.
fn with_pairs(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let unit = |from: usize| rest.get(from..from + 6)?.strip_prefix("\\u").and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let pair = unit(at).zip(unit(at + 6)).and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok());
        out.push_str(&rest[..at]);
        let length = match pair {
            Some(letter) if letter > '\u{ffff}' => {
                out.push(letter);
                12
            }
            // an escape is two letters at least, of which the second one begins none
            _ => {
                out.push_str(&rest[at..at + 2]);
                2
            }
        };
        rest = &rest[at + length..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Dialect;
    use rowtide_api::{Kind, Schema};

    #[test]
    fn a_schemas_text_escapes_no_surrogates() {
        let style = Style { replace_null: true, numeric_decimals: false, dialect: Dialect::Kafka };
        let schema = Schema::new(Kind::String).named("a😀b\\").doc("\"\\uD83D\\uDE00\n").shared();
        let expected = r#"{"type":"string","optional":false,"name":"a😀b\\","doc":"\"\\uD83D\\uDE00\n"}"#;
        assert_eq!(schema_text(&schema, &style).ok().as_deref(), Some(expected));
    }
}
