//! Commands to machines.

use actix_web::{HttpResponse, get, post, web};
use millwright_core::access::Caller;
use millwright_dispatch::{self as dispatch, DispatchError};
use millwright_schemas::api::commands::{
    Catalogue, Command, CommandQuery, DecideCommand, IssueCommand,
};
use millwright_schemas::api::page::Page;
use millwright_schemas::{CommandId, MachineId};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::etag;
use crate::extract::{Authenticated, Json};
use crate::names;
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(issue_command)
        .service(list_machine_commands)
        .service(get_catalogue)
        .service(list_commands)
        .service(get_command)
        .service(cancel_command)
        .service(decide_command);
}

async fn answer(state: &AppState, caller: &Caller, command: Command) -> HttpResponse {
    let command = names::one(&state.store, caller, command).await;
    HttpResponse::Ok().insert_header(etag(command.version)).json(command)
}

/// Issues a command to a machine. It goes out as soon as the machine can be reached and its
/// earlier commands have arrived, and runs at most once, before it expires. What is needed is the
/// permission for the command's class.
#[utoipa::path(
    tag = "commands",
    params(("id" = MachineId, Path)),
    responses(
        (status = 202, description = "Issued; follow it at its Location", body = Command),
        (status = 403, description = "Not permitted, or forbidden by the policy"),
        (status = 409, description = "The machine is decommissioned, the ticket is over, or too many commands are open"),
        (status = 422, description = "Not in the machine's catalogue, or arguments outside its schema"),
    )
)]
#[post("/machines/{id}/commands")]
async fn issue_command(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    body: Json<IssueCommand>,
) -> Result<HttpResponse, ApiError> {
    let (store, now) = (&state.store, state.now());
    let issued = dispatch::issue(store, &caller, *id, body.into_inner(), now).await?;
    let issued = names::one(store, &caller, issued).await;
    Ok(HttpResponse::Accepted()
        .insert_header(("Location", format!("{BASE_PATH}/commands/{}", issued.id)))
        .insert_header(etag(issued.version))
        .json(issued))
}

/// Commands to a machine, newest first.
#[utoipa::path(
    tag = "commands",
    params(("id" = MachineId, Path), CommandQuery),
    responses((status = 200, description = "One page", body = Page<Command>))
)]
#[get("/machines/{id}/commands")]
async fn list_machine_commands(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    wanted: web::Query<CommandQuery>,
) -> Result<web::Json<Page<Command>>, ApiError> {
    let wanted = wanted.into_inner();
    let mut page = dispatch::list_of_machine(&state.store, &caller, *id, wanted).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}

/// What a machine can be told to do, as its agent has told.
#[utoipa::path(
    tag = "commands",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "Its catalogue", body = Catalogue))
)]
#[get("/machines/{id}/catalogue")]
async fn get_catalogue(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<Catalogue>, ApiError> {
    Ok(web::Json(dispatch::catalogue(&state.store, &caller, *id).await?))
}

/// Commands to machines of the caller's organization and all below it, newest first.
#[utoipa::path(
    tag = "commands",
    params(CommandQuery),
    responses((status = 200, description = "One page", body = Page<Command>))
)]
#[get("/commands")]
async fn list_commands(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<CommandQuery>,
) -> Result<web::Json<Page<Command>>, ApiError> {
    let mut page = dispatch::list(&state.store, &caller, &wanted).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}

/// One command.
#[utoipa::path(
    tag = "commands",
    params(("id" = CommandId, Path)),
    responses((status = 200, description = "The command", body = Command))
)]
#[get("/commands/{id}")]
async fn get_command(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<CommandId>,
) -> Result<HttpResponse, ApiError> {
    let found = dispatch::get(&state.store, &caller, *id).await?;
    Ok(answer(&state, &caller, found).await)
}

/// Cancels a command: at once when it was never handed over; else the machine is asked to, until
/// it answers. Who may issue a command may cancel it.
#[utoipa::path(
    tag = "commands",
    params(("id" = CommandId, Path)),
    responses(
        (status = 200, description = "Canceled, or asked for", body = Command),
        (status = 409, description = "It is over"),
    )
)]
#[post("/commands/{id}/cancel")]
async fn cancel_command(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<CommandId>,
) -> Result<HttpResponse, ApiError> {
    let (store, now) = (&state.store, state.now());
    let canceled = dispatch::cancel(store, &state.commands, &caller, *id, now).await?;
    Ok(answer(&state, &caller, canceled).await)
}

/// Approves a command that waits for it, or refuses to. Another person than the one who issued it
/// must.
#[utoipa::path(
    tag = "commands",
    params(("id" = CommandId, Path)),
    responses(
        (status = 200, description = "Decided", body = Command),
        (status = 403, description = "Not permitted, or one's own command"),
        (status = 409, description = "It doesn't wait for approval"),
    )
)]
#[post("/commands/{id}/decision")]
async fn decide_command(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<CommandId>,
    body: Json<DecideCommand>,
) -> Result<HttpResponse, ApiError> {
    let (store, input, now) = (&state.store, body.into_inner(), state.now());
    let decided = dispatch::decide(store, &state.commands, &caller, *id, input, now).await?;
    Ok(answer(&state, &caller, decided).await)
}

impl From<DispatchError> for ApiError {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Forbidden(error) => error.into(),
            DispatchError::ForbiddenByPolicy(_) | DispatchError::OwnCommand => {
                Self::Refused(error.to_string())
            }
            DispatchError::Invalid(error) => Self::invalid(error.0),
            DispatchError::Page(error) => error.into(),
            DispatchError::OutOfUse(_)
            | DispatchError::TicketOver { .. }
            | DispatchError::Full
            | DispatchError::Illegal(_) => Self::Conflict(error.to_string()),
            DispatchError::Store(error) => error.into(),
        }
    }
}
