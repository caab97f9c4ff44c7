//! The binary `rowtide`: its commands, its log, and the one list of plug-ins.
//!
//! What connectors do belongs to `rowtide-runtime`; what REST answers to `rowtide-rest`.

mod cli;
mod connector_file;
mod group_worker;
mod image_environment;
mod logging;
mod manual;
mod plugins;
mod signals;
mod terminal;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
