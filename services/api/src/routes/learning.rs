//! How far rules that learn have come with a machine.

use actix_web::{get, web};
use millwright_alarms::learning;
use millwright_schemas::MachineId;
use millwright_schemas::api::learning::MachineLearning;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_learning);
}

/// How far the rules that learn a machine (`anomaly`) have come with it: whether each is still learning or
/// watches, and what it waits for.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "By rule", body = MachineLearning))
)]
#[get("/machines/{id}/learning")]
async fn get_learning(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<MachineLearning>, ApiError> {
    Ok(web::Json(learning::of_machine(&state.store, &caller, *id).await?))
}
