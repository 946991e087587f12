//! How points are kept: in one table on SQLite, in partitions by day on PostgreSQL, in hypertables
//! with TimescaleDB.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::Mutex;

use crate::StoreError;
use crate::engine::Pools;
use crate::engine::postgres::PARTITION_LOCK;

/// Microseconds of a partition.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// The two tables of points.
const TABLES: [&str; 2] = ["points", "points_text"];

/// How points are kept.
#[derive(Debug)]
pub(crate) enum Layout {
    /// One table each.
    Whole,
    /// Partitions by day, made when the first value of a day comes.
    Days {
        /// Days that have theirs, counted from 1970.
        made: Mutex<BTreeSet<i64>>,
    },
    /// TimescaleDB's hypertables.
    Hypertables,
}

impl Layout {
    /// How this database keeps them.
    pub(crate) async fn of(pools: &Pools) -> Result<Self, StoreError> {
        let Pools::Postgres(pools) = pools else { return Ok(Self::Whole) };
        let partitioned: bool =
            sqlx::query_scalar("SELECT relkind = 'p' FROM pg_class WHERE oid = 'points'::regclass")
                .fetch_one(&pools.writers)
                .await?;
        if !partitioned {
            return Ok(Self::Hypertables);
        }
        Ok(Self::Days { made: Mutex::new(days(&pools.writers).await?.into_iter().collect()) })
    }
}

/// Days that have a partition.
pub(crate) async fn days(pool: &PgPool) -> Result<Vec<i64>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'points_text'::regclass AND NOT i.inhdetachpending",
    )
    .fetch_all(pool)
    .await?;
    Ok(names
        .iter()
        .filter_map(|name| name.strip_prefix("points_text_")?.replace('m', "-").parse().ok())
        .collect())
}

/// Name of a partition: days since 1970, those before with an `m`.
pub(crate) fn partition(table: &str, day: i64) -> String {
    format!("{table}_{}", day.to_string().replace('-', "m"))
}

/// Makes the partitions of these days where they are missing, in a transaction of its own. They are
/// attached, which holds up nobody who writes to others.
pub(crate) async fn make(
    pool: &PgPool,
    made: &Mutex<BTreeSet<i64>>,
    wanted: impl Iterator<Item = i64>,
) -> Result<(), StoreError> {
    let mut made = made.lock().await;
    let missing: BTreeSet<i64> = wanted.filter(|day| !made.contains(day)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(PARTITION_LOCK).execute(&mut *tx).await?;
    for day in &missing {
        for table in TABLES {
            let name = partition(table, *day);
            let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(&name)
                .fetch_one(&mut *tx)
                .await?;
            if there {
                continue;
            }
            let (from, to) = (day * DAY_US, (day + 1) * DAY_US);
            for sql in [
                format!("CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)"),
                format!(
                    "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})"
                ),
            ] {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
            }
        }
    }
    tx.commit().await?;
    made.extend(missing);
    Ok(())
}

/// Removes whole days before this one, counted from 1970.
pub(crate) async fn drop_before(
    pool: &PgPool,
    made: &Mutex<BTreeSet<i64>>,
    day: i64,
) -> Result<(), StoreError> {
    for old in days(pool).await?.into_iter().filter(|old| *old < day) {
        for table in TABLES {
            let name = partition(table, old);
            // Beside writers and readers of other days; not possible within a transaction.
            let detach = format!("ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY");
            sqlx::query(AssertSqlSafe(detach)).execute(pool).await?;
            sqlx::query(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(pool).await?;
        }
        made.lock().await.remove(&old);
    }
    Ok(())
}
