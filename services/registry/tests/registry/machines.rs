//! Machines: registered, found, changed, taken out of use.

use std::collections::BTreeMap;

use millwright_registry::{RegistryError, machines, sites};
use millwright_schemas::api::machines::{
    CreateMachine, Criticality, MachineQuery, MachineState, UpdateMachine,
};
use millwright_schemas::api::rules::Rule;
use millwright_schemas::api::sites::{CreateSite, UpdateSite};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::machines::revocations::DISCONNECT_JOB;
use millwright_store::machines::surroundings;
use millwright_store::telemetry::detector_marks::{self, MarkRow};
use millwright_store::telemetry::detector_states::{self, DetectorStateRow};
use millwright_store::telemetry::rule_states;
use millwright_store::{Scope, StoreError, audit, events, jobs, rules};
use uuid::Uuid;

use crate::harness::{Registry, all, fault, new, not_found, now};

#[tokio::test]
async fn a_machine_is_registered_with_its_traces() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let machine = registry.machine(caller, "S-1").await;
    assert_eq!(machine.state, MachineState::Registered);
    assert_eq!(machine.organization_id, caller.organization);
    assert_eq!(machines::get(store, caller, machine.id).await.unwrap(), machine);

    let scope = Scope::Organization(caller.organization);
    let page = millwright_store::page::PageRequest::parse("audit", &all()).unwrap();
    let (_, record) =
        audit::list(store, scope, &Default::default(), &page).await.unwrap().remove(0);
    assert_eq!(record.action, "machine.created");
    assert_eq!(record.actor, caller.actor);
    assert_eq!(record.details["serial_number"], "S-1");
    events::assign_positions(store).await.unwrap();
    let told = events::after(store, scope, 0, &["machine.*".to_owned()], 10).await.unwrap();
    assert_eq!(told[0].subject.id, machine.id.to_string());
    assert_eq!(told[0].version, Some(1));
}

#[tokio::test]
async fn a_serial_number_exists_once_in_an_organization() {
    let registry = Registry::start().await;
    let store = &registry.store;
    registry.machine(&registry.customer, "S-1").await;
    let again = machines::create(store, &registry.customer, new("S-1"), now()).await;
    assert!(matches!(again, Err(RegistryError::Store(StoreError::Exists(_)))), "{again:?}");
    registry.machine(&registry.stranger, "S-1").await;
    let other = registry.machine(&registry.customer, "S-2").await;
    let change =
        UpdateMachine { serial_number: Some("S-1".to_owned()), ..UpdateMachine::default() };
    let taken = machines::update(store, &registry.customer, other.id, 1, change, now()).await;
    assert!(matches!(taken, Err(RegistryError::Store(StoreError::Exists(_)))), "{taken:?}");
}

#[tokio::test]
async fn fields_that_break_rules_are_all_told() {
    let registry = Registry::start().await;
    let wrong = CreateMachine {
        name: String::new(),
        serial_number: "x".repeat(101),
        model: Some("a\u{7}".to_owned()),
        external_ids: BTreeMap::from([("a b".to_owned(), "1".to_owned())]),
        ..new("S")
    };
    let result = machines::create(&registry.store, &registry.customer, wrong, now()).await;
    let Err(RegistryError::Invalid(problems)) = result else { panic!("{result:?}") };
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["name", "serial_number", "model", "external_ids"]);
}

#[tokio::test]
async fn when_what_rules_take_from_a_machine_has_changed_is_noted() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let machine = registry.machine(caller, "S-1").await;
    let site = CreateSite {
        name: "Plant".to_owned(),
        organization_id: None,
        time_zone: "Europe/Berlin".to_owned(),
        external_ids: BTreeMap::new(),
    };
    let site = sites::create(store, caller, site, now()).await.unwrap();
    let none = UpdateMachine::default;
    let parameters = serde_json::from_value(serde_json::json!({"hottest": 90})).unwrap();
    let mut since = None;
    for (version, (change, counts)) in (1_i64..).zip([
        (UpdateMachine { name: Some("Other".to_owned()), ..none() }, false),
        (UpdateMachine { model: Some(Some("Mill".to_owned())), ..none() }, true),
        (UpdateMachine { parameters: Some(parameters), ..none() }, true),
        (UpdateMachine { criticality: Some(Criticality::High), ..none() }, false),
        (UpdateMachine { site_id: Some(Some(site.id)), ..none() }, true),
    ]) {
        let at = now().plus_seconds(version);
        machines::update(store, caller, machine.id, version, change, at).await.unwrap();
        since = if counts { Some(at) } else { since };
        assert_eq!(surroundings::since(store, machine.id).await.unwrap(), since, "{version}");
    }
    let (name, zone) = (Some("Works".to_owned()), Some("Europe/Paris".to_owned()));
    let change = UpdateSite { name, ..UpdateSite::default() };
    sites::update(store, caller, site.id, 1, change, now().plus_seconds(20)).await.unwrap();
    assert_eq!(surroundings::since(store, machine.id).await.unwrap(), since);
    let change = UpdateSite { time_zone: zone, ..UpdateSite::default() };
    let at = now().plus_seconds(21);
    sites::update(store, caller, site.id, 2, change, at).await.unwrap();
    assert_eq!(surroundings::since(store, machine.id).await.unwrap(), Some(at));
}

#[tokio::test]
async fn another_organizations_machines_are_invisible() {
    let registry = Registry::start().await;
    let (store, stranger) = (&registry.store, &registry.stranger);
    let machine = registry.machine(&registry.customer, "S-1").await;
    not_found(machines::get(store, stranger, machine.id).await);
    let change = UpdateMachine { name: Some("X".to_owned()), ..UpdateMachine::default() };
    not_found(machines::update(store, stranger, machine.id, 1, change, now()).await);
    not_found(machines::decommission(store, stranger, machine.id, now()).await);
    let theirs = CreateMachine { organization_id: Some(machine.organization_id), ..new("S-2") };
    not_found(machines::create(store, stranger, theirs, now()).await);
    let query = MachineQuery { organization_id: Some(machine.organization_id), ..all_machines() };
    assert!(machines::list(store, stranger, query, &all()).await.unwrap().items.is_empty());
    assert_eq!(machines::get(store, &registry.root, machine.id).await.unwrap(), machine);
}

fn all_machines() -> MachineQuery {
    MachineQuery::default()
}

#[tokio::test]
async fn machines_are_found_by_what_is_known() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.root);
    let external_ids = BTreeMap::from([("crm.eu".to_owned(), "A'1".to_owned())]);
    let model = Some("M-1".to_owned());
    let first = CreateMachine { external_ids, model, name: "50 %_x".to_owned(), ..new("AbC") };
    let first = machines::create(store, caller, first, now()).await.unwrap();
    let second = registry.machine(&registry.customer, "DeF").await;
    machines::decommission(store, caller, second.id, now()).await.unwrap();

    let found = async |query: MachineQuery| -> Vec<_> {
        let page = machines::list(store, caller, query, &all()).await.unwrap();
        page.items.into_iter().map(|machine| machine.id).collect()
    };
    let text = |q: &str| MachineQuery { q: Some(q.to_owned()), ..all_machines() };
    assert_eq!(found(all_machines()).await, [first.id, second.id]);
    assert_eq!(found(text("bc")).await, [first.id]);
    assert_eq!(found(text("lift")).await, [second.id]);
    assert_eq!(found(text("%_")).await, [first.id], "no wildcards");
    assert_eq!(found(text("\\")).await, []);
    let state = Some(MachineState::Decommissioned);
    assert_eq!(found(MachineQuery { state, ..all_machines() }).await, [second.id]);
    let organization_id = Some(registry.customer.organization);
    assert_eq!(found(MachineQuery { organization_id, ..all_machines() }).await, [second.id]);
    let model = |model: &str| MachineQuery { model: Some(model.to_owned()), ..all_machines() };
    assert_eq!(found(model("M-1")).await, [first.id]);
    assert_eq!(found(model("M")).await, [], "all of it");
    assert_eq!(fault(machines::list(store, caller, model(""), &all()).await).0, "model");
    let external =
        |text: &str| MachineQuery { external_id: Some(text.to_owned()), ..all_machines() };
    assert_eq!(found(external("crm.eu:A'1")).await, [first.id]);
    assert_eq!(found(external("crm.eu:A")).await, []);
    assert_eq!(found(external("crm:A'1")).await, []);
    let wrong = machines::list(store, caller, external("A'1"), &all()).await;
    assert_eq!(fault(wrong).0, "external_id");
}

#[tokio::test]
async fn a_change_keeps_what_is_left_out_and_clears_what_is_null() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let with_model = CreateMachine { model: Some("M1".to_owned()), ..new("S-1") };
    let machine = machines::create(store, caller, with_model, now()).await.unwrap();
    let later = now().plus_seconds(1);
    let rename = UpdateMachine { name: Some("Press".to_owned()), ..UpdateMachine::default() };
    let changed = machines::update(store, caller, machine.id, 1, rename, later).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.model.as_deref()), ("Press", Some("M1")));
    assert_eq!((changed.version, changed.updated_at), (2, later));
    let clear = UpdateMachine { model: Some(None), ..UpdateMachine::default() };
    let late = machines::update(store, caller, machine.id, 1, clear.clone(), later).await;
    assert!(
        matches!(late, Err(RegistryError::Store(StoreError::VersionMismatch { current: 2 }))),
        "{late:?}"
    );
    let cleared = machines::update(store, caller, machine.id, 2, clear, later).await.unwrap();
    assert_eq!(cleared.model, None);
    assert_eq!(machines::get(store, caller, machine.id).await.unwrap(), cleared);
}

#[tokio::test]
async fn what_is_decommissioned_stays_so() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let machine = registry.machine(caller, "S-1").await;
    let gone = machines::decommission(store, caller, machine.id, now()).await.unwrap();
    assert_eq!(gone.state, MachineState::Decommissioned);
    assert_eq!(gone.decommissioned_at, Some(now()));
    let again = machines::decommission(store, caller, machine.id, later()).await.unwrap();
    assert_eq!(again, gone, "once more changes nothing");
    let change = UpdateMachine { name: Some("X".to_owned()), ..UpdateMachine::default() };
    let changed = machines::update(store, caller, machine.id, 2, change, now()).await;
    assert!(matches!(changed, Err(RegistryError::OutOfUse(_))), "{changed:?}");
    let job = jobs::take(store, &[DISCONNECT_JOB], later(), later()).await.unwrap().unwrap();
    assert_eq!(job.payload["machine_id"], machine.id.to_string());
}

#[tokio::test]
async fn of_a_decommissioned_machine_nothing_is_known_to_rules_any_more() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let gone = registry.machine(caller, "S-1").await.id;
    let stays = registry.machine(caller, "S-2").await.id;
    let condition = serde_json::json!({"kind": "threshold", "signal": "t", "above": 1});
    let rule = Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: caller.organization,
        name: "Hot".to_owned(),
        machine_id: None,
        model: Some("Lift".to_owned()),
        condition: serde_json::from_value(condition).unwrap(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    let tx = store.begin().await.unwrap();
    rules::insert(&tx, &rule).await.unwrap();
    for machine in [gone, stays] {
        rules::set_state(&tx, machine, (rule.id, 1), "{}".to_owned()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.begin_batch().await.unwrap();
    for machine in [gone, stays] {
        let row = DetectorStateRow {
            machine,
            rule: rule.id,
            version: 1,
            through_ts: 0,
            state: vec![1],
            saved_at: 0,
            watching_since: None,
        };
        detector_states::save(&mut tx, &row).await.unwrap();
        let mark = MarkRow { machine, rule: rule.id, version: 1, judged: vec![Some(0)] };
        detector_marks::save(&mut tx, &[mark]).await.unwrap();
    }
    tx.commit().await.unwrap();
    machines::decommission(store, caller, gone, now()).await.unwrap();
    let mut tx = store.begin_batch().await.unwrap();
    let states = rule_states::load(&mut tx, &[gone, stays]).await.unwrap();
    let learned = detector_states::load(&mut tx, &[gone, stays]).await.unwrap();
    let marks = detector_marks::load(&mut tx, &[gone, stays]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(marks.iter().map(|row| row.machine).collect::<Vec<_>>(), [stays]);
    assert_eq!(states.iter().map(|row| row.machine).collect::<Vec<_>>(), [stays]);
    assert_eq!(learned.iter().map(|row| row.machine).collect::<Vec<_>>(), [stays]);
}

fn later() -> Timestamp {
    now().plus_seconds(1)
}
