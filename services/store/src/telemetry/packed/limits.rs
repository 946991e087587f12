//! Bounds of packed values.

/// Most points of a block: 11 a second for a day. A day that has more stays unpacked.
pub(crate) const POINTS_MAX: usize = 1_000_000;
/// Most bytes of a point before they are compressed: two numbers of variable length for its time and
/// quality, its value, its bit among the nulls, rounded up. What claims to unpack to more is refused.
pub(crate) const POINT_BYTES_MAX: usize = 32;
/// Bytes of a block before they are compressed, beside its points.
pub(crate) const HEAD_BYTES_MAX: usize = 32;
/// How hard it is compressed: a day of a value each second takes some milliseconds.
pub(crate) const COMPRESSION_LEVEL: i32 = 6;
/// Points whose blocks are read in one go, unless one block has more alone: bounds a reader's memory.
pub(crate) const READ_POINTS: i64 = 100_000;
/// Rows beside a block that are read in one go: there may be more when a machine sends old days late.
pub(crate) const READ_ROWS: usize = 10_000;
