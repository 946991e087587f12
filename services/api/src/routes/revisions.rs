//! What late samples have shown of alarms.

use actix_web::{get, web};
use millwright_alarms::revisions;
use millwright_schemas::MachineId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::revisions::AlarmRevision;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::names;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_revisions);
}

/// What samples that came late have shown of a machine's alarms, newest first: alarms of rules that were
/// missed, and such as were unfounded. They raise and clear nothing.
#[utoipa::path(
    tag = "alarms",
    params(("id" = MachineId, Path), PageQuery),
    responses((status = 200, description = "One page", body = Page<AlarmRevision>))
)]
#[get("/machines/{id}/revisions")]
async fn list_revisions(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    query: web::Query<PageQuery>,
) -> Result<web::Json<Page<AlarmRevision>>, ApiError> {
    let mut page = revisions::list(&state.store, &caller, *id, &query).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}
