//! The cache of encoding plans: one per topic and schema, of one converter.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::{Converter, Datum, EncodePlan, Error, Header, Lookup, Plan, Result, SchemaRef};

/// Above so many plans all are dropped and compiled again as they are needed: a transform that makes a new schema for
/// each record must not fill the memory. Ten thousand tables stay well below.
const MOST_PLANS: usize = 65_536;

/// A converter with its plans. Owned by one encode thread, so without locks.
pub struct Plans {
    converter: Arc<dyn Converter>,
    role: &'static str,
    /// by the schema's address and the topic
    known: HashMap<(usize, Arc<str>), Known>,
    /// the plans used last, for data without schema and with one: most records follow one of their own kind, or its tombstone
    last: [Option<LastPlan>; 2],
}

/// A plan with its topic and its schema's address.
type LastPlan = (Arc<str>, usize, Arc<dyn EncodePlan>);

struct Known {
    /// keeps its address its own
    _schema: Option<SchemaRef>,
    plan: Arc<dyn EncodePlan>,
}

/// For which data a plan is looked up.
#[derive(Clone)]
pub struct Wanted {
    topic: Arc<str>,
    schema: Option<SchemaRef>,
}

impl Plans {
    /// An empty cache; `role` is `key` or `value`, for errors.
    pub fn new(converter: Arc<dyn Converter>, role: &'static str) -> Self {
        Self { converter, role, known: HashMap::new(), last: [None, None] }
    }

    /// Makes sure that there is a plan for a datum of a record with these headers. What a registry has to be asked for first is given back: its answer goes to
    /// [`Plans::answered`].
    pub fn prepare(&mut self, topic: &Arc<str>, datum: &Datum, headers: &[Header]) -> Result<Option<(Wanted, Lookup)>> {
        if is_nothing(datum) {
            return Ok(None);
        }
        let address = address(datum.schema.as_ref());
        let kind = usize::from(datum.schema.is_some());
        if matches!(&self.last[kind], Some((last, schema, _)) if *schema == address && Arc::ptr_eq(last, topic)) {
            return Ok(None);
        }
        if let Some(known) = self.known.get(&(address, topic.clone())) {
            self.last[kind] = Some((topic.clone(), address, known.plan.clone()));
            return Ok(None);
        }
        let wanted = Wanted { topic: topic.clone(), schema: datum.schema.clone() };
        match self.converter.plan_for(topic, datum, headers).map_err(|error| self.context(topic, error))? {
            Plan::Ready(plan) => self.keep(wanted, plan),
            Plan::NeedsLookup(lookup) => return Ok(Some((wanted, lookup))),
        }
        Ok(None)
    }

    /// Takes a registry's answer.
    pub fn answered(&mut self, wanted: Wanted, plan: Result<Arc<dyn EncodePlan>>) -> Result<()> {
        let plan = plan.map_err(|error| self.context(&wanted.topic, error))?;
        self.keep(wanted, plan);
        Ok(())
    }

    /// Appends the bytes of a datum that was prepared, and says where they are; none is null, and leaves `out` as it was, as an error does.
    pub fn encode(&self, topic: &Arc<str>, datum: &Datum, headers: &[Header], out: &mut Vec<u8>) -> Result<Option<Range<usize>>> {
        let Some(plan) = self.plan_of(datum) else { return Ok(None) };
        let start = out.len();
        match plan.encode_with(headers, &datum.value, out) {
            Ok(true) => Ok(Some(start..out.len())),
            Ok(false) => {
                out.truncate(start);
                Ok(None)
            }
            Err(error) => {
                out.truncate(start);
                Err(self.context(topic, error))
            }
        }
    }

    /// The headers that go with a datum that was prepared.
    pub fn headers(&self, datum: &Datum) -> &[(Arc<str>, Bytes)] {
        self.plan_of(datum).map_or(&[], |plan| plan.headers())
    }

    fn plan_of(&self, datum: &Datum) -> Option<&Arc<dyn EncodePlan>> {
        if is_nothing(datum) {
            return None;
        }
        self.last[usize::from(datum.schema.is_some())].as_ref().map(|(_, _, plan)| plan)
    }

    fn keep(&mut self, wanted: Wanted, plan: Arc<dyn EncodePlan>) {
        if self.known.len() >= MOST_PLANS {
            self.known.clear();
            self.last = [None, None];
        }
        let Wanted { topic, schema } = wanted;
        let address = address(schema.as_ref());
        self.last[usize::from(schema.is_some())] = Some((topic.clone(), address, plan.clone()));
        self.known.insert((address, topic), Known { _schema: schema, plan });
    }

    fn context(&self, topic: &str, error: Error) -> Error {
        error.context(&format!("cannot convert the {} of a record of topic {topic}", self.role))
    }
}

fn address(schema: Option<&SchemaRef>) -> usize {
    schema.map_or(0, |schema| Arc::as_ptr(schema) as usize)
}

/// Null without a schema, as tombstones are: no bytes, whatever the converter.
fn is_nothing(datum: &Datum) -> bool {
    datum.schema.is_none() && datum.value.is_null()
}
