//! Machines' certificates and device tokens, as people see and revoke them.

use actix_web::{HttpResponse, delete, get, post, web};
use millwright_identity::machines::certificates::{self, CertificateError};
use millwright_identity::machines::device_tokens::{self, DeviceTokenError};
use millwright_schemas::api::credentials::{
    CertificateList, DeviceTokenCreated, DeviceTokenList, MachineCertificate, RevokeCertificate,
};
use millwright_schemas::{CertificateSerial, DeviceTokenId, MachineId};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::{Authenticated, OptionalJson};
use crate::idempotency::shown_once;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_certificates)
        .service(revoke_certificate)
        .service(list_device_tokens)
        .service(create_device_token)
        .service(revoke_device_token);
}

/// Certificates issued to a machine, newest first.
#[utoipa::path(
    tag = "enrollment",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "All of them", body = CertificateList))
)]
#[get("/machines/{id}/certificates")]
async fn list_certificates(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<CertificateList>, ApiError> {
    Ok(web::Json(certificates::list(&state.store, &caller, *id).await?))
}

/// Revokes a certificate: the machine can neither connect nor renew with it, and a live
/// connection is cut.
#[utoipa::path(
    tag = "enrollment",
    params(("id" = MachineId, Path), ("serial" = String, Path)),
    request_body = Option<RevokeCertificate>,
    responses((status = 200, description = "Revoked", body = MachineCertificate))
)]
#[post("/machines/{id}/certificates/{serial}/revoke")]
async fn revoke_certificate(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    path: web::Path<(MachineId, String)>,
    body: OptionalJson<RevokeCertificate>,
) -> Result<web::Json<MachineCertificate>, ApiError> {
    let (machine, serial) = path.into_inner();
    let serial: CertificateSerial =
        serial.parse().map_err(|_| ApiError::NotFound("certificate".to_owned()))?;
    let input = body.0.unwrap_or_default();
    let (store, now) = (&state.store, state.now());
    Ok(web::Json(certificates::revoke(store, &caller, machine, &serial, &input, now).await?))
}

/// Device tokens of a machine, newest first, without their secrets.
#[utoipa::path(
    tag = "enrollment",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "All of them", body = DeviceTokenList))
)]
#[get("/machines/{id}/device-tokens")]
async fn list_device_tokens(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<DeviceTokenList>, ApiError> {
    Ok(web::Json(device_tokens::list(&state.store, &caller, *id).await?))
}

/// Creates a device token: the MQTT password of a device that can't have a certificate. It is
/// shown this once.
#[utoipa::path(
    tag = "enrollment",
    params(("id" = MachineId, Path)),
    responses(
        (status = 201, description = "Created", body = DeviceTokenCreated),
        (status = 409, description = "Too many tokens, or the machine is decommissioned"),
    )
)]
#[post("/machines/{id}/device-tokens")]
async fn create_device_token(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<HttpResponse, ApiError> {
    let created = device_tokens::create(&state.store, &caller, *id, state.now()).await?;
    Ok(shown_once(HttpResponse::Created().json(created)))
}

/// Revokes a device token; a live connection is cut.
#[utoipa::path(
    tag = "enrollment",
    params(("id" = MachineId, Path), ("token_id" = DeviceTokenId, Path)),
    responses((status = 204, description = "Revoked"))
)]
#[delete("/machines/{id}/device-tokens/{token_id}")]
async fn revoke_device_token(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    path: web::Path<(MachineId, DeviceTokenId)>,
) -> Result<HttpResponse, ApiError> {
    let (machine, token) = path.into_inner();
    device_tokens::revoke(&state.store, &caller, machine, token, state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

impl From<CertificateError> for ApiError {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Forbidden(error) => error.into(),
            CertificateError::Reason(_) => Self::invalid_field("reason", error.to_string()),
            CertificateError::Store(error) => error.into(),
        }
    }
}

impl From<DeviceTokenError> for ApiError {
    fn from(error: DeviceTokenError) -> Self {
        match error {
            DeviceTokenError::Forbidden(error) => error.into(),
            DeviceTokenError::OutOfUse(_) | DeviceTokenError::TooMany => {
                Self::Conflict(error.to_string())
            }
            DeviceTokenError::Store(error) => error.into(),
        }
    }
}
