//! What is right, from all samples at once: tick by tick, each in three looks: what
//! lasts long enough, what else time changes, what samples say.
#![allow(clippy::unwrap_used, missing_docs)]

use millwright_schemas::api::rules::{
    CountCondition, CountEach, GroupCondition, Limit, MissingCondition, MissingOf, OrderCondition,
    RateCondition, RuleCondition, SequenceCondition, StateValue, WhileCondition,
};
use millwright_schemas::wire::events::Severity;

/// A sample of a signal as the model sees it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    look: usize,
    tick: i64,
    value: Option<StateValue>,
    /// It was there when watching began.
    carried: bool,
}

/// The samples of signals `s0`, `s1`…
pub(crate) type Trace = Vec<Vec<Seen>>;

/// From the old severity to the new one, with the time in ticks.
pub(crate) type Told = (Option<Severity>, Option<Severity>, i64);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Beyond,
    Between,
    Back,
    Unknown,
}

const LOOKS: usize = 3;
/// Ticks of a second.
pub(crate) const TICKS: i64 = 8;

fn tick(look: usize) -> i64 {
    i64::try_from(look / LOOKS).unwrap()
}

/// Samples in seconds, as the model sees them.
pub(crate) fn trace(signals: &[Vec<(i64, Option<StateValue>)>]) -> Trace {
    let seen = |(s, value): &(i64, Option<StateValue>)| {
        let look = usize::try_from(s * TICKS).unwrap() * LOOKS + 2;
        Seen { look, tick: s * TICKS, value: value.clone(), carried: false }
    };
    signals.iter().map(|samples| samples.iter().map(seen).collect()).collect()
}

/// All changes of the alarm up to a time in seconds.
pub(crate) fn changes(
    condition: &RuleCondition,
    severity: Severity,
    trace: &Trace,
    end_s: usize,
) -> Vec<Told> {
    let looks = 0..end_s * usize::try_from(TICKS).unwrap() * LOOKS;
    let levels: Vec<(Severity, Vec<bool>)> = match condition {
        RuleCondition::Levels(of) => {
            let level = |it: &millwright_schemas::api::rules::Level| {
                (it.severity, on(&it.condition, trace, looks.clone()))
            };
            of.levels.iter().map(level).collect()
        }
        condition => vec![(severity, on(condition, trace, looks.clone()))],
    };
    let mut told: Vec<Told> = Vec::new();
    for look in looks {
        let top = levels.iter().rev().find(|(_, on)| on[look]).map(|(severity, _)| *severity);
        let before = told.last().and_then(|(_, to, _)| *to);
        if before != top {
            told.push((before, top, tick(look)));
        }
    }
    told
}

type Looks = std::ops::Range<usize>;

/// Whether a condition is on, at each look.
fn on(condition: &RuleCondition, trace: &Trace, looks: Looks) -> Vec<bool> {
    match condition {
        RuleCondition::All(group) => grouped(group, trace, looks, |on| on.iter().all(|on| *on)),
        RuleCondition::Any(group) => grouped(group, trace, looks, |on| on.iter().any(|on| *on)),
        RuleCondition::While(of) => gated(of, trace, looks),
        leaf => {
            let begin = tick(looks.start);
            let raw = frozen(looks.clone(), |look| raw(leaf, trace, look, begin));
            held(&raw, looks.start, holds(leaf))
        }
    }
}

/// At the first of the three looks nothing but holds changes.
fn frozen<T: Copy>(looks: Looks, mut at: impl FnMut(usize) -> T) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for look in looks {
        match all.last() {
            Some(before) if look % LOOKS == 0 => all.push(*before),
            _ => all.push(at(look)),
        }
    }
    all
}

fn grouped(
    group: &GroupCondition,
    trace: &Trace,
    looks: Looks,
    join: impl Fn(&[bool]) -> bool,
) -> Vec<bool> {
    let children: Vec<Vec<bool>> =
        group.conditions.iter().map(|child| on(child, trace, looks.clone())).collect();
    let raw = frozen(looks.clone(), |look| {
        let now: Vec<bool> = children.iter().map(|child| child[look - looks.start]).collect();
        if join(&now) { Verdict::Beyond } else { Verdict::Back }
    });
    held(&raw, looks.start, (group.hold_s, group.clear_hold_s))
}

fn gated(of: &WhileCondition, trace: &Trace, looks: Looks) -> Vec<bool> {
    let gate = on(&of.gate, trace, looks.clone());
    let open = frozen(looks.clone(), |look| gate[look - looks.start]);
    let mut result = vec![false; open.len()];
    let mut place = 0;
    while place < open.len() {
        let length = open[place..].iter().take_while(|open| **open).count();
        if length > 0 {
            let begin = looks.start + place;
            let inner = on(&of.condition, &since(trace, begin), begin..begin + length);
            result[place..place + length].copy_from_slice(&inner);
        }
        place += length.max(1);
    }
    frozen(looks.clone(), |look| result[look - looks.start])
}

/// The values that there are at a look, and all samples from then on.
fn since(trace: &Trace, begin: usize) -> Trace {
    let of_signal = |samples: &Vec<Seen>| {
        let before = samples.iter().rev().find(|seen| seen.look < begin);
        let again = samples.iter().any(|seen| seen.look == begin);
        let carried = before.filter(|_| !again).map(|seen| Seen {
            look: begin,
            tick: tick(begin),
            value: seen.value.clone(),
            carried: true,
        });
        let later = samples.iter().filter(|seen| seen.look >= begin).cloned();
        carried.into_iter().chain(later).collect()
    };
    trace.iter().map(of_signal).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]
fn ticks(seconds: f64) -> i64 {
    (seconds * TICKS as f64).round() as i64
}

fn held(raw: &[Verdict], first: usize, (hold_s, clear_hold_s): (f64, f64)) -> Vec<bool> {
    let (mut beyond, mut back) = (None, None);
    let mut raised = false;
    let mut all = Vec::new();
    for (place, verdict) in raw.iter().enumerate() {
        let now = tick(first + place);
        beyond = (*verdict == Verdict::Beyond).then(|| beyond.unwrap_or(now));
        back = (*verdict == Verdict::Back).then(|| back.unwrap_or(now));
        let (run, needed) = if raised { (back, clear_hold_s) } else { (beyond, hold_s) };
        if run.is_some_and(|since| now - since >= ticks(needed)) {
            raised = !raised;
        }
        all.push(raised);
    }
    all
}

fn holds(leaf: &RuleCondition) -> (f64, f64) {
    match leaf {
        RuleCondition::Threshold(it) => (it.hold_s, it.clear_hold_s),
        RuleCondition::Rate(it) => (it.hold_s, it.clear_hold_s),
        RuleCondition::Deviation(it) => (it.hold_s, it.clear_hold_s),
        RuleCondition::State(it) => (it.hold_s, it.clear_hold_s),
        RuleCondition::Count(it) => (0.0, it.clear_hold_s),
        RuleCondition::Sequence(it) => (0.0, it.clear_hold_s),
        RuleCondition::Order(it) => (0.0, it.clear_hold_s),
        _ => (0.0, 0.0),
    }
}

fn samples<'a>(trace: &'a Trace, signal: &str, look: usize) -> Vec<&'a Seen> {
    let place: usize = signal.strip_prefix('s').unwrap().parse().unwrap();
    trace[place].iter().take_while(|seen| seen.look <= look).collect()
}

fn number(seen: &Seen) -> Option<f64> {
    match &seen.value {
        Some(StateValue::Number(number)) => Some(*number),
        _ => None,
    }
}

fn limited(
    value: Option<f64>,
    above: Option<&Limit>,
    below: Option<&Limit>,
    clear_at: Option<&Limit>,
) -> Verdict {
    let Some(value) = value else { return Verdict::Unknown };
    // Below is above, mirrored.
    let sign = if above.is_some() { 1.0 } else { -1.0 };
    let limit = above.or(below).unwrap().default_value();
    let clear_at = clear_at.map_or(limit, Limit::default_value);
    if value * sign > limit * sign {
        Verdict::Beyond
    } else if value * sign > clear_at * sign {
        Verdict::Between
    } else {
        Verdict::Back
    }
}

fn raw(leaf: &RuleCondition, trace: &Trace, look: usize, begin: i64) -> Verdict {
    let bool = |on: bool| if on { Verdict::Beyond } else { Verdict::Back };
    match leaf {
        RuleCondition::Threshold(it) => {
            let last =
                samples(trace, it.signal.as_str(), look).last().and_then(|seen| number(seen));
            limited(last, it.above.as_ref(), it.below.as_ref(), it.clear_at.as_ref())
        }
        RuleCondition::Rate(it) => rate(it, trace, look),
        RuleCondition::Deviation(it) => {
            let last =
                |signal: &str| samples(trace, signal, look).last().and_then(|seen| number(seen));
            let both = last(it.signal.as_str()).zip(last(it.from.as_str()));
            limited(both.map(|(a, b)| (a - b).abs()), Some(&it.above), None, it.clear_at.as_ref())
        }
        RuleCondition::Count(it) => bool(count(it, trace, look) >= it.at_least as usize),
        RuleCondition::State(it) => {
            let seen = samples(trace, it.signal.as_str(), look);
            let Some(value) = seen.last().and_then(|seen| seen.value.as_ref()) else {
                return Verdict::Unknown;
            };
            let not = it.is.is_empty();
            bool(if not { !it.is_not.contains(value) } else { it.is.contains(value) })
        }
        RuleCondition::Missing(it) => {
            let last = came(it, trace, look).unwrap_or(begin);
            bool(tick(look) - last >= ticks(it.for_s))
        }
        RuleCondition::Sequence(it) => bool(sequence(it, trace, look)),
        RuleCondition::Order(it) => bool(order(it, trace, look)),
        RuleCondition::Schedule(it) => {
            // UTC on the first day: minutes since midnight are minutes since 1970.
            let minute = tick(look) / (60 * TICKS);
            let (from, to) = (it.from.unwrap().minutes(), it.to.unwrap().minutes());
            bool((i64::from(from)..i64::from(to)).contains(&minute) != it.outside)
        }
        _ => unreachable!("no leaf"),
    }
}

fn rate(it: &RateCondition, trace: &Trace, look: usize) -> Verdict {
    let seen = samples(trace, it.signal.as_str(), look);
    let rate = seen.last().and_then(|last| {
        let value = number(last)?;
        let old =
            |then: &&&Seen| last.tick - then.tick >= ticks(it.window_s) && number(then).is_some();
        let base = seen.iter().rev().find(old)?;
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let span = (last.tick - base.tick) as f64 / TICKS as f64;
        Some((value - number(base)?) / span)
    });
    limited(rate, it.above.as_ref(), it.below.as_ref(), it.clear_at.as_ref())
}

fn count(it: &CountCondition, trace: &Trace, look: usize) -> usize {
    let seen = samples(trace, it.signal.as_str(), look);
    let counts = |seen: &Seen| {
        let value = seen.value.as_ref()?;
        Some(match &it.above {
            Some(above) => number(seen)? > above.default_value(),
            None => it.is.contains(value),
        })
    };
    let recent = |seen: &Seen| !seen.carried && seen.tick > tick(look) - ticks(it.window_s);
    let hit = |place: &usize| {
        let begins = place.checked_sub(1).map(|before| counts(seen[before])) == Some(Some(false));
        recent(seen[*place])
            && counts(seen[*place]) == Some(true)
            && (it.each == CountEach::Sample || begins)
    };
    (0..seen.len()).filter(hit).count()
}

/// When what may be missing came last.
fn came(it: &MissingCondition, trace: &Trace, look: usize) -> Option<i64> {
    let seen = samples(trace, it.signal.as_ref().unwrap().as_str(), look);
    let listed = |value: &StateValue| it.is.is_empty() || it.is.contains(value);
    let fit: Vec<&&Seen> =
        seen.iter().filter(|seen| seen.value.as_ref().is_some_and(listed)).collect();
    let came = |place: &usize| {
        let same =
            place.checked_sub(1).is_some_and(|before| fit[before].value == fit[*place].value);
        !(fit[*place].carried || it.of == MissingOf::Change && same)
    };
    (0..fit.len()).rev().find(came).map(|place| fit[place].tick)
}

fn sequence(it: &SequenceCondition, trace: &Trace, look: usize) -> bool {
    let seen = samples(trace, it.signal.as_str(), look);
    let mut taken: Vec<(i64, &StateValue)> = Vec::new();
    for seen in seen {
        if let Some(value) = &seen.value
            && taken.last().is_none_or(|(_, last)| *last != value)
        {
            taken.push((seen.tick, value));
        }
    }
    // From the end, each as late as can be.
    let Some(end) = taken.last().map(|(tick, _)| *tick) else { return false };
    let (mut wanted, mut first) = (it.states.iter().rev(), true);
    let mut next = wanted.next();
    for (tick, value) in taken.iter().rev() {
        let fits = next.is_some_and(|next| next == *value);
        if first && !fits {
            return false;
        }
        first = false;
        if fits {
            next = wanted.next();
            if next.is_none() {
                return end - tick <= ticks(it.within_s);
            }
        }
    }
    false
}

fn order(it: &OrderCondition, trace: &Trace, look: usize) -> bool {
    let seen = samples(trace, it.signal.as_str(), look);
    let change = seen.windows(2).rev().find_map(|pair| {
        let (before, after) = (pair[0].value.as_ref()?, pair[1].value.as_ref()?);
        (before != after).then_some((before, after))
    });
    change.is_some_and(|(before, after)| {
        let rule = it.allowed.iter().find(|change| change.from == *before);
        rule.is_some_and(|rule| !rule.to.contains(after))
    })
}
