//! `/connectors/{c}/offsets`.

use axum::Json;
use axum::extract::{Path, State};
use rowtide_api::OffsetMap;
use rowtide_runtime::offsets::json;
use serde::Serialize;
use serde_json::Value;

use crate::Rest;
use crate::body::{self, Body, Chain};
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
pub async fn alter(State(rest): State<Rest>, Path(name): Path<String>, Body(body): Body) -> Result<Json<Message>> {
    let offsets = read(body)?;
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
fn read(body: Option<Value>) -> Result<Vec<(OffsetMap, Option<OffsetMap>)>> {
    let mut entries = Vec::new();
    let Some(body) = body else { return Ok(entries) };
    let chain = Chain::default();
    for (key, value) in body::object(&body, OFFSETS, &chain)? {
        let within = chain.member(OFFSETS, key);
        match value {
            _ if key != "offsets" => return Err(chain.unrecognized(OFFSETS, key, &["offsets"])),
            Value::Null => {}
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    entries.push(entry(item, &within.element(index))?);
                }
            }
            other => return Err(within.mismatch(&format!("java.util.ArrayList<{OFFSET}>"), other)),
        }
    }
    Ok(entries)
}

fn entry(item: &Value, chain: &Chain) -> Result<(OffsetMap, Option<OffsetMap>)> {
    let (mut partition, mut offset) = (None, None);
    for (key, value) in body::object(item, OFFSET, chain)? {
        let map = if value.is_null() { None } else { Some(map(value, &chain.member(OFFSET, key))?) };
        match key.as_str() {
            "partition" => partition = map,
            "offset" => offset = map,
            _ => return Err(chain.unrecognized(OFFSET, key, &["partition", "offset"])),
        }
    }
    let partition =
        partition.ok_or_else(|| ApiError::bad_request("The partition for an offset entry cannot be null or missing"))?;
    Ok((partition, offset))
}

fn map(value: &Value, chain: &Chain) -> Result<OffsetMap> {
    let object = body::object(value, "java.util.LinkedHashMap<java.lang.String,java.lang.Object>", chain)?;
    json::from_object(object).map_err(|error| ApiError::bad_request(error.message()))
}
