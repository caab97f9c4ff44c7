//! Kafka Connect's schema model (`org.apache.kafka.connect.data.Schema`).
//!
//! A schema is immutable and shared; who holds the same [`SchemaRef`] may compile it once and reuse the plan.
//! How a schema is written to bytes belongs to the converters, not here.

use std::sync::Arc;

use crate::Value;

/// A shared, immutable schema. Pointer equality is the cheap identity that encoding plans are cached by.
pub type SchemaRef = Arc<Schema>;

/// The type of a value, with the schemas of what it contains.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// 8-bit signed integer
    Int8,
    /// 16-bit signed integer
    Int16,
    /// 32-bit signed integer
    Int32,
    /// 64-bit signed integer
    Int64,
    /// 32-bit IEEE 754 number
    Float32,
    /// 64-bit IEEE 754 number
    Float64,
    /// true or false
    Boolean,
    /// UTF-8 text
    String,
    /// raw bytes; also the carrier of Connect's `Decimal` (big-endian two's complement of the unscaled value)
    Bytes,
    /// a list whose elements share one schema
    Array(SchemaRef),
    /// keys and values that share a schema each
    Map(SchemaRef, SchemaRef),
    /// named fields, in the order in which they are written
    Struct(Vec<Field>),
}

/// One field of a struct; its index is its place in [`Kind::Struct`].
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// the field's name
    pub name: Arc<str>,
    /// the schema of its value
    pub schema: SchemaRef,
}

/// A Connect schema: type, optionality, and the metadata that converters write out.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// type and contained schemas
    pub kind: Kind,
    /// whether null is a value
    pub optional: bool,
    /// logical type name, or the name of a struct
    pub name: Option<Arc<str>>,
    /// version of the logical type
    pub version: Option<i32>,
    /// human description
    pub doc: Option<Arc<str>>,
    /// parameters in the order in which they were added: Connect keeps and writes that order
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// value used by a reader when the field is missing; of this schema's type
    pub default: Option<Value>,
}

impl Schema {
    /// A required schema of this kind, without name, version, parameters or default.
    pub fn new(kind: Kind) -> Self {
        Self { kind, optional: false, name: None, version: None, doc: None, parameters: Vec::new(), default: None }
    }

    /// A struct of these fields.
    pub fn structure(fields: Vec<Field>) -> Self {
        Self::new(Kind::Struct(fields))
    }

    /// Makes null a value.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the version.
    #[must_use]
    pub fn versioned(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<Arc<str>>) -> Self {
        self.doc = Some(doc.into());
        self
    }

    /// Adds a parameter after those already there; a name given twice keeps its place and takes the new value,
    /// as Java's `LinkedHashMap` does.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.parameters.iter_mut().find(|(have, _)| *have == name) {
            Some(found) => found.1 = value,
            None => self.parameters.push((name, value)),
        }
        self
    }

    /// Sets the default.
    #[must_use]
    pub fn default_value(mut self, value: Value) -> Self {
        self.default = Some(value);
        self
    }

    /// Shares the finished schema.
    pub fn shared(self) -> SchemaRef {
        Arc::new(self)
    }

    /// The fields of a struct; empty for every other kind.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Index and field of this name, if this is a struct that has it.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields().iter().enumerate().find(|(_, field)| &*field.name == name)
    }
}

impl Field {
    /// A field of this name and schema.
    pub fn new(name: impl Into<Arc<str>>, schema: impl Into<SchemaRef>) -> Self {
        Self { name: name.into(), schema: schema.into() }
    }
}
