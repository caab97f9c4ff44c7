//! The relational model: what a source knows of a table, in words that all relational databases share.
//!
//! How a column's type becomes a Connect schema belongs to the source ([`ColumnTypes`]); what the user's options make
//! of a table belongs to `table_schema`.

use std::fmt;
use std::sync::Arc;

use rowtide_api::{Schema, Value};

/// Names a table. Which parts are there depends on the database: PostgreSQL has schema and table, MySQL catalog and
/// table, SQL Server and Oracle all three.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId {
    /// database (catalog)
    pub catalog: Option<Arc<str>>,
    /// schema
    pub schema: Option<Arc<str>>,
    /// table
    pub table: Arc<str>,
}

impl TableId {
    /// A table in a schema, as PostgreSQL names it.
    pub fn in_schema(schema: impl Into<Arc<str>>, table: impl Into<Arc<str>>) -> Self {
        Self { catalog: None, schema: Some(schema.into()), table: table.into() }
    }

    /// The parts that are there, in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        [self.catalog.as_deref(), self.schema.as_deref(), Some(&*self.table)].into_iter().flatten()
    }
}

/// `schema.table`: what filters match and what transaction metadata names.
impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// its name
    pub name: Arc<str>,
    /// the database's own number of the type (PostgreSQL: the type's OID)
    pub type_id: u32,
    /// the type's name as the database's driver reports it (`int4`, `_text`, `varchar`)
    pub type_name: Arc<str>,
    /// the database's raw type modifier; -1: none
    pub modifier: i32,
    /// length of a character or bit type, precision of a number; none when unlimited or not applicable
    pub length: Option<i32>,
    /// digits after the point, or of fractions of a second
    pub scale: Option<i32>,
    /// whether null is a value
    pub optional: bool,
    /// whether the database computes it (PostgreSQL's generated columns are in snapshots, not in the stream)
    pub generated: bool,
    /// whether it is an identity or serial column
    pub auto_increment: bool,
    /// the default as an expression of the database
    pub default: Option<Arc<str>>,
    /// its comment
    pub comment: Option<Arc<str>>,
    /// whether masking applies to it: a character type
    pub textual: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// its name
    pub id: TableId,
    /// its columns, in order
    pub columns: Vec<Column>,
    /// names of the columns of its primary key, or of the unique index that stands in for one, in the key's order
    pub key: Vec<Arc<str>>,
    /// its comment
    pub comment: Option<Arc<str>>,
}

impl Table {
    /// Index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }
}

/// What a database's types are in Connect's terms. Called once for each column of each version of a table.
pub trait ColumnTypes: Send {
    /// The schema of a column's values, with its default, but before the user's column options. None: the type is
    /// not supported and the column is left out.
    fn schema(&self, column: &Column) -> Option<Schema>;

    /// What stands for a column that has no value although its schema demands one (a delete under
    /// `REPLICA IDENTITY DEFAULT`): the schema's default, or the type's zero.
    fn fallback(&self, column: &Column, schema: &Schema) -> Value;
}
