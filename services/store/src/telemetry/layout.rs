//! How points are kept: in one table on SQLite, in partitions by day on PostgreSQL, old ones by more days
//! ([`spans`]), in hypertables with TimescaleDB.

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::Mutex;

use super::spans::{self, Covered, DaySpan};
use crate::StoreError;
use crate::engine::Pools;
use crate::engine::postgres::{PARTITION_LOCK, patient};
use crate::upkeep::unrolled;

/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// The table of texts.
pub(crate) const TEXTS: &str = "points_text";
/// The two tables of points.
pub(super) const TABLES: [&str; 2] = ["points", TEXTS];
/// How long it is waited for whoever looks at what a removal has left, before something is rolled up: a batch that
/// needs another partition waits behind it.
const PATIENCE: &str = "SET LOCAL lock_timeout = '1s'";
/// Names of partitions, of those that a removal has left, and of those that are being made of others.
pub(crate) const NAMES: &str = "^points(_text|)_(new_|)m?[0-9]+(_m?[0-9]+|)$";
/// Partitions made in one transaction: each takes up to four places in the server's table of locks until
/// its end.
const MADE_AT_ONCE: usize = 50;

/// How points are kept.
#[derive(Debug)]
pub(crate) enum Layout {
    /// One table each.
    Whole,
    /// Partitions: upkeep makes those of today and tomorrow, the first value of a day any other.
    Days {
        /// Days that have theirs.
        made: Mutex<Covered>,
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
        let [points, texts] = covered(&partitions(&mut connection).await?);
        Ok(Self::Days { made: Mutex::new(points.and(&texts)) })
    }
}

/// How a partition lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    /// Part of its table.
    Attached,
    /// Half taken out: a removal was broken off. Nobody sees its rows, and no other partition can be
    /// taken out.
    Pending,
    /// On its own: a removal was broken off before its end.
    Apart,
}

/// A partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partition {
    pub(super) table: &'static str,
    pub(super) days: DaySpan,
    pub(super) lies: Lies,
}

impl Partition {
    pub(super) fn name(&self) -> String {
        name_of(self.table, self.days)
    }

    /// Whether a removal that was broken off has left it among these days.
    pub(super) fn left_in(&self, days: DaySpan) -> bool {
        self.lies != Lies::Attached && self.days.overlaps(days)
    }
}

/// All partitions, also those that a removal that was broken off has left.
pub(super) async fn partitions(
    connection: &mut PgConnection,
) -> Result<Vec<Partition>, sqlx::Error> {
    let rows: Vec<(String, Option<bool>)> = sqlx::query_as(
        "SELECT c.relname::text, i.inhdetachpending FROM pg_class c \
         LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
             AND i.inhparent IN ('points'::regclass, 'points_text'::regclass) \
         WHERE c.relkind = 'r' AND c.relname ~ $1 \
         AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'points'::regclass)",
    )
    .bind(NAMES)
    .fetch_all(connection)
    .await?;
    let partition = |(name, pending): &(String, Option<bool>)| {
        let (table, days) = span_of(name)?;
        let lies = match pending {
            None => Lies::Apart,
            Some(true) => Lies::Pending,
            Some(false) => Lies::Attached,
        };
        Some(Partition { table, days, lies })
    };
    Ok(rows.iter().filter_map(partition).collect())
}

/// What the partitions of each table cover.
pub(super) fn covered(partitions: &[Partition]) -> [Covered; 2] {
    TABLES.map(|table| {
        let of = |found: &&Partition| found.table == table && found.lies == Lies::Attached;
        Covered::new(partitions.iter().filter(of).map(|found| found.days).collect())
    })
}

/// Name of a day's own partition.
#[cfg(test)]
pub(crate) fn partition(table: &str, day: i64) -> String {
    name_of(table, DaySpan::of(day))
}

/// Name of a partition: of a day, or from one up to another; days since 1970, those before with an `m`.
pub(super) fn name_of(table: &str, days: DaySpan) -> String {
    let name = if days == DaySpan::of(days.from) {
        format!("{table}_{}", days.from)
    } else {
        format!("{table}_{}_{}", days.from, days.to)
    };
    name.replace('-', "m")
}

/// The table and the days that a partition's name says.
pub(crate) fn span_of(name: &str) -> Option<(&'static str, DaySpan)> {
    let (table, days) = match name.strip_prefix("points_text_") {
        Some(days) => (TABLES[1], days),
        None => (TABLES[0], name.strip_prefix("points_")?),
    };
    let day = |text: &str| text.replace('m', "-").parse::<i64>().ok();
    let days = match days.split_once('_') {
        Some((from, to)) => DaySpan { from: day(from)?, to: day(to)? },
        None => DaySpan::of(day(days)?),
    };
    Some((table, days))
}

pub(super) async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Nobody else makes or drops partitions until the transaction ends.
pub(super) async fn hold(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(PARTITION_LOCK).execute(tx).await?;
    Ok(())
}

/// The newest day of those that are there and those that are wanted. At most tomorrow by the server's
/// clock: one that a wrong clock has left in the far future doesn't make all others old.
pub(super) async fn newest(tx: &mut PgConnection, known: Option<i64>) -> Result<i64, sqlx::Error> {
    let today: i64 = sqlx::query_scalar("SELECT floor(extract(epoch FROM now()) / 86400)::bigint")
        .fetch_one(tx)
        .await?;
    Ok(known.map_or(today, |newest| newest.min(today + 1)))
}

/// The last day of those that are covered and those that are wanted.
pub(super) fn last(covered: &[Covered; 2], wanted: &BTreeSet<i64>) -> Option<i64> {
    covered.iter().filter_map(Covered::newest).chain(wanted.last().copied()).max()
}

/// Makes the partitions of these days where they are missing, in short transactions of its own. They are
/// attached, which holds up nobody who writes to others.
pub(crate) async fn make(
    pool: &PgPool,
    made: &Mutex<Covered>,
    wanted: &BTreeSet<i64>,
) -> Result<(), StoreError> {
    let mut made = made.lock().await;
    let mut missing: BTreeSet<i64> = wanted.iter().copied().filter(|day| !made.has(*day)).collect();
    while !missing.is_empty() {
        let mut tx = pool.begin().await?;
        hold(&mut tx).await?;
        let there = make_some(&mut tx, &missing).await?;
        tx.commit().await?;
        missing.retain(|day| !there.has(*day));
        *made = there;
    }
    Ok(())
}

/// The same within a transaction, in which nobody else makes or drops partitions.
pub(crate) async fn make_within(
    tx: &mut PgConnection,
    wanted: &BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    let mut missing = wanted.clone();
    while !missing.is_empty() {
        let there = make_some(tx, &missing).await?;
        missing.retain(|day| !there.has(*day));
    }
    Ok(())
}

/// Makes some of what these days miss, the first of them at least; what is there then. What removals that
/// were broken off have left around them is part of its table again, if it has rows.
async fn make_some(tx: &mut PgConnection, missing: &BTreeSet<i64>) -> Result<Covered, sqlx::Error> {
    let mut there = partitions(tx).await?;
    let newest = newest(tx, last(&covered(&there), missing)).await?;
    let wanted: BTreeSet<DaySpan> = missing.iter().map(|day| spans::cell(*day, newest)).collect();
    for found in &mut there {
        if wanted.iter().any(|days| found.left_in(*days)) && bring_back(tx, *found).await? {
            found.lies = Lies::Attached;
        }
    }
    let mut covered = covered(&there);
    let mut left = MADE_AT_ONCE;
    for day in missing {
        for (table, covered) in TABLES.into_iter().zip(&mut covered) {
            if covered.has(*day) {
                continue;
            }
            let days = covered.free_around(*day, spans::cell(*day, newest));
            run(
                tx,
                format!("CREATE TABLE {} (LIKE {table} INCLUDING DEFAULTS)", name_of(table, days)),
            )
            .await?;
            attach(tx, table, days).await?;
            covered.add(days);
            left = left.saturating_sub(1);
        }
        if left == 0 {
            break;
        }
    }
    let [points, texts] = covered;
    Ok(points.and(&texts))
}

async fn attach(tx: &mut PgConnection, table: &str, days: DaySpan) -> Result<(), sqlx::Error> {
    let name = name_of(table, days);
    run(tx, attaching(table, &name, days)).await
}

pub(super) fn attaching(table: &str, name: &str, days: DaySpan) -> String {
    let (from, to) = (days.from * DAY_US, days.to * DAY_US);
    format!("ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})")
}

/// What a removal that was broken off has left is part of its table again, if it has rows; else it goes.
/// Whether it has.
async fn bring_back(tx: &mut PgConnection, found: Partition) -> Result<bool, sqlx::Error> {
    let name = found.name();
    if found.lies == Lies::Pending {
        finalize(tx, found.table, &name).await?;
    }
    let filled = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {name})"));
    let filled: bool = sqlx::query_scalar(filled).fetch_one(&mut *tx).await?;
    if filled {
        attach(tx, found.table, found.days).await?;
    } else {
        run(tx, format!("DROP TABLE {name}")).await?;
    }
    Ok(filled)
}

/// The same while nobody else makes or drops partitions, if it is still left.
async fn bring_back_alone(tx: &mut PgConnection, found: Partition) -> Result<(), sqlx::Error> {
    hold(tx).await?;
    if let Some(now) = again(tx, found).await?.filter(|now| now.left_in(found.days)) {
        bring_back(tx, now).await?;
    }
    Ok(())
}

/// What removals of values that were broken off have left is part of its table again, if it has rows: what is
/// rolled up while nobody sees them would be taken for all there is.
pub(crate) async fn bring_back_left(pool: &PgPool) -> Result<(), StoreError> {
    let mut pooled = pool.acquire().await?;
    let connection: &mut PgConnection = &mut pooled;
    for found in partitions(connection).await? {
        if found.lies == Lies::Attached || found.table == TEXTS {
            continue;
        }
        let mut tx = connection.begin().await?;
        run(&mut tx, PATIENCE.to_owned()).await?;
        bring_back_alone(&mut tx, found).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn finalize(
    connection: &mut PgConnection,
    table: &str,
    name: &str,
) -> Result<(), sqlx::Error> {
    run(connection, format!("ALTER TABLE {table} DETACH PARTITION {name} FINALIZE")).await
}

/// Removes partitions of which all days are before this one, counted from 1970, and all is rolled up, and puts
/// right what an earlier removal that was broken off has left. It may be broken off anywhere itself.
pub(crate) async fn drop_before(
    pool: &PgPool,
    made: &Mutex<Covered>,
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
    made: &Mutex<Covered>,
    day: i64,
) -> Result<(), sqlx::Error> {
    let mut found = partitions(connection).await?;
    found.retain(|found| found.days.to <= day || found.lies != Lies::Attached);
    // As long as one is half taken out, no other can be.
    found.sort_by_key(|found| (found.lies != Lies::Pending, found.days));
    for found in found {
        if found.days.to > day {
            // Somebody wants it again.
            let mut tx = connection.begin().await?;
            bring_back_alone(&mut tx, found).await?;
            tx.commit().await?;
            continue;
        }
        if found.lies == Lies::Attached && !is_rolled_up(connection, found).await? {
            continue;
        }
        // Before it goes: from now on a batch that needs it asks for it.
        made.lock().await.forget(found.days);
        take_out(connection, found).await?;
        drop_apart(connection, found).await?;
    }
    Ok(())
}

/// How a partition lies now; `None`: it is gone.
async fn again(
    connection: &mut PgConnection,
    found: Partition,
) -> Result<Option<Partition>, sqlx::Error> {
    let same = |now: &Partition| now.table == found.table && now.days == found.days;
    Ok(partitions(connection).await?.into_iter().find(same))
}

/// Beside writers and readers of other days; not possible within a transaction.
async fn take_out(connection: &mut PgConnection, found: Partition) -> Result<(), sqlx::Error> {
    let (table, name) = (found.table, found.name());
    match found.lies {
        Lies::Attached => {
            let sql = format!("ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY");
            run(connection, sql).await
        }
        Lies::Pending => finalize(connection, table, &name).await,
        Lies::Apart => Ok(()),
    }
}

/// Drops a partition, unless it has become part of its table again. One into which something came before it was
/// taken out, which isn't rolled up, becomes that here: it goes the next time.
async fn drop_apart(connection: &mut PgConnection, found: Partition) -> Result<(), sqlx::Error> {
    let is_apart = |now: &Partition| now.lies == Lies::Apart;
    let Some(now) = again(connection, found).await?.filter(is_apart) else { return Ok(()) };
    // As long as it is apart nothing comes into it. Looking for it takes long, so nobody waits behind it: a batch
    // that needs any other partition would.
    let rolled_up = is_rolled_up(connection, now).await?;
    let mut tx = connection.begin().await?;
    hold(&mut tx).await?;
    if let Some(now) = again(&mut tx, found).await?.filter(is_apart) {
        if rolled_up {
            run(&mut tx, format!("DROP TABLE IF EXISTS {}", now.name())).await?;
        } else {
            bring_back(&mut tx, now).await?;
        }
    }
    tx.commit().await
}

/// Whether the rollups have all of a partition; of texts there are none.
async fn is_rolled_up(
    connection: &mut PgConnection,
    found: Partition,
) -> Result<bool, sqlx::Error> {
    let unrolled = found.table != TEXTS
        && unrolled::in_partition(connection, &found.name(), found.days).await?;
    Ok(!unrolled)
}

/// Drops what removals that were broken off have left: it belongs to nothing.
pub(crate) async fn drop_leftovers(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    for found in partitions(tx).await? {
        let name = found.name();
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
pub(crate) mod tests;
