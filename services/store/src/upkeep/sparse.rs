//! Which days are worth packing: very few values take no less room in a block.

use std::collections::BTreeSet;

use crate::telemetry::Layout;
use crate::telemetry::layout::DAY_US;
use crate::{Store, StoreError};

/// Days with fewer values than this stay as they are in SQLite: a block takes about 85 bytes and 7 a value,
/// a row 24, so that below 5 values a block is the larger one, and little above it hardly worth the work.
const SPARSE: usize = 8;
/// Values among which the next day that is worth packing is looked for at once. More than `SPARSE`.
const LOOK: i64 = 512;

/// From how many values on a day is packed that has no block yet. With PostgreSQL, where a row takes four
/// times the room, from the first on, also because a partition gives back the room of rows that are gone
/// only when less than half of it is in use (`shrink`).
const fn least(layout: &Layout) -> usize {
    match layout {
        Layout::Whole => SPARSE,
        Layout::Days { .. } | Layout::Hypertables => 1,
    }
}

/// The first time within a span at which something lies in `points` of a day that is worth packing.
pub(super) async fn next(
    store: &Store,
    series: i64,
    mut from: i64,
    before: i64,
) -> Result<Option<i64>, StoreError> {
    let least = least(store.layout());
    let look = if least > 1 { LOOK } else { 1 };
    loop {
        let sql = "SELECT ts FROM points WHERE series_id = ? AND ts >= ? AND ts < ? \
                   ORDER BY ts LIMIT ?";
        let cells = [series.into(), from.into(), before.into(), look.into()];
        let rows = store.reader_pool().fetch(sql, &cells).await?;
        let times: Vec<i64> = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(None) };
        let packed = if least > 1 {
            packed_days(store, series, (day_of(*first), day_of(*last))).await?
        } else {
            BTreeSet::new()
        };
        let next = worth(&times, &packed, least);
        if next.is_some() || i64::try_from(times.len()).is_ok_and(|found| found < look) {
            return Ok(next);
        }
        // Its last day may have more. It isn't the first one: each has less than is looked at.
        from = day_of(*last) * DAY_US;
    }
}

const fn day_of(ts: i64) -> i64 {
    ts.div_euclid(DAY_US)
}

/// The first of these times whose day has a block, or enough values.
fn worth(times: &[i64], packed: &BTreeSet<i64>, least: usize) -> Option<i64> {
    let mut days = times.chunk_by(|a, b| day_of(*a) == day_of(*b));
    let day = days.find(|day| {
        let has_block = day.first().is_some_and(|first| packed.contains(&day_of(*first)));
        has_block || day.len() >= least
    })?;
    day.first().copied()
}

/// The days of a series, from the first to the last one, that have a block.
async fn packed_days(
    store: &Store,
    series: i64,
    (first, last): (i64, i64),
) -> Result<BTreeSet<i64>, StoreError> {
    let sql = "SELECT day FROM packed_points WHERE series_id = ? AND day >= ? AND day <= ?";
    let cells = [series.into(), first.into(), last.into()];
    let rows = store.reader_pool().fetch(sql, &cells).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_worth_packing_by_its_block_or_its_values() {
        let times = [1, 2, DAY_US, 2 * DAY_US, 2 * DAY_US + 1, 2 * DAY_US + 2];
        let none = BTreeSet::new();
        assert_eq!(worth(&times, &none, 3), Some(2 * DAY_US));
        assert_eq!(worth(&times, &none, 4), None);
        assert_eq!(worth(&times, &none, 1), Some(1));
        assert_eq!(worth(&times, &BTreeSet::from([1]), 3), Some(DAY_US));
        assert_eq!(worth(&[], &none, 1), None);
    }
}
