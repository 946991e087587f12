//! Files that must not be left behind.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::BackupError;
use super::error::io;

/// What SQLite may put beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file that is removed when this is dropped, unless it has got its name by then.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// A new, empty file that only this user can read. `path` must be free.
    pub(crate) fn create(path: PathBuf) -> Result<(Self, File), BackupError> {
        let opened =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = opened.map_err(io(&path, "created"))?;
        Ok((Self { path, kept: false }, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, atomically and for good. Its content must be on disk.
    pub(crate) fn keep_as(mut self, name: &Path) -> Result<(), BackupError> {
        std::fs::rename(&self.path, name).map_err(io(name, "put in its place"))?;
        self.kept = true;
        sync_folder(name)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let _ = std::fs::remove_file(&self.path);
        for companion in COMPANIONS {
            let _ = std::fs::remove_file(beside(&self.path, companion));
        }
    }
}

/// `path` with more at its end.
pub(crate) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(more);
    PathBuf::from(name)
}

/// Makes sure that a file's new name outlives a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder, "synced"))
}
