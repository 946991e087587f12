//! Makes a backup, and checks one.

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use millwright_schemas::Timestamp;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::super::blocking::blocking;
use super::super::container::{Archive, Writer};
use super::super::error::database;
use super::super::{BackupError, DatabaseKind, Manifest, Watch, keys};
use super::schema::{self, Table, quoted};
use super::{PREFIX, connect, run};
use crate::telemetry::layout;

/// A backup to be made.
#[derive(Debug, Clone)]
pub struct Backup {
    /// The database: `postgres://…`
    pub url: String,
    /// The platform's data folder, where the keys are.
    pub data_dir: PathBuf,
    /// The file to be written; it must not exist.
    pub output: PathBuf,
    /// Whether the private keys go into it.
    pub with_keys: bool,
    /// Whether the written file is checked.
    pub verify: bool,
    /// When it begins.
    pub now: Timestamp,
}

/// Makes a backup beside running platforms.
///
/// # Errors
/// See [`BackupError`]; no file is left behind then.
pub async fn backup(order: Backup, watch: &Watch) -> Result<Manifest, BackupError> {
    const FAILED: &str = "the database can't be read";
    let failed = || database(&order.output, FAILED);
    let mut writer = Writer::create(&order.output)?;
    let mut connection = connect(&order.url, &order.output).await?;
    run(&mut connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned())
        .await
        .map_err(failed())?;
    let migrations = schema::migrations(&mut connection).await.map_err(failed())?;
    if migrations.is_empty() {
        return Err(BackupError::NoTables(super::place(&order.url)));
    }
    let last_position = sqlx::query_scalar("SELECT COALESCE(MAX(position), 0) FROM events")
        .fetch_one(&mut connection)
        .await
        .map_err(failed())?;
    let tables = schema::tables(&mut connection).await.map_err(failed())?;
    let mut manifest = Manifest {
        migrations,
        last_position,
        days: days(&mut connection).await.map_err(failed())?,
        ..Manifest::begin(DatabaseKind::Postgres, order.now)
    };
    let mut counted = Counted { done: 0, all: tables.iter().map(|table| table.about).sum() };
    for table in &tables {
        let rows =
            copy_out(&mut connection, table, &mut writer, &order.output, watch, &mut counted);
        manifest.tables.insert(table.name.clone(), rows.await?);
        manifest.columns.insert(table.name.clone(), table.columns.clone());
    }
    run(&mut connection, "COMMIT".to_owned()).await.map_err(failed())?;
    connection.close().await.map_err(failed())?;
    if order.with_keys {
        keys::add(&mut writer, &order.data_dir)?;
    }
    let (output, watch) = (order.output, watch.clone());
    blocking(&output.clone(), move || {
        let manifest = writer.finish(manifest)?;
        if order.verify
            && let Err(error) = Archive::open(&output).and_then(|mut file| check(&mut file, &watch))
        {
            // A backup that can't be read is worse than none.
            let _ = std::fs::remove_file(&output);
            return Err(error);
        }
        Ok(manifest)
    })
    .await
}

/// Checks a backup: that all of it is as it was written, and that its tables have the rows that it
/// says.
///
/// # Errors
/// See [`BackupError`].
pub async fn verify(file: &Path, watch: &Watch) -> Result<Manifest, BackupError> {
    let (path, watch) = (file.to_owned(), watch.clone());
    blocking(file, move || {
        let mut archive = Archive::open(&path)?;
        check(&mut archive, &watch)?;
        Ok(archive.manifest().clone())
    })
    .await
}

fn check(archive: &mut Archive, watch: &Watch) -> Result<(), BackupError> {
    archive.check(watch)?;
    let (mut done, all) = (0, archive.manifest().bytes());
    for part in &archive.manifest().parts {
        let mut rows = 0;
        archive.read_part(part)?.read_all(|bytes| {
            rows += lines(bytes);
            done += bytes.len() as u64;
            watch.tell("reading it back", done, all, archive.path())
        })?;
        let Some(table) = part.name.strip_prefix(PREFIX) else { continue };
        if archive.manifest().tables.get(table) != Some(&rows) {
            let rule =
                format!("table {table} has {rows} rows, which is not what its manifest says");
            return Err(BackupError::damaged(archive.path(), rule));
        }
    }
    let manifest = archive.manifest();
    let missing =
        manifest.tables.keys().find(|name| manifest.part(&format!("{PREFIX}{name}")).is_none());
    match missing {
        None => Ok(()),
        Some(name) => Err(BackupError::damaged(archive.path(), format!("table {name} is missing"))),
    }
}

/// Rows in the text form of COPY: each ends with a line feed, and those within values are escaped.
pub(super) fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

struct Counted {
    done: u64,
    all: u64,
}

async fn copy_out(
    connection: &mut PgConnection,
    table: &Table,
    writer: &mut Writer,
    output: &Path,
    watch: &Watch,
    counted: &mut Counted,
) -> Result<u64, BackupError> {
    const FAILED: &str = "a table can't be copied";
    let mut part = writer.part(&format!("{PREFIX}{}", table.name))?;
    // A query, not the table: then partitions and hypertables are copied too.
    let sql = format!("COPY (SELECT {} FROM {}) TO STDOUT", table.list(), quoted(&table.name));
    let mut stream = connection.copy_out_raw(&sql).await.map_err(database(output, FAILED))?;
    let mut rows = 0;
    while let Some(bytes) = stream.try_next().await.map_err(database(output, FAILED))? {
        part.write(&bytes)?;
        rows += lines(&bytes);
        let done = counted.done + rows;
        // The server's count is an estimate, and may be none at all.
        watch.tell("copying rows", done, counted.all.max(done), output)?;
    }
    part.finish()?;
    counted.done += rows;
    Ok(rows)
}

/// Days since 1970 that have points: a database that cuts them by day needs a partition for each.
async fn days(connection: &mut PgConnection) -> Result<Vec<i64>, sqlx::Error> {
    let partitioned: bool = sqlx::query_scalar(
        "SELECT COALESCE((SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('points')), FALSE)",
    )
    .fetch_one(&mut *connection)
    .await?;
    if partitioned {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = 'points'::regclass",
        )
        .fetch_all(connection)
        .await?;
        let spans = names.iter().filter_map(|name| layout::span_of(name));
        let mut days: Vec<i64> = spans.flat_map(|(_, days)| days.from..days.to).collect();
        days.sort_unstable();
        return Ok(days);
    }
    let there: bool = sqlx::query_scalar("SELECT to_regclass('points') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(
        "SELECT DISTINCT day FROM (SELECT floor(ts / 86400000000.0)::bigint AS day FROM points \
         UNION SELECT floor(ts / 86400000000.0)::bigint FROM points_text) days ORDER BY day",
    )
    .fetch_all(connection)
    .await
}
