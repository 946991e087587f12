//! Rollups as charts need them: by hour as far as hours are whole, then by minute, then what isn't
//! rolled up yet.

use std::collections::BTreeMap;

use super::chart::Range;
use super::raw;
use crate::engine::Row;
use crate::telemetry::Layout;
use crate::telemetry::packed::Span;
use crate::upkeep::rollups::{HOUR_US, MINUTE_US, floor};
use crate::{Store, StoreError};

/// What can be added up over buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) count: i64,
    pub(super) sum: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

impl Sums {
    /// From columns `_, count, sum, min, max`.
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { count: row.get(1)?, sum: row.get(2)?, min: row.get(3)?, max: row.get(4)? })
    }

    /// One value more.
    pub(super) fn put(&mut self, value: Option<f64>) {
        let count = i64::from(value.is_some());
        self.add(Self { count, sum: value, min: value, max: value });
    }

    pub(super) fn add(&mut self, more: Self) {
        let either = |a: Option<f64>, b: Option<f64>, choose: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(choose(a, b)),
            (one, other) => one.or(other),
        };
        self.count += more.count;
        self.sum = either(self.sum, more.sum, |a, b| a + b);
        self.min = either(self.min, more.min, f64::min);
        self.max = either(self.max, more.max, f64::max);
    }
}

/// Buckets of this width, whole minutes, by their numbers since 1970.
pub(super) async fn buckets(
    store: &Store,
    series: i64,
    range: Range,
    width: i64,
) -> Result<BTreeMap<i64, Sums>, StoreError> {
    let rollup = |table: &str| {
        format!(
            "SELECT bucket / ?4 AS place, CAST(sum(count) AS BIGINT), sum(sum), min(min), max(max) \
             FROM {table} WHERE series_id = ?1 AND bucket >= ?2 AND bucket < ?3 \
             GROUP BY place"
        )
    };
    let level = level(width);
    let (from, to) = (floor(range.from.micros(), level), range.to.micros());
    let [hours, minutes] = ends(store, series, from, to, level).await?;
    let mut buckets: BTreeMap<i64, Sums> = BTreeMap::new();
    for (sql, from, to) in
        [(rollup("rollups_1h"), from, hours), (rollup("rollups_1m"), hours, minutes)]
    {
        if from >= to {
            continue;
        }
        let cells = [series.into(), from.into(), to.into(), width.into()];
        for row in store.reader_pool().fetch(&sql, &cells).await? {
            buckets.entry(row.get(0)?).or_default().add(Sums::of(&row)?);
        }
    }
    if minutes < to {
        for (place, sums) in raw::sums(store, series, Span { from: minutes, to }, width).await? {
            buckets.entry(place).or_default().add(sums);
        }
    }
    Ok(buckets)
}

/// Which rollups buckets of this width are made of.
pub(super) const fn level(width: i64) -> i64 {
    if width % HOUR_US == 0 { HOUR_US } else { MINUTE_US }
}

/// Whether the values that these buckets count are all there as received; nulls don't count.
pub(super) async fn are_there(
    store: &Store,
    series: i64,
    range: Range,
    width: i64,
    buckets: &BTreeMap<i64, Sums>,
) -> Result<bool, StoreError> {
    // The first and the last bucket may reach beyond the range.
    let level = level(width);
    let (from, to) = (floor(range.from.micros(), level), range.to.micros());
    let [hours, minutes] = ends(store, series, from, to, level).await?;
    let last = if hours == to { HOUR_US } else { MINUTE_US };
    let to = if minutes == to { floor(to - 1, last).saturating_add(last) } else { to };
    let there = raw::count(store, series, Span { from, to }).await?;
    let counted: i64 = buckets.values().map(|bucket| bucket.count).sum();
    Ok(there >= counted)
}

/// Where a boolean has changed, by rollups of this level; and the rest of the range, which they
/// don't cover. A bucket in which it changed and changed back shows both.
pub(super) async fn changes(
    store: &Store,
    series: i64,
    range: Range,
    level: i64,
) -> Result<(Vec<(i64, Option<bool>)>, Range), StoreError> {
    let (from, to) = (floor(range.from.micros(), level), range.to.micros());
    let [hours, minutes] = ends(store, series, from, to, level).await?;
    let mut changes: Vec<(i64, Option<bool>)> = Vec::new();
    let mut put = |ts: i64, value: Option<bool>| {
        if changes.last().is_none_or(|(_, last)| *last != value) {
            changes.push((ts, value));
        }
    };
    for (table, width, from, to) in
        [("rollups_1h", HOUR_US, from, hours), ("rollups_1m", MINUTE_US, hours, minutes)]
    {
        if from >= to {
            continue;
        }
        let sql = format!(
            "SELECT bucket, min, max, last FROM {table} \
             WHERE series_id = ? AND bucket >= ? AND bucket < ? ORDER BY bucket"
        );
        let cells = [series.into(), from.into(), to.into()];
        for row in store.reader_pool().fetch(&sql, &cells).await? {
            let bucket: i64 = row.get(0)?;
            let last = boolean(&row, 3)?;
            if boolean(&row, 1)? != boolean(&row, 2)? {
                put(bucket, last.map(|last| !last));
                put(bucket + width / 2, last);
            } else {
                put(bucket, last);
            }
        }
    }
    let rest =
        Range { from: millwright_schemas::Timestamp::from_micros(minutes.max(from)), ..range };
    Ok((changes, rest))
}

fn boolean(row: &Row, place: usize) -> Result<Option<bool>, StoreError> {
    Ok(row.get::<Option<f64>>(place)?.map(|value| value != 0.0))
}

/// Up to where hours are taken, and from there up to where minutes are; both within the range.
async fn ends(
    store: &Store,
    series: i64,
    from: i64,
    to: i64,
    level: i64,
) -> Result<[i64; 2], StoreError> {
    let through = if matches!(store.layout(), Layout::Hypertables) {
        // Its views add what isn't rolled up yet.
        i64::MAX
    } else {
        let sql = "SELECT through FROM rollup_cursors WHERE series_id = ?";
        let row = store.reader_pool().first(sql, &[series.into()]).await?;
        row.map_or(Ok(i64::MIN), |row| row.get(0))?
    };
    let minutes = through.clamp(from, to.max(from));
    let hours = match (level, through) {
        (HOUR_US, i64::MAX) => minutes,
        (HOUR_US, _) => floor(minutes, HOUR_US).clamp(from, minutes),
        _ => from,
    };
    Ok([hours, minutes])
}
