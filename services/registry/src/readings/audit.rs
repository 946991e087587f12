//! What was done, by whom.

use millwright_core::access::{Caller, Permission};
use millwright_core::audit::AuditRecord;
use millwright_core::fields::Fields;
use millwright_schemas::api::audit::AuditQuery;
use millwright_schemas::api::page::Page;
use millwright_store::audit::{self, Filter};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store};

use super::parameters::{is_word, shown, time};
use crate::RegistryError;
use crate::limits::SUBJECT_ID_MAX;

/// The wanted records of the caller's organization and all below it, newest first, each with its
/// number in the log.
///
/// # Errors
/// Not permitted, no such page, a condition can't be accepted, or the database can't.
pub async fn audit(
    store: &Store,
    caller: &Caller,
    wanted: &AuditQuery,
) -> Result<Page<(i64, AuditRecord)>, RegistryError> {
    caller.require(Permission::ReadAudit)?;
    let page = PageRequest::<i64>::parse("audit", &wanted.page())?;
    let filter = filter(wanted)?;
    let rows = audit::list(store, Scope::Organization(caller.organization), &filter, &page).await?;
    Ok(page.page(rows, |(seq, _)| *seq))
}

fn filter(wanted: &AuditQuery) -> Result<Filter, RegistryError> {
    if let Some(action) = wanted.action.as_deref().filter(|action| !is_word(action)) {
        let message =
            format!("{:?} is not the start of an action such as machine.created", shown(action));
        return Err(RegistryError::field("action", message));
    }
    let mut fields = Fields::default();
    if let Some(id) = &wanted.subject_id {
        fields.text("subject_id", id, SUBJECT_ID_MAX);
    }
    fields.finish()?;
    let bound =
        |field, text: &Option<String>| text.as_deref().map(|text| time(field, text)).transpose();
    let (from, to) = (bound("from", &wanted.from)?, bound("to", &wanted.to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        let message = format!("{from} is not before the end, {to}");
        return Err(RegistryError::field("from", message));
    }
    let (action, subject) = (wanted.action.clone(), wanted.subject_id.clone());
    Ok(Filter { actor: wanted.actor_id, action, subject, from, to })
}
