//! What a backtest is to try on what, as it is stored, and how it is shown.

use millwright_schemas::api::backtests::{Backtest, KnownFailure};
use millwright_schemas::api::rules::Rule;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::StoreError;
use millwright_store::backtests::{StoredBacktest, kept_s};
use serde::{Deserialize, Serialize};

/// What is to be tried on what; checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) rule: Rule,
    pub(super) against: Option<Rule>,
    pub(super) machines: Vec<MachineId>,
    /// Machines that the rule would watch but that were too many.
    pub(super) left_out: i64,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) known_failures: Vec<KnownFailure>,
    pub(super) lead_s: i64,
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("backtests", error)
}

impl Request {
    pub(super) fn read(stored: &StoredBacktest) -> Result<Self, StoreError> {
        serde_json::from_str(&stored.request).map_err(corrupt)
    }

    pub(super) fn write(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(corrupt)
    }
}

/// A backtest as people see it.
pub(super) fn view(stored: StoredBacktest) -> Result<Backtest, StoreError> {
    let request = Request::read(&stored)?;
    let result = stored.result.as_deref().map(serde_json::from_str).transpose().map_err(corrupt)?;
    Ok(Backtest {
        id: stored.id,
        organization_id: stored.organization,
        created_by: stored.created_by.into(),
        state: stored.state,
        progress: stored.progress,
        values: stored.values,
        cancel_requested: stored.cancel_requested,
        error: stored.error,
        name: request.rule.name,
        condition: request.rule.condition,
        preview: stored.preview,
        from: request.from,
        to: request.to,
        machine_ids: request.machines,
        created_at: stored.created_at,
        started_at: stored.started_at,
        ended_at: stored.ended_at,
        expires_at: stored.created_at.plus_seconds(kept_s(stored.preview)),
        result,
    })
}
