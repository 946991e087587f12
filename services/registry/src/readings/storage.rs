//! What stored data take up, and how the work on them goes.

use std::time::Duration;

use millwright_core::access::{Caller, Forbidden, Permission};
use millwright_core::fields::Fields;
use millwright_schemas::api::telemetry::{
    GROWTH_DEFAULT, GROWTH_MAX, MachineGrowth, MachineStorage, SignalStorage, StorageGrowth,
    StorageGrowthQuery, StorageStatus, StorageTask, StorageWaiting,
};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::organizations;
use millwright_store::telemetry::reads::growth::{self, Counted};
use millwright_store::telemetry::reads::storage;
use millwright_store::upkeep::{self, rollups, timescale};
use millwright_store::{Scope, Store, StoreError};

use crate::RegistryError;

const HOUR_S: i64 = 3_600;
/// Whole hours that are looked at for what grows.
const GROWTH_HOURS: i64 = 24;

/// What the signals of a machine that the caller sees take up.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn machine_storage(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    now: Timestamp,
) -> Result<MachineStorage, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let scope = Scope::Organization(caller.organization);
    let (sizes, age) = storage::of_machine(store, scope, machine).await?;
    let counted_at = (!age.is_zero()).then(|| now.plus_micros(-micros(age)));
    let signals: Vec<SignalStorage> = sizes
        .into_iter()
        .map(|size| SignalStorage {
            signal: size.signal,
            points: size.points,
            rollups: size.rollups,
            bytes: size.bytes,
            oldest: size.oldest,
            newest: size.newest,
        })
        .collect();
    let bytes = signals.iter().map(|signal| signal.bytes).sum();
    Ok(MachineStorage { bytes, counted_at, signals })
}

fn micros(age: Duration) -> i64 {
    i64::try_from(age.as_micros()).unwrap_or(i64::MAX)
}

/// The machines that the caller sees of which most was stored in the last 24 hours and the begun hour.
///
/// # Errors
/// Not permitted, too many or no machines are wanted, or the database can't.
pub async fn storage_growth(
    store: &Store,
    caller: &Caller,
    wanted: &StorageGrowthQuery,
    now: Timestamp,
) -> Result<StorageGrowth, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let limit = wanted.limit.unwrap_or(GROWTH_DEFAULT);
    let mut fields = Fields::default();
    fields.range("limit", i64::from(limit), &(1..=i64::from(GROWTH_MAX)));
    fields.finish()?;
    let hour = now.seconds().div_euclid(HOUR_S) * HOUR_S;
    let from = Timestamp::from_millis((hour - GROWTH_HOURS * HOUR_S) * 1_000);
    let scope = Scope::Organization(caller.organization);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Counted { from, to, machines } = growth::by_machine(store, scope, from, now, limit).await?;
    let items = machines
        .into_iter()
        .map(|growth| MachineGrowth {
            machine_id: growth.machine,
            machine_name: None,
            values: growth.values,
            bytes: growth.bytes,
        })
        .collect();
    Ok(StorageGrowth { from, to, items })
}

/// How data are stored, over all organizations: for people of the one at the top, which runs the
/// platform. Others would learn from it how much the others store, and what their work fails by.
///
/// # Errors
/// Not permitted, or the database can't.
pub async fn storage_status(
    store: &Store,
    caller: &Caller,
) -> Result<StorageStatus, RegistryError> {
    caller.require(Permission::WritePolicies)?;
    if organizations::root(store).await? != Some(caller.organization) {
        return Err(Forbidden(Permission::OperatePlatform).into());
    }
    let (database, bytes) = storage::database(store).await?;
    let tasks = upkeep::health(store).await?;
    Ok(StorageStatus {
        database: database.to_owned(),
        bytes,
        bytes_per_point: storage::bytes_per_point(store).await?,
        tasks: tasks
            .into_iter()
            .map(|task| StorageTask {
                task: task.task,
                ran_at: task.ran_at,
                succeeded_at: task.succeeded_at,
                error: task.error,
                failed_at: task.failed_at,
                failure: task.failure,
                due_at: task.due_at,
                done: task.done,
            })
            .collect(),
        waiting: waiting(store).await?,
    })
}

async fn waiting(store: &Store) -> Result<Option<StorageWaiting>, StoreError> {
    if timescale::is_there(store) {
        return Ok(None);
    }
    let waiting = rollups::waiting(store).await?;
    Ok(Some(StorageWaiting {
        signals: waiting.series,
        hours: waiting.hours,
        oldest: waiting.from.map(Timestamp::from_micros),
    }))
}
