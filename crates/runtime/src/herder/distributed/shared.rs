//! What the driver, those who act for it, and the answers to users share.

use std::sync::Arc;

use rowtide_api::{Error, Props};
use tokio::sync::{MutexGuard, mpsc};

use super::herder::not_forwarded;
use super::machine::Event;
use super::requests::Requests;
use super::tasks::Tasks;
use crate::herder::Parts;
use crate::stores::config_record::SessionKey;
use crate::stores::{ConfigStore, StatusStore};

/// A worker of a group without its machine.
pub struct Shared {
    pub parts: Parts,
    pub configs: ConfigStore,
    pub statuses: Arc<StatusStore>,
    pub tasks: Tasks,
    pub requests: Requests,
    /// held while a view of the config topic is told: the machine gets views in the order in which they came to be
    telling: tokio::sync::Mutex<()>,
}

impl Shared {
    pub fn new(parts: Parts, configs: ConfigStore, statuses: StatusStore) -> Self {
        Self {
            parts,
            configs,
            statuses: Arc::new(statuses),
            tasks: Tasks::default(),
            requests: Requests::default(),
            telling: tokio::sync::Mutex::default(),
        }
    }

    /// Tells what has changed in the config topic. Whoever tells more of it does so before the guard is dropped.
    pub async fn feed(&self, events: &mpsc::Sender<Event>) -> MutexGuard<'_, ()> {
        let turn = self.telling.lock().await;
        let (state, changes) = self.configs.take();
        if !changes.is_empty() {
            // nobody listens any more when the worker has ended
            let _ = events.send(Event::Configs(state, changes)).await;
        }
        turn
    }

    /// Sends a request on to the worker at this URL.
    pub fn forward(&self, id: u64, url: String, _first: bool) {
        self.requests.answer(id, Err(not_forwarded(&url)));
    }

    /// Sends the configurations of a connector's tasks to the leader.
    pub async fn send_tasks(&self, _name: &str, _tasks: Vec<Props>, url: &str, _key: Option<SessionKey>) -> Result<(), Error> {
        Err(Error::transient(format!("requests to other workers are not there yet; the leader is {url}")))
    }
}
