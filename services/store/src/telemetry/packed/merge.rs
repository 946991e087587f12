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
}

/// Walks over the points of a packed part of a range.
pub(crate) const fn each(series: i64, packed: &Packed) -> Walk<'_> {
    Walk { series, packed, done: 0 }
}

impl Walk<'_> {
    /// The points of the next days; `None` at the end. As many days as are read in one go, or one with
    /// all that lies beside it.
    pub(crate) async fn next(
        &mut self,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Vec<Point>>, StoreError> {
        let rest = self.packed.days.get(self.done..).unwrap_or_default();
        let loaded = load(snapshot, self.series, rest).await?;
        if loaded.is_empty() {
            return Ok(None);
        }
        self.done += loaded.len();
        let mut found = Vec::new();
        for (day, block) in loaded {
            let Span { from, to } = day.block.span();
            let span =
                Span { from: from.max(self.packed.span.from), to: to.min(self.packed.span.to) };
            let within = |point: &&Point| (span.from..span.to).contains(&point.ts);
            let block: Vec<Point> = block.iter().filter(within).copied().collect();
            if day.loose {
                let loose = loose(snapshot, self.series, span, usize::MAX).await?;
                found.append(&mut merged(&block, &loose));
            } else {
                found.extend(block);
            }
        }
        Ok(Some(found))
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
