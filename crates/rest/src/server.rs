//! The server: routes, and what every request has in common.
//!
//! What a route does belongs to its resource.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Router, ServiceExt};
use rowtide_runtime::herder::distributed::peer::Peers;
use rowtide_runtime::herder::{Herder, hop};
use tokio::task::JoinSet;
use tower_http::normalize_path::NormalizePath;

use crate::errors::{self, ApiError};
use crate::forward::Came;
use crate::listeners::{Admin, Listener, Listeners};
use crate::loggers::Loggers;
use crate::tls::TlsListener;
use crate::{Rest, connector, connectors, loggers, offsets, plugins, root, signals, snapshot};

/// How long a client waits for the herder (Connect: `ConnectorsResource.DEFAULT_REST_REQUEST_TIMEOUT_MS`).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// Serves the API until `stop` is done and the requests under way are answered. Connections are not waited for longer
/// than that: the caller drops the future.
pub async fn serve(
    listeners: Listeners,
    herder: Arc<dyn Herder>,
    loggers: Arc<Loggers>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let Listeners { public, admin: where_admin, front, peers, advertised_url, .. } = listeners;
    let rest = Rest { herder, loggers, peers, scheme: "", advertised_url: advertised_url.into() };
    let (api, own) = match where_admin {
        Admin::Public => (api().merge(admin()), Vec::new()),
        Admin::Off => (api(), Vec::new()),
        Admin::Own(own) => (api(), own),
    };
    let (stopping, stopped) = tokio::sync::watch::channel(());
    let mut serving = JoinSet::new();
    for listener in public {
        let router = with_options(front.before(finish(api.clone(), &rest, &listener)));
        serving.spawn(serve_one(listener, router, stopped.clone()));
    }
    for listener in own {
        let router = with_options(finish(admin(), &rest, &listener));
        serving.spawn(serve_one(listener, router, stopped.clone()));
    }
    drop(stopped);
    stop.await;
    stopping.send_replace(());
    while let Some(result) = serving.join_next().await {
        if let Ok(Err(error)) = result {
            tracing::warn!("a REST listener ended: {error}");
        }
    }
}

async fn serve_one(listener: Listener, router: Router, mut stopped: tokio::sync::watch::Receiver<()>) -> std::io::Result<()> {
    let service = ServiceExt::<Request>::into_make_service(NormalizePath::trim_trailing_slash(router));
    let stop = async move {
        let _ = stopped.changed().await; // an error: the sender is gone, which means the same
    };
    match listener.tls {
        Some(config) => axum::serve(TlsListener::new(listener.tcp, config), service).with_graceful_shutdown(stop).await,
        None => axum::serve(listener.tcp, service).with_graceful_shutdown(stop).await,
    }
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

fn finish(router: Router<Rest>, rest: &Rest, listener: &Listener) -> Router {
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    router
        .fallback(errors::unknown_path)
        .method_not_allowed_fallback(errors::unknown_method)
        .with_state(Rest { scheme, ..rest.clone() })
        .layer(middleware::from_fn_with_state(rest.peers.clone(), bounded))
}

/// Answers `OPTIONS`, as JAX-RS does by itself: browsers ask by it before they call. A router knows its verbs; its layers do not.
fn with_options(router: Router) -> Router {
    Router::new().fallback_service(router).layer(middleware::from_fn(tell_verbs))
}

async fn tell_verbs(request: Request, next: Next) -> Response {
    let asked = request.method() == Method::OPTIONS;
    let mut answer = next.run(request).await;
    if answer.status() != StatusCode::METHOD_NOT_ALLOWED {
        // a router tells the verbs of a path also to those who are not let in
        answer.headers_mut().remove(header::ALLOW);
        return answer;
    }
    let verbs = answer.headers().get(header::ALLOW).and_then(|verbs| verbs.to_str().ok()).map(|verbs| format!("{verbs},OPTIONS"));
    let Some(verbs) = verbs.filter(|_| asked) else { return answer };
    // what stands before the API has told browsers more
    let (mut head, _) = answer.into_parts();
    head.status = StatusCode::OK;
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let text = verbs.replace(',', ", ");
    if let Ok(verbs) = HeaderValue::from_str(&verbs) {
        head.headers.insert(header::ALLOW, verbs);
    }
    Response::from_parts(head, text.into())
}

/// The largest body that is read.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// Reads the body, also where nobody wants it (else the connection could not serve the next request), and answers for a
/// request that takes too long. The herder runs what it changes to its end all the same.
async fn bounded(State(peers): State<Peers>, request: Request, next: Next) -> Response {
    let answer = async {
        let (parts, body) = request.into_parts();
        match axum::body::to_bytes(body, MAX_BODY).await {
            Ok(bytes) => {
                let came = Came::of(&parts, &bytes);
                match hop::scope(came.forward, next.run(Request::from_parts(parts, bytes.into()))).await {
                    (_, Some(onward)) => came.send_on(onward, &peers).await,
                    (answer, None) => answer,
                }
            }
            Err(_) => ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response(),
        }
    };
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, answer).await;
    answer.unwrap_or_else(|_| ApiError::internal("Request timed out").into_response())
}
