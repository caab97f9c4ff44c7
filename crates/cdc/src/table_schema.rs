//! A table in Connect's terms: the schemas of its key, row and envelope, and how a row's values fill them.
//!
//! Built once for each version of a table ([`crate::shape::TableShaper`]); read for each change.

use std::sync::Arc;

use rowtide_api::{SchemaRef, Value};

use crate::columns::ColumnMapper;
use crate::table::{Table, TableId};

/// The key of a table's records.
#[derive(Debug)]
pub struct KeySchema {
    /// struct schema `<topic>.Key`
    pub schema: SchemaRef,
    /// for each field, the index of its value in the layout
    pub fields: Vec<usize>,
    /// values of fields that stand after those: the physical table identifier of the regex topic naming strategies
    pub appended: Vec<Value>,
}

/// A table in Connect's terms.
#[derive(Debug)]
pub struct TableSchema {
    /// its name
    pub id: TableId,
    /// `schema.table`, shared by the transaction metadata of all its changes
    pub name: Arc<str>,
    /// the model that it was made from
    pub table: Arc<Table>,
    /// topic of its records
    pub topic: Arc<str>,
    /// key; none: records have a null key
    pub key: Option<KeySchema>,
    /// the row schema `<topic>.Value`
    pub row: SchemaRef,
    /// the envelope schema `<topic>.Envelope`
    pub envelope: SchemaRef,
    /// which columns of the table a row's values are, in order: first one for each field of the row schema, then
    /// columns that only the key needs. A source decodes these and no others.
    pub layout: Vec<usize>,
    /// for each place of the layout, the schema of the column before masking: what a source decodes towards
    pub column_schemas: Vec<SchemaRef>,
    /// for each place of the layout, what stands for a value that is missing although demanded; null where optional
    pub fallbacks: Vec<Value>,
    /// masks, hashes and truncations: (place in the layout, what to do), only for fields of the row
    pub mappers: Vec<(usize, ColumnMapper)>,
}

impl TableSchema {
    /// Whether its records' keys and values have the schemas of another version's.
    pub fn has_shape_of(&self, other: &TableSchema) -> bool {
        let key = |table: &TableSchema| table.key.as_ref().map(|key| key.schema.clone());
        self.row == other.row && key(self) == key(other)
    }

    /// Where the values of a column stand in a row; none: rows do not have it.
    pub fn place_of(&self, column: &str) -> Option<usize> {
        let index = self.table.column(column)?;
        self.layout.iter().position(|have| *have == index)
    }
}
