//! Alarms of this machine's own watching.

use millwright_detection::rules::causes;
use millwright_detection::watch::{Change, Finding, Transition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::wire::rules::{AlarmLocal, LocalChange, RefusedRule};
use millwright_schemas::{RuleId, Timestamp};
use serde::{Deserialize, Serialize};

/// An alarm that is active here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAlarm {
    /// The rule.
    pub rule: RuleId,
    /// Which version of it.
    pub rule_version: i64,
    /// The rule's name.
    pub name: String,
    /// What it is about: a signal, or an event's type.
    pub source: String,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// Since when, in event time.
    pub since: Timestamp,
    /// The signals and events by which it was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// What is known of the rules here, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesShown {
    /// The version of the rules that the platform has given; 0: none.
    pub version: u64,
    /// How many rules watch.
    pub watching: u32,
    /// Rules that don't, with the reasons.
    pub refused: Vec<RefusedRule>,
    /// The alarms that are active.
    pub alarms: Vec<LocalAlarm>,
}

impl LocalAlarm {
    /// The alarm as it is after a change, which isn't its end. `before`: as it was.
    pub(crate) fn after(change: &Change, found: &Finding, before: Option<&Self>) -> Self {
        let rule = change.rule.rule();
        let since = match (&change.transition, before) {
            (Transition::Changed(_), Some(before)) => before.since,
            _ => found.at,
        };
        Self {
            rule: rule.id,
            rule_version: rule.version,
            name: rule.name.clone(),
            source: change.rule.source().to_owned(),
            severity: found.severity,
            message: found.message.clone(),
            since,
            causes: causes(&found.context),
        }
    }

    /// How its end is told.
    pub(crate) fn ended(&self, at: Timestamp) -> AlarmLocal {
        AlarmLocal {
            rule: self.rule,
            rule_version: self.rule_version,
            change: LocalChange::Cleared,
            at_us: at.micros(),
            source: self.source.clone(),
            severity: None,
            message: None,
        }
    }
}

/// How a change is told.
pub(crate) fn told(change: &Change) -> AlarmLocal {
    let rule = change.rule.rule();
    let (kind, found) = match &change.transition {
        Transition::Raised(found) => (LocalChange::Raised, Some(found)),
        Transition::Changed(found) => (LocalChange::Changed, Some(found)),
        Transition::Cleared { .. } => (LocalChange::Cleared, None),
    };
    AlarmLocal {
        rule: rule.id,
        rule_version: rule.version,
        change: kind,
        at_us: change.transition.at().micros(),
        source: change.rule.source().to_owned(),
        severity: found.map(|found| found.severity),
        message: found.map(|found| found.message.clone()),
    }
}
