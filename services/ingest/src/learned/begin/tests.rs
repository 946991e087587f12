use std::sync::Arc;

use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::Watch;
use millwright_schemas::OrganizationId;
use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::events::Severity;
use millwright_store::telemetry::machines;
use millwright_store::{Location, Store, rules};
use millwright_test_database::TestDatabase;
use serde_json::json;
use uuid::Uuid;

use super::super::rebuilds::Kept;
use super::*;

const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(0xff));
const MACHINE: MachineId = MachineId(Uuid::from_u128(1));

fn now() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000)
}

fn rule() -> Rule {
    Rule {
        id: RuleId(Uuid::from_u128(9)),
        organization_id: ORGANIZATION,
        name: "r".to_owned(),
        machine_id: Some(MACHINE),
        model: None,
        condition: serde_json::from_value(json!({"kind": "anomaly", "signals": ["t"]})).unwrap(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

/// A database with that rule and machine.
async fn store(database: &TestDatabase) -> Store {
    let store = Store::open(&Location::new(database.path(), database.url())).await.unwrap();
    let mut db = database.peer().await;
    let [owner, machine] = [ORGANIZATION.uuid(), MACHINE.uuid()].map(|id| db.id(id));
    db.execute(&format!(
        "INSERT INTO organizations (id, name, version, created_at, updated_at) \
         VALUES ({owner}, 'o', 1, 0, 0); \
         INSERT INTO machines (id, organization_id, name, serial_number, state, version, \
         created_at, updated_at) VALUES ({machine}, {owner}, 'm', '1', 'commissioned', 1, 0, 0)"
    ))
    .await;
    let tx = store.begin().await.unwrap();
    rules::insert(&tx, &rule()).await.unwrap();
    tx.commit().await.unwrap();
    store
}

#[tokio::test]
async fn what_is_kept_on_the_way_is_stored_with_all_that_is_known_of_it() {
    let database = TestDatabase::new().await;
    let store = store(&database).await;
    let rule = rule();
    let compiled = Arc::new(CompiledRule::compile(rule.clone()).unwrap());
    let mut watch = Watch::new(vec![compiled], &Surroundings::default(), |_, _| None);
    watch.follow(Watch::default());
    watch.begin_learning(rule.id, None);
    let rebuild = watch.set_aside(rule.id, 7, false).unwrap();
    let mut memory = Memory::new(10, 1_000);
    memory.states.entry(MACHINE).or_default().watch = watch;
    let rebuilds = Rebuilds::default();
    let signals = Vec::new();
    rebuilds.ask(Job { machine: MACHINE, rebuild, signals, taken: 0, used: false });
    rebuilds.next().await;
    let kept = Kept { version: 1, through: 5, state: vec![1, 2], watching_since: Some(3) };
    rebuilds.keep((MACHINE, rule.id), 7, kept.clone());
    let mut tx = store.begin_batch().await.unwrap();
    let rows = machines::load(&mut tx, &[MACHINE]).await.unwrap();
    let machines = rows.into_iter().map(|row| (row.machine, row)).collect();
    keep(&mut tx, &memory, &rebuilds, &machines, now()).await.unwrap();
    assert!(!rebuilds.has_kept());
    let stored = detector_states::load(&mut tx, &[MACHINE]).await.unwrap();
    let row = DetectorStateRow {
        machine: MACHINE,
        rule: rule.id,
        version: kept.version,
        through_ts: kept.through,
        state: kept.state,
        saved_at: now().micros(),
        watching_since: kept.watching_since,
    };
    assert_eq!(stored, [row]);
    tx.commit().await.unwrap();
}
