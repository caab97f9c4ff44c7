//! Files that are replaced as a whole: after a crash there is the old one or the new one, never a part.

use std::fs::{self, File, OpenOptions};
use std::io::{Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Permissions as the process's umask leaves them.
pub const ANYBODY: u32 = 0o666;
/// Permissions of what may hold passwords.
pub const OWNER: u32 = 0o600;

/// All or nothing: a new file, durable, then renamed over the old one, then the rename itself made durable.
pub fn replace(path: &Path, bytes: &[u8], permissions: u32) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(permissions).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
