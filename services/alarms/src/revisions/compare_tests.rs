//! Which alarms differ.

use millwright_core::alarm::{Raise, Silence, open};
use millwright_schemas::api::alarms::AlarmOrigin;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, OrganizationId};
use serde_json::Map;
use uuid::Uuid;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

/// The end of time, in seconds: what is active ends there.
const END: i64 = 1_000;

fn came(alarms: &[(i64, Option<i64>)]) -> Came {
    let alarm = |(from, to): &(i64, Option<i64>)| BacktestAlarm {
        from: at(*from),
        to: to.map(at),
        severity: Severity::Major,
        worst: Severity::Major,
        message: "hot".to_owned(),
        context: Map::new(),
    };
    let span = |(from, to): &(i64, Option<i64>)| (at(*from), at(to.unwrap_or(END)));
    Came {
        alarms: alarms.iter().map(alarm).collect(),
        spans: alarms.iter().map(span).collect(),
        ..Came::default()
    }
}

fn recorded(alarms: &[(i64, Option<i64>)]) -> Vec<Alarm> {
    let alarm = |(from, to): &(i64, Option<i64>)| {
        let raise = Raise {
            machine: MachineId(Uuid::nil()),
            organization: OrganizationId(Uuid::nil()),
            origin: AlarmOrigin::Rule,
            source: "t".to_owned(),
            code: "r".to_owned(),
            rule: None,
            severity: Severity::Major,
            message: "hot".to_owned(),
            context: Map::new(),
            at: at(*from),
            received_at: at(*from),
        };
        let opened = open(None, &raise, Silence::default(), AlarmId(Uuid::nil()));
        Alarm { active: to.is_none(), cleared_at: to.map(at), ..opened.unwrap().alarm }
    };
    alarms.iter().map(alarm).collect()
}

type Times = Vec<i64>;

/// When the missed and the unfounded alarms begin.
fn differ(
    found: &[(i64, Option<i64>)],
    raised: &[(i64, Option<i64>)],
    (from, to): (i64, i64),
    shown: Option<i64>,
) -> (Times, Times) {
    let (came, recorded) = (came(found), recorded(raised));
    let window = Window { from: at(from), to: at(to), shown: shown.map(at), known: Some(at(-END)) };
    let differences = compare(&came, &recorded, window);
    let seconds = |time: Timestamp| time.micros_since(at(0)) / 1_000_000;
    let missed = differences.missed.iter().map(|alarm| seconds(alarm.from)).collect();
    let unfounded = differences.unfounded.iter().map(|alarm| seconds(alarm.raised_at)).collect();
    (missed, unfounded)
}

#[test]
fn alarms_differ_when_they_never_meet() {
    let all = (0, END);
    for (found, raised, expected) in [
        (vec![], vec![], (vec![], vec![])),
        (vec![(10, Some(20))], vec![], (vec![10], vec![])),
        (vec![], vec![(10, Some(20))], (vec![], vec![10])),
        (vec![(10, Some(20))], vec![(20, Some(30))], (vec![], vec![])),
        (vec![(10, Some(20))], vec![(21, Some(30))], (vec![10], vec![21])),
        (vec![(10, None)], vec![(21, Some(30))], (vec![], vec![])),
        (vec![(40, Some(50))], vec![(30, None)], (vec![], vec![])),
        (
            vec![(1, Some(2)), (10, Some(20)), (60, None)],
            vec![(3, Some(4)), (15, Some(16)), (70, None)],
            (vec![1], vec![3]),
        ),
    ] {
        assert_eq!(differ(&found, &raised, all, Some(END)), expected, "{found:?} {raised:?}");
    }
}

#[test]
fn only_what_late_samples_can_have_changed_is_told() {
    let (found, raised) = (vec![(10, Some(20))], vec![(30, Some(40))]);
    for (window, expected) in [
        ((10, 30), (vec![10], vec![30])),
        ((11, 29), (vec![], vec![])),
        ((0, 10), (vec![10], vec![])),
        ((30, 50), (vec![], vec![30])),
    ] {
        assert_eq!(differ(&found, &raised, window, Some(END)), expected, "{window:?}");
    }
    // Active since before the window, it meets all the same.
    assert_eq!(differ(&[(10, Some(20))], &[(-50, None)], (0, 50), Some(END)), (vec![], vec![]));
}

#[test]
fn what_the_machine_has_not_shown_yet_was_not_missed() {
    let found = [(10, None)];
    assert_eq!(differ(&found, &[], (0, 50), Some(9)).0, Times::new());
    assert_eq!(differ(&found, &[], (0, 50), None).0, Times::new());
    assert_eq!(differ(&found, &[], (0, 50), Some(10)).0, [10]);
}

#[test]
fn what_may_have_been_raised_by_values_that_are_gone_is_not_called_unfounded() {
    let (came, recorded) = (came(&[]), recorded(&[(10, Some(20)), (30, Some(40))]));
    for (known, expected) in [(Some(10), 2), (Some(11), 1), (Some(31), 0), (None, 0)] {
        let known = known.map(at);
        let window = Window { from: at(0), to: at(END), shown: Some(at(END)), known };
        assert_eq!(compare(&came, &recorded, window).unfounded.len(), expected, "{known:?}");
    }
}

#[test]
fn beyond_the_bound_nothing_is_called_unfounded() {
    let came = Came { more_spans: true, ..came(&[(10, Some(20))]) };
    let recorded = recorded(&[(30, Some(40))]);
    let window = Window { from: at(0), to: at(END), shown: Some(at(END)), known: Some(at(0)) };
    let differences = compare(&came, &recorded, window);
    assert_eq!((differences.missed.len(), differences.unfounded.len()), (1, 0));
}
