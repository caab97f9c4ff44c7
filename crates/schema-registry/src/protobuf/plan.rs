//! A Connect schema and the Protobuf message that its values are written as, compiled into one pass over a value.
//!
//! The message is usually the one derived from the Connect schema; it may also be a registered one that was found, so fields are
//! matched by name. Numbers are written in ascending order, as Protobuf's libraries do.

use std::sync::Arc;

use rowtide_api::{Error, Field as ConnectField, Kind, Result, Schema, SchemaRef, Struct, Value};
use rowtide_converters::members::{LastWritten, Members};
use rowtide_converters::misfit::Misfit;

use super::known::{self, Known};
use super::logical;
use super::schema::{Definition, Field, Label, Message, Scalar, Type, Types, within};
use super::{Settings, derive, is_union, names, wire, word};
use crate::avro::parameter;

/// How values of a Connect schema become a message's bytes.
pub(crate) enum ProtobufPlan {
    Message(MessagePlan),
    /// a plain value, wrapped
    Plain(Member),
}

/// How structs become messages.
pub(crate) struct MessagePlan {
    schema: SchemaRef,
    members: Vec<Member>,
    last: LastWritten,
}

/// A field of the message, and which value of the struct it takes.
pub(crate) struct Member {
    name: Arc<str>,
    index: usize,
    null: OnNull,
    content: Content,
}

/// What null becomes.
enum OnNull {
    /// nothing, or the default
    Written(Box<[u8]>),
    Misfit,
}

enum Content {
    One {
        key: Box<[u8]>,
        shape: Shape,
        /// whether a zero is left out, because it reads the same
        implicit: bool,
    },
    /// one after the other under one length
    Packed {
        key: Box<[u8]>,
        scalar: Scalar,
    },
    Repeated {
        key: Box<[u8]>,
        shape: Shape,
    },
    /// a map: its entries are messages
    Entries {
        key: Box<[u8]>,
        keys: Box<Member>,
        values: Box<Member>,
    },
    /// a field of a struct of which one is set: its place there
    Oneof {
        inner: usize,
        member: Box<Member>,
    },
}

enum Shape {
    Scalar(Scalar),
    Symbol(Vec<(Arc<str>, i32)>),
    Wrapper {
        key: Box<[u8]>,
        scalar: Scalar,
    },
    /// the scale
    Decimal(i32),
    Date,
    Time,
    Timestamp,
    Message(MessagePlan),
}

/// Names the field, never the value.
pub(crate) fn misfit_error(misfit: Misfit) -> Error {
    misfit.error("Protobuf conversion", "")
}

impl ProtobufPlan {
    /// The plan for a message of this full name.
    pub(crate) fn compile(schema: &SchemaRef, full: &str, types: &Types, settings: &Settings) -> Result<Self> {
        let Some(Definition::Message(message)) = types.resolve("", full).1 else { return Err(undefined(full)) };
        let compiler = Compiler { types, settings };
        if matches!(schema.kind, Kind::Struct(_)) && known::of(full).is_none() {
            return Ok(Self::Message(compiler.message(schema, &message, full)?));
        }
        match known::of(full) {
            Some(Known::Wrapper(scalar)) if fits(schema, scalar) && derive::logical(schema).is_none() => {
                let content = Content::One { key: wire::key(1, scalar.wire()), shape: Shape::Scalar(scalar), implicit: true };
                Ok(Self::Plain(Member { name: word::VALUE.into(), index: 0, null: OnNull::Misfit, content }))
            }
            _ => Err(mismatch(schema, full)),
        }
    }

    pub(crate) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (self, value) {
            (Self::Message(plan), Value::Struct(fields)) => plan.write_struct(fields, out),
            (Self::Message(_), _) => Err(Misfit::new("Invalid type for STRUCT")),
            (Self::Plain(member), value) => member.content.write(value, out),
        }
    }
}

struct Compiler<'a> {
    types: &'a Types,
    settings: &'a Settings,
}

impl Compiler<'_> {
    fn message(&self, schema: &SchemaRef, message: &Message, full: &str) -> Result<MessagePlan> {
        let mut members = Vec::with_capacity(message.fields.len());
        for (index, field) in schema.fields().iter().enumerate() {
            if is_union(&field.schema) {
                members.extend(self.oneof(index, field, message, full)?);
            } else if let Some(written) = self.written(field, message) {
                let member = self.member(index, field, written, full).map_err(|error| error.context(&field.name))?;
                members.push((written.number, member));
            }
            // what a registered schema lacks is not written
        }
        members.sort_by_key(|(number, _)| *number);
        let members = members.into_iter().map(|(_, member)| member).collect();
        Ok(MessagePlan { schema: schema.clone(), members, last: LastWritten::default() })
    }

    fn written<'a>(&self, field: &ConnectField, message: &'a Message) -> Option<&'a Field> {
        let name = names::field(&field.name, self.settings.scrub);
        message.fields.iter().find(|written| *written.name == *name)
    }

    /// Each member of a oneof is one of the message, so that all of them stand in the order of their numbers.
    fn oneof(&self, index: usize, field: &ConnectField, message: &Message, full: &str) -> Result<Vec<(u32, Member)>> {
        let mut members = Vec::new();
        for (inner, branch) in field.schema.fields().iter().enumerate() {
            if let Some(written) = self.written(branch, message) {
                let member = Box::new(self.member(inner, branch, written, full)?);
                let (name, null) = (field.name.clone(), OnNull::Written(Box::default()));
                members.push((written.number, Member { name, index, null, content: Content::Oneof { inner, member } }));
            }
        }
        Ok(members)
    }

    fn member(&self, index: usize, field: &ConnectField, written: &Field, full: &str) -> Result<Member> {
        let schema = &field.schema;
        let content = self.content(schema, written, full)?;
        let mut null = if schema.optional { OnNull::Written(Box::default()) } else { OnNull::Misfit };
        let default = schema.default.as_ref().filter(|default| !default.is_null() && !self.settings.ignore_default);
        if let Some(default) = default {
            let mut out = Vec::new();
            content.write(default, &mut out).map_err(|misfit| misfit_error(misfit).context("the default"))?;
            null = OnNull::Written(out.into());
        }
        Ok(Member { name: field.name.clone(), index, null, content })
    }

    fn content(&self, schema: &SchemaRef, written: &Field, full: &str) -> Result<Content> {
        let is_many = matches!(schema.kind, Kind::Array(_) | Kind::Map(..));
        if is_many != (written.label == Label::Repeated) {
            return Err(mismatch(schema, if is_many { "no repeated field" } else { "a repeated field" }));
        }
        match &schema.kind {
            Kind::Array(items) => Ok(match self.shape(items, written, full)? {
                Shape::Scalar(scalar) if scalar.is_packed() => {
                    Content::Packed { key: wire::key(written.number, wire::LENGTH), scalar }
                }
                shape => Content::Repeated { key: wire::key(written.number, shape.wire()), shape },
            }),
            Kind::Map(keys, values) => self.entries(keys, values, written, full),
            _ => {
                let shape = self.shape(schema, written, full)?;
                let plain = matches!(shape, Shape::Scalar(_) | Shape::Symbol(_));
                let implicit = plain && written.label == Label::None && written.oneof.is_none();
                Ok(Content::One { key: wire::key(written.number, shape.wire()), shape, implicit })
            }
        }
    }

    fn entries(&self, keys: &SchemaRef, values: &SchemaRef, written: &Field, full: &str) -> Result<Content> {
        let (entry, message) = match self.resolve(written, full)? {
            (name, Definition::Message(message)) => (name, message),
            (name, Definition::Enum(_)) => return Err(mismatch(keys, &name)),
        };
        let of = |name: &str, schema: &SchemaRef| {
            let field = ConnectField::new(name, schema.clone());
            let Some(written) = message.fields.iter().find(|field| &*field.name == name) else {
                return Err(mismatch(schema, "a message without key and value"));
            };
            self.member(0, &field, written, &entry).map(Box::new)
        };
        let key = wire::key(written.number, wire::LENGTH);
        Ok(Content::Entries { key, keys: of(word::KEY, keys)?, values: of(word::VALUE, values)? })
    }

    fn resolve(&self, written: &Field, full: &str) -> Result<(String, Definition)> {
        let Type::Named(name) = &written.kind else { return Err(undefined(&written.name)) };
        let (found, definition) = self.types.resolve(full, name);
        definition.map(|definition| (found, definition)).ok_or_else(|| undefined(name))
    }

    fn shape(&self, schema: &SchemaRef, written: &Field, full: &str) -> Result<Shape> {
        let name = match &written.kind {
            Type::Scalar(scalar) if fits(schema, *scalar) && derive::logical(schema).is_none() => {
                return Ok(Shape::Scalar(*scalar));
            }
            Type::Scalar(scalar) => return Err(mismatch(schema, scalar.name())),
            Type::Named(name) => name,
        };
        let (found, definition) = self.types.resolve(full, name);
        if let Some(wanted) = derive::logical(schema) {
            return match known::of(&found) {
                Some(known) if wanted == found => logical_shape(known, schema),
                _ => Err(mismatch(schema, &found)),
            };
        }
        match (known::of(&found), definition, &schema.kind) {
            (Some(Known::Wrapper(scalar)), ..) if fits(schema, scalar) => {
                Ok(Shape::Wrapper { key: wire::key(1, scalar.wire()), scalar })
            }
            (None, Some(Definition::Message(message)), Kind::Struct(_)) => {
                Ok(Shape::Message(self.message(schema, &message, &found)?))
            }
            (None, Some(Definition::Enum(symbols)), Kind::String) => Ok(Shape::Symbol(numbered(schema, &symbols.values))),
            (None, Some(Definition::Enum(_)), Kind::Int32) => Ok(Shape::Scalar(Scalar::Int32)),
            (None, None, _) => Err(undefined(&found)),
            _ => Err(mismatch(schema, &found)),
        }
    }
}

/// The symbols that a text may be, with their numbers: those that the Connect schema names, else those of the enum.
fn numbered(schema: &Schema, values: &[(Arc<str>, i32)]) -> Vec<(Arc<str>, i32)> {
    let tag = |symbol: &str| parameter(schema, &format!("{}.{symbol}", word::ENUM)).and_then(|tag| tag.parse().ok());
    values.iter().map(|(symbol, number)| (symbol.clone(), tag(symbol).unwrap_or(*number))).collect()
}

fn logical_shape(known: Known, schema: &Schema) -> Result<Shape> {
    Ok(match known {
        Known::Decimal => {
            let scale = parameter(schema, "scale").and_then(|scale| scale.parse().ok());
            Shape::Decimal(scale.ok_or_else(|| Error::data("the parameter 'scale' of a schema is no whole number"))?)
        }
        Known::Date => Shape::Date,
        Known::Time => Shape::Time,
        Known::Timestamp => Shape::Timestamp,
        Known::Wrapper(_) => return Err(mismatch(schema, "a wrapper")),
    })
}

/// Whether values of a Connect schema can be written as this type.
fn fits(schema: &Schema, scalar: Scalar) -> bool {
    match schema.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 => matches!(scalar, Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32),
        Kind::Int64 => matches!(
            scalar,
            Scalar::Int64
                | Scalar::Uint64
                | Scalar::Sint64
                | Scalar::Fixed64
                | Scalar::Sfixed64
                | Scalar::Uint32
                | Scalar::Fixed32
        ),
        Kind::Float32 => scalar == Scalar::Float,
        Kind::Float64 => scalar == Scalar::Double,
        Kind::Boolean => scalar == Scalar::Bool,
        Kind::String => scalar == Scalar::String,
        Kind::Bytes => scalar == Scalar::Bytes,
        _ => false,
    }
}

fn mismatch(schema: &Schema, found: &str) -> Error {
    let name = schema.name.as_deref().unwrap_or("a field");
    Error::configuration(format!("the registered schema has {found} where {name} is to be written"))
        .remedy("register a schema that fits the table, or let the converter register the one that does")
}

fn undefined(name: &str) -> Error {
    Error::data(format!("the Protobuf schema does not define '{name}'"))
}

impl Member {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !value.is_null() {
            return self.content.write(value, out).map_err(|misfit| misfit.inside(&self.name));
        }
        match &self.null {
            OnNull::Written(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            OnNull::Misfit => Err(Misfit::new("Found null value for non-optional schema").inside(&self.name)),
        }
    }
}

impl Content {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (self, value) {
            (Content::One { implicit: true, shape: Shape::Scalar(_), .. }, value) if wire::is_zero(value) => {}
            (Content::One { key, shape, implicit }, value) => {
                let start = out.len();
                out.extend_from_slice(key);
                shape.write(value, out)?;
                // the symbol of the number 0
                if *implicit && matches!(shape, Shape::Symbol(_)) && out.last() == Some(&0) && out.len() == start + key.len() + 1
                {
                    out.truncate(start);
                }
            }
            (Content::Packed { key, scalar }, Value::Array(items)) => {
                if !items.is_empty() {
                    out.extend_from_slice(key);
                    wire::sized(out, |out| items.iter().try_for_each(|item| scalar.write(there(item)?, out)))?;
                }
            }
            (Content::Repeated { key, shape }, Value::Array(items)) => {
                for item in items {
                    out.extend_from_slice(key);
                    shape.write(there(item)?, out)?;
                }
            }
            (Content::Entries { key, keys, values }, Value::Map(entries)) => {
                for (entry_key, entry_value) in entries {
                    out.extend_from_slice(key);
                    wire::sized(out, |out| {
                        keys.write(entry_key, out)?;
                        values.write(entry_value, out)
                    })?;
                }
            }
            (Content::Oneof { inner, member }, Value::Struct(fields)) => {
                let set = fields.values.iter().enumerate().find(|(_, value)| !value.is_null());
                let (place, value) = set.ok_or_else(|| Misfit::new("Cannot find non-null field"))?;
                if place == *inner {
                    member.write(value, out)?;
                }
            }
            (Content::Packed { .. } | Content::Repeated { .. }, _) => return Err(Misfit::new("Invalid type for ARRAY")),
            (Content::Entries { .. }, _) => return Err(Misfit::new("Invalid type for MAP")),
            (Content::Oneof { .. }, _) => return Err(Misfit::new("Invalid type for STRUCT")),
        }
        Ok(())
    }
}

/// An item of an array: Protobuf has no null among them.
fn there(item: &Value) -> Result<&Value, Misfit> {
    if item.is_null() { Err(Misfit::new("an array holds a null, which Protobuf cannot say")) } else { Ok(item) }
}

impl Shape {
    fn wire(&self) -> u8 {
        match self {
            Shape::Scalar(scalar) => scalar.wire(),
            Shape::Symbol(_) => wire::VARINT,
            _ => wire::LENGTH,
        }
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (self, value) {
            (Shape::Scalar(scalar), value) => scalar.write(value, out),
            (Shape::Symbol(symbols), Value::String(text)) => {
                let found = symbols.iter().find(|(symbol, _)| **symbol == **text);
                let (_, number) = found.ok_or_else(|| Misfit::new("the text is no symbol of the enum"))?;
                wire::varint(i64::from(*number) as u64, out);
                Ok(())
            }
            (Shape::Wrapper { key, scalar }, value) => wire::sized(out, |out| {
                if wire::is_zero(value) {
                    return Ok(());
                }
                out.extend_from_slice(key);
                scalar.write(value, out)
            }),
            (Shape::Message(plan), Value::Struct(fields)) => wire::sized(out, |out| plan.write_struct(fields, out)),
            (Shape::Decimal(scale), Value::Bytes(unscaled)) => wire::sized(out, |out| {
                logical::decimal(unscaled, *scale, out);
                Ok(())
            }),
            (Shape::Date, Value::Int32(days)) => wire::sized(out, |out| {
                logical::date((*days).into(), out);
                Ok(())
            }),
            (Shape::Time, Value::Int32(millis)) => wire::sized(out, |out| logical::time((*millis).into(), out)),
            (Shape::Timestamp, Value::Int64(millis)) => wire::sized(out, |out| logical::timestamp(*millis, out)),
            _ => Err(Misfit::new(format!("Invalid type for {}", self.name()))),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Shape::Scalar(scalar) | Shape::Wrapper { scalar, .. } => scalar.name(),
            Shape::Symbol(_) => "an enum",
            Shape::Decimal(_) => "Decimal",
            Shape::Date => "Date",
            Shape::Time => "Time",
            Shape::Timestamp => "Timestamp",
            Shape::Message(_) => "STRUCT",
        }
    }
}

impl MessagePlan {
    fn write_struct(&self, fields: &Struct, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !Arc::ptr_eq(&fields.schema, &self.schema) && fields.schema != self.schema {
            return Err(Misfit::new("Mismatching struct schema"));
        }
        self.last.write(self, &fields.values, out)
    }
}

impl Members for MessagePlan {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn field(&self, member: usize) -> usize {
        self.members[member].index
    }

    fn write(&self, member: usize, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        self.members[member].write(value, out)
    }

    fn end(&self) -> &'static [u8] {
        b""
    }
}

/// The full name of the message at this place of a file.
pub(crate) fn full_name(file: &super::schema::File, index: usize) -> Option<String> {
    let message = file.messages.get(index)?;
    Some(within(file.package.as_deref().unwrap_or_default(), &message.name))
}
