//! Maintenance mode of a machine: its alarms are kept, but open no tickets and notify nobody, and
//! rules that learn look away.

use millwright_core::access::{Actor, Caller, Permission};
use millwright_core::alarm::{Event, step};
use millwright_core::audit::Subject;
use millwright_core::fields::Fields;
use millwright_core::machine::OutOfUse;
use millwright_schemas::api::alarms::{Alarm, Maintenance, StartMaintenance, Suppression};
use millwright_schemas::api::machines::{Machine, MachineState};
use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::maintenance::{self as rows, Window};
use millwright_store::machines::{fleet, learning};
use millwright_store::{Conn, Scope, Store, StoreError, Tx, alarms};
use serde_json::{Map, Value};

use crate::AlarmError;
use crate::limits::{MAINTENANCE_FOR_S, REASON_MAX};

/// The maintenance mode of a machine that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    now: Timestamp,
) -> Result<Maintenance, AlarmError> {
    caller.require(Permission::ReadMachines)?;
    Ok(rows::get(store, Scope::Organization(caller.organization), machine, now).await?)
}

/// Switches maintenance mode on, or gives it another end and reason. The machine's active alarms
/// are suppressed in the same transaction.
///
/// # Errors
/// Not permitted, not found, decommissioned, a field can't be accepted, or the database can't.
pub async fn start(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    input: StartMaintenance,
    now: Timestamp,
) -> Result<Maintenance, AlarmError> {
    caller.require(Permission::MaintainMachines)?;
    let mut fields = Fields::default();
    fields.range("for_s", input.for_s, &MAINTENANCE_FOR_S);
    fields.text("reason", &input.reason, REASON_MAX);
    fields.finish()?;
    let tx = store.begin().await?;
    let before = fleet::load(&tx, Scope::Organization(caller.organization), machine).await?;
    if before.state == MachineState::Decommissioned {
        return Err(OutOfUse.into());
    }
    let window = Window {
        since: rows::since(&tx, machine, now).await?.unwrap_or(now),
        until: now.plus_seconds(input.for_s),
        reason: input.reason,
        by: caller.actor,
    };
    rows::set(&tx, machine, Some(&window), now).await?;
    suppress(&tx, machine, caller.actor, now).await?;
    let mut details = Map::new();
    details.insert("until".to_owned(), window.until.to_string().into());
    details.insert("reason".to_owned(), window.reason.clone().into());
    record(&tx, &before, caller.actor, "machine.maintenance_started", details, now).await?;
    tx.commit().await?;
    Ok(Maintenance {
        active: true,
        since: Some(window.since),
        until: Some(window.until),
        reason: Some(window.reason),
        by: Some(caller.actor.into()),
    })
}

/// Switches maintenance mode off. Alarms that are still active get their tickets now. When it is
/// off already nothing changes.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn end(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    now: Timestamp,
) -> Result<(), AlarmError> {
    caller.require(Permission::MaintainMachines)?;
    let tx = store.begin().await?;
    let before = fleet::load(&tx, Scope::Organization(caller.organization), machine).await?;
    if before.maintenance_until.is_some() {
        finish(&tx, &before, caller.actor, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Ends maintenance, whoever or whatever ends it. What is normal is learned anew: the machine may be
/// another one now.
pub(crate) async fn finish(
    tx: &Tx,
    machine: &Machine,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    rows::set(tx, machine.id, None, now).await?;
    learning::begin_anew(tx, machine.id, now).await?;
    release(tx, machine.id, actor, now).await?;
    record(tx, machine, actor, "machine.maintenance_ended", Map::new(), now).await
}

async fn record(
    tx: &Tx,
    machine: &Machine,
    actor: Actor,
    action: &'static str,
    details: Map<String, Value>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let organization: OrganizationId = machine.organization_id;
    let subject = Subject::new("machine", machine.id);
    let version = Some(machine.version + 1);
    let change = Change { organization, actor, action, subject, version, details, at };
    changes::record(tx, change).await
}

async fn suppress(
    tx: &Tx,
    machine: MachineId,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut conn = Conn::from(tx);
    for alarm in alarms::active_of_machine(&mut conn, machine).await? {
        tell(&mut conn, &alarm, Event::Suppressed(Suppression::Maintenance), actor, now).await?;
    }
    let by = Suppression::ParentMaintenance;
    for alarm in alarms::active_contact_of_children(&mut conn, machine).await? {
        tell(&mut conn, &alarm, Event::Suppressed(by), actor, now).await?;
    }
    Ok(())
}

/// What the maintenance of a machine has suppressed of its own. The lost contact of those that it
/// connects follows when they have had time to come back ([`crate::ended::parents_maintained`]).
async fn release(
    tx: &Tx,
    machine: MachineId,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let own = alarms::active_of_machine(tx, machine).await?.into_iter();
    let by = Some(Suppression::Maintenance);
    let suppressed: Vec<Alarm> = own.filter(|alarm| alarm.suppressed_by == by).collect();
    release_all(tx, &suppressed, actor, now).await
}

/// Alarms whose reason to be silent is over. They stay suppressed if there is another one, as alarms
/// of lost contact do while the parent is lost.
pub(crate) async fn release_all(
    tx: &Tx,
    suppressed: &[Alarm],
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut conn = Conn::from(tx);
    for alarm in suppressed {
        let silence = rows::silence(&mut conn, alarm.machine_id, now).await?;
        let mut after = tell(&mut conn, alarm, Event::Unsuppressed, actor, now).await?;
        if let Some(other) = silence.of(alarm.origin) {
            after = tell(&mut conn, &after, Event::Suppressed(other), actor, now).await?;
        }
        tracing::debug!(alarm.id = %after.id, "maintenance no longer suppresses it");
    }
    Ok(())
}

async fn tell(
    conn: &mut Conn<'_>,
    alarm: &Alarm,
    event: Event<'_>,
    actor: Actor,
    now: Timestamp,
) -> Result<Alarm, StoreError> {
    // Never illegal: only what people want with one alarm can be.
    let Ok(step) = step(alarm, event, now) else { return Ok(alarm.clone()) };
    alarms::carry_out(&mut *conn, alarm, &step, actor, now).await?;
    Ok(step.alarm)
}
