//! Bounds of rules; what else is refused is tested over HTTP.

use std::collections::BTreeSet;

use millwright_alarms::rules::limits::RULES_MAX;
use millwright_alarms::{AlarmError, Raise, rules};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::alarms::AlarmOrigin;
use millwright_schemas::api::rules::{
    PrecisionQuery, Rule, RuleCondition, RuleInput, ThresholdCondition,
};
use millwright_schemas::wire::command::SignalInfo;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, SignalKind, UserId};
use millwright_store::telemetry::series::{self, NewSeries};
use millwright_store::telemetry::units;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Plant, at};

fn condition() -> RuleCondition {
    ThresholdCondition::above("t".parse().unwrap(), 1.0).into()
}

fn caller(plant: &Plant) -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::nil())),
        organization: plant.organization,
        permissions: BTreeSet::from([Permission::WriteRules]),
    }
}

async fn appear(plant: &Plant, signal: &str, kind: SignalKind) {
    let (machine, signal, kind) = (plant.machine, signal.to_owned(), Some(kind));
    let mut tx = plant.store.begin_batch().await.unwrap();
    series::create(&mut tx, &[NewSeries { machine, signal, kind, created_at: 0 }]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_organization_has_a_bounded_number_of_rules() {
    let plant = Plant::start().await;
    appear(&plant, "t", SignalKind::Number).await;
    let tx = plant.store.begin().await.unwrap();
    for _ in 1..RULES_MAX {
        let rule = Rule {
            id: RuleId(Uuid::now_v7()),
            organization_id: plant.organization,
            name: "r".to_owned(),
            machine_id: Some(plant.machine),
            model: None,
            condition: condition(),
            severity: Severity::Minor,
            message: None,
            enabled: true,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        };
        millwright_store::rules::insert(&tx, &rule).await.unwrap();
    }
    tx.commit().await.unwrap();
    let caller = caller(&plant);
    let input = RuleInput {
        name: "last".to_owned(),
        organization_id: None,
        machine_id: Some(plant.machine),
        model: None,
        condition: condition(),
        severity: Severity::Minor,
        message: None,
        enabled: true,
    };
    let create = || rules::create(&plant.store, &caller, input.clone(), at(1));
    let last = create().await.unwrap();
    let Err(AlarmError::Invalid(refused)) = create().await else { panic!("one too many") };
    assert_eq!(refused.0[0].field, "organization_id");
    assert_eq!(refused.0[0].message, "has 1000 rules, no more fit");
    // A deleted one makes room.
    rules::delete(&plant.store, &caller, last.id, at(2)).await.unwrap();
    create().await.unwrap();
}

/// Every signal of a tree must be there, of its kind and in its unit.
#[tokio::test]
async fn what_a_condition_needs_must_be_there() {
    let plant = Plant::start().await;
    appear(&plant, "a", SignalKind::Number).await;
    appear(&plant, "b", SignalKind::Number).await;
    appear(&plant, "state", SignalKind::Text).await;
    let tx = plant.store.begin().await.unwrap();
    let unit = |signal: &str, unit: &str| SignalInfo {
        signal: signal.parse().unwrap(),
        unit: Some(unit.to_owned()),
    };
    let told = [unit("a", "bar"), unit("b", "kPa")];
    units::put(&tx, plant.machine, &told).await.unwrap();
    tx.commit().await.unwrap();
    let refused = async |condition: Value| {
        let input = RuleInput {
            name: "r".to_owned(),
            organization_id: None,
            machine_id: Some(plant.machine),
            model: None,
            condition: serde_json::from_value(condition).unwrap(),
            severity: Severity::Minor,
            message: None,
            enabled: true,
        };
        match rules::create(&plant.store, &caller(&plant), input, at(1)).await {
            Ok(_) => Vec::new(),
            Err(AlarmError::Invalid(refused)) => {
                refused.0.iter().map(|it| format!("{}: {}", it.field, it.message)).collect()
            }
            Err(error) => panic!("{error}"),
        }
    };
    let machine = format!("machine {} has", plant.machine);
    let deviation = json!({"kind": "deviation", "signal": "a", "from": "b", "above": 1});
    assert_eq!(refused(deviation.clone()).await, Vec::<String>::new());
    let mut in_bar = deviation;
    in_bar["unit"] = json!("bar");
    let expected = ["condition.unit: \"b\" is in \"kPa\", not in \"bar\""];
    assert_eq!(refused(in_bar).await, expected);
    let tree = json!({"kind": "while",
    "while": {"kind": "state", "signal": "state", "is": [true]},
    "condition": {"kind": "any", "conditions": [
        {"kind": "missing", "signal": "nope", "for_s": 60},
        {"kind": "missing", "signal": "state", "for_s": 60},
        {"kind": "missing", "event": "never.seen", "for_s": 60},
        {"kind": "threshold", "signal": "a", "unit": "psi", "above": 1}
    ]}});
    let expected = [
        "condition.while.signal: \"state\" is a text, not a boolean".to_owned(),
        format!("condition.condition.conditions[0].signal: {machine} no signal \"nope\""),
        "condition.condition.conditions[3].unit: \"a\" is in \"bar\", not in \"psi\"".to_owned(),
    ];
    assert_eq!(refused(tree).await, expected);
}

#[tokio::test]
async fn that_a_rule_has_failed_is_nothing_that_it_has_found_whatever_its_signal_is_called() {
    let plant = Plant::start().await;
    appear(&plant, "rule", SignalKind::Number).await;
    let caller = caller(&plant);
    let input = RuleInput {
        name: "r".to_owned(),
        organization_id: None,
        machine_id: Some(plant.machine),
        model: None,
        condition: ThresholdCondition::above("rule".parse().unwrap(), 1.0).into(),
        severity: Severity::Minor,
        message: None,
        enabled: true,
    };
    let rule = rules::create(&plant.store, &caller, input.clone(), at(1)).await.unwrap();
    let found = Raise {
        origin: AlarmOrigin::Rule,
        source: "rule".to_owned(),
        rule: Some((rule.id, rule.version)),
        ..plant.fault(&rule.id.to_string(), Severity::Minor, 2)
    };
    plant.raise(found.clone()).await;
    let (machine, organization) = (plant.machine, plant.organization);
    let failure = rules::Failure { machine, organization, reason: "too much work".to_owned() };
    let tx = plant.store.begin().await.unwrap();
    rules::fail(&tx, &rule, failure, at(3)).await.unwrap();
    tx.commit().await.unwrap();
    // Changed, its failure is over; switched on again, it finds something.
    let changed = rules::replace(&plant.store, &caller, rule.id, 2, input.clone(), at(4)).await;
    let version = changed.unwrap().version;
    plant.raise(Raise { at: at(5), rule: Some((rule.id, version)), ..found }).await;
    let renamed = RuleInput { name: "other".to_owned(), ..input };
    rules::replace(&plant.store, &caller, rule.id, version, renamed, at(6)).await.unwrap();
    let alarms = plant.alarms(machine).await;
    let all: Vec<_> = alarms.iter().map(|it| (it.source.as_str(), it.active)).collect();
    assert_eq!(all, [("rule", false), ("", false), ("rule", true)]);
}

#[tokio::test]
async fn that_a_rule_has_failed_says_nothing_of_its_precision() {
    let plant = Plant::start().await;
    appear(&plant, "t", SignalKind::Number).await;
    let reads = [Permission::WriteRules, Permission::ReadRules, Permission::ReadAlarms];
    let caller = Caller { permissions: reads.into(), ..caller(&plant) };
    let input = RuleInput {
        name: "r".to_owned(),
        organization_id: None,
        machine_id: Some(plant.machine),
        model: None,
        condition: condition(),
        severity: Severity::Minor,
        message: None,
        enabled: true,
    };
    let rule = rules::create(&plant.store, &caller, input, at(1)).await.unwrap();
    let found = plant.fault(&rule.id.to_string(), Severity::Minor, 2);
    plant
        .raise(Raise {
            origin: AlarmOrigin::Rule,
            source: "t".to_owned(),
            rule: Some((rule.id, rule.version)),
            ..found
        })
        .await;
    let (machine, organization) = (plant.machine, plant.organization);
    let reason = "too much work".to_owned();
    let failure = rules::Failure { machine, organization, reason };
    let tx = plant.store.begin().await.unwrap();
    rules::fail(&tx, &rule, failure, at(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(plant.alarms(machine).await.len(), 2, "the rule's own, and that it has failed");
    let wanted = PrecisionQuery::default();
    let precision =
        rules::precision(&plant.store, &caller, rule.id, &wanted, at(10)).await.unwrap();
    assert_eq!((precision.alarms, precision.versions.len()), (1, 1));
    assert_eq!(precision.versions[0].version, rule.version);
}

/// What it watches may be gone. But what it will watch when it is switched on again must be there.
#[tokio::test]
async fn switched_off_it_may_watch_what_is_gone_but_nothing_new_that_is_not_there() {
    let plant = Plant::start().await;
    for signal in ["t", "u"] {
        appear(&plant, signal, SignalKind::Number).await;
    }
    let tx = plant.store.begin().await.unwrap();
    let unit = SignalInfo { signal: "u".parse().unwrap(), unit: Some("°C".to_owned()) };
    units::put(&tx, plant.machine, &[unit]).await.unwrap();
    let limit = |signal: &str| json!({"kind": "threshold", "signal": signal, "above": 1});
    let any = |second: Value| -> RuleCondition {
        let both = json!({"kind": "any", "conditions": [limit("t"), second]});
        serde_json::from_value(both).unwrap()
    };
    let rule = Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: plant.organization,
        name: "r".to_owned(),
        machine_id: Some(plant.machine),
        model: None,
        condition: any(limit("gone")),
        severity: Severity::Minor,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    millwright_store::rules::insert(&tx, &rule).await.unwrap();
    tx.commit().await.unwrap();
    let off = |condition: RuleCondition| RuleInput {
        name: "r".to_owned(),
        organization_id: None,
        machine_id: Some(plant.machine),
        model: None,
        condition,
        severity: Severity::Minor,
        message: None,
        enabled: false,
    };
    let caller = caller(&plant);
    let put = async |version: i64, input: RuleInput| {
        rules::replace(&plant.store, &caller, rule.id, version, input, at(1)).await
    };
    let mut in_bar = limit("u");
    in_bar["unit"] = json!("bar");
    for (second, field) in [(limit("nope"), "signal"), (in_bar, "unit")] {
        let Err(AlarmError::Invalid(refused)) = put(1, off(any(second))).await else {
            panic!("{field} is not looked at")
        };
        let fields: Vec<_> = refused.0.iter().map(|it| it.field.clone()).collect();
        assert_eq!(fields, [format!("condition.conditions[1].{field}")]);
    }
    let changed = put(1, off(any(limit("gone")))).await.unwrap();
    assert_eq!((changed.enabled, changed.version), (false, 2));
    let changed = put(2, off(any(limit("u")))).await.unwrap();
    assert_eq!(changed.condition, any(limit("u")));
}
