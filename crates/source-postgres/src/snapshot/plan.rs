//! What a round reads: for each table the statement, the decoders, the chunks, and which of them are done already.
//!
//! How a table is split is decided by `split`; the reading itself belongs to `round`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rowtide_api::{Error, Result};
use rowtide_cdc::ledger::{Ledger, OpenTable, Split};
use rowtide_cdc::{Row, TableId, TableSchema};
use tracing::{info, warn};

use super::split::{self, Rules};
use super::view::View;
use crate::catalog;
use crate::client::{Connection, quote_ident, quote_literal};
use crate::database::Postgres;
use crate::decode::{DecodeError, Part, copy_text_row};
use crate::errors::explain;
use crate::publication::quote_table;
use crate::relation::{blank, decoders};
use crate::slab::Slab;
use crate::source_block::TableNames;
use crate::values::ColumnDecoder;

/// What the catalogs say of the tables named in `{tables}` that decides how they are read. `pubupdate` without a row filter: a
/// row that moves within the file is in the stream. Not the view `pg_publication_tables`: it looks at the columns of every table.
const FACTS: &str = "SELECT n.nspname, c.relname, c.relkind = 'r' AND c.relpersistence = 'p' AND am.amname = 'heap', \
     coalesce(pg_relation_filenode(c.oid), 0), pg_relation_size(c.oid) / current_setting('block_size')::int8, \
     current_setting('block_size'), c.reltuples, c.relpages, coalesce(p.streamed, false), \
     c.relkind = 'r' AND NOT c.relhassubclass FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam \
     LEFT JOIN (SELECT t.relid, p.pubupdate AND to_jsonb(r) ->> 'prqual' IS NULL AS streamed \
       FROM pg_catalog.pg_publication p CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname) t \
       LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = t.relid WHERE p.pubname = {publication}) p \
     ON p.relid = c.oid \
     WHERE (n.nspname, c.relname) IN ({tables})";

/// Tables in one query: more than this are asked for in several.
const TABLES_A_QUERY: usize = 500;

/// Before this version a range of a file's blocks is found only by reading all of it.
const RANGES_OF_BLOCKS: u32 = 140_000;

/// A table that is to be read.
#[derive(Debug)]
pub struct Wanted {
    /// the table
    pub table: TableId,
    /// the user's own statement in place of all its rows
    pub statement: Option<String>,
}

/// What the catalogs say of a table.
#[derive(Clone, Debug)]
struct Facts {
    /// an ordinary logged table in PostgreSQL's own format
    plain: bool,
    filenode: String,
    blocks: u64,
    block_size: u64,
    /// estimated, when the table was last analyzed; none: it never was
    rows: Option<f64>,
    /// its blocks then
    pages: u64,
    /// whether the stream tells of every row that changes its place
    streamed: bool,
    /// neither partitions nor children have rows of it
    one_file: bool,
}

impl Facts {
    /// As the server's planner does it: as many rows to a block as when the table was last analyzed.
    fn estimated_rows(&self) -> Option<u64> {
        match self.rows {
            Some(rows) if self.pages > 0 && self.blocks > 0 => Some((rows / self.pages as f64 * self.blocks as f64) as u64),
            Some(rows) => Some(rows as u64),
            None => (self.plain && self.blocks == 0).then_some(0),
        }
    }
}

/// How one table is read.
#[derive(Debug)]
pub struct TablePlan {
    /// in Connect's terms
    pub schema: Arc<TableSchema>,
    /// for the `source` block
    pub names: TableNames,
    /// its chunks
    pub split: Split,
    /// what they are of; none: they mean nothing in another round
    pub identity: Option<String>,
    /// those done before
    pub done: BTreeSet<usize>,
    /// estimated rows of the whole table
    pub rows: Option<u64>,
    /// whether all its rows are in one file
    pub one_file: bool,
    select: String,
    fields: Vec<(usize, ColumnDecoder)>,
    /// places of the layout of which the statement gives nothing
    unread: Vec<usize>,
}

/// Why a line is no row.
enum NoRow {
    Line(DecodeError),
    Value(Error),
}

impl From<DecodeError> for NoRow {
    fn from(error: DecodeError) -> Self {
        Self::Line(error)
    }
}

impl TablePlan {
    /// The statement of a chunk.
    pub fn copy(&self, chunk: usize) -> String {
        let condition = split::condition(&self.split, chunk).map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        format!("COPY ({}{condition}) TO STDOUT", self.select)
    }

    /// A row of that statement.
    pub fn row(&self, line: Part<'_>, slab: &mut Slab) -> Result<Row> {
        let (mut row, fallbacks) = (blank(&self.schema), &self.schema.fallbacks);
        self.unread.iter().for_each(|place| row[*place] = fallbacks[*place].clone());
        copy_text_row(line, |number, text| {
            if let Some((place, decoder)) = self.fields.get(number) {
                row[*place] = match text {
                    Some(text) => decoder.text(text, slab).map_err(NoRow::Value)?,
                    None => fallbacks[*place].clone(),
                };
            }
            Ok(())
        })
        .map_err(|error| match error {
            NoRow::Line(error) => Error::fatal(format!("COPY of table {}: {error}", self.schema.id)),
            NoRow::Value(error) => error,
        })?;
        Ok(row)
    }

    /// What the ledger knows of it.
    pub fn open(&self) -> OpenTable {
        let (table, identity) = (self.schema.id.clone(), self.identity.clone());
        OpenTable { table, identity, split: self.split.clone(), done: self.done.clone() }
    }
}

/// Plans the reading of what the ledger has not of the `wanted` tables, in their order. As the
/// original for PostgreSQL, `snapshot.tables.order.by.row.count` changes nothing.
pub async fn plan(database: &mut Postgres, view: &mut View, wanted: &[Wanted], ledger: &Ledger) -> Result<Vec<TablePlan>> {
    let finished: HashSet<&TableId> = ledger.finished.iter().collect();
    let rest = wanted.iter().filter(|wanted| !finished.contains(&wanted.table));
    let statements: HashMap<&TableId, Option<&str>> =
        rest.clone().map(|wanted| (&wanted.table, wanted.statement.as_deref())).collect();
    let rest: Vec<TableId> = rest.map(|wanted| wanted.table.clone()).collect();
    let publication = database.config.publication.clone();
    let session = view.first()?;
    let facts = read_facts(session, &publication, &rest).await?;
    let tables = catalog::read_tables(session, &mut database.types, &rest).await?;
    let mut plans = Vec::with_capacity(tables.len());
    for table in tables {
        let Some(facts) = facts.get(&table.id) else { continue };
        let statement = statements.get(&table.id).copied().flatten();
        let schema = Arc::new(database.shaper.shape(table, &database.types)?);
        plans.push(plan_table(session, database, schema, statement, facts, ledger).await?);
    }
    Ok(plans)
}

async fn plan_table(
    session: &mut Connection,
    database: &Postgres,
    schema: Arc<TableSchema>,
    statement: Option<&str>,
    facts: &Facts,
    ledger: &Ledger,
) -> Result<TablePlan> {
    let (select, fields) = select(session, database, &schema, statement).await?;
    let resumable = facts.streamed && database.config.snapshot.moves_are_seen;
    let identity = resumable.then(|| format!("{}/{:016x}", facts.filenode, fingerprint(&select)));
    let known = ledger.open.iter().find(|open| open.table == schema.id);
    let (split, done) = match known {
        Some(known) if known.identity == identity => (known.split.clone(), known.done.clone()),
        known => {
            if known.is_some() {
                info!("Table '{}' was rewritten, or is read otherwise than before: it is read from its beginning", schema.id);
            }
            let split = match statement {
                Some(_) => Split::Whole,
                None => split_table(session, database, &schema, facts).await?,
            };
            (split, BTreeSet::new())
        }
    };
    let (names, rows, one_file) = (TableNames::from(&schema.id), facts.estimated_rows(), facts.one_file);
    let is_read = |place: &usize| fields.iter().any(|(read, _)| read == place);
    let unread = (0..schema.layout.len()).filter(|place| !is_read(place)).collect();
    Ok(TablePlan { schema, names, split, identity, done, rows, one_file, select, fields, unread })
}

async fn split_table(session: &mut Connection, database: &Postgres, schema: &TableSchema, facts: &Facts) -> Result<Split> {
    let config = &database.config.snapshot;
    let chunks = config.chunks_of(&schema.name);
    let most_blocks = (config.chunk_bytes / facts.block_size.max(1)).max(1);
    let rules = Rules { chunks, most_blocks, whole: config.whole_tables };
    if facts.plain && session.server_version() >= RANGES_OF_BLOCKS {
        return Ok(split::by_blocks(facts.blocks, rules));
    }
    match schema.table.key.first() {
        // one connection reads in the order of a plain scan
        Some(column) if chunks > 1 && !rules.whole => {
            let (kind, known) = key_values(session, &schema.id, column).await?;
            Ok(split::by_keys(column, &kind, known, rules))
        }
        _ => Ok(Split::Whole),
    }
}

async fn read_facts(session: &mut Connection, publication: &str, ids: &[TableId]) -> Result<HashMap<TableId, Facts>> {
    let mut facts = HashMap::new();
    for some in ids.chunks(TABLES_A_QUERY) {
        let name = |id: &TableId| {
            let schema = id.schema.as_deref().unwrap_or("public");
            format!("({}, {})", quote_literal(schema), quote_literal(&id.table))
        };
        let names = some.iter().map(name).collect::<Vec<_>>().join(", ");
        let sql = FACTS.replace("{publication}", &quote_literal(publication)).replace("{tables}", &names);
        let rows = session.query(&sql).await.map_err(|error| explain("reading the sizes of tables", error))?;
        for row in &rows {
            let number = |index: usize| row.text(index).parse::<u64>().unwrap_or(0);
            let known = Facts {
                plain: row.text(2) == "t",
                filenode: row.text(3).to_owned(),
                blocks: number(4),
                block_size: number(5),
                rows: row.text(6).parse().ok().filter(|rows| *rows > 0.0),
                pages: number(7),
                streamed: row.text(8) == "t",
                one_file: row.text(9) == "t",
            };
            facts.insert(TableId::in_schema(row.text(0), row.text(1)), known);
        }
    }
    Ok(facts)
}

/// Type of a column, and values of it that the server's statistics know, evenly spread, in order.
async fn key_values(session: &mut Connection, id: &TableId, column: &str) -> Result<(String, Vec<String>)> {
    let doing = format!("reading statistics of table {id}");
    let (table, column) = (quote_literal(&quote_table(id)), quote_literal(column));
    let sql = format!(
        "SELECT pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute \
         WHERE attrelid = CAST({table} AS regclass) AND attname = {column} AND attnum > 0"
    );
    let rows = session.query(&sql).await.map_err(|error| explain(&doing, error))?;
    let Some(kind) = rows.first().map(|row| row.text(0).to_owned()) else { return Ok((String::new(), Vec::new())) };
    let (schema, name) = (quote_literal(id.schema.as_deref().unwrap_or("public")), quote_literal(&id.table));
    let sql = format!(
        "SELECT value FROM unnest((SELECT CAST(CAST(histogram_bounds AS text) AS {kind}[]) FROM pg_catalog.pg_stats \
         WHERE schemaname = {schema} AND tablename = {name} AND attname = {column} ORDER BY inherited DESC LIMIT 1)) AS value ORDER BY value"
    );
    let rows = session.query(&sql).await.map_err(|error| explain(&doing, error))?;
    Ok((kind, rows.iter().map(|row| row.text(0).to_owned()).collect()))
}

/// Selects just the columns that somebody wants, from the user's own statement where there is one; and their decoders.
async fn select(
    session: &mut Connection,
    database: &Postgres,
    schema: &TableSchema,
    statement: Option<&str>,
) -> Result<(String, Vec<(usize, ColumnDecoder)>)> {
    let decoders = decoders(schema, &schema.table, &database.types);
    let wanted = schema.table.columns.iter().zip(decoders).filter_map(|(column, decoder)| Some((column.name.clone(), decoder?)));
    let mut wanted: Vec<_> = wanted.collect();
    let from = match statement {
        None => quote_table(&schema.id),
        Some(select) => {
            let select = select.trim().trim_end_matches(';');
            let offered = column_names(session, &schema.id, select).await?;
            wanted.retain(|(name, _)| {
                let there = offered.iter().any(|have| **have == **name);
                if !there {
                    warn!("The statement that the snapshot has for table {} gives no column '{name}'", schema.id);
                }
                there
            });
            format!("({select}) AS overridden")
        }
    };
    let columns: Vec<_> = wanted.iter().map(|(name, _)| quote_ident(name)).collect();
    let sql = format!("SELECT {} FROM {from}", columns.join(", "));
    Ok((sql, wanted.into_iter().map(|(_, field)| field).collect()))
}

/// Names of the columns that a statement gives.
async fn column_names(session: &mut Connection, id: &TableId, select: &str) -> Result<Vec<String>> {
    let described = session.describe(&format!("SELECT * FROM ({select}) AS overridden LIMIT 0")).await;
    described.map_err(|error| {
        let doing =
            format!("reading table {id} by the user's statement (snapshot.select.statement.overrides, or a signal's condition)");
        explain(&doing, error)
    })
}

/// FNV-1a: the same in every version of this program, as a stored text must be.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
