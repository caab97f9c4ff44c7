//! Request bodies: JSON as Jackson reads it, and Jackson's sentences for what it cannot read.
//!
//! Connect answers 500 to a body that does not fit. Only the texts are made here; what a well-formed body means belongs to its
//! resource.

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use rowtide_api::Props;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::errors::{ApiError, Result};

/// A JSON body.
pub struct Body(Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let media = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| ApiError::of_status(rejection.status()))?;
        let is_json = media.as_ref().is_none_or(|media| media.to_str().is_ok_and(is_json));
        if !is_json {
            return Err(ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        Ok(Self(bytes))
    }
}

fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence == "*/*"
}

impl Body {
    /// The body as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The outermost value; none when the body is empty or JSON's null, which Jackson does not tell apart.
    pub fn root(&self) -> Result<Option<Node<'_>>> {
        if self.0.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let raw: &RawValue = serde_json::from_slice(&self.0).map_err(|error| ApiError::internal(malformed(&self.0, &error)))?;
        // what serde_json accepts is UTF-8
        let whole = str::from_utf8(&self.0).map_err(|_| ApiError::internal("Invalid UTF-8 in the request's body"))?;
        let node = Node { text: raw.get(), whole, chain: String::new() };
        Ok(if node.is_null() { None } else { Some(node) })
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
    let wants_value = ["expected value", "expected ident", "trailing characters"].iter().any(|start| reason.starts_with(start));
    if wants_value && word.chars().next().is_some_and(char::is_alphabetic) {
        return format!("Unrecognized token '{word}': was expecting ({any})\n {}", location(line, start + 1));
    }
    let expected = match reason.split(" at line").next().unwrap_or_default() {
        "key must be a string" => "was expecting double-quote to start field name".to_owned(),
        "expected `:`" => "was expecting a colon to separate field name and value".to_owned(),
        "expected `,` or `}`" => "was expecting comma to separate Object entries".to_owned(),
        "expected `,` or `]`" => "was expecting comma to separate Array entries".to_owned(),
        "expected value" => format!("expected a valid value ({any})"),
        other if other.starts_with("control character") => {
            let text = "Illegal unquoted character: has to be escaped using backslash to be included in string value";
            return format!("{text}\n {}", location(line, column));
        }
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

/// A value in a body: its text, which is a part of the body's, and its place, as Jackson writes it.
pub struct Node<'a> {
    text: &'a str,
    whole: &'a str,
    /// `CreateConnectorRequest["config"]->java.util.LinkedHashMap["c"]`
    chain: String,
}

/// The members of an object in the order in which they were sent.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl<'a> Node<'a> {
    /// Whether this is JSON's null.
    pub fn is_null(&self) -> bool {
        self.text == "null"
    }

    /// The value itself.
    pub fn value(&self) -> Result<serde_json::Value> {
        serde_json::from_str(self.text).map_err(|error| self.error(&error.to_string()))
    }

    /// The members of an object of this Java class.
    pub fn members(&self, class: &str) -> Result<Vec<(String, Node<'a>)>> {
        if !self.text.starts_with('{') {
            return Err(self.mismatch(class));
        }
        let Members(members) = serde_json::from_str(self.text).map_err(|error| self.error(&error.to_string()))?;
        let link = class.split('<').next().unwrap_or(class);
        Ok(members
            .into_iter()
            .map(|(name, raw)| {
                let node = self.below(raw, &format!("{link}[\"{name}\"]"));
                (name, node)
            })
            .collect())
    }

    /// The elements of a list; none for null.
    pub fn elements(&self, class: &str) -> Result<Vec<Node<'a>>> {
        if self.is_null() {
            return Ok(Vec::new());
        }
        if !self.text.starts_with('[') {
            return Err(self.mismatch(class));
        }
        let list: Vec<&RawValue> = serde_json::from_str(self.text).map_err(|error| self.error(&error.to_string()))?;
        Ok(list.into_iter().enumerate().map(|(index, raw)| self.below(raw, &format!("java.util.ArrayList[{index}]"))).collect())
    }

    /// A text; numbers and truths are taken as they are written, as Jackson does.
    pub fn text(&self) -> Result<Option<String>> {
        match self.text.bytes().next() {
            _ if self.is_null() => Ok(None),
            Some(b'"') => serde_json::from_str(self.text).map(Some).map_err(|error| self.error(&error.to_string())),
            Some(b'{' | b'[') => Err(self.mismatch("java.lang.String")),
            _ => Ok(Some(self.text.to_owned())),
        }
    }

    /// A map of texts, some of them null.
    pub fn text_map(&self) -> Result<Vec<(String, Option<String>)>> {
        let members = self.members("java.util.LinkedHashMap<java.lang.String,java.lang.String>")?;
        members.into_iter().map(|(name, value)| Ok((name, value.text()?))).collect()
    }

    /// A configuration: a map of texts; a null counts as not given.
    pub fn config(&self) -> Result<Props> {
        Ok(self.text_map()?.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    fn below(&self, raw: &'a RawValue, link: &str) -> Node<'a> {
        let chain = if self.chain.is_empty() { link.to_owned() } else { format!("{}->{link}", self.chain) };
        Node { text: raw.get(), whole: self.whole, chain }
    }

    /// Where this value begins in the body.
    fn start(&self) -> usize {
        (self.text.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize)
    }

    fn error(&self, text: &str) -> ApiError {
        self.error_at(text, self.start(), &self.chain)
    }

    fn error_at(&self, text: &str, offset: usize, chain: &str) -> ApiError {
        let before = self.whole.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        let chain = if chain.is_empty() { String::new() } else { format!(" (through reference chain: {chain})") };
        ApiError::internal(format!("{text}\n {}{chain}", location(line, column)))
    }

    /// Cannot make a value of this Java class of what was sent. The value itself is not repeated: it may be a password.
    pub fn mismatch(&self, class: &str) -> ApiError {
        let (kind, token) = match self.text.bytes().next() {
            Some(b'{') => ("Object value", "START_OBJECT"),
            Some(b'[') => ("Array value", "START_ARRAY"),
            Some(b'"') => ("String value", "VALUE_STRING"),
            Some(b't') => ("Boolean value", "VALUE_TRUE"),
            Some(b'f') => ("Boolean value", "VALUE_FALSE"),
            Some(b'n') => ("Null value", "VALUE_NULL"),
            _ if self.text.contains(['.', 'e', 'E']) => ("Floating-point value", "VALUE_NUMBER_FLOAT"),
            _ => ("Integer value", "VALUE_NUMBER_INT"),
        };
        self.error(&format!("Cannot deserialize value of type `{class}` from {kind} (token `JsonToken.{token}`)"))
    }

    /// A member that the Java class does not have. Jackson notices at the object's end.
    pub fn unrecognized(&self, class: &str, name: &str, known: &[&str]) -> ApiError {
        let list: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
        let count = if known.len() == 1 { "one known property".to_owned() } else { format!("{} known properties", known.len()) };
        let list = list.join(", ");
        let text = format!("Unrecognized field \"{name}\" (class {class}), not marked as ignorable ({count}: {list})");
        let link = format!("{class}[\"{name}\"]");
        let chain = if self.chain.is_empty() { link } else { format!("{}->{link}", self.chain) };
        self.error_at(&text, self.start() + self.text.len(), &chain)
    }

    /// A word that is none of an enumeration's.
    pub fn no_constant(&self, class: &str, word: &str) -> ApiError {
        let readable = class.replace('$', ".");
        self.error(&format!(
            "Cannot construct instance of `{class}`, problem: No enum constant {readable}.{}",
            word.to_uppercase()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn message(text: &str) -> String {
        format!("{:?}", body(text).root().err()).replace("\\\"", "\"")
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
            let got = message(body);
            assert!(got.contains(text), "{body}: {got}");
            assert!(got.contains(&format!("column: {column}]")), "{body}: {got}");
        }
    }

    #[test]
    fn odd_bytes_make_an_error_and_no_panic() {
        for text in ["\u{fffd}", "{\"ä\u{301}\":ä}", "[1,\n ,2]", "{\"a\":1\n\n", "\"\\u12", "{\"a\":\u{1}}", "-", "01", "\"\n\""]
        {
            assert!(message(text).contains("500"), "{text}");
        }
        assert!(Body(Bytes::from_static(&[0xff, 0xfe])).root().is_err());
        assert!(Body(Bytes::from_static(b"\"\xff\"")).root().is_err());
    }

    #[test]
    fn nothing_and_null_are_no_body() {
        assert!(body(" \n").root().unwrap().is_none());
        assert!(body("null").root().unwrap().is_none());
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_place() {
        let text = r#"{"a":1,"n": 1.50, "z": null,
 "c":{"x":1}}"#;
        let body = body(text);
        let root = body.root().unwrap().unwrap();
        let error = format!("{:?}", root.config().unwrap_err()).replace("\\\"", "\"");
        assert!(error.contains("`java.lang.String` from Object value (token `JsonToken.START_OBJECT`)"), "{error}");
        assert!(error.contains("line: 2, column: 6] (through reference chain: java.util.LinkedHashMap[\"c\"])"), "{error}");
        let members = root.members("M").unwrap();
        assert_eq!(members[1].1.text().unwrap().as_deref(), Some("1.50"));
        assert_eq!(members[2].1.text().unwrap(), None);
    }
}
