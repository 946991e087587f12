//! Taking alarms out of a ticket, into one of their own.

use std::collections::BTreeSet;

use millwright_core::access::{Caller, Permission};
use millwright_core::alarm::rank;
use millwright_core::fields::Fields;
use millwright_core::ticket::{
    TicketRecord, began, is_open, next_states, number_text, priority, title,
};
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::tickets::{Priority, SplitTicket, Ticket, TicketState};
use millwright_schemas::{TicketId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::work::{self, AlarmChanged};
use millwright_store::{Scope, Store, StoreError, Tx, alarms, changes, tickets};
use serde_json::Value;
use uuid::Uuid;

use crate::TicketError;
use crate::limits::SPLIT_MAX;
use crate::roots;
use crate::trace::{Happening, UNTOLD, data, note, record, tell};

const FIELD: &str = "alarm_ids";

/// Takes alarms, with all others of their causes, out of an open ticket into a new one. Grouping
/// doesn't put them together again. Returns the new ticket.
///
/// # Errors
/// Not permitted, not found, not open, an alarm can't be taken out, or the database can't.
pub async fn split(
    store: &Store,
    caller: &Caller,
    id: TicketId,
    input: SplitTicket,
    now: Timestamp,
) -> Result<Ticket, TicketError> {
    caller.require(Permission::WriteTickets)?;
    check(&input)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = tickets::load(&tx, scope, id).await?;
    if !is_open(before.ticket.state) {
        let (number, state) = (before.ticket.number, before.ticket.state);
        return Err(TicketError::NotOpen { number, state });
    }
    let taken = taken(&tx, scope, &before, &input).await?;
    let made = roots::has_made_title(&tx, &before).await?;
    let opened = open(&tx, caller, &before, &taken, now).await?;
    for alarm in &taken {
        tickets::move_cause(&tx, alarm, id, opened.ticket.id).await?;
    }
    tickets::move_places(&tx, id, opened.ticket.id).await?;
    let left = leave(&tx, caller, &before, made, (&opened, &input), now).await?;
    let opened = settle(&tx, caller, opened, &left, now).await?;
    tx.commit().await?;
    Ok(opened)
}

fn check(input: &SplitTicket) -> Result<(), TicketError> {
    let mut fields = Fields::default();
    let count = input.alarm_ids.len();
    if count == 0 || count > SPLIT_MAX {
        fields.refuse(FIELD, format!("has {count} entries; 1 to {SPLIT_MAX} are needed"));
    } else if input.alarm_ids.iter().collect::<BTreeSet<_>>().len() < count {
        fields.refuse(FIELD, "names an alarm more than once");
    }
    Ok(fields.finish()?)
}

/// One alarm of each cause that is taken out.
async fn taken(
    tx: &Tx,
    scope: Scope,
    from: &TicketRecord,
    input: &SplitTicket,
) -> Result<Vec<Alarm>, TicketError> {
    let (mut taken, mut causes): (Vec<Alarm>, BTreeSet<_>) = (Vec::new(), BTreeSet::new());
    for id in &input.alarm_ids {
        let refused = |why: &str| TicketError::field(FIELD, format!("alarm {id} {why}"));
        let alarm = match alarms::load(tx, scope, *id).await {
            Err(StoreError::NotFound(_)) => return Err(refused("doesn't exist")),
            alarm => alarm?,
        };
        if alarm.ticket_id != Some(from.ticket.id) {
            return Err(refused(&format!("isn't on {}", from.ticket.number)));
        }
        let key = (alarm.machine_id, alarm.origin, alarm.source.clone(), alarm.code.clone());
        if causes.insert(key) {
            taken.push(alarm);
        }
    }
    let all = tickets::count_causes(tx, from.ticket.id, None).await?;
    if u64::try_from(taken.len()).is_ok_and(|count| count >= all) {
        let message =
            format!("these are all causes of {}; at least one must stay on it", from.ticket.number);
        return Err(TicketError::field(FIELD, message));
    }
    Ok(taken)
}

/// The new ticket, before its alarms are on it.
async fn open(
    tx: &Tx,
    caller: &Caller,
    from: &TicketRecord,
    taken: &[Alarm],
    now: Timestamp,
) -> Result<TicketRecord, StoreError> {
    let (mut urgent, mut first) = (Priority::P4, None::<&Alarm>);
    for alarm in taken {
        let machine = fleet::load(tx, Scope::Platform, alarm.machine_id).await?;
        urgent = urgent.min(priority(alarm.severity, machine.criticality));
        if first.is_none_or(|first| alarm.raised_at < first.raised_at) {
            first = Some(alarm);
        }
    }
    let state = TicketState::New;
    let ticket = Ticket {
        id: TicketId(Uuid::now_v7()),
        number: number_text(tickets::next_number(tx).await?),
        organization_id: from.ticket.organization_id,
        machine_id: first.map_or(from.ticket.machine_id, |first| first.machine_id),
        title: first.map_or_else(String::new, title),
        description: String::new(),
        state,
        hold_reason: None,
        resolution_code: None,
        resolution: None,
        priority: urgent,
        assignee_id: None,
        opened_by: caller.actor.into(),
        reopened: 0,
        active_alarms: 0,
        alarms: 0,
        alarm_list: None,
        next_states: next_states(state).to_vec(),
        external_ids: Default::default(),
        version: 1,
        created_at: now,
        updated_at: now,
        resolved_at: None,
        closed_at: None,
        machine_name: None,
        assignee_name: None,
    };
    let opened = TicketRecord {
        ticket,
        cause: None,
        worst: taken.iter().map(|one| one.severity).max_by_key(|one| rank(*one)),
        close_at: None,
        began_at: first.map(|first| began(first.raised_at, first.received_at)),
    };
    tickets::insert(tx, &opened).await?;
    Ok(opened)
}

/// The ticket without what was taken out.
async fn leave(
    tx: &Tx,
    caller: &Caller,
    before: &TicketRecord,
    made_title: bool,
    (opened, input): (&TicketRecord, &SplitTicket),
    now: Timestamp,
) -> Result<TicketRecord, StoreError> {
    let mut left = before.clone();
    let settled = roots::settle(tx, &mut left, made_title, now).await?;
    left.ticket.version += 1;
    left.ticket.updated_at = now;
    tickets::save(tx, Scope::Platform, &left, before.ticket.version).await?;
    let ids: Value = input.alarm_ids.iter().map(|id| Value::String(id.to_string())).collect();
    let what = Happening {
        action: "ticket.split",
        note: "split",
        text: String::new(),
        data: data([
            ("into", opened.ticket.number.clone().into()),
            ("ticket_id", opened.ticket.id.to_string().into()),
            ("alarm_ids", ids),
        ]),
        by: caller.actor,
        at: now,
    };
    tell(tx, &left.ticket, what).await?;
    look_again(tx, settled.map(|settled| settled.root), now).await?;
    Ok(left)
}

/// The new ticket with its alarms.
async fn settle(
    tx: &Tx,
    caller: &Caller,
    mut opened: TicketRecord,
    from: &TicketRecord,
    now: Timestamp,
) -> Result<Ticket, StoreError> {
    let settled = roots::settle(tx, &mut opened, true, now).await?;
    tickets::save(tx, Scope::Platform, &opened, opened.ticket.version).await?;
    let mut details = changes::fields(&opened.ticket, &UNTOLD)?;
    details.insert("split_from".to_owned(), from.ticket.number.clone().into());
    record(tx, &opened.ticket, "ticket.opened", details, caller.actor, now).await?;
    let what = Happening {
        action: "ticket.opened",
        note: "split_from",
        text: String::new(),
        data: data([
            ("from", from.ticket.number.clone().into()),
            ("ticket_id", from.ticket.id.to_string().into()),
        ]),
        by: caller.actor,
        at: now,
    };
    note(tx, &opened.ticket, what).await?;
    look_again(tx, settled.map(|settled| settled.root), now).await?;
    Ok(tickets::load(tx, Scope::Platform, opened.ticket.id).await?.ticket)
}

/// What is over may have been all that is left: ticketing looks whether the ticket is resolved.
async fn look_again(tx: &Tx, root: Option<Alarm>, now: Timestamp) -> Result<(), StoreError> {
    let Some(root) = root.filter(|root| !root.active) else { return Ok(()) };
    let work = AlarmChanged { alarm: root.id, machine: root.machine_id, brief: false };
    work::enqueue(tx, root.organization_id, &work, now).await
}
