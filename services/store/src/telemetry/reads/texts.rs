//! Where texts change, as far as an answer has room for them. There are no rollups of texts, and they are
//! never packed: few are looked at one by one, of many the first and the last one of each stretch of time,
//! which costs the same over any time.

use super::chart::{Range, bucket_width};
use super::limits::{STRETCHES_AT_ONCE, TEXTS_AT_ONCE};
use crate::telemetry::packed::Span;
use crate::upkeep::rollups::floor;
use crate::{Store, StoreError};

/// The next ones that are looked at: how many, and the time of the last one.
const NEXT: &str = "SELECT count(*), max(ts) FROM (SELECT ts FROM points_text \
    WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?) AS looked_at";

/// Where a text differs from the one before; the first one always.
const CHANGES: &str = "SELECT ts, value FROM (SELECT ts, value, row_number() OVER w AS place, \
    lag(value) OVER w AS before FROM points_text WHERE series_id = ? AND ts >= ? AND ts < ? \
    WINDOW w AS (ORDER BY ts)) AS all_values \
    WHERE place = 1 OR value <> before OR (value IS NULL) <> (before IS NULL) \
    ORDER BY ts LIMIT ?";

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Times, in microseconds, and texts, oldest first.
    pub(super) found: Vec<(i64, Option<String>)>,
    /// Length of the stretches that were looked at, in microseconds; 0: each text was.
    pub(super) width: i64,
    /// Whether there may be more.
    pub(super) truncated: bool,
}

/// How much there is room for.
struct Room<'a> {
    changes: usize,
    bytes: &'a mut usize,
}

impl Changes {
    /// Adds a text, if it is another one than the last; whether there was room for it.
    fn put(&mut self, ts: i64, text: Option<String>, room: &mut Room<'_>) -> bool {
        if self.found.last().is_some_and(|(_, before)| *before == text) {
            return true;
        }
        let bytes = text.as_ref().map_or(0, String::len);
        if self.found.len() >= room.changes || bytes > *room.bytes {
            self.truncated = true;
            return false;
        }
        *room.bytes -= bytes;
        self.found.push((ts, text));
        true
    }
}

/// The first changes of a series, as many as points are wanted, and of as many bytes as are left. Of more
/// texts than are looked at one by one (`most`): by stretches, over all of the time.
pub(super) async fn changes(
    store: &Store,
    series: i64,
    range: Range,
    most: i64,
    bytes_left: &mut usize,
) -> Result<Changes, StoreError> {
    let before = *bytes_left;
    let mut room = Room { changes: range.points as usize, bytes: bytes_left };
    let look = Look { at_once: TEXTS_AT_ONCE, in_all: most };
    if let Some(found) = one_by_one(store, series, range.span(), look, &mut room).await? {
        return Ok(found);
    }
    *room.bytes = before;
    stretches(store, series, range, &mut room).await
}

/// How many texts are looked at.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// With one statement.
    at_once: i64,
    in_all: i64,
}

/// `None`: there are more than are looked at.
async fn one_by_one(
    store: &Store,
    series: i64,
    span: Span,
    look: Look,
    room: &mut Room<'_>,
) -> Result<Option<Changes>, StoreError> {
    let pool = store.reader_pool();
    let mut changes = Changes::default();
    let (mut from, mut looked_at) = (span.from, 0);
    loop {
        // One more than is looked at tells that there are more.
        let at_once = look.at_once.min(look.in_all - looked_at + 1);
        let cells = [series.into(), from.into(), span.to.into(), at_once.into()];
        let Some(row) = pool.first(NEXT, &cells).await? else { return Ok(Some(changes)) };
        let (count, last): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        let Some(last) = last else { return Ok(Some(changes)) };
        looked_at += count;
        if looked_at > look.in_all {
            return Ok(None);
        }
        // The first one may be as the last one before, and one more tells that there are more.
        let limit = room.changes.saturating_sub(changes.found.len()).saturating_add(2);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let cells = [series.into(), from.into(), (last + 1).into(), limit.into()];
        for row in pool.fetch(CHANGES, &cells).await? {
            if !changes.put(row.get(0)?, row.get(1)?, room) {
                return Ok(Some(changes));
            }
        }
        if count < at_once {
            return Ok(Some(changes));
        }
        from = last + 1;
    }
}

/// By stretches, of which each may have two texts: the one that it begins with and the one that it ends
/// with, which stands at its middle.
async fn stretches(
    store: &Store,
    series: i64,
    range: Range,
    room: &mut Room<'_>,
) -> Result<Changes, StoreError> {
    let Span { from, to } = range.span();
    let width = bucket_width(Range { points: (range.points / 2).max(1), ..range });
    let sql = ends(store);
    let mut changes = Changes { width, ..Changes::default() };
    let mut lo = floor(from, width);
    while lo < to {
        let hi = lo.saturating_add(width.saturating_mul(STRETCHES_AT_ONCE)).min(to);
        let cells = [series.into(), lo.into(), hi.into(), width.into(), from.into()];
        for row in store.reader_pool().fetch(&sql, &cells).await? {
            let (starts, ends): (i64, i64) = (row.get(0)?, row.get(1)?);
            let middle = starts + (ends - starts) / 2;
            if !changes.put(starts, row.get(2)?, room) || !changes.put(middle, row.get(3)?, room) {
                return Ok(changes);
            }
        }
        lo = hi;
    }
    Ok(changes)
}

/// Asks for the stretches of a series (`?1`) from one of their starts (`?2`) up to a time (`?3`), of this
/// length (`?4`), cut at a time (`?5`): start, end, first and last text of those that have one.
fn ends(store: &Store) -> String {
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
    format!(
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
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::SignalKind;

    use super::*;
    use crate::telemetry::points::{self, TextRow};
    use crate::telemetry::series::{self, NewSeries};
    use crate::testing::{NOW, machine, organization, store};

    #[tokio::test]
    async fn changes_are_found_piece_by_piece_as_far_as_there_is_room() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let (signal, kind) = ("program".to_owned(), Some(SignalKind::Text));
        let mut tx = store.begin_batch().await.unwrap();
        let new = NewSeries { machine, signal, kind, created_at: NOW };
        let series = series::create(&mut tx, &[new]).await.unwrap()[0];
        let said = [Some("aaa"), Some("aaa"), Some("bb"), Some("bb"), Some("bb"), None, None]
            .into_iter()
            .chain([Some("c"), Some("aaa")]);
        let row = |(n, text): (i64, Option<&str>)| TextRow {
            series,
            ts: NOW + n,
            value: text.map(str::to_owned),
            quality: 0,
        };
        let rows: Vec<TextRow> = (0..).zip(said).map(row).collect();
        points::insert_texts(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();

        let all = [(0, Some("aaa")), (2, Some("bb")), (5, None), (7, Some("c")), (8, Some("aaa"))];
        let span = Span { from: NOW, to: NOW + 100 };
        let found = async |changes: usize, at_once: i64, mut bytes: usize| {
            let mut room = Room { changes, bytes: &mut bytes };
            let look = Look { at_once, in_all: 9 };
            let found = one_by_one(&store, series, span, look, &mut room).await.unwrap();
            let found = found.unwrap();
            let told = found.found.into_iter().map(|(ts, text)| (ts - NOW, text));
            (told.collect::<Vec<_>>(), found.truncated, bytes)
        };
        let expected = |count: usize| -> Vec<(i64, Option<String>)> {
            all[..count].iter().map(|(n, text)| (*n, text.map(str::to_owned))).collect()
        };
        for at_once in [1, 2, 3, 9, 100] {
            assert_eq!(found(10, at_once, 100).await, (expected(5), false, 91), "{at_once}");
            assert_eq!(found(5, at_once, 9).await, (expected(5), false, 0), "{at_once}");
            assert_eq!(found(2, at_once, 100).await, (expected(2), true, 95), "{at_once}");
            assert_eq!(found(10, at_once, 5).await, (expected(3), true, 0), "{at_once}");
            let mut bytes = 100;
            let mut room = Room { changes: 10, bytes: &mut bytes };
            let look = Look { at_once, in_all: 8 };
            let found = one_by_one(&store, series, span, look, &mut room).await.unwrap();
            assert_eq!(found, None, "{at_once}: more than are looked at");
        }
    }
}
