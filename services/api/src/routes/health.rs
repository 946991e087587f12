//! Whether the platform works. Outside `/api/v1`, without sign-in, for orchestrators and
//! monitoring; says nothing about customers.

use actix_web::{HttpResponse, get, web};
use millwright_schemas::api::health::{CheckResult, Readiness};
use prometheus::{Encoder as _, TextEncoder};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::health::Finding;
use crate::limits::CHECK_TIMEOUT;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_health).service(get_readiness).service(get_metrics);
}

/// Whether the process answers.
#[utoipa::path(tag = "health", security(()), responses((status = 200, description = "It does")))]
#[get("/healthz")]
pub(crate) async fn get_health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Whether the platform is ready for work. A check that only informs, such as that of the bus, may
/// fail while it is.
#[utoipa::path(
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready", body = Readiness),
    )
)]
#[get("/readyz")]
async fn get_readiness(state: web::Data<AppState>) -> HttpResponse {
    // A server that hangs is as bad as one that refuses.
    let answer = tokio::time::timeout(CHECK_TIMEOUT, state.store.ping()).await;
    let database = match answer {
        Ok(answer) => state.health.database(answer),
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    };
    let database = Finding { name: "database", required: true, result: database };
    let mut findings = state.health.run().await;
    findings.push(database);
    let ready = findings.iter().all(|finding| finding.result.is_ok() || !finding.required);
    let checks = findings.into_iter().map(|Finding { name, result, .. }| {
        (name.to_owned(), CheckResult { ok: result.is_ok(), reason: result.err() })
    });
    let checks = checks.collect();
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Readiness { ready, checks })
}

/// Counts and times of the platform's parts, in the text format of Prometheus.
#[utoipa::path(
    tag = "health",
    security(()),
    responses((status = 200, description = "Metrics", content_type = "text/plain", body = String))
)]
#[get("/metrics")]
async fn get_metrics(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&state.metrics.gather(), &mut text).map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(TextEncoder::new().format_type()).body(text))
}
