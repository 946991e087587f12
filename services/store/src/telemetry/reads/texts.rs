//! Texts over time. There are no rollups of them, and they are never packed: few are looked at one by one,
//! of many the first and the last one of each stretch of time, which costs the same over any time.

use super::chart::{Range, bucket_width};
use crate::engine::{Cell, Row};
use crate::upkeep::rollups::floor;
use crate::{Store, StoreError};

/// How many there are, up to some number.
const COUNT: &str = "SELECT count(*) FROM (SELECT ts FROM points_text \
    WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?) AS looked_at";

/// Where a text differs from the one before.
const CHANGES: &str = "SELECT ts, value FROM (SELECT ts, value, row_number() OVER w AS place, \
    lag(value) OVER w AS before FROM (SELECT ts, value FROM points_text \
    WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?) AS looked_at \
    WINDOW w AS (ORDER BY ts)) AS all_values \
    WHERE place = 1 OR value <> before OR (value IS NULL) <> (before IS NULL) \
    ORDER BY ts LIMIT ?";

/// Where a text has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changes {
    /// Times in microseconds; one more than wanted, if there are more.
    pub(super) found: Vec<(i64, Option<String>)>,
    /// Length of the stretches, in microseconds; 0: each text was looked at.
    pub(super) width: i64,
}

/// Reads a series. `most`: so many texts are looked at one by one.
pub(super) async fn changes(
    store: &Store,
    series: i64,
    range: Range,
    most: i64,
) -> Result<Changes, StoreError> {
    let [of, from, to] = [series, range.from.micros(), range.to.micros()].map(Cell::from);
    let row = store.reader_pool().first(COUNT, &[of, from, to, (most + 1).into()]).await?;
    let there: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if there > most {
        return stretches(store, series, range).await;
    }
    let cells = [of, from, to, most.into(), (i64::from(range.points) + 1).into()];
    let rows = store.reader_pool().fetch(CHANGES, &cells).await?;
    let change = |row: &Row| -> Result<_, StoreError> {
        Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?))
    };
    let found = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
    Ok(Changes { found, width: 0 })
}

/// By stretches, of which each may have two texts: the one that it begins with and the one that it ends
/// with, which stands at its middle.
async fn stretches(store: &Store, series: i64, range: Range) -> Result<Changes, StoreError> {
    let (from, to) = (range.from.micros(), range.to.micros());
    let width = bucket_width(Range { points: (range.points / 2).max(1), ..range });
    // So that only the partitions of this time are looked at; SQLite would begin at its start each time.
    let within = store.engine().choose("", " AND p.ts >= ?5 AND p.ts < ?3");
    // Each end is one step down the tree. The text is looked up apart, since it may be null.
    let end = |which: &str| {
        format!(
            "(SELECT {which}(p.ts) FROM points_text p \
             WHERE p.series_id = ?1 AND p.ts >= s.lo AND p.ts < s.hi{within})"
        )
    };
    let text = |which: &str| {
        format!(
            "(SELECT p.value FROM points_text p \
             WHERE p.series_id = ?1 AND p.ts = e.{which}{within})"
        )
    };
    let sql = format!(
        "WITH RECURSIVE starts (lo) AS (SELECT CAST(?2 AS BIGINT) \
             UNION ALL SELECT lo + ?4 FROM starts WHERE lo + ?4 < ?3), \
         stretches (lo, hi) AS (SELECT CASE WHEN lo < ?5 THEN ?5 ELSE lo END, \
             CASE WHEN lo + ?4 > ?3 THEN ?3 ELSE lo + ?4 END FROM starts), \
         ends (lo, hi, first_ts, last_ts) AS MATERIALIZED \
             (SELECT s.lo, s.hi, {}, {} FROM stretches s) \
         SELECT e.lo, e.hi, {}, {} FROM ends e WHERE e.first_ts IS NOT NULL ORDER BY e.lo",
        end("min"),
        end("max"),
        text("first_ts"),
        text("last_ts")
    );
    let cells = [series.into(), floor(from, width).into(), to.into(), width.into(), from.into()];
    let mut found: Vec<(i64, Option<String>)> = Vec::new();
    let mut put = |ts: i64, text: Option<String>| {
        if found.last().is_none_or(|(_, last)| *last != text) {
            found.push((ts, text));
        }
    };
    for row in store.reader_pool().fetch(&sql, &cells).await? {
        let (lo, hi): (i64, i64) = (row.get(0)?, row.get(1)?);
        put(lo, row.get(2)?);
        put(lo + (hi - lo) / 2, row.get(3)?);
    }
    Ok(Changes { found, width })
}
