//! `offset.storage.file.filename`: the file of Connect's `FileOffsetBackingStore`, read and written so that a Java
//! worker and Rowtide can take turns on it.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rowtide_api::{Error, OffsetMap, Result};
use tokio::sync::Mutex;

use super::java_hashmap::{self, Entries};
use super::{OffsetEntry, OffsetStore, json};
use crate::durable;

/// The file and its content. One process owns the file, as with Connect: it writes what it has in memory over whatever is there.
pub struct FileOffsetStore {
    path: Arc<Path>,
    /// everything in the file, also what belongs to connectors that we don't know
    entries: Mutex<Entries>,
    /// locked while this process owns the file
    claim: Option<File>,
}

impl FileOffsetStore {
    /// Reads the file; a missing one is an empty one, as with Connect.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path: PathBuf = path.into();
        let entries = match fs::read(&path) {
            Ok(bytes) if bytes.is_empty() => Entries::new(),
            Ok(bytes) => java_hashmap::read(&bytes).map_err(|error| {
                Error::configuration(format!("{} is not an offsets file of Kafka Connect: {error}", path.display()))
                    .remedy("let offset.storage.file.filename name the file that connect-standalone wrote, or a new file")
            })?,
            Err(error) if error.kind() == IoKind::NotFound => Entries::new(),
            Err(error) => {
                return Err(Error::configuration(format!("cannot read the offsets file {}", path.display()))
                    .remedy("make the file readable and its folder writable, or change offset.storage.file.filename")
                    .caused_by(error));
            }
        };
        Ok(Self { path: path.into(), entries: Mutex::new(entries), claim: None })
    }

    /// Says to other processes of ours that this one owns the file, until the store is dropped; an error when one of them
    /// does. Java's workers neither look nor say so.
    ///
    /// The lock is on a file beside it, since the file itself is replaced at each store.
    pub fn claim(&mut self) -> Result<()> {
        let path = beside(&self.path, ".lock");
        let file = File::create(&path).map_err(|error| {
            Error::configuration(format!("cannot make {}", path.display()))
                .remedy("make the folder of the offsets file writable for this user")
                .caused_by(error)
        })?;
        match file.try_lock() {
            Ok(()) => {
                self.claim = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => {
                Err(Error::configuration(format!("another rowtide uses the offsets file {}", self.path.display()))
                    .remedy("stop it: it would write its own offsets over what is changed here"))
            }
            Err(TryLockError::Error(error)) => {
                Err(Error::configuration(format!("cannot lock {}", path.display())).caused_by(error))
            }
        }
    }
}

#[async_trait]
impl OffsetStore for FileOffsetStore {
    async fn names(&self) -> Result<Vec<String>> {
        let entries = self.entries.lock().await;
        let names: BTreeSet<String> = entries.iter().filter_map(|(key, _)| Some(json::parse_key(key)?.0)).collect();
        Ok(names.into_iter().collect())
    }

    async fn load(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        let entries = self.entries.lock().await;
        let mut found = Vec::new();
        for (key, value) in entries.iter() {
            if let Some((owner, partition)) = json::parse_key(key)
                && owner == connector
                && let Some(value) = value
                && let Some(offset) = json::parse_value(value).map_err(|error| error.context(&self.path.display().to_string()))?
            {
                found.push((partition, offset));
            }
        }
        Ok(found)
    }

    async fn store(&self, connector: &str, changes: &[OffsetEntry]) -> Result<()> {
        let mut entries = self.entries.lock().await;
        let mut next = entries.clone();
        for (partition, offset) in changes {
            let is_it = |(key, _): &(Vec<u8>, _)| {
                json::parse_key(key).is_some_and(|(owner, map)| owner == connector && map == *partition)
            };
            // The key's own bytes stay: Connect compares keys byte by byte.
            match (next.iter().position(is_it), offset) {
                (Some(index), Some(offset)) => next[index].1 = Some(json::value(offset)),
                (None, Some(offset)) => next.push((json::key(connector, partition), Some(json::value(offset)))),
                (Some(index), None) => drop(next.remove(index)),
                (None, None) => {}
            }
        }
        let bytes = java_hashmap::write(&next);
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || durable::replace(&path, &bytes, durable::ANYBODY)).await;
        match written {
            Ok(Ok(())) => {
                *entries = next;
                Ok(())
            }
            Ok(Err(error)) => Err(failed(&self.path, error)),
            Err(panic) => Err(Error::fatal("writing the offsets file ended abnormally").caused_by(panic)),
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot write the offsets file {}; the offsets stored before are untouched", path.display());
    let remedy = match error.kind() {
        IoKind::StorageFull | IoKind::QuotaExceeded => "free space on that disk; it is tried again at the next flush",
        _ => "make the folder writable for this user; it is tried again at the next flush",
    };
    Error::transient(message).remedy(remedy).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, i64)]) -> OffsetMap {
        let mut map = OffsetMap::default();
        entries.iter().for_each(|(key, value)| map.set(*key, *value));
        map
    }

    #[tokio::test]
    async fn entries_of_others_stay_and_a_restart_sees_what_was_stored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let foreign: Entries = vec![(b"[\"other\",{\"a\":1}]".to_vec(), Some(b"{\"x\":2}".to_vec())), (b"odd".to_vec(), None)];
        fs::write(&path, java_hashmap::write(&foreign)).unwrap();
        let store = FileOffsetStore::open(&path).unwrap();
        store
            .store("c", &[(map(&[("p", 1)]), Some(map(&[("lsn", 5)]))), (map(&[("p", 2)]), Some(map(&[("lsn", 6)])))])
            .await
            .unwrap();
        store.store("c", &[(map(&[("p", 1)]), None), (map(&[("p", 2)]), Some(map(&[("lsn", 7)])))]).await.unwrap();
        let again = FileOffsetStore::open(&path).unwrap();
        assert_eq!(again.load("c").await.unwrap(), vec![(map(&[("p", 2)]), map(&[("lsn", 7)]))]);
        assert_eq!(again.load("other").await.unwrap(), vec![(map(&[("a", 1)]), map(&[("x", 2)]))]);
        assert_eq!(java_hashmap::read(&fs::read(&path).unwrap()).unwrap()[..2], foreign);
    }

    /// /dev/full answers every write with ENOSPC: a real full disk, without filling one.
    #[tokio::test]
    async fn a_full_disk_is_transient_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let store = FileOffsetStore::open(&path).unwrap();
        store.store("c", &[(map(&[("p", 1)]), Some(map(&[("lsn", 5)])))]).await.unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("offsets.new")).unwrap();
        let error = store.store("c", &[(map(&[("p", 1)]), Some(map(&[("lsn", 6)])))]).await.unwrap_err();
        assert_eq!(error.kind(), rowtide_api::ErrorKind::Transient);
        assert!(error.to_string().contains("No space left on device") && error.to_string().contains("free space"), "{error}");
        assert_eq!(store.load("c").await.unwrap()[0].1, map(&[("lsn", 5)]));
        assert_eq!(FileOffsetStore::open(&path).unwrap().load("c").await.unwrap()[0].1, map(&[("lsn", 5)]));
        // the disk has room again
        store.store("c", &[(map(&[("p", 1)]), Some(map(&[("lsn", 7)])))]).await.unwrap();
        assert_eq!(FileOffsetStore::open(&path).unwrap().load("c").await.unwrap()[0].1, map(&[("lsn", 7)]));
    }

    #[tokio::test]
    async fn one_process_claims_the_file_and_everybody_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let mut owner = FileOffsetStore::open(&path).unwrap();
        owner.claim().unwrap();
        owner.store("c", &[(map(&[("p", 1)]), Some(map(&[("lsn", 5)])))]).await.unwrap();
        let mut other = FileOffsetStore::open(&path).unwrap();
        assert_eq!(other.names().await.unwrap(), ["c"]);
        assert!(other.claim().unwrap_err().message().contains("another rowtide uses the offsets file"));
        drop(owner);
        other.claim().unwrap();
    }

    #[test]
    fn another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        fs::write(&path, "hello").unwrap();
        let error = FileOffsetStore::open(&path).err().unwrap();
        assert!(error.message().ends_with(
            "is not an offsets file of Kafka Connect: expected the header of a Java object stream (AC ED 00 05) at byte 0"
        ));
    }
}
