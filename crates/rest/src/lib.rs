//! Kafka Connect's REST API over [`Herder`](rowtide_runtime::herder::Herder).
//!
//! What belongs here: paths, bodies, status codes, listeners, who is let in. One file for each resource.
//! What does not: what a request does to a connector, which only the herder knows.

mod basic_auth;
mod body;
mod connector;
mod connectors;
mod cors;
mod errors;
mod forward;
mod front;
mod listeners;
mod location;
mod loggers;
mod offsets;
mod plugins;
mod response_headers;
mod root;
mod server;
mod signals;
mod snapshot;
mod tls;

use std::sync::Arc;

use rowtide_runtime::herder::Herder;
use rowtide_runtime::herder::distributed::peer::Peers;

pub use listeners::{Listeners, refusals};
pub use loggers::{Apply, LoggerLevel, Loggers};
pub use server::serve;

/// What every handler works with.
#[derive(Clone)]
pub(crate) struct Rest {
    herder: Arc<dyn Herder>,
    loggers: Arc<Loggers>,
    peers: Peers,
    /// of the listener that a request came by
    scheme: &'static str,
    /// fallback for a client that sends no `Host`
    advertised_url: Arc<str>,
}
