//! Tickets.

use actix_web::{HttpResponse, get, patch, post, web};
use millwright_core::access::Caller;
use millwright_schemas::TicketId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::tickets::{
    CreateTicket, EvidenceList, MoveTicket, SplitTicket, Ticket, TicketComment, TicketQuery,
    UpdateTicket, WriteComment,
};
use millwright_ticketing::{TicketError, desk};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::names;
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_tickets)
        .service(create_ticket)
        .service(get_ticket)
        .service(update_ticket)
        .service(move_ticket)
        .service(split_ticket)
        .service(list_comments)
        .service(write_comment)
        .service(get_evidence);
}

async fn answer(state: &AppState, caller: &Caller, ticket: Ticket) -> HttpResponse {
    let ticket = names::one(&state.store, caller, ticket).await;
    HttpResponse::Ok().insert_header(etag(ticket.version)).json(ticket)
}

/// Tickets of the caller's organization and all below it, newest first.
#[utoipa::path(
    tag = "tickets",
    params(TicketQuery),
    responses((status = 200, description = "One page", body = Page<Ticket>))
)]
#[get("/tickets")]
async fn list_tickets(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<TicketQuery>,
) -> Result<web::Json<Page<Ticket>>, ApiError> {
    let mut page = desk::list(&state.store, &caller, &wanted).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}

/// Opens a ticket by hand.
#[utoipa::path(
    tag = "tickets",
    responses((status = 201, description = "Opened", body = Ticket))
)]
#[post("/tickets")]
async fn create_ticket(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<CreateTicket>,
) -> Result<HttpResponse, ApiError> {
    let created = desk::create(&state.store, &caller, body.into_inner(), state.now()).await?;
    let created = names::one(&state.store, &caller, created).await;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/tickets/{}", created.id)))
        .insert_header(etag(created.version))
        .json(created))
}

/// One ticket with its alarms, the likely root first.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path)),
    responses((status = 200, description = "The ticket", body = Ticket))
)]
#[get("/tickets/{id}")]
async fn get_ticket(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
) -> Result<HttpResponse, ApiError> {
    let ticket = desk::get(&state.store, &caller, *id).await?;
    Ok(answer(&state, &caller, ticket).await)
}

/// Changes a ticket: its words, priority, who works on it.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses((status = 200, description = "Changed", body = Ticket))
)]
#[patch("/tickets/{id}")]
async fn update_ticket(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateTicket>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let ticket = desk::update(store, &caller, *id, version, input, now).await?;
    Ok(answer(&state, &caller, ticket).await)
}

/// Moves a ticket to another state.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses(
        (status = 200, description = "Moved", body = Ticket),
        (status = 409, description = "Its state doesn't allow it; the allowed ones are named"),
    )
)]
#[post("/tickets/{id}/move")]
async fn move_ticket(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
    IfMatch(version): IfMatch,
    body: Json<MoveTicket>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let ticket = desk::move_to(store, &caller, *id, version, input, now).await?;
    Ok(answer(&state, &caller, ticket).await)
}

/// Takes alarms out of an open ticket into one of their own, with all others of their causes: the
/// same machine, source and code. They aren't grouped again.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path)),
    responses(
        (status = 201, description = "The new ticket", body = Ticket),
        (status = 409, description = "It isn't open"),
    )
)]
#[post("/tickets/{id}/split")]
async fn split_ticket(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
    body: Json<SplitTicket>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let opened = desk::split(store, &caller, *id, input, now).await?;
    let opened = names::one(store, &caller, opened).await;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/tickets/{}", opened.id)))
        .insert_header(etag(opened.version))
        .json(opened))
}

/// Comments on a ticket and notes of what happened to it, oldest first.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path), PageQuery),
    responses((status = 200, description = "One page", body = Page<TicketComment>))
)]
#[get("/tickets/{id}/comments")]
async fn list_comments(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
    page: web::Query<PageQuery>,
) -> Result<web::Json<Page<TicketComment>>, ApiError> {
    let mut page = desk::comments(&state.store, &caller, *id, &page).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}

/// Writes a comment on a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path)),
    responses((status = 201, description = "Written", body = TicketComment))
)]
#[post("/tickets/{id}/comments")]
async fn write_comment(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
    body: Json<WriteComment>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let written = desk::comment(store, &caller, *id, input, now).await?;
    Ok(HttpResponse::Created().json(names::one(store, &caller, written).await))
}

/// What was known when alarms opened or reopened a ticket: samples around, active alarms, events,
/// versions. Samples after the alarm are added some minutes later.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path)),
    responses((status = 200, description = "All evidence", body = EvidenceList))
)]
#[get("/tickets/{id}/evidence")]
async fn get_evidence(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<TicketId>,
) -> Result<web::Json<EvidenceList>, ApiError> {
    Ok(web::Json(desk::evidence(&state.store, &caller, *id).await?))
}

impl From<TicketError> for ApiError {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Forbidden(error) => error.into(),
            TicketError::Invalid(error) => Self::invalid(error.0),
            TicketError::Page(error) => error.into(),
            TicketError::Illegal(error) => Self::Conflict(error.to_string()),
            error @ TicketError::NotOpen { .. } => Self::Conflict(error.to_string()),
            TicketError::Store(error) => error.into(),
        }
    }
}
