//! The platform's processes on one database: who is there, and who is gone.

use millwright_schemas::Timestamp;

use crate::engine::Cell;
use crate::{Store, StoreError};

/// Seconds after which a process that hasn't been seen is gone.
pub const GONE_AFTER_S: i64 = 20;

/// A process of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Tells it from others; the same after a restart.
    pub name: String,
    /// What it runs, such as `api,gateway`.
    pub roles: String,
    /// Of its program.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was seen last.
    pub seen_at: Timestamp,
}

/// Records that this process is there.
///
/// # Errors
/// When the database can't be used.
pub async fn beat(store: &Store, process: &Process) -> Result<(), StoreError> {
    let cells: [Cell<'_>; 5] = [
        process.name.as_str().into(),
        process.roles.as_str().into(),
        process.version.as_str().into(),
        process.started_at.micros().into(),
        process.seen_at.micros().into(),
    ];
    let sql = "INSERT INTO processes (name, roles, version, started_at, seen_at) \
               VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, \
               version = excluded.version, started_at = excluded.started_at, \
               seen_at = excluded.seen_at";
    store.writer_pool().execute(sql, &cells).await?;
    Ok(())
}

/// Forgets a process that ends.
///
/// # Errors
/// When the database can't be used.
pub async fn leave(store: &Store, name: &str) -> Result<(), StoreError> {
    store.writer_pool().execute("DELETE FROM processes WHERE name = ?", &[name.into()]).await?;
    Ok(())
}

/// Processes that were seen lately, by name.
///
/// # Errors
/// When the database can't be used.
pub async fn present(store: &Store, now: Timestamp) -> Result<Vec<Process>, StoreError> {
    let since = now.plus_seconds(-GONE_AFTER_S).micros();
    let sql = "SELECT name, roles, version, started_at, seen_at FROM processes \
               WHERE seen_at > ? ORDER BY name";
    let rows = store.reader_pool().fetch(sql, &[since.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Process {
                name: row.get(0)?,
                roles: row.get(1)?,
                version: row.get(2)?,
                started_at: Timestamp::from_micros(row.get(3)?),
                seen_at: Timestamp::from_micros(row.get(4)?),
            })
        })
        .collect()
}

/// Gateways that still stand as holding connections, though their process is gone.
///
/// # Errors
/// When the database can't be used.
pub async fn lost_gateways(store: &Store, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let since = now.plus_seconds(-GONE_AFTER_S).micros();
    let sql = "SELECT DISTINCT s.gateway FROM machine_status s \
               LEFT JOIN processes p ON p.name = s.gateway AND p.seen_at > ? \
               WHERE s.connected AND s.gateway IS NOT NULL AND p.name IS NULL";
    let rows = store.reader_pool().fetch(sql, &[since.into()]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Forgets processes that haven't been seen for a day.
///
/// # Errors
/// When the database can't be used.
pub async fn forget_old(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let before = now.plus_seconds(-86_400).micros();
    store
        .writer_pool()
        .execute("DELETE FROM processes WHERE seen_at < ?", &[before.into()])
        .await?;
    Ok(())
}
