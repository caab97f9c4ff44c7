//! `/connectors/{c}/signals`, which Connect does not have: signals of users, in place of Debezium's over JMX.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use rowtide_api::Signal;
use serde_json::Value;

use crate::Rest;
use crate::body::Body;
use crate::errors::{ApiError, Result};

/// `POST`: `{"id", "type", "data"}`, as in a Kafka signal topic. 202 once the task has taken it.
pub async fn send(State(rest): State<Rest>, Path(name): Path<String>, body: Body) -> Result<StatusCode> {
    let root = body.root()?.map(|root| root.value()).transpose()?.unwrap_or_default();
    let text = |field: &str| root.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(id), Some(kind)) = (text("id"), text("type")) else {
        let example = r#"{"id": "1", "type": "execute-snapshot", "data": {"data-collections": ["public.orders"]}}"#;
        return Err(ApiError::bad_request(format!(
            "A signal has 'id' and 'type', and 'data' where its type asks for it: {example}"
        )));
    };
    let data = match root.get("data") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(data) => data.to_string(),
    };
    rest.herder.signal(&name, Signal { id: id.to_owned(), kind: kind.to_owned(), data }).await?;
    Ok(StatusCode::ACCEPTED)
}
