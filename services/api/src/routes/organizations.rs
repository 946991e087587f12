//! Organizations.

use actix_web::{HttpResponse, get, patch, post, web};
use millwright_registry::{RegistryError, organizations};
use millwright_schemas::OrganizationId;
use millwright_schemas::api::organizations::{
    CreateOrganization, Organization, UpdateOrganization,
};
use millwright_schemas::api::page::{Page, PageQuery};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_organizations)
        .service(create_organization)
        .service(get_organization)
        .service(update_organization);
}

/// The caller's organization and all below it, oldest first.
#[utoipa::path(
    tag = "organizations",
    params(PageQuery),
    responses((status = 200, description = "One page", body = Page<Organization>))
)]
#[get("/organizations")]
async fn list_organizations(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    page: web::Query<PageQuery>,
) -> Result<web::Json<Page<Organization>>, ApiError> {
    Ok(web::Json(organizations::list(&state.store, &caller, &page).await?))
}

/// Adds an organization, such as a customer, below the caller's.
#[utoipa::path(
    tag = "organizations",
    responses((status = 201, description = "Added", body = Organization))
)]
#[post("/organizations")]
async fn create_organization(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<CreateOrganization>,
) -> Result<HttpResponse, ApiError> {
    let input = body.into_inner();
    let created = organizations::create(&state.store, &caller, input, state.now()).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/organizations/{}", created.id)))
        .insert_header(etag(created.version))
        .json(created))
}

/// One organization.
#[utoipa::path(
    tag = "organizations",
    params(("id" = OrganizationId, Path)),
    responses((status = 200, description = "The organization", body = Organization))
)]
#[get("/organizations/{id}")]
async fn get_organization(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<OrganizationId>,
) -> Result<HttpResponse, ApiError> {
    let found = organizations::get(&state.store, &caller, *id).await?;
    Ok(HttpResponse::Ok().insert_header(etag(found.version)).json(found))
}

/// Changes an organization.
#[utoipa::path(
    tag = "organizations",
    params(("id" = OrganizationId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses((status = 200, description = "Changed", body = Organization))
)]
#[patch("/organizations/{id}")]
async fn update_organization(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<OrganizationId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateOrganization>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let changed = organizations::update(store, &caller, *id, version, input, now).await?;
    Ok(HttpResponse::Ok().insert_header(etag(changed.version)).json(changed))
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Forbidden(error) => error.into(),
            RegistryError::Invalid(errors) => Self::invalid(errors),
            RegistryError::Page(error) => error.into(),
            RegistryError::OutOfUse(error) => Self::Conflict(error.to_string()),
            RegistryError::Store(error) => error.into(),
        }
    }
}
