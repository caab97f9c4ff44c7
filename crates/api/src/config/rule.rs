//! What Debezium's options must satisfy (`io.debezium.config.Field`), worded as Debezium words it.
//!
//! Connect's own options and those of transforms follow Kafka's `ConfigDef` instead: see the parent module.

use super::{ConfigKey, ConfigType, ConfigValue, Props};
use crate::{JavaRegex, Result};

/// One thing that a value must satisfy. A missing value counts as the default; where that is missing too, only
/// `Required` and `Check` have something to say.
#[derive(Clone, Copy)]
pub enum Rule {
    /// must be given and not be blank
    Required,
    /// one of these words, in any case; they are also what validation recommends
    OneOf(&'static [&'static str]),
    /// true or false
    Boolean,
    /// a whole number of 32 bits
    Integer,
    /// a whole number of 32 bits, at least 1
    PositiveInteger,
    /// a whole number of 32 bits, at least 0
    NonNegativeInteger,
    /// a whole number of 64 bits, at least 1
    PositiveLong,
    /// a whole number of 64 bits, at least 0
    NonNegativeLong,
    /// a comma-separated list of regular expressions
    ListOfRegex,
    /// a comma-separated list of `k=v`
    ListOfPairs,
    /// checks nothing: names the options to look at again when this one changes
    Dependents(&'static [&'static str]),
    /// checks nothing: a form does not show the option
    Hidden,
    /// a check of its own over value and whole configuration, which appends the reasons why it is wrong
    Check(fn(Option<&str>, &Props, &mut Vec<String>)),
}

/// First what the type demands, then every rule.
pub(super) fn validate(key: &ConfigKey, rules: &[Rule], props: &Props) -> ConfigValue {
    let value = props.get(key.name).or(key.default);
    let mut reasons = Vec::new();
    if let Some(text) = value {
        reasons.extend(mistyped(key.kind, text).map(str::to_owned));
    }
    let mut recommended = Vec::new();
    for rule in rules {
        rule.check(value, props, &mut reasons);
        if let Rule::OneOf(words) = rule {
            recommended.extend(words.iter().map(|word| (*word).to_owned()));
        }
    }
    let errors = reasons.into_iter().map(|reason| format!("The '{}' value is invalid: {reason}", key.name)).collect();
    let hidden = rules.iter().any(|rule| matches!(rule, Rule::Hidden));
    ConfigValue { name: key.name.to_owned(), value: None, recommended, errors, hidden }
}

fn mistyped(kind: ConfigType, text: &str) -> Option<&'static str> {
    match kind {
        ConfigType::Boolean => boolean(text),
        ConfigType::Int => integer(text),
        ConfigType::Short => text.parse::<i16>().err().map(|_| "A short value is expected"),
        ConfigType::Long => text.parse::<i64>().err().map(|_| "A long value is expected"),
        ConfigType::Double => text.parse::<f64>().err().map(|_| "A double value is expected"),
        ConfigType::Class => (!is_class_name(text)).then_some("A Java class name is expected"),
        ConfigType::String | ConfigType::List | ConfigType::Password => None,
    }
}

fn boolean(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let good = text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    (!good).then_some("Either 'true' or 'false' is expected")
}

fn integer(text: &str) -> Option<&'static str> {
    text.parse::<i32>().err().map(|_| "An integer is expected")
}

/// `SourceVersion.isName`, keywords aside.
fn is_class_name(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_alphabetic() || first == '_' || first == '$')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$')
    })
}

impl Rule {
    fn check(&self, value: Option<&str>, props: &Props, out: &mut Vec<String>) {
        match self {
            Rule::Check(check) => check(value, props, out),
            Rule::Required if value.is_none_or(|text| text.trim().is_empty()) => out.push("A value is required".to_owned()),
            _ => out.extend(value.and_then(|text| self.reason(text))),
        }
    }

    fn reason(&self, text: &str) -> Option<String> {
        let int = || text.parse::<i32>().map(i64::from).ok();
        let long = || text.parse::<i64>().ok();
        let least = |number: Option<i64>, least: i64, reason: &str| match number {
            Some(number) if number >= least => None,
            _ => Some(reason.to_owned()),
        };
        match self {
            Rule::Required | Rule::Check(_) | Rule::Dependents(_) | Rule::Hidden => None,
            Rule::OneOf(words) => {
                let found = words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
                (!found).then(|| format!("Value must be one of {}", words.join(", ")))
            }
            Rule::Boolean => boolean(text).map(str::to_owned),
            Rule::Integer => integer(text).map(str::to_owned),
            Rule::PositiveInteger => least(int(), 1, "A positive, non-zero integer value is expected"),
            Rule::NonNegativeInteger => least(int(), 0, "An non-negative integer is expected"),
            Rule::PositiveLong => least(long(), 1, "A positive, non-zero long value is expected"),
            Rule::NonNegativeLong => least(long(), 0, "A non-negative long value is expected"),
            Rule::ListOfRegex => {
                let wrong = regex_list(text).err()?;
                Some(format!("A comma-separated list of valid regular expressions is expected, but {}", wrong.message()))
            }
            Rule::ListOfPairs => {
                let pair = |item: &str| item.split_once('=').is_some_and(|(_, value)| !value.is_empty() && !value.contains('='));
                let good = text.trim().is_empty() || text.split(',').all(pair);
                let expected = "A equivalent-separated map of valid key/value pairs is expected, for example: k1=v1,k2=v2";
                (!good).then(|| expected.to_owned())
            }
        }
    }
}

/// A comma-separated list of regular expressions, each matching without regard to case. `\,` is a comma within one.
pub fn regex_list(text: &str) -> Result<Vec<JavaRegex>> {
    split_regexes(text).iter().map(|pattern| JavaRegex::new(pattern, true)).collect()
}

/// Splits at commas that no backslash precedes; other escapes stay as they are.
fn split_regexes(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let part = parts.last_mut();
        match (letter, part) {
            ('\\', Some(part)) => match letters.next() {
                Some(',') => part.push(','),
                next => part.extend([Some('\\'), next].into_iter().flatten()),
            },
            (',', _) => parts.push(String::new()),
            (_, Some(part)) => part.push(letter),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_that_a_backslash_precedes_stays_in_its_expression() {
        assert_eq!(split_regexes(r"a.\d{1\,2}, b,,c\\,d"), [r"a.\d{1,2}", "b", r"c\\", "d"]);
        assert_eq!(split_regexes(r"x\"), [r"x\"]);
    }

    #[test]
    fn every_rule_adds_its_reason_as_debezium_does() {
        let key = ConfigKey::new("p", ConfigType::Int, super::super::Importance::High, "P").rules(&[Rule::Integer]);
        let answer = key.validate(&[("p", "x")].into_iter().collect());
        assert_eq!(answer.errors, ["The 'p' value is invalid: An integer is expected"; 2]);
        assert_eq!(answer.value, None);
    }
}
