//! Bounds of what learned detectors remember.

/// Samples of a signal that are remembered. What is older is known by its statistics only.
pub const WINDOW: usize = 48;

/// Shapes of a signal that are remembered. The one that wasn't seen for the longest time is
/// forgotten for a new one.
pub const SHAPES: usize = 16;

/// Numbers in a shape.
pub const SHAPE_POINTS: usize = 12;

/// Signals that one multivariate detector takes. More are refused.
pub const SIGNALS_MAX: usize = 64;

/// The longest commissioning phase, in rows. More is refused.
pub const TRAIN_ROWS_MAX: usize = 10_000_000;

/// The shortest commissioning phase, in rows. Less is refused.
pub const TRAIN_ROWS_MIN: usize = 50;

/// Rows of a table that a detector is run over as a whole. More are refused.
pub const TABLE_ROWS_MAX: usize = 10_000_000;
