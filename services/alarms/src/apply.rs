//! What machines, rules and the loss of contact tell about alarms, within the transaction that
//! holds what they tell it by.

use millwright_core::access::Actor;
use millwright_core::alarm::{
    Clear, Event, Finding, Flap, Key, Raise, Snapshot, flap, open, open_listed, reconcile, step,
};
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin, ClearReason};
use millwright_schemas::{AlarmId, MachineId, Timestamp};
use millwright_store::machines::maintenance;
use millwright_store::{Conn, StoreError, alarms, policies};
use uuid::Uuid;

use crate::contact;
use crate::limits::ACTIVE_ALARMS_MAX;

/// What is told about a machine's alarms.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmEvent {
    /// Something is wrong, or still is.
    Raise(Raise),
    /// It is as bad as this now; not a repeat, so that it isn't counted.
    Change(Raise),
    /// It is over.
    Clear(Clear),
    /// All faults that are active.
    Snapshot(Snapshot),
}

/// Applies it: raises, counts up, changes or clears alarms, with their events, audit records and
/// work for tickets. However many processes raise a key, it has one active alarm.
///
/// # Errors
/// When the database refuses it; then the whole transaction must be given up.
pub async fn apply(conn: impl Into<Conn<'_>>, event: AlarmEvent) -> Result<(), StoreError> {
    let mut conn = conn.into();
    let machine = match &event {
        AlarmEvent::Raise(raise) | AlarmEvent::Change(raise) => raise.machine,
        AlarmEvent::Clear(clear) => clear.machine,
        AlarmEvent::Snapshot(snapshot) => snapshot.machine,
    };
    conn.hold_machine(machine).await?;
    match event {
        AlarmEvent::Raise(raise) => raised(&mut conn, &raise).await,
        AlarmEvent::Change(raise) => changed(&mut conn, &raise).await,
        AlarmEvent::Clear(clear) => cleared(&mut conn, &clear).await,
        AlarmEvent::Snapshot(snapshot) => listed(&mut conn, &snapshot).await,
    }
}

/// A machine tells its faults; what rules and lost contact say, the platform says.
const fn actor(origin: AlarmOrigin, machine: MachineId) -> Actor {
    match origin {
        AlarmOrigin::Fault => Actor::Machine(machine),
        AlarmOrigin::Rule | AlarmOrigin::Contact => Actor::Platform,
    }
}

async fn raised(conn: &mut Conn<'_>, raise: &Raise) -> Result<(), StoreError> {
    match alarms::active(&mut *conn, raise.key()).await? {
        Some(alarm) => advance(conn, &alarm, Event::Raised(raise), raise.received_at).await,
        None => begin(conn, raise, None).await,
    }
}

async fn changed(conn: &mut Conn<'_>, raise: &Raise) -> Result<(), StoreError> {
    match alarms::active(&mut *conn, raise.key()).await? {
        Some(alarm) => advance(conn, &alarm, Event::Listed(raise), raise.received_at).await,
        None => begin(conn, raise, None).await,
    }
}

/// Since when a fault is active, when a snapshot tells of it.
struct Listed(Option<Timestamp>);

async fn begin(
    conn: &mut Conn<'_>,
    raise: &Raise,
    listed: Option<Listed>,
) -> Result<(), StoreError> {
    let last = alarms::last(&mut *conn, raise.key()).await?;
    let silence = maintenance::silence(&mut *conn, raise.machine, raise.received_at).await?;
    let id = AlarmId(Uuid::now_v7());
    let counts = listed.is_none();
    let opened = match listed {
        None => open(last.as_ref(), raise, silence, id),
        Some(Listed(since)) => open_listed(last.as_ref(), raise, since, silence, id),
    };
    let Some(mut step) = opened else {
        tracing::debug!(machine.id = %raise.machine, code = raise.code, "a raise came too late");
        return Ok(());
    };
    if alarms::count_active(&mut *conn, raise.machine).await? >= ACTIVE_ALARMS_MAX {
        tracing::warn!(machine.id = %raise.machine, code = raise.code, "too many active alarms");
        return Ok(());
    }
    let flap = flapping(conn, &step.alarm, last.as_ref()).await?;
    step.alarm.flapping = flap.map(|flap| flap.flapping);
    let version = raise.rule.map(|(_, version)| version);
    let by = actor(raise.origin, raise.machine);
    if !alarms::insert(&mut *conn, &step, version, by).await? {
        return again(conn, raise, counts).await;
    }
    let goes_over = |last: &Alarm| {
        last.shelved_until.is_some() || last.out_of_service || last.flapping.is_some()
    };
    if let Some(last) = last.filter(goes_over) {
        alarms::hand_over(&mut *conn, last.id).await?;
    }
    if flap.is_some_and(|flap| flap.begins) {
        alarms::tell_flapping(&mut *conn, &step.alarm).await?;
    }
    contact::after(conn, &step, raise.received_at).await
}

/// Whether a new alarm comes and goes. Only one whose key was raised before can.
async fn flapping(
    conn: &mut Conn<'_>,
    new: &Alarm,
    last: Option<&Alarm>,
) -> Result<Option<Flap>, StoreError> {
    let Some(last) = last else { return Ok(None) };
    let policy = policies::effective(&mut *conn, new.organization_id).await?.flapping;
    let count = u64::try_from(policy.raises).unwrap_or(0);
    let key =
        Key { machine: new.machine_id, origin: new.origin, source: &new.source, code: &new.code };
    let earlier = alarms::last_raised(&mut *conn, key, count).await?;
    Ok(flap(new, Some(last), &earlier, &policy))
}

/// Another process was quicker: what it raised is raised again.
async fn again(conn: &mut Conn<'_>, raise: &Raise, counts: bool) -> Result<(), StoreError> {
    let event = if counts { Event::Raised(raise) } else { Event::Listed(raise) };
    match alarms::active(&mut *conn, raise.key()).await? {
        Some(alarm) => advance(conn, &alarm, event, raise.received_at).await,
        None => Ok(()),
    }
}

async fn cleared(conn: &mut Conn<'_>, clear: &Clear) -> Result<(), StoreError> {
    let Some(alarm) = alarms::active(&mut *conn, clear.key()).await? else { return Ok(()) };
    let event = Event::Cleared { reason: clear.reason, at: clear.at };
    advance(conn, &alarm, event, clear.received_at).await
}

async fn listed(conn: &mut Conn<'_>, snapshot: &Snapshot) -> Result<(), StoreError> {
    let fault = AlarmOrigin::Fault;
    let active = alarms::active_of_origin(&mut *conn, snapshot.machine, fault).await?;
    let over = Event::Cleared { reason: ClearReason::Snapshot, at: snapshot.at };
    for finding in reconcile(&active, snapshot) {
        let now = snapshot.received_at;
        match finding {
            Finding::Over(alarm) => advance(conn, alarm, over, now).await?,
            Finding::Still(alarm, raise) => {
                advance(conn, alarm, Event::Listed(&raise), now).await?;
            }
            Finding::New(raise, since) => begin(conn, &raise, Some(Listed(since))).await?,
        }
    }
    Ok(())
}

async fn advance(
    conn: &mut Conn<'_>,
    alarm: &Alarm,
    event: Event<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Never illegal: only what people want can be.
    let Ok(step) = step(alarm, event, now) else { return Ok(()) };
    alarms::carry_out(&mut *conn, alarm, &step, actor(alarm.origin, alarm.machine_id), now).await?;
    contact::after(conn, &step, now).await
}
