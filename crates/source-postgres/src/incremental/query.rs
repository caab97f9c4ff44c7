//! The statements that read chunks.
//!
//! Chunks follow the order of the key's columns, nulls last, which is PostgreSQL's own order.

use rowtide_cdc::TableId;
use rowtide_cdc::incremental::KeyValue;

use super::key::{self, KeyColumn};
use crate::client::{quote_ident, quote_literal};
use crate::publication::quote_table;

/// Which rows a chunk has.
pub struct Bounds<'a> {
    /// what orders them
    pub keys: &'a [KeyColumn],
    /// the key before the first one; none: there is none before
    pub after: Option<&'a [KeyValue]>,
    /// the last key
    pub maximum: &'a [KeyValue],
    /// the user's predicate
    pub condition: Option<&'a str>,
}

/// Has a row if the user may lock the table.
pub fn may_lock(table: &TableId) -> String {
    format!(
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname = {} AND c.relname = {} AND pg_catalog.has_table_privilege(c.oid, 'SELECT')",
        quote_literal(table.schema.as_deref().unwrap_or_default()),
        quote_literal(&table.table)
    )
}

/// The last key of a table.
pub fn maximum(table: &TableId, keys: &[KeyColumn], condition: Option<&str>) -> String {
    let names = listed(keys, "");
    let condition = condition.map(|condition| format!(" WHERE ({condition})")).unwrap_or_default();
    format!("SELECT {names} FROM {}{condition} ORDER BY {} LIMIT 1", quote_table(table), listed(keys, " DESC"))
}

/// At most `size` rows: their columns, then those of the key.
pub fn chunk(table: &TableId, columns: &[&str], bounds: &Bounds<'_>, size: usize) -> String {
    let mut wanted: Vec<String> = columns.iter().map(|name| quote_ident(name)).collect();
    wanted.extend(bounds.keys.iter().map(|key| quote_ident(&key.name)));
    let mut conditions = Vec::new();
    if let Some(after) = bounds.after {
        conditions.push(beyond(bounds.keys, after, ">"));
    }
    conditions.push(match bounds.keys.iter().any(|key| key.optional) {
        false => beyond(bounds.keys, bounds.maximum, "<="),
        true => format!("NOT {}", beyond(bounds.keys, bounds.maximum, ">")),
    });
    conditions.extend(bounds.condition.map(|condition| format!("({condition})")));
    format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {size}",
        wanted.join(", "),
        quote_table(table),
        conditions.join(" AND "),
        listed(bounds.keys, "")
    )
}

fn listed(keys: &[KeyColumn], suffix: &str) -> String {
    keys.iter().map(|key| format!("{}{suffix}", quote_ident(&key.name))).collect::<Vec<_>>().join(", ")
}

/// The rows beyond a key. Where a column may be null, row comparison would not do.
fn beyond(keys: &[KeyColumn], key: &[KeyValue], operator: &str) -> String {
    let literals: Vec<Option<String>> = key.iter().map(|value| key::text(value).map(|text| quote_literal(&text))).collect();
    if !keys.iter().any(|key| key.optional) {
        let literals: Vec<&str> = literals.iter().map(|literal| literal.as_deref().unwrap_or("NULL")).collect();
        return format!("ROW({}) {operator} ROW({})", listed(keys, ""), literals.join(", "));
    }
    let columns: Vec<(String, Option<&str>)> =
        keys.iter().map(|key| quote_ident(&key.name)).zip(literals.iter().map(Option::as_deref)).collect();
    let alternatives: Vec<String> = (0..columns.len())
        .map(|at| {
            let equal = columns[..at].iter().map(|(name, literal)| match literal {
                Some(literal) => format!("{name} = {literal}"),
                None => format!("{name} IS NULL"),
            });
            let greater = match &columns[at] {
                (name, Some(literal)) => format!("({name} > {literal} OR {name} IS NULL)"),
                // nothing comes after null
                (_, None) => "false".to_owned(),
            };
            let all: Vec<String> = equal.chain([greater]).collect();
            format!("({})", all.join(" AND "))
        })
        .collect();
    format!("({})", alternatives.join(" OR "))
}

#[cfg(test)]
mod tests {
    use super::key::testing::column;
    use super::*;

    fn bounds<'a>(keys: &'a [KeyColumn], after: Option<&'a [KeyValue]>, maximum: &'a [KeyValue]) -> Bounds<'a> {
        Bounds { keys, after, maximum, condition: None }
    }

    #[test]
    fn keys_that_are_never_null_are_compared_as_rows() {
        let keys = [column("a", false), column("b", false)];
        let table = TableId::in_schema("public", "t");
        let maximum = [KeyValue::Integer(9), KeyValue::String("it's".to_owned())];
        let after = [KeyValue::Integer(1), KeyValue::String("x".to_owned())];
        let bounds = Bounds { condition: Some("a <> 5"), ..bounds(&keys, Some(&after), &maximum) };
        assert_eq!(
            chunk(&table, &["a", "note"], &bounds, 10),
            "SELECT \"a\", \"note\", \"a\", \"b\" FROM \"public\".\"t\" WHERE ROW(\"a\", \"b\") > ROW('1', 'x') AND \
             ROW(\"a\", \"b\") <= ROW('9', 'it''s') AND (a <> 5) ORDER BY \"a\", \"b\" LIMIT 10"
        );
        assert_eq!(
            super::maximum(&table, &keys, Some("a <> 5")),
            "SELECT \"a\", \"b\" FROM \"public\".\"t\" WHERE (a <> 5) ORDER BY \"a\" DESC, \"b\" DESC LIMIT 1"
        );
    }

    #[test]
    fn null_comes_after_every_value() {
        let keys = [column("a", true), column("b", true)];
        let one = [KeyValue::Integer(1), KeyValue::Null];
        assert_eq!(beyond(&keys, &one, ">"), "(((\"a\" > '1' OR \"a\" IS NULL)) OR (\"a\" = '1' AND false))");
        let maximum = [KeyValue::Null, KeyValue::Integer(2)];
        let sql = chunk(&TableId::in_schema("s", "t"), &[], &bounds(&keys, None, &maximum), 1);
        assert!(sql.contains("WHERE NOT ((false) OR (\"a\" IS NULL AND (\"b\" > '2' OR \"b\" IS NULL))) ORDER"), "{sql}");
    }
}
