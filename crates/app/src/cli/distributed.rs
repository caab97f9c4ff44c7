//! `rowtide distributed`: Kafka's `connect-distributed`.

use std::path::PathBuf;

use clap::Args;
use rowtide_api::Result;

use crate::logging::Log;
use crate::{connector_file, group_worker};

/// Takes the place of Kafka's connect-distributed: a worker of the group that group.id names, REST on 8083.
///
/// Connectors, offsets and states are in the group's three topics, as Java workers keep them: a worker takes over what stopped
/// Java workers left there, and they take over from it.
#[derive(Args)]
pub struct DistributedArgs {
    /// The worker's properties
    worker: PathBuf,
}

/// Runs until it is asked to stop.
pub async fn distributed(args: DistributedArgs, log: Log) -> Result<()> {
    let props = connector_file::read_properties(&args.worker)?;
    group_worker::run(&props, log).await.map_err(|error| error.context(&args.worker.display().to_string()))
}
