//! Where a restored backup goes, and whether it can.

use std::path::PathBuf;

use millwright_schemas::Timestamp;

use super::container::Archive;
use super::mark::Mark;
use super::{BackupError, DatabaseKind, Manifest};
use crate::migrations;

/// What a restore has done.
#[derive(Debug, Clone)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// What the restore has changed in it.
    pub mark: Mark,
    /// Where the database is that was there before; `None`: there was none, or it isn't kept.
    pub replaced: Option<PathBuf>,
    /// Whether the data folder has keys. Without them the platform doesn't start.
    pub has_keys: bool,
}

/// What the names of files end with that a restore has replaced.
pub(super) fn aside(now: Timestamp) -> String {
    format!(".replaced-{}", now.to_chrono().format("%Y%m%dT%H%M%SZ"))
}

/// Whether this program and this kind of database can take it.
pub(super) fn fit(archive: &Archive, wanted: DatabaseKind) -> Result<(), BackupError> {
    let (path, manifest) = (archive.path().to_owned(), archive.manifest());
    if manifest.database != wanted {
        let hint = match wanted {
            DatabaseKind::Sqlite => "give --database",
            DatabaseKind::Postgres => "leave --database out",
        };
        return Err(BackupError::OtherDatabase { path, found: manifest.database, wanted, hint });
    }
    let known = migrations::names();
    match manifest.migrations.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(BackupError::Newer {
            path,
            rule: format!("its database has migration {name:?}, which this program doesn't know"),
        }),
    }
}
