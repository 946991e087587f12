//! Maintenance mode of machines.

use actix_web::{HttpResponse, delete, get, put, web};
use millwright_alarms::maintenance;
use millwright_schemas::MachineId;
use millwright_schemas::api::alarms::{Maintenance, StartMaintenance};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::{Authenticated, Json};
use crate::names;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_maintenance).service(start_maintenance).service(end_maintenance);
}

/// The maintenance mode of a machine.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "Its maintenance mode", body = Maintenance))
)]
#[get("/machines/{id}/maintenance")]
async fn get_maintenance(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<Maintenance>, ApiError> {
    let found = maintenance::get(&state.store, &caller, *id, state.now()).await?;
    Ok(web::Json(names::one(&state.store, &caller, found).await))
}

/// Switches maintenance mode on, or gives it another end and reason: the machine's alarms are kept
/// but open no tickets.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses(
        (status = 200, description = "On", body = Maintenance),
        (status = 409, description = "The machine is decommissioned"),
    )
)]
#[put("/machines/{id}/maintenance")]
async fn start_maintenance(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    body: Json<StartMaintenance>,
) -> Result<web::Json<Maintenance>, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let started = maintenance::start(store, &caller, *id, input, now).await?;
    Ok(web::Json(names::one(store, &caller, started).await))
}

/// Switches maintenance mode off. Alarms that are still active open their tickets now, and rules
/// that learn begin anew.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses((status = 204, description = "Off"))
)]
#[delete("/machines/{id}/maintenance")]
async fn end_maintenance(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<HttpResponse, ApiError> {
    maintenance::end(&state.store, &caller, *id, state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}
