//! Evidence is completed when the time after the alarm has passed.

use millwright_schemas::{AlarmId, OrganizationId, TicketId, Timestamp};
use millwright_store::jobs::{self, NewJob};
use millwright_store::tickets::evidence;
use millwright_store::work::Work;
use millwright_store::{Scope, Store, StoreError, Tx, alarms};
use serde::{Deserialize, Serialize};

use crate::evidence::take;
use crate::limits::AFTER_S;

/// How long samples may take from the machine to the platform until evidence is completed, in
/// seconds.
const SETTLE_S: i64 = 10;

/// Evidence of a ticket is to be taken again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EvidenceDue {
    pub(crate) ticket: TicketId,
    pub(crate) alarm: AlarmId,
}

impl Work for EvidenceDue {
    const KIND: &'static str = "ticket.evidence";

    fn ordering_key(&self) -> String {
        format!("evidence:{}", self.alarm)
    }
}

/// Leaves it for when the time after the alarm has passed.
pub(crate) async fn later(
    tx: &Tx,
    organization: OrganizationId,
    due: &EvidenceDue,
    now: Timestamp,
) -> Result<(), StoreError> {
    leave(tx, organization, due, (now, now.plus_seconds(AFTER_S + SETTLE_S))).await
}

/// Leaves it for as soon as possible: what is known now, outside of this transaction.
pub(crate) async fn soon(
    tx: &Tx,
    organization: OrganizationId,
    due: &EvidenceDue,
    now: Timestamp,
) -> Result<(), StoreError> {
    leave(tx, organization, due, (now, now)).await
}

async fn leave(
    tx: &Tx,
    organization: OrganizationId,
    due: &EvidenceDue,
    (created_at, run_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let payload = serde_json::to_value(due).map_err(|error| StoreError::corrupt("jobs", error))?;
    let job = NewJob {
        organization: Some(organization),
        kind: EvidenceDue::KIND,
        ordering_key: due.ordering_key(),
        payload,
        run_at,
        created_at,
    };
    jobs::enqueue(tx, job).await.map(drop)
}

pub(crate) async fn complete(
    store: &Store,
    due: &EvidenceDue,
    now: Timestamp,
) -> Result<(), StoreError> {
    let alarm = match alarms::get(store, Scope::Platform, due.alarm).await {
        Err(StoreError::NotFound(_)) => return Ok(()),
        alarm => alarm?,
    };
    let mut taken = take(store, &alarm, now).await?;
    // It may have gone over to another ticket meanwhile.
    let ticket = alarm.ticket_id.unwrap_or(due.ticket);
    // What was active then stays as it was copied then.
    let before = evidence::list(store, Scope::Platform, ticket).await?;
    if let Some(before) = before.into_iter().find(|one| one.alarm_id == due.alarm) {
        taken.active_alarms = before.active_alarms;
        taken.versions = before.versions;
    }
    let tx = store.begin().await?;
    evidence::put(&tx, alarm.organization_id, ticket, &taken).await?;
    tx.commit().await
}
