//! What a rule watches: one condition, or a tree of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limit::Limit;
use super::state_value::StateValue;
use super::week::{LocalTime, Weekday};
use crate::signal::SignalName;
use crate::wire::events::{EventType, Severity};
use crate::words::words;

/// What a rule watches. Times are the machine's; a value counts until the next sample of its
/// signal; a sample that is null or of bad quality interrupts a hold and raises or clears nothing.
// Read by `super::reading`, which has the kinds once more.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleCondition {
    /// A signal beyond a limit.
    Threshold(ThresholdCondition),
    /// A signal that changes faster, or slower, than a limit.
    Rate(RateCondition),
    /// Two signals that differ by more than a limit.
    Deviation(DeviationCondition),
    /// Something that happens too often.
    Count(CountCondition),
    /// A signal that has one of some values.
    State(StateCondition),
    /// Something that doesn't come.
    Missing(MissingCondition),
    /// A signal that takes values one after the other.
    Sequence(SequenceCondition),
    /// A signal that takes values in an order that isn't allowed.
    Order(OrderCondition),
    /// Times of the week.
    Schedule(ScheduleCondition),
    /// All of some conditions.
    All(GroupCondition),
    /// Any of some conditions.
    Any(GroupCondition),
    /// A condition that is watched only while another one holds.
    While(WhileCondition),
    /// Conditions of several severities; only as the outermost.
    Levels(LevelsCondition),
    /// Signals that aren't as they normally are; only as the outermost, or as what an outermost `while`
    /// watches.
    Anomaly(AnomalyCondition),
}

/// A signal beyond a limit, with hysteresis and hold times. Exactly one of `above` and `below`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdCondition {
    /// The signal, a number.
    pub signal: SignalName,
    /// The unit that the limits are in; refused when the signal has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Raised when the value is above this, for `hold_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Limit>,
    /// Raised when the value is below this, for `hold_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Limit>,
    /// Cleared when the value is back at this limit or on its good side, for `clear_hold_s`:
    /// at most `above`, at least `below`. The limit itself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_at: Option<Limit>,
    /// How long the value must be beyond the limit, in seconds of event time, 0 to 604,800.
    #[serde(default)]
    pub hold_s: f64,
    /// How long the value must be back, in seconds of event time, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// How fast a signal changes: the difference to its value `window_s` ago (the newest that is at
/// least so old), by the time between the two. Nothing is said before there is such a value.
/// Exactly one of `above` and `below`; a fall is a negative rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateCondition {
    /// The signal, a number.
    pub signal: SignalName,
    /// The unit of the signal; refused when it has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The time that a rate is given for.
    pub per: RatePer,
    /// Over how long it is measured, in seconds, 0.1 to 604,800. Exact to 1/32 of it.
    pub window_s: f64,
    /// Raised when the rate is above this, for `hold_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Limit>,
    /// Raised when the rate is below this, for `hold_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Limit>,
    /// Cleared when the rate is back at this limit or on its good side, for `clear_hold_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_at: Option<Limit>,
    /// For a counter: the number at which it begins at 0 again, such as 65,536. A fall by more
    /// than half of it counts on; a smaller one is a reset, with which measuring begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wraps_at: Option<f64>,
    /// How long the rate must be beyond the limit, in seconds, 0 to 604,800.
    #[serde(default)]
    pub hold_s: f64,
    /// How long the rate must be back, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// How far two signals are apart. Each counts until its next sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviationCondition {
    /// The signal, a number.
    pub signal: SignalName,
    /// What it is compared with, a number.
    pub from: SignalName,
    /// The unit of both; refused when one of them has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether the limits are in the signals' unit or in percent of `from`.
    #[serde(default = "absolute")]
    pub measure: DeviationMeasure,
    /// Raised when the distance, up or down, is above this, for `hold_s`. At least 0.
    pub above: Limit,
    /// Cleared when the distance is back at this, for `clear_hold_s`: at most `above`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_at: Option<Limit>,
    /// How long they must be apart, in seconds, 0 to 604,800.
    #[serde(default)]
    pub hold_s: f64,
    /// How long they must be together again, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// So many times within a while. What counts is said by exactly one of `above`, `below` and `is`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountCondition {
    /// The signal.
    pub signal: SignalName,
    /// Values above this count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Limit>,
    /// Values below this count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Limit>,
    /// These values count: 1 to 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<StateValue>,
    /// Whether every such sample counts, or only those with which it begins.
    #[serde(default = "sample")]
    pub each: CountEach,
    /// Raised when it happened so often within `window_s`: 1 to 100.
    pub at_least: u32,
    /// The while, in seconds, 0.1 to 604,800.
    pub window_s: f64,
    /// How long it must have been less often, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// A signal that has one of some values, or none of them. Exactly one of `is` and `is_not`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateCondition {
    /// The signal: a text, true or false, or a number.
    pub signal: SignalName,
    /// Raised when it has one of these values, for `hold_s`: 1 to 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<StateValue>,
    /// Raised when it has another value than these, for `hold_s`: 1 to 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is_not: Vec<StateValue>,
    /// How long it must have such a value, in seconds, 0 to 604,800.
    #[serde(default)]
    pub hold_s: f64,
    /// How long it must have another one, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// Something that must come at least every `for_s` and doesn't. Exactly one of `signal` and
/// `event`. Cleared when it comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingCondition {
    /// A signal. A sample that is null or of bad quality doesn't count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalName>,
    /// An event that the machine reports, by its type, such as `lift.test_call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub event: Option<EventType>,
    /// Only samples with these values count; any when left out. For a signal only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<StateValue>,
    /// What must come: a value, or another value than the last (a sensor that is stuck).
    #[serde(default = "value")]
    pub of: MissingOf,
    /// For how long it may be away, in seconds, 1 to 31,622,400 (366 days).
    pub for_s: f64,
}

/// A signal that takes these values in this order, others in between or not, from the first to
/// the last within `within_s`. Cleared when it has left the last one, for `clear_hold_s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceCondition {
    /// The signal.
    pub signal: SignalName,
    /// The values, 2 to 8; neighbours differ.
    pub states: Vec<StateValue>,
    /// The longest time from taking the first to taking the last, in seconds, 0.1 to 604,800.
    pub within_s: f64,
    /// How long it must have left the last one, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// A signal that changes from one of the listed values to one that may not follow it. From a value
/// that isn't listed any other may follow. Cleared by the next change that is allowed, for
/// `clear_hold_s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCondition {
    /// The signal.
    pub signal: SignalName,
    /// What may follow: 1 to 32, each value once.
    pub allowed: Vec<AllowedChange>,
    /// How long the order must be good again, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// What may follow a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowedChange {
    /// The value before.
    pub from: StateValue,
    /// The values that may follow it, up to 32.
    pub to: Vec<StateValue>,
}

/// Times of the week, by the local clock. By itself it is no cause for an alarm: use it in `all`
/// or `while`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleCondition {
    /// The days on which it begins; every day when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// From this time on, such as `08:00`; midnight when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<LocalTime>,
    /// Until this time, such as `17:30`; `24:00` when left out. A time before `from` is that of
    /// the day after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<LocalTime>,
    /// IANA time zone, such as `Europe/Berlin`; that of the machine's site when left out, UTC
    /// when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// True for all other times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
}

/// Some conditions, at most 32 in a rule, 5 deep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupCondition {
    /// The conditions, at least 1.
    #[schema(no_recursion)]
    pub conditions: Vec<RuleCondition>,
    /// How long it must be so, in seconds, 0 to 604,800.
    #[serde(default)]
    pub hold_s: f64,
    /// How long it must not be so, in seconds, 0 to 604,800.
    #[serde(default)]
    pub clear_hold_s: f64,
}

/// A condition that is watched only while another one holds. When that one ends, all that was
/// seen is forgotten and an alarm is cleared; when it begins, watching begins anew, with the values
/// that the signals have then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhileCondition {
    /// When it is watched.
    #[serde(rename = "while")]
    #[schema(no_recursion)]
    pub gate: Box<RuleCondition>,
    /// What is watched.
    #[schema(no_recursion)]
    pub condition: Box<RuleCondition>,
}

/// One alarm whose severity goes up and down: that of the highest level whose condition is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelsCondition {
    /// 2 to 4 levels, each more severe than the one before. The rule's own severity is that of
    /// the last.
    pub levels: Vec<Level>,
}

/// One severity of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The severity.
    pub severity: Severity,
    /// When it has this severity at least.
    #[schema(no_recursion)]
    pub condition: RuleCondition,
}

/// Signals that aren't as they normally are. What is normal is learned from the machine itself.
/// Raised when an incident begins, cleared when nothing has been unusual for `clear_hold_s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnomalyCondition {
    /// The signals, numbers: 1 to 20, each once. The first one is what the alarm is about.
    pub signals: Vec<SignalName>,
    /// Whether it is learned how the signals depend on each other (`true`, for 2 or more), or the
    /// course of each by itself (`false`). When left out: `true` for 2 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<bool>,
    /// How long the machine is taken as healthy: rows when `together`, else samples of each
    /// signal, every one as it comes; 50 to 10,000,000, of a signal by itself less than 150 has no
    /// effect. Nothing is said as long. When left out, a day, and 400 rows or 150 samples of which
    /// there is one a minute at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_rows: Option<u32>,
    /// How long nothing must have been unusual, in seconds of event time, 0 to 604,800.
    #[serde(default = "calm_s")]
    pub clear_hold_s: f64,
}

impl AnomalyCondition {
    /// Whether the signals are learned together.
    #[must_use]
    pub fn is_together(&self) -> bool {
        self.together.unwrap_or(self.signals.len() > 1)
    }
}

words! {
    /// The time that a rate is given for.
    RatePer, "time of a rate", {
        /// A second.
        Second = "second",
        /// A minute.
        Minute = "minute",
        /// An hour.
        Hour = "hour",
    }
}

words! {
    /// What a deviation is measured in.
    DeviationMeasure, "measure of a deviation", {
        /// The signals' unit.
        Absolute = "absolute",
        /// Percent of the signal that is compared with.
        Percent = "percent",
    }
}

words! {
    /// What counts.
    CountEach, "thing that counts", {
        /// Every sample.
        Sample = "sample",
        /// A sample that counts after one that didn't.
        Crossing = "crossing",
    }
}

words! {
    /// What must come.
    MissingOf, "thing that can be missing", {
        /// A value.
        Value = "value",
        /// Another value than the last.
        Change = "change",
    }
}

const fn absolute() -> DeviationMeasure {
    DeviationMeasure::Absolute
}

const fn sample() -> CountEach {
    CountEach::Sample
}

const fn calm_s() -> f64 {
    300.0
}

const fn value() -> MissingOf {
    MissingOf::Value
}

impl ThresholdCondition {
    /// A signal above a limit, without hysteresis and hold.
    pub fn above(signal: SignalName, limit: impl Into<Limit>) -> Self {
        Self { above: Some(limit.into()), ..Self::of(signal) }
    }

    /// A signal below a limit, without hysteresis and hold.
    pub fn below(signal: SignalName, limit: impl Into<Limit>) -> Self {
        Self { below: Some(limit.into()), ..Self::of(signal) }
    }

    fn of(signal: SignalName) -> Self {
        let (unit, above, below, clear_at) = (None, None, None, None);
        Self { signal, unit, above, below, clear_at, hold_s: 0.0, clear_hold_s: 0.0 }
    }
}

impl From<ThresholdCondition> for RuleCondition {
    fn from(condition: ThresholdCondition) -> Self {
        Self::Threshold(condition)
    }
}
