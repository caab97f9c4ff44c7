//! Options, declared once.
//!
//! A [`ConfigDef`] gives parsing, `/config/validate`, the generated manual and the unknown-key warning. What an
//! option's value then means belongs to whoever declared it.

mod rule;

use std::time::Duration;

use indexmap::IndexMap;

use crate::suggest::nearest;
use crate::{Error, Result};

pub use rule::{Rule, regex_list};

/// A configuration: names and values as the user wrote them, in the user's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Props(pub IndexMap<String, String>);

impl Props {
    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The entries under a prefix, without it.
    pub fn with_prefix(&self, prefix: &str) -> Props {
        self.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value))).collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Props {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Kafka's `ConfigDef.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// true or false, in any case
    Boolean,
    /// text
    String,
    /// 32-bit whole number
    Int,
    /// 16-bit whole number
    Short,
    /// 64-bit whole number
    Long,
    /// floating-point number
    Double,
    /// comma-separated list
    List,
    /// name of a class
    Class,
    /// text that is never shown
    Password,
}

/// Kafka's `ConfigDef.Importance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// Kafka's `ConfigDef.Width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Width {
    None,
    Short,
    Medium,
    Long,
}

/// What a value must satisfy. The reasons are worded as the original words them.
#[derive(Clone, Copy)]
pub enum Validator {
    /// anything of the type
    Any,
    /// one of these words, in any case; the words are also what validation recommends
    OneOf(&'static [&'static str]),
    /// a whole number of at least this
    AtLeast(i64),
    /// must be given and not be blank
    Required,
    /// a check of its own over value and whole configuration: the reason why it is wrong
    Check(fn(Option<&str>, &Props) -> Option<String>),
    /// all of these, as Debezium's own options do it: every rule adds its reasons, and an answer never shows the value
    Rules(&'static [Rule]),
    /// a deprecated name of another option: it is listed, and validation answers no value for it
    Alias,
}

/// One declared option.
#[derive(Clone, Copy)]
pub struct ConfigKey {
    /// its name; of a pattern property a readable form with `<n>` in place of what varies
    pub name: &'static str,
    /// type of its value
    pub kind: ConfigType,
    /// default, as it would be written; none: null
    pub default: Option<&'static str>,
    /// whether Connect itself insists on it (Debezium's own options do so by validator)
    pub required: bool,
    /// how much a user should care
    pub importance: Importance,
    /// heading under which it is listed
    pub group: &'static str,
    /// place under that heading
    pub order: i32,
    /// width of an input field
    pub width: Width,
    /// name for people
    pub display_name: &'static str,
    /// what it does, in our words; goes into the manual
    pub doc: &'static str,
    /// what its value must satisfy
    pub validator: Validator,
    /// whether validation lists it; some options are honoured but not listed by the original either
    pub listed: bool,
    /// whether it is accepted without having an effect here; `doc` says why
    pub idle: bool,
}

impl ConfigKey {
    /// An optional option without default, of middling importance and width; its list gives group and order.
    pub const fn new(name: &'static str, kind: ConfigType, importance: Importance, display_name: &'static str) -> Self {
        Self {
            name,
            kind,
            default: None,
            required: false,
            importance,
            group: "",
            order: 0,
            width: Width::Medium,
            display_name,
            doc: "",
            validator: Validator::Any,
            listed: true,
            idle: false,
        }
    }

    /// Sets the default.
    #[must_use]
    pub const fn default_value(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// Sets the width.
    #[must_use]
    pub const fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Sets what the value must satisfy.
    #[must_use]
    pub const fn rules(mut self, rules: &'static [Rule]) -> Self {
        self.validator = Validator::Rules(rules);
        self
    }

    /// Makes it a deprecated name of the option before it.
    #[must_use]
    pub const fn alias(mut self) -> Self {
        self.validator = Validator::Alias;
        self
    }

    /// Sets what it does, in our words.
    #[must_use]
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Options to look at again when this one changes, as definitions list them.
    pub fn dependents(&self) -> &'static [&'static str] {
        let Validator::Rules(rules) = self.validator else { return &[] };
        let named = rules.iter().find_map(|rule| match rule {
            Rule::Dependents(names) => Some(*names),
            _ => None,
        });
        named.unwrap_or_default()
    }

    /// Accepts it without effect; what it does ([`ConfigKey::doc`]) is then why it does nothing.
    #[must_use]
    pub const fn idle(mut self) -> Self {
        self.idle = true;
        self
    }

    /// Honours it without listing it.
    #[must_use]
    pub const fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }
}

/// The value of an option after validation: Connect's `ConfigValueInfo`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigValue {
    /// the option
    pub name: String,
    /// the value, or the default; none when invalid
    pub value: Option<String>,
    /// values worth offering
    pub recommended: Vec<String>,
    /// what is wrong with it
    pub errors: Vec<String>,
    /// not to be shown in a form: Connect's `visible` is false
    pub hidden: bool,
}

/// A list of options. `prefixes` are families whose members cannot be listed (`database.`, `producer.override.`).
pub struct ConfigDef {
    /// the options in the order in which they are listed
    pub keys: Vec<ConfigKey>,
    /// families of options that are passed on
    pub prefixes: Vec<&'static str>,
}

impl ConfigDef {
    /// The declaration of an option.
    pub fn key(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Checks every option, in order; of one that is not listed only an error is answered. A deprecated alias
    /// ([`Validator::Alias`]) is listed but has no value.
    pub fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        let keys = self.keys.iter().filter(|key| !matches!(key.validator, Validator::Alias));
        let checked = keys.map(|key| (key.listed, key.validate(props)));
        checked.filter(|(listed, value)| *listed || !value.errors.is_empty()).map(|(_, value)| value).collect()
    }

    /// Each name in `props` that no declaration here, no prefix and none of `known` covers, and the name that was probably
    /// meant.
    pub fn strangers<'a>(&self, props: &'a Props, known: &[&ConfigDef]) -> Vec<(&'a str, Option<&'static str>)> {
        let all = || std::iter::once(self).chain(known.iter().copied());
        props
            .iter()
            .filter(|(name, _)| !all().any(|def| def.covers(name)))
            .map(|(name, _)| (name, nearest(name, all().flat_map(|def| def.keys.iter().map(|key| key.name)))))
            .collect()
    }

    /// One sentence for each of [`ConfigDef::strangers`].
    pub fn unknown(&self, props: &Props, known: &[&ConfigDef]) -> Vec<String> {
        let sentence = |(name, meant): (&str, Option<&str>)| match meant {
            Some(meant) => format!("the property '{name}' is not known and has no effect; did you mean '{meant}'?"),
            None => format!("the property '{name}' is not known and has no effect"),
        };
        self.strangers(props, known).into_iter().map(sentence).collect()
    }

    fn covers(&self, name: &str) -> bool {
        self.declared(name).is_some() || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The declaration that a name falls under: its own, or one with `<n>` in place of what varies.
    pub fn declared(&self, name: &str) -> Option<&ConfigKey> {
        // column.mask.with.<n>.chars, snapshot.select.statement.overrides.<table>
        let fits = |key: &&ConfigKey| {
            key.name.split_once('<').is_some_and(|(head, tail)| {
                let tail = tail.rsplit_once('>').map_or("", |(_, tail)| tail);
                name.len() > head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
            })
        };
        self.key(name).or_else(|| self.keys.iter().find(fits))
    }

    /// The declarations of what `props` sets to something else than its default although it has no effect here.
    pub fn idle<'a>(&'a self, props: &Props) -> Vec<&'a ConfigKey> {
        let differs = |key: &&ConfigKey| props.get(key.name).is_some_and(|value| Some(value.trim()) != key.default);
        self.keys.iter().filter(|key| key.idle).filter(differs).collect()
    }

    /// A view of `props` through this definition.
    pub fn read<'a>(&'a self, props: &'a Props) -> Config<'a> {
        Config { def: self, props }
    }
}

impl ConfigKey {
    fn validate(&self, props: &Props) -> ConfigValue {
        if let Validator::Rules(rules) = self.validator {
            return rule::validate(self, rules, props);
        }
        let given = props.get(self.name);
        let mut errors = Vec::new();
        if given.is_none() && self.required {
            errors.push(format!("Missing required configuration \"{}\" which has no default value.", self.name));
        } else if let Some(text) = given
            && let Some(wrong) = self.mistyped(text)
        {
            errors.push(wrong);
        } else if let Some(reason) = self.reason(given.or(self.default), props) {
            errors.push(format!("The '{}' value is invalid: {reason}", self.name));
        }
        let shown = match self.kind {
            ConfigType::Password if given.is_some() => Some("[hidden]"),
            _ => given.or(self.default),
        };
        let recommended = match self.validator {
            Validator::OneOf(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            _ if self.kind == ConfigType::Boolean => vec!["true".to_owned(), "false".to_owned()],
            _ => Vec::new(),
        };
        let value = if errors.is_empty() { shown.map(str::to_owned) } else { None };
        ConfigValue { name: self.name.to_owned(), value, recommended, errors, hidden: false }
    }

    /// Kafka's own wording (`ConfigDef.parseType`).
    fn mistyped(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let (good, expected) = match self.kind {
            ConfigType::Boolean => (
                text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
                "Expected value to be either true or false",
            ),
            ConfigType::Int => (text.parse::<i32>().is_ok(), "Not a number of type INT"),
            ConfigType::Short => (text.parse::<i16>().is_ok(), "Not a number of type SHORT"),
            ConfigType::Long => (text.parse::<i64>().is_ok(), "Not a number of type LONG"),
            ConfigType::Double => (text.parse::<f64>().is_ok(), "Not a number of type DOUBLE"),
            ConfigType::String | ConfigType::List | ConfigType::Class | ConfigType::Password => (true, ""),
        };
        (!good).then(|| format!("Invalid value {text} for configuration {}: {expected}", self.name))
    }

    fn reason(&self, value: Option<&str>, props: &Props) -> Option<String> {
        match self.validator {
            Validator::Any => None,
            Validator::OneOf(words) => {
                let value = value?.trim();
                let found = words.iter().any(|word| word.eq_ignore_ascii_case(value));
                (!found).then(|| format!("Value must be one of {}", words.join(", ")))
            }
            Validator::AtLeast(least) => {
                let number: i64 = value?.trim().parse().ok()?;
                (number < least).then(|| match least {
                    1 => "A positive integer is expected".to_owned(),
                    0 => "A non-negative integer is expected".to_owned(),
                    _ => format!("Value must be at least {least}"),
                })
            }
            Validator::Required => value.is_none_or(|value| value.trim().is_empty()).then(|| "A value is required".to_owned()),
            Validator::Check(check) => check(value, props),
            Validator::Rules(_) | Validator::Alias => None,
        }
    }
}

/// A configuration seen through its definition: typed, defaults filled in. Reading an option that is not declared is
/// a mistake in the program and reads as absent.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    def: &'a ConfigDef,
    props: &'a Props,
}

impl<'a> Config<'a> {
    /// The raw configuration.
    pub fn props(&self) -> &'a Props {
        self.props
    }

    /// The text, or the default; none when neither is there.
    pub fn opt(&self, name: &str) -> Option<&'a str> {
        let key = self.def.key(name);
        debug_assert!(key.is_some(), "{name} is not declared");
        self.props.get(name).map(str::trim).or(key.and_then(|key| key.default))
    }

    /// The text, or the default; an error when neither is there.
    pub fn text(&self, name: &str) -> Result<&'a str> {
        let value = self.opt(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            Error::configuration(format!("The '{name}' value is invalid: A value is required")).remedy(format!("set '{name}'"))
        })
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Result<i64> {
        let text = self.text(name)?;
        text.parse().map_err(|_| Error::configuration(format!("Invalid value {text} for configuration {name}: Not a number")))
    }

    /// A whole number that is a size or a count.
    pub fn size(&self, name: &str) -> Result<usize> {
        let number = self.int(name)?;
        usize::try_from(number)
            .map_err(|_| Error::configuration(format!("Invalid value {number} for configuration {name}: must not be negative")))
    }

    /// A number of milliseconds.
    pub fn millis(&self, name: &str) -> Result<Duration> {
        Ok(Duration::from_millis(self.size(name)? as u64))
    }

    /// True or false; anything but "true" is false, as Debezium's `getBoolean` has it.
    pub fn flag(&self, name: &str) -> bool {
        self.opt(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The items of a comma-separated list, trimmed; none when it is absent or blank.
    pub fn list(&self, name: &str) -> Vec<&'a str> {
        self.opt(name).map(|text| text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()).unwrap_or_default()
    }
}
