//! `io.apicurio.registry.utils.converter.AvroConverter` of version 2.6: the id in a header, or after a magic byte.

use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{Asking, Converter, EncodePlan, Kind, Plan, PluginInfo, PluginKind, Props, Result, SchemaRef, Told};

use super::apicurio_options::{IdPlace, Options, definition};
use super::artifacts::{Artifacts, Question, RecordName};
use super::{Body, Headers, RegisteredPlan};
use crate::apicurio::{AVRO, IdOption, Ids, Registry, VERSION, Version};
use crate::avro::plan::AvroPlan;
use crate::avro::schema::{AvroKind, AvroSchema};
use crate::avro::{Settings, changes, derive, is_union, parse, wire};
use crate::changes::Watch;

/// `io.apicurio.registry.utils.converter.AvroConverter`
pub(crate) const CONVERTER: ConverterPlugin = ConverterPlugin {
    info: PluginInfo {
        class: "io.apicurio.registry.utils.converter.AvroConverter",
        kind: PluginKind::Converter,
        version: VERSION,
    },
    config_def: definition,
    new,
};

struct AvroConverter {
    artifacts: Artifacts,
    settings: Settings,
    watch: Arc<Watch>,
    wire: Wire,
}

/// What of the ids is written, and where.
#[derive(Clone)]
struct Wire {
    id: IdOption,
    place: IdPlace,
    side: &'static str,
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    let Options { http, version, registration, settings, id, place } = Options::read(props, is_key)?;
    let side = if is_key { "key" } else { "value" };
    Ok(Box::new(AvroConverter {
        artifacts: Artifacts::new(Registry { http, version, kind: AVRO }, registration, side),
        settings,
        watch: Arc::default(),
        wire: Wire { id, place, side },
    }))
}

impl Converter for AvroConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let avro = match schema {
            Some(schema) => of_data(schema, derive::derive(schema, &self.settings)?),
            None => parse::parse(wire::ANYTHING)?,
        };
        let artifact = self.artifacts.name(topic, record_name(&avro))?;
        let derived = AvroPlan::compile(schema, &avro, &self.settings)?;
        let (artifacts, wire) = (self.artifacts.clone(), self.wire.clone());
        let (settings, schema, watch) = (self.settings, schema.cloned(), self.watch.clone());
        Ok(Plan::NeedsLookup(Box::pin(async move {
            let since = |registered: &Version| since(registered, &avro, &settings);
            let question = Question { artifact: &artifact, text: &avro.text(), since: &since };
            let (ids, body) = match artifacts.ask(&question).await? {
                (ids, None) => {
                    if let Some(schema) = &schema {
                        watch.taken(&format!("artifact '{}'", artifact.id), schema, &changes::old_reader);
                    }
                    (ids, derived)
                }
                (ids, Some(text)) => {
                    let compiled = AvroPlan::compile(schema.as_ref(), &parse::parse(&text)?, &settings);
                    (ids, compiled.map_err(|error| error.context(&format!("artifact '{}'", artifact.id)))?)
                }
            };
            let (prefix, headers) = wire.write(ids);
            let plan: Arc<dyn EncodePlan> = Arc::new(RegisteredPlan { prefix, headers, body: Body::Avro(body), schema });
            Ok(plan)
        })))
    }

    fn opinion(&self, topic: &str, _before: Option<&SchemaRef>, schema: &SchemaRef) -> Result<Option<Asking>> {
        let avro = of_data(schema, derive::derive(schema, &self.settings)?);
        let artifact = self.artifacts.name(topic, record_name(&avro))?;
        AvroPlan::compile(Some(schema), &avro, &self.settings)?;
        let (artifacts, settings, schema) = (self.artifacts.clone(), self.settings, schema.clone());
        Ok(Some(Box::pin(async move {
            let since = |registered: &Version| since(registered, &avro, &settings);
            let fits =
                |registered: &Version| AvroPlan::compile(Some(&schema), &parse::parse(&registered.text)?, &settings).map(|_| ());
            let question = Question { artifact: &artifact, text: &avro.text(), since: &since };
            artifacts.opinion(&question, &fits).await
        })))
    }
}

fn since(registered: &Version, avro: &Arc<AvroSchema>, settings: &Settings) -> Vec<Told> {
    parse::parse(&registered.text).map_or_else(|_| Vec::new(), |old| changes::told(&old, avro, settings))
}

/// The schema that Java's serializer finds at the value: an optional struct's record, without the union around it.
fn of_data(schema: &SchemaRef, avro: Arc<AvroSchema>) -> Arc<AvroSchema> {
    if !matches!(schema.kind, Kind::Struct(_)) || is_union(schema) {
        return avro;
    }
    match &avro.kind {
        AvroKind::Union(branches) => branches.last().cloned().unwrap_or(avro),
        _ => avro,
    }
}

fn record_name(avro: &AvroSchema) -> Option<RecordName> {
    match (&avro.kind, avro.name()) {
        (AvroKind::Record(_) | AvroKind::Enum(_), Some(name)) => {
            Some(RecordName { space: name.space.as_deref().map(str::to_owned), name: name.name.to_string() })
        }
        _ => None,
    }
}

impl Wire {
    /// What stands before each value, and the headers that go with it.
    fn write(&self, ids: Ids) -> (Box<[u8]>, Headers) {
        let id = match self.id {
            IdOption::Global => ids.global,
            IdOption::Content => ids.content,
        };
        match &self.place {
            IdPlace::Header(name) => {
                let encoding = format!("apicurio.{}.encoding", self.side);
                let id = Bytes::copy_from_slice(&id.to_be_bytes());
                (Box::default(), vec![(name.as_str().into(), id), (encoding.into(), Bytes::from_static(b"BINARY"))])
            }
            IdPlace::Prefix { long: true } => ([&[0], &id.to_be_bytes()[..]].concat().into(), Vec::new()),
            IdPlace::Prefix { long: false } => ([&[0], &(id as i32).to_be_bytes()[..]].concat().into(), Vec::new()),
        }
    }
}
