//! Finding rules.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::RuleId;
use millwright_schemas::api::page::Page;
use millwright_schemas::api::rules::{Rule, RuleQuery};
use millwright_store::page::PageRequest;
use millwright_store::rules::{self, Filter};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use crate::AlarmError;

/// A rule that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: RuleId) -> Result<Rule, AlarmError> {
    caller.require(Permission::ReadRules)?;
    Ok(rules::get(store, Scope::Organization(caller.organization), id).await?)
}

/// The rules that the caller sees and wants, in the order of their creation.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: RuleQuery,
) -> Result<Page<Rule>, AlarmError> {
    caller.require(Permission::ReadRules)?;
    let page = PageRequest::<Uuid>::parse("rules", &wanted.page())?;
    let filter = Filter { machine: wanted.machine_id, model: wanted.model };
    let scope = Scope::Organization(caller.organization);
    let items = rules::list(store, scope, &filter, &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}
