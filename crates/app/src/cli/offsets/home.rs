//! What `rowtide offsets` reads and writes: the store of a worker, its connectors, its backups. A kind of store is an arm of
//! [`Home::open`].

use std::sync::Arc;

use rowtide_api::{Error, OffsetMap, Props, Result};
use rowtide_runtime::backup::{self, Backup, ConnectorState, Settings};
use rowtide_runtime::herder::TargetState;
use rowtide_runtime::herder::distributed::visitor::{Change, Visitor, Writer};
use rowtide_runtime::offsets::{EmbeddedStore, FileOffsetStore, OffsetStore};
use rowtide_runtime::worker_config::{WorkerConfig, is_group};

use super::StoreArgs;
use crate::cli::{override_with, run};
use crate::connector_file::{self, ConnectorFile};

/// What is wanted of the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// to read it; it must be there
    Read,
    /// to say what would be written; one that is missing is empty
    Plan,
    /// to write it; no worker may use it
    Write,
}

/// Where configurations are stored, too.
enum Configs {
    /// nowhere
    None,
    Embedded(EmbeddedStore),
    Group(Box<Visitor>),
}

/// A worker's store while it is open.
pub struct Home {
    /// the worker
    pub worker: WorkerConfig,
    offsets: Option<Arc<dyn OffsetStore>>,
    configs: Configs,
    files: Vec<ConnectorFile>,
}

/// The worker that the command line names.
pub fn worker(args: &StoreArgs) -> Result<WorkerConfig> {
    let mut props = match &args.worker {
        Some(path) => connector_file::read_properties(path)?,
        None => run::defaults(&args.data_dir),
    };
    override_with(&mut props, &args.options);
    if let Some(directory) = &args.backup_dir {
        props.set("rowtide.backup.directory", directory.clone());
    }
    let Some(path) = &args.worker else { return WorkerConfig::run(&props) };
    let worker = if is_group(&props) {
        WorkerConfig::distributed(&props).map(|(worker, _)| worker)
    } else {
        WorkerConfig::standalone(&props)
    };
    worker.map_err(|error| error.context(&path.display().to_string()))
}

/// Its backups.
pub fn settings(worker: &WorkerConfig) -> Result<Settings> {
    worker.backups.clone().ok_or_else(|| {
        Error::configuration("it is not said where backups are kept")
            .remedy("set rowtide.backup.directory in the worker's properties, or name the directory with --backup-dir")
    })
}

/// A backup and its name; `newest`: the newest.
pub async fn read_backup(settings: &Settings, wanted: &str) -> Result<(String, Backup)> {
    if wanted != "newest" {
        return Ok((wanted.to_owned(), settings.backups.read(wanted).await?));
    }
    let newest = settings.backups.list().await?.pop().ok_or_else(|| {
        Error::configuration(format!("there is no backup in {}", settings.backups.place()))
            .remedy("name the directory with --backup-dir, or the backup's path")
    })?;
    let backup = settings.backups.read(&newest).await?;
    Ok((newest, backup))
}

impl Home {
    /// Opens the store.
    pub async fn open(args: &StoreArgs, access: Access) -> Result<Self> {
        let worker = worker(args)?;
        let files = args.configs.iter().map(|path| connector_file::read(path)).collect::<Result<Vec<_>>>()?;
        let (offsets, configs) = match &args.worker {
            Some(_) if is_group(&worker.props) => Self::group(&worker, access).await?,
            Some(_) => (Some(Self::file(&worker, access)?), Configs::None),
            None => Self::data_directory(args, access)?,
        };
        Ok(Self { worker, offsets, configs, files })
    }

    async fn group(worker: &WorkerConfig, access: Access) -> Result<(Option<Arc<dyn OffsetStore>>, Configs)> {
        let (_, membership) = WorkerConfig::distributed(&worker.props)?;
        let group = Visitor::open(worker, membership, access == Access::Write).await?;
        if access == Access::Read {
            group.is_there()?;
        }
        Ok((group.offsets(), Configs::Group(Box::new(group))))
    }

    fn file(worker: &WorkerConfig, access: Access) -> Result<Arc<dyn OffsetStore>> {
        let mut store = FileOffsetStore::open(worker.get("offset.storage.file.filename").unwrap_or_default())?;
        if access == Access::Write {
            store.claim()?;
        }
        Ok(Arc::new(store))
    }

    fn data_directory(args: &StoreArgs, access: Access) -> Result<(Option<Arc<dyn OffsetStore>>, Configs)> {
        let is_there = args.data_dir.join(EmbeddedStore::FILE).exists();
        if access == Access::Read && !is_there {
            return Err(Error::configuration(format!("{} is no data directory of rowtide", args.data_dir.display()))
                .remedy("name it with --data-dir, or the properties of a standalone or distributed worker with --worker"));
        }
        if access == Access::Plan && !is_there {
            return Ok((None, Configs::None));
        }
        let store = EmbeddedStore::open(&args.data_dir)?;
        Ok((Some(Arc::new(store.clone())), Configs::Embedded(store)))
    }

    /// Its backups.
    pub fn backups(&self) -> Result<Settings> {
        settings(&self.worker)
    }

    /// The configurations that are stored.
    fn stored(&self) -> Result<Vec<(String, Props, TargetState)>> {
        match &self.configs {
            Configs::None => Ok(Vec::new()),
            Configs::Embedded(store) => store.connectors(),
            Configs::Group(group) => Ok(group.connectors()),
        }
    }

    /// What is stored, with the configurations of the command line over the stored ones.
    pub async fn connectors(&self) -> Result<Vec<ConnectorState>> {
        let mut configs = self.stored()?;
        for file in &self.files {
            let ConnectorFile { name, config, initial } = file;
            match configs.iter_mut().find(|(known, ..)| known == name) {
                Some(known) => known.1 = config.clone(),
                None => configs.push((name.clone(), config.clone(), initial.unwrap_or(TargetState::Started))),
            }
        }
        match &self.offsets {
            Some(offsets) => backup::collect(configs, &**offsets).await,
            None => {
                let state = |(name, config, target)| ConnectorState { name, config: Some((config, target)), offsets: Vec::new() };
                Ok(configs.into_iter().map(state).collect())
            }
        }
    }

    /// Whether the store keeps configurations and has none of this connector.
    pub fn lacks_config(&self, name: &str) -> Result<bool> {
        Ok(!matches!(self.configs, Configs::None) && !self.stored()?.iter().any(|(known, ..)| known == name))
    }

    /// Refuses, before offsets are read, to write those of connectors that a worker of a group may run.
    pub async fn admit(&self, names: &[&str]) -> Result<()> {
        match &self.configs {
            Configs::Group(group) => group.admit(names).await,
            Configs::None | Configs::Embedded(_) => Ok(()),
        }
    }

    /// Who writes these changes; refuses what a worker that lives would write over.
    pub async fn writer(&self, changes: &[Change<'_>]) -> Result<Writer> {
        match &self.configs {
            Configs::Group(group) => group.writer(changes).await,
            // opened to write, so that no worker has it
            Configs::None | Configs::Embedded(_) => Ok(Writer::Anybody),
        }
    }

    /// Stores offsets, then the configuration: a worker that finds the connector finds its offsets too.
    pub async fn write(&self, writer: &Writer, change: &Change<'_>) -> Result<()> {
        if let Configs::Group(group) = &self.configs {
            return group.write(writer, change).await;
        }
        let offsets = self.offsets.as_ref().ok_or_else(|| Error::fatal("the store is not open"))?;
        offsets.store(change.name, change.entries).await?;
        match (change.create, &self.configs) {
            (Some((config, target)), Configs::Embedded(store)) => store.put_connector(change.name, config, *target),
            _ => Ok(()),
        }
    }
}

/// The offsets of a connector among others.
pub fn offsets_of<'a>(connectors: &'a [ConnectorState], name: &str) -> &'a [(OffsetMap, OffsetMap)] {
    connectors.iter().find(|connector| connector.name == name).map_or(&[], |connector| &connector.offsets)
}
