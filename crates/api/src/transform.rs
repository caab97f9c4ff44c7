//! What transforms, predicates and converters are to the runtime. All are synchronous and pure, but for what a registry is asked.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Datum, Error, Header, Result, SchemaRef, SourceRecord, Value};

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
    /// a schema registry must be asked first; the record waits for it, and all that follow
    NeedsLookup(Lookup),
}

/// The plan, once a schema registry has answered. An error stops the task whatever `errors.tolerance` says, because every record
/// of the schema would be lost; a transient one lets it try again.
pub type Lookup = Pin<Box<dyn Future<Output = Result<Arc<dyn EncodePlan>>> + Send>>;

/// A converter compiles each schema once into a plan; the runtime caches plans by topic and schema.
pub trait Converter: Send + Sync {
    /// Compiles a schema, none for schemaless data, as it is used on this topic. Null without a schema is no bytes for
    /// every converter: none is asked about it.
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan>;

    /// The same where the first value is at hand, with the headers of its record: for converters whose own schemas depend on values
    /// that all records of a topic share.
    fn plan_for(&self, topic: &str, first: &Datum, _headers: &[Header]) -> Result<Plan> {
        self.plan(topic, first.schema.as_ref())
    }

    /// What a registry would say of a schema, and what would follow, without registering anything; `before`: the schema that it takes the
    /// place of, where there is one. None: this converter cannot tell, or asks nobody.
    fn opinion(&self, _topic: &str, _before: Option<&SchemaRef>, _schema: &SchemaRef) -> Result<Option<Asking>> {
        Ok(None)
    }
}

/// An opinion, once the registry has answered.
pub type Asking = Pin<Box<dyn Future<Output = Result<Opinion>> + Send>>;

/// What a registry says of a schema beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// under which name the schema would go: `subject 'orders-value'`
    pub subject: String,
    /// the version that it is held against, the latest one
    pub latest: Option<String>,
    /// the compatibility level in the registry's word, where it tells
    pub level: Option<String>,
    /// whether the task would go on
    pub verdict: Verdict,
    /// what differs from the latest version
    pub changes: Vec<Told>,
    /// why it is refused
    pub reasons: Vec<String>,
    /// what can be done, where something has to be
    pub ways_out: Vec<String>,
}

/// What would become of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// it is registered already
    Known,
    /// nothing is registered under its name: it would be the first version
    First,
    /// it would be a new version
    Compatible,
    /// the task would write by the schema that is registered, whatever the table's
    Fixed,
    /// the task would stop
    Refused,
    /// the registry cannot be asked beforehand; the reasons say why
    Unknown,
}

/// A change, and what it means to consumers that go on with the schema from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `column 'total': was decimal(10,2), is int32`
    pub change: String,
    /// what they see
    pub old_reader: String,
    /// whether they cannot read what is written from then on, or read it wrongly
    pub breaks: bool,
}

impl Verdict {
    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::First => "first",
            Self::Compatible => "compatible",
            Self::Fixed => "fixed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// How values of one schema become bytes.
pub trait EncodePlan: Send + Sync {
    /// Appends the bytes of a value. False: the value is encoded as null (no bytes at all).
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool>;

    /// The same for a value whose record has these headers, which few converters look at.
    fn encode_with(&self, _headers: &[Header], value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.encode(value, out)
    }

    /// Headers that go with each value that is more than null, after the record's own; the same ones each time.
    fn headers(&self) -> &[(Arc<str>, Bytes)] {
        &[]
    }
}

/// How headers become bytes.
pub trait HeaderConverter: Send + Sync {
    /// Appends the bytes of a header's value. False: the value is null.
    fn encode(&self, topic: &str, name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool>;
}
