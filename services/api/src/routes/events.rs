//! Domain events.

use actix_web::{get, web};
use millwright_registry::readings::{self, EventPage};
use millwright_schemas::api::audit::SubjectRef;
use millwright_schemas::api::events::{DomainEvent, DomainEventQuery, DomainEvents};
use millwright_store::events::DomainEvent as Stored;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::names;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_events);
}

/// What has changed in the caller's organization and all below it, in the order of commits.
#[utoipa::path(
    tag = "events",
    params(DomainEventQuery),
    responses((status = 200, description = "Events after the position", body = DomainEvents))
)]
#[get("/events")]
async fn list_events(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    query: web::Query<DomainEventQuery>,
) -> Result<web::Json<DomainEvents>, ApiError> {
    let found = readings::domain_events(&state.store, &caller, &query).await?;
    let EventPage { events, next_after, more } = found;
    let next_cursor = more.then(|| next_after.to_string());
    let mut items: Vec<_> = events.into_iter().map(view).collect();
    names::all(&state.store, &caller, &mut items).await;
    Ok(web::Json(DomainEvents { items, next_after, next_cursor }))
}

pub(crate) fn view(event: Stored) -> DomainEvent {
    DomainEvent {
        position: event.position,
        id: event.id,
        event_type: event.event_type,
        subject: SubjectRef { kind: event.subject.kind, id: event.subject.id },
        version: event.version,
        actor: event.actor.into(),
        origin: event.origin,
        data: event.data,
        occurred_at: event.occurred_at,
        organization_id: event.organization,
    }
}
