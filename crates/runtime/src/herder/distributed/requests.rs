//! Requests that wait for the machine's answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::machine::{Asked, Done, Event, Request};
use crate::herder::{HerderError, Result};

/// Requests under way.
#[derive(Default)]
pub struct Requests {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    by_id: BTreeMap<u64, (Request, oneshot::Sender<Result<Done>>)>,
}

/// Takes a request back whose asker has gone.
struct Withdraw<'a>(&'a Requests, u64);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        self.0.lock().by_id.remove(&self.1);
    }
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the machine and waits for its answer.
    pub async fn ask(&self, request: Request, forward: Option<bool>, events: &mpsc::Sender<Event>) -> Result<Done> {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut waiting = self.lock();
            waiting.last += 1;
            let id = waiting.last;
            waiting.by_id.insert(id, (request.clone(), sender));
            id
        };
        let _withdraw = Withdraw(self, id);
        let ended = || HerderError { status: 500, message: "Worker is shutting down".to_owned() };
        events.send(Event::Request(Asked { id, request, forward })).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// What was asked, of a request that still waits.
    pub fn request(&self, id: u64) -> Option<Request> {
        self.lock().by_id.get(&id).map(|(request, _)| request.clone())
    }

    /// Answers one.
    pub fn answer(&self, id: u64, answer: Result<Done>) {
        let waiting = self.lock().by_id.remove(&id);
        if let Some((_, sender)) = waiting {
            // who asked may have gone
            let _ = sender.send(answer);
        }
    }
}
