//! A file that is appended to, synced and rotated. Blocking: it lives on the writer's thread.
//!
//! A rotated file is named by the moment of its rotation, so that names sort as the files were written. Whoever opens
//! the file again first cuts off the line that a crash left unfinished; its record was never acknowledged.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rowtide_api::{Error, Result};

/// What the options say.
pub(crate) struct Rotation {
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Duration,
    pub(crate) max_files: usize,
}

/// Lines are gathered up to here before they are written.
const BUFFER: usize = 256 * 1024;

pub(crate) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    buffer: Vec<u8>,
    /// length in bytes, the buffer included
    length: u64,
    /// when its first record came
    born: SystemTime,
    /// whole lines up to here are in the file
    written: u64,
}

impl RotatingFile {
    /// Opens or creates the file and takes its lock.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> Result<Self> {
        let (file, length, born) = open(path)?;
        Ok(Self { path: path.to_owned(), rotation, file, buffer: Vec::new(), length, born, written: length })
    }

    /// Appends whole lines, rotating before them if they would not fit.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<()> {
        let after = self.length + lines.len() as u64;
        let too_large = self.rotation.max_bytes > 0 && after > self.rotation.max_bytes;
        if self.length > 0 && too_large {
            self.rotate()?;
        }
        if self.length == 0 {
            self.born = SystemTime::now();
        }
        self.buffer.extend_from_slice(lines);
        self.length += lines.len() as u64;
        if self.buffer.len() >= BUFFER { self.write_out() } else { Ok(()) }
    }

    /// Writes and syncs what was appended.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.write_out()?;
        self.file.sync_data().map_err(|error| trouble("sync", &self.path, error))
    }

    /// How long until the file is old; none when it never is.
    pub(crate) fn ages_in(&self) -> Option<Duration> {
        if self.rotation.max_age.is_zero() || self.length == 0 {
            return None;
        }
        Some(self.rotation.max_age.saturating_sub(self.born.elapsed().unwrap_or_default()))
    }

    /// Rotates a file that has become old.
    pub(crate) fn rotate_if_old(&mut self) -> Result<()> {
        if self.ages_in() == Some(Duration::ZERO) { self.rotate() } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.buffer) {
            // leave whole lines only; what was cut off is not acknowledged and will be sent again
            let _ = self.file.set_len(self.written);
            return Err(trouble("write to", &self.path, error));
        }
        self.written = self.length;
        self.buffer.clear();
        Ok(())
    }

    fn rotate(&mut self) -> Result<()> {
        self.sync()?;
        let target = self.rotated_name()?;
        fs::rename(&self.path, &target).map_err(|error| trouble("rotate", &self.path, error))?;
        let (file, length, born) = open(&self.path)?;
        (self.file, self.length, self.written, self.born) = (file, length, length, born);
        self.delete_oldest()
    }

    /// A name later than every rotated one's, even if the clock went back.
    fn rotated_name(&self) -> Result<PathBuf> {
        let last = self.rotated()?.pop();
        let mut moment = jiff::Timestamp::now();
        loop {
            let target = self.path.with_file_name(rotated_name(&self.path, moment));
            if last.as_ref().is_none_or(|last| target > *last) {
                return Ok(target);
            }
            // the last one's stamp is the lower bound: step from it
            moment = last.as_deref().and_then(|last| stamp(&self.path, last)).map_or(moment, |have| moment.max(have));
            moment += jiff::SignedDuration::from_millis(1);
        }
    }

    fn delete_oldest(&self) -> Result<()> {
        if self.rotation.max_files == 0 {
            return Ok(());
        }
        let rotated = self.rotated()?;
        let surplus = rotated.len().saturating_sub(self.rotation.max_files);
        for old in &rotated[..surplus] {
            fs::remove_file(old).map_err(|error| trouble("delete", old, error))?;
        }
        Ok(())
    }

    /// The rotated files, oldest first.
    fn rotated(&self) -> Result<Vec<PathBuf>> {
        let folder = folder(&self.path);
        let entries = fs::read_dir(folder).map_err(|error| trouble("list", folder, error))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(self.path.with_file_name(entry.ok()?.file_name())))
            .filter(|path| stamp(&self.path, path).is_some())
            .collect();
        found.sort();
        Ok(found)
    }
}

/// `events.ndjson` → `events-20261123T101502.345Z.ndjson`
fn rotated_name(path: &Path, moment: jiff::Timestamp) -> String {
    let (stem, extension) = parts(path);
    format!("{stem}-{}{extension}", moment.strftime("%Y%m%dT%H%M%S.%3fZ"))
}

/// The moment in a rotated file's name; none if it is not one of this file's.
fn stamp(path: &Path, rotated: &Path) -> Option<jiff::Timestamp> {
    let (stem, extension) = parts(path);
    let name = rotated.file_name()?.to_str()?;
    let text = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
    let moment = text.strip_suffix('Z').filter(|_| text.len() == "20261123T101502.345Z".len())?;
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S.%f", moment)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn parts(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let extension = text(path.extension());
    (text(path.file_stem()), if extension.is_empty() { extension } else { format!(".{extension}") })
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn open(path: &Path) -> Result<(File, u64, SystemTime)> {
    let folder = folder(path);
    fs::create_dir_all(folder).map_err(|error| trouble("create the folder of", path, error))?;
    let file = OpenOptions::new().read(true).append(true).create(true).open(path);
    let mut file = file.map_err(|error| trouble("open", path, error))?;
    if file.try_lock().is_err() {
        return Err(Error::transient(format!("another process writes to '{}'", path.display()))
            .remedy(format!("stop it, or set '{}' to another file", crate::options::PATH)));
    }
    let length = whole_lines(&mut file).map_err(|error| trouble("read", path, error))?;
    if file.metadata().is_ok_and(|metadata| metadata.len() > length) {
        file.set_len(length).map_err(|error| trouble("truncate", path, error))?;
    }
    // the entry itself must survive a crash too
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| trouble("sync the folder of", path, error))?;
    let metadata = file.metadata().map_err(|error| trouble("read", path, error))?;
    let born = metadata.created().or_else(|_| metadata.modified()).unwrap_or_else(|_| SystemTime::now());
    Ok((file, length, born))
}

/// Length up to the end of the last whole line.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut chunk = vec![0; 64 * 1024];
    while end > 0 {
        let size = end.min(chunk.len() as u64);
        file.seek(SeekFrom::Start(end - size))?;
        let read = &mut chunk[..size as usize];
        file.read_exact(read)?;
        if let Some(last) = read.iter().rposition(|byte| *byte == b'\n') {
            return Ok(end - size + last as u64 + 1);
        }
        end -= size;
    }
    Ok(0)
}

/// The error of a call on a file, with what the user can do.
fn trouble(doing: &str, path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind::{
        AlreadyExists, FileTooLarge, IsADirectory, NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull,
    };
    let message = format!("cannot {doing} '{}'", path.display());
    let option = crate::options::PATH;
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Error::transient(message)
            .remedy(format!("free space there, or set '{option}' to another disk; nothing is lost, writing goes on by itself")),
        PermissionDenied | ReadOnlyFilesystem | NotADirectory | IsADirectory | AlreadyExists => Error::configuration(message)
            .remedy(format!("give the user that runs Rowtide the right to write there, or set '{option}' to another file")),
        _ => Error::transient(message).remedy("look at the disk; writing is tried again by itself"),
    }
    .caused_by(error)
}

#[cfg(test)]
#[path = "rotating_tests.rs"]
mod tests;
