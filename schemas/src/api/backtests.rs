//! Backtests: a rule tried on what was stored, before it is switched on.

mod result;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit::ActorRef;
use super::rules::{RuleCondition, RuleInput};
use crate::ids::{BacktestId, MachineId, OrganizationId, RuleId};
use crate::time::Timestamp;
use crate::wire::events::Severity;
use crate::words::words;

pub use result::{
    BacktestAlarm, BacktestDifference, BacktestDifferences, BacktestFailure, BacktestFailures,
    BacktestMachine, BacktestResult, BacktestRun, BacktestSpan, BacktestTicket, BacktestTotals,
};

words! {
    /// Where a backtest is.
    BacktestState, "state of a backtest", {
        /// Waits for its turn.
        Queued = "queued",
        /// Reads and judges.
        Running = "running",
        /// Done. Final.
        Succeeded = "succeeded",
        /// Given up; `error` says why. Final.
        Failed = "failed",
        /// Canceled. Final.
        Canceled = "canceled",
    }
}

impl BacktestState {
    /// Whether nothing changes any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// A rule as in `POST /rules`, and what it is tried on. Without `backtest`: on the last 30 days of the
/// machines that it would watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestInput {
    /// 1 to 200 characters.
    pub name: String,
    /// Whose the rule is; the caller's organization when left out.
    #[serde(default)]
    pub organization_id: Option<OrganizationId>,
    /// The only machine it watches. Exactly one of `machine_id` and `model`.
    #[serde(default)]
    pub machine_id: Option<MachineId>,
    /// The model of the machines it watches.
    #[serde(default)]
    pub model: Option<String>,
    /// What it watches.
    pub condition: RuleCondition,
    /// Of its alarms: critical, major, minor, warning. With levels that of the last one.
    pub severity: Severity,
    /// Message of its alarms, 1 to 500 characters; made from the condition when left out.
    #[serde(default)]
    pub message: Option<String>,
    /// Doesn't matter: it is tried in any case.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it is tried on.
    #[serde(default)]
    pub backtest: BacktestOptions,
}

const fn yes() -> bool {
    true
}

impl BacktestInput {
    /// The rule, and what it is tried on.
    #[must_use]
    pub fn into_parts(self) -> (RuleInput, BacktestOptions) {
        let rule = RuleInput {
            name: self.name,
            organization_id: self.organization_id,
            machine_id: self.machine_id,
            model: self.model,
            condition: self.condition,
            severity: self.severity,
            message: self.message,
            enabled: self.enabled,
        };
        (rule, self.backtest)
    }
}

/// What a rule is tried on, and what it is compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestOptions {
    /// From this time on, by the machines' clocks; 30 days before `to` when left out.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Before this time; now when left out or later than now. At most 400 days after `from`.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// On these machines, 1 to 50, whether the rule would watch them or not; on those that it would
    /// watch when left out, the first 50 of them.
    #[serde(default)]
    pub machine_ids: Option<Vec<MachineId>>,
    /// A rule that is there, to compare with. At most one of `against_rule_id` and `against`.
    #[serde(default)]
    pub against_rule_id: Option<RuleId>,
    /// Its version; the newest when left out.
    #[serde(default)]
    pub against_version: Option<i64>,
    /// Another rule to compare with, on the same machines.
    #[serde(default)]
    pub against: Option<Box<RuleInput>>,
    /// What is known to have failed, at most 200: which of it would have been announced?
    #[serde(default)]
    pub known_failures: Vec<KnownFailure>,
    /// An alarm that is raised at most so long before a failure announces it, in seconds: 60 to
    /// 7,776,000 (90 days); 172,800 (48 hours) when left out.
    #[serde(default)]
    pub lead_s: Option<i64>,
    /// It is one of many while a rule is edited: it waits for no others but previews, takes 30 seconds at
    /// most, isn't listed, and is kept for an hour only.
    #[serde(default)]
    pub preview: bool,
}

/// Something that is known to have failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownFailure {
    /// At this machine, one of those that the rule is tried on.
    pub machine_id: MachineId,
    /// When: between `from` and `lead_s` after `to`.
    pub at: Timestamp,
    /// What, 1 to 100 characters.
    #[serde(default)]
    pub name: Option<String>,
}

/// A backtest. It is kept for 7 days, as a preview for an hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Backtest {
    /// Its id.
    pub id: BacktestId,
    /// Of who asked for it.
    pub organization_id: OrganizationId,
    /// Who did.
    pub created_by: ActorRef,
    /// Where it is.
    pub state: BacktestState,
    /// How much of it is done, 0 to 1.
    pub progress: f64,
    /// Values that were read so far.
    pub values: i64,
    /// Whether it is to be canceled and hasn't stopped yet.
    pub cancel_requested: bool,
    /// Why it was given up.
    pub error: Option<String>,
    /// The rule's name.
    pub name: String,
    /// What the rule watches.
    pub condition: RuleCondition,
    /// Whether it is one of many while a rule is edited, which aren't listed.
    pub preview: bool,
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
    /// The machines it is tried on.
    pub machine_ids: Vec<MachineId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun; the last time, if it had to be begun anew.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it is removed.
    pub expires_at: Timestamp,
    /// What came out. Not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<BacktestResult>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_rule_as_it_is_written_can_be_tried() {
        let rule = json!({"name": "Hot", "machine_id": "0198b2c4-7c1e-7000-8000-0123456789ab",
            "severity": "major", "message": "hot", "enabled": false,
            "condition": {"kind": "threshold", "signal": "t", "above": 80}});
        let rule: RuleInput = serde_json::from_value(rule).unwrap();
        // With all of its fields: one that only rules had would be refused here.
        let body = serde_json::to_value(&rule).unwrap();
        let (tried, options) = serde_json::from_value::<BacktestInput>(body).unwrap().into_parts();
        assert_eq!((tried, options), (rule, BacktestOptions::default()));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let body = json!({"name": "Hot", "model": "M", "severity": "major", "colour": "red",
            "condition": {"kind": "threshold", "signal": "t", "above": 80}});
        assert!(serde_json::from_value::<BacktestInput>(body).is_err());
        assert!(serde_json::from_value::<BacktestOptions>(json!({"form": null})).is_err());
    }
}
