//! Retention: what is older than an organization wants is removed, in short transactions.

use millwright_schemas::api::policies::{COMPRESS_AFTER_DAYS, RetentionPolicy};
use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;

use super::rollups::{self, HOUR_US, floor};
use super::{Steps, marks, timescale};
use crate::engine::{Cell, Pool, Row};
use crate::entities::organization;
use crate::telemetry::layout::{self, DAY_US, Layout};
use crate::{Store, StoreError, policies};

/// Microseconds of a series' points removed in one transaction: with a value each second 21,600.
const STEP_US: i64 = 6 * HOUR_US;
/// Rows of other tables removed in one transaction.
const ROWS_MAX: i64 = 2_000;
/// Series looked at in one go.
const SERIES_MAX: i64 = 500;
/// Packed days of a series removed in one transaction.
const BLOCKS_MAX: i64 = 30;
/// Points of these, unless one day has more: SQLite looks at each page that becomes free.
const BLOCK_POINTS_MAX: i64 = 1_000_000;

/// What holds for an organization, in times: older than these is removed. `None`: for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cuts {
    raw: Option<i64>,
    minutes: Option<i64>,
    hours: Option<i64>,
}

pub(super) fn before(days: Option<u32>, now: Timestamp) -> Option<i64> {
    // By whole hours, so that every bucket is made of all of its points or of none.
    days.map(|days| floor(now.micros() - i64::from(days) * DAY_US, HOUR_US))
}

fn cuts(policy: &RetentionPolicy, signal: &str, now: Timestamp) -> Cuts {
    let own = policy.signals.iter().find(|own| own.fits(signal));
    let (raw, minutes, hours) = own
        .map_or((policy.raw_days, policy.minute_days, policy.hour_days), |own| {
            (own.raw_days, own.minute_days, own.hour_days)
        });
    Cuts { raw: before(raw, now), minutes: before(minutes, now), hours: before(hours, now) }
}

/// Before this time a signal's values as received are removed.
pub(super) fn raw_cut(policy: &RetentionPolicy, signal: &str, now: Timestamp) -> Option<i64> {
    cuts(policy, signal, now).raw
}

/// What is packed of a series, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// Days that end before this time, or then.
    pub(crate) before: i64,
    /// From this time on: what is older is to be removed. `None`: nothing is.
    pub(crate) from: Option<i64>,
}

/// A name for each of a policy's patterns, and one that fits none of them.
fn names(policy: &RetentionPolicy) -> impl Iterator<Item = &str> {
    policy.signals.iter().map(|own| own.signal.trim_end_matches('*')).chain(["\u{1}"])
}

/// What all organizations want, each with its own or that of the nearest above.
#[derive(Debug)]
pub struct Wanted {
    policies: Vec<(OrganizationId, RetentionPolicy)>,
    now: Timestamp,
}

impl Wanted {
    /// Reads it.
    ///
    /// # Errors
    /// When the database can't be used or a policy isn't understood.
    pub async fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let ids: Vec<Uuid> = organization::Entity::find()
            .select_only()
            .column(organization::Column::Id)
            .into_tuple()
            .all(store.readers())
            .await?;
        let mut policies = Vec::with_capacity(ids.len());
        for id in ids {
            let policy = policies::get(store, OrganizationId(id)).await?;
            policies.push((OrganizationId(id), policy.retention));
        }
        policies.sort_unstable_by_key(|(id, _)| *id);
        Ok(Self { policies, now })
    }

    /// Which values of a signal are packed; `None`: none ever.
    pub(crate) fn packing(&self, organization: OrganizationId, signal: &str) -> Option<Packing> {
        let place = self.policies.binary_search_by_key(&organization, |(id, _)| *id).ok()?;
        let (_, policy) = self.policies.get(place)?;
        let days = policy.compress_after(signal)?;
        let before = self.now.micros() - i64::from(days) * DAY_US;
        Some(Packing { before, from: cuts(policy, signal, self.now).raw })
    }

    /// The newest time before which somebody's values are packed; `None`: nobody's are.
    pub(crate) fn newest_packing(&self) -> Option<i64> {
        let of = |policy: &RetentionPolicy| {
            names(policy).filter_map(|name| policy.compress_after(name)).min()
        };
        let days = self.policies.iter().filter_map(|(_, policy)| of(policy)).min()?;
        Some(self.now.micros() - i64::from(days) * DAY_US)
    }

    /// Before this time everybody's values may be compressed; `None`: somebody's never.
    #[must_use]
    pub fn oldest_packing(&self) -> Option<i64> {
        let mut longest = 0;
        for (_, policy) in &self.policies {
            for name in names(policy) {
                longest = longest.max(policy.compress_after(name)?);
            }
        }
        // Nobody there yet: as if one had said nothing.
        let days = if self.policies.is_empty() { COMPRESS_AFTER_DAYS } else { longest };
        Some(self.now.micros() - i64::from(days) * DAY_US)
    }

    /// Before this time nobody wants any values as received; `None`: somebody wants all.
    #[must_use]
    pub fn oldest_raw(&self) -> Option<i64> {
        self.oldest(|cuts| cuts.raw)
    }

    fn oldest(&self, level: impl Fn(Cuts) -> Option<i64>) -> Option<i64> {
        let mut oldest = None;
        for (_, policy) in &self.policies {
            for name in names(policy) {
                let cut = level(cuts(policy, name, self.now))?;
                oldest = Some(oldest.map_or(cut, |oldest: i64| oldest.min(cut)));
            }
        }
        oldest
    }

    /// The newest time before which some values as received are removed: only what is after it is
    /// whole for every series.
    #[must_use]
    pub fn newest_raw(&self) -> Option<i64> {
        self.newest(|cuts| cuts.raw)
    }

    fn newest(&self, level: impl Fn(Cuts) -> Option<i64>) -> Option<i64> {
        let of = |policy: &RetentionPolicy| {
            names(policy).filter_map(|name| level(cuts(policy, name, self.now))).max()
        };
        self.policies.iter().filter_map(|(_, policy)| of(policy)).max()
    }
}

/// Removes what is too old; how many points, rollups and events. May take a while: `steps` is asked
/// between its transactions. Nothing goes that isn't in the rollups yet.
///
/// # Errors
/// When the database can't be used.
pub async fn apply(store: &Store, wanted: &Wanted, steps: &Steps<'_>) -> Result<u64, StoreError> {
    if !steps.go_on().await? {
        return Ok(0);
    }
    prepare(store, wanted).await?;
    if !steps.go_on().await? {
        return Ok(0);
    }
    let dropped = drop_whole(store, wanted).await;
    let mut removed = 0;
    for (id, policy) in &wanted.policies {
        if policy != &RetentionPolicy::default() {
            removed += of_organization(store, *id, policy, wanted.now, steps).await?;
        }
    }
    // Told at the end: a partition that can't be had now keeps nothing else from being removed.
    dropped?;
    Ok(removed)
}

/// Rolls up what would never be after the removal, then marks how far that goes.
async fn prepare(store: &Store, wanted: &Wanted) -> Result<(), StoreError> {
    let hypertables = timescale::is_there(store);
    if let Some(before) = wanted.newest_raw() {
        if !hypertables {
            rollups::finish(store, before).await?;
        } else if marks::get(store, marks::RAW_REMOVED).await?.is_some() {
            // From the mark on. Without one it isn't known of what something was removed before there
            // were marks: nothing is made anew then.
            timescale::refresh(store, None, before).await?;
        }
        marks::raise(store, marks::RAW_REMOVED, before).await?;
    }
    if let Some(before) = wanted.oldest_raw() {
        marks::raise(store, marks::RAW_DROPPED, before).await?;
    }
    let minutes = if hypertables {
        wanted.oldest(|cuts| cuts.minutes)
    } else {
        wanted.newest(|cuts| cuts.minutes)
    };
    if let Some(before) = minutes {
        marks::raise(store, marks::MINUTES_REMOVED, before).await?;
    }
    Ok(())
}

/// Removes at once what nobody wants any more: days on PostgreSQL, chunks with TimescaleDB.
async fn drop_whole(store: &Store, wanted: &Wanted) -> Result<(), StoreError> {
    let before = wanted.oldest_raw();
    match (store.layout(), store.writer_pool()) {
        (Layout::Days { made }, Pool::Postgres(pool)) => {
            let unrolled = rollups::waiting(store).await?.from.unwrap_or(i64::MAX);
            let day = before.map_or(i64::MIN, |before| before.min(unrolled).div_euclid(DAY_US));
            layout::drop_before(pool, made, day).await
        }
        (Layout::Hypertables, _) => {
            let (minutes, hours) = (wanted.oldest(|c| c.minutes), wanted.oldest(|c| c.hours));
            timescale::drop_whole(store, before, minutes, hours).await
        }
        _ => Ok(()),
    }
}

async fn of_organization(
    store: &Store,
    organization: OrganizationId,
    policy: &RetentionPolicy,
    now: Timestamp,
    steps: &Steps<'_>,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    let mut after = 0_i64;
    loop {
        let sql = "SELECT s.id, s.signal FROM series s JOIN machines m ON m.id = s.machine_id \
                   WHERE m.organization_id = ? AND s.id > ? ORDER BY s.id LIMIT ?";
        let cells = [organization.uuid().into(), after.into(), SERIES_MAX.into()];
        let series = store.reader_pool().fetch(sql, &cells).await?;
        let Some(last) = series.last() else { break };
        after = last.get(0)?;
        for row in &series {
            let (id, signal): (i64, String) = (row.get(0)?, row.get(1)?);
            removed += of_series(store, id, cuts(policy, &signal, now), steps).await?;
            if !(steps.wanted)() {
                return Ok(removed);
            }
        }
    }
    if let Some(before) = before(policy.event_days, now) {
        removed += events(store, organization, before, steps).await?;
    }
    Ok(removed)
}

async fn of_series(
    store: &Store,
    series: i64,
    cuts: Cuts,
    steps: &Steps<'_>,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    if let Some(before) = cuts.raw {
        if !note_removal(store, series, before, steps).await? {
            return Ok(removed);
        }
        let through = rollups::through(store, series).await?;
        let rolled_up = through.map_or(before, |through| through.min(before));
        for (table, before) in [("points", rolled_up), ("points_text", before)] {
            removed += stepwise(store, table, "ts", series, before, STEP_US, steps).await?;
        }
        removed += blocks(store, series, rolled_up, steps).await?;
    }
    if timescale::is_there(store) {
        return Ok(removed);
    }
    for (table, before, step) in
        [("rollups_1m", cuts.minutes, 30 * DAY_US), ("rollups_1h", cuts.hours, 365 * DAY_US)]
    {
        if let Some(before) = before {
            removed += stepwise(store, table, "bucket", series, before, step, steps).await?;
        }
    }
    Ok(removed)
}

/// Notes that values of before a time are removed, if there are any: who looks for them then knows that
/// they were there. `false`: no step is to be done any more.
async fn note_removal(
    store: &Store,
    series: i64,
    before: i64,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let any = "SELECT 1 FROM points WHERE series_id = ? AND ts < ? \
               UNION ALL SELECT 1 FROM points_text WHERE series_id = ? AND ts < ? \
               UNION ALL SELECT 1 FROM packed_points WHERE series_id = ? AND day < ? LIMIT 1";
    let day = before.div_euclid(DAY_US);
    let cells: [Cell<'_>; 6] =
        [series.into(), before.into(), series.into(), before.into(), series.into(), day.into()];
    if store.reader_pool().first(any, &cells).await?.is_none() {
        return Ok(true);
    }
    if !steps.go_on().await? {
        return Ok(false);
    }
    let sql = "UPDATE series SET raw_removed_before = ? WHERE id = ? \
               AND (raw_removed_before IS NULL OR raw_removed_before < ?)";
    store.writer_pool().execute(sql, &[before.into(), series.into(), before.into()]).await?;
    Ok(true)
}

/// Removes packed days that lie before a time wholly, so up to a day later than what isn't packed: a
/// block is only taken apart to be read. How many points.
async fn blocks(
    store: &Store,
    series: i64,
    before: i64,
    steps: &Steps<'_>,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    let day = before.div_euclid(DAY_US);
    loop {
        let sql = "SELECT day, count FROM packed_points WHERE series_id = ? AND day < ? \
                   ORDER BY day LIMIT ?";
        let cells: [Cell<'_>; 3] = [series.into(), day.into(), BLOCKS_MAX.into()];
        let rows = store.reader_pool().fetch(sql, &cells).await?;
        let Some((last, points)) = some_blocks(&rows, BLOCK_POINTS_MAX)? else { break };
        if !steps.go_on().await? {
            break;
        }
        let sql = "DELETE FROM packed_points WHERE series_id = ? AND day <= ?";
        store.writer_pool().execute(sql, &[series.into(), last.into()]).await?;
        removed += points.unsigned_abs();
    }
    Ok(removed)
}

/// The last of as many days as have so many points, one at least, and how many they have. From rows of
/// `day, count`.
fn some_blocks(rows: &[Row], most: i64) -> Result<Option<(i64, i64)>, StoreError> {
    let mut some: Option<(i64, i64)> = None;
    for row in rows {
        let (day, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        let points = some.map_or(0, |(_, points)| points) + count;
        if some.is_some() && points > most {
            break;
        }
        some = Some((day, points));
    }
    Ok(some)
}

/// Removes a series' rows of before a time, a step in each transaction, the oldest first.
async fn stepwise(
    store: &Store,
    table: &'static str,
    time: &'static str,
    series: i64,
    before: i64,
    step: i64,
    steps: &Steps<'_>,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    let first = format!("SELECT min({time}) FROM {table} WHERE series_id = ? AND {time} < ?");
    let delete = format!("DELETE FROM {table} WHERE series_id = ? AND {time} >= ? AND {time} < ?");
    loop {
        let row = store.reader_pool().first(&first, &[series.into(), before.into()]).await?;
        let oldest: Option<i64> = row.map_or(Ok(None), |row: Row| row.get(0))?;
        let Some(oldest) = oldest else { break };
        if !steps.go_on().await? {
            break;
        }
        let to = oldest.saturating_add(step).min(before);
        let cells: [Cell<'_>; 3] = [series.into(), oldest.into(), to.into()];
        removed += store.writer_pool().execute(&delete, &cells).await?;
    }
    Ok(removed)
}

/// Removes reported events, domain events and revisions of an organization.
async fn events(
    store: &Store,
    organization: OrganizationId,
    before: i64,
    steps: &Steps<'_>,
) -> Result<u64, StoreError> {
    let reported = "DELETE FROM machine_events WHERE (machine_id, id) IN (\
                    SELECT e.machine_id, e.id FROM machine_events e \
                    JOIN machines m ON m.id = e.machine_id \
                    WHERE m.organization_id = ? AND e.ts < ? AND e.received_at < ? LIMIT ?)";
    // The newest position stays, so that positions go on counting from it.
    let domain = "DELETE FROM events WHERE seq IN (SELECT seq FROM events \
                  WHERE organization_id = ? AND occurred_at < ? AND position IS NOT NULL \
                  AND position < (SELECT max(position) FROM events) AND occurred_at < ? LIMIT ?)";
    let revisions = "DELETE FROM alarm_revisions WHERE id IN (SELECT id FROM alarm_revisions \
                     WHERE organization_id = ? AND found_at < ? AND from_ts < ? LIMIT ?)";
    let mut removed = 0;
    for sql in [reported, domain, revisions] {
        while steps.go_on().await? {
            let cells: [Cell<'_>; 4] =
                [organization.uuid().into(), before.into(), before.into(), ROWS_MAX.into()];
            let gone = store.writer_pool().execute(sql, &cells).await?;
            removed += gone;
            if gone < ROWS_MAX.unsigned_abs() {
                break;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "retention_tests.rs"]
mod tests;
