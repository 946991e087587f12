//! A copy of the database that nobody else uses: what is in it, and whether it is sound.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::super::error::database;
use super::super::{BackupError, Watch};

/// Opens a copy, to read. It needs no locks and leaves no files beside it.
pub(super) async fn open(path: &Path) -> Result<SqliteConnection, BackupError> {
    let options = SqliteConnectOptions::new().filename(path).immutable(true).read_only(true);
    SqliteConnection::connect_with(&options)
        .await
        .map_err(database(path, "the database's copy can't be opened"))
}

/// What a copy holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) migrations: Vec<String>,
    pub(super) last_position: i64,
    pub(super) tables: BTreeMap<String, u64>,
}

/// Reads what a copy holds; counts the rows of every table.
pub(super) async fn content(
    copy: &mut SqliteConnection,
    path: &Path,
    watch: &Watch,
) -> Result<Content, BackupError> {
    const FAILED: &str = "the database's copy can't be read";
    let failed = || database(path, FAILED);
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' \
         ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&mut *copy)
    .await
    .map_err(failed())?;
    let all = names.len() as u64;
    let mut tables = BTreeMap::new();
    for name in names {
        watch.tell("counting rows", tables.len() as u64, all, path)?;
        // The name is one of this very schema.
        let sql = format!("SELECT COUNT(*) FROM \"{}\"", name.replace('"', "\"\""));
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *copy).await.map_err(failed())?;
        tables.insert(name, rows.unsigned_abs());
    }
    let migrations = sqlx::query_scalar("SELECT version FROM seaql_migrations ORDER BY version")
        .fetch_all(&mut *copy)
        .await
        .map_err(failed())?;
    let last_position = sqlx::query_scalar("SELECT COALESCE(MAX(position), 0) FROM events")
        .fetch_one(&mut *copy)
        .await
        .map_err(failed())?;
    Ok(Content { migrations, last_position, tables })
}

/// Has SQLite check the whole copy: pages, indexes, rules of columns, references.
pub(super) async fn check(
    copy: &mut SqliteConnection,
    path: &Path,
    watch: &Watch,
) -> Result<(), BackupError> {
    const FAILED: &str = "the database's copy can't be checked";
    watch.tell("checking the database", 0, 0, path)?;
    let unsound = |problem| Err(BackupError::Unsound { path: path.to_owned(), problem });
    let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut *copy)
        .await
        .map_err(database(path, FAILED))?;
    if found != "ok" {
        return unsound(found);
    }
    let orphan = sqlx::query("PRAGMA foreign_key_check")
        .fetch_optional(&mut *copy)
        .await
        .map_err(database(path, FAILED))?;
    match orphan {
        None => Ok(()),
        Some(row) => {
            let (table, parent): (String, String) = (row.get("table"), row.get("parent"));
            unsound(format!("a row of {table} refers to none of {parent}"))
        }
    }
}
