//! Rules: what the platform watches in machines' signals.

use actix_web::{HttpResponse, delete, get, post, put, web};
use millwright_alarms::rules;
use millwright_schemas::RuleId;
use millwright_schemas::api::page::Page;
use millwright_schemas::api::rules::{PrecisionQuery, Rule, RuleInput, RulePrecision, RuleQuery};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::{IfMatch, etag};
use crate::extract::{Authenticated, Json};
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_rules)
        .service(create_rule)
        .service(get_rule)
        .service(replace_rule)
        .service(delete_rule)
        .service(get_rule_precision);
}

/// Rules of the caller's organization and all below it, oldest first. What this version of the program doesn't
/// understand is left out; a page may have fewer items than its limit then.
#[utoipa::path(
    tag = "rules",
    params(RuleQuery),
    responses((status = 200, description = "One page", body = Page<Rule>))
)]
#[get("/rules")]
async fn list_rules(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<RuleQuery>,
) -> Result<web::Json<Page<Rule>>, ApiError> {
    Ok(web::Json(rules::list(&state.store, &caller, wanted.into_inner()).await?))
}

/// Adds a rule. It watches what machines send from now on.
#[utoipa::path(
    tag = "rules",
    responses((status = 201, description = "Added", body = Rule))
)]
#[post("/rules")]
async fn create_rule(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<RuleInput>,
) -> Result<HttpResponse, ApiError> {
    let created = rules::create(&state.store, &caller, body.into_inner(), state.now()).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("{BASE_PATH}/rules/{}", created.id)))
        .insert_header(etag(created.version))
        .json(created))
}

/// One rule.
#[utoipa::path(
    tag = "rules",
    params(("id" = RuleId, Path)),
    responses((status = 200, description = "The rule", body = Rule))
)]
#[get("/rules/{id}")]
async fn get_rule(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<RuleId>,
) -> Result<HttpResponse, ApiError> {
    let found = rules::get(&state.store, &caller, *id).await?;
    Ok(HttpResponse::Ok().insert_header(etag(found.version)).json(found))
}

/// Replaces a rule. Its active alarms stay until all is well by the new version; they are cleared
/// when it is switched off or watches something else.
#[utoipa::path(
    tag = "rules",
    params(("id" = RuleId, Path), ("If-Match" = String, Header, description = "ETag")),
    responses((status = 200, description = "Replaced", body = Rule))
)]
#[put("/rules/{id}")]
async fn replace_rule(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<RuleId>,
    IfMatch(version): IfMatch,
    body: Json<RuleInput>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let changed = rules::replace(store, &caller, *id, version, input, now).await?;
    Ok(HttpResponse::Ok().insert_header(etag(changed.version)).json(changed))
}

/// Deletes a rule and clears its alarms.
#[utoipa::path(
    tag = "rules",
    params(("id" = RuleId, Path)),
    responses((status = 204, description = "Deleted"))
)]
#[delete("/rules/{id}")]
async fn delete_rule(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<RuleId>,
) -> Result<HttpResponse, ApiError> {
    rules::delete(&state.store, &caller, *id, state.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How good a rule is: what people have said of its alarms (`POST /alarms/{id}/feedback`).
#[utoipa::path(
    tag = "rules",
    params(("id" = RuleId, Path), PrecisionQuery),
    responses((status = 200, description = "Its precision", body = RulePrecision))
)]
#[get("/rules/{id}/precision")]
async fn get_rule_precision(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<RuleId>,
    wanted: web::Query<PrecisionQuery>,
) -> Result<web::Json<RulePrecision>, ApiError> {
    let now = state.now();
    Ok(web::Json(rules::precision(&state.store, &caller, *id, &wanted, now).await?))
}
