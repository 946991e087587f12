//! Machines that are well, at several paces of their samples: how often the rule that is shipped alarms
//! all the same. And what it does with counters, stuck and dead sensors, and what lasts.
#![allow(clippy::unwrap_used, missing_docs, clippy::cast_precision_loss)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod common;

use std::sync::Arc;

use common::{at, compiled};
use millwright_detection::anomaly::status::{self, LearningStage};
use millwright_detection::conditions::value::Reading;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Checkpoints, Transition, Watch};
use serde_json::{Value, json};

const DAY_S: usize = 86_400;

/// A machine: a load that wanders, air that is warmer by day, oil that follows both within half an hour,
/// and what was counted of the load.
struct Machine {
    random: u64,
    load: f64,
    oil: f64,
    counted: f64,
}

impl Machine {
    fn new() -> Self {
        Self { random: 7, load: 0.0, oil: 44.0, counted: 16_000.0 }
    }

    /// About normally distributed, with deviation 1, and always the same.
    fn noise(&mut self) -> f64 {
        let mut sum = 0.0;
        for _ in 0..6 {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = self.random;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            sum += (x >> 40) as f64 / (1 << 24) as f64 - 0.5;
        }
        sum * std::f64::consts::SQRT_2
    }

    /// Load, oil, air and counter after so many seconds.
    fn sample(&mut self, second: usize, step: usize) -> [f64; 4] {
        let keep = (-(step as f64) / 600.0).exp();
        self.load = self.load * keep + self.noise() * (1.0 - keep * keep).sqrt();
        let load = (60.0 + 10.0 * self.load).max(0.0);
        let air = 20.0 + 6.0 * (second as f64 / DAY_S as f64 * std::f64::consts::TAU).sin();
        let warm = air + 0.4 * load;
        self.oil = warm + (self.oil - warm) * (-(step as f64) / 1_800.0).exp();
        self.counted = (self.counted + load * step as f64 / 600.0) % 16_384.0;
        [
            load + 2.0 * self.noise(),
            self.oil + 0.2 * self.noise(),
            air + 0.1 * self.noise(),
            self.counted.floor(),
        ]
    }
}

const NAMES: [&str; 4] = ["load", "oil", "air", "count"];

/// A rule with a machine.
struct Run {
    watch: Watch,
    machine: Machine,
    second: usize,
    step: usize,
    told: Vec<Transition>,
}

impl Run {
    fn of(condition: Value, step: usize) -> Self {
        let watch = Watch::new(vec![compiled(condition)], &Surroundings::default(), |_, _| None);
        Self { watch, machine: Machine::new(), second: 0, step, told: Vec::new() }
    }

    fn together(step: usize) -> Self {
        Self::of(json!({"kind": "anomaly", "signals": NAMES}), step)
    }

    /// So many days go by; `spoil` changes what the sensors say, `None` is nothing at all.
    fn days(&mut self, days: f64, spoil: impl Fn(usize, &mut [Option<f64>; 4])) -> &mut Self {
        let until = self.second + (days * DAY_S as f64) as usize;
        while self.second < until {
            let mut values = self.machine.sample(self.second, self.step).map(Some);
            spoil(self.second, &mut values);
            let told = NAMES.into_iter().zip(values);
            let told = told.filter_map(|(name, value)| Some((name, Reading::Number(value?))));
            let changes = self.watch.instant(at(self.second as f64), told);
            self.told.extend(changes.into_iter().map(|change| change.transition));
            self.second += self.step;
        }
        self
    }

    fn raised(&self) -> usize {
        self.told.iter().filter(|told| matches!(told, Transition::Raised(_))).count()
    }

    /// Of the last alarm.
    fn message(&self) -> String {
        let found = self.told.iter().rev().find_map(|told| match told {
            Transition::Raised(found) => Some(found.message.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    fn is_raised(&self) -> bool {
        matches!(self.told.last(), Some(Transition::Raised(_)))
    }

    fn status(&self) -> status::LearningStatus {
        self.watch.learning_status().remove(0).1.unwrap()
    }
}

fn well(_: usize, _: &mut [Option<f64>; 4]) {}

/// Counters that wrap and a daily course are among the signals.
#[test]
fn a_healthy_machine_is_no_alarm_whatever_its_pace() {
    for (step, days) in [(1, 2.0), (10, 5.0), (60, 14.0), (300, 30.0)] {
        let mut together = Run::together(step);
        together.days(days, well);
        assert_eq!(together.told, [], "{step} s: {}", together.message());
        let mut alone =
            Run::of(json!({"kind": "anomaly", "signals": NAMES, "together": false}), step);
        let raised = alone.days(days, well).raised();
        assert!(raised <= 3, "{step} s, {days} days of four signals: {raised}");
    }
}

/// 172,800 samples of noise.
#[test]
fn noise_every_second_is_no_alarm() {
    let mut run = Run::of(json!({"kind": "anomaly", "signals": ["noise"]}), 1);
    for second in 0..2 * DAY_S {
        let value = Reading::Number(50.0 + run.machine.noise());
        let changes = run.watch.instant(at(second as f64), [("noise", value)]);
        run.told.extend(changes.into_iter().map(|change| change.transition));
    }
    assert!(run.raised() <= 1, "{}", run.raised());
}

#[test]
fn what_is_wrong_is_found_all_the_same() {
    let mut run = Run::together(10);
    run.days(3.0, well).days(0.2, |_, values| values[1] = values[1].map(|oil| oil + 20.0));
    assert!(run.is_raised() && run.message().starts_with("oil is"), "{}", run.message());
    let mut run = Run::together(10);
    run.days(2.0, well).days(0.2, |_, values| values[1] = Some(44.4));
    assert!(run.message().contains("oil has said 44.4 for 50 rows"), "{}", run.message());
    // A counter that stands still while the load goes on.
    let mut run = Run::together(60);
    run.days(2.0, well).days(0.5, |_, values| values[3] = Some(12.0));
    assert!(run.message().contains("count a minute is"), "{}", run.message());
    let mut run = Run::of(json!({"kind": "anomaly", "signals": ["oil"]}), 60);
    run.days(3.0, well).days(0.2, |_, values| values[1] = Some(44.4));
    assert!(run.message().contains("it has said 44.4 for"), "{}", run.message());
}

#[test]
fn a_day_is_learned_before_anything_is_said_and_the_status_says_so() {
    let mut run = Run::together(60);
    let odd = |second: usize, values: &mut [Option<f64>; 4]| {
        if second.is_multiple_of(7_200) {
            values[0] = Some(1e4);
        }
    };
    run.days(0.5, odd);
    let status = run.status();
    let LearningStage::Learning { seen, needed, since, until } = status.stage else {
        unreachable!("{status:?}")
    };
    assert!(seen > 500 && needed == 400, "{seen} of {needed}");
    assert_eq!(until.unwrap().micros_since(since.unwrap()), 86_400_000_000);
    assert_eq!((run.raised(), status.watching, status.detectors), (0, 0, 1));
    run.days(0.7, odd);
    assert_eq!(run.status().stage, LearningStage::Watching);
    let when = Checkpoints { now: at(0.0), every_us: 0, most: 1 };
    let stored = run.watch.take_checkpoints(when).remove(0).state;
    assert_eq!(status::read(&stored), Some(run.status()));
    assert_eq!(status::read(&stored[1..]), None);
    // As it was written before rules had a pace.
    assert_eq!(status::read(&[&[1], &stored[1..]].concat()), None);
}

#[test]
fn a_dead_signal_is_named_and_the_others_are_watched() {
    let mut run = Run::together(60);
    run.days(0.02, |_, values| values[2] = None);
    let LearningStage::Waiting { signals } = run.status().stage else {
        unreachable!("{:?}", run.status())
    };
    assert_eq!(signals, ["air"]);
    run.days(2.0, |_, values| values[2] = None);
    assert_eq!((run.status().stage, run.status().missing), (LearningStage::Watching, signals));
    assert_eq!(run.raised(), 0, "{}", run.message());
    // It comes back: it takes no part until all is learned anew.
    run.days(0.5, well);
    assert_eq!((run.raised(), run.status().missing.len()), (0, 1), "{}", run.message());
    run.watch.learn_since(Some(at(run.second as f64)));
    run.days(1.1, well);
    assert_eq!(run.status().missing, [""; 0]);
    run.days(0.2, |_, values| values[1] = values[1].map(|oil| oil + 20.0));
    assert!(run.is_raised());
}

#[test]
fn a_signal_that_comes_late_or_seldom_takes_part() {
    let mut run = Run::together(60);
    let seldom = |second: usize, values: &mut [Option<f64>; 4]| {
        if second % 9_000 != 4_500 {
            values[2] = None;
        }
    };
    run.days(3.0, seldom);
    let status = run.status();
    assert_eq!((status.stage, status.missing.len()), (LearningStage::Watching, 0));
    assert_eq!(run.raised(), 0, "{}", run.message());
}

/// A day in alarm, and as long learned anew: the alarm stands so long, then it is what is normal.
#[test]
fn what_lasts_becomes_normal_after_a_day_of_alarm_and_one_of_learning() {
    let colder = |_: usize, values: &mut [Option<f64>; 4]| {
        values[1] = values[1].map(|oil| oil - 25.0);
    };
    let mut run = Run::together(60);
    run.days(2.0, well).days(0.9, colder);
    assert!(run.is_raised() && run.status().stage == LearningStage::Watching);
    run.days(0.6, colder);
    assert!(run.is_raised(), "it stands while it is learned anew");
    assert!(matches!(run.status().stage, LearningStage::Learning { .. }));
    run.days(0.7, colder);
    assert_eq!(run.status().stage, LearningStage::Watching);
    assert_eq!((run.raised(), run.is_raised()), (1, false));
    run.days(3.0, colder);
    assert_eq!(run.raised(), 1);
}

#[test]
fn twenty_signals_stay_below_64_kib_while_they_are_learned_at_any_pace() {
    let names: Vec<String> = (0..20).map(|n| format!("signal.{n:02}")).collect();
    for together in [true, false] {
        let rule = compiled(json!({"kind": "anomaly", "signals": names, "together": together}));
        let mut watch = Watch::new(vec![Arc::clone(&rule)], &Surroundings::default(), |_, _| None);
        let (mut machine, mut most) = (Machine::new(), 0);
        for minute in 0..1_500 {
            let values: Vec<f64> = names.iter().map(|_| machine.noise()).collect();
            let readings = values.iter().map(|value| Reading::Number(*value));
            watch.instant(
                at(f64::from(minute) * 60.0),
                names.iter().map(String::as_str).zip(readings),
            );
            most = most.max(watch.learned_bytes());
        }
        assert!((8 * 1024..64 * 1024).contains(&most), "{together}: {most}");
    }
}
