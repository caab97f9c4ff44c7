//! What tables, and the versions of one table, have in common: schemas and names, each held once.
//!
//! Two things hang on it. Ten thousand tables have few kinds of columns. And the server describes a table again after an `ANALYZE` or a `GRANT`,
//! mostly as it was: then its schemas must be the very same ones, for plans are kept by a schema's address.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;
use std::sync::{Arc, Weak};

use rowtide_api::{Field, Schema, SchemaRef};

/// Schemas and names in use.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// by their [`fingerprint`]; where two schemas share one, only the later is found again
    schemas: HashMap<u64, Weak<Schema>>,
    names: HashSet<Arc<str>>,
}

impl Pool {
    /// The schema that is equal to this one.
    pub(crate) fn schema(&mut self, schema: Schema) -> SchemaRef {
        let fingerprint = fingerprint(&schema);
        let known = self.schemas.get(&fingerprint).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| **known == schema) {
            return known;
        }
        if self.schemas.len() == self.schemas.capacity() {
            self.schemas.retain(|_, schema| schema.strong_count() > 0);
        }
        let schema = schema.shared();
        self.schemas.insert(fingerprint, Arc::downgrade(&schema));
        schema
    }

    /// The name, shared.
    pub(crate) fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        if self.names.len() == self.names.capacity() {
            self.names.retain(|name| Arc::strong_count(name) > 1);
        }
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        name
    }

    /// A field of a struct.
    pub(crate) fn field(&mut self, name: &str, schema: SchemaRef) -> Field {
        Field::new(self.name(name), schema)
    }
}

/// A number that equal schemas have in common, and few others. Fields are equal that have the very same schema: defaults of 0.0 and -0.0 are not.
fn fingerprint(schema: &Schema) -> u64 {
    let Schema { kind, optional, name, version, doc, parameters, default } = schema;
    let mut hasher = DefaultHasher::new();
    (discriminant(kind), optional, name, version, doc, parameters).hash(&mut hasher);
    schema.fields().iter().for_each(|field| (&field.name, Arc::as_ptr(&field.schema)).hash(&mut hasher));
    default.as_ref().map(|default| format!("{default:?}")).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::{Kind, Value};

    #[test]
    fn equal_schemas_are_one_while_one_of_them_is_in_use() {
        let mut pool = Pool::default();
        let of = |scale: &str| {
            Schema::new(Kind::Bytes).named("Decimal").parameter("scale", scale).default_value(Value::Bytes(vec![1].into()))
        };
        let first = pool.schema(of("2"));
        assert!(Arc::ptr_eq(&first, &pool.schema(of("2"))));
        assert!(!Arc::ptr_eq(&first, &pool.schema(of("3"))));
        for number in 0..1000 {
            pool.schema(Schema::new(Kind::Int32).default_value(Value::Int32(number)));
        }
        assert!(pool.schemas.len() < 100, "those out of use make room: {}", pool.schemas.len());
        assert!(Arc::ptr_eq(&first, &pool.schema(of("2"))));
    }

    #[test]
    fn structs_of_one_name_are_told_apart_by_their_fields() {
        let mut pool = Pool::default();
        let mut of = |number: f64| {
            let column = pool.schema(Schema::new(Kind::Float64).default_value(Value::Float64(number)));
            let field = pool.field("amount", column);
            pool.schema(Schema::structure(vec![field]).named("t.Value"))
        };
        let (before, after) = (of(0.0), of(-0.0));
        assert!(Arc::ptr_eq(&before, &of(0.0)) && Arc::ptr_eq(&after, &of(-0.0)));
        assert!(!Arc::ptr_eq(&before, &after), "equal numbers, but not the same text");
        assert!(Arc::ptr_eq(&before.fields()[0].name, &after.fields()[0].name));
    }
}
