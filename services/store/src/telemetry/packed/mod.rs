//! Old numbers and booleans, compressed: all of a series' points of a day (UTC) in one row.
//!
//! Points only ever go from `points` into a block, or out of both for good; those of a large day are in
//! both for a while. What comes late for a packed day lies in `points` beside the block until the next
//! run of [`crate::upkeep::packing`]; of two points of one time the block's counts, as the first one does
//! everywhere. Series without a kind aren't packed, so that a kind that is fixed finds all their nulls in
//! `points`.
//!
//! Who reads both looks at one state of the database ([`super::snapshot`]).

mod blocks;
pub(crate) mod codec;
pub(crate) mod limits;
mod merge;
pub mod outside;

use blocks::load;
pub(crate) use blocks::{Block, Packed, Piece, pieces, unpack};
pub(crate) use merge::{each, loose, merged};

/// A number, a boolean (0, 1) or null of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Device time, in microseconds.
    pub(crate) ts: i64,
    /// The value.
    pub(crate) value: Option<f64>,
    /// Code of its quality.
    pub(crate) quality: i64,
}

/// A span of time, in microseconds: from its start up to before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it starts.
    pub(crate) from: i64,
    /// Where it ends.
    pub(crate) to: i64,
}
