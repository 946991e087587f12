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
