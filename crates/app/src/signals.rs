//! SIGTERM and Ctrl-C: the first asks for a clean end, the second ends at once.

use std::time::{Duration, Instant};

use rowtide_api::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// A signal this soon after the first is the same one: `timeout` and other wrappers send it to the process and to its group.
const ECHO: Duration = Duration::from_millis(200);

/// Told when the process should end.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits for the first signal.
    pub async fn asked(&mut self) {
        // an error: the watcher is gone, which only happens when the process ends
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Watches from now on.
pub fn watch() -> Result<Stop> {
    let cannot = |error| Error::fatal("cannot watch for signals").caused_by(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let (name, _) = next(&mut interrupt, &mut terminate).await;
        tracing::info!("{name}: storing offsets, then ending; a second signal ends at once");
        sender.send_replace(true);
        let first = Instant::now();
        let (name, code) = loop {
            let again = next(&mut interrupt, &mut terminate).await;
            if first.elapsed() >= ECHO {
                break again;
            }
        };
        tracing::warn!("second signal ({name}): ending at once; what was not stored is read again at the next start");
        std::process::exit(code);
    });
    Ok(Stop(receiver))
}

/// Name and exit code (128 + its number) of the next signal.
async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> (&'static str, i32) {
    tokio::select! {
        _ = interrupt.recv() => ("Ctrl-C", 130),
        _ = terminate.recv() => ("SIGTERM", 143),
    }
}
