//! Asking for a backtest.

use millwright_core::access::Caller;
use millwright_schemas::api::backtests::{Backtest, BacktestInput, BacktestState};
use millwright_schemas::{BacktestId, OrganizationId, Timestamp};
use millwright_store::backtests::{self, StoredBacktest};
use millwright_store::machines::organizations;
use millwright_store::work::{self, BacktestDue, PreviewDue};
use millwright_store::{Scope, Store, StoreError, Tx};
use uuid::Uuid;

use super::check::{against, failures, lead_s, machines, rule_of, span};
use super::limits::{
    PREVIEW_RETRY_AFTER_S, PREVIEWS_WAITING_ALL_MAX, PREVIEWS_WAITING_MAX, RETRY_AFTER_S,
    WAITING_ALL_MAX, WAITING_MAX,
};
use super::query::require;
use super::request::{Request, view};
use crate::AlarmError;
use crate::rules::{form, missing};

/// Asks for a backtest. It is done by a job; one of an organization at a time, and apart from them one
/// preview.
///
/// # Errors
/// Not permitted, a field can't be accepted, the organization isn't found, too many wait, or the
/// database can't.
pub async fn create(
    store: &Store,
    caller: &Caller,
    input: BacktestInput,
    now: Timestamp,
) -> Result<Backtest, AlarmError> {
    require(caller)?;
    let scope = Scope::Organization(caller.organization);
    let (rule, options) = input.into_parts();
    let organization = rule.organization_id.unwrap_or(caller.organization);
    let mut fields = form(&rule);
    let time = span(&options, now, &mut fields);
    let lead_s = lead_s(&options, &mut fields);
    let tx = store.begin().await?;
    organizations::load(&tx, scope, organization).await?;
    missing(&tx, scope, organization, &rule, &mut fields).await?;
    let named = options.machine_ids.as_deref();
    let (machines, left_out) =
        machines(&tx, scope, &rule, organization, named, &mut fields).await?;
    let made = |input| rule_of(input, organization, now);
    let against = against(&tx, scope, &options, made, &mut fields).await?;
    failures(&options.known_failures, &machines, time, lead_s, &mut fields);
    fields.finish()?;
    has_room(&tx, caller.organization, options.preview).await?;
    let request = Request {
        rule: made(rule),
        against,
        machines,
        left_out,
        from: time.from,
        to: time.to,
        known_failures: options.known_failures,
        lead_s,
    };
    let new = StoredBacktest {
        id: BacktestId(Uuid::now_v7()),
        organization: caller.organization,
        created_by: caller.actor,
        request: request.write()?,
        state: BacktestState::Queued,
        progress: 0.0,
        values: 0,
        cancel_requested: false,
        error: None,
        result: None,
        created_at: now,
        started_at: None,
        ended_at: None,
        preview: options.preview,
    };
    backtests::insert(&tx, &new).await?;
    enqueue(&tx, &new, now).await?;
    tx.commit().await?;
    Ok(view(new)?)
}

/// Refuses one more when too many wait. Previews are counted apart: an editor is of no use without, and
/// a backtest needn't be refused because many edit.
async fn has_room(tx: &Tx, organization: OrganizationId, preview: bool) -> Result<(), AlarmError> {
    let (own_max, all_max, retry_after_s) = if preview {
        (PREVIEWS_WAITING_MAX, PREVIEWS_WAITING_ALL_MAX, PREVIEW_RETRY_AFTER_S)
    } else {
        (WAITING_MAX, WAITING_ALL_MAX, RETRY_AFTER_S)
    };
    let (own, all) = backtests::count_unfinished(tx, organization, preview).await?;
    if own >= own_max || all >= all_max {
        return Err(AlarmError::TooManyBacktests { retry_after_s });
    }
    Ok(())
}

async fn enqueue(tx: &Tx, new: &StoredBacktest, now: Timestamp) -> Result<(), StoreError> {
    let (backtest, organization) = (new.id, new.organization);
    if new.preview {
        work::enqueue(tx, organization, &PreviewDue { backtest, organization }, now).await
    } else {
        work::enqueue(tx, organization, &BacktestDue { backtest, organization }, now).await
    }
}
