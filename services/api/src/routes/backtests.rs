//! Backtests: rules tried on what was stored.

use actix_web::{HttpResponse, get, post, web};
use millwright_alarms::backtests;
use millwright_schemas::BacktestId;
use millwright_schemas::api::backtests::{Backtest, BacktestInput};
use millwright_schemas::api::page::{Page, PageQuery};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::{Authenticated, Json};
use crate::names;
use crate::openapi::BASE_PATH;
use crate::state::AppState;

/// Registers the handlers. Before those of rules, which take any word for an id.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create_backtest)
        .service(list_backtests)
        .service(get_backtest)
        .service(cancel_backtest);
}

/// Tries a rule on what was stored, with the engine that watches live. The body is that of
/// `POST /rules`; `backtest` in it says what it is tried on. The alarms and tickets that there would
/// have been are told by the backtest when it is done; nothing else changes. One of an organization
/// runs at a time, for 10 minutes at most, and may have to wait for those of others. A preview waits for
/// none of them and takes 30 seconds at most.
#[utoipa::path(
    tag = "rules",
    responses(
        (status = 202, description = "Accepted; follow it at its Location", body = Backtest),
        (status = 429, description = "Five of the organization's, or 20 previews, haven't ended yet"),
    )
)]
#[post("/rules/backtest")]
async fn create_backtest(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    body: Json<BacktestInput>,
) -> Result<HttpResponse, ApiError> {
    let (store, input, now) = (&state.store, body.into_inner(), state.now());
    let made = backtests::create(store, &caller, input, now).await?;
    let made = names::one(store, &caller, made).await;
    Ok(HttpResponse::Accepted()
        .insert_header(("Location", format!("{BASE_PATH}/rules/backtests/{}", made.id)))
        .json(made))
}

/// The caller's own backtests, newest first, without their results. They are kept for 7 days.
#[utoipa::path(
    tag = "rules",
    params(PageQuery),
    responses((status = 200, description = "One page", body = Page<Backtest>))
)]
#[get("/rules/backtests")]
async fn list_backtests(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<PageQuery>,
) -> Result<web::Json<Page<Backtest>>, ApiError> {
    let mut page = backtests::list(&state.store, &caller, &wanted).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}

/// A backtest: how far it is, and when it is done, what came out.
#[utoipa::path(
    tag = "rules",
    params(("id" = BacktestId, Path)),
    responses((status = 200, description = "The backtest", body = Backtest))
)]
#[get("/rules/backtests/{id}")]
async fn get_backtest(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<BacktestId>,
) -> Result<web::Json<Backtest>, ApiError> {
    let found = backtests::get(&state.store, &caller, *id).await?;
    Ok(web::Json(names::one(&state.store, &caller, found).await))
}

/// Cancels a backtest: at once when it waits, within a second when it runs. One's own; those of
/// others who may write rules. One that has ended stays as it is.
#[utoipa::path(
    tag = "rules",
    params(("id" = BacktestId, Path)),
    responses(
        (status = 200, description = "Canceled, told to stop, or ended before", body = Backtest),
    )
)]
#[post("/rules/backtests/{id}/cancel")]
async fn cancel_backtest(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<BacktestId>,
) -> Result<web::Json<Backtest>, ApiError> {
    let canceled = backtests::cancel(&state.store, &caller, *id, state.now()).await?;
    Ok(web::Json(names::one(&state.store, &caller, canceled).await))
}
