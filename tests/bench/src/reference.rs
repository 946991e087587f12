//! The reference: the same number of rows into the same table, in batches, and nothing else.

use std::path::Path;

use anyhow::{Context, Result};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::database::{Database, Kind};
use crate::process::{own_cpu_seconds, tree_cpu_seconds};
use crate::stats::float;

/// Rows of one transaction: as many as the platform commits at once under load.
const BATCH: u64 = 10_000;
/// Rows of one statement in SQLite.
const STATEMENT: usize = 500;
/// Rows that are inserted at most; more would only take longer.
const ROWS_MAX: u64 = 2_000_000;
/// Rows that are inserted at least; processor time is counted in hundredths of a second.
const ROWS_MIN: u64 = 200_000;

const SQLITE_TABLE: &str = "CREATE TABLE points (series_id INTEGER NOT NULL, ts INTEGER NOT NULL, \
    value REAL, quality INTEGER NOT NULL, PRIMARY KEY (series_id, ts)) STRICT, WITHOUT ROWID";
/// As the platform makes it, with the partition of the one day that the rows are of.
const POSTGRES_TABLE: &str = "CREATE TABLE points (series_id BIGINT NOT NULL, ts BIGINT NOT NULL, \
    value DOUBLE PRECISION, quality BIGINT NOT NULL, PRIMARY KEY (series_id, ts)) \
    PARTITION BY RANGE (ts); \
    CREATE TABLE points_0 PARTITION OF points FOR VALUES FROM (0) TO (86400000000)";
/// As the platform makes it.
const TIMESCALE_TABLE: &str = "CREATE EXTENSION IF NOT EXISTS timescaledb; \
    CREATE TABLE points (series_id BIGINT NOT NULL, ts BIGINT NOT NULL, \
    value DOUBLE PRECISION, quality BIGINT NOT NULL, PRIMARY KEY (series_id, ts)); \
    SELECT create_hypertable('points', 'ts', chunk_time_interval => 86400000000, \
    create_default_indexes => false)";
const POSTGRES_INSERT: &str = "INSERT INTO points SELECT * FROM \
    UNNEST($1::bigint[], $2::bigint[], $3::float8[], $4::bigint[]) ON CONFLICT DO NOTHING";

/// In which order the rows of a batch are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As machines send them: their series interleaved.
    Arrival,
    /// One series after the other, which is what the platform makes of a batch.
    Sorted,
}

impl Order {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Arrival => "in the order of arrival",
            Self::Sorted => "sorted by series",
        }
    }
}

/// Inserts `rows` rows of `series` series, each series in the order of time, into an empty table
/// of the same kind of database, on the same disk. Returns rows a CPU-second, of this process
/// and of the database's.
pub(crate) async fn bare_insert(
    database: &Database,
    scratch: &Path,
    series: usize,
    rows: u64,
    order: Order,
) -> Result<f64> {
    // Whole batches only: other statements would be compiled anew each time.
    let batches = rows.clamp(ROWS_MIN, ROWS_MAX) / BATCH;
    let folder = tempfile::Builder::new().prefix("bare-").tempdir_in(scratch)?;
    let table = Table::open(database, folder.path()).await?;
    let pids = database.pids();
    let cpu = || anyhow::Ok(own_cpu_seconds()? + tree_cpu_seconds(&pids)?);
    let before = cpu()?;
    for batch in 0..batches {
        let mut keys = keys(batch, series)?;
        if order == Order::Sorted {
            keys.sort_unstable();
        }
        table.insert(&keys).await?;
    }
    let used = cpu()? - before;
    table.close().await?;
    Ok(float(batches * BATCH) / used)
}

/// Series and time of each row of a batch, in the order in which machines send them.
fn keys(batch: u64, series: usize) -> Result<Vec<(i64, i64)>> {
    let (first, series) = (i64::try_from(batch * BATCH)?, i64::try_from(series)?);
    let rows = first..first + i64::try_from(BATCH)?;
    Ok(rows.map(|row| (row % series, row / series * 1_000)).collect())
}

fn value(ts: i64) -> f64 {
    60.25 + f64::from(u32::try_from(ts / 1_000 % 997).unwrap_or(0))
}

enum Table {
    Sqlite { pool: SqlitePool, sql: String },
    Postgres { pool: PgPool },
}

impl Table {
    async fn open(database: &Database, folder: &Path) -> Result<Self> {
        if database.kind() == Kind::Sqlite {
            let options = SqliteConnectOptions::new()
                .filename(folder.join("bare.db"))
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("cache_size", "-65536");
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            sqlx::query(SQLITE_TABLE).execute(&pool).await?;
            let places = vec!["(?,?,?,?)"; STATEMENT].join(",");
            let sql = format!("INSERT INTO points VALUES {places} ON CONFLICT DO NOTHING");
            return Ok(Self::Sqlite { pool, sql });
        }
        let server = database.server().context("a server")?;
        server.create_anew("bare").await?;
        let pool = server.pool("bare").await?;
        let timescale = database.kind() == Kind::Timescale;
        let table = if timescale { TIMESCALE_TABLE } else { POSTGRES_TABLE };
        sqlx::raw_sql(table).execute(&pool).await?;
        Ok(Self::Postgres { pool })
    }

    /// One transaction.
    async fn insert(&self, keys: &[(i64, i64)]) -> Result<()> {
        match self {
            Self::Sqlite { pool, sql } => {
                let mut tx = pool.begin().await?;
                for piece in keys.chunks(STATEMENT) {
                    let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
                    for (series, ts) in piece {
                        query = query.bind(series).bind(ts).bind(value(*ts)).bind(0_i64);
                    }
                    query.execute(&mut *tx).await?;
                }
                Ok(tx.commit().await?)
            }
            Self::Postgres { pool } => {
                let (series, times): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
                let values: Vec<f64> = times.iter().map(|ts| value(*ts)).collect();
                let mut tx = pool.begin().await?;
                sqlx::query(POSTGRES_INSERT)
                    .bind(series)
                    .bind(times)
                    .bind(values)
                    .bind(vec![0_i64; keys.len()])
                    .execute(&mut *tx)
                    .await?;
                Ok(tx.commit().await?)
            }
        }
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite { pool, .. } => pool.close().await,
            Self::Postgres { pool } => {
                sqlx::query("DROP TABLE points").execute(&pool).await?;
                pool.close().await;
            }
        }
        Ok(())
    }
}
