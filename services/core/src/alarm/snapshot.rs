//! A machine's list of active faults against the alarms that are known.

use std::collections::BTreeMap;

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::wire::events::FaultRaised;
use millwright_schemas::{AlarmId, Timestamp};

use super::{Raise, Silence, Snapshot, Step, follows, open};

/// What a snapshot says about one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding<'a> {
    /// It isn't active any more.
    Over(&'a Alarm),
    /// It is still active.
    Still(&'a Alarm, Raise),
    /// It is active and wasn't known; since when, as the machine says.
    New(Raise, Option<Timestamp>),
}

/// Compares a snapshot with the machine's active alarms of faults. What was raised or changed
/// after the snapshot stays as it is. Of a fault that is listed twice the last one counts.
#[must_use]
pub fn reconcile<'a>(active: &'a [Alarm], snapshot: &Snapshot) -> Vec<Finding<'a>> {
    let mut listed: BTreeMap<(&str, &str), &FaultRaised> = BTreeMap::new();
    for fault in &snapshot.faults {
        listed.insert((&fault.source, &fault.code), fault);
    }
    let mut findings = Vec::new();
    for alarm in active.iter().filter(|alarm| alarm.origin == AlarmOrigin::Fault) {
        match listed.remove(&(alarm.source.as_str(), alarm.code.as_str())) {
            Some(fault) => findings.push(Finding::Still(alarm, raise(snapshot, fault))),
            None if follows(snapshot.at, snapshot.received_at, alarm.changed_at) => {
                findings.push(Finding::Over(alarm));
            }
            None => {}
        }
    }
    let new = |fault: &FaultRaised| {
        Finding::New(raise(snapshot, fault), fault.since_ts.map(Timestamp::from_millis))
    };
    findings.extend(listed.into_values().map(new));
    findings
}

fn raise(snapshot: &Snapshot, fault: &FaultRaised) -> Raise {
    Raise {
        machine: snapshot.machine,
        organization: snapshot.organization,
        origin: AlarmOrigin::Fault,
        source: fault.source.clone(),
        code: fault.code.clone(),
        rule: None,
        severity: fault.severity,
        message: fault.message.clone(),
        context: fault.context.clone(),
        at: snapshot.at,
        received_at: snapshot.received_at,
    }
}

/// A new alarm of a snapshot: since when the machine says, but not before the last alarm of its key
/// was over, and not after the snapshot.
#[must_use]
pub fn open_listed(
    last: Option<&Alarm>,
    raise: &Raise,
    since: Option<Timestamp>,
    silence: Silence,
    id: AlarmId,
) -> Option<Step> {
    let mut step = open(last, raise, silence, id)?;
    let ended = last.and_then(|last| last.cleared_at);
    let since = since.unwrap_or(raise.at).max(ended.unwrap_or(Timestamp::from_micros(i64::MIN)));
    step.alarm.raised_at = since.min(raise.at);
    Some(step)
}
