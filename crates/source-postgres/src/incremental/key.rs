//! The columns that order a table's chunks, and their values as Java's driver gives them: offsets hold them so.

use std::sync::Arc;

use rowtide_api::Value;
use rowtide_cdc::TableSchema;
use rowtide_cdc::incremental::KeyValue;

use crate::client::Row;
use crate::types::{PgTypes, oid};
use crate::values::{bytes, temporal};

/// A column of the order.
#[derive(Clone, Debug)]
pub struct KeyColumn {
    /// its name
    pub name: Arc<str>,
    /// whether it may be null
    pub optional: bool,
    type_oid: u32,
    type_name: Arc<str>,
}

/// The surrogate key, else the columns of the records' key; none: there is neither, or a row could not be told from others.
pub fn columns(schema: &TableSchema, surrogate: Option<&str>, types: &PgTypes) -> Option<Vec<KeyColumn>> {
    let table = &schema.table;
    let indexes: Vec<usize> = match (surrogate, &schema.key) {
        // without a key of the records, the surrogate's values in the stream tell which rows are outdated
        (Some(name), None) => vec![schema.place_of(name).and_then(|_| table.column(name))?],
        (Some(name), Some(_)) => vec![table.column(name)?],
        (None, Some(key)) => key.fields.iter().map(|place| schema.layout.get(*place).copied()).collect::<Option<_>>()?,
        (None, None) => return None,
    };
    let columns = indexes.into_iter().filter_map(|index| table.columns.get(index)).map(|column| KeyColumn {
        name: column.name.clone(),
        optional: column.optional,
        type_oid: types.registry().root(column.type_id, -1).0,
        type_name: column.type_name.clone(),
    });
    Some(columns.collect::<Vec<_>>()).filter(|columns| !columns.is_empty())
}

/// The values of a key's columns, which stand in a row from `first` on.
pub fn values(columns: &[KeyColumn], row: &Row, first: usize) -> Vec<KeyValue> {
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| row.get(first + index).map_or(KeyValue::Null, |text| column.value(text)))
        .collect()
}

impl KeyColumn {
    /// The value that `ResultSet.getObject` has of a text. Types without a class of their own are text, or the type and
    /// its text.
    fn value(&self, text: &str) -> KeyValue {
        let known = match self.type_oid {
            oid::BOOL => Some(KeyValue::Boolean(text == "t")),
            oid::INT2 | oid::INT4 => text.parse().ok().map(KeyValue::Integer),
            oid::INT8 | oid::OID => text.parse().ok().map(KeyValue::Long),
            oid::FLOAT4 => text.parse().ok().map(KeyValue::Float),
            oid::FLOAT8 => text.parse().ok().map(KeyValue::Double),
            // infinities and NaN are no decimals in Java
            oid::NUMERIC if text.ends_with(|last: char| last.is_ascii_digit()) => Some(KeyValue::Decimal(text.to_owned())),
            oid::NUMERIC => text.parse().ok().map(KeyValue::Double),
            oid::BYTEA => {
                text.strip_prefix("\\x").and_then(|digits| bytes::from_hex(digits.as_bytes()).ok()).map(KeyValue::Bytes)
            }
            oid::UUID => u128::from_str_radix(&text.replace('-', ""), 16).ok().map(KeyValue::Uuid),
            oid::DATE if !text.ends_with("infinity") => days(text).map(KeyValue::Date),
            oid::INET | oid::CIDR | oid::MACADDR | oid::MACADDR8 | oid::INTERVAL | oid::JSONB | oid::POINT => {
                Some(KeyValue::Object { kind: self.type_name.to_string(), value: Some(text.to_owned()) })
            }
            _ => None,
        };
        known.unwrap_or_else(|| KeyValue::String(text.to_owned()))
    }
}

fn days(text: &str) -> Option<i64> {
    match temporal::date(text.as_bytes(), temporal::DateForm::Days).ok()? {
        Value::Int32(days) => Some(days.into()),
        _ => None,
    }
}

/// The text of a value, as PostgreSQL reads it for whatever type the column has; none: null.
pub fn text(value: &KeyValue) -> Option<String> {
    Some(match value {
        KeyValue::Null => return None,
        KeyValue::Float(number) if number.is_infinite() => infinity(*number > 0.0),
        KeyValue::Double(number) if number.is_infinite() => infinity(*number > 0.0),
        KeyValue::Bytes(_) => format!("\\x{value}"),
        KeyValue::Object { value, .. } => return value.clone(),
        other => other.to_string(),
    })
}

fn infinity(positive: bool) -> String {
    if positive { "Infinity" } else { "-Infinity" }.to_owned()
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// A column of text.
    pub fn column(name: &str, optional: bool) -> KeyColumn {
        KeyColumn { name: name.into(), optional, type_oid: oid::TEXT, type_name: "text".into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_oid: u32) -> KeyColumn {
        KeyColumn { name: "k".into(), optional: false, type_oid, type_name: "inet".into() }
    }

    #[test]
    fn values_have_the_classes_of_javas_driver_and_their_text_is_read_back() {
        let cases = [
            (oid::INT2, "-3", KeyValue::Integer(-3)),
            (oid::INT8, "9223372036854775807", KeyValue::Long(i64::MAX)),
            (oid::NUMERIC, "-1.50", KeyValue::Decimal("-1.50".to_owned())),
            (oid::NUMERIC, "Infinity", KeyValue::Double(f64::INFINITY)),
            (oid::FLOAT4, "0.1", KeyValue::Float(0.1)),
            (oid::UUID, "00000000-0000-0000-0000-00000000000a", KeyValue::Uuid(10)),
            (oid::BYTEA, "\\x00ff", KeyValue::Bytes(vec![0, 255])),
            (oid::DATE, "2020-01-04", KeyValue::Date(18_265)),
            (oid::DATE, "0044-03-15 BC", KeyValue::Date(-735_160)),
            (oid::DATE, "infinity", KeyValue::String("infinity".to_owned())),
            (oid::TIMESTAMP, "2020-01-04 10:00:00", KeyValue::String("2020-01-04 10:00:00".to_owned())),
            (oid::INET, "::1", KeyValue::Object { kind: "inet".to_owned(), value: Some("::1".to_owned()) }),
        ];
        for (type_oid, given, expected) in cases {
            let value = column(type_oid).value(given);
            assert_eq!(value, expected, "{given}");
            assert_eq!(text(&value).as_deref(), Some(given));
        }
        assert_eq!(column(oid::BOOL).value("t"), KeyValue::Boolean(true));
        assert_eq!(text(&KeyValue::Null), None);
    }
}
