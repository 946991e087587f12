//! Alarms that trouble nobody, or come and go.

use millwright_alarms::{ended, maintenance};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::alarms::{Alarm, StartMaintenance, Suppression};
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::policies::{FlappingPolicy, PolicyInput};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, UserId};
use millwright_store::machines::fleet;
use millwright_store::{Scope, policies};
use uuid::Uuid;

use crate::harness::{Plant, at};

impl Plant {
    fn caller(&self) -> Caller {
        Caller {
            actor: Actor::User(UserId(Uuid::now_v7())),
            organization: self.organization,
            permissions: Permission::ALL.iter().copied().collect(),
        }
    }

    async fn maintain(&self, machine: MachineId, for_s: i64, s: i64) {
        let input = StartMaintenance { for_s, reason: "oil".to_owned() };
        maintenance::start(&self.store, &self.caller(), machine, input, at(s)).await.unwrap();
    }

    async fn end_maintenance(&self, machine: MachineId, s: i64) {
        maintenance::end(&self.store, &self.caller(), machine, at(s)).await.unwrap();
    }

    async fn change(&self, machine: MachineId, change: impl FnOnce(&mut Machine)) {
        let tx = self.store.begin().await.unwrap();
        let mut changed = fleet::load(&tx, Scope::Platform, machine).await.unwrap();
        let version = changed.version;
        change(&mut changed);
        changed.version += 1;
        fleet::save(&tx, Scope::Platform, &changed, version).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn newest(&self, machine: MachineId) -> Alarm {
        self.alarms(machine).await.pop().unwrap()
    }

    async fn suppression(&self, machine: MachineId) -> Option<Suppression> {
        self.newest(machine).await.suppressed_by
    }

    /// The key comes and goes once more.
    async fn once_more(&self, s: i64) {
        self.raise(self.fault("E-1", Severity::Major, s)).await;
        self.clear(self.fault("E-1", Severity::Major, s), s + 1).await;
    }
}

#[tokio::test]
async fn alarms_of_a_machine_in_maintenance_come_alive_when_it_ends() {
    let plant = Plant::start().await;
    plant.raise(plant.fault("before", Severity::Major, 0)).await;
    assert_eq!(plant.ticket_jobs().await, 1);
    plant.maintain(plant.machine, 600, 1).await;
    plant.raise(plant.fault("still", Severity::Major, 2)).await;
    plant.raise(plant.fault("gone", Severity::Major, 3)).await;
    plant.clear(plant.fault("gone", Severity::Major, 3), 4).await;
    let silent = plant.alarms(plant.machine).await;
    let active = silent.iter().filter(|alarm| alarm.active);
    assert!(active.clone().all(|a| a.suppressed_by == Some(Suppression::Maintenance)));
    assert_eq!(active.count(), 2);
    assert_eq!(plant.ticket_jobs().await, 0, "nobody is troubled");
    assert_eq!(ended::maintenance(&plant.store, at(600)).await.unwrap(), 0, "not yet");
    assert_eq!(ended::maintenance(&plant.store, at(601)).await.unwrap(), 1);
    assert!(plant.alarms(plant.machine).await.iter().all(|a| a.suppressed_by.is_none()));
    assert_eq!(plant.ticket_jobs().await, 2, "those that are still active");
}

#[tokio::test]
async fn the_maintenance_of_a_parent_explains_that_its_machines_are_lost() {
    let plant = Plant::start().await;
    let (early, late) =
        (plant.add(Some(plant.machine)).await, plant.add(Some(plant.machine)).await);
    plant.raise(plant.contact(early, 0)).await;
    plant.maintain(plant.machine, 600, 1).await;
    plant.raise(plant.contact(late, 2)).await;
    for child in [early, late] {
        assert_eq!(plant.suppression(child).await, Some(Suppression::ParentMaintenance));
    }
    let fault =
        millwright_alarms::Raise { machine: late, ..plant.fault("E-1", Severity::Major, 3) };
    plant.raise(fault).await;
    assert_eq!(plant.suppression(late).await, None, "only lost contact is explained");
    plant.ticket_jobs().await;
    // The child is maintained too, for longer: that is what holds for it then.
    plant.maintain(early, 6_000, 4).await;
    assert_eq!(plant.suppression(early).await, Some(Suppression::Maintenance));
    plant.end_maintenance(plant.machine, 5).await;
    assert_eq!(plant.suppression(early).await, Some(Suppression::Maintenance));
    // The other one has time to come back, as if its parent had been lost.
    let contact = async || plant.alarms(late).await.remove(0);
    assert_eq!(contact().await.suppressed_by, Some(Suppression::ParentMaintenance));
    assert_eq!(ended::parents_maintained(&plant.store, at(125)).await.unwrap(), 0);
    assert_eq!(plant.ticket_jobs().await, 0);
    assert_eq!(ended::parents_maintained(&plant.store, at(126)).await.unwrap(), 1);
    assert_eq!((contact().await.active, contact().await.suppressed_by), (true, None));
    assert_eq!(plant.ticket_jobs().await, 1, "it comes alive");
    assert_eq!(plant.suppression(early).await, Some(Suppression::Maintenance));
}

#[tokio::test]
async fn a_child_whose_own_maintenance_ends_stays_silent_while_its_parent_is_maintained() {
    let plant = Plant::start().await;
    let child = plant.add(Some(plant.machine)).await;
    plant.maintain(child, 600, 0).await;
    plant.maintain(plant.machine, 600, 1).await;
    plant.raise(plant.contact(child, 2)).await;
    plant.end_maintenance(child, 3).await;
    assert_eq!(plant.suppression(child).await, Some(Suppression::ParentMaintenance));
    // The parent is lost when its maintenance ends: then that is the reason.
    plant.raise(plant.contact(plant.machine, 4)).await;
    assert_eq!(plant.suppression(child).await, Some(Suppression::ParentMaintenance));
    plant.end_maintenance(plant.machine, 5).await;
    assert_eq!(ended::parents_maintained(&plant.store, at(126)).await.unwrap(), 1);
    assert_eq!(plant.suppression(child).await, Some(Suppression::ParentLost));
    assert_eq!(plant.suppression(plant.machine).await, None);
}

/// Its end by time is worked on later than it is: until then it is in maintenance.
#[tokio::test]
async fn the_end_of_a_parents_maintenance_by_time_gives_its_machines_time_too() {
    let plant = Plant::start().await;
    let child = plant.add(Some(plant.machine)).await;
    plant.maintain(plant.machine, 600, 0).await;
    plant.raise(plant.contact(child, 1)).await;
    assert_eq!(ended::parents_maintained(&plant.store, at(800)).await.unwrap(), 0);
    assert_eq!(ended::maintenance(&plant.store, at(800)).await.unwrap(), 1);
    assert_eq!(ended::parents_maintained(&plant.store, at(920)).await.unwrap(), 0);
    // It is maintained once more.
    plant.maintain(plant.machine, 600, 920).await;
    assert_eq!(ended::parents_maintained(&plant.store, at(1_000)).await.unwrap(), 0);
    plant.end_maintenance(plant.machine, 1_000).await;
    assert_eq!(ended::parents_maintained(&plant.store, at(1_121)).await.unwrap(), 1);
    assert_eq!(plant.suppression(child).await, None);
}

#[tokio::test]
async fn a_machine_that_gets_another_parent_is_not_silent_for_ever() {
    let plant = Plant::start().await;
    let child = plant.add(Some(plant.machine)).await;
    plant.maintain(plant.machine, 600, 0).await;
    plant.raise(plant.contact(child, 1)).await;
    assert_eq!(ended::parents_maintained(&plant.store, at(2)).await.unwrap(), 0);
    plant.change(child, |machine| machine.parent_id = None).await;
    assert_eq!(ended::parents_maintained(&plant.store, at(3)).await.unwrap(), 1);
    assert_eq!(plant.suppression(child).await, None);
    assert_eq!(ended::parents_maintained(&plant.store, at(4)).await.unwrap(), 0);
}

#[tokio::test]
async fn an_alarm_that_comes_and_goes_too_often_is_told_once_and_calms() {
    let plant = Plant::start().await;
    let flapping = FlappingPolicy { raises: 3, period_s: 100, ..FlappingPolicy::default() };
    let policy = PolicyInput { flapping, ..PolicyInput::default() };
    let tx = plant.store.begin().await.unwrap();
    policies::put(&tx, plant.organization, &policy, 1, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    for s in [0, 10, 20] {
        plant.once_more(s).await;
        assert_eq!(plant.newest(plant.machine).await.flapping, None);
    }
    plant.once_more(30).await;
    let begun = plant.newest(plant.machine).await.flapping.unwrap();
    assert_eq!((begun.since, begun.count, begun.until), (at(30), 4, at(130)));
    plant.once_more(129).await;
    let goes_on = plant.newest(plant.machine).await;
    let flapping = goes_on.flapping.unwrap();
    assert_eq!((flapping.since, flapping.count, flapping.until), (at(30), 5, at(229)));
    let all = plant.alarms(plant.machine).await;
    assert_eq!(all.len(), 5, "each raise and clear is recorded");
    assert_eq!(all.iter().filter(|a| a.flapping.is_some()).count(), 1, "it goes over");
    let told = |word: &'static str| {
        let plant = &plant;
        async move { plant.told().await.iter().filter(|one| *one == word).count() }
    };
    assert_eq!((told("alarm.flapping").await, told("alarm.raised").await), (1, 5));

    assert_eq!(ended::flapping(&plant.store, at(228)).await.unwrap(), 0);
    assert_eq!(ended::flapping(&plant.store, at(229)).await.unwrap(), 1);
    assert_eq!(plant.newest(plant.machine).await.flapping, None);
    assert_eq!(told("alarm.calmed").await, 1);
    assert_eq!(ended::flapping(&plant.store, at(900)).await.unwrap(), 0);
    plant.once_more(230).await;
    assert_eq!(plant.newest(plant.machine).await.flapping, None, "one within the period");
}
