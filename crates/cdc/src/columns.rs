//! The user's options on columns: masks, hashes, truncations, and source types as schema parameters.
//!
//! They change the fields of rows, never those of keys. Which columns are there at all belongs to `filters`.

mod hash;

use std::fmt;

use bytestring::ByteString;
use rowtide_api::config::{Config, regex_list};
use rowtide_api::{Error, JavaRegex, Kind, Result, Schema, Value};

use crate::table::{Column, TableId};

pub use hash::Hash;

/// What is done to each value of a column.
#[derive(Clone)]
pub enum ColumnMapper {
    /// every value, null too, becomes this text
    Mask(ByteString),
    /// text becomes a hash, cut to the column's length where it has one
    Hash(Hash, Option<usize>),
    /// text and bytes are cut
    Truncate(usize),
}

impl ColumnMapper {
    /// The value as it is emitted.
    pub fn apply(&self, value: Value) -> Value {
        match (self, value) {
            (ColumnMapper::Mask(mask), _) => Value::String(mask.clone()),
            (ColumnMapper::Hash(hash, length), Value::String(text)) => {
                let hashed = Value::string(hash.of(&text));
                match length {
                    Some(length) => truncated(hashed, *length),
                    None => hashed,
                }
            }
            // nothing of a value that cannot be hashed may show
            (ColumnMapper::Hash(..), _) => Value::Null,
            (ColumnMapper::Truncate(length), value) => truncated(value, *length),
        }
    }
}

/// Says nothing of masks and salts.
impl fmt::Debug for ColumnMapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnMapper::Mask(_) => "Mask",
            ColumnMapper::Hash(..) => "Hash",
            ColumnMapper::Truncate(_) => "Truncate",
        })
    }
}

/// Cuts text to so many UTF-16 units, bytes to so many bytes. Half of a letter beyond the basic plane is left out.
fn truncated(value: Value, length: usize) -> Value {
    match value {
        // there are never more units than bytes
        Value::String(text) if text.len() > length => {
            let mut units = 0;
            let end = text.char_indices().find(|(_, letter)| {
                units += letter.len_utf16();
                units > length
            });
            match end {
                Some((end, _)) => Value::String(text.slice_ref(&text[..end])),
                None => Value::String(text),
            }
        }
        Value::Bytes(bytes) if bytes.len() > length => Value::Bytes(bytes.slice(..length)),
        value => value,
    }
}

/// One option with the columns that it is for.
#[derive(Debug)]
struct Rule {
    columns: Vec<JavaRegex>,
    /// matches names of types instead of names of columns
    by_type: bool,
    effect: Effect,
}

#[derive(Clone)]
enum Effect {
    Truncate(usize),
    Mask(ByteString),
    Propagate,
    Hash(Hash),
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::Truncate(_) => "Truncate",
            Effect::Mask(_) => "Mask",
            Effect::Propagate => "Propagate",
            Effect::Hash(_) => "Hash",
        })
    }
}

/// The column options of a connector, in the order in which they are tried: the first that matches a column wins.
#[derive(Debug, Default)]
pub struct ColumnRules(Vec<Rule>);

impl ColumnRules {
    /// Reads `column.truncate.to.<n>.chars`, `column.mask.with.<n>.chars`, the two of propagation and the two of hashes:
    /// in this order, and within one in the order of the configuration.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        let mut rules = Vec::new();
        let mut add = |name: &str, columns: &str, by_type: bool, effect: Effect| {
            let columns = regex_list(columns).map_err(|error| error.context(name))?;
            rules.push(Rule { columns, by_type, effect });
            Ok::<_, Error>(())
        };
        let entries = || config.props().iter();
        for (name, columns) in entries() {
            if let Some(length) = number_between(name, "column.truncate.to.", ".chars")? {
                add(name, columns, false, Effect::Truncate(length))?;
            }
        }
        for (name, columns) in entries() {
            if let Some(length) = number_between(name, "column.mask.with.", ".chars")? {
                add(name, columns, false, Effect::Mask("*".repeat(length).into()))?;
            }
        }
        for (name, by_type) in [("column.propagate.source.type", false), ("datatype.propagate.source.type", true)] {
            if let Some(columns) = config.props().get(name) {
                add(name, columns, by_type, Effect::Propagate)?;
            }
        }
        for prefix in ["column.mask.hash.", "column.mask.hash.v2."] {
            for (name, columns) in entries() {
                let parts = name.strip_prefix(prefix).and_then(|rest| rest.split_once(".with.salt."));
                let Some((algorithm, salt)) = parts.filter(|(algorithm, salt)| !algorithm.contains('.') && !salt.is_empty())
                else {
                    continue;
                };
                let hash = Hash::new(algorithm, salt, prefix.ends_with("v2.")).ok_or_else(|| unknown_hash(algorithm))?;
                add(name, columns, false, Effect::Hash(hash))?;
            }
        }
        Ok(Self(rules))
    }

    /// What the options make of a column: its schema, with their parameters, and what is done to its values.
    pub fn apply(&self, table: &TableId, column: &Column, schema: Schema) -> (Schema, Option<ColumnMapper>) {
        let by_name = format!("{table}.{}", column.name);
        let by_type = format!("{table}.{}", column.type_name);
        let matches = |rule: &&Rule| {
            let name = if rule.by_type { &by_type } else { &by_name };
            rule.columns.iter().any(|pattern| pattern.is_full_match(name))
        };
        match self.0.iter().find(matches).map(|rule| &rule.effect) {
            None => (schema, None),
            Some(Effect::Propagate) => (propagated(column, schema), None),
            Some(Effect::Truncate(length)) => truncate(*length, column, schema),
            Some(Effect::Mask(mask)) => {
                let mapper = column.textual.then(|| ColumnMapper::Mask(mask.clone()));
                (schema.parameter("masked", "true"), mapper)
            }
            Some(Effect::Hash(hash)) => {
                let length = column.length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length > 0);
                let mapper = column.textual.then(|| ColumnMapper::Hash(hash.clone(), length));
                (schema.parameter("masked", "true"), mapper)
            }
        }
    }
}

/// Only where the column may be longer. Text and plain bytes are cut: a `Decimal` is a number, whatever carries it.
fn truncate(length: usize, column: &Column, schema: Schema) -> (Schema, Option<ColumnMapper>) {
    let longest = column.length.and_then(|longest| usize::try_from(longest).ok());
    if longest.is_some_and(|longest| longest <= length) {
        return (schema, None);
    }
    let cut = matches!(schema.kind, Kind::String) || (matches!(schema.kind, Kind::Bytes) && schema.name.is_none());
    (schema.parameter("truncateLength", length.to_string()), cut.then_some(ColumnMapper::Truncate(length)))
}

fn propagated(column: &Column, schema: Schema) -> Schema {
    let mut schema = schema.parameter("__debezium.source.column.type", column.type_name.to_uppercase());
    if let Some(length) = column.length {
        schema = schema.parameter("__debezium.source.column.length", length.to_string());
    }
    if let Some(scale) = column.scale {
        schema = schema.parameter("__debezium.source.column.scale", scale.to_string());
    }
    if let Some(comment) = column.comment.as_ref().filter(|comment| !comment.is_empty()) {
        schema = schema.parameter("__debezium.source.column.comment", comment.clone());
    }
    schema.parameter("__debezium.source.column.name", column.name.clone())
}

fn number_between(name: &str, head: &str, tail: &str) -> Result<Option<usize>> {
    let Some(number) = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)) else { return Ok(None) };
    if number.is_empty() || !number.chars().all(|digit| digit.is_ascii_digit()) {
        return Ok(None);
    }
    let number: u32 = number.parse().map_err(|_| {
        Error::configuration(format!("'{name}' names a length that is too great")).remedy("choose a smaller length")
    })?;
    Ok(usize::try_from(number).ok())
}

fn unknown_hash(algorithm: &str) -> Error {
    Error::configuration(format!("'column.mask.hash…': there is no hash algorithm '{algorithm}'"))
        .remedy(format!("use one of {}", Hash::names().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, text_column};

    fn rules(entries: &[(&str, &str)]) -> ColumnRules {
        config(entries, |config| ColumnRules::read(&config).unwrap())
    }

    fn applied(rules: &ColumnRules, column: &Column) -> (Vec<(String, String)>, Option<ColumnMapper>) {
        let table = TableId::in_schema("public", "customers");
        let (schema, mapper) = rules.apply(&table, column, Schema::new(Kind::String));
        (schema.parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(), mapper)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_mask_hides_null_too_and_marks_the_schema() {
        let rules = rules(&[("column.mask.with.3.chars", r"public\.customers\.(name|email)")]);
        let (parameters, mapper) = applied(&rules, &text_column("EMAIL", None));
        assert_eq!(parameters, [pair("masked", "true")]);
        let mapper = mapper.unwrap();
        assert_eq!(mapper.apply(Value::string("a@b")), Value::string("***"));
        assert_eq!(mapper.apply(Value::Null), Value::string("***"));
        assert!(applied(&rules, &text_column("phone", None)).1.is_none());
        let number = Column { textual: false, ..text_column("name", None) };
        let (parameters, mapper) = applied(&rules, &number);
        assert_eq!(parameters, [pair("masked", "true")]);
        assert!(mapper.is_none());
    }

    #[test]
    fn truncation_counts_utf16_units_and_bytes() {
        let rules = rules(&[("column.truncate.to.2.chars", r".*\.name")]);
        let (parameters, mapper) = applied(&rules, &text_column("name", None));
        assert_eq!(parameters, [pair("truncateLength", "2")]);
        let mapper = mapper.unwrap();
        assert_eq!(mapper.apply(Value::string("Ann")), Value::string("An"));
        assert_eq!(mapper.apply(Value::string("äöü")), Value::string("äö"));
        assert_eq!(mapper.apply(Value::string("a😀")), Value::string("a"));
        assert_eq!(mapper.apply(Value::string("😀")), Value::string("😀"));
        assert_eq!(mapper.apply(Value::Bytes(vec![1, 2, 3].into())), Value::Bytes(vec![1, 2].into()));
        assert_eq!(mapper.apply(Value::Null), Value::Null);
        assert!(applied(&rules, &text_column("name", Some(2))).1.is_none());
        let zero = config(&[("column.truncate.to.0.chars", ".*")], |config| ColumnRules::read(&config).unwrap());
        assert_eq!(applied(&zero, &text_column("name", None)).1.unwrap().apply(Value::string("x")), Value::string(""));
    }

    #[test]
    fn a_hash_is_cut_to_the_length_of_its_column() {
        let rules = rules(&[("column.mask.hash.v2.SHA-256.with.salt.pepper.salt", r".*\.name")]);
        let (_, mapper) = applied(&rules, &text_column("name", Some(10)));
        let hashed = mapper.unwrap().apply(Value::string("Ann"));
        assert_eq!(hashed.as_str().map(str::len), Some(10));
        let (_, mapper) = applied(&rules, &text_column("name", None));
        let mapper = mapper.unwrap();
        assert_eq!(mapper.apply(Value::string("Ann")).as_str().map(str::len), Some(64));
        assert_eq!(mapper.apply(Value::Null), Value::Null);
        assert_eq!(format!("{mapper:?}"), "Hash");
    }

    #[test]
    fn the_first_kind_that_matches_wins() {
        let rules = rules(&[
            ("column.mask.hash.SHA-256.with.salt.s", ".*"),
            ("column.propagate.source.type", ".*"),
            ("column.truncate.to.5.chars", r".*\.name"),
        ]);
        assert_eq!(applied(&rules, &text_column("name", Some(20))).0, [pair("truncateLength", "5")]);
        let column = Column { comment: Some("who".into()), scale: Some(0), ..text_column("other", Some(20)) };
        assert_eq!(
            applied(&rules, &column).0,
            [
                pair("__debezium.source.column.type", "VARCHAR"),
                pair("__debezium.source.column.length", "20"),
                pair("__debezium.source.column.scale", "0"),
                pair("__debezium.source.column.comment", "who"),
                pair("__debezium.source.column.name", "other"),
            ]
        );
    }

    #[test]
    fn types_are_matched_with_their_table() {
        let rules = rules(&[("datatype.propagate.source.type", r".+\.VARCHAR")]);
        assert_eq!(applied(&rules, &text_column("x", None)).0[0], pair("__debezium.source.column.type", "VARCHAR"));
    }

    #[test]
    fn an_unknown_algorithm_is_refused_with_those_there_are() {
        let error = config(&[("column.mask.hash.ROT-13.with.salt.s", ".*")], |config| ColumnRules::read(&config).unwrap_err());
        assert!(error.to_string().contains("SHA-256"));
    }
}
