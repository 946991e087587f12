//! Clearing what has lost its reason: the alarms of a rule that is gone, of a machine out of use.

use millwright_core::access::Actor;
use millwright_core::alarm::{Event, step};
use millwright_schemas::api::alarms::{Alarm, ClearReason};
use millwright_schemas::{MachineId, RuleId, Timestamp};

use super::{active_of_machine, active_of_rule, carry_out};
use crate::{Conn, StoreError};

/// Clears all active alarms of a rule, at all machines, in the transaction that ends it. Returns
/// how many.
///
/// # Errors
/// When the database refuses it.
pub async fn clear_rule(
    conn: impl Into<Conn<'_>>,
    rule: RuleId,
    reason: ClearReason,
    actor: Actor,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut conn = conn.into();
    let active = active_of_rule(&mut conn, rule).await?;
    clear(&mut conn, &active, reason, actor, now).await
}

/// Clears all active alarms of a machine, in the transaction that takes it out of use. Returns how
/// many.
///
/// # Errors
/// When the database refuses it.
pub async fn clear_machine(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    reason: ClearReason,
    actor: Actor,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut conn = conn.into();
    let active = active_of_machine(&mut conn, machine).await?;
    clear(&mut conn, &active, reason, actor, now).await
}

async fn clear(
    conn: &mut Conn<'_>,
    active: &[Alarm],
    reason: ClearReason,
    actor: Actor,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut cleared = 0;
    for alarm in active {
        // Never illegal: it is active.
        if let Ok(step) = step(alarm, Event::Cleared { reason, at: now }, now) {
            carry_out(&mut *conn, alarm, &step, actor, now).await?;
            cleared += 1;
        }
    }
    Ok(cleared)
}
