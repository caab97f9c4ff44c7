//! Request bodies: JSON as Jackson reads it, and Jackson's sentences for what it cannot read.
//!
//! Connect answers 500 to a body that does not fit. Only the texts are made here; what a well-formed body means belongs to its
//! resource.

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use rowtide_api::Props;
use serde::Deserialize;
use serde_json::{Map, Value, error::Category};

use crate::errors::{ApiError, Result};

/// A JSON body; none when it is empty or JSON's null, which Jackson does not tell apart.
pub struct Body(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let media = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes =
            bytes::Bytes::from_request(request, state).await.map_err(|rejection| ApiError::of_status(rejection.status()))?;
        let is_json = media.as_ref().is_none_or(|media| media.to_str().is_ok_and(is_json));
        if !is_json {
            return Err(ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        parse(&bytes).map(Self)
    }
}

fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence == "*/*"
}

fn parse(bytes: &[u8]) -> Result<Option<Value>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = Value::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match parsed {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(ApiError::internal(malformed(bytes, &error))),
    }
}

/// Jackson's sentence for a syntax error at the place that the parser names.
fn malformed(bytes: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.classify() == Category::Eof {
        return format!("Unexpected end-of-input\n {}", location(line, column + 1));
    }
    let text = String::from_utf8_lossy(bytes);
    let row = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    // columns count bytes; a word that is no literal (tru) is named from its first letter
    let at = column.saturating_sub(1);
    let start = row.as_bytes()[..at.min(row.len())].iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |i| i + 1);
    let word: String = row.get(start..).unwrap_or_default().chars().take_while(char::is_ascii_alphanumeric).collect();
    let reason = error.to_string();
    let any = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'";
    if word.chars().next().is_some_and(char::is_alphabetic) && !reason.starts_with("key must be a string") {
        return format!("Unrecognized token '{word}': was expecting ({any})\n {}", location(line, start + 1));
    }
    let expected = match reason.split(" at line").next().unwrap_or_default() {
        "key must be a string" => "was expecting double-quote to start field name".to_owned(),
        "expected `:`" => "was expecting a colon to separate field name and value".to_owned(),
        "expected `,` or `}`" => "was expecting comma to separate Object entries".to_owned(),
        "expected `,` or `]`" => "was expecting comma to separate Array entries".to_owned(),
        "expected value" => format!("expected a valid value ({any})"),
        other => other.to_owned(),
    };
    let found = row.get(at..).and_then(|rest| rest.chars().next());
    match found {
        Some(c) => format!("Unexpected character ('{c}' (code {})): {expected}\n {}", u32::from(c), location(line, column)),
        None => format!("Unexpected end of line: {expected}\n {}", location(line, column)),
    }
}

fn location(line: usize, column: usize) -> String {
    format!("at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]")
}

/// Where a value stands, as Jackson writes it: `CreateConnectorRequest["config"]->java.util.LinkedHashMap["c"]`.
#[derive(Clone, Default)]
pub struct Chain(String);

impl Chain {
    /// A member of an object of this Java class, below this one.
    pub fn member(&self, class: &str, name: &str) -> Self {
        self.then(format!("{class}[\"{name}\"]"))
    }

    /// An element of a list, below this one.
    pub fn element(&self, index: usize) -> Self {
        self.then(format!("java.util.ArrayList[{index}]"))
    }

    fn then(&self, link: String) -> Self {
        Self(if self.0.is_empty() { link } else { format!("{}->{link}", self.0) })
    }

    fn error(&self, text: &str) -> ApiError {
        ApiError::internal(if self.0.is_empty() {
            text.to_owned()
        } else {
            format!("{text} (through reference chain: {})", self.0)
        })
    }

    /// Cannot make a value of this Java class of what was sent.
    pub fn mismatch(&self, class: &str, found: &Value) -> ApiError {
        let (kind, token) = match found {
            Value::Object(_) => ("Object value", "START_OBJECT"),
            Value::Array(_) => ("Array value", "START_ARRAY"),
            Value::String(_) => ("String value", "VALUE_STRING"),
            Value::Number(number) if number.is_f64() => ("Floating-point value", "VALUE_NUMBER_FLOAT"),
            Value::Number(_) => ("Integer value", "VALUE_NUMBER_INT"),
            Value::Bool(true) => ("Boolean value", "VALUE_TRUE"),
            Value::Bool(false) => ("Boolean value", "VALUE_FALSE"),
            Value::Null => ("Null value", "VALUE_NULL"),
        };
        self.error(&format!("Cannot deserialize value of type `{class}` from {kind} (token `JsonToken.{token}`)"))
    }

    /// A member that the Java class does not have.
    pub fn unrecognized(&self, class: &str, name: &str, known: &[&str]) -> ApiError {
        let list: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
        let text = format!(
            "Unrecognized field \"{name}\" (class {class}), not marked as ignorable ({} known properties: {})",
            known.len(),
            list.join(", ")
        );
        self.member(class, name).error(&text)
    }

    /// A word that is none of an enumeration's.
    pub fn no_constant(&self, class: &str, word: &str) -> ApiError {
        let readable = class.replace('$', ".");
        let text =
            format!("Cannot construct instance of `{class}`, problem: No enum constant {readable}.{}", word.to_uppercase());
        self.error(&text)
    }
}

/// The members of an object.
pub fn object<'a>(value: &'a Value, class: &str, chain: &Chain) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| chain.mismatch(class, value))
}

/// A text; numbers and truths are taken as they are written, as Jackson does.
pub fn text(value: &Value, chain: &Chain) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => Err(chain.mismatch("java.lang.String", value)),
    }
}

/// A map of texts, some of them null.
pub fn text_map(value: &Value, chain: &Chain) -> Result<Vec<(String, Option<String>)>> {
    let class = "java.util.LinkedHashMap<java.lang.String,java.lang.String>";
    let entries = object(value, class, chain)?.iter();
    entries.map(|(name, value)| Ok((name.clone(), text(value, &chain.member("java.util.LinkedHashMap", name))?))).collect()
}

/// A configuration: a map of texts; a null counts as not given.
pub fn config(value: &Value, chain: &Chain) -> Result<Props> {
    let entries = text_map(value, chain)?;
    Ok(entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        format!("{:?}", parse(body.as_bytes()).unwrap_err())
    }

    /// Places and texts as a Connect 4.3 worker answered them.
    #[test]
    fn syntax_errors_are_worded_and_placed_as_connect_does() {
        let expected = [
            ("{not json", "Unexpected character ('n' (code 110)): was expecting double-quote to start field name", 2),
            (r#"{"name":"a", x}"#, "Unexpected character ('x' (code 120)): was expecting double-quote to start field name", 14),
            (
                r#"{"name":"a" "config":{}}"#,
                "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
                13,
            ),
            (
                r#"{"name" "config":{}}"#,
                "Unexpected character ('\"' (code 34)): was expecting a colon to separate field name and value",
                9,
            ),
            (r#"{"name": tru}"#, "Unrecognized token 'tru': was expecting (JSON String, Number", 10),
            (r#"{"name": ?}"#, "Unexpected character ('?' (code 63)): expected a valid value (JSON String, Number", 10),
            (r#"{"name": "a" , "config":{}} trailing"#, "Unrecognized token 'trailing': was expecting", 29),
            (r#"{"name": "a"#, "Unexpected end-of-input", 12),
        ];
        for (body, text, column) in expected {
            let got = parse(body.as_bytes()).unwrap_err();
            let got = format!("{got:?}").replace("\\\"", "\"");
            assert!(got.contains(text), "{body}: {got}");
            assert!(got.contains(&format!("column: {column}]")), "{body}: {got}");
        }
    }

    #[test]
    fn odd_bytes_make_an_error_and_no_panic() {
        for body in ["\u{fffd}", "{\"ä\u{301}\":ä}", "[1,\n ,2]", "{\"a\":1\n\n", "\"\\u12", "{\"a\":\u{1}}", "-", "01", "\"\n\""]
        {
            assert!(message(body).contains("500"), "{body}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn nothing_and_null_are_no_body() {
        assert!(parse(b" \n").unwrap().is_none());
        assert!(parse(b"null").unwrap().is_none());
    }
}
