//! The reference: the same number of rows into the same table, in batches, and nothing else.

use std::path::Path;

use anyhow::Result;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::process::cpu_seconds;

/// Rows of one transaction.
const BATCH: u64 = 5_000;
/// Rows of one statement.
const STATEMENT: u64 = 500;

const TABLE: &str = "CREATE TABLE points (series_id INTEGER NOT NULL, ts INTEGER NOT NULL, \
    value REAL, quality INTEGER NOT NULL, PRIMARY KEY (series_id, ts)) STRICT, WITHOUT ROWID";

/// Inserts `rows` rows of `series` series, each in the order of time, interleaved as machines
/// send them. Returns rows a CPU-second.
pub(crate) async fn bare_insert(series: usize, rows: u64, near: &Path) -> Result<f64> {
    // On the same disk as the platform's data.
    let folder = tempfile::tempdir_in(near)?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536");
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let places = vec!["(?,?,?,?)"; usize::try_from(STATEMENT)?].join(",");
    let sql = format!("INSERT INTO points VALUES {places} ON CONFLICT DO NOTHING");
    let series = u64::try_from(series)?;
    // Whole statements only: the rest would be compiled anew each time.
    let rows = (rows / STATEMENT).max(1) * STATEMENT;
    let cpu = cpu_seconds(std::process::id())?;
    let mut next = 0;
    while next < rows {
        let mut tx = pool.begin().await?;
        let end = (next + BATCH).min(rows);
        while next < end {
            let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
            for row in next..next + STATEMENT {
                let ts = i64::try_from(row / series)? * 10_000;
                let value = 60.25 + f64::from(u32::try_from(row % 997)?);
                query = query.bind(i64::try_from(row % series)?).bind(ts).bind(value).bind(0_i64);
            }
            query.execute(&mut *tx).await?;
            next += STATEMENT;
        }
        tx.commit().await?;
    }
    let cpu = cpu_seconds(std::process::id())? - cpu;
    pool.close().await;
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    Ok(rows as f64 / cpu)
}
