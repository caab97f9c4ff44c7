//! A small disk that a test may fill: a tmpfs over a directory, unmounted when it goes out of scope. Needs root.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted directory.
pub struct SmallDisk {
    path: PathBuf,
}

fn run(command: &mut Command) {
    let done = command.output().expect("mount");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl SmallDisk {
    /// Over this directory, which is made if it is missing.
    pub fn mount(path: &Path, kilobytes: u32) -> Self {
        std::fs::create_dir_all(path).expect("a directory");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"]).arg(path));
        Self { path: path.to_owned() }
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).expect("a file");
        let done = std::io::copy(&mut std::io::repeat(b'x'), &mut filler);
        assert_eq!(done.expect_err("no disk is that large").kind(), std::io::ErrorKind::StorageFull);
    }

    /// Gives the room back that [`SmallDisk::fill`] took.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the filler");
    }

    /// Makes it another size.
    pub fn resize(&self, kilobytes: u32) {
        run(Command::new("mount").args(["-o", &format!("remount,size={kilobytes}k")]).arg(&self.path));
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // lazily: a process may still have files open there
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
