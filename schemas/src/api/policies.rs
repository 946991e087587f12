//! Policies: how an organization wants alarms, tickets and commands to be handled.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::OrganizationId;
use crate::time::Timestamp;
use crate::wire::command::CommandClass;
use crate::wire::events::Severity;

/// How tickets are opened and resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TicketPolicy {
    /// Least severity of an alarm that opens a ticket: critical, major, minor or warning.
    pub open_from: Severity,
    /// Whether a ticket is resolved when its last alarm clears.
    pub resolve_when_cleared: bool,
    /// How long after it was resolved a ticket is reopened by an alarm with the same cause, in
    /// seconds, 0 to 2,592,000 (30 days). Later the alarm opens another one.
    pub reopen_within_s: i64,
    /// Whether diagnostics are collected from the machine when an alarm opens a ticket.
    pub collect_diagnostics: bool,
}

impl Default for TicketPolicy {
    fn default() -> Self {
        Self {
            open_from: Severity::Major,
            resolve_when_cleared: true,
            reopen_within_s: 86_400,
            collect_diagnostics: false,
        }
    }
}

/// What commands need. It narrows what machines' own policies allow, never widens it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommandPolicy {
    /// Classes whose commands a second person must approve.
    pub approval_required: Vec<CommandClass>,
    /// Classes whose commands are refused.
    pub forbidden: Vec<CommandClass>,
}

/// What an organization wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyInput {
    /// Tickets.
    pub tickets: TicketPolicy,
    /// Commands.
    pub commands: CommandPolicy,
}

/// A policy with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Tickets.
    pub tickets: TicketPolicy,
    /// Commands.
    pub commands: CommandPolicy,
    /// The organization whose it is: the asked one, or the nearest one above that has any; null
    /// for the defaults.
    pub from_organization_id: Option<OrganizationId>,
    /// Counts its changes; the `ETag`. 0: the organization has none of its own.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}
