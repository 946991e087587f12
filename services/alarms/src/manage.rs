//! What people do with alarms: find, acknowledge, shelve, take out of service, clear, judge.

use millwright_core::access::{Caller, Permission};
use millwright_core::alarm::{Event, step};
use millwright_core::fields::Fields;
use millwright_schemas::api::alarms::{
    Alarm, AlarmFeedback, AlarmOrigin, AlarmQuery, AlarmReason, ClearReason, GiveFeedback,
    ShelveAlarm,
};
use millwright_schemas::api::page::Page;
use millwright_schemas::{AlarmId, Timestamp};
use millwright_store::alarms::{self, Filter};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store, revisions};
use uuid::Uuid;

use crate::AlarmError;
use crate::limits::{REASON_MAX, SHELVE_FOR_S};

/// An alarm that the caller sees, with what late samples have shown of it.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: AlarmId) -> Result<Alarm, AlarmError> {
    caller.require(Permission::ReadAlarms)?;
    let mut alarm = alarms::get(store, Scope::Organization(caller.organization), id).await?;
    if alarm.origin == AlarmOrigin::Rule {
        alarm.revision = revisions::of_alarm(store, id).await?;
    }
    Ok(alarm)
}

/// The alarms that the caller sees and wants, newest first.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: &AlarmQuery,
) -> Result<Page<Alarm>, AlarmError> {
    caller.require(Permission::ReadAlarms)?;
    let page = PageRequest::<Uuid>::parse("alarms", &wanted.page())?;
    let filter = Filter {
        machine: wanted.machine_id,
        state: wanted.state,
        severity: wanted.severity,
        ticket: wanted.ticket_id,
    };
    let scope = Scope::Organization(caller.organization);
    let items = alarms::list(store, scope, &filter, &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}

/// Tells that somebody has seen an alarm. Doing it again changes nothing.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn acknowledge(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    advance(store, caller, id, Event::Acknowledged(caller.actor), None, now).await
}

/// Puts an active alarm aside for a while; it holds for the alarms of its key that follow.
///
/// # Errors
/// Not permitted, not found, a field can't be accepted, not active, or the database can't.
pub async fn shelve(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    input: ShelveAlarm,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    caller.require(Permission::WriteAlarms)?;
    let mut fields = Fields::default();
    fields.range("for_s", input.for_s, &SHELVE_FOR_S);
    fields.text("reason", &input.reason, REASON_MAX);
    fields.finish()?;
    let until = now.plus_seconds(input.for_s);
    advance(store, caller, id, Event::Shelved(until), Some(input.reason), now).await
}

/// Takes a shelved alarm back. One that isn't shelved stays as it is.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn unshelve(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    advance(store, caller, id, Event::Unshelved, None, now).await
}

/// Takes an active alarm out of service: neither it nor the alarms of its key that follow are told
/// until somebody returns it.
///
/// # Errors
/// Not permitted, not found, a field can't be accepted, not active, or the database can't.
pub async fn take_out_of_service(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    input: AlarmReason,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    caller.require(Permission::WriteAlarms)?;
    check(&input)?;
    advance(store, caller, id, Event::TakenOutOfService, Some(input.reason), now).await
}

/// Returns an alarm to service. One that is in service stays as it is.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn return_to_service(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    advance(store, caller, id, Event::Returned, None, now).await
}

/// Clears an active alarm by hand. If what raised it is still so, the next raise is a new alarm. A
/// rule's alarm can't be cleared so: it would stay silent until the value has been good once.
///
/// # Errors
/// Not permitted, not found, a field can't be accepted, not active, or the database can't.
pub async fn clear(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    input: AlarmReason,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    caller.require(Permission::WriteAlarms)?;
    check(&input)?;
    let event = Event::Cleared { reason: ClearReason::Manual, at: now };
    advance(store, caller, id, event, Some(input.reason), now).await
}

/// Says what an alarm was worth, in place of what was said before.
///
/// # Errors
/// Not permitted, not found, a field can't be accepted, or the database can't.
pub async fn judge(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    input: GiveFeedback,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    caller.require(Permission::WriteAlarms)?;
    let mut fields = Fields::default();
    if let Some(note) = &input.note {
        fields.text("note", note, REASON_MAX);
    }
    fields.finish()?;
    let GiveFeedback { verdict, note } = input;
    let said = AlarmFeedback { verdict, note, by: caller.actor.into(), at: now };
    advance(store, caller, id, Event::Judged(&said), None, now).await
}

fn check(input: &AlarmReason) -> Result<(), AlarmError> {
    let mut fields = Fields::default();
    fields.text("reason", &input.reason, REASON_MAX);
    Ok(fields.finish()?)
}

async fn advance(
    store: &Store,
    caller: &Caller,
    id: AlarmId,
    event: Event<'_>,
    reason: Option<String>,
    now: Timestamp,
) -> Result<Alarm, AlarmError> {
    caller.require(Permission::WriteAlarms)?;
    let tx = store.begin().await?;
    let before = alarms::load(&tx, Scope::Organization(caller.organization), id).await?;
    let step = step(&before, event, now)?;
    if step.told.is_none() {
        return Ok(before);
    }
    alarms::carry_out_for(&tx, &before, &step, caller.actor, reason, now).await?;
    tx.commit().await?;
    Ok(step.alarm)
}
