//! Puts a backup into a data folder.

use std::fs;
use std::path::{Path, PathBuf};

use millwright_schemas::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Row as _};

use super::super::blocking::blocking;
use super::super::container::Archive;
use super::super::error::{database, io};
use super::super::mark::{self, Mark};
use super::super::place::{Restored, aside, fit};
use super::super::temporary::{Temporary, beside, sync_folder};
use super::super::{BackupError, DatabaseKind, Manifest, Watch, keys};
use super::save::{check_unpacked, unpack};
use crate::{DATABASE_FILE, DataFolderLock};

/// A backup to be put in place.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The backup.
    pub input: PathBuf,
    /// The data folder; nobody may use it.
    pub data_dir: PathBuf,
    /// Whether a database that is there is put aside.
    pub replace: bool,
    /// When.
    pub now: Timestamp,
}

/// Restores a backup: whole, or the folder is as it was.
///
/// # Errors
/// See [`BackupError`].
pub async fn restore(order: Restore, watch: &Watch) -> Result<Restored, BackupError> {
    let mut archive = Archive::open(&order.input)?;
    fit(&archive, DatabaseKind::Sqlite)?;
    // Neither a folder nor a lock is made for a file that is no backup.
    let told = watch.clone();
    let archive = blocking(&order.input, move || {
        archive.check(&told)?;
        Ok(archive)
    })
    .await?;
    let _lock = DataFolderLock::acquire(&order.data_dir)?;
    let aside = aside(order.now);
    keys::refuse_others(&archive, &order.data_dir, order.replace, order.now)?;
    refuse_loss(&archive, &order, &aside).await?;

    let (told, folder) = (watch.clone(), order.data_dir.clone());
    let (archive, temporary) = blocking(&order.data_dir, move || {
        let name = folder.join(format!("{DATABASE_FILE}.restoring"));
        // Left by one that was killed: this process has the folder.
        remove_left(&name)?;
        let temporary = unpack(&archive, name, &told)?;
        Ok((archive, temporary))
    })
    .await?;
    check_unpacked(&archive, temporary.path(), watch).await?;
    let mark = apply_mark(temporary.path(), archive.manifest(), order.now).await?;
    let manifest = archive.manifest().clone();
    keys::restore(&archive, &order.data_dir, &aside)?;
    let replaced = put(temporary, &order.data_dir, &aside).await?;
    let has_keys = keys::present(&order.data_dir);
    Ok(Restored { manifest, mark, replaced, has_keys })
}

/// Refuses to overwrite what nobody said may go.
async fn refuse_loss(archive: &Archive, order: &Restore, aside: &str) -> Result<(), BackupError> {
    if order.replace {
        return Ok(());
    }
    let place = format!("data folder {}", order.data_dir.display());
    let current = order.data_dir.join(DATABASE_FILE);
    if current.symlink_metadata().is_ok() {
        return Err(BackupError::NotEmpty {
            place,
            loss: describe(&current).await,
            consequence: format!(
                "the backup of {} takes its place, and it is kept as {DATABASE_FILE}{aside}",
                archive.manifest().created_at
            ),
        });
    }
    Ok(())
}

/// What would be lost.
async fn describe(path: &Path) -> String {
    let read = async {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM machines), (SELECT MAX(position) FROM events), \
             (SELECT MAX(occurred_at) FROM events)",
        )
        .fetch_one(&mut connection)
        .await?;
        let (machines, position): (i64, Option<i64>) = (row.get(0), row.get(1));
        let newest: Option<i64> = row.get(2);
        connection.close().await?;
        let newest = newest.map_or_else(String::new, |at| {
            format!(", the newest of {}", Timestamp::from_micros(at))
        });
        let position = position.unwrap_or(0);
        Ok::<_, sqlx::Error>(format!(
            "its database has {machines} machines and events up to position {position}{newest}"
        ))
    };
    match read.await {
        Ok(text) => text,
        Err(_) => "it has a database, which can't be read".to_owned(),
    }
}

fn remove_left(path: &Path) -> Result<(), BackupError> {
    for name in
        [path.to_owned(), beside(path, "-wal"), beside(path, "-shm"), beside(path, "-journal")]
    {
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(&name, "removed")(error)),
        }
    }
    Ok(())
}

/// Makes of the old state one that the platform can go on with.
async fn apply_mark(path: &Path, manifest: &Manifest, now: Timestamp) -> Result<Mark, BackupError> {
    const FAILED: &str = "the restored database can't be prepared";
    let options = SqliteConnectOptions::new()
        .filename(path)
        // One file, on disk when the transaction has ended; the platform sets what it wants.
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full);
    let mut connection =
        SqliteConnection::connect_with(&options).await.map_err(database(path, FAILED))?;
    let mut tx = connection.begin().await.map_err(database(path, FAILED))?;
    let mark = mark::sqlite(&mut tx, manifest, now).await.map_err(|error| error.at(path))?;
    tx.commit().await.map_err(database(path, FAILED))?;
    connection.close().await.map_err(database(path, FAILED))?;
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(io(path, "written"))?;
    Ok(mark)
}

/// Gives the restored database its name. The one that was there is kept under another.
async fn put(
    temporary: Temporary,
    data_dir: &Path,
    aside: &str,
) -> Result<Option<PathBuf>, BackupError> {
    let place = data_dir.join(DATABASE_FILE);
    let replaced =
        if place.symlink_metadata().is_ok() { Some(keep_old(&place, aside).await?) } else { None };
    // A log without its database would be taken for one of the restored database.
    for companion in ["-wal", "-shm"] {
        remove_left(&beside(&place, companion))?;
    }
    temporary.keep_as(&place)?;
    Ok(replaced)
}

/// Keeps the database that is there under another name as well, with all that its log holds. It has
/// its old name until the new one takes it.
async fn keep_old(place: &Path, aside: &str) -> Result<PathBuf, BackupError> {
    // Closing the last connection moves the log into the database. One that is broken isn't moved;
    // its log is kept beside it.
    let options = SqliteConnectOptions::new().filename(place);
    if let Ok(mut connection) = SqliteConnection::connect_with(&options).await {
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        let _ = connection.close().await;
    }
    let kept = beside(place, aside);
    let linked = fs::hard_link(place, &kept);
    // Not every file system can.
    linked.or_else(|_| fs::copy(place, &kept).map(drop)).map_err(io(&kept, "put aside"))?;
    let log = beside(place, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let kept_log = beside(&kept, "-wal");
        fs::rename(&log, &kept_log).map_err(io(&kept_log, "put aside"))?;
    }
    sync_folder(place)?;
    Ok(kept)
}
