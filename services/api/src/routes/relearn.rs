//! Machines whose rules learn anew.

use actix_web::{HttpResponse, post, web};
use millwright_alarms::relearn;
use millwright_schemas::MachineId;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(relearn_machine);
}

/// Forgets what rules have learned of a machine, as after a repair: they learn anew from now on,
/// and say nothing meanwhile. The end of maintenance mode does the same.
#[utoipa::path(
    tag = "machines",
    params(("id" = MachineId, Path)),
    responses(
        (status = 204, description = "Learns anew"),
        (status = 409, description = "The machine is decommissioned"),
    )
)]
#[post("/machines/{id}/relearn")]
async fn relearn_machine(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<HttpResponse, ApiError> {
    relearn::relearn(&state.store, &caller, *id, state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}
