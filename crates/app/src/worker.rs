//! Puts a worker together: stores, sink, herder, REST; and its life from start to drain.
//!
//! The commands say what for; how connectors run is `rowtide-runtime`'s.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, Result};
use rowtide_rest::Listeners;
use rowtide_runtime::backup;
use rowtide_runtime::herder::standalone::StandaloneHerder;
use rowtide_runtime::herder::{Herder, Parts, ServerInfo, State};
use rowtide_runtime::kafka_sink;
use rowtide_runtime::offsets::{EmbeddedStore, FileOffsetStore, OffsetStore};
use rowtide_runtime::pipeline::{SinkFactory, Threads};
use rowtide_runtime::worker_config::WorkerConfig;
use tokio::task::JoinHandle;

use crate::connector_file::ConnectorFile;
use crate::logging::Log;
use crate::signals::{self, Stop};
use crate::terminal;

/// The version of Connect whose API this is; tools choose by it what they ask for.
const CONNECT_VERSION: &str = "4.3.1";

/// Where a worker keeps its state and sends its records.
pub enum Home {
    /// a directory of our own; records to a sink beside Kafka
    DataDirectory {
        /// the directory
        path: PathBuf,
        /// makes the sink
        sink: SinkFactory,
    },
    /// records to Kafka, offsets in `offset.storage.file.filename`
    Kafka,
}

/// What a command starts.
pub struct Start {
    /// the worker's configuration
    pub worker: WorkerConfig,
    /// state and records
    pub home: Home,
    /// everything that is built in
    pub plugins: Arc<Plugins>,
    /// created, or put over what is stored
    pub connectors: Vec<ConnectorFile>,
    /// whether REST is served
    pub rest: bool,
    /// whether stderr is a terminal that shows how far snapshots are
    pub terminal: bool,
}

/// Runs a worker until it is asked to stop.
pub async fn run(start: Start, log: Log) -> Result<()> {
    let mut stop = signals::watch()?;
    let Start { worker, home, plugins, connectors, rest, terminal: shows } = start;
    worker.log_what_has_no_effect();
    // opened first: a port that is taken is no reason to ask a broker or a database anything
    let listeners = if rest { Some(Listeners::bind(&worker.props).await?) } else { None };
    let herder = tokio::select! {
        herder = herder(&worker, home, plugins, listeners.as_ref()) => herder?,
        () = stop.asked() => return Ok(()),
    };
    let started = tokio::select! {
        started = start_connectors(&herder, connectors) => started,
        () = stop.asked() => Ok(()),
    };
    if let Err(error) = started {
        herder.stop().await;
        return Err(error);
    }
    let status = log.status.clone();
    let serving = listeners.map(|listeners| serve(listeners, Arc::new(herder.clone()), log, stop.clone()));
    let failed = tokio::select! {
        error = nothing_runs(&herder), if !rest => Some(error),
        // never ends
        () = terminal::show(herder.clone(), status.clone()), if shows => None,
        // likewise
        () = back_up(worker.backups.as_ref(), Arc::new(herder.clone()), herder.offset_store()) => None,
        () = stop.asked() => None,
    };
    status.set(String::new());
    let rest_ended = async {
        if let Some(serving) = serving {
            // a client that is slow to finish its request does not hold the process up for longer than tasks may
            let _ = tokio::time::timeout(worker.graceful_timeout, serving).await;
        }
    };
    let configs = backup::configs(&herder).await;
    tokio::join!(herder.stop(), rest_ended);
    if let Some(settings) = &worker.backups {
        // what a clean stop has stored
        let taken = tokio::time::timeout(worker.graceful_timeout, backup::take(settings, configs, &*herder.offset_store())).await;
        if taken.is_err() {
            tracing::warn!("no backup was taken at the end: {} does not answer", settings.backups.place());
        }
    }
    tracing::info!("ended; offsets are stored");
    failed.map_or(Ok(()), Err)
}

/// Takes backups at their interval, if any are wanted; never ends.
pub async fn back_up(settings: Option<&backup::Settings>, herder: Arc<dyn Herder>, offsets: Arc<dyn OffsetStore>) {
    match settings {
        Some(settings) => backup::run(settings.clone(), herder, offsets).await,
        None => std::future::pending().await,
    }
}

/// Waits until every connector has failed: without REST nobody could start one again.
async fn nothing_runs(herder: &StandaloneHerder) -> Error {
    if herder.connectors().await.is_empty() {
        return Error::configuration("there is no connector to run").remedy("name a connector's file, or leave out --no-rest");
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let mut all = true;
        for name in herder.connectors().await {
            let status = herder.status(&name).await;
            all &= status.is_ok_and(|status| {
                status.connector.state == State::Failed
                    || (!status.tasks.is_empty() && status.tasks.iter().all(|task| task.state == State::Failed))
            });
        }
        if all {
            return Error::fatal("every connector has failed; the log says why");
        }
    }
}

/// What `GET /` answers, but for the cluster.
pub fn server_info() -> ServerInfo {
    ServerInfo {
        version: CONNECT_VERSION.to_owned(),
        commit: concat!("rowtide-", env!("CARGO_PKG_VERSION")).to_owned(),
        kafka_cluster_id: None,
    }
}

async fn herder(
    worker: &WorkerConfig,
    home: Home,
    plugins: Arc<Plugins>,
    listeners: Option<&Listeners>,
) -> Result<StandaloneHerder> {
    let worker_id = listeners.map_or_else(|| "127.0.0.1:0".to_owned(), |listeners| listeners.worker_id.clone());
    let mut server = server_info();
    let worker = worker.clone();
    let threads = Threads::default();
    let (parts, configs) = match home {
        Home::DataDirectory { path, sink } => {
            let store = EmbeddedStore::open(path.clone())?;
            let offsets = Arc::new(store.clone());
            (Parts { worker, worker_id, server, plugins, offsets, sink, scratch: path, threads }, Some(store))
        }
        Home::Kafka => {
            let file = worker.get("offset.storage.file.filename").unwrap_or_default();
            let mut offsets = FileOffsetStore::open(file)?;
            if let Err(error) = offsets.claim() {
                // Connect's workers look for nothing of the kind: it is no reason not to start
                tracing::warn!("{error}");
            }
            server.kafka_cluster_id = kafka_sink::cluster_id(&worker).await?;
            let sink = kafka_sink::factory(&worker);
            let (offsets, scratch) = (Arc::new(offsets), std::env::temp_dir());
            (Parts { worker, worker_id, server, plugins, offsets, sink, scratch, threads }, None)
        }
    };
    Ok(StandaloneHerder::new(parts, configs))
}

/// Those that are stored, then those of the command line, which update a stored one of their name.
async fn start_connectors(herder: &StandaloneHerder, connectors: Vec<ConnectorFile>) -> Result<()> {
    herder.start_stored().await?;
    for file in connectors {
        let ConnectorFile { name, config, initial } = file;
        let put = herder.put(&name, config, initial, true).await;
        let (created, _) = put.map_err(|error| Error::configuration(format!("connector {name}: {error}")))?;
        tracing::info!("connector {name} {}", if created { "created" } else { "updated" });
    }
    Ok(())
}

/// Serves REST until the worker is asked to stop.
pub fn serve(listeners: Listeners, herder: Arc<dyn Herder>, log: Log, mut stop: Stop) -> JoinHandle<()> {
    let url = listeners.advertised_url.clone();
    let serving = tokio::spawn(rowtide_rest::serve(listeners, herder, log.loggers, async move { stop.asked().await }));
    tracing::info!("REST answers at {url}");
    serving
}
