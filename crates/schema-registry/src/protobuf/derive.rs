//! Connect's schemas as Protobuf's: `ProtobufData.fromConnectSchema`, step by step, because the text that comes out is compared.

use std::collections::HashSet;
use std::sync::Arc;

use rowtide_api::{Error, Kind, Result, Schema};

use super::known;
use super::schema::{Enumeration, Field, File, Label, Message, Scalar, Type};
use super::{Settings, is_union, names, word};
use crate::avro::parameter;
use crate::avro::word::{DATE, DECIMAL, TIME, TIMESTAMP};

/// The file of a Connect schema, and the place of its message among those of the file.
pub(crate) fn derive(schema: &Schema, settings: &Settings) -> Result<(File, usize)> {
    let scalar = match &schema.kind {
        Kind::Struct(_) if is_union(schema) => return Err(unsupported("a union")),
        Kind::Struct(_) => {
            let mut derivation = Derivation { settings, unnamed: 0, imports: Vec::new() };
            let full = derivation.name(schema);
            let (package, name) = names::split(&full, settings.scrub);
            let message = derivation.message(&name, schema)?;
            let package = package.map(Arc::from);
            return Ok((File { package, imports: derivation.imports, messages: vec![Arc::new(message)], ..File::default() }, 0));
        }
        _ if logical(schema).is_some() => return Err(unsupported(schema.name.as_deref().unwrap_or_default())),
        Kind::Array(_) => return Err(unsupported("an array")),
        Kind::Map(..) => return Err(unsupported("a map")),
        kind => scalar(kind),
    };
    Ok((known::wrappers(), known::wrapper(scalar).1))
}

/// What Confluent's converter does not write at the top: it has to be a struct or a plain value.
fn unsupported(what: &str) -> Error {
    Error::configuration(format!("ProtobufConverter takes a struct or a plain value, not {what}"))
        .remedy("use another converter for this topic's records")
}

/// The known message type that a logical type is written as.
pub(crate) fn logical(schema: &Schema) -> Option<&'static str> {
    match (schema.name.as_deref()?, &schema.kind) {
        (DECIMAL, Kind::Bytes) => Some(known::DECIMAL),
        (DATE, Kind::Int32) => Some(known::DATE),
        (TIME, Kind::Int32) => Some(known::TIME),
        (TIMESTAMP, Kind::Int64) => Some(known::TIMESTAMP),
        _ => None,
    }
}

/// The type of plain values.
pub(crate) fn scalar(kind: &Kind) -> Scalar {
    match kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 => Scalar::Int32,
        Kind::Int64 => Scalar::Int64,
        Kind::Float32 => Scalar::Float,
        Kind::Float64 => Scalar::Double,
        Kind::Boolean => Scalar::Bool,
        Kind::String => Scalar::String,
        _ => Scalar::Bytes,
    }
}

struct Derivation<'a> {
    settings: &'a Settings,
    /// how many schemas had no name of their own
    unnamed: usize,
    imports: Vec<Arc<str>>,
}

/// A message under construction.
#[derive(Default)]
struct Building {
    message: Message,
    /// the types of structs that it holds already: they are defined once
    known: HashSet<String>,
}

impl Derivation<'_> {
    fn name(&mut self, schema: &Schema) -> String {
        match schema.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => {
                self.unnamed += 1;
                format!("{}{}", word::DEFAULT_NAME, self.unnamed)
            }
        }
    }

    fn unqualified(&mut self, schema: &Schema) -> String {
        names::unqualified(&self.name(schema), self.settings.scrub)
    }

    fn message(&mut self, name: &str, schema: &Schema) -> Result<Message> {
        names::check(name, "message")?;
        let mut building = Building { message: Message { name: name.into(), ..Message::default() }, ..Building::default() };
        let mut next = 1;
        for field in schema.fields() {
            let name = names::field(&field.name, self.settings.scrub);
            let number = match parameter(&field.schema, word::TAG) {
                Some(tag) => number(tag, word::TAG)?,
                None => next,
            };
            if parameter(&field.schema, word::TAG).is_none() {
                next += 1;
            }
            let within = |error: Error| error.context(&field.name);
            if is_union(&field.schema) {
                self.oneof(&mut building, &field.schema).map_err(within)?;
                continue;
            }
            let label = self.label(&field.schema);
            let written = self.field(&mut building, &field.schema, &name, number, false).map_err(within)?;
            building.message.fields.push(Field { label, ..written });
        }
        check(&building.message)?;
        Ok(building.message)
    }

    fn label(&self, schema: &Schema) -> Label {
        match schema.kind {
            Kind::Array(_) | Kind::Map(..) => Label::Repeated,
            _ if self.settings.optional_for_nullables && schema.optional => Label::Optional,
            _ => Label::None,
        }
    }

    fn oneof(&mut self, building: &mut Building, schema: &Schema) -> Result<()> {
        let full = schema.name.as_deref().unwrap_or_default();
        let name = full.strip_prefix(word::UNION).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let oneof = building.message.oneofs.len();
        building.message.oneofs.push(names::unqualified(name, self.settings.scrub).into());
        for field in schema.fields() {
            let Some(tag) = parameter(&field.schema, word::TAG) else {
                return Err(Error::configuration(format!(
                    "the member '{}' of a union has no parameter {}",
                    field.name,
                    word::TAG
                ))
                .remedy("use another converter: only unions that were read from Protobuf can be written"));
            };
            let name = names::field(&field.name, self.settings.scrub);
            let written = self.field(building, &field.schema, &name, number(tag, word::TAG)?, true)?;
            building.message.fields.push(Field { oneof: Some(oneof), ..written });
        }
        Ok(())
    }

    /// A field without its label. Types that it needs become types within the message.
    fn field(&mut self, building: &mut Building, schema: &Schema, name: &str, number: u32, in_oneof: bool) -> Result<Field> {
        names::check(name, "field")?;
        let items = match &schema.kind {
            Kind::Array(items) => items,
            _ => schema,
        };
        let mut params = Vec::new();
        let kind = self.kind(building, items, name, in_oneof, &mut params)?;
        Ok(Field { name: name.into(), number, label: Label::None, kind, oneof: None, params, json_name: None })
    }

    fn kind(
        &mut self,
        building: &mut Building,
        schema: &Schema,
        field: &str,
        in_oneof: bool,
        params: &mut Vec<(Arc<str>, Arc<str>)>,
    ) -> Result<Type> {
        if let Some(known) = logical(schema) {
            decimal_params(schema, known, params);
            return Ok(self.imported(known));
        }
        match schema.kind {
            Kind::Int8 => params.push((word::CONNECT_TYPE.into(), "int8".into())),
            Kind::Int16 => params.push((word::CONNECT_TYPE.into(), "int16".into())),
            _ => {}
        }
        Ok(match &schema.kind {
            Kind::Array(_) => {
                return Err(Error::configuration("Array cannot be nested").remedy(
                    "leave the column out (column.exclude.list), or use another converter: Protobuf has no arrays of arrays",
                ));
            }
            Kind::Map(keys, values) => {
                let name = names::map_entry(&self.unqualified(schema));
                let entry = self.entry(&name, keys, values)?;
                building.message.messages.push(Arc::new(entry));
                Type::Named(name.into())
            }
            Kind::Struct(_) => Type::Named(self.nested(building, schema, field)?.into()),
            Kind::Int32 | Kind::String if parameter(schema, word::ENUM).is_some() => self.enumeration(building, schema)?,
            kind => self.plain(schema, scalar(kind), in_oneof)?,
        })
    }

    fn nested(&mut self, building: &mut Building, schema: &Schema, field: &str) -> Result<String> {
        let mut name = self.unqualified(schema);
        // a message and a field of the same name would be in each other's way
        if name == field {
            name.push_str("Message");
        }
        if *building.message.name == *name {
            return Err(Error::configuration(format!(
                "the struct {name} holds a struct of the same name, which Protobuf would take for itself"
            ))
            .remedy("give one of them another name (schema.name.adjustment.mode does not help), or use another converter"));
        }
        if building.known.insert(name.clone()) {
            let inner = self.message(&name, schema)?;
            building.message.messages.push(Arc::new(inner));
        }
        Ok(name)
    }

    fn entry(&mut self, name: &str, keys: &Schema, values: &Schema) -> Result<Message> {
        let mut building = Building { message: Message { name: name.into(), ..Message::default() }, ..Building::default() };
        for (index, (name, schema)) in [(word::KEY, keys), (word::VALUE, values)].into_iter().enumerate() {
            let field = self.field(&mut building, schema, name, index as u32 + 1, false)?;
            // only fields of structs are optional
            let label = if self.label(schema) == Label::Repeated { Label::Repeated } else { Label::None };
            building.message.fields.push(Field { label, ..field });
        }
        check(&building.message)?;
        Ok(building.message)
    }

    fn enumeration(&mut self, building: &mut Building, schema: &Schema) -> Result<Type> {
        let kind = Type::Named(parameter(schema, word::ENUM).unwrap_or_default().into());
        let name = self.unqualified(schema);
        if building.message.enums.iter().any(|have| *have.name == *name) {
            return Ok(kind);
        }
        names::check(&name, "enum")?;
        let prefix = format!("{}.", word::ENUM);
        let mut values = Vec::new();
        for (parameter, tag) in &schema.parameters {
            if let Some(symbol) = parameter.strip_prefix(&prefix) {
                names::check(symbol, "symbol")?;
                let tag =
                    tag.parse().map_err(|_| Error::data(format!("the parameter '{parameter}' of a schema is no number")))?;
                values.push((symbol.into(), tag));
            }
        }
        building.message.enums.push(Arc::new(Enumeration { name: name.into(), values }));
        Ok(kind)
    }

    /// A value of its own, or wrapped in a message that may be missing.
    fn plain(&mut self, schema: &Schema, scalar: Scalar, in_oneof: bool) -> Result<Type> {
        let wanted = parameter(schema, word::TYPE).filter(|_| matches!(schema.kind, Kind::Int32 | Kind::Int64));
        let scalar = match wanted {
            Some(name) => Scalar::of(name).ok_or_else(|| Error::data(format!("Protobuf has no type '{name}'")))?,
            None => scalar,
        };
        let wrapped = self.settings.wrapper_for_nullables && schema.optional;
        if !wrapped || in_oneof && parameter(schema, word::WRAPPER).is_none_or(|value| !value.eq_ignore_ascii_case("true")) {
            return Ok(Type::Scalar(scalar));
        }
        let of = match (&schema.kind, scalar) {
            (Kind::Int64, Scalar::Uint32 | Scalar::Fixed32) => Scalar::Uint32,
            (Kind::Int64, Scalar::Uint64 | Scalar::Fixed64) => Scalar::Uint64,
            (Kind::Int64, _) => Scalar::Int64,
            (Kind::Int32, _) => Scalar::Int32,
            _ => scalar,
        };
        Ok(self.imported(&known::wrapper(of).0))
    }

    fn imported(&mut self, known: &str) -> Type {
        let file: Arc<str> = known::location(known).unwrap_or_default().into();
        if !self.imports.contains(&file) {
            self.imports.push(file);
        }
        Type::Named(known.into())
    }
}

/// The order is that of a `java.util.HashMap` with these two keys.
fn decimal_params(schema: &Schema, known: &str, params: &mut Vec<(Arc<str>, Arc<str>)>) {
    if known != known::DECIMAL {
        return;
    }
    for (theirs, ours) in [(word::CONNECT_PRECISION, word::PRECISION), ("scale", word::SCALE)] {
        if let Some(value) = parameter(schema, theirs) {
            params.push((ours.into(), value.into()));
        }
    }
}

fn number(tag: &str, what: &str) -> Result<u32> {
    let number = tag.parse().ok().filter(|number| (1..=536_870_911).contains(number));
    number.ok_or_else(|| Error::data(format!("the parameter '{what}' of a schema is no number of a field")))
}

/// What Java's library checks when it builds a message: names within it, and numbers of fields, are used once.
fn check(message: &Message) -> Result<()> {
    let mut seen = HashSet::new();
    let symbols = message.enums.iter().flat_map(|found| found.values.iter().map(|(name, _)| name));
    let names = message.fields.iter().map(|field| &field.name);
    let types = message.messages.iter().map(|inner| &inner.name).chain(message.enums.iter().map(|found| &found.name));
    for name in names.chain(&message.oneofs).chain(types).chain(symbols) {
        if !seen.insert(name) {
            return Err(Error::configuration(format!("\"{name}\" is already defined in the message {}", message.name))
                .remedy("rename one of the columns, or leave one out (column.exclude.list)"));
        }
    }
    let mut numbers = HashSet::new();
    match message.fields.iter().find(|field| !numbers.insert(field.number)) {
        Some(field) => Err(Error::data(format!("two fields of the message {} have the number {}", message.name, field.number))),
        None => Ok(()),
    }
}
