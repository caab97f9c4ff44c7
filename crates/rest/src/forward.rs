//! Requests that another worker of the group has to answer: sent there as they came, and answered with its answer
//! (`HerderRequestHandler.completeOrForwardRequest`). Which ones they are, the herder says.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rowtide_runtime::herder::distributed::peer::{Call, Peers};
use rowtide_runtime::herder::hop::Onward;

use crate::errors::ApiError;

/// A request as it came.
pub struct Came {
    method: String,
    path: String,
    /// the query, `forward` left out
    query: String,
    /// `forward`: none from a user
    pub forward: Option<bool>,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Came {
    /// Keeps what is needed to send it on.
    pub fn of(parts: &Parts, body: &Bytes) -> Self {
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let (forward, others): (Vec<&str>, Vec<&str>) =
            pairs.partition(|pair| *pair == "forward" || pair.starts_with("forward="));
        let forward = forward.first().map(|pair| pair.eq_ignore_ascii_case("forward=true"));
        let kept = |name: HeaderName| {
            let value = parts.headers.get(&name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        };
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: others.join("&"),
            forward,
            headers: [header::AUTHORIZATION, header::CONTENT_TYPE].into_iter().filter_map(kept).collect(),
            body: body.clone(),
        }
    }

    /// Sends it on and answers what comes back.
    pub async fn send_on(self, onward: Onward, peers: &Peers) -> Response {
        let Onward { url, forward } = onward;
        let more = if self.query.is_empty() { String::new() } else { format!("&{}", self.query) };
        let url = format!("{}{}?forward={forward}{more}", url.trim_end_matches('/'), self.path);
        tracing::debug!("sending {} {} on to {url}", self.method, self.path);
        let call = Call { method: self.method, url, headers: self.headers, body: self.body.to_vec() };
        match peers.send(call).await {
            Ok(answer) => {
                let mut response = Response::builder().status(answer.status);
                let kept = [header::CONTENT_TYPE, header::LOCATION];
                for (name, value) in answer.headers.iter().filter(|(name, _)| kept.iter().any(|kept| kept == name.as_str())) {
                    response = response.header(name, value);
                }
                response
                    .body(Body::from(answer.body))
                    .unwrap_or_else(|error| ApiError::internal(error.to_string()).into_response())
            }
            Err(error) => {
                let message = format!("IO Error trying to forward REST request: {error}");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
            }
        }
    }
}
