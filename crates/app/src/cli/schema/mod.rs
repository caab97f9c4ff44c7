//! `rowtide schema`: the command line of it. What a change does is `rowtide_runtime::trial`'s to find, how it is told `print`'s.

mod print;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use rowtide_api::{Error, Props, Result};
use rowtide_runtime::trial::{self, Forecast};
use rowtide_runtime::worker_config::{WorkerConfig, is_group};

use super::check::{Input, Kind, Subject, remote};
use super::{UNUSABLE, check, override_with, pair, run};
use crate::{connector_file, plugins};

/// Looks ahead at changes of tables.
#[derive(Args)]
pub struct SchemaArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(CheckArgs),
}

/// Says what a planned change of tables would do to topics, subjects and consumers, and whether the registry would take it.
///
/// The statements run on empty copies of the tables, in a transaction that is rolled back; nothing is changed, captured or registered. Ends with
/// 0 when the connector would go on, with 1 when it would stop, and with 2 when it cannot be told.
#[derive(Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["ddl", "ddl_files"])))]
struct CheckArgs {
    /// The connector's file, or the REST address of a worker that runs it: http://host:8083, https://user:password@host:8443
    #[arg(value_name = "FILE|URL")]
    what: String,
    /// The connector, where there are several
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// The properties of the worker, for converters that the connector does not name and for variables
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Statements: --ddl "ALTER TABLE orders ADD COLUMN note text"
    #[arg(long, value_name = "SQL")]
    ddl: Vec<String>,
    /// A file of statements; those of --ddl come first
    #[arg(long = "ddl-file", value_name = "FILE")]
    ddl_files: Vec<PathBuf>,
    /// How long a lock may be waited for
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    lock_timeout_ms: u64,
    /// Set an option of the connector, over what its configuration says
    #[arg(short = 'C', value_name = "NAME=VALUE", value_parser = pair)]
    options: Vec<(String, String)>,
    /// How a worker is asked over https, as a line of a properties file would say it: ssl.truststore.type=PEM, ssl.truststore.location=ca.pem
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = pair)]
    tls: Vec<(String, String)>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Looks, tells, and says by the exit code how it is.
pub async fn schema(args: SchemaArgs) -> ExitCode {
    let Command::Check(args) = args.command;
    match look(&args).await {
        Ok((name, forecast)) => {
            match args.json {
                true => println!("{:#}", print::json(&name, &forecast)),
                false => print!("{}", print::text(&name, &forecast, check::width())),
            }
            if forecast.stops() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("rowtide: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

async fn look(args: &CheckArgs) -> Result<(String, Forecast)> {
    let mut change = args.ddl.join(";\n");
    for path in &args.ddl_files {
        change.push_str(";\n");
        change.push_str(&connector_file::text_of(path)?);
    }
    let Subject { name, mut config, .. } = subject(args).await?;
    override_with(&mut config, &args.options);
    let worker = worker(args.worker.as_deref(), &config)?;
    let plugins = plugins::all();
    let patience = Duration::from_millis(args.lock_timeout_ms);
    let forecast = trial::forecast(&plugins, &worker, &config, &change, patience).await;
    forecast.map(|forecast| (name, forecast))
}

/// The connector that is meant.
async fn subject(args: &CheckArgs) -> Result<Subject> {
    let mut input = Input::default();
    match remote::Address::parse(&args.what) {
        Some(address) => remote::read(&address?, &remote::tls(&args.tls)?, &mut input).await?,
        None => super::check::read(Path::new(&args.what), &mut input)?,
    }
    input.subjects.retain(|subject| subject.kind == Kind::Connector);
    let names: Vec<String> = input.subjects.iter().map(|subject| subject.name.clone()).collect();
    let wanted = |subject: &Subject| args.connector.as_ref().is_none_or(|name| *name == subject.name);
    let mut found: Vec<Subject> = input.subjects.into_iter().filter(wanted).collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Error::configuration(format!("there are several connectors in {}", args.what))
            .remedy(format!("name one with --connector: {}", names.join(", ")))),
        (None, _) => Err(Error::configuration(format!("there is no such connector in {}", args.what))
            .remedy(format!("it has: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }))),
    }
}

/// The worker that the connector belongs to. Without one the connector must name its converters: which registry is asked is in them.
fn worker(path: Option<&Path>, config: &Props) -> Result<WorkerConfig> {
    let Some(path) = path else {
        if let Some(missing) = ["key.converter", "value.converter"].into_iter().find(|name| config.get(name).is_none()) {
            return Err(Error::configuration(format!("the connector has no {missing}: its worker's counts"))
                .remedy("name the worker's properties with --worker FILE"));
        }
        return WorkerConfig::run(&run::defaults(Path::new("")));
    };
    let props = connector_file::read_properties(path)?;
    let worker = match is_group(&props) {
        true => WorkerConfig::distributed(&props).map(|(worker, _)| worker),
        false => WorkerConfig::standalone(&props),
    };
    worker.map_err(|error| error.context(&path.display().to_string()))
}
