//! Why there is no backup, or nothing was restored.

use std::io;
use std::path::{Path, PathBuf};

use crate::{LockError, StoreError};

/// SQLite's primary result code for a full disk.
const SQLITE_FULL: i32 = 13;

/// Why a backup, its check or a restore didn't succeed. Nothing is half done then: temporary files
/// are removed, and what was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file can't be read or written.
    #[error("{} can't be {doing}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried: `read`, `written`, …
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The disk is full.
    #[error("{}: the disk is full; nothing was left behind", .0.display())]
    DiskFull(PathBuf),
    /// The file of the backup would take the place of another.
    #[error("{} exists already; a backup takes no file's place", .0.display())]
    OutputExists(PathBuf),
    /// Nothing to back up.
    #[error("{} has no database ({}); see --data-dir", .0.display(), crate::DATABASE_FILE)]
    NoDatabase(PathBuf),
    /// Not a file of `millwright backup`.
    #[error("{} is not a backup: {rule}", path.display())]
    NotABackup {
        /// Which file.
        path: PathBuf,
        /// What it breaks.
        rule: &'static str,
    },
    /// A backup that isn't whole, or has changed since it was written.
    #[error("{} is damaged: {rule}; use another backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What it breaks, with the value.
        rule: String,
    },
    /// The database itself isn't sound.
    #[error("the database in {} isn't sound: {problem}", path.display())]
    Unsound {
        /// Where.
        path: PathBuf,
        /// What its check says first.
        problem: String,
    },
    /// A newer program has written it.
    #[error("{} needs a newer millwright: {rule}", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// What isn't known here.
        rule: String,
    },
    /// A backup of one kind of database for another.
    #[error("{} is a backup of {found}, not of {wanted}: {hint}", path.display())]
    OtherDatabase {
        /// Which file.
        path: PathBuf,
        /// What it holds.
        found: super::DatabaseKind,
        /// What was asked for.
        wanted: super::DatabaseKind,
        /// What to do.
        hint: &'static str,
    },
    /// There is something already where the backup is to go.
    #[error("{place} isn't empty: {loss}. With --replace {consequence}")]
    NotEmpty {
        /// Data folder or database.
        place: String,
        /// What is in it.
        loss: String,
        /// What `--replace` does.
        consequence: String,
    },
    /// A database without a platform in it.
    #[error("{0} has no tables of millwright; see --database")]
    NoTables(String),
    /// Platforms are connected to it.
    #[error("{place} is in use by {connections} connections of millwright; stop them first")]
    DatabaseInUse {
        /// Which database.
        place: String,
        /// How many.
        connections: i64,
    },
    /// Its tables are of another version or form than the backup's.
    #[error(
        "{place} has tables of another version or form than the backup; restore into an empty database"
    )]
    OtherTables {
        /// Which database.
        place: String,
    },
    /// Somebody uses it.
    #[error(transparent)]
    InUse(#[from] LockError),
    /// It was called off.
    #[error("stopped; {} was not written", .0.display())]
    Stopped(PathBuf),
    /// The database refused it.
    #[error("{doing}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        source: StoreError,
    },
}

impl BackupError {
    /// Whether the backup's file is at fault, and no other attempt with it will succeed.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::NotABackup { .. } | Self::Damaged { .. })
    }

    pub(crate) fn damaged(path: &Path, rule: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), rule: rule.into() }
    }
}

/// What went wrong with a file.
pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> BackupError {
    move |source| {
        if source.kind() == io::ErrorKind::StorageFull {
            BackupError::DiskFull(path.to_owned())
        } else {
            BackupError::Io { path: path.to_owned(), doing, source }
        }
    }
}

/// What went wrong with a database whose files are written at `path`.
pub(crate) fn database(
    path: &Path,
    doing: &'static str,
) -> impl FnOnce(sqlx::Error) -> BackupError {
    move |source| {
        let code = source.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
        if code.is_some_and(|code| code & 0xff == SQLITE_FULL) {
            BackupError::DiskFull(path.to_owned())
        } else {
            BackupError::Database { doing, source: source.into() }
        }
    }
}
