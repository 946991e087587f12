//! An alarm has changed: tickets are opened, joined, reopened, made more urgent or resolved.

use millwright_core::access::Actor;
use millwright_core::alarm::Key;
use millwright_core::ticket::{
    Decision, Seen, TicketRecord, began, cause, decide, escalate, priority, resolve, title,
};
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::policies::Policy;
use millwright_schemas::api::tickets::{
    AlarmRole, AlarmTie, Evidence, ResolutionCode, TicketState,
};
use millwright_schemas::{AlarmId, CommandId, MachineId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::tickets::{Place, comments, evidence};
use millwright_store::work::{self, AlarmChanged, CommandWanted};
use millwright_store::{Scope, Store, StoreError, Tx, alarms, commands, policies, tickets};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::completion::{self, EvidenceDue};
use super::grouping::{self, Group};
use super::opening::{self, Again, Opening};
use crate::closing::close_one;
use crate::evidence::take;
use crate::roots;
use crate::trace::{Happening, data, note, tell};

/// The command that collects diagnostics.
const DIAGNOSTICS: &str = "collect_diagnostics";

/// What is decided about, and with what.
pub(super) struct Case<'a> {
    pub(super) tx: &'a Tx,
    pub(super) alarm: &'a Alarm,
    pub(super) machine: &'a Machine,
    pub(super) policy: &'a Policy,
    pub(super) evidence: Option<Evidence>,
    /// Whether it, or another one of its ticket, comes and goes.
    pub(super) flapping: bool,
    pub(super) now: Timestamp,
}

/// Parameters of notes about an alarm.
pub(super) fn about(alarm: &Alarm) -> Map<String, Value> {
    data([
        ("alarm_id", alarm.id.to_string().into()),
        ("source", alarm.source.clone().into()),
        ("code", alarm.code.clone().into()),
        ("severity", alarm.severity.as_str().into()),
        ("message", alarm.message.clone().into()),
    ])
}

/// Reads the alarm as it is now, and does what becomes of tickets. Evidence is gathered only when a
/// ticket is to be opened for it, which few alarms of a storm do, and outside of transactions, so that
/// no machine waits for it.
pub(crate) async fn changed(
    store: &Store,
    work: &AlarmChanged,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(opening) = settle(store, work, None, now).await? else { return Ok(()) };
    let evidence = take(store, &opening, now).await?;
    // Boxed, as below.
    Box::pin(settle(store, work, Some(evidence), now)).await.map(drop)
}

/// Does what becomes of tickets. An alarm is returned when that would open a ticket and its evidence
/// isn't there; then nothing is done.
async fn settle(
    store: &Store,
    work: &AlarmChanged,
    evidence: Option<Evidence>,
    now: Timestamp,
) -> Result<Option<Alarm>, StoreError> {
    let tx = store.begin().await?;
    let alarm = match alarms::load(&tx, Scope::Platform, work.alarm).await {
        Err(StoreError::NotFound(_)) => return Ok(None),
        alarm => alarm?,
    };
    let machine = fleet::load(&tx, Scope::Platform, alarm.machine_id).await?;
    let policy = policies::effective(&tx, alarm.organization_id).await?;
    let own = match alarm.ticket_id {
        Some(id) => Some(tickets::load(&tx, Scope::Platform, id).await?),
        None => None,
    };
    let flapping = is_flapping(&tx, &alarm).await?;
    let (own, brief, of_tickets) = (own.as_ref(), work.brief, &policy.tickets);
    let seen = Seen { alarm: &alarm, policy: of_tickets, own, last: None, brief, flapping, now };
    // Looked for only where it matters: a key that opens no tickets may have had very many alarms.
    let last = match decide(seen) {
        Decision::Open => tickets::last_of_alarm(&tx, &alarm).await?,
        _ => None,
    };
    let last = last.as_ref();
    let decision = decide(Seen { last, ..seen });
    let over = own.is_none() && !alarm.active && decision != Decision::Nothing;
    let case = Case {
        tx: &tx,
        alarm: &alarm,
        machine: &machine,
        policy: &policy,
        evidence,
        flapping,
        now,
    };
    let opens = own.is_none() && matches!(decision, Decision::Open | Decision::Reopen(_));
    let group = if opens { grouping::find(&case).await? } else { None };
    let is_new = opens && group.as_ref().is_none_or(Group::is_new);
    if is_new && case.evidence.is_none() {
        drop(case);
        tx.rollback().await?;
        return Ok(Some(alarm));
    }
    match group {
        // Boxed, so that what is rare doesn't make the future of all large.
        Some(group) => Box::pin(case.join_group(&group)).await?,
        None => case.carry_out(decision, last).await?,
    }
    if over {
        // It came and went before: once more, for what its end means to its ticket.
        let again = AlarmChanged { brief: false, ..work.clone() };
        work::enqueue(&tx, alarm.organization_id, &again, now).await?;
    }
    tx.commit().await?;
    Ok(None)
}

/// Whether an alarm comes and goes, as the newest of its key says, or another one of its ticket.
async fn is_flapping(tx: &Tx, alarm: &Alarm) -> Result<bool, StoreError> {
    let (machine, origin) = (alarm.machine_id, alarm.origin);
    let key = Key { machine, origin, source: &alarm.source, code: &alarm.code };
    let newest = alarms::last(tx, key).await?;
    if newest.is_some_and(|newest| newest.flapping.is_some()) {
        return Ok(true);
    }
    match alarm.ticket_id {
        Some(ticket) => tickets::any_flapping(tx, ticket).await,
        None => Ok(false),
    }
}

impl Case<'_> {
    async fn carry_out(
        self,
        decision: Decision<'_>,
        last: Option<&TicketRecord>,
    ) -> Result<(), StoreError> {
        match decision {
            Decision::Nothing => Ok(()),
            Decision::Open => self.open(last).await,
            Decision::Join(ticket) => self.join(ticket).await,
            Decision::Reopen(ticket) => self.reopen(ticket).await,
            Decision::Escalate(ticket) => self.escalate(ticket).await,
            Decision::NoteCleared(ticket) => self.note_cleared(ticket).await,
            Decision::Resolve(ticket) => self.resolve(ticket).await,
        }
    }

    pub(super) fn happening(&self, action: &'static str, note: &'static str) -> Happening {
        let (by, at, data) = (Actor::Platform, self.now, about(self.alarm));
        Happening { action, note, text: String::new(), data, by, at }
    }

    /// When it began, in event time.
    pub(super) fn began_at(&self) -> Timestamp {
        began(self.alarm.raised_at, self.alarm.received_at)
    }

    /// Puts the alarm on a ticket of its own cause: the first one is the root.
    async fn put_on(&self, record: &TicketRecord) -> Result<(), StoreError> {
        let (organization, ticket) = (self.alarm.organization_id, record.ticket.id);
        let (role, tie) = match tickets::has_alarms(self.tx, ticket).await? {
            false => (AlarmRole::Root, AlarmTie::Only),
            true => (AlarmRole::Symptom, AlarmTie::SameCause),
        };
        let place = Place { organization, ticket, alarm: self.alarm.id, role, tie };
        tickets::put_alarm_on(self.tx, place, self.now).await?;
        self.note_flapping(record).await
    }

    /// One note when it begins to come and go; what follows isn't told one by one.
    pub(super) async fn note_flapping(&self, record: &TicketRecord) -> Result<(), StoreError> {
        let Some(flapping) = self.alarm.flapping else { return Ok(()) };
        if flapping.since != self.alarm.raised_at {
            return Ok(());
        }
        let mut what = self.happening("", "alarm_flapping");
        what.data.insert("count".to_owned(), flapping.count.into());
        note(self.tx, &record.ticket, what).await
    }

    async fn open(self, last: Option<&TicketRecord>) -> Result<(), StoreError> {
        if let Some(last) = last.filter(|last| last.ticket.state == TicketState::Resolved) {
            close_one(self.tx, last, self.now).await?;
        }
        let alarm = self.alarm;
        let opening = Opening {
            machine: alarm.machine_id,
            organization: alarm.organization_id,
            cause: cause(alarm),
            title: title(alarm),
            description: String::new(),
            priority: priority(alarm.severity, self.machine.criticality),
            worst: Some(alarm.severity),
            by: Actor::Platform,
            began_at: Some(self.began_at()),
            data: about(alarm),
        };
        let ticket = opening::open(self.tx, opening, self.now).await?;
        self.put_on(&ticket).await?;
        self.collect(&ticket).await
    }

    async fn join(self, before: &TicketRecord) -> Result<(), StoreError> {
        self.put_on(before).await?;
        if !self.flapping {
            let what = self.happening("ticket.alarm_joined", "alarm_joined");
            tell(self.tx, &before.ticket, what).await?;
        }
        self.escalate(before).await
    }

    async fn reopen(self, before: &TicketRecord) -> Result<(), StoreError> {
        let alarm = self.alarm;
        let again = Again {
            priority: priority(alarm.severity, self.machine.criticality),
            worst: Some(alarm.severity),
            by: Actor::Platform,
            began_at: Some(self.began_at()),
            data: about(alarm),
        };
        let made = roots::has_made_title(self.tx, before).await?;
        let ticket = opening::again(self.tx, before, again, self.now).await?;
        self.put_on(&ticket).await?;
        // What it was about before may have been more than this.
        let ticket = self.settle(ticket, made).await?;
        self.collect(&ticket).await
    }

    /// Evidence now and once more when the time after the alarm has passed; diagnostics, if wanted.
    pub(super) async fn collect(self, record: &TicketRecord) -> Result<(), StoreError> {
        let (ticket, alarm) = (&record.ticket, self.alarm);
        self.keep_evidence(record).await?;
        let due = EvidenceDue { ticket: ticket.id, alarm: alarm.id };
        completion::later(self.tx, alarm.organization_id, &due, self.now).await?;
        self.diagnose(record, alarm.machine_id).await
    }

    /// What was gathered of the alarm.
    pub(super) async fn keep_evidence(&self, record: &TicketRecord) -> Result<(), StoreError> {
        let organization = self.alarm.organization_id;
        match &self.evidence {
            Some(taken) => evidence::put(self.tx, organization, record.ticket.id, taken).await,
            None => Ok(()),
        }
    }

    /// Evidence of another alarm, which is the root; diagnostics from its machine.
    pub(super) async fn collect_of(
        &self,
        record: &TicketRecord,
        alarm: AlarmId,
        machine: MachineId,
    ) -> Result<(), StoreError> {
        let organization = self.alarm.organization_id;
        let due = EvidenceDue { ticket: record.ticket.id, alarm };
        completion::soon(self.tx, organization, &due, self.now).await?;
        completion::later(self.tx, organization, &due, self.now).await?;
        self.diagnose(record, machine).await
    }

    async fn diagnose(&self, record: &TicketRecord, machine: MachineId) -> Result<(), StoreError> {
        if !self.policy.tickets.collect_diagnostics {
            return Ok(());
        }
        let (ticket, alarm) = (&record.ticket, self.alarm);
        let wanted = CommandWanted {
            command: CommandId(Uuid::now_v7()),
            machine,
            name: DIAGNOSTICS.to_owned(),
            args: Map::new(),
            ticket: Some(ticket.id),
            purpose: Some(format!("diagnostics for {}", ticket.number)),
        };
        work::enqueue(self.tx, alarm.organization_id, &wanted, self.now).await
    }

    async fn escalate(self, before: &TicketRecord) -> Result<(), StoreError> {
        let severity = self.alarm.severity;
        let wanted = priority(severity, self.machine.criticality);
        let Some(raised) = escalate(before, severity, wanted, self.now) else { return Ok(()) };
        tickets::save(self.tx, Scope::Platform, &raised, before.ticket.version).await?;
        if raised.ticket.priority == before.ticket.priority {
            return Ok(());
        }
        let mut what = self.happening("ticket.updated", "priority_raised");
        what.data.insert("from".to_owned(), before.ticket.priority.as_str().into());
        what.data.insert("to".to_owned(), raised.ticket.priority.as_str().into());
        tell(self.tx, &raised.ticket, what).await
    }

    async fn note_cleared(self, record: &TicketRecord) -> Result<(), StoreError> {
        if comments::has(self.tx, record.ticket.id, "alarm_cleared", self.alarm.id).await? {
            return Ok(());
        }
        let mut what = self.happening("", "alarm_cleared");
        what.data.insert("reason".to_owned(), self.reason().into());
        note(self.tx, &record.ticket, what).await
    }

    fn reason(&self) -> &'static str {
        self.alarm.clear_reason.map_or("normal", |reason| reason.as_str())
    }

    async fn resolve(self, before: &TicketRecord) -> Result<(), StoreError> {
        // What was done from afar for this ticket is why it is over.
        let acted = commands::has_acted(self.tx, before.ticket.id).await?;
        let code = if acted { ResolutionCode::Remote } else { ResolutionCode::SelfCleared };
        let reason = self.reason();
        let within = self.policy.tickets.reopen_within_s;
        let resolved = resolve(before, code, None, within, self.now);
        tickets::save(self.tx, Scope::Platform, &resolved, before.ticket.version).await?;
        let mut cleared = self.happening("", "alarm_cleared");
        cleared.data.insert("reason".to_owned(), reason.into());
        note(self.tx, &resolved.ticket, cleared).await?;
        let moved = data([
            ("from", before.ticket.state.as_str().into()),
            ("to", TicketState::Resolved.as_str().into()),
            ("resolution_code", code.as_str().into()),
        ]);
        let mut what = self.happening("ticket.moved", "state_changed");
        what.data = moved;
        tell(self.tx, &resolved.ticket, what).await
    }
}
