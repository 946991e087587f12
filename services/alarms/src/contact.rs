//! Loss of contact: a lost parent is one alarm, not one a child.

use millwright_core::access::Actor;
use millwright_core::alarm::{Event, Step, step};
use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::{AlarmOrigin, Suppression};
use millwright_store::{Conn, StoreError, alarms};

/// When contact with a machine is lost, the same alarms of the machines that it connects trouble
/// nobody any more. When it is back they have some time to come back too: the worker sees to them
/// ([`crate::ended`]).
pub(crate) async fn after(
    conn: &mut Conn<'_>,
    parent: &Step,
    now: Timestamp,
) -> Result<(), StoreError> {
    let raised = parent.told.is_some_and(|told| told.action == "alarm.raised");
    if parent.alarm.origin != AlarmOrigin::Contact || !raised {
        return Ok(());
    }
    for child in alarms::active_contact_of_children(&mut *conn, parent.alarm.machine_id).await? {
        // Never illegal: nobody wants it but the platform.
        let Ok(step) = step(&child, Event::Suppressed(Suppression::ParentLost), now) else {
            continue;
        };
        alarms::carry_out(&mut *conn, &child, &step, Actor::Platform, now).await?;
    }
    Ok(())
}
