//! Sign-in of people.

use std::net::IpAddr;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use millwright_identity::people::sessions::{self, SignInError, SignedIn};
use millwright_identity::people::users;
use millwright_identity::people::{Attempts, PasswordError};
use millwright_schemas::Secret;
use millwright_schemas::api::auth::{AccessToken, LoginRequest, Me, PasswordChange};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::{Identified, Json};
use crate::idempotency::shown_once;
use crate::observe::SignInMetrics;
use crate::openapi::BASE_PATH;
use crate::state::AppState;

const COOKIE: &str = "mw_refresh";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(log_in)
        .service(refresh)
        .service(log_out)
        .service(get_me)
        .service(change_password);
}

/// Signs a person in: an access token for 15 minutes, and a cookie to get the next one.
#[utoipa::path(
    tag = "auth",
    security(()),
    responses(
        (status = 200, description = "Signed in", body = AccessToken),
        (status = 401, description = "Wrong e-mail address or password"),
        (status = 429, description = "Too many failed attempts; see Retry-After"),
    )
)]
#[post("/auth/login")]
async fn log_in(
    state: web::Data<AppState>,
    metrics: web::Data<SignInMetrics>,
    request: HttpRequest,
    body: Json<LoginRequest>,
) -> HttpResponse {
    let LoginRequest { email, password } = body.into_inner();
    let (people, store) = (&state.people, &state.store);
    let from = address(&request);
    let result = sessions::log_in(people, store, &email, password, from, state.now()).await;
    let mut response = match result {
        Ok(signed_in) => answer(&state, &signed_in),
        Err(error) => {
            if matches!(error, SignInError::WrongCredentials | SignInError::TooMany { .. }) {
                metrics.failures.inc();
            }
            HttpResponse::from_error(ApiError::from(error))
        }
    };
    tell_attempts(&mut response, people.attempts(&email, from, state.now()));
    response
}

/// Replaces the cookie by the next one and gives a new access token. A cookie that is used again
/// later than ten seconds after it was replaced ends the session: two have it.
#[utoipa::path(
    tag = "auth",
    security(()),
    responses(
        (status = 200, description = "Signed in", body = AccessToken),
        (status = 401, description = "The session has ended"),
    )
)]
#[post("/auth/refresh")]
async fn refresh(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    refuse_other_sites(&request)?;
    let token = refresh_token(&request).ok_or(SignInError::SessionEnded)?;
    let signed_in = sessions::refresh(&state.people, &state.store, &token, state.now()).await?;
    Ok(answer(&state, &signed_in))
}

/// Ends the session of the cookie, access tokens included.
#[utoipa::path(tag = "auth", security(()), responses((status = 204, description = "Signed out")))]
#[post("/auth/logout")]
async fn log_out(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    refuse_other_sites(&request)?;
    if let Some(token) = refresh_token(&request) {
        sessions::log_out(&state.store, &token, state.now()).await?;
    }
    let mut gone = cookie(&state, &Secret::new(""), 0);
    gone.make_removal();
    Ok(HttpResponse::NoContent().cookie(gone).finish())
}

/// Who is calling and what they may do.
#[utoipa::path(tag = "auth", responses((status = 200, description = "The caller", body = Me)))]
#[get("/auth/me")]
async fn get_me(Identified(identity): Identified) -> web::Json<Me> {
    web::Json(super::users::me(identity))
}

/// Changes one's own password and ends one's other sessions.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 204, description = "Changed"),
        (status = 422, description = "The current password is wrong, or the new one too short"),
    )
)]
#[post("/auth/password")]
async fn change_password(
    state: web::Data<AppState>,
    Identified(identity): Identified,
    body: Json<PasswordChange>,
) -> Result<HttpResponse, ApiError> {
    let (people, store) = (&state.people, &state.store);
    users::change_own_password(people, store, &identity, body.into_inner(), state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn answer(state: &AppState, signed_in: &SignedIn) -> HttpResponse {
    let cookie = cookie(state, &signed_in.refresh_token, signed_in.refresh_expires_in_s);
    shown_once(HttpResponse::Ok().cookie(cookie).json(AccessToken {
        access_token: signed_in.access_token.clone(),
        token_type: "Bearer".to_owned(),
        expires_in: signed_in.expires_in_s,
    }))
}

/// How many attempts are left (IETF draft-ietf-httpapi-ratelimit-headers, first form).
fn tell_attempts(response: &mut HttpResponse, attempts: Attempts) {
    let headers = response.headers_mut();
    for (name, value) in [
        ("ratelimit-limit", attempts.limit),
        ("ratelimit-remaining", attempts.left),
        ("ratelimit-reset", attempts.reset_s),
    ] {
        headers.insert(HeaderName::from_static(name), value.into());
    }
}

fn cookie(state: &AppState, token: &Secret, max_age_s: i64) -> Cookie<'static> {
    Cookie::build(COOKIE, token.expose().to_owned())
        .path(format!("{BASE_PATH}/auth"))
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.is_https())
        .max_age(Duration::seconds(max_age_s))
        .finish()
}

fn refresh_token(request: &HttpRequest) -> Option<Secret> {
    request.cookie(COOKIE).map(|cookie| Secret::new(cookie.value()))
}

/// SameSite lets other ports of the same host through; browsers say where a request is from.
fn refuse_other_sites(request: &HttpRequest) -> Result<(), ApiError> {
    match request.headers().get(FETCH_SITE).map(|value| value.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(ApiError::Refused("only pages of this platform may do this".to_owned())),
    }
}

fn address(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip())
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::WrongCredentials | SignInError::SessionEnded => {
                Self::Unauthenticated(error.to_string())
            }
            SignInError::TooMany { retry_after_s } => Self::TooMany { retry_after_s },
            SignInError::Password(error) => error.into(),
            SignInError::Sign(_) => Self::internal(error),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Unavailable(error.into()),
            error @ PasswordError::Hash(_) => Self::internal(error),
        }
    }
}
