//! Bounds of what is looked at for one answer.

/// Bytes of texts in one answer, of all its signals; beyond it the first changes are given.
pub(super) const TEXT_BYTES: usize = 8 * 1024 * 1024;
/// Texts that one statement looks at: bounds what the database holds for it.
pub(super) const TEXTS_AT_ONCE: i64 = 20_000;
/// Texts of a signal that are looked at one by one: a day of one each second. Of more, the ends of
/// stretches of time are.
pub(super) const LOOKED_AT_TEXTS: i64 = 100_000;
/// Stretches of time whose texts are read with one statement.
pub(super) const STRETCHES_AT_ONCE: i64 = 200;
/// Most values that are looked at for changes of a boolean. Of more, its minutes are.
pub(super) const LOOKED_AT_VALUES: usize = 500_000;
