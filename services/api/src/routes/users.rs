//! People.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use millwright_core::access::Actor;
use millwright_identity::people::callers::Identity;
use millwright_identity::people::users::{self, UserError};
use millwright_identity::people::validate::InvalidFields;
use millwright_schemas::UserId;
use millwright_schemas::api::auth::Me;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::users::{NewUser, User, UserChange};
use millwright_store::page::PageRequest;
use millwright_store::people::users::User as StoredUser;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_users)
        .service(create_user)
        .service(get_user)
        .service(update_user)
        .service(delete_user);
}

/// People of the caller's organization and all below it, oldest first.
#[utoipa::path(
    tag = "users",
    params(PageQuery),
    responses((status = 200, description = "One page", body = Page<User>))
)]
#[get("/users")]
async fn list_users(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    query: web::Query<PageQuery>,
) -> Result<web::Json<Page<User>>, ApiError> {
    let request = PageRequest::<Uuid>::parse("users", &query)?;
    let rows = users::list(&state.store, &caller, &request).await?;
    Ok(web::Json(request.page(rows.into_iter().map(view).collect(), |user| user.id.uuid())))
}

/// Adds a person.
#[utoipa::path(
    tag = "users",
    responses(
        (status = 201, description = "Added", body = User),
        (status = 409, description = "The e-mail address is taken"),
    )
)]
#[post("/users")]
async fn create_user(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<NewUser>,
) -> Result<HttpResponse, ApiError> {
    let (people, store) = (&state.people, &state.store);
    let user = users::create(people, store, &caller, body.into_inner(), state.now()).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/users/{}", user.id)))
        .insert_header(etag(user.version))
        .json(view(user)))
}

/// One person.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path)),
    responses((status = 200, description = "The person", body = User))
)]
#[get("/users/{id}")]
async fn get_user(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<UserId>,
) -> Result<HttpResponse, ApiError> {
    let user = users::get(&state.store, &caller, id.into_inner()).await?;
    Ok(HttpResponse::Ok().insert_header(etag(user.version)).json(view(user)))
}

/// Changes a person. A new password and switching off end their sessions.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses(
        (status = 200, description = "Changed", body = User),
        (status = 409, description = "The last administrator"),
    )
)]
#[patch("/users/{id}")]
async fn update_user(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<UserId>,
    IfMatch(version): IfMatch,
    body: Json<UserChange>,
) -> Result<HttpResponse, ApiError> {
    let (people, store, now) = (&state.people, &state.store, state.now());
    let change = body.into_inner();
    let user = users::update(people, store, &caller, *id, version, change, now).await?;
    Ok(HttpResponse::Ok().insert_header(etag(user.version)).json(view(user)))
}

/// Erases a person: name and address are gone, sign-in and API tokens end.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses(
        (status = 204, description = "Erased"),
        (status = 409, description = "The last administrator"),
    )
)]
#[delete("/users/{id}")]
async fn delete_user(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<UserId>,
    IfMatch(version): IfMatch,
) -> Result<HttpResponse, ApiError> {
    users::delete(&state.store, &caller, *id, version, state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn view(user: StoredUser) -> User {
    User {
        id: user.id,
        organization_id: user.organization,
        email: user.email,
        name: user.name,
        role: user.role.as_str().to_owned(),
        disabled: user.disabled_at.is_some(),
        version: user.version,
        created_at: user.created_at,
        updated_at: user.updated_at,
    }
}

/// The caller as they see themselves; a token isn't told about its creator.
pub(super) fn me(identity: Identity) -> Me {
    let Identity { caller, user, session } = identity;
    let permissions = caller.permissions.iter().map(|p| p.as_str().to_owned()).collect();
    let (kind, id) = match caller.actor {
        Actor::ApiToken(id) => ("api_token", id.uuid()),
        _ => ("user", user.id.uuid()),
    };
    let person = session.map(|_| (user.email, user.name, user.role.as_str().to_owned()));
    let (email, name, role) = match person {
        Some((email, name, role)) => (Some(email), Some(name), Some(role)),
        None => (None, None, None),
    };
    Me {
        kind: kind.to_owned(),
        id,
        organization_id: caller.organization,
        permissions,
        email,
        name,
        role,
    }
}

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Forbidden(error) => error.into(),
            UserError::AboveCaller(_) | UserError::NotAPerson => Self::Refused(error.to_string()),
            UserError::Invalid(error) => error.into(),
            UserError::LastAdmin => Self::Conflict(error.to_string()),
            UserError::WrongPassword => Self::invalid_field("current_password", "is wrong"),
            UserError::TooMany { retry_after_s } => Self::TooMany { retry_after_s },
            UserError::Password(error) => error.into(),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<InvalidFields> for ApiError {
    fn from(error: InvalidFields) -> Self {
        Self::invalid(error.0)
    }
}
