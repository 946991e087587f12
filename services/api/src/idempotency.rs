//! `Idempotency-Key`: a creating request that is sent again is not done again.
//!
//! Works for every POST of a signed-in caller that carries the header; handlers do nothing for
//! it. The key belongs to the caller and stands for one request: another path or body with the
//! same key is refused (422), the same one while it runs too (409), and afterwards the answer is
//! given again with `Idempotency-Replayed: true`. Only answers of success are kept: what failed
//! changed nothing and may be tried again. Keys are kept for 24 hours, and of one caller at most
//! 10,000: a new one beyond takes the place of the oldest that is done.
//!
//! An answer that shows a secret is marked with [`ShownOnce`] and not kept: its repeat is
//! answered 409, since the secret is nowhere to be had. After a crash between a change and the
//! note of its answer nobody knows whether it was done: until the key is forgotten its repeat is
//! answered 409 and not done, so that nothing is done twice. The caller looks, and uses a new key.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use millwright_core::access::Actor;
use millwright_store::Store;
use millwright_store::people::idempotency::{self, Claim, Key};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use crate::body;
use crate::error::ApiError;
use crate::extract::identify;
use crate::limits::{IDEMPOTENCY_KEY_MAX_CHARS, IDEMPOTENT_ANSWER_MAX_BYTES};
use crate::state::AppState;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that belong to an answer.
const KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

/// Put it into a response's extensions when its body shows a secret that is shown once: it is
/// then never kept.
#[derive(Debug, Clone, Copy)]
pub struct ShownOnce;

/// Marks a response as showing a secret once.
#[must_use]
pub fn shown_once(mut response: HttpResponse) -> HttpResponse {
    response.extensions_mut().insert(ShownOnce);
    response
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    headers: Vec<(String, String)>,
    body: String,
}

/// The middleware.
pub(crate) async fn middleware(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let key = request.headers().get(KEY).cloned();
    // Calls without sign-in (enrolment, sign-in itself) have their own rules against repeats.
    let Some(key) = key.filter(|_| is_creating(&request)) else { return next.call(request).await };
    match claim(&mut request, &key).await {
        Ok(Claimed::Run(state, key)) => {
            // In a task of its own: a caller that hangs up must not leave a change without its
            // note.
            let run = async move { run(&state.store, &key, next.call(request).await).await };
            rt::spawn(run.in_current_span())
                .await
                .map_err(|error| ApiError::internal(error.to_string()))?
        }
        Ok(Claimed::Replay(response)) => Ok(request.into_response(response)),
        Err(error) => Ok(request.into_response(HttpResponse::from_error(error))),
    }
}

enum Claimed {
    Run(web::Data<AppState>, Key),
    Replay(HttpResponse),
}

async fn claim(request: &mut ServiceRequest, key: &HeaderValue) -> Result<Claimed, ApiError> {
    let identity = identify(request.request()).await?;
    let key = Key { caller: caller(identity.caller.actor), key: checked(key)? };
    let (head, payload) = request.parts_mut();
    let body = body::read(head, payload).await?;
    let hash = request_hash(request.request(), &body);
    // It is unpacked by now; whoever reads it would do it again.
    request.headers_mut().remove(CONTENT_ENCODING);
    request.set_payload(actix_web::dev::Payload::from(body));
    let state = request
        .app_data::<web::Data<AppState>>()
        .ok_or_else(|| ApiError::internal("the server has no state"))?
        .clone();
    match idempotency::claim(&state.store, &key, &hash, state.now()).await? {
        Claim::Granted => Ok(Claimed::Run(state, key)),
        Claim::Running => Err(running()),
        Claim::Unknown => Err(unknown()),
        Claim::Full { retry_after_s } => Err(ApiError::TooMany { retry_after_s }),
        Claim::OtherRequest => Err(other_request()),
        Claim::Done { status, response } => replay(status, response).map(Claimed::Replay),
    }
}

async fn run(
    store: &Store,
    key: &Key,
    answer: Result<ServiceResponse<BoxBody>, actix_web::Error>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = match answer {
        Ok(response) if response.status().is_success() => response,
        failed => {
            idempotency::release(store, key).await.map_err(ApiError::from)?;
            return failed;
        }
    };
    let (response, kept) = keep(response).await?;
    let status = response.status().as_u16();
    idempotency::finish(store, key, status, kept).await.map_err(ApiError::from)?;
    Ok(response)
}

/// Reads the answer's body, so that it can be kept and sent.
async fn keep(
    response: ServiceResponse<BoxBody>,
) -> Result<(ServiceResponse<BoxBody>, Option<String>), actix_web::Error> {
    let (request, response) = response.into_parts();
    let secret = response.extensions().contains::<ShownOnce>();
    let (response, body) = response.into_parts();
    let bytes = actix_web::body::to_bytes(body)
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let small = bytes.len() <= IDEMPOTENT_ANSWER_MAX_BYTES;
    let answer = Answer {
        headers: KEPT_HEADERS
            .iter()
            .filter_map(|name| {
                let value = response.headers().get(name)?.to_str().ok()?;
                Some((name.to_string(), value.to_owned()))
            })
            .collect(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let kept = if secret || !small { None } else { serde_json::to_string(&answer).ok() };
    let response = response.set_body(bytes).map_into_boxed_body();
    Ok((ServiceResponse::new(request, response), kept))
}

fn replay(status: u16, kept: Option<String>) -> Result<HttpResponse, ApiError> {
    let answer: Answer =
        kept.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(already_done)?;
    let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
    let mut response = HttpResponse::build(status);
    for (name, value) in answer.headers {
        response.insert_header((name, value));
    }
    response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    Ok(response.body(answer.body))
}

fn is_creating(request: &ServiceRequest) -> bool {
    request.method() == Method::POST
        && request.headers().contains_key(actix_web::http::header::AUTHORIZATION)
}

fn checked(key: &HeaderValue) -> Result<String, ApiError> {
    let wrong = || {
        ApiError::Malformed(format!(
            "Idempotency-Key has 1 to {IDEMPOTENCY_KEY_MAX_CHARS} visible ASCII characters"
        ))
    };
    let text = key.to_str().map_err(|_| wrong())?;
    let fits = (1..=IDEMPOTENCY_KEY_MAX_CHARS).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

fn caller(actor: Actor) -> String {
    match actor {
        Actor::User(id) => format!("user:{id}"),
        Actor::ApiToken(id) => format!("api_token:{id}"),
        Actor::Machine(id) => format!("machine:{id}"),
        Actor::Platform => "platform".to_owned(),
    }
}

fn request_hash(request: &HttpRequest, body: &[u8]) -> Vec<u8> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(request.path().as_bytes());
    context.update(b"\n");
    context.update(request.query_string().as_bytes());
    context.update(b"\n");
    context.update(body);
    context.finish().as_ref().to_vec()
}

fn running() -> ApiError {
    ApiError::Conflict(
        "the request with this Idempotency-Key is still running; repeat it in a minute".to_owned(),
    )
}

fn unknown() -> ApiError {
    ApiError::Conflict(
        "the first request with this Idempotency-Key was interrupted and its outcome is unknown; \
         look whether it was done, and if not, send it with a new key"
            .to_owned(),
    )
}

fn other_request() -> ApiError {
    ApiError::Invalid {
        detail: "this Idempotency-Key was used for another request".to_owned(),
        errors: Vec::new(),
    }
}

fn already_done() -> ApiError {
    ApiError::Conflict(
        "the request with this Idempotency-Key was done; its answer was shown once and is not \
         kept"
            .to_owned(),
    )
}
