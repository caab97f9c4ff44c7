//! `GET` and `POST /connectors`.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rowtide_api::Props;
use rowtide_runtime::herder::TargetState;
use serde_json::{Map, Value};

use crate::Rest;
use crate::body::{Body, Node};
use crate::errors::{ApiError, Result};
use crate::location::location;

/// `GET /connectors`, with `expand=info` and `expand=status` the definitions and states as well.
pub async fn list(State(rest): State<Rest>, Query(query): Query<Vec<(String, String)>>) -> Result<Json<Value>> {
    let names = rest.herder.connectors().await;
    let expand = |what: &str| query.iter().any(|(name, value)| name == "expand" && value == what);
    if !query.iter().any(|(name, _)| name == "expand") {
        return Ok(Json(Value::from(names)));
    }
    let mut all = Map::new();
    for name in names {
        let mut one = Map::new();
        if expand("status") {
            match rest.herder.status(&name).await {
                Ok(status) => one.insert("status".to_owned(), json(&status)?),
                Err(error) if error.status == 404 => continue, // deleted meanwhile
                Err(error) => return Err(error.into()),
            };
        }
        if expand("info") {
            match rest.herder.info(&name).await {
                Ok(info) => one.insert("info".to_owned(), json(&info)?),
                Err(error) if error.status == 404 => continue,
                Err(error) => return Err(error.into()),
            };
        }
        all.insert(name, Value::Object(one));
    }
    Ok(Json(Value::Object(all)))
}

fn json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| ApiError::internal(error.to_string()))
}

/// `POST /connectors`
pub async fn create(State(rest): State<Rest>, headers: HeaderMap, body: Body) -> Result<Response> {
    let request = CreateRequest::read(&body)?;
    let config = with_name(&request.name, request.config)?;
    let (_, info) = rest.herder.put(&request.name, config, request.initial, false).await?;
    let place = location(&headers, &rest, &info.name);
    Ok((StatusCode::CREATED, place, Json(info)).into_response())
}

/// Fills the name in, or refuses one that contradicts the request.
pub fn with_name(name: &str, mut config: Props) -> Result<Props> {
    match config.get("name") {
        Some(included) if included != name => Err(ApiError::bad_request(format!(
            "Connector name configuration ({included}) doesn't match connector name in the URL ({name})"
        ))),
        Some(_) => Ok(config),
        None => {
            config.set("name", name);
            Ok(config)
        }
    }
}

struct CreateRequest {
    name: String,
    config: Props,
    initial: Option<TargetState>,
}

impl CreateRequest {
    const CLASS: &str = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest";

    fn read(body: &Body) -> Result<Self> {
        let root = body.root()?.ok_or_else(|| {
            ApiError::bad_request("The request has no body: a connector is created from {\"name\": …, \"config\": {…}}")
        })?;
        let (mut name, mut config, mut initial) = (None, None, None);
        for (key, value) in root.members(Self::CLASS)? {
            match key.as_str() {
                "name" => name = value.text()?,
                "config" if value.is_null() => {}
                "config" => config = Some(value.config()?),
                "initial_state" => initial = initial_state(&value)?,
                _ => return Err(root.unrecognized(Self::CLASS, &key, &["config", "name", "initial_state"])),
            }
        }
        let missing = "The request has no \"config\": the connector's configuration is missing";
        let config = config.ok_or_else(|| ApiError::bad_request(missing))?;
        Ok(Self { name: name.unwrap_or_default().trim().to_owned(), config, initial })
    }
}

fn initial_state(value: &Node<'_>) -> Result<Option<TargetState>> {
    let Some(word) = value.text()? else { return Ok(None) };
    match word.to_uppercase().as_str() {
        "RUNNING" => Ok(Some(TargetState::Started)),
        "PAUSED" => Ok(Some(TargetState::Paused)),
        "STOPPED" => Ok(Some(TargetState::Stopped)),
        _ => Err(value.no_constant(&format!("{}$InitialState", CreateRequest::CLASS), &word)),
    }
}
