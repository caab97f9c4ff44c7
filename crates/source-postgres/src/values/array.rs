//! Arrays as text (PostgreSQL manual, "Arrays", "Array Input and Output Syntax").

use bytes::Bytes;
use rowtide_api::Value;

use super::ValueError;

const WRONG: ValueError = ValueError("an array");

/// An array of one dimension. `delimiter`: a comma, but of boxes a semicolon. `nested_as_text`: an inner array stands as its own text; else it is refused, since
/// Connect's schema of the column has room for one dimension only. `element` gets none for a null.
pub fn array(
    raw: &Bytes,
    delimiter: u8,
    nested_as_text: bool,
    mut element: impl FnMut(Option<&Bytes>) -> Result<Value, ValueError>,
) -> Result<Value, ValueError> {
    let mut at = skip_bounds(raw)?;
    if raw.get(at) != Some(&b'{') {
        return Err(WRONG);
    }
    at += 1;
    let mut values = Vec::new();
    if raw.get(at) == Some(&b'}') {
        return if at + 1 == raw.len() { Ok(Value::Array(values)) } else { Err(WRONG) };
    }
    loop {
        let (item, next) = match raw.get(at) {
            Some(b'"') => quoted(raw, at + 1)?,
            Some(b'{') if nested_as_text => nested(raw, at)?,
            Some(b'{') => return Err(ValueError("an array of one dimension")),
            Some(_) => bare(raw, at, delimiter),
            None => return Err(WRONG),
        };
        values.push(element(item.as_ref())?);
        match raw.get(next) {
            Some(byte) if *byte == delimiter => at = next + 1,
            Some(b'}') if next + 1 == raw.len() => return Ok(Value::Array(values)),
            _ => return Err(WRONG),
        }
    }
}

/// `[2:4]={…}`: bounds that do not start at 1 are written in front.
fn skip_bounds(raw: &[u8]) -> Result<usize, ValueError> {
    match raw.first() {
        Some(b'[') => memchr::memchr(b'=', raw).map(|at| at + 1).ok_or(WRONG),
        _ => Ok(0),
    }
}

/// An unquoted item; NULL in any case is null.
fn bare(raw: &Bytes, start: usize, delimiter: u8) -> (Option<Bytes>, usize) {
    let end = memchr::memchr2(delimiter, b'}', &raw[start..]).map_or(raw.len(), |length| start + length);
    let item = raw.slice(start..end);
    (if item.eq_ignore_ascii_case(b"NULL") { None } else { Some(item) }, end)
}

/// A quoted item; a backslash keeps the byte after it.
fn quoted(raw: &Bytes, start: usize) -> Result<(Option<Bytes>, usize), ValueError> {
    let end = start + memchr::memchr2(b'"', b'\\', &raw[start..]).ok_or(WRONG)?;
    if raw[end] == b'"' {
        return Ok((Some(raw.slice(start..end)), end + 1));
    }
    let mut item = raw[start..end].to_vec();
    let mut at = end;
    loop {
        match raw.get(at) {
            Some(b'"') => return Ok((Some(item.into()), at + 1)),
            Some(b'\\') => {
                item.push(*raw.get(at + 1).ok_or(WRONG)?);
                at += 2;
            }
            Some(byte) => {
                item.push(*byte);
                at += 1;
            }
            None => return Err(WRONG),
        }
    }
}

/// The whole text of an inner array.
fn nested(raw: &Bytes, start: usize) -> Result<(Option<Bytes>, usize), ValueError> {
    let (mut depth, mut in_quotes, mut at) = (0_usize, false, start);
    while let Some(byte) = raw.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => in_quotes = !in_quotes,
            b'{' if !in_quotes => depth += 1,
            b'}' if !in_quotes => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Ok((Some(raw.slice(start..at.min(raw.len()))), at));
        }
    }
    Err(WRONG)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(text: &str) -> Result<Vec<Option<String>>, ValueError> {
        let text_or_null =
            |item: Option<&Bytes>| item.map_or(Ok(Value::Null), |item| super::super::utf8(item.clone()).map(Value::String));
        let value = array(&Bytes::copy_from_slice(text.as_bytes()), b',', true, text_or_null)?;
        let Value::Array(values) = value else { panic!() };
        Ok(values.iter().map(|value| value.as_str().map(str::to_owned)).collect())
    }

    #[test]
    fn items_quotes_nulls_and_bounds() {
        let some = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
        assert!(items("{}").unwrap().is_empty());
        assert_eq!(items(r#"{a,"b,c",NULL,"d\"e\\"}"#).unwrap(), [some(&["a", "b,c"]), vec![None], some(&["d\"e\\"])].concat());
        assert_eq!(items("[2:3]={x,\"\"}").unwrap(), some(&["x", ""]));
        assert_eq!(items(r#"{{a,"}"},{c,d}}"#).unwrap(), some(&[r#"{a,"}"}"#, "{c,d}"]));
        for wrong in ["", "{", "a", "{a", "{a}b", "{\"a}", "{a,", "[1:2]"] {
            assert!(items(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(raw: Vec<u8>) {
            let _ = array(&raw.into(), b',', true, |_| Ok(Value::Null));
        }

        #[test]
        fn braces_never_panic(text in "[{}\",\\\\a\\[=]{0,20}") {
            let _ = array(&text.into_bytes().into(), b',', true, |_| Ok(Value::Null));
        }
    }
}
