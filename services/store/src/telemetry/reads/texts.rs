//! Where texts change, as far as an answer has room for them.

use crate::telemetry::packed::Span;
use crate::{Store, StoreError};

/// Bytes of texts in one answer, of all its signals; beyond it the first changes are given.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Texts that one statement looks at: bounds what the database holds for it.
const LOOKED_AT: i64 = 20_000;
/// Texts of a signal that are looked at; beyond it the first changes are given.
const LOOKED_AT_MAX: i64 = 500_000;

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
    /// Times and texts, oldest first.
    pub(super) found: Vec<(i64, Option<String>)>,
    /// Whether there may be more.
    pub(super) truncated: bool,
}

/// The first changes of a series, at most so many, and of as many bytes as are left.
pub(super) async fn changes(
    store: &Store,
    series: i64,
    span: Span,
    most: usize,
    bytes_left: &mut usize,
) -> Result<Changes, StoreError> {
    look(store, series, span, (most, LOOKED_AT), bytes_left).await
}

/// Looks at so many texts with one statement.
async fn look(
    store: &Store,
    series: i64,
    span: Span,
    (most, at_once): (usize, i64),
    bytes_left: &mut usize,
) -> Result<Changes, StoreError> {
    let pool = store.reader_pool();
    let mut changes = Changes::default();
    let (mut from, mut looked_at) = (span.from, 0);
    loop {
        let cells = [series.into(), from.into(), span.to.into(), at_once.into()];
        let Some(row) = pool.first(NEXT, &cells).await? else { return Ok(changes) };
        let (count, last): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        let Some(last) = last else { return Ok(changes) };
        // The first one may be as the last one before, and one more tells that there are more.
        let limit = i64::try_from(most.saturating_sub(changes.found.len()).saturating_add(2));
        let limit = limit.unwrap_or(i64::MAX);
        let cells = [series.into(), from.into(), (last + 1).into(), limit.into()];
        for row in pool.fetch(CHANGES, &cells).await? {
            let (ts, text): (i64, Option<String>) = (row.get(0)?, row.get(1)?);
            if changes.found.last().is_some_and(|(_, before)| *before == text) {
                continue;
            }
            let bytes = text.as_ref().map_or(0, String::len);
            if changes.found.len() >= most || bytes > *bytes_left {
                changes.truncated = true;
                return Ok(changes);
            }
            *bytes_left -= bytes;
            changes.found.push((ts, text));
        }
        looked_at += count;
        if count < at_once {
            return Ok(changes);
        }
        if looked_at >= LOOKED_AT_MAX {
            changes.truncated = true;
            return Ok(changes);
        }
        from = last + 1;
    }
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
        let found = async |most: usize, at_once: i64, mut bytes: usize| {
            let found = look(&store, series, span, (most, at_once), &mut bytes).await.unwrap();
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
        }
    }
}
