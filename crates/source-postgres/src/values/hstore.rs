//! `hstore` (PostgreSQL manual, appendix F, "hstore"): `"key"=>"value", "other"=>NULL`.

use rowtide_api::Value;
use rowtide_cdc::java_order;

use super::{ValueError, as_str};

const WRONG: ValueError = ValueError("an hstore");

type Pairs = Vec<(String, Option<String>)>;

/// As a JSON object.
pub fn json(raw: &[u8]) -> Result<Value, ValueError> {
    Ok(Value::string(to_json(&pairs(raw)?)))
}

/// As a map.
pub fn map(raw: &[u8]) -> Result<Value, ValueError> {
    let entry = |(key, value): (String, Option<String>)| (Value::string(key), value.map_or(Value::Null, Value::string));
    Ok(Value::Map(pairs(raw)?.into_iter().map(entry).collect()))
}

/// Keys and values in the order that the original's hash map gives them.
fn pairs(raw: &[u8]) -> Result<Pairs, ValueError> {
    let text = as_str(raw)?;
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = item(rest)?;
        let after = after.trim_start().strip_prefix("=>").ok_or(WRONG)?;
        let (value, after) = item(after.trim_start())?;
        pairs.push((key.ok_or(WRONG)?, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => {}
            None => return Err(WRONG),
        }
    }
    java_order::sort(&mut pairs, |(key, _)| key);
    Ok(pairs)
}

/// A quoted text, or a bare one, of which NULL is null.
fn item(text: &str) -> Result<(Option<String>, &str), ValueError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '=', ' ']).unwrap_or(text.len());
        let (bare, rest) = text.split_at(end);
        return if bare.is_empty() {
            Err(WRONG)
        } else if bare.eq_ignore_ascii_case("NULL") {
            Ok((None, rest))
        } else {
            Ok((Some(bare.to_owned()), rest))
        };
    };
    let mut item = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Some(item), &quoted[at + 1..])),
            '\\' => item.push(letters.next().ok_or(WRONG)?.1),
            _ => item.push(letter),
        }
    }
    Err(WRONG)
}

/// A JSON object of texts, escaped as Jackson escapes: quotes, backslashes and control characters.
pub fn to_json(pairs: &[(String, Option<String>)]) -> String {
    let mut json = String::from("{");
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        quote(key, &mut json);
        json.push(':');
        match value {
            Some(value) => quote(value, &mut json),
            None => json.push_str("null"),
        }
    }
    json.push('}');
    json
}

fn quote(text: &str, json: &mut String) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            control if control < ' ' => json.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_hstore_as_the_server_writes_it() {
        let text = br#""a"=>"1", "b"=>NULL, "k 2"=>"v\"2""#;
        assert_eq!(json(text), Ok(Value::string(r#"{"a":"1","b":null,"k 2":"v\"2"}"#)));
        assert_eq!(json(b""), Ok(Value::string("{}")));
        assert!(json(b"\"a\"").is_err() && json(b"\"a\"=>").is_err() && json(b"\"a\"=>\"b\" \"c\"=>\"d\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\"=>,a NUL\\\\]{0,24}") {
            let _ = json(text.as_bytes());
        }
    }
}
