//! Puts the worker of a group together: the group's topics, its membership, REST; and its life from start to drain.

use std::io::IsTerminal;
use std::sync::Arc;

use rowtide_api::{Props, Result};
use rowtide_rest::Listeners;
use rowtide_runtime::herder::Parts;
use rowtide_runtime::herder::distributed::{DistributedHerder, Fencing, LogLevel, Start, unknown};
use rowtide_runtime::kafka_sink;
use rowtide_runtime::offsets::KafkaOffsetStore;
use rowtide_runtime::pipeline::Threads;
use rowtide_runtime::stores::{Clients, ConfigStore, StatusStore, Storage, StorageTopic};
use rowtide_runtime::worker_config::{ExactlyOnceSupport, Membership, WorkerConfig};

use crate::logging::Log;
use crate::worker::{self, back_up, serve};
use crate::{plugins, signals, terminal};

/// Runs the worker of these properties until it is asked to stop.
pub async fn run(props: &Props, log: Log) -> Result<()> {
    let (worker, membership) = WorkerConfig::distributed(props)?;
    let mut stop = signals::watch()?;
    worker.log_what_has_no_effect();
    // opened first: a port that is taken is no reason to ask a broker anything
    let listeners = Listeners::bind(&worker.props).await?;
    let herder = tokio::select! {
        herder = join(&worker, membership, &listeners, &log) => herder?,
        () = stop.asked() => return Ok(()),
    };
    let status = log.status.clone();
    let serving = serve(listeners, Arc::new(herder.clone()), log, stop.clone());
    let failed = tokio::select! {
        error = herder.failed() => Some(error),
        // never ends
        () = terminal::show(herder.clone(), status.clone()), if std::io::stderr().is_terminal() => None,
        // likewise
        () = back_up(worker.backups.as_ref(), Arc::new(herder.clone()), herder.offset_store()) => None,
        () = stop.asked() => None,
    };
    status.set(String::new());
    herder.stop().await;
    serving.abort();
    tracing::info!("ended; offsets are stored");
    failed.map_or(Ok(()), Err)
}

/// Reads what the group shares, and joins it.
async fn join(worker: &WorkerConfig, membership: Membership, listeners: &Listeners, log: &Log) -> Result<DistributedHerder> {
    let plugins = Arc::new(plugins::all());
    let mut server = worker::server_info();
    server.kafka_cluster_id = kafka_sink::cluster_id(worker).await?;
    let clients = Clients::new(worker, &membership.group);
    let topic = |storage| StorageTopic::read(worker, storage);
    let offsets = Arc::new(KafkaOffsetStore::open(&clients, &topic(Storage::Offsets), membership.flush_timeout).await?);
    let statuses = StatusStore::open(&clients, &topic(Storage::Statuses)).await?;
    let transactional = worker.exactly_once != ExactlyOnceSupport::Disabled;
    let leaders_of = transactional.then_some(membership.group.as_str());
    let configs = ConfigStore::open(&clients, &topic(Storage::Configs), leaders_of).await?;
    let state = configs.state();
    tracing::info!(connectors = state.connectors().count(), group = membership.group, "read the group's configurations");
    if !membership.join_unknown {
        unknown::check(&plugins, state.connectors().filter_map(|name| Some((name, state.config(name)?))))?;
    }
    let fencing = (worker.exactly_once == ExactlyOnceSupport::Enabled).then(|| Fencing::new(&membership, offsets.clone()));
    let parts = Parts {
        worker: worker.clone(),
        worker_id: listeners.worker_id.clone(),
        server,
        plugins,
        offsets: offsets.clone(),
        sink: kafka_sink::factory(worker),
        scratch: std::env::temp_dir(),
        threads: Threads::default(),
    };
    let (client, url, loggers) = (clients.config("member", &[])?, listeners.advertised_url.clone(), log.loggers.clone());
    let log_level: LogLevel = Box::new(move |logger, level| loggers.set_level(logger, level));
    DistributedHerder::start(Start { parts, offsets, configs, statuses, membership, url, client, fencing, log_level })
}
