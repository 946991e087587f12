//! Blocks as bytes, for those who try the codec from outside of this crate: fuzz targets.

use super::{Point, codec};

/// A point: time in microseconds, value, code of its quality.
pub type Row = (i64, Option<f64>, i64);

/// The points of a block that is said to have so many of this day (since 1970).
///
/// # Errors
/// Why it isn't understood.
pub fn decode(day: i64, count: usize, block: &[u8]) -> Result<Vec<Row>, String> {
    let points = codec::decode(day, count, block).map_err(|error| error.to_string())?;
    Ok(points.iter().map(|point| (point.ts, point.value, point.quality)).collect())
}

/// A block of these points.
///
/// # Errors
/// Why they can't be packed.
pub fn encode(day: i64, rows: &[Row]) -> Result<Vec<u8>, String> {
    let point = |&(ts, value, quality): &Row| Point { ts, value, quality };
    let points: Vec<Point> = rows.iter().map(point).collect();
    codec::encode(day, &points).map_err(|error| error.to_string())
}

/// This content in a block, as if it had been packed: what is behind the compression and its checksum
/// would else never be reached.
///
/// # Errors
/// Why it can't be compressed.
pub fn block_of(content: &[u8]) -> Result<Vec<u8>, String> {
    codec::block_of(content).map_err(|error| error.to_string())
}
