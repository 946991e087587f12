//! A machine's signals with their newest values.

use millwright_schemas::api::page::Page;
use millwright_schemas::limits::AHEAD_TOLERANCE_US;
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{MachineId, Quality, SignalKind, Timestamp};

use super::scoped::require_machine;
use crate::engine::{Cell, Row};
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

/// The newest value of a series. Where a clock was ahead, so that the order of times means nothing, it is
/// the one that was received last.
pub(super) const NEWEST: &str = "coalesce(i.ts, l.ts), \
    CASE WHEN i.ts IS NULL THEN l.value ELSE i.value END, \
    CASE WHEN i.ts IS NULL THEN l.text ELSE i.text END, \
    coalesce(i.quality, l.quality), coalesce(i.received_at, l.received_at)";

/// What [`NEWEST`] is taken from, beside `series s`. Its parameter: [`AHEAD_TOLERANCE_US`].
pub(super) const NEWEST_OF: &str = "LEFT JOIN latest l ON l.series_id = s.id \
    LEFT JOIN latest_in_time i ON i.series_id = s.id \
    AND l.ts > l.received_at + ? AND i.received_at >= l.received_at";

async fn read(
    store: &Store,
    machine: MachineId,
    after: &str,
    limit: i64,
) -> Result<Vec<SignalState>, StoreError> {
    let sql = format!(
        "SELECT s.signal, s.unit, s.kind, {NEWEST} FROM series s {NEWEST_OF} \
         WHERE s.machine_id = ? AND s.signal > ? ORDER BY s.signal LIMIT ?"
    );
    let cells: [Cell<'_>; 4] =
        [AHEAD_TOLERANCE_US.into(), machine.uuid().into(), after.into(), limit.into()];
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
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
