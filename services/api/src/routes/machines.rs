//! Machines.

use actix_web::{HttpResponse, get, patch, post, web};
use millwright_core::access::Caller;
use millwright_registry::machines;
use millwright_schemas::MachineId;
use millwright_schemas::api::machines::{CreateMachine, Machine, MachineQuery, UpdateMachine};
use millwright_schemas::api::page::Page;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_machines)
        .service(create_machine)
        .service(get_machine)
        .service(update_machine)
        .service(decommission_machine);
}

async fn answer(state: &AppState, caller: &Caller, machine: Machine) -> HttpResponse {
    let mut machine = with_alarms(state, caller, machine).await;
    if let Err(error) = machines::tell_rules(&state.store, caller, &mut machine).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "a machine is told without its rules");
    }
    HttpResponse::Ok().insert_header(etag(machine.version)).json(machine)
}

/// What the answer tells has happened already: without the database the alarms are left out.
async fn with_alarms(state: &AppState, caller: &Caller, mut machine: Machine) -> Machine {
    let one = std::slice::from_mut(&mut machine);
    if let Err(error) = machines::count_alarms(&state.store, caller, one, state.now()).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "a machine is told without its alarms");
    }
    machine
}

/// Machines of the caller's organization and all below it, oldest first.
#[utoipa::path(
    tag = "machines",
    params(MachineQuery),
    responses((status = 200, description = "One page", body = Page<Machine>))
)]
#[get("/machines")]
async fn list_machines(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<MachineQuery>,
) -> Result<web::Json<Page<Machine>>, ApiError> {
    let page = wanted.page();
    let wanted = wanted.into_inner();
    let mut page = machines::list(&state.store, &caller, wanted, &page).await?;
    machines::count_alarms(&state.store, &caller, &mut page.items, state.now()).await?;
    Ok(web::Json(page))
}

/// Registers a machine.
#[utoipa::path(
    tag = "machines",
    responses(
        (status = 201, description = "Registered", body = Machine),
        (status = 409, description = "The organization has a machine with this serial number"),
    )
)]
#[post("/machines")]
async fn create_machine(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<CreateMachine>,
) -> Result<HttpResponse, ApiError> {
    let created = machines::create(&state.store, &caller, body.into_inner(), state.now()).await?;
    let created = with_alarms(&state, &caller, created).await;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/machines/{}", created.id)))
        .insert_header(etag(created.version))
        .json(created))
}

/// One machine.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "The machine", body = Machine))
)]
#[get("/machines/{id}")]
async fn get_machine(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<HttpResponse, ApiError> {
    let found = machines::get(&state.store, &caller, *id).await?;
    Ok(answer(&state, &caller, found).await)
}

/// Changes a machine.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses(
        (status = 200, description = "Changed", body = Machine),
        (status = 409, description = "Serial number taken, or machine decommissioned"),
    )
)]
#[patch("/machines/{id}")]
async fn update_machine(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateMachine>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let changed = machines::update(store, &caller, *id, version, input, now).await?;
    Ok(answer(&state, &caller, changed).await)
}

/// Takes a machine out of use, for good: its credentials end at once.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "Out of use", body = Machine))
)]
#[post("/machines/{id}/decommission")]
async fn decommission_machine(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<HttpResponse, ApiError> {
    let changed = machines::decommission(&state.store, &caller, *id, state.now()).await?;
    Ok(answer(&state, &caller, changed).await)
}
