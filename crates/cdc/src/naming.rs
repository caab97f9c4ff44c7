//! Names of topics: the strategies of `topic.naming.strategy`.
//!
//! Lengths and letters are Java's: UTF-16 units. Names of schemas follow from those of topics: see `shape`.

use std::sync::Arc;

use rowtide_api::config::Config;
use rowtide_api::java_regex::Replacement;
use rowtide_api::{Error, JavaRegex, Props, Result};
use tracing::warn;

use crate::adjust::unicode_escape;
use crate::table::TableId;

/// Kafka's longest topic name.
const MAX_NAME_LENGTH: usize = 249;

/// A built-in naming strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// schema and table follow the prefix; else database and table
    pub by_schema: bool,
    /// how a topic's name is made fit
    pub style: Style,
}

/// How a topic's name is made fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// a bad letter becomes `_`
    Plain,
    /// a bad letter, and `_`, becomes `_uXXXX`
    Unicode,
    /// as plain, then `topic.regex` and `topic.replacement`
    Regex,
}

const STRATEGIES: [(&str, Strategy); 6] = [
    ("SchemaTopicNamingStrategy", Strategy { by_schema: true, style: Style::Plain }),
    ("DefaultTopicNamingStrategy", Strategy { by_schema: false, style: Style::Plain }),
    ("SchemaUnicodeTopicNamingStrategy", Strategy { by_schema: true, style: Style::Unicode }),
    ("DefaultUnicodeTopicNamingStrategy", Strategy { by_schema: false, style: Style::Unicode }),
    ("SchemaRegexTopicNamingStrategy", Strategy { by_schema: true, style: Style::Regex }),
    ("DefaultRegexTopicNamingStrategy", Strategy { by_schema: false, style: Style::Regex }),
];

impl Strategy {
    /// The strategy that a class name means, with its package or without.
    pub fn parse(class: &str) -> Option<Self> {
        let class = class.trim();
        let class = class.strip_prefix("io.debezium.schema.").unwrap_or(class);
        STRATEGIES.iter().find(|(name, _)| *name == class).map(|(_, strategy)| *strategy)
    }

    /// The classes, in the package `io.debezium.schema`.
    pub fn names() -> Vec<&'static str> {
        STRATEGIES.iter().map(|(name, _)| *name).collect()
    }
}

/// Names the topics of one connector.
#[derive(Debug)]
pub struct TopicNaming {
    strategy: Strategy,
    prefix: String,
    delimiter: String,
    heartbeat: String,
    transaction: String,
    with_database: bool,
    regex: Option<RegexRouting>,
}

#[derive(Debug)]
struct RegexRouting {
    topic: (JavaRegex, Replacement),
    key_field: Option<String>,
    key: Option<(JavaRegex, Replacement)>,
}

/// The regex strategies' `topic.regex` and its siblings: what is wrong with them.
pub fn check_regex_options(props: &Props) -> Result<()> {
    let get = |name: &str| props.get(name).map(str::trim).filter(|text| !text.is_empty());
    regex_pair("topic.regex", get("topic.regex"), "topic.replacement", get("topic.replacement"), true)?;
    let (regex, replacement) = ("topic.key.field.regex", "topic.key.field.replacement");
    regex_pair(regex, get(regex), replacement, get(replacement), false)?;
    Ok(())
}

fn regex_pair(
    name: &str,
    pattern: Option<&str>,
    replacement_name: &str,
    replacement: Option<&str>,
    required: bool,
) -> Result<Option<(JavaRegex, Replacement)>> {
    let Some(pattern) = pattern else {
        if required {
            return Err(Error::configuration(format!("The '{name}' value is invalid: A value is required"))
                .remedy(format!("set '{name}' and '{replacement_name}', or choose a naming strategy without regex")));
        }
        return Ok(None);
    };
    let Some(replacement) = replacement else {
        return Err(Error::configuration(format!(
            "The '{replacement_name}' value is invalid: {replacement_name} must be non-empty if {name} is set."
        ))
        .remedy(format!("set '{replacement_name}'")));
    };
    let regex = JavaRegex::new(pattern, false).map_err(|error| error.context(name))?;
    let replacement = regex.replacement(replacement).map_err(|error| error.context(replacement_name))?;
    Ok(Some((regex, replacement)))
}

impl TopicNaming {
    /// Reads the naming options.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        let class = config.text("topic.naming.strategy")?;
        let strategy = Strategy::parse(class).ok_or_else(|| {
            Error::configuration(format!("The 'topic.naming.strategy' value is invalid: {class} is not built in"))
                .remedy(format!("use one of {}", Strategy::names().join(", ")))
        })?;
        let prefix = config.text("topic.prefix")?.to_owned();
        let delimiter = config.text("topic.delimiter")?.to_owned();
        let heartbeat = match config.opt("topic.heartbeat.name").filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => [config.text("topic.heartbeat.prefix")?, &prefix].join(&delimiter),
        };
        let transaction = [prefix.as_str(), config.text("topic.transaction")?].join(&delimiter);
        let regex = if strategy.style == Style::Regex { Some(RegexRouting::read(config)?) } else { None };
        Ok(Self { strategy, prefix, delimiter, heartbeat, transaction, with_database: false, regex })
    }

    /// Makes the schema strategies put the database into names too: several databases behind one task, as SQL Server
    /// has them.
    #[must_use]
    pub fn with_database(mut self) -> Self {
        self.with_database = true;
        self
    }

    /// Topic of a table's records.
    pub fn data(&self, table: &TableId) -> Arc<str> {
        let name = self.sanitized(&self.original(table));
        let Some(RegexRouting { topic: (regex, replacement), .. }) = &self.regex else { return name.into() };
        match regex.replace_first_full(&name, replacement) {
            Some(routed) if routed.is_empty() => {
                warn!("Routing regex returned an empty topic name, propagating original topic {name}");
                name.into()
            }
            Some(routed) => routed.into(),
            None => name.into(),
        }
    }

    /// Name and value of the field that the regex strategies append to a table's key.
    pub fn key_field(&self, table: &TableId) -> Option<(&str, String)> {
        let routing = self.regex.as_ref()?;
        let field = routing.key_field.as_deref()?;
        let original = self.original(table);
        let routed = routing.key.as_ref().and_then(|(regex, replacement)| regex.replace_first_full(&original, replacement));
        Some((field, routed.unwrap_or(original)))
    }

    /// Topic of statements that change schemas.
    pub fn schema_changes(&self) -> Arc<str> {
        self.prefix.as_str().into()
    }

    /// Topic of heartbeats.
    pub fn heartbeat(&self) -> Arc<str> {
        self.heartbeat.as_str().into()
    }

    /// Topic of `BEGIN` and `END`.
    pub fn transaction(&self) -> Arc<str> {
        self.transaction.as_str().into()
    }

    /// `topic.prefix`
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn original(&self, table: &TableId) -> String {
        let (catalog, schema) = (table.catalog.as_deref(), table.schema.as_deref());
        let parts = match (self.strategy.by_schema, self.with_database) {
            (true, true) => [catalog, schema],
            (true, false) => [None, schema],
            (false, _) => [catalog, None],
        };
        let parts = [Some(self.prefix.as_str()), parts[0], parts[1], Some(&*table.table)];
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
        parts.join(&self.delimiter)
    }

    fn sanitized(&self, name: &str) -> String {
        let unicode = self.strategy.style == Style::Unicode;
        let mut fit = String::with_capacity(name.len());
        for letter in name.chars() {
            match letter {
                'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '-' => fit.push(letter),
                '_' if !unicode => fit.push(letter),
                // a letter beyond the basic plane is two units, each replaced
                _ if unicode => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| unicode_escape(*unit, &mut fit)),
                _ => (0..letter.len_utf16()).for_each(|_| fit.push('_')),
            }
        }
        if fit.len() > MAX_NAME_LENGTH {
            fit.truncate(MAX_NAME_LENGTH);
        } else if fit == "." || fit == ".." {
            fit = if unicode { "_u002e".repeat(fit.len()) } else { "_".repeat(fit.len()) };
        }
        if fit != name {
            warn!("Topic '{name}' name isn't a valid topic name, replacing it with '{fit}'.");
        }
        fit
    }
}

impl RegexRouting {
    fn read(config: &Config<'_>) -> Result<Self> {
        let get = |name: &str| config.opt(name).filter(|text| !text.is_empty());
        let pair = |regex: &str, replacement: &str, required: bool| {
            regex_pair(regex, get(regex), replacement, get(replacement), required)
        };
        let topic = pair("topic.regex", "topic.replacement", true)?;
        let topic = topic.ok_or_else(|| Error::configuration("The 'topic.regex' value is invalid: A value is required"))?;
        let unique = config.flag("topic.key.enforce.uniqueness");
        Ok(Self {
            topic,
            key_field: if unique { Some(config.text("topic.key.field.name")?.to_owned()) } else { None },
            key: pair("topic.key.field.regex", "topic.key.field.replacement", false)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    fn naming(entries: &[(&str, &str)]) -> TopicNaming {
        config(entries, |config| TopicNaming::read(&config).unwrap())
    }

    #[test]
    fn topics_are_named_as_debezium_names_them() {
        let plain = naming(&[("topic.prefix", "pg")]);
        assert_eq!(&*plain.data(&TableId::in_schema("inventory", "customers")), "pg.inventory.customers");
        assert_eq!(&*plain.data(&TableId::in_schema("s t", "Größe😀")), "pg.s_t.Gr__e__");
        assert_eq!(&*plain.heartbeat(), "__debezium-heartbeat.pg");
        assert_eq!(&*plain.transaction(), "pg.transaction");
        assert_eq!(&*plain.schema_changes(), "pg");
        let long = plain.data(&TableId::in_schema("s", "x".repeat(300)));
        assert_eq!(long.len(), 249);
    }

    #[test]
    fn the_default_strategy_leaves_the_schema_out() {
        let naming =
            naming(&[("topic.prefix", "pg"), ("topic.naming.strategy", "io.debezium.schema.DefaultTopicNamingStrategy")]);
        assert_eq!(&*naming.data(&TableId::in_schema("s", "t")), "pg.t");
    }

    #[test]
    fn the_unicode_strategy_escapes_underscores_too() {
        let naming =
            naming(&[("topic.prefix", "pg"), ("topic.naming.strategy", "io.debezium.schema.SchemaUnicodeTopicNamingStrategy")]);
        assert_eq!(&*naming.data(&TableId::in_schema("s", "a_bäc€")), "pg.s.a_u005fb_u00e4c_u20ac");
        // recorded from Debezium 3.6.1.Final
        assert_eq!(&*naming.data(&TableId::in_schema("s t", "Tä_1")), "pg.s_u0020t.T_u00e4_u005f1");
    }

    #[test]
    fn the_regex_strategy_routes_and_tells_tables_apart_in_the_key() {
        let naming = naming(&[
            ("topic.prefix", "pg"),
            ("topic.delimiter", "-"),
            ("topic.naming.strategy", "SchemaRegexTopicNamingStrategy"),
            ("topic.regex", "(.*)-shard_(\\d+)"),
            ("topic.replacement", "$1-all"),
            ("topic.key.field.regex", ".*_(\\d+)"),
            ("topic.key.field.replacement", "shard $1"),
        ]);
        let shard = TableId::in_schema("s", "shard_7");
        assert_eq!(&*naming.data(&shard), "pg-s-all");
        assert_eq!(naming.key_field(&shard), Some(("__dbz__physicalTableIdentifier", "shard 7".to_owned())));
        let other = TableId::in_schema("s", "other");
        assert_eq!(&*naming.data(&other), "pg-s-other");
        assert_eq!(naming.key_field(&other), Some(("__dbz__physicalTableIdentifier", "pg-s-other".to_owned())));
    }
}
