//! A series' values as they were received: the one place that reads them for what goes through them
//! in order.

use millwright_schemas::{Quality, SignalKind};

use crate::engine::Row;
use crate::{Store, StoreError};

/// A series as far as its values are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawSeries {
    pub(crate) id: i64,
    /// `None`: it has had nulls only.
    pub(crate) kind: Option<SignalKind>,
}

/// Which values: times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawRange {
    /// From this time on.
    pub(crate) from: i64,
    /// Before this time.
    pub(crate) to: i64,
    /// Which of them.
    pub(crate) take: Take,
}

/// Which values of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// At most so many, the oldest first.
    First(usize),
    /// The newest one.
    Last,
}

/// A value that was received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawValue {
    /// In microseconds.
    pub(crate) ts: i64,
    pub(crate) value: Raw,
    pub(crate) quality: Quality,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    Null,
    Number(f64),
    Boolean(bool),
    Text(String),
}

/// The values of a series in a range, oldest first; each time at most once.
pub(crate) async fn values(
    store: &Store,
    series: RawSeries,
    range: RawRange,
) -> Result<Vec<RawValue>, StoreError> {
    let table = match series.kind {
        Some(SignalKind::Text) => "points_text",
        Some(SignalKind::Number | SignalKind::Boolean) | None => "points",
    };
    let (order, limit) = match range.take {
        Take::First(count) => ("ts", count),
        Take::Last => ("ts DESC", 1),
    };
    let sql = format!(
        "SELECT ts, value, quality FROM {table} WHERE series_id = ? AND ts >= ? AND ts < ? \
         ORDER BY {order} LIMIT ?"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let cells = [series.id.into(), range.from.into(), range.to.into(), limit.into()];
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    rows.iter().map(|row| read(row, series.kind)).collect()
}

fn read(row: &Row, kind: Option<SignalKind>) -> Result<RawValue, StoreError> {
    let value = match kind {
        Some(SignalKind::Text) => row.get::<Option<String>>(1)?.map(Raw::Text),
        Some(SignalKind::Boolean) => {
            row.get::<Option<f64>>(1)?.map(|value| Raw::Boolean(value != 0.0))
        }
        Some(SignalKind::Number) | None => row.get::<Option<f64>>(1)?.map(Raw::Number),
    };
    let quality = Quality::from_code(row.get(2)?);
    Ok(RawValue { ts: row.get(0)?, value: value.unwrap_or(Raw::Null), quality })
}
