//! What isn't in the rollups yet, asked within the statement, or in the transaction, that would remove it:
//! what comes between a look and a removal is seen.

use sqlx::{AssertSqlSafe, PgConnection};

use super::rollups::MINUTE_US;
use crate::telemetry::layout::DAY_US;
use crate::telemetry::spans::DaySpan;

/// Of a series that nothing is rolled up of. As a number in a text both databases take it for one of 64 bits.
const NEVER: i64 = i64::MIN / 2;

/// Before this time, in microseconds, all points of series `?1` from `?2` up to `?3` are rolled up; a
/// subquery.
///
/// Its last minute is, when its rollup counts as many values: it is rolled up behind the cursor, when retention
/// comes for it, and something may have come in order since.
pub(super) fn through() -> String {
    format!(
        "coalesce((SELECT min(b.bound) FROM (\
         SELECT CASE WHEN c.through IS NULL THEN {NEVER} \
             WHEN l.ts >= c.through + {MINUTE_US} THEN c.through \
             WHEN (SELECT count(p.value) FROM points p WHERE p.series_id = ?1 \
                 AND p.ts >= c.through AND p.ts < c.through + {MINUTE_US} \
                 AND p.ts >= ?2 - {MINUTE_US} AND p.ts <= ?3 + {MINUTE_US}) \
                 > coalesce((SELECT r.count FROM rollups_1m r \
                     WHERE r.series_id = ?1 AND r.bucket = c.through), 0) THEN c.through END \
             AS bound \
         FROM series s JOIN latest l ON l.series_id = s.id \
         LEFT JOIN rollup_cursors c ON c.series_id = s.id \
         WHERE s.id = ?1 AND s.kind IN ('number', 'boolean') \
         UNION ALL SELECT d.hour FROM rollup_dirty d WHERE d.series_id = ?1) AS b), {})",
        i64::MAX
    )
}

/// Whether something in a partition of `points` isn't rolled up: for sure, once it is on its own, so that
/// nothing more comes into it. Only series that haven't got beyond its days are looked for in it. The name is
/// ours.
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
             AND CASE WHEN c.through IS NULL OR l.ts >= c.through + {MINUTE_US} \
                 THEN EXISTS (SELECT 1 FROM {name} p WHERE p.series_id = s.id \
                     AND p.ts >= coalesce(c.through, {from})) \
                 ELSE (SELECT count(p.value) FROM {name} p WHERE p.series_id = s.id \
                     AND p.ts >= c.through) \
                     > coalesce((SELECT r.count FROM rollups_1m r \
                         WHERE r.series_id = s.id AND r.bucket = c.through), 0) END)"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
}
