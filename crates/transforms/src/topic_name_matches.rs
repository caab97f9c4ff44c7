//! `org.apache.kafka.connect.transforms.predicates.TopicNameMatches`: true for records whose topic's whole name a
//! regular expression matches.
//!
//! ```json
//! {
//!   "config": {"pattern": "prod\\..*"},
//!   "true":  {"topic": "prod.public.orders"},
//!   "false": {"topic": "test.prod.public.orders"}
//! }
//! ```

use std::sync::LazyLock;

use rowtide_api::plugin::PredicatePlugin;
use rowtide_api::{ConfigDef, Importance, JavaRegex, PluginInfo, PluginKind, Predicate, Props, Result, SourceRecord, Validator};

use crate::options::{definition, required};

/// `org.apache.kafka.connect.transforms.predicates.TopicNameMatches`
pub const PLUGIN: PredicatePlugin = PredicatePlugin {
    info: PluginInfo {
        class: "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        kind: PluginKind::Predicate,
        version: crate::KAFKA,
    },
    config_def,
    new,
};

struct TopicNameMatches(JavaRegex);

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        definition(vec![required(
            "pattern",
            Importance::Medium,
            "Regular expression, in Java's notation, that must match the whole name of the record's topic.",
            Validator::Check(|value, _| JavaRegex::new(value?, false).err().map(|error| error.message().to_owned())),
        )])
    });
    &DEF
}

fn new(props: &Props) -> Result<Box<dyn Predicate>> {
    Ok(Box::new(TopicNameMatches(JavaRegex::new(config_def().read(props).text("pattern")?, false)?)))
}

impl Predicate for TopicNameMatches {
    fn test(&self, record: &SourceRecord) -> bool {
        self.0.is_full_match(&record.topic)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_header_is_what_it_does() {
        crate::example::run_predicate(include_str!("topic_name_matches.rs"), super::PLUGIN.new);
    }
}
