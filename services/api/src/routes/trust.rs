//! What machines trust: the signed chain for them, rotation and retirement for the operator.

use actix_web::{HttpResponse, get, post, web};
use millwright_identity::machines::TrustError;
use millwright_schemas::api::credentials::{RetireTrust, RotateTrust, TrustVersion};
use millwright_schemas::api::enrollment::{TrustChain, TrustQuery};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::{Authenticated, Json};
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(get_trust)
        .service(get_ca_certificates)
        .service(rotate_trust)
        .service(retire_trust);
}

/// The signed trust bundles after a version, for machines. They prove themselves: each is signed
/// by a key of the one before. At most 100; ask again from the last.
#[utoipa::path(
    tag = "enrollment",
    security(()),
    params(TrustQuery),
    responses((status = 200, description = "The chain", body = TrustChain))
)]
#[get("/trust")]
async fn get_trust(
    state: web::Data<AppState>,
    query: web::Query<TrustQuery>,
) -> Result<web::Json<TrustChain>, ApiError> {
    Ok(web::Json(state.enrollment.trust().chain(query.after).await?))
}

/// The CAs of the MQTT server, as one PEM bundle, for MQTT clients without the agent. Whoever
/// reads it over plain HTTP from elsewhere should compare it with the fingerprint in an enrolment
/// code.
#[utoipa::path(
    tag = "enrollment",
    security(()),
    responses((
        status = 200,
        description = "PEM",
        body = String,
        content_type = "application/x-pem-file",
    ))
)]
#[get("/trust/ca.pem")]
async fn get_ca_certificates(state: web::Data<AppState>) -> HttpResponse {
    let trusted = state.enrollment.trust().current();
    HttpResponse::Ok()
        .content_type("application/x-pem-file")
        .body(trusted.bundle().ca_certificates.clone())
}

/// Adds a new command key or CA beside those that machines trust, and uses it from now on.
#[utoipa::path(
    tag = "enrollment",
    responses(
        (status = 201, description = "What is trusted now", body = TrustVersion),
        (status = 409, description = "Too many are trusted; retire one"),
    )
)]
#[post("/trust/rotations")]
async fn rotate_trust(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<RotateTrust>,
) -> Result<HttpResponse, ApiError> {
    let version = state.enrollment.trust().rotate(&caller, &body, state.now()).await?;
    Ok(HttpResponse::Created().json(version))
}

/// Stops trusting an old command key or CA.
#[utoipa::path(
    tag = "enrollment",
    responses(
        (status = 201, description = "What is trusted now", body = TrustVersion),
        (status = 409, description = "It is in use; rotate first"),
    )
)]
#[post("/trust/retirements")]
async fn retire_trust(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<RetireTrust>,
) -> Result<HttpResponse, ApiError> {
    let version = state.enrollment.trust().retire(&caller, &body, state.now()).await?;
    Ok(HttpResponse::Created().json(version))
}

impl From<TrustError> for ApiError {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Forbidden(error) => error.into(),
            TrustError::TooMany | TrustError::InUse(_) => Self::Conflict(error.to_string()),
            TrustError::Unknown(_) => Self::invalid_field("id", error.to_string()),
            TrustError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}
