//! `rowtide offsets`: the command line of it. What the commands read and write is `home`'s, what they print `print`'s, restore and
//! rewind `change`'s.

mod change;
mod home;
mod print;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rowtide_api::{Error, Result};
use rowtide_runtime::backup::{self, Backup};

use crate::cli::pair;
use crate::plugins;
use home::{Access, Home};

/// Backs up, shows, compares and puts back the offsets of connectors.
#[derive(Args)]
pub struct OffsetsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes a backup of configurations and offsets
    Backup(BackupArgs),
    /// Prints offsets as they are stored, or those of a backup
    Show(ShowArgs),
    /// Compares a backup with what is stored, or with another backup
    Diff(DiffArgs),
    /// Puts the offsets of a backup back, after its source has said that nothing is lost by it; says so only, without --apply
    Restore(change::RestoreArgs),
    /// Sets a connector's offset to where it was at a time, or to a place in the log; says what would follow only, without --apply
    Rewind(change::RewindArgs),
}

/// Where offsets are kept.
#[derive(Args)]
struct StoreArgs {
    /// The data directory of `rowtide run`
    #[arg(long, value_name = "DIR", default_value = "rowtide-data")]
    data_dir: PathBuf,
    /// The worker's properties: the offsets are those of `rowtide standalone`, or of the group that `rowtide distributed` belongs to
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    worker: Option<PathBuf>,
    /// Where backups are kept, if not where the worker keeps them: a directory, or s3://bucket/prefix
    #[arg(long, value_name = "DIR")]
    backup_dir: Option<String>,
    /// A connector's file, where its configuration is not stored or not to be used
    #[arg(long = "config", value_name = "FILE")]
    configs: Vec<PathBuf>,
    /// Set an option of the worker, as a line of worker.properties would
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = pair)]
    options: Vec<(String, String)>,
}

#[derive(Args)]
struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Args)]
struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// This connector only
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Of this backup: the name of a file among the backups, a path, or `newest`
    #[arg(long, value_name = "BACKUP")]
    backup: Option<String>,
    /// List the backups
    #[arg(long, conflicts_with_all = ["backup", "connector"])]
    backups: bool,
    /// As JSON; of one connector, as PATCH /connectors/NAME/offsets takes it
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DiffArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The backup: the name of a file among the backups, a path, or `newest`
    backup: String,
    /// Another one, in place of what is stored now
    other: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Does what the command line says.
pub async fn offsets(args: OffsetsArgs) -> Result<()> {
    match args.command {
        Command::Backup(args) => backup(args).await,
        Command::Show(args) => show(args).await,
        Command::Diff(args) => diff(args).await,
        Command::Restore(args) => change::restore(args).await,
        Command::Rewind(args) => change::rewind(args).await,
    }
}

async fn backup(args: BackupArgs) -> Result<()> {
    let home = Home::open(&args.store, Access::Read).await?;
    let settings = home.backups()?;
    let connectors = home.connectors().await?;
    let (count, offsets) = (connectors.len(), connectors.iter().map(|connector| connector.offsets.len()).sum::<usize>());
    let name = backup::write(&settings, &Backup::of_now(connectors)).await?;
    println!("{}: {count} connectors, {offsets} offsets", settings.backups.locate(&name));
    Ok(())
}

async fn show(args: ShowArgs) -> Result<()> {
    if args.backups {
        return print::backups(&home::worker(&args.store)?, args.json).await;
    }
    let mut connectors = match &args.backup {
        Some(name) => home::read_backup(&home::settings(&home::worker(&args.store)?)?, name).await?.1.connectors,
        None => Home::open(&args.store, Access::Read).await?.connectors().await?,
    };
    if let Some(name) = &args.connector {
        connectors.retain(|connector| connector.name == *name);
        if connectors.is_empty() {
            return Err(Error::configuration(format!("nothing is stored of a connector '{name}'"))
                .remedy("`rowtide offsets show` prints those that there are"));
        }
    }
    match (args.json, args.connector.is_some()) {
        (true, true) => println!("{:#}", print::offsets_json(&connectors[0].offsets)),
        (true, false) => println!("{:#}", print::connectors_json(&connectors)),
        (false, _) => print!("{}", print::connectors(&plugins::all(), &connectors)),
    }
    Ok(())
}

async fn diff(args: DiffArgs) -> Result<()> {
    let settings = home::settings(&home::worker(&args.store)?)?;
    let (_, backup) = home::read_backup(&settings, &args.backup).await?;
    let other = match &args.other {
        Some(name) => home::read_backup(&settings, name).await?.1.connectors,
        None => Home::open(&args.store, Access::Read).await?.connectors().await?,
    };
    let differences = print::differences(&backup.connectors, &other);
    if args.json {
        println!("{:#}", print::differences_json(&differences));
    } else {
        print!("{}", print::differences_text(&plugins::all(), &differences));
    }
    Ok(())
}
