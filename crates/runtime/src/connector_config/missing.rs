//! The classes that a configuration names and this worker does not have.

use rowtide_api::plugin::Plugins;
use rowtide_api::{PluginInfo, Props};

use super::list;

/// A property and the class that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// the property
    pub property: String,
    /// the class that is not there
    pub class: String,
}

/// Connector, transforms, predicates and converters that are not built in, in this order. What is not named at all is
/// a matter of validation.
pub fn missing(plugins: &Plugins, config: &Props) -> Vec<Missing> {
    let aliases = |property: &str| -> Vec<String> {
        list(config, property).iter().map(|alias| format!("{property}.{alias}.type")).collect()
    };
    let mut missing = Vec::new();
    let mut look = |property: String, there: &dyn Fn(&str) -> bool| {
        let class = config.get(&property).map(str::trim).filter(|class| !class.is_empty());
        if let Some(class) = class.filter(|class| !there(class)).map(str::to_owned) {
            missing.push(Missing { property, class });
        }
    };
    look("connector.class".to_owned(), &|class| plugins.source(class).is_some());
    for property in aliases("transforms") {
        look(property, &|class| any(plugins.transforms.iter().map(|plugin| &plugin.info), class));
    }
    for property in aliases("predicates") {
        look(property, &|class| any(plugins.predicates.iter().map(|plugin| &plugin.info), class));
    }
    for property in ["key.converter", "value.converter"] {
        look(property.to_owned(), &|class| any(plugins.converters.iter().map(|plugin| &plugin.info), class));
    }
    look("header.converter".to_owned(), &|class| any(plugins.header_converters.iter().map(|plugin| &plugin.info), class));
    missing
}

fn any<'a>(mut infos: impl Iterator<Item = &'a PluginInfo>, class: &str) -> bool {
    infos.any(|info| info.matches(class))
}
