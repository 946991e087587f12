//! Values as received, packed or not.

use std::collections::BTreeMap;

use super::rolled::Sums;
use crate::engine::Cell;
use crate::telemetry::packed::{self, Piece, Span};
use crate::{Store, StoreError};

/// Where the value differs from the one before.
const CHANGES: &str = "SELECT ts, value FROM (SELECT ts, value, row_number() OVER w AS place, \
    lag(value) OVER w AS before FROM (SELECT ts, value FROM points \
    WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?) AS looked_at \
    WINDOW w AS (ORDER BY ts)) AS all_values \
    WHERE place = 1 OR value <> before OR (value IS NULL) <> (before IS NULL) \
    ORDER BY ts LIMIT ?";

/// How many of them were looked at.
const LOOKED_AT: &str = "SELECT count(*) FROM (SELECT ts FROM points \
    WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?) AS looked_at";

/// A time and what was then.
pub(super) type At = (i64, Option<f64>);

/// The first points of a span, at most so many, the oldest first.
pub(super) async fn first(
    store: &Store,
    series: i64,
    span: Span,
    limit: usize,
) -> Result<Vec<At>, StoreError> {
    let mut snapshot = store.snapshot().await?;
    let mut found: Vec<At> = Vec::new();
    for piece in packed::pieces(&mut snapshot, series, span).await? {
        let left = limit.saturating_sub(found.len());
        if left == 0 {
            break;
        }
        match piece {
            Piece::Loose(span) => {
                let sql = "SELECT ts, value FROM points WHERE series_id = ? AND ts >= ? AND ts < ? \
                           ORDER BY ts LIMIT ?";
                let cells = [series.into(), span.from.into(), span.to.into(), bound(left).into()];
                for row in snapshot.fetch(sql, &cells).await? {
                    found.push((row.get(0)?, row.get(1)?));
                }
            }
            Piece::Packed(packed) => {
                let mut walk = packed::each(series, &packed);
                while found.len() < limit
                    && let Some(points) = walk.next(&mut snapshot).await?
                {
                    let left = limit - found.len();
                    found.extend(points.iter().take(left).map(|point| (point.ts, point.value)));
                }
            }
        }
    }
    snapshot.end().await?;
    Ok(found)
}

/// What is in a span, summed up in buckets of this width by their numbers since 1970.
pub(super) async fn sums(
    store: &Store,
    series: i64,
    span: Span,
    width: i64,
) -> Result<BTreeMap<i64, Sums>, StoreError> {
    let sql = "SELECT ts / ?4 AS place, count(value), sum(value), min(value), max(value) \
               FROM points WHERE series_id = ?1 AND ts >= ?2 AND ts < ?3 GROUP BY place";
    let mut snapshot = store.snapshot().await?;
    let mut buckets: BTreeMap<i64, Sums> = BTreeMap::new();
    for piece in packed::pieces(&mut snapshot, series, span).await? {
        match piece {
            Piece::Loose(span) => {
                let cells = [series.into(), span.from.into(), span.to.into(), width.into()];
                for row in snapshot.fetch(sql, &cells).await? {
                    buckets.entry(row.get(0)?).or_default().add(Sums::of(&row)?);
                }
            }
            Piece::Packed(packed) => {
                let mut walk = packed::each(series, &packed);
                while let Some(points) = walk.next(&mut snapshot).await? {
                    for point in points {
                        buckets.entry(point.ts / width).or_default().put(point.value);
                    }
                }
            }
        }
    }
    snapshot.end().await?;
    Ok(buckets)
}

/// How many values there are in a span; nulls don't count.
pub(super) async fn count(store: &Store, series: i64, span: Span) -> Result<i64, StoreError> {
    let mut snapshot = store.snapshot().await?;
    let mut count = 0;
    for piece in packed::pieces(&mut snapshot, series, span).await? {
        match piece {
            Piece::Loose(span) => {
                let sql = "SELECT count(value) FROM points \
                           WHERE series_id = ? AND ts >= ? AND ts < ?";
                let cells = [series.into(), span.from.into(), span.to.into()];
                let row = snapshot.first(sql, &cells).await?;
                count += row.map_or(Ok(0), |row| row.get::<i64>(0))?;
            }
            Piece::Packed(mut packed) => {
                let span = packed.span;
                // Of most days their rows say enough.
                packed.days.retain(|day| {
                    let told = !day.loose && day.block.within(span);
                    count += if told { day.block.filled } else { 0 };
                    !told
                });
                // One by one: there may be others between them.
                for day in std::mem::take(&mut packed.days) {
                    let packed = packed::Packed { span, days: vec![day] };
                    let mut walk = packed::each(series, &packed);
                    while let Some(points) = walk.next(&mut snapshot).await? {
                        let filled = points.iter().filter(|point| point.value.is_some()).count();
                        count += bound(filled);
                    }
                }
            }
        }
    }
    snapshot.end().await?;
    Ok(count)
}

/// How much is taken of what is looked through for changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    /// So many changes.
    pub(super) changes: usize,
    /// So many values.
    pub(super) looked_at: usize,
}

/// Where values differ from those before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changes {
    /// The first ones.
    pub(super) found: Vec<At>,
    /// Whether all values were looked at, or as many changes were found as are taken.
    pub(super) whole: bool,
}

/// Where the value differs from the one before.
pub(super) async fn changes(
    store: &Store,
    series: i64,
    span: Span,
    most: Most,
) -> Result<Changes, StoreError> {
    let mut snapshot = store.snapshot().await?;
    let mut changes: Vec<At> = Vec::new();
    let (mut looked_at, mut whole) = (0, true);
    for piece in packed::pieces(&mut snapshot, series, span).await? {
        match piece {
            Piece::Loose(span) => {
                let left = most.looked_at.saturating_sub(looked_at);
                let [of, from, to] = [series, span.from, span.to].map(Cell::from);
                let cells = [of, from, to, bound(left).into(), bound(most.changes).into()];
                for row in snapshot.fetch(CHANGES, &cells).await? {
                    put(&mut changes, (row.get(0)?, row.get(1)?));
                }
                if changes.len() < most.changes {
                    let one_more = bound(left.saturating_add(1));
                    let row = snapshot.first(LOOKED_AT, &[of, from, to, one_more.into()]).await?;
                    let seen = row.map_or(Ok(0), |row| row.get::<i64>(0))?;
                    let seen = usize::try_from(seen).unwrap_or(usize::MAX);
                    whole = seen <= left;
                    looked_at = looked_at.saturating_add(seen);
                }
            }
            Piece::Packed(packed) => {
                let mut walk = packed::each(series, &packed);
                while changes.len() < most.changes
                    && let Some(points) = walk.next(&mut snapshot).await?
                {
                    if looked_at >= most.looked_at {
                        whole = false;
                        break;
                    }
                    looked_at += points.len();
                    for point in points {
                        put(&mut changes, (point.ts, point.value));
                    }
                }
            }
        }
        if changes.len() >= most.changes || !whole {
            break;
        }
    }
    snapshot.end().await?;
    changes.truncate(most.changes);
    Ok(Changes { found: changes, whole })
}

fn put(changes: &mut Vec<At>, (ts, value): At) {
    if changes.last().is_none_or(|(_, last)| *last != value) {
        changes.push((ts, value));
    }
}

/// As SQL takes it.
fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
