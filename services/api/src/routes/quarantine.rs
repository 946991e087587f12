//! What machines sent and couldn't be stored.

use actix_web::{get, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use millwright_registry::readings;
use millwright_schemas::MachineId;
use millwright_schemas::api::loss::{PayloadEncoding, QuarantinePage, Quarantined};
use millwright_schemas::api::page::PageQuery;
use millwright_store::telemetry::reads::quarantine::Quarantined as Row;
use utoipa_actix_web::service_config::ServiceConfig;

use super::loss::counters;
use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_quarantine);
}

/// What a machine sent and couldn't be stored, with the reasons, newest first.
#[utoipa::path(
    tag = "telemetry",
    params(("id" = MachineId, Path), PageQuery),
    responses((status = 200, description = "One page", body = QuarantinePage))
)]
#[get("/machines/{id}/quarantine")]
async fn list_quarantine(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    query: web::Query<PageQuery>,
) -> Result<web::Json<QuarantinePage>, ApiError> {
    let (page, counted) = readings::quarantine(&state.store, &caller, *id, &query).await?;
    let items = page.items.into_iter().map(view).collect();
    let (next_cursor, counters) = (page.next_cursor, counters(counted));
    Ok(web::Json(QuarantinePage { items, next_cursor, counters }))
}

fn view(row: Row) -> Quarantined {
    let (payload_encoding, payload) = match String::from_utf8(row.payload) {
        Ok(text) => (PayloadEncoding::Text, text),
        Err(error) => (PayloadEncoding::Base64, STANDARD.encode(error.as_bytes())),
    };
    Quarantined {
        id: row.id,
        received_at: row.received_at,
        topic: row.topic,
        code: row.code,
        reason: row.reason,
        payload_encoding,
        payload,
    }
}
