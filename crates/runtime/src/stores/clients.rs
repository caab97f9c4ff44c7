//! The worker's own Kafka clients: its un-prefixed properties, and names that say what each is for.

use std::collections::BTreeMap;

use rowtide_api::Result;
use rowtide_kafka::{Admin, ClientConfig};

use crate::kafka_sink::client_error;
use crate::worker_config::WorkerConfig;

/// What clients of a worker are made from.
#[derive(Clone)]
pub struct Clients {
    properties: BTreeMap<String, String>,
    /// `ConnectUtils.clientIdBase`
    id: String,
}

impl Clients {
    /// For the worker of a group.
    pub fn new(worker: &WorkerConfig, group: &str) -> Self {
        let named = worker.get("client.id").map(str::trim).filter(|id| !id.is_empty());
        let id = named.map_or_else(|| format!("{group}-"), |named| format!("{group}-{named}-"));
        let mut properties: BTreeMap<String, String> =
            worker.props.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let timeout = worker.get("request.timeout.ms").unwrap_or_default();
        properties.insert("request.timeout.ms".to_owned(), timeout.to_owned());
        Self { properties, id }
    }

    /// The configuration of a client for this purpose.
    pub fn config(&self, purpose: &str, more: &[(&str, &str)]) -> Result<ClientConfig> {
        let mut properties = self.properties.clone();
        properties.insert("client.id".to_owned(), format!("{}{purpose}", self.id));
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        ClientConfig::from_properties(&properties).map_err(client_error)
    }

    /// An administrative client.
    pub fn admin(&self) -> Result<Admin> {
        Admin::new(self.config("shared-admin", &[])?).map_err(client_error)
    }
}
