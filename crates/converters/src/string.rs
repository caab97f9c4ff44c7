//! `org.apache.kafka.connect.storage.StringConverter`: `toString()` of the value.
//!
//! A row becomes Java's `Struct{id=1,name=x}`, which no reader can take apart; the converter is meant for keys and values
//! that are text. Bytes, of which Java writes an object's address, are written as base64.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rowtide_api::plugin::{ConverterPlugin, HeaderConverterPlugin};
use rowtide_api::{
    ConfigDef, ConfigKey, Converter, Datum, EncodePlan, Error, HeaderConverter, Importance, Kind, Plan, PluginInfo, PluginKind,
    Props, Result, Schema, SchemaRef, Validator, Value, Width,
};

use crate::logical::{Logical, logical};
use crate::options::{CONVERTER_TYPE, KAFKA};
use crate::{date, number};

const CLASS: &str = "org.apache.kafka.connect.storage.StringConverter";

/// `org.apache.kafka.connect.storage.StringConverter` for keys and values
pub(crate) const CONVERTER: ConverterPlugin =
    ConverterPlugin { info: PluginInfo { class: CLASS, kind: PluginKind::Converter, version: KAFKA }, config_def, new };

/// `org.apache.kafka.connect.storage.StringConverter` for headers
pub(crate) const HEADER: HeaderConverterPlugin = HeaderConverterPlugin {
    info: PluginInfo { class: CLASS, kind: PluginKind::HeaderConverter, version: KAFKA },
    config_def,
    new: new_header,
};

/// Character sets that Java always has and that are worth having.
#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Ascii,
    Latin1,
}

struct StringConverter(Charset);

struct StringPlan {
    charset: Charset,
    schema: Option<SchemaRef>,
}

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let encoding = ConfigKey {
            name: "converter.encoding",
            default: Some("UTF-8"),
            importance: Importance::High,
            width: Width::Medium,
            display_name: "Encoding",
            doc: "Character set of the text: UTF-8, US-ASCII or ISO-8859-1.",
            validator: Validator::Check(|value, _| charset(value?).is_err().then(|| "not a character set offered".to_owned())),
            ..CONVERTER_TYPE
        };
        ConfigDef { keys: vec![CONVERTER_TYPE, encoding], prefixes: Vec::new() }
    });
    &DEF
}

fn charset(name: &str) -> Result<Charset> {
    match name.to_ascii_uppercase().as_str() {
        "UTF-8" | "UTF8" => Ok(Charset::Utf8),
        "US-ASCII" | "ASCII" => Ok(Charset::Ascii),
        "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Ok(Charset::Latin1),
        _ => Err(Error::configuration(format!("'converter.encoding' names the character set '{name}', which is not offered"))
            .remedy("use UTF-8, US-ASCII or ISO-8859-1")),
    }
}

fn converter(props: &Props) -> Result<StringConverter> {
    Ok(StringConverter(charset(config_def().read(props).text("converter.encoding")?)?))
}

fn new(props: &Props, _is_key: bool) -> Result<Box<dyn Converter>> {
    Ok(Box::new(converter(props)?))
}

fn new_header(props: &Props) -> Result<Box<dyn HeaderConverter>> {
    Ok(Box::new(converter(props)?))
}

impl Converter for StringConverter {
    fn plan(&self, _topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        Ok(Plan::Ready(Arc::new(StringPlan { charset: self.0, schema: schema.cloned() })))
    }
}

impl EncodePlan for StringPlan {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        encode(self.charset, self.schema.as_deref(), value, out);
        Ok(!value.is_null())
    }
}

impl HeaderConverter for StringConverter {
    fn encode(&self, _topic: &str, _name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool> {
        encode(self.0, datum.schema.as_deref(), &datum.value, out);
        Ok(!datum.value.is_null())
    }
}

fn encode(charset: Charset, schema: Option<&Schema>, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::String(text) => put(charset, text, out),
        value => {
            let mut text = String::new();
            to_string(schema, value, &mut text);
            put(charset, &text, out);
        }
    }
}

/// What a character set lacks becomes a question mark, as in Java.
fn put(charset: Charset, text: &str, out: &mut Vec<u8>) {
    let last = match charset {
        Charset::Utf8 => return out.extend_from_slice(text.as_bytes()),
        Charset::Ascii => '\x7F',
        Charset::Latin1 => '\u{FF}',
    };
    out.extend(text.chars().map(|c| if c <= last { c as u8 } else { b'?' }));
}

fn to_string(schema: Option<&Schema>, value: &Value, out: &mut String) {
    let text = match (schema.and_then(logical), value) {
        (Some(Logical::Decimal(scale)), Value::Bytes(unscaled)) => number::big_decimal(unscaled, scale),
        (Some(Logical::Instant(unit)), Value::Int32(_) | Value::Int64(_)) => {
            date::java(value.as_i64().unwrap_or_default().saturating_mul(unit))
        }
        (_, Value::Null) => "null".to_owned(),
        (_, Value::Boolean(truth)) => truth.to_string(),
        (_, Value::Int8(number)) => number.to_string(),
        (_, Value::Int16(number)) => number.to_string(),
        (_, Value::Int32(number)) => number.to_string(),
        (_, Value::Int64(number)) => number.to_string(),
        (_, Value::Float32(number)) => number::float(*number).as_str().to_owned(),
        (_, Value::Float64(number)) => number::double(*number).as_str().to_owned(),
        (_, Value::String(text)) => return out.push_str(text),
        (_, Value::Bytes(bytes)) => STANDARD.encode(bytes),
        (_, Value::Array(_) | Value::Map(_) | Value::Struct(_)) => return container(schema, value, out),
    };
    out.push_str(&text);
}

/// `AbstractCollection.toString`, `AbstractMap.toString` and `Struct.toString`, which leaves nulls out.
fn container(schema: Option<&Schema>, value: &Value, out: &mut String) {
    let inner = schema.map(|schema| &schema.kind);
    match value {
        Value::Array(items) => {
            let schema = if let Some(Kind::Array(items)) = inner { Some(&**items) } else { None };
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                to_string(schema, item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            let (keys, values) =
                if let Some(Kind::Map(keys, values)) = inner { (Some(&**keys), Some(&**values)) } else { (None, None) };
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                to_string(keys, key, out);
                out.push('=');
                to_string(values, value, out);
            }
            out.push('}');
        }
        Value::Struct(fields) => {
            out.push_str("Struct{");
            let present = fields.schema.fields().iter().zip(&fields.values).filter(|(_, value)| !value.is_null());
            for (index, (field, value)) in present.enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&field.name);
                out.push('=');
                to_string(Some(&field.schema), value, out);
            }
            out.push('}');
        }
        _ => {}
    }
}
