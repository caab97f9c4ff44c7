//! `rowtide distributed`: Kafka's `connect-distributed`.

use std::path::PathBuf;

use clap::Args;
use rowtide_api::Result;

use crate::logging::Log;
use crate::{connector_file, group_worker, image_environment};

/// Takes the place of Kafka's connect-distributed: a worker of the group that group.id names, REST on 8083.
///
/// Connectors, offsets and states are in the group's three topics, as Java workers keep them: a worker takes over what stopped
/// Java workers left there, and they take over from it.
#[derive(Args)]
pub struct DistributedArgs {
    /// The worker's properties; without a file they come from the environment, as in the container images of Connect (GROUP_ID, CONNECT_...)
    worker: Option<PathBuf>,
}

/// Runs until it is asked to stop.
pub async fn distributed(args: DistributedArgs, log: Log) -> Result<()> {
    match &args.worker {
        Some(file) => {
            let props = connector_file::read_properties(file)?;
            group_worker::run(&props, log).await.map_err(|error| error.context(&file.display().to_string()))
        }
        None => {
            // what is not Unicode is none of the names that are looked for, or no value that they can have
            let variables: Vec<_> = std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect();
            let props = image_environment::worker_properties(&variables)?;
            group_worker::run(&props, log).await.map_err(|error| error.context("the environment"))
        }
    }
}
