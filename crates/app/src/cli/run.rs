//! `rowtide run`: one process, no broker.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, Props, Result};
use rowtide_runtime::pipeline::{SinkContext, SinkFactory};
use rowtide_runtime::worker_config::WorkerConfig;

use crate::cli::{override_with, pair};
use crate::logging::Log;
use crate::worker::{self, Home, Start};
use crate::{connector_file, plugins};

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
];

/// The worker of a data directory, before `-D`.
pub fn defaults(data_dir: &Path) -> Props {
    let mut props: Props = DEFAULTS.iter().copied().collect();
    props.set("rowtide.backup.directory", data_dir.join("backups").display().to_string());
    props
}

/// Options of the sinks begin like this; all others of `-D` are the worker's.
const SINK: &str = "rowtide.sink.";

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
    let (sink_options, worker_options): (Vec<_>, Vec<_>) = args.worker.into_iter().partition(|(name, _)| name.starts_with(SINK));
    let mut props = defaults(&args.data_dir);
    props.set("listeners", format!("http://127.0.0.1:{}", args.rest_port));
    override_with(&mut props, &worker_options);
    let plugins = Arc::new(plugins::all());
    let sink = sink(&plugins, &args.sink, args.pretty, sink_options.into_iter().collect())?;
    let start = Start {
        worker: WorkerConfig::run(&props)?,
        home: Home::DataDirectory { path: args.data_dir, sink },
        plugins,
        connectors,
        rest: !args.no_rest,
        // records on the same terminal would be torn apart by a line that is written anew
        terminal: io::stderr().is_terminal() && !(args.sink == "stdout" && io::stdout().is_terminal()),
    };
    worker::run(start, log).await
}

/// What makes the sink that the command line names.
fn sink(plugins: &Plugins, wanted: &str, pretty: bool, mut options: Props) -> Result<SinkFactory> {
    let (name, argument) = wanted.split_once(':').map_or((wanted, None), |(name, argument)| (name, Some(argument)));
    let plugin = plugins.sinks.iter().copied().find(|plugin| plugin.name == name).ok_or_else(|| {
        let names: Vec<&str> = plugins.sinks.iter().map(|plugin| plugin.name).collect();
        Error::configuration(format!("there is no sink '{name}'")).remedy(format!("--sink takes one of: {}", names.join(", ")))
    })?;
    if pretty {
        if name != "stdout" {
            return Err(Error::configuration("--pretty is for stdout; files hold one JSON object a line").remedy("leave it out"));
        }
        options.set("rowtide.sink.stdout.format", "pretty");
    }
    let folder = match (name, argument.filter(|text| !text.is_empty())) {
        ("file", Some(folder)) => {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::configuration(format!("cannot make the directory {folder}")).caused_by(error).remedy("choose another one")
            })?;
            Some(PathBuf::from(folder))
        }
        ("file", None) if options.get("rowtide.sink.file.path").is_none() => {
            return Err(Error::configuration("the sink 'file' needs a directory").remedy("write --sink file:DIR"));
        }
        _ => None,
    };
    let known = (plugin.config_def)();
    for sentence in known.unknown(&options, &[]) {
        tracing::warn!("sink {name}: {sentence}");
    }
    Ok(Arc::new(move |context: SinkContext| {
        let mut options = options.clone();
        if let Some(folder) = &folder {
            let file = folder.join(format!("{}.ndjson", file_name(&context.connector, context.task)));
            options.set("rowtide.sink.file.path", file.display().to_string());
        }
        Box::pin(async move { (plugin.new)(&options) })
    }))
}

/// A file for each task: two writers of one file would rotate it under each other.
fn file_name(connector: &str, task: usize) -> String {
    let mut name = String::new();
    for letter in connector.chars() {
        if letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ' ') {
            name.push(letter);
        } else {
            name.push_str(&format!("%{:02X}", u32::from(letter)));
        }
    }
    if task == 0 { name } else { format!("{name}-{task}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_connector_name_leads_out_of_the_folder() {
        assert_eq!(file_name("shop", 0), "shop");
        assert_eq!(file_name("../etc/x", 1), "..%2Fetc%2Fx-1");
    }
}
