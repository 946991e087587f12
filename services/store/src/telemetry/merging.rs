//! Old partitions of few days become one of more, so that there are few in the end ([`spans`]), however
//! many there were.
//!
//! Rows are copied beside everybody. The copy then takes the place of what it was made of in a moment, if
//! nothing has come or gone there since; else it is for another time.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection as _};

use super::layout::{self, DAY_US, Lies, Partition, attaching, hold, name_of, partitions, run};
use super::spans::{self, DaySpan};
use crate::StoreError;
use crate::engine::postgres::patient;

/// Partitions that take more than this together, in bytes, stay as they are: their rows are counted while
/// nobody can write to them.
const BYTES_MAX: i64 = 512 * 1024 * 1024;
/// So many partitions become one at most: each takes up to four places in the server's table of locks.
const PARTS_MAX: usize = 40;
/// Names of copies that haven't taken a place yet.
const COPIES: &str = "^points(_text|)_new_m?[0-9]+(_m?[0-9]+|)$";
/// What holds for the moment in which the copy takes its place: everybody who looks at any day waits behind
/// it, and who writes to these days as long as they are counted.
const MOMENT: &str = "SET LOCAL lock_timeout = '100ms'; SET LOCAL statement_timeout = '3s'";

/// Partitions that are to be one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    table: &'static str,
    days: DaySpan,
    /// What there is of these days.
    parts: Vec<DaySpan>,
}

/// The next partitions that are to be one, but for those that were tried: those of a month first.
pub(crate) async fn next(
    pool: &PgPool,
    tried: &BTreeSet<Group>,
) -> Result<Option<Group>, StoreError> {
    let mut connection = pool.acquire().await?;
    let there = partitions(&mut connection).await?;
    let last = layout::last(&layout::covered(&there), &BTreeSet::new());
    let newest = layout::newest(&mut connection, last).await?;
    Ok(groups(&there, newest).into_iter().find(|group| !tried.contains(group)))
}

fn groups(there: &[Partition], newest: i64) -> Vec<Group> {
    let old =
        |found: &&Partition| found.lies == Lies::Attached && found.days.to <= spans::recent(newest);
    let levels: [&dyn Fn(i64) -> DaySpan; 2] = [&spans::month, &|day| spans::cell(day, newest)];
    let mut groups = Vec::new();
    for level in levels {
        let mut parts: BTreeMap<(&'static str, DaySpan), Vec<DaySpan>> = BTreeMap::new();
        for found in there.iter().filter(old) {
            let days = level(found.days.from);
            if days.holds(found.days) {
                parts.entry((found.table, days)).or_default().push(found.days);
            }
        }
        for ((table, days), mut parts) in parts {
            // What reaches beyond them waits for the next larger ones; what a removal has left is put right
            // first.
            let other = |found: &Partition| {
                let part = found.lies == Lies::Attached && days.holds(found.days);
                found.table == table && found.days.overlaps(days) && !part
            };
            if (2..=PARTS_MAX).contains(&parts.len()) && !there.iter().any(other) {
                parts.sort_unstable();
                let group = Group { table, days, parts };
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
        }
    }
    groups
}

/// Makes one partition of these; whether it has: not if they are too large, or not as they were any more.
/// With an error that is transient, somebody looks at them, or at an old state of the database.
pub(crate) async fn merge(pool: &PgPool, group: &Group) -> Result<bool, StoreError> {
    let mut connection = patient(pool).await?;
    let merged = merge_on(&mut connection, group).await;
    // All that was asked of it is done or not; how it ends changes nothing.
    let _ = connection.close().await;
    Ok(merged?)
}

async fn merge_on(connection: &mut PgConnection, group: &Group) -> Result<bool, sqlx::Error> {
    let names: Vec<String> = group.parts().map(|part| part.name()).collect();
    let bytes: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(pg_table_size(to_regclass(name))), 0)::bigint \
         FROM unnest($1::text[]) AS name",
    )
    .bind(&names)
    .fetch_one(&mut *connection)
    .await?;
    if bytes > BYTES_MAX {
        return Ok(false);
    }
    let merged = match copy(connection, group, &names).await {
        Ok(copied) => take_place(connection, group, &names, &copied).await,
        Err(error) => Err(error),
    };
    if !matches!(merged, Ok(true)) {
        // If not now, then the next time.
        let _ = drop_copies(connection).await;
    }
    merged
}

impl Group {
    fn parts(&self) -> impl Iterator<Item = Partition> {
        let part = move |days: &DaySpan| Partition {
            table: self.table,
            days: *days,
            lies: Lies::Attached,
        };
        self.parts.iter().map(part)
    }

    /// Name of the copy before it takes its place.
    fn copy(&self) -> String {
        name_of(&format!("{}_new", self.table), self.days)
    }

    /// Whether these partitions are still all that there is of these days.
    fn is_as_it_was(&self, there: &[Partition]) -> bool {
        let mut now: Vec<DaySpan> = Vec::new();
        for found in there.iter().filter(|found| found.table == self.table) {
            if found.left_in(self.days) {
                return false;
            }
            if found.days.overlaps(self.days) {
                now.push(found.days);
            }
        }
        now.sort_unstable();
        now == self.parts
    }
}

/// What tells whether rows have come or gone: how many there are, and the sums of their keys. No row ever
/// changes.
type Content = (i64, String, String);

async fn content(connection: &mut PgConnection, names: &[String]) -> Result<Content, sqlx::Error> {
    let part = |name: &String| format!("SELECT series_id, ts FROM {name}");
    let parts: Vec<String> = names.iter().map(part).collect();
    let sql = format!(
        "SELECT count(*), coalesce(sum(series_id), 0)::text, coalesce(sum(ts), 0)::text \
         FROM ({}) AS parts",
        parts.join(" UNION ALL ")
    );
    sqlx::query_as(AssertSqlSafe(sql)).fetch_one(connection).await
}

/// Copies the rows; what was copied. When it is done nobody looks at a state of the database in which the
/// copy isn't there: making an index in this way waits for them.
async fn copy(
    connection: &mut PgConnection,
    group: &Group,
    names: &[String],
) -> Result<Content, sqlx::Error> {
    let (table, copy) = (group.table, group.copy());
    let (from, to) = (group.days.from * DAY_US, group.days.to * DAY_US);
    drop_copies(connection).await?;
    let mut tx = connection.begin().await?;
    // With the check its place can be taken without reading it once more.
    let create = format!(
        "CREATE TABLE {copy} (LIKE {table} INCLUDING DEFAULTS, \
         CONSTRAINT {copy}_days CHECK (ts >= {from} AND ts < {to}))"
    );
    run(&mut tx, create).await?;
    for name in names {
        run(&mut tx, format!("INSERT INTO {copy} SELECT * FROM {name}")).await?;
    }
    tx.commit().await?;
    let index = format!("CREATE UNIQUE INDEX CONCURRENTLY {copy}_key ON {copy} (series_id, ts)");
    run(connection, index).await?;
    run(connection, format!("ANALYZE {copy}")).await?;
    content(connection, &[copy]).await
}

/// Drops copies that haven't taken a place: nobody else makes any.
async fn drop_copies(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ $1 \
         AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'points'::regclass)",
    )
    .bind(COPIES)
    .fetch_all(&mut *connection)
    .await?;
    for name in names {
        run(connection, format!("DROP TABLE IF EXISTS {name}")).await?;
    }
    Ok(())
}

/// Whether nothing had come or gone.
async fn take_place(
    connection: &mut PgConnection,
    group: &Group,
    names: &[String],
    copied: &Content,
) -> Result<bool, sqlx::Error> {
    let (table, copy) = (group.table, group.copy());
    let (name, names_in_sql) = (name_of(table, group.days), names.join(", "));
    let mut tx = connection.begin().await?;
    run(&mut tx, MOMENT.to_owned()).await?;
    hold(&mut tx).await?;
    if !group.is_as_it_was(&partitions(&mut tx).await?) {
        tx.rollback().await?;
        return Ok(false);
    }
    run(&mut tx, format!("LOCK TABLE {names_in_sql} IN SHARE MODE")).await?;
    if content(&mut tx, names).await? != *copied {
        tx.rollback().await?;
        return Ok(false);
    }
    for sql in [
        format!("ALTER TABLE {copy} ADD CONSTRAINT {name}_pkey PRIMARY KEY USING INDEX {copy}_key"),
        format!("LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE"),
        format!("DROP TABLE {names_in_sql}"),
        attaching(table, &copy, group.days),
        format!("ALTER TABLE {copy} DROP CONSTRAINT {copy}_days"),
        format!("ALTER TABLE {copy} RENAME TO {name}"),
    ] {
        run(&mut tx, sql).await?;
    }
    tx.commit().await?;
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "merging_tests.rs"]
mod tests;
