//! Finding backtests, and canceling them.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::backtests::Backtest;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::{BacktestId, Timestamp};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store, StoreError, backtests};
use uuid::Uuid;

use super::request::view;
use crate::AlarmError;

/// What a rule makes of machines' values needs both permissions.
pub(super) fn require(caller: &Caller) -> Result<(), AlarmError> {
    caller.require(Permission::ReadRules)?;
    Ok(caller.require(Permission::ReadTelemetry)?)
}

/// A backtest of the caller's organization or one below it.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: BacktestId) -> Result<Backtest, AlarmError> {
    require(caller)?;
    let scope = Scope::Organization(caller.organization);
    Ok(view(backtests::get(store, scope, id).await?)?)
}

/// The caller's own backtests, newest first, without results.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: &PageQuery,
) -> Result<Page<Backtest>, AlarmError> {
    require(caller)?;
    let page = PageRequest::<Uuid>::parse("backtests", wanted)?;
    let scope = Scope::Organization(caller.organization);
    let rows = backtests::list(store, scope, caller.actor, &page).await?;
    let items = rows.into_iter().map(view).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(page.page(items, |item| item.id.uuid()))
}

/// Cancels a backtest: at once when it waits, within a second when it runs. One's own; those of others
/// only who may write rules. One that has ended stays as it is: nobody knows beforehand which comes first.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn cancel(
    store: &Store,
    caller: &Caller,
    id: BacktestId,
    now: Timestamp,
) -> Result<Backtest, AlarmError> {
    require(caller)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = backtests::load(&tx, scope, id).await?;
    if before.created_by != caller.actor {
        caller.require(Permission::WriteRules)?;
    }
    if before.state.is_final() {
        return Ok(view(before)?);
    }
    backtests::cancel(&tx, &before, now).await?;
    let after = backtests::load(&tx, scope, id).await?;
    tx.commit().await?;
    Ok(view(after)?)
}
