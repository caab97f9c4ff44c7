//! What the driver, those who act for it, and the answers to users share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rowtide_api::{Error, Props};
use serde_json::Value;
use tokio::sync::{MutexGuard, mpsc};

use super::fencing::Fencing;
use super::herder::Start;
use super::machine::Event;
use super::peer::{Call, Peers};
use super::requests::Requests;
use super::tasks::Tasks;
use crate::herder::Parts;
use crate::offsets::{KafkaOffsetStore, OffsetStore, OwnOffsets};
use crate::stores::config_record::properties;
use crate::stores::{ConfigStore, StatusStore};

/// Sets the level of a logger.
pub type LogLevel = Box<dyn Fn(&str, &str) + Send + Sync>;

/// A worker of a group without its machine.
pub struct Shared {
    pub parts: Parts,
    /// where the others find this worker
    pub url: String,
    pub peers: Peers,
    pub configs: ConfigStore,
    pub statuses: Arc<StatusStore>,
    pub tasks: Tasks,
    pub requests: Requests,
    /// none: tasks are not exactly once
    pub fencing: Option<Fencing>,
    /// of all connectors that have no topic of their own
    offsets: Arc<KafkaOffsetStore>,
    /// `offset.flush.timeout.ms`
    flush_timeout: Duration,
    /// requests between workers are signed
    pub sessioned: AtomicBool,
    log_level: LogLevel,
    /// held while a view of the config topic is told: the machine gets views in the order in which they came to be
    telling: tokio::sync::Mutex<()>,
}

impl Shared {
    /// Of what a worker starts with.
    pub fn new(start: Start) -> Self {
        let Start { parts, url, configs, statuses, offsets, membership, fencing, log_level, .. } = start;
        Self {
            peers: Peers::new(&parts.worker.props),
            parts,
            url,
            configs,
            offsets,
            flush_timeout: membership.flush_timeout,
            statuses: Arc::new(statuses),
            tasks: Tasks::default(),
            requests: Requests::default(),
            fencing,
            sessioned: AtomicBool::new(true),
            log_level,
            telling: tokio::sync::Mutex::default(),
        }
    }

    /// The topic of offsets that a connector has of its own, by its configuration or that of one of its tasks.
    pub fn own_offsets(&self, connector: &str, config: &Props) -> Result<Option<Arc<OwnOffsets>>, Error> {
        let filled = self.parts.worker.variables.fill_in(config)?;
        OwnOffsets::of(&filled, connector, &self.parts.worker, &self.offsets, self.flush_timeout)
    }

    /// Where a connector's offsets are.
    pub fn offsets_of(&self, connector: &str, config: &Props) -> Result<Arc<dyn OffsetStore>, Error> {
        Ok(match self.own_offsets(connector, config)? {
            Some(own) => own,
            None => self.offsets.clone(),
        })
    }

    /// Whether requests between workers are signed.
    pub fn is_sessioned(&self) -> bool {
        self.sessioned.load(Ordering::Relaxed)
    }

    /// Tells what has changed in the config topic. Whoever tells more of it does so before the guard is dropped.
    pub async fn feed(&self, events: &mpsc::Sender<Event>) -> MutexGuard<'_, ()> {
        let turn = self.telling.lock().await;
        let (state, changes) = self.configs.take();
        for (logger, level) in &changes.log_levels {
            (self.log_level)(logger, level);
        }
        if !changes.is_empty() {
            // nobody listens any more when the worker has ended
            let _ = events.send(Event::Configs(state, changes)).await;
        }
        turn
    }

    /// Sends the configurations of a connector's tasks to the leader.
    pub async fn send_tasks(&self, name: &str, tasks: Vec<Props>, leader: &str) -> Result<(), Error> {
        let body = Value::Array(tasks.iter().map(properties).collect()).to_string().into_bytes();
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let call = Call {
            method: "POST".to_owned(),
            url: format!("{}/connectors/{name}/tasks?forward=false", leader.trim_end_matches('/')),
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body,
        };
        self.call_leader(call).await
    }

    /// Sends the leader something that only members of the group may ask for.
    pub async fn call_leader(&self, call: Call) -> Result<(), Error> {
        let key = self.configs.state().session_key.clone().filter(|_| self.is_sessioned());
        let call = match key {
            Some(key) => call.signed(&key),
            None => call,
        };
        let url = call.url.clone();
        let answer = self.peers.send(call).await?;
        if answer.status < 300 {
            return Ok(());
        }
        Err(Error::transient(format!(
            "the leader answered {} to {url}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        )))
    }
}
