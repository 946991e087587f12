//! What happens now, as server-sent events.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, get, web};
use millwright_core::access::Permission;
use millwright_registry::readings::{event_position, event_types};
use millwright_schemas::MachineId;
use millwright_schemas::api::events::{DomainEvent, EventStreamQuery};
use millwright_schemas::api::telemetry::LiveSample;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::query::{LiveQuery, Pairs};
use crate::state::AppState;
use crate::streams::right::Right;
use crate::streams::{Streams, events, samples};

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(stream_events).service(stream_telemetry);
}

/// Domain events as they happen: `id` is the position, `event` the type, `data` a `DomainEvent`.
/// Goes on after `Last-Event-ID` or `after`; without them, from now on. Ends when the token does.
#[utoipa::path(
    tag = "events",
    params(EventStreamQuery, ("Last-Event-ID" = Option<String>, Header, description = "Position of the last event that was received")),
    responses(
        (status = 200, description = "Server-sent events", body = DomainEvent, content_type = "text/event-stream"),
        (status = 429, description = "Too many streams at once"),
    )
)]
#[get("/events/stream")]
async fn stream_events(
    request: HttpRequest,
    state: web::Data<AppState>,
    streams: web::Data<Streams>,
    Authenticated(caller): Authenticated,
    query: web::Query<EventStreamQuery>,
) -> Result<HttpResponse, ApiError> {
    caller.require(Permission::ReadEvents)?;
    let types = event_types(query.types.as_deref())?;
    let after = match last_event_id(request.headers())? {
        None if query.after.is_none() => state.positions.last(),
        last => event_position(last.or(query.after))?,
    };
    let right = Right::of(&request, &state, &caller, Permission::ReadEvents)?;
    let place = streams.take_place(caller.actor)?;
    Ok(events::start(&state, right, place, after, types))
}

/// A machine's samples as they come in: first the newest value of each signal, then each new
/// one. `event` is `sample`, `data` a `LiveSample`. Ends when the token does.
#[utoipa::path(
    tag = "telemetry",
    params(
        ("machine_id" = MachineId, Query, description = "The machine"),
        ("signal" = Option<Vec<String>>, Query, description = "Only these signals, at most 20, each as its own `signal=…`"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = LiveSample, content_type = "text/event-stream"),
        (status = 429, description = "Too many streams at once"),
    )
)]
#[get("/telemetry/stream")]
async fn stream_telemetry(
    request: HttpRequest,
    state: web::Data<AppState>,
    streams: web::Data<Streams>,
    Authenticated(caller): Authenticated,
    query: web::Query<Pairs>,
) -> Result<HttpResponse, ApiError> {
    caller.require(Permission::ReadTelemetry)?;
    let query = LiveQuery::parse(&query)?;
    let right = Right::of(&request, &state, &caller, Permission::ReadTelemetry)?;
    let place = streams.take_place(caller.actor)?;
    samples::start(&state, right, place, query).await
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let position = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let wrong = || ApiError::invalid_field("Last-Event-ID", "is not a position");
    position.filter(|position| *position >= 0).map(Some).ok_or_else(wrong)
}
