//! Revisions: what late samples have shown of alarms. They change none.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ids::{AlarmId, AlarmRevisionId, MachineId, OrganizationId, RuleId};
use crate::time::Timestamp;
use crate::wire::events::Severity;
use crate::words::words;

words! {
    /// What late samples have shown.
    RevisionKind, "kind of a revision", {
        /// With them an alarm would have been raised that wasn't, by the rule, the machine's parameters and
        /// the stored values as they were when this was found.
        Missed = "missed",
        /// With them an alarm wouldn't have been raised that was, by the rule, the machine's parameters and
        /// the stored values as they were when this was found: they may have been others at its time.
        Unfounded = "unfounded",
        /// They were too many, or took too long: nobody knows what they show.
        NotEvaluated = "not_evaluated",
    }
}

/// What late samples have shown of a machine's alarms, by its rules, parameters and stored values as they
/// were when it was found. It raises and clears nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmRevision {
    /// Its id.
    pub id: AlarmRevisionId,
    /// Whose machine.
    pub organization_id: OrganizationId,
    /// The machine.
    pub machine_id: MachineId,
    /// The rule; null with `not_evaluated`.
    pub rule_id: Option<RuleId>,
    /// The rule's version by which it was found.
    pub rule_version: Option<i64>,
    /// What was found.
    pub kind: RevisionKind,
    /// From when the alarm was active, or would have been, in event time; with `not_evaluated` the
    /// first of the late samples.
    pub from: Timestamp,
    /// Until when; null when it wasn't over by what was looked at.
    pub to: Option<Timestamp>,
    /// How bad it was, or would have been; null with `not_evaluated`.
    pub severity: Option<Severity>,
    /// For people: the alarm's message, or why nothing was evaluated.
    pub message: String,
    /// Values with which it would have been raised.
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
    /// The alarm that was found unfounded.
    pub alarm_id: Option<AlarmId>,
    /// When it was found.
    pub found_at: Timestamp,
    /// The name of the rule; left out when there is none or the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
}

/// That with late samples an alarm would not have been raised, by its rule as it was when that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundUnfounded {
    /// The revision.
    pub id: AlarmRevisionId,
    /// When it was found.
    pub found_at: Timestamp,
}
