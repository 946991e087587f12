//! A long history, written straight into the platform's database: over MQTT it would take days.
//!
//! Values that come this way are told to the platform as hours that it has to sum up anew, so its
//! rollups are made by its own work.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _};

use crate::database::{Database, Kind, NAME};

/// Rows of one transaction.
const BATCH: i64 = 10_000;
/// Rows of one statement in SQLite.
const STATEMENT: usize = 500;
/// Longest wait for the platform's rollups.
const ROLLUPS_PATIENCE: Duration = Duration::from_secs(600);
const SECOND_US: i64 = 1_000_000;
const HOUR_S: i64 = 3_600;

const POSTGRES_INSERT: &str = "INSERT INTO points (series_id, ts, value, quality) SELECT $1, ts, \
    60 + 40 * sin(ts / 4e9) + (ts / 1000000) % 7, 0 \
    FROM generate_series($2::bigint, $3::bigint, 1000000) AS ts ON CONFLICT DO NOTHING";

/// A signal with one value a second, up to now.
pub(crate) struct History {
    pool: Pool,
    series: i64,
    /// Just after its newest value, in seconds since 1970.
    end_s: i64,
    /// How far it reaches back, in seconds.
    length_s: std::cell::Cell<i64>,
}

enum Pool {
    Sqlite { pool: SqlitePool, sql: String },
    Postgres(PgPool),
    Timescale(PgPool),
}

/// What the platform's upkeep does each minute with TimescaleDB.
const REFRESH: [&str; 2] = [
    "CALL refresh_continuous_aggregate('rollups_1m', NULL, NULL)",
    "CALL refresh_continuous_aggregate('rollups_1h', NULL, NULL)",
];
/// And each hour, with chunks that have been full for a week.
const COMPRESS: &str = "SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass, true) \
    FROM timescaledb_information.chunks WHERE hypertable_name = 'points' AND NOT is_compressed \
    AND range_end_integer < (extract(epoch FROM now()) * 1000000)::bigint - 604800000000";

/// All points: also those that the platform has packed.
const POINTS: &str = "SELECT (SELECT count(*) FROM points) \
    + (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM packed_points)";

impl History {
    /// Opens the database of a platform that has heard one value of this signal.
    pub(crate) async fn open(database: &Database, folder: &Path, signal: &str) -> Result<Self> {
        let pool = if let Some(server) = database.server() {
            let pool = server.pool(NAME).await?;
            if database.kind() == Kind::Timescale {
                Pool::Timescale(pool)
            } else {
                Pool::Postgres(pool)
            }
        } else {
            let options = SqliteConnectOptions::new()
                .filename(folder.join("millwright.db"))
                .busy_timeout(Duration::from_secs(60));
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            let places = vec!["(?,?,?,0)"; STATEMENT].join(",");
            let sql = format!(
                "INSERT INTO points (series_id, ts, value, quality) VALUES {places} \
                 ON CONFLICT DO NOTHING"
            );
            Pool::Sqlite { pool, sql }
        };
        let mut history = Self { pool, series: 0, end_s: 0, length_s: std::cell::Cell::new(0) };
        let text = format!("SELECT id FROM series WHERE signal = '{signal}'");
        history.series = history.number(text).await?;
        let text = format!("SELECT ts FROM latest WHERE series_id = {}", history.series);
        // A whole hour, well before what the platform sums up as it comes.
        let newest = history.number(text).await? / SECOND_US;
        history.end_s = (newest / HOUR_S - 1) * HOUR_S;
        Ok(history)
    }

    pub(crate) const fn end_s(&self) -> i64 {
        self.end_s
    }

    /// Days that reach so far back and aren't there yet, each by a time within, in seconds.
    pub(crate) fn days(&self, length_s: i64) -> Vec<i64> {
        let first = self.end_s - length_s;
        (0..=length_s / 86_400).map(|day| first + day * 86_400).collect()
    }

    /// Lets it reach so far back. Returns from when to when values are new, in seconds.
    pub(crate) async fn reach_back(&self, length_s: i64) -> Result<(i64, i64)> {
        let (from, to) = (self.end_s - length_s, self.end_s - self.length_s.get());
        let mut at = from;
        while at < to {
            let next = (at + BATCH).min(to);
            self.insert(at, next).await?;
            at = next;
        }
        self.length_s.set(length_s);
        Ok((from, to))
    }

    async fn insert(&self, from: i64, to: i64) -> Result<()> {
        match &self.pool {
            Pool::Sqlite { pool, sql } => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let mut at = from;
                while at < to {
                    // The last statement of a history goes a little over its end; what is there
                    // already stays.
                    let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
                    for second in at..at + i64::try_from(STATEMENT)? {
                        let ts = second * SECOND_US;
                        query = query.bind(self.series).bind(ts).bind(value(second));
                    }
                    query.execute(&mut *tx).await?;
                    at += i64::try_from(STATEMENT)?;
                }
                Ok(tx.commit().await?)
            }
            Pool::Postgres(pool) | Pool::Timescale(pool) => {
                sqlx::query(POSTGRES_INSERT)
                    .bind(self.series)
                    .bind(from * SECOND_US)
                    .bind((to - 1) * SECOND_US)
                    .execute(pool)
                    .await?;
                Ok(())
            }
        }
    }

    /// Tells the platform which hours have changed, and waits until it has summed them up. With
    /// TimescaleDB, which notices by itself, does now what the platform would do within a minute.
    pub(crate) async fn roll_up(&self, (from, to): (i64, i64)) -> Result<()> {
        let series = self.series;
        if let Pool::Timescale(pool) = &self.pool {
            for statement in REFRESH {
                sqlx::raw_sql(statement).execute(pool).await?;
            }
            return Ok(());
        }
        let hours: Vec<String> = (from.div_euclid(HOUR_S)..=(to - 1).div_euclid(HOUR_S))
            .map(|hour| format!("({series},{})", hour * HOUR_S * SECOND_US))
            .collect();
        for piece in hours.chunks(STATEMENT) {
            let rows = piece.join(",");
            let text = format!(
                "INSERT INTO rollup_dirty (series_id, hour) VALUES {rows} ON CONFLICT DO NOTHING"
            );
            self.execute(text).await?;
        }
        let start = Instant::now();
        let text = format!("SELECT count(*) FROM rollup_dirty WHERE series_id = {series}");
        while self.number(text.clone()).await? > 0 {
            ensure!(start.elapsed() < ROLLUPS_PATIENCE, "the platform makes no rollups");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    /// Compresses what the platform would compress within an hour; `false`: nothing can be.
    pub(crate) async fn compress(&self) -> Result<bool> {
        let Pool::Timescale(pool) = &self.pool else { return Ok(false) };
        let mut attempts = 0;
        // The platform may be at the same chunk just then.
        while let Err(error) = sqlx::raw_sql(COMPRESS).execute(pool).await {
            attempts += 1;
            ensure!(attempts < 10, "compression: {error}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(true)
    }

    /// Bytes of the whole database.
    pub(crate) async fn size(&self) -> Result<u64> {
        let size = match &self.pool {
            Pool::Sqlite { .. } => {
                let text = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
                self.number(text.to_owned()).await?
            }
            Pool::Postgres(_) | Pool::Timescale(_) => {
                self.number(format!("SELECT pg_database_size('{NAME}')")).await?
            }
        };
        Ok(u64::try_from(size)?)
    }

    /// Points in the whole database, also those that the platform has packed.
    pub(crate) async fn count(&self) -> Result<u64> {
        Ok(u64::try_from(self.number(POINTS.to_owned()).await?)?)
    }

    pub(crate) async fn close(self) {
        match self.pool {
            Pool::Sqlite { pool, .. } => pool.close().await,
            Pool::Postgres(pool) | Pool::Timescale(pool) => pool.close().await,
        }
    }

    async fn execute(&self, text: String) -> Result<()> {
        match &self.pool {
            Pool::Sqlite { pool, .. } => {
                sqlx::query(AssertSqlSafe(text)).execute(pool).await?;
            }
            Pool::Postgres(pool) | Pool::Timescale(pool) => {
                sqlx::query(AssertSqlSafe(text)).execute(pool).await?;
            }
        }
        Ok(())
    }

    async fn number(&self, text: String) -> Result<i64> {
        let number = match &self.pool {
            Pool::Sqlite { pool, .. } => sqlx::query(AssertSqlSafe(text.clone()))
                .fetch_optional(pool)
                .await?
                .map(|row| row.try_get::<i64, _>(0)),
            Pool::Postgres(pool) | Pool::Timescale(pool) => {
                sqlx::query(AssertSqlSafe(text.clone()))
                    .fetch_optional(pool)
                    .await?
                    .map(|row| row.try_get::<i64, _>(0))
            }
        };
        Ok(number.with_context(|| format!("no row: {text}"))??)
    }
}

/// A slow wave with something on top.
fn value(second: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let phase = second as f64 / 4_000.0;
    #[allow(clippy::cast_precision_loss, reason = "less than seven")]
    let step = (second % 7) as f64;
    60.0 + 40.0 * phase.sin() + step
}
