//! Which of a ticket's alarms is the likely root, and what the ticket says for it: its title, its
//! machine, its cause.

use millwright_core::ticket::{Sign, TicketRecord, cause, group_title, is_open, root, tie};
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::tickets::{AlarmRole, AlarmTie};
use millwright_schemas::{AlarmId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::tickets::{Member, Place, comments};
use millwright_store::{Scope, StoreError, Tx, alarms, tickets};

use crate::limits::MEMBERS_MAX;

/// The root as it is from now on.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) root: Alarm,
    /// Why it is the root.
    pub(crate) reason: AlarmTie,
    /// The one that was it before, if that is another one.
    pub(crate) instead_of: Option<AlarmId>,
}

/// Whether the platform has made a ticket's title, and nobody has changed it.
pub(crate) async fn has_made_title(tx: &Tx, record: &TicketRecord) -> Result<bool, StoreError> {
    Ok(!comments::tells_change_of(tx, record.ticket.id, "title").await?)
}

async fn made_title(tx: &Tx, record: &TicketRecord, root: &Alarm) -> Result<String, StoreError> {
    let machine = fleet::load(tx, Scope::Platform, root.machine_id).await?;
    let causes = tickets::count_causes(tx, record.ticket.id, record.began_at).await?;
    Ok(group_title(root, &machine.name, causes.saturating_sub(1)))
}

/// Looks for the root among the alarms that a ticket has now, says what each of those concerned is,
/// and makes the record follow it; the caller saves that. `title`: whether it makes the title too.
/// `None`: the ticket has no alarms.
pub(crate) async fn settle(
    tx: &Tx,
    record: &mut TicketRecord,
    title: bool,
    now: Timestamp,
) -> Result<Option<Settled>, StoreError> {
    let members = tickets::members(tx, record.ticket.id, MEMBERS_MAX).await?;
    let Some((found, reason)) = likely(record, &members) else { return Ok(None) };
    let is_other =
        |one: &&Member| one.role == AlarmRole::Root && one.sign.alarm != found.sign.alarm;
    let (organization, ticket) = (record.ticket.organization_id, record.ticket.id);
    for before in members.iter().filter(is_other) {
        // What tied the new one to the old one ties them the other way round too.
        let tie = tie(&found.sign, &before.sign).unwrap_or(found.tie);
        let (alarm, role) = (before.sign.alarm, AlarmRole::Symptom);
        tickets::place(tx, Place { organization, ticket, alarm, role, tie }, now).await?;
    }
    let instead_of = members.iter().find(is_other).map(|before| before.sign.alarm);
    if found.role != AlarmRole::Root || found.tie != reason {
        let (alarm, role) = (found.sign.alarm, AlarmRole::Root);
        tickets::place(tx, Place { organization, ticket, alarm, role, tie: reason }, now).await?;
    }
    let alarm = alarms::load(tx, Scope::Platform, found.sign.alarm).await?;
    if title {
        record.ticket.title = made_title(tx, record, &alarm).await?;
    }
    record.ticket.machine_id = alarm.machine_id;
    follow(tx, record, cause(&alarm)).await?;
    Ok(Some(Settled { root: alarm, reason, instead_of }))
}

/// The likely root: among those that are active or began since the ticket was opened or reopened, if
/// there are any. What was over before has caused nothing now.
fn likely<'a>(record: &TicketRecord, members: &'a [Member]) -> Option<(&'a Member, AlarmTie)> {
    let is_of_now =
        |one: &&Member| one.active || record.began_at.is_none_or(|began| one.sign.at >= began);
    let mut signs: Vec<&Sign> = members.iter().filter(is_of_now).map(|one| &one.sign).collect();
    if signs.is_empty() {
        signs = members.iter().map(|one| &one.sign).collect();
    }
    let (sign, reason) = root(&signs)?;
    let member = members.iter().find(|one| one.sign.alarm == sign.alarm)?;
    Some((member, reason))
}

/// The ticket is about this cause, unless another open one is.
async fn follow(tx: &Tx, record: &mut TicketRecord, cause: String) -> Result<(), StoreError> {
    if record.cause.as_deref() == Some(cause.as_str()) {
        return Ok(());
    }
    let other = tickets::last_of_cause(tx, &cause).await?;
    if !other.is_some_and(|other| is_open(other.ticket.state)) {
        record.cause = Some(cause);
    }
    Ok(())
}
