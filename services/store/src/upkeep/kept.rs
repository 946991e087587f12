//! From when on what a machine has said is all there, as it was received.

use std::collections::HashMap;

use millwright_schemas::api::policies::RetentionPolicy;
use millwright_schemas::{MachineId, OrganizationId, Timestamp};

use super::marks;
use super::retention::{before, raw_cut};
use crate::{Store, StoreError, policies};

/// What retention has left of a machine's values and events.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    policy: RetentionPolicy,
    now: Timestamp,
    /// Before this time values of every series may be gone.
    dropped: Option<i64>,
    /// By signal: before this time some of its values may be gone.
    removed: HashMap<String, i64>,
}

impl Kept {
    /// Reads it. The policy is that of now: what it will remove next counts as gone.
    ///
    /// # Errors
    /// When the database can't be used or the policy isn't understood.
    pub async fn read(
        store: &Store,
        organization: OrganizationId,
        machine: MachineId,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let policy = policies::get(store, organization).await?.retention;
        let dropped = marks::get(store, marks::RAW_DROPPED).await?;
        let sql = "SELECT signal, raw_removed_before FROM series \
                   WHERE machine_id = ? AND raw_removed_before IS NOT NULL";
        let rows = store.reader_pool().fetch(sql, &[machine.uuid().into()]).await?;
        let mut removed = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (signal, before): (String, i64) = (row.get(0)?, row.get(1)?);
            removed.insert(signal, before);
        }
        Ok(Self { policy, now, dropped, removed })
    }

    /// From when on all values of a signal are there; `None`: none was ever removed.
    #[must_use]
    pub fn signal(&self, signal: &str) -> Option<Timestamp> {
        let wanted = raw_cut(&self.policy, signal, self.now);
        let removed = self.removed.get(signal).copied();
        wanted.max(self.dropped).max(removed).map(Timestamp::from_micros)
    }

    /// From when on all reported events are there; `None`: none is ever removed.
    #[must_use]
    pub fn events(&self) -> Option<Timestamp> {
        before(self.policy.event_days, self.now).map(Timestamp::from_micros)
    }
}
