//! The backups of a place: which there are, the newest, reading, writing, pruning.
//!
//! A place is a local directory or a bucket of an object store; it knows names and bytes. What the bytes mean is `format`'s.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rowtide_api::{Error, Result};

use super::bucket::{self, Bucket};
use super::directory::Directory;
use super::{Backup, from_bytes, to_bytes};

const PREFIX: &str = "rowtide-";
const SUFFIX: &str = ".backup";
/// The order of names is the order of time.
const MOMENT: &str = "%Y-%m-%dT%H-%M-%S.%3fZ";

/// Where backups lie. They hold configurations as users wrote them, passwords included.
#[async_trait]
pub(super) trait Place: Debug + Send + Sync {
    /// as a user names something of this name in it
    fn locate(&self, name: &str) -> String;
    /// names of all that is there, in no order; none where there is no such place yet
    async fn names(&self) -> Result<Vec<String>>;
    /// the bytes of this name
    async fn get(&self, name: &str) -> Result<Vec<u8>>;
    /// makes it these bytes, whole or not at all
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()>;
    /// removes it
    async fn remove(&self, name: &str) -> Result<()>;
}

/// The backups of a place. Whatever else is there is left alone.
#[derive(Clone, Debug)]
pub struct Backups {
    text: String,
    place: Arc<dyn Place>,
    store: bucket::Settings,
}

impl Backups {
    /// Of a local directory, which need not exist yet, or of `s3://bucket/prefix`, which nothing is asked of yet. Any other kind of place is refused.
    pub fn new(text: &str, store: &bucket::Settings) -> Result<Self> {
        let place: Arc<dyn Place> = match text.split_once("://") {
            Some(("s3", rest)) => Arc::new(Bucket::new(rest, store)?),
            Some(_) => {
                return Err(Error::configuration(format!("backups cannot be kept at {text}"))
                    .remedy("name a local directory, or s3://bucket/prefix of Amazon S3 or a store that speaks its protocol"));
            }
            None => Arc::new(Directory::new(text)),
        };
        Ok(Self { text: text.to_owned(), place, store: store.clone() })
    }

    /// The place, as the user named it.
    pub fn place(&self) -> &str {
        &self.text
    }

    /// Where a backup of this name lies: a path, or a URL of the store.
    pub fn locate(&self, name: &str) -> String {
        self.place.locate(name)
    }

    /// Names of the backups, oldest first.
    pub async fn list(&self) -> Result<Vec<String>> {
        let mut names = self.place.names().await?;
        names.retain(|name| moment(name).is_some());
        names.sort_unstable();
        Ok(names)
    }

    /// When the newest was taken.
    pub async fn newest(&self) -> Result<Option<Timestamp>> {
        Ok(self.list().await?.last().and_then(|name| moment(name)))
    }

    /// Reads a backup by its name, by any path, or by any `s3://bucket/name`.
    pub async fn read(&self, name: &str) -> Result<Backup> {
        let (place, file) = match name.rsplit_once('/') {
            _ if moment(name).is_some() => (self.place.clone(), name),
            Some((place, file)) if name.starts_with("s3://") => (Self::new(place, &self.store)?.place, file),
            Some(("", _)) => (Arc::new(Directory::new("/")) as Arc<dyn Place>, &name[1..]),
            Some((place, file)) => (Arc::new(Directory::new(place)) as Arc<dyn Place>, file),
            None => (Arc::new(Directory::new("")) as Arc<dyn Place>, name),
        };
        let bytes = place.get(file).await?;
        from_bytes(&bytes).map_err(|error| error.context(&place.locate(file)))
    }

    /// Writes a backup, whole or not at all; its name.
    pub async fn write(&self, backup: &Backup) -> Result<String> {
        let name = format!("{PREFIX}{}{SUFFIX}", backup.taken.strftime(MOMENT));
        self.place.put(&name, to_bytes(backup)).await?;
        Ok(name)
    }

    /// Removes all but the newest `keep`.
    pub async fn prune(&self, keep: usize) -> Result<()> {
        let names = self.list().await?;
        for name in &names[..names.len().saturating_sub(keep)] {
            self.place.remove(name).await?;
        }
        Ok(())
    }
}

/// The moment in a backup's name; none: it is no backup's.
fn moment(name: &str) -> Option<Timestamp> {
    let text = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let civil = jiff::civil::DateTime::strptime("%Y-%m-%dT%H-%M-%S.%fZ", text).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn backup(taken: &str) -> Backup {
        Backup { taken: taken.parse().unwrap(), connectors: Vec::new() }
    }

    fn at(place: &std::path::Path) -> Backups {
        Backups::new(&place.display().to_string(), &bucket::Settings::default()).unwrap()
    }

    #[tokio::test]
    async fn the_newest_are_kept_and_other_files_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let backups = at(&path);
        assert_eq!(backups.list().await.unwrap(), [""; 0]);
        for second in [3, 1, 2] {
            backups.write(&backup(&format!("2026-11-25T10:00:0{second}Z"))).await.unwrap();
        }
        fs::write(path.join("notes"), "mine").unwrap();
        fs::write(path.join("rowtide-2026-11-25T10-00-04.000Z.backup.new"), "unfinished").unwrap();
        backups.prune(2).await.unwrap();
        let names = backups.list().await.unwrap();
        assert_eq!(names, ["rowtide-2026-11-25T10-00-02.000Z.backup", "rowtide-2026-11-25T10-00-03.000Z.backup"]);
        assert_eq!(backups.newest().await.unwrap(), Some("2026-11-25T10:00:03Z".parse().unwrap()));
        let expected = backup("2026-11-25T10:00:02Z");
        assert_eq!(backups.read(&names[0]).await.unwrap(), expected);
        // from anywhere, by its path
        assert_eq!(at(folder.path()).read(&backups.locate(&names[0])).await.unwrap(), expected);
        assert!(path.join("notes").exists());
        let mode = fs::metadata(path.join(&names[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_said_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = at(&file).write(&backup("2026-11-25T10:00:00Z")).await.unwrap_err().to_string();
        assert!(error.contains("rowtide.backup.directory"), "{error}");
        let error = Backups::new("gs://bucket/x", &bucket::Settings::default()).unwrap_err().to_string();
        assert!(error.contains("gs://bucket/x") && error.contains("s3://bucket/prefix"), "{error}");
        assert!(at(&file).read("nothing").await.unwrap_err().to_string().contains("show --backups"));
    }
}
