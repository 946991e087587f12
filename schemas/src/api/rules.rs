//! Rules: what the platform watches in machines' signals.

mod condition;
mod limit;
mod reading;
mod state_value;
mod week;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::PageQuery;
use crate::ids::{MachineId, OrganizationId, RuleId};
use crate::time::Timestamp;
use crate::wire::events::Severity;

pub use condition::{
    AllowedChange, AnomalyCondition, CountCondition, CountEach, DeviationCondition,
    DeviationMeasure, GroupCondition, Level, LevelsCondition, MissingCondition, MissingOf,
    OrderCondition, RateCondition, RatePer, RuleCondition, ScheduleCondition, SequenceCondition,
    StateCondition, ThresholdCondition, WhileCondition,
};
pub use limit::{
    InvalidParameterName, Limit, Parameter, ParameterName, ParameterValue, Parameters,
};
pub use reading::locate;
pub use state_value::StateValue;
pub use week::{InvalidLocalTime, LocalTime, Weekday};

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Its id; the `code` of its alarms.
    pub id: RuleId,
    /// Whose it is. It watches machines of this organization and all below it.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// The only machine it watches.
    pub machine_id: Option<MachineId>,
    /// The model of the machines it watches.
    pub model: Option<String>,
    /// What it watches.
    pub condition: RuleCondition,
    /// Of its alarms.
    pub severity: Severity,
    /// Message of its alarms; made from the condition when null.
    pub message: Option<String>,
    /// Whether it watches now.
    pub enabled: bool,
    /// Counts its changes; the `ETag`. Alarms tell by which version they were raised.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A new rule, or all of a changed one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleInput {
    /// 1 to 200 characters.
    pub name: String,
    /// Whose it is; the caller's organization when left out. Can't be changed.
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
    /// Whether it watches.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn yes() -> bool {
    true
}

/// Which rules are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuleQuery {
    /// For this machine, by itself or by its model.
    pub machine_id: Option<MachineId>,
    /// For this model.
    pub model: Option<String>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl RuleQuery {
    /// Which page of them is wanted.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// Over which alarms a rule's precision is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PrecisionQuery {
    /// Raised from this time on; 90 days before `to` when left out.
    pub from: Option<Timestamp>,
    /// Raised before this time; now when left out.
    pub to: Option<Timestamp>,
}

/// How good a rule is, as people have said of its alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RulePrecision {
    /// The rule.
    pub rule_id: RuleId,
    /// Of alarms that were raised from this time on, in event time.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
    /// Alarms, those included of which nobody has said anything.
    pub alarms: i64,
    /// Of these: something was wrong.
    pub real: i64,
    /// Nothing was wrong.
    pub nuisance: i64,
    /// It was right, but nobody had to act; they don't count for the precision.
    pub expected: i64,
    /// The share of real ones among real ones and nuisances, 0 to 1; null when there are none.
    pub precision: Option<f64>,
    /// The same for each version of the rule that has raised any of them, the newest first: whether a
    /// change has made it better. At most 20; those above count all.
    pub versions: Vec<VersionPrecision>,
}

/// How good one version of a rule is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionPrecision {
    /// The version that the rule had when it raised them.
    pub version: i64,
    /// Alarms, those included of which nobody has said anything.
    pub alarms: i64,
    /// Of these: something was wrong.
    pub real: i64,
    /// Nothing was wrong.
    pub nuisance: i64,
    /// It was right, but nobody had to act.
    pub expected: i64,
    /// The share of real ones among real ones and nuisances, 0 to 1; null when there are none.
    pub precision: Option<f64>,
}
