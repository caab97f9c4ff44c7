//! `io.confluent.connect.json.JsonSchemaConverter`: magic byte 0, four bytes of the schema's id, the value as JSON.
//!
//! Its jars are not to be had where this was made: what it does follows its public source, see `json_schema`.

use std::sync::Arc;

use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{Asking, Converter, Difference, EncodePlan, Plan, PluginInfo, PluginKind, Props, Result, SchemaRef, Told};
use rowtide_converters::json::{self, Payload};

use super::confluent_json_options::{Options, definition};
use super::registered_json::{Nothing, RegisteredJson};
use super::subjects::{Found, Question, Subjects, prefix};
use crate::changes::{self, Watch};
use crate::confluent::{JSON, Registered, VERSION};
use crate::json::Json;
use crate::json_schema::changes::old_reader;
use crate::json_schema::{Settings, connect, derive, fit};

/// `io.confluent.connect.json.JsonSchemaConverter`
pub(crate) const CONVERTER: ConverterPlugin = ConverterPlugin {
    info: PluginInfo { class: "io.confluent.connect.json.JsonSchemaConverter", kind: PluginKind::Converter, version: VERSION },
    config_def: definition,
    new,
};

struct JsonSchemaConverter {
    subjects: Subjects,
    settings: Settings,
    watch: Arc<Watch>,
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    let options = Options::read(props, is_key)?;
    let subjects = Subjects::new(options.common, JSON, is_key);
    Ok(Box::new(JsonSchemaConverter { subjects, settings: options.settings, watch: Arc::default() }))
}

/// What comes of a schema before a registry is asked.
struct Derived {
    payload: Payload,
    text: String,
    subject: String,
}

impl JsonSchemaConverter {
    fn derived(&self, topic: &str, schema: &SchemaRef) -> Result<Derived> {
        let payload = Payload::compile(schema, &self.settings.style()).map_err(|misfit| json::error(misfit, topic, schema))?;
        let derived = derive::derive(schema, &self.settings)?;
        let subject = self.subjects.name(topic, title(&derived))?;
        let mut text = String::new();
        derived.write(&mut text);
        Ok(Derived { payload, text, subject })
    }
}

impl Converter for JsonSchemaConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let Some(schema) = schema.cloned() else { return Ok(Plan::Ready(Arc::new(Nothing(topic.into())))) };
        let Derived { payload, text, subject } = self.derived(topic, &schema)?;
        let (subjects, topic, settings) = (self.subjects.clone(), topic.into(), self.settings);
        let (watch, written) = (self.watch.clone(), settings.written());
        Ok(Plan::NeedsLookup(Box::pin(async move {
            let since = |registered: &Registered| since(registered, &text, &settings);
            let question = Question { subject: &subject, text: &text, references: &[], since: &since };
            let id = match subjects.ask(&question).await? {
                Found::Own(id) => {
                    let old_reader = |difference: &Difference<'_>| old_reader(difference, written);
                    watch.taken(&format!("subject '{subject}'"), &schema, &old_reader);
                    id
                }
                Found::Latest(found) => {
                    fit::check(&text, &found.text)
                        .map_err(|error| error.context(&format!("subject '{subject}', schema id {}", found.id)))?;
                    found.id
                }
            };
            let (around, indent) = ((prefix(id), ""), settings.indent);
            let plan: Arc<dyn EncodePlan> = Arc::new(RegisteredJson { topic, schema, payload, around, indent });
            Ok(plan)
        })))
    }

    fn opinion(&self, topic: &str, _before: Option<&SchemaRef>, schema: &SchemaRef) -> Result<Option<Asking>> {
        let Derived { text, subject, .. } = self.derived(topic, schema)?;
        let (subjects, settings) = (self.subjects.clone(), self.settings);
        Ok(Some(Box::pin(async move {
            let since = |registered: &Registered| since(registered, &text, &settings);
            let fits = |registered: &Registered| fit::check(&text, &registered.text);
            let question = Question { subject: &subject, text: &text, references: &[], since: &since };
            subjects.opinion(&question, &fits).await
        })))
    }
}

fn since(registered: &Registered, text: &str, settings: &Settings) -> Vec<Told> {
    let written = settings.written();
    match (connect::parse(&registered.text, settings), connect::parse(text, settings)) {
        (Ok(old), Ok(new)) => changes::told(&old, &new, &|difference| old_reader(difference, written)),
        _ => Vec::new(),
    }
}

/// What a JSON Schema goes by where subjects are named by records.
fn title(derived: &Json) -> Option<String> {
    let Json::Object(members) = derived else { return None };
    members.iter().find_map(|member| match member {
        (name, Json::Text(title)) if &**name == "title" => Some(title.to_string()),
        _ => None,
    })
}
