//! Rules that this program doesn't understand: of a newer one, beside this one or before it was set back.

use std::collections::BTreeSet;

use millwright_alarms::{AlarmError, Raise, rules};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason};
use millwright_schemas::api::rules::{Rule, RuleInput, RuleQuery, ThresholdCondition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, SignalKind, UserId};
use millwright_store::telemetry::series::{self, NewSeries};
use millwright_store::{Scope, StoreError, events};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::harness::{Plant, at};

const OF_TOMORROW: &str = r#"{"kind":"of_tomorrow"}"#;

fn caller(plant: &Plant) -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::nil())),
        organization: plant.organization,
        permissions: BTreeSet::from([Permission::ReadRules, Permission::WriteRules]),
    }
}

/// Three rules of the machine; the one in the middle isn't understood.
async fn three(plant: &Plant) -> [Rule; 3] {
    let rules = [1, 2, 3].map(|n| Rule {
        id: RuleId(Uuid::from_u128(n)),
        organization_id: plant.organization,
        name: format!("rule {n}"),
        machine_id: Some(plant.machine),
        model: None,
        condition: ThresholdCondition::above("t".parse().unwrap(), 1.0).into(),
        severity: Severity::Minor,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    });
    let tx = plant.store.begin().await.unwrap();
    for rule in &rules {
        millwright_store::rules::insert(&tx, rule).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut peer = plant.peer().await;
    let id = peer.id(rules[1].id.uuid());
    peer.execute(&format!("UPDATE rules SET condition = '{OF_TOMORROW}' WHERE id = {id}")).await;
    rules
}

/// An alarm of the rule, from when it was understood.
async fn alarm(plant: &Plant, rule: &Rule) {
    let found = plant.fault(&rule.id.to_string(), Severity::Minor, 2);
    let (origin, source) = (AlarmOrigin::Rule, "t".to_owned());
    plant.raise(Raise { origin, source, rule: Some((rule.id, rule.version)), ..found }).await;
}

/// The details of the only event of this type.
async fn told(plant: &Plant, event_type: &str) -> Map<String, Value> {
    while events::assign_positions(&plant.store).await.unwrap().is_some() {}
    let types = [event_type.to_owned()];
    let mut all = events::after(&plant.store, Scope::Platform, 0, &types, 100).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.pop().unwrap().data
}

#[tokio::test]
async fn it_hides_no_other_rule_on_pages_of_any_size() {
    let plant = Plant::start().await;
    let [first, strange, last] = three(&plant).await;
    let caller = caller(&plant);
    let of_machine = RuleQuery { machine_id: Some(plant.machine), ..RuleQuery::default() };
    for (limit, expected) in
        [(1, vec![1_usize, 0, 1]), (2, vec![1, 1]), (3, vec![2]), (50, vec![2])]
    {
        let (mut found, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None);
        loop {
            let wanted = RuleQuery { limit: Some(limit), cursor, ..of_machine.clone() };
            let page = rules::list(&plant.store, &caller, wanted).await.unwrap();
            sizes.push(page.items.len());
            found.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, [first.clone(), last.clone()], "{limit} a page");
        assert_eq!(sizes, expected, "{limit} a page");
    }
    let itself = rules::get(&plant.store, &caller, strange.id).await;
    let Err(AlarmError::Store(StoreError::Corrupt { table, .. })) = itself else {
        panic!("{itself:?}")
    };
    assert_eq!(table, "rules");
}

#[tokio::test]
async fn it_can_be_deleted_with_its_alarms() {
    let plant = Plant::start().await;
    let [_, strange, _] = three(&plant).await;
    alarm(&plant, &strange).await;
    let caller = caller(&plant);
    let delete = || rules::delete(&plant.store, &caller, strange.id, at(3));
    delete().await.unwrap();
    let alarm = plant.alarm().await;
    assert_eq!((alarm.active, alarm.clear_reason), (false, Some(ClearReason::RuleDeleted)));
    let details = told(&plant, "rule.deleted").await;
    assert_eq!(details["name"], "rule 2");
    assert_eq!(details["condition"], OF_TOMORROW);
    let again = delete().await;
    assert!(matches!(again, Err(AlarmError::Store(StoreError::NotFound("rule")))), "{again:?}");
    let all = rules::list(&plant.store, &caller, RuleQuery::default()).await.unwrap();
    assert_eq!(all.items.len(), 2);
}

#[tokio::test]
async fn it_can_be_replaced_and_begins_anew() {
    let plant = Plant::start().await;
    let (machine, signal) = (plant.machine, "t".to_owned());
    let series = NewSeries { machine, signal, kind: Some(SignalKind::Number), created_at: 0 };
    let mut tx = plant.store.begin_batch().await.unwrap();
    series::create(&mut tx, &[series]).await.unwrap();
    tx.commit().await.unwrap();
    let [first, strange, _] = three(&plant).await;
    alarm(&plant, &strange).await;
    let tx = plant.store.begin().await.unwrap();
    let stands = (strange.id, strange.version);
    millwright_store::rules::set_state(&tx, machine, stands, "{}".to_owned()).await.unwrap();
    tx.commit().await.unwrap();

    let caller = caller(&plant);
    let input = RuleInput {
        name: strange.name.clone(),
        organization_id: None,
        machine_id: strange.machine_id,
        model: None,
        condition: first.condition.clone(),
        severity: strange.severity,
        message: None,
        enabled: true,
    };
    let put =
        |version| rules::replace(&plant.store, &caller, strange.id, version, input.clone(), at(3));
    let refused = put(7).await;
    let Err(AlarmError::Store(StoreError::VersionMismatch { current: 1 })) = refused else {
        panic!("{refused:?}")
    };
    let changed = put(1).await.unwrap();
    let expected = Rule { version: 2, updated_at: at(3), ..strange.clone() };
    assert_eq!(changed, expected);
    assert_eq!(rules::get(&plant.store, &caller, strange.id).await.unwrap(), expected);
    let details = told(&plant, "rule.updated").await;
    assert_eq!(details.keys().collect::<Vec<_>>(), ["condition"], "{details:?}");
    assert_eq!(details["condition"]["from"], OF_TOMORROW);
    // What it was about isn't known.
    let alarm = plant.alarm().await;
    assert_eq!((alarm.active, alarm.clear_reason), (false, Some(ClearReason::RuleDisabled)));
    assert_eq!(plant.peer().await.value("SELECT count(*) FROM rule_states").await, "0");
}
