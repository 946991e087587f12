//! The audit log.

use actix_web::{get, web};
use millwright_core::audit::AuditRecord;
use millwright_registry::readings;
use millwright_schemas::api::audit::{AuditItem, AuditQuery, SubjectRef};
use millwright_schemas::api::page::Page;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::names;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_audit);
}

/// What was done in the caller's organization and all below it, newest first.
#[utoipa::path(
    tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "One page", body = Page<AuditItem>))
)]
#[get("/audit")]
async fn list_audit(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    query: web::Query<AuditQuery>,
) -> Result<web::Json<Page<AuditItem>>, ApiError> {
    let Page { items, next_cursor } = readings::audit(&state.store, &caller, &query).await?;
    let mut items: Vec<_> = items.into_iter().map(|(seq, record)| view(seq, record)).collect();
    names::all(&state.store, &caller, &mut items).await;
    Ok(web::Json(Page { items, next_cursor }))
}

fn view(seq: i64, record: AuditRecord) -> AuditItem {
    AuditItem {
        seq,
        id: record.id,
        at: record.at,
        organization_id: record.organization,
        actor: record.actor.into(),
        action: record.action,
        subject: SubjectRef { kind: record.subject.kind, id: record.subject.id },
        details: record.details,
    }
}
