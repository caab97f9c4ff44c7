//! A local directory as a place of backups, one file each.
//!
//! The files hold configurations as users wrote them, passwords included: only their owner may read them.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use async_trait::async_trait;
use rowtide_api::{Error, Result};

use super::backups::Place;
use crate::durable;

/// A directory, which need not exist.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    fn failed(&self, doing: &str, error: io::Error) -> Error {
        Error::transient(format!("cannot {doing} the directory of backups {}", self.0.display()))
            .remedy("free space on that disk if it is full; else make the directory this user's own, or change rowtide.backup.directory")
            .caused_by(error)
    }
}

/// Files are written through to the disk, which may take its time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

#[async_trait]
impl Place for Directory {
    fn locate(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    async fn names(&self) -> Result<Vec<String>> {
        let path = self.0.clone();
        let names = blocking(move || {
            let entries = match fs::read_dir(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
            Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
        });
        names.await.map_err(|error| self.failed("read", error))
    }

    async fn get(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.0.join(name);
        blocking(move || fs::read(path)).await.map_err(|error| {
            Error::configuration(format!("cannot read the backup {}", self.locate(name)))
                .remedy("`rowtide offsets show --backups` lists those that there are")
                .caused_by(error)
        })
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let (folder, path) = (self.0.clone(), self.0.join(name));
        let written = blocking(move || {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            durable::replace(&path, &bytes, durable::OWNER)
        });
        written.await.map_err(|error| self.failed("write", error))
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let path = self.0.join(name);
        blocking(move || fs::remove_file(path)).await.map_err(|error| self.failed("prune", error))
    }
}
