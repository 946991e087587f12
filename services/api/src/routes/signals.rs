//! A machine's signals with their newest values.

use actix_web::{get, web};
use millwright_registry::readings;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::telemetry::{MachineLatest, Signal};
use millwright_schemas::{MachineId, OrganizationId};
use millwright_store::telemetry::reads::signals::SignalState;
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::query::{LatestQuery, Pairs};
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_signals).service(list_latest);
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

/// The newest values of some signals over a fleet, a machine an item.
#[utoipa::path(
    tag = "telemetry",
    params(
        ("signal" = Vec<String>, Query, description = "Names of signals, 1 to 20, each as its own `signal=…`"),
        ("organization_id" = Option<OrganizationId>, Query, description = "Only machines of this organization and all below it"),
        ("machine_id" = Option<Vec<MachineId>>, Query, description = "Only these machines, up to 200, each as its own `machine_id=…`; one that isn't there, isn't seen or is decommissioned gives no item"),
        PageQuery,
    ),
    responses((status = 200, description = "One page", body = Page<MachineLatest>))
)]
#[get("/telemetry/latest")]
async fn list_latest(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    query: web::Query<Pairs>,
) -> Result<web::Json<Page<MachineLatest>>, ApiError> {
    let LatestQuery { wanted, page } = LatestQuery::parse(&query)?;
    let found = readings::fleet_values(&state.store, &caller, wanted, &page).await?;
    let items = found
        .items
        .into_iter()
        .map(|values| MachineLatest {
            machine_id: values.machine,
            signals: values.signals.into_iter().map(view).collect(),
        })
        .collect();
    Ok(web::Json(Page { items, next_cursor: found.next_cursor }))
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
