//! Avro's schemas as Connect's: `AvroData.toConnectSchema`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::{Error, Field, Kind, Result, Schema, SchemaRef, Struct, Value};

use super::schema::{AvroKind, AvroSchema, Enumeration, Record};
use super::{Settings, names, word};
use crate::json::Json;

/// The name of Confluent's record for data without a schema.
const ANYTHING: &str = "io.confluent.connect.avro.Anything";

/// Precision of a decimal that is not worth a parameter.
const PRECISION: i64 = 64;

/// The Connect schema of an Avro schema; none for the record that stands for data without one. `version` is the registry's, for
/// a schema that names no version itself.
pub(crate) fn schema(avro: &Arc<AvroSchema>, version: Option<i32>, settings: &Settings) -> Result<Option<SchemaRef>> {
    if avro.name().is_some_and(|name| name.full() == ANYTHING) {
        return Ok(None);
    }
    let mut reading = Reading { names: avro.names(), open: Vec::new(), settings };
    Ok(Some(reading.schema(avro, false, None, version)?.shared()))
}

struct Reading<'a> {
    names: HashMap<String, Arc<AvroSchema>>,
    /// the records around: Connect's schemas hold each other and cannot hold themselves
    open: Vec<String>,
    settings: &'a Settings,
}

impl Reading<'_> {
    /// `default` is that of the field, which counts before the type's own.
    fn schema(&mut self, avro: &AvroSchema, optional: bool, default: Option<&Json>, version: Option<i32>) -> Result<Schema> {
        if let AvroKind::Reference(name) = &avro.kind {
            let found = self.names.get(&name.full()).cloned();
            let found = found.ok_or_else(|| Error::data(format!("the Avro schema does not define '{}'", name.full())))?;
            return self.schema(&found, optional, default, version);
        }
        if let AvroKind::Union(branches) = &avro.kind
            && let Some(branch) = beside_null(branches)
        {
            return self.schema(branch, true, None, None);
        }
        let mut found = self.base(avro)?;
        self.annotate(avro, &mut found, default, version)?;
        if optional {
            found.optional = true;
        }
        Ok(found)
    }

    fn base(&mut self, avro: &AvroSchema) -> Result<Schema> {
        let logical = avro.text_of("logicalType").unwrap_or_default();
        Ok(match &avro.kind {
            AvroKind::Boolean => Schema::new(Kind::Boolean),
            AvroKind::Float => Schema::new(Kind::Float32),
            AvroKind::Double => Schema::new(Kind::Float64),
            AvroKind::String => Schema::new(Kind::String),
            AvroKind::Long if logical.eq_ignore_ascii_case("timestamp-millis") => logical_type(Kind::Int64, word::TIMESTAMP),
            AvroKind::Long => Schema::new(Kind::Int64),
            AvroKind::Int => int(avro, logical)?,
            AvroKind::Bytes => bytes(avro, logical),
            AvroKind::Fixed(_, size) => bytes(avro, logical).parameter(word::FIXED_SIZE, size.to_string()),
            AvroKind::Enum(symbols) => self.enumeration(symbols),
            AvroKind::Array(items) => match self.entry(items) {
                Some((key, value)) => Schema::new(Kind::Map(
                    self.schema(&key, false, None, None)?.shared(),
                    self.schema(&value, false, None, None)?.shared(),
                )),
                None => Schema::new(Kind::Array(self.schema(items, false, None, None)?.shared())),
            },
            AvroKind::Map(values) => {
                Schema::new(Kind::Map(Schema::new(Kind::String).shared(), self.schema(values, false, None, None)?.shared()))
            }
            AvroKind::Record(record) => self.record(record)?,
            AvroKind::Union(branches) => self.union(branches)?,
            AvroKind::Null | AvroKind::Reference(_) => {
                return Err(Error::data("Standalone null schemas are not supported by this converter"));
            }
        })
    }

    /// Key and value, if these are the entries of a map whose keys are no strings.
    fn entry(&self, items: &AvroSchema) -> Option<(Arc<AvroSchema>, Arc<AvroSchema>)> {
        let AvroKind::Record(record) = &items.kind else { return None };
        let is_entry = items.text_of(word::INTERNAL_TYPE) == Some(word::MAP_ENTRY)
            || record.name.full() == format!("{}.{}", word::NAMESPACE, word::MAP_ENTRY);
        match record.fields.as_slice() {
            [key, value] if is_entry => Some((key.schema.clone(), value.schema.clone())),
            _ => None,
        }
    }

    fn enumeration(&self, symbols: &Enumeration) -> Schema {
        let mut schema = Schema::new(Kind::String);
        if self.settings.connect_meta {
            if let Some(doc) = &symbols.doc {
                let name = if self.settings.discard_doc {
                    word::ENUM_DOC.into()
                } else {
                    format!("{}{}", word::AVRO_ENUM_DOC, symbols.name.name)
                };
                schema = schema.parameter(name, doc.clone());
            }
            if let Some(default) = symbols.default.as_ref().filter(|_| !self.settings.discard_doc) {
                schema = schema.parameter(format!("{}{}", word::AVRO_ENUM_DEFAULT, symbols.name.name), default.clone());
            }
        }
        schema = schema.parameter(word::ENUM, symbols.name.full());
        symbols.symbols.iter().fold(schema, |schema, symbol| schema.parameter(format!("{}.{symbol}", word::ENUM), symbol.clone()))
    }

    fn record(&mut self, record: &Record) -> Result<Schema> {
        let name = record.name.full();
        if self.open.contains(&name) {
            return Err(Error::data(format!("the record {name} holds itself; reading such schemas is not supported")));
        }
        self.open.push(name);
        let mut fields = Vec::with_capacity(record.fields.len());
        let mut docs = Vec::new();
        for field in &record.fields {
            if let Some(doc) = &field.doc {
                docs.push((format!("{}{}", word::AVRO_FIELD_DOC, field.name), doc.clone()));
            }
            let mut schema = self.schema(&field.schema, false, field.default.as_ref(), None)?;
            if let Some(doc) = field.doc.as_ref().filter(|_| self.settings.discard_doc) {
                schema.doc = Some(doc.clone());
            }
            fields.push(Field::new(field.name.clone(), schema));
        }
        self.open.pop();
        let mut schema = Schema::structure(fields);
        if self.settings.connect_meta {
            if let Some(doc) = &record.doc {
                schema = schema
                    .parameter(if self.settings.discard_doc { word::RECORD_DOC } else { word::AVRO_RECORD_DOC }, doc.clone());
            }
            if !self.settings.discard_doc {
                schema = docs.into_iter().fold(schema, |schema, (name, doc)| schema.parameter(name, doc));
            }
        }
        Ok(schema)
    }

    /// A union of more than a type and null: a struct of which one field is set.
    fn union(&mut self, branches: &[Arc<AvroSchema>]) -> Result<Schema> {
        let mut fields = Vec::with_capacity(branches.len());
        let mut optional = false;
        for branch in branches {
            if matches!(branch.kind, AvroKind::Null) {
                optional = true;
                continue;
            }
            fields.push(Field::new(branch_name(branch, self.settings), self.schema(branch, true, None, None)?));
        }
        Ok(Schema { optional, ..Schema::structure(fields).named(word::UNION) })
    }

    fn annotate(&self, avro: &AvroSchema, schema: &mut Schema, default: Option<&Json>, version: Option<i32>) -> Result<()> {
        if let Some(doc) = avro.text_of(word::DOC).filter(|_| self.settings.connect_meta) {
            schema.doc = Some(doc.into());
        }
        let own = match avro.get(word::VERSION) {
            Some(Json::Whole(number)) => i32::try_from(*number).ok(),
            Some(_) => return Err(Error::data("Invalid Connect version found")),
            None => version,
        };
        schema.version = own.filter(|version| *version >= 0).or(schema.version);
        let mut found = std::mem::replace(schema, Schema::new(Kind::Boolean));
        if let Some(Json::Object(parameters)) = avro.get(word::PARAMETERS).filter(|_| self.settings.connect_meta) {
            for (name, value) in parameters {
                let Json::Text(value) = value else { return Err(Error::data("Expected schema parameter values to be strings")) };
                found = found.parameter(name.clone(), value.clone());
            }
        }
        for (name, value) in avro.props.iter().filter(|(name, _)| name.starts_with("avro")) {
            if let Json::Text(value) = value {
                found = found.parameter(name.clone(), value.clone());
            }
        }
        let typed = avro.get(word::DEFAULT);
        if default.is_some() && typed.is_none() && self.settings.connect_meta && !self.settings.discard_doc {
            found = found.parameter(word::AVRO_FIELD_DEFAULT, "true");
        }
        if let Some(default) = default.or(typed) {
            // one that does not fit is left out, as in Java
            found.default = value(&found, default).filter(|value| !value.is_null());
        }
        let named = avro.text_of(word::NAME).map(str::to_owned).or_else(|| avro.name().map(|name| name.full()));
        let unnamed = format!("{}.{}", word::NAMESPACE, word::DEFAULT_NAME);
        if let Some(name) = named.filter(|name| !name.starts_with(&unnamed)) {
            found.name = found.name.or(Some(name.into()));
        }
        *schema = found;
        Ok(())
    }
}

/// The other branch of a union of a type and null.
pub(crate) fn beside_null(branches: &[Arc<AvroSchema>]) -> Option<&Arc<AvroSchema>> {
    match branches {
        [null, other] | [other, null] if matches!(null.kind, AvroKind::Null) && !matches!(other.kind, AvroKind::Null) => {
            Some(other)
        }
        _ => None,
    }
}

/// The field that stands for a branch.
pub(crate) fn branch_name(branch: &AvroSchema, settings: &Settings) -> String {
    match branch.name() {
        Some(name) if settings.enhanced => name.full(),
        Some(name) => names::split(&name.name, settings.scrub).name.to_string(),
        None => branch.type_name().to_owned(),
    }
}

fn logical_type(kind: Kind, name: &str) -> Schema {
    Schema::new(kind).named(name).versioned(1)
}

fn int(avro: &AvroSchema, logical: &str) -> Result<Schema> {
    Ok(match (logical, avro.text_of(word::TYPE)) {
        ("", None) => Schema::new(Kind::Int32),
        ("", Some("int8")) => Schema::new(Kind::Int8),
        ("", Some("int16")) => Schema::new(Kind::Int16),
        ("", Some(_)) => return Err(Error::data("Connect type annotation for Avro int field is null")),
        (logical, _) if logical.eq_ignore_ascii_case("date") => logical_type(Kind::Int32, word::DATE),
        (logical, _) if logical.eq_ignore_ascii_case("time-millis") => logical_type(Kind::Int32, word::TIME),
        _ => Schema::new(Kind::Int32),
    })
}

fn bytes(avro: &AvroSchema, logical: &str) -> Schema {
    if !logical.eq_ignore_ascii_case("decimal") {
        return Schema::new(Kind::Bytes);
    }
    let number = |name: &str| match avro.get(name) {
        Some(Json::Whole(number)) => Some(*number),
        _ => None,
    };
    let schema = logical_type(Kind::Bytes, word::DECIMAL).parameter("scale", number("scale").unwrap_or(0).to_string());
    match number("precision").filter(|precision| *precision != PRECISION) {
        Some(precision) => schema.parameter(word::PRECISION, precision.to_string()),
        None => schema,
    }
}

/// A default as a value of the schema; none where it does not fit.
fn value(schema: &Schema, json: &Json) -> Option<Value> {
    Some(match (&schema.kind, json) {
        (_, Json::Null) => Value::Null,
        (Kind::Boolean, Json::Bool(truth)) => Value::Boolean(*truth),
        (Kind::Int8, Json::Whole(number)) => Value::Int8(i8::try_from(*number).ok()?),
        (Kind::Int16, Json::Whole(number)) => Value::Int16(i16::try_from(*number).ok()?),
        (Kind::Int32, Json::Whole(number)) => Value::Int32(i32::try_from(*number).ok()?),
        (Kind::Int64, Json::Whole(number)) => Value::Int64(*number),
        (Kind::Float32, json) => Value::Float32(float(json)? as f32),
        (Kind::Float64, json) => Value::Float64(float(json)?),
        (Kind::String, Json::Text(text)) => Value::string(&**text),
        (Kind::Bytes, Json::Text(text)) => {
            let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(letter as u32).ok()).collect();
            Value::Bytes(Bytes::from(bytes?))
        }
        (Kind::Array(inner), Json::Array(items)) => {
            Value::Array(items.iter().map(|item| value(inner, item)).collect::<Option<_>>()?)
        }
        (Kind::Map(_, inner), Json::Object(members)) => {
            let member = |(name, json): &(Arc<str>, Json)| Some((Value::string(&**name), value(inner, json)?));
            Value::Map(members.iter().map(member).collect::<Option<_>>()?)
        }
        (Kind::Struct(fields), Json::Object(members)) => {
            let member = |field: &Field| members.iter().find(|(name, _)| *name == field.name).map(|(_, json)| json);
            let values: Option<Vec<Value>> =
                fields.iter().map(|field| member(field).map_or(Some(Value::Null), |json| value(&field.schema, json))).collect();
            let plain = Schema { default: None, ..schema.clone() };
            Value::Struct(Struct::new(plain.shared(), values?))
        }
        _ => return None,
    })
}

fn float(json: &Json) -> Option<f64> {
    match json {
        Json::Whole(number) => Some(*number as f64),
        Json::Float(number) => Some((*number).into()),
        Json::Double(number) => Some(*number),
        _ => None,
    }
}
