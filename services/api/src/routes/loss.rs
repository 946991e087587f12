//! What of a machine's messages is missing, doubled or refused.

use actix_web::{get, web};
use millwright_registry::readings;
use millwright_schemas::api::loss::{Gap, Loss, LossCounters, StreamCursor};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::telemetry::reads::loss::Counters;
use millwright_store::telemetry::streams::{CursorRow, GapRow};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_loss);
}

/// How completely a machine's messages have arrived: what is missing, with its bounds.
#[utoipa::path(
    tag = "telemetry",
    params(("id" = MachineId, Path)),
    responses((status = 200, description = "All of it: it is bounded", body = Loss))
)]
#[get("/machines/{id}/loss")]
async fn get_loss(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
) -> Result<web::Json<Loss>, ApiError> {
    let found = readings::loss(&state.store, &caller, *id).await?;
    Ok(web::Json(Loss {
        streams: found.cursors.iter().map(cursor).collect(),
        gaps: found.gaps.iter().map(gap).collect(),
        counters: counters(found.counters),
    }))
}

fn cursor(row: &CursorRow) -> StreamCursor {
    StreamCursor {
        outbox: row.key.outbox,
        topic: row.key.topic.as_str().to_owned(),
        last_seq: row.last_seq,
        through_ts: row.through_ts.map(Timestamp::from_micros),
        updated_at: Timestamp::from_micros(row.updated_at),
    }
}

fn gap(row: &GapRow) -> Gap {
    Gap {
        outbox: row.key.outbox,
        topic: row.key.topic.as_str().to_owned(),
        from_seq: row.from_seq,
        to_seq: row.to_seq,
        detected_at: Timestamp::from_micros(row.detected_at),
    }
}

pub(super) const fn counters(counters: Counters) -> LossCounters {
    let Counters { duplicates, conflicts, quarantined, quarantine_dropped, late, ahead } = counters;
    LossCounters { duplicates, conflicts, quarantined, quarantine_dropped, late, ahead }
}
