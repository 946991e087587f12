//! PostgreSQL keeps the room of rows that are gone for new ones. A day that was packed, or that retention has
//! been at, gets hardly any: its partition gives the room back, when less than half of it is still in use. So
//! does one of many days, of which retention takes a day after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::timescale::{alone, alone_within};
use super::{Steps, marks};
use crate::engine::Pool;
use crate::telemetry::layout::{DAY_US, Layout, TEXTS, span_of};
use crate::telemetry::spans::DaySpan;
use crate::{Store, StoreError};

/// A partition that takes no more than this is left as it is, in bytes.
const SMALL: i64 = 256 * 1024;
/// What a row takes with its place in the index, about, in bytes; its text comes on top.
const ROW_BYTES: i64 = 100;
/// Partitions of which more than this is in use, in bytes, stay as they are: nobody can use one while it is
/// written anew.
const USED_MAX: i64 = 2_000_000 * ROW_BYTES;
/// With more rows than this that are gone, but that somebody still sees, a partition is left for the next
/// time: they would be written anew too.
const DEAD_MAX: i64 = 10_000;
/// How long it is waited for a partition that somebody looks at, such as a backup. Short: everybody else
/// who looks at any day waits behind.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long one may be written anew: less than others wait for it (`lock_timeout`).
const REWRITE: Duration = Duration::from_secs(4);
/// SQLSTATE of a statement that took longer than it may.
pub(super) const TOO_LONG: &str = "57014";

/// The sizes, and rows ever removed, of partitions that had nothing to give when they were looked at: until
/// one of both changes they have nothing again. As many as there are partitions.
pub(super) type Looked = BTreeMap<String, (i64, i64)>;

/// Before which times, in microseconds, rows may have gone; `None`: none have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone {
    points: Option<i64>,
    texts: Option<i64>,
}

impl Gone {
    /// Numbers and booleans of before a time are packed, and retention has been at all that is older than its
    /// mark, whatever it keeps now.
    ///
    /// # Errors
    /// When the database can't be used.
    pub(super) async fn read(store: &Store, packed: Option<i64>) -> Result<Self, StoreError> {
        let removed = marks::get(store, marks::RAW_REMOVED).await?;
        Ok(Self { points: packed.max(removed), texts: removed })
    }

    /// Whether the first day of a partition is among what may have gone.
    fn concerns(self, table: &str, days: DaySpan) -> bool {
        let before = if table == TEXTS { self.texts } else { self.points };
        before.is_some_and(|before| days.from.saturating_add(1).saturating_mul(DAY_US) <= before)
    }
}

/// Makes partitions of which rows have gone small; whether it got to the last one before `steps`, which are
/// asked before each, said no. `done` is the last one that was looked at, by name. One that somebody looks at
/// is left for the next time.
pub(super) async fn partitions(
    store: &Store,
    gone: Gone,
    (done, looked): (&mut String, &mut Looked),
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let (Layout::Days { .. }, Pool::Postgres(_)) = (store.layout(), store.writer_pool()) else {
        return Ok(true);
    };
    let sql = "SELECT c.relname::text, pg_total_relation_size(c.oid), \
               pg_stat_get_tuples_deleted(c.oid) \
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               WHERE i.inhparent IN ('points'::regclass, 'points_text'::regclass) \
               AND NOT i.inhdetachpending AND pg_total_relation_size(c.oid) > ?";
    let mut there = Looked::new();
    for row in store.reader_pool().fetch(sql, &[SMALL.into()]).await? {
        there.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    looked.retain(|name, _| there.contains_key(name));
    // Names are in the order of their bytes.
    for (name, state) in there {
        let Some((table, days)) = span_of(&name) else { continue };
        let seen = looked.get(&name) == Some(&state);
        if seen || name <= *done || !gone.concerns(table, days) {
            continue;
        }
        if !steps.go_on().await? {
            return Ok(false);
        }
        match partition(store, table, &name).await {
            Ok(true) => {
                looked.insert(name.clone(), state);
            }
            Err(error) if !error.is_transient() => return Err(error),
            _ => {}
        }
        *done = name;
    }
    Ok(true)
}

/// The name is ours. Whether another attempt would find nothing to do, until more rows are gone.
async fn partition(store: &Store, table: &str, name: &str) -> Result<bool, StoreError> {
    // Beside others. Rows that somebody still sees stay. Then it is known how many there are.
    alone(store, &format!("VACUUM {name}")).await?;
    let sql = format!(
        "SELECT greatest(reltuples, 0)::bigint, pg_total_relation_size(oid), \
         pg_stat_get_dead_tuples(oid) FROM pg_class WHERE oid = '{name}'::regclass"
    );
    let Some(row) = store.reader_pool().first(&sql, &[]).await? else { return Ok(false) };
    let (rows, size, dead): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let used = rows.saturating_mul(ROW_BYTES);
    if !is_worth_it(used, size) {
        return Ok(true);
    }
    if table == TEXTS && !is_worth_it(used.saturating_add(text_bytes(store, name).await?), size) {
        return Ok(true);
    }
    if dead > DEAD_MAX {
        return Ok(false);
    }
    // Nobody else can use it meanwhile.
    match alone_within(store, &format!("VACUUM (FULL) {name}"), PATIENCE, REWRITE).await {
        Err(error) if error.sqlstate().as_deref() == Some(TOO_LONG) => Ok(true),
        done => done.map(|()| true),
    }
}

/// What the texts of a partition take, as they are stored, in bytes. All of it is read, but no text that is so
/// long that it lies elsewhere.
async fn text_bytes(store: &Store, name: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT coalesce(sum(pg_column_size(value)), 0)::bigint FROM {name}");
    let row = store.reader_pool().first(&sql, &[]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// Whether writing anew what is in use gives back more than half of these bytes.
const fn is_worth_it(used: i64, size: i64) -> bool {
    size > SMALL && used <= USED_MAX && used * 2 < size
}

/// Before this time, in microseconds, nothing lies in `points`; `None`: nothing lies there at all.
pub(super) async fn oldest_loose(store: &Store) -> Result<Option<i64>, StoreError> {
    if !matches!(store.layout(), Layout::Days { .. }) {
        return Ok(Some(i64::MIN));
    }
    let sql = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               WHERE i.inhparent = 'points'::regclass AND pg_relation_size(c.oid) > 0";
    let rows = store.reader_pool().fetch(sql, &[]).await?;
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
    let first = names.iter().filter_map(|name| Some(span_of(name)?.1.from)).min();
    Ok(first.map(|day| day.saturating_mul(DAY_US)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "shrink_tests.rs"]
mod tests;
