//! Events that machines have reported.

use actix_web::{get, web};
use millwright_core::access::Permission;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::telemetry::{MachineEvent, MachineEventQuery};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::Scope;
use millwright_store::page::PageRequest;
use millwright_store::telemetry::reads::events::{self, EventFilter, ReportedEvent};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::query::time;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_machine_events);
}

/// Events that a machine has reported, newest first.
#[utoipa::path(
    tag = "telemetry",
    params(("id" = MachineId, Path), MachineEventQuery),
    responses((status = 200, description = "One page", body = Page<MachineEvent>))
)]
#[get("/machines/{id}/events")]
async fn list_machine_events(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    query: web::Query<MachineEventQuery>,
) -> Result<web::Json<Page<MachineEvent>>, ApiError> {
    caller.require(Permission::ReadTelemetry)?;
    let (filter, request) = parse(query.into_inner())?;
    let scope = Scope::Organization(caller.organization);
    let page = events::list(&state.store, scope, *id, &filter, &request).await?;
    let items = page.items.into_iter().map(view).collect();
    Ok(web::Json(Page { items, next_cursor: page.next_cursor }))
}

fn parse(query: MachineEventQuery) -> Result<(EventFilter, PageRequest<(i64, Uuid)>), ApiError> {
    let MachineEventQuery { event_type, from, to, limit, cursor } = query;
    let bound = |field, text: Option<String>, all| {
        text.map_or(Ok(Timestamp::from_micros(all)), |text| time(field, &text))
    };
    let filter = EventFilter {
        event_type,
        from: bound("from", from, i64::MIN)?,
        to: bound("to", to, i64::MAX)?,
    };
    if filter.from >= filter.to {
        let message = format!("{} is not before the end, {}", filter.from, filter.to);
        return Err(ApiError::invalid_field("from", message));
    }
    Ok((filter, PageRequest::parse(&PageQuery { limit, cursor })?))
}

fn view(event: ReportedEvent) -> MachineEvent {
    MachineEvent {
        id: event.id,
        event_type: event.event_type,
        ts: event.ts,
        received_at: event.received_at,
        outbox: event.stream.map(|(outbox, _)| outbox),
        seq: event.stream.map(|(_, seq)| seq),
        data: event.data,
    }
}
