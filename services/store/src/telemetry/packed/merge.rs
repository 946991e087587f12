//! Blocks together with what lies beside them.

use super::limits::READ_ROWS;
use super::{Packed, Point, Span, load};
use crate::StoreError;
use crate::engine::Row;
use crate::telemetry::snapshot::Snapshot;

/// Points of a packed part of a range, the oldest first, each time once: some of them, and the next
/// ones when it is asked again.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    series: i64,
    packed: &'a Packed,
    /// Days that have been read.
    done: usize,
    /// The last of them, if only a part of it was handed out.
    open: Option<Open>,
}

/// A day with something beside its block.
#[derive(Debug)]
struct Open {
    /// What of its block is in the range.
    block: Vec<Point>,
    /// How many of these were handed out.
    done: usize,
    /// What is still to be read beside it.
    rest: Span,
}

/// Walks over the points of a packed part of a range.
pub(crate) const fn each(series: i64, packed: &Packed) -> Walk<'_> {
    Walk { series, packed, done: 0, open: None }
}

impl Walk<'_> {
    /// The next points; `None` at the end. Of as many days as are read in one go, or of one with
    /// something beside its block: however much that is, so much of it at a time.
    pub(crate) async fn next(
        &mut self,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Vec<Point>>, StoreError> {
        if let Some(open) = self.open.take() {
            return self.part(snapshot, open).await.map(Some);
        }
        let rest = self.packed.days.get(self.done..).unwrap_or_default();
        let together = rest.iter().position(|day| day.loose).unwrap_or(rest.len()).max(1);
        let days = rest.get(..together).unwrap_or_default();
        let loaded = load(snapshot, self.series, days).await?;
        if loaded.is_empty() {
            return Ok(None);
        }
        self.done += loaded.len();
        let mut found = Vec::new();
        for (day, block) in loaded {
            let Span { from, to } = day.block.span();
            let span =
                Span { from: from.max(self.packed.span.from), to: to.min(self.packed.span.to) };
            let within = |point: &Point| (span.from..span.to).contains(&point.ts);
            let block = block.into_iter().filter(within);
            if day.loose {
                // It is alone.
                let open = Open { block: block.collect(), done: 0, rest: span };
                return self.part(snapshot, open).await.map(Some);
            }
            found.extend(block);
        }
        Ok(Some(found))
    }

    /// The next points of a day with something beside its block.
    async fn part(
        &mut self,
        snapshot: &mut Snapshot,
        mut open: Open,
    ) -> Result<Vec<Point>, StoreError> {
        let loose = loose(snapshot, self.series, open.rest, 0).await?;
        let block = open.block.get(open.done..).unwrap_or_default();
        let more = loose.last().filter(|_| loose.len() >= READ_ROWS).map(|last| last.ts);
        let Some(last) = more else { return Ok(merged(block, &loose)) };
        let now = block.partition_point(|point| point.ts <= last);
        let found = merged(block.get(..now).unwrap_or_default(), &loose);
        open.done += now;
        open.rest.from = last + 1;
        self.open = Some(open);
        Ok(found)
    }
}

/// What lies in `points` within a span, the oldest first. Stops when it has found more than `enough`.
pub(crate) async fn loose(
    snapshot: &mut Snapshot,
    series: i64,
    span: Span,
    enough: usize,
) -> Result<Vec<Point>, StoreError> {
    let sql = "SELECT ts, value, quality FROM points \
               WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?";
    let mut found: Vec<Point> = Vec::new();
    let mut from = span.from;
    loop {
        // Piece by piece: a row of the database takes many times what a point does.
        let limit = i64::try_from(READ_ROWS).unwrap_or(i64::MAX);
        let cells = [series.into(), from.into(), span.to.into(), limit.into()];
        let rows = snapshot.fetch(sql, &cells).await?;
        for row in &rows {
            found.push(Point::of(row)?);
        }
        match found.last() {
            Some(last) if rows.len() == READ_ROWS && found.len() <= enough => from = last.ts + 1,
            _ => return Ok(found),
        }
    }
}

impl Point {
    /// From columns `ts, value, quality`.
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { ts: row.get(0)?, value: row.get(1)?, quality: row.get(2)? })
    }
}

/// A block and what lies beside it, in the order of time; of two points of one time the block's.
pub(crate) fn merged(block: &[Point], loose: &[Point]) -> Vec<Point> {
    let mut all = Vec::with_capacity(block.len() + loose.len());
    let mut rest = loose.iter().peekable();
    for point in block {
        while let Some(earlier) = rest.next_if(|beside| beside.ts < point.ts) {
            all.push(*earlier);
        }
        let _ = rest.next_if(|beside| beside.ts == point.ts);
        all.push(*point);
    }
    all.extend(rest);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn points(rows: &BTreeMap<i64, i32>) -> Vec<Point> {
        let point = |(ts, value): (&i64, &i32)| Point {
            ts: *ts,
            value: Some(f64::from(*value)),
            quality: 0,
        };
        rows.iter().map(point).collect()
    }

    proptest! {
        #[test]
        fn of_two_points_of_one_time_the_blocks_counts(
            block in prop::collection::btree_map(0..50_i64, 0..9_i32, 0..20),
            loose in prop::collection::btree_map(0..50_i64, 10..19_i32, 0..20),
        ) {
            let mut expected = loose.clone();
            expected.extend(block.clone());
            prop_assert_eq!(merged(&points(&block), &points(&loose)), points(&expected));
        }
    }
}
