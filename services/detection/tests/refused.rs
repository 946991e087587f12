//! What can't be watched is refused, every field at fault with its reason.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::severity_of;
use millwright_detection::conditions::needs::{needs, subject};
use millwright_detection::rules::problems;
use millwright_schemas::SignalKind;
use millwright_schemas::api::rules::RuleCondition;
use millwright_schemas::wire::events::Severity;
use serde_json::{Value, json};

/// `field: reason` of each problem, fields below `condition` without that word.
fn refused(condition: Value) -> Vec<String> {
    let condition: RuleCondition = serde_json::from_value(condition).unwrap();
    let problems = problems(&condition, severity_of(&condition));
    let short = |field: &str| field.strip_prefix("condition.").unwrap_or(field).to_owned();
    problems.iter().map(|it| format!("{}: {}", short(&it.field), it.message)).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "written as literals")]
fn with(base: &Value, changes: Value) -> Value {
    let mut all = base.as_object().unwrap().clone();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.remove(key);
        } else {
            all.insert(key.clone(), value.clone());
        }
    }
    Value::Object(all)
}

#[test]
fn leaves() {
    let rate = json!({"kind": "rate", "signal": "t", "per": "minute", "window_s": 60, "above": 5});
    let deviation = json!({"kind": "deviation", "signal": "a", "from": "b", "above": 5});
    let count = json!({"kind": "count", "signal": "p", "above": 5, "at_least": 3, "window_s": 60});
    let state = json!({"kind": "state", "signal": "s", "is": ["x"]});
    let missing = json!({"kind": "missing", "signal": "s", "for_s": 60});
    let sequence = json!({"kind": "sequence", "signal": "s", "states": ["a", "b"], "within_s": 60});
    let order = json!({"kind": "order", "signal": "s", "allowed": [{"from": "a", "to": ["b"]}]});
    let many: Vec<Value> = (0..33).map(|n| json!(n)).collect();
    let rows: Vec<(&Value, Value, &[&str])> = vec![
        (&rate, json!({}), &[]),
        (&rate, json!({"below": 1}), &["below: give above or below, not both"]),
        (&rate, json!({"above": null}), &["above: give above or below"]),
        (
            &rate,
            json!({"clear_at": 6}),
            &["clear_at: 6 is above the limit 5, not on its good side"],
        ),
        (&rate, json!({"window_s": 0}), &["window_s: 0 is not between 0.1 and 604800 seconds"]),
        (
            &rate,
            json!({"window_s": 604_801}),
            &["window_s: 604801 is not between 0.1 and 604800 seconds"],
        ),
        (&rate, json!({"wraps_at": 0}), &["wraps_at: 0 is not above 0"]),
        (&rate, json!({"hold_s": -1}), &["hold_s: -1 is not between 0 and 604800 seconds"]),
        (&rate, json!({"unit": ""}), &["unit: has 0 characters; 1 to 32 are needed"]),
        (&deviation, json!({}), &[]),
        (&deviation, json!({"from": "a"}), &["from: is the signal itself"]),
        (
            &deviation,
            json!({"above": -1, "clear_at": -2}),
            &[
                "above: -1 is below 0, which no distance is",
                "clear_at: -2 is below 0, which no distance is",
            ],
        ),
        (&count, json!({}), &[]),
        (&count, json!({"at_least": 0}), &["at_least: 0 is not between 1 and 100"]),
        (&count, json!({"at_least": 101}), &["at_least: 101 is not between 1 and 100"]),
        (&count, json!({"above": null}), &["above: give above, below or is"]),
        (&count, json!({"is": [1]}), &["is: give one of above, below and is"]),
        (&count, json!({"below": 1}), &["below: give one of above, below and is"]),
        (&state, json!({}), &[]),
        (&state, json!({"is": null}), &["is: give is or is_not"]),
        (&state, json!({"is_not": ["y"]}), &["is_not: give is or is_not, not both"]),
        (&state, json!({"is": ["x", 1]}), &["is[1]: is of another kind than the first"]),
        (&state, json!({"is": ["x", "y", "x"]}), &["is[2]: x is there already"]),
        (&state, json!({"is": many}), &["is: has 33 values; 1 to 32 are needed"]),
        (&missing, json!({}), &[]),
        (&missing, json!({"signal": null}), &["signal: give signal or event"]),
        (&missing, json!({"event": "a.b"}), &["event: give signal or event, not both"]),
        (&missing, json!({"for_s": 0.5}), &["for_s: 0.5 is not between 1 and 31622400 seconds"]),
        (
            &missing,
            json!({"signal": null, "event": "a.b", "is": [1], "of": "change"}),
            &["is: an event has no values", "of: an event has no values that could change"],
        ),
        (&sequence, json!({}), &[]),
        (&sequence, json!({"states": ["a"]}), &["states: has 1 values; 2 to 8 are needed"]),
        (&sequence, json!({"states": ["a", "a"]}), &["states[1]: is the same as the one before"]),
        (
            &sequence,
            json!({"states": ["a", true]}),
            &["states[1]: is of another kind than the first"],
        ),
        (&order, json!({}), &[]),
        (&order, json!({"allowed": []}), &["allowed: has 0 values; 1 to 32 are needed"]),
        (
            &order,
            json!({"allowed": [{"from": "a", "to": []}, {"from": "a", "to": []}]}),
            &["allowed[1]: a is there already"],
        ),
        (
            &order,
            json!({"allowed": [{"from": "a", "to": [1]}]}),
            &["allowed[0].to: is of another kind than from"],
        ),
    ];
    for (base, changes, expected) in rows {
        let condition = with(base, changes);
        assert_eq!(refused(condition.clone()), expected, "{condition}");
    }
}

#[test]
fn schedules() {
    let all = |schedule: Value| json!({"kind": "all", "conditions": [{"kind": "threshold", "signal": "t", "above": 1}, schedule]});
    let base =
        json!({"kind": "schedule", "from": "08:00", "to": "17:30", "time_zone": "Europe/Berlin"});
    let rows: Vec<(Value, &[&str])> = vec![
        (json!({}), &[]),
        (json!({"to": "24:00"}), &[]),
        (json!({"from": "24:00"}), &["conditions[1].from: 24:00 is the end of a day; give 00:00"]),
        (json!({"to": "08:00"}), &["conditions[1].to: is 08:00, as from: no time lies between"]),
        (
            json!({"time_zone": "Berlin"}),
            &["conditions[1].time_zone: \"Berlin\" is not a time zone such as \"Europe/Berlin\""],
        ),
    ];
    for (changes, expected) in rows {
        assert_eq!(refused(all(with(&base, changes.clone()))), expected, "{changes}");
    }
    let alone = "condition: watches no signal: a schedule alone is no cause for an alarm";
    assert_eq!(refused(base), [alone]);
}

#[test]
fn trees() {
    let leaf = json!({"kind": "threshold", "signal": "t", "above": 1});
    let wrong = json!({"kind": "threshold", "signal": "t"});
    let group = |conditions: Vec<Value>| json!({"kind": "any", "conditions": conditions});
    let gated =
        |gate: &Value, inner: &Value| json!({"kind": "while", "while": gate, "condition": inner});
    assert_eq!(refused(group(vec![])), ["conditions: is empty; at least 1 is needed"]);
    assert_eq!(refused(group(vec![leaf.clone(); 31])), Vec::<String>::new());
    assert_eq!(
        refused(group(vec![leaf.clone(); 32])),
        ["condition: has 33 conditions, at most 32 fit"]
    );
    let deep = |n: usize| (1..n).fold(leaf.clone(), |inner, _| group(vec![inner]));
    assert_eq!(refused(deep(5)), Vec::<String>::new());
    let at = "conditions[0].conditions[0].conditions[0].conditions[0].conditions[0]";
    assert_eq!(refused(deep(6)), [format!("{at}: is nested more than 5 deep")]);
    // Every problem, by its own path.
    let expected =
        ["while.above: give above or below", "condition.conditions[1].above: give above or below"];
    assert_eq!(refused(gated(&wrong, &group(vec![leaf.clone(), wrong.clone()]))), expected);
    let levels = json!({"kind": "levels", "levels": [
        {"severity": "warning", "condition": leaf}, {"severity": "major", "condition": leaf}
    ]});
    let expected = ["conditions[0]: levels can only be the outermost condition of a rule"];
    assert_eq!(refused(group(vec![levels])), expected);
}

#[test]
fn levels_rise() {
    let level = |severity: &str, above: f64| json!({"severity": severity, "condition": {"kind": "threshold", "signal": "t", "above": above}});
    let levels = |levels: &[Value]| refused(json!({"kind": "levels", "levels": levels}));
    let rising = [level("warning", 70.0), level("major", 80.0), level("critical", 90.0)];
    assert_eq!(levels(&rising), Vec::<String>::new());
    assert_eq!(levels(&rising[..1]), ["levels: has 1 levels; 2 to 4 are needed"]);
    let message = "levels[1].severity: warning is not more severe than major before it";
    assert_eq!(levels(&[level("major", 70.0), level("warning", 80.0)]), [message]);
    let message = "levels[1].condition.above: 70 is not above 70 of the level before";
    assert_eq!(levels(&[level("minor", 70.0), level("major", 70.0)]), [message]);
    let message = "levels[0].severity: \"indeterminate\" is not allowed";
    assert_eq!(levels(&[level("indeterminate", 70.0), level("major", 80.0)]), [message]);
    // Another signal's limits are in another order, or none.
    let other = json!({"severity": "critical", "condition": {"kind": "missing", "signal": "t", "for_s": 60}});
    assert_eq!(levels(&[level("minor", 70.0), other]), Vec::<String>::new());
    let condition = json!({"kind": "levels", "levels": rising});
    let problems = problems(&serde_json::from_value(condition).unwrap(), Severity::Major);
    let told: Vec<_> = problems.iter().map(|it| (it.field.as_str(), it.message.as_str())).collect();
    assert_eq!(told, [("severity", "must be \"critical\", that of the last level")]);
}

/// What is wrong with the second of two levels.
fn second_of(first: &Value, second: &Value) -> Vec<String> {
    let level = |severity: &str, it: &Value| json!({"severity": severity, "condition": it});
    let levels = [level("warning", first), level("major", second)];
    let refused = refused(json!({"kind": "levels", "levels": levels}));
    let short = |it: &String| it.strip_prefix("levels[1].").unwrap_or(it).to_owned();
    refused.iter().map(short).collect()
}

#[test]
fn levels_that_are_reached_too_early() {
    let of = |kind: &str, more: Value| with(&json!({"kind": kind, "signal": "t"}), more);
    let limit =
        |above: i32, hold_s: i32| of("threshold", json!({"above": above, "hold_s": hold_s}));
    let count =
        |more: Value| with(&of("count", json!({"is": ["x"], "at_least": 5, "window_s": 60})), more);
    let missing = |for_s: i32| json!({"kind": "missing", "event": "lift.call", "for_s": for_s});
    let group =
        |kind: &str, conditions: Vec<Value>| json!({"kind": kind, "conditions": conditions});
    let gated = |running: &str, condition: Value| {
        json!({"kind": "while", "while": {"kind": "state", "signal": "s", "is": [running]},
            "condition": condition})
    };
    let sequence =
        |within_s: i32| of("sequence", json!({"states": ["a", "b"], "within_s": within_s}));
    let wrong = "of the level before";
    for (first, second, expected) in [
        (count(json!({})), count(json!({"at_least": 4})), "at_least: 4 is not more than 5"),
        (count(json!({})), count(json!({})), "at_least: 5 is not more than 5"),
        (count(json!({})), count(json!({"window_s": 90})), "window_s: 90 is not shorter than 60"),
        (missing(60), missing(30), "for_s: 30 is not longer than 60"),
        (limit(50, 600), limit(50, 10), "hold_s: 10 is not longer than 600"),
        (sequence(10), sequence(20), "within_s: 20 is not shorter than 10"),
        (
            of("state", json!({"is": ["x"], "hold_s": 60})),
            of("state", json!({"is": ["x"], "hold_s": 30})),
            "hold_s: 30 is not longer than 60",
        ),
        (
            group("any", vec![missing(60), limit(80, 0)]),
            group("any", vec![missing(60), limit(70, 0)]),
            "conditions[1].above: 70 is not above 80",
        ),
        (
            gated("on", group("all", vec![limit(80, 0), limit(90, 0)])),
            gated("on", group("all", vec![limit(80, 0), limit(85, 0)])),
            "condition.conditions[1].above: 85 is not above 90",
        ),
    ] {
        let expected = format!("condition.{expected} {wrong}");
        assert_eq!(second_of(&first, &second), [expected], "{first} {second}");
    }
    let order = of("order", json!({"allowed": [{"from": "a", "to": ["b"]}]}));
    let same = "condition: is the same as that of the level before";
    assert_eq!(second_of(&order, &order), [same]);
    for (first, second) in [
        // Longer, more often, for a longer time away.
        (limit(50, 10), limit(50, 600)),
        (count(json!({})), count(json!({"at_least": 6}))),
        (count(json!({})), count(json!({"window_s": 30}))),
        (missing(60), missing(90)),
        (sequence(20), sequence(10)),
        (
            gated("on", group("any", vec![limit(80, 0), missing(60)])),
            gated("on", group("any", vec![limit(90, 0), missing(60)])),
        ),
        // Neither follows from the other.
        (limit(80, 600), limit(90, 0)),
        (limit(80, 0), limit(70, 600)),
        (of("threshold", json!({"above": 80})), of("threshold", json!({"below": 10}))),
        (count(json!({})), count(json!({"is": ["y"], "at_least": 2}))),
        (gated("on", limit(80, 0)), gated("off", limit(70, 0))),
        (group("any", vec![limit(80, 0)]), group("all", vec![limit(70, 0)])),
        (limit(80, 0), group("all", vec![limit(70, 0), missing(60)])),
    ] {
        assert_eq!(second_of(&first, &second), Vec::<String>::new(), "{first} {second}");
    }
}

#[test]
fn a_level_is_compared_with_all_before_it() {
    let level = |severity: &str, it: Value| json!({"severity": severity, "condition": it});
    let limit = |above: i32| json!({"kind": "threshold", "signal": "t", "above": above});
    let other = json!({"kind": "missing", "signal": "t", "for_s": 60});
    let levels = [level("minor", limit(80)), level("major", other), level("critical", limit(70))];
    let expected = ["levels[2].condition.above: 70 is not above 80 of levels[0]"];
    assert_eq!(refused(json!({"kind": "levels", "levels": levels})), expected);
}

#[test]
fn what_is_to_be_learned() {
    let anomaly = json!({"kind": "anomaly", "signals": ["a", "b"]});
    let many: Vec<String> = (0..21).map(|n| format!("s{n}")).collect();
    let rows: Vec<(Value, &[&str])> = vec![
        (json!({}), &[]),
        (json!({"together": false, "train_rows": 50, "clear_hold_s": 0}), &[]),
        (json!({"signals": ["a"]}), &[]),
        (json!({"signals": []}), &["signals: has 0 signals; 1 to 20 are needed"]),
        (json!({"signals": many}), &["signals: has 21 signals; 1 to 20 are needed"]),
        (json!({"signals": ["a", "b", "a"]}), &["signals[2]: a is there already"]),
        (json!({"signals": ["a"], "together": true}), &["together: needs at least 2 signals"]),
        (json!({"train_rows": 49}), &["train_rows: 49 is not between 50 and 10000000"]),
        (
            json!({"train_rows": 10_000_001}),
            &["train_rows: 10000001 is not between 50 and 10000000"],
        ),
        (
            json!({"clear_hold_s": -1, "signals": ["a", "a"]}),
            &[
                "clear_hold_s: -1 is not between 0 and 604800 seconds",
                "signals[1]: a is there already",
            ],
        ),
    ];
    for (changes, expected) in rows {
        assert_eq!(refused(with(&anomaly, changes.clone())), expected, "{changes}");
    }
    let only =
        "anomaly can only be the outermost condition of a rule, or that of an outermost while";
    let state = json!({"kind": "state", "signal": "s", "is": ["on"]});
    let rows = [
        (json!({"kind": "any", "conditions": [state, anomaly]}), format!("conditions[1]: {only}")),
        (
            json!({"kind": "while", "while": state,
                "condition": {"kind": "all", "conditions": [anomaly]}}),
            format!("condition.conditions[0]: {only}"),
        ),
        (
            json!({"kind": "while", "while": state,
                "condition": {"kind": "while", "while": state, "condition": anomaly}}),
            format!("condition.condition: {only}"),
        ),
        (
            json!({"kind": "while", "while": anomaly, "condition": anomaly}),
            format!("while: {only}"),
        ),
        (
            json!({"kind": "while", "while": {"kind": "any", "conditions": [
                state, {"kind": "missing", "signal": "s", "for_s": 60}]}, "condition": anomaly}),
            "while.conditions[1]: missing can't say when something is learned".to_owned(),
        ),
        (
            json!({"kind": "while", "while": state,
                "condition": {"kind": "anomaly", "signals": []}}),
            "condition.signals: has 0 signals; 1 to 20 are needed".to_owned(),
        ),
        (
            json!({"kind": "while", "while": {"kind": "state", "signal": "s"},
                "condition": anomaly}),
            "while.is: give is or is_not".to_owned(),
        ),
    ];
    let gated = json!({"kind": "while", "while": state, "condition": anomaly});
    assert_eq!(refused(gated.clone()), [""; 0]);
    let gated: RuleCondition = serde_json::from_value(gated).unwrap();
    assert_eq!(subject(&gated), "a");
    let fields: Vec<String> = needs(&gated).iter().map(|it| it.field.clone()).collect();
    let of_learned = ["condition.condition.signals[0]", "condition.condition.signals[1]"];
    assert_eq!(fields, ["condition.while.signal", of_learned[0], of_learned[1]]);
    for (condition, expected) in rows {
        assert_eq!(refused(condition.clone()), [expected], "{condition}");
    }
    let condition: RuleCondition = serde_json::from_value(anomaly).unwrap();
    assert_eq!(subject(&condition), "a");
    let fields: Vec<String> = needs(&condition).iter().map(|it| it.field.clone()).collect();
    assert_eq!(fields, ["condition.signals[0]", "condition.signals[1]"]);
    assert!(needs(&condition).iter().all(|it| it.kind == Some(SignalKind::Number)));
}

#[test]
fn unknown_fields_and_values_are_named_by_the_parser() {
    let read =
        |value: Value| serde_json::from_value::<RuleCondition>(value).unwrap_err().to_string();
    let rows = [
        (json!({"kind": "treshold"}), "unknown variant `treshold`"),
        (json!({"kind": "threshold", "signal": "t", "abov": 1}), "unknown field `abov`"),
        (
            json!({"kind": "threshold", "signal": "t", "above": "1"}),
            "expected a number or {\"parameter\"",
        ),
        (
            json!({"kind": "threshold", "signal": "t", "above": {"parameter": "A", "default": 1}}),
            "\"A\" is not the name of a parameter",
        ),
        (
            json!({"kind": "threshold", "signal": "t", "above": {"parameter": "a"}}),
            "missing field `default`",
        ),
        (
            json!({"kind": "threshold", "signal": "t", "above": {"parameter": "a", "default": 1, "x": 1}}),
            "unknown field `x`",
        ),
        (
            json!({"kind": "state", "signal": "t", "is": [null]}),
            "expected a text, a number, true or false",
        ),
        (
            json!({"kind": "state", "signal": "t", "is": ["x".repeat(257)]}),
            "a text of 257 bytes, at most 256 fit",
        ),
        (json!({"kind": "anomaly", "signals": ["a"], "window_s": 1}), "unknown field `window_s`"),
        (json!({"kind": "anomaly", "signals": [""]}), "a signal name must not be empty"),
        (json!({"kind": "schedule", "from": "8:00"}), "\"8:00\" is not a time of the day"),
        (json!({"kind": "schedule", "from": "24:01"}), "\"24:01\" is not a time of the day"),
        (json!({"kind": "schedule", "weekdays": ["Mon"]}), "unknown variant `Mon`"),
        (
            json!({"kind": "rate", "signal": "t", "per": "day", "window_s": 60}),
            "unknown variant `day`",
        ),
        (
            json!({"kind": "all", "conditions": [{"kind": "any", "conditions": [{"kind": "while", "gate": 1}]}]}),
            "unknown field `gate`",
        ),
    ];
    for (value, expected) in rows {
        let message = read(value.clone());
        assert!(message.contains(expected), "{value}: {message}");
    }
}

#[test]
fn what_a_rule_needs_is_told_by_field() {
    let condition = json!({"kind": "while",
    "while": {"kind": "state", "signal": "mode", "is": ["auto"]},
    "condition": {"kind": "any", "conditions": [
        {"kind": "deviation", "signal": "a", "from": "b", "unit": "°C", "above": 1},
        {"kind": "missing", "event": "lift.test_call", "for_s": 60},
        {"kind": "missing", "signal": "m", "for_s": 60},
        {"kind": "count", "signal": "c", "is": [true], "at_least": 1, "window_s": 1}
    ]}});
    let condition: RuleCondition = serde_json::from_value(condition).unwrap();
    assert_eq!(subject(&condition), "a");
    let told: Vec<String> = needs(&condition)
        .iter()
        .map(|it| {
            format!(
                "{} {} {:?} {:?}",
                it.field,
                it.signal,
                it.kind,
                it.unit.as_ref().map(|unit| &unit.1)
            )
        })
        .collect();
    let number = SignalKind::Number;
    let expected = [
        "condition.while.signal mode Some(Text) None".to_owned(),
        format!("condition.condition.conditions[0].signal a Some({number:?}) Some(\"°C\")"),
        format!("condition.condition.conditions[0].from b Some({number:?}) Some(\"°C\")"),
        "condition.condition.conditions[2].signal m None None".to_owned(),
        "condition.condition.conditions[3].signal c Some(Boolean) None".to_owned(),
    ];
    assert_eq!(told, expected);
}
