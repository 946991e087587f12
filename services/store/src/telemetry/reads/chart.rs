//! A signal over time, in no more points than a chart has room for.

use std::collections::BTreeMap;

use millwright_schemas::{MachineId, SignalKind, Timestamp};

use super::scoped::require_machine;
use super::{raw, rolled, texts};
use crate::telemetry::packed::Span;
use crate::telemetry::series::kind_from;
use crate::upkeep::marks;
use crate::upkeep::rollups::{MINUTE_US, floor};
use crate::{Scope, Store, StoreError};

/// What is to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
    /// Most points a series, at least 1.
    pub points: u32,
}

impl Range {
    const fn span(self) -> Span {
        Span { from: self.from.micros(), to: self.to.micros() }
    }

    /// One point more than wanted, to see whether there are more.
    const fn one_more(self) -> usize {
        self.points as usize + 1
    }
}

/// A signal over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The signal's name.
    pub signal: String,
    /// Its unit, where it is known.
    pub unit: Option<String>,
    /// Its kind; `None` when it has none yet, or the machine has no such signal.
    pub kind: Option<SignalKind>,
    /// Width of a bucket in microseconds; 0 for points as received.
    pub resolution_us: i64,
    /// Whether there are more changes than were asked for, or than there is room for; the first ones are
    /// given.
    pub truncated: bool,
    /// The points, oldest first.
    pub points: ChartPoints,
}

/// Points of one kind. Times in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum ChartPoints {
    /// Numbers: all of them, or buckets of them.
    Numbers(Vec<Bucket>),
    /// Booleans, where they change.
    Booleans(Vec<(i64, Option<bool>)>),
    /// Texts, where they change.
    Texts(Vec<(i64, Option<String>)>),
}

/// Numbers of one bucket; of a single point when the resolution is 0. `None`: only nulls. From a
/// minute on, buckets are made of whole minutes or hours, also the first one of the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Where it starts.
    pub ts: i64,
    /// Mean.
    pub avg: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
}

/// Widths of buckets, in milliseconds: what people read easily.
const WIDTHS_MS: [i64; 27] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000,
    120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000,
    43_200_000, DAY_MS,
];
const DAY_MS: i64 = 86_400_000;

/// Reads signals of a machine over time.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn read(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    signals: &[String],
    range: Range,
) -> Result<Vec<Chart>, StoreError> {
    require_machine(store, scope, machine).await?;
    let mut charts = Vec::with_capacity(signals.len());
    let mut text_bytes = texts::BYTES_MAX;
    for signal in signals {
        charts.push(read_one(store, machine, signal, range, &mut text_bytes).await?);
    }
    Ok(charts)
}

async fn read_one(
    store: &Store,
    machine: MachineId,
    signal: &str,
    range: Range,
    text_bytes: &mut usize,
) -> Result<Chart, StoreError> {
    let sql = "SELECT id, kind, unit FROM series WHERE machine_id = ? AND signal = ?";
    let row = store.reader_pool().first(sql, &[machine.uuid().into(), signal.into()]).await?;
    let mut chart = Chart {
        signal: signal.to_owned(),
        unit: None,
        kind: None,
        resolution_us: 0,
        truncated: false,
        points: ChartPoints::Numbers(Vec::new()),
    };
    let Some(row) = row else { return Ok(chart) };
    let series: i64 = row.get(0)?;
    chart.kind = kind_from(row.get::<Option<String>>(1)?.as_deref())?;
    chart.unit = row.get(2)?;
    match chart.kind {
        Some(SignalKind::Number) | None => numbers(store, series, range, &mut chart).await?,
        Some(SignalKind::Boolean) => booleans(store, series, range, &mut chart).await?,
        Some(SignalKind::Text) => {
            let most = range.points as usize;
            let changes = texts::changes(store, series, range.span(), most, text_bytes).await?;
            chart.truncated = changes.truncated;
            chart.points = ChartPoints::Texts(changes.found);
        }
    }
    Ok(chart)
}

async fn numbers(
    store: &Store,
    series: i64,
    range: Range,
    chart: &mut Chart,
) -> Result<(), StoreError> {
    let width = bucket_width(range);
    if width >= MINUTE_US {
        let buckets = rolled::buckets(store, series, range, width).await?;
        let values: i64 = buckets.values().map(|bucket| bucket.count).sum();
        // Few enough are better shown as they are, if they are still there.
        let shown = values <= i64::from(range.points)
            && rolled::are_there(store, series, range, width, &buckets).await?
            && as_received(store, series, range, chart).await?;
        if !shown {
            chart.resolution_us = width;
            chart.points = ChartPoints::Numbers(drawn(buckets, width));
        }
        return Ok(());
    }
    if !whole(store, series, range).await? {
        let buckets = rolled::buckets(store, series, range, MINUTE_US).await?;
        chart.resolution_us = MINUTE_US;
        chart.points = ChartPoints::Numbers(drawn(buckets, MINUTE_US));
        return Ok(());
    }
    if as_received(store, series, range, chart).await? {
        if matches!(&chart.points, ChartPoints::Numbers(points) if points.is_empty()) {
            // So old that only rollups are left, or nothing was there.
            let buckets = rolled::buckets(store, series, range, MINUTE_US).await?;
            if !buckets.is_empty() {
                chart.resolution_us = MINUTE_US;
                chart.points = ChartPoints::Numbers(drawn(buckets, MINUTE_US));
            }
        }
        return Ok(());
    }
    let buckets = raw::sums(store, series, range.span(), width).await?;
    chart.resolution_us = width;
    chart.points = ChartPoints::Numbers(drawn(buckets, width));
    Ok(())
}

/// Whether all values as received of a range of few minutes are still there, as far as rollups tell.
async fn whole(store: &Store, series: i64, range: Range) -> Result<bool, StoreError> {
    let removed = marks::get(store, marks::RAW_REMOVED).await?;
    if removed.is_none_or(|before| floor(range.from.micros(), MINUTE_US) >= before) {
        return Ok(true);
    }
    let buckets = rolled::buckets(store, series, range, MINUTE_US).await?;
    rolled::are_there(store, series, range, MINUTE_US, &buckets).await
}

/// Takes the points as they were received, if they aren't too many. Whether they were taken.
async fn as_received(
    store: &Store,
    series: i64,
    range: Range,
    chart: &mut Chart,
) -> Result<bool, StoreError> {
    let found = raw::first(store, series, range.span(), range.one_more()).await?;
    if found.len() > range.points as usize {
        return Ok(false);
    }
    let bucket = |(ts, value)| Bucket { ts, avg: value, min: value, max: value };
    chart.points = ChartPoints::Numbers(found.into_iter().map(bucket).collect());
    Ok(true)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bucket are far below 2^53")]
fn drawn(buckets: BTreeMap<i64, rolled::Sums>, width: i64) -> Vec<Bucket> {
    let bucket = |(index, sums): (i64, rolled::Sums)| Bucket {
        ts: index * width,
        avg: sums.sum.filter(|_| sums.count > 0).map(|sum| sum / sums.count as f64),
        min: sums.min,
        max: sums.max,
    };
    buckets.into_iter().map(bucket).collect()
}

async fn booleans(
    store: &Store,
    series: i64,
    range: Range,
    chart: &mut Chart,
) -> Result<(), StoreError> {
    let width = bucket_width(range);
    let level = if width < MINUTE_US { MINUTE_US } else { rolled::level(width) };
    let (mut changes, rest) = if width < MINUTE_US && whole(store, series, range).await? {
        (Vec::new(), range)
    } else {
        chart.resolution_us = level;
        rolled::changes(store, series, range, level).await?
    };
    for (ts, value) in raw::changes(store, series, rest.span(), rest.one_more()).await? {
        let value = value.map(|value| value != 0.0);
        if changes.last().is_none_or(|(_, last)| *last != value) {
            changes.push((ts, value));
        }
    }
    chart.points = ChartPoints::Booleans(cut(changes, range, &mut chart.truncated));
    Ok(())
}

/// The narrowest width, in microseconds, with which the range has no more buckets than points.
/// Buckets start at whole multiples of their width since 1970, so that charts that move with
/// time keep their buckets.
fn bucket_width(range: Range) -> i64 {
    let (first, last) = (range.from.micros(), range.to.micros() - 1);
    let fits =
        |width: &i64| last.div_euclid(*width) - first.div_euclid(*width) < i64::from(range.points);
    let days = (1..).map(|days: i64| days.saturating_mul(DAY_MS * 1_000));
    WIDTHS_MS.iter().map(|ms| ms * 1_000).chain(days).find(fits).unwrap_or(i64::MAX)
}

fn cut<T>(mut points: Vec<T>, range: Range, truncated: &mut bool) -> Vec<T> {
    *truncated = points.len() > range.points as usize;
    points.truncate(range.points as usize);
    points
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "chart_tests.rs"]
mod tests;
