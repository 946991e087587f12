//! The machine's clock.

use millwright_schemas::Timestamp;

/// The time now, as the machine's clock says.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_chrono(chrono::Utc::now())
}
