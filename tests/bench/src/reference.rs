//! The reference: the same number of rows into the same table, in batches, and nothing else.

use std::path::Path;

use anyhow::Result;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::process::cpu_seconds;

/// Rows of one transaction: as many as the platform commits at once under load.
const BATCH: u64 = 10_000;
/// Rows of one statement.
const STATEMENT: u64 = 500;

const TABLE: &str = "CREATE TABLE points (series_id INTEGER NOT NULL, ts INTEGER NOT NULL, \
    value REAL, quality INTEGER NOT NULL, PRIMARY KEY (series_id, ts)) STRICT, WITHOUT ROWID";

/// In which order the rows of a batch are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As machines send them: their series interleaved.
    Arrival,
    /// One series after the other, which is what the platform makes of a batch.
    Sorted,
}

/// Inserts `rows` rows of `series` series, each series in the order of time. Returns rows a
/// CPU-second.
pub(crate) async fn bare_insert(
    series: usize,
    rows: u64,
    order: Order,
    near: &Path,
) -> Result<f64> {
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
    let series = i64::try_from(series)?;
    // Whole batches only: other statements would be compiled anew each time.
    let batches = (rows / BATCH).max(1);
    let cpu = cpu_seconds(std::process::id())?;
    for batch in 0..batches {
        let first = i64::try_from(batch * BATCH)?;
        let mut keys: Vec<(i64, i64)> = (first..first + i64::try_from(BATCH)?)
            .map(|row| (row % series, row / series * 10_000))
            .collect();
        if order == Order::Sorted {
            keys.sort_unstable();
        }
        let mut tx = pool.begin().await?;
        for piece in keys.chunks(usize::try_from(STATEMENT)?) {
            let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
            for (series, ts) in piece {
                let value = 60.25 + f64::from(u32::try_from(ts % 997)?);
                query = query.bind(series).bind(ts).bind(value).bind(0_i64);
            }
            query.execute(&mut *tx).await?;
        }
        tx.commit().await?;
    }
    let cpu = cpu_seconds(std::process::id())? - cpu;
    pool.close().await;
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    Ok((batches * BATCH) as f64 / cpu)
}
