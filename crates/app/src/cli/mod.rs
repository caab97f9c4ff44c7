//! The commands, one file each. Here stand what they share: the command line's shape, exit codes, the runtime's threads.

mod check;
mod distributed;
mod docs;
mod offsets;
mod run;
mod schema;
mod standalone;
mod version;

use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use rowtide_api::{Error, Props, Result};

use crate::logging::Verbosity;

/// Exit code of a start that failed, Connect's.
pub const START_FAILED: u8 = 3;

/// Exit code of a command line that cannot be used, clap's.
pub const UNUSABLE: u8 = 2;

/// Change data capture without the JVM: takes the place of a Kafka Connect worker that runs Debezium.
#[derive(Parser)]
#[command(name = "rowtide", version, arg_required_else_help = true, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    verbosity: VerbosityArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct VerbosityArgs {
    /// Log more: -v debug, -vv everything (RUST_LOG sets levels for each logger)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    /// Log less: -q warnings, -qq errors
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "verbose")]
    quiet: u8,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Standalone(standalone::StandaloneArgs),
    Offsets(offsets::OffsetsArgs),
    Distributed(distributed::DistributedArgs),
    Check(check::CheckArgs),
    Schema(schema::SchemaArgs),
    Docs(docs::DocsArgs),
    Version,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let verbosity = Verbosity { verbose: cli.verbosity.verbose, quiet: cli.verbosity.quiet };
    let outcome = match cli.command {
        Command::Run(args) => in_runtime(verbosity, |log| run::run(args, log)),
        Command::Standalone(args) => in_runtime(verbosity, |log| standalone::standalone(args, log)),
        // what it says is its output; the log is for what goes wrong
        Command::Offsets(args) => in_runtime(verbosity.at_least_quiet(), |_| offsets::offsets(args)),
        Command::Distributed(args) => in_runtime(verbosity, |log| distributed::distributed(args, log)),
        Command::Check(args) => return check::check(&args),
        Command::Schema(args) => {
            let told = in_runtime(verbosity.at_least_quiet(), async |_| Ok(schema::schema(args).await));
            return told.unwrap_or_else(|error| {
                eprintln!("rowtide: {error}");
                ExitCode::from(UNUSABLE)
            });
        }
        Command::Docs(args) => docs::docs(&args),
        Command::Version => {
            version::version();
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowtide: {error}");
            ExitCode::from(START_FAILED)
        }
    }
}

/// Runs a worker on its own threads, the log set up.
fn in_runtime<F, T>(verbosity: Verbosity, command: impl FnOnce(crate::logging::Log) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let log = crate::logging::init(verbosity)?;
    // tasks have threads of their own: these serve REST, the group and the stores
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("rowtide")
        .enable_all()
        .build()
        .map_err(|error| Error::fatal("cannot start threads").caused_by(error))?;
    let outcome = runtime.block_on(command(log));
    // a blocking call that hangs (a name lookup) must not keep the process alive
    runtime.shutdown_background();
    outcome
}

/// `name=value`, for `-D` and `-C`.
fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write it as name=value".to_owned()),
    }
}

/// Puts the pairs of the command line over what a file says.
fn override_with(props: &mut Props, pairs: &[(String, String)]) {
    for (name, value) in pairs {
        props.set(name, value);
    }
}
