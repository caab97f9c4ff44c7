//! Avro's schema model, as far as Connect's data needs it, and its text as Avro's Java library writes it.
//!
//! The text is what registries keep, compare and give an id to, so it is equal byte for byte: the order of members, names
//! in short where the namespace is that of the type around, and Jackson's way to escape.
//! Source: `Schema.toJson` of Avro 1.12 (Java), and <https://avro.apache.org/docs/1.12.0/specification/>.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::json::{self, Json};

/// A schema and what was added to it (`connect.name`, `logicalType` and the like), in the order in which it was added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AvroSchema {
    pub kind: AvroKind,
    pub props: Vec<(Arc<str>, Json)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AvroKind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(Arc<AvroSchema>),
    Map(Arc<AvroSchema>),
    Union(Vec<Arc<AvroSchema>>),
    Record(Record),
    Enum(Enumeration),
    Fixed(Name, usize),
    /// a named type that is defined before, or around
    Reference(Name),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub name: Name,
    pub doc: Option<Arc<str>>,
    pub fields: Vec<RecordField>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordField {
    pub name: Arc<str>,
    pub schema: Arc<AvroSchema>,
    pub doc: Option<Arc<str>>,
    pub default: Option<Json>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Enumeration {
    pub name: Name,
    pub doc: Option<Arc<str>>,
    pub symbols: Vec<Arc<str>>,
    pub default: Option<Arc<str>>,
}

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub space: Option<Arc<str>>,
    pub name: Arc<str>,
}

impl Name {
    /// Of a full name, whose last dot ends the namespace.
    pub(crate) fn of(full: &str) -> Self {
        match full.rsplit_once('.') {
            Some((space, name)) => Self { space: (!space.is_empty()).then(|| space.into()), name: name.into() },
            None => Self { space: None, name: full.into() },
        }
    }

    pub(crate) fn full(&self) -> String {
        match &self.space {
            Some(space) => format!("{space}.{}", self.name),
            None => self.name.to_string(),
        }
    }

    /// As it is written where this namespace holds: in full unless it is the same. One that looks like a type's name is
    /// always written in full.
    fn qualified(&self, around: Option<&str>) -> String {
        let is_type =
            PRIMITIVES.contains(&&*self.name) || matches!(&*self.name, "array" | "map" | "union" | "record" | "enum" | "fixed");
        if self.space.is_some() && self.space.as_deref() == around && !is_type { self.name.to_string() } else { self.full() }
    }
}

/// The names of the types that have no name of their own.
const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

impl AvroSchema {
    pub(crate) fn new(kind: AvroKind) -> Self {
        Self { kind, props: Vec::new() }
    }

    /// Adds a property; the first value under a name stays.
    pub(crate) fn prop(&mut self, name: &str, value: Json) {
        if !self.props.iter().any(|(have, _)| &**have == name) {
            self.props.push((name.into(), value));
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.props.iter().find(|(have, _)| &**have == name).map(|(_, value)| value)
    }

    /// The text of a property that is one.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The name of a record, an enum or a fixed, or the one that stands for one.
    pub(crate) fn name(&self) -> Option<&Name> {
        match &self.kind {
            AvroKind::Record(record) => Some(&record.name),
            AvroKind::Enum(symbols) => Some(&symbols.name),
            AvroKind::Fixed(name, _) | AvroKind::Reference(name) => Some(name),
            _ => None,
        }
    }

    /// The named types in it, by their full names; of two under one name the first, which is the one that the text defines.
    pub(crate) fn names(self: &Arc<Self>) -> HashMap<String, Arc<AvroSchema>> {
        let mut names = HashMap::new();
        collect(self, &mut names);
        names
    }

    /// The JSON text, without line breaks.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        write(self, &mut HashSet::new(), None, &mut out);
        out
    }
}

fn collect(schema: &Arc<AvroSchema>, names: &mut HashMap<String, Arc<AvroSchema>>) {
    if let (Some(name), false) = (schema.name(), matches!(schema.kind, AvroKind::Reference(_))) {
        if names.contains_key(&name.full()) {
            return;
        }
        names.insert(name.full(), schema.clone());
    }
    match &schema.kind {
        AvroKind::Array(inner) | AvroKind::Map(inner) => collect(inner, names),
        AvroKind::Union(branches) => branches.iter().for_each(|branch| collect(branch, names)),
        AvroKind::Record(record) => record.fields.iter().for_each(|field| collect(&field.schema, names)),
        _ => {}
    }
}

fn write(schema: &AvroSchema, known: &mut HashSet<String>, space: Option<&str>, out: &mut String) {
    if let Some(name) = schema.name()
        && (!known.insert(name.full()) || matches!(schema.kind, AvroKind::Reference(_)))
    {
        return json::string(&name.qualified(space), out);
    }
    match &schema.kind {
        AvroKind::Union(branches) => {
            out.push('[');
            for (index, branch) in branches.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(branch, known, space, out);
            }
            out.push(']');
        }
        AvroKind::Array(inner) => container("array", "items", inner, schema, known, space, out),
        AvroKind::Map(inner) => container("map", "values", inner, schema, known, space, out),
        AvroKind::Record(record) => write_record(record, schema, known, space, out),
        AvroKind::Enum(symbols) => write_enum(symbols, schema, space, out),
        AvroKind::Fixed(name, size) => {
            head("fixed", name, None, space, out);
            out.push_str(",\"size\":");
            out.push_str(&size.to_string());
            close(schema, out);
        }
        _ if schema.props.is_empty() => json::string(schema.type_name(), out),
        _ => {
            out.push_str("{\"type\":");
            json::string(schema.type_name(), out);
            close(schema, out);
        }
    }
}

impl AvroSchema {
    /// The name of its type, as in Avro's specification.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            AvroKind::Null => "null",
            AvroKind::Boolean => "boolean",
            AvroKind::Int => "int",
            AvroKind::Long => "long",
            AvroKind::Float => "float",
            AvroKind::Double => "double",
            AvroKind::Bytes => "bytes",
            AvroKind::String => "string",
            AvroKind::Array(_) => "array",
            AvroKind::Map(_) => "map",
            AvroKind::Union(_) => "union",
            AvroKind::Record(_) | AvroKind::Reference(_) => "record",
            AvroKind::Enum(_) => "enum",
            AvroKind::Fixed(..) => "fixed",
        }
    }
}

fn container(
    kind: &str,
    member: &str,
    inner: &AvroSchema,
    schema: &AvroSchema,
    known: &mut HashSet<String>,
    space: Option<&str>,
    out: &mut String,
) {
    out.push_str(&format!("{{\"type\":\"{kind}\",\"{member}\":"));
    write(inner, known, space, out);
    close(schema, out);
}

fn write_record(record: &Record, schema: &AvroSchema, known: &mut HashSet<String>, space: Option<&str>, out: &mut String) {
    head("record", &record.name, record.doc.as_deref(), space, out);
    out.push_str(",\"fields\":[");
    for (index, field) in record.fields.iter().enumerate() {
        out.push_str(if index > 0 { ",{\"name\":" } else { "{\"name\":" });
        json::string(&field.name, out);
        out.push_str(",\"type\":");
        write(&field.schema, known, record.name.space.as_deref(), out);
        if let Some(doc) = &field.doc {
            out.push_str(",\"doc\":");
            json::string(doc, out);
        }
        if let Some(default) = &field.default {
            out.push_str(",\"default\":");
            default.write(out);
        }
        out.push('}');
    }
    out.push(']');
    close(schema, out);
}

fn write_enum(symbols: &Enumeration, schema: &AvroSchema, space: Option<&str>, out: &mut String) {
    head("enum", &symbols.name, symbols.doc.as_deref(), space, out);
    out.push_str(",\"symbols\":[");
    for (index, symbol) in symbols.symbols.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json::string(symbol, out);
    }
    out.push(']');
    if let Some(default) = &symbols.default {
        out.push_str(",\"default\":");
        json::string(default, out);
    }
    close(schema, out);
}

/// Type, name, namespace where it differs from the one around, and description.
fn head(kind: &str, name: &Name, doc: Option<&str>, around: Option<&str>, out: &mut String) {
    out.push_str(&format!("{{\"type\":\"{kind}\",\"name\":"));
    json::string(&name.name, out);
    if name.space.as_deref() != around {
        out.push_str(",\"namespace\":");
        json::string(name.space.as_deref().unwrap_or_default(), out);
    }
    if let Some(doc) = doc {
        out.push_str(",\"doc\":");
        json::string(doc, out);
    }
}

/// The properties, and the end of the object.
fn close(schema: &AvroSchema, out: &mut String) {
    for (name, value) in &schema.props {
        out.push(',');
        json::string(name, out);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}
