//! Alarms.

use actix_web::{HttpResponse, get, post, web};
use millwright_alarms::{AlarmError, manage};
use millwright_core::access::Caller;
use millwright_schemas::AlarmId;
use millwright_schemas::api::alarms::{Alarm, AlarmQuery, AlarmReason, GiveFeedback, ShelveAlarm};
use millwright_schemas::api::page::Page;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::etag::etag;
use crate::extract::{Authenticated, Json};
use crate::names;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_alarms)
        .service(get_alarm)
        .service(acknowledge_alarm)
        .service(shelve_alarm)
        .service(unshelve_alarm)
        .service(take_alarm_out_of_service)
        .service(return_alarm_to_service)
        .service(clear_alarm)
        .service(judge_alarm);
}

async fn answer(state: &AppState, caller: &Caller, alarm: Alarm) -> HttpResponse {
    let alarm = names::one(&state.store, caller, alarm).await;
    HttpResponse::Ok().insert_header(etag(alarm.version)).json(alarm)
}

/// Alarms of the caller's organization and all below it, newest first.
#[utoipa::path(
    tag = "alarms",
    params(AlarmQuery),
    responses((status = 200, description = "One page", body = Page<Alarm>))
)]
#[get("/alarms")]
async fn list_alarms(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    wanted: web::Query<AlarmQuery>,
) -> Result<web::Json<Page<Alarm>>, ApiError> {
    let mut page = manage::list(&state.store, &caller, &wanted).await?;
    names::all(&state.store, &caller, &mut page.items).await;
    Ok(web::Json(page))
}

/// One alarm.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses((status = 200, description = "The alarm", body = Alarm))
)]
#[get("/alarms/{id}")]
async fn get_alarm(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
) -> Result<HttpResponse, ApiError> {
    let alarm = manage::get(&state.store, &caller, *id).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Tells that somebody has seen an alarm. Doing it again changes nothing.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses((status = 200, description = "Acknowledged", body = Alarm))
)]
#[post("/alarms/{id}/acknowledge")]
async fn acknowledge_alarm(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
) -> Result<HttpResponse, ApiError> {
    let alarm = manage::acknowledge(&state.store, &caller, *id, state.now()).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Puts an active alarm aside for a while; it opens no ticket meanwhile. It holds for the alarms
/// with the same machine, source and code that follow.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses(
        (status = 200, description = "Shelved", body = Alarm),
        (status = 409, description = "Not active"),
    )
)]
#[post("/alarms/{id}/shelve")]
async fn shelve_alarm(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
    body: Json<ShelveAlarm>,
) -> Result<HttpResponse, ApiError> {
    let input = body.into_inner();
    let alarm = manage::shelve(&state.store, &caller, *id, input, state.now()).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Takes a shelved alarm back.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses((status = 200, description = "Not shelved", body = Alarm))
)]
#[post("/alarms/{id}/unshelve")]
async fn unshelve_alarm(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
) -> Result<HttpResponse, ApiError> {
    let alarm = manage::unshelve(&state.store, &caller, *id, state.now()).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Takes an active alarm out of service: it isn't told until somebody returns it. It holds for the
/// alarms with the same machine, source and code that follow.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses(
        (status = 200, description = "Out of service", body = Alarm),
        (status = 409, description = "Not active"),
    )
)]
#[post("/alarms/{id}/out-of-service")]
async fn take_alarm_out_of_service(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
    body: Json<AlarmReason>,
) -> Result<HttpResponse, ApiError> {
    let (store, now, input) = (&state.store, state.now(), body.into_inner());
    let alarm = manage::take_out_of_service(store, &caller, *id, input, now).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Returns an alarm to service.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses((status = 200, description = "In service", body = Alarm))
)]
#[post("/alarms/{id}/return-to-service")]
async fn return_alarm_to_service(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
) -> Result<HttpResponse, ApiError> {
    let alarm = manage::return_to_service(&state.store, &caller, *id, state.now()).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Clears an active alarm by hand. If what raised it is still so, the next raise is a new alarm.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses(
        (status = 200, description = "Cleared", body = Alarm),
        (status = 409, description = "Not active"),
    )
)]
#[post("/alarms/{id}/clear")]
async fn clear_alarm(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
    body: Json<AlarmReason>,
) -> Result<HttpResponse, ApiError> {
    let input = body.into_inner();
    let alarm = manage::clear(&state.store, &caller, *id, input, state.now()).await?;
    Ok(answer(&state, &caller, alarm).await)
}

/// Says what an alarm was worth: real, a nuisance, or expected. It replaces what was said before, and
/// counts for its rule's precision.
#[utoipa::path(
    tag = "alarms",
    params(("id" = AlarmId, Path)),
    responses((status = 200, description = "Noted", body = Alarm))
)]
#[post("/alarms/{id}/feedback")]
async fn judge_alarm(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<AlarmId>,
    body: Json<GiveFeedback>,
) -> Result<HttpResponse, ApiError> {
    let input = body.into_inner();
    let alarm = manage::judge(&state.store, &caller, *id, input, state.now()).await?;
    Ok(answer(&state, &caller, alarm).await)
}

impl From<AlarmError> for ApiError {
    fn from(error: AlarmError) -> Self {
        match error {
            AlarmError::Forbidden(error) => error.into(),
            AlarmError::Invalid(error) => Self::invalid(error.0),
            AlarmError::Page(error) => error.into(),
            AlarmError::Illegal(error) => Self::Conflict(error.to_string()),
            AlarmError::OutOfUse(error) => Self::Conflict(error.to_string()),
            AlarmError::TooManyBacktests { retry_after_s } => Self::TooMany { retry_after_s },
            AlarmError::Store(error) => error.into(),
        }
    }
}
