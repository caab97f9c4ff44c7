//! The converters that others may wrap.

use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{Converter, Error, Props, Result};

/// `org.apache.kafka.connect.json.JsonConverter`
pub(crate) const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// The converter of this class with these options; `option` names it, for errors.
pub(crate) fn converter(class: &str, props: &Props, is_key: bool, option: &str) -> Result<Box<dyn Converter>> {
    match plugin(class.trim()) {
        Some(plugin) => (plugin.new)(props, is_key).map_err(|error| error.context(option)),
        None => Err(Error::configuration(format!("{option} names the class {class}, which is not built in"))
            .remedy(format!("use {JSON} or another converter that `rowtide docs` lists"))),
    }
}

fn plugin(class: &str) -> Option<&'static ConverterPlugin> {
    let all = rowtide_converters::ALL.iter();
    #[cfg(feature = "schema-registry")]
    let all = all.chain(rowtide_schema_registry::ALL);
    all.into_iter().find(|plugin| plugin.info.class == class)
}
