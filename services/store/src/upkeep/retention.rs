//! Retention: what is older than an organization wants is removed, in short transactions, organization by
//! organization and series by series.

use millwright_schemas::api::policies::{COMPRESS_AFTER_DAYS, RetentionPolicy};
use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;

use super::removal::Removal;
use super::rollups::{self, HOUR_US, floor};
use super::{Done, Steps, marks, timescale};
use crate::engine::Pool;
use crate::entities::organization;
use crate::telemetry::layout::{self, DAY_US, Layout};
use crate::telemetry::spans::Covered;
use crate::{Store, StoreError, policies};

/// What holds for an organization, in times: older than these is removed. `None`: for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cuts {
    pub(super) raw: Option<i64>,
    pub(super) minutes: Option<i64>,
    pub(super) hours: Option<i64>,
}

pub(super) fn before(days: Option<u32>, now: Timestamp) -> Option<i64> {
    // By whole hours, so that every bucket is made of all of its points or of none.
    days.map(|days| floor(now.micros() - i64::from(days) * DAY_US, HOUR_US))
}

pub(super) fn cuts(policy: &RetentionPolicy, signal: &str, now: Timestamp) -> Cuts {
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

/// A round over all organizations and their series. One that was broken off goes on where it was.
#[derive(Debug, Default)]
pub struct Round {
    /// Before this time the last minutes of series are rolled up.
    prepared: Option<i64>,
    /// Before which time that is being done, and up to which series it is.
    preparing: Option<(i64, i64)>,
    /// What nobody wants any more was removed.
    dropped: bool,
    /// Organizations before this one are done, and its series up to this one.
    place: Option<(OrganizationId, i64)>,
    /// Why something couldn't be removed at once, or rolled up before.
    failed: Option<StoreError>,
}

/// Removes what is too old, until the round is at its end or `steps`, which are asked between transactions,
/// say no; how many points, rollups and events. Nothing goes that isn't in the rollups yet. What is wanted
/// may have changed since the last slice: it holds from here on.
///
/// # Errors
/// When the database can't be used. At the end of the round, when a partition couldn't be had: all else was
/// removed then.
pub async fn run(
    store: &Store,
    wanted: &Wanted,
    round: &mut Round,
    steps: &Steps<'_>,
) -> Result<Done, StoreError> {
    let broken_off = |count| Ok(Done { count, finished: false });
    if !steps.go_on().await? || !prepare(store, wanted, round, steps).await? {
        return broken_off(0);
    }
    if !round.dropped {
        if !steps.go_on().await? {
            return broken_off(0);
        }
        // Told at the end: a partition that can't be had now keeps nothing else from being removed.
        if let Err(error) = drop_whole(store, wanted).await {
            round.failed.get_or_insert(error);
        }
        round.dropped = true;
    }
    let mut removal = Removal::new(store, steps, wanted.now);
    removal.left = round.failed.is_some();
    for (id, policy) in &wanted.policies {
        let mut after = match round.place {
            Some((under_way, _)) if *id < under_way => continue,
            Some((under_way, after)) if *id == under_way => after,
            _ => 0,
        };
        if policy == &RetentionPolicy::default() {
            continue;
        }
        let ended = removal.of_organization(*id, policy, &mut after).await;
        round.place = Some((*id, after));
        if !ended? {
            return broken_off(removal.count);
        }
    }
    let done = Done { count: removal.count, finished: true };
    std::mem::take(round).failed.map_or(Ok(done), Err)
}

/// A whole round, unless `steps` say no; how many points, rollups and events were removed.
///
/// # Errors
/// As [`run`].
pub async fn apply(store: &Store, wanted: &Wanted, steps: &Steps<'_>) -> Result<u64, StoreError> {
    Ok(run(store, wanted, &mut Round::default(), steps).await?.count)
}

/// Rolls up what would never be after the removal, then marks how far that goes; whether it got to the
/// end.
async fn prepare(
    store: &Store,
    wanted: &Wanted,
    round: &mut Round,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let hypertables = timescale::is_there(store);
    if let Some(before) = wanted.newest_raw() {
        if round.prepared != Some(before) {
            if !hypertables {
                if !finish(store, before, round, steps).await? {
                    return Ok(false);
                }
            } else if marks::get(store, marks::RAW_REMOVED).await?.is_some() {
                // From the mark on. Without one it isn't known of what something was removed before
                // there were marks: nothing is made anew then.
                timescale::refresh(store, None, before).await?;
            }
            round.prepared = Some(before);
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
    Ok(true)
}

/// Rolls up the last minutes of series that have ended before a time; whether it got to the end.
async fn finish(
    store: &Store,
    before: i64,
    round: &mut Round,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    if let Err(error) = rollups::see_all(store).await {
        // What can't be rolled up now stays; it keeps nothing else from being removed.
        round.failed.get_or_insert(error);
        return Ok(true);
    }
    let begun = round.preparing.filter(|(of, _)| *of == before);
    let (_, after) = round.preparing.insert(begun.unwrap_or((before, 0)));
    while rollups::finish_some(store, before, after).await? {
        if !steps.go_on().await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes at once what nobody wants any more: days on PostgreSQL, chunks with TimescaleDB.
async fn drop_whole(store: &Store, wanted: &Wanted) -> Result<(), StoreError> {
    let before = wanted.oldest_raw();
    match (store.layout(), store.writer_pool()) {
        (Layout::Days { made }, Pool::Postgres(pool)) => {
            let day = before.map_or(i64::MIN, |before| before.div_euclid(DAY_US));
            layout::drop_before(pool, made, day).await
        }
        (Layout::Hypertables, _) => {
            let (minutes, hours) = (wanted.oldest(|c| c.minutes), wanted.oldest(|c| c.hours));
            // Before they go: from now on a batch that needs one asks for it.
            *store.chunks().lock().await = Covered::default();
            timescale::drop_whole(store, before, minutes, hours).await
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "retention_tests.rs"]
mod tests;
