//! A Connect schema and the Avro schema that its values are written by, compiled into one pass over a value.
//!
//! The Avro schema is usually the one derived from the Connect schema; it may also be a registered one that was found, so
//! fields are matched by name and branches of unions by type.

use std::collections::HashMap;
use std::sync::Arc;

use rowtide_api::{Error, Kind, Result, Schema, SchemaRef, Struct, Value};
use rowtide_converters::members::{LastWritten, Members};
use rowtide_converters::misfit::Misfit;

use super::derive::default_of;
use super::schema::{AvroKind, AvroSchema, Enumeration, Record};
use super::{Settings, is_fixed, is_union, names, wire, word};

/// How values of a Connect schema become Avro's binary encoding.
pub(crate) struct AvroPlan(Option<Node>);

struct Node {
    /// the branch of a union that a value is written as: the byte before it
    branch: Option<u8>,
    null: OnNull,
    shape: Shape,
}

/// What null becomes.
enum OnNull {
    /// the default, or the branch of null
    Written(Box<[u8]>),
    Misfit,
}

enum Shape {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Bytes,
    Fixed(usize),
    Symbol(Vec<Arc<str>>),
    Array(Box<Node>),
    /// string keys
    Map(Box<Node>),
    /// other keys: an array of records
    Pairs(Box<(Node, Node)>),
    Record(RecordPlan),
    /// a struct of which one field is set
    Union(Vec<Node>),
}

struct RecordPlan {
    schema: SchemaRef,
    members: Vec<Member>,
    last: LastWritten,
}

/// A field of the record, and which value of the struct it takes.
struct Member {
    name: Arc<str>,
    index: usize,
    node: Node,
}

/// Names the field, never the value.
pub(crate) fn misfit_error(misfit: Misfit) -> Error {
    misfit.error("Avro conversion", "")
}

impl AvroPlan {
    /// None is for data without a schema.
    pub(crate) fn compile(schema: Option<&SchemaRef>, avro: &Arc<AvroSchema>, settings: &Settings) -> Result<Self> {
        let Some(schema) = schema else { return Ok(Self(None)) };
        let compiler = Compiler { names: avro.names(), settings };
        Ok(Self(Some(compiler.node(schema, avro, None)?)))
    }

    pub(crate) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match &self.0 {
            Some(node) => node.write(value, out),
            None => wire::anything(value, out),
        }
    }
}

struct Compiler<'a> {
    names: HashMap<String, Arc<AvroSchema>>,
    settings: &'a Settings,
}

impl Compiler<'_> {
    /// `default` is what null becomes where a struct's field has one.
    fn node(&self, schema: &SchemaRef, avro: &AvroSchema, default: Option<&Value>) -> Result<Node> {
        let avro = self.resolved(avro)?;
        let (branch, null, shape) = match &avro.kind {
            AvroKind::Union(branches) => {
                let null = branches.iter().position(|branch| matches!(branch.kind, AvroKind::Null));
                let null = null.map(branch_byte).transpose()?;
                if is_union(schema) {
                    (None, null, self.union(schema, branches)?)
                } else {
                    let index = self.branch(schema, branches)?;
                    (Some(branch_byte(index)?), null, self.shape(schema, &branches[index])?)
                }
            }
            _ => (None, None, self.shape(schema, avro)?),
        };
        let mut node = Node { branch, null: OnNull::Misfit, shape };
        if let Some(default) = default {
            let mut out = Vec::new();
            node.write(default, &mut out).map_err(|misfit| misfit_error(misfit).context("the default"))?;
            node.null = OnNull::Written(out.into());
        } else if let Some(null) = null.filter(|_| schema.optional) {
            node.null = OnNull::Written([null].into());
        }
        Ok(node)
    }

    fn resolved<'a>(&'a self, avro: &'a AvroSchema) -> Result<&'a AvroSchema> {
        let AvroKind::Reference(name) = &avro.kind else { return Ok(avro) };
        let found = self.names.get(&name.full());
        found.map(AsRef::as_ref).ok_or_else(|| Error::data(format!("the Avro schema does not define '{}'", name.full())))
    }

    /// The branch that a schema's values are written as.
    fn branch(&self, schema: &Schema, branches: &[Arc<AvroSchema>]) -> Result<usize> {
        let fits = |branch: &&Arc<AvroSchema>| self.resolved(branch).is_ok_and(|branch| fits(schema, branch));
        let fitting: Vec<usize> =
            branches.iter().enumerate().filter(|(_, branch)| fits(branch)).map(|(index, _)| index).collect();
        let full = schema.name.as_deref().map(|name| names::split(name, self.settings.scrub).full());
        let named = fitting.iter().find(|index| full.is_some() && branches[**index].name().map(|name| name.full()) == full);
        named.or(fitting.first()).copied().ok_or_else(|| mismatch(schema, "a union without such a branch"))
    }

    fn shape(&self, schema: &SchemaRef, avro: &AvroSchema) -> Result<Shape> {
        let avro = self.resolved(avro)?;
        if !fits(schema, avro) {
            return Err(mismatch(schema, avro.type_name()));
        }
        Ok(match (&schema.kind, &avro.kind) {
            (Kind::Boolean, _) => Shape::Boolean,
            (Kind::Int8, _) => Shape::Int8,
            (Kind::Int16, _) => Shape::Int16,
            (Kind::Int32, _) => Shape::Int32,
            (Kind::Int64, _) => Shape::Int64,
            (Kind::Float32, _) => Shape::Float32,
            (Kind::Float64, _) => Shape::Float64,
            (Kind::String, AvroKind::Enum(Enumeration { symbols, .. })) => Shape::Symbol(symbols.clone()),
            (Kind::String, _) => Shape::String,
            (Kind::Bytes, AvroKind::Fixed(_, size)) => Shape::Fixed(*size),
            (Kind::Bytes, _) => Shape::Bytes,
            (Kind::Array(inner), AvroKind::Array(items)) => Shape::Array(Box::new(self.node(inner, items, None)?)),
            (Kind::Map(_, values), AvroKind::Map(inner)) => Shape::Map(Box::new(self.node(values, inner, None)?)),
            (Kind::Map(keys, values), AvroKind::Array(entry)) => self.pairs(keys, values, entry)?,
            (Kind::Struct(_), AvroKind::Record(record)) => self.record(schema, record)?,
            _ => return Err(mismatch(schema, avro.type_name())),
        })
    }

    fn pairs(&self, keys: &SchemaRef, values: &SchemaRef, entry: &AvroSchema) -> Result<Shape> {
        let AvroKind::Record(record) = &self.resolved(entry)?.kind else { return Err(mismatch(keys, entry.type_name())) };
        let of = |name: &str, schema: &SchemaRef| match record.fields.iter().find(|field| &*field.name == name) {
            Some(field) => self.node(schema, &field.schema, None),
            None => Err(mismatch(schema, "a record without key and value")),
        };
        Ok(Shape::Pairs(Box::new((of(word::KEY, keys)?, of(word::VALUE, values)?))))
    }

    fn union(&self, schema: &Schema, branches: &[Arc<AvroSchema>]) -> Result<Shape> {
        let branch = |field: &rowtide_api::Field| {
            let index = self.branch(&field.schema, branches)?;
            let shape = self.shape(&field.schema, &branches[index])?;
            Ok(Node { branch: Some(branch_byte(index)?), null: OnNull::Misfit, shape })
        };
        Ok(Shape::Union(schema.fields().iter().map(branch).collect::<Result<_>>()?))
    }

    fn record(&self, schema: &SchemaRef, record: &Record) -> Result<Shape> {
        let place = |name: &str| schema.fields().iter().position(|field| names::field(&field.name, self.settings.scrub) == name);
        let mut members = Vec::with_capacity(record.fields.len());
        for written in &record.fields {
            let Some(index) = place(&written.name) else {
                return Err(Error::configuration(format!(
                    "the registered schema of {} has the field '{}', which the record does not have",
                    record.name.full(),
                    written.name
                ))
                .remedy("register a schema without the field (or let the converter register: auto.register.schemas or apicurio.registry.auto-register)"));
            };
            let field = &schema.fields()[index];
            let default = default_of(&field.schema).filter(|_| !self.settings.ignore_default);
            let node = self.node(&field.schema, &written.schema, default).map_err(|error| error.context(&field.name))?;
            members.push(Member { name: field.name.clone(), index, node });
        }
        Ok(Shape::Record(RecordPlan { schema: schema.clone(), members, last: LastWritten::default() }))
    }
}

/// The byte of a union's branch: a zigzag number, of one byte for every union that comes from a table.
fn branch_byte(index: usize) -> Result<u8> {
    let byte = u8::try_from(index * 2).ok().filter(|byte| *byte < 0x80);
    byte.ok_or_else(|| Error::data("a union of more than 64 branches is not supported"))
}

/// Whether values of a Connect schema can be written as this type, as far as the outermost type tells.
fn fits(schema: &Schema, avro: &AvroSchema) -> bool {
    match (&schema.kind, &avro.kind) {
        (Kind::Boolean, AvroKind::Boolean)
        | (Kind::Int8 | Kind::Int16 | Kind::Int32, AvroKind::Int)
        | (Kind::Int64, AvroKind::Long)
        | (Kind::Float32, AvroKind::Float)
        | (Kind::Float64, AvroKind::Double)
        | (Kind::String, AvroKind::String | AvroKind::Enum(_))
        | (Kind::Array(_), AvroKind::Array(_))
        | (Kind::Map(..), AvroKind::Map(_) | AvroKind::Array(_))
        | (Kind::Struct(_), AvroKind::Record(_)) => true,
        (Kind::Bytes, AvroKind::Bytes) => !is_fixed(schema),
        (Kind::Bytes, AvroKind::Fixed(..)) => is_fixed(schema),
        _ => false,
    }
}

fn mismatch(schema: &Schema, found: &str) -> Error {
    let name = schema.name.as_deref().unwrap_or("a field");
    Error::configuration(format!("the registered schema has {found} where {name} is to be written"))
        .remedy("register a schema that fits the table, or let the converter register the one that does")
}

impl Node {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if value.is_null() {
            return match &self.null {
                OnNull::Written(bytes) => {
                    out.extend_from_slice(bytes);
                    Ok(())
                }
                OnNull::Misfit => Err(Misfit::new("Found null value for non-optional schema")),
            };
        }
        if let Some(branch) = self.branch {
            out.push(branch);
        }
        match &self.shape {
            Shape::Union(branches) => self.write_union(branches, value, out),
            shape => shape.write(value, out),
        }
    }

    fn write_union(&self, branches: &[Node], value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let Value::Struct(fields) = value else { return Err(Misfit::new("Invalid type for STRUCT")) };
        let set = branches.iter().zip(&fields.values).find(|(_, value)| !value.is_null());
        match (set, &self.null) {
            (Some((branch, value)), _) => branch.write(value, out),
            (None, OnNull::Written(null)) => {
                out.extend_from_slice(null);
                Ok(())
            }
            (None, OnNull::Misfit) => Err(Misfit::new("no branch of the union is set")),
        }
    }
}

impl Shape {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (self, value) {
            (Shape::Boolean, Value::Boolean(truth)) => out.push(u8::from(*truth)),
            (Shape::Int8, Value::Int8(number)) => wire::long((*number).into(), out),
            (Shape::Int16, Value::Int16(number)) => wire::long((*number).into(), out),
            (Shape::Int32, Value::Int32(number)) => wire::long((*number).into(), out),
            (Shape::Int64, Value::Int64(number)) => wire::long(*number, out),
            (Shape::Float32, Value::Float32(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Shape::Float64, Value::Float64(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Shape::String, Value::String(text)) => wire::bytes(text.as_bytes(), out),
            (Shape::Bytes, Value::Bytes(bytes)) => wire::bytes(bytes, out),
            (Shape::Fixed(size), Value::Bytes(bytes)) if bytes.len() == *size => out.extend_from_slice(bytes),
            (Shape::Symbol(symbols), Value::String(text)) => match symbols.iter().position(|symbol| **symbol == **text) {
                Some(index) => wire::long(index as i64, out),
                None => return Err(Misfit::new("the text is no symbol of the enum")),
            },
            (Shape::Array(node), Value::Array(items)) => {
                wire::block(items, out, |item, out| node.write(item, out))?;
            }
            (Shape::Map(node), Value::Map(entries)) => {
                let entries: Vec<&(Value, Value)> = wire::java_order(entries)?;
                wire::block(&entries, out, |(key, value), out| {
                    wire::bytes(key.as_str().unwrap_or_default().as_bytes(), out);
                    node.write(value, out)
                })?;
            }
            (Shape::Pairs(nodes), Value::Map(entries)) => wire::block(entries, out, |(key, value), out| {
                nodes.0.write(key, out)?;
                nodes.1.write(value, out)
            })?,
            (Shape::Record(plan), Value::Struct(fields)) => plan.write_struct(fields, out)?,
            _ => return Err(Misfit::new(format!("Invalid type for {}", self.name()))),
        }
        Ok(())
    }

    /// Avro's name of the type.
    fn name(&self) -> &'static str {
        match self {
            Shape::Boolean => "boolean",
            Shape::Int8 | Shape::Int16 | Shape::Int32 => "int",
            Shape::Int64 => "long",
            Shape::Float32 => "float",
            Shape::Float64 => "double",
            Shape::String => "string",
            Shape::Bytes => "bytes",
            Shape::Fixed(_) => "fixed",
            Shape::Symbol(_) => "enum",
            Shape::Array(_) | Shape::Pairs(_) => "array",
            Shape::Map(_) => "map",
            Shape::Record(_) | Shape::Union(_) => "record",
        }
    }
}

impl RecordPlan {
    fn write_struct(&self, fields: &Struct, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !Arc::ptr_eq(&fields.schema, &self.schema) && fields.schema != self.schema {
            return Err(Misfit::new("Mismatching struct schema"));
        }
        self.last.write(self, &fields.values, out)
    }
}

impl Members for RecordPlan {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn field(&self, member: usize) -> usize {
        self.members[member].index
    }

    fn write(&self, member: usize, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let Member { name, node, .. } = &self.members[member];
        node.write(value, out).map_err(|misfit| misfit.inside(name))
    }

    fn end(&self) -> &'static [u8] {
        b""
    }
}
