//! Connect's schemas as Avro's: `AvroData.fromConnectSchema`, step by step, because the text that comes out is compared byte for byte.

use std::collections::HashMap;
use std::sync::Arc;

use rowtide_api::{Error, Field, Kind, Result, Schema};

use super::schema::{AvroKind, AvroSchema, Enumeration, Name, Record, RecordField};
use super::{Settings, defaults, is_fixed, is_union, names, parameter, word};
use crate::json::Json;

/// Precision of a decimal that says none.
const PRECISION: i64 = 64;

/// The Avro schema of a Connect schema.
pub(crate) fn derive(schema: &Schema, settings: &Settings) -> Result<Arc<AvroSchema>> {
    Derivation { settings, unnamed: 0, by_name: HashMap::new(), structs: Vec::new() }.schema(schema, false)
}

struct Derivation<'a> {
    settings: &'a Settings,
    /// how many schemas had no name of their own
    unnamed: usize,
    /// records by the Connect schema's name: one that comes again within is the same
    by_name: HashMap<Arc<str>, Arc<AvroSchema>>,
    /// required structs that were seen: equal ones are one type
    structs: Vec<(Schema, Arc<AvroSchema>)>,
}

impl Derivation<'_> {
    /// `as_branch`: it becomes a branch of a union, so null is left to that.
    fn schema(&mut self, schema: &Schema, as_branch: bool) -> Result<Arc<AvroSchema>> {
        let is_struct = matches!(schema.kind, Kind::Struct(_)) && !is_union(schema);
        if is_struct && schema.optional {
            let record = self.within(&required(schema), false)?;
            return Ok(Arc::new(AvroSchema::new(AvroKind::Union(vec![null(), record]))));
        }
        if is_struct && let Some((_, seen)) = self.structs.iter().find(|(seen, _)| seen == schema) {
            return Ok(seen.clone());
        }
        let mut base = self.base(schema)?;
        if matches!(base.kind, AvroKind::Union(_)) {
            return Ok(Arc::new(base));
        }
        if self.settings.connect_meta {
            self.meta_data(schema, &mut base)?;
        }
        logical_type(schema, &mut base);
        for (name, value) in schema.parameters.iter().filter(|(name, _)| name.starts_with("avro")) {
            base.prop(name, Json::text(&**value));
        }
        let base = Arc::new(base);
        if is_struct {
            self.structs.push((schema.clone(), base.clone()));
            if let Some(name) = &schema.name {
                self.by_name.insert(name.clone(), base.clone());
            }
        }
        Ok(if as_branch { base } else { with_null(schema, base) })
    }

    /// A schema inside of another: a record of a name that is known is that record.
    fn within(&mut self, schema: &Schema, as_branch: bool) -> Result<Arc<AvroSchema>> {
        match schema.name.as_ref().and_then(|name| self.by_name.get(name)) {
            Some(known) if as_branch => Ok(known.clone()),
            Some(known) => Ok(with_null(schema, known.clone())),
            None => self.schema(schema, as_branch),
        }
    }

    fn base(&mut self, schema: &Schema) -> Result<AvroSchema> {
        let kind = match &schema.kind {
            Kind::Int8 | Kind::Int16 | Kind::Int32 => AvroKind::Int,
            Kind::Int64 => AvroKind::Long,
            Kind::Float32 => AvroKind::Float,
            Kind::Float64 => AvroKind::Double,
            Kind::Boolean => AvroKind::Boolean,
            Kind::String if self.settings.enhanced && parameter(schema, word::ENUM).is_some() => self.enumeration(schema)?,
            Kind::String => AvroKind::String,
            Kind::Bytes => return self.bytes(schema),
            Kind::Array(inner) => AvroKind::Array(self.within(inner, false)?),
            Kind::Map(keys, values)
                if matches!(keys.kind, Kind::String) && (!keys.optional || self.settings.optional_map_keys) =>
            {
                AvroKind::Map(self.within(values, false)?)
            }
            Kind::Map(keys, values) => self.pairs(schema, keys, values)?,
            Kind::Struct(fields) if is_union(schema) => self.union(schema, fields)?,
            Kind::Struct(fields) => self.record(schema, fields)?,
        };
        Ok(AvroSchema::new(kind))
    }

    fn name(&mut self, schema: &Schema) -> Result<Name> {
        let name = match schema.name.as_deref() {
            Some(name) => names::split(name, self.settings.scrub),
            None => {
                self.unnamed += 1;
                let number = if self.unnamed > 1 { self.unnamed.to_string() } else { String::new() };
                Name { space: Some(word::NAMESPACE.into()), name: format!("{}{number}", word::DEFAULT_NAME).into() }
            }
        };
        names::check(&name.name, "schema")?;
        Ok(name)
    }

    fn enumeration(&mut self, schema: &Schema) -> Result<AvroKind> {
        let short = self.name(schema)?.name;
        let prefix = format!("{}.", word::ENUM);
        let symbols: Vec<Arc<str>> =
            schema.parameters.iter().filter_map(|(name, _)| name.strip_prefix(&prefix)).map(Arc::from).collect();
        for symbol in &symbols {
            names::check(symbol, "symbol")?;
        }
        let (doc, default) = if self.settings.discard_doc {
            (parameter(schema, word::ENUM_DOC), None)
        } else {
            let of = |prefix: &str| parameter(schema, &format!("{prefix}{short}"));
            (of(word::AVRO_ENUM_DOC), of(word::AVRO_ENUM_DEFAULT))
        };
        let name = Name::of(parameter(schema, word::ENUM).unwrap_or_default());
        names::check(&name.name, "schema")?;
        Ok(AvroKind::Enum(Enumeration { name, doc: doc.map(Arc::from), symbols, default: default.map(Arc::from) }))
    }

    fn bytes(&mut self, schema: &Schema) -> Result<AvroSchema> {
        let mut base = AvroSchema::new(match parameter(schema, word::FIXED_SIZE) {
            Some(size) if is_fixed(schema) => AvroKind::Fixed(self.name(schema)?, number(size, word::FIXED_SIZE)? as usize),
            _ => AvroKind::Bytes,
        });
        if is(schema, word::DECIMAL) {
            base.prop("scale", Json::Whole(number(parameter(schema, "scale").unwrap_or_default(), "scale")?));
            let precision = parameter(schema, word::PRECISION).map(|text| number(text, word::PRECISION)).transpose()?;
            base.prop("precision", Json::Whole(precision.unwrap_or(PRECISION)));
        }
        Ok(base)
    }

    /// Keys that are no strings: an array of records.
    fn pairs(&mut self, schema: &Schema, keys: &Schema, values: &Schema) -> Result<AvroKind> {
        let name = match &schema.name {
            Some(_) => self.name(schema)?,
            None => Name { space: Some(word::NAMESPACE.into()), name: word::MAP_ENTRY.into() },
        };
        let fields = vec![self.field(word::KEY, keys, None)?, self.field(word::VALUE, values, None)?];
        let mut entry = AvroSchema::new(AvroKind::Record(Record { name, doc: None, fields }));
        if schema.name.is_some() {
            entry.prop(word::INTERNAL_TYPE, Json::text(word::MAP_ENTRY));
        }
        Ok(AvroKind::Array(Arc::new(entry)))
    }

    fn union(&mut self, schema: &Schema, fields: &[Field]) -> Result<AvroKind> {
        let mut branches = if schema.optional { vec![null()] } else { Vec::new() };
        for field in fields {
            branches.push(self.within(&required(&field.schema), true)?);
        }
        Ok(AvroKind::Union(branches))
    }

    fn record(&mut self, schema: &Schema, fields: &[Field]) -> Result<AvroKind> {
        let name = self.name(schema)?;
        let doc = parameter(schema, if self.settings.discard_doc { word::RECORD_DOC } else { word::AVRO_RECORD_DOC });
        let mut written = Vec::with_capacity(fields.len());
        for field in fields {
            let doc = match self.settings.discard_doc {
                true => None,
                false => parameter(schema, &format!("{}{}", word::AVRO_FIELD_DOC, field.name)),
            };
            let field = self.field(&names::field(&field.name, self.settings.scrub), &field.schema, doc)?;
            if written.iter().any(|have: &RecordField| have.name == field.name) {
                return Err(Error::configuration(format!(
                    "the record {} has two fields of the name {}",
                    name.full(),
                    field.name
                ))
                .remedy("rename one of the columns, or leave one out (column.exclude.list)"));
            }
            written.push(field);
        }
        Ok(AvroKind::Record(Record { name, doc: doc.map(Arc::from), fields: written }))
    }

    fn field(&mut self, name: &str, schema: &Schema, doc: Option<&str>) -> Result<RecordField> {
        names::check(name, "field")?;
        let doc = if self.settings.discard_doc { schema.doc.clone() } else { doc.map(Arc::from) };
        let default = match default_of(schema) {
            Some(default) => Some(defaults::json(schema, default, self.settings)?),
            None => schema.optional.then_some(Json::Null),
        };
        let schema = self.schema(schema, false)?;
        let default = default.filter(|default| defaults::is_valid(&schema, default));
        Ok(RecordField { name: name.into(), schema, doc, default })
    }

    fn meta_data(&self, schema: &Schema, base: &mut AvroSchema) -> Result<()> {
        if let Some(doc) = &schema.doc {
            base.prop(word::DOC, Json::Text(doc.clone()));
        }
        if let Some(version) = schema.version {
            base.prop(word::VERSION, Json::Whole(version.into()));
        }
        let keep = |name: &str| self.settings.discard_doc || name != word::AVRO_FIELD_DEFAULT;
        let kept = schema.parameters.iter().filter(|(name, _)| keep(name));
        let parameters: Vec<_> = kept.map(|(name, value)| (name.clone(), Json::Text(value.clone()))).collect();
        if !parameters.is_empty() {
            base.prop(word::PARAMETERS, Json::Object(parameters));
        }
        let from_field = !self.settings.discard_doc && parameter(schema, word::AVRO_FIELD_DEFAULT).is_some();
        if let Some(default) = default_of(schema).filter(|_| !from_field) {
            base.prop(word::DEFAULT, defaults::json(schema, default, self.settings)?);
        }
        if let Some(name) = &schema.name {
            base.prop(word::NAME, Json::Text(name.clone()));
        }
        match schema.kind {
            Kind::Int8 => base.prop(word::TYPE, Json::text("int8")),
            Kind::Int16 => base.prop(word::TYPE, Json::text("int16")),
            _ => {}
        }
        Ok(())
    }
}

fn logical_type(schema: &Schema, base: &mut AvroSchema) {
    let types =
        [(word::DECIMAL, "decimal"), (word::TIME, "time-millis"), (word::TIMESTAMP, "timestamp-millis"), (word::DATE, "date")];
    if let Some((_, logical)) = types.iter().find(|(name, _)| is(schema, name)) {
        base.prop("logicalType", Json::text(*logical));
    }
}

/// Whether a schema has this name, in any case as Java compares it.
fn is(schema: &Schema, name: &str) -> bool {
    schema.name.as_deref().is_some_and(|have| have.eq_ignore_ascii_case(name))
}

/// A default that is more than null.
pub(crate) fn default_of(schema: &Schema) -> Option<&rowtide_api::Value> {
    schema.default.as_ref().filter(|default| !default.is_null())
}

fn null() -> Arc<AvroSchema> {
    Arc::new(AvroSchema::new(AvroKind::Null))
}

/// The union with null, which stands first unless there is a default: Avro's has to be of the first branch.
fn with_null(schema: &Schema, base: Arc<AvroSchema>) -> Arc<AvroSchema> {
    if !schema.optional {
        return base;
    }
    let branches = if default_of(schema).is_some() { vec![base, null()] } else { vec![null(), base] };
    Arc::new(AvroSchema::new(AvroKind::Union(branches)))
}

fn required(schema: &Schema) -> Schema {
    Schema { optional: false, ..schema.clone() }
}

fn number(text: &str, what: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::data(format!("the parameter '{what}' of a schema is no whole number")))
}
