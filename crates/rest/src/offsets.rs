//! `/connectors/{c}/offsets`.

use axum::Json;
use axum::extract::{Path, State};
use rowtide_api::OffsetMap;
use rowtide_runtime::offsets::json;
use serde::Serialize;
use serde_json::Value;

use crate::Rest;
use crate::body::{Body, Node};
use crate::errors::{ApiError, Result};

/// Connect's `ConnectorOffset`.
#[derive(Serialize)]
pub struct ConnectorOffset {
    partition: Value,
    offset: Value,
}

/// Connect's `ConnectorOffsets`.
#[derive(Serialize)]
pub struct ConnectorOffsets {
    offsets: Vec<ConnectorOffset>,
}

/// Connect's `Message`.
#[derive(Serialize)]
pub struct Message {
    message: String,
}

/// `GET`
pub async fn get(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<ConnectorOffsets>> {
    let stored = rest.herder.offsets(&name).await?;
    let entry = |(partition, offset): &(OffsetMap, OffsetMap)| ConnectorOffset {
        partition: json::to_json(partition),
        offset: json::to_json(offset),
    };
    Ok(Json(ConnectorOffsets { offsets: stored.iter().map(entry).collect() }))
}

/// `PATCH`
pub async fn alter(State(rest): State<Rest>, Path(name): Path<String>, body: Body) -> Result<Json<Message>> {
    let offsets = read(&body)?;
    if offsets.is_empty() {
        return Err(ApiError::bad_request("Partitions / offsets need to be provided for an alter offsets request"));
    }
    Ok(Json(Message { message: rest.herder.alter_offsets(&name, offsets).await? }))
}

/// `DELETE`
pub async fn reset(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<Message>> {
    Ok(Json(Message { message: rest.herder.reset_offsets(&name).await? }))
}

const OFFSETS: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets";
const OFFSET: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset";

/// The entries; empty when there is no list.
fn read(body: &Body) -> Result<Vec<(OffsetMap, Option<OffsetMap>)>> {
    let mut entries = Vec::new();
    let Some(root) = body.root()? else { return Ok(entries) };
    for (key, value) in root.members(OFFSETS)? {
        if key != "offsets" {
            return Err(root.unrecognized(OFFSETS, &key, &["offsets"]));
        }
        for item in value.elements(&format!("java.util.ArrayList<{OFFSET}>"))? {
            entries.push(entry(&item)?);
        }
    }
    Ok(entries)
}

fn entry(item: &Node<'_>) -> Result<(OffsetMap, Option<OffsetMap>)> {
    let (mut partition, mut offset) = (None, None);
    for (key, value) in item.members(OFFSET)? {
        match key.as_str() {
            "partition" => partition = map(&value)?,
            "offset" => offset = map(&value)?,
            _ => return Err(item.unrecognized(OFFSET, &key, &["partition", "offset"])),
        }
    }
    let missing = "The partition for an offset entry cannot be null or missing";
    Ok((partition.ok_or_else(|| ApiError::bad_request(missing))?, offset))
}

fn map(value: &Node<'_>) -> Result<Option<OffsetMap>> {
    if value.is_null() {
        return Ok(None);
    }
    let class = "java.util.LinkedHashMap<java.lang.String,java.lang.Object>";
    let Value::Object(object) = value.value()? else { return Err(value.mismatch(class)) };
    json::from_object(&object).map(Some).map_err(|error| ApiError::bad_request(error.message()))
}
