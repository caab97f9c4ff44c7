//! Backups as files, read by the product's own reader beside the process that writes them.

use std::path::{Path, PathBuf};

use rowtide_runtime::backup::{Backup, from_bytes};

/// The backups of a directory, oldest first.
pub fn list(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "backup"));
    paths.sort();
    paths
}

/// The newest; none: there is none, or it has just been removed.
///
/// # Panics
/// When it is damaged.
pub fn newest(directory: &Path) -> Option<Backup> {
    let bytes = std::fs::read(list(directory).pop()?).ok()?;
    Some(from_bytes(&bytes).expect("a whole backup"))
}
