//! An alarm has changed: tickets are opened, joined, reopened, made more urgent or resolved.

use millwright_core::access::Actor;
use millwright_core::alarm::is_annunciated;
use millwright_core::ticket::{
    Decision, Seen, TicketRecord, cause, decide, escalate, priority, resolve, title,
};
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::policies::Policy;
use millwright_schemas::api::tickets::{Evidence, ResolutionCode, TicketState};
use millwright_schemas::{CommandId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::tickets::{comments, evidence};
use millwright_store::work::{self, AlarmChanged, CommandWanted};
use millwright_store::{Scope, Store, StoreError, Tx, alarms, commands, policies, tickets};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::completion::{self, EvidenceDue};
use super::opening::{self, Opening};
use crate::closing::close_one;
use crate::evidence::take;
use crate::trace::{Happening, data, note, tell};

/// The command that collects diagnostics.
const DIAGNOSTICS: &str = "collect_diagnostics";

/// What is decided about, and with what.
struct Case<'a> {
    tx: &'a Tx,
    alarm: &'a Alarm,
    machine: &'a Machine,
    policy: &'a Policy,
    evidence: Option<Evidence>,
    now: Timestamp,
}

/// Reads the alarm as it is now, and does what becomes of tickets.
pub(crate) async fn changed(
    store: &Store,
    work: &AlarmChanged,
    now: Timestamp,
) -> Result<(), StoreError> {
    let seen = match alarms::get(store, Scope::Platform, work.alarm).await {
        Err(StoreError::NotFound(_)) => return Ok(()),
        alarm => alarm?,
    };
    // Before the transaction, so that no machine waits while it is gathered.
    let evidence = match seen.ticket_id.is_none() && (work.brief || is_annunciated(&seen, now)) {
        true => Some(take(store, &seen, now).await?),
        false => None,
    };
    let tx = store.begin().await?;
    let alarm = alarms::load(&tx, Scope::Platform, work.alarm).await?;
    let machine = fleet::load(&tx, Scope::Platform, alarm.machine_id).await?;
    let policy = policies::effective(&tx, alarm.organization_id).await?;
    let own = match alarm.ticket_id {
        Some(id) => Some(tickets::load(&tx, Scope::Platform, id).await?),
        None => None,
    };
    let last = tickets::last_of_cause(&tx, &cause(&alarm)).await?;
    let (own, last) = (own.as_ref(), last.as_ref());
    let seen = Seen { alarm: &alarm, policy: &policy.tickets, own, last, brief: work.brief, now };
    let decision = decide(seen);
    let over = own.is_none() && !alarm.active && decision != Decision::Nothing;
    let case = Case { tx: &tx, alarm: &alarm, machine: &machine, policy: &policy, evidence, now };
    case.carry_out(decision, last).await?;
    if over {
        // It came and went before: once more, for what its end means to its ticket.
        let again = AlarmChanged { brief: false, ..work.clone() };
        work::enqueue(&tx, alarm.organization_id, &again, now).await?;
    }
    tx.commit().await
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

    /// Parameters of notes about the alarm.
    fn data(&self) -> Map<String, Value> {
        let alarm = self.alarm;
        data([
            ("alarm_id", alarm.id.to_string().into()),
            ("source", alarm.source.clone().into()),
            ("code", alarm.code.clone().into()),
            ("severity", alarm.severity.as_str().into()),
            ("message", alarm.message.clone().into()),
        ])
    }

    fn happening(&self, action: &'static str, note: &'static str) -> Happening {
        let (by, at, data) = (Actor::Platform, self.now, self.data());
        Happening { action, note, text: String::new(), data, by, at }
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
            data: self.data(),
        };
        let ticket = opening::open(self.tx, opening, self.now).await?;
        tickets::put_alarm_on(self.tx, alarm.id, ticket.ticket.id).await?;
        self.collect(&ticket).await
    }

    async fn join(self, before: &TicketRecord) -> Result<(), StoreError> {
        tickets::put_alarm_on(self.tx, self.alarm.id, before.ticket.id).await?;
        let what = self.happening("ticket.alarm_joined", "alarm_joined");
        tell(self.tx, &before.ticket, what).await?;
        self.escalate(before).await
    }

    async fn reopen(self, before: &TicketRecord) -> Result<(), StoreError> {
        let alarm = self.alarm;
        let urgency = (Some(alarm.severity), priority(alarm.severity, self.machine.criticality));
        let (by, data) = (Actor::Platform, self.data());
        let ticket = opening::again(self.tx, before, urgency, by, data, self.now).await?;
        tickets::put_alarm_on(self.tx, alarm.id, ticket.ticket.id).await?;
        self.collect(&ticket).await
    }

    /// Evidence now and once more when the time after the alarm has passed; diagnostics, if wanted.
    async fn collect(self, record: &TicketRecord) -> Result<(), StoreError> {
        let (ticket, alarm) = (&record.ticket, self.alarm);
        if let Some(taken) = &self.evidence {
            evidence::put(self.tx, alarm.organization_id, ticket.id, taken).await?;
        }
        let due = EvidenceDue { ticket: ticket.id, alarm: alarm.id };
        completion::later(self.tx, alarm.organization_id, &due, self.now).await?;
        if !self.policy.tickets.collect_diagnostics {
            return Ok(());
        }
        let wanted = CommandWanted {
            command: CommandId(Uuid::now_v7()),
            machine: alarm.machine_id,
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
