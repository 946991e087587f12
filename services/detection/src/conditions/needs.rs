//! Which signals a condition watches, and of which kinds they must be.

use millwright_schemas::SignalKind;
use millwright_schemas::api::rules::{RuleCondition, StateValue};

use super::compile::ROOT;

/// A signal that a condition watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The field of the rule that names it.
    pub field: String,
    /// Its name.
    pub signal: String,
    /// The kind that it must be of; `None`: any.
    pub kind: Option<SignalKind>,
    /// The unit that it must have if it has one, with the field that says so.
    pub unit: Option<(String, String)>,
}

/// The signals that a condition watches, in the order in which it names them.
#[must_use]
pub fn needs(condition: &RuleCondition) -> Vec<Need> {
    let mut found = Vec::new();
    walk(condition, ROOT, &mut |condition, path| leaf(condition, path, &mut found));
    found
}

/// What alarms of this condition are about: the first signal or event that it watches, that of a
/// condition before that of its `while`.
#[must_use]
pub fn subject(condition: &RuleCondition) -> &str {
    find_subject(condition).unwrap_or("")
}

fn find_subject(condition: &RuleCondition) -> Option<&str> {
    match condition {
        RuleCondition::Threshold(it) => Some(it.signal.as_str()),
        RuleCondition::Rate(it) => Some(it.signal.as_str()),
        RuleCondition::Deviation(it) => Some(it.signal.as_str()),
        RuleCondition::Count(it) => Some(it.signal.as_str()),
        RuleCondition::State(it) => Some(it.signal.as_str()),
        RuleCondition::Sequence(it) => Some(it.signal.as_str()),
        RuleCondition::Order(it) => Some(it.signal.as_str()),
        RuleCondition::Missing(it) => {
            let signal = it.signal.as_ref().map(|signal| signal.as_str());
            signal.or_else(|| it.event.as_ref().map(|event| event.as_str()))
        }
        RuleCondition::Schedule(_) => None,
        RuleCondition::All(group) | RuleCondition::Any(group) => {
            group.conditions.iter().find_map(find_subject)
        }
        RuleCondition::While(of) => find_subject(&of.condition).or_else(|| find_subject(&of.gate)),
        RuleCondition::Levels(of) => {
            of.levels.iter().find_map(|level| find_subject(&level.condition))
        }
        RuleCondition::Anomaly(it) => it.signals.first().map(|signal| signal.as_str()),
    }
}

/// Goes through a condition's leaves in the order in which they are compiled.
pub(crate) fn walk<'a>(
    condition: &'a RuleCondition,
    path: &str,
    see: &mut impl FnMut(&'a RuleCondition, &str),
) {
    match condition {
        RuleCondition::All(group) | RuleCondition::Any(group) => {
            for (place, child) in group.conditions.iter().enumerate() {
                walk(child, &format!("{path}.conditions[{place}]"), see);
            }
        }
        RuleCondition::While(of) => {
            walk(&of.gate, &format!("{path}.while"), see);
            walk(&of.condition, &format!("{path}.condition"), see);
        }
        RuleCondition::Levels(of) => {
            for (place, level) in of.levels.iter().enumerate() {
                walk(&level.condition, &format!("{path}.levels[{place}].condition"), see);
            }
        }
        leaf => see(leaf, path),
    }
}

fn leaf(condition: &RuleCondition, path: &str, found: &mut Vec<Need>) {
    let number = Some(SignalKind::Number);
    let mut need = |field: &str, signal: &str, kind, unit: Option<&String>| {
        found.push(Need {
            field: format!("{path}.{field}"),
            signal: signal.to_owned(),
            kind,
            unit: unit.map(|unit| (format!("{path}.unit"), unit.clone())),
        });
    };
    match condition {
        RuleCondition::Threshold(it) => {
            need("signal", it.signal.as_str(), number, it.unit.as_ref());
        }
        RuleCondition::Rate(it) => need("signal", it.signal.as_str(), number, it.unit.as_ref()),
        RuleCondition::Deviation(it) => {
            need("signal", it.signal.as_str(), number, it.unit.as_ref());
            need("from", it.from.as_str(), number, it.unit.as_ref());
        }
        RuleCondition::Count(it) => {
            let limited = it.above.is_some() || it.below.is_some();
            let kind = if limited { number } else { kind_of(it.is.first()) };
            need("signal", it.signal.as_str(), kind, None);
        }
        RuleCondition::State(it) => {
            let kind = kind_of(it.is.first().or_else(|| it.is_not.first()));
            need("signal", it.signal.as_str(), kind, None);
        }
        RuleCondition::Missing(it) => {
            if let Some(signal) = &it.signal {
                need("signal", signal.as_str(), kind_of(it.is.first()), None);
            }
        }
        RuleCondition::Sequence(it) => {
            need("signal", it.signal.as_str(), kind_of(it.states.first()), None);
        }
        RuleCondition::Order(it) => {
            let kind = kind_of(it.allowed.first().map(|change| &change.from));
            need("signal", it.signal.as_str(), kind, None);
        }
        RuleCondition::Anomaly(it) => {
            for (place, signal) in it.signals.iter().enumerate() {
                need(&format!("signals[{place}]"), signal.as_str(), number, None);
            }
        }
        RuleCondition::Schedule(_)
        | RuleCondition::All(_)
        | RuleCondition::Any(_)
        | RuleCondition::While(_)
        | RuleCondition::Levels(_) => {}
    }
}

fn kind_of(value: Option<&StateValue>) -> Option<SignalKind> {
    value.map(StateValue::kind)
}
