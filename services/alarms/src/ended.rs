//! What ends by time: shelving, maintenance, the grace of machines whose parent is back, and the
//! flapping of alarms. The worker asks again and again; each call is one short transaction, and safe
//! to repeat.

use millwright_core::access::Actor;
use millwright_core::alarm::{Event, Key, step};
use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::Alarm;
use millwright_store::machines::{fleet, maintenance as rows};
use millwright_store::work::{self, AlarmChanged};
use millwright_store::{Conn, Scope, Store, StoreError, Tx, alarms};

use crate::limits::{ENDED_BATCH, PARENT_BACK_GRACE_S};
use crate::maintenance;

/// Ends the shelving of alarms whose time is over. Returns how many; as many as
/// [`ENDED_BATCH`] when there may be more.
///
/// # Errors
/// When the database can't.
pub async fn shelving(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    if !alarms::any_shelving_over(store, now).await? {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let over = alarms::shelving_over(&tx, now, ENDED_BATCH).await?;
    let count = tell(&mut Conn::from(&tx), &over, Event::Unshelved, now).await?;
    tx.commit().await?;
    Ok(count)
}

/// Ends the maintenance of machines whose time is over. Returns how many.
///
/// # Errors
/// When the database can't.
pub async fn maintenance(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    if !rows::any_over(store, now).await? {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let mut count = 0;
    for id in rows::over(&tx, now, ENDED_BATCH).await? {
        let machine = fleet::load(&tx, Scope::Platform, id).await?;
        maintenance::finish(&tx, &machine, Actor::Platform, now).await?;
        count += 1;
    }
    tx.commit().await?;
    Ok(count)
}

/// Machines whose parent has been back for [`PARENT_BACK_GRACE_S`] and that are still away: their
/// lost contact is their own now. Returns how many.
///
/// # Errors
/// When the database can't.
pub async fn parents_lost(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    if !alarms::any_suppressed_by_parent(store).await? {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let back_before = now.plus_seconds(-PARENT_BACK_GRACE_S);
    let orphans = alarms::orphans(&tx, back_before, ENDED_BATCH).await?;
    let count = tell(&mut Conn::from(&tx), &orphans, Event::Unsuppressed, now).await?;
    tx.commit().await?;
    Ok(count)
}

/// Lost contact of machines that a parent connects whose maintenance has been over for
/// [`PARENT_BACK_GRACE_S`], or that isn't their parent any more: it is their own now, unless the parent is
/// lost. Returns how many.
///
/// # Errors
/// When the database can't.
pub async fn parents_maintained(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    if !alarms::any_suppressed_by_maintained_parent(store).await? {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let over_before = now.plus_seconds(-PARENT_BACK_GRACE_S);
    let alarms = alarms::parent_maintained(&tx, over_before, ENDED_BATCH).await?;
    maintenance::release_all(&tx, &alarms, Actor::Platform, now).await?;
    tx.commit().await?;
    Ok(u64::try_from(alarms.len()).unwrap_or(u64::MAX))
}

/// Alarms that came and went and have been quiet for long enough. Returns how many.
///
/// # Errors
/// When the database can't.
pub async fn flapping(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    if !alarms::any_calm(store, now).await? {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let calm = alarms::calm(&tx, now, ENDED_BATCH).await?;
    let count = tell(&mut Conn::from(&tx), &calm, Event::Calmed, now).await?;
    for alarm in calm.iter().filter(|alarm| alarm.ticket_id.is_none()) {
        look_at_earlier(&tx, alarm, now).await?;
    }
    tx.commit().await?;
    Ok(count)
}

/// The newest alarm of a key that came and went may be on no ticket, because it was shelved, suppressed
/// or less severe. What the ends of those before it have not decided about theirs is decided now.
async fn look_at_earlier(tx: &Tx, calm: &Alarm, now: Timestamp) -> Result<(), StoreError> {
    let (machine, origin) = (calm.machine_id, calm.origin);
    let key = Key { machine, origin, source: &calm.source, code: &calm.code };
    let Some(earlier) = alarms::last_on_ticket(tx, key).await? else { return Ok(()) };
    let work = AlarmChanged { alarm: earlier.id, machine, brief: false };
    work::enqueue(tx, earlier.organization_id, &work, now).await
}

async fn tell(
    conn: &mut Conn<'_>,
    all: &[Alarm],
    event: Event<'_>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for alarm in all {
        // Never illegal: only what people want with one alarm can be.
        if let Ok(step) = step(alarm, event, now) {
            alarms::carry_out(&mut *conn, alarm, &step, Actor::Platform, now).await?;
            count += 1;
        }
    }
    Ok(count)
}
