//! Values in the shape that a schema describes.
//!
//! A logical type's value is held in its carrier: a `Decimal` as the bytes of its unscaled value, a date as the
//! days since the epoch. So a value never needs its schema to be copied, compared or dropped, and the converters
//! write most of them without looking at the logical name.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

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

/// The values of a struct.
#[derive(Clone, Debug)]
pub enum Values {
    /// of this struct alone
    Own(Vec<Value>),
    /// of many structs, such as the `source` blocks of a snapshot's rows: cloning copies no value
    Shared(Arc<Common>),
    /// of many structs but for a few fields, such as the `source` blocks of a transaction's events
    Varied(Box<Varied>),
}

/// Values that many structs have in common: whoever has turned them into bytes may keep those for the next one.
#[derive(Debug)]
pub struct Common {
    values: Vec<Value>,
    own: &'static [usize],
}

/// Common values, and what one struct has in place of some.
#[derive(Clone, Debug)]
pub struct Varied {
    common: Arc<Common>,
    own: SmallVec<[Value; 2]>,
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
            Values::Own(values) => Values::Shared(Common::new(values, &[])),
            values => values,
        };
        Self { values, ..self }
    }

    /// A struct of common values, and of its own in the fields that those leave to it, in their order.
    pub fn varied(schema: SchemaRef, common: Arc<Common>, own: impl IntoIterator<Item = Value>) -> Self {
        let own: SmallVec<[Value; 2]> = own.into_iter().collect();
        debug_assert_eq!(common.own.len(), own.len(), "{:?}", schema.name);
        Self { schema, values: Values::Varied(Box::new(Varied { common, own })) }
    }

    /// The value of a field by its name.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.schema.field(field).and_then(|(index, _)| self.values.get(index))
    }
}

impl Common {
    /// Values for every field; those of the fields `own`, in ascending order, stand for nothing: each struct has its own.
    pub fn new(values: Vec<Value>, own: &'static [usize]) -> Arc<Self> {
        debug_assert!(own.is_sorted() && own.iter().all(|index| *index < values.len()), "{own:?}");
        Arc::new(Self { values, own })
    }

    /// The fields in which the structs differ, ascending.
    pub fn own(&self) -> &'static [usize] {
        self.own
    }
}

impl Values {
    /// The value of a field by its place.
    pub fn get(&self, index: usize) -> Option<&Value> {
        match self {
            Values::Own(values) => values.get(index),
            Values::Shared(common) => common.values.get(index),
            Values::Varied(varied) => match varied.common.own.iter().position(|own| *own == index) {
                Some(place) => varied.own.get(place),
                None => varied.common.values.get(index),
            },
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::Own(values) => values.len(),
            Values::Shared(common) => common.values.len(),
            Values::Varied(varied) => varied.common.values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them in the order of the fields.
    pub fn iter(&self) -> Iter<'_> {
        Iter { values: self, next: 0 }
    }

    /// What other structs may have too, and what only this one has: a value for each of [`Common::own`].
    pub fn common(&self) -> Option<(&Arc<Common>, &[Value])> {
        match self {
            Values::Own(_) => None,
            Values::Shared(common) => Some((common, &[])),
            Values::Varied(varied) => Some((&varied.common, &varied.own)),
        }
    }
}

/// Goes through the values of a struct.
pub struct Iter<'a> {
    values: &'a Values,
    next: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Value;

    fn next(&mut self) -> Option<&'a Value> {
        let value = self.values.get(self.next);
        self.next += 1;
        value
    }
}

impl<'a> IntoIterator for &'a Values {
    type Item = &'a Value;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
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
        let (again, _) = shared.clone().shared().values.common().map(|(common, own)| (common.clone(), own.len())).unwrap();
        assert!(Arc::ptr_eq(&again, shared.values.common().unwrap().0));
    }

    #[test]
    fn a_varied_struct_has_some_values_of_its_own() {
        let names = ["a", "b", "c"].map(|name| Field::new(name, Schema::new(Kind::Int32)));
        let schema = Schema::structure(names.into()).shared();
        let common = Common::new(vec![Value::Int32(1), Value::Null, Value::Int32(3)], &[1]);
        let varied = Struct::varied(schema.clone(), common, [Value::Int32(2)]);
        assert_eq!(varied, Struct::new(schema, [1, 2, 3].map(Value::Int32).into()));
        assert_eq!(varied.get("b"), Some(&Value::Int32(2)));
        assert_eq!((varied.values.len(), varied.values.get(3)), (3, None));
        assert_eq!(size_of::<Value>(), 40, "values move a lot");
    }
}
