//! What comes out of a backtest.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::tickets::Priority;
use crate::ids::MachineId;
use crate::time::Timestamp;
use crate::wire::events::Severity;

/// What comes out of a backtest. By the engine that watches live, on the stored values in the order of
/// their times, with the machines' parameters and time zones as they are now, and without maintenance,
/// shelving and what people would have done. Live differs where values came late: no rule sees those
/// then, but a backtest does. Time passes as for machines that say that nothing older will come, up
/// to the last time that a machine has told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestResult {
    /// Of the rule.
    pub rule: BacktestRun,
    /// Of what it is compared with; null without a comparison.
    pub against: Option<BacktestRun>,
    /// Alarms that only one of the two would have raised; null without a comparison.
    pub differences: Option<BacktestDifferences>,
    /// Machines that the rule would watch but that were too many.
    pub machines_left_out: i64,
}

/// What one rule would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestRun {
    /// At all machines together.
    pub totals: BacktestTotals,
    /// At each.
    pub machines: Vec<BacktestMachine>,
    /// Known failures, by machine and time.
    pub failures: Vec<BacktestFailure>,
    /// How long the engine took, in milliseconds, without reading.
    pub engine_ms: f64,
}

/// Sums of a machine, or of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestTotals {
    /// Alarms that it would have raised.
    pub alarms: i64,
    /// Tickets that these would have opened, by the policy as it is now.
    pub tickets: i64,
    /// How often a ticket would have been reopened: that makes no new one.
    pub reopened: i64,
    /// How long an alarm would have been active, in seconds.
    pub in_alarm_s: f64,
    /// The same as a share of the time, 0 to 1; of all machines: their mean.
    pub in_alarm_share: f64,
    /// Values and events of the rule that were looked at.
    pub values: i64,
    /// Known failures; null when none were given.
    pub failures: Option<BacktestFailures>,
}

/// How known failures and alarms go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestFailures {
    /// Failures.
    pub known: i64,
    /// Of these, those with an alarm that was raised within `lead_s` before.
    pub announced: i64,
    /// Those without.
    pub missed: i64,
    /// Alarms with no failure within `lead_s` after their raise.
    pub alarms_without_failure: i64,
}

/// What a rule would have done at one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestMachine {
    /// The machine.
    pub machine_id: MachineId,
    /// Sums.
    pub totals: BacktestTotals,
    /// The first alarms, oldest first; `totals.alarms` counts all. One that was active already at
    /// the beginning is listed too, but not counted.
    pub alarms: Vec<BacktestAlarm>,
    /// The first tickets, oldest first; `totals.tickets` counts all.
    pub tickets: Vec<BacktestTicket>,
    /// Signals of the rule that the machine doesn't have.
    pub missing_signals: Vec<String>,
    /// The oldest value of the rule within the time.
    pub first_value_at: Option<Timestamp>,
    /// The newest.
    pub last_value_at: Option<Timestamp>,
    /// Why the rule would have been switched off; it wasn't followed any further then.
    pub failed: Option<String>,
}

/// An alarm that a rule would have raised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestAlarm {
    /// When it would have been raised, in event time.
    pub from: Timestamp,
    /// When it would have been cleared; null when it would still be active at the end.
    pub to: Option<Timestamp>,
    /// How bad at last.
    pub severity: Severity,
    /// How bad at worst.
    pub worst: Severity,
    /// For people.
    pub message: String,
    /// Values when it would have been raised.
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
}

/// A ticket that would have been opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestTicket {
    /// When.
    pub opened_at: Timestamp,
    /// How urgent, at last.
    pub priority: Priority,
    /// How often it would have been reopened.
    pub reopened: i64,
}

/// A known failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestFailure {
    /// At this machine.
    pub machine_id: MachineId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub name: Option<String>,
    /// When the first alarm that announces it would have been raised; null: it would have been missed.
    pub announced_at: Option<Timestamp>,
}

/// Alarms that only one of two rules would have raised: no alarm of the other would have been active
/// at any time of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestDifferences {
    /// How many only the tried rule would have raised.
    pub only_rule: i64,
    /// How many only what it is compared with would have raised.
    pub only_against: i64,
    /// By machine; machines without any are left out.
    pub machines: Vec<BacktestDifference>,
    /// False when there were too many alarms to compare all of them.
    pub complete: bool,
}

/// The same at one machine: the first ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestDifference {
    /// The machine.
    pub machine_id: MachineId,
    /// Only by the tried rule.
    pub only_rule: Vec<BacktestSpan>,
    /// Only by what it is compared with.
    pub only_against: Vec<BacktestSpan>,
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestSpan {
    /// From then.
    pub from: Timestamp,
    /// Until then; of an alarm that is still active: the end of the backtest.
    pub to: Timestamp,
}
