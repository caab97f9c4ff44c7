//! `/admin/loggers`: levels of loggers while the worker runs.
//!
//! Here stands what levels are set and what Connect answers about them. What a level means for the log is the binary's
//! affair, which gives a function for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::Rest;
use crate::body::Body;
use crate::errors::{ApiError, Result};

const ROOT: &str = "root";

/// log4j's levels, in its order.
const LEVELS: &[&str] = &["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"];

/// Connect's `LoggerLevel`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggerLevel {
    /// log4j's word
    pub level: &'static str,
    /// when it was last set over REST, in milliseconds since the epoch
    pub last_modified: Option<u64>,
}

/// Makes levels effective: logger and log4j's word for each that differs from its parent or was set.
pub type Apply = dyn Fn(&BTreeMap<String, LoggerLevel>) + Send + Sync;

/// The loggers with their levels.
pub struct Loggers {
    levels: Mutex<BTreeMap<String, LoggerLevel>>,
    apply: Box<Apply>,
}

impl Loggers {
    /// Loggers that are known from the start, all at one level, and what makes a change effective.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, level: &str, apply: Box<Apply>) -> Arc<Self> {
        let level = LoggerLevel { level: known(level).unwrap_or("INFO"), last_modified: None };
        let names = names.into_iter().chain([ROOT]);
        Arc::new(Self { levels: Mutex::new(names.map(|name| (name.to_owned(), level.clone())).collect()), apply })
    }

    fn all(&self) -> BTreeMap<String, LoggerLevel> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the level of a logger and of all below it, as another worker of the group asks; a level that is none has no effect.
    pub fn set_level(&self, logger: &str, level: &str) {
        if let Some(level) = known(level) {
            self.set(logger, level, now());
        }
    }

    /// Sets the level of a logger and of all below it; answers those that changed.
    fn set(&self, namespace: &str, level: &'static str, now: u64) -> Vec<String> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if !levels.contains_key(namespace) {
            let inherited = inherited(&levels, namespace);
            levels.insert(namespace.to_owned(), inherited);
        }
        let below = format!("{namespace}.");
        let mut changed = Vec::new();
        for (name, have) in levels.iter_mut() {
            let meant = name == namespace || name.starts_with(&below) || namespace == ROOT;
            if meant && have.level != level {
                *have = LoggerLevel { level, last_modified: Some(now) };
                changed.push(name.clone());
            }
        }
        (self.apply)(&levels);
        changed
    }
}

/// The level that a logger has from the nearest one above it.
fn inherited(levels: &BTreeMap<String, LoggerLevel>, name: &str) -> LoggerLevel {
    let ancestors = name.match_indices('.').rev().filter_map(|(end, _)| levels.get(&name[..end]));
    let nearest = ancestors.chain(levels.get(ROOT)).next();
    LoggerLevel { level: nearest.map_or("INFO", |level| level.level), last_modified: None }
}

fn known(level: &str) -> Option<&'static str> {
    LEVELS.iter().find(|known| known.eq_ignore_ascii_case(level)).copied()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// `GET /admin/loggers`
pub async fn list(State(rest): State<Rest>) -> Json<BTreeMap<String, LoggerLevel>> {
    Json(rest.loggers.all())
}

/// `GET /admin/loggers/{l}`
pub async fn get(State(rest): State<Rest>, Path(name): Path<String>) -> Result<Json<LoggerLevel>> {
    let level = rest.loggers.all().remove(&name);
    level.map(Json).ok_or_else(|| ApiError::not_found(format!("Logger {name} not found.")))
}

/// `PUT /admin/loggers/{l}`
pub async fn put(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    body: Body,
) -> Result<Response> {
    let missing = || ApiError::bad_request("Desired 'level' parameter was not specified in request.");
    let levels = body.root()?.ok_or_else(missing)?.text_map()?;
    let wanted = levels.into_iter().find(|(key, _)| key == "level").and_then(|(_, level)| level).ok_or_else(missing)?;
    let level = known(&wanted).ok_or_else(|| ApiError::not_found(format!("invalid log level '{wanted}'.")))?;
    let scope = query.iter().find(|(key, _)| key == "scope").map(|(_, scope)| scope.to_ascii_lowercase());
    if scope.as_deref() == Some("cluster") && rest.herder.set_cluster_log_level(&name, level).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let changed = rest.loggers.set(&name, level, now());
    match scope.as_deref() {
        Some("cluster") => Ok(StatusCode::NO_CONTENT.into_response()),
        None | Some("worker") => Ok(Json(changed).into_response()),
        Some(other) => {
            tracing::warn!("the scope '{other}' of a change of log levels is not known; it is taken as 'worker'");
            Ok(Json(changed).into_response())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_goes_down_to_the_loggers_below_and_reports_what_changed() {
        let loggers = Loggers::new(["org.apache.kafka"], "INFO", Box::new(|_| {}));
        assert_eq!(loggers.set("rowtide.test", "DEBUG", 1), ["rowtide.test"]);
        assert_eq!(loggers.set("rowtide.test", "DEBUG", 2), [""; 0], "nothing changed");
        assert_eq!(loggers.set("rowtide", "ERROR", 3), ["rowtide", "rowtide.test"]);
        assert_eq!(loggers.set("rowtide.later", "ERROR", 4), [""; 0], "it had that level from above");
        assert_eq!(loggers.all()["org.apache.kafka"], LoggerLevel { level: "INFO", last_modified: None });
    }
}
