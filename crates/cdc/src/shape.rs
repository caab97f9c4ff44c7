//! From a table of a database to its schemas in Connect's terms: keys, rows, envelopes, and how a row fills them.
//!
//! What a column's type is in Connect belongs to the source ([`ColumnTypes`]); what happens to each change, to `envelope`.

use std::collections::HashSet;
use std::sync::Arc;

use rowtide_api::config::Config;
use rowtide_api::{Error, Field, JavaRegex, Kind, Result, Schema, SchemaRef, Value};
use tracing::warn;

use crate::adjust::NameAdjuster;
use crate::columns::ColumnRules;
use crate::filters::ColumnFilter;
use crate::naming::TopicNaming;
use crate::pool::Pool;
use crate::table::{Column, ColumnTypes, Table};
use crate::table_schema::{KeySchema, TableSchema};
use crate::transaction;

/// Version of the envelope's schema.
const ENVELOPE_VERSION: i32 = 2;

/// Shapes the tables of one connector.
#[derive(Debug)]
pub struct TableShaper {
    naming: TopicNaming,
    schema_names: NameAdjuster,
    field_names: NameAdjuster,
    columns: ColumnFilter,
    rules: ColumnRules,
    /// `message.key.columns`: patterns over `schema.table.column`, in order
    keys: Vec<JavaRegex>,
    source: SchemaRef,
    transaction: SchemaRef,
    pool: Pool,
}

impl TableShaper {
    /// Reads the options. `source` is the schema of the source's `source` block.
    pub fn read(config: &Config<'_>, source: SchemaRef) -> Result<Self> {
        Ok(Self {
            naming: TopicNaming::read(config)?,
            schema_names: NameAdjuster::of_schemas(config),
            field_names: NameAdjuster::of_fields(config),
            columns: ColumnFilter::read(config)?,
            rules: ColumnRules::read(config)?,
            keys: key_patterns(config.props().get("message.key.columns").unwrap_or_default())?,
            source,
            transaction: transaction::block_schema(),
            pool: Pool::default(),
        })
    }

    /// The names of this connector's topics.
    pub fn naming(&self) -> &TopicNaming {
        &self.naming
    }

    /// Shapes one version of a table. Whose schemas are as they were has the very same ones.
    pub fn shape(&mut self, mut table: Table, types: &dyn ColumnTypes) -> Result<TableSchema> {
        self.share_names(&mut table);
        let topic = self.naming.data(&table.id);
        let mut layout = Layout::default();
        let row = self.row(&table, types, &topic, &mut layout)?;
        let key = self.key(&table, types, &topic, &mut layout)?;
        let envelope = self.envelope(&topic, &row);
        Ok(TableSchema {
            id: table.id.clone(),
            name: table.id.to_string().into(),
            table: Arc::new(table),
            topic,
            key,
            row,
            envelope,
            layout: layout.columns,
            column_schemas: layout.schemas,
            fallbacks: layout.fallbacks,
            mappers: layout.mappers,
        })
    }

    fn share_names(&mut self, table: &mut Table) {
        let columns = table.columns.iter_mut().flat_map(|column| [&mut column.name, &mut column.type_name]);
        for name in columns.chain(&mut table.key) {
            *name = self.pool.name(name);
        }
    }

    fn row(&mut self, table: &Table, types: &dyn ColumnTypes, topic: &str, layout: &mut Layout) -> Result<SchemaRef> {
        let mut fields = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            if !self.columns.is_included(&table.id, &column.name) {
                continue;
            }
            let Some(schema) = column_schema(table, column, types) else { continue };
            let fallback = fallback(column, &schema, types);
            let (schema, mapper) = self.rules.apply(&table.id, column, schema);
            // values that carry their schema must carry the one of the field
            let schema = self.pool.schema(schema);
            let place = layout.add(index, fallback, schema.clone());
            layout.mappers.extend(mapper.map(|mapper| (place, mapper)));
            fields.push(self.field(column, schema));
        }
        let fields = distinct(fields, table)?;
        let row = Schema::structure(fields).named(self.schema_names.adjust(&format!("{topic}.Value"))).optional();
        Ok(self.pool.schema(row))
    }

    fn key(&mut self, table: &Table, types: &dyn ColumnTypes, topic: &str, layout: &mut Layout) -> Result<Option<KeySchema>> {
        let mut fields = Vec::new();
        let mut places = Vec::new();
        for index in self.key_columns(table) {
            let column = &table.columns[index];
            // a key has no parameters of column options
            let Some(schema) = column_schema(table, column, types).map(|schema| self.pool.schema(schema)) else { continue };
            let place = match layout.columns.iter().position(|have| *have == index) {
                Some(place) => place,
                None => layout.add(index, fallback(column, &schema, types), schema.clone()),
            };
            places.push(place);
            fields.push(self.field(column, schema));
        }
        let mut appended = Vec::new();
        if let Some((name, value)) = self.naming.key_field(&table.id) {
            let schema = self.pool.schema(Schema::new(Kind::String));
            fields.push(self.pool.field(name, schema));
            appended.push(Value::string(value));
        }
        if fields.is_empty() {
            return Ok(None);
        }
        let fields = distinct(fields, table)?;
        let schema = Schema::structure(fields).named(self.schema_names.adjust(&format!("{topic}.Key")));
        Ok(Some(KeySchema { schema: self.pool.schema(schema), fields: places, appended }))
    }

    /// The columns that `message.key.columns` names, in the order of its entries; else those of the primary key.
    fn key_columns(&self, table: &Table) -> Vec<usize> {
        let mut chosen = Vec::new();
        if !self.keys.is_empty() {
            let names: Vec<String> = table.columns.iter().map(|column| format!("{}.{}", table.id, column.name)).collect();
            for pattern in &self.keys {
                let matching = names.iter().enumerate().filter(|(_, name)| pattern.is_full_match(name)).map(|(index, _)| index);
                chosen.extend(matching);
            }
            let mut seen = HashSet::new();
            chosen.retain(|index| seen.insert(*index));
        }
        if chosen.is_empty() {
            chosen.extend(table.key.iter().filter_map(|name| table.column(name)));
        }
        chosen
    }

    fn field(&mut self, column: &Column, schema: SchemaRef) -> Field {
        self.pool.field(&self.field_names.adjust(&column.name), schema)
    }

    fn envelope(&mut self, topic: &str, row: &SchemaRef) -> SchemaRef {
        let operation = self.pool.schema(Schema::new(Kind::String));
        let time = self.pool.schema(Schema::new(Kind::Int64).optional());
        let fields = [
            ("before", row),
            ("after", row),
            ("source", &self.source),
            ("transaction", &self.transaction),
            ("op", &operation),
            ("ts_ms", &time),
            ("ts_us", &time),
            ("ts_ns", &time),
        ];
        let fields = fields.into_iter().map(|(name, schema)| self.pool.field(name, schema.clone())).collect();
        let name = self.schema_names.adjust(&format!("{topic}.Envelope"));
        self.pool.schema(Schema::structure(fields).named(name).versioned(ENVELOPE_VERSION))
    }
}

/// What a source decodes: see [`TableSchema::layout`].
#[derive(Default)]
struct Layout {
    columns: Vec<usize>,
    schemas: Vec<SchemaRef>,
    fallbacks: Vec<Value>,
    mappers: Vec<(usize, crate::columns::ColumnMapper)>,
}

impl Layout {
    /// The place that a column gets.
    fn add(&mut self, index: usize, fallback: Value, schema: SchemaRef) -> usize {
        self.columns.push(index);
        self.fallbacks.push(fallback);
        self.schemas.push(schema);
        self.columns.len() - 1
    }
}

/// What stands for a NULL in a column.
fn fallback(column: &Column, schema: &Schema, types: &dyn ColumnTypes) -> Value {
    if schema.optional { Value::Null } else { types.fallback(column, schema) }
}

/// The schema of a column's values, with nullability and comment; none: the column is left out.
fn column_schema(table: &Table, column: &Column, types: &dyn ColumnTypes) -> Option<Schema> {
    let Some(mut schema) = types.schema(column) else {
        warn!(
            "Unexpected type '{}' of column {}.{}: the column will not be part of change events for that table",
            column.type_name, table.id, column.name
        );
        return None;
    };
    schema.optional |= column.optional;
    if let Some(comment) = &column.comment {
        schema.doc = Some(comment.clone());
    }
    Some(schema)
}

/// Adjusted names may collide, which no consumer could tell apart.
fn distinct(fields: Vec<Field>, table: &Table) -> Result<Vec<Field>> {
    let mut names = HashSet::new();
    match fields.iter().find(|field| !names.insert(&*field.name)) {
        None => Ok(fields),
        Some(twice) => Err(Error::configuration(format!(
            "Cannot create field because of field name duplication {}: two columns of table {} get this name",
            twice.name, table.id
        ))
        .remedy("change field.name.adjustment.mode (avro_unicode keeps names apart), or leave one of them out with column.exclude.list")),
    }
}

/// `<table regex>:<column>,<column>;…` as one pattern for each column, in order.
fn key_patterns(text: &str) -> Result<Vec<JavaRegex>> {
    let mut patterns = Vec::new();
    for entry in text.split(';').filter(|entry| !entry.trim().is_empty()) {
        let Some((tables, columns)) = entry.split_once(':') else {
            return Err(Error::configuration(format!("'message.key.columns': '{entry}' has an invalid format"))
                .remedy("write <table>:<column>,<column>;<table>:<column>"));
        };
        for column in columns.split(',') {
            let listed = rowtide_api::config::regex_list(&format!("{tables}.{}", column.trim()));
            patterns.extend(listed.map_err(|error| error.context("message.key.columns"))?);
        }
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableId;
    use crate::testing::{Texts, config, datum_json, recorded, source_schema, text_column};
    use rowtide_api::Datum;

    fn customers() -> Table {
        let id = Column { type_name: "int4".into(), textual: false, ..text_column("id", Some(10)) };
        Table {
            id: TableId::in_schema("public", "customers"),
            columns: vec![id, text_column("name", None), text_column("secret-no", None)],
            key: vec!["id".into()],
            comment: None,
        }
    }

    fn shaped(entries: &[(&str, &str)]) -> Result<TableSchema> {
        config(entries, |config| TableShaper::read(&config, source_schema())?.shape(customers(), &Texts))
    }

    fn field_names(schema: &Schema) -> Vec<&str> {
        schema.fields().iter().map(|field| &*field.name).collect()
    }

    #[test]
    fn schemas_are_those_of_the_original() {
        let shaped = shaped(&[
            ("topic.prefix", "pgmask"),
            ("column.exclude.list", r".*secret-no"),
            ("column.truncate.to.2.chars", r"public\.customers\.name"),
            ("message.key.columns", r"(.*)\.customers:name"),
        ])
        .unwrap();
        let theirs = &recorded("streaming-column-exclude-truncate-message-key-no-tombstones")[0];
        let schema = |schema: &SchemaRef| datum_json(&Datum::new(schema.clone(), Value::Null))["schema"].clone();
        assert_eq!(&*shaped.topic, theirs["topic"].as_str().unwrap());
        assert_eq!(schema(&shaped.key.as_ref().unwrap().schema), theirs["key"]["schema"]);
        assert_eq!(schema(&shaped.envelope), theirs["value"]["schema"]);
        assert_eq!(&*shaped.name, "public.customers");
    }

    #[test]
    fn a_table_that_is_described_again_as_it_was_has_the_same_schemas() {
        config(&[("topic.prefix", "p")], |config| {
            let mut shaper = TableShaper::read(&config, source_schema()).unwrap();
            let mut shaped = |change: fn(&mut Table)| {
                let mut table = customers();
                change(&mut table);
                shaper.shape(table, &Texts).unwrap()
            };
            let first = shaped(|_| ());
            let again = shaped(|table| table.comment = Some("analysed".into()));
            assert!(Arc::ptr_eq(&first.row, &again.row) && Arc::ptr_eq(&first.envelope, &again.envelope));
            let altered = shaped(|table| table.columns[1].optional = true);
            assert_ne!(first.row, altered.row);
            assert!(Arc::ptr_eq(&first.key.unwrap().schema, &altered.key.unwrap().schema), "what was not altered");
        });
    }

    #[test]
    fn a_key_keeps_columns_that_rows_leave_out() {
        let shaped = shaped(&[("topic.prefix", "p"), ("column.include.list", r".*\.name")]).unwrap();
        assert_eq!(field_names(&shaped.row), ["name"]);
        let key = shaped.key.unwrap();
        assert_eq!(field_names(&key.schema), ["id"]);
        assert_eq!(shaped.layout, [1, 0]);
        assert_eq!(key.fields, [1]);
        assert_eq!(shaped.fallbacks, [Value::string(""), Value::Int32(0)]);
    }

    #[test]
    fn masks_change_rows_and_leave_keys_alone() {
        let shaped =
            shaped(&[("topic.prefix", "p"), ("column.mask.with.3.chars", ".*"), ("message.key.columns", ".*:name,id")]).unwrap();
        let key = shaped.key.unwrap();
        assert_eq!(field_names(&key.schema), ["name", "id"]);
        assert!(key.schema.fields().iter().all(|field| field.schema.parameters.is_empty()));
        assert!(shaped.row.fields().iter().all(|field| field.schema.parameters.len() == 1));
        assert_eq!(shaped.mappers.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn values_are_made_for_the_schemas_that_rows_have() {
        let shaped = shaped(&[("topic.prefix", "p"), ("column.propagate.source.type", ".*")]).unwrap();
        for (have, field) in shaped.column_schemas.iter().zip(shaped.row.fields()) {
            assert_eq!(**have, *field.schema);
            assert!(have.parameters.iter().any(|(name, _)| &**name == "__debezium.source.column.type"));
        }
        assert!(shaped.key.unwrap().schema.fields().iter().all(|field| field.schema.parameters.is_empty()));
    }

    #[test]
    fn names_are_adjusted_and_must_stay_apart() {
        let entries = [("topic.prefix", "p-1"), ("schema.name.adjustment.mode", "avro"), ("field.name.adjustment.mode", "avro")];
        let shaped = shaped(&entries).unwrap();
        assert_eq!(shaped.row.name.as_deref(), Some("p_1.public.customers.Value"));
        assert_eq!(field_names(&shaped.row), ["id", "name", "secret_no"]);
        let mut twins = customers();
        twins.columns.push(text_column("secret_no", None));
        let error = config(&entries, |config| TableShaper::read(&config, source_schema())?.shape(twins, &Texts)).unwrap_err();
        assert!(error.to_string().contains("field name duplication secret_no"));
    }

    #[test]
    fn a_table_without_key_has_none_unless_the_naming_strategy_adds_one() {
        let mut table = customers();
        table.key.clear();
        let none = config(&[("topic.prefix", "p")], |config| {
            TableShaper::read(&config, source_schema()).unwrap().shape(table.clone(), &Texts).unwrap()
        });
        assert!(none.key.is_none());
        let regex = [
            ("topic.prefix", "p"),
            ("topic.naming.strategy", "io.debezium.schema.SchemaRegexTopicNamingStrategy"),
            ("topic.regex", "(.*)customers"),
            ("topic.replacement", "$1all"),
        ];
        let routed = config(&regex, |config| TableShaper::read(&config, source_schema()).unwrap().shape(table, &Texts).unwrap());
        assert_eq!(&*routed.topic, "p.public.all");
        let key = routed.key.unwrap();
        assert_eq!(field_names(&key.schema), ["__dbz__physicalTableIdentifier"]);
        assert_eq!(key.appended, [Value::string("p.public.customers")]);
        assert_eq!(key.schema.name.as_deref(), Some("p.public.all.Key"));
    }
}
