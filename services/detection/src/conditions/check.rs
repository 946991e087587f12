//! Leaves as people write them, and the order of levels.

use chrono_tz::Tz;
use millwright_schemas::api::rules::{
    CountCondition, CountEach, Level, Limit, LocalTime, MissingCondition, MissingOf,
    OrderCondition, RateCondition, RatePer, RuleCondition, ScheduleCondition, SequenceCondition,
    StateCondition, StateValue, Weekday,
};
use millwright_schemas::limits::{
    RULE_COUNT_MAX, RULE_LEVELS_MAX, RULE_MISSING_S_MAX, RULE_MISSING_S_MIN, RULE_SEQUENCE_MAX,
    RULE_STATES_MAX, RULE_WINDOW_S_MAX, RULE_WINDOW_S_MIN, UNIT_MAX_CHARS,
};
use millwright_schemas::wire::events::Severity;

use super::compile::{Compiler, ROOT};
use super::count::{Count, What};
use super::missing::Missing;
use super::rate::Rate;
use super::rise::falls;
use super::schedule::Schedule;
use super::sequence::{Order, Sequence};
use super::states::States;
use super::tree::{Heard, Kind};
use super::value::Value;
use crate::bound::{BoundFields, Side};
use crate::hold::{Hold, micros};

impl Compiler<'_> {
    pub(super) fn rate(&mut self, it: &RateCondition, path: &str) -> Option<(Kind, Hold)> {
        self.unit(path, it.unit.as_deref());
        let fields = BoundFields {
            above: it.above.as_ref(),
            below: it.below.as_ref(),
            clear_at: it.clear_at.as_ref(),
        };
        let bound = self.bound(path, fields);
        let hold = self.hold(path, it.hold_s, it.clear_hold_s);
        let window_us = self.window(path, "window_s", it.window_s);
        if let Some(range) = it.wraps_at.filter(|range| !(range.is_finite() && *range > 0.0)) {
            self.refuse(format!("{path}.wraps_at"), format!("{range} is not above 0"));
        }
        let source = self.source(it.signal.as_str(), Heard::Signal);
        let per_us = match it.per {
            RatePer::Second => 1e6,
            RatePer::Minute => 60e6,
            RatePer::Hour => 3_600e6,
        };
        let rate = Rate { bound: bound?, window_us, per_us, wraps_at: it.wraps_at };
        Some((Kind::Rate { source, rate }, hold))
    }

    pub(super) fn count(&mut self, it: &CountCondition, path: &str) -> Option<(Kind, Hold)> {
        let hold = self.hold(path, 0.0, it.clear_hold_s);
        let window_us = self.window(path, "window_s", it.window_s);
        if !(1..=RULE_COUNT_MAX).contains(&it.at_least) {
            let message = format!("{} is not between 1 and {RULE_COUNT_MAX}", it.at_least);
            self.refuse(format!("{path}.at_least"), message);
        }
        let what = self.what(it, path);
        let source = self.source(it.signal.as_str(), Heard::Signal);
        let crossings = it.each == CountEach::Crossing;
        let at_least = it.at_least as usize;
        let count = Count { what: what?, crossings, at_least, window_us };
        Some((Kind::Count { source, count }, hold))
    }

    fn what(&mut self, it: &CountCondition, path: &str) -> Option<What> {
        for (field, limit) in [("above", &it.above), ("below", &it.below)] {
            let number = limit.as_ref().map(Limit::default_value);
            if let Some(number) = number.filter(|number| !number.is_finite()) {
                self.refuse(format!("{path}.{field}"), format!("{number} is not a finite number"));
            }
        }
        match (&it.above, &it.below, it.is.is_empty()) {
            (Some(limit), None, true) => Some(What::Beyond(Side::Above, self.around.number(limit))),
            (None, Some(limit), true) => Some(What::Beyond(Side::Below, self.around.number(limit))),
            (None, None, false) => Some(What::Is(self.values(path, "is", &it.is)?)),
            (None, None, true) => {
                self.refuse(format!("{path}.above"), "give above, below or is");
                None
            }
            _ => {
                let field = if it.is.is_empty() { "below" } else { "is" };
                self.refuse(format!("{path}.{field}"), "give one of above, below and is");
                None
            }
        }
    }

    pub(super) fn state(&mut self, it: &StateCondition, path: &str) -> Option<(Kind, Hold)> {
        let hold = self.hold(path, it.hold_s, it.clear_hold_s);
        let source = self.source(it.signal.as_str(), Heard::Signal);
        let (field, list, not) = match (it.is.is_empty(), it.is_not.is_empty()) {
            (false, true) => ("is", &it.is, false),
            (true, false) => ("is_not", &it.is_not, true),
            (true, true) => {
                self.refuse(format!("{path}.is"), "give is or is_not");
                return None;
            }
            (false, false) => {
                self.refuse(format!("{path}.is_not"), "give is or is_not, not both");
                return None;
            }
        };
        let states = States { values: self.values(path, field, list)?, not };
        Some((Kind::State { source, states }, hold))
    }

    pub(super) fn missing(&mut self, it: &MissingCondition, path: &str) -> Option<(Kind, Hold)> {
        let source = match (&it.signal, &it.event) {
            (Some(signal), None) => Some(self.source(signal.as_str(), Heard::Signal)),
            (None, Some(event)) => Some(self.source(event.as_str(), Heard::Event)),
            (Some(_), Some(_)) => {
                self.refuse(format!("{path}.event"), "give signal or event, not both");
                None
            }
            (None, None) => {
                self.refuse(format!("{path}.signal"), "give signal or event");
                None
            }
        };
        if it.event.is_some() && !it.is.is_empty() {
            self.refuse(format!("{path}.is"), "an event has no values");
        }
        if it.event.is_some() && it.of == MissingOf::Change {
            self.refuse(format!("{path}.of"), "an event has no values that could change");
        }
        let is = if it.is.is_empty() { Some(Vec::new()) } else { self.values(path, "is", &it.is) };
        let for_us = self.seconds(path, "for_s", it.for_s, RULE_MISSING_S_MIN, RULE_MISSING_S_MAX);
        let missing = Missing { for_us, is: is?, change: it.of == MissingOf::Change };
        Some((Kind::Missing { source: source?, missing }, Hold::default()))
    }

    pub(super) fn sequence(&mut self, it: &SequenceCondition, path: &str) -> Option<(Kind, Hold)> {
        let hold = self.hold(path, 0.0, it.clear_hold_s);
        let within_us = self.window(path, "within_s", it.within_s);
        let source = self.source(it.signal.as_str(), Heard::Signal);
        let field = format!("{path}.states");
        let length = it.states.len();
        if !(2..=RULE_SEQUENCE_MAX).contains(&length) {
            let message = format!("has {length} values; 2 to {RULE_SEQUENCE_MAX} are needed");
            self.refuse(&field, message);
            return None;
        }
        let kind = it.states[0].kind();
        for (place, state) in it.states.iter().enumerate() {
            if state.kind() != kind {
                self.refuse(format!("{field}[{place}]"), "is of another kind than the first");
                return None;
            }
            if place > 0 && it.states[place - 1] == *state {
                self.refuse(format!("{field}[{place}]"), "is the same as the one before");
                return None;
            }
        }
        let states = it.states.iter().map(Value::from).collect();
        Some((Kind::Sequence { source, sequence: Sequence { states, within_us } }, hold))
    }

    pub(super) fn order(&mut self, it: &OrderCondition, path: &str) -> Option<(Kind, Hold)> {
        let hold = self.hold(path, 0.0, it.clear_hold_s);
        let source = self.source(it.signal.as_str(), Heard::Signal);
        let from: Vec<StateValue> = it.allowed.iter().map(|change| change.from.clone()).collect();
        let mut allowed = Vec::new();
        let from = self.values(path, "allowed", &from)?;
        for (place, (change, from)) in it.allowed.iter().zip(from).enumerate() {
            let to = format!("allowed[{place}].to");
            let listed =
                if change.to.is_empty() { Vec::new() } else { self.values(path, &to, &change.to)? };
            if change.to.iter().any(|to| to.kind() != change.from.kind()) {
                self.refuse(format!("{path}.{to}"), "is of another kind than from");
                return None;
            }
            allowed.push((from, listed));
        }
        Some((Kind::Order { source, order: Order { allowed } }, hold))
    }

    pub(super) fn schedule(&mut self, it: &ScheduleCondition, path: &str) -> Option<(Kind, Hold)> {
        let (from, to) = (it.from.unwrap_or(LocalTime::MIDNIGHT), it.to.unwrap_or(LocalTime::END));
        if from == LocalTime::END {
            self.refuse(format!("{path}.from"), "24:00 is the end of a day; give 00:00");
        }
        if from == to {
            self.refuse(format!("{path}.to"), format!("is {to}, as from: no time lies between"));
        }
        let mut weekdays = [it.weekdays.is_empty(); 7];
        for day in &it.weekdays {
            let place = Weekday::ALL.iter().position(|known| known == day);
            if let Some(on) = place.and_then(|place| weekdays.get_mut(place)) {
                *on = true;
            }
        }
        let zone = match &it.time_zone {
            None => self.around.time_zone.as_deref().and_then(|zone| zone.parse().ok()),
            Some(zone) => {
                let parsed = zone.parse::<Tz>().ok();
                if parsed.is_none() {
                    let shown: String = zone.chars().take(64).collect();
                    let message = format!("{shown:?} is not a time zone such as \"Europe/Berlin\"");
                    self.refuse(format!("{path}.time_zone"), message);
                }
                parsed
            }
        };
        let (from, to) = (from.minutes(), to.minutes());
        let to = if to > from { to } else { to + LocalTime::END.minutes() };
        let zone = zone.unwrap_or(Tz::UTC);
        let schedule = Schedule { weekdays, from, to, zone, outside: it.outside };
        Some((Kind::Schedule(schedule), Hold::default()))
    }

    pub(super) fn unit(&mut self, path: &str, unit: Option<&str>) {
        let Some(unit) = unit else { return };
        let length = unit.chars().count();
        if !(1..=UNIT_MAX_CHARS).contains(&length) {
            let message = format!("has {length} characters; 1 to {UNIT_MAX_CHARS} are needed");
            self.refuse(format!("{path}.unit"), message);
        }
    }

    fn window(&mut self, path: &str, field: &str, seconds: f64) -> i64 {
        self.seconds(path, field, seconds, RULE_WINDOW_S_MIN, RULE_WINDOW_S_MAX)
    }

    fn seconds(&mut self, path: &str, field: &str, seconds: f64, least: f64, most: f64) -> i64 {
        if !(least..=most).contains(&seconds) {
            let message = format!("{seconds} is not between {least} and {most} seconds");
            self.refuse(format!("{path}.{field}"), message);
        }
        micros(seconds)
    }

    /// Values of one kind, each once.
    fn values(&mut self, path: &str, field: &str, list: &[StateValue]) -> Option<Vec<Value>> {
        let field = format!("{path}.{field}");
        let length = list.len();
        if !(1..=RULE_STATES_MAX).contains(&length) {
            let message = format!("has {length} values; 1 to {RULE_STATES_MAX} are needed");
            self.refuse(field, message);
            return None;
        }
        for (place, value) in list.iter().enumerate() {
            if value.kind() != list[0].kind() {
                self.refuse(format!("{field}[{place}]"), "is of another kind than the first");
                return None;
            }
            if list[..place].contains(value) {
                self.refuse(format!("{field}[{place}]"), format!("{value} is there already"));
                return None;
            }
        }
        Some(list.iter().map(Value::from).collect())
    }

    /// Levels rise: in severity, and in their figures where they are of the same form.
    pub(super) fn check_levels(&mut self, levels: &[Level], severity: Severity) {
        let field = format!("{ROOT}.levels");
        let length = levels.len();
        if !(2..=RULE_LEVELS_MAX).contains(&length) {
            let message = format!("has {length} levels; 2 to {RULE_LEVELS_MAX} are needed");
            self.refuse(&field, message);
        }
        for (place, level) in levels.iter().enumerate() {
            let word = level.severity.as_str();
            let at = format!("{field}[{place}]");
            if level.severity == Severity::Indeterminate {
                self.refuse(format!("{at}.severity"), format!("{word:?} is not allowed"));
            }
            let Some(before) = place.checked_sub(1).and_then(|before| levels.get(before)) else {
                continue;
            };
            if rank(level.severity) <= rank(before.severity) {
                let lower = before.severity.as_str();
                let message = format!("{word} is not more severe than {lower} before it");
                self.refuse(format!("{at}.severity"), message);
            }
            self.check_rise(&at, &levels[..place], &level.condition);
        }
        let highest = levels.last().map(|level| level.severity);
        if let Some(highest) = highest.filter(|highest| *highest != severity) {
            let message = format!("must be {:?}, that of the last level", highest.as_str());
            self.refuse("severity", message);
        }
    }

    /// A level is harder to reach than all before it, as far as their forms tell.
    fn check_rise(&mut self, at: &str, before: &[Level], higher: &RuleCondition) {
        for (place, lower) in before.iter().enumerate().rev() {
            let falls = falls(&lower.condition, higher);
            let whose = if place + 1 == before.len() {
                "the level before".to_owned()
            } else {
                format!("levels[{place}]")
            };
            for (field, message) in &falls {
                self.refuse(format!("{at}.condition{field}"), format!("{message} of {whose}"));
            }
            if !falls.is_empty() {
                return;
            }
        }
    }
}

/// How bad a severity is.
pub(super) const fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 4,
        Severity::Major => 3,
        Severity::Minor => 2,
        Severity::Warning => 1,
        Severity::Indeterminate => 0,
    }
}
