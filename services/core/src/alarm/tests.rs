//! Every state and event, and what time does to them.

use millwright_schemas::AlarmId;
use millwright_schemas::api::alarms::FeedbackVerdict;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

const NOW_S: i64 = 1_000;

fn raise(severity: Severity, seconds: i64) -> Raise {
    Raise {
        machine: "0198b2c4-7c1e-7000-8000-000000000001".parse().unwrap(),
        organization: "0198b2c4-7c1e-7000-8000-000000000002".parse().unwrap(),
        origin: AlarmOrigin::Fault,
        source: "axis.x".to_owned(),
        code: "E-204".to_owned(),
        rule: None,
        severity,
        message: "too warm".to_owned(),
        context: Map::new(),
        at: at(seconds),
        received_at: at(NOW_S),
    }
}

fn id() -> AlarmId {
    "0198b2c4-7c1e-7000-8000-000000000003".parse().unwrap()
}

fn fresh() -> Alarm {
    open(None, &raise(Severity::Major, 0), Silence::default(), id()).unwrap().alarm
}

fn after(alarm: &Alarm, event: Event<'_>) -> Alarm {
    step(alarm, event, at(NOW_S)).unwrap().alarm
}

fn cleared(reason: ClearReason, seconds: i64) -> Event<'static> {
    Event::Cleared { reason, at: at(seconds) }
}

fn said(verdict: FeedbackVerdict, note: Option<&str>) -> AlarmFeedback {
    let by = Actor::Platform.into();
    AlarmFeedback { verdict, note: note.map(str::to_owned), by, at: at(NOW_S) }
}

fn states() -> [(&'static str, Alarm); 11] {
    let active = fresh();
    let over = after(&active, cleared(ClearReason::Normal, 10));
    let shelved = after(&active, Event::Shelved(at(NOW_S + 100)));
    let out = after(&active, Event::TakenOutOfService);
    [
        ("acknowledged", after(&active, Event::Acknowledged(Actor::Platform))),
        ("shelved", shelved.clone()),
        ("maintenance", after(&active, Event::Suppressed(Suppression::Maintenance))),
        ("parent lost", after(&active, Event::Suppressed(Suppression::ParentLost))),
        ("out of service", out.clone()),
        ("shelved and out", after(&shelved, Event::TakenOutOfService)),
        ("cleared", over.clone()),
        ("cleared, seen", after(&over, Event::Acknowledged(Actor::Platform))),
        ("cleared, shelved", after(&shelved, cleared(ClearReason::Normal, 10))),
        ("cleared, out", after(&out, cleared(ClearReason::Normal, 10))),
        ("active", active),
    ]
}

/// What a step tells, without `alarm.`; `!`: tickets look at it; `-`: nothing changes; `409`: the
/// state doesn't allow it.
fn outcome(state: &Alarm, event: Event<'_>) -> String {
    match step(state, event, at(NOW_S)) {
        Err(_) => "409".to_owned(),
        Ok(Step { alarm, told: None, tickets }) => {
            assert!(alarm == *state && !tickets);
            "-".to_owned()
        }
        Ok(Step { alarm, told: Some(told), tickets }) => {
            assert_eq!(alarm.version, state.version + 1);
            let name = told.action.strip_prefix("alarm.").unwrap();
            format!("{name}{}", if tickets { "!" } else { "" })
        }
    }
}

#[test]
fn every_state_and_event_has_a_row() {
    let (again, worse) = (raise(Severity::Major, 5), raise(Severity::Critical, 5));
    let until = at(NOW_S + 500);
    let said = said(FeedbackVerdict::Real, None);
    let events = [
        ("raised again", Event::Raised(&again)),
        ("raised worse", Event::Raised(&worse)),
        ("listed", Event::Listed(&again)),
        ("listed worse", Event::Listed(&worse)),
        ("cleared", cleared(ClearReason::Normal, 20)),
        ("cleared by hand", cleared(ClearReason::Manual, 20)),
        ("acknowledge", Event::Acknowledged(Actor::Platform)),
        ("shelve", Event::Shelved(until)),
        ("unshelve", Event::Unshelved),
        ("maintenance", Event::Suppressed(Suppression::Maintenance)),
        ("parent lost", Event::Suppressed(Suppression::ParentLost)),
        ("unsuppress", Event::Unsuppressed),
        ("out of service", Event::TakenOutOfService),
        ("return", Event::Returned),
        ("judge", Event::Judged(&said)),
    ];
    let mut table = String::new();
    for (state, alarm) in states() {
        for (name, event) in events {
            table.push_str(&format!("{state} + {name}: {}\n", outcome(&alarm, event)));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_refused_tells_what_is_allowed() {
    let over = after(&fresh(), cleared(ClearReason::Normal, 10));
    let error = step(&over, Event::Shelved(at(2_000)), at(NOW_S)).unwrap_err();
    let text = "the alarm is cleared: shelve needs an active one; allowed now: acknowledge";
    assert_eq!(error.to_string(), text);
    let seen = after(&over, Event::Acknowledged(Actor::Platform));
    let error = step(&seen, cleared(ClearReason::Manual, 20), at(NOW_S)).unwrap_err();
    assert!(error.to_string().ends_with("allowed now: nothing"), "{error}");
}

#[test]
fn severity_follows_the_newest_raise_and_the_count_all() {
    let mut alarm = fresh();
    for (severity, seconds, expected) in [
        (Severity::Critical, 10, Severity::Critical),
        (Severity::Warning, 5, Severity::Critical),
        (Severity::Minor, 20, Severity::Minor),
        (Severity::Minor, 20, Severity::Minor),
    ] {
        alarm = after(&alarm, Event::Raised(&raise(severity, seconds)));
        assert_eq!(alarm.severity, expected);
    }
    assert_eq!((alarm.count, alarm.raised_at, alarm.changed_at), (5, at(0), at(20)));
}

#[test]
fn a_mere_repeat_is_told_but_not_audited() {
    let told = |severity| {
        let again = raise(severity, 5);
        step(&fresh(), Event::Raised(&again), at(NOW_S)).unwrap().told.unwrap().audited
    };
    assert!(!told(Severity::Major));
    assert!(told(Severity::Critical));
}

#[test]
fn clears_that_come_late_close_nothing_unless_a_person_or_an_end_says_so() {
    let alarm = after(&fresh(), Event::Raised(&raise(Severity::Major, 50)));
    for (reason, seconds, closes) in [
        (ClearReason::Normal, 49, false),
        (ClearReason::Snapshot, 49, false),
        (ClearReason::Normal, 50, true),
        (ClearReason::Manual, 49, true),
        (ClearReason::RuleDeleted, 49, true),
        (ClearReason::RuleDisabled, 49, true),
        (ClearReason::Decommissioned, 49, true),
    ] {
        let after = after(&alarm, cleared(reason, seconds));
        assert_eq!(!after.active, closes, "{reason} at {seconds}");
    }
}

#[test]
fn a_raise_after_a_clear_is_a_new_alarm_that_takes_over_what_is_in_force() {
    let shelved = after(&fresh(), Event::Shelved(at(NOW_S + 100)));
    let out = after(&shelved, Event::TakenOutOfService);
    let over = after(&out, cleared(ClearReason::Normal, 10));
    let step = open(Some(&over), &raise(Severity::Major, 20), Silence::default(), id()).unwrap();
    assert_eq!(step.alarm.shelved_until, Some(at(NOW_S + 100)));
    assert!(step.alarm.out_of_service && !step.tickets && !step.alarm.acknowledged);

    let late = Raise { received_at: at(NOW_S + 100), ..raise(Severity::Major, 20) };
    let step = open(Some(&over), &late, Silence::default(), id()).unwrap();
    assert_eq!(step.alarm.shelved_until, None, "the time is over");
}

#[test]
fn a_raise_older_than_the_machines_clear_opens_nothing() {
    let opens = |reason, seconds| {
        let over = after(&fresh(), cleared(reason, 100));
        open(Some(&over), &raise(Severity::Major, seconds), Silence::default(), id()).is_some()
    };
    assert!(!opens(ClearReason::Normal, 99));
    assert!(!opens(ClearReason::Snapshot, 99));
    assert!(opens(ClearReason::Normal, 100));
    assert!(opens(ClearReason::Manual, 99), "a person's clear is by another clock");
    let ahead = after(&fresh(), cleared(ClearReason::Normal, NOW_S + 1));
    let step = open(Some(&ahead), &raise(Severity::Major, 99), Silence::default(), id());
    assert!(step.is_some(), "a clear of the future says nothing about order");
}

#[test]
fn maintenance_silences_all_and_a_lost_parent_only_lost_contact() {
    for (maintenance, parent_lost, origin, expected) in [
        (true, true, AlarmOrigin::Contact, Some(Suppression::Maintenance)),
        (false, true, AlarmOrigin::Contact, Some(Suppression::ParentLost)),
        (false, true, AlarmOrigin::Fault, None),
        (false, true, AlarmOrigin::Rule, None),
        (true, false, AlarmOrigin::Fault, Some(Suppression::Maintenance)),
        (false, false, AlarmOrigin::Contact, None),
    ] {
        let raise = Raise { origin, ..raise(Severity::Major, 0) };
        let step =
            open(None, &raise, Silence { maintenance, parent_lost, ..Silence::default() }, id())
                .unwrap();
        assert_eq!(step.alarm.suppressed_by, expected);
        assert_eq!(step.tickets, expected.is_none());
    }
}

#[test]
fn a_context_that_is_too_large_is_told_as_cut() {
    let mut large = raise(Severity::Major, 0);
    large.context.insert("x".to_owned(), "y".repeat(CONTEXT_MAX_BYTES).into());
    let alarm = open(None, &large, Silence::default(), id()).unwrap().alarm;
    assert_eq!(Value::Object(alarm.context), serde_json::json!({"cut": true}));
}

#[test]
fn a_snapshot_finds_what_is_over_still_so_and_new() {
    let fault = |code: &str| FaultRaised {
        code: code.to_owned(),
        source: "axis.x".to_owned(),
        severity: Severity::Minor,
        message: String::new(),
        context: Map::new(),
        since_ts: None,
    };
    let named = |code: &str| Alarm { code: code.to_owned(), ..fresh() };
    let of_rule = Alarm { origin: AlarmOrigin::Rule, ..named("rule") };
    let newer = Alarm { changed_at: at(60), ..named("newer") };
    let active = [named("still"), named("over"), of_rule, newer];
    let template = raise(Severity::Major, 50);
    let snapshot = Snapshot {
        machine: template.machine,
        organization: template.organization,
        faults: vec![fault("new"), fault("still"), fault("new")],
        at: at(50),
        received_at: at(NOW_S),
    };
    let found: Vec<_> = reconcile(&active, &snapshot)
        .iter()
        .map(|finding| match finding {
            Finding::Over(alarm) => format!("over {}", alarm.code),
            Finding::Still(alarm, _) => format!("still {}", alarm.code),
            Finding::New(raise, _) => format!("new {}", raise.code),
        })
        .collect();
    assert_eq!(found, ["still still", "over over", "new new"]);
}

#[test]
fn a_rules_alarm_is_not_cleared_by_hand() {
    let alarm = Alarm { origin: AlarmOrigin::Rule, ..fresh() };
    let refused = step(&alarm, cleared(ClearReason::Manual, 20), at(NOW_S)).unwrap_err();
    assert!(!refused.allowed.contains(&Move::Clear));
    assert!(step(&alarm, cleared(ClearReason::Normal, 20), at(NOW_S)).is_ok());
}

#[test]
fn of_several_reasons_to_be_silent_the_strongest_holds() {
    use Suppression::{Maintenance, ParentLost, ParentMaintenance};
    for (first, then, holds) in [
        (ParentLost, ParentMaintenance, ParentMaintenance),
        (ParentLost, Maintenance, Maintenance),
        (ParentMaintenance, Maintenance, Maintenance),
        (ParentMaintenance, ParentLost, ParentMaintenance),
        (Maintenance, ParentMaintenance, Maintenance),
        (Maintenance, ParentLost, Maintenance),
    ] {
        let silent = after(&fresh(), Event::Suppressed(first));
        let silent = after(&silent, Event::Suppressed(then));
        assert_eq!(silent.suppressed_by, Some(holds), "{first}, then {then}");
    }
    let all = Silence { maintenance: true, parent_lost: true, parent_maintenance: true };
    let parent = Silence { maintenance: false, ..all };
    let lost = Silence { parent_maintenance: false, ..parent };
    for (silence, contact, fault) in [
        (all, Some(Maintenance), Some(Maintenance)),
        (parent, Some(ParentMaintenance), None),
        (lost, Some(ParentLost), None),
        (Silence::default(), None, None),
    ] {
        assert_eq!(silence.of(AlarmOrigin::Contact), contact);
        assert_eq!(silence.of(AlarmOrigin::Fault), fault);
    }
}

#[test]
fn the_last_word_about_an_alarm_counts_and_a_repeat_changes_nothing() {
    let alarm = fresh();
    let nuisance = said(FeedbackVerdict::Nuisance, Some("a draught"));
    let first = step(&alarm, Event::Judged(&nuisance), at(NOW_S)).unwrap();
    assert_eq!(first.alarm.feedback.as_ref(), Some(&nuisance));
    assert!(first.told.unwrap().audited && !first.tickets);
    let later = AlarmFeedback { at: at(NOW_S + 9), ..nuisance };
    let again = step(&first.alarm, Event::Judged(&later), at(NOW_S + 9)).unwrap();
    assert_eq!((again.told, again.alarm.version), (None, 2));
    let real = said(FeedbackVerdict::Real, None);
    let changed = step(&first.alarm, Event::Judged(&real), at(NOW_S)).unwrap();
    assert_eq!((changed.alarm.feedback, changed.alarm.version), (Some(real), 3));
}
