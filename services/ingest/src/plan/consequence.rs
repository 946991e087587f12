//! What follows from a batch's messages beside what is stored of them.

use std::sync::Arc;

use millwright_alarms::rules::Failure;
use millwright_alarms::{AlarmEvent, Clear, Raise, Snapshot};
use millwright_detection::rules::CompiledRule;
use millwright_detection::watch::{Change, Finding, RuleFailure, Transition};
use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason};
use millwright_schemas::wire::events::{EventType, FaultEvent};
use millwright_schemas::wire::report::Report;
use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use millwright_store::events::NewEvent;
use millwright_store::work::{
    CapabilitiesReported, CommandReported, HelpRequested, RulesReported, TimeAsked,
};

use crate::decode::Reported;

/// One consequence; they happen in the order of the messages, whatever the batch.
#[derive(Debug)]
pub(crate) enum Consequence {
    /// A rule's alarm changes.
    Rule(AlarmEvent),
    /// A rule has failed.
    Failed(Box<Failed>),
    /// A reported event means something to the platform, if it is new.
    Reported {
        /// Its place among the reported events of the batch.
        place: usize,
        meaning: Box<Meaning>,
    },
}

/// What a reported event means.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) organization: OrganizationId,
    pub(crate) received_at: Timestamp,
    /// Told to those who follow domain events.
    pub(crate) told: Option<NewEvent>,
    pub(crate) alarm: Option<AlarmEvent>,
    pub(crate) asked: Option<Asked>,
}

/// A rule that is to be switched off.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) rule: Arc<CompiledRule>,
    pub(crate) failure: Failure,
    pub(crate) received_at: Timestamp,
}

/// Work for another room.
#[derive(Debug)]
pub(crate) enum Asked {
    Command(CommandReported),
    Capabilities(CapabilitiesReported),
    Time(TimeAsked),
    Help(HelpRequested),
    Rules(RulesReported),
}

/// Whose data it is, and when the platform had it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub(crate) machine: MachineId,
    pub(crate) organization: OrganizationId,
    pub(crate) received_at: Timestamp,
}

/// A rule's alarm.
pub(crate) fn of_rule(source: Source, change: &Change) -> AlarmEvent {
    let Source { machine, organization, received_at } = source;
    let rule = change.rule.rule();
    let (subject, code) = (change.rule.source().to_owned(), rule.id.to_string());
    let raise = |found: &Finding| Raise {
        machine,
        organization,
        origin: AlarmOrigin::Rule,
        source: subject.clone(),
        code: code.clone(),
        rule: Some((rule.id, rule.version)),
        severity: found.severity,
        message: found.message.clone(),
        context: found.context.clone(),
        at: found.at,
        received_at,
    };
    match &change.transition {
        Transition::Raised(found) => AlarmEvent::Raise(raise(found)),
        Transition::Changed(found) => AlarmEvent::Change(raise(found)),
        Transition::Cleared { at } => AlarmEvent::Clear(Clear {
            machine,
            organization,
            origin: AlarmOrigin::Rule,
            source: subject,
            code,
            reason: ClearReason::Normal,
            at: *at,
            received_at,
        }),
    }
}

/// A rule that has failed with a machine.
pub(super) fn failed(
    source: Source,
    (rule, error): (Arc<CompiledRule>, RuleFailure),
) -> Consequence {
    let Source { machine, organization, received_at } = source;
    let failure = Failure { machine, organization, reason: error.to_string() };
    Consequence::Failed(Box::new(Failed { rule, failure, received_at }))
}

/// The alarm that a fault is.
pub(super) fn of_fault(source: Source, fault: &FaultEvent, at: Timestamp) -> AlarmEvent {
    let Source { machine, organization, received_at } = source;
    let origin = AlarmOrigin::Fault;
    match fault.clone() {
        FaultEvent::Raised(fault) => AlarmEvent::Raise(Raise {
            machine,
            organization,
            origin,
            source: fault.source,
            code: fault.code,
            rule: None,
            severity: fault.severity,
            message: fault.message,
            context: fault.context,
            at,
            received_at,
        }),
        FaultEvent::Cleared(fault) => AlarmEvent::Clear(Clear {
            machine,
            organization,
            origin,
            source: fault.source,
            code: fault.code,
            reason: ClearReason::Normal,
            at,
            received_at,
        }),
        FaultEvent::Snapshot(snapshot) => AlarmEvent::Snapshot(Snapshot {
            machine,
            organization,
            faults: snapshot.faults,
            at,
            received_at,
        }),
    }
}

/// What an event asks of another room.
pub(super) fn asked(source: Source, event: &Reported) -> Option<Asked> {
    let (machine, ts) = (source.machine, event.ts);
    Some(match event.report.clone()? {
        Report::Command(report) => Asked::Command(CommandReported {
            machine,
            event: event.id,
            event_type: EventType::parse(&event.event_type).ok()?,
            ts,
            report,
        }),
        Report::Capabilities(capabilities) => Asked::Capabilities(CapabilitiesReported {
            machine,
            received_at: source.received_at,
            ts,
            capabilities,
        }),
        Report::TimeRequested(asked) => Asked::Time(TimeAsked { machine, nonce: asked.nonce }),
        Report::HelpRequested { message } => {
            Asked::Help(HelpRequested { machine, event: event.id, message, ts })
        }
        Report::RulesApplied(applied) => {
            let received_at = source.received_at;
            Asked::Rules(RulesReported { machine, received_at, applied })
        }
    })
}
