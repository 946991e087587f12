//! TimescaleDB's continuous aggregates and columnstore, started by us: its own background jobs
//! aren't needed.

use std::collections::BTreeSet;
use std::time::Duration;

use millwright_schemas::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use super::marks;
use super::rollups::{HOUR_US, MINUTE_US, floor};
use crate::engine::Pool;
use crate::telemetry::Layout;
use crate::telemetry::layout::DAY_US;
use crate::{Store, StoreError};

/// Chunks that are compressed in one step.
const CHUNKS_MAX: usize = 4;

/// Buckets of a continuous aggregate that are made in one transaction: of a quarter of a day, and of ten days,
/// which a chunk of `rollups_1m` holds. TimescaleDB's default is 10, and for each batch it may read all that
/// a chunk holds.
const MINUTES_AT_ONCE: u32 = 360;
const HOURS_AT_ONCE: u32 = 240;

/// Of chunks whose last day isn't longer ago the refresh sums up new pages, in microseconds.
const SUMMED_UP_US: i64 = 2 * DAY_US;

/// Whether a refresh takes `options`. Releases before TimescaleDB 2.28 don't, or don't look at the size of batches:
/// they make everything at once.
pub(crate) const TAKES_OPTIONS: &str = "SELECT EXISTS (SELECT 1 FROM pg_proc \
    WHERE proname = 'refresh_continuous_aggregate' AND 'options' = ANY (proargnames)) AS takes";

/// Whether this database has it.
#[must_use]
pub fn is_there(store: &Store) -> bool {
    matches!(store.layout(), Layout::Hypertables)
}

/// Brings the continuous aggregates up to the last whole minute and hour before `now`, from `from`
/// on (of what has changed only). What was made of values that retention has removed since stays as it
/// is. Times in microseconds.
///
/// # Errors
/// When the database can't be used.
pub async fn refresh(store: &Store, from: Option<i64>, now: i64) -> Result<(), StoreError> {
    sum_up(store, now).await?;
    let values = from.max(marks::get(store, marks::RAW_REMOVED).await?);
    let minutes = values.max(marks::get(store, marks::MINUTES_REMOVED).await?);
    let rows = store.reader_pool().fetch(TAKES_OPTIONS, &[]).await?;
    let in_batches = rows.first().map(|row| row.get(0)).transpose()?.unwrap_or(false);
    for (view, width, from) in [("rollups_1m", MINUTE_US, values), ("rollups_1h", HOUR_US, minutes)]
    {
        let to = floor(now, width);
        // Only buckets that are made of nothing that was removed.
        let from = from.map(|from| floor(from.saturating_add(width - 1), width));
        if from.is_some_and(|from| from >= to) {
            continue;
        }
        alone(store, &refreshing(view, from, to, in_batches)).await?;
    }
    Ok(())
}

/// Enters the pages that values came into since the last time into the index by time, of the last days: a refresh
/// reads all pages that aren't in it. Those of older days are entered by the server's own vacuum.
async fn sum_up(store: &Store, now: i64) -> Result<(), StoreError> {
    let sql = "SELECT format('%I.%I', own.schemaname, own.indexname) \
               FROM timescaledb_information.chunks i \
               JOIN pg_indexes own \
                   ON own.schemaname = i.chunk_schema AND own.tablename = i.chunk_name \
               WHERE i.hypertable_name = 'points' AND NOT i.is_compressed \
               AND own.indexdef LIKE '%USING brin%' AND i.range_end_integer > ?";
    let since = now.saturating_sub(SUMMED_UP_US);
    for row in store.reader_pool().fetch(sql, &[since.into()]).await? {
        let index = row.get::<String>(0)?;
        alone(store, &format!("SELECT brin_summarize_new_values('{index}'::regclass)")).await?;
    }
    Ok(())
}

/// The statement that makes a continuous aggregate anew where something has changed, from `from`, by
/// default the first time there is, up to `to`; in microseconds. In batches, if it
/// [takes options](TAKES_OPTIONS): what is made then stays if it is broken off.
///
/// Never without a start: TimescaleDB 2.28 marks what lies before its first bucket then, and fails at
/// that mark later ("timestamp out of range").
pub(crate) fn refreshing(view: &str, from: Option<i64>, to: i64, in_batches: bool) -> String {
    let from = from.unwrap_or_else(|| floor(Timestamp::from_micros(i64::MIN).micros(), HOUR_US));
    let buckets = if view == "rollups_1h" { HOURS_AT_ONCE } else { MINUTES_AT_ONCE };
    let options = match in_batches {
        true => format!(", options => '{{\"buckets_per_batch\": {buckets}}}'"),
        false => String::new(),
    };
    format!("CALL refresh_continuous_aggregate('{view}', {from}, {to}{options})")
}

/// Compresses chunks that end before this time, in microseconds, also those that got something late
/// since; how many, at most a few. `seen` names those that were taken already: none is taken twice,
/// whatever comes late meanwhile.
///
/// # Errors
/// When the database can't be used.
pub async fn compress(
    store: &Store,
    before: i64,
    seen: &mut BTreeSet<String>,
) -> Result<u64, StoreError> {
    // 8: a part of it isn't compressed.
    let sql = "SELECT format('%I.%I', i.chunk_schema, i.chunk_name) \
               FROM timescaledb_information.chunks i \
               JOIN _timescaledb_catalog.chunk c \
                   ON c.schema_name = i.chunk_schema AND c.table_name = i.chunk_name \
               WHERE i.hypertable_name IN ('points', 'points_text') \
               AND (NOT i.is_compressed OR (c.status & 8) <> 0) \
               AND i.range_end_integer <= ? ORDER BY i.range_end_integer, i.chunk_name";
    let rows = store.reader_pool().fetch(sql, &[before.into()]).await?;
    let chunks: Vec<String> =
        rows.iter().map(|row| row.get::<String>(0)).collect::<Result<_, _>>()?;
    let fresh: Vec<String> =
        chunks.into_iter().filter(|chunk| !seen.contains(chunk)).take(CHUNKS_MAX).collect();
    let compressed = fresh.len() as u64;
    for chunk in fresh {
        alone(store, &format!("SELECT compress_chunk('{chunk}'::regclass, true)")).await?;
        seen.insert(chunk);
    }
    Ok(compressed)
}

/// Removes values and rollups of before these times, in microseconds, by whole chunks.
///
/// # Errors
/// When the database can't be used.
pub async fn drop_whole(
    store: &Store,
    values: Option<i64>,
    minutes: Option<i64>,
    hours: Option<i64>,
) -> Result<(), StoreError> {
    for (table, before) in [
        ("points", values),
        ("points_text", values),
        ("rollups_1m", minutes),
        ("rollups_1h", hours),
    ] {
        if let Some(before) = before {
            let sql = format!("SELECT drop_chunks('{table}', older_than => {before}::bigint)");
            alone(store, &sql).await?;
        }
    }
    Ok(())
}

/// Runs a statement outside of any transaction, however long it takes.
pub(super) async fn alone(store: &Store, sql: &str) -> Result<(), StoreError> {
    run_alone(store, sql, "").await
}

/// The same; it waits no longer than `patience` for what others have locked, and takes no longer than
/// `longest`.
pub(super) async fn alone_within(
    store: &Store,
    sql: &str,
    patience: Duration,
    longest: Duration,
) -> Result<(), StoreError> {
    let (patience, longest) = (patience.as_millis(), longest.as_millis());
    let settings = format!("; SET lock_timeout = {patience}; SET statement_timeout = {longest}");
    run_alone(store, sql, &settings).await
}

async fn run_alone(store: &Store, sql: &str, settings: &str) -> Result<(), StoreError> {
    let Pool::Postgres(pool) = store.writer_pool() else { return Ok(()) };
    let mut connection = pool.acquire().await?;
    let connection: &mut PgConnection = &mut connection;
    let set = format!("SET statement_timeout = 0{settings}");
    sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *connection).await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *connection).await;
    // Both are settings of the connection: it has those that it was opened with again.
    let reset = "RESET statement_timeout; RESET lock_timeout";
    sqlx::raw_sql(reset).execute(&mut *connection).await?;
    done?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "timescale_tests.rs"]
mod tests;
