//! Properties that belong to a plug-in or a group by their name: options of transforms, predicates and converters, topics that
//! are to be created, clients' properties.
//!
//! Whether their values are valid is validation's; here is whether anybody reads them.

use std::collections::BTreeMap;

use rowtide_api::plugin::Plugins;
use rowtide_api::suggest::nearest;
use rowtide_api::{ConfigDef, Props};

use super::book::Book;
use super::connector::Against;
use super::{Finding, Outcome, Verdict, classes, clients};
use crate::connector_config::list;
use crate::kafka_sink;
use crate::topic_creation::TopicGroups;

pub(super) const CONVERTERS: [&str; 3] = ["key.converter", "value.converter", "header.converter"];

/// The options of `transforms` and `predicates`.
pub(super) fn aliased(plugins: &Plugins, family: &str, config: &Props, book: &mut Book<'_>) {
    let aliases = list(config, family);
    let own: &[&str] =
        if family == "transforms" { &["type", "plugin.version", "predicate", "negate"] } else { &["type", "plugin.version"] };
    for (rest, value) in config.with_prefix(&format!("{family}.")).iter() {
        let property = format!("{family}.{rest}");
        let of_alias = aliases.iter().find_map(|alias| Some((alias, rest.strip_prefix(alias.as_str())?.strip_prefix('.')?)));
        let Some((alias, option)) = of_alias else {
            let alias = rest.split('.').next().unwrap_or(rest);
            let meant = nearest(alias, aliases.iter().map(String::as_str));
            let why = unknown(&format!("'{family}' lists no '{alias}'"), "", meant);
            book.put(Finding::new(property, Verdict::Unknown, Outcome::Differs, why));
            continue;
        };
        if own.contains(&option) {
            continue;
        }
        let class_property = format!("{family}.{alias}.type");
        let class = config.get(&class_property).unwrap_or_default().trim();
        option_of(plugins, &class_property, class, (&property, option, value), book);
    }
}

/// The options of converters that the configuration itself names.
pub(super) fn of_converters(plugins: &Plugins, config: &Props, book: &mut Book<'_>) {
    for name in CONVERTERS {
        let class = config.get(name).map(str::trim).filter(|class| !class.is_empty());
        for (option, value) in config.with_prefix(&format!("{name}.")).iter().filter(|(option, _)| *option != "plugin.version") {
            let property = format!("{name}.{option}");
            match class {
                Some(class) => option_of(plugins, name, class, (&property, option, value), book),
                None => {
                    let why = format!(
                        "without '{name}' beside it the worker's converter is used with the worker's options, as in Kafka Connect"
                    );
                    book.put(Finding::new(property, Verdict::Ignored, Outcome::AsItIs, why));
                }
            }
        }
    }
}

/// Whether a plug-in has an option. Of one that is not there, no more is said than that.
fn option_of(
    plugins: &Plugins,
    class_property: &str,
    class: &str,
    (property, option, value): (&str, &str, &str),
    book: &mut Book<'_>,
) {
    let Some(def) = classes::options(plugins, class_property, class) else {
        let mut finding = Finding::new(property, Verdict::Unsupported, Outcome::AsItIs, format!("goes with '{class_property}'"));
        finding.aside = true;
        book.put(finding);
        return;
    };
    let simple = class.rsplit('.').next().unwrap_or(class);
    let single: Props = [(option, value)].into_iter().collect();
    for (_, meant) in def.strangers(&single, &[]) {
        let prefix = property.strip_suffix(option).unwrap_or_default();
        book.put(Finding::new(
            property,
            Verdict::Unknown,
            Outcome::Differs,
            unknown(&format!("{simple} has no such option"), prefix, meant),
        ));
    }
    idle(def, &single, property.strip_suffix(option).unwrap_or_default(), book);
}

/// What is wrong with a name, and what was meant by it.
pub(super) fn unknown(what: &str, prefix: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{what}; did you mean '{prefix}{meant}'?"),
        None => what.to_owned(),
    }
}

/// What is declared as accepted and without effect.
pub(super) fn idle(def: &ConfigDef, props: &Props, prefix: &str, book: &mut Book<'_>) {
    for key in def.idle(props) {
        book.put(Finding::new(format!("{prefix}{}", key.name), Verdict::Ignored, Outcome::Differs, key.doc));
    }
}

/// What no declaration covers.
pub(super) fn strangers(def: &ConfigDef, beside: &[&ConfigDef], whose: &str, props: &Props, book: &mut Book<'_>) {
    for (name, meant) in def.strangers(props, beside) {
        let finding = match name.starts_with("driver.") {
            true => Finding::new(name, Verdict::Unsupported, Outcome::Differs, "goes to the JDBC driver, and there is none here"),
            false => {
                Finding::new(name, Verdict::Unknown, Outcome::Differs, unknown(&format!("no property of {whose}"), "", meant))
            }
        };
        book.put(finding);
    }
}

/// `topic.creation.`: groups that are listed, and whether topics are created at all.
pub(super) fn topics(against: &Against<'_>, config: &Props, book: &mut Book<'_>) {
    let groups = list(config, "topic.creation.groups");
    let idle = match (against.worker().topic_creation, TopicGroups::read(config)) {
        (false, _) => Some("topic.creation.enable is false in the worker: the broker creates topics"),
        (true, Ok(None)) => Some(
            "without topic.creation.default.partitions and replication.factor the broker creates topics, as in Kafka Connect",
        ),
        _ => None,
    };
    for (rest, _) in config.with_prefix("topic.creation.").iter() {
        let property = format!("topic.creation.{rest}");
        let listed = rest == "groups" || rest.starts_with("default.");
        let listed =
            listed || groups.iter().any(|group| rest.strip_prefix(group.as_str()).is_some_and(|rest| rest.starts_with('.')));
        if !listed {
            let group = rest.split('.').next().unwrap_or(rest);
            let why = format!("topic.creation.groups lists no '{group}'");
            book.put(Finding::new(property, Verdict::Unknown, Outcome::Differs, why));
        } else if let Some(why) = idle {
            book.put(Finding::new(property, Verdict::Ignored, Outcome::AsItIs, why));
        }
    }
}

/// `producer.override.` and its kin.
pub(super) fn overrides(against: &Against<'_>, config: &Props, book: &mut Book<'_>) {
    let worker = against.worker();
    let merged: [(&str, rowtide_api::Result<BTreeMap<String, String>>); 2] = [
        ("producer.override.", kafka_sink::producer_properties(worker, "", 0, config)),
        ("admin.override.", kafka_sink::admin_properties(worker, "", 0, config)),
    ];
    for (prefix, properties) in merged {
        // what the worker's policy refuses is validation's
        let Ok(properties) = properties else { continue };
        clients::look(book, prefix, properties, &|name| config.get(&format!("{prefix}{name}")).is_some());
    }
    for (name, _) in config.with_prefix("consumer.override.").iter() {
        let why = "there are no sink connectors, so that no connector has a consumer";
        book.put(Finding::new(format!("consumer.override.{name}"), Verdict::Ignored, Outcome::AsItIs, why));
    }
}
