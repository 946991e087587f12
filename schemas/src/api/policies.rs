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

/// Alarms that begin close together and share a cause go on one ticket: alarms of one machine, and
/// alarms of machines of one site, or connected by one machine, when several are concerned or the
/// connecting one itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupingPolicy {
    /// Whether alarms are grouped. If not, each cause has a ticket of its own.
    pub enabled: bool,
    /// How far apart in event time an alarm may begin from another one of its group, in seconds, 1
    /// to 1,800.
    pub window_s: i64,
    /// Machines that must be concerned within the window, 2 to 100, before those of one site or
    /// connected by one machine are grouped.
    pub machines: i64,
}

impl Default for GroupingPolicy {
    fn default() -> Self {
        Self { enabled: true, window_s: 120, machines: 3 }
    }
}

/// When an alarm that comes and goes counts as flapping: its ticket stays open until it is quiet,
/// and isn't told of each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlappingPolicy {
    /// Whether it is looked for.
    pub enabled: bool,
    /// It is raised more often than this within the period, 2 to 100.
    pub raises: i64,
    /// The period, in seconds, 60 to 86,400. Flapping ends when it wasn't raised for as long.
    pub period_s: i64,
}

impl Default for FlappingPolicy {
    fn default() -> Self {
        Self { enabled: true, raises: 5, period_s: 900 }
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

/// How long telemetry and events are kept, in days; what isn't given is kept for ever. A ticket's
/// evidence is a copy and stays. And from when on values as received are compressed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionPolicy {
    /// Values as they were received, 1 to 36,500.
    pub raw_days: Option<u32>,
    /// Values by minute, 1 to 36,500.
    pub minute_days: Option<u32>,
    /// Values by hour, 1 to 36,500.
    pub hour_days: Option<u32>,
    /// Events that machines have reported, domain events, and what late samples have shown of alarms, 1
    /// to 36,500. The audit log stays.
    pub event_days: Option<u32>,
    /// Numbers and booleans as they were received are compressed, by whole days (UTC), when the day
    /// ended so many days ago: 1 to 3,650; 7 if it isn't given, 0: never. They stay as they are for
    /// all who read them. Below `raw_days`, if that is given.
    pub compress_after_days: Option<u32>,
    /// For some signals otherwise; the first that fits a signal counts. At most 100.
    pub signals: Vec<SignalRetention>,
}

/// How long the values of some signals are kept, in place of what holds for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalRetention {
    /// A signal's name, or the start of names with `*` at its end.
    pub signal: String,
    /// Values as they were received, in days, 1 to 36,500; for ever if it isn't given.
    #[serde(default)]
    pub raw_days: Option<u32>,
    /// Values by minute, in days, 1 to 36,500; for ever if it isn't given.
    #[serde(default)]
    pub minute_days: Option<u32>,
    /// Values by hour, in days, 1 to 36,500; for ever if it isn't given.
    #[serde(default)]
    pub hour_days: Option<u32>,
    /// When values as they were received are compressed, in days, 1 to 3,650, 0: never; as for all
    /// signals if it isn't given.
    #[serde(default)]
    pub compress_after_days: Option<u32>,
}

/// When values are compressed if nobody says otherwise, in days.
pub const COMPRESS_AFTER_DAYS: u32 = 7;

impl RetentionPolicy {
    /// After how many days a signal's values are compressed; `None`: never.
    #[must_use]
    pub fn compress_after(&self, signal: &str) -> Option<u32> {
        let own = self.signals.iter().find(|own| own.fits(signal));
        let days = own.and_then(|own| own.compress_after_days).or(self.compress_after_days);
        Some(days.unwrap_or(COMPRESS_AFTER_DAYS)).filter(|days| *days > 0)
    }
}

impl SignalRetention {
    /// Whether it is about this signal.
    #[must_use]
    pub fn fits(&self, signal: &str) -> bool {
        match self.signal.strip_suffix('*') {
            Some(start) => signal.starts_with(start),
            None => signal == self.signal,
        }
    }
}

/// What an organization wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyInput {
    /// Tickets.
    pub tickets: TicketPolicy,
    /// Commands.
    pub commands: CommandPolicy,
    /// Stored data.
    pub retention: RetentionPolicy,
    /// Alarms with one cause.
    pub grouping: GroupingPolicy,
    /// Alarms that come and go.
    pub flapping: FlappingPolicy,
}

/// A policy with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Tickets.
    pub tickets: TicketPolicy,
    /// Commands.
    pub commands: CommandPolicy,
    /// Stored data.
    #[serde(default)]
    pub retention: RetentionPolicy,
    /// Alarms with one cause.
    #[serde(default)]
    pub grouping: GroupingPolicy,
    /// Alarms that come and go.
    #[serde(default)]
    pub flapping: FlappingPolicy,
    /// The organization whose it is: the asked one, or the nearest one above that has any; null
    /// for the defaults.
    pub from_organization_id: Option<OrganizationId>,
    /// Counts its changes; the `ETag`. 0: the organization has none of its own.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_fits_says_when_a_signal_is_compressed() {
        let policy: RetentionPolicy = serde_json::from_str(
            r#"{"compress_after_days": 30, "signals": [
                {"signal": "vibration.*", "compress_after_days": 1},
                {"signal": "vibration.x", "compress_after_days": 0},
                {"signal": "energy.total", "compress_after_days": 0},
                {"signal": "flow"}]}"#,
        )
        .unwrap();
        for (signal, days) in [
            ("vibration.x", Some(1)),
            ("energy.total", None),
            ("flow", Some(30)),
            ("load", Some(30)),
        ] {
            assert_eq!(policy.compress_after(signal), days, "{signal}");
        }
    }

    #[test]
    fn a_policy_of_before_there_was_compression_means_seven_days() {
        let policy: RetentionPolicy = serde_json::from_str(
            r#"{"raw_days": 90, "signals": [{"signal": "a", "raw_days": 14}]}"#,
        )
        .unwrap();
        assert_eq!(policy.compress_after("a"), Some(COMPRESS_AFTER_DAYS));
        assert_eq!(policy.compress_after("b"), Some(COMPRESS_AFTER_DAYS));
        let never = RetentionPolicy { compress_after_days: Some(0), ..policy };
        assert_eq!(never.compress_after("a"), None);
    }
}
