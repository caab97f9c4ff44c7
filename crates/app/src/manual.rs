//! The manual's pages, made of the options' declarations.
//!
//! What an option does is said where it is declared; here stands only how that becomes Markdown.

use std::fmt::Write;

use rowtide_api::config::{ConfigDef, ConfigKey, ConfigType, Rule, Validator};
use rowtide_api::{Importance, PluginInfo};

use rowtide_runtime::{connector_config, worker_config};

use crate::plugins;

/// A file of the manual.
pub struct Page {
    /// file name
    pub name: &'static str,
    /// Markdown
    pub text: String,
}

const GENERATED: &str = "<!-- Written by `rowtide docs`; change the option's declaration, not this file. -->";

/// Every page.
pub fn pages() -> Vec<Page> {
    let all = plugins::all();
    let mut pages = Vec::new();
    for source in &all.sources {
        let info = source.info();
        let mut text = heading(
            info.simple_name(),
            "A source connector. Options that every connector has are in [connector.md](connector.md).",
        );
        names(&mut text, info);
        grouped(&mut text, source.config_def());
        pages.push(Page { name: page_name(info), text });
    }
    let mut worker = heading(
        "The worker",
        "Lines of `worker.properties` for `rowtide standalone` and `rowtide distributed`; `-D name=value` for `rowtide run`. Besides these, Kafka's own \
         client options are taken under `producer.` and `admin.`.\n\n\
         A worker of a group (`rowtide distributed`) differs from Java's in this: it shows connectors, configurations and states also while the group \
         forms anew, where Java answers 409; offsets that are not stored within `offset.flush.timeout.ms` are not written late, when another worker may \
         have the task, but stored again at the next interval; a connector with an `offsets.storage.topic` of its own is refused; \
         tasks of a connector that was deleted stop at once, and a leader that the group has put out stops its own; a worker that hears nothing from the \
         broker stops its tasks after `session.timeout.ms`, where Java does after one heartbeat. With `rowtide.backup.directory` each worker backs up the whole \
         group: give each a directory of its own.\n\n\
         What `exactly.once.source.support=enabled` gives, and to whom, stands in [guarantees.md](guarantees.md).",
    );
    grouped(&mut worker, worker_config::definition());
    pages.push(Page { name: "worker.md", text: worker });
    let mut connector = heading(
        "Every connector",
        "Options of Kafka Connect that each connector has, whatever its class. `producer.override.<option>` sets one of its Kafka producer.",
    );
    grouped(&mut connector, connector_config::definition());
    pages.push(Page { name: "connector.md", text: connector });
    let mut sinks = heading("Sinks beside Kafka", "Chosen by `rowtide run --sink NAME`; options are set with `-D name=value`.");
    for sink in &all.sinks {
        writeln!(sinks, "\n## {}", sink.name).ok();
        table(&mut sinks, (sink.config_def)().keys.iter());
    }
    pages.push(Page { name: "sinks.md", text: sinks });
    let mut transforms =
        heading("Transforms and predicates", "Given as `transforms.<alias>.<option>` and `predicates.<alias>.<option>`.");
    for plugin in &all.transforms {
        section(&mut transforms, &plugin.info, (plugin.config_def)());
    }
    for plugin in &all.predicates {
        section(&mut transforms, &plugin.info, (plugin.config_def)());
    }
    pages.push(Page { name: "transforms.md", text: transforms });
    let mut converters = heading(
        "Converters",
        "Given as `key.converter`, `value.converter` or `header.converter`; their options under the same name and a dot.",
    );
    for plugin in &all.converters {
        section(&mut converters, &plugin.info, (plugin.config_def)());
    }
    writeln!(converters, "\n# Header converters").ok();
    for plugin in &all.header_converters {
        section(&mut converters, &plugin.info, (plugin.config_def)());
    }
    pages.push(Page { name: "converters.md", text: converters });
    pages
}

fn page_name(info: &PluginInfo) -> &'static str {
    match info.class.rsplit('.').nth(1) {
        Some("postgresql") => "postgres.md",
        Some(package) => package,
        None => info.class,
    }
}

fn heading(title: &str, intro: &str) -> String {
    format!("{GENERATED}\n\n# {title}\n\n{intro}\n")
}

fn names(text: &mut String, info: &PluginInfo) {
    writeln!(text, "\n`{}` (as of version {})", info.class, info.version).ok();
}

fn section(text: &mut String, info: &PluginInfo, def: &ConfigDef) {
    writeln!(text, "\n## {}", info.simple_name()).ok();
    names(text, info);
    if def.keys.is_empty() {
        writeln!(text, "\nNo options.").ok();
    } else {
        table(text, def.keys.iter());
    }
}

/// A table for each heading, in the order of the declarations.
fn grouped(text: &mut String, def: &ConfigDef) {
    let mut groups: Vec<&str> = Vec::new();
    for key in &def.keys {
        if !groups.contains(&key.group) {
            groups.push(key.group);
        }
    }
    for group in groups {
        if !group.is_empty() {
            writeln!(text, "\n## {group}").ok();
        }
        table(text, def.keys.iter().filter(|key| key.group == group));
    }
}

fn table<'a>(text: &mut String, keys: impl Iterator<Item = &'a ConfigKey>) {
    writeln!(text, "\n| option | type | default | what it does |\n|---|---|---|---|").ok();
    for key in keys {
        let default = match key.default {
            Some("") => "empty".to_owned(),
            Some(default) => code(default),
            None if required(key) => "**required**".to_owned(),
            None => "–".to_owned(),
        };
        let mut what = cell(key.doc);
        if matches!(key.validator, Validator::Alias) {
            what.push_str(" Deprecated name.");
        }
        let words = words(key);
        if !words.is_empty() {
            let list: Vec<String> = words.iter().map(|word| code(word)).collect();
            write!(what, " One of {}.", list.join(", ")).ok();
        }
        let weight = if key.importance == Importance::High { "**" } else { "" };
        writeln!(text, "| {weight}{}{weight} | {} | {default} | {} |", code(key.name), kind(key.kind), what.trim()).ok();
    }
}

fn required(key: &ConfigKey) -> bool {
    let by_rule = match key.validator {
        Validator::Required => true,
        Validator::Rules(rules) => rules.iter().any(|rule| matches!(rule, Rule::Required)),
        _ => false,
    };
    key.required || by_rule
}

fn words(key: &ConfigKey) -> &'static [&'static str] {
    match key.validator {
        Validator::OneOf(words) => words,
        Validator::Rules(rules) => {
            rules.iter().find_map(|rule| if let Rule::OneOf(words) = rule { Some(*words) } else { None }).unwrap_or_default()
        }
        _ => &[],
    }
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// A cell ends at a bar, a row at a line's end.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn kind(kind: ConfigType) -> &'static str {
    match kind {
        ConfigType::Boolean => "boolean",
        ConfigType::String => "string",
        ConfigType::Int => "int",
        ConfigType::Short => "short",
        ConfigType::Long => "long",
        ConfigType::Double => "double",
        ConfigType::List => "list",
        ConfigType::Class => "class",
        ConfigType::Password => "password",
    }
}
