//! The cache of encoding plans: one per topic and schema, of one converter.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rowtide_api::{Converter, Datum, EncodePlan, Error, Plan, Result, SchemaRef};

/// Above so many plans all are dropped and compiled again as they are needed: a transform that makes a new schema for
/// each record must not fill the memory. Ten thousand tables stay well below.
const MOST_PLANS: usize = 65_536;

/// A converter with its plans. Owned by one encode thread, so without locks.
pub struct Plans {
    converter: Arc<dyn Converter>,
    role: &'static str,
    /// by the schema's address; holding the schema keeps the address its own
    by_schema: HashMap<usize, PerSchema>,
    count: usize,
    /// the plans used last, for data without schema and with one: most records follow one of their own kind, or its tombstone
    last: [Option<LastPlan>; 2],
}

/// A plan with its topic and its schema's address.
type LastPlan = (Arc<str>, usize, Arc<dyn EncodePlan>);

struct PerSchema {
    _schema: Option<SchemaRef>,
    by_topic: HashMap<Arc<str>, Arc<dyn EncodePlan>>,
}

impl Plans {
    /// An empty cache; `role` is `key` or `value`, for errors.
    pub fn new(converter: Arc<dyn Converter>, role: &'static str) -> Self {
        Self { converter, role, by_schema: HashMap::new(), count: 0, last: [None, None] }
    }

    /// Appends a datum's bytes and says where they are; none is null, and leaves `out` as it was, as an error does.
    pub fn encode(&mut self, topic: &Arc<str>, datum: &Datum, out: &mut Vec<u8>) -> Result<Option<Range<usize>>> {
        let address = datum.schema.as_ref().map_or(0, |schema| Arc::as_ptr(schema) as usize);
        let kind = usize::from(datum.schema.is_some());
        let known = matches!(&self.last[kind], Some((last, schema, _)) if *schema == address && Arc::ptr_eq(last, topic));
        if !known {
            let plan = self.plan(topic, datum.schema.as_ref(), address)?;
            self.last[kind] = Some((topic.clone(), address, plan));
        }
        let Some((_, _, plan)) = &self.last[kind] else { return Ok(None) };
        let start = out.len();
        match plan.encode(&datum.value, out) {
            Ok(true) => Ok(Some(start..out.len())),
            Ok(false) => {
                out.truncate(start);
                Ok(None)
            }
            Err(error) => {
                out.truncate(start);
                Err(error.context(&format!("cannot convert the {} of a record of topic {topic}", self.role)))
            }
        }
    }

    fn plan(&mut self, topic: &Arc<str>, schema: Option<&SchemaRef>, address: usize) -> Result<Arc<dyn EncodePlan>> {
        if let Some(plan) = self.by_schema.get(&address).and_then(|entry| entry.by_topic.get(topic)) {
            return Ok(plan.clone());
        }
        let context = || format!("cannot convert the {} of a record of topic {topic}", self.role);
        let plan = match self.converter.plan(topic, schema).map_err(|error| error.context(&context()))? {
            Plan::Ready(plan) => plan,
            Plan::NeedsLookup => {
                return Err(Error::configuration(format!("{}: its converter asks a schema registry", context()))
                    .remedy("use a converter without a registry: schema registries come with a later version"));
            }
        };
        if self.count >= MOST_PLANS {
            self.by_schema.clear();
            self.count = 0;
        }
        let entry = self.by_schema.entry(address);
        let entry = entry.or_insert_with(|| PerSchema { _schema: schema.cloned(), by_topic: HashMap::new() });
        entry.by_topic.insert(topic.clone(), plan.clone());
        self.count += 1;
        Ok(plan)
    }
}
