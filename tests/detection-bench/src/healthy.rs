//! Machines that are well, at several paces: how often the shipped live rule alarms all the same. And
//! the same machines with a fault, so that quiet isn't had by saying nothing.

use std::sync::Arc;

use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Transition, Watch};
use millwright_schemas::Timestamp;
use serde_json::json;

use crate::report::Report;

const DAY_S: usize = 86_400;
const NAMES: [&str; 6] = ["ambient", "load", "oil", "vibration", "energy", "parts"];
/// Seconds between two samples, and days that are run.
const PACES: [(usize, usize); 4] = [(1, 6), (10, 20), (60, 60), (300, 60)];

/// A machine: its own random numbers, and where it stands.
struct Machine {
    random: u64,
    load: f64,
    oil: f64,
    air: f64,
    energy: f64,
    parts: f64,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self { random: seed, load: 0.0, oil: 0.0, air: 0.0, energy: 0.0, parts: 16_000.0 }
    }

    /// About normally distributed, with deviation 1.
    #[allow(clippy::cast_precision_loss, reason = "24 bits")]
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

    /// What its sensors say after so many seconds: the air by day and by its own, a load that wanders,
    /// oil that follows both within half an hour, and two counters, one of which wraps at 2¹⁴.
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    fn sample(&mut self, second: usize, step: usize) -> [f64; 6] {
        let step_s = step as f64;
        let wander = |state: f64, seconds: f64, noise: f64| {
            let keep = (-step_s / seconds).exp();
            state * keep + noise * (1.0 - keep * keep).sqrt()
        };
        let (for_load, for_air) = (self.noise(), self.noise());
        self.load = wander(self.load, 600.0, for_load);
        self.air = wander(self.air, 20_000.0, for_air);
        let day = second as f64 / DAY_S as f64 * std::f64::consts::TAU;
        let ambient = 20.0 + 6.0 * day.sin() + 0.7 * self.air;
        let load = (60.0 + 10.0 * self.load).max(0.0);
        let oil = ambient + 0.4 * load;
        self.oil = match second {
            0 => oil,
            _ => oil + (self.oil - oil) * (-step_s / 1_800.0).exp(),
        };
        self.energy += load * step_s / 3_600.0;
        self.parts = (self.parts + (load * step_s / 600.0).max(0.0)) % 16_384.0;
        [
            ambient + 0.1 * self.noise(),
            load + 2.0 * self.noise(),
            self.oil + 0.2 * self.noise(),
            1.0 + load / 60.0 + 0.1 * self.noise(),
            (self.energy * 10.0).floor() / 10.0,
            self.parts.floor(),
        ]
    }
}

/// What goes wrong with a machine's sensors, by the second.
type Fault = fn(usize, &mut [f64; 6]);

/// What a rule has done in a run.
#[derive(Debug, Default, Clone, Copy)]
struct Heard {
    raised: usize,
    alarmed_s: f64,
}

/// Runs a rule over a machine; `spoil` changes what its sensors say.
fn run(
    condition: serde_json::Value,
    (step, days): (usize, usize),
    seed: u64,
    spoil: impl Fn(usize, &mut [f64; 6]),
) -> anyhow::Result<(Heard, Vec<Timestamp>)> {
    let rule = CompiledRule::of_condition(serde_json::from_value(condition)?)
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let mut watch = Watch::new(vec![Arc::new(rule)], &Surroundings::default(), |_, _| None);
    let mut machine = Machine::new(seed);
    let (mut heard, mut times, mut since) = (Heard::default(), Vec::new(), None);
    #[allow(clippy::cast_possible_wrap, reason = "small numbers")]
    let at = |second: usize| Timestamp::from_micros((1_700_000_000 + second as i64) * 1_000_000);
    for second in (0..days * DAY_S).step_by(step) {
        let mut values = machine.sample(second, step);
        spoil(second, &mut values);
        let readings = NAMES.into_iter().zip(values.map(Reading::Number));
        for change in watch.instant(at(second), readings) {
            match change.transition {
                Transition::Raised(found) => {
                    heard.raised += 1;
                    times.push(found.at);
                    since = Some(found.at);
                }
                Transition::Changed(_) => {}
                Transition::Cleared { at } => heard.alarmed_s += lasted(since.take(), at),
            }
        }
    }
    heard.alarmed_s += lasted(since, at(days * DAY_S));
    Ok((heard, times))
}

#[allow(clippy::cast_precision_loss, reason = "seconds")]
fn lasted(since: Option<Timestamp>, until: Timestamp) -> f64 {
    since.map_or(0.0, |since| until.micros_since(since) as f64 / 1e6)
}

/// Measures alarms of healthy machines, and which faults are found.
pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let together = json!({"kind": "anomaly", "signals": NAMES});
    let alone = json!({"kind": "anomaly", "signals": NAMES, "together": false});
    let mut rows = Vec::new();
    for pace @ (step, days) in PACES {
        let mut row = vec![step.to_string()];
        for (condition, signals) in [(&together, 1.0), (&alone, 6.0)] {
            let mut all = Heard::default();
            for seed in 1..=4 {
                let (heard, _) = run(condition.clone(), pace, seed, |_, _| {})?;
                all.raised += heard.raised;
                all.alarmed_s += heard.alarmed_s;
            }
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let months = 4.0 * days as f64 / 30.0;
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            row.push(format!("{:.2}", all.raised as f64 / months / signals));
            row.push(format!("{:.2}", all.alarmed_s / (months * 30.0 * 864.0)));
        }
        rows.push(row);
    }
    report.table(
        "Healthy machines, four of six signals, the shipped rule",
        &[
            "s between samples",
            "together: alarms a machine and month",
            "% of the time",
            "each alone: alarms a signal and month",
            "% of the time (machine)",
        ],
        &rows,
    );
    faults(report)
}

/// After three days something is wrong for a day.
fn faults(report: &mut Report) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let kinds: [(&str, Fault); 6] = [
        ("oil 5 K too warm", |_, values| values[2] += 5.0),
        ("oil drifts 1 K an hour", |s, values| values[2] += (s % DAY_S) as f64 / 3_600.0),
        ("vibration doesn't follow the load", |_, values| {
            values[3] = 2.0 + (values[3] * 1e6).sin() * 0.2;
        }),
        ("vibration half as much more", |_, values| values[3] *= 1.5),
        ("oil sensor stuck", |_, values| values[2] = 44.4),
        ("energy counted twice", |s, values| values[4] += (s % DAY_S) as f64 / 60.0),
    ];
    for (kind, fault) in kinds {
        let mut row = vec![kind.to_owned()];
        for together in [true, false] {
            let condition = json!({"kind": "anomaly", "signals": NAMES, "together": together});
            for pace in [(10, 4), (60, 4), (300, 4)] {
                let begin = 3 * DAY_S;
                let spoil = |second: usize, values: &mut [f64; 6]| {
                    if second >= begin {
                        fault(second, values);
                    }
                };
                let (_, times) = run(condition.clone(), pace, 1, spoil)?;
                #[allow(clippy::cast_possible_wrap, reason = "small numbers")]
                let from = 1_700_000_000 + begin as i64;
                let found = times.iter().map(|at| at.seconds() - from).find(|s| *s >= 0);
                row.push(found.map_or("no".to_owned(), |s| format!("{} min", s / 60)));
            }
        }
        rows.push(row);
    }
    report.table(
        "A fault after three days: found after",
        &["fault", "together, 10 s", "60 s", "300 s", "each alone, 10 s", "60 s", "300 s"],
        &rows,
    );
    Ok(())
}
