//! Bounds of what is looked at for one answer.

/// Most texts that are looked at for changes: a day of one each second. Of more, stretches of time are.
pub(super) const LOOKED_AT_TEXTS: i64 = 100_000;
/// Most values that are looked at for changes of a boolean. Of more, its minutes are.
pub(super) const LOOKED_AT_VALUES: usize = 500_000;
