//! `rowtide offsets restore` and `rewind`: what they would do, then, if asked and safe, doing it.

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, OffsetMap, Props, Result};
use rowtide_runtime::backup::{self, Backup, ConnectorState, Settings, Step, changes, config_of};
use rowtide_runtime::connector_config;
use rowtide_runtime::herder::TargetState;
use rowtide_runtime::herder::distributed::visitor::Change;

use super::home::{Access, Home, offsets_of, read_backup};
use super::{StoreArgs, print};
use crate::plugins;

#[derive(Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The backup: the name of a file among the backups, a path, or `newest`
    #[arg(default_value = "newest")]
    backup: String,
    /// This connector only
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// All as in the backup but the place in the log: this one, as the database writes it
    #[arg(long, value_name = "POSITION", requires = "connector")]
    to_position: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
#[command(group(ArgGroup::new("to").required(true).args(["to_time", "to_position"])))]
pub struct RewindArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The connector
    #[arg(long, value_name = "NAME")]
    connector: String,
    /// To the newest backup from before this time: 2026-11-25T10:00:00Z. Every change committed since is sent again
    #[arg(long, value_name = "TIME")]
    to_time: Option<Timestamp>,
    /// To a place in the log, as the database writes it: 0/16B3748. Every transaction that commits from there on is sent again
    #[arg(long, value_name = "POSITION")]
    to_position: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// Write it; the worker must not run, or, in a group of workers, the connector must be stopped
    #[arg(long)]
    apply: bool,
    /// Write it although something is lost by it, or although the source cannot be asked
    #[arg(long, requires = "apply")]
    force: bool,
}

impl How {
    fn access(&self) -> Access {
        if self.apply { Access::Write } else { Access::Plan }
    }
}

/// A step of one connector, with what is stored of it besides offsets.
struct Planned {
    name: String,
    step: Step,
    create: Option<(Props, TargetState)>,
}

/// Puts a backup back.
pub async fn restore(args: RestoreArgs) -> Result<()> {
    let home = Home::open(&args.store, args.how.access()).await?;
    let (name, backup) = read_backup(&home.backups()?, &args.backup).await?;
    println!("backup {name}, taken {}", backup.taken);
    let wanted: Vec<&ConnectorState> = match &args.connector {
        Some(only) => vec![in_backup(&backup, &name, only)?],
        None => backup.connectors.iter().collect(),
    };
    if args.how.apply {
        home.admit(&wanted.iter().map(|connector| connector.name.as_str()).collect::<Vec<_>>()).await?;
    }
    let (plugins, present) = (plugins::all(), home.connectors().await?);
    let mut planned = Vec::new();
    for wanted in wanted {
        let offsets = offsets_of(&present, &wanted.name);
        let config = config_of([present.iter().find(|connector| connector.name == wanted.name), Some(wanted)]);
        if config.is_none() && args.connector.is_none() && !args.how.force {
            println!("{}\n  left out: no configuration of it is known (--config FILE, or --apply --force)", wanted.name);
            continue;
        }
        let step = step(&plugins, &home, &args, wanted, config, offsets).await;
        let step = step.map_err(|error| error.context(&wanted.name))?;
        print!("{}", print::step(&plugins, &wanted.name, config, &step, offsets));
        let create = if home.lacks_config(&wanted.name)? { wanted.config.clone() } else { None };
        if create.is_some() {
            println!("  its configuration is put back, too");
        }
        planned.push(Planned { name: wanted.name.clone(), step, create });
    }
    carry_out(&home, &args.how, &planned).await
}

/// What putting one connector's offsets back would do.
async fn step(
    plugins: &Plugins,
    home: &Home,
    args: &RestoreArgs,
    wanted: &ConnectorState,
    config: Option<&Props>,
    present: &[(OffsetMap, OffsetMap)],
) -> Result<Step> {
    let Some(config) = config else {
        let unchecked = Step { entries: changes(&wanted.offsets, present), checked: Vec::new() };
        return if args.how.force { Ok(unchecked) } else { Err(backup::unknown(&wanted.name)) };
    };
    let offsets = match &args.to_position {
        Some(position) => at(plugins, home, config, &wanted.offsets, position)?,
        None => wanted.offsets.clone(),
    };
    backup::plan(plugins, &home.worker.variables, config, &offsets, present).await
}

/// Sets one connector's offset.
pub async fn rewind(args: RewindArgs) -> Result<()> {
    let (home, name) = (Home::open(&args.store, args.how.access()).await?, &args.connector);
    if args.how.apply {
        home.admit(&[name]).await?;
    }
    let (plugins, present) = (plugins::all(), home.connectors().await?);
    let offsets = offsets_of(&present, name);
    let now = present.iter().find(|connector| connector.name == *name);
    let (wanted, of_backup) = match (args.to_time, &args.to_position) {
        (Some(time), _) => {
            let (file, state) = before(&home.backups()?, time, name).await?;
            println!("backup {file} is the newest from before {time}");
            (state.offsets.clone(), Some(state))
        }
        (None, Some(position)) => {
            let config = config_of([now]).ok_or_else(|| backup::unknown(name))?;
            (at(&plugins, &home, config, offsets, position)?, None)
        }
        (None, None) => return Err(Error::configuration("say where to: --to-time or --to-position")),
    };
    let config = config_of([now, of_backup.as_ref()]).ok_or_else(|| backup::unknown(name))?;
    let step = backup::plan(&plugins, &home.worker.variables, config, &wanted, offsets).await?;
    print!("{}", print::step(&plugins, name, Some(config), &step, offsets));
    carry_out(&home, &args.how, &[Planned { name: name.clone(), step, create: None }]).await
}

fn in_backup<'a>(backup: &'a Backup, file: &str, name: &str) -> Result<&'a ConnectorState> {
    backup.connector(name).ok_or_else(|| {
        let names: Vec<&str> = backup.connectors.iter().map(|connector| connector.name.as_str()).collect();
        Error::configuration(format!("the backup {file} has no connector '{name}'"))
            .remedy(format!("it has: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }))
    })
}

/// The newest backup of the connector that was taken no later than this: what committed later is not behind its offset.
async fn before(settings: &Settings, time: Timestamp, name: &str) -> Result<(String, ConnectorState)> {
    let mut oldest = None;
    for file in settings.backups.list().await?.into_iter().rev() {
        // a damaged one must not keep the others from being used
        let backup = match settings.backups.read(&file).await {
            Ok(backup) => backup,
            Err(error) => {
                eprintln!("left out: {}", error.message());
                continue;
            }
        };
        let Some(state) = backup.connector(name).filter(|state| !state.offsets.is_empty()) else { continue };
        if backup.taken <= time {
            return Ok((file, state.clone()));
        }
        oldest = Some(backup.taken);
    }
    let message = format!("no backup from before {time} has offsets of '{name}'");
    Err(Error::configuration(message).remedy(match oldest {
        Some(oldest) => {
            format!("the oldest is of {oldest}: name that time or a later one, or a place in the log with --to-position")
        }
        None => "name a place in the log with --to-position".to_owned(),
    }))
}

/// The offsets with the one place changed.
fn at(
    plugins: &Plugins,
    home: &Home,
    config: &Props,
    offsets: &[(OffsetMap, OffsetMap)],
    position: &str,
) -> Result<Vec<(OffsetMap, OffsetMap)>> {
    let config = home.worker.variables.fill_in(config)?;
    let (partition, offset) = connector_config::source(plugins, &config)?.offset_at(&config, offsets, position)?;
    let mut wanted = offsets.to_vec();
    match wanted.iter_mut().find(|(have, _)| *have == partition) {
        Some(entry) => entry.1 = offset,
        None => wanted.push((partition, offset)),
    }
    Ok(wanted)
}

/// Refuses what is not safe, and writes if asked.
async fn carry_out<'a>(home: &Home, how: &How, planned: &'a [Planned]) -> Result<()> {
    let lossy: Vec<&str> = planned.iter().filter(|one| !one.step.is_safe()).map(|one| one.name.as_str()).collect();
    if !lossy.is_empty() && !how.force {
        return Err(Error::configuration(format!("nothing was written: see above what stands against it ({})", lossy.join(", ")))
            .remedy(
                "choose another backup or place, or with --connector those that are safe; or write it in spite of that with --apply --force: what the connector then does with an \
                 offset whose place is gone, its snapshot.mode says",
            ));
    }
    if !how.apply {
        println!("nothing was written; --apply writes it");
        return Ok(());
    }
    let change = |one: &'a Planned| Change { name: &one.name, entries: &one.step.entries, create: one.create.as_ref() };
    let changes: Vec<Change<'_>> = planned.iter().map(change).collect();
    let writer = home.writer(&changes).await?;
    let outlooks = planned.iter().flat_map(|one| &one.step.checked).filter_map(|checked| checked.outlook.as_ref().ok());
    if let Some(reader) = outlooks.filter_map(|outlook| outlook.reader.as_ref()).next().filter(|_| !how.force) {
        return Err(Error::configuration(format!("nothing was written: {reader}")).remedy(
            "stop the worker that runs the connector, or in a group the connector: it would store its own offsets over these",
        ));
    }
    for change in changes {
        home.write(&writer, &change).await?;
        println!("{}: written", change.name);
    }
    Ok(())
}
