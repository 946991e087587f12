//! A rule over a history that is there as a whole.

use millwright_detection::watch::Checkpoints;
use millwright_schemas::api::machines::Criticality;
use millwright_schemas::api::policies::TicketPolicy;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

const DAY: i64 = 86_400;

fn rule(condition: Value) -> Rule {
    Rule {
        id: RuleId(Uuid::nil()),
        organization_id: OrganizationId(Uuid::nil()),
        name: "r".to_owned(),
        machine_id: Some(MachineId(Uuid::nil())),
        model: None,
        condition: serde_json::from_value(condition).unwrap(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn case() -> Case {
    Case {
        machine: MachineId(Uuid::nil()),
        organization: OrganizationId(Uuid::nil()),
        criticality: Criticality::Normal,
        policy: TicketPolicy::default(),
        from: at(0),
        to: at(10 * DAY),
        lead_us: 0,
        failures: None,
        room: 1 << 20,
    }
}

fn trial(condition: Value, begins: i64) -> (Trial, Arc<Sources>) {
    let rule = rule(condition);
    let sources = Arc::new(Sources::of([&rule]));
    let compiled = Arc::new(CompiledRule::compile(rule).unwrap());
    let around = Surroundings::default();
    (Trial::new(compiled, &around, Arc::clone(&sources), case(), at(begins)), sources)
}

fn said(seconds: i64, source: usize, value: SampleOf) -> Sample {
    Sample { at: at(seconds), source, value }
}

fn alarms(outcome: &Outcome) -> Vec<(Timestamp, Option<Timestamp>)> {
    outcome.came.alarms.iter().map(|alarm| (alarm.from, alarm.to)).collect()
}

#[test]
fn samples_of_one_time_are_judged_at_once() {
    let deviation = json!({"kind": "deviation", "signal": "a", "from": "b", "above": 5});
    let (mut trial, sources) = trial(deviation, 0);
    assert_eq!(sources.signals, ["a", "b"]);
    let number = |s: i64, source: usize, value: f64| said(s, source, SampleOf::Number(value));
    trial.hear(&[number(1, 0, 1.0), number(1, 1, 1.0), number(2, 0, 100.0), number(2, 1, 100.0)]);
    trial.hear(&[number(3, 0, 110.0), number(4, 1, 108.0)]);
    let outcome = trial.finish(Some(at(5)));
    assert_eq!(alarms(&outcome), [(at(3), Some(at(4)))]);
    assert_eq!(outcome.came.totals.values, 6);
    assert_eq!((outcome.first_value_at, outcome.last_value_at), (Some(at(1)), Some(at(4))));
}

#[test]
fn what_never_came_is_missing_since_watching_began_as_far_as_time_is_told() {
    let missing = || json!({"kind": "missing", "event": "lift.call", "for_s": 3 * DAY});
    let (silent, sources) = trial(missing(), 0);
    assert!(sources.signals.is_empty());
    assert_eq!(sources.events, ["lift.call"]);
    assert_eq!(alarms(&silent.finish(None)), []);
    let (short, _) = trial(missing(), 0);
    assert_eq!(alarms(&short.finish(Some(at(2 * DAY)))), []);
    let (long, _) = trial(missing(), 0);
    assert_eq!(alarms(&long.finish(Some(at(9 * DAY)))), [(at(3 * DAY), None)]);
    let (mut called, _) = trial(missing(), 0);
    called.hear(&[said(DAY, 0, SampleOf::Event), said(5 * DAY, 0, SampleOf::Event)]);
    let expected = [(at(4 * DAY), Some(at(5 * DAY))), (at(8 * DAY), None)];
    assert_eq!(alarms(&called.finish(Some(at(9 * DAY)))), expected);
}

#[test]
fn the_last_value_before_the_beginning_counts() {
    let hot = json!({"kind": "threshold", "signal": "t", "above": 80, "hold_s": 60});
    let (mut trial, _) = trial(hot, -3_600);
    let value = |s: i64, value: f64| said(s, 0, SampleOf::Number(value));
    trial.hear(&[value(-30, 90.0), value(100, 20.0)]);
    let outcome = trial.finish(Some(at(200)));
    assert_eq!(alarms(&outcome), [(at(30), Some(at(100)))]);
    assert_eq!(outcome.came.totals.values, 1, "that before isn't of the time");
}

#[test]
fn quality_kinds_and_other_rules_sources() {
    let door = json!({"kind": "all", "conditions": [
        {"kind": "state", "signal": "door", "is": [true]},
        {"kind": "state", "signal": "mode", "is": ["auto"]}]});
    let own = rule(door);
    let other = rule(json!({"kind": "threshold", "signal": "t", "above": 1}));
    let both = Arc::new(Sources::of([&other, &own]));
    assert_eq!(both.signals, ["t", "door", "mode"]);
    let compiled = Arc::new(CompiledRule::compile(own).unwrap());
    let mut trial = Trial::new(compiled, &Surroundings::default(), both, case(), at(0));
    trial.hear(&[
        said(1, 0, SampleOf::Number(5.0)),
        said(1, 1, SampleOf::Boolean(true)),
        said(2, 2, SampleOf::Text("auto".to_owned())),
        said(3, 0, SampleOf::Number(7.0)),
        said(4, 1, SampleOf::Unusable),
        said(5, 2, SampleOf::Text("hand".to_owned())),
    ]);
    let outcome = trial.finish(Some(at(6)));
    assert_eq!(alarms(&outcome), [(at(2), Some(at(5)))]);
    assert_eq!(outcome.came.totals.values, 4);
    assert_eq!(outcome.signals, [1, 2]);
}

#[test]
fn the_value_before_the_history_is_not_learned() {
    let learned = |before: bool, begin: i64| {
        let unusual = json!({"kind": "anomaly", "signals": ["a"]});
        let (trial, _) = trial(unusual, 0);
        let mut trial = trial.learning_from(at(begin));
        if before {
            trial.hear(&[said(-20 * DAY, 0, SampleOf::Number(1.0))]);
        }
        for second in 0..300_i32 {
            let value = SampleOf::Number(f64::from(second % 7));
            trial.hear(&[said(i64::from(second), 0, value)]);
        }
        let when = Checkpoints { now: at(300), every_us: 0, most: 1 };
        trial.watch.take_checkpoints(when).remove(0).state
    };
    assert_eq!(learned(true, 0), learned(false, 0));
    assert_ne!(learned(true, -30 * DAY), learned(false, -30 * DAY), "it would count");
}

#[test]
fn what_says_when_it_runs_is_heard_though_it_is_older() {
    let unusual = json!({
        "kind": "while", "while": {"kind": "state", "signal": "on", "is": [true]},
        "condition": {"kind": "anomaly", "signals": ["a"], "train_rows": 150}
    });
    let (trial, sources) = trial(unusual, 0);
    let on = sources.signals.iter().position(|name| name == "on").unwrap();
    let mut trial = trial.learning_from(at(0));
    trial.hear(&[said(-DAY, on, SampleOf::Boolean(true))]);
    for second in 0..600_i32 {
        let value = if second == 500 { 1_000.0 } else { f64::from(second % 7) };
        trial.hear(&[said(i64::from(second), 1 - on, SampleOf::Number(value))]);
    }
    assert_eq!(alarms(&trial.finish(Some(at(600)))).len(), 1);
}
