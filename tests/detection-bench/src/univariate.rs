//! NAB: the univariate detector on labelled streams, and what each part of it brings.

use millwright_detection::learned::ALARM_SCORE;
use millwright_detection::learned::univariate::{Aspect, Settings, Univariate};
use serde_json::json;

use crate::data::Stream;
use crate::nab::{PROFILES, Reached, at_best_threshold, at_threshold};
use crate::report::Report;

/// The scores of all streams.
fn scores(streams: &[Stream], settings: Settings) -> Vec<Vec<f64>> {
    let of = |stream: &Stream| {
        let mut detector = Univariate::new(settings);
        let samples = stream.times.iter().zip(&stream.values);
        samples.map(|(at, value)| detector.step(*at, Some(*value)).score).collect()
    };
    streams.iter().map(of).collect()
}

fn corpus<'a>(
    streams: &'a [Stream],
    scores: &'a [Vec<f64>],
) -> Vec<(&'a crate::nab::Labels, &'a [f64])> {
    streams.iter().zip(scores).map(|(s, scores)| (&s.labels, scores.as_slice())).collect()
}

/// Measures the shipped detector.
pub(crate) fn measure(streams: &[Stream], report: &mut Report) {
    let scores = scores(streams, Settings::default());
    let corpus = corpus(streams, &scores);
    let mut rows = Vec::new();
    for profile in PROFILES {
        let best = at_best_threshold(&corpus, profile);
        let shipped = at_threshold(&corpus, ALARM_SCORE, profile);
        if profile.name == PROFILES[0].name {
            report.aim("NAB standard, best threshold", best.score, "> 75", best.score > 75.0);
            let lost = best.score - shipped.score;
            report.aim("NAB standard, lost at the shipped threshold", lost, "≤ 10", lost <= 10.0);
        }
        rows.push(vec![
            profile.name.to_owned(),
            format!("{:.1} at {:.3}", best.score, best.threshold),
            format!("{:.1}", shipped.score),
            format!("{} / {}", shipped.windows_hit, windows(streams)),
            shipped.false_alarms.to_string(),
        ]);
        report.json(
            &format!("nab_{}", profile.name),
            json!({
                "best": best.score, "best_threshold": best.threshold, "shipped": shipped.score,
                "shipped_windows_hit": shipped.windows_hit,
                "shipped_false_alarms": shipped.false_alarms,
            }),
        );
    }
    report.table(
        &format!("NAB, {} streams, {} windows", streams.len(), windows(streams)),
        &["profile", "best threshold", "shipped threshold", "windows hit", "false alarms"],
        &rows,
    );
    by_stream(streams, &scores, report);
}

fn windows(streams: &[Stream]) -> usize {
    streams.iter().map(|stream| stream.labels.windows.len()).sum()
}

fn by_stream(streams: &[Stream], scores: &[Vec<f64>], report: &mut Report) {
    let mut rows = Vec::new();
    for (stream, scores) in streams.iter().zip(scores) {
        let reached = at_threshold(&[(&stream.labels, scores)], ALARM_SCORE, PROFILES[0]);
        rows.push(vec![
            stream.name.clone(),
            stream.values.len().to_string(),
            format!("{} / {}", reached.windows_hit, stream.labels.windows.len()),
            reached.false_alarms.to_string(),
        ]);
        report.plot_stream(stream, scores);
    }
    report.table(
        "NAB by stream, shipped threshold",
        &["stream", "samples", "windows hit", "false alarms"],
        &rows,
    );
}

/// What other settings reach: how much depends on each.
pub(crate) fn tried(streams: &[Stream], report: &mut Report) {
    let shipped = Settings::default();
    let mut variants = vec![("as shipped".to_owned(), shipped)];
    for aspect in Aspect::ALL {
        let mut aspects = [true; 6];
        aspects[aspect as usize] = false;
        variants.push((format!("without {}", aspect.as_str()), Settings { aspects, ..shipped }));
    }
    for aspect in Aspect::ALL {
        let mut aspects = [false; 6];
        aspects[aspect as usize] = true;
        variants.push((format!("{} alone", aspect.as_str()), Settings { aspects, ..shipped }));
    }
    let mut other = |name: &str, settings: Settings| variants.push((name.to_owned(), settings));
    other("agreement 0", Settings { agreement: 0.0, ..shipped });
    other("agreement 0.15", Settings { agreement: 0.15, ..shipped });
    other("agreement 0.5", Settings { agreement: 0.5, ..shipped });
    other("agreement 1", Settings { agreement: 1.0, ..shipped });
    other("caution 0", Settings { caution: 0.0, ..shipped });
    other("caution 2", Settings { caution: 2.0, ..shipped });
    other("rest 0", Settings { rest: 0, ..shipped });
    other("rest 60", Settings { rest: 60, ..shipped });
    other("rest 200", Settings { rest: 200, ..shipped });
    other("warm-up 100", Settings { warm_up: 100.0, ..shipped });
    other("warm-up 300", Settings { warm_up: 300.0, ..shipped });
    other("memory 1000", Settings { memory: 1000.0, ..shipped });
    other("memory 2000", Settings { memory: 2000.0, ..shipped });
    other("gap 20", Settings { gap: 20.0, ..shipped });
    for due in [2.8, 3.2, 3.5, 4.0, 4.2, 4.6] {
        other(&format!("due {due}"), Settings { due, ..shipped });
    }
    let mut rows = Vec::new();
    for (name, settings) in variants {
        let scores = scores(streams, settings);
        let corpus = corpus(streams, &scores);
        let best = at_best_threshold(&corpus, PROFILES[0]);
        let shipped = at_threshold(&corpus, ALARM_SCORE, PROFILES[0]);
        let cell = |reached: Reached| {
            format!(
                "{:.1} ({} hit, {} false)",
                reached.score, reached.windows_hit, reached.false_alarms
            )
        };
        rows.push(vec![name, cell(best), cell(shipped)]);
    }
    report.table(
        "NAB standard with other settings",
        &["setting", "best threshold", "alarm score"],
        &rows,
    );
}
