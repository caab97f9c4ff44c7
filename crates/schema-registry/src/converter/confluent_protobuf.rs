//! `io.confluent.connect.protobuf.ProtobufConverter`: magic byte 0, four bytes of the schema's id, the place of the message in its
//! schema, the message.
//!
//! Its jars are not to be had where this was made, and nobody holds a copy of its `ProtobufData`: what it does follows its public
//! source, not checked against the original. Confluent's own Python library reads it in the tests.

use std::sync::Arc;

use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{
    Asking, Converter, Difference, EncodePlan, Error, Plan, PluginInfo, PluginKind, Props, Result, Schema, SchemaRef, Told,
};

use super::confluent_protobuf_options::{Options, definition};
use super::subjects::{Found, Question, Subjects, prefix};
use super::{Body, RegisteredPlan};
use crate::changes::Watch;
use crate::confluent::{PROTOBUF, Registered, VERSION};
use crate::protobuf::plan::{ProtobufPlan, full_name};
use crate::protobuf::schema::{File, Types};
use crate::protobuf::{Settings, changes, connect, derive, known, parse, wire};

/// `io.confluent.connect.protobuf.ProtobufConverter`
pub(crate) const CONVERTER: ConverterPlugin = ConverterPlugin {
    info: PluginInfo { class: "io.confluent.connect.protobuf.ProtobufConverter", kind: PluginKind::Converter, version: VERSION },
    config_def: definition,
    new,
};

struct ProtobufConverter {
    subjects: Subjects,
    settings: Settings,
    references: References,
    watch: Arc<Watch>,
}

/// What becomes of the files that a schema imports.
#[derive(Clone, Copy)]
enum References {
    /// readers know them
    Skipped,
    Registered {
        lookup_only: bool,
    },
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    let options = Options::read(props, is_key)?;
    let references = match options.skip_known {
        true => References::Skipped,
        false => References::Registered { lookup_only: options.lookup_only },
    };
    let subjects = Subjects::new(options.common, PROTOBUF, is_key);
    Ok(Box::new(ProtobufConverter { subjects, settings: options.settings, references, watch: Arc::default() }))
}

/// What comes of a schema before a registry is asked.
struct Derived {
    file: File,
    /// the place of its message in the file
    index: usize,
    /// the full name of the message
    full: String,
    subject: String,
    plan: ProtobufPlan,
}

impl ProtobufConverter {
    fn derived(&self, topic: &str, schema: &SchemaRef) -> Result<Derived> {
        let (file, index) = derive::derive(schema, &self.settings)?;
        let full = full_name(&file, index).unwrap_or_default();
        let subject = self.subjects.name(topic, Some(full.clone()))?;
        let plan = ProtobufPlan::compile(schema, &full, &Types::of([&file]), &self.settings)?;
        Ok(Derived { file, index, full, subject, plan })
    }
}

impl Converter for ProtobufConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let Some(schema) = schema.cloned() else {
            return Err(Error::data(format!("ProtobufConverter cannot write data without a schema (topic {topic})"))
                .remedy("use another converter for this topic's records"));
        };
        let Derived { file, index, full, subject, plan: derived } = self.derived(topic, &schema)?;
        let (subjects, settings, references) = (self.subjects.clone(), self.settings, self.references);
        let watch = self.watch.clone();
        Ok(Plan::NeedsLookup(Box::pin(async move {
            let mut referred = Vec::new();
            if let References::Registered { lookup_only } = references {
                for (import, text) in imported(&file) {
                    referred.push(subjects.reference(import, &text, lookup_only).await?);
                }
            }
            let named = format!("subject '{subject}'");
            let before = watch.before(&named);
            let since = |registered: &Registered| since(registered, before.as_deref(), (&file, &schema), &full, &settings);
            let question = Question { subject: &subject, text: &file.text(), references: &referred, since: &since };
            let (id, index, body) = match subjects.ask(&question).await? {
                Found::Own(id) => {
                    let old_reader = |difference: &Difference<'_>| changes::old_reader(difference, &settings);
                    watch.taken(&named, &changes::numbered(&schema).shared(), &old_reader);
                    (id, index, derived)
                }
                Found::Latest(found) => {
                    let (index, plan) = by_registered(&schema, &full, &found, &settings)
                        .map_err(|error| error.context(&format!("subject '{subject}', schema id {}", found.id)))?;
                    (found.id, index, plan)
                }
            };
            let mut prefix = prefix(id).into_vec();
            wire::message_index(index, &mut prefix);
            let body = Body::Protobuf(body);
            let plan: Arc<dyn EncodePlan> =
                Arc::new(RegisteredPlan { prefix: prefix.into(), headers: Vec::new(), body, schema: Some(schema) });
            Ok(plan)
        })))
    }

    fn opinion(&self, topic: &str, before: Option<&SchemaRef>, schema: &SchemaRef) -> Result<Option<Asking>> {
        let Derived { file, full, subject, .. } = self.derived(topic, schema)?;
        let (subjects, settings, references) = (self.subjects.clone(), self.settings, self.references);
        let (before, schema) = (before.cloned(), schema.clone());
        Ok(Some(Box::pin(async move {
            let mut referred = Vec::new();
            if matches!(references, References::Registered { .. }) {
                for (import, text) in imported(&file) {
                    // one that is not there yet is left out: only the task registers it
                    referred.extend(subjects.known_reference(import, &text).await?);
                }
            }
            let since = |registered: &Registered| since(registered, before.as_deref(), (&file, &schema), &full, &settings);
            let fits = |registered: &Registered| by_registered(&schema, &full, registered, &settings).map(|_| ());
            let question = Question { subject: &subject, text: &file.text(), references: &referred, since: &since };
            subjects.opinion(&question, &fits).await
        })))
    }
}

/// The files that a file imports, with their texts.
fn imported(file: &File) -> impl Iterator<Item = (&Arc<str>, String)> {
    file.imports.iter().map(|import| (import, known::file(import).unwrap_or_default().text()))
}

/// What a schema changes of a registered one. A message tells less than the Connect schema that it was derived from: where the schema from
/// before is at hand, and the registered one is its, that is compared.
fn since(
    registered: &Registered,
    before: Option<&Schema>,
    (file, schema): (&File, &Schema),
    full: &str,
    settings: &Settings,
) -> Vec<Told> {
    let Ok(old) = parse::parse(&registered.text) else { return Vec::new() };
    let is_its = |before: &&Schema| {
        let derived = derive::derive(before, settings).and_then(|(file, _)| parse::parse(&file.text()));
        derived.is_ok_and(|derived| derived == old)
    };
    if let Some(before) = before.filter(is_its) {
        return changes::told(before, schema, settings);
    }
    let read = |file: &File| connect::reader(full, &Types::of([file]), settings).ok();
    match (read(&old), read(file)) {
        (Some(old), Some(new)) => changes::told_of_messages(&old.schema, &new.schema, settings),
        _ => Vec::new(),
    }
}

/// A plan by a schema that was found: by its message of the same name.
fn by_registered(schema: &SchemaRef, full: &str, found: &Registered, settings: &Settings) -> Result<(usize, ProtobufPlan)> {
    let file = parse::parse(&found.text)?;
    let others: Vec<File> = found.references.iter().map(|text| parse::parse(text)).collect::<Result<_>>()?;
    let short = full.rsplit('.').next().unwrap_or_default();
    let Some(index) = file.messages.iter().position(|message| &*message.name == short) else {
        return Err(Error::configuration(format!("the registered schema has no message {short}"))
            .remedy("register a schema that has one, or let the converter register it (auto.register.schemas=true)"));
    };
    let full = full_name(&file, index).unwrap_or_default();
    let types = Types::of(others.iter().chain([&file]));
    Ok((index, ProtobufPlan::compile(schema, &full, &types, settings)?))
}
