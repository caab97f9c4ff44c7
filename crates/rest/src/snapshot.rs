//! `/connectors/{c}/snapshot`, which Connect does not have: how far its snapshots are, in place of Debezium's JMX.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Path, State};
use rowtide_api::{IncrementalProgress, SnapshotProgress, TableProgress};
use serde_json::{Value, json};

use crate::Rest;
use crate::errors::Result;

/// `GET`: for each task the last snapshot of whole tables, and the incremental one that is under way.
pub async fn progress(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<Value>> {
    let tasks = rest.herder.snapshots(&name).await?;
    let (now, clock) = (Instant::now(), SystemTime::now());
    let tasks: Vec<Value> = tasks.iter().enumerate().map(|(id, task)| task_json(id, task, now, clock)).collect();
    Ok(Json(json!({ "name": name, "tasks": tasks })))
}

fn task_json(id: usize, progress: &SnapshotProgress, now: Instant, clock: SystemTime) -> Value {
    json!({
        "id": id,
        "status": progress.status.as_str(),
        "kind": progress.kind.map(|kind| kind.as_str()),
        "started_ms": progress.started.map(millis),
        "ended_ms": progress.ended.map(millis),
        "rows": progress.rows(),
        "tables_finished": progress.tables_finished(),
        "eta_seconds": progress.left(clock).map(seconds),
        "tables": progress.tables.iter().map(|table| table_json(table, now)).collect::<Vec<_>>(),
        "incremental": progress.incremental.as_ref().map(incremental_json),
    })
}

fn table_json(table: &TableProgress, now: Instant) -> Value {
    let status = match (table.finished, table.started) {
        (true, _) => "finished",
        (false, Some(_)) => "reading",
        (false, None) => "waiting",
    };
    json!({
        "table": table.table,
        "status": status,
        "rows": table.rows,
        "estimated_rows": table.estimated,
        // a share of a table is no more exact than its estimate
        "share": table.share().map(|share| (share * 1000.0).round() / 1000.0),
        "chunks": table.chunks,
        "chunks_done": table.chunks_done,
        "eta_seconds": table.left(now).map(seconds),
    })
}

fn incremental_json(progress: &IncrementalProgress) -> Value {
    json!({
        "status": if progress.paused { "paused" } else { "running" },
        "signal": progress.signal,
        "tables": progress.tables,
        "rows": progress.rows,
        "window_open": progress.window_open,
    })
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn seconds(left: Duration) -> u64 {
    left.as_secs_f64().ceil() as u64
}
