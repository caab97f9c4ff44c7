//! PostgreSQL's part in incremental snapshots: reads chunks, marks windows in the signal table, and knows which
//! transactions a chunk saw.
//!
//! What a chunk's rows wait for and when they are emitted is [`rowtide_cdc::incremental`]'s.

pub mod blocking;
mod key;
mod query;
mod visibility;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rowtide_api::{Error, ErrorKind, Result, ToOffset};
use rowtide_cdc::incremental::{Chunk, ChunkRead, ChunkReader, ChunkRow, Scan, Watermark};
use rowtide_cdc::{Origin, TableId, TableSchema};
use tokio::time::{Duration, Instant, sleep};

use crate::catalog;
use crate::client::{Connection, Row as SqlRow, quote_ident, quote_literal};
use crate::config::PostgresConfig;
use crate::database::Postgres;
use crate::errors::explain;
use crate::position::{Position, parse_lsn};
use crate::publication::quote_table;
use crate::relation::decoders;
use crate::session;
use crate::slab::Slab;
use crate::snapshot::locks;
use crate::source_block::{SnapshotMarker, TableNames};
use crate::values::ColumnDecoder;

use key::KeyColumn;
pub use visibility::{Seen, Streamed};

/// How long a commit may take from the log to other sessions' eyes: it waits for its synchronous standbys.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks whether it is there.
const VISIBLE_EVERY: Duration = Duration::from_millis(5);

/// What the stream keeps for incremental snapshots.
pub struct Chunks {
    session: Option<Connection>,
    /// transactions whose commits other sessions may not see yet
    pub streamed: Streamed,
    /// what the chunk that was read last saw
    pub seen: Option<Seen>,
    /// without marks: where in the log the window ends
    pub end: Option<u64>,
    /// all that was committed before this place in the log has been streamed
    pub reached: u64,
    /// text of the open mark's time, which the closing mark repeats
    opened: String,
}

impl Chunks {
    /// Nothing is read yet.
    pub fn new(start: u64) -> Self {
        Self { session: None, streamed: Streamed::default(), seen: None, end: None, reached: start, opened: String::new() }
    }

    /// A transaction begins, whose commit is at this place. Answers whether the chunk that was read last may not have seen it.
    pub fn begin(&mut self, xid: u32, commit: u64) -> bool {
        self.streamed.push(xid, commit);
        self.reached = self.reached.max(commit);
        self.seen.as_ref().is_some_and(|seen| !seen.saw(xid, commit))
    }

    /// Whether the stream has come to the end of a window that has no mark.
    pub fn is_window_over(&self) -> bool {
        self.end.is_some_and(|end| self.reached >= end)
    }

    /// Forgets streamed transactions that other sessions see by now.
    pub async fn look(&mut self, sql: &mut Connection) -> Result<()> {
        let doing = "looking which transactions are seen";
        let standby = sql.query(visibility::STANDBY).await.map_err(|error| explain(doing, error))?;
        let snapshot = sql.query(visibility::SNAPSHOT).await.map_err(|error| explain(doing, error))?;
        self.streamed.all_seen_by(&Seen::read(standby.first(), snapshot.first()));
        Ok(())
    }

    async fn session(&mut self, config: &PostgresConfig) -> Result<Connection> {
        match self.session.take() {
            Some(session) => Ok(session),
            None => session::open(config, session::GENERAL).await,
        }
    }

    /// Lets a session go back to work, unless what it did has failed in a way that ends it.
    fn keep<T>(&mut self, session: Connection, done: &Result<T>) {
        if !done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Transient) {
            self.session = Some(session);
        }
    }
}

/// Reads chunks at a place of the stream.
pub struct Reader<'a> {
    /// the database
    pub database: &'a mut Postgres,
    /// what is kept from chunk to chunk
    pub chunks: &'a mut Chunks,
    /// where the stream is
    pub position: &'a Position,
}

#[async_trait]
impl ChunkReader for Reader<'_> {
    async fn tables(&mut self) -> Result<Vec<TableId>> {
        let captured = self.database.captured_tables().await?;
        Ok(captured.into_iter().filter(|id| !self.database.filters.is_signal_table(id)).collect())
    }

    async fn watermark(&mut self, mark: Watermark, window: &str) -> Result<()> {
        let mut session = self.chunks.session(&self.database.config).await?;
        let done = match self.database.config.signal_table.clone() {
            Some(table) => self.mark(&mut session, &table, mark, window).await,
            None => self.note_end(&mut session, mark).await,
        };
        self.chunks.keep(session, &done);
        done
    }

    async fn read(&mut self, scan: &Scan) -> Result<ChunkRead> {
        let mut session = self.chunks.session(&self.database.config).await?;
        let read = self.read_with(&mut session, scan).await;
        self.chunks.keep(session, &read);
        read
    }

    fn position(&self) -> Arc<dyn ToOffset> {
        self.shared_position()
    }

    /// A row of an incremental snapshot has no LSN and no transaction of its own; its time is that of its emission.
    fn origin(&self, table: &TableSchema) -> Origin {
        let names = TableNames::from(&table.id);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let at = Position { micros: i64::try_from(now).ok(), ..self.position.clone() };
        let source = self.database.block.block(&at, SnapshotMarker::Incremental, &names, &mut Slab::default());
        Origin { position: self.position(), source, transaction: None }
    }
}

impl Reader<'_> {
    fn shared_position(&self) -> Arc<dyn ToOffset> {
        Arc::new(self.position.clone())
    }

    /// Writes a mark into the signal table.
    async fn mark(&mut self, session: &mut Connection, table: &TableId, mark: Watermark, window: &str) -> Result<()> {
        let name = quote_table(table);
        let now = jiff::Timestamp::now().to_string();
        let sql = match mark {
            Watermark::Open => {
                let data = format!("{{\"openWindowTimestamp\": \"{now}\"}}");
                self.chunks.opened = now;
                format!("INSERT INTO {name} VALUES ('{window}-open', 'snapshot-window-open', {})", quote_literal(&data))
            }
            Watermark::Close if self.database.config.mark_deletes => {
                let tables = catalog::read_tables(session, &mut self.database.types, std::slice::from_ref(table)).await?;
                let id = tables.first().and_then(|table| table.columns.first()).map_or("id", |column| &column.name);
                format!("DELETE FROM {name} WHERE {} = '{window}-open'", quote_ident(id))
            }
            Watermark::Close => {
                let opened = &self.chunks.opened;
                let data = format!("{{\"openWindowTimestamp\": \"{opened}\", \"closeWindowTimestamp\": \"{now}\"}}");
                format!("INSERT INTO {name} VALUES ('{window}-close', 'snapshot-window-close', {})", quote_literal(&data))
            }
        };
        session.execute(&sql).await.map_err(|error| {
            explain(&format!("marking a chunk in the signal table {table}"), error).remedy(
                "the connector's user needs INSERT on it (and DELETE with insert_delete), and it needs three columns of text; \
                 read.only=true does without marks",
            )
        })
    }

    /// Without marks a window ends where the log is once the chunk is read.
    async fn note_end(&mut self, session: &mut Connection, mark: Watermark) -> Result<()> {
        if mark == Watermark::Close {
            let sql = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
                 ELSE pg_catalog.pg_current_wal_insert_lsn() END";
            let rows = session.query(sql).await.map_err(|error| explain("reading the position of the log", error))?;
            self.chunks.end = Some(rows.first().and_then(|row| row.get(0).and_then(parse_lsn)).unwrap_or(0));
        }
        Ok(())
    }

    async fn read_with(&mut self, session: &mut Connection, scan: &Scan) -> Result<ChunkRead> {
        let id = table_id(&scan.collection.table);
        if !self.database.filters.is_captured(&id) {
            return Ok(ChunkRead::UnknownTable);
        }
        let _watch = locks::watch(&self.database.config, std::slice::from_ref(session));
        let begin = begin_with(session, &id).await?;
        let read = match self.open(session, &begin).await {
            Ok(seen) => {
                self.chunks.seen = Some(seen);
                self.read_in_transaction(session, &id, scan).await
            }
            Err(error) => Err(error),
        };
        // after an error the transaction ends no other way
        let ended = session.execute("ROLLBACK").await.map_err(|error| explain("ending the reading of a chunk", error));
        let read = read?;
        ended.map(|()| read)
    }

    /// Opens a transaction that sees all that the stream has told. The server streams a transaction as soon as its
    /// commit is in the log, a moment before other sessions see it; a chunk read in that moment would be old and come after
    /// it.
    async fn open(&mut self, session: &mut Connection, begin: &str) -> Result<Seen> {
        let doing = "opening a transaction that sees what was streamed";
        let mut given_up = None;
        loop {
            let before = session.query(visibility::STANDBY).await.map_err(|error| explain(doing, error))?;
            session.execute(begin).await.map_err(|error| explain(&format!("executing {begin}"), error))?;
            let now = session.query(visibility::SNAPSHOT).await.map_err(|error| explain(doing, error))?;
            let seen = Seen::read(before.first(), now.first());
            if self.chunks.streamed.all_seen_by(&seen) {
                return Ok(seen);
            }
            session.execute("ROLLBACK").await.map_err(|error| explain(doing, error))?;
            // what the first wait for a lock took does not count
            if Instant::now() >= *given_up.get_or_insert_with(|| Instant::now() + VISIBLE_WITHIN) {
                return Err(Error::transient("a transaction that was streamed is not visible to other sessions after a minute")
                    .remedy("a synchronous standby (synchronous_standby_names) holds commits back: see to it"));
            }
            sleep(VISIBLE_EVERY).await;
        }
    }

    async fn read_in_transaction(&mut self, session: &mut Connection, id: &TableId, scan: &Scan) -> Result<ChunkRead> {
        let database = &mut *self.database;
        let tables = catalog::read_tables(session, &mut database.types, std::slice::from_ref(id)).await?;
        let Some(table) = tables.into_iter().next() else { return Ok(ChunkRead::UnknownTable) };
        let schema = Arc::new(database.shaper.shape(table, &database.types)?);
        let Some(keys) = key::columns(&schema, scan.collection.surrogate_key.as_deref(), &database.types) else {
            return Ok(ChunkRead::NoKey);
        };
        let doing = format!("reading a chunk of {id}");
        let condition = scan.collection.condition.as_deref();
        let maximum = match scan.maximum.clone().filter(|key| key.len() == keys.len()) {
            Some(maximum) => maximum,
            None => {
                let rows = session.query(&query::maximum(id, &keys, condition)).await;
                match rows.map_err(|error| explain(&doing, error))?.first() {
                    Some(row) => key::values(&keys, row, 0).into(),
                    None => return Ok(ChunkRead::Empty),
                }
            }
        };
        let after = scan.after.clone().filter(|key| key.len() == keys.len());
        let wanted: Vec<_> = schema.table.columns.iter().zip(decoders(&schema, &schema.table, &database.types)).collect();
        let names: Vec<&str> = wanted.iter().filter(|(_, decoder)| decoder.is_some()).map(|(column, _)| &*column.name).collect();
        let bounds = query::Bounds { keys: &keys, after: after.as_deref(), maximum: &maximum, condition };
        let sql = query::chunk(id, &names, &bounds, database.config.chunk_size);
        let rows = session.query(&sql).await.map_err(|error| explain(&doing, error))?;
        let decoders: Vec<_> = wanted.into_iter().filter_map(|(_, decoder)| decoder).collect();
        let mut slab = Slab::default();
        let rows = rows.iter().map(|row| chunk_row(row, &schema, &decoders, &keys, &mut slab)).collect::<Result<_>>()?;
        Ok(ChunkRead::Rows(Chunk { table: schema, maximum, rows }))
    }
}

/// Begins a chunk's transaction with a lock on its table, if there is such a table and the user may lock it: a lock wants
/// SELECT on the table as a whole. It has to come before the snapshot (PostgreSQL manual, "LOCK"). A table that is
/// rewritten or truncated in between looks empty (manual, "Caveats" of "Concurrency Control"), and its columns are no
/// longer those that the catalogs tell of in that snapshot.
async fn begin_with(session: &mut Connection, id: &TableId) -> Result<String> {
    let rows =
        session.query(&query::may_lock(id)).await.map_err(|error| explain("looking whether a table can be locked", error))?;
    Ok(match rows.is_empty() {
        true => visibility::BEGIN.to_owned(),
        false => format!("{}; {}", visibility::BEGIN, locks::lock_statement(id)),
    })
}

/// The columns of the row come first, those of the key after them.
fn chunk_row(
    row: &SqlRow,
    schema: &TableSchema,
    decoders: &[(usize, ColumnDecoder)],
    keys: &[KeyColumn],
    slab: &mut Slab,
) -> Result<ChunkRow> {
    let mut values = schema.fallbacks.clone();
    let mut size = 0;
    for (index, (place, decoder)) in decoders.iter().enumerate() {
        if let Some(text) = row.bytes(index) {
            size += text.len();
            values[*place] = decoder.text((&text).into(), slab)?;
        }
    }
    Ok(ChunkRow { row: values, key: key::values(keys, row, decoders.len()), size })
}

/// `schema.table`, as signals and offsets name it.
fn table_id(name: &str) -> TableId {
    match name.split_once('.') {
        Some((schema, table)) => TableId::in_schema(schema, table),
        None => TableId::in_schema("public", name),
    }
}
