//! Tokens for scripts and integrations.

use actix_web::{HttpResponse, delete, get, post, web};
use millwright_identity::people::api_tokens::{self, ApiTokenError};
use millwright_schemas::ApiTokenId;
use millwright_schemas::api::api_tokens::{ApiToken, ApiTokenCreated, NewApiToken};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_store::page::PageRequest;
use millwright_store::people::api_tokens::ApiToken as StoredToken;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{Authenticated, Json};
use crate::idempotency::shown_once;
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_api_tokens).service(create_api_token).service(revoke_api_token);
}

/// Tokens of the caller's organization and all below it, oldest first, without their secrets.
#[utoipa::path(
    tag = "api-tokens",
    params(PageQuery),
    responses((status = 200, description = "One page", body = Page<ApiToken>))
)]
#[get("/api-tokens")]
async fn list_api_tokens(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    query: web::Query<PageQuery>,
) -> Result<web::Json<Page<ApiToken>>, ApiError> {
    let request = PageRequest::<Uuid>::parse("api_tokens", &query)?;
    let rows = api_tokens::list(&state.store, &caller, &request).await?;
    Ok(web::Json(request.page(rows.into_iter().map(view).collect(), |token| token.id.uuid())))
}

/// Creates a token. Its secret is shown this once, and never again: a repeat with the same
/// `Idempotency-Key` answers 409.
#[utoipa::path(
    tag = "api-tokens",
    responses((status = 201, description = "Created", body = ApiTokenCreated))
)]
#[post("/api-tokens")]
async fn create_api_token(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<NewApiToken>,
) -> Result<HttpResponse, ApiError> {
    let new = body.into_inner();
    let (token, secret) = api_tokens::create(&state.store, &caller, new, state.now()).await?;
    Ok(shown_once(
        HttpResponse::Created()
            .insert_header(("Location", format!("{BASE_PATH}/api-tokens/{}", token.id)))
            .json(ApiTokenCreated { token: secret, api_token: view(token) }),
    ))
}

/// Revokes a token: it is refused from the next request on.
#[utoipa::path(
    tag = "api-tokens",
    params(("id" = ApiTokenId, Path)),
    responses((status = 204, description = "Revoked"))
)]
#[delete("/api-tokens/{id}")]
async fn revoke_api_token(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<ApiTokenId>,
) -> Result<HttpResponse, ApiError> {
    api_tokens::revoke(&state.store, &caller, *id, state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn view(token: StoredToken) -> ApiToken {
    ApiToken {
        id: token.id,
        organization_id: token.organization,
        name: token.name,
        scopes: token.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        created_by: token.created_by,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
    }
}

impl From<ApiTokenError> for ApiError {
    fn from(error: ApiTokenError) -> Self {
        match error {
            ApiTokenError::Forbidden(error) => error.into(),
            ApiTokenError::OnlyPeople => Self::Refused(error.to_string()),
            ApiTokenError::Invalid(error) => error.into(),
            ApiTokenError::Store(error) => error.into(),
        }
    }
}
