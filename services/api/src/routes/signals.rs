//! A machine's signals with their newest values.

use actix_web::{get, web};
use millwright_registry::readings;
use millwright_schemas::MachineId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::telemetry::Signal;
use millwright_store::telemetry::reads::signals::SignalState;
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_signals);
}

/// A machine's signals with their newest values, by name.
#[utoipa::path(
    tag = "telemetry",
    params(("id" = MachineId, Path), PageQuery),
    responses((status = 200, description = "One page", body = Page<Signal>))
)]
#[get("/machines/{id}/signals")]
async fn list_signals(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    query: web::Query<PageQuery>,
) -> Result<web::Json<Page<Signal>>, ApiError> {
    let page = readings::signals(&state.store, &caller, *id, &query).await?;
    let items = page.items.into_iter().map(view).collect();
    Ok(web::Json(Page { items, next_cursor: page.next_cursor }))
}

fn view(state: SignalState) -> Signal {
    let latest = state.latest.as_ref();
    Signal {
        ts: latest.map(|latest| latest.ts),
        value: latest.map_or(Value::Null, |latest| latest.value.to_json()),
        quality: latest.map(|latest| latest.quality),
        received_at: latest.map(|latest| latest.received_at),
        signal: state.signal,
        unit: state.unit,
        kind: state.kind,
    }
}
