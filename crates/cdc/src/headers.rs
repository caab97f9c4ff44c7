//! The context headers of `extended.headers.enabled`: which connector, task and run a record is from.

use std::sync::Arc;

use rowtide_api::config::Config;
use rowtide_api::{Datum, Header, Kind, Schema, TaskContext, Value};

/// The four headers, in their order, made once for a run; none when they are switched off. `connector_type` is the
/// connector's word for itself (`postgresql`).
pub fn context_headers(config: &Config<'_>, context: &TaskContext, connector_type: &str) -> Arc<[Header]> {
    if !config.flag("extended.headers.enabled") {
        return Arc::default();
    }
    let text = Schema::new(Kind::String).shared();
    let prefix = config.opt("topic.prefix").unwrap_or_default();
    let run = uuid::Uuid::now_v7().to_string();
    let header = |name: &str, value: &str| Header {
        name: format!("__debezium.context.{name}").into(),
        datum: Datum::new(text.clone(), Value::string(value)),
    };
    Arc::new([
        header("connectorLogicalName", prefix),
        header("taskId", &context.task.to_string()),
        header("connectorName", connector_type),
        header("runId", &run),
    ])
}
