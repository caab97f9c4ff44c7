//! `org.apache.kafka.connect.transforms.predicates.RecordIsTombstone`: true for records whose value is null.
//!
//! ```json
//! {
//!   "config": {},
//!   "true":  {"topic": "t", "key": {"id": 1}, "value": null},
//!   "false": {"topic": "t", "key": {"id": 1}, "value": {"op": "d"}}
//! }
//! ```

use std::sync::LazyLock;

use rowtide_api::plugin::PredicatePlugin;
use rowtide_api::{ConfigDef, PluginInfo, PluginKind, Predicate, Props, Result, SourceRecord};

use crate::options::definition;

/// `org.apache.kafka.connect.transforms.predicates.RecordIsTombstone`
pub const PLUGIN: PredicatePlugin = PredicatePlugin {
    info: PluginInfo {
        class: "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        kind: PluginKind::Predicate,
        version: crate::KAFKA,
    },
    config_def,
    new,
};

struct RecordIsTombstone;

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| definition(Vec::new()));
    &DEF
}

fn new(_: &Props) -> Result<Box<dyn Predicate>> {
    Ok(Box::new(RecordIsTombstone))
}

impl Predicate for RecordIsTombstone {
    fn test(&self, record: &SourceRecord) -> bool {
        record.value.value.is_null()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_header_is_what_it_does() {
        crate::example::run_predicate(include_str!("record_is_tombstone.rs"), super::PLUGIN.new);
    }
}
