//! `org.apache.kafka.connect.storage.SimpleHeaderConverter`: Connect's default for headers.
//!
//! Text is written as it is, everything else as `Values.convertToString` has it: JSON in most cases, but not in all
//! (numbers that are none are not quoted, control characters are not escaped).

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rowtide_api::plugin::HeaderConverterPlugin;
use rowtide_api::{ConfigDef, Datum, HeaderConverter, Kind, PluginInfo, PluginKind, Props, Result, Schema, Value};

use crate::json::text;
use crate::logical::{Logical, logical};
use crate::options::KAFKA;
use crate::{date, number};

/// `org.apache.kafka.connect.storage.SimpleHeaderConverter`
pub(crate) const HEADER: HeaderConverterPlugin = HeaderConverterPlugin {
    info: PluginInfo {
        class: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        kind: PluginKind::HeaderConverter,
        version: KAFKA,
    },
    config_def,
    new,
};

struct SimpleHeaderConverter;

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef { keys: Vec::new(), prefixes: Vec::new() });
    &DEF
}

fn new(_: &Props) -> Result<Box<dyn HeaderConverter>> {
    Ok(Box::new(SimpleHeaderConverter))
}

impl HeaderConverter for SimpleHeaderConverter {
    fn encode(&self, _topic: &str, _name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool> {
        if datum.value.is_null() {
            return Ok(false);
        }
        match &datum.value {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) if datum.schema.as_deref().and_then(logical).is_none() => {
                out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            }
            value => embedded(datum.schema.as_deref(), value, out),
        }
        Ok(true)
    }
}

/// `Values.append` of a value inside of another. A value that does not fit its schema is written by what it is.
fn embedded(schema: Option<&Schema>, value: &Value, out: &mut Vec<u8>) {
    match (schema.and_then(logical), value) {
        (Some(Logical::Decimal(scale)), Value::Bytes(unscaled)) => {
            return out.extend_from_slice(number::big_decimal(unscaled, scale).as_bytes());
        }
        (Some(Logical::Instant(unit)), Value::Int32(_) | Value::Int64(_)) => {
            let millis = value.as_i64().unwrap_or_default().saturating_mul(unit);
            return out.extend_from_slice(date::iso(millis).as_bytes());
        }
        _ => {}
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Int8(number) => text::whole(*number, out),
        Value::Int16(number) => text::whole(*number, out),
        Value::Int32(number) => text::whole(*number, out),
        Value::Int64(number) => text::whole(*number, out),
        Value::Float32(number) => out.extend_from_slice(number::float(*number).as_str().as_bytes()),
        Value::Float64(number) => out.extend_from_slice(number::double(*number).as_str().as_bytes()),
        Value::String(string) => quoted(string, out),
        Value::Bytes(bytes) => text::base64(bytes, out),
        Value::Array(items) => {
            let schema = match schema.map(|schema| &schema.kind) {
                Some(Kind::Array(items)) => Some(&**items),
                _ => None,
            };
            list(b"[]", items, out, |item, out| embedded(schema, item, out));
        }
        Value::Map(entries) => {
            let (keys, values) = match schema.map(|schema| &schema.kind) {
                Some(Kind::Map(keys, values)) => (Some(&**keys), Some(&**values)),
                _ => (None, None),
            };
            list(b"{}", entries, out, |(key, value), out| {
                embedded(keys, key, out);
                out.push(b':');
                embedded(values, value, out);
            });
        }
        Value::Struct(fields) => {
            let members: Vec<_> = fields.schema.fields().iter().zip(&fields.values).collect();
            list(b"{}", &members, out, |(field, value), out| {
                quoted(&field.name, out);
                out.push(b':');
                // Struct.get answers the default for null
                let value = if value.is_null() { field.schema.default.as_ref().unwrap_or(value) } else { value };
                embedded(Some(&field.schema), value, out);
            });
        }
    }
}

fn list<T>(brackets: &[u8; 2], items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(brackets[0]);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(brackets[1]);
}

/// `Values.escape` knows backslashes and quotes only.
fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
