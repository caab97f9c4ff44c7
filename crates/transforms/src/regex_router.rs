//! `org.apache.kafka.connect.transforms.RegexRouter`: sends a record to another topic.
//!
//! When `regex` matches the whole name of the topic, `replacement` takes its place; `$1` and `${name}` stand for groups.
//! Everything else about the record stays, and topics that do not match stay as they are.
//!
//! ```json
//! {
//!   "config": {"regex": "prod\\.public\\.(.*)", "replacement": "cdc.$1"},
//!   "before": {"topic": "prod.public.orders", "key": {"id": 1}, "value": {"op": "c"}},
//!   "after":  {"topic": "cdc.orders",         "key": {"id": 1}, "value": {"op": "c"}}
//! }
//! ```

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use rowtide_api::plugin::TransformPlugin;
use rowtide_api::{
    ConfigDef, Importance, JavaRegex, Outcome, PluginInfo, PluginKind, Props, Replacement, Result, SourceRecord, Transform,
    Validator,
};

use crate::options::{definition, required};

/// `org.apache.kafka.connect.transforms.RegexRouter`
pub const PLUGIN: TransformPlugin = TransformPlugin {
    info: PluginInfo {
        class: "org.apache.kafka.connect.transforms.RegexRouter",
        kind: PluginKind::Transformation,
        version: crate::KAFKA,
    },
    config_def,
    new,
};

/// Names of topics come from tables, so that they are few; but a source may make them from data.
const CACHED: usize = 10_000;

struct RegexRouter {
    regex: JavaRegex,
    replacement: Replacement,
    routes: HashMap<Arc<str>, Arc<str>>,
    /// the route of the record before: most records of a connector follow one like it
    last: Option<(Arc<str>, Arc<str>)>,
}

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        definition(vec![
            required(
                "regex",
                Importance::High,
                "Regular expression, in Java's notation, that must match the whole name of the topic.",
                Validator::Check(|value, _| JavaRegex::new(value?, false).err().map(|error| error.message().to_owned())),
            ),
            required(
                "replacement",
                Importance::High,
                "The new name of the topic; $1 and ${name} stand for groups of the regular expression.",
                Validator::Check(|value, props| {
                    let regex = JavaRegex::new(props.get("regex")?, false).ok()?;
                    regex.replacement(value?).err().map(|error| error.message().to_owned())
                }),
            ),
        ])
    });
    &DEF
}

fn new(props: &Props) -> Result<Box<dyn Transform>> {
    let config = config_def().read(props);
    let regex = JavaRegex::new(config.text("regex")?, false)?;
    let replacement = regex.replacement(config.opt("replacement").map_or_else(|| config.text("replacement"), Ok)?)?;
    Ok(Box::new(RegexRouter { regex, replacement, routes: HashMap::new(), last: None }))
}

impl Transform for RegexRouter {
    fn apply(&mut self, mut record: SourceRecord) -> Outcome {
        let topic = match &self.last {
            Some((from, to)) if Arc::ptr_eq(from, &record.topic) => to.clone(),
            _ => self.route(&record.topic),
        };
        record.topic = topic;
        Outcome::Kept(record)
    }
}

impl RegexRouter {
    fn route(&mut self, from: &Arc<str>) -> Arc<str> {
        let to = match self.routes.get(from) {
            Some(to) => to.clone(),
            None => self.new_route(from),
        };
        self.last = Some((from.clone(), to.clone()));
        to
    }

    fn new_route(&mut self, from: &Arc<str>) -> Arc<str> {
        let to = match self.regex.replace_first_full(from, &self.replacement) {
            Some(topic) => Arc::from(topic),
            None => from.clone(),
        };
        if self.routes.len() >= CACHED {
            self.routes.clear();
        }
        self.routes.insert(from.clone(), Arc::clone(&to));
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn the_header_is_what_it_does() {
        example::run_transform(include_str!("regex_router.rs"), PLUGIN.new);
    }

    #[test]
    fn a_topic_that_does_not_match_stays_and_the_second_record_goes_the_same_way() {
        let mut router = new(&Props::from_iter([("regex", "a\\.(.*)"), ("replacement", "b.$1")])).unwrap();
        for (topic, routed) in [("a.x", "b.x"), ("ba.x", "ba.x"), ("a.x", "b.x"), ("ba.x", "ba.x")] {
            let Outcome::Kept(record) = router.apply(example::record_to(topic)) else { panic!("dropped") };
            assert_eq!(&*record.topic, routed);
        }
    }

    #[test]
    fn wrong_patterns_and_replacements_are_found_when_the_configuration_is_checked() {
        let errors = |regex: &str, replacement: &str| {
            let props = Props::from_iter([("regex", regex), ("replacement", replacement)]);
            let found = config_def().validate(&props).into_iter().flat_map(|value| value.errors).collect::<Vec<_>>().join(" ");
            assert_eq!(new(&props).is_err(), !found.is_empty());
            found
        };
        assert!(errors("*.orders", "x").contains("Dangling meta character '*' near index 0"));
        assert!(errors("(a)", "$2").contains("No group 2"));
        assert_eq!(errors("(a)", "$1"), "");
    }
}
