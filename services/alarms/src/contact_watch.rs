//! The watch over machines' connections: who is lost, who is back. Decided by
//! [`millwright_detection::contact`].

use millwright_core::alarm::{Clear, Raise};
use millwright_detection::contact::{Contact, Parent, Verdict, judge};
use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::contact::{self, CONTACT_LOST, ContactRow};
use millwright_store::{Store, StoreError};
use serde_json::{Map, Value};

use crate::apply::{AlarmEvent, apply};

/// Machines of one transaction; more take more of them, so that others have their turn.
const MACHINES_MAX: u64 = 200;

/// How the platform watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactWatch {
    /// Since when without a pause: time before that doesn't count.
    pub watching_since: Timestamp,
    /// How long a machine may be away, in seconds.
    pub timeout_s: i64,
}

/// What one look has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Machines that are lost from now on.
    pub lost: u64,
    /// Machines that were lost and are back.
    pub back: u64,
}

/// Looks once: raises the alarms of machines that are lost, clears those of machines that are back.
///
/// # Errors
/// When the database can't be used. What was found before is done; the next look goes on.
pub async fn watch_tick(
    store: &Store,
    watch: ContactWatch,
    now: Timestamp,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut after = None;
    loop {
        let rows = contact::back(store, after, MACHINES_MAX).await?;
        found.back += act(store, watch, now, &rows).await?;
        match next(&rows) {
            None => break,
            more => after = more,
        }
    }
    let before = now.plus_seconds(-watch.timeout_s);
    if watch.watching_since > before {
        // Nobody's time can be over.
        return Ok(found);
    }
    after = None;
    loop {
        let rows = contact::lost(store, before, after, MACHINES_MAX).await?;
        found.lost += act(store, watch, now, &rows).await?;
        match next(&rows) {
            None => return Ok(found),
            more => after = more,
        }
    }
}

/// Where the next page begins, if there may be one.
fn next(rows: &[ContactRow]) -> Option<MachineId> {
    let full = rows.len() as u64 >= MACHINES_MAX;
    rows.last().filter(|_| full).map(|row| row.machine)
}

/// What is to be done about a machine.
fn event(row: &ContactRow, watch: ContactWatch, now: Timestamp) -> Option<AlarmEvent> {
    let (machine, organization, origin) = (row.machine, row.organization, AlarmOrigin::Contact);
    let (source, code) = (String::new(), CONTACT_LOST.to_owned());
    match judge(&contact_of(row), watch.watching_since, watch.timeout_s, now) {
        Verdict::Lost { at } if !row.alarmed => Some(AlarmEvent::Raise(Raise {
            machine,
            organization,
            origin,
            source,
            code,
            rule: None,
            severity: Severity::Major,
            message: "contact lost".to_owned(),
            context: context(row),
            at,
            received_at: now,
        })),
        Verdict::Present if row.alarmed => Some(AlarmEvent::Clear(Clear {
            machine,
            organization,
            origin,
            source,
            code,
            reason: ClearReason::Normal,
            at: now,
            received_at: now,
        })),
        _ => None,
    }
}

fn contact_of(row: &ContactRow) -> Contact {
    let parent = match row.parent {
        None => Parent::None,
        Some(parent) => match parent.connected_at.filter(|_| parent.connected) {
            Some(since) => Parent::Connected { since },
            None => Parent::Away,
        },
    };
    Contact {
        connected: row.connected,
        disconnected_at: row.disconnected_at,
        last_seen_at: row.last_seen_at,
        parent,
    }
}

fn context(row: &ContactRow) -> Map<String, Value> {
    let times = [("disconnected_at", row.disconnected_at), ("last_seen_at", row.last_seen_at)];
    let known = times.into_iter().filter_map(|(name, time)| Some((name, time?)));
    known.map(|(name, time)| (name.to_owned(), Value::String(time.to_string()))).collect()
}

/// Looks again within a transaction, since a machine may have come or gone meanwhile, and acts.
/// How many alarms have changed.
async fn act(
    store: &Store,
    watch: ContactWatch,
    now: Timestamp,
    rows: &[ContactRow],
) -> Result<u64, StoreError> {
    let concerned = rows.iter().filter(|row| event(row, watch, now).is_some());
    let machines: Vec<MachineId> = concerned.map(|row| row.machine).collect();
    if machines.is_empty() {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let mut changed = 0;
    for row in contact::load(&tx, &machines).await? {
        if let Some(event) = event(&row, watch, now) {
            apply(&tx, event).await?;
            changed += 1;
        }
    }
    tx.commit().await?;
    Ok(changed)
}
