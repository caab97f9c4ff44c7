//! What transforms, predicates and converters are to the runtime. All are synchronous and pure.

use std::sync::Arc;

use crate::{Datum, Error, Result, SchemaRef, SourceRecord, Value};

/// What a transform made of a record.
#[derive(Debug)]
pub enum Outcome {
    /// goes on, changed or not
    Kept(SourceRecord),
    /// is not emitted; its position still counts as done
    Dropped,
    /// cannot be transformed; `errors.tolerance` decides
    Failed(Error),
}

/// A single message transform. Each worker thread owns an instance, so that a cache needs no lock; a transform
/// therefore keeps no state that depends on the order of records.
pub trait Transform: Send {
    /// Transforms one record.
    fn apply(&mut self, record: SourceRecord) -> Outcome;
}

/// A condition on a record, which a transform may be bound to.
pub trait Predicate: Send {
    /// Whether the condition holds.
    fn test(&self, record: &SourceRecord) -> bool;
}

/// What a converter says of a schema.
pub enum Plan {
    /// values of this schema can be encoded
    Ready(Arc<dyn EncodePlan>),
    /// a schema registry must be asked first; the runtime awaits it at the edge of a batch
    NeedsLookup,
}

/// A converter compiles each schema once into a plan; the runtime caches plans by topic and schema.
pub trait Converter: Send + Sync {
    /// Compiles a schema, none for schemaless data, as it is used on this topic.
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan>;
}

/// How values of one schema become bytes.
pub trait EncodePlan: Send + Sync {
    /// Appends the bytes of a value. False: the value is encoded as null (no bytes at all).
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool>;
}

/// How headers become bytes.
pub trait HeaderConverter: Send + Sync {
    /// Appends the bytes of a header's value. False: the value is null.
    fn encode(&self, topic: &str, name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool>;
}
