//! `org.apache.kafka.connect.transforms.predicates.HasHeaderKey`: true for records with at least one header of a name.
//!
//! ```json
//! {
//!   "config": {"name": "__debezium.newkey"},
//!   "true":  {"topic": "t", "headers": {"x": "1", "__debezium.newkey": "2"}},
//!   "false": {"topic": "t", "headers": {"__debezium.oldkey": "2"}}
//! }
//! ```

use std::sync::LazyLock;

use rowtide_api::plugin::PredicatePlugin;
use rowtide_api::{ConfigDef, Importance, PluginInfo, PluginKind, Predicate, Props, Result, SourceRecord, Validator};

use crate::options::{definition, required};

/// `org.apache.kafka.connect.transforms.predicates.HasHeaderKey`
pub const PLUGIN: PredicatePlugin = PredicatePlugin {
    info: PluginInfo {
        class: "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
        kind: PluginKind::Predicate,
        version: crate::KAFKA,
    },
    config_def,
    new,
};

struct HasHeaderKey(String);

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> =
        LazyLock::new(|| definition(vec![required("name", Importance::Medium, "The name of the header.", Validator::Any)]));
    &DEF
}

fn new(props: &Props) -> Result<Box<dyn Predicate>> {
    Ok(Box::new(HasHeaderKey(config_def().read(props).text("name")?.to_owned())))
}

impl Predicate for HasHeaderKey {
    fn test(&self, record: &SourceRecord) -> bool {
        record.headers.iter().any(|header| *header.name == *self.0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_header_is_what_it_does() {
        crate::example::run_predicate(include_str!("has_header_key.rs"), super::PLUGIN.new);
    }
}
