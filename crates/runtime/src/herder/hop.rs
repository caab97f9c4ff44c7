//! How a request came to this worker, and where it has to go on to: what stands beside the herder's calls, which are the same in
//! every mode. Whoever serves requests sets it around a call; a herder of one process never looks.

use std::sync::{Mutex, PoisonError};

tokio::task_local! {
    static HOP: Hop;
}

struct Hop {
    came_by: Option<bool>,
    onward: Mutex<Option<Onward>>,
}

/// Another worker that has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// its advertised URL
    pub url: String,
    /// the query parameter `forward` for it: whether it may send the request on once more
    pub forward: bool,
}

/// Serves a request that came with this query parameter `forward`; says whether it has to go on to another worker.
pub async fn scope<T>(forward: Option<bool>, serving: impl Future<Output = T>) -> (T, Option<Onward>) {
    let hop = Hop { came_by: forward, onward: Mutex::new(None) };
    HOP.scope(hop, async {
        let served = serving.await;
        let onward = HOP.with(|hop| hop.onward.lock().unwrap_or_else(PoisonError::into_inner).take());
        (served, onward)
    })
    .await
}

/// The query parameter `forward` of the request that is being served: none from a user.
pub(super) fn came_by() -> Option<bool> {
    HOP.try_with(|hop| hop.came_by).ok().flatten()
}

/// Has the request that is being served go on. Without a server around the call the caller's error stands.
pub(super) fn send_on(onward: Onward) {
    let _ = HOP.try_with(|hop| *hop.onward.lock().unwrap_or_else(PoisonError::into_inner) = Some(onward));
}
