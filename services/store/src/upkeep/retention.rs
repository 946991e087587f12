//! Retention: what is older than an organization wants is removed, in short transactions, organization by
//! organization and series by series.

use millwright_schemas::api::policies::{COMPRESS_AFTER_DAYS, RetentionPolicy};
use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;

use super::limits::{
    LOOKED_AT_SERIES, REMOVED_BLOCK_POINTS, REMOVED_BLOCKS, REMOVED_EVENTS, REMOVED_ROWS,
    REMOVED_TEXTS,
};
use super::rollups::{self, HOUR_US, floor};
use super::{Done, Steps, marks, repair, timescale, unrolled};
use crate::engine::{Cell, Pool, Row};
use crate::entities::organization;
use crate::telemetry::layout::{self, DAY_US, Layout};
use crate::telemetry::spans::Covered;
use crate::{Store, StoreError, policies};

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

/// A table of which the rows of a series go by time.
struct Table {
    name: &'static str,
    time: &'static str,
    /// So many of them in one transaction.
    rows: i64,
    /// Whether these are values as received.
    raw: bool,
}

const POINTS: Table = Table { name: "points", time: "ts", rows: REMOVED_ROWS, raw: true };
const TEXTS: Table = Table { name: "points_text", time: "ts", rows: REMOVED_TEXTS, raw: true };
const MINUTES: Table = Table { name: "rollups_1m", time: "bucket", rows: REMOVED_ROWS, raw: false };
const HOURS: Table = Table { name: "rollups_1h", time: "bucket", rows: REMOVED_ROWS, raw: false };

/// Removing, step by step: each part says whether it got to its end.
struct Removal<'a> {
    store: &'a Store,
    steps: &'a Steps<'a>,
    now: Timestamp,
    /// How much was removed.
    count: u64,
    /// The series of which it is noted that values are removed, and of before which time.
    noted: Option<(i64, i64)>,
    /// A partition couldn't be removed: it may be left so that nobody sees its values. Nothing is made anew then.
    left: bool,
}

impl<'a> Removal<'a> {
    const fn new(store: &'a Store, steps: &'a Steps<'a>, now: Timestamp) -> Self {
        Self { store, steps, now, count: 0, noted: None, left: false }
    }
}

impl Removal<'_> {
    /// What is too old of an organization's series after one, and of its events.
    async fn of_organization(
        &mut self,
        organization: OrganizationId,
        policy: &RetentionPolicy,
        after: &mut i64,
    ) -> Result<bool, StoreError> {
        loop {
            let sql = "SELECT s.id, s.signal FROM series s JOIN machines m ON m.id = s.machine_id \
                 WHERE m.organization_id = ? AND s.id > ? ORDER BY s.id LIMIT ?";
            let cells = [organization.uuid().into(), (*after).into(), LOOKED_AT_SERIES.into()];
            let series = self.store.reader_pool().fetch(sql, &cells).await?;
            if series.is_empty() {
                break;
            }
            for row in &series {
                let (id, signal): (i64, String) = (row.get(0)?, row.get(1)?);
                let cuts = cuts(policy, &signal, self.now);
                if !(self.steps.wanted)() || !self.of_series(id, cuts).await? {
                    return Ok(false);
                }
                *after = id;
            }
        }
        match before(policy.event_days, self.now) {
            Some(before) => self.events(organization, before).await,
            None => Ok(true),
        }
    }

    async fn of_series(&mut self, series: i64, cuts: Cuts) -> Result<bool, StoreError> {
        if let Some(before) = cuts.raw {
            let Some(rolled_up) = self.rolled_up(series, before).await? else { return Ok(false) };
            for (table, before) in [(POINTS, rolled_up), (TEXTS, before)] {
                if !self.rows(&table, series, before).await? {
                    return Ok(false);
                }
            }
            if !self.blocks(series, rolled_up).await? {
                return Ok(false);
            }
        }
        if timescale::is_there(self.store) {
            return Ok(true);
        }
        for (table, before) in [(MINUTES, cuts.minutes), (HOURS, cuts.hours)] {
            let Some(before) = before else { continue };
            if !self.rows(&table, series, before).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Up to where a series' values of before a time are rolled up, once hours in which something came late are
    /// made anew: those of a signal that is late all the time would never go. `None`: it didn't get to the end.
    async fn rolled_up(&self, series: i64, before: i64) -> Result<Option<i64>, StoreError> {
        let rolled_up = self.through(series, before).await?;
        if rolled_up == before || self.left {
            return Ok(Some(rolled_up));
        }
        let mut after = i64::MIN;
        while let Some(done) = repair::at_once(self.store, series, (after, before)).await? {
            if !self.steps.go_on().await? {
                return Ok(None);
            }
            after = done;
        }
        self.through(series, before).await.map(Some)
    }

    /// Up to where a series' values of before a time are rolled up now.
    async fn through(&self, series: i64, before: i64) -> Result<i64, StoreError> {
        let through = rollups::through(self.store, series).await?;
        Ok(through.map_or(before, |through| through.min(before)))
    }

    /// Notes that values of before a time are removed, unless it is already: who looks for them then knows that
    /// they were there.
    async fn note(&mut self, series: i64, before: i64) -> Result<(), StoreError> {
        if self.noted.is_some_and(|(of, to)| of == series && to >= before) {
            return Ok(());
        }
        let sql = "UPDATE series SET raw_removed_before = ? WHERE id = ? \
                   AND (raw_removed_before IS NULL OR raw_removed_before < ?)";
        let cells = [before.into(), series.into(), before.into()];
        self.store.writer_pool().execute(sql, &cells).await?;
        self.noted = Some((series, before));
        Ok(())
    }

    /// The condition that values of a series are rolled up; `is` begins it, such as `ts <`. With TimescaleDB, which
    /// rolls up by itself, there is none.
    fn if_rolled_up(&self, is: &str) -> String {
        if timescale::is_there(self.store) {
            return String::new();
        }
        format!(" AND {is} {}", unrolled::through())
    }

    /// A series' rows of before a time, the oldest first: so many in each transaction, however close they
    /// lie. What isn't rolled up by then stays for the next round.
    async fn rows(&mut self, table: &Table, series: i64, before: i64) -> Result<bool, StoreError> {
        let Table { name, time, rows, raw } = table;
        let oldest = format!(
            "SELECT count(*), min(s.at), max(s.at) FROM (SELECT {time} AS at FROM {name} \
             WHERE series_id = ? AND {time} > ? AND {time} < ? ORDER BY {time} LIMIT {rows}) AS s"
        );
        let rolled_up =
            if *name == POINTS.name { self.if_rolled_up("ts <") } else { String::new() };
        let delete = format!(
            "DELETE FROM {name} \
             WHERE series_id = ?1 AND {time} >= ?2 AND {time} <= ?3{rolled_up}"
        );
        // What is gone isn't looked through again: as long as somebody sees it, the index has it still.
        let mut after = i64::MIN;
        loop {
            let cells = [series.into(), after.into(), before.into()];
            let found = self.store.reader_pool().first(&oldest, &cells).await?;
            let Some(found) = found else { return Ok(true) };
            let (Some(first), Some(last)) =
                (found.get::<Option<i64>>(1)?, found.get::<Option<i64>>(2)?)
            else {
                return Ok(true);
            };
            if !self.steps.go_on().await? {
                return Ok(false);
            }
            if *raw {
                self.note(series, before).await?;
            }
            let cells = [series.into(), first.into(), last.into()];
            let gone = self.store.writer_pool().execute(&delete, &cells).await?;
            self.count += gone;
            let found: i64 = found.get(0)?;
            if found < *rows || gone < found.unsigned_abs() {
                return Ok(true);
            }
            after = last;
        }
    }

    /// Packed days that lie before a time wholly, so up to a day later than what isn't packed: a block is
    /// only taken apart to be read. One in which something isn't rolled up by then stays for the next round:
    /// its minutes are made of all of its values, or not at all.
    async fn blocks(&mut self, series: i64, before: i64) -> Result<bool, StoreError> {
        let day = before.div_euclid(DAY_US);
        let rolled_up = self.if_rolled_up(&format!("(day + 1) * {DAY_US} <="));
        let delete = format!(
            "DELETE FROM packed_points \
             WHERE series_id = ?1 AND day >= ?2 AND day <= ?3{rolled_up} RETURNING count"
        );
        loop {
            let sql = "SELECT day, count FROM packed_points WHERE series_id = ? AND day < ? \
                       ORDER BY day LIMIT ?";
            let cells = [series.into(), day.into(), REMOVED_BLOCKS.into()];
            let rows = self.store.reader_pool().fetch(sql, &cells).await?;
            let Some(some) = some_blocks(&rows, REMOVED_BLOCK_POINTS)? else { return Ok(true) };
            if !self.steps.go_on().await? {
                return Ok(false);
            }
            self.note(series, before).await?;
            let cells = [series.into(), some.first.into(), some.last.into()];
            let gone = self.store.writer_pool().fetch(&delete, &cells).await?;
            for block in &gone {
                self.count += block.get::<i64>(0)?.unsigned_abs();
            }
            if gone.len() < some.blocks {
                return Ok(true);
            }
        }
    }

    /// Reported events, domain events and revisions of an organization.
    async fn events(
        &mut self,
        organization: OrganizationId,
        before: i64,
    ) -> Result<bool, StoreError> {
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
        for sql in [reported, domain, revisions] {
            loop {
                if !self.steps.go_on().await? {
                    return Ok(false);
                }
                let (of, before) = (organization.uuid().into(), Cell::from(before));
                let cells: [Cell<'_>; 4] = [of, before, before, REMOVED_EVENTS.into()];
                let gone = self.store.writer_pool().execute(sql, &cells).await?;
                self.count += gone;
                if gone < REMOVED_EVENTS.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(true)
    }
}

/// Packed days that go in one transaction.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    first: i64,
    last: i64,
    /// How many.
    blocks: usize,
}

/// As many days as have so many points, one at least. From rows of `day, count`, in their order.
fn some_blocks(rows: &[Row], most: i64) -> Result<Option<Blocks>, StoreError> {
    let mut some: Option<Blocks> = None;
    let mut points = 0;
    for row in rows {
        let (day, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        points += count;
        if some.is_some() && points > most {
            break;
        }
        let (first, blocks) = some.map_or((day, 0), |some| (some.first, some.blocks));
        some = Some(Blocks { first, last: day, blocks: blocks + 1 });
    }
    Ok(some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "retention_tests.rs"]
mod tests;
