//! What each condition says, with good and with bad input.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Machine, at, compiled};
use millwright_detection::surroundings::Surroundings;
use millwright_schemas::api::rules::ParameterValue;
use millwright_schemas::wire::events::Severity;
use serde_json::{Value, json};

fn values(machine: &mut Machine, signal: &str, samples: &[(f64, Value)]) {
    for (seconds, value) in samples {
        machine.sample(*seconds, signal, value.clone());
    }
}

#[test]
fn rate_compares_with_the_value_a_window_ago() {
    let mut machine = Machine::of(json!({
        "kind": "rate", "signal": "t", "per": "minute", "window_s": 60, "above": 5, "clear_at": 2,
        "hold_s": 0
    }));
    // 4 degrees a minute, then 6.
    for n in 0..=30 {
        machine.sample(f64::from(n) * 10.0, "t", 20.0 + f64::from(n) * 4.0 / 6.0);
    }
    assert!(machine.take().is_empty());
    for n in 1..=12 {
        machine.sample(300.0 + f64::from(n) * 10.0, "t", 40.0 + f64::from(n));
    }
    // From 4 to 6 a minute: above 5 when more than half of the window is steep.
    assert_eq!(machine.take(), ["raised major 340"]);
    for n in 1..=12 {
        machine.sample(420.0 + f64::from(n) * 10.0, "t", 52.0);
    }
    // Back at 2 when a third of the window is left.
    assert_eq!(machine.take(), ["cleared 460"]);
}

#[test]
fn rate_knows_nothing_before_a_window_has_passed_and_passes_over_what_is_unusable() {
    let mut machine = Machine::of(json!({
        "kind": "rate", "signal": "t", "per": "second", "window_s": 10, "below": -1, "hold_s": 4
    }));
    values(&mut machine, "t", &[(0.0, json!(100)), (9.0, json!(0))]);
    machine.through(9.5);
    assert!(machine.take().is_empty(), "nine seconds are no window");
    values(&mut machine, "t", &[(10.0, json!(0)), (12.0, json!(null)), (13.0, json!(-10))]);
    // Interrupted at 12, begun anew at 13, compared with the value of 0.
    machine.through(16.9);
    assert!(machine.take().is_empty());
    machine.through(17.0);
    assert_eq!(machine.heard(), ["raised major 17"]);
    let told = json!({"kind": "rate", "signal": "t", "side": "below", "limit": -1.0,
        "per": "second", "window_s": 10.0, "value": -110.0 / 13.0});
    assert_eq!(machine.context(), told);
    machine.take();
    machine.sample(18.0, "t", json!(-100));
    // A constant signal has the rate 0.
    values(&mut machine, "t", &[(30.0, json!(-100)), (45.0, json!(-100))]);
    assert_eq!(machine.take(), ["cleared 30"]);
}

#[test]
fn rate_of_a_counter_counts_on_over_its_wrap_and_begins_anew_with_a_reset() {
    let condition = json!({
        "kind": "rate", "signal": "n", "per": "second", "window_s": 10, "above": 20,
        "wraps_at": 1000
    });
    let mut machine = Machine::of(condition);
    // 10 a second, over the wrap: no rate of −90.
    for n in 0..=30 {
        machine.sample(f64::from(n), "n", (900 + n * 10) % 1000);
    }
    assert!(machine.take().is_empty());
    // 30 a second over the wrap.
    for n in 1..=30 {
        machine.sample(30.0 + f64::from(n), "n", (200 + n * 30) % 1000);
    }
    assert_eq!(machine.take(), ["raised major 36"]);
    // Reset from 100 to 0: measuring begins anew, so that the alarm stays for a window.
    machine.sample(61.0, "n", 0);
    for n in 62..=71 {
        machine.sample(f64::from(n), "n", 0);
    }
    assert_eq!(machine.take(), ["cleared 71"]);
}

#[test]
fn deviation_knows_nothing_while_one_is_unusable_and_judges_a_moment_at_once() {
    let mut machine = Machine::of(json!({
        "kind": "deviation", "signal": "a", "from": "b", "above": 5, "clear_at": 3
    }));
    machine.sample(1.0, "a", 100);
    assert!(machine.take().is_empty(), "the other one isn't known");
    machine.sample(2.0, "b", 96);
    // Both jump at the same moment: never apart.
    machine.instant(3.0, &[("a", json!(200)), ("b", json!(197))]);
    assert!(machine.take().is_empty());
    machine.sample(4.0, "b", 194);
    assert_eq!(machine.heard(), ["raised major 4"]);
    let told = json!({"kind": "deviation", "signal": "a", "from": "b", "limit": 5.0,
        "measure": "absolute", "value": 6.0});
    assert_eq!(machine.context(), told);
    machine.take();
    machine.sample(5.0, "b", json!(null));
    machine.sample(6.0, "a", 500);
    assert!(machine.take().is_empty(), "unknown neither clears nor raises");
    machine.instant(7.0, &[("a", json!(500)), ("b", json!(496))]);
    assert!(machine.take().is_empty(), "4 is between");
    machine.sample(8.0, "b", 503);
    assert_eq!(machine.take(), ["cleared 8"]);
}

#[test]
fn deviation_in_percent_of_nothing_is_beyond_every_limit() {
    let mut machine = Machine::of(json!({
        "kind": "deviation", "signal": "a", "from": "b", "measure": "percent", "above": 10,
        "hold_s": 2
    }));
    machine.instant(0.0, &[("a", json!(0)), ("b", json!(0))]);
    machine.instant(1.0, &[("a", json!(0.1)), ("b", json!(0))]);
    machine.instant(2.0, &[("a", json!(120)), ("b", json!(100))]);
    machine.through(3.0);
    assert_eq!(machine.take(), ["raised major 3"]);
    assert_eq!(machine.told.len(), 0);
    machine.instant(4.0, &[("a", json!(-95)), ("b", json!(-100))]);
    assert_eq!(machine.take(), ["cleared 4"]);
}

#[test]
fn count_of_samples_ends_when_one_is_a_window_old() {
    let mut machine = Machine::of(json!({
        "kind": "count", "signal": "p", "above": 5, "at_least": 3, "window_s": 10
    }));
    let samples = [(0.0, 6), (1.0, 5), (4.0, 7), (8.0, 9), (9.0, 1)];
    values(&mut machine, "p", &samples.map(|(s, v)| (s, json!(v))));
    assert_eq!(machine.take(), ["raised major 8"]);
    machine.through(9.9);
    assert!(machine.take().is_empty());
    machine.through(50.0);
    assert_eq!(machine.take(), ["cleared 10"], "exactly a window after the first");
    let samples = [(60.0, 6), (65.0, 6), (70.0, 6)];
    values(&mut machine, "p", &samples.map(|(s, v)| (s, json!(v))));
    assert!(machine.take().is_empty(), "(t − window, t]");
}

#[test]
fn count_of_crossings_sees_only_beginnings_that_are_known() {
    let mut machine = Machine::of(json!({
        "kind": "count", "signal": "door", "is": [true], "each": "crossing", "at_least": 2,
        "window_s": 100, "clear_hold_s": 5
    }));
    // The first is no crossing; what follows something unusable isn't either.
    let samples = [true, true, false, true];
    for (n, value) in samples.into_iter().enumerate() {
        machine.sample(n as f64, "door", value);
    }
    machine.sample(4.0, "door", json!(null));
    machine.sample(5.0, "door", true);
    assert!(machine.take().is_empty());
    machine.sample(6.0, "door", false);
    machine.sample(7.0, "door", true);
    machine.through(200.0);
    assert_eq!(machine.take(), ["raised major 7", "cleared 108"]);
}

#[test]
fn state_stays_longer_than_allowed() {
    let mut machine = Machine::of(json!({
        "kind": "state", "signal": "s", "is": ["starting", "stopping"], "hold_s": 30
    }));
    values(&mut machine, "s", &[(0.0, json!("starting")), (20.0, json!("stopping"))]);
    machine.through(40.0);
    assert_eq!(machine.take(), ["raised major 30"], "both are one state for the rule");
    let told = json!({"kind": "state", "signal": "s", "hold_s": 30.0, "value": "stopping"});
    machine.sample(41.0, "s", json!(null));
    assert!(machine.take().is_empty());
    machine.sample(42.0, "s", "running");
    assert_eq!(machine.take(), ["cleared 42"]);
    machine.sample(50.0, "s", "stopping");
    machine.sample(60.0, "s", json!(null));
    machine.sample(70.0, "s", "stopping");
    machine.through(99.0);
    assert!(machine.take().is_empty(), "something unusable interrupts a hold");
    machine.through(101.0);
    assert_eq!(machine.heard(), ["raised major 100"]);
    assert_eq!(machine.context(), told);
}

#[test]
fn state_that_is_none_of_some_needs_a_first_sample() {
    let mut machine = Machine::of(json!({"kind": "state", "signal": "n", "is_not": [0, 1, 2]}));
    machine.through(10.0);
    assert!(machine.take().is_empty());
    values(&mut machine, "n", &[(11.0, json!(1)), (12.0, json!(7)), (13.0, json!(0))]);
    assert_eq!(machine.take(), ["raised major 12", "cleared 13"]);
}

#[test]
fn missing_is_counted_from_the_last_time_or_the_first_event() {
    let mut machine = Machine::of(json!({"kind": "missing", "signal": "h", "for_s": 60}));
    machine.through(0.0);
    machine.through(60.0);
    assert!(machine.take().is_empty(), "what comes at that time is in time");
    machine.sample(60.0, "h", 1);
    machine.through(119.0);
    // Nothing usable doesn't count.
    machine.sample(119.0, "h", json!(null));
    machine.through(200.0);
    assert_eq!(machine.take(), ["raised major 120"]);
    machine.sample(201.0, "h", 1);
    assert_eq!(machine.take(), ["cleared 201"]);
    // The next sample tells that there was none before.
    machine.sample(300.0, "h", 1);
    assert_eq!(machine.take(), ["raised major 261", "cleared 300"]);
}

#[test]
fn missing_is_told_by_other_signals_with_a_grace_of_a_minute() {
    let mut machine = Machine::of(json!({"kind": "missing", "signal": "h", "for_s": 10}));
    machine.sample(0.0, "h", 1);
    machine.sample(70.0, "other", 1);
    assert!(machine.take().is_empty());
    // Still on its way, and in time.
    machine.sample(9.0, "h", 1);
    machine.sample(79.0, "other", 1);
    assert!(machine.take().is_empty());
    machine.sample(80.0, "other", 1);
    assert_eq!(machine.take(), ["raised major 19"]);
    // What comes now is late, and closes nothing; the next one does.
    machine.sample(18.0, "h", 1);
    assert!(machine.take().is_empty());
    machine.sample(81.0, "h", 1);
    assert_eq!(machine.take(), ["cleared 81"]);
}

#[test]
fn missing_event_and_stuck_sensor() {
    let days = 3 * 86_400;
    let mut machine =
        Machine::of(json!({"kind": "missing", "event": "lift.test_call", "for_s": days}));
    machine.event(0.0, "lift.test_call");
    machine.event(1_000.0, "lift.test_call");
    machine.event(0.0, "lift.test_call");
    machine.through(260_201.0);
    assert_eq!(machine.heard(), ["raised major 260200"]);
    let told = json!({"kind": "missing", "event": "lift.test_call", "for_s": 259_200.0});
    assert_eq!(machine.context(), told);
    machine.take();
    machine.event(260_300.0, "another.event");
    assert!(machine.take().is_empty());
    machine.event(260_301.0, "lift.test_call");
    assert_eq!(machine.take(), ["cleared 260301"]);

    let mut machine =
        Machine::of(json!({"kind": "missing", "signal": "t", "of": "change", "for_s": 60}));
    for n in 0..10 {
        machine.sample(f64::from(n) * 10.0, "t", 20.5);
    }
    assert_eq!(machine.take(), ["raised major 60"], "constant: it is stuck");
    machine.sample(100.0, "t", 20.6);
    assert_eq!(machine.take(), ["cleared 100"]);
}

#[test]
fn sequence_counts_from_the_latest_beginning() {
    let mut machine = Machine::of(json!({
        "kind": "sequence", "signal": "s", "states": ["start", "run", "fault"], "within_s": 20,
        "clear_hold_s": 5
    }));
    let states = [(0.0, "start"), (5.0, "run"), (21.0, "fault"), (22.0, "idle")];
    values(&mut machine, "s", &states.map(|(at, state)| (at, json!(state))));
    assert!(machine.take().is_empty(), "too slow");
    let states = [(30.0, "start"), (35.0, "start"), (36.0, "idle"), (40.0, "start"), (41.0, "run")];
    values(&mut machine, "s", &states.map(|(at, state)| (at, json!(state))));
    machine.sample(50.0, "s", json!(null));
    machine.sample(60.0, "s", "fault");
    assert_eq!(machine.take(), ["raised major 60"], "others in between, 20 s from the last start");
    values(&mut machine, "s", &[(61.0, json!("fault")), (62.0, json!("idle"))]);
    machine.through(80.0);
    assert_eq!(machine.take(), ["cleared 67"]);
    machine.sample(81.0, "s", "fault");
    assert!(machine.take().is_empty(), "without a beginning");
}

#[test]
fn order_judges_changes_that_are_known() {
    let mut machine = Machine::of(json!({
        "kind": "order", "signal": "s", "allowed": [
            {"from": "idle", "to": ["starting"]},
            {"from": "starting", "to": ["running", "idle"]},
            {"from": "locked", "to": []}
        ]
    }));
    let states = ["idle", "idle", "starting", "running", "locked"];
    for (n, state) in states.into_iter().enumerate() {
        machine.sample(n as f64, "s", state);
    }
    assert!(machine.take().is_empty(), "from running anything may follow");
    machine.sample(10.0, "s", "running");
    machine.sample(11.0, "s", "running");
    assert_eq!(machine.take(), ["raised major 10"]);
    machine.sample(12.0, "s", "idle");
    assert_eq!(machine.take(), ["cleared 12"]);
    machine.sample(13.0, "s", json!(null));
    machine.sample(14.0, "s", "running");
    assert!(machine.take().is_empty(), "nobody knows what was in between");
}

#[test]
fn schedule_goes_by_the_local_clock_over_its_changes() {
    let condition = |zone: Value| {
        json!({"kind": "all", "conditions": [
            {"kind": "threshold", "signal": "t", "above": 1},
            {"kind": "schedule", "from": "22:00", "to": "03:00", "weekdays": ["sat"],
             "time_zone": zone}
        ]})
    };
    // 2025-03-29 is a Saturday; the clock goes from 02:00 to 03:00 in the night after, in Berlin.
    let start = at(0.0).micros()
        + "2025-03-28T00:00:00Z".parse::<millwright_schemas::Timestamp>().unwrap().micros();
    let seconds = |hours: f64| start as f64 / 1e6 + hours * 3_600.0;
    let times = |machine: &mut Machine| -> Vec<String> {
        machine.sample(seconds(0.0), "t", 2);
        machine.through(seconds(24.0 * 8.0));
        machine.take()
    };
    let shown = |word: &str, hours: f64| format!("{word}{}", seconds(hours));
    let mut berlin = Machine::of(condition(json!("Europe/Berlin")));
    // 22:00 is 21:00 UTC; 03:00 in summer time is 01:00 UTC.
    let expected = [shown("raised major ", 45.0), shown("cleared ", 49.0)];
    assert_eq!(times(&mut berlin), expected);
    // That of the machine's site.
    let around =
        Surroundings { time_zone: Some("America/New_York".to_owned()), ..Surroundings::default() };
    let mut site = Machine::around(vec![compiled(condition(json!(null)))], around);
    let expected = [shown("raised major ", 50.0), shown("cleared ", 55.0)];
    assert_eq!(times(&mut site), expected);
}

#[test]
fn what_began_and_ended_more_than_a_month_before_is_not_told() {
    let mut machine = Machine::of(json!({"kind": "all", "conditions": [
        {"kind": "state", "signal": "on", "is": [true]},
        {"kind": "schedule", "from": "06:00", "to": "18:00", "time_zone": "UTC"}
    ]}));
    machine.sample(0.0, "on", true);
    let year = 365.0 * 86_400.0;
    machine.through(year);
    let told = machine.take();
    assert_eq!(told.len(), 62, "31 days: {told:?}");
    assert_eq!(told.last().unwrap(), &format!("cleared {}", year - 6.0 * 3_600.0));
}

#[test]
fn any_and_all_have_holds_of_their_own() {
    let mut machine =
        Machine::of(json!({"kind": "all", "hold_s": 10, "clear_hold_s": 3, "conditions": [
            {"kind": "threshold", "signal": "t", "below": 40},
            {"kind": "any", "conditions": [
                {"kind": "state", "signal": "s", "is": ["running"]},
                {"kind": "threshold", "signal": "rpm", "above": 100, "hold_s": 5}
            ]}
        ]}));
    machine.sample(0.0, "t", 30);
    machine.sample(1.0, "s", "idle");
    machine.sample(2.0, "rpm", 200);
    machine.sample(3.0, "t", 30);
    // rpm counts from 7 on, all of it from 17.
    machine.through(16.0);
    assert!(machine.take().is_empty());
    machine.sample(18.0, "s", "running");
    assert_eq!(machine.heard(), ["raised major 17"]);
    let causes = machine.context();
    assert_eq!(causes["causes"].as_array().unwrap().len(), 2);
    assert_eq!((&causes["signal"], &causes["causes"][1]["signal"]), (&json!("t"), &json!("rpm")));
    machine.take();
    machine.sample(20.0, "rpm", 0);
    machine.sample(21.0, "s", "idle");
    machine.through(23.9);
    assert!(machine.take().is_empty());
    machine.through(24.0);
    assert_eq!(machine.take(), ["cleared 24"]);
}

#[test]
fn while_begins_anew_with_the_values_that_are_there() {
    let mut machine = Machine::of(json!({
        "kind": "while",
        "while": {"kind": "state", "signal": "s", "is": ["running"]},
        "condition": {"kind": "threshold", "signal": "t", "below": 40, "hold_s": 10}
    }));
    machine.sample(0.0, "t", 20);
    machine.sample(50.0, "s", "running");
    machine.through(59.0);
    assert!(machine.take().is_empty(), "the hold begins when it runs");
    machine.through(60.0);
    assert_eq!(machine.take(), ["raised major 60"]);
    machine.sample(70.0, "s", "idle");
    assert_eq!(machine.take(), ["cleared 70"]);
    machine.sample(80.0, "t", 50);
    machine.sample(90.0, "s", "running");
    machine.through(200.0);
    assert!(machine.take().is_empty());
}

#[test]
fn while_forgets_what_was_counted() {
    let mut machine = Machine::of(json!({
        "kind": "while",
        "while": {"kind": "state", "signal": "s", "is": ["running"]},
        "condition": {"kind": "any", "conditions": [
            {"kind": "count", "signal": "p", "above": 5, "at_least": 2, "window_s": 100},
            {"kind": "missing", "signal": "p", "for_s": 30.5}
        ]}
    }));
    machine.sample(0.0, "s", "running");
    machine.sample(1.0, "p", 6);
    machine.sample(2.0, "s", "idle");
    machine.through(60.0);
    assert!(machine.take().is_empty(), "nothing is missing while it stands");
    machine.sample(60.0, "s", "running");
    machine.sample(61.0, "p", 6);
    machine.sample(62.0, "s", "idle");
    // A value that comes with the beginning counts, one that was there doesn't.
    machine.instant(70.0, &[("s", json!("running")), ("p", json!(7))]);
    assert!(machine.take().is_empty());
    machine.through(101.0);
    assert_eq!(machine.take(), ["raised major 100.5"]);
}

fn levels() -> Value {
    let level = |severity: &str, above: f64, clear_at: f64, hold_s: f64| {
        json!({"severity": severity, "condition": {"kind": "threshold", "signal": "t",
            "above": above, "clear_at": clear_at, "hold_s": hold_s}})
    };
    json!({"kind": "levels", "levels": [
        level("warning", 70.0, 68.0, 0.0),
        level("major", 80.0, 78.0, 5.0),
        level("critical", 90.0, 88.0, 0.0)
    ]})
}

#[test]
fn one_alarm_goes_up_and_down_with_its_levels() {
    let mut machine = Machine::of(levels());
    values(&mut machine, "t", &[(0.0, json!(60)), (1.0, json!(75)), (2.0, json!(85))]);
    assert_eq!(machine.take(), ["raised warning 1"]);
    machine.through(10.0);
    assert_eq!(machine.heard(), ["changed major 7"]);
    assert_eq!(machine.context()["limit"], json!(80.0));
    values(&mut machine, "t", &[(11.0, json!(95)), (12.0, json!(79)), (13.0, json!(69))]);
    let expected =
        ["changed major 7", "changed critical 11", "changed major 12", "changed warning 13"];
    assert_eq!(machine.take(), expected);
    values(&mut machine, "t", &[(14.0, json!(91)), (15.0, json!(10))]);
    assert_eq!(machine.take(), ["changed critical 14", "cleared 15"]);
}

/// Nobody can see it when they are set: they are a machine's, and rules are many.
#[test]
fn where_a_machines_own_limits_are_out_of_order_the_most_severe_level_counts() {
    let level = |severity: &str, above: Value| json!({"severity": severity, "condition": {"kind": "threshold", "signal": "t", "above": above}});
    let own = json!({"parameter": "warm", "default": 70});
    let condition =
        json!({"kind": "levels", "levels": [level("warning", own), level("critical", json!(90))]});
    let warm = ("warm".parse().unwrap(), ParameterValue::try_from(95.0).unwrap());
    let around = Surroundings { parameters: [warm].into_iter().collect(), time_zone: None };
    let mut machine = Machine::around(vec![compiled(condition)], around);
    let samples = [(0.0, 80), (1.0, 92), (2.0, 97), (3.0, 92), (4.0, 80)];
    values(&mut machine, "t", &samples.map(|(at, value)| (at, json!(value))));
    assert_eq!(machine.take(), ["raised critical 1", "cleared 4"]);
}

#[test]
fn a_machine_has_limits_of_its_own() {
    let condition = json!({"kind": "threshold", "signal": "t",
        "above": {"parameter": "max_temperature", "default": 80}, "clear_at": 75});
    let run = |parameter: Option<f64>| {
        let name = "max_temperature".parse().unwrap();
        let own = parameter.map(|number| (name, ParameterValue::try_from(number).unwrap()));
        let parameters = own.into_iter().collect();
        let around = Surroundings { parameters, time_zone: None };
        let mut machine = Machine::around(vec![compiled(condition.clone())], around);
        let samples = [(0.0, 70), (1.0, 77), (2.0, 85), (3.0, 95), (4.0, 76), (5.0, 74), (6.0, 60)];
        values(&mut machine, "t", &samples.map(|(at, value)| (at, json!(value))));
        machine.take()
    };
    assert_eq!(run(None), ["raised major 2", "cleared 5"]);
    assert_eq!(run(Some(90.0)), ["raised major 3", "cleared 5"]);
    // Below where it clears: it clears at the limit itself.
    assert_eq!(run(Some(65.0)), ["raised major 0", "cleared 6"]);
}

#[test]
fn a_rule_beyond_its_budget_fails_alone_and_is_told_once() {
    let schedules: Vec<Value> = (0..20)
        .map(|n| json!({"kind": "schedule", "from": format!("{n:02}:00"), "to": format!("{n:02}:30"), "time_zone": "UTC"}))
        .collect();
    let costly = json!({"kind": "all", "conditions": [
        {"kind": "state", "signal": "on", "is": [true]}, {"kind": "any", "conditions": schedules}
    ]});
    let cheap = json!({"kind": "state", "signal": "on", "is": [true]});
    let run = |work: Option<u32>| {
        let (costly, cheap) = (compiled(costly.clone()), compiled(cheap.clone()));
        let mut machine = Machine::new(vec![costly, cheap]);
        if let Some(work) = work {
            machine.watch.set_work(work);
        }
        machine.sample(0.0, "on", true);
        machine.through(400.0 * 86_400.0);
        let failed = machine.watch.take_failed();
        machine.through(401.0 * 86_400.0);
        (machine.heard().len(), failed, machine.watch.take_failed().len())
    };
    let (told, failed, again) = run(Some(1_000));
    assert_eq!(failed[0].1.to_string(), "one event needed more than 1000 judgements");
    assert_eq!((failed.len(), again), (1, 0));
    assert!(told > 1, "what was judged before it failed, and the other rule");
    // The most that a rule can ask for stays below the budget.
    let (_, failed, _) = run(None);
    assert_eq!(failed.len(), 0);
}

#[test]
fn a_rule_that_takes_over_an_alarm_clears_it_when_all_is_well() {
    let rule = compiled(levels());
    let state = rule.adopt(at(5.0), Severity::Major, &["t".to_owned()]);
    assert!(state.is_raised());
    let mut machine = Machine::new(vec![std::sync::Arc::clone(&rule)]);
    machine.stored.insert(rule.rule().id, serde_json::to_string(&state).unwrap());
    machine.restart();
    machine.through(9.0);
    machine.sample(10.0, "t", 79);
    assert!(machine.take().is_empty(), "79 isn't below 78");
    machine.sample(11.0, "t", 77);
    machine.sample(12.0, "t", 10);
    assert_eq!(machine.take(), ["changed warning 11", "cleared 12"]);
}

#[test]
fn a_state_of_another_rule_counts_as_none_but_its_alarm_stays() {
    let any = json!({"kind": "any", "conditions": [
        {"kind": "threshold", "signal": "t", "above": 80},
        {"kind": "threshold", "signal": "p", "above": 80}
    ]});
    let threshold = r#"{"state":"active","since":"1970-01-01T00:00:04Z"}"#;
    let mut machine = Machine::of(any);
    let id = machine.rules[0].rule().id;
    machine.stored.insert(id, threshold.to_owned());
    machine.restart();
    machine.sample(5.0, "p", 10);
    assert!(machine.take().is_empty(), "nothing is known of the first one");
    machine.sample(6.0, "t", 10);
    assert_eq!(machine.take(), ["cleared 6"]);
}

/// One that is never heard again would hold the alarm for ever.
#[test]
fn only_what_has_caused_an_alarm_is_taken_over_of_an_any() {
    let limit = |signal: &str| json!({"kind": "threshold", "signal": signal, "above": 80});
    let both = json!({"kind": "all", "conditions": [limit("q"), limit("r")]});
    let rule = compiled(json!({"kind": "any", "conditions": [limit("t"), limit("p"), both]}));
    let end_by = |causes: &[&str], signal: &str| {
        let causes: Vec<String> = causes.iter().map(|it| (*it).to_owned()).collect();
        let state = rule.adopt(at(5.0), Severity::Major, &causes);
        let mut machine = Machine::new(vec![std::sync::Arc::clone(&rule)]);
        machine.stored.insert(rule.rule().id, serde_json::to_string(&state).unwrap());
        machine.restart();
        machine.sample(6.0, signal, 10);
        machine.take()
    };
    assert_eq!(end_by(&["p"], "p"), ["cleared 6"]);
    assert_eq!(end_by(&["p"], "t"), Vec::<String>::new());
    assert_eq!(end_by(&["p", "t"], "p"), Vec::<String>::new());
    assert_eq!(end_by(&["q"], "r"), ["cleared 6"], "all of an all");
    // Nothing that it knows of: the first.
    let none: &[&str] = &[];
    for causes in [none, &["gone"]] {
        assert_eq!(end_by(causes, "t"), ["cleared 6"]);
    }
}

/// What a `while` asks for is named too, but is no cause.
#[test]
fn of_an_any_of_whiles_only_the_one_that_has_caused_an_alarm_is_taken_over() {
    let while_on = |signal: &str| {
        json!({"kind": "while", "while": {"kind": "state", "signal": "on", "is": [true]},
            "condition": {"kind": "threshold", "signal": signal, "above": 80}})
    };
    let rule = compiled(json!({"kind": "any", "conditions": [while_on("t"), while_on("p")]}));
    let causes = ["on", "p"].map(str::to_owned);
    let state = rule.adopt(at(5.0), Severity::Major, &causes);
    let mut machine = Machine::new(vec![std::sync::Arc::clone(&rule)]);
    machine.stored.insert(rule.rule().id, serde_json::to_string(&state).unwrap());
    machine.restart();
    machine.sample(6.0, "t", 10);
    assert_eq!(machine.take(), Vec::<String>::new());
    machine.sample(7.0, "p", 10);
    assert_eq!(machine.take(), ["cleared 7"]);
}

#[test]
fn an_alarm_names_its_causes() {
    let causes = |context: serde_json::Value| {
        millwright_detection::rules::causes(context.as_object().unwrap())
    };
    assert_eq!(causes(json!({"signal": "t", "value": 9})), ["t"]);
    let two = json!({"signal": "t", "causes": [{"signal": "t"}, {"event": "agent.started"}]});
    assert_eq!(causes(two), ["t", "agent.started"]);
    assert_eq!(causes(json!({"limit": 3})), Vec::<String>::new());
}

#[test]
fn old_rules_and_their_states_are_still_read() {
    let old = json!({"kind": "threshold", "signal": "t", "above": 80.0, "hold_s": 10.0, "clear_hold_s": 0.0});
    let condition: millwright_schemas::api::rules::RuleCondition =
        serde_json::from_value(old.clone()).unwrap();
    assert_eq!(serde_json::to_value(&condition).unwrap(), old);
    let mut machine = Machine::of(old);
    let id = machine.rules[0].rule().id;
    let stored = r#"{"state":"pending","since":"1970-01-01T00:00:04Z","value":90.0}"#;
    machine.stored.insert(id, stored.to_owned());
    machine.restart();
    machine.through(20.0);
    assert_eq!(machine.heard(), ["raised major 14"]);
    let told =
        json!({"signal": "t", "value": 90.0, "side": "above", "limit": 80.0, "hold_s": 10.0});
    assert_eq!(machine.context(), told);
    assert_eq!(machine.stored[&id], r#"{"state":"active","since":"1970-01-01T00:00:14Z"}"#);
}

#[test]
fn what_is_not_of_the_rules_kind_says_nothing() {
    let mut machine = Machine::of(json!({"kind": "all", "conditions": [
        {"kind": "threshold", "signal": "t", "above": 1},
        {"kind": "rate", "signal": "t", "per": "second", "window_s": 1, "above": 1}
    ]}));
    values(&mut machine, "t", &[(0.0, json!("x")), (1.0, json!(true)), (2.0, json!(5))]);
    assert!(machine.take().is_empty());
}

/// A rule of the largest form stays small.
#[test]
fn a_state_is_bounded() {
    let counts: Vec<Value> = (0..15)
        .map(|n| json!({"kind": "count", "signal": format!("s{n}"), "above": 0, "at_least": 100, "window_s": 604_800}))
        .collect();
    let rates: Vec<Value> = (0..15)
        .map(|n| json!({"kind": "rate", "signal": format!("s{n}"), "above": 9, "per": "hour", "window_s": 604_800}))
        .collect();
    let all: Vec<Value> = counts.into_iter().chain(rates).collect();
    let mut machine = Machine::of(json!({"kind": "any", "conditions": all}));
    let largest = |machine: &Machine| machine.stored.values().map(String::len).max().unwrap_or(0);
    let mut sizes = Vec::new();
    for n in 0..300 {
        for signal in 0..15 {
            let value = f64::from(n) + 0.123_456_789;
            machine.sample(f64::from(n) * 6_000.0, &format!("s{signal}"), value);
        }
        sizes.push(largest(&machine));
    }
    // As many values as a window has parts, and as many times as are counted.
    assert!(sizes[299] < 64 * 1024, "{} bytes", sizes[299]);
    assert!(sizes[299] < sizes[150] + sizes[150] / 10, "it grows no more");
}

#[test]
fn other_signals_begin_the_wait_but_pass_time_only_a_minute_later() {
    let mut machine = Machine::of(json!({"kind": "any", "hold_s": 5, "conditions": [
        {"kind": "missing", "signal": "h", "for_s": 100},
        {"kind": "threshold", "signal": "t", "above": 1}
    ]}));
    machine.sample(10.0, "other", 1);
    machine.sample(20.0, "t", 2);
    machine.sample(84.0, "other", 1);
    assert!(machine.take().is_empty(), "the hold is told by signals of the rule, or later");
    machine.sample(85.0, "other", 1);
    assert_eq!(machine.take(), ["raised major 25"]);
    machine.sample(90.0, "t", 0);
    machine.sample(174.0, "other", 1);
    assert_eq!(machine.take(), ["cleared 90"]);
    machine.sample(176.0, "other", 1);
    assert_eq!(machine.take(), ["raised major 115"]);
}
