//! Checks a backup of either database.

use std::path::Path;

use super::container::Archive;
use super::{BackupError, DatabaseKind, Manifest, Watch, postgres, sqlite};

/// Checks a backup: that all of it is as it was written, and what is in it as far as that can be
/// told without restoring it. A SQLite database is unpacked meanwhile, into `folder` or beside the
/// file.
///
/// # Errors
/// See [`BackupError`].
pub async fn verify(
    file: &Path,
    folder: Option<&Path>,
    watch: &Watch,
) -> Result<Manifest, BackupError> {
    let kind = Archive::open(file)?.manifest().database;
    match kind {
        DatabaseKind::Sqlite => sqlite::verify(file, folder, watch).await,
        DatabaseKind::Postgres => postgres::verify(file, watch).await,
    }
}
