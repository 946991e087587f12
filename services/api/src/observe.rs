//! What every answer gets: a span, a line in the log, a count, and security headers.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use millwright_schemas::api::problem::PROBLEM_JSON;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use tracing::Instrument as _;

use crate::error::{ApiError, chain};
use crate::state::AppState;

const API_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// For the API description: everything from here, nothing from elsewhere. Styles within the page are
/// what Swagger UI needs.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);
const API_PREFIX: &str = "/api/";

/// Counts of requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RequestMetrics(HistogramVec);

impl RequestMetrics {
    /// Registers the metric; a second server on the same registry shares it.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = HistogramOpts::new(
            "millwright_http_request_duration_seconds",
            "Time to answer HTTP requests.",
        );
        let histogram = HistogramVec::new(options, &["method", "route", "status"])?;
        registry.register(Box::new(histogram.clone()))?;
        Ok(Self(histogram))
    }
}

/// Connections that weren't let in. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DoorMetrics(IntCounterVec);

impl DoorMetrics {
    /// A count that is shown nowhere.
    pub(crate) fn unregistered() -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "millwright_http_connections_refused_total",
            "Connections that weren't let in by reason.",
        );
        Ok(Self(IntCounterVec::new(options, &["reason"])?))
    }

    /// Registers the metric.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::unregistered()?;
        registry.register(Box::new(metrics.0.clone()))?;
        Ok(metrics)
    }

    /// One more: `full`, `too_fast`, `timeout`, `handshake` or `gone`.
    pub(crate) fn refused(&self, reason: &str) {
        self.0.with_label_values(&[reason]).inc();
    }
}

/// Sign-ins that failed. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SignInMetrics {
    /// A wrong address or password, or too many attempts.
    pub(crate) failures: IntCounter,
}

impl SignInMetrics {
    /// Registers the metric.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let failures = IntCounter::new(
            "millwright_sign_in_failures_total",
            "Sign-ins refused: wrong e-mail address or password, or too many attempts.",
        )?;
        registry.register(Box::new(failures.clone()))?;
        Ok(Self { failures })
    }
}

/// The middleware. Runs around everything but compression.
pub(crate) async fn middleware(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let method = request.method().clone();
    if method == Method::HEAD {
        // Answered like GET; the connection leaves the body out.
        request.head_mut().method = Method::GET;
    }
    // The pattern, not the path: ids would make every request a metric and a span of its own.
    let route = request.match_pattern().unwrap_or_else(|| "other".to_owned());
    let https = request.app_data::<web::Data<AppState>>().is_some_and(|state| state.is_https());
    let metrics = request.app_data::<web::Data<RequestMetrics>>().cloned();
    let label = method_label(&method);
    let span = tracing::info_span!("http.request", http.method = label, http.route = %route);

    // Keep no clone of the request meanwhile: routing needs it for itself. Handlers' errors are
    // answers already; what is an error here was refused before any handler.
    let mut response = next.call(request).instrument(span.clone()).await?.map_into_boxed_body();
    if let Some(problem) = needs_problem(&response) {
        response = response.into_response(HttpResponse::from_error(problem));
    }
    let status = response.status();
    let _entered = span.enter();
    log_failure(&response);
    tracing::debug!(
        http.status = status.as_u16(),
        http.duration_ms = started.elapsed().as_millis(),
        "answered"
    );
    if let Some(metrics) = metrics {
        let labels = [label, &route, status.as_str()];
        metrics.0.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
    }
    let page = !response.request().path().starts_with(API_PREFIX);
    secure(response.headers_mut(), page, https);
    Ok(response)
}

/// Any word can be sent as a method: each would be a metric of its own, for ever.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Refusals of the HTTP server itself are plain text or empty: they become problems too.
fn needs_problem(response: &ServiceResponse<BoxBody>) -> Option<ApiError> {
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let problem = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes() == PROBLEM_JSON.as_bytes());
    // Readiness answers 503 with its checks.
    let ours = response.headers().contains_key(CONTENT_TYPE) && status.is_server_error();
    if !refused || problem || ours {
        return None;
    }
    match response.response().error() {
        Some(error) if status.is_server_error() => Some(ApiError::internal(error.to_string())),
        _ => Some(ApiError::of_status(status)),
    }
}

/// The chain of causes is logged here and nowhere else.
fn log_failure(response: &ServiceResponse<BoxBody>) {
    let Some(error) = response.response().error() else { return };
    match error.as_error::<ApiError>() {
        Some(error @ ApiError::Internal(_)) => tracing::error!("{}", chain(error)),
        Some(error @ ApiError::Unavailable(_)) => tracing::warn!("{}", chain(error)),
        Some(_) => {}
        None if response.status().is_server_error() => tracing::error!("{error}"),
        None => {}
    }
}

fn secure(headers: &mut HeaderMap, page: bool, https: bool) {
    let mut default = |name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    default(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    default(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    default(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    default(CONTENT_SECURITY_POLICY, if page { PAGE_POLICY } else { API_POLICY });
    if !page {
        default(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if https {
        default(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    let stream = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    if stream {
        // Compression would hold events back until its buffer is full.
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
}
