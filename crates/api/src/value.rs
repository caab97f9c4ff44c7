//! Values in the shape that a schema describes.
//!
//! A logical type's value is held in its carrier: a `Decimal` as the bytes of its unscaled value, a date as the
//! days since the epoch. So a value never needs its schema to be copied, compared or dropped, and the converters
//! write most of them without looking at the logical name.

use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use crate::SchemaRef;

/// One value. Text and bytes are slices of a shared buffer (usually the network's): cloning copies no content,
/// and keeping one alive keeps its whole buffer alive, so that what outlives a batch must be copied.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// no value
    #[default]
    Null,
    /// carrier of `Kind::Boolean`
    Boolean(bool),
    /// carrier of `Kind::Int8`
    Int8(i8),
    /// carrier of `Kind::Int16`
    Int16(i16),
    /// carrier of `Kind::Int32`
    Int32(i32),
    /// carrier of `Kind::Int64`
    Int64(i64),
    /// carrier of `Kind::Float32`
    Float32(f32),
    /// carrier of `Kind::Float64`
    Float64(f64),
    /// carrier of `Kind::String`
    String(ByteString),
    /// carrier of `Kind::Bytes`
    Bytes(Bytes),
    /// carrier of `Kind::Array`
    Array(Vec<Value>),
    /// carrier of `Kind::Map`, in the order in which it is written
    Map(Vec<(Value, Value)>),
    /// carrier of `Kind::Struct`
    Struct(Struct),
}

/// The values of a struct's fields, one for each field of its schema and in that order.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    /// a schema of `Kind::Struct`
    pub schema: SchemaRef,
    /// as many values as the schema has fields
    pub values: Values,
}

/// The values of a struct, read as a slice.
#[derive(Clone, Debug)]
pub enum Values {
    /// of this struct alone
    Own(Vec<Value>),
    /// of many structs, such as the `source` blocks of a snapshot's rows: cloning copies no value
    Shared(Arc<[Value]>),
}

impl Struct {
    /// Binds values to a struct schema. The caller keeps their number equal to that of the fields.
    pub fn new(schema: SchemaRef, values: Vec<Value>) -> Self {
        debug_assert_eq!(schema.fields().len(), values.len(), "{:?}", schema.name);
        Self { schema, values: Values::Own(values) }
    }

    /// The same struct, cheap to clone.
    #[must_use]
    pub fn shared(self) -> Self {
        let values = match self.values {
            Values::Own(values) => values.into(),
            Values::Shared(values) => values,
        };
        Self { values: Values::Shared(values), ..self }
    }

    /// The value of a field by its name.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.schema.field(field).and_then(|(index, _)| self.values.get(index))
    }
}

impl Values {
    /// The values, if other structs may have the very same.
    pub fn shared(&self) -> Option<&Arc<[Value]>> {
        match self {
            Values::Own(_) => None,
            Values::Shared(values) => Some(values),
        }
    }
}

impl Deref for Values {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        match self {
            Values::Own(values) => values,
            Values::Shared(values) => values,
        }
    }
}

impl<'a> IntoIterator for &'a Values {
    type Item = &'a Value;
    type IntoIter = slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Value {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Text from a static or owned string.
    pub fn string(text: impl Into<ByteString>) -> Self {
        Value::String(text.into())
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one of the integer kinds.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int8(n) => Some((*n).into()),
            Value::Int16(n) => Some((*n).into()),
            Value::Int32(n) => Some((*n).into()),
            Value::Int64(n) => Some(*n),
            _ => None,
        }
    }

    /// The struct, if this is one.
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Value::Struct(fields) => Some(fields),
            _ => None,
        }
    }
}

impl From<Option<Value>> for Value {
    fn from(value: Option<Value>) -> Self {
        value.unwrap_or_default()
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Self {
        Value::String(ByteString::from(&**text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Kind, Schema};

    #[test]
    fn a_shared_struct_is_the_same_and_shares_its_values() {
        let schema = Schema::structure(vec![Field::new("name", Schema::new(Kind::String))]).shared();
        let own = Struct::new(schema, vec![Value::string("x")]);
        let shared = own.clone().shared();
        assert_eq!(own, shared);
        assert_eq!(shared.get("name"), Some(&Value::string("x")));
        assert!(std::ptr::eq(shared.values.as_ptr(), shared.clone().shared().values.as_ptr()));
    }
}
