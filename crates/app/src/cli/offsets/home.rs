//! What `rowtide offsets` reads and writes: the store of a worker, its connectors, its backups. A kind of store is an arm of
//! [`Home::open`].

use std::sync::Arc;

use rowtide_api::{Error, OffsetMap, Props, Result};
use rowtide_runtime::backup::{self, Backup, ConnectorState, Settings};
use rowtide_runtime::herder::TargetState;
use rowtide_runtime::offsets::{EmbeddedStore, FileOffsetStore, OffsetEntry, OffsetStore};
use rowtide_runtime::worker_config::WorkerConfig;

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

/// A worker's store while it is open.
pub struct Home {
    /// the worker
    pub worker: WorkerConfig,
    offsets: Option<Arc<dyn OffsetStore>>,
    /// where configurations are stored, too
    configs: Option<EmbeddedStore>,
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
        props.set("rowtide.backup.directory", directory.display().to_string());
    }
    match &args.worker {
        Some(path) => WorkerConfig::standalone(&props).map_err(|error| error.context(&path.display().to_string())),
        None => WorkerConfig::run(&props),
    }
}

/// Its backups.
pub fn settings(worker: &WorkerConfig) -> Result<Settings> {
    worker.backups.clone().ok_or_else(|| {
        Error::configuration("it is not said where backups are kept")
            .remedy("set rowtide.backup.directory in the worker's properties, or name the directory with --backup-dir")
    })
}

/// A backup and its name; `newest`: the newest.
pub fn read_backup(settings: &Settings, wanted: &str) -> Result<(String, Backup)> {
    if wanted != "newest" {
        return Ok((wanted.to_owned(), settings.directory.read(wanted)?));
    }
    let newest = settings.directory.list()?.pop().ok_or_else(|| {
        Error::configuration(format!("there is no backup in {}", settings.directory.path().display()))
            .remedy("name the directory with --backup-dir, or the backup's path")
    })?;
    let backup = settings.directory.read(&newest)?;
    Ok((newest, backup))
}

impl Home {
    /// Opens the store.
    pub fn open(args: &StoreArgs, access: Access) -> Result<Self> {
        let worker = worker(args)?;
        let files = args.configs.iter().map(|path| connector_file::read(path)).collect::<Result<Vec<_>>>()?;
        if args.worker.is_some() {
            let path = worker.get("offset.storage.file.filename").unwrap_or_default();
            let mut store = FileOffsetStore::open(path)?;
            if access == Access::Write {
                store.claim()?;
            }
            return Ok(Self { worker, offsets: Some(Arc::new(store)), configs: None, files });
        }
        let is_there = args.data_dir.join(EmbeddedStore::FILE).exists();
        if access == Access::Read && !is_there {
            return Err(Error::configuration(format!("{} is no data directory of rowtide", args.data_dir.display()))
                .remedy("name it with --data-dir, or the properties of a standalone worker with --worker"));
        }
        if access == Access::Plan && !is_there {
            return Ok(Self { worker, offsets: None, configs: None, files });
        }
        let store = EmbeddedStore::open(&args.data_dir)?;
        Ok(Self { worker, offsets: Some(Arc::new(store.clone())), configs: Some(store), files })
    }

    /// Its backups.
    pub fn backups(&self) -> Result<Settings> {
        settings(&self.worker)
    }

    /// What is stored, with the configurations of the command line over the stored ones.
    pub async fn connectors(&self) -> Result<Vec<ConnectorState>> {
        let mut configs = self.configs.as_ref().map(EmbeddedStore::connectors).transpose()?.unwrap_or_default();
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
        match &self.configs {
            Some(store) => Ok(!store.connectors()?.iter().any(|(known, ..)| known == name)),
            None => Ok(false),
        }
    }

    /// Stores offsets, then the configuration: a worker that finds the connector finds its offsets too.
    pub async fn write(&self, name: &str, entries: &[OffsetEntry], config: Option<&(Props, TargetState)>) -> Result<()> {
        let offsets = self.offsets.as_ref().ok_or_else(|| Error::fatal("the store is not open"))?;
        offsets.store(name, entries).await?;
        match (config, &self.configs) {
            (Some((config, target)), Some(store)) => store.put_connector(name, config, *target),
            _ => Ok(()),
        }
    }
}

/// The offsets of a connector among others.
pub fn offsets_of<'a>(connectors: &'a [ConnectorState], name: &str) -> &'a [(OffsetMap, OffsetMap)] {
    connectors.iter().find(|connector| connector.name == name).map_or(&[], |connector| &connector.offsets)
}
