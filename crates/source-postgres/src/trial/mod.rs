//! A planned change of tables, tried on empty copies of them in a transaction that is rolled back: what records it would make.
//!
//! The copies are temporary tables, made by `CREATE TABLE … (LIKE …)`: of the tables themselves that takes the lock that a SELECT takes, and no
//! right beyond SELECT. Statements meet them because `pg_temp` comes first in the search path, and because names with a schema are led there
//! (`ddl`). What schemas and records look like is nobody's here: catalogs, shapes and envelopes are those of the stream.

mod copies;
mod ddl;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rowtide_api::{Error, OffsetMap, Props, Result, SourcePartition, SourceRecord, TaskContext, Trial, TrialTable};
use rowtide_cdc::envelope::Emitter;
use rowtide_cdc::filters::TableFilters;
use rowtide_cdc::shape::TableShaper;
use rowtide_cdc::{Change, Operation, Origin, RowChange, Table, TableId};

use crate::client::{ClientError, Connection};
use crate::config::PostgresConfig;
use crate::database::{KIND, is_builtin};
use crate::errors::explain;
use crate::options::postgres_config_def;
use crate::position::Position;
use crate::slab::Slab;
use crate::source_block::{SnapshotMarker, SourceBlock, TableNames};
use crate::types::{PgTypes, TypeOptions, TypeRegistry};
use crate::{catalog, session};
use copies::Copies;

/// How long the transaction may be idle or a statement may run: catalogs are all that is touched.
const LONGEST: Duration = Duration::from_secs(30);

/// A table's name and form; none: it is not there.
type Form = Option<Table>;

/// Tries it. `patience`: how long a lock may be waited for.
pub async fn run(props: &Props, script: &str, patience: Duration) -> Result<Trial> {
    let options = postgres_config_def().read(props);
    let config = PostgresConfig::read(&options)?;
    let statements = ddl::statements(script)?;
    if statements.is_empty() {
        return Err(
            Error::configuration("there is no statement in it").remedy("write statements such as ALTER TABLE … ADD COLUMN …")
        );
    }
    let mut sql = session::open(&config, session::VALIDATION).await?;
    let mut types = PgTypes::new(TypeRegistry::default(), TypeOptions::read(&options)?);
    let millis = |duration: Duration| duration.as_millis();
    let begin = format!(
        "BEGIN READ WRITE; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
        millis(patience),
        millis(LONGEST),
        millis(LONGEST)
    );
    execute(&mut sql, "beginning a transaction", &begin).await?;
    let mut dresser = Dresser::new(props, &config)?;
    let tried = tried(&mut sql, &mut types, &mut dresser, &statements).await;
    // if this fails the session ends, and the transaction with it
    let rolled_back = execute(&mut sql, "rolling back", "ROLLBACK").await;
    let tried = tried?;
    rolled_back?;
    Ok(tried)
}

async fn tried(
    sql: &mut Connection,
    types: &mut PgTypes,
    dresser: &mut Dresser,
    statements: &[ddl::Statement<'_>],
) -> Result<Trial> {
    let mut copies = Copies::make(sql, statements).await?;
    let ids: Vec<TableId> = copies.tables.iter().map(|copy| copy.id.clone()).collect();
    let real = catalog::read_tables(sql, types, &ids).await?;
    let mut before = Vec::with_capacity(ids.len());
    for id in &ids {
        let table = real.iter().find(|table| table.id == *id).cloned();
        before.push(dresser.record(table, types)?);
    }
    let mut notes = std::mem::take(&mut copies.notes);
    for statement in statements {
        notes.extend(copies.apply(sql, statement).await?);
    }
    copies.check_locks(sql).await?;
    // the statements may have altered them
    *types.registry_mut() = TypeRegistry::default();
    let forms = copies.forms(sql, types).await?;
    let mut before = before.into_iter();
    let mut tables = Vec::new();
    for (old, form) in forms {
        let captured = |id: &TableId| dresser.filters.is_captured(id);
        let mut notes = Vec::new();
        match (&old, &form) {
            (None, Some(table)) if !captured(&table.id) => notes.push(not_captured(&table.id)),
            (Some(old), Some(table)) if captured(old) && !captured(&table.id) => {
                notes.push(format!("{}: its changes would come no more", not_captured(&table.id)));
            }
            (Some(old), None) if captured(old) => notes.push("dropped: its topic and subjects stay as they are".to_owned()),
            (Some(old), _) if !captured(old) => notes.push(not_captured(old)),
            _ => {}
        }
        let name = old.as_ref().or(form.as_ref().map(|table| &table.id)).map(ToString::to_string).unwrap_or_default();
        let renamed = form.as_ref().map(|table| table.id.to_string()).filter(|new| *new != name);
        let before = if old.is_some() { before.next().flatten() } else { None };
        let after = dresser.record(form, types)?;
        tables.push(TrialTable { table: name, renamed, before, after, notes });
    }
    Ok(Trial { tables, notes })
}

fn not_captured(id: &TableId) -> String {
    format!("{id} is not captured: table.include.list and its like leave it out")
}

async fn execute(sql: &mut Connection, doing: &str, statement: &str) -> Result<()> {
    sql.execute(statement).await.map_err(|error| failed(doing, error))
}

/// What went wrong, with the remedy that goes with this command.
fn failed(doing: &str, error: ClientError) -> Error {
    let remedy = match error.sqlstate() {
        Some("42501") => {
            "the user of the configuration lacks a right: it needs SELECT on the tables and GRANT TEMPORARY ON DATABASE … (enumerations are altered by \
             their owners only); or name another user: -C database.user=… -C database.password=…"
        }
        Some("55P03") => {
            "somebody holds a lock on the table, see pg_locks: try again later, or wait longer with --lock-timeout-ms. Nothing was changed"
        }
        Some("25006") => "this server only reads (a standby): name the primary, -C database.hostname=… -C database.port=…",
        Some(state) if state.starts_with("42") || state.starts_with("22") || state == "0A000" => {
            "correct the statement: the server refuses it as it stands. Nothing was changed"
        }
        _ => return explain(doing, error),
    };
    Error::configuration(format!("{doing}: {error}")).remedy(remedy)
}

/// Makes records of tables, as the stream does.
struct Dresser {
    filters: TableFilters,
    shaper: TableShaper,
    emitter: Emitter,
    block: SourceBlock,
}

impl Dresser {
    fn new(props: &Props, config: &PostgresConfig) -> Result<Self> {
        let options = postgres_config_def().read(props);
        let block = SourceBlock::new(&config.prefix, &config.connect.dbname);
        let mut map = OffsetMap::default();
        map.set("server", config.prefix.as_str());
        let context = TaskContext {
            connector: props.get("name").unwrap_or_default().to_owned(),
            task: 0,
            config: props.clone(),
            offsets: Vec::new(),
            scratch: PathBuf::new(),
            progress: rowtide_api::SharedProgress::default(),
        };
        let partition = Arc::new(SourcePartition { index: 0, map });
        Ok(Self {
            filters: TableFilters::read(&options)?.ignoring(is_builtin, &options),
            shaper: TableShaper::read(&options, block.schema().clone())?,
            emitter: Emitter::read(&options, &context, KIND, partition, block.schema().clone())?,
            block,
        })
    }

    /// A record of a made-up row: null where that is allowed, else the default or the type's zero. None: the table is not there or not
    /// captured.
    fn record(&mut self, form: Form, types: &PgTypes) -> Result<Option<SourceRecord>> {
        let Some(mut table) = form.filter(|table| self.filters.is_captured(&table.id)) else { return Ok(None) };
        // the stream does not have them
        table.columns.retain(|column| !column.generated);
        let names = TableNames::from(&table.id);
        let schema = Arc::new(self.shaper.shape(table, types)?);
        let position = Position::default();
        let source = self.block.block(&position, SnapshotMarker::False, &names, &mut Slab::default());
        let origin = Origin { position: Arc::new(position), source, transaction: None };
        let after = Some(schema.fallbacks.clone());
        let change = RowChange { operation: Operation::Read, table: schema, before: None, after, origin };
        let mut out = Vec::new();
        self.emitter.emit(Change::Row(change), &mut out)?;
        Ok(out.into_iter().next())
    }
}
