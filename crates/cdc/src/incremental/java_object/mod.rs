//! A Java `Object[]` as `ObjectOutputStream` writes it: the form in which offsets hold the keys of an incremental
//! snapshot. Pure; knows nothing of tables.
//!
//! Java Object Serialization Specification, chapter 6 (stream protocol, 6.4.2 terminal symbols). The classes are those
//! that PostgreSQL's JDBC driver gives for key columns; their fields and identities are those of their serialized
//! forms in the Java API documentation.

mod class;
mod read;
mod write;

use std::fmt;

pub use read::read;
pub use write::write;

/// A value of a key, by its Java class.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyValue {
    /// null
    Null,
    /// `java.lang.Boolean`
    Boolean(bool),
    /// `java.lang.Short`
    Short(i16),
    /// `java.lang.Integer`
    Integer(i32),
    /// `java.lang.Long`
    Long(i64),
    /// `java.lang.Float`
    Float(f32),
    /// `java.lang.Double`
    Double(f64),
    /// `java.lang.String`
    String(String),
    /// `java.math.BigDecimal`, as its plain text
    Decimal(String),
    /// `byte[]`
    Bytes(Vec<u8>),
    /// `java.util.UUID`
    Uuid(u128),
    /// `java.sql.Date`: days since the epoch
    Date(i64),
    /// `org.postgresql.util.PGobject`: a type of PostgreSQL's and the text of the value
    Object {
        /// name of the type
        kind: String,
        /// the value as text
        value: Option<String>,
    },
}

/// Java's `toString`, with the original's word for null: how notifications show keys.
impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyValue::Null => f.write_str("<null>"),
            KeyValue::Boolean(value) => value.fmt(f),
            KeyValue::Short(value) => value.fmt(f),
            KeyValue::Integer(value) => value.fmt(f),
            KeyValue::Long(value) => value.fmt(f),
            KeyValue::Float(value) => write!(f, "{value:?}"),
            KeyValue::Double(value) => write!(f, "{value:?}"),
            KeyValue::String(text) | KeyValue::Decimal(text) => f.write_str(text),
            KeyValue::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            KeyValue::Uuid(number) => uuid::Uuid::from_u128(*number).fmt(f),
            KeyValue::Date(days) => date(*days, f),
            KeyValue::Object { value, .. } => f.write_str(value.as_deref().unwrap_or("null")),
        }
    }
}

/// A day of the proleptic Gregorian calendar, from the days since 1970-01-01.
fn date(days: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // days since 0000-03-01, in eras of 400 years
    let shifted = days.saturating_add(719_468);
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let (month, day) = (if month < 10 { month + 3 } else { month - 9 }, in_year - (153 * month + 2) / 5 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    if year > 0 { write!(f, "{year:04}-{month:02}-{day:02}") } else { write!(f, "{:04}-{month:02}-{day:02} BC", 1 - year) }
}

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {offset}")]
pub struct Malformed {
    /// the byte at which it shows
    pub offset: usize,
    /// what was expected there
    pub expected: &'static str,
}

/// The hexadecimal text in which offsets hold a key.
pub fn to_hex(key: &[KeyValue]) -> String {
    use fmt::Write;
    let mut text = String::new();
    for byte in write(key) {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads such a text.
pub fn from_hex(text: &str) -> Result<Vec<KeyValue>, Malformed> {
    let digit = |at: usize| text.as_bytes().get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let bytes: Option<Vec<u8>> =
        (0..text.len().div_ceil(2)).map(|at| Some((digit(2 * at)? * 16 + digit(2 * at + 1)?) as u8)).collect();
    read(&bytes.ok_or(Malformed { offset: 0, expected: "hexadecimal digits" })?)
}

#[cfg(test)]
mod tests;
