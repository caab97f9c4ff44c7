//! Which tables, columns and logical messages are captured, and in which order tables are read.
//!
//! Every pattern is a Java regular expression over a whole name, without regard to case; names are `schema.table` and
//! `schema.table.column`. Callers ask once for each version of a table and keep the answer with it.

use std::collections::HashMap;

use rowtide_api::config::{Config, regex_list};
use rowtide_api::{JavaRegex, Result};

use crate::table::TableId;

/// A list of what is wanted, or of what is not.
#[derive(Debug, Default)]
enum Selection {
    #[default]
    All,
    Only(Vec<JavaRegex>),
    AllBut(Vec<JavaRegex>),
}

impl Selection {
    /// The include list where it is set, else the exclude list. Blank lists count as not set.
    fn read(config: &Config<'_>, include: &str, exclude: &str) -> Result<Self> {
        let patterns = |name: &str| {
            let text = config.props().get(name).filter(|text| !text.trim().is_empty());
            text.map(|text| regex_list(text).map_err(|error| error.context(name))).transpose()
        };
        Ok(match (patterns(include)?, patterns(exclude)?) {
            (Some(wanted), _) => Selection::Only(wanted),
            (None, Some(unwanted)) => Selection::AllBut(unwanted),
            (None, None) => Selection::All,
        })
    }

    fn includes(&self, name: &str) -> bool {
        match self {
            Selection::All => true,
            Selection::Only(patterns) => matches_any(patterns, name),
            Selection::AllBut(patterns) => !matches_any(patterns, name),
        }
    }
}

fn matches_any(patterns: &[JavaRegex], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.is_full_match(name))
}

/// The filters of tables.
#[derive(Debug)]
pub struct TableFilters {
    databases: Selection,
    schemas: Selection,
    tables: Selection,
    snapshotted: Vec<JavaRegex>,
    /// tables through which signals come: captured whatever the lists say, and never read by a snapshot
    signals: Vec<JavaRegex>,
    overrides: HashMap<String, String>,
    /// tables of the database itself; none: they are not ignored
    builtin: Option<fn(&TableId) -> bool>,
}

impl TableFilters {
    /// Reads `schema.`, `table.` and `database.include.list`, their exclude lists, `snapshot.include.collection.list`,
    /// `snapshot.select.statement.overrides` and `signal.data.collection`.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        let props = config.props();
        let list = |name: &str| {
            let text = props.get(name).filter(|text| !text.trim().is_empty());
            text.map_or(Ok(Vec::new()), regex_list).map_err(|error| error.context(name))
        };
        let overrides = config.list("snapshot.select.statement.overrides").into_iter().filter_map(|table| {
            let statement = props.get(&format!("snapshot.select.statement.overrides.{table}"))?;
            Some((unquoted(table), statement.to_owned()))
        });
        Ok(Self {
            databases: Selection::read(config, "database.include.list", "database.exclude.list")?,
            schemas: Selection::read(config, "schema.include.list", "schema.exclude.list")?,
            tables: Selection::read(config, "table.include.list", "table.exclude.list")?,
            snapshotted: list("snapshot.include.collection.list")?,
            signals: list("signal.data.collection")?,
            overrides: overrides.collect(),
            builtin: None,
        })
    }

    /// Leaves out the tables that a database brings along, unless `table.ignore.builtin` is false.
    #[must_use]
    pub fn ignoring(mut self, builtin: fn(&TableId) -> bool, config: &Config<'_>) -> Self {
        self.builtin = config.flag("table.ignore.builtin").then_some(builtin);
        self
    }

    /// Whether changes of a table are captured.
    pub fn is_captured(&self, table: &TableId) -> bool {
        let name = table.to_string();
        let part = |selection: &Selection, part: &Option<std::sync::Arc<str>>| match (selection, part) {
            (Selection::All, _) => true,
            (selection, Some(name)) => selection.includes(name),
            // a part that this database does not have cannot be listed
            (Selection::Only(_), None) => false,
            (Selection::AllBut(_), None) => true,
        };
        let listed = part(&self.databases, &table.catalog) && part(&self.schemas, &table.schema) && self.tables.includes(&name);
        let builtin = self.builtin.is_some_and(|builtin| builtin(table));
        (listed && !builtin) || matches_any(&self.signals, &name)
    }

    /// Whether a snapshot reads the rows of a captured table.
    pub fn is_snapshotted(&self, table: &TableId) -> bool {
        let name = table.to_string();
        let quoted = table.parts().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".");
        let listed = self.snapshotted.is_empty()
            || self.snapshotted.iter().any(|pattern| pattern.is_full_match(&name) || pattern.is_full_match(&quoted));
        listed && !matches_any(&self.signals, &name)
    }

    /// Whether signals come through a table.
    pub fn is_signal_table(&self, table: &TableId) -> bool {
        matches_any(&self.signals, &table.to_string())
    }

    /// The captured ones of all tables: in the order of the patterns of `table.include.list`, by name within one; a
    /// signal table that is not listed comes last.
    pub fn captured_in_order(&self, all: &[TableId]) -> Vec<TableId> {
        let mut captured: Vec<(String, &TableId)> =
            all.iter().filter(|table| self.is_captured(table)).map(|table| (table.to_string(), table)).collect();
        captured.sort();
        if let Selection::Only(patterns) = &self.tables {
            let rank = |name: &str| patterns.iter().position(|pattern| pattern.is_full_match(name)).unwrap_or(patterns.len());
            captured.sort_by_cached_key(|(name, _)| rank(name));
        }
        captured.into_iter().map(|(_, table)| table.clone()).collect()
    }

    /// The statement of the user's that a snapshot reads a table with.
    pub fn select_override(&self, table: &TableId) -> Option<&str> {
        self.overrides.get(&table.to_string()).map(String::as_str)
    }
}

/// `"my"."table"` as `my.table`.
fn unquoted(table: &str) -> String {
    table.split('.').map(|part| part.trim_matches(['"', '`', '[', ']'])).collect::<Vec<_>>().join(".")
}

/// The filter of columns in rows: `column.include.list`, `column.exclude.list`. Keys keep their columns.
#[derive(Debug)]
pub struct ColumnFilter(Selection);

impl ColumnFilter {
    /// Reads it.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        Ok(Self(Selection::read(config, "column.include.list", "column.exclude.list")?))
    }

    /// Whether rows hold this column.
    pub fn is_included(&self, table: &TableId, column: &str) -> bool {
        matches!(self.0, Selection::All) || self.0.includes(&format!("{table}.{column}"))
    }
}

/// The filter of logical messages: `message.prefix.include.list`, `message.prefix.exclude.list`.
#[derive(Debug)]
pub struct MessageFilter(Selection);

impl MessageFilter {
    /// Reads it.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        Ok(Self(Selection::read(config, "message.prefix.include.list", "message.prefix.exclude.list")?))
    }

    /// Whether messages of this prefix are emitted.
    pub fn is_included(&self, prefix: &str) -> bool {
        self.0.includes(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    fn filters(entries: &[(&str, &str)]) -> TableFilters {
        config(entries, |config| {
            TableFilters::read(&config).unwrap().ignoring(|table| &*table.table == "spatial_ref_sys", &config)
        })
    }

    fn tables(names: &[(&str, &str)]) -> Vec<TableId> {
        names.iter().map(|(schema, table)| TableId::in_schema(*schema, *table)).collect()
    }

    fn names(tables: &[TableId]) -> Vec<String> {
        tables.iter().map(TableId::to_string).collect()
    }

    #[test]
    fn lists_match_whole_names_in_any_case() {
        let filters = filters(&[("table.include.list", r"public\.Order.*, s\.t{1\,2}")]);
        for (schema, table, expected) in [
            ("public", "orders", true),
            ("PUBLIC", "ORDERS", true),
            ("public", "reorders", false),
            ("s", "tt", true),
            ("s", "ttt", false),
        ] {
            assert_eq!(filters.is_captured(&TableId::in_schema(schema, table)), expected, "{schema}.{table}");
        }
    }

    #[test]
    fn schema_and_table_lists_work_together() {
        let filters = filters(&[("schema.include.list", "a,b"), ("table.exclude.list", r"b\..*")]);
        let captured = filters.captured_in_order(&tables(&[("a", "x"), ("b", "x"), ("c", "x")]));
        assert_eq!(names(&captured), ["a.x"]);
    }

    #[test]
    fn tables_come_in_the_order_of_the_patterns_then_by_name() {
        let filters = filters(&[
            ("table.include.list", r"public\.z.*,public\..*"),
            ("signal.data.collection", "public.a_signal"),
            ("snapshot.include.collection.list", r"public\.(z1|b|a_signal)"),
        ]);
        let all = tables(&[("public", "b"), ("public", "a"), ("public", "z2"), ("public", "z1"), ("other", "x")]);
        assert_eq!(names(&filters.captured_in_order(&all)), ["public.z1", "public.z2", "public.a", "public.b"]);
        assert!(filters.is_snapshotted(&all[0]));
        assert!(!filters.is_snapshotted(&all[1]));
        assert!(!filters.is_snapshotted(&TableId::in_schema("public", "a_signal")));
    }

    #[test]
    fn the_signal_table_is_captured_whatever_the_lists_say() {
        let filters = filters(&[("table.exclude.list", r"public\.a.*"), ("signal.data.collection", "public.a_signal")]);
        let all = tables(&[("public", "a_signal"), ("public", "a"), ("public", "b"), ("public", "spatial_ref_sys")]);
        assert_eq!(names(&filters.captured_in_order(&all)), ["public.a_signal", "public.b"]);
    }

    #[test]
    fn columns_and_messages_are_filtered_by_their_lists() {
        let table = TableId::in_schema("s", "t");
        let columns = config(&[("column.exclude.list", r".*\.secret")], |config| ColumnFilter::read(&config).unwrap());
        assert!(columns.is_included(&table, "id"));
        assert!(!columns.is_included(&table, "SECRET"));
        let messages = config(&[("message.prefix.include.list", "out.*")], |config| MessageFilter::read(&config).unwrap());
        assert!(messages.is_included("outbox"));
        assert!(!messages.is_included("my-outbox"));
    }

    #[test]
    fn a_statement_belongs_to_its_table() {
        let name = "snapshot.select.statement.overrides";
        let statement = format!("{name}.\"S\".t");
        let filters = filters(&[(name, "\"S\".t, s.u"), (&statement, "select 1")]);
        assert_eq!(filters.select_override(&TableId::in_schema("S", "t")), Some("select 1"));
        assert_eq!(filters.select_override(&TableId::in_schema("s", "u")), None);
    }
}
