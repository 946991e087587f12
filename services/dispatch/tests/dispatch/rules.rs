//! The rules that a machine watches by itself.

use bytes::Bytes;
use millwright_dispatch::RuleRounds;
use millwright_schemas::api::rules::{Rule, ThresholdCondition};
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::CONFIG_TYP;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::wire::rules::{ConfigClaims, GivenRule, RefusedRule, RulesApplied};
use millwright_schemas::{MachineId, RuleId, Timestamp};
use millwright_store::rules::on_machines::{self, OnMachine};
use millwright_store::work::RulesReported;
use millwright_store::{Scope, rules};
use uuid::Uuid;

use crate::harness::Plant;

fn rule(plant: &Plant, above: f64) -> Rule {
    let at = Timestamp::from_micros(0);
    Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: plant.organization,
        name: "Too hot".to_owned(),
        machine_id: Some(plant.machine),
        model: None,
        condition: ThresholdCondition::above("temperature".parse().unwrap(), above).into(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

async fn add(plant: &Plant, rule: &Rule) {
    let tx = plant.store.begin().await.unwrap();
    rules::insert(&tx, rule).await.unwrap();
    tx.commit().await.unwrap();
}

/// The documents that were handed over since it was last asked, their signatures checked.
fn sent(plant: &Plant) -> Vec<ConfigClaims> {
    let sent = plant.sent();
    let read = |(machine, channel, jws): &(MachineId, DownChannel, Bytes)| {
        assert_eq!(*channel, DownChannel::Config);
        let claims: ConfigClaims = plant.verified(jws, CONFIG_TYP);
        assert_eq!(claims.aud, *machine);
        claims
    };
    sent.iter().map(read).collect()
}

fn given(claims: &ConfigClaims) -> Vec<GivenRule> {
    claims.rules.iter().map(|rule| GivenRule::read(rule).unwrap()).collect()
}

async fn known(plant: &Plant) -> OnMachine {
    on_machines::of(&plant.store, plant.machine).await.unwrap().unwrap()
}

async fn applied(plant: &Plant, version: u64, refused: Vec<RefusedRule>) {
    let applied = RulesApplied { version, watching: 1, refused };
    let (machine, received_at) = (plant.machine, plant.now());
    plant.leave(&RulesReported { machine, received_at, applied }).await;
}

#[tokio::test]
async fn a_machine_gets_its_rules_when_it_connects_and_when_they_change() {
    let plant = Plant::start().await;
    let first = rule(&plant, 80.0);
    add(&plant, &first).await;
    plant.connect().await;
    plant.tell_rules(0).await;
    let claims = sent(&plant);
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].version, claims[0].iat), (1, plant.now().seconds()));
    assert_eq!(given(&claims[0]), [GivenRule::from(&first)]);
    applied(&plant, 1, Vec::new()).await;

    let mut rounds = RuleRounds::default();
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    assert_eq!(sent(&plant), [], "it has what it should have");

    let second = rule(&plant, 90.0);
    add(&plant, &second).await;
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    let claims = sent(&plant);
    assert_eq!((claims.len(), claims[0].version), (1, 2));
    assert_eq!(given(&claims[0]).len(), 2);
    // Switched off: it goes from the machine as well.
    let off = Rule { enabled: false, version: 2, ..first };
    let tx = plant.store.begin().await.unwrap();
    rules::save(&tx, Scope::Platform, &off, 1).await.unwrap();
    tx.commit().await.unwrap();
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    let claims = sent(&plant);
    assert_eq!((claims.len(), claims[0].version), (1, 3));
    assert_eq!(given(&claims[0]), [GivenRule::from(&second)]);
}

#[tokio::test]
async fn what_a_machine_has_said_of_its_rules_is_kept() {
    let plant = Plant::start().await;
    let hot = rule(&plant, 80.0);
    add(&plant, &hot).await;
    plant.connect().await;
    plant.tell_rules(0).await;
    let refused = vec![RefusedRule::new(hot.id, ["it is too new".to_owned()])];
    applied(&plant, 1, refused.clone()).await;
    let kept = known(&plant).await;
    assert_eq!((kept.version, kept.applied_version, kept.watching), (1, 1, 1));
    assert_eq!((kept.refused, kept.applied_at), (refused, plant.now()));
    // It connects again and says the same: what it has said stays.
    plant.sent();
    plant.tell_rules(1).await;
    assert_eq!(known(&plant).await.watching, 1);
    assert_eq!(sent(&plant), []);
    // Its data were wiped: it gets the same once more.
    plant.tell_rules(0).await;
    let claims = sent(&plant);
    assert_eq!((claims.len(), claims[0].version), (1, 1));
    let kept = known(&plant).await;
    assert_eq!((kept.applied_version, kept.watching, kept.refused), (0, 0, Vec::new()));
}

#[tokio::test]
async fn what_is_not_answered_is_sent_again_and_after_a_reconnect_at_once() {
    let plant = Plant::start().await;
    add(&plant, &rule(&plant, 80.0)).await;
    plant.connect().await;
    plant.tell_rules(0).await;
    assert_eq!(sent(&plant).len(), 1);
    let mut rounds = RuleRounds::default();
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    assert_eq!(sent(&plant).len(), 0);
    plant.pass(10);
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    assert_eq!(sent(&plant).len(), 1);
    plant.tell_rules(0).await;
    assert_eq!(sent(&plant).len(), 1);
    plant.disconnect().await;
    plant.pass(7_200);
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    assert_eq!(sent(&plant).len(), 0, "nobody is there");
}

#[tokio::test]
async fn what_comes_late_does_not_undo_what_a_machine_has_said_since() {
    let plant = Plant::start().await;
    add(&plant, &rule(&plant, 80.0)).await;
    plant.connect().await;
    plant.tell_rules(0).await;
    let before = plant.now();
    plant.pass(1);
    applied(&plant, 1, Vec::new()).await;
    // It was received before, and is worked on only now.
    let applied = RulesApplied { version: 0, watching: 0, refused: Vec::new() };
    let machine = plant.machine;
    plant.leave(&RulesReported { machine, received_at: before, applied }).await;
    plant.tell_rules_at(0, before).await;
    assert_eq!(known(&plant).await.applied_version, 1);
}

#[tokio::test]
async fn versions_go_on_beyond_what_a_machine_has_from_elsewhere() {
    let plant = Plant::start().await;
    plant.connect().await;
    // As after a restore of the platform: the machine holds what was never given to it.
    plant.tell_rules(41).await;
    let claims = sent(&plant);
    assert_eq!((claims.len(), claims[0].version), (1, 42));
    assert_eq!(claims[0].rules.len(), 0, "it has no rules any more");
}

#[tokio::test]
async fn who_cannot_watch_or_has_nothing_to_watch_is_sent_nothing() {
    let plant = Plant::start().await;
    plant.connect().await;
    plant.tell_rules(0).await;
    assert_eq!(sent(&plant), [], "there are no rules");
    let plant = Plant::start().await;
    add(&plant, &rule(&plant, 80.0)).await;
    plant.connect().await;
    plant.tell(crate::harness::LEDGER, 0).await;
    let mut rounds = RuleRounds::default();
    plant.dispatch.look_after_rules(&mut rounds, plant.now()).await.unwrap();
    assert_eq!(sent(&plant), [], "an agent of an older version");
    assert_eq!(on_machines::of(&plant.store, plant.machine).await.unwrap(), None);
}
