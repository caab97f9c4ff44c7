//! The server: routes, and what every request has in common.
//!
//! What a route does belongs to its resource.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Router, ServiceExt};
use rowtide_api::{Error, Props, Result};
use rowtide_runtime::herder::{Herder, hop};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::normalize_path::NormalizePath;

use crate::errors::{self, ApiError};
use crate::forward::Came;
use crate::listeners::{Admin, Listeners};
use crate::loggers::Loggers;
use crate::{Rest, connector, connectors, loggers, offsets, plugins, root, signals, snapshot};

/// How long a client waits for the herder (Connect: `ConnectorsResource.DEFAULT_REST_REQUEST_TIMEOUT_MS`).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// Serves the API until `stop` is done and the requests under way are answered. Connections are not waited for longer
/// than that: the caller drops the future.
pub async fn serve(
    listeners: Listeners,
    worker: &Props,
    herder: Arc<dyn Herder>,
    loggers: Arc<Loggers>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let rest = Rest { herder, loggers, advertised_url: listeners.advertised_url.into() };
    let (public, own) = match listeners.admin {
        Admin::Public => (api().merge(admin()), Vec::new()),
        Admin::Off => (api(), Vec::new()),
        Admin::Own(own) => (api(), own),
    };
    let public = finish(public, &rest, cors(worker)?);
    let admin = finish(admin(), &rest, None);
    let (stopping, stopped) = tokio::sync::watch::channel(());
    let mut serving = JoinSet::new();
    for (listener, router) in
        listeners.public.into_iter().map(|listener| (listener, &public)).chain(own.into_iter().map(|listener| (listener, &admin)))
    {
        serving.spawn(serve_one(listener, router.clone(), stopped.clone()));
    }
    drop(stopped);
    stop.await;
    stopping.send_replace(());
    while let Some(result) = serving.join_next().await {
        if let Ok(Err(error)) = result {
            tracing::warn!("a REST listener ended: {error}");
        }
    }
    Ok(())
}

async fn serve_one(listener: TcpListener, router: Router, mut stopped: tokio::sync::watch::Receiver<()>) -> std::io::Result<()> {
    let service = ServiceExt::<Request>::into_make_service(NormalizePath::trim_trailing_slash(router));
    let stop = async move {
        let _ = stopped.changed().await; // an error: the sender is gone, which means the same
    };
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

fn api() -> Router<Rest> {
    let one = Router::new()
        .route("/", get(connector::info).delete(connector::delete))
        .route("/config", get(connector::config).put(connector::put_config).patch(connector::patch_config))
        .route("/status", get(connector::status))
        .route("/tasks", get(connector::tasks).post(connector::submit_tasks))
        .route("/fence", put(connector::fence))
        .route("/tasks/{task}/status", get(connector::task_status))
        .route("/tasks/{task}/restart", post(connector::restart_task))
        .route("/restart", post(connector::restart))
        .route("/pause", put(connector::pause))
        .route("/resume", put(connector::resume))
        .route("/stop", put(connector::stop))
        .route("/signals", post(signals::send))
        .route("/snapshot", get(snapshot::progress))
        .route("/topics", get(connector::topics))
        .route("/topics/reset", put(connector::reset_topics))
        .route("/offsets", get(offsets::get).patch(offsets::alter).delete(offsets::reset));
    Router::new()
        .route("/", get(root::server_info))
        .route("/health", get(root::health))
        .route("/connectors", get(connectors::list).post(connectors::create))
        .nest("/connectors/{connector}", one)
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{plugin}/config", get(plugins::options))
        .route("/connector-plugins/{plugin}/config/validate", put(plugins::validate))
}

fn admin() -> Router<Rest> {
    Router::new()
        .route("/admin/loggers", get(loggers::list))
        .route("/admin/loggers/{logger}", get(loggers::get).put(loggers::put))
}

fn finish(router: Router<Rest>, rest: &Rest, cors: Option<CorsLayer>) -> Router {
    let router = router
        .fallback(errors::unknown_path)
        .method_not_allowed_fallback(errors::unknown_method)
        .with_state(rest.clone())
        .layer(middleware::from_fn(bounded));
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// The largest body that is read.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// Reads the body, also where nobody wants it (else the connection could not serve the next request), and answers for a
/// request that takes too long. The herder runs what it changes to its end all the same.
async fn bounded(request: Request, next: Next) -> Response {
    let answer = async {
        let (parts, body) = request.into_parts();
        match axum::body::to_bytes(body, MAX_BODY).await {
            Ok(bytes) => {
                let came = Came::of(&parts, &bytes);
                match hop::scope(came.forward, next.run(Request::from_parts(parts, bytes.into()))).await {
                    (_, Some(onward)) => came.send_on(onward).await,
                    (answer, None) => answer,
                }
            }
            Err(_) => ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response(),
        }
    };
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, answer).await;
    answer.unwrap_or_else(|_| ApiError::internal("Request timed out").into_response())
}

/// `access.control.allow.origin` and `access.control.allow.methods`.
fn cors(worker: &Props) -> Result<Option<CorsLayer>> {
    let Some(origins) = worker.get("access.control.allow.origin").map(str::trim).filter(|list| !list.is_empty()) else {
        return Ok(None);
    };
    let items = |list: &str| -> Vec<String> {
        list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let wrong = |option: &str, item: &str| Error::configuration(format!("'{option}' has '{item}', which HTTP does not allow"));
    let mut allowed = Vec::new();
    for origin in items(origins) {
        allowed.push(HeaderValue::from_str(&origin).map_err(|_| wrong("access.control.allow.origin", &origin))?);
    }
    let origin = if origins == "*" { AllowOrigin::any() } else { AllowOrigin::list(allowed) };
    let given = worker.get("access.control.allow.methods").unwrap_or_default();
    let given = if given.trim().is_empty() { "GET,POST,HEAD" } else { given };
    let mut methods = Vec::new();
    for method in items(given) {
        methods.push(Method::from_bytes(method.as_bytes()).map_err(|_| wrong("access.control.allow.methods", &method))?);
    }
    Ok(Some(CorsLayer::new().allow_origin(origin).allow_methods(methods).allow_headers(Any)))
}
