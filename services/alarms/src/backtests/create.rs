//! Asking for a backtest.

use millwright_core::access::Caller;
use millwright_schemas::api::backtests::{Backtest, BacktestInput, BacktestState};
use millwright_schemas::{BacktestId, Timestamp};
use millwright_store::backtests::{self, StoredBacktest};
use millwright_store::machines::organizations;
use millwright_store::work::{self, BacktestDue};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use super::check::{against, failures, lead_s, machines, rule_of, span};
use super::limits::{RETRY_AFTER_S, WAITING_ALL_MAX, WAITING_MAX};
use super::query::require;
use super::request::{Request, view};
use crate::AlarmError;
use crate::rules::{form, missing};

/// Asks for a backtest. It is done by a job; one of an organization at a time.
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
    let (own, all) = backtests::count_unfinished(&tx, caller.organization).await?;
    if own >= WAITING_MAX || all >= WAITING_ALL_MAX {
        return Err(AlarmError::TooManyBacktests { retry_after_s: RETRY_AFTER_S });
    }
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
    let due = BacktestDue { backtest: new.id, organization: caller.organization };
    work::enqueue(&tx, caller.organization, &due, now).await?;
    tx.commit().await?;
    Ok(view(new)?)
}
