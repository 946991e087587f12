use proptest::prelude::*;

use super::*;

const MINUTE_US: i64 = 60_000_000;

fn at(sample: usize) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + sample as i64 * 5 * MINUTE_US)
}

/// Noise between -0.5 and 0.5, always the same.
fn noise(sample: usize) -> f64 {
    let mut x = sample as u64 + 1;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f64 / (1 << 24) as f64 - 0.5
}

/// A machine's signal: by day 80, by night 60, with noise.
fn healthy(sample: usize) -> f64 {
    let day = sample as f64 / 288.0 * std::f64::consts::TAU;
    70.0 + 10.0 * day.sin() + noise(sample)
}

fn run(values: impl IntoIterator<Item = f64>) -> (Univariate, Vec<usize>) {
    let mut detector = Univariate::default();
    let mut alarms = Vec::new();
    for (sample, value) in values.into_iter().enumerate() {
        if detector.step(at(sample), Some(value)).alarm {
            alarms.push(sample);
        }
    }
    (detector, alarms)
}

/// A healthy signal for four days, then another.
fn changed(after: impl Fn(usize) -> f64) -> (Univariate, Vec<usize>) {
    run((0..1300).map(|sample| if sample < 1152 { healthy(sample) } else { after(sample) }))
}

fn alarms_behind(alarms: &[usize]) -> Vec<usize> {
    alarms.iter().copied().filter(|sample| *sample >= 1152).collect()
}

#[test]
fn a_healthy_signal_is_hardly_ever_an_alarm() {
    let (_, alarms) = run((0..4000).map(healthy));
    assert!(alarms.len() <= 3, "{alarms:?}");
}

#[test]
fn every_kind_of_change_alarms_once() {
    type Course = Box<dyn Fn(usize) -> f64>;
    let kinds: [(&str, Course); 5] = [
        ("level", Box::new(|sample| healthy(sample) + 25.0)),
        ("spread", Box::new(|sample| healthy(sample) + 30.0 * noise(sample + 9000))),
        ("stuck", Box::new(|_| healthy(1151))),
        ("season", Box::new(|sample| healthy(sample + 144))),
        ("spike", Box::new(|sample| healthy(sample) + f64::from(u8::from(sample == 1200)) * 60.0)),
    ];
    for (kind, course) in kinds {
        let (_, alarms) = changed(course);
        let alarms = alarms_behind(&alarms);
        assert!((1..=2).contains(&alarms.len()), "{kind}: {alarms:?}");
    }
}

#[test]
fn it_says_why_in_words_and_numbers() {
    let mut detector = Univariate::default();
    for sample in 0..1152 {
        detector.step(at(sample), Some(healthy(sample)));
    }
    assert!(detector.step(at(1152), Some(140.0)).alarm);
    let explanation = detector.explain();
    let text = explanation.text();
    assert!(text.contains("range: 140 is beyond the highest seen so far, 80."), "{text}");
    let shares: f64 = explanation.findings.iter().map(|finding| finding.share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{explanation:?}");
    assert!(explanation.findings.is_sorted_by(|a, b| a.share >= b.share));
}

#[test]
fn a_constant_signal_alarms_when_it_changes() {
    let (_, alarms) = run((0..600).map(|sample| if sample < 500 { 5.0 } else { 6.0 }));
    assert_eq!(alarms.first(), Some(&500));
    let (_, alarms) = run((0..600).map(|_| 0.0));
    assert_eq!(alarms, [0; 0]);
}

#[test]
fn a_counter_may_wrap_and_alarms_when_it_races() {
    // 16 bits, three a step; the wrap is no alarm, and neither is a reset.
    let count = |sample: usize| (60_000 + sample * 3 + (sample % 4)) % 65_536;
    let (_, alarms) = run((0..3000).map(|sample| count(sample) as f64));
    assert_eq!(alarms, [0; 0]);
    let racing = |sample: usize| sample * 3 + sample % 4 + sample.saturating_sub(1000) * 40;
    let (_, alarms) = run((0..1200).map(|sample| racing(sample) as f64));
    assert!(alarms.first().is_some_and(|first| (1000..1030).contains(first)), "{alarms:?}");
}

#[test]
fn an_unusable_sample_says_and_teaches_nothing() {
    let mut detector = Univariate::default();
    for sample in 0..400 {
        detector.step(at(sample), Some(healthy(sample)));
    }
    let learned = detector.learned();
    for (more, value) in [(0, None), (1, Some(f64::NAN)), (2, Some(f64::INFINITY))] {
        assert_eq!(detector.step(at(400 + more), value), Verdict::default());
    }
    assert_eq!(detector.learned(), learned);
}

#[test]
fn huge_values_stay_finite_and_can_be_stored() {
    let (mut detector, _) =
        run((0..400).map(|sample| if sample % 50 == 9 { f64::MAX } else { -1e90 }));
    let verdict = detector.step(at(400), Some(f64::MIN));
    assert!(verdict.score.is_finite() && (0.0..=1.0).contains(&verdict.score));
    let stored = serde_json::to_string(&detector).unwrap();
    assert_eq!(serde_json::from_str::<Univariate>(&stored).unwrap(), detector);
}

#[test]
fn drift_is_followed_and_relearning_forgets() {
    let (_, alarms) = run((0..8000).map(|sample| healthy(sample) + sample as f64 * 0.002));
    assert!(alarms.len() <= 8, "a slow drift is no alarm: {alarms:?}");
    let (mut detector, _) = run((0..1000).map(healthy));
    detector.relearn();
    assert_eq!(detector.learned(), 0.0);
    for sample in 1000..1100 {
        assert!(!detector.step(at(sample), Some(healthy(sample) + 500.0)).alarm);
    }
}

#[test]
fn the_state_has_a_bound() {
    let (detector, _) = run((0..20_000).map(|sample| healthy(sample) + 400.0 * noise(sample * 7)));
    let early = run((0..900).map(|sample| healthy(sample) + 400.0 * noise(sample * 7))).0;
    let size = |detector: &Univariate| serde_json::to_vec(detector).unwrap().len();
    assert!(size(&detector) < size(&early) + 400, "{} {}", size(&early), size(&detector));
    assert!(detector.is_sound());
}

/// Samples with holes, repeats and late ones.
fn samples() -> impl Strategy<Value = Vec<(i64, Option<f64>)>> {
    let value = prop_oneof![
        8 => (-1000_i32..1000).prop_map(|value| Some(f64::from(value) / 8.0)),
        1 => Just(None),
        1 => Just(Some(7.0)),
    ];
    prop::collection::vec((-2_i64..400, value), 200..600).prop_map(|steps| {
        let mut at = 1_700_000_000_000_000;
        steps
            .into_iter()
            .map(|(seconds, value)| {
                at += seconds * 1_000_000;
                (at, value)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Stored, read again, and with every sample told twice: the same answers, and the same state.
    #[test]
    fn restarts_and_repeats_change_nothing(samples in samples(), cut in 0_usize..600) {
        let (mut plain, mut troubled) = (Univariate::default(), Univariate::default());
        for (index, (at, value)) in samples.into_iter().enumerate() {
            let at = Timestamp::from_micros(at);
            let verdict = plain.step(at, value);
            prop_assert_eq!(troubled.step(at, value), verdict);
            prop_assert_eq!(troubled.step(at, Some(1e6)), verdict);
            prop_assert!((0.0..=1.0).contains(&verdict.score));
            if index == cut {
                let stored = serde_json::to_string(&troubled).unwrap();
                troubled = serde_json::from_str(&stored).unwrap();
                prop_assert!(troubled.is_sound());
            }
        }
        prop_assert_eq!(plain, troubled);
    }
}
