//! The scoring of the Numenta Anomaly Benchmark (NAB v1.1), written anew from its description.
//!
//! A labelled window is worth the more, the earlier in it the first alarm is; every alarm outside
//! costs, less if it comes shortly after a window. The first 15 % of a stream (at most 750 rows) don't
//! count. The threshold is the best one over the whole corpus.

use std::collections::HashMap;

/// Rows of a stream and where its anomalies are.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    /// Rows.
    pub(crate) rows: usize,
    /// First and last row of each window.
    pub(crate) windows: Vec<(usize, usize)>,
}

/// What an alarm in a window brings, what one outside costs, what a missed window costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    hit: f64,
    false_alarm: f64,
    missed: f64,
}

/// NAB's three profiles.
pub(crate) const PROFILES: [Profile; 3] = [
    Profile { name: "standard", hit: 1.0, false_alarm: 0.11, missed: 1.0 },
    Profile { name: "reward_low_FP_rate", hit: 1.0, false_alarm: 0.22, missed: 1.0 },
    Profile { name: "reward_low_FN_rate", hit: 1.0, false_alarm: 0.11, missed: 2.0 },
];

/// What a detector reached at a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reached {
    pub(crate) threshold: f64,
    /// Normalised: 0 is a detector that never alarms, 100 a perfect one.
    pub(crate) score: f64,
    pub(crate) windows_hit: usize,
    pub(crate) false_alarms: usize,
}

/// From -1 (the window's begin) over 0 (its end) to what is behind it.
pub(crate) fn scaled_sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

/// Rows at the begin of a stream that don't count.
pub(crate) fn probation(rows: usize) -> usize {
    (rows * 15 / 100).min(750)
}

/// A row that counts: its window, if any, and what an alarm there is worth.
#[derive(Debug, Clone, Copy)]
struct Worth {
    row: usize,
    window: Option<usize>,
    worth: f64,
}

#[allow(clippy::cast_precision_loss, reason = "rows are few")]
fn worths(labels: &Labels, profile: Profile) -> Vec<Worth> {
    let earliest = scaled_sigmoid(-1.0);
    let (mut next, mut behind) = (0, None::<(usize, usize)>);
    let mut worths = Vec::with_capacity(labels.rows);
    for row in 0..labels.rows {
        let inside = labels.windows.get(next).filter(|(first, _)| row >= *first);
        let (window, worth) = if let Some(&(first, last)) = inside {
            let position = -((last - row + 1) as f64) / (last - first + 1) as f64;
            let window = next;
            if row == last {
                behind = Some((first, last));
                next += 1;
            }
            (Some(window), scaled_sigmoid(position) * profile.hit / earliest)
        } else {
            let position = behind
                .map_or(f64::INFINITY, |(first, last)| (row - last) as f64 / (last - first) as f64);
            (None, scaled_sigmoid(position) * profile.false_alarm)
        };
        if row >= probation(labels.rows) {
            worths.push(Worth { row, window, worth });
        }
    }
    worths
}

/// The score of alarms at a threshold: each stream's scores, in the order of the labels.
pub(crate) fn at_threshold(
    corpus: &[(&Labels, &[f64])],
    threshold: f64,
    profile: Profile,
) -> Reached {
    let mut total = 0.0;
    let mut reached = Reached { threshold, ..Reached::default() };
    for (labels, scores) in corpus {
        let mut best: HashMap<usize, f64> = HashMap::new();
        let mut hit = vec![false; labels.windows.len()];
        for Worth { row, window, worth } in worths(labels, profile) {
            let alarm = scores[row] >= threshold;
            match window {
                Some(window) => {
                    let best = best.entry(window).or_insert(-profile.missed);
                    if alarm {
                        *best = best.max(worth);
                        hit[window] = true;
                    }
                }
                None if alarm => {
                    total += worth;
                    reached.false_alarms += 1;
                }
                None => {}
            }
        }
        total += best.values().sum::<f64>();
        reached.windows_hit += hit.iter().filter(|hit| **hit).count();
    }
    reached.score = normalised(total, corpus, profile);
    reached
}

/// The threshold that is best over all streams.
pub(crate) fn at_best_threshold(corpus: &[(&Labels, &[f64])], profile: Profile) -> Reached {
    let mut rows = Vec::new();
    let mut best_of_window: HashMap<(usize, usize), f64> = HashMap::new();
    for (stream, (labels, scores)) in corpus.iter().enumerate() {
        for Worth { row, window, worth } in worths(labels, profile) {
            let window = window.map(|window| (stream, window));
            if let Some(window) = window {
                best_of_window.insert(window, -profile.missed);
            }
            rows.push((scores[row], window, worth));
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Above all scores: no alarm at all.
    let mut threshold = 1.1;
    let mut total: f64 = best_of_window.values().sum();
    let mut best = (threshold, total);
    for (score, window, worth) in rows {
        if score.total_cmp(&threshold).is_ne() {
            if total > best.1 {
                best = (threshold, total);
            }
            threshold = score;
        }
        match window.and_then(|window| best_of_window.get_mut(&window)) {
            Some(known) if worth > *known => {
                total += worth - *known;
                *known = worth;
            }
            Some(_) => {}
            None => total += worth,
        }
    }
    if total > best.1 {
        best.0 = threshold;
    }
    at_threshold(corpus, best.0, profile)
}

#[allow(clippy::cast_precision_loss, reason = "windows are few")]
fn normalised(total: f64, corpus: &[(&Labels, &[f64])], profile: Profile) -> f64 {
    let windows = corpus.iter().map(|(labels, _)| labels.windows.len()).sum::<usize>() as f64;
    let never = -windows * profile.missed;
    let perfect = windows * profile.hit;
    100.0 * (total - never) / (perfect - never)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Profile = Profile { name: "plain", hit: 1.0, false_alarm: 1.0, missed: 1.0 };

    fn labels(rows: usize, windows: &[(usize, usize)]) -> Labels {
        Labels { rows, windows: windows.to_vec() }
    }

    fn alarms(rows: usize, at: &[usize]) -> Vec<f64> {
        (0..rows).map(|row| f64::from(at.contains(&row))).collect()
    }

    /// As NAB's documentation gives them, to five places.
    #[test]
    fn the_sigmoid_has_the_published_values() {
        for (position, value) in
            [(-1.0, 0.98661), (-0.5, 0.84828), (0.0, 0.0), (1.0, -0.98661), (3.1, -1.0)]
        {
            assert!((scaled_sigmoid(position) - value).abs() < 5e-6, "{position}");
        }
    }

    #[test]
    fn probation_is_15_percent_up_to_750_rows() {
        assert_eq!(probation(1127), 169);
        assert_eq!(probation(4032), 604);
        assert_eq!(probation(22_695), 750);
    }

    #[test]
    fn one_that_never_alarms_has_0_and_a_perfect_one_100() {
        let labels = labels(200, &[(60, 79), (150, 169)]);
        let never = vec![0.0; 200];
        let perfect = alarms(200, &[60, 150]);
        for profile in PROFILES {
            let nothing = at_threshold(&[(&labels, &never)], 0.5, profile);
            assert!(nothing.score.abs() < 1e-9, "{nothing:?}");
            let all = at_best_threshold(&[(&labels, &perfect)], profile);
            assert!((all.score - 100.0).abs() < 1e-9, "{all:?}");
            assert_eq!((all.windows_hit, all.false_alarms, all.threshold), (2, 0, 1.0));
        }
    }

    /// NAB's own test `testScoringAllMetrics`: two windows of five rows, a hit at the first row of
    /// one and another beside it, and a false alarm two rows behind it: -0.9540 in all.
    #[test]
    fn the_total_is_that_of_nabs_own_test() {
        // Without probation rows: they are put in front.
        let shift = 200;
        let labels = labels(1000, &[(shift, shift + 4), (shift + 50, shift + 54)]);
        let scores = alarms(1000, &[shift, shift + 1, shift + 7]);
        let reached = at_threshold(&[(&labels, &scores)], 0.5, PLAIN);
        // total = normalised · (perfect - never) / 100 + never
        let total = reached.score * 4.0 / 100.0 - 2.0;
        let expected = 1.0 - 1.0 + scaled_sigmoid(3.0 / 4.0);
        assert!((total - expected).abs() < 1e-9, "{total}");
        assert!((total - -0.9540).abs() < 5e-5, "{total}");
        assert_eq!((reached.windows_hit, reached.false_alarms), (1, 1));
    }

    #[test]
    fn earlier_in_the_window_is_better_and_a_repetition_changes_nothing() {
        let labels = labels(200, &[(100, 119)]);
        let score =
            |at: &[usize]| at_threshold(&[(&labels, &alarms(200, at))], 0.5, PROFILES[0]).score;
        assert!(score(&[100]) > score(&[110]));
        assert!(score(&[110]) > score(&[119]));
        assert_eq!(score(&[110]), score(&[110, 115]));
        assert!(score(&[110]) > score(&[110, 190]), "a false alarm costs");
    }

    #[test]
    fn the_best_threshold_is_no_worse_than_any_other() {
        let labels = labels(400, &[(100, 119), (300, 319)]);
        let scores: Vec<f64> = (0..400).map(|row| ((row * 37) % 101) as f64 / 101.0).collect();
        let corpus = [(&labels, scores.as_slice())];
        let best = at_best_threshold(&corpus, PROFILES[0]);
        for step in 0..=110 {
            let other = at_threshold(&corpus, f64::from(step) / 100.0, PROFILES[0]);
            assert!(other.score <= best.score + 1e-9, "{other:?} {best:?}");
        }
    }
}
