//! Machines that connect over the port of the API.

use actix_web::{HttpRequest, HttpResponse, get, web};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::machine_socket;
use crate::state::AppState;

/// Where machines' WebSockets are opened.
pub(crate) const PATH: &str = "/mqtt";

/// Registers the handler.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(open_machine_socket);
}

/// MQTT over WebSocket for machines, sub-protocol `mqtt`; see `asyncapi.yaml`. The machine signs in
/// by its CONNECT: user name and device token, or a proof of its certificate's key.
#[utoipa::path(
    tag = "enrollment",
    security(()),
    responses(
        (status = 101, description = "A WebSocket; binary frames only"),
        (status = 429, description = "As many machines are connected as may be; see Retry-After"),
    )
)]
#[get("/mqtt")]
async fn open_machine_socket(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    machine_socket::open(&state.machines, &request, body)
}
