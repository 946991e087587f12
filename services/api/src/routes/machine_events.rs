//! Events that machines have reported.

use actix_web::{get, web};
use millwright_registry::readings;
use millwright_schemas::MachineId;
use millwright_schemas::api::page::Page;
use millwright_schemas::api::telemetry::{MachineEvent, MachineEventQuery};
use millwright_store::telemetry::reads::events::ReportedEvent;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_machine_events);
}

/// Events that a machine has reported, newest first.
#[utoipa::path(
    tag = "telemetry",
    params(("id" = MachineId, Path), MachineEventQuery),
    responses((status = 200, description = "One page; fewer than asked for where they are large", body = Page<MachineEvent>))
)]
#[get("/machines/{id}/events")]
async fn list_machine_events(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    query: web::Query<MachineEventQuery>,
) -> Result<web::Json<Page<MachineEvent>>, ApiError> {
    let wanted = query.into_inner();
    let page = readings::machine_events(&state.store, &caller, *id, wanted).await?;
    let items = page.items.into_iter().map(view).collect();
    Ok(web::Json(Page { items, next_cursor: page.next_cursor }))
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
