//! Tickets: work on machines, from the alarm to the repair.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::alarms::AlarmOrigin;
use super::audit::ActorRef;
use super::page::PageQuery;
use crate::ids::{AlarmId, CommentId, MachineId, OrganizationId, TicketId, UserId};
use crate::time::Timestamp;
use crate::wire::events::Severity;
use crate::words::words;

words! {
    /// Where a ticket is.
    TicketState, "state of a ticket", {
        /// Nobody works on it.
        New = "new",
        /// Somebody works on it.
        InProgress = "in_progress",
        /// It waits for something, see `hold_reason`.
        OnHold = "on_hold",
        /// Done, see `resolution_code`; may be reopened.
        Resolved = "resolved",
        /// Done for good.
        Closed = "closed",
        /// Not needed.
        Canceled = "canceled",
    }
}

words! {
    /// What a ticket waits for.
    HoldReason, "reason to hold a ticket", {
        /// The customer.
        Customer = "customer",
        /// Spare parts.
        Parts = "parts",
        /// Access to the machine.
        Access = "access",
        /// Somebody else.
        ThirdParty = "third_party",
    }
}

words! {
    /// How a ticket was resolved.
    ResolutionCode, "resolution code", {
        /// Repaired on site.
        Repaired = "repaired",
        /// A part was replaced.
        Replaced = "replaced",
        /// Settings were changed.
        Adjusted = "adjusted",
        /// Done from afar by commands.
        Remote = "remote",
        /// The machine was well again by itself: its alarms cleared.
        SelfCleared = "self_cleared",
        /// Nothing was wrong.
        NoFaultFound = "no_fault_found",
        /// Used wrongly.
        Operation = "operation",
    }
}

words! {
    /// How urgent a ticket is: from the alarm's severity and the machine's criticality.
    Priority, "priority", {
        /// At once.
        P1 = "P1",
        /// Today.
        P2 = "P2",
        /// Soon.
        P3 = "P3",
        /// At the next occasion.
        P4 = "P4",
    }
}

words! {
    /// What an alarm is to its ticket.
    AlarmRole, "role of an alarm", {
        /// The likely cause.
        Root = "root",
        /// What follows from it, as far as is known.
        Symptom = "symptom",
    }
}

words! {
    /// Why an alarm is the likely root of its ticket, or why it is on it.
    AlarmTie, "reason of an alarm's role", {
        /// Root: the ticket has no other cause.
        Only = "only",
        /// Root: contact is lost with the machine that connects others of them.
        GatewayLost = "gateway_lost",
        /// Root: contact with its machine is lost.
        ContactLost = "contact_lost",
        /// Root: its machine's power is lost.
        PowerLost = "power_lost",
        /// Root: it is the most severe.
        MostSevere = "most_severe",
        /// Root: it began first.
        Earliest = "earliest",
        /// Root: its machine connects others of them.
        Upstream = "upstream",
        /// Root: no more likely than others; one had to be named.
        Alike = "alike",
        /// Symptom: it has the same cause as another: the same machine, source and code.
        SameCause = "same_cause",
        /// Symptom: another alarm of its machine began shortly before or after it.
        SameMachine = "same_machine",
        /// Symptom: others connected by the same machine, or that machine itself, have alarms.
        SameParent = "same_parent",
        /// Symptom: several machines of its site have alarms.
        SameSite = "same_site",
        /// A person has put it there.
        ByHand = "by_hand",
    }
}

impl AlarmTie {
    /// The reason in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Only => "the ticket has no other cause",
            Self::GatewayLost => "contact is lost with the machine that connects others of them",
            Self::ContactLost => "contact with its machine is lost",
            Self::PowerLost => "its machine's power is lost",
            Self::MostSevere => "it is the most severe of them",
            Self::Earliest => "it began first",
            Self::Upstream => "its machine connects others of them",
            Self::Alike => "no more likely than others; one had to be named",
            Self::SameCause => "it has the same machine, source and code as another",
            Self::SameMachine => "it began shortly before or after another alarm of its machine",
            Self::SameParent => {
                "machines connected by the same one, or that one itself, have alarms"
            }
            Self::SameSite => "several machines of its site have alarms",
            Self::ByHand => "a person has put it there",
        }
    }
}

words! {
    /// Which tickets are wanted.
    TicketStateFilter, "state of a ticket", {
        /// Not resolved, closed or canceled.
        Open = "open",
        /// Nobody works on it.
        New = "new",
        /// Somebody works on it.
        InProgress = "in_progress",
        /// It waits.
        OnHold = "on_hold",
        /// Done.
        Resolved = "resolved",
        /// Done for good.
        Closed = "closed",
        /// Not needed.
        Canceled = "canceled",
    }
}

/// An alarm of a ticket, and what it is to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketAlarm {
    /// The alarm.
    pub id: AlarmId,
    /// Its machine.
    pub machine_id: MachineId,
    /// What it is to the ticket.
    pub role: AlarmRole,
    /// Why.
    pub reason: AlarmTie,
    /// The same in words.
    pub because: String,
    /// Whether it is active now.
    pub active: bool,
    /// Where it comes from.
    pub origin: AlarmOrigin,
    /// The component; empty for the machine as a whole.
    pub source: String,
    /// The fault's code, the rule's id, or `contact_lost`.
    pub code: String,
    /// How bad it is now.
    pub severity: Severity,
    /// For people: the machine's own words, or the rule's.
    pub message: String,
    /// When it was raised, in event time.
    pub raised_at: Timestamp,
    /// The machine's name now; left out when the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_name: Option<String>,
}

/// Takes alarms out of a ticket, into one of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitTicket {
    /// Alarms of the ticket, 1 to 200, each once; at least one must stay.
    pub alarm_ids: Vec<AlarmId>,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// Its short number, such as `T-1042`.
    pub number: String,
    /// Whose machine.
    pub organization_id: OrganizationId,
    /// The machine.
    pub machine_id: MachineId,
    /// What it is about.
    pub title: String,
    /// More about it.
    pub description: String,
    /// Where it is.
    pub state: TicketState,
    /// What it waits for.
    pub hold_reason: Option<HoldReason>,
    /// How it was resolved.
    pub resolution_code: Option<ResolutionCode>,
    /// How it was resolved, in words.
    pub resolution: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// Who works on it.
    pub assignee_id: Option<UserId>,
    /// Who opened it; the platform, when an alarm did.
    pub opened_by: ActorRef,
    /// How often it was reopened.
    pub reopened: i64,
    /// Alarms on it that are active now.
    pub active_alarms: i64,
    /// Alarms on it, ever.
    pub alarms: i64,
    /// Its alarms, the likely root first, then as they began, at most 200; `alarms` counts all of
    /// them. Only where one ticket is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_list: Option<Vec<TicketAlarm>>,
    /// States that it may go to now.
    pub next_states: Vec<TicketState>,
    /// What other systems call it: system → id.
    pub external_ids: BTreeMap<String, String>,
    /// Counts its changes; the `ETag`.
    pub version: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// When it was closed or canceled.
    pub closed_at: Option<Timestamp>,
    /// The machine's name now; left out when the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_name: Option<String>,
    /// The name of who works on it; left out when nobody does or it isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_name: Option<String>,
}

/// Opens a ticket by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTicket {
    /// The machine.
    pub machine_id: MachineId,
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 10,000 characters.
    #[serde(default)]
    pub description: String,
    /// `P3` when left out.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Who works on it.
    #[serde(default)]
    pub assignee_id: Option<UserId>,
    /// What other systems call it: system → id.
    #[serde(default)]
    pub external_ids: BTreeMap<String, String>,
}

/// Changes to a ticket; what is left out stays, null clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTicket {
    /// 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Up to 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Who works on it.
    #[serde(
        default,
        deserialize_with = "super::machines::given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<UserId>)]
    pub assignee_id: Option<Option<UserId>>,
    /// Replaces all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ids: Option<BTreeMap<String, String>>,
}

/// Moves a ticket to another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveTicket {
    /// Where to. `in_progress` from `resolved` or `closed` reopens it.
    pub to: TicketState,
    /// What it waits for: needed for `on_hold`, and only there.
    #[serde(default)]
    pub hold_reason: Option<HoldReason>,
    /// How it was resolved: needed for `resolved`, and only there.
    #[serde(default)]
    pub resolution_code: Option<ResolutionCode>,
    /// In words, 1 to 2,000 characters: how it was resolved, why it was canceled or reopened.
    #[serde(default)]
    pub comment: Option<String>,
}

/// Which tickets are wanted; all conditions hold. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketQuery {
    /// Of this machine, or with an alarm of it.
    pub machine_id: Option<MachineId>,
    /// `open`: not resolved, closed or canceled; or one state.
    pub state: Option<TicketStateFilter>,
    /// Of the person with this id; `me`: of the person who asks.
    pub assignee_id: Option<String>,
    /// Of this priority.
    pub priority: Option<Priority>,
    /// By its number, such as `T-1042`.
    pub number: Option<String>,
    /// `system:id`, as another system calls it.
    pub external_id: Option<String>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl TicketQuery {
    /// Which page of them is wanted.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// A comment on a ticket, or a note of the platform about what happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketComment {
    /// Its id.
    pub id: CommentId,
    /// Who wrote it.
    pub by: ActorRef,
    /// When.
    pub at: Timestamp,
    /// Null for a person's words; else what happened, such as `opened`, `alarm_joined`,
    /// `state_changed`, `reopened`, `command_issued`.
    pub note: Option<String>,
    /// A person's words.
    pub text: String,
    /// Parameters of the note.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

/// Writes a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteComment {
    /// 1 to 10,000 characters.
    pub text: String,
}

/// Values of one signal around the time a ticket was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceSeries {
    /// The signal.
    pub signal: String,
    /// Device time in Unix milliseconds, and the value: number, boolean, text or null.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub points: Vec<(i64, Value)>,
    /// Whether there were more points than are kept.
    pub cut: bool,
}

/// What was known when an alarm opened or reopened a ticket: copied, so that it stays when
/// samples are deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The alarm that it is about.
    pub alarm_id: AlarmId,
    /// When it was copied.
    pub taken_at: Timestamp,
    /// From when, device time.
    pub from: Timestamp,
    /// To when, device time.
    pub to: Timestamp,
    /// Samples around the alarm.
    pub series: Vec<EvidenceSeries>,
    /// The alarms that were active on the machine.
    #[schema(value_type = Vec<Object>)]
    pub active_alarms: Vec<Value>,
    /// Events that the machine had reported shortly before.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
    /// Versions: of the agent, its drivers, the machine's model, the rule.
    #[schema(value_type = Object)]
    pub versions: Map<String, Value>,
}

/// All evidence of a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceList {
    /// Oldest first.
    pub items: Vec<Evidence>,
}
