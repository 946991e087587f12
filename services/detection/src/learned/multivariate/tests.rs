use proptest::prelude::*;

use super::*;

fn at(row: usize) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + row as i64 * 1_000_000)
}

/// Noise between -0.5 and 0.5, always the same.
fn noise(row: usize, signal: usize) -> f64 {
    let mut x = (row * 97 + signal) as u64 + 1;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f64 / (1 << 24) as f64 - 0.5
}

/// A spindle: vibration and temperature follow the load.
fn healthy(row: usize) -> [f64; 3] {
    let load = 50.0 + 30.0 * (row as f64 / 40.0).sin();
    [load + noise(row, 0), load / 10.0 + 0.2 * noise(row, 1), 20.0 + load / 4.0 + noise(row, 2)]
}

fn new(train_rows: usize) -> Multivariate {
    let signals = ["load", "vibration", "temperature"].map(str::to_owned).to_vec();
    Multivariate::new(signals, Settings { train_rows, ..Settings::default() }).unwrap()
}

fn step(detector: &mut Multivariate, row: usize, values: [f64; 3]) -> Verdict {
    detector.step(at(row), &values.map(Some))
}

fn commissioned() -> Multivariate {
    let mut detector = new(600);
    for row in 0..600 {
        assert_eq!(step(&mut detector, row, healthy(row)), Verdict::default());
    }
    assert!(detector.is_watching());
    detector
}

#[test]
fn a_healthy_machine_is_hardly_ever_an_alarm() {
    let mut detector = commissioned();
    let alarms = (600..4000).filter(|row| step(&mut detector, *row, healthy(*row)).alarm).count();
    assert!(alarms < 34, "{alarms} of 3400");
}

#[test]
fn a_value_that_is_usual_by_itself_alarms_when_it_doesnt_fit_the_others() {
    let mut detector = commissioned();
    let mut first = None;
    for row in 600..700 {
        let mut values = healthy(row);
        // As at another load: well within its own range.
        values[1] = healthy(row + 126)[1];
        if step(&mut detector, row, values).alarm {
            first = first.or(Some((row, detector.explain())));
        }
    }
    let (row, explanation) = first.unwrap();
    assert!(row < 660, "{row}");
    assert_eq!(explanation.findings[0].aspect, "vibration", "{explanation:?}");
    let text = explanation.text();
    assert!(text.contains("σ") && text.contains("vibration is"), "{text}");
}

#[test]
fn an_alarm_ends_when_the_machine_is_as_before() {
    let mut detector = commissioned();
    let mut alarms = Vec::new();
    for row in 600..1200 {
        let mut values = healthy(row);
        if (700..800).contains(&row) {
            values[2] += 15.0;
        }
        if step(&mut detector, row, values).alarm {
            alarms.push(row);
        }
    }
    assert!(alarms.contains(&705), "{alarms:?}");
    assert!(alarms.iter().all(|row| (700..950).contains(row)), "{alarms:?}");
}

#[test]
fn missing_values_are_taken_as_expected_and_a_row_without_most_isnt_judged() {
    let mut detector = commissioned();
    for row in 600..700 {
        let [load, _, temperature] = healthy(row);
        let vibration = (row % 3 == 0).then(|| healthy(row)[1]);
        let verdict = detector.step(at(row), &[Some(load), vibration, Some(temperature)]);
        assert!(!verdict.alarm, "row {row}");
    }
    let before = detector.clone();
    assert_eq!(detector.step(at(700), &[None, None, Some(1e9)]), Verdict::default());
    assert_eq!(step(&mut detector, 700, [9e9; 3]), Verdict::default(), "the same time again");
    let model = |detector: &Multivariate| serde_json::to_value(&detector.phase).unwrap();
    assert_eq!(model(&before), model(&detector));
}

#[test]
fn constant_signals_and_signals_that_are_the_same_can_be_learned() {
    let mut detector = new(200);
    for row in 0..400 {
        let value = noise(row, 0);
        assert!(!step(&mut detector, row, [value, value, 7.0]).alarm, "row {row}");
    }
    let alarm =
        (400..420).any(|row| step(&mut detector, row, [noise(row, 0), noise(row, 0), 8.0]).alarm);
    assert!(alarm, "what never changed has changed");
}

/// A load, and what was counted of it; which rows are alarms.
fn counting(rows: usize, count: impl Fn(usize, f64) -> f64) -> Vec<usize> {
    let signals = vec!["load".to_owned(), "energy".to_owned()];
    let settings = Settings { train_rows: 400, ..Settings::default() };
    let mut detector = Multivariate::new(signals, settings).unwrap();
    let mut sum = 0.0;
    let alarms = (0..rows).filter(|row| {
        let [load, ..] = healthy(*row);
        sum += load;
        detector.step(at(*row), &[Some(load), Some(count(*row, sum))]).alarm
    });
    alarms.collect()
}

#[test]
fn counters_are_learned_by_what_they_count() {
    assert_eq!(counting(4000, |_, sum| sum), [0; 0]);
    // Wraps within commissioning and afterwards.
    let wraps = counting(8000, |_, sum| (sum / 8.0).floor() % 16_384.0);
    assert_eq!(wraps, [0; 0]);
    // It stands at first, which says nothing.
    let stands = counting(4000, |row, sum| if row < 130 { 0.0 } else { sum });
    assert_eq!(stands, [0; 0]);
    // Half of it isn't counted any more.
    let less = counting(2000, |row, sum| if row < 1500 { sum } else { sum / 2.0 + 1e6 });
    assert!(less.iter().any(|row| (1500..1600).contains(row)), "{less:?}");
    assert!(less.iter().all(|row| *row >= 1500), "{less:?}");
}

#[test]
fn a_stuck_sensor_is_found_and_a_machine_that_stands_isnt_one() {
    let mut detector = commissioned();
    let [_, _, stuck] = healthy(600);
    let row = |row: usize| [healthy(row)[0], healthy(row)[1], stuck];
    let first = (600..1600).find(|n| step(&mut detector, *n, row(*n)).alarm);
    assert!(first.is_some_and(|first| first < 660), "{first:?}");
    let mut detector = commissioned();
    let (stands, mut said) = (healthy(600), 0);
    for row in 600..1600 {
        step(&mut detector, row, stands);
        said += usize::from(detector.explain().text().contains("has said"));
    }
    assert_eq!(said, 0);
}

#[test]
fn a_signal_that_never_tells_anything_doesnt_mute_the_others() {
    let mut detector = new(400);
    for row in 0..600 {
        let [load, vibration, _] = healthy(row);
        assert!(!detector.step(at(row), &[Some(load), Some(vibration), None]).alarm);
    }
    assert!(detector.is_watching());
    assert_eq!(detector.missing(), [false, false, true]);
    let odd = (600..700).any(|row| {
        let [load, _, temperature] = healthy(row);
        let vibration = healthy(row + 126)[1];
        detector.step(at(row), &[Some(load), Some(vibration), Some(temperature)]).alarm
    });
    assert!(odd);
}

#[test]
fn bounds_are_checked_and_relearning_starts_again() {
    let settings = Settings::default();
    assert_eq!(Multivariate::new(vec!["a".to_owned()], settings), Err(Refused::Signals(1)));
    let two = vec!["a".to_owned(), "b".to_owned()];
    let refused = Multivariate::new(two, Settings { train_rows: 3, ..settings }).unwrap_err();
    assert!(refused.to_string().contains("train_rows: 3 is not between"), "{refused}");
    let mut detector = commissioned();
    detector.relearn();
    assert!(!detector.is_watching());
}

#[test]
fn twenty_signals_fit_the_bound() {
    let names = (0..20).map(|signal| format!("signal.{signal}")).collect();
    let mut detector = Multivariate::new(names, Settings::default()).unwrap();
    let mut most = 0;
    for row in 0..500 {
        let values: Vec<_> = (0..20).map(|signal| Some(noise(row, signal))).collect();
        detector.step(at(row), &values);
        if row % 50 == 49 {
            most = most.max(serde_json::to_vec(&detector).unwrap().len());
        }
    }
    assert!(most < 28 * 1024, "{most} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Stored, read again, and with every row told twice: the same answers, and the same state.
    #[test]
    fn restarts_and_repeats_change_nothing(
        rows in prop::collection::vec((0_i64..5, prop::array::uniform3(prop::option::weighted(0.95, -100_i32..100))), 100..300),
        cut in 0_usize..300,
    ) {
        let (mut plain, mut troubled) = (new(60), new(60));
        let mut time = 0;
        for (index, (seconds, row)) in rows.into_iter().enumerate() {
            time += seconds * 1_000_000;
            let row = row.map(|value| value.map(|value| f64::from(value) / 4.0));
            let at = Timestamp::from_micros(time);
            let verdict = plain.step(at, &row);
            prop_assert_eq!(troubled.step(at, &row), verdict);
            prop_assert_eq!(troubled.step(at, &[Some(1e6); 3]), verdict);
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
