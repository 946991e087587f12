//! Makes a backup, and checks one.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millwright_schemas::Timestamp;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::super::blocking::blocking;
use super::super::container::{Archive, Writer};
use super::super::error::{database, io};
use super::super::limits::{CHUNK_BYTES, LOOK_EVERY};
use super::super::temporary::{Temporary, beside};
use super::super::{BackupError, DatabaseKind, Manifest, Watch, keys};
use super::{PART, copy};
use crate::DATABASE_FILE;

/// How long the copy waits for a moment in which it may begin to read.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Steps of SQLite's between two looks at whether the copy is called off: some milliseconds.
const STEPS: i32 = 10_000;

/// A backup to be made.
#[derive(Debug, Clone)]
pub struct Backup {
    /// The platform's data folder; the platform may run.
    pub data_dir: PathBuf,
    /// The file to be written; it must not exist.
    pub output: PathBuf,
    /// Whether the private keys go into it.
    pub with_keys: bool,
    /// Whether the copy and the written file are checked.
    pub verify: bool,
    /// When it begins.
    pub now: Timestamp,
}

/// Makes a backup beside a running platform. Needs as much room beside the output as the database
/// has, for as long as it runs.
///
/// # Errors
/// See [`BackupError`]; no file is left behind then.
pub async fn backup(order: Backup, watch: &Watch) -> Result<Manifest, BackupError> {
    let source = order.data_dir.join(DATABASE_FILE);
    if !source.is_file() {
        return Err(BackupError::NoDatabase(order.data_dir));
    }
    let writer = Writer::create(&order.output)?;
    let (temporary, file) =
        Temporary::create(beside(&order.output, &format!(".{}.copy", std::process::id())))?;
    drop(file);
    copy_into(&source, temporary.path(), watch).await?;
    let mut connection = copy::open(temporary.path()).await?;
    let content = copy::content(&mut connection, temporary.path(), watch).await?;
    if order.verify {
        copy::check(&mut connection, temporary.path(), watch).await.map_err(
            |error| match error {
                // What isn't sound is the original.
                BackupError::Unsound { problem, .. } => {
                    BackupError::Unsound { path: source, problem }
                }
                other => other,
            },
        )?;
    }
    let closed = connection.close().await;
    closed.map_err(database(temporary.path(), "the database's copy can't be closed"))?;
    let manifest = Manifest {
        migrations: content.migrations,
        last_position: content.last_position,
        tables: content.tables,
        ..Manifest::begin(DatabaseKind::Sqlite, order.now)
    };
    let (output, verify, watch) = (order.output.clone(), order.verify, watch.clone());
    blocking(&output, move || {
        let manifest = pack(writer, &temporary, &order, manifest, &watch)?;
        drop(temporary);
        if verify {
            let read_back = check_parts(&order.output, &watch);
            if read_back.is_err() {
                // A backup that can't be read is worse than none.
                let _ = std::fs::remove_file(&order.output);
            }
            read_back?;
        }
        Ok(manifest)
    })
    .await
}

/// Checks a backup: that all of it is as it was written, and that the database in it is sound and
/// has the rows that it says. Unpacks the database beside it, or into another folder.
///
/// # Errors
/// See [`BackupError`].
pub async fn verify(
    file: &Path,
    folder: Option<&Path>,
    watch: &Watch,
) -> Result<Manifest, BackupError> {
    let mut archive = Archive::open(file)?;
    let name = match (folder, file.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => file.to_owned(),
    };
    let told = watch.clone();
    let (archive, temporary) = blocking(file, move || {
        archive.check(&told)?;
        let temporary =
            unpack(&archive, beside(&name, &format!(".{}.check", std::process::id())), &told)?;
        Ok((archive, temporary))
    })
    .await?;
    check_unpacked(&archive, temporary.path(), watch).await?;
    Ok(archive.manifest().clone())
}

/// Compares an unpacked database with what its backup says, and has it checked.
pub(super) async fn check_unpacked(
    archive: &Archive,
    path: &Path,
    watch: &Watch,
) -> Result<(), BackupError> {
    let mut connection = copy::open(path).await?;
    copy::check(&mut connection, path, watch).await.map_err(|error| match error {
        BackupError::Unsound { problem, .. } => {
            BackupError::Unsound { path: archive.path().to_owned(), problem }
        }
        other => other,
    })?;
    let found = copy::content(&mut connection, path, watch).await?;
    let closed = connection.close().await;
    closed.map_err(database(path, "the database's copy can't be closed"))?;
    let said = archive.manifest();
    let said = copy::Content {
        migrations: said.migrations.clone(),
        last_position: said.last_position,
        tables: said.tables.clone(),
    };
    if found == said {
        Ok(())
    } else {
        Err(BackupError::damaged(archive.path(), "its database isn't what its manifest says"))
    }
}

/// Unpacks the database into a new file, and all other parts to nowhere.
pub(super) fn unpack(
    archive: &Archive,
    path: PathBuf,
    watch: &Watch,
) -> Result<Temporary, BackupError> {
    use std::io::Write as _;
    let manifest = archive.manifest();
    if manifest.part(PART).is_none() {
        return Err(BackupError::damaged(archive.path(), format!("it has no part {PART:?}")));
    }
    let (temporary, mut file) = Temporary::create(path)?;
    let (mut done, all) = (0, manifest.bytes());
    for part in &manifest.parts {
        archive.read_part(part)?.read_all(|bytes| {
            if part.name == PART {
                file.write_all(bytes).map_err(io(temporary.path(), "written"))?;
            }
            done += bytes.len() as u64;
            watch.tell("unpacking", done, all, archive.path())
        })?;
    }
    file.sync_all().map_err(io(temporary.path(), "written"))?;
    Ok(temporary)
}

/// Reads a file that was just written, all of it, in both ways.
fn check_parts(path: &Path, watch: &Watch) -> Result<(), BackupError> {
    let mut archive = Archive::open(path)?;
    archive.check(watch)?;
    let (mut done, all) = (0, archive.manifest().bytes());
    for part in &archive.manifest().parts {
        archive.read_part(part)?.read_all(|bytes| {
            done += bytes.len() as u64;
            watch.tell("reading it back", done, all, path)
        })?;
    }
    Ok(())
}

fn pack(
    mut writer: Writer,
    copy: &Temporary,
    order: &Backup,
    manifest: Manifest,
    watch: &Watch,
) -> Result<Manifest, BackupError> {
    let path = copy.path();
    let mut file = std::fs::File::open(path).map_err(io(path, "read"))?;
    let all = file.metadata().map_err(io(path, "read"))?.len();
    let mut part = writer.part(PART)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(io(path, "read"))?;
        if read == 0 {
            break;
        }
        part.write(&buffer[..read])?;
        watch.tell("writing the backup", part.bytes(), all, &order.output)?;
    }
    part.finish()?;
    if order.with_keys {
        keys::add(&mut writer, &order.data_dir)?;
    }
    writer.finish(manifest)
}

/// Copies the database as it is at one moment. `target` is there and empty.
async fn copy_into(source: &Path, target: &Path, watch: &Watch) -> Result<(), BackupError> {
    let options = SqliteConnectOptions::new()
        .filename(source)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        // Sorting needs no files elsewhere.
        .pragma("temp_store", "MEMORY");
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(database(source, "the database can't be opened"))?;
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let all: i64 = sqlx::query_scalar(size)
        .fetch_one(&mut connection)
        .await
        .map_err(database(source, "the database can't be read"))?;
    vacuum_into(&mut connection, target, all.unsigned_abs(), watch).await?;
    let closed = connection.close().await;
    closed.map_err(database(source, "the database can't be closed"))
}

async fn vacuum_into(
    connection: &mut SqliteConnection,
    target: &Path,
    all: u64,
    watch: &Watch,
) -> Result<(), BackupError> {
    // Absolute: SQLite takes a name that begins with `file:` for something else.
    let name = std::path::absolute(target).map_err(io(target, "named"))?;
    let name = name.into_os_string().into_string().map_err(|_| {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its name isn't UTF-8");
        io(target, "written")(error)
    })?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let failed = || database(target, "the database can't be copied");
    let mut handle = connection.lock_handle().await.map_err(failed())?;
    handle.set_progress_handler(STEPS, move || !asked.load(Ordering::Relaxed));
    drop(handle);
    let copying = sqlx::query("VACUUM INTO ?1").bind(name).execute(connection);
    let mut copying = std::pin::pin!(copying);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut stopped = None;
    loop {
        tokio::select! {
            done = &mut copying => {
                // Called off: only now nothing more is written.
                return stopped.map_or_else(|| done.map(drop).map_err(failed()), Err);
            }
            _ = looks.tick(), if stopped.is_none() => {
                let done = std::fs::metadata(target).map_or(0, |file| file.len());
                stopped = watch.tell("copying the database", done, all, target).err();
                stop.store(stopped.is_some(), Ordering::Relaxed);
            }
        }
    }
}
