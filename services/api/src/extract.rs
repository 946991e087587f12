//! Who is calling.

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::error::JsonPayloadError;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use millwright_core::access::Caller;
use millwright_identity::people::callers::{self, AuthenticateError, Identity};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::state::AppState;

/// The caller, from `Authorization: Bearer …` with an access token or an API token. Without
/// one: 401. Whether they may do it, the use case decides.
#[derive(Debug, Clone)]
pub struct Authenticated(pub Caller);

/// The caller with the person behind it.
#[derive(Debug, Clone)]
pub struct Identified(pub Identity);

impl FromRequest for Authenticated {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(identify(&request).await?.caller.clone())) })
    }
}

impl FromRequest for Identified {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self((*identify(&request).await?).clone())) })
    }
}

/// Checks the bearer token, once a request.
pub(crate) async fn identify(request: &HttpRequest) -> Result<Rc<Identity>, ApiError> {
    if let Some(known) = request.extensions().get::<Rc<Identity>>() {
        return Ok(Rc::clone(known));
    }
    let state = request
        .app_data::<web::Data<AppState>>()
        .ok_or_else(|| ApiError::internal("the server has no state"))?;
    let token = bearer(request)?;
    let identity =
        Rc::new(callers::authenticate(&state.people, &state.store, token, state.now()).await?);
    request.extensions_mut().insert(Rc::clone(&identity));
    Ok(identity)
}

pub(crate) fn bearer(request: &HttpRequest) -> Result<&str, ApiError> {
    let missing = || ApiError::Unauthenticated("send Authorization: Bearer <token>".to_owned());
    let value = request.headers().get(AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

/// A JSON body that may be left out or null. Its content type isn't asked for: an empty body has none.
pub(crate) fn optional_json<T: DeserializeOwned>(body: &[u8]) -> Result<Option<T>, ApiError> {
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body).map_err(|error| JsonPayloadError::Deserialize(error).into())
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Store(error) => error.into(),
            error => Self::Unauthenticated(error.to_string()),
        }
    }
}
