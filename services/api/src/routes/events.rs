//! Domain events.

use actix_web::{get, web};
use millwright_core::access::Permission;
use millwright_schemas::api::audit::{ActorRef, SubjectRef};
use millwright_schemas::api::events::{DomainEvent, DomainEventQuery, DomainEvents};
use millwright_schemas::api::page::{LIMIT_DEFAULT, LIMIT_MAX};
use millwright_store::events::{self, DomainEvent as Stored};
use millwright_store::{Scope, page::InvalidPage};
use utoipa_actix_web::service_config::ServiceConfig;

use super::audit::actor;
use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::limits::EVENT_TYPES_MAX;
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
    caller.require(Permission::ReadEvents)?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(InvalidPage::Limit(limit).into());
    }
    let (after, types) = (position(query.after)?, types(query.types.as_deref())?);
    let scope = Scope::Organization(caller.organization);
    // Before the events: what is given a position meanwhile comes next time.
    let last = events::last_position(&state.store).await?;
    let found = events::after(&state.store, scope, after, &types, u64::from(limit)).await?;
    let all = found.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let next_after = found.last().map_or(after, |event| event.position);
    let next_after = if all { next_after.max(last) } else { next_after };
    let next_cursor = (!all).then(|| next_after.to_string());
    let items = found.into_iter().map(view).collect();
    Ok(web::Json(DomainEvents { items, next_after, next_cursor }))
}

pub(super) fn position(after: Option<i64>) -> Result<i64, ApiError> {
    match after.unwrap_or(0) {
        after @ 0.. => Ok(after),
        after => Err(ApiError::invalid_field("after", format!("{after} is below 0"))),
    }
}

/// Types, separated by commas.
pub(super) fn types(list: Option<&str>) -> Result<Vec<String>, ApiError> {
    let types: Vec<String> = list
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if types.len() > EVENT_TYPES_MAX {
        let message = format!("{} types, more than {EVENT_TYPES_MAX}", types.len());
        return Err(ApiError::invalid_field("types", message));
    }
    let known = |word: &str| {
        let word = word.strip_suffix(".*").unwrap_or(word);
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b))
    };
    if let Some(wrong) = types.iter().find(|word| !known(word)) {
        let shown: String = wrong.chars().take(64).collect();
        let message = format!("{shown:?} is not a type such as machine.created or machine.*");
        return Err(ApiError::invalid_field("types", message));
    }
    Ok(types)
}

pub(crate) fn view(event: Stored) -> DomainEvent {
    let (kind, id) = actor(event.actor);
    DomainEvent {
        position: event.position,
        id: event.id,
        event_type: event.event_type,
        subject: SubjectRef { kind: event.subject.kind, id: event.subject.id },
        version: event.version,
        actor: ActorRef { kind: kind.to_owned(), id },
        origin: event.origin,
        data: event.data,
        occurred_at: event.occurred_at,
        organization_id: event.organization,
    }
}
