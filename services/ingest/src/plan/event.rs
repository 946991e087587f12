//! Reported events: the row, and what it means to the platform.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::wire::events::{FaultCleared, FaultEvent, FaultRaised};
use millwright_schemas::{MachineId, OrganizationId};
use millwright_store::events::NewEvent;
use millwright_store::telemetry::reported::ReportedRow;
use serde_json::{Map, Value};

use super::planner::Planner;
use crate::decode::{Message, Reported};

impl Planner<'_> {
    pub(super) fn event(
        &mut self,
        organization: OrganizationId,
        message: &Message,
        event: &Reported,
    ) {
        let uplink = message.uplink();
        let plan = &mut self.planned.plan;
        plan.domain_events.push(domain_event(organization, uplink.machine, event));
        plan.reported.push(ReportedRow {
            machine: uplink.machine,
            id: event.id,
            organization,
            ts: event.ts.micros(),
            ts_is_device_time: event.ts_is_device_time,
            received_at: uplink.received_at.micros(),
            event_type: event.event_type.clone(),
            stream: message
                .stream
                .map(|(outbox, _, seq)| (outbox, i64::try_from(seq).unwrap_or(i64::MAX))),
            data: event.data.clone(),
        });
    }
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
