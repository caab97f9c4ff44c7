//! The data directory of `rowtide run`: one redb file with offsets, connector configurations and target states.
//!
//! A second process on the same directory is refused by redb's own file lock.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition};
use rowtide_api::{Error, OffsetMap, Props, Result};
use serde_json::{Map, Value};

use super::{OffsetEntry, OffsetStore, json};
use crate::herder::TargetState;

/// connector and partition (JSON) → offset (JSON)
const OFFSETS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("offsets");
/// connector → configuration (JSON, keys in the user's order)
const CONFIGS: TableDefinition<&str, &str> = TableDefinition::new("configs");
/// connector → STARTED, PAUSED or STOPPED
const TARGETS: TableDefinition<&str, &str> = TableDefinition::new("target-states");

/// What redb may keep of the file in memory; all that is ever in it is small.
const CACHE_BYTES: usize = 4 << 20;

/// A data directory, open and locked until dropped.
#[derive(Clone)]
pub struct EmbeddedStore {
    /// none after a failed write, until it is opened again: redb refuses everything after an IO error
    database: Arc<Mutex<Option<Database>>>,
    path: Arc<Path>,
}

impl EmbeddedStore {
    /// Its file in the directory.
    pub const FILE: &str = "rowtide.redb";

    /// Opens the directory, making it if it is missing.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::configuration(format!("cannot make the data directory {}", folder.display()))
                .remedy("choose a directory that this user can write to")
                .caused_by(error)
        })?;
        let path: PathBuf = folder.join(Self::FILE);
        let database = make(folder, &path).and_then(|()| create(&path)).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                Error::configuration(format!("another process uses the data directory {}", folder.display()))
                    .remedy(
                        "stop the other rowtide, or give this one a data directory of its own; offsets of one that runs are shown by its REST: \
                         GET /connectors/{name}/offsets",
                    )
            }
            error => Error::configuration(format!("cannot open {}", path.display()))
                .remedy("check the file's owner and the space on its disk; a damaged file must be restored from a backup")
                .caused_by(error),
        })?;
        let store = Self { database: Arc::new(Mutex::new(Some(database))), path: path.into() };
        store.write(|transaction| {
            transaction.open_table(OFFSETS)?;
            transaction.open_table(CONFIGS)?;
            transaction.open_table(TARGETS)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Every stored connector: name, configuration, wanted state.
    pub fn connectors(&self) -> Result<Vec<(String, Props, TargetState)>> {
        let read = |database: &Database| -> Result<Vec<(String, String, Option<String>)>, redb::Error> {
            let transaction = database.begin_read()?;
            let (configs, targets) = (transaction.open_table(CONFIGS)?, transaction.open_table(TARGETS)?);
            let mut found = Vec::new();
            for entry in configs.iter()? {
                let (name, config) = entry?;
                let target = targets.get(name.value())?.map(|target| target.value().to_owned());
                found.push((name.value().to_owned(), config.value().to_owned(), target));
            }
            Ok(found)
        };
        let rows = self.with(read).map_err(|error| self.failed("read", error))?;
        rows.into_iter()
            .map(|(name, config, target)| {
                let config: Map<String, Value> = serde_json::from_str(&config).map_err(|error| self.failed("read", error))?;
                let props = config.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
                let target = target.as_deref().and_then(TargetState::of_name).unwrap_or(TargetState::Started);
                Ok((name, props, target))
            })
            .collect()
    }

    /// Stores a connector's configuration and wanted state.
    pub fn put_connector(&self, name: &str, config: &Props, target: TargetState) -> Result<()> {
        let object: Map<String, Value> = config.iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        let text = Value::Object(object).to_string();
        self.write(|transaction| {
            transaction.open_table(CONFIGS)?.insert(name, text.as_str())?;
            transaction.open_table(TARGETS)?.insert(name, target.name())?;
            Ok(())
        })
    }

    /// Forgets a connector. Its offsets stay, as Connect keeps them.
    pub fn remove_connector(&self, name: &str) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(CONFIGS)?.remove(name)?;
            transaction.open_table(TARGETS)?.remove(name)?;
            Ok(())
        })
    }

    fn write(&self, change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>) -> Result<()> {
        let run = |database: &Database| -> Result<(), redb::Error> {
            // redb's default durability: commit returns after fsync.
            let transaction = database.begin_write()?;
            change(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        self.with(run).map_err(|error| self.failed("write", error))
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let mut open = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match open.take() {
            Some(database) => database,
            None => create(&self.path)?,
        };
        let result = work(&database);
        // Closed on any error and opened again by the next call: what was committed is what the file then holds.
        *open = result.is_ok().then_some(database);
        result
    }

    fn failed(&self, doing: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::transient(format!("cannot {doing} {}; what was stored before is untouched", self.path.display()))
            .remedy("free space on that disk if it is full; it is tried again at the next flush")
            .caused_by(error)
    }

    fn load_now(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        let read = |database: &Database| -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
            let offsets = database.begin_read()?.open_table(OFFSETS)?;
            let mut found = Vec::new();
            for entry in offsets.range((connector, "")..)? {
                let (key, value) = entry?;
                let (owner, partition) = key.value();
                if owner != connector {
                    break;
                }
                found.push((partition.to_owned(), value.value().to_vec()));
            }
            Ok(found)
        };
        let rows = self.with(read).map_err(|error| self.failed("read", error))?;
        let mut loaded = Vec::new();
        for (partition, offset) in rows {
            if let (Some(partition), Some(offset)) = (json::parse_value(partition.as_bytes())?, json::parse_value(&offset)?) {
                loaded.push((partition, offset));
            }
        }
        Ok(loaded)
    }

    fn names_now(&self) -> Result<Vec<String>> {
        let read = |database: &Database| -> Result<Vec<String>, redb::Error> {
            let offsets = database.begin_read()?.open_table(OFFSETS)?;
            let mut names: Vec<String> = Vec::new();
            for entry in offsets.iter()? {
                let (key, _) = entry?;
                let (name, _) = key.value();
                if names.last().is_none_or(|last| last != name) {
                    names.push(name.to_owned());
                }
            }
            Ok(names)
        };
        self.with(read).map_err(|error| self.failed("read", error))
    }

    fn store_now(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        let stored: Vec<OffsetMap> = self.load_now(connector)?.into_iter().map(|(partition, _)| partition).collect();
        self.write(|transaction| {
            let mut offsets = transaction.open_table(OFFSETS)?;
            for (partition, offset) in entries {
                // The same partition with its keys in another order is the same partition.
                let known = stored.iter().find(|have| *have == partition).unwrap_or(partition);
                let key = json::to_json(known).to_string();
                match offset {
                    Some(offset) => drop(offsets.insert((connector, key.as_str()), json::value(offset).as_slice())?),
                    None => drop(offsets.remove((connector, key.as_str()))?),
                }
            }
            Ok(())
        })
    }
}

#[async_trait]
impl OffsetStore for EmbeddedStore {
    async fn names(&self) -> Result<Vec<String>> {
        let store = self.clone();
        blocking(move || store.names_now()).await
    }

    async fn load(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        let (store, connector) = (self.clone(), connector.to_owned());
        blocking(move || store.load_now(&connector)).await
    }

    async fn store(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        let (store, connector, entries) = (self.clone(), connector.to_owned(), entries.to_vec());
        blocking(move || store.store_now(&connector, &entries)).await
    }
}

/// A new file appears whole or not at all: a full disk or a crash amid its making would leave one that is no database.
fn make(folder: &Path, path: &Path) -> Result<(), DatabaseError> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("new");
    let moved = || {
        std::fs::rename(&unfinished, path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    let _ = std::fs::remove_file(&unfinished);
    drop(create(&unfinished)?);
    moved().map_err(|error| DatabaseError::Storage(StorageError::Io(error)))
}

fn create(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|panic| Err(Error::fatal("the embedded store ended abnormally").caused_by(panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(key: &str, value: i64) -> OffsetMap {
        let mut map = OffsetMap::default();
        map.set(key, value);
        map
    }

    #[tokio::test]
    async fn what_was_stored_survives_and_order_of_keys_too() {
        let folder = tempfile::tempdir().unwrap();
        {
            let store = EmbeddedStore::open(folder.path()).unwrap();
            let mut offset = map("z", 1);
            offset.set("a", 2);
            store.store("c", &[(map("p", 1), Some(offset)), (map("p", 2), Some(map("lsn", 3)))]).await.unwrap();
            store.store("c2", &[(map("p", 1), Some(map("lsn", 9)))]).await.unwrap();
            assert_eq!(store.names().await.unwrap(), ["c", "c2"]);
            store.store("c", &[(map("p", 2), None)]).await.unwrap();
            let config: Props = [("name", "c"), ("b", "1"), ("a", "${X}")].into_iter().collect();
            store.put_connector("c", &config, TargetState::Paused).unwrap();
            store.put_connector("gone", &config, TargetState::Started).unwrap();
            store.remove_connector("gone").unwrap();
        }
        let store = EmbeddedStore::open(folder.path()).unwrap();
        let loaded = store.load("c").await.unwrap();
        assert_eq!(loaded.len(), 1);
        assert_eq!(json::value(&loaded[0].1), br#"{"z":1,"a":2}"#);
        let connectors = store.connectors().unwrap();
        assert_eq!(connectors.len(), 1);
        assert_eq!(connectors[0].2, TargetState::Paused);
        assert_eq!(connectors[0].1.iter().collect::<Vec<_>>(), [("name", "c"), ("b", "1"), ("a", "${X}")]);
    }

    #[test]
    fn a_second_user_of_the_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = EmbeddedStore::open(folder.path()).unwrap();
        let error = EmbeddedStore::open(folder.path()).err().unwrap();
        assert!(error.message().starts_with("another process uses the data directory"), "{error}");
    }
}
