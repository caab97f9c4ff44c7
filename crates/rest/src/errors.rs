//! Answers that are errors: Connect's `{"error_code","message"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rowtide_runtime::herder::HerderError;
use serde::Serialize;

/// An error on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
}

/// Result of a handler.
pub type Result<T> = std::result::Result<T, ApiError>;

#[derive(Serialize)]
struct ErrorMessage<'a> {
    error_code: u16,
    message: &'a str,
}

impl ApiError {
    /// An error of this status and text.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 500, which is also Connect's answer to a body that it cannot read
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The text that JAX-RS gives to a status of its own: `HTTP 404 Not Found`.
    pub fn of_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        Self::new(status, format!("HTTP {} {reason}", status.as_u16()))
    }
}

impl From<HerderError> for ApiError {
    fn from(error: HerderError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, error.message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!("answering {}: {}", self.status.as_u16(), self.message);
        }
        let body = ErrorMessage { error_code: self.status.as_u16(), message: &self.message };
        (self.status, Json(body)).into_response()
    }
}

/// Answer to a path that does not exist.
pub async fn unknown_path() -> ApiError {
    ApiError::of_status(StatusCode::NOT_FOUND)
}

/// Answer to a verb that a path does not have.
pub async fn unknown_method() -> ApiError {
    ApiError::of_status(StatusCode::METHOD_NOT_ALLOWED)
}
