//! Policies of organizations.

use actix_web::{HttpResponse, get, put, web};
use millwright_registry::policies;
use millwright_schemas::OrganizationId;
use millwright_schemas::api::policies::{Policy, PolicyInput};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_policy).service(put_policy);
}

/// The policy that holds for an organization: its own, the nearest one above it, or the defaults.
#[utoipa::path(
    tag = "organizations",
    params(("id" = OrganizationId, Path)),
    responses((status = 200, description = "The policy; its ETag is \"0\" while the organization has none of its own", body = Policy))
)]
#[get("/organizations/{id}/policy")]
async fn get_policy(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<OrganizationId>,
) -> Result<HttpResponse, ApiError> {
    let found = policies::get(&state.store, &caller, *id).await?;
    Ok(HttpResponse::Ok().insert_header(etag(found.version)).json(found))
}

/// Gives an organization a policy of its own, or replaces it. It holds for all organizations below
/// that have none.
#[utoipa::path(
    tag = "organizations",
    params(("id" = OrganizationId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses((status = 200, description = "It holds now", body = Policy))
)]
#[put("/organizations/{id}/policy")]
async fn put_policy(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<OrganizationId>,
    IfMatch(version): IfMatch,
    body: Json<PolicyInput>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let changed = policies::put(store, &caller, *id, version, input, now).await?;
    Ok(HttpResponse::Ok().insert_header(etag(changed.version)).json(changed))
}
