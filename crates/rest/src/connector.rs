//! One connector: its definition, configuration, state, tasks and topics.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rowtide_runtime::herder::distributed::peer;
use rowtide_runtime::herder::{ConnectorInfo, ConnectorStateInfo, SignedCall, TargetState, TaskId, TaskStatus};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Rest;
use crate::body::Body;
use crate::connectors::with_name;
use crate::errors::{ApiError, Result};
use crate::location::location;

/// `GET /connectors/{c}`
pub async fn info(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<ConnectorInfo>> {
    Ok(Json(rest.herder.info(&name).await?))
}

/// `DELETE /connectors/{c}`
pub async fn delete(State(rest): State<Rest>, Path(name): Path<String>) -> Result<StatusCode> {
    rest.herder.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /connectors/{c}/config`
pub async fn config(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<Map<String, Value>>> {
    Ok(Json(rest.herder.info(&name).await?.config))
}

/// `PUT /connectors/{c}/config`
pub async fn put_config(State(rest): State<Rest>, Path(name): Path<String>, headers: HeaderMap, body: Body) -> Result<Response> {
    let config = with_name(&name, body.root()?.ok_or_else(no_config)?.config()?)?;
    let (created, info) = rest.herder.put(&name, config, None, true).await?;
    if created {
        let place = location(&headers, &rest, &info.name);
        return Ok((StatusCode::CREATED, place, Json(info)).into_response());
    }
    Ok(Json(info).into_response())
}

/// `PATCH /connectors/{c}/config`
pub async fn patch_config(State(rest): State<Rest>, Path(name): Path<String>, body: Body) -> Result<Json<ConnectorInfo>> {
    let changes = body.root()?.map(|root| root.text_map()).transpose()?;
    // an unknown connector is reported before a missing body, as Connect does
    rest.herder.info(&name).await?;
    let changes = changes.ok_or_else(no_config)?;
    Ok(Json(rest.herder.patch(&name, changes).await?))
}

fn no_config() -> ApiError {
    ApiError::bad_request("The request has no body: a JSON object of the connector's configuration is needed")
}

/// `GET /connectors/{c}/status`
pub async fn status(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<ConnectorStateInfo>> {
    Ok(Json(rest.herder.status(&name).await?))
}

/// An entry of `GET /connectors/{c}/tasks`.
#[derive(Serialize)]
pub struct TaskInfo {
    id: TaskId,
    config: Map<String, Value>,
}

/// `GET /connectors/{c}/tasks`
pub async fn tasks(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<Vec<TaskInfo>>> {
    let configs = rest.herder.task_configs(&name).await?;
    let info = |(task, config): (usize, &rowtide_api::Props)| TaskInfo {
        id: TaskId { connector: name.clone(), task },
        config: config.iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect(),
    };
    Ok(Json(configs.iter().enumerate().map(info).collect()))
}

/// `POST /connectors/{c}/tasks`: from the worker that has the connector to the leader.
pub async fn submit_tasks(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode> {
    let missing = || ApiError::bad_request("The request has no body: a JSON list of task configurations is needed");
    let list = body.root()?.ok_or_else(missing)?;
    let class = "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>";
    let tasks = list.elements(class)?.iter().map(|task| task.config()).collect::<Result<Vec<_>>>()?;
    rest.herder.submit_tasks(&name, tasks, signed_call(&headers, &body)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /connectors/{c}/fence`: from a worker that is to start a task of it, to the leader.
pub async fn fence(State(rest): State<Rest>, Path(name): Path<String>, headers: HeaderMap, body: Body) -> Result<StatusCode> {
    rest.herder.fence(&name, signed_call(&headers, &body)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn signed_call(headers: &HeaderMap, body: &Body) -> SignedCall {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    SignedCall { signature: header(peer::SIGNATURE), algorithm: header(peer::SIGNATURE_ALGORITHM), body: body.bytes().to_vec() }
}

/// `GET /connectors/{c}/tasks/{t}/status`
pub async fn task_status(State(rest): State<Rest>, Path((name, task)): Path<(String, String)>) -> Result<Json<TaskStatus>> {
    let task = task_number(&task)?;
    let missing = || ApiError::not_found(format!("No status found for task {name}-{task}"));
    let state = match rest.herder.status(&name).await {
        Ok(state) => state,
        Err(error) if error.status == 404 => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    state.tasks.into_iter().find(|status| status.id == task).map(Json).ok_or_else(missing)
}

/// `POST /connectors/{c}/tasks/{t}/restart`
pub async fn restart_task(State(rest): State<Rest>, Path((name, task)): Path<(String, String)>) -> Result<StatusCode> {
    rest.herder.restart_task(&name, task_number(&task)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn task_number(text: &str) -> Result<usize> {
    text.parse().map_err(|_| ApiError::of_status(StatusCode::NOT_FOUND))
}

/// `POST /connectors/{c}/restart`
pub async fn restart(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response> {
    let flag = |wanted: &str| query.iter().any(|(name, value)| name == wanted && value.eq_ignore_ascii_case("true"));
    let (include_tasks, only_failed) = (flag("includeTasks"), flag("onlyFailed"));
    let plan = rest.herder.restart(&name, include_tasks, only_failed).await?;
    if !include_tasks && !only_failed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let plan = match plan {
        Some(plan) => plan,
        None => rest.herder.status(&name).await?,
    };
    Ok((StatusCode::ACCEPTED, Json(plan)).into_response())
}

/// `PUT /connectors/{c}/pause`
pub async fn pause(State(rest): State<Rest>, Path(name): Path<String>) -> Result<StatusCode> {
    rest.herder.set_target_state(&name, TargetState::Paused).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{c}/resume`
pub async fn resume(State(rest): State<Rest>, Path(name): Path<String>) -> Result<StatusCode> {
    rest.herder.set_target_state(&name, TargetState::Started).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{c}/stop`
pub async fn stop(State(rest): State<Rest>, Path(name): Path<String>) -> Result<StatusCode> {
    rest.herder.set_target_state(&name, TargetState::Stopped).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /connectors/{c}/topics`
pub async fn topics(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<Value>> {
    let topics = rest.herder.topics(&name).await?;
    let mut answer = Map::new();
    answer.insert(name, json!({ "topics": topics }));
    Ok(Json(Value::Object(answer)))
}

/// `PUT /connectors/{c}/topics/reset`
pub async fn reset_topics(State(rest): State<Rest>, Path(name): Path<String>) -> Result<StatusCode> {
    rest.herder.reset_topics(&name).await?;
    Ok(StatusCode::ACCEPTED)
}
