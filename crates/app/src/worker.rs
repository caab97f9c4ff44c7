//! Puts a worker together: stores, sink, herder, REST; and its life from start to drain.
//!
//! The commands say what for; how connectors run is `rowtide-runtime`'s.

use std::path::PathBuf;
use std::sync::Arc;

use rowtide_api::{Error, Props, Result};
use rowtide_rest::Listeners;
use rowtide_runtime::herder::Herder;

use crate::connector_file::ConnectorFile;
use crate::logging::Log;
use crate::signals::{self, Stop};

/// Where a worker keeps its state and sends its records.
pub enum Home {
    /// a directory of our own; records to a sink beside Kafka
    DataDirectory {
        /// the directory
        path: PathBuf,
        /// `stdout` or `file:DIR`
        sink: String,
        /// indented
        pretty: bool,
    },
    /// records to Kafka, offsets in `offset.storage.file.filename`
    Kafka,
}

/// Runs a worker until it is asked to stop.
pub async fn run(props: Props, home: Home, connectors: Vec<ConnectorFile>, rest: bool, log: Log) -> Result<()> {
    let mut stop = signals::watch()?;
    let started = tokio::select! {
        started = start(&props, home, rest) => started?,
        () = stop.asked() => return Ok(()),
    };
    life(started, &props, connectors, log, stop).await
}

struct Started {
    herder: Arc<dyn Herder>,
    listeners: Option<Listeners>,
}

async fn start(props: &Props, home: Home, rest: bool) -> Result<Started> {
    let listeners = if rest { Some(Listeners::bind(props).await?) } else { None };
    let worker_id = listeners.as_ref().map_or_else(|| "127.0.0.1:0".to_owned(), |listeners| listeners.worker_id.clone());
    let _ = (home, worker_id);
    // GAP: `rowtide_runtime::herder::standalone` is not there yet
    Err(Error::fatal("the herder is not linked yet"))
}

async fn life(started: Started, props: &Props, connectors: Vec<ConnectorFile>, log: Log, mut stop: Stop) -> Result<()> {
    let Started { herder, listeners } = started;
    for file in connectors {
        let put = herder.put(&file.name, file.config, file.initial, true);
        tokio::select! {
            put = put => put.map_err(|error| Error::configuration(format!("connector {}: {error}", file.name)))?,
            () = stop.asked() => break,
        };
    }
    let serving = listeners.map(|listeners| {
        let (props, herder, mut stop) = (props.clone(), herder.clone(), stop.clone());
        tokio::spawn(async move {
            let loggers = log.loggers;
            rowtide_rest::serve(listeners, &props, herder, loggers, async move { stop.asked().await }).await
        })
    });
    stop.asked().await;
    if let Some(serving) = serving {
        let _ = serving.await;
    }
    Ok(())
}
