//! Connect's schemas as JSON Schema: `JsonSchemaData.fromConnectSchema`, whose text is what the library everit-json-schema prints.
//!
//! Its order of members is kept, which is that of hash maps, because registries tell schemas apart by their text. `tests/golden` has what
//! Confluent's public source makes of the same schemas.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rowtide_api::{Error, Field, Kind, Result, Schema, Value};
use rowtide_converters::{java, logical};

use super::{Settings, word};
use crate::java_map;
use crate::json::Json;

type Members = Vec<(Arc<str>, Json)>;

/// The JSON Schema of a Connect schema.
pub(crate) fn derive(schema: &Schema, settings: &Settings) -> Result<Json> {
    Derivation { settings }.schema(schema, None, schema.optional)
}

struct Derivation<'a> {
    settings: &'a Settings,
}

impl Derivation<'_> {
    /// `index` is the field's. Optional is told apart, because a branch of a union leaves null to that.
    fn schema(&self, schema: &Schema, index: Option<usize>, optional: bool) -> Result<Json> {
        if let Kind::Struct(fields) = &schema.kind
            && logical::is_union(schema)
        {
            let mut branches = if schema.optional { vec![null()] } else { Vec::new() };
            for (index, field) in fields.iter().enumerate() {
                branches.push(self.schema(&field.schema, Some(index), false)?);
            }
            return Ok(one_of(branches, index));
        }
        if optional {
            return Ok(one_of(vec![null(), self.schema(schema, None, false)?], index));
        }
        let (mut members, tail, connect_type) = self.kind(schema)?;
        // as that library has it: the type of a boolean stands behind what all schemas have
        let late = if matches!(schema.kind, Kind::Boolean) { std::mem::take(&mut members) } else { Vec::new() };
        if let Some(name) = &schema.name {
            members.push(("title".into(), Json::Text(name.clone())));
        }
        if let Some(doc) = &schema.doc {
            members.push(("description".into(), Json::Text(doc.clone())));
        }
        if let Some(default) = schema.default.as_ref().filter(|default| !default.is_null()) {
            members.push(("default".into(), self.value(schema, default)?));
        }
        members.extend(beside(schema, connect_type, index));
        members.extend(late);
        members.extend(tail);
        Ok(Json::Object(members))
    }

    /// What stands before and behind the members that all schemas have, and the type as Connect calls it.
    fn kind(&self, schema: &Schema) -> Result<(Members, Members, Option<&'static str>)> {
        let simple = |name: &str, connect: Option<&'static str>| Ok((vec![type_of(name)], Vec::new(), connect));
        match &schema.kind {
            Kind::Int8 => simple("integer", Some("int8")),
            Kind::Int16 => simple("integer", Some("int16")),
            Kind::Int32 => simple("integer", Some("int32")),
            Kind::Int64 => simple("integer", Some("int64")),
            Kind::Float32 => simple("number", Some("float32")),
            Kind::Float64 => simple("number", Some("float64")),
            Kind::Boolean => simple("boolean", None),
            Kind::String => match self.symbols(schema) {
                Some(symbols) => Ok((vec![("enum".into(), Json::Array(symbols))], Vec::new(), None)),
                None => simple("string", None),
            },
            Kind::Bytes if self.is_numeric(schema) => simple("number", Some("bytes")),
            Kind::Bytes => simple("string", Some("bytes")),
            Kind::Array(items) => Ok((vec![type_of("array")], vec![("items".into(), self.within(items)?)], None)),
            Kind::Map(keys, values) if is_object(keys) => {
                Ok((vec![type_of("object")], vec![("additionalProperties".into(), self.within(values)?)], Some("map")))
            }
            Kind::Map(keys, values) => {
                let fields = [(word::KEY, keys), (word::VALUE, values)].into_iter().enumerate();
                let fields =
                    fields.map(|(index, (name, schema))| Ok((name.into(), self.schema(schema, Some(index), schema.optional)?)));
                let entry = vec![type_of("object"), ("properties".into(), properties(fields.collect::<Result<_>>()?))];
                Ok((vec![type_of("array")], vec![("items".into(), Json::Object(entry))], Some("map")))
            }
            Kind::Struct(fields) => self.object(fields),
        }
    }

    fn object(&self, fields: &[Field]) -> Result<(Members, Members, Option<&'static str>)> {
        let mut head = vec![type_of("object")];
        if !self.settings.open_objects {
            head.push(("additionalProperties".into(), Json::Bool(false)));
        }
        let mut members = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            members.push((field.name.clone(), self.schema(&field.schema, Some(index), field.schema.optional)?));
        }
        let tail = if members.is_empty() { Vec::new() } else { vec![("properties".into(), properties(members))] };
        Ok((head, tail, None))
    }

    fn within(&self, schema: &Schema) -> Result<Json> {
        self.schema(schema, None, schema.optional)
    }

    /// The values of an enum, if a string is one.
    fn symbols(&self, schema: &Schema) -> Option<Vec<Json>> {
        let has = |name: &str| schema.parameters.iter().any(|(have, _)| &**have == name);
        if !has(word::ENUM) && !has(word::GENERAL_ENUM) {
            return None;
        }
        let prefix = if self.settings.generalized { word::GENERAL_ENUM } else { word::ENUM };
        let symbols = schema.parameters.iter().filter_map(|(name, _)| name.strip_prefix(prefix)?.strip_prefix('.'));
        let mut symbols: Vec<&str> = symbols.collect();
        // null has the hash of no letters
        java_map::put(&mut symbols, |symbol| if *symbol == word::NULL { "" } else { symbol });
        Some(symbols.into_iter().map(|symbol| if symbol == word::NULL { Json::Null } else { Json::text(symbol) }).collect())
    }

    fn is_numeric(&self, schema: &Schema) -> bool {
        self.settings.numeric_decimals && schema.name.as_deref() == Some(crate::avro::word::DECIMAL)
    }

    /// A default, as the value would be written.
    fn value(&self, schema: &Schema, value: &Value) -> Result<Json> {
        let unfit = || Error::data(format!("Invalid type used for default value of {}", name_of(schema)));
        Ok(match (&schema.kind, value) {
            (_, Value::Null) => Json::Null,
            (Kind::Boolean, Value::Boolean(truth)) => Json::Bool(*truth),
            (Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64, value) => Json::Whole(value.as_i64().ok_or_else(unfit)?),
            (Kind::Float32, Value::Float32(number)) => self.number(schema, &java::float(*number))?,
            (Kind::Float64, Value::Float64(number)) => self.number(schema, &java::double(*number))?,
            (Kind::String, Value::String(text)) => Json::text(&**text),
            (Kind::Bytes, Value::Bytes(unscaled)) if self.is_numeric(schema) => {
                let scale = logical::decimal_scale(schema).ok_or_else(unfit)?;
                self.number(schema, &java::big_decimal(unscaled, scale))?
            }
            (Kind::Bytes, Value::Bytes(bytes)) => Json::text(STANDARD.encode(bytes)),
            (Kind::Array(inner), Value::Array(items)) => {
                Json::Array(items.iter().map(|item| self.value(inner, item)).collect::<Result<_>>()?)
            }
            (Kind::Map(keys, values), Value::Map(entries)) => {
                let mut members = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    members.push((self.value(keys, key)?, self.value(values, value)?));
                }
                map(members, is_object(keys)).ok_or_else(unfit)?
            }
            (Kind::Struct(fields), Value::Struct(value)) if !logical::is_union(schema) => {
                let mut members = Members::new();
                for (field, value) in fields.iter().zip(&value.values) {
                    let value = if value.is_null() { field.schema.default.as_ref().unwrap_or(value) } else { value };
                    if !value.is_null() || field.schema.optional {
                        members.push((field.name.clone(), self.value(&field.schema, value)?));
                    }
                }
                object(members)
            }
            _ => return Err(unfit()),
        })
    }

    /// A number of org.json, which leaves out zeros behind the point, once Jackson has read it as a `BigDecimal`.
    fn number(&self, schema: &Schema, text: &str) -> Result<Json> {
        let plain = match text.contains('.') && !text.contains(['e', 'E']) {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => text,
        };
        let read = if plain == "-0" { Some("0".to_owned()) } else { java::big_decimal_of(plain) };
        read.map(|text| Json::Number(text.into())).ok_or_else(|| {
            Error::configuration(format!("the default of {} is {text}, which JSON Schema has no number for", name_of(schema)))
                .remedy("give the column another default, or another converter")
        })
    }
}

/// What JSON Schema does not know, in the order of the hash map that it goes through.
fn beside(schema: &Schema, connect_type: Option<&'static str>, index: Option<usize>) -> Members {
    let mut members = Members::new();
    members.extend(connect_type.map(|name| (word::TYPE.into(), Json::text(name))));
    members.extend(schema.version.map(|version| (word::VERSION.into(), Json::Whole(version.into()))));
    let parameters = schema.parameters.iter().filter(|(name, _)| !name.starts_with(word::NAMESPACE));
    let mut parameters: Members = parameters.map(|(name, value)| (name.clone(), Json::Text(value.clone()))).collect();
    if !parameters.is_empty() {
        java_map::put(&mut parameters, |(name, _)| name);
        java_map::put_sized(&mut parameters, |(name, _)| name);
        members.push((word::PARAMETERS.into(), Json::Object(parameters)));
    }
    members.extend(index.map(|index| (word::INDEX.into(), Json::Whole(index as i64))));
    java_map::put(&mut members, |(name, _)| name);
    // a schema keeps a copy
    java_map::copy(&mut members, |(name, _)| name);
    members
}

fn one_of(branches: Vec<Json>, index: Option<usize>) -> Json {
    let mut members: Members = index.map(|index| (word::INDEX.into(), Json::Whole(index as i64))).into_iter().collect();
    members.push(("oneOf".into(), Json::Array(branches)));
    Json::Object(members)
}

fn null() -> Json {
    Json::Object(vec![type_of("null")])
}

fn type_of(name: &str) -> (Arc<str>, Json) {
    ("type".into(), Json::text(name))
}

fn properties(mut members: Members) -> Json {
    java_map::put(&mut members, |(name, _)| name);
    Json::Object(members)
}

/// Whether a map with these keys is an object.
pub(crate) fn is_object(keys: &Schema) -> bool {
    matches!(keys.kind, Kind::String) && !keys.optional
}

fn map(entries: Vec<(Json, Json)>, as_object: bool) -> Option<Json> {
    if !as_object {
        let entry = |(key, value)| object(vec![(word::KEY.into(), key), (word::VALUE.into(), value)]);
        return Some(Json::Array(entries.into_iter().map(entry).collect()));
    }
    let member = |(key, value)| match key {
        Json::Text(key) => Some((key, value)),
        _ => None,
    };
    Some(object(entries.into_iter().map(member).collect::<Option<_>>()?))
}

/// An object of org.json.
fn object(mut members: Members) -> Json {
    java_map::put(&mut members, |(name, _)| name);
    Json::Object(members)
}

fn name_of(schema: &Schema) -> &str {
    schema.name.as_deref().unwrap_or("an unnamed schema")
}
