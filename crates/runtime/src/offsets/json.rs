//! Offsets as JSON, as Connect's `JsonConverter` with `schemas.enable=false` writes them: keys in the order of the map,
//! whole numbers whole.

use std::sync::Arc;

use rowtide_api::{Error, OffsetMap, OffsetValue, Result};
use serde_json::{Map, Value};

/// The map as a JSON object.
pub fn to_json(map: &OffsetMap) -> Value {
    let entries = map.0.iter().map(|(key, value)| {
        let value = match value {
            OffsetValue::Null => Value::Null,
            OffsetValue::Boolean(truth) => Value::Bool(*truth),
            OffsetValue::Int(number) => Value::from(*number),
            OffsetValue::Float(number) => Value::from(*number),
            OffsetValue::String(text) => Value::String(text.to_string()),
        };
        (key.to_string(), value)
    });
    Value::Object(entries.collect())
}

/// A JSON object of primitives as a map.
pub fn from_json(value: &Value) -> Result<OffsetMap> {
    let Value::Object(object) = value else {
        return Err(Error::data(format!("an offset must be a JSON object, not {}", kind(value))));
    };
    from_object(object)
}

/// The same of an object.
pub fn from_object(object: &Map<String, Value>) -> Result<OffsetMap> {
    let mut map = OffsetMap::default();
    for (key, value) in object {
        let value = match value {
            Value::Null => OffsetValue::Null,
            Value::Bool(truth) => OffsetValue::Boolean(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => OffsetValue::Int(whole),
                None => OffsetValue::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => OffsetValue::String(text.as_str().into()),
            Value::Array(_) | Value::Object(_) => {
                let found = kind(value);
                return Err(Error::data(format!("offsets may only hold primitives; the value of '{key}' is {found}")));
            }
        };
        map.0.push((Arc::from(key.as_str()), value));
    }
    Ok(map)
}

/// The key that Connect stores an offset under: `["<connector>",{partition}]`.
pub fn key(connector: &str, partition: &OffsetMap) -> Vec<u8> {
    Value::Array(vec![Value::from(connector), to_json(partition)]).to_string().into_bytes()
}

/// Connector and partition of such a key; none if it is something else.
pub fn parse_key(key: &[u8]) -> Option<(String, OffsetMap)> {
    let value: Value = serde_json::from_slice(key).ok()?;
    match value.as_array()?.as_slice() {
        [Value::String(connector), partition @ Value::Object(_)] => Some((connector.clone(), from_json(partition).ok()?)),
        _ => None,
    }
}

/// The bytes of an offset.
pub fn value(offset: &OffsetMap) -> Vec<u8> {
    to_json(offset).to_string().into_bytes()
}

/// The offset of such bytes; none for JSON null.
pub fn parse_value(bytes: &[u8]) -> Result<Option<OffsetMap>> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| Error::data("a stored offset is not JSON").caused_by(error))?;
    if value.is_null() { Ok(None) } else { from_json(&value).map(Some) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_whole_numbers_survive() {
        let text = br#"{"lsn_proc":24038008,"messageType":"MESSAGE","lsn":9007199254740993,"ts_usec":1795409427856387,"last":true,"x":null,"d":1.5}"#;
        let offset = parse_value(text).unwrap().unwrap();
        assert_eq!(value(&offset), text);
        assert_eq!(offset.int("lsn"), Some(9_007_199_254_740_993));
    }

    #[test]
    fn the_key_is_connects() {
        let mut partition = OffsetMap::default();
        partition.set("server", "pg\"def");
        let key = key("a b", &partition);
        assert_eq!(std::str::from_utf8(&key).unwrap(), r#"["a b",{"server":"pg\"def"}]"#);
        assert_eq!(parse_key(&key), Some(("a b".to_owned(), partition)));
        assert_eq!(parse_key(b"nonsense"), None);
    }

    #[test]
    fn nested_values_are_refused() {
        let error = parse_value(br#"{"a":[1]}"#).unwrap_err();
        assert_eq!(error.message(), "offsets may only hold primitives; the value of 'a' is an array");
    }
}
