//! Hours in which something came late are made anew, once their marks have lain for a while.
//!
//! No batch waits for it, but for one that brings something late for the same hours in that moment: the
//! marks go first. On PostgreSQL a batch that has set one, or found it there, holds it to its end, so
//! that its points are seen; one that comes later waits for the end here, and sets it again.

use std::collections::BTreeMap;

use super::limits::{REPAIR_WAIT_US, REPAIRED_HOURS, ROLLED_POINTS};
use super::rollups::{HOUR_US, Span, floor, roll, within};
use crate::engine::Row;
use crate::{Store, StoreError};

/// Once over all marks, in their order.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// Marks up to this one, a series and a time, had their turn.
    after: (i64, i64),
    /// It is at its end.
    pub(super) over: bool,
}

impl Pass {
    pub(super) fn again(&mut self) {
        if self.over {
            *self = Self::default();
        }
    }
}

/// What a step takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Marks that have lain for so long, in microseconds.
    pub(super) wait: i64,
    /// About so many points at most.
    pub(super) points: i64,
}

impl Default for Step {
    fn default() -> Self {
        Self { wait: REPAIR_WAIT_US, points: ROLLED_POINTS }
    }
}

/// Makes hours anew, one step of a pass; how many. One with very many points takes several steps, each of
/// which counts.
///
/// # Errors
/// When the database can't be used.
pub(super) async fn step(store: &Store, pass: &mut Pass, step: Step) -> Result<u64, StoreError> {
    let late = late(store, pass.after, step.wait).await?;
    let spans = make_anew(store, &late.hours, step.points).await?;
    let Some(last) = spans.last() else {
        pass.over = true;
        return Ok(0);
    };
    let whole = late.hours.get(spans.len() - 1).is_some_and(|hour| hour.to == last.to);
    pass.after = (last.series, last.from);
    pass.over = late.all && whole && spans.len() == late.hours.len();
    Ok(spans.len() as u64)
}

/// Makes hours of a series anew that begin after one time and before another, however young their marks are:
/// what lies there is about to be removed. One step; up to where it got, or `None` at the end. From there on
/// it ends, whatever comes late meanwhile.
///
/// # Errors
/// When the database can't be used.
pub(super) async fn at_once(
    store: &Store,
    series: i64,
    (after, before): (i64, i64),
) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT series_id, hour FROM rollup_dirty WHERE series_id = ? AND hour > ? AND hour < ? \
         ORDER BY hour LIMIT {REPAIRED_HOURS}"
    );
    let cells = [series.into(), after.into(), before.into()];
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    let spans = make_anew(store, &hours(&rows)?, ROLLED_POINTS).await?;
    Ok(spans.last().map(|last| last.from))
}

/// Makes the first ones of these hours anew, with about so many points at most, in one transaction; which ones,
/// the last of them cut.
async fn make_anew(store: &Store, hours: &[Span], points: i64) -> Result<Vec<Span>, StoreError> {
    let spans = within(store, hours, points).await?;
    if spans.is_empty() {
        return Ok(spans);
    }
    let snapshot = store.snapshot().await?;
    let tx = store.begin_beside().await?;
    for Span { series, from, to } in &spans {
        tx.run(&format!(
            "DELETE FROM rollup_dirty WHERE series_id = {series} AND hour >= {from} AND hour < {to}"
        ))
        .await?;
    }
    roll(snapshot, &tx, &spans).await?;
    for Span { series, from, to } in &spans {
        if *to < floor(*from, HOUR_US) + HOUR_US {
            // The rest of the hour, from there on, without a wait. What comes late meanwhile marks the
            // whole hour.
            tx.run(&format!(
                "INSERT INTO rollup_dirty (series_id, hour, marked_at) VALUES ({series}, {to}, 0) \
                 ON CONFLICT (series_id, hour) DO UPDATE SET marked_at = 0"
            ))
            .await?;
        }
    }
    tx.commit().await?;
    Ok(spans)
}

/// The next hours in which something came late.
struct Late {
    /// These, or the rests of such.
    hours: Vec<Span>,
    /// No other is after them.
    all: bool,
}

async fn late(store: &Store, after: (i64, i64), wait: i64) -> Result<Late, StoreError> {
    // A mark of the future is of a clock that was set back since.
    let sql = format!(
        "SELECT series_id, hour FROM rollup_dirty WHERE (series_id, hour) > (?, ?) \
         AND (marked_at <= {clock} - ? OR marked_at > {clock}) \
         ORDER BY series_id, hour LIMIT {REPAIRED_HOURS}",
        clock = store.engine().clock()
    );
    let cells = [after.0.into(), after.1.into(), wait.into()];
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    let all = i64::try_from(rows.len()).is_ok_and(|found| found < REPAIRED_HOURS);
    Ok(Late { hours: hours(&rows)?, all })
}

/// What marks say, from rows of `series_id, hour`.
fn hours(rows: &[Row]) -> Result<Vec<Span>, StoreError> {
    let mut marks: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for row in rows {
        let (series, from): (i64, i64) = (row.get(0)?, row.get(1)?);
        // An hour and its rest may both be marked: what lay in two spans would count twice.
        let first = marks.entry((series, floor(from, HOUR_US))).or_insert(from);
        *first = from.min(*first);
    }
    let whole =
        |((series, hour), from): ((i64, i64), i64)| Span { series, from, to: hour + HOUR_US };
    Ok(marks.into_iter().map(whole).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "repair_tests.rs"]
mod tests;
