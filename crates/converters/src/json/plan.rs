//! A schema compiled for writing its values as JSON: names are escaped and defaults are written once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use rowtide_api::{EncodePlan, Error, Field, Kind, Result, Schema, SchemaRef, Struct, Value};

use super::text::{self, Literal};
use super::{Dialect, Style, schema, schemaless};
use crate::logical;
use crate::members::{LastWritten, Members};
use crate::misfit::Misfit;
use crate::number;

/// What the plans of one converter have in common.
///
/// A struct that is part of several schemas has one plan: `before` and `after` of a table, `source` of all tables. So a table has less of its own,
/// and what the events of a transaction have in common is kept once. The same holds for members of one name and schema.
pub(super) struct Shared {
    pub(super) style: Style,
    /// plans in use, by the address of their schema, which they keep alive
    structs: Mutex<HashMap<usize, Weak<StructPlan>>>,
    members: Mutex<HashMap<MemberKey, Weak<Member>>>,
}

/// What a member is known by: whether it is the first one, its name, and the address of its schema, which it keeps alive.
type MemberKey = (bool, Arc<str>, usize);

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
    Default(Box<[u8]>),
    Null,
    /// a member is left out; elsewhere it is null
    Absent,
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
    /// the same as an array of objects
    Entries(Box<(Node, Node)>),
    Struct(Arc<StructPlan>),
    /// a struct of which one field is written
    Union(Box<UnionPlan>),
}

struct StructPlan {
    schema: SchemaRef,
    members: Box<[Arc<Member>]>,
    /// whether a member may be absent: then each begins with a comma, and the first one's becomes the brace
    gaps: bool,
    last: LastWritten,
}

struct UnionPlan {
    schema: SchemaRef,
    branches: Vec<Node>,
}

/// A field of a struct.
struct Member {
    name: Arc<str>,
    _schema: SchemaRef,
    /// what stands before its value: `{"name":` or `,"name":`
    prefix: Literal,
    /// the same with what null becomes, unless that is a misfit
    null: Option<Literal>,
    node: Node,
}

/// Names field and schema, never the value.
pub(super) fn misfit_error(misfit: Misfit, topic: &str, schema: Option<&Schema>) -> Error {
    let schema = schema.map_or("no schema", |schema| schema.name.as_deref().unwrap_or("an unnamed schema"));
    misfit.error("JSON conversion", &format!(" of {schema} for topic '{topic}'"))
}

impl Shared {
    pub(super) fn new(style: Style) -> Self {
        Self { style, structs: Mutex::default(), members: Mutex::default() }
    }

    /// The plan of a struct's schema.
    fn of_struct(&self, schema: &SchemaRef, fields: &[Field]) -> Result<Arc<StructPlan>, Misfit> {
        let address = Arc::as_ptr(schema) as usize;
        known_or(&self.structs, address, || StructPlan::compile(schema, fields, self))
    }

    /// The plan of a struct's field; `first`: it begins with the brace.
    fn member(&self, first: bool, field: &Field) -> Result<Arc<Member>, Misfit> {
        let key = (first, field.name.clone(), Arc::as_ptr(&field.schema) as usize);
        known_or(&self.members, key, || Member::compile(first, field, self)).map_err(|misfit| misfit.inside(&field.name))
    }
}

/// What is in use by this name, else what `compile` makes of it. Not locked while it does: it may need others of the kind.
fn known_or<K: Eq + Hash, T>(
    known: &Mutex<HashMap<K, Weak<T>>>,
    key: K,
    compile: impl FnOnce() -> Result<T, Misfit>,
) -> Result<Arc<T>, Misfit> {
    let locked = || known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = locked().get(&key).and_then(Weak::upgrade) {
        return Ok(known);
    }
    let compiled = Arc::new(compile()?);
    let mut known = locked();
    if known.len() == known.capacity() {
        known.retain(|_, plan| plan.strong_count() > 0);
    }
    known.insert(key, Arc::downgrade(&compiled));
    Ok(compiled)
}

impl JsonPlan {
    /// With the schema beside the values, or without.
    pub(super) fn compile(schema: Option<&SchemaRef>, with_schema: bool, shared: &Shared) -> Result<Self, Misfit> {
        let root = schema.map(|schema| Node::compile(schema, shared)).transpose()?;
        let envelope = if with_schema { Some(envelope(schema, shared)?) } else { None };
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

fn envelope(schema: Option<&SchemaRef>, shared: &Shared) -> Result<Bytes, Misfit> {
    let mut out = b"{\"schema\":".to_vec();
    match schema {
        Some(schema) => schema::write(schema, None, shared, &mut out)?,
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"payload\":");
    Ok(out.into())
}

impl Node {
    pub(super) fn compile(schema: &SchemaRef, shared: &Shared) -> Result<Self, Misfit> {
        let shape = Shape::compile(schema, shared)?;
        let null = match written_default(schema, shared.style) {
            Some(default) => {
                let mut out = Vec::new();
                shape.write(default, &mut out)?;
                OnNull::Default(out.into())
            }
            None if schema.optional => OnNull::Null,
            None if may_be_absent(schema, shared.style) => OnNull::Absent,
            None => OnNull::Misfit,
        };
        Ok(Self { null, shape })
    }

    #[inline(always)] // a call for each value otherwise: see bench/instructions.toml
    pub(super) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if value.is_null() { self.write_null(out) } else { self.shape.write(value, out) }
    }

    fn write_null(&self, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match &self.null {
            OnNull::Default(default) => out.extend_from_slice(default),
            OnNull::Null | OnNull::Absent => out.extend_from_slice(b"null"),
            OnNull::Misfit => {
                return Err(Misfit::new("Conversion error: null value for field that is required and has no default value"));
            }
        }
        Ok(())
    }

    /// Whether null is not written at all where that is possible.
    pub(super) fn is_absent(&self, value: &Value) -> bool {
        value.is_null() && matches!(self.null, OnNull::Absent)
    }
}

/// The default that null becomes.
fn written_default(schema: &Schema, style: Style) -> Option<&Value> {
    schema.default.as_ref().filter(|default| style.replace_null && !default.is_null())
}

/// Whether what null becomes is [`OnNull::Absent`].
fn may_be_absent(schema: &Schema, style: Style) -> bool {
    style.dialect == Dialect::Confluent && !schema.optional && written_default(schema, style).is_none()
}

impl Member {
    fn compile(first: bool, field: &Field, shared: &Shared) -> Result<Self, Misfit> {
        let node = Node::compile(&field.schema, shared)?;
        let mut prefix = vec![if first { b'{' } else { b',' }];
        text::string(&field.name, &mut prefix);
        prefix.push(b':');
        let null = match &node.null {
            OnNull::Default(default) => Some(Literal::new(&[&prefix, &default[..]].concat())),
            OnNull::Null => Some(Literal::new(&[&prefix, &b"null"[..]].concat())),
            OnNull::Absent => Some(Literal::new(b"")),
            OnNull::Misfit => None,
        };
        Ok(Self { name: field.name.clone(), _schema: field.schema.clone(), prefix: Literal::new(&prefix), null, node })
    }

    #[inline(always)] // likewise
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
    fn compile(schema: &SchemaRef, fields: &[Field], shared: &Shared) -> Result<Self, Misfit> {
        let gaps = fields.iter().any(|field| may_be_absent(&field.schema, shared.style));
        let members = fields.iter().enumerate().map(|(index, field)| shared.member(index == 0 && !gaps, field));
        Ok(Self { schema: schema.clone(), members: members.collect::<Result<_, _>>()?, gaps, last: LastWritten::default() })
    }

    fn write_struct(&self, fields: &Struct, out: &mut Vec<u8>) -> Result<(), Misfit> {
        // nearly always the very schema that the plan was made from
        if !Arc::ptr_eq(&self.schema, &fields.schema) && self.schema != fields.schema {
            return Err(Misfit::new("Mismatching schema."));
        }
        if self.members.len() != fields.values.len() {
            let (wanted, found) = (self.members.len(), fields.values.len());
            return Err(Misfit::new(format!("{wanted} fields in the schema but {found} in the value")));
        }
        let start = out.len();
        self.last.write(self, &fields.values, out)?;
        if self.gaps {
            match out.len() - start {
                1 => out.insert(start, b'{'),
                _ => out[start] = b'{',
            }
        }
        Ok(())
    }
}

impl UnionPlan {
    fn write(&self, fields: &Struct, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !Arc::ptr_eq(&self.schema, &fields.schema) && self.schema != fields.schema {
            return Err(Misfit::new("Mismatching schema."));
        }
        let set = |(branch, value): &(&Node, &Value)| !value.is_null() || matches!(branch.null, OnNull::Default(_));
        match self.branches.iter().zip(&fields.values).find(set) {
            Some((branch, value)) => branch.write(value, out)?,
            None if self.schema.optional => out.extend_from_slice(b"null"),
            None => return Err(Misfit::new("no branch of the union is set")),
        }
        Ok(())
    }
}

impl Members for StructPlan {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn field(&self, member: usize) -> usize {
        member
    }

    #[inline(always)] // likewise
    fn write(&self, member: usize, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        self.members[member].write(value, out)
    }

    fn end(&self) -> &'static [u8] {
        if self.members.is_empty() { b"{}" } else { b"}" }
    }
}

impl Shape {
    fn compile(schema: &SchemaRef, shared: &Shared) -> Result<Self, Misfit> {
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
                Some(scale) if shared.style.numeric_decimals => Shape::Decimal(scale),
                _ => Shape::Bytes,
            },
            Kind::Array(items) => Shape::Array(Box::new(Node::compile(items, shared)?)),
            Kind::Map(keys, values) => {
                let confluent = shared.style.dialect == Dialect::Confluent;
                let (key, value) = (Node::compile(keys, shared)?, Box::new(Node::compile(values, shared)?));
                match keys.kind == Kind::String && !(confluent && keys.optional) {
                    true => Shape::Object(value),
                    false if confluent => Shape::Entries(Box::new((key, *value))),
                    false => Shape::Pairs(Box::new((key, *value))),
                }
            }
            Kind::Struct(fields) if shared.style.dialect == Dialect::Confluent && logical::is_union(schema) => {
                let branches = fields.iter().map(|field| Node::compile(&field.schema, shared));
                Shape::Union(Box::new(UnionPlan { schema: schema.clone(), branches: branches.collect::<Result<_, _>>()? }))
            }
            Kind::Struct(fields) => Shape::Struct(shared.of_struct(schema, fields)?),
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
            (Shape::Pairs(nodes), Value::Map(entries)) => write_pairs(nodes, entries, PAIR, out)?,
            (Shape::Entries(nodes), Value::Map(entries)) => write_pairs(nodes, entries, ENTRY, out)?,
            (Shape::Struct(plan), Value::Struct(fields)) => plan.write_struct(fields, out)?,
            (Shape::Union(plan), Value::Struct(fields)) => plan.write(fields, out)?,
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
            Shape::Object(_) | Shape::Pairs(_) | Shape::Entries(_) => "MAP",
            Shape::Struct(..) | Shape::Union(..) => "STRUCT",
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

/// What stands before the key of an entry, between key and value, and after the value.
type Around = (&'static [u8], &'static [u8], &'static [u8]);
const PAIR: Around = (b"[", b",", b"]");
const ENTRY: Around = (b"{\"key\":", b",\"value\":", b"}");

fn write_pairs(
    (keys, values): &(Node, Node),
    entries: &[(Value, Value)],
    (before, between, after): Around,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    out.push(b'[');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(before);
        keys.write(key, out)?;
        out.extend_from_slice(between);
        values.write(value, out)?;
        out.extend_from_slice(after);
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
            misfit_error(misfit, &self.topic, self.schema.as_deref())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_of_many_schemas_has_one_plan_while_one_of_them_is_in_use() {
        let shared = Shared::new(Style { replace_null: true, numeric_decimals: false, dialect: Dialect::Kafka });
        let field = |name: &str, schema: &SchemaRef| Field::new(name, schema.clone());
        let source = Schema::new(Kind::Struct(vec![Field::new("db", Schema::new(Kind::String).shared())])).shared();
        let table = || Schema::new(Kind::Struct(vec![field("source", &source)])).shared();
        let plans: Vec<_> = (0..100).filter_map(|_| JsonPlan::compile(Some(&table()), false, &shared).ok()).collect();
        let known = || shared.structs.lock().unwrap().values().filter(|plan| plan.strong_count() > 0).count();
        assert_eq!(known(), 101, "one for each table, and one for what they have in common");
        let members = shared.members.lock().unwrap().values().filter(|member| member.strong_count() > 0).count();
        assert_eq!(members, 2, "source and db, however many tables have them");
        drop(plans);
        assert_eq!(known(), 0);
        drop(JsonPlan::compile(Some(&table()), false, &shared));
        assert!(shared.structs.lock().unwrap().len() < 200, "those out of use make room");
    }
}
