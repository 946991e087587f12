//! Named bounds of rules; beyond them a request is refused with the field at fault.

/// Longest name, in characters.
pub const NAME_MAX: usize = 200;
/// Longest model, in characters.
pub const MODEL_MAX: usize = 100;
/// Longest message of a rule's alarms, in characters.
pub const MESSAGE_MAX: usize = 500;
/// Rules that one organization can have, those of organizations below it not counted.
pub const RULES_MAX: u64 = 1_000;
/// The time over which a rule's precision is taken when nobody says, in days.
pub const PRECISION_DAYS_DEFAULT: i64 = 90;
/// Versions of a rule whose precision is told, the newest ones; all are counted.
pub const PRECISION_VERSIONS_MAX: usize = 20;
