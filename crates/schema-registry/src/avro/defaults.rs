//! Defaults of Connect's schemas as JSON (`AvroData.defaultValueFromConnect`), and whether Avro takes them.

use rowtide_api::{Error, Kind, Result, Schema, Value};

use super::schema::{AvroKind, AvroSchema};
use super::{Settings, is_union, names};
use crate::json::Json;

/// The JSON of a default.
pub(crate) fn json(schema: &Schema, value: &Value, settings: &Settings) -> Result<Json> {
    Ok(match (&schema.kind, value) {
        (_, Value::Null) => Json::Null,
        (Kind::Boolean, Value::Boolean(truth)) => Json::Bool(*truth),
        (Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64, value) => match value.as_i64() {
            Some(number) => Json::Whole(number),
            None => return Err(misfit(schema)),
        },
        (Kind::Float32, Value::Float32(number)) => Json::Float(*number),
        (Kind::Float64, Value::Float64(number)) => Json::Double(*number),
        (Kind::String, Value::String(text)) => Json::text(&**text),
        (Kind::Bytes, Value::Bytes(bytes)) => Json::text(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
        (Kind::Array(inner), Value::Array(items)) => {
            Json::Array(items.iter().map(|item| json(inner, item, settings)).collect::<Result<_>>()?)
        }
        (Kind::Map(keys, values), Value::Map(entries)) => map(keys, values, entries, settings)?,
        (Kind::Struct(fields), Value::Struct(value)) => {
            let mut members = Vec::with_capacity(fields.len());
            for (field, value) in fields.iter().zip(&value.values) {
                let value = if value.is_null() { field.schema.default.as_ref().unwrap_or(value) } else { value };
                let member = json(&field.schema, value, settings)?;
                if is_union(schema) {
                    return Ok(member);
                }
                members.push((names::field(&field.name, settings.scrub).into(), member));
            }
            Json::Object(members)
        }
        _ => return Err(misfit(schema)),
    })
}

fn map(keys: &Schema, values: &Schema, entries: &[(Value, Value)], settings: &Settings) -> Result<Json> {
    let has_string_keys = matches!(keys.kind, Kind::String) && (!keys.optional || settings.optional_map_keys);
    if has_string_keys {
        let member = |(key, value): &(Value, Value)| {
            let key = key.as_str().ok_or_else(|| misfit(keys))?;
            Ok((key.into(), json(values, value, settings)?))
        };
        return Ok(Json::Object(entries.iter().map(member).collect::<Result<_>>()?));
    }
    let pair = |(key, value): &(Value, Value)| Ok(Json::Array(vec![json(keys, key, settings)?, json(values, value, settings)?]));
    Ok(Json::Array(entries.iter().map(pair).collect::<Result<_>>()?))
}

fn misfit(schema: &Schema) -> Error {
    let name = schema.name.as_deref().unwrap_or("an unnamed schema");
    Error::data(format!("Invalid type used for default value of {name}"))
}

/// Whether Avro takes it as the default of a field (`Schema.isValidDefault`); one that it does not take is left out.
pub(crate) fn is_valid(schema: &AvroSchema, value: &Json) -> bool {
    match (&schema.kind, value) {
        (AvroKind::String | AvroKind::Bytes | AvroKind::Enum(_) | AvroKind::Fixed(..), Json::Text(_)) => true,
        (AvroKind::Int, Json::Whole(number)) => i32::try_from(*number).is_ok(),
        (AvroKind::Long, Json::Whole(_)) => true,
        (AvroKind::Float | AvroKind::Double, Json::Whole(_) | Json::Float(_) | Json::Double(_)) => true,
        (AvroKind::Boolean, Json::Bool(_)) | (AvroKind::Null, Json::Null) => true,
        (AvroKind::Array(inner), Json::Array(items)) => items.iter().all(|item| is_valid(inner, item)),
        (AvroKind::Map(inner), Json::Object(members)) => members.iter().all(|(_, value)| is_valid(inner, value)),
        (AvroKind::Union(branches), value) => branches.iter().any(|branch| is_valid(branch, value)),
        (AvroKind::Record(record), Json::Object(members)) => record.fields.iter().all(|field| {
            let given = members.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
            given.or(field.default.as_ref()).is_some_and(|value| is_valid(&field.schema, value))
        }),
        _ => false,
    }
}
