//! `rowtide standalone`: Kafka's `connect-standalone`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rowtide_api::Result;
use rowtide_runtime::worker_config::WorkerConfig;

use crate::logging::Log;
use crate::worker::{self, Home, Start};
use crate::{connector_file, plugins};

/// Takes the place of Kafka's connect-standalone: the same files, records to Kafka, REST on 8083.
///
/// Offsets are kept in offset.storage.file.filename as Java keeps them; connectors are those of the files and those that
/// REST brings.
#[derive(Args)]
pub struct StandaloneArgs {
    /// The worker's properties
    worker: PathBuf,
    /// Connectors: JSON as it is posted to Kafka Connect, a flat JSON map, or Java properties
    connectors: Vec<PathBuf>,
}

/// Runs until it is asked to stop.
pub async fn standalone(args: StandaloneArgs, log: Log) -> Result<()> {
    let props = connector_file::read_properties(&args.worker)?;
    let connectors = args.connectors.iter().map(|path| connector_file::read(path)).collect::<Result<Vec<_>>>()?;
    let worker = WorkerConfig::standalone(&props).map_err(|error| error.context(&args.worker.display().to_string()))?;
    let plugins = Arc::new(plugins::all());
    let terminal = std::io::stderr().is_terminal();
    worker::run(Start { worker, home: Home::Kafka, plugins, connectors, rest: true, terminal }, log).await
}
