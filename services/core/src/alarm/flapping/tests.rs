//! When an alarm counts as coming and going.

use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason};
use millwright_schemas::wire::events::Severity;
use serde_json::Map;

use super::*;
use crate::alarm::{Event, Raise, Silence, open, step};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

fn raised(seconds: i64) -> Alarm {
    let raise = Raise {
        machine: "0198b2c4-7c1e-7000-8000-000000000001".parse().unwrap(),
        organization: "0198b2c4-7c1e-7000-8000-000000000002".parse().unwrap(),
        origin: AlarmOrigin::Fault,
        source: "axis.x".to_owned(),
        code: "E-204".to_owned(),
        rule: None,
        severity: Severity::Major,
        message: String::new(),
        context: Map::new(),
        at: at(seconds),
        received_at: at(seconds),
    };
    let id = "0198b2c4-7c1e-7000-8000-000000000003".parse().unwrap();
    open(None, &raise, Silence::default(), id).unwrap().alarm
}

const POLICY: FlappingPolicy = FlappingPolicy { enabled: true, raises: 3, period_s: 100 };

#[test]
fn it_begins_with_one_raise_more_than_is_allowed_within_the_period() {
    let earlier = [at(10), at(20), at(30)];
    let flap_at =
        |seconds: i64, policy: FlappingPolicy| flap(&raised(seconds), None, &earlier, &policy);
    let begun = flap_at(109, POLICY).unwrap();
    assert!(begun.begins);
    assert_eq!(begun.flapping, Flapping { since: at(109), count: 4, until: at(209) });
    assert_eq!(flap_at(110, POLICY), None, "the first one is over the period");
    assert_eq!(flap_at(109, FlappingPolicy { raises: 4, ..POLICY }), None);
    assert_eq!(flap_at(109, FlappingPolicy { enabled: false, ..POLICY }), None);
    assert_eq!(flap(&raised(40), None, &earlier[..2], &POLICY), None);
}

#[test]
fn it_goes_on_until_it_was_not_raised_for_the_period() {
    let mut last = raised(0);
    last.flapping = Some(Flapping { since: at(0), count: 4, until: at(100) });
    let next = flap(&raised(99), Some(&last), &[], &POLICY).unwrap();
    assert!(!next.begins);
    assert_eq!(next.flapping, Flapping { since: at(0), count: 5, until: at(199) });
    assert_eq!(flap(&raised(100), Some(&last), &[], &POLICY), None, "quiet for long enough");
}

#[test]
fn when_it_is_calm_tickets_look_at_it_once_more() {
    let mut alarm = raised(0);
    assert_eq!(step(&alarm, Event::Calmed, at(9)).unwrap().told, None);
    alarm.flapping = Some(Flapping { since: at(0), count: 4, until: at(100) });
    let over = Event::Cleared { reason: ClearReason::Normal, at: at(5) };
    let mut cleared = step(&alarm, over, at(5)).unwrap().alarm;
    assert!(cleared.flapping.is_some(), "its clear doesn't end it");
    assert!(!step(&cleared, Event::Calmed, at(100)).unwrap().tickets, "it is on no ticket");
    cleared.ticket_id = Some("0198b2c4-7c1e-7000-8000-000000000004".parse().unwrap());
    let calmed = step(&cleared, Event::Calmed, at(100)).unwrap();
    assert_eq!((calmed.told.unwrap().action, calmed.alarm.flapping), ("alarm.calmed", None));
    assert!(calmed.tickets);
}
