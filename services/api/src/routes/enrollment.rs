//! Enrolment and renewal. Machines call without sign-in: a code, or the old key, stands for it.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::{HttpRequest, HttpResponse, post, web};
use millwright_identity::machines::enrollment_codes::{self, CreateCodeError};
use millwright_identity::machines::{EnrollError, RenewError};
use millwright_schemas::MachineId;
use millwright_schemas::api::credentials::CreateEnrollmentCode;
use millwright_schemas::api::enrollment::{
    EnrollRequest, EnrollResponse, EnrollmentCodeCreated, RenewRequest,
};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::{Authenticated, Json, OptionalJson};
use crate::idempotency::shown_once;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create_enrollment_code).service(enroll).service(renew_certificate);
}

/// Creates an enrolment code. It is shown this once; unused ones made before stop working.
#[utoipa::path(
    tag = "enrollment",
    params(("id" = MachineId, Path)),
    request_body = Option<CreateEnrollmentCode>,
    responses(
        (status = 201, description = "Created", body = EnrollmentCodeCreated),
        (status = 409, description = "The machine is decommissioned"),
    )
)]
#[post("/machines/{id}/enrollment-codes")]
async fn create_enrollment_code(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    body: OptionalJson<CreateEnrollmentCode>,
) -> Result<HttpResponse, ApiError> {
    let (store, trust, now) = (&state.store, state.enrollment.trust(), state.now());
    let input = body.0.unwrap_or_default();
    let created = enrollment_codes::create(store, trust, &caller, *id, &input, now).await?;
    Ok(shown_once(HttpResponse::Created().json(created)))
}

/// Enrols a machine. The same code with the same key is answered the same for 15 minutes.
#[utoipa::path(
    tag = "enrollment",
    security(()),
    responses(
        (status = 200, description = "Enrolled", body = EnrollResponse),
        (status = 403, description = "The code is unknown, used, expired or replaced"),
        (status = 429, description = "Too many failed attempts; see Retry-After"),
    )
)]
#[post("/enroll")]
async fn enroll(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Json<EnrollRequest>,
) -> Result<web::Json<EnrollResponse>, ApiError> {
    let answer = state.enrollment.enroll(address(&request), &body, state.now()).await?;
    Ok(web::Json(answer))
}

/// Renews a machine's certificate for a new key, up to a year after its end.
#[utoipa::path(
    tag = "enrollment",
    security(()),
    responses(
        (status = 200, description = "Renewed", body = EnrollResponse),
        (status = 403, description = "Not ours, not signed by its key, revoked, or too late; or \
            the machine's clock is off, then sign with the time of the Date header"),
        (status = 429, description = "Too many failed attempts; see Retry-After"),
    )
)]
#[post("/enroll/renew")]
async fn renew_certificate(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Json<RenewRequest>,
) -> Result<web::Json<EnrollResponse>, ApiError> {
    let answer = state.enrollment.renew(address(&request), &body, state.now()).await?;
    Ok(web::Json(answer))
}

/// All callers without an address (there are none over TCP) count as one.
fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}

impl From<CreateCodeError> for ApiError {
    fn from(error: CreateCodeError) -> Self {
        match error {
            CreateCodeError::Forbidden(error) => error.into(),
            CreateCodeError::Expiry(_) => Self::invalid_field("expires_in_s", error.to_string()),
            CreateCodeError::OutOfUse(error) => Self::Conflict(error.to_string()),
            CreateCodeError::Store(error) => error.into(),
        }
    }
}

impl From<EnrollError> for ApiError {
    fn from(error: EnrollError) -> Self {
        match error {
            EnrollError::TooMany(retry_after_s) => Self::TooMany { retry_after_s },
            EnrollError::Invalid(problem) => Self::invalid(vec![problem]),
            EnrollError::Refused => Self::EnrollmentRefused(error.to_string()),
            EnrollError::Authority(error) => Self::internal(error),
            EnrollError::Store(error) => error.into(),
        }
    }
}

impl From<RenewError> for ApiError {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::TooMany(retry_after_s) => Self::TooMany { retry_after_s },
            RenewError::Invalid(problem) => Self::invalid(vec![problem]),
            RenewError::Refused
            | RenewError::Clock(_)
            | RenewError::Revoked
            | RenewError::TooLate(_)
            | RenewError::TooOften => Self::EnrollmentRefused(error.to_string()),
            RenewError::Authority(error) => Self::internal(error),
            RenewError::Store(error) => error.into(),
        }
    }
}
