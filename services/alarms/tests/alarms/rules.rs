//! Bounds of rules; what else is refused is tested over HTTP.

use std::collections::BTreeSet;

use millwright_alarms::rules::limits::RULES_MAX;
use millwright_alarms::{AlarmError, rules};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::rules::{Rule, RuleCondition, RuleInput, ThresholdCondition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, SignalKind, UserId};
use millwright_store::telemetry::series::{self, NewSeries};
use uuid::Uuid;

use crate::harness::{Plant, at};

fn condition() -> RuleCondition {
    ThresholdCondition::above("t".parse().unwrap(), 1.0).into()
}

#[tokio::test]
async fn an_organization_has_a_bounded_number_of_rules() {
    let plant = Plant::start().await;
    let series = NewSeries {
        machine: plant.machine,
        signal: "t".to_owned(),
        kind: Some(SignalKind::Number),
        created_at: 0,
    };
    let mut tx = plant.store.begin_batch().await.unwrap();
    series::create(&mut tx, &[series]).await.unwrap();
    tx.commit().await.unwrap();
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
    let caller = Caller {
        actor: Actor::User(UserId(Uuid::nil())),
        organization: plant.organization,
        permissions: BTreeSet::from([Permission::WriteRules]),
    };
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
