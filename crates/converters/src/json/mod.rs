//! `org.apache.kafka.connect.json.JsonConverter`, byte for byte.
//!
//! What belongs here: its options, and the two ways in: as a converter of keys and values, whose plans the runtime keeps,
//! and as a converter of headers, which keeps its own. How JSON looks is in `text`, how a schema looks in `schema`.

mod payload;
mod plan;
mod schema;
mod schemaless;
pub(crate) mod text;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use rowtide_api::plugin::{ConverterPlugin, HeaderConverterPlugin};
use rowtide_api::{
    ConfigDef, ConfigKey, ConfigType, Converter, Datum, HeaderConverter, Importance, Plan, PluginInfo, PluginKind, Props, Result,
    SchemaRef, Validator, Width,
};

use crate::options::{CONVERTER_TYPE, KAFKA};
pub use payload::{Payload, error, schema_text};
use plan::{JsonPlan, Shared, TopicPlan};

const CLASS: &str = "org.apache.kafka.connect.json.JsonConverter";

/// `org.apache.kafka.connect.json.JsonConverter` for keys and values
pub(crate) const CONVERTER: ConverterPlugin =
    ConverterPlugin { info: PluginInfo { class: CLASS, kind: PluginKind::Converter, version: KAFKA }, config_def, new };

/// `org.apache.kafka.connect.json.JsonConverter` for headers
pub(crate) const HEADER: HeaderConverterPlugin = HeaderConverterPlugin {
    info: PluginInfo { class: CLASS, kind: PluginKind::HeaderConverter, version: KAFKA },
    config_def,
    new: new_header,
};

/// What the options say.
struct Settings {
    /// `schemas.enable`
    schemas: bool,
    shared: Shared,
}

/// How values are written where JSON leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// null is written as the default of its field: `replace.null.with.default`
    pub replace_null: bool,
    /// decimals are numbers: `decimal.format` is NUMERIC
    pub numeric_decimals: bool,
    /// whose converter it is
    pub dialect: Dialect,
}

/// Whose converter decides what JSON has no form for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `JsonConverter`: maps without strings as keys are arrays of pairs, and null in a required field is an error
    Kafka,
    /// `JsonSchemaData` of Confluent: such maps are arrays of objects, null in a required field is left out, and a struct may stand for a union
    Confluent,
}

struct JsonConverter(Settings);

struct JsonHeaderConverter {
    settings: Settings,
    /// by the address of the schema, which the plan keeps alive
    plans: RwLock<HashMap<usize, Arc<TopicPlan>>>,
    /// `schemas.cache.size`
    most: usize,
}

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef { keys: options(), prefixes: Vec::new() });
    &DEF
}

fn options() -> Vec<ConfigKey> {
    let schemas = ConfigKey {
        name: "schemas.enable",
        kind: ConfigType::Boolean,
        default: Some("true"),
        required: false,
        importance: Importance::High,
        group: "Schemas",
        order: 0,
        width: Width::Medium,
        display_name: "Enable Schemas",
        doc: "Whether the schema is written beside each key and value.",
        validator: Validator::Any,
        listed: true,
        idle: false,
    };
    let cache = ConfigKey {
        name: "schemas.cache.size",
        kind: ConfigType::Int,
        default: Some("1000"),
        order: 1,
        display_name: "Schema Cache Size",
        doc: "How many schemas the converter of headers keeps compiled. Those of keys and values are kept for as long as they are used.",
        ..schemas
    };
    let content = ConfigKey {
        name: "schema.content",
        kind: ConfigType::String,
        default: None,
        order: 2,
        display_name: "Schema Content",
        doc: "A schema for reading JSON in sink connectors. Has no effect on source connectors.",
        idle: true,
        ..schemas
    };
    let decimal = ConfigKey {
        name: "decimal.format",
        kind: ConfigType::String,
        default: Some("BASE64"),
        importance: Importance::Low,
        group: "Serialization",
        order: 0,
        display_name: "Decimal Format",
        doc: "How decimals (org.apache.kafka.connect.data.Decimal) are written: BASE64, the bytes of the unscaled value, or NUMERIC, a number.",
        validator: Validator::OneOf(&["BASE64", "NUMERIC"]),
        ..schemas
    };
    let replace = ConfigKey {
        name: "replace.null.with.default",
        importance: Importance::Low,
        group: "Serialization",
        order: 1,
        display_name: "Replace null with default",
        doc: "Whether null is written as the default of its field, where there is one.",
        ..schemas
    };
    vec![CONVERTER_TYPE, schemas, cache, content, decimal, replace]
}

impl Settings {
    fn read(props: &Props) -> Result<Self> {
        crate::options::check(config_def(), props)?;
        let config = config_def().read(props);
        Ok(Self {
            schemas: config.flag("schemas.enable"),
            shared: Shared::new(Style {
                replace_null: config.flag("replace.null.with.default"),
                numeric_decimals: config.opt("decimal.format").is_some_and(|format| format.eq_ignore_ascii_case("NUMERIC")),
                dialect: Dialect::Kafka,
            }),
        })
    }
}

fn new(props: &Props, _is_key: bool) -> Result<Box<dyn Converter>> {
    Ok(Box::new(JsonConverter(Settings::read(props)?)))
}

fn new_header(props: &Props) -> Result<Box<dyn HeaderConverter>> {
    let most = config_def().read(props).size("schemas.cache.size")?;
    Ok(Box::new(JsonHeaderConverter { settings: Settings::read(props)?, plans: RwLock::default(), most }))
}

fn compile(topic: &str, schema: Option<&SchemaRef>, settings: &Settings) -> Result<TopicPlan> {
    let plan = JsonPlan::compile(schema, settings.schemas, &settings.shared)
        .map_err(|misfit| plan::misfit_error(misfit, topic, schema.map(AsRef::as_ref)))?;
    Ok(TopicPlan { topic: topic.into(), schema: schema.cloned(), plan })
}

impl Converter for JsonConverter {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        Ok(Plan::Ready(Arc::new(compile(topic, schema, &self.0)?)))
    }
}

impl HeaderConverter for JsonHeaderConverter {
    fn encode(&self, topic: &str, name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool> {
        let doing = || format!("the header '{name}'");
        let address = datum.schema.as_ref().map_or(0, |schema| Arc::as_ptr(schema) as usize);
        let known = self.plans.read().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        let plan = match known {
            Some(plan) => plan,
            None => {
                let plan = compile(topic, datum.schema.as_ref(), &self.settings).map_err(|error| error.context(&doing()))?;
                let plan = Arc::new(plan);
                let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
                if plans.len() >= self.most {
                    plans.clear();
                }
                plans.insert(address, plan.clone());
                plan
            }
        };
        let start = out.len();
        plan.plan.write(&datum.value, out).map_err(|misfit| {
            out.truncate(start);
            plan::misfit_error(misfit, topic, datum.schema.as_deref()).context(&doing())
        })
    }
}
