//! Makes the parts that a configuration names: transforms with predicates, converters.
//!
//! Each error says which property names what is not there, and what there is.

use rowtide_api::plugin::Plugins;
use rowtide_api::{Converter, Error, PluginInfo, Predicate, Props, Result, SourceConnector};

use super::list;
use crate::pipeline::{Chain, Converters, DeadLetterQueue, Encoder, Link};
use crate::worker_config::WorkerConfig;

/// The source that `connector.class` names.
pub fn source<'a>(plugins: &'a Plugins, config: &Props) -> Result<&'a dyn SourceConnector> {
    let class = config.get("connector.class").unwrap_or_default().trim();
    plugins.source(class).ok_or_else(|| {
        let known: Vec<&str> = plugins.sources.iter().map(|source| source.info().class).collect();
        Error::configuration(format!(
            "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {}",
            known.join(", ")
        ))
        .remedy("correct 'connector.class'")
    })
}

/// An encoder of a connector's transforms and converters; the worker's converters where the connector names none.
pub fn encoder(plugins: &Plugins, worker: &WorkerConfig, config: &Props) -> Result<Encoder> {
    let key = converter(plugins, worker, config, "key.converter", true)?;
    let value = converter(plugins, worker, config, "value.converter", false)?;
    let (class, options) = converter_options(worker, config, "header.converter");
    let headers = plugins.header_converters.iter().find(|plugin| plugin.info.matches(&class));
    let headers =
        headers.ok_or_else(|| absent("header.converter", &class, plugins.header_converters.iter().map(|plugin| &plugin.info)))?;
    let header_class = headers.info.class;
    let headers = (headers.new)(&options).map_err(|error| error.context("header.converter"))?;
    let letters = match DeadLetterQueue::read(config)? {
        Some(_) => Some(json(plugins)?),
        None => None,
    };
    let converters = Converters { key, value, headers: (headers, header_class), letters };
    Ok(Encoder::new(chain(plugins, config)?, converters))
}

/// What dead letters are written with: JSON with schemas.
fn json(plugins: &Plugins) -> Result<Box<dyn Converter>> {
    let class = "org.apache.kafka.connect.json.JsonConverter";
    let plugin = plugins.converters.iter().find(|plugin| plugin.info.matches(class));
    let plugin = plugin.ok_or_else(|| absent("errors.deadletterqueue.topic.name", class, std::iter::empty()))?;
    (plugin.new)(&Props::default(), false)
}

/// The class and the options of a converter. A connector that names its own class inherits none of the worker's options.
pub(super) fn converter_options(worker: &WorkerConfig, config: &Props, name: &str) -> (String, Props) {
    let prefix = format!("{name}.");
    match config.get(name).map(str::trim).filter(|class| !class.is_empty()) {
        Some(class) => (class.to_owned(), config.with_prefix(&prefix)),
        None => (worker.get(name).unwrap_or_default().trim().to_owned(), worker.props.with_prefix(&prefix)),
    }
}

/// A converter of a connector and its class; the worker's where the connector names none.
pub(crate) fn converter(
    plugins: &Plugins,
    worker: &WorkerConfig,
    config: &Props,
    name: &str,
    is_key: bool,
) -> Result<(Box<dyn Converter>, &'static str)> {
    let (class, options) = converter_options(worker, config, name);
    let plugin = plugins.converters.iter().find(|plugin| plugin.info.matches(&class));
    let plugin = plugin.ok_or_else(|| absent(name, &class, plugins.converters.iter().map(|plugin| &plugin.info)))?;
    let converter = (plugin.new)(&options, is_key).map_err(|error| error.context(name))?;
    Ok((converter, plugin.info.class))
}

/// The transforms of a configuration.
pub(crate) fn chain(plugins: &Plugins, config: &Props) -> Result<Chain> {
    let mut links = Vec::new();
    for alias in list(config, "transforms") {
        let property = format!("transforms.{alias}.type");
        let class = config.get(&property).unwrap_or_default().trim();
        let plugin = plugins.transforms.iter().find(|plugin| plugin.info.matches(class));
        let plugin = plugin.ok_or_else(|| absent(&property, class, plugins.transforms.iter().map(|plugin| &plugin.info)))?;
        let all = config.with_prefix(&format!("transforms.{alias}."));
        let options =
            all.iter().filter(|(name, _)| !matches!(*name, "type" | "predicate" | "negate" | "plugin.version")).collect();
        let transform = (plugin.new)(&options).map_err(|error| error.context(&format!("transforms.{alias}")))?;
        let negate = all.get("negate").is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
        let predicate = match all.get("predicate").map(str::trim).filter(|alias| !alias.is_empty()) {
            Some(bound) => Some((predicate(plugins, config, &alias, bound)?, negate)),
            None => None,
        };
        links.push(Link { alias, class: plugin.info.class, transform, predicate });
    }
    Ok(Chain { links })
}

fn predicate(plugins: &Plugins, config: &Props, transform: &str, alias: &str) -> Result<Box<dyn Predicate>> {
    if !list(config, "predicates").iter().any(|known| known == alias) {
        return Err(Error::configuration(format!(
            "transforms.{transform}.predicate names '{alias}', which 'predicates' does not list"
        ))
        .remedy("add the alias to 'predicates' and declare it under 'predicates.<alias>.type'"));
    }
    let property = format!("predicates.{alias}.type");
    let class = config.get(&property).unwrap_or_default().trim();
    let plugin = plugins.predicates.iter().find(|plugin| plugin.info.matches(class));
    let plugin = plugin.ok_or_else(|| absent(&property, class, plugins.predicates.iter().map(|plugin| &plugin.info)))?;
    let all = config.with_prefix(&format!("predicates.{alias}."));
    let options = all.iter().filter(|(name, _)| !matches!(*name, "type" | "plugin.version")).collect();
    (plugin.new)(&options).map_err(|error| error.context(&format!("predicates.{alias}")))
}

/// A class that is not built in: what is, and what is still to come.
pub(crate) fn absent<'a>(property: &str, class: &str, known: impl Iterator<Item = &'a PluginInfo>) -> Error {
    let mut known: Vec<&str> = known.map(|info| info.class).collect();
    known.sort_unstable();
    known.dedup();
    let known = known.join(", ");
    if class.is_empty() {
        return Error::configuration(format!("Missing required configuration \"{property}\" which has no default value."))
            .remedy(format!("set '{property}' to one of {known}"));
    }
    let remedy = if class.contains("Protobuf") || class.contains("JsonSchema") {
        format!("converters for Protobuf and JSON Schema come with a later version; until then use one of {known}")
    } else {
        format!("use one of {known}")
    };
    Error::configuration(format!("Invalid value {class} for configuration {property}: Class {class} could not be found."))
        .remedy(remedy)
}
