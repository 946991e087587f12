//! What stored data take up, and how the work on them goes.

use actix_web::{get, web};
use millwright_registry::readings;
use millwright_schemas::MachineId;
use millwright_schemas::api::telemetry::{
    MachineStorage, StorageGrowth, StorageGrowthQuery, StorageStatus,
};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::names;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_machine_storage).service(get_storage).service(get_storage_growth);
}

/// What a machine's stored values take up, by signal.
#[utoipa::path(
    tag = "telemetry",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "Its signals, the largest first", body = MachineStorage))
)]
#[get("/machines/{id}/storage")]
async fn get_machine_storage(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<MachineStorage>, ApiError> {
    Ok(web::Json(readings::machine_storage(&state.store, &caller, *id, state.now()).await?))
}

/// The database with its size, and the work on stored data that goes on by itself; for people of the
/// organization at the top.
#[utoipa::path(
    tag = "telemetry",
    responses((status = 200, description = "How it is", body = StorageStatus))
)]
#[get("/storage")]
async fn get_storage(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
) -> Result<web::Json<StorageStatus>, ApiError> {
    Ok(web::Json(readings::storage_status(&state.store, &caller).await?))
}

/// Machines by the values that were stored of them in the last day, most first.
#[utoipa::path(
    tag = "telemetry",
    params(StorageGrowthQuery),
    responses((status = 200, description = "The machines", body = StorageGrowth))
)]
#[get("/storage/machines")]
async fn get_storage_growth(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<StorageGrowthQuery>,
) -> Result<web::Json<StorageGrowth>, ApiError> {
    let mut growth = readings::storage_growth(&state.store, &caller, &wanted, state.now()).await?;
    names::all(&state.store, &caller, &mut growth.items).await;
    Ok(web::Json(growth))
}
