//! `io.debezium.converters.CloudEventsConverter`: events as CloudEvents in the structured mode, in JSON or Avro.
//! <https://github.com/cloudevents/spec/blob/v1.0/spec.md>
//!
//! What belongs here: which converters write the event and its data, and how both are put together. What an event consists of is in `event`.

mod event;
mod options;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{
    Converter, Datum, EncodePlan, Error, Header, Kind, Plan, PluginInfo, PluginKind, Props, Result, SchemaRef, Struct, Value,
};

use crate::{VERSION, delegate};
use event::{Event, Record};
use options::{Options, definition};

/// `io.debezium.converters.CloudEventsConverter`
pub(crate) const CONVERTER: ConverterPlugin = ConverterPlugin {
    info: PluginInfo { class: "io.debezium.converters.CloudEventsConverter", kind: PluginKind::Converter, version: VERSION },
    config_def: definition,
    new,
};

const APICURIO: &str = "io.apicurio.registry.utils.converter.AvroConverter";
const APICURIO_URL: &str = "apicurio.registry.url";
const CONFLUENT: &str = "io.confluent.connect.avro.AvroConverter";
const CONFLUENT_URL: &str = "schema.registry.url";

/// The end of the name of every schema that describes a change.
const ENVELOPE: &str = ".Envelope";

struct CloudEventsConverter(Arc<Parts>);

/// What the options and the wrapped converters come to.
struct Parts {
    options: Options,
    event: Box<dyn Converter>,
    data: Data,
}

/// How the data becomes part of the event.
enum Data {
    /// as a struct within
    Inside,
    /// as JSON with its schema, in the place of an empty struct
    Spliced(Box<dyn Converter>),
    /// as bytes of Avro; the URL of the registry, for the attribute that names their schema
    Avro { converter: Box<dyn Converter>, url: String },
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    let options = Options::read(props)?;
    let json = props.with_prefix("json.");
    let without_schemas = || {
        let mut props = json.clone();
        props.set("schemas.enable", "false");
        delegate::converter(delegate::JSON, &props, is_key, "json.*")
    };
    let event = if options.avro_events { avro(props)?.0 } else { without_schemas()? };
    let data = if options.avro_data {
        let (converter, url) = avro(props)?;
        Data::Avro { converter, url }
    } else if json.get("schemas.enable").is_none_or(|value| value.trim().eq_ignore_ascii_case("true")) {
        Data::Spliced(delegate::converter(delegate::JSON, &json, true, "json.*")?)
    } else {
        Data::Inside
    };
    Ok(Box::new(CloudEventsConverter(Arc::new(Parts { options, event, data }))))
}

/// The Avro converter that the options name by its registry's URL.
fn avro(props: &Props) -> Result<(Box<dyn Converter>, String)> {
    let mut avro = props.with_prefix("avro.");
    let (class, url) = match (avro.get(APICURIO_URL), avro.get(CONFLUENT_URL)) {
        (Some(url), _) => (APICURIO, url.to_owned()),
        (None, Some(url)) => (CONFLUENT, url.to_owned()),
        (None, None) => {
            return Err(Error::configuration("Need URL(s) for schema registry instances for CloudEvents when using Apache Avro")
                .remedy(format!("set avro.{APICURIO_URL} or avro.{CONFLUENT_URL} under the converter's prefix")));
        }
    };
    if class == APICURIO {
        // there is no header for the id of what is within
        avro.set("apicurio.registry.headers.enabled", "false");
    }
    let url = url.split(',').map(str::trim).collect::<Vec<_>>().join(",");
    Ok((delegate::converter(class, &avro, false, "avro.*")?, url))
}

impl Converter for CloudEventsConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        self.plan_for(topic, &Datum { schema: schema.cloned(), value: Value::Null }, &[])
    }

    fn plan_for(&self, topic: &str, first: &Datum, headers: &[Header]) -> Result<Plan> {
        let parts = self.0.clone();
        let Some(schema) = &first.schema else { return Ok(nothing()) };
        if !parts.options.from_headers.global && !schema.name.as_deref().is_some_and(|name| name.ends_with(ENVELOPE)) {
            return Ok(nothing());
        }
        let topic: Arc<str> = topic.into();
        let record = match &first.value {
            Value::Struct(fields) => Record::of(fields, headers, &parts.options)?,
            _ => None,
        };
        let Some(record) = record else {
            // nothing is known of the source yet: a later one may tell
            return Ok(Plan::Ready(Arc::new(CloudEventPlan { parts, topic, last: Mutex::new(None) })));
        };
        let event = Event::describe(schema, &record, &parts.options, parts.data_kind())?;
        let (event_plan, data) = parts.plan(&topic, &event)?;
        let shared = |written| CloudEventPlan { parts, topic, last: Mutex::new(Some(Arc::new(written))) };
        Ok(match (event_plan, data) {
            (Plan::Ready(event_plan), None) => Plan::Ready(Arc::new(shared(Written { event, event_plan, data: None }))),
            (Plan::Ready(event_plan), Some(Plan::Ready(data))) => {
                Plan::Ready(Arc::new(shared(Written { event, event_plan, data: Some(data) })))
            }
            (event_plan, data) => Plan::NeedsLookup(Box::pin(async move {
                let data = match data {
                    Some(plan) => Some(settled(plan).await?),
                    None => None,
                };
                let event_plan = settled(event_plan).await?;
                let plan: Arc<dyn EncodePlan> = Arc::new(shared(Written { event, event_plan, data }));
                Ok(plan)
            })),
        })
    }
}

async fn settled(plan: Plan) -> Result<Arc<dyn EncodePlan>> {
    match plan {
        Plan::Ready(plan) => Ok(plan),
        Plan::NeedsLookup(lookup) => lookup.await,
    }
}

impl Parts {
    fn data_kind(&self) -> event::DataKind {
        match self.data {
            Data::Inside => event::DataKind::Struct,
            Data::Spliced(_) => event::DataKind::Empty,
            Data::Avro { .. } => event::DataKind::Bytes,
        }
    }

    /// The plans of an event, and of its data where that is written by itself.
    fn plan(&self, topic: &str, event: &Event) -> Result<(Plan, Option<Plan>)> {
        let data = match &self.data {
            Data::Inside => None,
            Data::Spliced(json) => Some(json.plan(topic, Some(&event.data))?),
            // both are registered: the data under a name of its own
            Data::Avro { converter, .. } if self.options.avro_events => {
                Some(converter.plan(&format!("{topic}-data"), Some(&event.data))?)
            }
            Data::Avro { converter, .. } => Some(converter.plan(topic, Some(&event.data))?),
        };
        Ok((self.event.plan(topic, Some(&event.schema))?, data))
    }
}

/// What is no change of data becomes null.
fn nothing() -> Plan {
    Plan::Ready(Arc::new(Nothing))
}

struct Nothing;

impl EncodePlan for Nothing {
    fn encode(&self, _value: &Value, _out: &mut Vec<u8>) -> Result<bool> {
        Ok(false)
    }
}

struct CloudEventPlan {
    parts: Arc<Parts>,
    topic: Arc<str>,
    /// how the last event was written: the next one nearly always is of the same description
    last: Mutex<Option<Arc<Written>>>,
}

/// How events of one description are written.
struct Written {
    event: Event,
    event_plan: Arc<dyn EncodePlan>,
    data: Option<Arc<dyn EncodePlan>>,
}

impl CloudEventPlan {
    /// How this record is written: headers may describe it in another way than the one before.
    fn written(&self, schema: &SchemaRef, record: &Record<'_>) -> Result<Arc<Written>> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(written) = last.as_ref().filter(|written| written.event.describes(record)) {
            return Ok(written.clone());
        }
        let event = Event::describe(schema, record, &self.parts.options, self.parts.data_kind())?;
        let ready = |plan| {
            match plan {
            Plan::Ready(plan) => Ok(plan),
            Plan::NeedsLookup(_) => Err(Error::data(
                "the headers of a record describe its source in another way than those before, and a registry would have to be asked",
            )
            .remedy("use metadata.source=value, or JSON as data.serializer.type")),
        }
        };
        let (event_plan, data) = self.parts.plan(&self.topic, &event)?;
        let written = Written { event, event_plan: ready(event_plan)?, data: data.map(ready).transpose()? };
        let written = Arc::new(written);
        *last = Some(written.clone());
        Ok(written)
    }
}

impl EncodePlan for CloudEventPlan {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.encode_with(&[], value, out)
    }

    fn encode_with(&self, headers: &[Header], value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        let fields = match value {
            Value::Null => return Ok(false),
            Value::Struct(fields) if matches!(fields.schema.kind, Kind::Struct(_)) => fields,
            _ => {
                return Err(Error::data(format!(
                    "CloudEvents conversion of a record of topic {} failed: Mismatching schema",
                    self.topic
                )));
            }
        };
        let options = &self.parts.options;
        let Some(record) = Record::of(fields, headers, options)? else { return Ok(false) };
        let written = self.written(&fields.schema, &record)?;
        let data = written.event.data_of(fields);
        let event = |data, uri: Option<String>| written.event.value(&record, options, data, uri);
        match (&self.parts.data, &written.data) {
            (Data::Inside, _) => written.event_plan.encode(&event(data, None)?, out),
            (Data::Spliced(_), Some(plan)) => {
                let empty = Value::Struct(Struct::new(written.event.empty.clone(), Vec::new()));
                written.event_plan.encode(&event(empty, None)?, out)?;
                // the braces of the empty struct, and the one of the event
                out.truncate(out.len().saturating_sub("{}}".len()));
                plan.encode(&data, out)?;
                out.push(b'}');
                Ok(true)
            }
            (Data::Avro { url, .. }, Some(plan)) => {
                let mut bytes = Vec::new();
                plan.encode(&data, &mut bytes)?;
                let uri = format!("{url}/schemas/ids/{}", schema_id(&bytes));
                written.event_plan.encode(&event(Value::Bytes(bytes.into()), Some(uri))?, out)
            }
            _ => Ok(false),
        }
    }
}

/// The four bytes after the first one, as Debezium reads the id of a schema. Of Apicurio's long ids that is the upper half: zero.
fn schema_id(bytes: &[u8]) -> i32 {
    bytes.get(1..5).and_then(|id| id.try_into().ok()).map_or(0, i32::from_be_bytes)
}
