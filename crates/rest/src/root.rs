//! `GET /` and `GET /health`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rowtide_runtime::herder::ServerInfo;
use serde::Serialize;

use crate::Rest;

/// How long the herder may take before it counts as unhealthy (Connect: `DEFAULT_HEALTH_CHECK_TIMEOUT_MS`).
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// `GET /`
pub async fn server_info(State(rest): State<Rest>) -> Json<ServerInfo> {
    Json(rest.herder.server_info())
}

/// Connect's `WorkerStatus`.
#[derive(Serialize)]
pub struct Health {
    status: &'static str,
    message: &'static str,
}

/// `GET /health`
pub async fn health(State(rest): State<Rest>) -> (StatusCode, Json<Health>) {
    match tokio::time::timeout(HEALTH_TIMEOUT, rest.herder.connectors()).await {
        Ok(_) => {
            let message = "Worker has completed startup and is ready to handle requests.";
            (StatusCode::OK, Json(Health { status: "healthy", message }))
        }
        Err(_) => {
            let message = "Worker was unable to handle this request and may be unable to handle other requests.";
            (StatusCode::INTERNAL_SERVER_ERROR, Json(Health { status: "unhealthy", message }))
        }
    }
}
