//! Alarms: what is wrong with machines, after ISA-18.2 (states) and ITU-T X.733 (severities).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::audit::ActorRef;
use super::page::PageQuery;
use super::revisions::FoundUnfounded;
use crate::ids::{AlarmId, MachineId, OrganizationId, RuleId, TicketId};
use crate::time::Timestamp;
use crate::wire::events::Severity;
use crate::words::words;

words! {
    /// Where an alarm comes from.
    AlarmOrigin, "origin of an alarm", {
        /// The machine reported a fault.
        Fault = "fault",
        /// A rule of the platform.
        Rule = "rule",
        /// The platform lost contact with the machine.
        Contact = "contact",
    }
}

words! {
    /// Why an alarm is over.
    ClearReason, "reason of a clear", {
        /// What raised it is over.
        Normal = "normal",
        /// It wasn't in the machine's list of active faults after a connect.
        Snapshot = "snapshot",
        /// Its rule was deleted.
        RuleDeleted = "rule_deleted",
        /// Its rule was switched off, or no longer watches this machine.
        RuleDisabled = "rule_disabled",
        /// The machine was taken out of use.
        Decommissioned = "decommissioned",
        /// A person cleared it.
        Manual = "manual",
    }
}

words! {
    /// Which alarms are wanted.
    AlarmStateFilter, "state of an alarm", {
        /// Active now.
        Open = "open",
        /// Over.
        Cleared = "cleared",
    }
}

words! {
    /// Why an alarm is there but troubles nobody.
    Suppression, "suppression of an alarm", {
        /// The machine is in maintenance.
        Maintenance = "maintenance",
        /// The machine that connects this one is lost.
        ParentLost = "parent_lost",
        /// The machine that connects this one is in maintenance.
        ParentMaintenance = "parent_maintenance",
    }
}

/// An alarm that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flapping {
    /// When it was first raised too often, in event time.
    pub since: Timestamp,
    /// How often it was raised in the period before that, and since.
    pub count: i64,
    /// When it ends, if it isn't raised again.
    pub until: Timestamp,
}

words! {
    /// What an alarm was worth, as a person on the case says.
    FeedbackVerdict, "verdict on an alarm", {
        /// Something was wrong.
        Real = "real",
        /// Nothing was wrong: it should not have come.
        Nuisance = "nuisance",
        /// It was right, but nobody had to act: a test, a known work, a cause outside of the machine.
        Expected = "expected",
    }
}

/// What a person has said of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmFeedback {
    /// What it was worth.
    pub verdict: FeedbackVerdict,
    /// Why.
    pub note: Option<String>,
    /// Who said so last.
    pub by: ActorRef,
    /// When.
    pub at: Timestamp,
}

/// Says what an alarm was worth, in place of what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveFeedback {
    /// What it was worth.
    pub verdict: FeedbackVerdict,
    /// Why, 1 to 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// An alarm: one time that something was wrong with a machine, from its raise to its clear. At
/// most one is active per machine, source and code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// Its id.
    pub id: AlarmId,
    /// Whose machine.
    pub organization_id: OrganizationId,
    /// The machine.
    pub machine_id: MachineId,
    /// Where it comes from.
    pub origin: AlarmOrigin,
    /// The component, such as `axis.x`; empty for the machine as a whole.
    pub source: String,
    /// The fault's code, the rule's id, or `contact_lost`.
    pub code: String,
    /// The rule that raised it.
    pub rule_id: Option<RuleId>,
    /// How bad it is now.
    pub severity: Severity,
    /// For people: the machine's own words, or the rule's.
    pub message: String,
    /// Values when it was raised. Of a rule without a message of its own, `message_key` tells of what the
    /// message was made, so that it can be said in other languages by the other values: `condition` of the
    /// conditions that were true, `anomaly` of `findings`.
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
    /// Whether it is so now; `state=open` means this.
    pub active: bool,
    /// Whether somebody has seen it.
    pub acknowledged: bool,
    /// Who has.
    pub acknowledged_by: Option<ActorRef>,
    /// When.
    pub acknowledged_at: Option<Timestamp>,
    /// Until when it is put aside.
    pub shelved_until: Option<Timestamp>,
    /// Why it troubles nobody at present.
    pub suppressed_by: Option<Suppression>,
    /// Whether it is out of service: it isn't told until somebody returns it.
    pub out_of_service: bool,
    /// Whether it comes and goes; null when it doesn't.
    #[serde(default)]
    pub flapping: Option<Flapping>,
    /// How often it was raised while active, the first time included.
    pub count: i64,
    /// When it was raised, in event time: the machine's clock.
    pub raised_at: Timestamp,
    /// The last time it was raised again or changed, in event time.
    pub changed_at: Timestamp,
    /// When it was cleared, in event time.
    pub cleared_at: Option<Timestamp>,
    /// Why it was cleared.
    pub clear_reason: Option<ClearReason>,
    /// When the platform learned of it.
    pub received_at: Timestamp,
    /// The ticket it is on.
    pub ticket_id: Option<TicketId>,
    /// What a person has said of it; left out when nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<AlarmFeedback>,
    /// Late samples have shown that it should not have been raised; left out when they haven't, and in
    /// lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<FoundUnfounded>,
    /// Counts its changes; the `ETag`.
    pub version: i64,
    /// The machine's name now; left out when the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_name: Option<String>,
    /// The number of the ticket that it is on; left out when there is none or the caller may not see
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_number: Option<String>,
    /// The name of the rule that raised it; left out when none did or the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
}

/// Which alarms are wanted; all conditions hold. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlarmQuery {
    /// Of this machine.
    pub machine_id: Option<MachineId>,
    /// `open`: active now; `cleared`: over.
    pub state: Option<AlarmStateFilter>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// On this ticket.
    pub ticket_id: Option<TicketId>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl AlarmQuery {
    /// Which page of them is wanted.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// Puts an alarm aside for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShelveAlarm {
    /// For how long, in seconds: 60 to 604,800 (a week).
    pub for_s: i64,
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// Takes an alarm out of service, or clears it by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmReason {
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// A machine's maintenance mode: its alarms are kept but open no tickets and notify nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Maintenance {
    /// Whether it is on now.
    pub active: bool,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Until when at the latest.
    pub until: Option<Timestamp>,
    /// What for.
    pub reason: Option<String>,
    /// Who switched it on.
    pub by: Option<ActorRef>,
}

/// Switches maintenance mode on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartMaintenance {
    /// For how long at most, in seconds: 60 to 2,592,000 (30 days).
    pub for_s: i64,
    /// What for, 1 to 500 characters.
    pub reason: String,
}
