//! Blocks as they are stored, and which parts of a range they cover.

use std::collections::BTreeSet;

use millwright_schemas::Timestamp;

use super::limits::READ_POINTS;
use super::{Point, Span, codec};
use crate::StoreError;
use crate::engine::Row;
use crate::telemetry::layout::DAY_US;
use crate::telemetry::snapshot::Snapshot;

/// A block without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Days since 1970.
    pub(crate) day: i64,
    /// Points.
    pub(crate) count: i64,
    /// Those of them that aren't null.
    pub(crate) filled: i64,
    /// Time of the first one.
    pub(crate) first: i64,
    /// Time of the last one.
    pub(crate) last: i64,
}

impl Block {
    /// From columns `day, count, filled, first_ts, last_ts`.
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            day: row.get(0)?,
            count: row.get(1)?,
            filled: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
        })
    }

    /// Whether all of its points are in this span.
    pub(crate) const fn within(&self, span: Span) -> bool {
        self.first >= span.from && self.last < span.to
    }

    /// The day.
    pub(crate) const fn span(&self) -> Span {
        let from = self.day.saturating_mul(DAY_US);
        Span { from, to: from.saturating_add(DAY_US) }
    }
}

/// A packed day that a range reaches into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// Its block.
    pub(crate) block: Block,
    /// Whether something lies beside it.
    pub(crate) loose: bool,
}

/// Packed days one after the other, and the part of the range that they cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    /// What of them is in the range.
    pub(crate) span: Span,
    /// The days, the oldest first.
    pub(crate) days: Vec<Day>,
}

/// A part of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// All there is lies in `points`.
    Loose(Span),
    /// In blocks, maybe with something beside them.
    Packed(Packed),
}

/// Cuts a range of a series into parts that lie alike, the oldest first.
pub(crate) async fn pieces(
    snapshot: &mut Snapshot,
    series: i64,
    span: Span,
) -> Result<Vec<Piece>, StoreError> {
    if span.from >= span.to {
        return Ok(Vec::new());
    }
    let sql = "SELECT day, count, filled, first_ts, last_ts FROM packed_points \
               WHERE series_id = ? AND day >= ? AND day <= ? AND first_ts < ? AND last_ts >= ? \
               ORDER BY day";
    let (first, last) = (span.from.div_euclid(DAY_US), (span.to - 1).div_euclid(DAY_US));
    let cells = [series.into(), first.into(), last.into(), span.to.into(), span.from.into()];
    let rows = snapshot.fetch(sql, &cells).await?;
    let blocks: Vec<Block> = rows.iter().map(Block::of).collect::<Result<_, _>>()?;
    let mut pieces = cut(&blocks, span);
    for piece in &mut pieces {
        let Piece::Packed(packed) = piece else { continue };
        let beside = days_with_loose(snapshot, series, packed.span).await?;
        for day in &mut packed.days {
            day.loose = beside.contains(&day.block.day);
        }
    }
    Ok(pieces)
}

fn cut(blocks: &[Block], span: Span) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = span.from;
    for block in blocks {
        let Span { from, to } = block.span();
        let (from, to) = (from.max(span.from), to.min(span.to));
        let day = Day { block: *block, loose: false };
        match pieces.last_mut() {
            Some(Piece::Packed(packed)) if at == from => {
                packed.span.to = to;
                packed.days.push(day);
            }
            _ => {
                if at < from {
                    pieces.push(Piece::Loose(Span { from: at, to: from }));
                }
                pieces.push(Piece::Packed(Packed { span: Span { from, to }, days: vec![day] }));
            }
        }
        at = to;
    }
    if at < span.to {
        pieces.push(Piece::Loose(Span { from: at, to: span.to }));
    }
    pieces
}

/// Days in which something lies in `points`.
async fn days_with_loose(
    snapshot: &mut Snapshot,
    series: i64,
    span: Span,
) -> Result<BTreeSet<i64>, StoreError> {
    // Division rounds towards zero in both databases: first down to the start of the day.
    let sql = "SELECT DISTINCT (ts - ((ts % ?4) + ?4) % ?4) / ?4 FROM points \
               WHERE series_id = ?1 AND ts >= ?2 AND ts < ?3";
    let cells = [series.into(), span.from.into(), span.to.into(), DAY_US.into()];
    let rows = snapshot.fetch(sql, &cells).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The blocks of these days unpacked, as many of them as are read in one go: at least one, unless there
/// are no days.
pub(crate) async fn load(
    snapshot: &mut Snapshot,
    series: i64,
    days: &[Day],
) -> Result<Vec<(Day, Vec<Point>)>, StoreError> {
    let mut counted = 0;
    let fits = |day: &&Day| {
        counted += day.block.count;
        counted <= READ_POINTS || counted == day.block.count
    };
    let days: Vec<Day> = days.iter().take_while(fits).copied().collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
    let sql = "SELECT data FROM packed_points WHERE series_id = ? AND day >= ? AND day <= ? \
               ORDER BY day";
    let cells = [series.into(), first.block.day.into(), last.block.day.into()];
    let rows = snapshot.fetch(sql, &cells).await?;
    if rows.len() != days.len() {
        let reason = format!("{} blocks of series {series} are not where they were", days.len());
        return Err(StoreError::corrupt("packed_points", reason));
    }
    let mut blocks = Vec::with_capacity(days.len());
    for (day, row) in days.into_iter().zip(&rows) {
        blocks.push((day.block, row.get::<Vec<u8>>(0)?, day));
    }
    // Unpacking takes milliseconds: not on the threads that wait for others.
    let unpacked = tokio::task::spawn_blocking(move || {
        blocks
            .into_iter()
            .map(|(block, data, day)| unpack(series, block, &data).map(|points| (day, points)))
            .collect::<Result<Vec<_>, StoreError>>()
    });
    unpacked.await.map_err(|error| StoreError::corrupt("packed_points", error))?
}

/// Unpacks a block.
///
/// # Errors
/// [`StoreError::Corrupt`], naming series and day, when it isn't what it was.
pub(crate) fn unpack(series: i64, block: Block, data: &[u8]) -> Result<Vec<Point>, StoreError> {
    let wrong = |reason: String| {
        let date = Timestamp::from_micros(block.span().from);
        let reason = format!("block of series {series}, day {} ({date}): {reason}", block.day);
        StoreError::corrupt("packed_points", reason)
    };
    let count = usize::try_from(block.count).unwrap_or(0);
    let points = codec::decode(block.day, count, data).map_err(|error| wrong(error.to_string()))?;
    let ends = (points.first().map(|point| point.ts), points.last().map(|point| point.ts));
    if ends == (Some(block.first), Some(block.last)) {
        Ok(points)
    } else {
        Err(wrong("its first and last time are not those of its row".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(day: i64) -> Block {
        let from = day * DAY_US;
        Block { day, count: 2, filled: 2, first: from, last: from + 5 }
    }

    fn packed(from: i64, to: i64, days: std::ops::Range<i64>) -> Piece {
        let days = days.map(|day| Day { block: block(day), loose: false }).collect();
        Piece::Packed(Packed { span: Span { from, to }, days })
    }

    #[test]
    fn a_range_is_cut_where_blocks_begin_and_end() {
        const D: i64 = DAY_US;
        let loose = |from, to| Piece::Loose(Span { from, to });
        let whole = Span { from: 0, to: 10 * D };
        assert_eq!(cut(&[], whole), [loose(0, 10 * D)]);
        let blocks = [2, 3, 4, 7].map(block);
        let expected = [
            loose(0, 2 * D),
            packed(2 * D, 5 * D, 2..5),
            loose(5 * D, 7 * D),
            packed(7 * D, 8 * D, 7..8),
            loose(8 * D, 10 * D),
        ];
        assert_eq!(cut(&blocks, whole), expected);
        // Beginning and ending within a day.
        let part = Span { from: 2 * D + 3, to: 7 * D + 1 };
        let expected =
            [packed(2 * D + 3, 5 * D, 2..5), loose(5 * D, 7 * D), packed(7 * D, 7 * D + 1, 7..8)];
        assert_eq!(cut(&blocks, part), expected);
        assert_eq!(cut(&[block(-1)], Span { from: -5, to: 0 }), [packed(-5, 0, -1..0)]);
    }

    #[test]
    fn a_damaged_block_is_named() {
        let error = unpack(7, block(20_414), b"\x01nonsense").map_err(|error| error.to_string());
        let told = error.err().unwrap_or_default();
        assert!(told.contains("series 7, day 20414 (2025-11-22T"), "{told}");
    }
}
