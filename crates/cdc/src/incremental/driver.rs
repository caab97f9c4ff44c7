//! Does what an incremental snapshot asks for next: reads chunks, emits what is left of a window, notifies.

use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{ErrorKind, Result};
use tracing::{error, info, warn};

use super::Step;
use super::reader::{ChunkRead, ChunkReader, Watermark};
use crate::change::{Change, Operation, RowChange};
use crate::dispatcher::Dispatcher;

/// Does the steps that wait. Called by a source wherever its stream may rest for as long as a chunk takes.
pub async fn drive(reader: &mut dyn ChunkReader, out: &mut Dispatcher) -> Result<()> {
    if !out.incremental().has_steps() {
        return Ok(());
    }
    while let Some(step) = out.incremental().next_step() {
        match step {
            Step::Resolve => resolve(reader, out).await?,
            Step::Begin => {
                resolve(reader, out).await?;
                let started = out.incremental().notify("STARTED");
                out.notify(&started);
                read_chunk(reader, out).await?;
            }
            Step::Emit => {
                emit_window(reader, out).await?;
                read_chunk(reader, out).await?;
            }
            Step::Read => read_chunk(reader, out).await?,
        }
        out.show_incremental();
    }
    // what has changed is stored although no record may tell it
    out.dispatch(Change::Progress { position: reader.position() }, 0)
}

async fn resolve(reader: &mut dyn ChunkReader, out: &mut Dispatcher) -> Result<()> {
    let known = reader.tables().await?;
    out.incremental().resolve(&known);
    out.note_incremental();
    Ok(())
}

/// Emits the rows that nothing in the stream has overtaken.
async fn emit_window(reader: &mut dyn ChunkReader, out: &mut Dispatcher) -> Result<()> {
    pass(Failpoint::WindowClosed);
    if out.incremental().drop_outdated() {
        info!("The table's shape has changed since its chunk was read: it is read again");
        return Ok(());
    }
    let Some((table, rows)) = out.incremental().take_window() else { return Ok(()) };
    out.read_clock();
    for row in rows {
        out.incremental().sent(&row.key);
        out.note_incremental();
        let origin = reader.origin(&table);
        let change = RowChange { operation: Operation::Read, table: table.clone(), before: None, after: Some(row.row), origin };
        out.dispatch(Change::Row(change), row.size)?;
        if out.is_full() {
            out.flush().await?;
        }
    }
    out.incremental().end_chunk();
    pass(Failpoint::ChunkEmitted);
    Ok(())
}

/// Reads the next chunk into the window, going on to the next table wherever one has no more rows.
async fn read_chunk(reader: &mut dyn ChunkReader, out: &mut Dispatcher) -> Result<()> {
    if let Some(aborted) = out.incremental().apply_stop() {
        out.notify(&aborted);
    }
    if !out.incremental().is_running() || out.incremental().is_paused() {
        return Ok(());
    }
    let window = out.incremental().begin_chunk().to_owned();
    if !mark(reader, Watermark::Open, &window, out).await? {
        return Ok(());
    }
    pass(Failpoint::WindowOpened);
    while let Some(scan) = out.incremental().scan() {
        let table = scan.collection.table.clone();
        let status = match reader.read(&scan).await {
            Ok(ChunkRead::Rows(chunk)) if !chunk.rows.is_empty() => {
                if scan.maximum.is_none() {
                    info!("Incremental snapshot for table '{table}' has its last key");
                }
                out.incremental().fill(chunk);
                let progress = out.incremental().in_progress();
                out.notify(&progress);
                pass(Failpoint::ChunkRead);
                break;
            }
            Ok(ChunkRead::Rows(_)) => {
                info!("No data returned by the query, incremental snapshotting of table '{table}' finished");
                "SUCCEEDED"
            }
            Ok(ChunkRead::Empty) => {
                info!(
                    "No maximum key returned by the query, incremental snapshotting of table '{table}' finished as it is empty"
                );
                "EMPTY"
            }
            Ok(ChunkRead::NoKey) => {
                warn!(
                    "Incremental snapshot for table '{table}' skipped because the table has no primary keys; name a column that \
                     orders its rows with the signal's 'surrogate-key', or a key with message.key.columns"
                );
                "NO_PRIMARY_KEY"
            }
            Ok(ChunkRead::UnknownTable) => {
                warn!(
                    "Incremental snapshot for table '{table}' skipped: there is no such table, or it is not captured \
                     (table.include.list, schema.include.list and the publication)"
                );
                "UNKNOWN_SCHEMA"
            }
            Err(error) if error.kind() != ErrorKind::Transient => {
                warn!("Incremental snapshot for table '{table}' skipped because it could not be read: {error}");
                "SQL_EXCEPTION"
            }
            Err(error) => return Err(error),
        };
        let done = out.incremental().finish_table(status);
        out.notify(&done);
        if !out.incremental().is_running() {
            let completed = out.incremental().completed();
            out.notify(&completed);
        }
    }
    mark(reader, Watermark::Close, &window, out).await?;
    Ok(())
}

/// Marks a window; where that is not possible, no incremental snapshot is, which is no reason to end the stream.
async fn mark(reader: &mut dyn ChunkReader, mark: Watermark, window: &str, out: &mut Dispatcher) -> Result<bool> {
    match reader.watermark(mark, window).await {
        Ok(()) => Ok(true),
        Err(failed) if failed.kind() != ErrorKind::Transient => {
            error!("The incremental snapshot is given up: {failed}");
            out.incremental().stop(None);
            if let Some(aborted) = out.incremental().apply_stop() {
                out.notify(&aborted);
            }
            Ok(false)
        }
        Err(failed) => Err(failed),
    }
}
