//! `PUT /connector-plugins/{class}/config/validate`, and what decides whether a connector may start: Connect's options
//! first, then the transforms and predicates, then the connector's own, then client overrides
//! (`AbstractHerder.validateConnectorConfig`).

use rowtide_api::plugin::Plugins;
use rowtide_api::{
    ConfigDef, ConfigKey, ConfigType, ConfigValue, ExactlyOnce, Importance, PluginInfo, PluginKind, Props, SourceConnector,
    Validator,
};

use super::build::{absent, converter_options};
use super::{definition, key_info, list};
use crate::herder::ConfigKeyInfo;
use crate::topic_creation;
use crate::worker_config::{ExactlyOnceSupport, WorkerConfig};

/// One entry for each option: declaration and outcome (none for a deprecated alias).
pub type Validation = Vec<(ConfigKeyInfo, Option<ConfigValue>)>;

/// Validates a configuration whose variables are filled in, the server behind it included.
pub async fn validate(plugins: &Plugins, worker: &WorkerConfig, source: &dyn SourceConnector, config: &Props) -> Validation {
    let own = source.validate(config).await;
    with_own(plugins, worker, source, config, own)
}

/// Validates a configuration without asking any server.
pub fn validate_offline(plugins: &Plugins, worker: &WorkerConfig, source: &dyn SourceConnector, config: &Props) -> Validation {
    with_own(plugins, worker, source, config, source.config_def().validate(config))
}

/// `own`: what the source says of its own options.
fn with_own(
    plugins: &Plugins,
    worker: &WorkerConfig,
    source: &dyn SourceConnector,
    config: &Props,
    own: Vec<ConfigValue>,
) -> Validation {
    let mut out = Validation::new();
    for key in definition().keys.iter().filter(|key| key.listed) {
        out.push(connect_key(plugins, worker, source, key, config));
    }
    // what Connect does not list shows only when something is wrong with it
    let others = definition().keys.iter().filter(|key| !key.listed && config.get(key.name).is_some());
    let others = others.map(|key| connect_key(plugins, worker, source, key, config));
    out.extend(others.filter(|(_, value)| value.as_ref().is_some_and(|value| !value.errors.is_empty())));
    topic_creation_errors(worker, config, &mut out);
    for alias in list(config, "transforms") {
        let known: Vec<Known<'_>> = plugins.transforms.iter().map(|plugin| (&plugin.info, plugin.config_def)).collect();
        Expansion { list: "transforms", noun: "Transformation", heading: "Transforms", alias: &alias, known: &known }
            .append(config, &mut out);
    }
    for alias in list(config, "predicates") {
        let known: Vec<Known<'_>> = plugins.predicates.iter().map(|plugin| (&plugin.info, plugin.config_def)).collect();
        Expansion { list: "predicates", noun: "Predicate", heading: "Predicates", alias: &alias, known: &known }
            .append(config, &mut out);
    }
    append_own(source, own, &mut out);
    overrides(worker, config, &mut out);
    out
}

/// A sentence for each property that nothing declares.
pub fn unknown(source: &dyn SourceConnector, config: &Props) -> Vec<String> {
    source.config_def().unknown(config, &[definition()])
}

/// Why a dead letter queue would stay empty, if it is named and nothing can go there.
pub fn idle_letters(config: &Props) -> Option<&'static str> {
    let named = config.get("errors.deadletterqueue.topic.name").is_some_and(|topic| !topic.trim().is_empty());
    let skips = config.get("errors.tolerance").is_some_and(|text| text.trim() == "all");
    (named && !skips).then_some("has no effect without errors.tolerance=all: nothing is skipped")
}

fn append_own(source: &dyn SourceConnector, mut values: Vec<ConfigValue>, out: &mut Validation) {
    for key in &source.config_def().keys {
        let value = values.iter().position(|value| value.name == key.name).map(|index| values.swap_remove(index));
        if key.listed || value.is_some() {
            out.push((key_info(key), value));
        }
    }
}

fn connect_key(
    plugins: &Plugins,
    worker: &WorkerConfig,
    source: &dyn SourceConnector,
    key: &ConfigKey,
    config: &Props,
) -> (ConfigKeyInfo, Option<ConfigValue>) {
    let mut info = key_info(key);
    let version_of =
        |name: &str| converter_info(plugins, &converter_options(worker, config, name).0, name).map(|info| info.version);
    let (default, recommended) = match key.name {
        "connector.plugin.version" => (Some(source.info().version.to_owned()), vec![source.info().version.to_owned()]),
        "key.converter" | "value.converter" | "header.converter" => {
            (worker.get(key.name).map(str::to_owned), converters(plugins, key.name))
        }
        "key.converter.plugin.version" | "value.converter.plugin.version" | "header.converter.plugin.version" => {
            let version = version_of(key.name.trim_end_matches(".plugin.version")).map(str::to_owned);
            (version.clone(), version.into_iter().collect())
        }
        _ => (info.default_value.clone(), Vec::new()),
    };
    info.default_value = if key.required { None } else { default };
    let given = config.get(key.name);
    let (value, mut errors) = parsed(key, key.name, given, info.default_value.as_deref());
    errors.extend(connect_reasons(plugins, key.name, value.as_deref(), config));
    errors.extend(exactly_once_error(worker, source, key.name, value.as_deref(), config));
    let value = if errors.iter().any(|error| error.ends_with("could not be found.")) { None } else { value };
    let hidden = key.name.ends_with(".plugin.version") && recommended.is_empty();
    (info, Some(ConfigValue { name: key.name.to_owned(), value, recommended, errors, hidden }))
}

fn converter_info<'a>(plugins: &'a Plugins, class: &str, name: &str) -> Option<&'a PluginInfo> {
    let mut values = plugins.converters.iter().map(|plugin| &plugin.info);
    let mut headers = plugins.header_converters.iter().map(|plugin| &plugin.info);
    if name == "header.converter" { headers.find(|info| info.matches(class)) } else { values.find(|info| info.matches(class)) }
}

fn converters(plugins: &Plugins, name: &str) -> Vec<String> {
    let values = plugins.converters.iter().map(|plugin| plugin.info.class);
    let headers = plugins.header_converters.iter().map(|plugin| plugin.info.class);
    let mut classes: Vec<String> =
        if name == "header.converter" { headers.map(str::to_owned).collect() } else { values.map(str::to_owned).collect() };
    classes.sort_unstable();
    classes
}

/// `ConfigDef.parseForValidate`: the value, and what is wrong with its type.
fn parsed(key: &ConfigKey, name: &str, given: Option<&str>, default: Option<&str>) -> (Option<String>, Vec<String>) {
    let Some(text) = given else {
        let missing = format!("Missing required configuration \"{name}\" which has no default value.");
        return (default.map(str::to_owned), if key.required { vec![missing] } else { Vec::new() });
    };
    let text = text.trim();
    let expected = match key.kind {
        ConfigType::Boolean if !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") => {
            Some("Expected value to be either true or false")
        }
        ConfigType::Int if text.parse::<i32>().is_err() => Some("Not a number of type INT"),
        ConfigType::Short if text.parse::<i16>().is_err() => Some("Not a number of type SHORT"),
        ConfigType::Long if text.parse::<i64>().is_err() => Some("Not a number of type LONG"),
        ConfigType::Double if text.parse::<f64>().is_err() => Some("Not a number of type DOUBLE"),
        _ => None,
    };
    match expected {
        Some(expected) => (None, vec![format!("Invalid value {text} for configuration {name}: {expected}")]),
        None if key.kind == ConfigType::Password => (Some("[hidden]".to_owned()), Vec::new()),
        None if key.kind == ConfigType::Boolean => (Some(text.to_ascii_lowercase()), Vec::new()),
        None => (Some(text.to_owned()), Vec::new()),
    }
}

/// The validators of `ConnectorConfig` and `SourceConnectorConfig`, in their words.
fn connect_reasons(plugins: &Plugins, name: &str, value: Option<&str>, config: &Props) -> Vec<String> {
    let invalid = |reason: &str| vec![format!("Invalid value {} for configuration {name}: {reason}", value.unwrap_or("null"))];
    let one_of = |words: &[&str]| {
        let found = value.is_some_and(|value| words.contains(&value));
        if found { Vec::new() } else { invalid(&format!("String must be one of: {}", words.join(", "))) }
    };
    match (name, value) {
        ("name", Some("")) => vec!["Invalid value  for configuration name: String must be non-empty".to_owned()],
        ("name", Some(text)) if text.chars().any(char::is_control) => {
            invalid("String may not contain control sequences but had the following ASCII chars")
        }
        ("tasks.max", None) => invalid("Value must be non-null"),
        ("tasks.max", Some(text)) if text.parse::<i32>().is_ok_and(|number| number < 1) => invalid("Value must be at least 1"),
        ("key.converter" | "value.converter" | "header.converter", Some(class)) if config.get(name).is_some() => {
            if converter_info(plugins, class, name).is_some() {
                return Vec::new();
            }
            let known: Vec<&PluginInfo> = plugins.converters.iter().map(|plugin| &plugin.info).collect();
            let error = absent(name, class, known.into_iter());
            let remedy = error.remedy_text().unwrap_or_default();
            vec![format!("Invalid value {class} for configuration {name}: {remedy}: Class {class} could not be found.")]
        }
        ("config.action.reload", _) => one_of(&["none", "restart"]),
        ("errors.tolerance", _) => one_of(&["none", "all"]),
        ("transforms" | "predicates", Some(_)) => {
            let mut aliases = list(config, name);
            let count = aliases.len();
            aliases.sort_unstable();
            aliases.dedup();
            if aliases.len() < count { invalid("Duplicate alias provided.") } else { Vec::new() }
        }
        ("topic.creation.groups", Some(_)) if list(config, name).iter().any(|group| group == "default") => {
            invalid("topic.creation.groups should not contain default")
        }
        ("exactly.once.support", Some(text)) if !matches!(text.to_ascii_lowercase().as_str(), "requested" | "required") => {
            invalid("String must be one of (case insensitive): REQUIRED, REQUESTED")
        }
        ("transaction.boundary", Some(text))
            if !matches!(text.to_ascii_lowercase().as_str(), "poll" | "interval" | "connector") =>
        {
            invalid("String must be one of (case insensitive): CONNECTOR, INTERVAL, POLL")
        }
        ("transaction.boundary.interval.ms", Some(text)) if text.parse::<i64>().is_ok_and(|number| number < 1) => {
            invalid("Value must be at least 1")
        }
        ("errors.deadletterqueue.topic.replication.factor", Some(text))
            if text.parse::<i16>().is_ok_and(|factor| factor != -1 && factor < 1) =>
        {
            invalid("Value must be -1 or at least 1")
        }
        ("rowtide.errors.buffer.bytes", Some(text)) if text.parse::<i64>().is_ok_and(|bytes| bytes < 0) => {
            invalid("Value must be at least 0")
        }
        ("offsets.storage.topic", Some(text)) if text.trim().is_empty() => invalid("String must be non-empty"),
        _ => Vec::new(),
    }
}

/// `DistributedHerder.validateSourceConnectorExactlyOnceSupport` and `validateSourceConnectorTransactionBoundary`.
fn exactly_once_error(
    worker: &WorkerConfig,
    source: &dyn SourceConnector,
    name: &str,
    value: Option<&str>,
    config: &Props,
) -> Option<String> {
    let wants = |word: &str| value.is_some_and(|text| text.eq_ignore_ascii_case(word));
    let error = match name {
        "exactly.once.support" if !wants("required") => return None,
        "exactly.once.support" if source.exactly_once(config) == ExactlyOnce::Unsupported => {
            "The connector does not support exactly-once semantics with the provided configuration."
        }
        "exactly.once.support" if worker.exactly_once != ExactlyOnceSupport::Enabled => {
            "This worker does not have exactly-once source support enabled."
        }
        "transaction.boundary" if wants("connector") => {
            "The connector does not support connector-defined transaction boundaries with the given configuration. \
             Please reconfigure it to use a different transaction boundary definition."
        }
        _ => return None,
    };
    Some(error.to_owned())
}

/// Errors of `topic.creation.<group>.` stand at `topic.creation.groups`: a group's own properties are not listed here.
fn topic_creation_errors(worker: &WorkerConfig, config: &Props, out: &mut Validation) {
    if !worker.topic_creation {
        return;
    }
    if let Err(error) = topic_creation::TopicGroups::read(config)
        && let Some((_, Some(value))) = out.iter_mut().find(|(info, _)| info.name == "topic.creation.groups")
    {
        value.errors.push(error.message().to_owned());
    }
}

/// A plug-in that an alias may name.
type Known<'a> = (&'a PluginInfo, fn() -> &'static ConfigDef);

/// `EnrichablePlugin`: what one alias of `transforms` or `predicates` adds to the listing: the type, its version, then
/// the plug-in's own options; a transform's `predicate` and `negate` are sorted among them.
struct Expansion<'a> {
    list: &'static str,
    noun: &'static str,
    heading: &'static str,
    alias: &'a str,
    known: &'a [Known<'a>],
}

impl Expansion<'_> {
    fn append(&self, config: &Props, out: &mut Validation) {
        let prefix = format!("{}.{}.", self.list, self.alias);
        let name = format!("{prefix}type");
        let given = config.get(&name).map(str::trim);
        let found = given.and_then(|class| self.known.iter().find(|(info, _)| info.matches(class)));
        let mut classes: Vec<String> = self.known.iter().map(|(info, _)| info.class.to_owned()).collect();
        classes.sort_unstable();
        let mut errors = Vec::new();
        match (given, found) {
            (None, _) => errors.push(format!("Missing required configuration \"{name}\" which has no default value.")),
            (Some(class), None) => {
                let error = absent(&name, class, self.known.iter().map(|(info, _)| *info));
                errors.push(error.to_string().replace("\nRemedy: ", " "));
            }
            _ => {}
        }
        let value = found.map(|(info, _)| info.class.to_owned());
        let info = self.entry(&name, "CLASS", None, "Class for", "type");
        out.push((info, Some(ConfigValue { name, value, recommended: classes, errors, hidden: false })));
        let version = found.map(|(info, _)| info.version);
        let name = format!("{prefix}plugin.version");
        let info = self.entry(&name, "STRING", version, "Version of", "version");
        let value = config.get(&name).or(version).map(str::to_owned);
        let recommended = version.map(str::to_owned).into_iter().collect();
        out.push((info, Some(ConfigValue { name, value, recommended, errors: Vec::new(), hidden: false })));
        if let Some((info, def)) = found {
            expanded_options(info, def(), &prefix, &format!("{}: {}", self.heading, self.alias), config, out);
        }
    }

    fn entry(&self, name: &str, kind: &str, default: Option<&str>, doc: &str, what: &str) -> ConfigKeyInfo {
        ConfigKeyInfo {
            name: name.to_owned(),
            kind: kind.to_owned(),
            required: kind == "CLASS",
            default_value: default.map(str::to_owned),
            importance: "HIGH".to_owned(),
            documentation: format!("{doc} the '{}' {}.", self.alias, self.noun.to_lowercase()),
            group: Some(format!("{}: {}", self.heading, self.alias)),
            order: i32::from(kind != "CLASS"),
            width: "LONG".to_owned(),
            display_name: format!("{} {what} for {}", self.noun, self.alias),
            dependents: Vec::new(),
        }
    }
}

fn expanded_options(info: &PluginInfo, def: &ConfigDef, prefix: &str, group: &str, config: &Props, out: &mut Validation) {
    let mut keys: Vec<ConfigKey> = def.keys.iter().filter(|key| key.listed).copied().collect();
    if info.kind == PluginKind::Transformation {
        let plain = |name, kind, default, doc| {
            let mut key = ConfigKey::new(name, kind, Importance::Medium, name).doc(doc).width(rowtide_api::Width::None);
            key.default = default;
            key
        };
        keys.push(plain(
            "predicate",
            ConfigType::String,
            None,
            "Alias of a predicate; the transform applies only where it holds.",
        ));
        keys.push(plain("negate", ConfigType::Boolean, Some("false"), "Whether the predicate is negated."));
    }
    // ConfigDef.sortedConfigs: heading and place as declared, then required ones first, by importance, by name.
    let importance = |key: &ConfigKey| match key.importance {
        Importance::High => 0,
        Importance::Medium => 1,
        Importance::Low => 2,
    };
    keys.sort_by(|a, b| {
        let rank = |key: &ConfigKey| (key.group, key.order, !key.required, importance(key));
        rank(a).cmp(&rank(b)).then(a.name.cmp(b.name))
    });
    let own = config.with_prefix(prefix);
    for (index, key) in keys.iter().enumerate() {
        let mut listed = key_info(key);
        listed.name = format!("{prefix}{}", key.name);
        listed.group = Some(group.to_owned());
        listed.order = index as i32 + 2;
        let (value, mut errors) = parsed(key, &listed.name, own.get(key.name), key.default);
        errors.extend(plugin_reason(key, value.as_deref(), &own));
        let value = ConfigValue { name: listed.name.clone(), value, recommended: Vec::new(), errors, hidden: false };
        out.push((listed, Some(value)));
    }
}

/// The validators of a transform's or a predicate's options, in Kafka's words.
fn plugin_reason(key: &ConfigKey, value: Option<&str>, own: &Props) -> Option<String> {
    let invalid = |reason: String| format!("Invalid value {} for configuration {}: {reason}", value.unwrap_or("null"), key.name);
    match key.validator {
        Validator::Any | Validator::Alias => None,
        Validator::OneOf(words) => {
            let found = value.is_none_or(|value| words.iter().any(|word| word.eq_ignore_ascii_case(value)));
            (!found).then(|| invalid(format!("String must be one of: {}", words.join(", "))))
        }
        Validator::AtLeast(least) => {
            let number: i64 = value?.parse().ok()?;
            (number < least).then(|| invalid(format!("Value must be at least {least}")))
        }
        Validator::Required => value.is_none_or(|value| value.is_empty()).then(|| invalid("String must be non-empty".to_owned())),
        Validator::Check(check) => check(value, own).map(invalid),
        Validator::Rules(_) => {
            let def = ConfigDef { keys: vec![*key], prefixes: Vec::new() };
            def.validate(own).into_iter().flat_map(|value| value.errors).next()
        }
    }
}

/// `producer.override.` and `admin.override.` under the worker's policy.
fn overrides(worker: &WorkerConfig, config: &Props, out: &mut Validation) {
    for prefix in ["producer.override.", "admin.override."] {
        for (name, value) in config.with_prefix(prefix).iter() {
            let Some(reason) = worker.override_policy.refuses(name) else { continue };
            let full = format!("{prefix}{name}");
            let mut key = ConfigKey::new("", ConfigType::String, Importance::High, "");
            key.width = rowtide_api::Width::None;
            let mut info = key_info(&key);
            (info.name, info.display_name) = (full.clone(), full.clone());
            let shown = if name.contains("password") || name.contains("jaas") { "[hidden]" } else { value };
            let value = ConfigValue {
                name: full,
                value: Some(shown.to_owned()),
                recommended: Vec::new(),
                errors: vec![reason],
                hidden: false,
            };
            out.push((info, Some(value)));
        }
    }
}
