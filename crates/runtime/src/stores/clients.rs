//! What reads and writes the topics of a group: the worker's own Kafka clients, from its un-prefixed properties, with names that say what
//! each is for; and a connector's for a topic of its own, with the connector's rights.

use std::collections::BTreeMap;

use rowtide_api::{Props, Result};
use rowtide_kafka::{Admin, ClientConfig};

use crate::kafka_sink::{admin_properties, client_error, consumer_properties, producer_properties};
use crate::worker_config::WorkerConfig;

type Properties = BTreeMap<String, String>;

/// What clients are made from.
#[derive(Clone)]
pub struct Clients {
    consumer: Properties,
    producer: Properties,
    admin: Properties,
    /// `ConnectUtils.clientIdBase`; none: the properties name the clients
    id: Option<String>,
}

impl Clients {
    /// For the worker of a group.
    pub fn new(worker: &WorkerConfig, group: &str) -> Self {
        let named = worker.get("client.id").map(str::trim).filter(|id| !id.is_empty());
        let id = named.map_or_else(|| format!("{group}-"), |named| format!("{group}-{named}-"));
        let mut all: Properties = worker.props.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let timeout = worker.get("request.timeout.ms").unwrap_or_default();
        all.insert("request.timeout.ms".to_owned(), timeout.to_owned());
        Self { consumer: all.clone(), producer: all.clone(), admin: all, id: Some(id) }
    }

    /// For a connector, whose configuration has its variables filled in.
    pub fn of_connector(worker: &WorkerConfig, connector: &str, config: &Props) -> Result<Self> {
        let mut producer = producer_properties(worker, connector, 0, config)?;
        producer.insert("client.id".to_owned(), format!("connector-offset-producer-{connector}"));
        producer.remove("transactional.id");
        let consumer = consumer_properties(worker, connector, config)?;
        Ok(Self { consumer, producer, admin: admin_properties(worker, connector, 0, config)?, id: None })
    }

    /// The configuration of a client for this purpose.
    pub fn config(&self, purpose: &str, more: &[(&str, &str)]) -> Result<ClientConfig> {
        self.named(&self.consumer, purpose, more)
    }

    /// The configuration of a producer for this purpose.
    pub fn producer(&self, purpose: &str, more: &[(&str, &str)]) -> Result<ClientConfig> {
        self.named(&self.producer, purpose, more)
    }

    /// An administrative client.
    pub fn admin(&self) -> Result<Admin> {
        Admin::new(self.named(&self.admin, "shared-admin", &[])?).map_err(client_error)
    }

    /// `isolation.level`, if the properties of consumers say it.
    pub fn isolation(&self) -> Option<&str> {
        self.consumer.get("isolation.level").map(String::as_str)
    }

    /// Where these clients write.
    pub fn bootstrap_servers(&self) -> &str {
        self.producer.get("bootstrap.servers").map_or("", |servers| servers)
    }

    fn named(&self, properties: &Properties, purpose: &str, more: &[(&str, &str)]) -> Result<ClientConfig> {
        let mut properties = properties.clone();
        if let Some(id) = &self.id {
            properties.insert("client.id".to_owned(), format!("{id}{purpose}"));
        }
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        ClientConfig::from_properties(&properties).map_err(client_error)
    }
}
