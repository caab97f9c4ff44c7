//! `io.confluent.connect.avro.AvroConverter`: magic byte 0, four bytes of the schema's id, the value in Avro's binary encoding.
//!
//! Its jars are not to be had where this was made: what it does follows its public source, and Apicurio's converter, which holds a
//! copy of the same `AvroData` and which tests compare with byte for byte.

use std::sync::Arc;

use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{Asking, Converter, EncodePlan, Plan, PluginInfo, PluginKind, Props, Result, SchemaRef, Told};

use super::confluent_avro_options::{Options, definition};
use super::subjects::{Found, Question, Subjects, prefix};
use super::{Body, RegisteredPlan};
use crate::avro::plan::AvroPlan;
use crate::avro::schema::{AvroKind, AvroSchema};
use crate::avro::{Settings, changes, derive, parse, wire};
use crate::changes::Watch;
use crate::confluent::{AVRO, Registered, VERSION};

/// `io.confluent.connect.avro.AvroConverter`
pub(crate) const CONVERTER: ConverterPlugin = ConverterPlugin {
    info: PluginInfo { class: "io.confluent.connect.avro.AvroConverter", kind: PluginKind::Converter, version: VERSION },
    config_def: definition,
    new,
};

struct AvroConverter {
    subjects: Subjects,
    settings: Settings,
    watch: Arc<Watch>,
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    let options = Options::read(props, is_key)?;
    let subjects = Subjects::new(options.common, AVRO, is_key);
    Ok(Box::new(AvroConverter { subjects, settings: options.settings, watch: Arc::default() }))
}

impl Converter for AvroConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let avro = match schema {
            Some(schema) => derive::derive(schema, &self.settings)?,
            None => parse::parse(wire::ANYTHING)?,
        };
        let subject = self.subjects.name(topic, record_name(&avro))?;
        let derived = plan(schema, &avro, &self.settings)?;
        let (subjects, settings, schema) = (self.subjects.clone(), self.settings, schema.cloned());
        let watch = self.watch.clone();
        Ok(Plan::NeedsLookup(Box::pin(async move {
            let since = |registered: &Registered| since(registered, &avro, &settings);
            let question = Question { subject: &subject, text: &avro.text(), references: &[], since: &since };
            let (id, body) = match subjects.ask(&question).await? {
                Found::Own(id) => {
                    if let Some(schema) = &schema {
                        watch.taken(&format!("subject '{subject}'"), schema, &changes::old_reader);
                    }
                    (id, derived)
                }
                Found::Latest(found) => {
                    let avro = parse::with_references(&found.text, &found.references)?;
                    let body = plan(schema.as_ref(), &avro, &settings)
                        .map_err(|error| error.context(&format!("subject '{subject}', schema id {}", found.id)))?;
                    (found.id, body)
                }
            };
            let plan: Arc<dyn EncodePlan> = Arc::new(RegisteredPlan { prefix: prefix(id), headers: Vec::new(), body, schema });
            Ok(plan)
        })))
    }

    fn opinion(&self, topic: &str, _before: Option<&SchemaRef>, schema: &SchemaRef) -> Result<Option<Asking>> {
        let avro = derive::derive(schema, &self.settings)?;
        let subject = self.subjects.name(topic, record_name(&avro))?;
        plan(Some(schema), &avro, &self.settings)?;
        let (subjects, settings, schema) = (self.subjects.clone(), self.settings, schema.clone());
        Ok(Some(Box::pin(async move {
            let since = |registered: &Registered| since(registered, &avro, &settings);
            let fits = |registered: &Registered| {
                let written = parse::with_references(&registered.text, &registered.references)?;
                plan(Some(&schema), &written, &settings).map(|_| ())
            };
            let question = Question { subject: &subject, text: &avro.text(), references: &[], since: &since };
            subjects.opinion(&question, &fits).await
        })))
    }
}

fn since(registered: &Registered, avro: &Arc<AvroSchema>, settings: &Settings) -> Vec<Told> {
    let old = parse::with_references(&registered.text, &registered.references);
    old.map_or_else(|_| Vec::new(), |old| changes::told(&old, avro, settings))
}

fn plan(schema: Option<&SchemaRef>, avro: &Arc<AvroSchema>, settings: &Settings) -> Result<Body> {
    match avro.kind {
        AvroKind::Bytes => Ok(Body::Raw),
        _ => Ok(Body::Avro(AvroPlan::compile(schema, avro, settings)?)),
    }
}

fn record_name(avro: &AvroSchema) -> Option<String> {
    match avro.kind {
        AvroKind::Record(_) => Some(avro.name().map(|name| name.full()).unwrap_or_default()),
        _ => None,
    }
}
