//! Reported events: the row, and what it means to the platform.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::wire::events::{FaultCleared, FaultEvent, FaultRaised};
use millwright_schemas::{MachineId, OrganizationId};
use millwright_store::events::NewEvent;
use millwright_store::telemetry::reported::ReportedRow;
use serde_json::{Map, Value};

use super::consequence::{Consequence, Meaning, Source, asked, of_fault};
use super::planner::Planner;
use crate::decode::{Message, Reported};

impl Planner<'_> {
    pub(super) fn event(&mut self, source: Source, message: &Message, event: &Reported) {
        let Source { machine, organization, received_at } = source;
        let plan = &mut self.planned.plan;
        if let Some(meaning) = meaning(source, event) {
            let (place, meaning) = (plan.reported.len(), Box::new(meaning));
            plan.consequences.push(Consequence::Reported { place, meaning });
        }
        plan.reported.push(ReportedRow {
            machine,
            id: event.id,
            organization,
            ts: event.ts.micros(),
            ts_is_device_time: event.ts_is_device_time,
            received_at: received_at.micros(),
            event_type: event.event_type.clone(),
            stream: message
                .stream
                .map(|(outbox, _, seq)| (outbox, i64::try_from(seq).unwrap_or(i64::MAX))),
            data: event.data.clone(),
        });
    }
}

/// What an event means to the platform, if anything.
fn meaning(source: Source, event: &Reported) -> Option<Meaning> {
    if event.fault.is_none() && event.report.is_none() {
        return None;
    }
    Some(Meaning {
        organization: source.organization,
        received_at: source.received_at,
        told: domain_event(source.organization, source.machine, event),
        alarm: event.fault.as_ref().map(|fault| of_fault(source, fault, event.ts)),
        asked: asked(source, event),
    })
}

/// A fault that is raised or cleared is the platform's business too.
fn domain_event(
    organization: OrganizationId,
    machine: MachineId,
    event: &Reported,
) -> Option<NewEvent> {
    let (event_type, mut data) = match event.fault.as_ref()? {
        FaultEvent::Raised(fault) => ("machine.fault_raised", raised(fault)),
        FaultEvent::Cleared(fault) => ("machine.fault_cleared", cleared(fault)),
        FaultEvent::Snapshot(_) => return None,
    };
    data.insert("event_id".to_owned(), event.id.to_string().into());
    Some(NewEvent {
        organization,
        event_type,
        subject: Subject::new("machine", machine),
        version: None,
        actor: Actor::Machine(machine),
        origin: None,
        data,
        occurred_at: event.ts,
    })
}

fn raised(fault: &FaultRaised) -> Map<String, Value> {
    let FaultRaised { code, source, severity, message, .. } = fault;
    Map::from_iter([
        ("code".to_owned(), code.as_str().into()),
        ("source".to_owned(), source.as_str().into()),
        ("severity".to_owned(), severity.as_str().into()),
        ("message".to_owned(), message.as_str().into()),
    ])
}

fn cleared(fault: &FaultCleared) -> Map<String, Value> {
    Map::from_iter([
        ("code".to_owned(), fault.code.as_str().into()),
        ("source".to_owned(), fault.source.as_str().into()),
    ])
}
