//! How points are kept: in one table on SQLite, in partitions by day on PostgreSQL, in hypertables
//! with TimescaleDB.

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::Mutex;

use crate::StoreError;
use crate::engine::Pools;
use crate::engine::postgres::{PARTITION_LOCK, patient};

/// Microseconds of a partition.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// The two tables of points.
const TABLES: [&str; 2] = ["points", "points_text"];

/// How points are kept.
#[derive(Debug)]
pub(crate) enum Layout {
    /// One table each.
    Whole,
    /// Partitions by day: upkeep makes those of today and tomorrow, the first value of a day any other.
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
        let mut connection = pools.writers.acquire().await?;
        let tables = day_tables(&mut connection).await?;
        Ok(Self::Days { made: Mutex::new(whole_days(&tables)) })
    }
}

/// How the table of a day lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    /// Part of its table.
    Attached,
    /// Half taken out: a removal was broken off. Nobody sees its rows, and no other partition can be
    /// taken out.
    Pending,
    /// On its own: a removal was broken off before its end.
    Apart,
}

/// The table of a day.
#[derive(Debug, Clone, Copy)]
struct DayTable {
    table: &'static str,
    day: i64,
    lies: Lies,
}

/// All tables of days, also those that a removal that was broken off has left.
async fn day_tables(connection: &mut PgConnection) -> Result<Vec<DayTable>, sqlx::Error> {
    let rows: Vec<(String, Option<bool>)> = sqlx::query_as(
        "SELECT c.relname::text, i.inhdetachpending FROM pg_class c \
         LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
             AND i.inhparent IN ('points'::regclass, 'points_text'::regclass) \
         WHERE c.relkind = 'r' AND c.relname ~ '^points(_text|)_(m|)[0-9]+$' \
         AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'points'::regclass)",
    )
    .fetch_all(connection)
    .await?;
    let table = |(name, pending): &(String, Option<bool>)| {
        let (table, day) = day_of(name)?;
        let lies = match pending {
            None => Lies::Apart,
            Some(true) => Lies::Pending,
            Some(false) => Lies::Attached,
        };
        Some(DayTable { table, day, lies })
    };
    Ok(rows.iter().filter_map(table).collect())
}

async fn lies(
    connection: &mut PgConnection,
    table: &str,
    day: i64,
) -> Result<Option<Lies>, sqlx::Error> {
    let tables = day_tables(connection).await?;
    Ok(tables.iter().find(|found| found.table == table && found.day == day).map(|found| found.lies))
}

/// Days that have both of their partitions.
fn whole_days(tables: &[DayTable]) -> BTreeSet<i64> {
    let attached = |table: &str| -> BTreeSet<i64> {
        let of = |found: &&DayTable| found.table == table && found.lies == Lies::Attached;
        tables.iter().filter(of).map(|found| found.day).collect()
    };
    attached(TABLES[0]).intersection(&attached(TABLES[1])).copied().collect()
}

/// Name of a partition: days since 1970, those before with an `m`.
pub(crate) fn partition(table: &str, day: i64) -> String {
    format!("{table}_{}", day.to_string().replace('-', "m"))
}

/// The table and the day that a partition's name says.
pub(crate) fn day_of(name: &str) -> Option<(&'static str, i64)> {
    let (table, day) = match name.strip_prefix("points_text_") {
        Some(day) => (TABLES[1], day),
        None => (TABLES[0], name.strip_prefix("points_")?),
    };
    Some((table, day.replace('m', "-").parse().ok()?))
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Nobody else makes or drops partitions until the transaction ends.
async fn hold(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(PARTITION_LOCK).execute(tx).await?;
    Ok(())
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
    hold(&mut tx).await?;
    for day in &missing {
        for table in TABLES {
            attach(&mut tx, table, *day).await?;
        }
    }
    tx.commit().await?;
    made.extend(missing);
    Ok(())
}

/// Makes the partition of a day, unless it is there. What a removal that was broken off has left of it
/// is part of its table again, if it has rows.
pub(crate) async fn attach(
    tx: &mut PgConnection,
    table: &'static str,
    day: i64,
) -> Result<(), sqlx::Error> {
    let name = partition(table, day);
    let lies = lies(tx, table, day).await?;
    match lies {
        Some(Lies::Attached) => return Ok(()),
        Some(Lies::Pending) => finalize(tx, table, &name).await?,
        Some(Lies::Apart) | None => {}
    }
    let mut there = lies.is_some();
    if there {
        let filled = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {name})"));
        there = sqlx::query_scalar(filled).fetch_one(&mut *tx).await?;
        if !there {
            run(tx, format!("DROP TABLE {name}")).await?;
        }
    }
    if !there {
        run(tx, format!("CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)")).await?;
    }
    let (from, to) = (day * DAY_US, (day + 1) * DAY_US);
    let sql =
        format!("ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})");
    run(tx, sql).await
}

async fn finalize(
    connection: &mut PgConnection,
    table: &str,
    name: &str,
) -> Result<(), sqlx::Error> {
    run(connection, format!("ALTER TABLE {table} DETACH PARTITION {name} FINALIZE")).await
}

/// Removes whole days before this one, counted from 1970, and puts right what an earlier removal that
/// was broken off has left. It may be broken off anywhere itself.
pub(crate) async fn drop_before(
    pool: &PgPool,
    made: &Mutex<BTreeSet<i64>>,
    day: i64,
) -> Result<(), StoreError> {
    let mut connection = patient(pool).await?;
    let done = drop_days(&mut connection, made, day).await;
    // All that was asked of it is done or not; how it ends changes nothing.
    let _ = connection.close().await;
    Ok(done?)
}

async fn drop_days(
    connection: &mut PgConnection,
    made: &Mutex<BTreeSet<i64>>,
    day: i64,
) -> Result<(), sqlx::Error> {
    let mut tables = day_tables(connection).await?;
    tables.retain(|found| found.day < day || found.lies != Lies::Attached);
    // As long as one is half taken out, no other can be.
    tables.sort_by_key(|found| (found.lies != Lies::Pending, found.day));
    for found in tables {
        if found.day >= day {
            // Somebody wants it again.
            let mut tx = connection.begin().await?;
            hold(&mut tx).await?;
            attach(&mut tx, found.table, found.day).await?;
            tx.commit().await?;
            continue;
        }
        // Before it goes: from now on a batch that needs it asks for it.
        made.lock().await.remove(&found.day);
        take_out(connection, found).await?;
        drop_apart(connection, found.table, found.day).await?;
    }
    Ok(())
}

/// Beside writers and readers of other days; not possible within a transaction.
async fn take_out(connection: &mut PgConnection, found: DayTable) -> Result<(), sqlx::Error> {
    let DayTable { table, day, lies } = found;
    let name = partition(table, day);
    match lies {
        Lies::Attached => {
            let sql = format!("ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY");
            run(connection, sql).await
        }
        Lies::Pending => finalize(connection, table, &name).await,
        Lies::Apart => Ok(()),
    }
}

/// Drops the table of a day, unless it has become part of its table again.
async fn drop_apart(
    connection: &mut PgConnection,
    table: &str,
    day: i64,
) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    hold(&mut tx).await?;
    if lies(&mut tx, table, day).await? == Some(Lies::Apart) {
        run(&mut tx, format!("DROP TABLE IF EXISTS {}", partition(table, day))).await?;
    }
    tx.commit().await
}

/// Drops what removals that were broken off have left: it belongs to nothing.
pub(crate) async fn drop_leftovers(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    for found in day_tables(tx).await? {
        let name = partition(found.table, found.day);
        match found.lies {
            Lies::Attached => continue,
            Lies::Pending => finalize(tx, found.table, &name).await?,
            Lies::Apart => {}
        }
        run(tx, format!("DROP TABLE IF EXISTS {name}")).await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "layout_tests.rs"]
mod tests;
