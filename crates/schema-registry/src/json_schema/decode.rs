//! JSON back to values of a schema. It comes from outside: what does not fit is an error, and nothing recurses deeper than the schema.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rowtide_api::{Error, Kind, Result, Schema, SchemaRef, Struct, Value};
use rowtide_converters::json::Dialect;
use rowtide_converters::{java, logical};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::word;
use crate::avro::parameter;

/// The value of this schema that a JSON text is.
pub(crate) fn read(schema: &SchemaRef, json: &[u8], dialect: Dialect) -> Result<Value> {
    let raw: &RawValue = serde_json::from_slice(json).map_err(|_| misfit("they are no JSON"))?;
    Reading { confluent: dialect == Dialect::Confluent }.value(schema, Some(raw))
}

/// The id and the value in what Apicurio's `ExtJsonConverter` writes.
pub(crate) fn ext_json(bytes: &Bytes) -> Result<(i64, Bytes)> {
    let members: Members = serde_json::from_slice(bytes).map_err(|_| misfit("they are no JSON object"))?;
    let id = members.get("schemaId", 0).and_then(|raw| raw.get().parse().ok()).ok_or_else(|| misfit("they have no schemaId"))?;
    let payload = members.get("payload", 1).ok_or_else(|| misfit("they have no payload"))?;
    Ok((id, bytes.slice_ref(payload.get().as_bytes())))
}

struct Reading {
    confluent: bool,
}

/// The members of an object in their order, each as its text.
pub(crate) struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl<'a> Members<'a> {
    /// The member of a name, which is usually at this place; the last of several, as Jackson has it.
    pub(crate) fn get(&self, name: &str, place: usize) -> Option<&'a RawValue> {
        match self.0.get(place) {
            Some((have, raw)) if have == name => Some(raw),
            _ => self.0.iter().rev().find(|(have, _)| have == name).map(|(_, raw)| *raw),
        }
    }
}

impl Reading {
    fn value(&self, schema: &SchemaRef, raw: Option<&RawValue>) -> Result<Value> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
            return match &schema.default {
                Some(default) => Ok(default.clone()),
                None if schema.optional => Ok(Value::Null),
                // Confluent's converter leaves such a member out
                None if self.confluent && raw.is_none() => Ok(Value::Null),
                None => Err(misfit("null for a field that is required")),
            };
        };
        let text = raw.get();
        Ok(match &schema.kind {
            Kind::Boolean => Value::Boolean(parse(text, "a boolean")?),
            Kind::Int8 => Value::Int8(parse(whole(text), "an 8-bit number")?),
            Kind::Int16 => Value::Int16(parse(whole(text), "a 16-bit number")?),
            Kind::Int32 => Value::Int32(parse(whole(text), "a 32-bit number")?),
            Kind::Int64 => Value::Int64(parse(whole(text), "a 64-bit number")?),
            Kind::Float32 => Value::Float32(unquoted(text).parse().map_err(|_| misfit("a number is none"))?),
            Kind::Float64 => Value::Float64(unquoted(text).parse().map_err(|_| misfit("a number is none"))?),
            // a number or a boolean among the symbols of an enum
            Kind::String if !text.starts_with('"') && is_enum(schema) => Value::string(text.to_owned()),
            Kind::String => Value::string(parse::<String>(text, "a text")?),
            Kind::Bytes => bytes(schema, text)?,
            Kind::Array(items) => {
                let raws: Vec<&RawValue> = parse(text, "an array")?;
                Value::Array(raws.into_iter().map(|raw| self.element(items, raw)).collect::<Result<_>>()?)
            }
            Kind::Map(keys, values) => Value::Map(self.entries(keys, values, text)?),
            Kind::Struct(_) if self.confluent && logical::is_union(schema) => self.union(schema, raw)?,
            Kind::Struct(fields) => {
                let members: Members = parse(text, "an object")?;
                let mut found = Vec::with_capacity(fields.len());
                for (place, field) in fields.iter().enumerate() {
                    let value = self.value(&field.schema, members.get(&field.name, place));
                    found.push(value.map_err(|error| error.context(&format!("the field '{}'", field.name)))?);
                }
                Value::Struct(Struct::new(schema.clone(), found))
            }
        })
    }

    /// An item of an array or a map: Confluent's converter writes null whatever the schema says.
    fn element(&self, schema: &SchemaRef, raw: &RawValue) -> Result<Value> {
        match self.confluent && raw.get() == "null" && schema.default.is_none() {
            true => Ok(Value::Null),
            false => self.value(schema, Some(raw)),
        }
    }

    fn entries(&self, keys: &SchemaRef, values: &SchemaRef, text: &str) -> Result<Vec<(Value, Value)>> {
        if matches!(keys.kind, Kind::String) && !(self.confluent && keys.optional) {
            let members: Members = parse(text, "an object")?;
            let member = |(name, raw): (String, &RawValue)| Ok((Value::string(name), self.element(values, raw)?));
            return members.0.into_iter().map(member).collect();
        }
        if self.confluent {
            let entries: Vec<Members> = parse(text, "an array of entries")?;
            let entry = |entry: Members| match (entry.get(word::KEY, 0), entry.get(word::VALUE, 1)) {
                (Some(key), Some(value)) => Ok((self.element(keys, key)?, self.element(values, value)?)),
                _ => Err(misfit("an entry has no key and value")),
            };
            return entries.into_iter().map(entry).collect();
        }
        let pairs: Vec<[&RawValue; 2]> = parse(text, "an array of pairs")?;
        pairs.into_iter().map(|[key, value]| Ok((self.value(keys, Some(key))?, self.value(values, Some(value))?))).collect()
    }

    /// The first branch that the value is of; of structs the one with the most fields in common.
    fn union(&self, schema: &SchemaRef, raw: &RawValue) -> Result<Value> {
        let fields = schema.fields();
        let simple = fields.iter().position(|field| is_simple_instance(&field.schema, raw.get()));
        let index = simple.or_else(|| {
            let matching = fields.iter().enumerate().map(|(index, field)| (common_fields(&field.schema, raw), index));
            matching
                .filter(|(count, _)| *count > 0)
                .max_by_key(|(count, index)| (*count, usize::MAX - index))
                .map(|(_, index)| index)
        });
        let index = index.ok_or_else(|| misfit("no branch of the union is of its type"))?;
        let mut values = vec![Value::Null; fields.len()];
        values[index] = self.value(&fields[index].schema, Some(raw))?;
        Ok(Value::Struct(Struct::new(schema.clone(), values)))
    }
}

fn is_simple_instance(schema: &Schema, text: &str) -> bool {
    let number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    match schema.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => number && !text.contains(['.', 'e', 'E']),
        Kind::Float32 | Kind::Float64 => number,
        Kind::Boolean => matches!(text, "true" | "false"),
        Kind::String => text.starts_with('"'),
        Kind::Bytes => text.starts_with('"') || number,
        Kind::Array(_) => text.starts_with('['),
        Kind::Map(..) => text.starts_with(['{', '[']),
        Kind::Struct(_) => false,
    }
}

fn common_fields(schema: &Schema, raw: &RawValue) -> usize {
    let Ok(members) = serde_json::from_str::<Members>(raw.get()) else { return 0 };
    let fields = schema.fields().iter();
    fields.filter_map(|field| members.get(&field.name, 0).map(|raw| 1 + common_fields(&field.schema, raw))).sum()
}

fn bytes(schema: &Schema, text: &str) -> Result<Value> {
    if !text.starts_with('"') {
        let scale = logical::decimal_scale(schema).ok_or_else(|| misfit("bytes are no text"))?;
        let unscaled = java::unscaled(text, scale).ok_or_else(|| misfit("a decimal does not fit its scale"))?;
        return Ok(Value::Bytes(unscaled.into()));
    }
    let text: String = parse(text, "a text")?;
    let bytes = STANDARD.decode(text).map_err(|_| misfit("bytes are no base64"))?;
    Ok(Value::Bytes(bytes.into()))
}

/// A whole number may be written with zeros behind the point (JSON Schema, "integer").
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    }
}

fn is_enum(schema: &Schema) -> bool {
    [word::ENUM, word::GENERAL_ENUM].iter().any(|name| parameter(schema, name).is_some())
}

/// What is no number in JSON is written as text.
fn unquoted(text: &str) -> &str {
    match text {
        "\"NaN\"" => "NaN",
        "\"Infinity\"" => "inf",
        "\"-Infinity\"" => "-inf",
        _ => text,
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| misfit(&format!("{what} is expected")))
}

fn misfit(why: &str) -> Error {
    Error::data(format!("the bytes are not of their schema: {why}"))
}
