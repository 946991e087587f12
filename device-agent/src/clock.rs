//! The machine's clock.

use millwright_schemas::Timestamp;

use crate::limits::CLOCK_STEP_US;

/// The time now, as the machine's clock says.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_chrono(chrono::Utc::now())
}

/// Whether `now` lies so far before `last` that the clock was set back between them: what was
/// dated before is then no measure for what comes.
#[must_use]
pub const fn is_set_back(last: Timestamp, now: Timestamp) -> bool {
    last.micros_since(now) > CLOCK_STEP_US
}
