//! PostgreSQL keeps the room of rows that are gone for new ones. A day that was packed gets hardly any:
//! its partition gives the room back.

use std::time::Duration;

use super::Steps;
use super::timescale::{alone, alone_within};
use crate::engine::Pool;
use crate::telemetry::layout::{DAY_US, Layout, span_of};
use crate::{Store, StoreError};

/// A partition that takes no more than this is left as it is, in bytes.
const SMALL: i64 = 256 * 1024;
/// Partitions with more rows than this are in use: they are left as they are.
const ROWS_MAX: i64 = 1_000;
/// How long it is waited for a partition that somebody looks at, such as a backup. Short: everybody else
/// who looks at any day waits behind.
const PATIENCE: Duration = Duration::from_millis(100);

/// Makes the partitions of packed days small, of those that end before this time, in microseconds; whether
/// it got to the last one before `steps`, which are asked before each, said no. `done` is the last one that
/// was looked at, by name. One that somebody looks at is left for the next time.
pub(super) async fn partitions(
    store: &Store,
    before: i64,
    done: &mut String,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let (Layout::Days { .. }, Pool::Postgres(_)) = (store.layout(), store.writer_pool()) else {
        return Ok(true);
    };
    let sql = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               WHERE i.inhparent = 'points'::regclass AND NOT i.inhdetachpending \
               AND pg_total_relation_size(c.oid) > ? ORDER BY c.relname";
    for row in store.reader_pool().fetch(sql, &[SMALL.into()]).await? {
        let name: String = row.get(0)?;
        let Some((_, days)) = span_of(&name) else { continue };
        // Names are in the order of their bytes.
        if name <= *done || days.to.saturating_mul(DAY_US) > before {
            continue;
        }
        if !steps.go_on().await? {
            return Ok(false);
        }
        match partition(store, &name).await {
            Err(error) if !error.is_transient() => return Err(error),
            _ => {}
        }
        *done = name;
    }
    Ok(true)
}

/// The name is ours.
async fn partition(store: &Store, name: &str) -> Result<(), StoreError> {
    let most = ROWS_MAX + 1;
    let rows = format!("SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {most}) AS some_rows");
    if number(store, &rows).await? > ROWS_MAX {
        return Ok(());
    }
    // Beside others. Rows that somebody still sees stay.
    alone(store, &format!("VACUUM {name}")).await?;
    if number(store, &format!("SELECT pg_relation_size('{name}')")).await? <= SMALL {
        // Its index too. Nobody else can use it meanwhile, which is a moment: it is small by now.
        alone_within(store, &format!("VACUUM (FULL) {name}"), PATIENCE).await?;
    }
    Ok(())
}

async fn number(store: &Store, sql: &str) -> Result<i64, StoreError> {
    store.reader_pool().first(sql, &[]).await?.map_or(Ok(0), |row| row.get(0))
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
        let error = alone_within(&store, &full, PATIENCE).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        reader.rollback().await.unwrap();
        alone_within(&store, &full, PATIENCE).await.unwrap();

        let short = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '100ms'; END $$";
        alone_within(&store, short, PATIENCE).await.unwrap();
        // For others it is as it was.
        let long = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '5s'; END $$";
        let mut all = Vec::new();
        for _ in 0..pool.size() {
            all.push(pool.acquire().await.unwrap());
        }
        for connection in &mut all {
            sqlx::raw_sql(long).execute(&mut **connection).await.unwrap();
        }
    }
}
