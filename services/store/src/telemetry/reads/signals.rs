//! A machine's signals with their newest values.

use millwright_schemas::api::page::Page;
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{MachineId, Quality, SignalKind, Timestamp};

use super::scoped::require_machine;
use crate::engine::Row;
use crate::page::PageRequest;
use crate::telemetry::series::kind_from;
use crate::{Scope, Store, StoreError};

/// A signal and its newest value.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalState {
    /// The signal's name.
    pub signal: String,
    /// Its unit, where it is known.
    pub unit: Option<String>,
    /// What kind of values it has; `None` while it only ever was null.
    pub kind: Option<SignalKind>,
    /// Its newest value.
    pub latest: Option<Latest>,
}

/// A value with its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// Device time.
    pub ts: Timestamp,
    /// The value.
    pub value: SampleValue,
    /// Its quality.
    pub quality: Quality,
    /// When the platform had it.
    pub received_at: Timestamp,
}

/// One page of a machine's signals, by name.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    page: &PageRequest<String>,
) -> Result<Page<SignalState>, StoreError> {
    require_machine(store, scope, machine).await?;
    let after = page.after.as_deref().unwrap_or("");
    let rows = read(store, machine, after, i64::try_from(page.rows()).unwrap_or(i64::MAX)).await?;
    Ok(page.page(rows, |row| row.signal.clone()))
}

/// All of a machine's signals.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn all(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<Vec<SignalState>, StoreError> {
    require_machine(store, scope, machine).await?;
    read(store, machine, "", i64::MAX).await
}

async fn read(
    store: &Store,
    machine: MachineId,
    after: &str,
    limit: i64,
) -> Result<Vec<SignalState>, StoreError> {
    let sql = "SELECT s.signal, s.unit, s.kind, l.ts, l.value, l.text, l.quality, l.received_at \
               FROM series s LEFT JOIN latest l ON l.series_id = s.id \
               WHERE s.machine_id = ? AND s.signal > ? ORDER BY s.signal LIMIT ?";
    let cells = [machine.uuid().into(), after.into(), limit.into()];
    let rows = store.reader_pool().fetch(sql, &cells).await?;
    rows.iter().map(from_row).collect()
}

/// A row of `signal, unit, kind, ts, value, text, quality, received_at`.
pub(super) fn from_row(row: &Row) -> Result<SignalState, StoreError> {
    let kind = kind_from(row.get::<Option<String>>(2)?.as_deref())?;
    let latest = match row.get::<Option<i64>>(3)? {
        None => None,
        Some(ts) => Some(Latest {
            ts: Timestamp::from_micros(ts),
            value: value(kind, row.get(4)?, row.get(5)?),
            quality: Quality::from_code(row.get(6)?),
            received_at: Timestamp::from_micros(row.get(7)?),
        }),
    };
    Ok(SignalState { signal: row.get(0)?, unit: row.get(1)?, kind, latest })
}

fn value(kind: Option<SignalKind>, number: Option<f64>, text: Option<String>) -> SampleValue {
    match (kind, number, text) {
        (Some(SignalKind::Number), Some(number), _) => SampleValue::Number(number),
        (Some(SignalKind::Boolean), Some(number), _) => SampleValue::Boolean(number != 0.0),
        (Some(SignalKind::Text), _, Some(text)) => SampleValue::Text(text),
        _ => SampleValue::Null,
    }
}
