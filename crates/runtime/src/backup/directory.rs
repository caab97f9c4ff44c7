//! Backups in a local directory, one file each. Where else they could lie would have the same functions: list, read, write,
//! prune.
//!
//! The files hold configurations as users wrote them, passwords included: only their owner may read them.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind as IoKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rowtide_api::{Error, Result};

use super::{Backup, from_bytes, to_bytes};
use crate::durable;

const PREFIX: &str = "rowtide-";
const SUFFIX: &str = ".backup";
/// The order of names is the order of time.
const MOMENT: &str = "%Y-%m-%dT%H-%M-%S.%3fZ";

/// A directory of backups. Other files in it are left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

impl Directory {
    /// It need not exist yet. Places that are not local directories are refused.
    pub fn new(place: &str) -> Result<Self> {
        if place.contains("://") {
            return Err(Error::configuration(format!("backups cannot be kept at {place}"))
                .remedy("name a local directory, and copy its files from there"));
        }
        Ok(Self(PathBuf::from(place)))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Names of the backups, oldest first; none where there is no directory.
    pub fn list(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == IoKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("read", error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.failed("read", error))?.file_name();
            names.extend(name.into_string().ok().filter(|name| moment(name).is_some()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// When the newest was taken.
    pub fn newest(&self) -> Result<Option<Timestamp>> {
        Ok(self.list()?.last().and_then(|name| moment(name)))
    }

    /// Reads a backup by its name, or by any path.
    pub fn read(&self, name: &str) -> Result<Backup> {
        let path = if moment(name).is_some() { self.0.join(name) } else { PathBuf::from(name) };
        let bytes = fs::read(&path).map_err(|error| {
            Error::configuration(format!("cannot read the backup {}", path.display()))
                .remedy("`rowtide offsets show --backups` lists those that there are")
                .caused_by(error)
        })?;
        from_bytes(&bytes).map_err(|error| error.context(&path.display().to_string()))
    }

    /// Writes a backup, whole or not at all; its name.
    pub fn write(&self, backup: &Backup) -> Result<String> {
        let name = format!("{PREFIX}{}{SUFFIX}", backup.taken.strftime(MOMENT));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.and_then(|()| durable::replace(&self.0.join(&name), &to_bytes(backup), durable::OWNER))
            .map_err(|error| self.failed("write", error))?;
        Ok(name)
    }

    /// Removes all but the newest `keep`.
    pub fn prune(&self, keep: usize) -> Result<()> {
        let names = self.list()?;
        for name in &names[..names.len().saturating_sub(keep)] {
            fs::remove_file(self.0.join(name)).map_err(|error| self.failed("prune", error))?;
        }
        Ok(())
    }

    fn failed(&self, doing: &str, error: std::io::Error) -> Error {
        Error::transient(format!("cannot {doing} the directory of backups {}", self.0.display()))
            .remedy("free space on that disk if it is full; else make the directory this user's own, or change rowtide.backup.directory")
            .caused_by(error)
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
    use std::os::unix::fs::PermissionsExt;

    fn backup(taken: &str) -> Backup {
        Backup { taken: taken.parse().unwrap(), connectors: Vec::new() }
    }

    #[test]
    fn the_newest_are_kept_and_other_files_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(&folder.path().join("a/b").display().to_string()).unwrap();
        assert_eq!(directory.list().unwrap(), [""; 0]);
        for second in [3, 1, 2] {
            directory.write(&backup(&format!("2026-11-25T10:00:0{second}Z"))).unwrap();
        }
        fs::write(directory.path().join("notes"), "mine").unwrap();
        fs::write(directory.path().join("rowtide-2026-11-25T10-00-04.000Z.backup.new"), "unfinished").unwrap();
        directory.prune(2).unwrap();
        let names = directory.list().unwrap();
        assert_eq!(names, ["rowtide-2026-11-25T10-00-02.000Z.backup", "rowtide-2026-11-25T10-00-03.000Z.backup"]);
        assert_eq!(directory.newest().unwrap(), Some("2026-11-25T10:00:03Z".parse().unwrap()));
        assert_eq!(directory.read(&names[0]).unwrap(), backup("2026-11-25T10:00:02Z"));
        assert!(directory.path().join("notes").exists());
        let mode = fs::metadata(directory.path().join(&names[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_written_is_said_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let directory = Directory::new(&file.display().to_string()).unwrap();
        let error = directory.write(&backup("2026-11-25T10:00:00Z")).unwrap_err().to_string();
        assert!(error.contains("rowtide.backup.directory"), "{error}");
        assert!(Directory::new("s3://bucket/x").unwrap_err().message().contains("s3://bucket/x"));
        assert!(directory.read("nothing").unwrap_err().to_string().contains("show --backups"));
    }
}
