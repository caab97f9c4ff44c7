//! Requests that wait for the machine's answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::machine::{Asked, Done, Event, Request};
use crate::herder::hop::Onward;
use crate::herder::{HerderError, Result};

/// What comes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// this worker's answer
    Here(Result<Done>),
    /// another worker has to answer
    Elsewhere(Onward),
}

/// Requests under way.
#[derive(Default)]
pub struct Requests {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    by_id: BTreeMap<u64, oneshot::Sender<Outcome>>,
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
    pub async fn ask(&self, request: Request, forward: Option<bool>, events: &mpsc::Sender<Event>) -> Outcome {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut waiting = self.lock();
            waiting.last += 1;
            let id = waiting.last;
            waiting.by_id.insert(id, sender);
            id
        };
        let _withdraw = Withdraw(self, id);
        // a driver that has ended takes no more, and answers nothing
        let _ = events.send(Event::Request(Asked { id, request, forward })).await;
        let ended = |_| Outcome::Here(Err(HerderError { status: 500, message: "Worker is shutting down".to_owned() }));
        answer.await.unwrap_or_else(ended)
    }

    /// Answers one.
    pub fn answer(&self, id: u64, outcome: Outcome) {
        let waiting = self.lock().by_id.remove(&id);
        if let Some(sender) = waiting {
            // who asked may have gone
            let _ = sender.send(outcome);
        }
    }
}
