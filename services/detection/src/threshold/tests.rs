use millwright_schemas::api::rules::Limit;

use super::*;

fn at(s: i64) -> Timestamp {
    Timestamp::from_micros(s * 1_000_000)
}

fn condition(above: Option<f64>, below: Option<f64>, clear_at: Option<f64>) -> ThresholdCondition {
    ThresholdCondition {
        signal: "s".parse().unwrap(),
        unit: None,
        above: above.map(Limit::from),
        below: below.map(Limit::from),
        clear_at: clear_at.map(Limit::from),
        hold_s: 10.0,
        clear_hold_s: 20.0,
    }
}

/// Above 80 for 10 s; back at 70 for 20 s.
fn held() -> Threshold {
    Threshold::compile(&condition(Some(80.0), None, Some(70.0))).unwrap()
}

/// Above 80; back at 70.
fn prompt() -> Threshold {
    Threshold { hold: Hold::default(), ..held() }
}

const NORMAL: fn(i64) -> State = |s| State::Normal { since: at(s) };
const PENDING: fn(i64) -> State = |s| State::Pending { since: at(s), value: 90.0 };
const ACTIVE: fn(i64) -> State = |s| State::Active { since: at(s) };
const CLEARING: fn(i64) -> State = |s| State::Clearing { since: at(s) };

fn sample(s: i64, value: f64) -> Event {
    Event::Sample { at: at(s), value: Some(value) }
}

fn nothing(s: i64) -> Event {
    Event::Sample { at: at(s), value: None }
}

fn through(s: i64) -> Event {
    Event::Through(at(s))
}

fn raised(s: i64, value: f64) -> Transition {
    Transition::Raised { at: at(s), value }
}

fn cleared(s: i64) -> Transition {
    Transition::Cleared { at: at(s) }
}

/// Every state with every event: beyond, at the limit, between the limits, back, without a value,
/// time that passes; before and at the end of the hold; and what is older than the state.
#[test]
fn every_state_and_event_with_hold_times() {
    type Row = (State, Event, State, Vec<Transition>);
    let rows: Vec<Row> = vec![
        (NORMAL(0), sample(5, 81.0), State::Pending { since: at(5), value: 81.0 }, vec![]),
        (NORMAL(0), sample(5, 80.0), NORMAL(0), vec![]),
        (NORMAL(0), sample(5, 75.0), NORMAL(0), vec![]),
        (NORMAL(0), sample(5, 70.0), NORMAL(0), vec![]),
        (NORMAL(0), nothing(5), NORMAL(0), vec![]),
        (NORMAL(0), through(99), NORMAL(0), vec![]),
        (NORMAL(7), sample(5, 81.0), NORMAL(7), vec![]),
        (PENDING(0), sample(5, 81.0), State::Pending { since: at(0), value: 81.0 }, vec![]),
        (PENDING(0), sample(5, 80.0), NORMAL(5), vec![]),
        (PENDING(0), sample(5, 75.0), NORMAL(5), vec![]),
        (PENDING(0), sample(5, 70.0), NORMAL(5), vec![]),
        (PENDING(0), nothing(5), NORMAL(5), vec![]),
        (PENDING(0), through(9), PENDING(0), vec![]),
        (PENDING(0), through(10), ACTIVE(10), vec![raised(10, 90.0)]),
        (PENDING(0), through(99), ACTIVE(10), vec![raised(10, 90.0)]),
        (PENDING(0), sample(10, 81.0), ACTIVE(10), vec![raised(10, 90.0)]),
        (PENDING(0), sample(12, 75.0), ACTIVE(10), vec![raised(10, 90.0)]),
        (PENDING(0), sample(12, 70.0), CLEARING(12), vec![raised(10, 90.0)]),
        (PENDING(0), nothing(12), ACTIVE(10), vec![raised(10, 90.0)]),
        (PENDING(7), sample(5, 70.0), PENDING(7), vec![]),
        (ACTIVE(0), sample(5, 81.0), ACTIVE(0), vec![]),
        (ACTIVE(0), sample(5, 80.0), ACTIVE(0), vec![]),
        (ACTIVE(0), sample(5, 70.1), ACTIVE(0), vec![]),
        (ACTIVE(0), sample(5, 70.0), CLEARING(5), vec![]),
        (ACTIVE(0), sample(5, 60.0), CLEARING(5), vec![]),
        (ACTIVE(0), nothing(5), ACTIVE(0), vec![]),
        (ACTIVE(0), through(99), ACTIVE(0), vec![]),
        (ACTIVE(7), sample(5, 60.0), ACTIVE(7), vec![]),
        (CLEARING(0), sample(5, 70.0), CLEARING(0), vec![]),
        (CLEARING(0), sample(5, 71.0), ACTIVE(5), vec![]),
        (CLEARING(0), sample(5, 81.0), ACTIVE(5), vec![]),
        (CLEARING(0), nothing(5), ACTIVE(5), vec![]),
        (CLEARING(0), through(19), CLEARING(0), vec![]),
        (CLEARING(0), through(20), NORMAL(20), vec![cleared(20)]),
        (CLEARING(0), sample(20, 70.0), NORMAL(20), vec![cleared(20)]),
        (CLEARING(0), sample(25, 90.0), PENDING(25), vec![cleared(20)]),
        (CLEARING(0), nothing(25), NORMAL(20), vec![cleared(20)]),
        (CLEARING(7), sample(5, 90.0), CLEARING(7), vec![]),
    ];
    for (state, event, next, transitions) in rows {
        assert_eq!(held().step(state, event), (next, transitions), "{state:?} {event:?}");
    }
}

#[test]
fn every_move_without_hold_times() {
    let rows = [
        (NORMAL(0), sample(5, 81.0), ACTIVE(5), vec![raised(5, 81.0)]),
        (NORMAL(0), sample(5, 80.0), NORMAL(0), vec![]),
        (ACTIVE(0), sample(5, 70.0), NORMAL(5), vec![cleared(5)]),
        (ACTIVE(0), sample(5, 75.0), ACTIVE(0), vec![]),
        (ACTIVE(0), nothing(5), ACTIVE(0), vec![]),
        // Left by a version of the rule with hold times.
        (PENDING(0), through(0), ACTIVE(0), vec![raised(0, 90.0)]),
        (CLEARING(0), sample(5, 81.0), ACTIVE(5), vec![cleared(0), raised(5, 81.0)]),
    ];
    for (state, event, next, transitions) in rows {
        assert_eq!(prompt().step(state, event), (next, transitions), "{state:?} {event:?}");
    }
}

#[test]
fn below_is_the_mirror_of_above() {
    let threshold = Threshold::compile(&condition(None, Some(-80.0), Some(-70.0))).unwrap();
    let (state, _) = threshold.step(NORMAL(0), sample(1, -80.0));
    assert_eq!(state, NORMAL(0));
    let (state, _) = threshold.step(state, sample(2, -80.5));
    let (state, raised) = threshold.step(state, through(12));
    assert_eq!(raised, [Transition::Raised { at: at(12), value: -80.5 }]);
    let (state, _) = threshold.step(state, sample(13, -71.0));
    assert_eq!(state, ACTIVE(12));
    assert_eq!(threshold.step(state, sample(14, -70.0)).0, CLEARING(14));
}

#[test]
fn without_a_clear_limit_the_limit_itself_is_back() {
    let threshold = Threshold::compile(&condition(Some(80.0), None, None)).unwrap();
    assert_eq!(threshold.step(ACTIVE(0), sample(5, 80.0)).0, CLEARING(5));
    assert_eq!(threshold.step(ACTIVE(0), sample(5, 80.1)).0, ACTIVE(0));
}

#[test]
fn what_cannot_be_watched_is_refused_with_every_field() {
    let mut fields = Vec::new();
    let mut refused = |above, below, clear_at, hold_s, clear_hold_s| {
        let condition =
            ThresholdCondition { hold_s, clear_hold_s, ..condition(above, below, clear_at) };
        let problems = Threshold::compile(&condition).err().unwrap_or_default();
        fields.push(problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>());
    };
    refused(None, None, None, 0.0, 0.0);
    refused(Some(1.0), Some(0.0), None, 0.0, 0.0);
    refused(Some(80.0), None, Some(80.1), 0.0, 0.0);
    refused(None, Some(80.0), Some(79.9), 0.0, 0.0);
    refused(Some(80.0), None, None, 604_800.1, -0.1);
    refused(Some(f64::NAN), None, Some(f64::INFINITY), f64::NAN, 0.0);
    refused(Some(80.0), None, Some(80.0), 604_800.0, 604_800.0);
    let expected: [&[&str]; 7] = [
        &["condition.above"],
        &["condition.below"],
        &["condition.clear_at"],
        &["condition.clear_at"],
        &["condition.hold_s", "condition.clear_hold_s"],
        &["condition.above", "condition.clear_at", "condition.hold_s"],
        &[],
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_state_is_stored_and_read_back() {
    for state in [State::default(), NORMAL(3), PENDING(4), ACTIVE(5), CLEARING(6)] {
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state, "{text}");
    }
    let text = serde_json::to_string(&PENDING(4)).unwrap();
    assert_eq!(text, r#"{"state":"pending","since":"1970-01-01T00:00:04Z","value":90.0}"#);
}
