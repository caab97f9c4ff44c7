//! The options of `io.debezium.converters.CloudEventsConverter`.

use std::sync::LazyLock;

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Error, Importance, Props, Result, Validator};
use rowtide_cdc::adjust::NameAdjuster;
use rowtide_converters::options::{self, CONVERTER_TYPE};

const SOURCE: &str = "metadata.source";
const TRACING: &str = "opentelemetry.tracing.attributes.enable";
const NAME_FROM_HEADER: &str = "schema.data.name.source.header.enable";

pub(super) fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef { keys: keys(), prefixes: vec!["json.", "avro."] });
    &DEF
}

fn keys() -> Vec<ConfigKey> {
    let key = |name, kind| ConfigKey::new(name, kind, Importance::High, name);
    let format = |name| ConfigKey { validator: Validator::OneOf(&["json", "avro"]), ..key(name, ConfigType::String) };
    let flag = |name, default| key(name, ConfigType::Boolean).default_value(default);
    vec![
        CONVERTER_TYPE,
        format("serializer.type").default_value("json").doc("The format of the events: json or avro."),
        format("data.serializer.type")
            .default_value("json")
            .doc("The format of an event's data: json, or avro, whose bytes are in the event; an event in Avro needs its data in Avro. Options of the formats stand under json. and avro.: json.schemas.enable (of the data only; true by default), avro.apicurio.registry.url or avro.schema.registry.url and the like."),
        flag("extension.attributes.enable", "true")
            .doc("Whether the fields of the source block, the operation and the transaction are attributes of the event (iodebezium…)."),
        flag(TRACING, "false").doc("Whether the event has the attribute traceparent, from the header of that name."),
        ConfigKey { validator: Validator::OneOf(&["none", "avro", "avro_unicode"]), ..key("schema.name.adjustment.mode", ConfigType::String) }
            .default_value("avro")
            .doc("How the name of the event's schema is adjusted; only Avro shows it."),
        key("schema.cloudevents.name", ConfigType::String)
            .doc("The name of the event's schema, which only Avro shows; <topic.prefix>.<database>.CloudEvents.Envelope where it is not set."),
        flag(NAME_FROM_HEADER, "false")
            .doc("Whether the name of the data's schema may come from the header dataSchemaName (see metadata.source)."),
        key(SOURCE, ConfigType::List)
            .default_value("value,id:generate,type:generate,traceparent:header,dataSchemaName:generate")
            .doc("Where attributes come from: value (the event's source block) or header (headers source, op and transaction, as HeaderFrom puts them there when the value is no Debezium event any more), then for id, type, traceparent and dataSchemaName each header or generate. Headers are taken as they are in the record, whatever header.converter makes of them."),
    ]
}

/// What the options say.
pub(super) struct Options {
    pub avro_events: bool,
    pub avro_data: bool,
    pub extensions: bool,
    pub tracing: bool,
    pub schema_name: Option<String>,
    pub adjuster: NameAdjuster,
    pub from_headers: FromHeaders,
}

/// What comes from headers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct FromHeaders {
    /// source, operation, transaction
    pub global: bool,
    pub id: bool,
    pub kind: bool,
    pub trace_parent: bool,
    pub data_schema_name: bool,
}

impl Options {
    pub(super) fn read(props: &Props) -> Result<Self> {
        options::check(definition(), props)?;
        let config = definition().read(props);
        let is_avro = |name: &str| config.opt(name).is_some_and(|format| format.eq_ignore_ascii_case("avro"));
        let (avro_events, avro_data) = (is_avro("serializer.type"), is_avro("data.serializer.type"));
        if avro_events && !avro_data {
            return Err(Error::configuration("Cannot use 'application/json' data content type within Avro events")
                .remedy("set data.serializer.type=avro, or serializer.type=json"));
        }
        let mut from_headers = sources(&config.list(SOURCE))?;
        from_headers.trace_parent &= config.flag(TRACING);
        from_headers.data_schema_name &= config.flag(NAME_FROM_HEADER);
        Ok(Self {
            avro_events,
            avro_data,
            extensions: config.flag("extension.attributes.enable"),
            tracing: config.flag(TRACING),
            schema_name: config.opt("schema.cloudevents.name").map(str::to_owned),
            adjuster: NameAdjuster::of_schemas(&config),
            from_headers,
        })
    }
}

fn sources(list: &[&str]) -> Result<FromHeaders> {
    let wrong = |what: String| {
        Error::configuration(format!("Invalid value for configuration {SOURCE}: {what}"))
            .remedy("write value or header first, then id, type, traceparent and dataSchemaName, each with :header or :generate")
    };
    let global = match list.first().map(|first| first.trim().to_ascii_lowercase()).as_deref() {
        Some("value") => false,
        Some("header") => true,
        other => return Err(wrong(format!("Global metadata source can't be {}", other.unwrap_or("empty")))),
    };
    // what is not named follows the first word
    let mut found = FromHeaders { global, id: global, kind: global, trace_parent: global, data_schema_name: global };
    for item in &list[1..] {
        let (field, source) = item.trim().split_once(':').ok_or_else(|| wrong(format!("`{item}` names no source")))?;
        let from_header = match source.trim().to_ascii_lowercase().as_str() {
            "header" => true,
            "generate" => false,
            _ => return Err(wrong(format!("Field source `{source}` is not valid"))),
        };
        match field.trim() {
            "id" => found.id = from_header,
            "type" => found.kind = from_header,
            "traceparent" => found.trace_parent = from_header,
            "dataSchemaName" => found.data_schema_name = from_header,
            field => return Err(wrong(format!("Field `{field}` is not allowed to set custom source"))),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_attributes_come_from() {
        let read = |text: &str| sources(&text.split(',').collect::<Vec<_>>());
        assert_eq!(read("value,id:generate").unwrap(), FromHeaders::default());
        assert_eq!(read("value,id:header").unwrap(), FromHeaders { id: true, ..FromHeaders::default() });
        let all = FromHeaders { global: true, id: true, kind: true, trace_parent: true, data_schema_name: true };
        assert_eq!(read("header").unwrap(), all);
        assert_eq!(
            read("header,type:generate,dataSchemaName:generate").unwrap(),
            FromHeaders { kind: false, data_schema_name: false, ..all }
        );
        for bad in ["generate", "", "value,id", "value,id:value", "value,source:header"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_data_in_avro_events_is_refused() {
        let error = Options::read(&Props::from_iter([("serializer.type", "avro")])).err().unwrap().to_string();
        assert!(error.contains("Cannot use 'application/json' data content type within Avro events"), "{error}");
    }
}
