//! The audit log.

use actix_web::{get, web};
use millwright_core::access::{Actor, Permission};
use millwright_core::audit::AuditRecord;
use millwright_schemas::api::audit::{ActorRef, AuditItem, SubjectRef};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, audit};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_audit);
}

/// What was done in the caller's organization and all below it, newest first.
#[utoipa::path(
    tag = "audit",
    params(PageQuery),
    responses((status = 200, description = "One page", body = Page<AuditItem>))
)]
#[get("/audit")]
async fn list_audit(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    query: web::Query<PageQuery>,
) -> Result<web::Json<Page<AuditItem>>, ApiError> {
    caller.require(Permission::ReadAudit)?;
    let request = PageRequest::<i64>::parse("audit", &query)?;
    let scope = Scope::Organization(caller.organization);
    let rows = audit::list(&state.store, scope, &request).await?;
    let items = rows.into_iter().map(|(seq, record)| view(seq, record)).collect();
    Ok(web::Json(request.page(items, |item: &AuditItem| item.seq)))
}

fn view(seq: i64, record: AuditRecord) -> AuditItem {
    let (kind, id) = actor(record.actor);
    AuditItem {
        seq,
        id: record.id,
        at: record.at,
        organization_id: record.organization,
        actor: ActorRef { kind: kind.to_owned(), id },
        action: record.action,
        subject: SubjectRef { kind: record.subject.kind, id: record.subject.id },
        details: record.details,
    }
}

pub(super) const fn actor(actor: Actor) -> (&'static str, Option<Uuid>) {
    match actor {
        Actor::User(id) => ("user", Some(id.uuid())),
        Actor::ApiToken(id) => ("api_token", Some(id.uuid())),
        Actor::Machine(id) => ("machine", Some(id.uuid())),
        Actor::Platform => ("platform", None),
    }
}
