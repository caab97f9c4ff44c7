//! `io.apicurio.registry.utils.converter.ExtJsonConverter` of version 2.6: Kafka's JSON, with the schema as an artifact of type KCONNECT and
//! its global id beside the value: `{"schemaId":7,"payload":…}`.

use std::sync::Arc;

use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{Asking, Converter, Difference, EncodePlan, Plan, PluginInfo, PluginKind, Props, Result, SchemaRef, Told};
use rowtide_converters::json::{self, Payload, Style};

use super::apicurio_json_options::{Options, definition};
use super::artifacts::{Artifacts, Question};
use super::registered_json::{Nothing, RegisteredJson};
use crate::apicurio::{Artifact, KCONNECT, Registry, VERSION, Version};
use crate::changes::{self, Watch};
use crate::json_schema::changes::{Written, old_reader};
use crate::json_schema::kconnect;

/// `io.apicurio.registry.utils.converter.ExtJsonConverter`
pub(crate) const CONVERTER: ConverterPlugin = ConverterPlugin {
    info: PluginInfo {
        class: "io.apicurio.registry.utils.converter.ExtJsonConverter",
        kind: PluginKind::Converter,
        version: VERSION,
    },
    config_def: definition,
    new,
};

struct ExtJsonConverter {
    artifacts: Artifacts,
    style: Style,
    watch: Arc<Watch>,
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    let Options { http, version, registration, style } = Options::read(props)?;
    let side = if is_key { "key" } else { "value" };
    let registry = Registry { http, version, kind: KCONNECT };
    let artifacts = Artifacts::new(registry, registration, side);
    Ok(Box::new(ExtJsonConverter { artifacts, style, watch: Arc::default() }))
}

/// What comes of a schema before a registry is asked.
struct Derived {
    payload: Payload,
    text: String,
    artifact: Artifact,
}

impl ExtJsonConverter {
    fn derived(&self, topic: &str, schema: &SchemaRef) -> Result<Derived> {
        let misfit = |misfit| json::error(misfit, topic, schema);
        let payload = Payload::compile(schema, &self.style).map_err(misfit)?;
        let text = json::schema_text(schema, &self.style).map_err(misfit)?;
        Ok(Derived { payload, text, artifact: self.artifacts.name(topic, None)? })
    }

    fn written(&self) -> Written {
        Written { numeric_decimals: self.style.numeric_decimals, open_objects: true }
    }
}

impl Converter for ExtJsonConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let Some(schema) = schema.cloned() else { return Ok(Plan::Ready(Arc::new(Nothing(topic.into())))) };
        let Derived { payload, text, artifact } = self.derived(topic, &schema)?;
        let (artifacts, topic) = (self.artifacts.clone(), topic.into());
        let (watch, written) = (self.watch.clone(), self.written());
        Ok(Plan::NeedsLookup(Box::pin(async move {
            let since = |registered: &Version| since(registered, &schema, written);
            let question = Question { artifact: &artifact, text: &text, since: &since };
            let (ids, latest) = artifacts.ask(&question).await?;
            match latest {
                Some(latest) => {
                    kconnect::check(&schema, &latest).map_err(|error| error.context(&format!("artifact '{}'", artifact.id)))?
                }
                None => {
                    let old_reader = |difference: &Difference<'_>| old_reader(difference, written);
                    watch.taken(&format!("artifact '{}'", artifact.id), &schema, &old_reader);
                }
            }
            let before = format!("{{\"schemaId\":{},\"payload\":", ids.global).into_bytes();
            let plan: Arc<dyn EncodePlan> =
                Arc::new(RegisteredJson { topic, schema, payload, around: (before.into(), "}"), indent: false });
            Ok(plan)
        })))
    }

    fn opinion(&self, topic: &str, _before: Option<&SchemaRef>, schema: &SchemaRef) -> Result<Option<Asking>> {
        let Derived { text, artifact, .. } = self.derived(topic, schema)?;
        let (artifacts, schema, written) = (self.artifacts.clone(), schema.clone(), self.written());
        Ok(Some(Box::pin(async move {
            let since = |registered: &Version| since(registered, &schema, written);
            let fits = |registered: &Version| kconnect::check(&schema, &registered.text);
            let question = Question { artifact: &artifact, text: &text, since: &since };
            artifacts.opinion(&question, &fits).await
        })))
    }
}

fn since(registered: &Version, schema: &SchemaRef, written: Written) -> Vec<Told> {
    match kconnect::parse(&registered.text) {
        Ok(Some(old)) => changes::told(&old, schema, &|difference| old_reader(difference, written)),
        _ => Vec::new(),
    }
}
