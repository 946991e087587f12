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
             AND (c.finished IS NULL OR l.ts > c.finished) \
             AND EXISTS (SELECT 1 FROM {name} p WHERE p.series_id = s.id \
                 AND p.ts >= coalesce(c.through, {from}) AND p.ts > coalesce(c.finished, {NEVER})))"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
}
