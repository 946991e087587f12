//! Sites.

use actix_web::{HttpResponse, get, patch, post, web};
use millwright_registry::sites;
use millwright_schemas::SiteId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::sites::{CreateSite, Site, UpdateSite};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_sites).service(create_site).service(get_site).service(update_site);
}

/// Sites of the caller's organization and all below it, oldest first.
#[utoipa::path(
    tag = "organizations",
    params(PageQuery),
    responses((status = 200, description = "One page", body = Page<Site>))
)]
#[get("/sites")]
async fn list_sites(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    page: web::Query<PageQuery>,
) -> Result<web::Json<Page<Site>>, ApiError> {
    Ok(web::Json(sites::list(&state.store, &caller, &page).await?))
}

/// Adds a site.
#[utoipa::path(
    tag = "organizations",
    responses((status = 201, description = "Added", body = Site))
)]
#[post("/sites")]
async fn create_site(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<CreateSite>,
) -> Result<HttpResponse, ApiError> {
    let created = sites::create(&state.store, &caller, body.into_inner(), state.now()).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/sites/{}", created.id)))
        .insert_header(etag(created.version))
        .json(created))
}

/// One site.
#[utoipa::path(
    tag = "organizations",
    params(("id" = SiteId, Path)),
    responses((status = 200, description = "The site", body = Site))
)]
#[get("/sites/{id}")]
async fn get_site(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<SiteId>,
) -> Result<HttpResponse, ApiError> {
    let found = sites::get(&state.store, &caller, *id).await?;
    Ok(HttpResponse::Ok().insert_header(etag(found.version)).json(found))
}

/// Changes a site.
#[utoipa::path(
    tag = "organizations",
    params(("id" = SiteId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses((status = 200, description = "Changed", body = Site))
)]
#[patch("/sites/{id}")]
async fn update_site(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<SiteId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateSite>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let changed = sites::update(store, &caller, *id, version, input, now).await?;
    Ok(HttpResponse::Ok().insert_header(etag(changed.version)).json(changed))
}
