//! Conditions in words, and what an alarm tells of its cause.

use std::fmt::Write as _;

use millwright_schemas::api::rules::{
    CountEach, DeviationMeasure, Limit, MissingOf, Rule, RuleCondition, ScheduleCondition,
    StateValue, ThresholdCondition,
};
use serde_json::{Map, Value};

use super::needs::{self, walk};
use super::tree::{Kind, Tree, TreeState};
use crate::threshold::Threshold;

/// Longest message that is made from a condition, in characters; what is beyond is cut.
const MESSAGE_MAX: usize = 500;
/// Causes that an alarm tells.
const CAUSES_MAX: usize = 8;

/// What an alarm's context calls the key of its message.
const MESSAGE_KEY: &str = "message_key";
/// The key of a message that was made from the conditions that were true.
pub(crate) const OF_CONDITION: &str = "condition";
/// The key of a message that was made from what a rule that learns has found.
pub(crate) const OF_ANOMALY: &str = "anomaly";

/// A context that also tells the key of its message, whose parameters are the rest of it, so that others
/// can say it in other languages. A rule's own message has none, nor has one of which nothing is known.
pub(crate) fn keyed(
    rule: &Rule,
    key: &'static str,
    mut context: Map<String, Value>,
) -> Map<String, Value> {
    if rule.message.is_none() && !context.is_empty() {
        context.insert(MESSAGE_KEY.to_owned(), key.into());
    }
    context
}

/// A condition in words, such as `spindle.temperature above 80 for 10 s`.
pub(crate) fn describe(condition: &RuleCondition) -> String {
    let text = say(condition);
    match text.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    }
}

fn say(condition: &RuleCondition) -> String {
    match condition {
        RuleCondition::Threshold(it) => {
            let side = side(it.above.as_ref(), it.below.as_ref());
            format!("{}{side}{}", it.signal, held(it.hold_s))
        }
        RuleCondition::Rate(it) => {
            let side = side(it.above.as_ref(), it.below.as_ref());
            let held = held(it.hold_s);
            format!("change of {}{side} a {} over {} s{held}", it.signal, it.per, it.window_s)
        }
        RuleCondition::Deviation(it) => {
            let percent = if it.measure == DeviationMeasure::Percent { " %" } else { "" };
            let limit = number(&it.above);
            let held = held(it.hold_s);
            format!("{} more than {limit}{percent} from {}{held}", it.signal, it.from)
        }
        RuleCondition::Count(it) => {
            let what = match it.is.as_slice() {
                [] => side(it.above.as_ref(), it.below.as_ref()),
                is => format!(" is {}", list(is)),
            };
            let each = if it.each == CountEach::Crossing { "times" } else { "samples" };
            let (n, window) = (it.at_least, it.window_s);
            format!("{}{what}, {n} {each} in {window} s", it.signal)
        }
        RuleCondition::State(it) if it.is.is_empty() => {
            format!("{} is not {}{}", it.signal, list(&it.is_not), held(it.hold_s))
        }
        RuleCondition::State(it) => {
            format!("{} is {}{}", it.signal, list(&it.is), held(it.hold_s))
        }
        RuleCondition::Missing(it) => {
            let name = needs::subject(condition);
            let of = if it.of == MissingOf::Change { "no change of" } else { "no" };
            let is = if it.is.is_empty() { String::new() } else { format!(" {}", list(&it.is)) };
            format!("{of} {name}{is} for {} s", it.for_s)
        }
        RuleCondition::Sequence(it) => {
            let states: Vec<String> = it.states.iter().map(ToString::to_string).collect();
            format!("{} {} within {} s", it.signal, states.join(" → "), it.within_s)
        }
        RuleCondition::Order(it) => format!("{} in an order that isn't allowed", it.signal),
        RuleCondition::Schedule(it) => schedule(it),
        RuleCondition::All(group) => join(&group.conditions, " and ") + &held(group.hold_s),
        RuleCondition::Any(group) => join(&group.conditions, " or ") + &held(group.hold_s),
        RuleCondition::While(of) => format!("{}, while {}", say(&of.condition), say(&of.gate)),
        RuleCondition::Levels(of) => {
            let level = |level: &millwright_schemas::api::rules::Level| {
                format!("{}: {}", level.severity.as_str(), say(&level.condition))
            };
            of.levels.iter().map(level).collect::<Vec<_>>().join("; ")
        }
        RuleCondition::Anomaly(it) => {
            let signals: Vec<&str> = it.signals.iter().map(|signal| signal.as_str()).collect();
            let together = if it.is_together() { " together" } else { "" };
            format!("{} unusual{together}", signals.join(", "))
        }
    }
}

fn join(conditions: &[RuleCondition], word: &str) -> String {
    let several = |condition: &RuleCondition| {
        matches!(condition, RuleCondition::All(_) | RuleCondition::Any(_) | RuleCondition::While(_))
    };
    let part = |condition: &RuleCondition| match several(condition) {
        true => format!("({})", say(condition)),
        false => say(condition),
    };
    conditions.iter().map(part).collect::<Vec<_>>().join(word)
}

fn side(above: Option<&Limit>, below: Option<&Limit>) -> String {
    let mut text = String::new();
    for (word, limit) in [("above", above), ("below", below)] {
        if let Some(limit) = limit {
            // Writing to a text can't fail.
            let _ = write!(text, " {word} {}", number(limit));
        }
    }
    text
}

fn number(limit: &Limit) -> String {
    match limit {
        Limit::Number(number) => number.to_string(),
        Limit::Parameter(of) => format!("its {}", of.parameter),
    }
}

fn held(hold_s: f64) -> String {
    if hold_s > 0.0 { format!(" for {hold_s} s") } else { String::new() }
}

fn list(values: &[StateValue]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn schedule(it: &ScheduleCondition) -> String {
    let days: Vec<&str> = it.weekdays.iter().map(|day| day.as_str()).collect();
    let mut text = if it.outside { "outside" } else { "on" }.to_owned();
    let _ =
        write!(text, " {}", if days.is_empty() { "all days".to_owned() } else { days.join(" ") });
    if let Some(from) = it.from {
        let _ = write!(text, " from {from}");
    }
    if let Some(to) = it.to {
        let _ = write!(text, " to {to}");
    }
    text
}

/// What an alarm tells of its cause: the leaves that are on, the first of them by itself.
pub(crate) fn context(
    condition: &RuleCondition,
    tree: &Tree,
    state: &TreeState,
    level: usize,
) -> Map<String, Value> {
    let mut leaves = Vec::new();
    walk(condition, "", &mut |leaf, _| leaves.push(leaf));
    let first = level.checked_sub(1).map_or(0, |before| tree.levels[before].1 + 1);
    let on = (first..=tree.levels[level].1).filter(|place| {
        let cause = !matches!(
            tree.nodes[*place].kind,
            Kind::All(_)
                | Kind::Any(_)
                | Kind::Gate { .. }
                | Kind::While { .. }
                | Kind::Schedule(_)
        );
        cause && state.is_on(*place)
    });
    let mut causes: Vec<Map<String, Value>> = on
        .take(CAUSES_MAX)
        .filter_map(|place| {
            let leaf = leaves.get(tree.nodes[place].leaf)?;
            Some(cause(leaf, &tree.nodes[place].kind, state.nodes[place].value))
        })
        .collect();
    if causes.len() <= 1 {
        return causes.pop().unwrap_or_default();
    }
    let mut told = causes[0].clone();
    told.insert("causes".to_owned(), causes.into_iter().map(Value::Object).collect());
    told
}

/// What an alarm of a single threshold tells.
pub(crate) fn of_threshold(
    condition: &ThresholdCondition,
    threshold: &Threshold,
    value: f64,
) -> Map<String, Value> {
    Map::from_iter([
        ("signal".to_owned(), condition.signal.as_str().into()),
        ("value".to_owned(), value.into()),
        ("side".to_owned(), threshold.side().as_str().into()),
        ("limit".to_owned(), threshold.limit().into()),
        ("hold_s".to_owned(), condition.hold_s.into()),
    ])
}

/// What a leaf that is on says. `value`: the figure with which it was raised; not known of an
/// alarm that an earlier version of the rule has raised.
fn cause(leaf: &RuleCondition, kind: &Kind, value: Option<f64>) -> Map<String, Value> {
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| {
        told.insert(name.to_owned(), value);
    };
    if let RuleCondition::Missing(it) = leaf
        && it.signal.is_none()
    {
        tell("event", needs::subject(leaf).into());
    } else {
        tell("signal", needs::subject(leaf).into());
    }
    let mut figure = value.map(Value::from);
    match (leaf, kind) {
        (RuleCondition::Threshold(it), Kind::Threshold { bound, .. }) => {
            tell("side", bound.side.as_str().into());
            tell("limit", bound.limit.into());
            tell("hold_s", it.hold_s.into());
        }
        (RuleCondition::Rate(it), Kind::Rate { rate, .. }) => {
            tell("kind", "rate".into());
            tell("side", rate.bound.side.as_str().into());
            tell("limit", rate.bound.limit.into());
            tell("per", it.per.as_str().into());
            tell("window_s", it.window_s.into());
        }
        (RuleCondition::Deviation(it), Kind::Deviation { deviation, .. }) => {
            tell("kind", "deviation".into());
            tell("from", it.from.as_str().into());
            tell("limit", deviation.bound.limit.into());
            tell("measure", it.measure.as_str().into());
        }
        (RuleCondition::Count(it), _) => {
            tell("kind", "count".into());
            tell("limit", it.at_least.into());
            tell("window_s", it.window_s.into());
        }
        (RuleCondition::State(it), _) => {
            tell("kind", "state".into());
            tell("hold_s", it.hold_s.into());
            figure = value.filter(|_| !it.is.is_empty()).and_then(|place| {
                let place = it.is.iter().enumerate().find(|(n, _)| same(*n, place));
                serde_json::to_value(place?.1).ok()
            });
        }
        (RuleCondition::Missing(it), _) => {
            tell("kind", "missing".into());
            tell("for_s", it.for_s.into());
            figure = None;
        }
        (RuleCondition::Sequence(it), _) => {
            tell("kind", "sequence".into());
            figure = serde_json::to_value(&it.states).ok();
        }
        (RuleCondition::Order(_), _) => {
            tell("kind", "order".into());
            figure = None;
        }
        _ => {}
    }
    if let Some(figure) = figure {
        tell("value", figure);
    }
    told
}

#[allow(clippy::cast_precision_loss, clippy::float_cmp, reason = "small whole numbers")]
fn same(place: usize, figure: f64) -> bool {
    place as f64 == figure
}
