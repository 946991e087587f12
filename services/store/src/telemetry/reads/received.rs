//! A series' values as they were received, packed or not: the one place that reads them for what goes
//! through them in order.

use millwright_schemas::{Quality, SignalKind};

use crate::engine::Row;
use crate::telemetry::packed::{self, Packed, Piece, Point, Span};
use crate::telemetry::snapshot::Snapshot;
use crate::{Store, StoreError};

/// Points of packed days that come at once at most, though fewer were wanted.
pub(super) const PACKED_MAX: usize = 20_000;

/// A series as far as its values are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawSeries {
    pub(crate) id: i64,
    /// `None`: it has had nulls only.
    pub(crate) kind: Option<SignalKind>,
}

/// Which values: times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawRange {
    /// From this time on.
    pub(crate) from: i64,
    /// Before this time.
    pub(crate) to: i64,
    /// Which of them.
    pub(crate) take: Take,
}

/// Which values of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// So many, the oldest first. Of packed days up to `packed` may come, if that is more: a day is
    /// unpacked as a whole.
    First { count: usize, packed: usize },
    /// The newest one.
    Last,
}

/// A value that was received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawValue {
    /// In microseconds.
    pub(crate) ts: i64,
    pub(crate) value: Raw,
    pub(crate) quality: Quality,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    Null,
    Number(f64),
    Boolean(bool),
    Text(String),
}

/// The values of a series in a range, oldest first; each time at most once.
pub(super) async fn values(
    store: &Store,
    series: RawSeries,
    range: RawRange,
) -> Result<Vec<RawValue>, StoreError> {
    if series.kind == Some(SignalKind::Text) {
        return texts(store, series.id, range).await;
    }
    let span = Span { from: range.from, to: range.to };
    let mut snapshot = store.snapshot().await?;
    let points = match range.take {
        Take::First { count, packed } => {
            first(&mut snapshot, series.id, span, (count, packed)).await?
        }
        Take::Last => last(&mut snapshot, series.id, span).await?.into_iter().collect(),
    };
    snapshot.end().await?;
    Ok(points.into_iter().map(|point| value(point, series.kind)).collect())
}

fn value(point: Point, kind: Option<SignalKind>) -> RawValue {
    let value = match (point.value, kind) {
        (None, _) => Raw::Null,
        (Some(value), Some(SignalKind::Boolean)) => Raw::Boolean(value != 0.0),
        (Some(value), _) => Raw::Number(value),
    };
    RawValue { ts: point.ts, value, quality: Quality::from_code(point.quality) }
}

/// The first points of a series after a time, the oldest first, packed or not: at most `count`, or `packed`
/// if they are of packed days and that is more. Fewer than `count`: there are no more.
pub(crate) async fn points_after(
    store: &Store,
    series: i64,
    after: i64,
    (count, packed): (usize, usize),
) -> Result<Vec<Point>, StoreError> {
    let span = Span { from: after.saturating_add(1), to: i64::MAX };
    let mut snapshot = store.snapshot().await?;
    let mut found = first(&mut snapshot, series, span, (count, packed)).await?;
    snapshot.end().await?;
    found.truncate(count.max(packed));
    Ok(found)
}

/// After a time: the time behind which a series has `newest` points, packed or not. `None`: it has no
/// more than that.
pub(crate) async fn start_of_newest(
    store: &Store,
    series: i64,
    after: i64,
    newest: usize,
) -> Result<Option<i64>, StoreError> {
    let span = Span { from: after.saturating_add(1), to: i64::MAX };
    let mut snapshot = store.snapshot().await?;
    let mut parts = Vec::new();
    for piece in packed::pieces(&mut snapshot, series, span).await? {
        match piece {
            Piece::Loose(_) => parts.push(piece),
            // One by one: there are seldom many that must be looked at.
            Piece::Packed(Packed { span, days }) => {
                let alone = |day| Piece::Packed(Packed { span, days: vec![day] });
                parts.extend(days.into_iter().map(alone));
            }
        }
    }
    let mut left = newest;
    for part in parts.into_iter().rev() {
        let times = newest_times(&mut snapshot, series, part, left + 1).await?;
        if let Some(start) = times.get(left) {
            return Ok(Some(*start));
        }
        left -= times.len();
    }
    Ok(None)
}

/// The times of a part's last points, the newest first.
async fn newest_times(
    snapshot: &mut Snapshot,
    series: i64,
    part: Piece,
    count: usize,
) -> Result<Vec<i64>, StoreError> {
    let packed = match part {
        Piece::Packed(packed) => packed,
        Piece::Loose(span) => {
            let sql = "SELECT ts FROM points WHERE series_id = ? AND ts >= ? AND ts < ? \
                       ORDER BY ts DESC LIMIT ?";
            let cells = [series.into(), span.from.into(), span.to.into(), bound(count).into()];
            let rows = snapshot.fetch(sql, &cells).await?;
            return rows.iter().map(|row| row.get(0)).collect();
        }
    };
    let mut times: Vec<i64> = Vec::new();
    let mut walk = packed::each(series, &packed);
    while let Some(points) = walk.next(snapshot).await? {
        times.extend(points.iter().map(|point| point.ts));
        let older = times.len().saturating_sub(count);
        times.drain(..older);
    }
    times.reverse();
    Ok(times)
}

async fn first(
    snapshot: &mut Snapshot,
    series: i64,
    span: Span,
    (count, most_packed): (usize, usize),
) -> Result<Vec<Point>, StoreError> {
    let sql = "SELECT ts, value, quality FROM points \
               WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?";
    let mut found: Vec<Point> = Vec::new();
    for piece in packed::pieces(snapshot, series, span).await? {
        if found.len() >= count {
            break;
        }
        match piece {
            Piece::Loose(span) => {
                let left = bound(count - found.len());
                let cells = [series.into(), span.from.into(), span.to.into(), left.into()];
                for row in snapshot.fetch(sql, &cells).await? {
                    found.push(Point::of(&row)?);
                }
            }
            Piece::Packed(packed) => {
                let most = count.max(most_packed);
                let mut walk = packed::each(series, &packed);
                while found.len() < count
                    && let Some(points) = walk.next(snapshot).await?
                {
                    let left = most - found.len();
                    found.extend(points.into_iter().take(left));
                }
            }
        }
    }
    Ok(found)
}

async fn last(
    snapshot: &mut Snapshot,
    series: i64,
    span: Span,
) -> Result<Option<Point>, StoreError> {
    let sql = "SELECT ts, value, quality FROM points \
               WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts DESC LIMIT 1";
    for piece in packed::pieces(snapshot, series, span).await?.into_iter().rev() {
        match piece {
            Piece::Loose(span) => {
                let cells = [series.into(), span.from.into(), span.to.into()];
                if let Some(row) = snapshot.first(sql, &cells).await? {
                    return Ok(Some(Point::of(&row)?));
                }
            }
            Piece::Packed(Packed { span, days }) => {
                // Day by day: the last one has it, unless it ends before its points begin.
                for day in days.into_iter().rev() {
                    let packed = Packed { span, days: vec![day] };
                    let mut walk = packed::each(series, &packed);
                    let mut newest = None;
                    while let Some(points) = walk.next(snapshot).await? {
                        newest = points.last().copied().or(newest);
                    }
                    if newest.is_some() {
                        return Ok(newest);
                    }
                }
            }
        }
    }
    Ok(None)
}

/// Texts are never packed.
async fn texts(store: &Store, series: i64, range: RawRange) -> Result<Vec<RawValue>, StoreError> {
    let (order, limit) = match range.take {
        Take::First { count, .. } => ("ts", count),
        Take::Last => ("ts DESC", 1),
    };
    let sql = format!(
        "SELECT ts, value, quality FROM points_text WHERE series_id = ? AND ts >= ? AND ts < ? \
         ORDER BY {order} LIMIT ?"
    );
    let cells = [series.into(), range.from.into(), range.to.into(), bound(limit).into()];
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    rows.iter().map(text).collect()
}

fn text(row: &Row) -> Result<RawValue, StoreError> {
    let value = row.get::<Option<String>>(1)?.map_or(Raw::Null, Raw::Text);
    Ok(RawValue { ts: row.get(0)?, value, quality: Quality::from_code(row.get(2)?) })
}

/// As SQL takes it.
fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
