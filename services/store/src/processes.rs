//! The platform's processes on one database: who is there, and who is gone. By the database's clock:
//! those of their computers may differ.

use millwright_schemas::Timestamp;

use crate::engine::{Cell, Engine};
use crate::{Store, StoreError};

/// Seconds after which a process that hasn't been seen is gone.
pub const GONE_AFTER_S: i64 = 20;
/// Now by the database's clock, in microseconds.
const NOW: [&str; 2] = [
    "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
];

/// With `{now}` replaced.
fn at(engine: Engine, sql: &str) -> String {
    sql.replace("{now}", engine.choose(NOW[0], NOW[1]))
}

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
}

/// Records that this process is there.
///
/// # Errors
/// When the database can't be used.
pub async fn beat(store: &Store, process: &Process) -> Result<(), StoreError> {
    let cells: [Cell<'_>; 4] = [
        process.name.as_str().into(),
        process.roles.as_str().into(),
        process.version.as_str().into(),
        process.started_at.micros().into(),
    ];
    let sql = "INSERT INTO processes (name, roles, version, started_at, seen_at) \
               VALUES (?, ?, ?, ?, {now}) ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, \
               version = excluded.version, started_at = excluded.started_at, \
               seen_at = excluded.seen_at";
    store.writer_pool().execute(&at(store.engine(), sql), &cells).await?;
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

/// Whether another process than this one was seen within so many seconds.
///
/// # Errors
/// When the database can't be used.
pub async fn others(store: &Store, name: &str, within_s: i64) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM processes WHERE name <> ? AND seen_at > {now} - ? LIMIT 1";
    let cells = [name.into(), (within_s * 1_000_000).into()];
    Ok(store.reader_pool().first(&at(store.engine(), sql), &cells).await?.is_some())
}

/// Gateways that still stand as holding connections, though their process is gone.
///
/// # Errors
/// When the database can't be used.
pub async fn lost_gateways(store: &Store) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT s.gateway FROM machine_status s \
               LEFT JOIN processes p ON p.name = s.gateway AND p.seen_at > {now} - ? \
               WHERE s.connected AND s.gateway IS NOT NULL AND p.name IS NULL";
    let cells = [(GONE_AFTER_S * 1_000_000).into()];
    let rows = store.reader_pool().fetch(&at(store.engine(), sql), &cells).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Forgets processes that haven't been seen for a day.
///
/// # Errors
/// When the database can't be used.
pub async fn forget_old(store: &Store) -> Result<(), StoreError> {
    let sql = at(store.engine(), "DELETE FROM processes WHERE seen_at < {now} - ?");
    store.writer_pool().execute(&sql, &[86_400_000_000_i64.into()]).await?;
    Ok(())
}
