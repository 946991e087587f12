//! PostgreSQL keeps the room of rows that are gone for new ones. A day that was packed gets hardly any:
//! its partition gives the room back, when less than half of it is still in use.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Steps;
use super::timescale::{alone, alone_within};
use crate::engine::Pool;
use crate::telemetry::layout::{DAY_US, Layout, span_of};
use crate::{Store, StoreError};

/// A partition that takes no more than this is left as it is, in bytes.
const SMALL: i64 = 256 * 1024;
/// What a row takes with its place in the index, about, in bytes.
const ROW_BYTES: i64 = 100;
/// Partitions in which more rows than this are left stay as they are: nobody can use one while they are
/// written anew.
const ROWS_MAX: i64 = 2_000_000;
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

/// Makes the partitions of packed days small, of those that end before this time, in microseconds; whether
/// it got to the last one before `steps`, which are asked before each, said no. `done` is the last one that
/// was looked at, by name. One that somebody looks at is left for the next time.
pub(super) async fn partitions(
    store: &Store,
    before: i64,
    (done, looked): (&mut String, &mut Looked),
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let (Layout::Days { .. }, Pool::Postgres(_)) = (store.layout(), store.writer_pool()) else {
        return Ok(true);
    };
    let sql = "SELECT c.relname::text, pg_total_relation_size(c.oid), \
               pg_stat_get_tuples_deleted(c.oid) \
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               WHERE i.inhparent = 'points'::regclass AND NOT i.inhdetachpending \
               AND pg_total_relation_size(c.oid) > ? ORDER BY c.relname";
    let mut there = Looked::new();
    for row in store.reader_pool().fetch(sql, &[SMALL.into()]).await? {
        there.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    looked.retain(|name, _| there.contains_key(name));
    // Names are in the order of their bytes.
    for (name, state) in there {
        let Some((_, days)) = span_of(&name) else { continue };
        let seen = looked.get(&name) == Some(&state);
        if seen || name <= *done || days.to.saturating_mul(DAY_US) > before {
            continue;
        }
        if !steps.go_on().await? {
            return Ok(false);
        }
        match partition(store, &name).await {
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
async fn partition(store: &Store, name: &str) -> Result<bool, StoreError> {
    // Beside others. Rows that somebody still sees stay. Then it is known how many there are.
    alone(store, &format!("VACUUM {name}")).await?;
    let sql = format!(
        "SELECT greatest(reltuples, 0)::bigint, pg_total_relation_size(oid), \
         pg_stat_get_dead_tuples(oid) FROM pg_class WHERE oid = '{name}'::regclass"
    );
    let Some(row) = store.reader_pool().first(&sql, &[]).await? else { return Ok(false) };
    let (rows, size, dead): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    if !is_worth_it(rows, size) {
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

/// Whether writing so many rows anew gives back more than half of these bytes.
const fn is_worth_it(rows: i64, size: i64) -> bool {
    size > SMALL && rows <= ROWS_MAX && rows * ROW_BYTES * 2 < size
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
mod tests {
    use super::*;
    use crate::telemetry::layout;
    use crate::testing::{NOW, now, store};

    #[test]
    fn only_what_gives_back_more_than_half_is_written_anew() {
        for (rows, size, worth) in [
            (0, SMALL, false),
            (0, SMALL + 1, true),
            (1_500, 1_900_000, true),
            (9_500, 1_900_000, false),
            (ROWS_MAX, 10_000_000_000, true),
            (ROWS_MAX + 1, 10_000_000_000, false),
        ] {
            assert_eq!(is_worth_it(rows, size), worth, "{rows} rows in {size} bytes");
        }
    }

    #[tokio::test]
    async fn a_partition_that_somebody_looks_at_is_hardly_waited_for() {
        let (store, _folder) = store().await;
        let (Layout::Days { .. }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
        else {
            eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
            return;
        };
        crate::upkeep::make_room(&store, now()).await.unwrap();
        let name = layout::partition("points", NOW / DAY_US);
        let full = format!("VACUUM (FULL) {name}");
        let mut reader = pool.begin().await.unwrap();
        sqlx::query("LOCK TABLE points IN ACCESS SHARE MODE").execute(&mut *reader).await.unwrap();
        let error = alone_within(&store, &full, PATIENCE, REWRITE).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        reader.rollback().await.unwrap();
        alone_within(&store, &full, PATIENCE, REWRITE).await.unwrap();

        let short = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '100ms' \
                     AND current_setting('statement_timeout') = '4s'; END $$";
        alone_within(&store, short, PATIENCE, REWRITE).await.unwrap();
        let long = "SELECT pg_sleep(60)";
        let error = alone_within(&store, long, PATIENCE, PATIENCE).await.unwrap_err();
        assert_eq!(error.sqlstate().as_deref(), Some(TOO_LONG));
        // For others it is as it was.
        let long = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '5s' \
                    AND current_setting('statement_timeout') = '1min'; END $$";
        let mut all = Vec::new();
        for _ in 0..pool.size() {
            all.push(pool.acquire().await.unwrap());
        }
        for connection in &mut all {
            sqlx::raw_sql(long).execute(&mut **connection).await.unwrap();
        }
    }
}
