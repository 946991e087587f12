//! Who may read what machines have sent, and what has changed.

use millwright_core::access::{Caller, Permission};
use millwright_registry::RegistryError;
use millwright_registry::readings::{self, ChartInput, event_position, event_types};
use millwright_schemas::MachineId;
use millwright_schemas::api::events::DomainEventQuery;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::api::telemetry::MachineEventQuery;
use millwright_store::{StoreError, events};

use crate::harness::{Registry, now};

fn chart() -> ChartInput {
    ChartInput { signals: vec!["t".to_owned()], ..ChartInput::default() }
}

/// What each reading of the machine says to the caller.
async fn errors(
    registry: &Registry,
    caller: &Caller,
    machine: MachineId,
) -> Vec<Option<RegistryError>> {
    let (store, page) = (&registry.store, PageQuery::default());
    vec![
        readings::signals(store, caller, machine, &page).await.err(),
        readings::chart(store, caller, machine, chart(), now()).await.err(),
        readings::machine_events(store, caller, machine, MachineEventQuery::default()).await.err(),
        readings::loss(store, caller, machine).await.err(),
        readings::quarantine(store, caller, machine, &page).await.err(),
    ]
}

#[tokio::test]
async fn a_machines_readings_are_its_owners() {
    let registry = Registry::start().await;
    let machine = registry.machine(&registry.customer, "1").await.id;
    for caller in [&registry.root, &registry.customer] {
        for error in errors(&registry, caller, machine).await {
            assert!(error.is_none(), "{error:?}");
        }
    }
    for error in errors(&registry, &registry.stranger, machine).await {
        let not_found = RegistryError::Store(StoreError::NotFound("machine"));
        assert_eq!(error.unwrap().to_string(), not_found.to_string());
    }
}

#[tokio::test]
async fn permission_is_asked_before_anything_else() {
    let registry = Registry::start().await;
    let machine = registry.machine(&registry.customer, "1").await.id;
    let (store, mut caller) = (&registry.store, registry.customer.clone());
    caller.permissions = Default::default();
    for error in errors(&registry, &caller, machine).await {
        let Some(RegistryError::Forbidden(missing)) = error else { panic!("{error:?}") };
        assert_eq!(missing.0, Permission::ReadTelemetry);
    }
    let wrong = readings::chart(store, &caller, machine, ChartInput::default(), now()).await;
    assert!(matches!(wrong, Err(RegistryError::Forbidden(_))));
    let wrong = DomainEventQuery { limit: Some(0), ..Default::default() };
    let wrong = readings::domain_events(store, &caller, &wrong).await;
    let Err(RegistryError::Forbidden(missing)) = wrong else { panic!("{wrong:?}") };
    assert_eq!(missing.0, Permission::ReadEvents);
}

#[tokio::test]
async fn events_go_on_where_the_last_page_ended() {
    let registry = Registry::start().await;
    registry.machine(&registry.stranger, "1").await;
    for n in ["2", "3"] {
        registry.machine(&registry.customer, n).await;
    }
    registry.machine(&registry.stranger, "4").await;
    let last = events::assign_positions(&registry.store).await.unwrap().unwrap();
    let read = async |after, limit| {
        let types = Some("machine.*".to_owned());
        let wanted = DomainEventQuery { after, types, limit: Some(limit), ..Default::default() };
        readings::domain_events(&registry.store, &registry.customer, &wanted).await
    };
    let first = read(None, 1).await.unwrap();
    assert_eq!((first.events.len(), first.more), (1, true));
    assert_eq!(first.next_after, first.events[0].position);
    let rest = read(Some(first.next_after), 2).await.unwrap();
    // Others' events are passed over.
    assert_eq!((rest.events.len(), rest.more, rest.next_after), (1, false, last));
    for (after, limit) in [(Some(-1), 1), (None, 0), (None, 501)] {
        read(after, limit).await.unwrap_err();
    }
}

#[test]
fn conditions_on_events_are_checked() {
    assert_eq!(
        event_types(Some(" machine.* ,,site.created")).unwrap(),
        ["machine.*", "site.created"]
    );
    assert_eq!(event_types(None).unwrap().len(), 0);
    for wrong in ["Machine", "*", "a.*.b", &vec!["a"; 51].join(",")] {
        event_types(Some(wrong)).unwrap_err();
    }
    assert_eq!((event_position(None).unwrap(), event_position(Some(7)).unwrap()), (0, 7));
    event_position(Some(-1)).unwrap_err();
}
