//! Classes that a configuration names and that are not built in: slips, classes of Debezium and Kafka Connect, strangers.
//!
//! Which there are is the plug-ins' list.

use rowtide_api::plugin::Plugins;
use rowtide_api::suggest::nearest;
use rowtide_api::{ConfigDef, PluginInfo};

use super::{Finding, Outcome, Verdict};
use crate::connector_config::absent;

/// Packages whose classes Java workers commonly have.
const FAMILIES: [(&str, &str); 4] = [
    ("io.debezium.", "Debezium"),
    ("org.apache.kafka.connect.", "Kafka Connect"),
    ("io.confluent.connect.", "Confluent"),
    ("io.apicurio.", "Apicurio"),
];

/// The plug-ins that a property may name.
pub(super) fn known(plugins: &Plugins, property: &str) -> Vec<&'static PluginInfo> {
    match property {
        "connector.class" => plugins.sources.iter().map(|source| source.info()).collect(),
        "key.converter" | "value.converter" => plugins.converters.iter().map(|plugin| &plugin.info).collect(),
        "header.converter" => plugins.header_converters.iter().map(|plugin| &plugin.info).collect(),
        _ if property.starts_with("predicates.") => plugins.predicates.iter().map(|plugin| &plugin.info).collect(),
        _ => plugins.transforms.iter().map(|plugin| &plugin.info).collect(),
    }
}

/// The options of a class that a property of this family names.
pub(super) fn options(plugins: &Plugins, property: &str, class: &str) -> Option<&'static ConfigDef> {
    let def = match property {
        "key.converter" | "value.converter" => plugins.converters.iter().find(|plugin| plugin.info.matches(class))?.config_def,
        "header.converter" => plugins.header_converters.iter().find(|plugin| plugin.info.matches(class))?.config_def,
        _ if property.starts_with("predicates.") => {
            plugins.predicates.iter().find(|plugin| plugin.info.matches(class))?.config_def
        }
        _ => plugins.transforms.iter().find(|plugin| plugin.info.matches(class))?.config_def,
    };
    Some(def())
}

/// What is to be said of a class that is not there.
pub(super) fn missing(plugins: &Plugins, property: &str, class: &str) -> Finding {
    let known = known(plugins, property);
    let names = known.iter().flat_map(|info| [info.class, info.simple_name()]);
    if let Some(meant) = nearest(class, names) {
        let why = format!("there is no class {class}; did you mean '{meant}'?");
        return Finding::new(property, Verdict::Unknown, Outcome::Refused, why).remedy(format!("set '{property}' to {meant}"));
    }
    let (verdict, why) = match FAMILIES.iter().find(|(package, _)| class.starts_with(package)) {
        Some((_, whose)) => (Verdict::Unsupported, format!("{class}, a class of {whose}, is not built in")),
        None => (Verdict::Unknown, format!("{class} is not built in, and Java classes cannot be loaded")),
    };
    let finding = Finding::new(property, verdict, Outcome::Refused, why);
    let java = "a Java worker; it may be in one group with Rowtide (rowtide.join.unknown=fail)";
    match property {
        "connector.class" => {
            let classes: Vec<&str> = known.iter().map(|info| info.class).collect();
            finding.remedy(format!("leave the connector to {java}; there is {}", classes.join(", ")))
        }
        _ => {
            let error = absent(property, class, known.into_iter());
            finding.remedy(format!("{}; or leave the connector to {java}", error.remedy_text().unwrap_or_default()))
        }
    }
}
