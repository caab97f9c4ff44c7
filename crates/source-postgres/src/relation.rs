//! A table as the stream sees it: from the columns of a `Relation` message to the places of a row.
//!
//! Made once for each relation message; [`Captured::row`] is the hot path of the source.

use std::sync::Arc;

use rowtide_api::{Error, Result, Value};
use rowtide_cdc::{Row, Table, TableSchema};

use crate::decode::{Tuple, TupleValue};
use crate::slab::Slab;
use crate::source_block::TableNames;
use crate::types::PgTypes;
use crate::values::ColumnDecoder;

/// A captured table and how its tuples become rows.
#[derive(Debug)]
pub struct Captured {
    /// in Connect's terms
    pub schema: Arc<TableSchema>,
    /// for the `source` block
    pub names: TableNames,
    /// for each column of a tuple: its place in the layout and its decoder; none where nobody wants it
    columns: Vec<Option<(usize, ColumnDecoder)>>,
}

impl Captured {
    /// For tuples whose columns are those of `schema.table`, in that order.
    pub fn new(schema: Arc<TableSchema>, types: &PgTypes) -> Self {
        let columns = decoders(&schema, &schema.table, types);
        Self { names: TableNames::from(&schema.id), schema, columns }
    }

    /// The values of a tuple in the layout's order. `old` stands in for unchanged TOASTed values, where it is complete
    /// (`REPLICA IDENTITY FULL`).
    pub fn row(&self, tuple: &Tuple, old: Option<&Row>, slab: &mut Slab) -> Result<Row> {
        let mut row = blank(&self.schema);
        let mut values = tuple.values();
        for column in &self.columns {
            let value = values.next().ok_or_else(|| self.short(tuple))?;
            let Some((place, decoder)) = column else { continue };
            match value {
                TupleValue::Null => row[*place] = self.schema.fallbacks[*place].clone(),
                TupleValue::Text(text) => row[*place] = decoder.text(text, slab)?,
                TupleValue::Binary(bytes) => row[*place] = decoder.binary(bytes)?,
                TupleValue::Unchanged => {
                    let known = old.and_then(|old| old.get(*place)).filter(|value| !value.is_null());
                    row[*place] = known.cloned().unwrap_or_else(|| decoder.unavailable());
                }
            }
        }
        Ok(row)
    }

    fn short(&self, tuple: &Tuple) -> Error {
        Error::fatal(format!(
            "table {}: the server sent {} columns, where its relation message named {}",
            self.schema.id,
            tuple.len(),
            self.columns.len()
        ))
    }
}

/// A row of nulls, whose places are to be filled: cheaper than a copy of the fallbacks, of which few are needed.
pub fn blank(schema: &TableSchema) -> Row {
    std::iter::repeat_with(Value::default).take(schema.fallbacks.len()).collect()
}

/// One decoder for each column of `table`, with its place in the layout.
pub fn decoders(schema: &TableSchema, table: &Table, types: &PgTypes) -> Vec<Option<(usize, ColumnDecoder)>> {
    table
        .columns
        .iter()
        .map(|column| {
            let index = schema.table.column(&column.name)?;
            let place = schema.layout.iter().position(|column| *column == index)?;
            Some((place, types.decoder(&schema.name, column, &schema.column_schemas[place])))
        })
        .collect()
}
