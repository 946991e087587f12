//! A new alarm, and what it takes over from the last one of its key.

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin, ClearReason, Suppression};
use millwright_schemas::{AlarmId, Timestamp};

use super::{Raise, Step, Told, bounded, follows, is_annunciated};

/// What silences a machine's alarms when they are raised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Silence {
    /// The machine is in maintenance.
    pub maintenance: bool,
    /// The machine that connects this one is lost.
    pub parent_lost: bool,
    /// The machine that connects this one is in maintenance.
    pub parent_maintenance: bool,
}

impl Silence {
    /// What suppresses an alarm of this origin.
    #[must_use]
    pub const fn of(self, origin: AlarmOrigin) -> Option<Suppression> {
        match origin {
            _ if self.maintenance => Some(Suppression::Maintenance),
            AlarmOrigin::Contact if self.parent_maintenance => Some(Suppression::ParentMaintenance),
            AlarmOrigin::Contact if self.parent_lost => Some(Suppression::ParentLost),
            _ => None,
        }
    }
}

/// A new alarm of a key that has no active one. Shelving and out of service hold for a key, not
/// for one alarm: what is still in force goes over from the last one. `None`: the raise is older
/// than the last clear, which the same clock has told; it is history.
#[must_use]
pub fn open(last: Option<&Alarm>, raise: &Raise, silence: Silence, id: AlarmId) -> Option<Step> {
    let ended = last.and_then(cleared_by_machine);
    if ended.is_some_and(|ended| !follows(raise.at, raise.received_at, ended)) {
        return None;
    }
    let now = raise.received_at;
    let alarm = Alarm {
        id,
        organization_id: raise.organization,
        machine_id: raise.machine,
        origin: raise.origin,
        source: raise.source.clone(),
        code: raise.code.clone(),
        rule_id: raise.rule.map(|(rule, _)| rule),
        severity: raise.severity,
        message: raise.message.clone(),
        context: bounded(&raise.context),
        active: true,
        acknowledged: false,
        acknowledged_by: None,
        acknowledged_at: None,
        shelved_until: last.and_then(|last| last.shelved_until).filter(|until| *until > now),
        suppressed_by: silence.of(raise.origin),
        out_of_service: last.is_some_and(|last| last.out_of_service),
        flapping: None,
        count: 1,
        raised_at: raise.at,
        changed_at: raise.at,
        cleared_at: None,
        clear_reason: None,
        received_at: now,
        ticket_id: None,
        feedback: None,
        revision: None,
        version: 1,
        machine_name: None,
        ticket_number: None,
        rule_name: None,
    };
    let tickets = is_annunciated(&alarm, now);
    Some(Step { alarm, told: Some(Told { action: "alarm.raised", audited: true }), tickets })
}

/// When the machine's own clock says that a fault was over. Other ends are by the platform's
/// clock, or of rules, which keep their own order.
fn cleared_by_machine(last: &Alarm) -> Option<Timestamp> {
    let told = matches!(last.clear_reason, Some(ClearReason::Normal | ClearReason::Snapshot));
    last.cleared_at.filter(|_| told && last.origin == AlarmOrigin::Fault)
}
