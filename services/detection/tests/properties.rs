//! The same samples give the same alarms: over restarts, with duplicates, wherever the machine
//! says that nothing older will come; and they are those of a model that knows all samples at once.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;
mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Machine, rule, severity_of};
use millwright_detection::rules::{CompiledRule, problems};
use millwright_detection::watch::Transition;
use millwright_schemas::api::rules::{RuleCondition, StateValue};
use millwright_schemas::wire::events::Severity;
use model::Told;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Seconds, and a value; null for one that can't be used.
type Sample = (i64, Value);

/// Where the model ends, in seconds; samples end at 150.
const END: usize = 250;

/// A signal of numbers.
fn numbers() -> impl Strategy<Value = Vec<Sample>> {
    samples(prop_oneof![9 => (0..9).prop_map(|n| json!(n)), 1 => Just(json!(null))])
}

/// A signal of states.
fn states() -> impl Strategy<Value = Vec<Sample>> {
    samples(prop_oneof![9 => state(), 1 => Just(json!(null))])
}

fn state() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![json!("a"), json!("b"), json!("c")])
}

fn samples(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec((1i64..6, value), 0..30).prop_map(|steps| {
        let mut now = 0;
        let timed = steps.into_iter().map(|(step, value)| {
            now += step;
            (now, value)
        });
        timed.collect()
    })
}

fn number_signal() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["s0", "s1"])
}

fn bound() -> impl Strategy<Value = Value> {
    (any::<bool>(), 2i32..7, 0i32..3).prop_map(|(above, limit, band)| match above {
        true => json!({"above": limit, "clear_at": limit - band}),
        false => json!({"below": limit, "clear_at": limit + band}),
    })
}

fn holds() -> impl Strategy<Value = Value> {
    (0i64..8, 0i64..8).prop_map(|(hold, clear)| json!({"hold_s": hold, "clear_hold_s": clear}))
}

fn merged(parts: impl IntoIterator<Item = Value>) -> Value {
    let mut all = serde_json::Map::new();
    for part in parts {
        all.extend(part.as_object().unwrap().clone());
    }
    Value::Object(all)
}

fn leaf() -> BoxedStrategy<Value> {
    let threshold = (number_signal(), bound(), holds()).prop_map(|(signal, bound, holds)| {
        merged([json!({"kind": "threshold", "signal": signal}), bound, holds])
    });
    // No longer than that, so that the engine forgets none of the values that the model knows.
    let rate = (number_signal(), 1i64..5, -4i32..5, any::<bool>(), holds()).prop_map(
        |(signal, window, limit, above, holds)| {
            let limit = f64::from(limit) / 4.0;
            let side = if above { "above" } else { "below" };
            let own = json!({"kind": "rate", "signal": signal, "per": "second", "window_s": window,
                side: limit});
            merged([own, holds])
        },
    );
    let deviation = (1i32..6, 0i32..3, holds()).prop_map(|(above, band, holds)| {
        let clear_at = (above - band).max(0);
        let own = json!({"kind": "deviation", "signal": "s0", "from": "s1", "above": above,
            "clear_at": clear_at});
        merged([own, holds])
    });
    let count = (any::<bool>(), any::<bool>(), 1u32..4, 2i64..20, 0i64..5).prop_map(
        |(number, crossing, at_least, window, clear_hold)| {
            let own = json!({"kind": "count", "each": if crossing { "crossing" } else { "sample" },
                "at_least": at_least, "window_s": window, "clear_hold_s": clear_hold});
            let what = match number {
                true => json!({"signal": "s0", "above": 4}),
                false => json!({"signal": "s2", "is": ["a"]}),
            };
            merged([own, what])
        },
    );
    let of_state = (any::<bool>(), prop::sample::subsequence(vec!["a", "b", "c"], 1..3), holds())
        .prop_map(|(is, values, holds)| {
            let field = if is { "is" } else { "is_not" };
            merged([json!({"kind": "state", "signal": "s2", field: values}), holds])
        });
    // Never at the moment of a sample, also when some of them follow each other: what comes at that
    // moment is in time, which the model doesn't look for.
    let missing = (0usize..3, any::<bool>(), 1i64..20).prop_map(|(signal, change, seconds)| {
        json!({"kind": "missing", "signal": format!("s{signal}"), "for_s": seconds as f64 + 0.125,
            "of": if change { "change" } else { "value" }})
    });
    let sequence = (prop::collection::vec(state(), 2..4), 1i64..25, 0i64..5).prop_filter_map(
        "neighbours differ",
        |(states, within, clear_hold)| {
            let differ = states.windows(2).all(|pair| pair[0] != pair[1]);
            differ.then(|| {
                json!({"kind": "sequence", "signal": "s2", "states": states, "within_s": within,
                    "clear_hold_s": clear_hold})
            })
        },
    );
    let order = (prop::sample::subsequence(vec!["a", "b", "c"], 0..3), 0i64..5).prop_map(
        |(to, clear_hold)| {
            json!({"kind": "order", "signal": "s2", "clear_hold_s": clear_hold,
                "allowed": [{"from": "a", "to": to}, {"from": "b", "to": ["a"]}]})
        },
    );
    prop_oneof![threshold, rate, deviation, count, of_state, missing, sequence, order].boxed()
}

fn condition() -> BoxedStrategy<Value> {
    let schedule = (0u32..3, 1u32..2, any::<bool>()).prop_map(|(from, length, outside)| {
        json!({"kind": "schedule", "from": format!("00:{from:02}"),
            "to": format!("00:{:02}", from + length), "time_zone": "UTC", "outside": outside})
    });
    let tree = leaf().prop_recursive(3, 8, 3, move |inner| {
        let schedule = schedule.clone();
        let child = prop_oneof![4 => inner.clone(), 1 => schedule];
        let group =
            (any::<bool>(), inner.clone(), prop::collection::vec(child.clone(), 0..3), holds())
                .prop_map(|(all, first, rest, holds)| {
                    let conditions: Vec<Value> = std::iter::once(first).chain(rest).collect();
                    let kind = if all { "all" } else { "any" };
                    merged([json!({"kind": kind, "conditions": conditions}), holds])
                });
        let gated = (child, inner)
            .prop_map(|(gate, inner)| json!({"kind": "while", "while": gate, "condition": inner}));
        prop_oneof![2 => group, 1 => gated]
    });
    let level = |severity: &'static str| {
        leaf().prop_map(move |leaf| json!({"severity": severity, "condition": leaf}))
    };
    let levels =
        (level("warning"), tree.clone(), level("critical")).prop_map(|(low, mid, high)| {
            let mid = json!({"severity": "major", "condition": mid});
            json!({"kind": "levels", "levels": [low, mid, high]})
        });
    prop_oneof![2 => leaf(), 3 => tree, 1 => levels].boxed()
}

/// What happened, as the model tells it.
fn told(machine: &Machine) -> Vec<Told> {
    let mut before = None;
    let tick = |at: millwright_schemas::Timestamp| at.micros() * model::TICKS / 1_000_000;
    let tell = |(_, transition): &_| {
        let (to, at) = match transition {
            Transition::Raised(found) | Transition::Changed(found) => {
                (Some(found.severity), found.at)
            }
            Transition::Cleared { at } => (None, *at),
        };
        let from: Option<Severity> = std::mem::replace(&mut before, to);
        (from, to, tick(at))
    };
    machine.told.iter().map(tell).collect()
}

fn values(samples: &[Sample]) -> Vec<(i64, Option<StateValue>)> {
    let value = |value: &Value| serde_json::from_value(value.clone()).ok();
    samples.iter().map(|(s, it)| (*s, value(it))).collect()
}

/// What comes from the machine, moment by moment.
fn moments(signals: &[Vec<Sample>]) -> BTreeMap<i64, Vec<(String, Value)>> {
    let mut moments: BTreeMap<i64, Vec<(String, Value)>> = BTreeMap::new();
    for (n, samples) in signals.iter().enumerate() {
        for (s, value) in samples {
            moments.entry(*s).or_default().push((format!("s{n}"), value.clone()));
        }
    }
    moments
}

fn seconds(s: i64) -> f64 {
    f64::from(i32::try_from(s).unwrap())
}

fn send(machine: &mut Machine, s: i64, samples: &[(String, Value)]) {
    let samples: Vec<(&str, Value)> =
        samples.iter().map(|(signal, value)| (signal.as_str(), value.clone())).collect();
    machine.instant(seconds(s), &samples);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn alarms_are_those_of_the_model_whatever_else_happens(
        condition in condition(),
        signals in (numbers(), numbers(), states()),
        choices in prop::collection::vec(0u8..6, 100),
    ) {
        let text = condition.to_string();
        let condition: RuleCondition = serde_json::from_value(condition).unwrap();
        let severity = severity_of(&condition);
        // Levels of one signal that don't rise.
        prop_assume!(problems(&condition, severity).is_empty());
        let signals = [signals.0, signals.1, signals.2];
        let trace = model::trace(&signals.each_ref().map(|samples| values(samples)));
        let expected = model::changes(&condition, severity, &trace, END);

        let compiled = Arc::new(CompiledRule::compile(rule(1, condition, severity)).unwrap());
        let mut machine = Machine::new(vec![compiled]);
        machine.through(0.0);
        // Other signals don't say for certain that something is missing, so the machine says it.
        let says = text.contains("missing");
        let moments = moments(&signals);
        let mut choices = choices.into_iter();
        for (s, samples) in &moments {
            if says {
                machine.through(seconds(*s));
            }
            send(&mut machine, *s, samples);
            match choices.next() {
                Some(0) => machine.restart(),
                Some(1) => {
                    // An earlier message comes once more, whole.
                    if let Some((s, samples)) = moments.range(..=s / 2).next_back() {
                        send(&mut machine, *s, samples);
                    }
                }
                Some(2) => {
                    // Nothing older than what comes next.
                    let next = moments.range(s + 1..).next().map(|(s, _)| *s);
                    machine.through(next.map_or(seconds(*s), seconds));
                    machine.through(seconds(*s));
                }
                _ => {}
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        machine.through(END as f64 - 0.1);
        prop_assert_eq!(told(&machine), expected, "{}", text);
    }
}
