//! What isn't in the rollups yet, asked within the statement, or in the transaction, that would remove it:
//! what comes between a look and a removal is seen.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::telemetry::layout::DAY_US;
use crate::telemetry::spans::DaySpan;

/// Of a series that nothing is rolled up of. As a number in a text both databases take it for one of 64 bits.
const NEVER: i64 = i64::MIN / 2;

/// Before this time, in microseconds, all points of series `?1` are rolled up; a subquery.
///
/// Its last minute is, when nothing came in order since it was finished: it is rolled up behind the cursor, when
/// retention comes for it.
pub(super) fn through() -> String {
    format!(
        "coalesce((SELECT min(b.bound) FROM (\
         SELECT CASE WHEN c.through IS NULL THEN {NEVER} \
             WHEN c.finished IS NULL OR l.ts > c.finished THEN c.through END AS bound \
         FROM series s JOIN latest l ON l.series_id = s.id \
         LEFT JOIN rollup_cursors c ON c.series_id = s.id \
         WHERE s.id = ?1 AND s.kind IN ('number', 'boolean') \
         UNION ALL SELECT d.hour FROM rollup_dirty d WHERE d.series_id = ?1) AS b), {})",
        i64::MAX
    )
}

/// Whether something in a partition of `points` isn't rolled up: for sure, once it is on its own, so that
/// nothing more comes into it. Only series that haven't got beyond its days, and haven't ended before them, are
/// looked for in it. The name is ours.
///
/// # Errors
/// When the database can't be used.
pub(crate) async fn in_partition(
    connection: &mut PgConnection,
    name: &str,
    days: DaySpan,
) -> Result<bool, sqlx::Error> {
    let (from, to) = (days.from.saturating_mul(DAY_US), days.to.saturating_mul(DAY_US));
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM rollup_dirty WHERE hour >= {from} AND hour < {to}) \
         OR EXISTS (SELECT 1 FROM series s JOIN latest l ON l.series_id = s.id \
             LEFT JOIN rollup_cursors c ON c.series_id = s.id \
             WHERE s.kind IN ('number', 'boolean') AND (c.through IS NULL OR c.through < {to}) \
             AND l.ts >= {from} AND (c.finished IS NULL OR l.ts > c.finished) \
             AND EXISTS (SELECT 1 FROM {name} p WHERE p.series_id = s.id \
                 AND p.ts >= coalesce(c.through, {from}) AND p.ts > coalesce(c.finished, {NEVER})))"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use super::*;
    use crate::engine::Pool;
    use crate::telemetry::layout::{Layout, partition};
    use crate::testing::{NOW, machine, organization, store};
    use crate::upkeep::rollups::tests::{new_series, settle, write};
    use crate::upkeep::rollups::{MINUTE_US, finish};

    #[tokio::test]
    async fn of_a_partition_only_series_that_may_have_something_in_it_count() {
        let (store, _folder) = store().await;
        let (Layout::Days { .. }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
        else {
            eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
            return;
        };
        let top = organization(&store, None).await;
        let (first, second) = (machine(&store, top).await, machine(&store, top).await);
        let (ended, goes_on) = (new_series(&store, first).await, new_series(&store, second).await);
        let day = NOW / DAY_US - 10;
        let at = |days: i64| (day + days) * DAY_US;
        let is_unrolled = async |days: i64| {
            let (name, days) = (partition("points", day + days), DaySpan::of(day + days));
            in_partition(&mut pool.acquire().await.unwrap(), &name, days).await.unwrap()
        };
        // Nothing is rolled up of either.
        write(&store, ended, &[(at(1) - MINUTE_US, Some(1.0)), (at(1) - 1, Some(2.0))], true).await;
        write(&store, goes_on, &[(at(2), Some(3.0)), (at(3), Some(4.0))], true).await;
        store.make_room(&[day + 1].into()).await.unwrap();
        let all = async || {
            [is_unrolled(0).await, is_unrolled(1).await, is_unrolled(2).await, is_unrolled(3).await]
        };
        assert_eq!(all().await, [true, false, true, true]);
        settle(&store).await;
        assert_eq!(all().await, [true, false, false, true], "their last minutes aren't");
        finish(&store, at(2)).await.unwrap();
        assert_eq!(all().await, [false, false, false, true]);
    }
}
