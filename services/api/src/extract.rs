//! Who is calling, and what they send.

use std::ops::Deref;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use millwright_core::access::Caller;
use millwright_identity::people::callers::{self, AuthenticateError, Identity};
use serde::de::DeserializeOwned;

use crate::body;
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

/// A JSON body. What is wrong with it is told with the field, such as `condition.conditions[0].above`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// What was sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request);
        let body = body::read(request, payload);
        Box::pin(async move {
            if !is_json {
                return Err(ApiError::UnsupportedMediaType);
            }
            read_json(&body.await?).map(Self)
        })
    }
}

/// A JSON body that may be left out or null. Its content type isn't asked for: an empty body has none.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body::read(request, payload);
        Box::pin(async move {
            let body = body.await?;
            if body.is_empty() { Ok(Self(None)) } else { read_json(&body).map(Self) }
        })
    }
}

/// `application/json`, or something whose form is JSON (RFC 6839).
fn is_json(request: &HttpRequest) -> bool {
    let Ok(Some(mime)) = request.mime_type() else { return false };
    mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json")
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        ApiError::unusable_json(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| ApiError::unusable_json(".", &error))?;
    Ok(read)
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Store(error) => error.into(),
            error => Self::Unauthenticated(error.to_string()),
        }
    }
}
