//! Opening the outbox's database, also again after a failed write.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, StorageBackend};

use super::OutboxError;
use crate::limits::OUTBOX_CACHE_BYTES;

/// Opens the database. Called again after a failed write: a database of redb that has seen an
/// I/O error answers nothing else until it is opened anew.
pub type OpenDatabase = Box<dyn Fn() -> Result<Database, OutboxError> + Send>;

/// Whether the file is there and has nothing in it: what it held is gone, and opening it would
/// begin a new outbox without a word.
#[must_use]
pub fn is_emptied(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.len() == 0)
}

/// Opens the file, private to this user.
pub(super) fn file(path: PathBuf) -> OpenDatabase {
    Box::new(move || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(redb::StorageError::Io)?;
        backend(redb::backends::FileBackend::new(file)?)
    })
}

/// Opens a database over any storage, with the agent's small cache.
pub(super) fn backend(backend: impl StorageBackend) -> Result<Database, OutboxError> {
    Ok(Builder::new().set_cache_size(OUTBOX_CACHE_BYTES).create_with_backend(backend)?)
}
