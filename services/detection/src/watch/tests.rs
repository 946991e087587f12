use serde_json::json;

use super::*;

fn rule(condition: Json) -> Arc<CompiledRule> {
    let condition: RuleCondition = serde_json::from_value(condition).unwrap();
    Arc::new(CompiledRule::of_condition(condition).unwrap())
}

fn second(s: i64) -> Timestamp {
    Timestamp::from_micros(s * 1_000_000)
}

#[test]
fn a_rule_that_panics_fails_alone_and_is_told_once() {
    let rules = vec![
        rule(json!({"kind": "state", "signal": "t", "is": [99]})),
        rule(json!({"kind": "threshold", "signal": "t", "above": 80})),
    ];
    let mut watch = Watch::new(rules, &Surroundings::default(), |_, _| None);
    // As no program of ours writes it.
    let RuleState::Tree(state) = &mut watch.rules[0].state else { panic!("of a tree") };
    state.nodes.clear();
    let changes = watch.sample("t", second(1), Some(99.0));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].rule.source(), "t");
    let failed = watch.take_failed();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].1, RuleFailure::Panicked);
    assert_eq!(failed[0].1.to_string(), "the detection has panicked");
    let changes = watch.sample("t", second(2), Some(1.0));
    assert!(matches!(changes[..], [Change { transition: Transition::Cleared { .. }, .. }]));
    assert_eq!(watch.take_failed(), []);
}

#[test]
fn by_another_clock_rules_begin_anew_and_alarms_stay() {
    let rules = vec![
        rule(json!({"kind": "threshold", "signal": "t", "above": 80})),
        rule(json!({"kind": "threshold", "signal": "t", "above": 90, "hold_s": 60})),
        rule(json!({"kind": "any", "conditions": [
            {"kind": "state", "signal": "u", "is": [1]},
            {"kind": "state", "signal": "t", "is": [95]},
        ]})),
    ];
    let mut watch = Watch::new(rules, &Surroundings::default(), |_, _| None);
    let raised = watch.sample("t", second(10_000), Some(95.0));
    assert_eq!(raised.len(), 2, "{raised:?}");
    watch.take_changed();
    watch.begin_anew(second(100), true);
    assert_eq!(watch.take_changed().len(), 3, "all of it is to be stored");
    assert_eq!(watch.through(second(20_000)), [], "a hold doesn't last over it");
    watch.begin_anew(second(100), false);
    let cleared = watch.sample("t", second(101), Some(20.0));
    let over = Transition::Cleared { at: second(101) };
    let all: Vec<&Transition> = cleared.iter().map(|change| &change.transition).collect();
    assert_eq!(all, [&over, &over], "by what had raised it");
}

#[test]
fn rules_that_learn_are_behind_when_a_clock_was_set_back() {
    let rules = vec![rule(json!({"kind": "anomaly", "signals": ["t"]}))];
    let mut watch = Watch::new(rules, &Surroundings::default(), |_, _| None);
    watch.sample("t", second(10_000), Some(1.0));
    watch.begin_anew(second(20_000), false);
    assert_eq!(watch.behind(), [], "they go on by a clock that is further ahead");
    watch.begin_anew(second(100), true);
    let behind = watch.behind();
    assert_eq!(behind.len(), 1);
    assert!(!behind[0].begun && behind[0].judged);
    assert_eq!(behind[0].signals, [("t".to_owned(), None)]);
    let marks = watch.take_marks();
    assert_eq!(marks.kept.len(), 1, "what comes from now on is still to be judged");
    assert_eq!(marks.kept[0].judged, [Some(second(100))]);
    assert_eq!(watch.take_marks(), Marks::default());
}

#[test]
fn the_alarm_of_a_rule_that_is_left_out_is_over() {
    let condition = json!({"kind": "anomaly", "signals": ["t"]});
    for was_raised in [true, false] {
        let rules = vec![rule(condition.clone())];
        let id = rules[0].rule().id;
        let raised = rules[0].adopt(second(50), Severity::Major, &[]);
        let stored = |_: RuleId, _: i64| was_raised.then(|| raised.clone());
        let mut watch = Watch::new(rules, &Surroundings::default(), stored);
        watch.follow(Watch::default());
        let changes = watch.leave_out(id, second(60)).unwrap();
        let told: Vec<&Transition> = changes.iter().map(|change| &change.transition).collect();
        let over = Transition::Cleared { at: second(60) };
        let expected = if was_raised { vec![&over] } else { Vec::new() };
        assert_eq!(told, expected);
        let moved = watch.take_changed();
        assert_eq!(moved.len(), expected.len());
        assert!(moved.iter().all(|(_, _, state)| !state.is_raised()));
        assert!(watch.behind()[0].left_out);
        assert_eq!(watch.leave_out(id, second(70)), None, "it is said once");
    }
}
