//! Whether ingest can store what arrives.

use std::sync::{Arc, Mutex, PoisonError};

use millwright_schemas::Timestamp;

/// Ingest can't commit; what machines send waits with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// Since when.
    pub since: Timestamp,
    /// Why, as the database says.
    pub reason: String,
}

/// Tells whether ingest is stalled. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Option<Stall>>>);

impl Health {
    /// `None` while all is well.
    #[must_use]
    pub fn stall(&self) -> Option<Stall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_stalled(&self, now: Timestamp, reason: String) {
        let mut stall = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = stall.as_ref().map_or(now, |stall| stall.since);
        *stall = Some(Stall { since, reason });
    }

    pub(crate) fn set_well(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
