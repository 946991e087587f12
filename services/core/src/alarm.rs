//! Rules of alarms: independent flags after ISA-18.2, severities after ITU-T X.733.
//!
//! Raises, clears and changes are in event time, the machine's clock. What comes late never undoes
//! what is newer: a raise older than the alarm's last change counts but changes nothing else, a
//! clear older than that closes nothing, and a raise or snapshot older than the last clear opens
//! nothing. A time that is ahead of its own receipt says nothing about order (the clock was
//! ahead): then the order of receipt decides.

mod flags;
mod flapping;
mod raise;
mod snapshot;

use millwright_schemas::api::alarms::{
    Alarm, AlarmFeedback, AlarmOrigin, ClearReason, Suppression,
};
use millwright_schemas::wire::events::{FaultRaised, Severity};
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use serde_json::{Map, Value};

use crate::access::Actor;

pub use flags::{Illegal, Move, allowed, step};
pub use flapping::{Flap, flap};
pub use raise::{Silence, open};
pub use snapshot::{Finding, open_listed, reconcile};

/// Largest context kept with an alarm, as JSON in bytes; a larger one is left out and told as
/// `{"cut": true}`. The machine's event keeps its data as received.
pub const CONTEXT_MAX_BYTES: usize = 8 * 1024;

/// Something is wrong with a machine, or still is.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// The machine.
    pub machine: MachineId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where the alarm comes from.
    pub origin: AlarmOrigin,
    /// The component; empty for the machine as a whole.
    pub source: String,
    /// The fault's code, the rule's id, or `contact_lost`.
    pub code: String,
    /// The rule with its version, when a rule raises it.
    pub rule: Option<(RuleId, i64)>,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// Values at that time.
    pub context: Map<String, Value>,
    /// When, in event time.
    pub at: Timestamp,
    /// When the platform learned of it, by its own clock.
    pub received_at: Timestamp,
}

/// What was wrong with a machine is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear {
    /// The machine.
    pub machine: MachineId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where the alarm comes from.
    pub origin: AlarmOrigin,
    /// The component; empty for the machine as a whole.
    pub source: String,
    /// The fault's code, the rule's id, or `contact_lost`.
    pub code: String,
    /// Why it is over.
    pub reason: ClearReason,
    /// When, in event time.
    pub at: Timestamp,
    /// When the platform learned of it, by its own clock.
    pub received_at: Timestamp,
}

/// All faults that are active on a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The machine.
    pub machine: MachineId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The faults.
    pub faults: Vec<FaultRaised>,
    /// When, in event time.
    pub at: Timestamp,
    /// When the platform learned of it, by its own clock.
    pub received_at: Timestamp,
}

/// What tells alarms of one machine apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// The machine.
    pub machine: MachineId,
    /// Where the alarm comes from.
    pub origin: AlarmOrigin,
    /// The component; empty for the machine as a whole.
    pub source: &'a str,
    /// The fault's code, the rule's id, or `contact_lost`.
    pub code: &'a str,
}

impl Raise {
    /// The key of its alarm.
    #[must_use]
    pub fn key(&self) -> Key<'_> {
        let (machine, origin) = (self.machine, self.origin);
        Key { machine, origin, source: &self.source, code: &self.code }
    }
}

impl Clear {
    /// The key of its alarm.
    #[must_use]
    pub fn key(&self) -> Key<'_> {
        let (machine, origin) = (self.machine, self.origin);
        Key { machine, origin, source: &self.source, code: &self.code }
    }
}

/// What happens to an alarm that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    /// It is raised again while active.
    Raised(&'a Raise),
    /// A snapshot says that it is still so: the same, but it isn't counted.
    Listed(&'a Raise),
    /// What raised it is over.
    Cleared {
        /// Why.
        reason: ClearReason,
        /// When, in event time.
        at: Timestamp,
    },
    /// Somebody has seen it.
    Acknowledged(Actor),
    /// It is put aside until this time.
    Shelved(Timestamp),
    /// It is taken back, by hand or because its time is over.
    Unshelved,
    /// It troubles nobody for this reason.
    Suppressed(Suppression),
    /// It isn't suppressed any more.
    Unsuppressed,
    /// It isn't told until somebody returns it.
    TakenOutOfService,
    /// It is told again.
    Returned,
    /// It hasn't been raised again for long enough: it doesn't come and go any more.
    Calmed,
    /// Somebody says what it was worth.
    Judged(&'a AlarmFeedback),
}

/// What an event makes of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The alarm as it is then.
    pub alarm: Alarm,
    /// What is told about it; `None`: nothing has changed.
    pub told: Option<Told>,
    /// Whether tickets must look at it.
    pub tickets: bool,
}

/// How a change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The name of the domain event.
    pub action: &'static str,
    /// Whether it stands in the audit log too; a mere repeat doesn't.
    pub audited: bool,
}

/// Whether an alarm is active and may trouble people now.
#[must_use]
pub fn is_annunciated(alarm: &Alarm, now: Timestamp) -> bool {
    alarm.active
        && !alarm.out_of_service
        && alarm.suppressed_by.is_none()
        && alarm.shelved_until.is_none_or(|until| until <= now)
}

/// How bad a severity is; `indeterminate` is the least, because it says nothing.
#[must_use]
pub const fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 4,
        Severity::Major => 3,
        Severity::Minor => 2,
        Severity::Warning => 1,
        Severity::Indeterminate => 0,
    }
}

/// Whether `later` comes after `earlier`, or at the same time: by event time, unless `earlier` was
/// ahead of the receipt of `later`, so that it can't be right.
fn follows(later: Timestamp, received_at: Timestamp, earlier: Timestamp) -> bool {
    later >= earlier || earlier > received_at
}

/// The context, if it isn't too large to be kept.
fn bounded(context: &Map<String, Value>) -> Map<String, Value> {
    if Value::Object(context.clone()).to_string().len() <= CONTEXT_MAX_BYTES {
        return context.clone();
    }
    Map::from_iter([("cut".to_owned(), Value::Bool(true))])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
