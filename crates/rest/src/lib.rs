//! Kafka Connect's REST API over [`Herder`](rowtide_runtime::herder::Herder).
//!
//! What belongs here: paths, bodies, status codes, listeners. One file for each resource.
//! What does not: what a request does to a connector, which only the herder knows.

mod body;
mod connector;
mod connectors;
mod errors;
mod forward;
mod listeners;
mod location;
mod loggers;
mod offsets;
mod plugins;
mod root;
mod server;
mod signals;
mod snapshot;

use std::sync::Arc;

use rowtide_runtime::herder::Herder;

pub use listeners::{Listeners, refusals};
pub use loggers::{Apply, LoggerLevel, Loggers};
pub use server::serve;

/// What every handler works with.
#[derive(Clone)]
pub(crate) struct Rest {
    herder: Arc<dyn Herder>,
    loggers: Arc<Loggers>,
    /// fallback for a client that sends no `Host`
    advertised_url: Arc<str>,
}
