//! Rules on the machine: what the platform gives an agent to watch, and what the agent says of it.
//!
//! The platform sends one signed document on `down/config`, like an order: a compact JWS with
//! [`CONFIG_TYP`](super::command::CONFIG_TYP). The agent keeps it, watches with it whether it is
//! connected or not, and tells by `rules.applied` which version it has.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::fault::Severity;
use crate::api::rules::{Parameters, Rule, RuleCondition, locate};
use crate::ids::{MachineId, OrganizationId, RuleId};
use crate::limits::{RULE_PROBLEM_MAX_BYTES, RULE_PROBLEMS_TOLD_MAX};
use crate::time::Timestamp;
use crate::words::words;

/// Claims of a machine's rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigClaims {
    /// The machine that they are for; no other takes them.
    pub aud: MachineId,
    /// Unix seconds of the signing.
    pub iat: i64,
    /// Counts the machine's documents upwards; one that is not above the one held is ignored.
    pub version: u64,
    /// All rules that the machine is to watch, at most 100. One that an agent can't read is refused
    /// by itself: it may be of a newer platform.
    #[schemars(with = "Vec<GivenRule>")]
    pub rules: Vec<Value>,
    /// The machine's own limits, to which rules refer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, f64>")]
    pub parameters: Parameters,
    /// IANA time zone of its site; UTC when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A rule as a machine gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GivenRule {
    /// Its id.
    pub id: RuleId,
    /// Which version of it.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// What it watches, as in the REST API.
    #[schemars(with = "Map<String, Value>")]
    pub condition: RuleCondition,
    /// Of its alarms.
    pub severity: Severity,
    /// Message of its alarms; made from the condition when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl From<&Rule> for GivenRule {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            version: rule.version,
            name: rule.name.clone(),
            condition: rule.condition.clone(),
            severity: rule.severity,
            message: rule.message.clone(),
        }
    }
}

impl GivenRule {
    /// Reads a rule of a document.
    ///
    /// # Errors
    /// What is wrong with its form, and where.
    pub fn read(value: &Value) -> Result<Self, String> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let text = error.inner().to_string();
            match locate(&error.path().to_string(), &text) {
                (place, message) if place == "." => message.to_owned(),
                (place, message) => format!("{place}: {message}"),
            }
        })
    }

    /// The rule for this machine, as the detection takes it. Whose it is, and when it was made, the
    /// machine needn't know.
    #[must_use]
    pub fn into_rule(self, machine: MachineId) -> Rule {
        let never = Timestamp::from_micros(0);
        Rule {
            id: self.id,
            organization_id: OrganizationId(Uuid::nil()),
            name: self.name,
            machine_id: Some(machine),
            model: None,
            condition: self.condition,
            severity: self.severity,
            message: self.message,
            enabled: true,
            version: self.version,
            created_at: never,
            updated_at: never,
        }
    }
}

/// Data of `rules.applied`: the agent watches by this document now. Sent when it has taken a
/// document, and again when a rule of it has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulesApplied {
    /// The document's version.
    pub version: u64,
    /// How many rules watch.
    pub watching: u32,
    /// Rules that don't watch on the machine, at most 100. The platform watches them all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRule>,
}

/// A rule that doesn't watch on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct RefusedRule {
    /// Which one.
    pub id: RuleId,
    /// Why not, for people: up to 3 texts of up to 120 bytes.
    pub problems: Vec<String>,
}

impl RefusedRule {
    /// With as much of the reasons as may be told.
    #[must_use]
    pub fn new(id: RuleId, problems: impl IntoIterator<Item = String>) -> Self {
        let mut refused = Self { id, problems: problems.into_iter().collect() };
        refused.cut();
        refused
    }

    /// Cuts the reasons down to what may be told.
    pub(crate) fn cut(&mut self) {
        self.problems.truncate(RULE_PROBLEMS_TOLD_MAX);
        for problem in &mut self.problems {
            problem.truncate(problem.floor_char_boundary(RULE_PROBLEM_MAX_BYTES));
        }
    }
}

words! {
    /// How an alarm on the machine changes.
    LocalChange, "change of an alarm", {
        /// It is active.
        Raised = "raised",
        /// It has another severity.
        Changed = "changed",
        /// It is over.
        Cleared = "cleared",
    }
}

/// Data of `alarm.local`: what the machine's own watching has found. The platform watches the same
/// samples itself; this is for the record of the machine and raises nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmLocal {
    /// The rule.
    pub rule: RuleId,
    /// Which version of it.
    pub rule_version: i64,
    /// What happened.
    pub change: LocalChange,
    /// Unix microseconds, in event time.
    pub at_us: i64,
    /// What the alarm is about: a signal, or an event's type.
    pub source: String,
    /// How bad it is; of `raised` and `changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// For people; of `raised` and `changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "0198b2c4-7c1e-7000-8000-000000000011";

    #[test]
    fn a_rule_goes_to_the_machine_and_back_unchanged_in_what_counts() {
        let value = json!({
            "id": ID, "version": 3, "name": "Too hot", "severity": "major",
            "condition": {"kind": "threshold", "signal": "t", "above": 80.3, "clear_at": 75.1},
        });
        let given = GivenRule::read(&value).unwrap();
        let machine = "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap();
        let rule = given.clone().into_rule(machine);
        assert_eq!((rule.machine_id, rule.version, rule.enabled), (Some(machine), 3, true));
        assert_eq!(GivenRule::from(&rule), given);
        let again = serde_json::to_string(&given).unwrap();
        assert_eq!(GivenRule::read(&serde_json::from_str(&again).unwrap()).unwrap(), given);
    }

    #[test]
    fn a_kind_of_condition_that_is_not_known_is_refused_with_its_name() {
        let value = json!({
            "id": ID, "version": 1, "name": "r", "severity": "major",
            "condition": {"kind": "telepathy", "signal": "t"},
        });
        let told = GivenRule::read(&value).unwrap_err();
        assert!(told.starts_with("condition.kind: unknown variant `telepathy`"), "{told}");
    }

    #[test]
    fn what_is_wrong_deep_in_a_condition_is_told_with_its_place() {
        let leaf = json!({"kind": "state", "signal": "t", "iz": [true]});
        let mut value = json!({
            "id": ID, "version": 1, "name": "r", "severity": "major",
            "condition": {"kind": "all", "conditions": [leaf]},
        });
        let told = GivenRule::read(&value).unwrap_err();
        let expected = "condition.conditions[0].iz: unknown field `iz`";
        assert!(told.starts_with(expected), "{told}");
        value["condition"] = json!(1);
        let told = GivenRule::read(&value).unwrap_err();
        assert!(told.starts_with("condition: invalid type: integer `1`"), "{told}");
    }

    #[test]
    fn reasons_are_cut_at_a_letter() {
        let refused = RefusedRule::new(ID.parse().unwrap(), vec!["ä".repeat(200); 9]);
        assert_eq!(refused.problems, vec!["ä".repeat(60); 3]);
    }
}
