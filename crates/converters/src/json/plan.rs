//! A schema compiled for writing its values as JSON: names are escaped and defaults are written once.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rowtide_api::{EncodePlan, Error, Field, Kind, Result, Schema, SchemaRef, Struct, Value};

use super::text::{self, Literal};
use super::{Settings, schema, schemaless};
use crate::logical;
use crate::number;

/// How records of one schema become JSON.
pub(super) struct JsonPlan {
    /// `{"schema":…,"payload":`, when the schema goes along
    envelope: Option<Bytes>,
    /// none for data without schema
    root: Option<Node>,
}

/// How values of a schema become JSON.
pub(super) struct Node {
    null: OnNull,
    shape: Shape,
}

/// What null becomes.
enum OnNull {
    /// the default, already written
    Default(Bytes),
    Null,
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
    /// a decimal that is written as a number, with its scale
    Decimal(i32),
    Array(Box<Node>),
    /// string keys: an object
    Object(Box<Node>),
    /// other keys: an array of pairs
    Pairs(Box<(Node, Node)>),
    Struct(StructPlan),
}

struct StructPlan {
    schema: SchemaRef,
    members: Vec<Member>,
    /// the shared values seen last: the rows of a snapshot have one `source` block, which is written once
    last: Mutex<Option<Written>>,
}

/// Shared values and their JSON.
struct Written {
    values: Arc<[Value]>,
    json: Box<[u8]>,
}

/// A field of a struct.
struct Member {
    name: Arc<str>,
    /// what stands before its value: `{"name":` or `,"name":`
    prefix: Literal,
    /// the same with what null becomes, unless that is a misfit
    null: Option<Literal>,
    node: Node,
}

/// A value that does not fit its schema. The path grows from the inside out.
pub(super) struct Misfit(Box<(Vec<Arc<str>>, String)>);

impl Misfit {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(Box::new((Vec::new(), what.into())))
    }

    fn inside(mut self, field: &Arc<str>) -> Self {
        self.0.0.push(field.clone());
        self
    }

    /// Names field and schema, never the value.
    pub(super) fn error(self, topic: &str, schema: Option<&Schema>) -> Error {
        let (mut path, what) = *self.0;
        path.reverse();
        let schema = schema.map_or("no schema", |schema| schema.name.as_deref().unwrap_or("an unnamed schema"));
        let place = if path.is_empty() { "the value".to_owned() } else { format!("the field '{}'", path.join(".")) };
        Error::data(format!("JSON conversion of {place} of {schema} for topic '{topic}' failed: {what}"))
    }
}

impl JsonPlan {
    pub(super) fn compile(schema: Option<&SchemaRef>, settings: &Settings) -> Result<Self, Misfit> {
        let root = schema.map(|schema| Node::compile(schema, settings)).transpose()?;
        let envelope = if settings.schemas { Some(envelope(schema, settings)?) } else { None };
        Ok(Self { envelope, root })
    }

    /// False: no bytes at all, which only null without a schema becomes.
    pub(super) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool, Misfit> {
        if self.root.is_none() && value.is_null() {
            return Ok(false);
        }
        if let Some(envelope) = &self.envelope {
            out.extend_from_slice(envelope);
        }
        match &self.root {
            Some(root) => root.write(value, out)?,
            None => schemaless::write(value, out)?,
        }
        if self.envelope.is_some() {
            out.push(b'}');
        }
        Ok(true)
    }
}

fn envelope(schema: Option<&SchemaRef>, settings: &Settings) -> Result<Bytes, Misfit> {
    let mut out = b"{\"schema\":".to_vec();
    match schema {
        Some(schema) => schema::write(schema, None, settings, &mut out)?,
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"payload\":");
    Ok(out.into())
}

impl Node {
    pub(super) fn compile(schema: &SchemaRef, settings: &Settings) -> Result<Self, Misfit> {
        let shape = Shape::compile(schema, settings)?;
        let default = schema.default.as_ref().filter(|default| settings.replace_null && !default.is_null());
        let null = match default {
            Some(default) => {
                let mut out = Vec::new();
                shape.write(default, &mut out)?;
                OnNull::Default(out.into())
            }
            None if schema.optional => OnNull::Null,
            None => OnNull::Misfit,
        };
        Ok(Self { null, shape })
    }

    pub(super) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !value.is_null() {
            return self.shape.write(value, out);
        }
        match &self.null {
            OnNull::Default(default) => out.extend_from_slice(default),
            OnNull::Null => out.extend_from_slice(b"null"),
            OnNull::Misfit => {
                return Err(Misfit::new("Conversion error: null value for field that is required and has no default value"));
            }
        }
        Ok(())
    }
}

impl Member {
    fn compile(first: bool, field: &Field, settings: &Settings) -> Result<Self, Misfit> {
        let mut prefix = vec![if first { b'{' } else { b',' }];
        text::string(&field.name, &mut prefix);
        prefix.push(b':');
        let node = Node::compile(&field.schema, settings).map_err(|misfit| misfit.inside(&field.name))?;
        let null: Option<&[u8]> = match &node.null {
            OnNull::Default(default) => Some(default),
            OnNull::Null => Some(b"null"),
            OnNull::Misfit => None,
        };
        let null = null.map(|null| Literal::new(&[&prefix, null].concat()));
        Ok(Self { name: field.name.clone(), prefix: Literal::new(&prefix), null, node })
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match &self.null {
            Some(null) if value.is_null() => null.put(out),
            _ => {
                self.prefix.put(out);
                self.node.write(value, out).map_err(|misfit| misfit.inside(&self.name))?;
            }
        }
        Ok(())
    }
}

impl StructPlan {
    fn write(&self, fields: &Struct, out: &mut Vec<u8>) -> Result<(), Misfit> {
        // nearly always the very schema that the plan was made from
        if !Arc::ptr_eq(&self.schema, &fields.schema) && self.schema != fields.schema {
            return Err(Misfit::new("Mismatching schema."));
        }
        if self.members.len() != fields.values.len() {
            let (wanted, found) = (self.members.len(), fields.values.len());
            return Err(Misfit::new(format!("{wanted} fields in the schema but {found} in the value")));
        }
        let shared = fields.values.shared();
        if shared.is_some_and(|values| self.write_known(values, out)) {
            return Ok(());
        }
        let start = out.len();
        for (member, value) in self.members.iter().zip(&fields.values) {
            member.write(value, out)?;
        }
        out.extend_from_slice(if self.members.is_empty() { b"{}" } else { b"}" });
        if let Some(values) = shared {
            self.keep(values, &out[start..]);
        }
        Ok(())
    }

    /// Whether these are the shared values seen last, and written. No encoder waits for another one.
    fn write_known(&self, values: &Arc<[Value]>, out: &mut Vec<u8>) -> bool {
        let Ok(last) = self.last.try_lock() else { return false };
        let known = last.as_ref().filter(|written| Arc::ptr_eq(&written.values, values));
        known.inspect(|written| out.extend_from_slice(&written.json)).is_some()
    }

    fn keep(&self, values: &Arc<[Value]>, json: &[u8]) {
        if let Ok(mut last) = self.last.try_lock() {
            *last = Some(Written { values: values.clone(), json: json.into() });
        }
    }
}

impl Shape {
    fn compile(schema: &SchemaRef, settings: &Settings) -> Result<Self, Misfit> {
        Ok(match &schema.kind {
            Kind::Boolean => Shape::Boolean,
            Kind::Int8 => Shape::Int8,
            Kind::Int16 => Shape::Int16,
            Kind::Int32 => Shape::Int32,
            Kind::Int64 => Shape::Int64,
            Kind::Float32 => Shape::Float32,
            Kind::Float64 => Shape::Float64,
            Kind::String => Shape::String,
            Kind::Bytes => match logical::decimal_scale(schema) {
                Some(scale) if settings.numeric_decimals => Shape::Decimal(scale),
                _ => Shape::Bytes,
            },
            Kind::Array(items) => Shape::Array(Box::new(Node::compile(items, settings)?)),
            Kind::Map(keys, values) if keys.kind == Kind::String => Shape::Object(Box::new(Node::compile(values, settings)?)),
            Kind::Map(keys, values) => Shape::Pairs(Box::new((Node::compile(keys, settings)?, Node::compile(values, settings)?))),
            Kind::Struct(fields) => {
                let members = fields.iter().enumerate().map(|(index, field)| Member::compile(index == 0, field, settings));
                Shape::Struct(StructPlan {
                    schema: schema.clone(),
                    members: members.collect::<Result<_, _>>()?,
                    last: Mutex::default(),
                })
            }
        })
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (self, value) {
            (Shape::Boolean, Value::Boolean(truth)) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
            (Shape::Int8, Value::Int8(number)) => text::whole(*number, out),
            (Shape::Int16, Value::Int16(number)) => text::whole(*number, out),
            (Shape::Int32, Value::Int32(number)) => text::whole(*number, out),
            (Shape::Int64, Value::Int64(number)) => text::whole(*number, out),
            (Shape::Float32, Value::Float32(number)) => text::float(*number, out),
            (Shape::Float64, Value::Float64(number)) => text::double(*number, out),
            (Shape::String, Value::String(string)) => text::string(string, out),
            (Shape::Bytes, Value::Bytes(bytes)) => text::base64(bytes, out),
            (Shape::Decimal(scale), Value::Bytes(unscaled)) => {
                out.extend_from_slice(number::big_decimal(unscaled, *scale).as_bytes());
            }
            (Shape::Array(item), Value::Array(items)) => write_array(item, items, out)?,
            (Shape::Object(node), Value::Map(entries)) => write_object(node, entries, out)?,
            (Shape::Pairs(nodes), Value::Map(entries)) => write_pairs(nodes, entries, out)?,
            (Shape::Struct(plan), Value::Struct(fields)) => plan.write(fields, out)?,
            _ => return Err(Misfit::new(format!("Invalid type for {}: {}", self.name(), logical::kind_of(value)))),
        }
        Ok(())
    }

    /// Connect's name of the type.
    fn name(&self) -> &'static str {
        match self {
            Shape::Boolean => "BOOLEAN",
            Shape::Int8 => "INT8",
            Shape::Int16 => "INT16",
            Shape::Int32 => "INT32",
            Shape::Int64 => "INT64",
            Shape::Float32 => "FLOAT32",
            Shape::Float64 => "FLOAT64",
            Shape::String => "STRING",
            Shape::Bytes | Shape::Decimal(_) => "BYTES",
            Shape::Array(_) => "ARRAY",
            Shape::Object(_) | Shape::Pairs(_) => "MAP",
            Shape::Struct(..) => "STRUCT",
        }
    }
}

fn write_array(item: &Node, items: &[Value], out: &mut Vec<u8>) -> Result<(), Misfit> {
    out.push(b'[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item.write(value, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(node: &Node, entries: &[(Value, Value)], out: &mut Vec<u8>) -> Result<(), Misfit> {
    out.push(b'{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let Some(key) = key.as_str() else {
            return Err(Misfit::new(format!("Invalid type for STRING: {} as the key of a map", logical::kind_of(key))));
        };
        text::string(key, out);
        out.push(b':');
        node.write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_pairs((keys, values): &(Node, Node), entries: &[(Value, Value)], out: &mut Vec<u8>) -> Result<(), Misfit> {
    out.push(b'[');
    for (index, (key, value)) in entries.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",[" } else { b"[" });
        keys.write(key, out)?;
        out.push(b',');
        values.write(value, out)?;
        out.push(b']');
    }
    out.push(b']');
    Ok(())
}

/// A plan for one topic: what the runtime keeps.
pub(super) struct TopicPlan {
    pub(super) topic: Arc<str>,
    pub(super) schema: Option<SchemaRef>,
    pub(super) plan: JsonPlan,
}

impl EncodePlan for TopicPlan {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        let start = out.len();
        self.plan.write(value, out).map_err(|misfit| {
            out.truncate(start);
            misfit.error(&self.topic, self.schema.as_deref())
        })
    }
}
