//! Samples a second on one core, and bytes of state.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use millwright_detection::conditions::value::Reading;
use millwright_detection::learned::multivariate::{Multivariate, Settings};
use millwright_detection::learned::univariate::Univariate;
use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Checkpoints, Watch};
use millwright_schemas::Timestamp;
use serde_json::json;

use crate::report::Report;

const SIGNALS: usize = 20;
const STATE_MAX: usize = 64 * 1024;

/// A value that looks measured: a daily course and noise, always the same.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn value(sample: usize, signal: usize) -> f64 {
    let mut noise = (sample * SIGNALS + signal) as u64;
    // Splitmix.
    noise = (noise ^ (noise >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    noise = (noise ^ (noise >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let noise = (noise >> 40) as f64 / (1 << 24) as f64;
    60.0 + 10.0 * (sample as f64 / 1440.0 * std::f64::consts::TAU).sin() + noise
}

#[allow(clippy::cast_possible_wrap, reason = "small numbers")]
fn at(sample: usize) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + sample as i64 * 60_000_000)
}

/// Measures speed and state.
pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let univariate = rate(2_000_000, |samples| {
        let mut detector = Univariate::default();
        for (at, value) in samples {
            black_box(detector.step(*at, Some(*value)));
        }
    });
    let threshold = {
        let condition = json!({"kind": "threshold", "signal": "a", "above": 70.9});
        let rule = CompiledRule::of_condition(serde_json::from_value(condition)?)
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let rule = Arc::new(rule);
        rate(10_000_000, |samples| {
            let around = Surroundings::default();
            let mut watch = Watch::new(vec![Arc::clone(&rule)], &around, |_, _| None);
            for (at, value) in samples {
                black_box(watch.sample("a", *at, Some(*value)));
            }
        })
    };
    report.aim("thresholds, samples/s and core", threshold, "≥ 5 million", threshold >= 5e6);
    report.aim("univariate, samples/s and core", univariate, "≥ 500,000", univariate >= 5e5);
    report.json("speed", json!({"threshold": threshold, "univariate": univariate}));
    state(report)
}

/// Samples a second, the best of three runs.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn rate(count: usize, run: impl Fn(&[(Timestamp, f64)])) -> f64 {
    let samples: Vec<_> = (0..count).map(|sample| (at(sample), value(sample, 0))).collect();
    let run = || {
        let start = Instant::now();
        run(&samples);
        start.elapsed().as_secs_f64()
    };
    let best = (0..3).map(|_| run()).fold(f64::INFINITY, f64::min);
    count as f64 / best
}

/// A rule that learns of these signals, with one machine.
fn learning(names: &[String], together: bool) -> anyhow::Result<Watch> {
    let condition = json!({"kind": "anomaly", "signals": names, "together": together});
    let rule = CompiledRule::of_condition(serde_json::from_value(condition)?)
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    Ok(Watch::new(vec![Arc::new(rule)], &Surroundings::default(), |_, _| None))
}

/// Bytes that are stored of what a rule has learned.
fn checkpoint(watch: &mut Watch, now: Timestamp) -> anyhow::Result<usize> {
    let taken = watch.take_checkpoints(Checkpoints { now, every_us: 0, most: 1 });
    Ok(taken.first().context("nothing is to be stored")?.state.len())
}

/// What is remembered of a machine with 20 signals: each signal's detector and the machine's.
fn state(report: &mut Report) -> anyhow::Result<()> {
    let names: Vec<String> = (0..SIGNALS).map(|signal| format!("signal.{signal:02}")).collect();
    let mut rules = [learning(&names, false)?, learning(&names, true)?];
    let mut machine = Multivariate::new(names.clone(), Settings::default())?;
    let mut signals = vec![Univariate::default(); SIGNALS];
    let (mut in_memory, mut stored, mut as_json) = ([0, 0], [0, 0], [0, 0]);
    for sample in 0..5000 {
        let row: Vec<f64> = (0..SIGNALS).map(|signal| value(sample, signal)).collect();
        for (detector, value) in signals.iter_mut().zip(&row) {
            detector.step(at(sample), Some(*value));
        }
        for rule in &mut rules {
            let values = row.iter().map(|value| Reading::Number(*value));
            rule.instant(at(sample), names.iter().map(String::as_str).zip(values));
        }
        machine.step(at(sample), &row.into_iter().map(Some).collect::<Vec<_>>());
        // The machine's is largest just before commissioning ends, the signals' at the end.
        if sample == 398 || sample == 4999 {
            let now = [signals.iter().map(Univariate::state_bytes).sum(), machine.state_bytes()];
            in_memory = larger(in_memory, now);
            let of_signals = serde_json::to_vec(&signals).context("signals")?.len();
            let of_machine = serde_json::to_vec(&machine).context("machine")?.len();
            as_json = larger(as_json, [of_signals, of_machine]);
            let [alone, together] = &mut rules;
            let now = at(sample);
            stored = larger(stored, [checkpoint(alone, now)?, checkpoint(together, now)?]);
        }
    }
    let bytes = in_memory.iter().sum::<usize>();
    report.aim("state of 20 signals, KiB", kib(bytes), "< 64", bytes < STATE_MAX);
    report.json("state_bytes", json!({"signals": in_memory[0], "machine": in_memory[1]}));
    report.json("stored_bytes", json!({"signals": stored[0], "machine": stored[1]}));
    report.json("json_bytes", json!({"signals": as_json[0], "machine": as_json[1]}));
    report.table(
        "State of a machine with 20 signals, KiB",
        &["", "signals", "machine"],
        &[("in memory", in_memory), ("as stored", stored), ("as JSON", as_json)].map(
            |(name, [signals, machine])| {
                vec![
                    name.to_owned(),
                    format!("{:.1}", kib(signals)),
                    format!("{:.1}", kib(machine)),
                ]
            },
        ),
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

/// That of both moments which needs more in all.
fn larger(a: [usize; 2], b: [usize; 2]) -> [usize; 2] {
    if b[0] + b[1] > a[0] + a[1] { b } else { a }
}
