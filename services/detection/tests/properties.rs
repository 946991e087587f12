//! The same samples give the same alarms: over restarts, with duplicates, wherever the machine
//! says that nothing older will come; and they are those of a model that knows all samples at once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::sync::Arc;

use millwright_detection::rules::CompiledRule;
use millwright_detection::threshold::{State, Transition};
use millwright_detection::watch::{Change, Watch};
use millwright_schemas::api::rules::{Rule, RuleCondition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, Timestamp};
use proptest::prelude::*;

/// What the rules of the test are: limit 5 (back at 3), with these hold times in seconds.
type Holds = (i64, i64);
/// Seconds, and a value; `None` for one that can't be used.
type Sample = (i64, Option<i32>);

const LIMIT: i32 = 5;
const CLEAR_AT: i32 = 3;
/// Later than all hold times after the last sample.
const END: i64 = 1_000;

fn at(s: i64) -> Timestamp {
    Timestamp::from_micros(s * 1_000_000)
}

fn rule(n: u8, signal: &str, (hold, clear_hold): Holds) -> Arc<CompiledRule> {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let condition = RuleCondition::Threshold {
        signal: signal.parse().unwrap(),
        above: Some(f64::from(LIMIT)),
        below: None,
        clear_at: Some(f64::from(CLEAR_AT)),
        hold_s: hold as f64,
        clear_hold_s: clear_hold as f64,
    };
    let rule = Rule {
        id: format!("0198b2c4-7c1e-7000-8000-0000000000{n:02x}").parse().unwrap(),
        organization_id: "0198b2c4-7c1e-7000-8000-0000000000ff".parse().unwrap(),
        name: "r".to_owned(),
        machine_id: None,
        model: Some("m".to_owned()),
        condition,
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    Arc::new(CompiledRule::compile(rule).unwrap())
}

/// A machine with a rule on each of its two signals, as its caller keeps it: a sample is handed in
/// when it is later than all before it.
struct Machine {
    rules: Vec<Arc<CompiledRule>>,
    watch: Watch,
    stored: HashMap<RuleId, String>,
    latest: HashMap<String, i64>,
    told: Vec<(String, Transition)>,
}

impl Machine {
    fn new(holds: &[Holds]) -> Self {
        let rules: Vec<_> =
            (0..).zip(holds).map(|(n, holds)| rule(n, &format!("s{n}"), *holds)).collect();
        let watch = Watch::new(rules.clone(), |_, _| None);
        let (stored, latest) = (HashMap::new(), HashMap::new());
        Self { rules, watch, stored, latest, told: Vec::new() }
    }

    fn sample(&mut self, signal: &str, (s, value): Sample) {
        let latest = self.latest.entry(signal.to_owned()).or_insert(i64::MIN);
        if s > *latest {
            *latest = s;
            let changes = self.watch.sample(signal, at(s), value.map(f64::from));
            self.tell(changes);
        }
    }

    fn through(&mut self, s: i64) {
        let changes = self.watch.through(at(s));
        self.tell(changes);
    }

    fn tell(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.told.push((change.rule.signal().to_owned(), change.transition));
        }
        for (id, _, state) in self.watch.take_changed() {
            self.stored.insert(id, serde_json::to_string(&state).unwrap());
        }
    }

    fn restart(&mut self) {
        let read = |id: RuleId| serde_json::from_str::<State>(self.stored.get(&id)?).ok();
        self.watch = Watch::new(self.rules.clone(), |id, _| read(id));
    }

    /// The transitions of a signal, as (raised, when).
    fn of(&self, signal: &str) -> Vec<(bool, i64)> {
        let of_signal = self.told.iter().filter(|(of, _)| of == signal);
        of_signal
            .map(|(_, transition)| match transition {
                Transition::Raised { at, .. } => (true, at.seconds()),
                Transition::Cleared { at } => (false, at.seconds()),
            })
            .collect()
    }
}

/// What is right, from all samples at once: second by second, the run of like samples at the end.
fn expected(samples: &[Sample], (hold, clear_hold): Holds) -> Vec<(bool, i64)> {
    let mut told = Vec::new();
    for t in 0..=END {
        // First what has been so up to now, then the sample of now.
        for seen in
            [samples.partition_point(|(s, _)| *s < t), samples.partition_point(|(s, _)| *s <= t)]
        {
            let raised = told.last().is_some_and(|(raised, _)| *raised);
            let fits = |value: Option<i32>| match raised {
                false => value.is_some_and(|value| value > LIMIT),
                true => value.is_some_and(|value| value <= CLEAR_AT),
            };
            let run = samples[..seen].iter().rev().take_while(|(_, value)| fits(*value)).last();
            let needed = if raised { clear_hold } else { hold };
            if run.is_some_and(|(since, _)| t - since >= needed) {
                told.push((!raised, t));
            }
        }
    }
    told
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (1i64..6, prop::option::weighted(0.9, 0i32..9));
    prop::collection::vec(sample, 0..30).prop_map(|steps| {
        let mut now = 0;
        let timed = steps.into_iter().map(|(step, value)| {
            now += step;
            (now, value)
        });
        timed.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Plain, in order.
    #[test]
    fn alarms_are_those_of_the_model(samples in samples(), holds in (0i64..8, 0i64..8)) {
        let mut machine = Machine::new(&[holds]);
        for sample in &samples {
            machine.sample("s0", *sample);
        }
        machine.through(END);
        prop_assert_eq!(machine.of("s0"), expected(&samples, holds));
    }

    /// With two signals in any interleaving, samples that come again, times that pass, restarts.
    #[test]
    fn nothing_else_makes_a_difference(
        first in samples(),
        second in samples(),
        holds in ((0i64..8, 0i64..8), (0i64..8, 0i64..8)),
        choices in prop::collection::vec((any::<bool>(), 0usize..40, 0u8..4), 60),
    ) {
        let mut machine = Machine::new(&[holds.0, holds.1]);
        let (mut a, mut b) = (first.iter().peekable(), second.iter().peekable());
        for (left, again, what) in choices {
            let next = if left { a.next().map(|s| ("s0", s)) } else { b.next().map(|s| ("s1", s)) };
            if let Some((signal, sample)) = next {
                machine.sample(signal, *sample);
            }
            match what {
                0 => machine.restart(),
                1 => {
                    // An earlier message comes once more, whole.
                    let told = machine.latest.get("s0").copied().unwrap_or(i64::MIN);
                    let earlier: Vec<_> = first.iter().filter(|(s, _)| *s <= told).collect();
                    if let Some(sample) = earlier.get(again) {
                        machine.sample("s0", **sample);
                    }
                }
                2 => {
                    // Nothing older than what comes next.
                    let next = a.peek().into_iter().chain(b.peek()).map(|(s, _)| *s).min();
                    machine.through(next.unwrap_or(END));
                }
                _ => {}
            }
        }
        for sample in a {
            machine.sample("s0", *sample);
        }
        for sample in b {
            machine.sample("s1", *sample);
        }
        machine.through(END);
        prop_assert_eq!(machine.of("s0"), expected(&first, holds.0));
        prop_assert_eq!(machine.of("s1"), expected(&second, holds.1));
    }
}
