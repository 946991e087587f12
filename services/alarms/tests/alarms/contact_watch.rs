//! Machines that are lost and come back, on a real database.

use millwright_alarms::contact_watch::{ContactWatch, Found, watch_tick};
use millwright_schemas::api::alarms::{Alarm, ClearReason, Suppression};
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::Scope;
use millwright_store::alarms::{self, Filter};
use millwright_store::machines::connections::{self, NewConnection};
use millwright_store::machines::fleet;
use millwright_store::page::PageRequest;
use millwright_store::telemetry::machines::{SeenRow, save_seen};

use crate::harness::{Plant, at};

const TIMEOUT_S: i64 = 60;

impl Plant {
    /// Connects a machine, `s` seconds after the start; commissions it if it is its first time.
    async fn connect(&self, machine: MachineId, s: i64) -> i64 {
        self.set_state(machine, MachineState::Commissioned).await;
        let new = NewConnection {
            machine,
            gateway: "g".to_owned(),
            client_id: "c".to_owned(),
            protocol: "5".to_owned(),
            remote_address: "a".to_owned(),
            at: at(s),
        };
        let tx = self.store.begin().await.unwrap();
        let generation = connections::open(&tx, new).await.unwrap();
        tx.commit().await.unwrap();
        generation
    }

    async fn disconnect(&self, machine: MachineId, generation: i64, s: i64) {
        let tx = self.store.begin().await.unwrap();
        assert!(connections::close(&tx, machine, generation, "gone", at(s)).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// A machine that was connected and no longer is.
    async fn gone(&self, parent: Option<MachineId>, s: i64) -> MachineId {
        let machine = self.add(parent).await;
        let generation = self.connect(machine, 0).await;
        self.disconnect(machine, generation, s).await;
        machine
    }

    async fn set_state(&self, machine: MachineId, state: MachineState) {
        let tx = self.store.begin().await.unwrap();
        let mut changed = fleet::load(&tx, Scope::Platform, machine).await.unwrap();
        let version = changed.version;
        changed.state = state;
        changed.version += 1;
        fleet::save(&tx, Scope::Platform, &changed, version).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// As ingest notes it.
    async fn heard(&self, machine: MachineId, s: i64) {
        let last_seen_at = at(s).micros();
        let row = SeenRow { machine, last_seen_at, clock_offset_us: None, through_ts: None };
        let mut tx = self.store.begin_batch().await.unwrap();
        save_seen(&mut tx, &[row]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Of all machines, newest first.
    async fn all_alarms(&self) -> Vec<Alarm> {
        let page = PageRequest::parse("alarms", &PageQuery { limit: Some(500), cursor: None });
        let page = page.unwrap();
        alarms::list(&self.store, Scope::Platform, &Filter::default(), &page).await.unwrap()
    }

    /// What a look `s` seconds after the start finds, watching since `since`: (lost, back).
    async fn look(&self, since: i64, s: i64) -> (u64, u64) {
        let watch = ContactWatch { watching_since: at(since), timeout_s: TIMEOUT_S };
        let Found { lost, back } = watch_tick(&self.store, watch, at(s)).await.unwrap();
        (lost, back)
    }
}

fn times(alarm: &Alarm) -> (bool, Timestamp, Option<Timestamp>) {
    (alarm.active, alarm.raised_at, alarm.cleared_at)
}

#[tokio::test]
async fn a_machine_is_lost_after_its_time_and_found_when_it_is_back() {
    let plant = Plant::start().await;
    let machine = plant.gone(None, 100).await;
    assert_eq!(plant.look(0, 159).await, (0, 0));
    assert_eq!(plant.look(0, 161).await, (1, 0));
    assert_eq!(plant.look(0, 162).await, (0, 0));
    let alarm = plant.all_alarms().await.remove(0);
    assert_eq!((alarm.machine_id, alarm.code.as_str()), (machine, "contact_lost"));
    assert_eq!((alarm.source.as_str(), alarm.severity.as_str()), ("", "major"));
    assert_eq!(alarm.context["disconnected_at"], at(100).to_string());
    assert_eq!(times(&alarm), (true, at(160), None));
    let generation = plant.connect(machine, 170).await;
    assert_eq!(plant.look(0, 171).await, (0, 1));
    let alarm = plant.all_alarms().await.remove(0);
    assert_eq!(times(&alarm), (false, at(160), Some(at(171))));
    assert_eq!(alarm.clear_reason, Some(ClearReason::Normal));
    plant.disconnect(machine, generation, 180).await;
    assert_eq!(plant.look(0, 239).await, (0, 0));
    assert_eq!(plant.look(0, 240).await, (1, 0));
    assert_eq!(plant.all_alarms().await.len(), 2);
}

#[tokio::test]
async fn those_who_were_never_here_or_are_out_of_use_are_not_missed() {
    let plant = Plant::start().await;
    plant.add(None).await;
    let sold = plant.gone(None, 100).await;
    plant.set_state(sold, MachineState::Decommissioned).await;
    let there = plant.add(None).await;
    plant.connect(there, 0).await;
    assert_eq!(plant.look(0, 9_000).await, (0, 0));
}

#[tokio::test]
async fn a_restart_raises_no_storm() {
    let plant = Plant::start().await;
    for _ in 0..250 {
        let machine = plant.add(None).await;
        plant.connect(machine, 0).await;
    }
    // The platform was away for an hour; when it starts, it ends what it had left open.
    let tx = plant.store.begin().await.unwrap();
    connections::reset(&tx, "g", at(3_600)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(plant.look(3_600, 3_601).await, (0, 0));
    // Nor for machines that had been away before.
    let early = plant.gone(None, 10).await;
    assert_eq!(plant.look(3_600, 3_659).await, (0, 0));
    assert_eq!(plant.look(3_650, 3_700).await, (0, 0));
    // More than one page.
    assert_eq!(plant.look(3_600, 3_700).await, (251, 0));
    let alarms = plant.all_alarms().await;
    let alarm = alarms.iter().find(|alarm| alarm.machine_id == early).unwrap();
    assert_eq!(alarm.raised_at, at(3_660));
}

#[tokio::test]
async fn a_lost_parent_is_one_alarm() {
    let plant = Plant::start().await;
    let parent = plant.add(None).await;
    let generation = plant.connect(parent, 0).await;
    // One speaks through the parent only, one has a connection of its own that ends a little
    // earlier.
    plant.add(Some(parent)).await;
    let child = plant.gone(Some(parent), 95).await;
    plant.disconnect(parent, generation, 100).await;
    assert_eq!(plant.look(0, 159).await, (0, 0));
    assert_eq!(plant.look(0, 160).await, (1, 0));
    assert_eq!(plant.look(0, 9_000).await, (0, 0));
    assert_eq!(plant.all_alarms().await[0].machine_id, parent);
    // The parent is back: the child has its time, and is then missed by itself.
    plant.connect(parent, 9_000).await;
    assert_eq!(plant.look(0, 9_001).await, (0, 1));
    assert_eq!(plant.look(0, 9_119).await, (0, 0));
    assert_eq!(plant.look(0, 9_120).await, (1, 0));
    let alarms = plant.all_alarms().await;
    let alarm = alarms.iter().find(|alarm| alarm.active).unwrap();
    assert_eq!((alarm.machine_id, alarm.suppressed_by), (child, None::<Suppression>));
}

#[tokio::test]
async fn a_child_that_now_speaks_through_its_parent_is_there() {
    let plant = Plant::start().await;
    let parent = plant.add(None).await;
    plant.connect(parent, 0).await;
    let child = plant.gone(Some(parent), 100).await;
    assert_eq!(plant.look(0, 220).await, (1, 0));
    plant.heard(child, 230).await;
    assert_eq!(plant.look(0, 231).await, (0, 1));
    assert_eq!(plant.look(0, 9_000).await, (0, 0));
}
