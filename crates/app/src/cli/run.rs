//! `rowtide run`: one process, no broker.

use std::path::PathBuf;

use clap::Args;
use rowtide_api::{Error, Props, Result};

use crate::cli::{override_with, pair};
use crate::connector_file;
use crate::logging::Log;
use crate::worker::{self, Home};

/// Runs connectors in one process without a broker: records go to stdout or to files, REST listens on loopback.
///
/// Offsets and configurations are kept in the data directory, so that the next start goes on where this one stopped, also
/// without a connector file. A file that is given again updates the stored connector. Records are JSON without schemas unless
/// a connector sets converters of its own.
#[derive(Args)]
pub struct RunArgs {
    /// Connectors: JSON as it is posted to Kafka Connect, a flat JSON map, or Java properties
    connectors: Vec<PathBuf>,
    /// Where offsets and configurations are kept
    #[arg(long, value_name = "DIR", default_value = "rowtide-data")]
    data_dir: PathBuf,
    /// Where records go: stdout, or file:DIR for rotating files
    #[arg(long, value_name = "SINK", default_value = "stdout")]
    sink: String,
    /// Indent records on stdout
    #[arg(long)]
    pretty: bool,
    /// Port of REST on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 8083)]
    rest_port: u16,
    /// Do not serve REST
    #[arg(long, conflicts_with = "rest_port")]
    no_rest: bool,
    /// Set an option of the worker, as a line of worker.properties would
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = pair)]
    worker: Vec<(String, String)>,
    /// Set an option of every connector named here, over what its file says
    #[arg(short = 'C', value_name = "NAME=VALUE", value_parser = pair)]
    connector: Vec<(String, String)>,
}

/// What holds unless `-D` says otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("key.converter.schemas.enable", "false"),
    ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("value.converter.schemas.enable", "false"),
    // nobody but who started the process can reach REST, so that the environment is theirs anyway
    ("rowtide.config.env", "true"),
];

/// Runs until it is asked to stop.
pub async fn run(args: RunArgs, log: Log) -> Result<()> {
    let mut connectors = Vec::with_capacity(args.connectors.len());
    for path in &args.connectors {
        let mut file = connector_file::read(path)?;
        override_with(&mut file.config, &args.connector);
        connectors.push(file);
    }
    if !args.connector.is_empty() && connectors.is_empty() {
        return Err(Error::configuration("-C sets options of connectors, but no connector file is given"));
    }
    let mut props: Props = DEFAULTS.iter().copied().collect();
    props.set("listeners", format!("http://127.0.0.1:{}", args.rest_port));
    override_with(&mut props, &args.worker);
    let home = Home::DataDirectory { path: args.data_dir, sink: args.sink, pretty: args.pretty };
    worker::run(props, home, connectors, !args.no_rest, log).await
}
