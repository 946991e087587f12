//! Which signals a condition watches, and of which kinds they must be.

use millwright_schemas::SignalKind;
use millwright_schemas::api::rules::{AnomalyCondition, RuleCondition, StateValue};
use millwright_schemas::limits::RULE_WINDOW_S_MAX;

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

/// The types of reported events that a condition waits for, each once.
#[must_use]
pub fn events(condition: &RuleCondition) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    walk(condition, ROOT, &mut |leaf, _| {
        if let RuleCondition::Missing(it) = leaf
            && let Some(event) = &it.event
            && !found.iter().any(|known| known == event.as_str())
        {
            found.push(event.as_str().to_owned());
        }
    });
    found
}

/// Whether a rule with this condition learns.
#[must_use]
pub fn learns(condition: &RuleCondition) -> bool {
    learning(condition).is_some()
}

/// How many signals a rule with this condition learns; they come first among what it hears.
#[must_use]
pub fn count_learned(condition: &RuleCondition) -> usize {
    learning(condition).map_or(0, |(what, _)| what.signals.len())
}

/// Of a rule that learns: what, and while which condition.
pub(crate) fn learning(
    condition: &RuleCondition,
) -> Option<(&AnomalyCondition, Option<&RuleCondition>)> {
    match condition {
        RuleCondition::Anomaly(it) => Some((it, None)),
        RuleCondition::While(of) => match &*of.condition {
            RuleCondition::Anomaly(it) => Some((it, Some(&*of.gate))),
            _ => None,
        },
        _ => None,
    }
}

/// How long what has been seen can matter to a condition, in seconds, beside the last value of each
/// signal: its windows and hold times.
#[must_use]
pub fn reach_s(condition: &RuleCondition) -> f64 {
    match condition {
        RuleCondition::Threshold(it) => it.hold_s + it.clear_hold_s,
        RuleCondition::Rate(it) => it.window_s + it.hold_s + it.clear_hold_s,
        RuleCondition::Deviation(it) => it.hold_s + it.clear_hold_s,
        RuleCondition::Count(it) => it.window_s + it.clear_hold_s,
        RuleCondition::State(it) => it.hold_s + it.clear_hold_s,
        RuleCondition::Missing(it) => it.for_s,
        RuleCondition::Sequence(it) => it.within_s + it.clear_hold_s,
        RuleCondition::Order(it) => it.clear_hold_s,
        RuleCondition::Schedule(_) => 0.0,
        // It learns first: a week, as far as anything can look.
        RuleCondition::Anomaly(it) => RULE_WINDOW_S_MAX + it.clear_hold_s,
        RuleCondition::All(group) | RuleCondition::Any(group) => {
            longest(group.conditions.iter()) + group.hold_s + group.clear_hold_s
        }
        RuleCondition::While(of) => reach_s(&of.gate) + reach_s(&of.condition),
        RuleCondition::Levels(of) => longest(of.levels.iter().map(|level| &level.condition)),
    }
}

fn longest<'a>(conditions: impl Iterator<Item = &'a RuleCondition>) -> f64 {
    conditions.map(reach_s).fold(0.0, f64::max)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_tells_its_events_and_how_far_back_it_looks() {
        let condition = json!({"kind": "while",
        "while": {"kind": "state", "signal": "on", "is": [true], "hold_s": 5},
        "condition": {"kind": "any", "hold_s": 10, "clear_hold_s": 1, "conditions": [
            {"kind": "rate", "signal": "t", "per": "minute", "window_s": 60, "above": 1,
                "hold_s": 30},
            {"kind": "missing", "event": "lift.call", "for_s": 40},
            {"kind": "missing", "event": "lift.call", "for_s": 50},
            {"kind": "missing", "signal": "t", "for_s": 7}
        ]}});
        let condition = serde_json::from_value(condition).unwrap();
        assert_eq!(events(&condition), ["lift.call"]);
        assert_eq!(reach_s(&condition), 5.0 + 90.0 + 11.0);
        let levels = json!({"kind": "levels", "levels": [
            {"severity": "minor",
             "condition": {"kind": "threshold", "signal": "t", "above": 1, "hold_s": 9}},
            {"severity": "major",
             "condition": {"kind": "threshold", "signal": "t", "above": 2, "clear_hold_s": 4}}
        ]});
        let levels = serde_json::from_value(levels).unwrap();
        assert_eq!((events(&levels), reach_s(&levels)), (Vec::new(), 9.0));
    }
}
