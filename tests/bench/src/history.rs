//! A long history, written straight into the platform's database: over MQTT it would take days.
//!
//! Values that come this way are told to the platform as hours that it has to sum up anew, so its
//! rollups are made by its own work.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use millwright_schemas::Timestamp;
use sqlx::AssertSqlSafe;

use crate::database::Database;
use crate::inside::Inside;
use crate::machine::now_ms;

/// Rows of one transaction.
const BATCH: i64 = 10_000;
/// Rows of one statement in SQLite.
const STATEMENT: usize = 500;
/// Hours of one transaction that are told to the platform.
const BATCH_HOURS: usize = 500;
/// Longest wait for the platform's rollups.
const ROLLUPS_PATIENCE: Duration = Duration::from_secs(600);
const SECOND_US: i64 = 1_000_000;
const HOUR_S: i64 = 3_600;

const POSTGRES_INSERT: &str = "INSERT INTO points (series_id, ts, value, quality) SELECT $1, ts, \
    60 + 40 * sin(ts / 4e9) + (ts / 1000000) % 7, 0 \
    FROM generate_series($2::bigint, $3::bigint, 1000000) AS ts ON CONFLICT DO NOTHING";

/// A signal with one value a second, up to now.
pub(crate) struct History {
    inside: Inside,
    /// Inserts the rows of one statement in SQLite.
    sql: String,
    series: i64,
    /// Just after its newest value, in seconds since 1970.
    end_s: i64,
    /// How far it reaches back, in seconds.
    length_s: std::cell::Cell<i64>,
}

/// The continuous aggregates, the width of their buckets in microseconds, and how many the platform's upkeep
/// makes at once.
const AGGREGATES: [(&str, i64, u32); 2] =
    [("rollups_1m", 60 * SECOND_US, 360), ("rollups_1h", HOUR_S * SECOND_US, 240)];
/// What the platform's upkeep does each hour with TimescaleDB, with chunks that have been full for a
/// week.
const COMPRESS: &str = "SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass, true) \
    FROM timescaledb_information.chunks WHERE hypertable_name = 'points' AND NOT is_compressed \
    AND range_end_integer < (extract(epoch FROM now()) * 1000000)::bigint - 604800000000";

/// All points: also those that the platform has packed.
const POINTS: &str = "SELECT (SELECT count(*) FROM points) \
    + (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM packed_points)";

impl History {
    /// Opens the database of a platform that has heard one value of this signal.
    pub(crate) async fn open(database: &Database, folder: &Path, signal: &str) -> Result<Self> {
        let inside = Inside::open(database, folder).await?;
        let places = vec!["(?,?,?,0)"; STATEMENT].join(",");
        let sql = format!(
            "INSERT INTO points (series_id, ts, value, quality) VALUES {places} \
             ON CONFLICT DO NOTHING"
        );
        let length_s = std::cell::Cell::new(0);
        let mut history = Self { inside, sql, series: 0, end_s: 0, length_s };
        let text = format!("SELECT id FROM series WHERE signal = '{signal}'");
        history.series = history.inside.number(&text).await?;
        let text = format!("SELECT ts FROM latest WHERE series_id = {}", history.series);
        // A whole hour, well before what the platform sums up as it comes.
        let newest = history.inside.number(&text).await? / SECOND_US;
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
        match &self.inside {
            Inside::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let mut at = from;
                while at < to {
                    // The last statement of a history goes a little over its end; what is there
                    // already stays.
                    let mut query = sqlx::query(AssertSqlSafe(self.sql.as_str()));
                    for second in at..at + i64::try_from(STATEMENT)? {
                        let ts = second * SECOND_US;
                        query = query.bind(self.series).bind(ts).bind(value(second));
                    }
                    query.execute(&mut *tx).await?;
                    at += i64::try_from(STATEMENT)?;
                }
                Ok(tx.commit().await?)
            }
            Inside::Postgres(pool) | Inside::Timescale(pool) => {
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
        if matches!(self.inside, Inside::Timescale(_)) {
            return refresh(&self.inside).await;
        }
        let hours: Vec<String> = (from.div_euclid(HOUR_S)..=(to - 1).div_euclid(HOUR_S))
            .map(|hour| format!("({series},{})", hour * HOUR_S * SECOND_US))
            .collect();
        for piece in hours.chunks(BATCH_HOURS) {
            self.inside.insert("rollup_dirty (series_id, hour)", piece).await?;
        }
        let start = Instant::now();
        let text = format!("SELECT count(*) FROM rollup_dirty WHERE series_id = {series}");
        while self.inside.number(&text).await? > 0 {
            ensure!(start.elapsed() < ROLLUPS_PATIENCE, "the platform makes no rollups");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    /// Compresses what the platform would compress within an hour; `false`: nothing can be.
    pub(crate) async fn compress(&self) -> Result<bool> {
        let Inside::Timescale(pool) = &self.inside else { return Ok(false) };
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
        self.inside.size().await
    }

    /// Points in the whole database, also those that the platform has packed.
    pub(crate) async fn count(&self) -> Result<u64> {
        Ok(u64::try_from(self.inside.number(POINTS).await?)?)
    }

    pub(crate) async fn close(self) {
        self.inside.close().await;
    }
}

/// Brings TimescaleDB's continuous aggregates up to now, within the bounds that the platform's upkeep
/// takes each minute: never without a start, which TimescaleDB 2.28 fails at later ("timestamp out of
/// range"), and up to the last whole bucket.
pub(crate) async fn refresh(inside: &Inside) -> Result<()> {
    let Inside::Timescale(pool) = inside else { return Ok(()) };
    let floor = |time: i64, width: i64| time.div_euclid(width) * width;
    let from = floor(Timestamp::from_micros(i64::MIN).micros(), HOUR_S * SECOND_US);
    for (view, width, at_once) in AGGREGATES {
        let to = floor(now_ms() * 1_000, width);
        let text = format!(
            "CALL refresh_continuous_aggregate('{view}', {from}, {to}, \
             options => '{{\"buckets_per_batch\": {at_once}}}')"
        );
        let start = Instant::now();
        while let Err(error) = sqlx::raw_sql(AssertSqlSafe(text.as_str())).execute(pool).await {
            // The platform does the same each minute.
            let is_busy = error.to_string().contains("concurrent refresh");
            ensure!(is_busy && start.elapsed() < ROLLUPS_PATIENCE, error);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(())
}

/// A slow wave with something on top.
fn value(second: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let phase = second as f64 / 4_000.0;
    #[allow(clippy::cast_precision_loss, reason = "less than seven")]
    let step = (second % 7) as f64;
    60.0 + 40.0 * phase.sin() + step
}
