//! What the system catalogs say of tables: their names, columns and keys.
//!
//! The answers are those that pgjdbc's `DatabaseMetaData` gives Debezium, read here with one query for many tables.
//! How a column's type is understood belongs to `types`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rowtide_api::{Error, Result};
use rowtide_cdc::{Column, Table, TableId};

use crate::client::{Connection, Row, Rows, quote_literal};
use crate::errors::explain;
use crate::types::PgTypes;

/// Tables that can be captured: ordinary and partitioned ones outside of the system schemas; not temporary, foreign
/// or materialised ones (pgjdbc's table types `TABLE` and `PARTITIONED TABLE`).
const TABLES: &str = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
     ORDER BY 1, 2";

/// Columns of the tables named in `{}`. A domain's own NOT NULL counts. Not comments: `include.schema.comments` is an
/// option of this connector that Debezium reads none for either.
const COLUMNS: &str = "SELECT n.nspname, c.relname, a.attname, a.atttypid, a.atttypmod, \
     NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)), a.attgenerated <> '', a.attidentity <> '', \
     pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
     WHERE a.attnum > 0 AND NOT a.attisdropped AND (n.nspname, c.relname) IN ({}) ORDER BY 1, 2, a.attnum";

/// Columns of the primary key, or of the unique indexes, of the tables named in `{}`; expressions give a null name.
/// Unique indexes come in pgjdbc's order: clustered ones first, hashes, others, then by name.
const KEYS: &str = "SELECT n.nspname, c.relname, i.indisprimary, ic.relname, a.attname \
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
     JOIN pg_catalog.pg_am am ON am.oid = ic.relam \
     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
     LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0 \
     WHERE (i.indisprimary OR i.indisunique) AND k.place <= i.indnkeyatts AND (n.nspname, c.relname) IN ({}) \
     ORDER BY 1, 2, i.indisprimary DESC, i.indisclustered DESC, am.amname <> 'hash', ic.relname, k.place";

/// Names in one query: more than this are read in several.
const TABLES_A_QUERY: usize = 500;

/// How long a commit may take from the log to other sessions' eyes.
const VISIBLE_WITHIN: Duration = Duration::from_secs(1);

/// Every table that could be captured, by schema and name.
pub async fn table_ids(connection: &mut Connection) -> Result<Vec<TableId>> {
    let rows = connection.query(TABLES).await.map_err(|error| explain("reading the list of tables", error))?;
    let names = rows.iter().map(|row| TableId::in_schema(row.text(0), row.text(1)));
    Ok(names.filter(|id| &*id.table != "spatial_ref_sys").collect())
}

/// The structure of these tables; one that no longer exists is missing from the answer. Types not known yet are added
/// to the registry.
pub async fn read_tables(connection: &mut Connection, types: &mut PgTypes, ids: &[TableId]) -> Result<Vec<Table>> {
    let mut tables = Vec::with_capacity(ids.len());
    for some in ids.chunks(TABLES_A_QUERY) {
        let names = some.iter().map(|id| format!("({}, {})", quote_literal(schema_of(id)), quote_literal(&id.table)));
        let names = names.collect::<Vec<_>>().join(", ");
        // one round trip: a table's first event waits for it
        let both = format!("{};{}", COLUMNS.replace("{}", &names), KEYS.replace("{}", &names));
        let results = connection.simple_query(&both).await.map_err(|error| explain("reading the structure of tables", error))?;
        let [columns, keys] = <[Rows; 2]>::try_from(results).map_err(|_| Error::fatal("two statements have not two results"))?;
        let mut found = with_columns(connection, types, &columns.rows).await?;
        let mut keys = keys_of(&keys.rows);
        for id in some {
            if let Some(mut table) = found.remove(id) {
                table.key = keys.remove(id).unwrap_or_default();
                tables.push(table);
            }
        }
    }
    Ok(tables)
}

fn schema_of(id: &TableId) -> &str {
    id.schema.as_deref().unwrap_or("public")
}

/// Tables of the rows of [`COLUMNS`], without keys.
async fn with_columns(connection: &mut Connection, types: &mut PgTypes, rows: &[Row]) -> Result<HashMap<TableId, Table>> {
    let oids: Vec<u32> = rows.iter().map(|row| row.text(3).parse().unwrap_or(0)).collect();
    load_types(connection, types, &oids).await?;
    let mut tables: HashMap<TableId, Table> = HashMap::new();
    for (row, oid) in rows.iter().zip(oids) {
        let id = TableId::in_schema(row.text(0), row.text(1));
        let column = Column {
            optional: row.text(5) == "t",
            generated: row.text(6) == "t",
            auto_increment: row.text(7) == "t",
            ..types.column(row.text(2), oid, row.text(4).parse().unwrap_or(-1), row.get(8))
        };
        let table = tables.entry(id.clone()).or_insert_with(|| Table { id, columns: Vec::new(), key: Vec::new(), comment: None });
        table.columns.push(column);
    }
    Ok(tables)
}

/// Waits until what a transaction did to the catalogs can be seen. The server streams a transaction as soon as its commit
/// is in the log, a moment before other sessions see it; its lock on its own number goes after that moment. A commit that
/// waits for a synchronous standby keeps it for long, hence the bound.
pub async fn wait_until_visible(connection: &mut Connection, xid: u32) -> Result<()> {
    let held =
        format!("SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND transactionid = '{xid}' AND granted");
    let end = tokio::time::Instant::now() + VISIBLE_WITHIN;
    loop {
        let rows = connection.query(&held).await.map_err(|error| explain("looking for the end of a transaction", error))?;
        if rows.is_empty() || tokio::time::Instant::now() >= end {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Adds the types that the registry does not know.
pub async fn load_types(connection: &mut Connection, types: &mut PgTypes, oids: &[u32]) -> Result<()> {
    let Some(missing) = types.registry().missing(oids) else { return Ok(()) };
    let rows = connection.query(&missing).await.map_err(|error| explain("reading types of the database", error))?;
    types.registry_mut().learn(&rows);
    Ok(())
}

/// An index: its table, its name, its columns; an expression has no name.
type Index<'a> = (TableId, &'a str, Vec<Option<Arc<str>>>);

/// The key of each table, of the rows of [`KEYS`]: its primary key, else the first unique index without expressions.
fn keys_of(rows: &[Row]) -> HashMap<TableId, Vec<Arc<str>>> {
    let mut indexes: Vec<Index<'_>> = Vec::new();
    for row in rows {
        let (id, index, column) = (TableId::in_schema(row.text(0), row.text(1)), row.text(3), row.get(4).map(Arc::from));
        match indexes.last_mut() {
            Some((last, name, columns)) if *last == id && *name == index => columns.push(column),
            _ => indexes.push((id, index, vec![column])),
        }
    }
    let mut keys = HashMap::new();
    for (id, _, columns) in indexes {
        if let Some(columns) = columns.into_iter().collect::<Option<Vec<_>>>() {
            keys.entry(id).or_insert(columns);
        }
    }
    keys
}
