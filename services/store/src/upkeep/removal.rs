//! Removing what is too old, step by step, and nothing that isn't in the rollups yet.

use millwright_schemas::api::policies::RetentionPolicy;
use millwright_schemas::{OrganizationId, Timestamp};

use super::limits::{
    LOOKED_AT_SERIES, REMOVED_BLOCK_POINTS, REMOVED_BLOCKS, REMOVED_EVENTS, REMOVED_ROWS,
    REMOVED_TEXTS,
};
use super::retention::{Cuts, before, cuts};
use super::{Steps, repair, rollups, timescale, unrolled};
use crate::engine::{Cell, Row};
use crate::telemetry::layout::DAY_US;
use crate::{Store, StoreError};

/// A table of which the rows of a series go by time.
pub(super) struct Table {
    name: &'static str,
    time: &'static str,
    /// So many of them in one transaction.
    rows: i64,
    /// Whether these are values as received.
    raw: bool,
}

pub(super) const POINTS: Table =
    Table { name: "points", time: "ts", rows: REMOVED_ROWS, raw: true };
const TEXTS: Table = Table { name: "points_text", time: "ts", rows: REMOVED_TEXTS, raw: true };
const MINUTES: Table = Table { name: "rollups_1m", time: "bucket", rows: REMOVED_ROWS, raw: false };
const HOURS: Table = Table { name: "rollups_1h", time: "bucket", rows: REMOVED_ROWS, raw: false };

/// Removing, step by step: each part says whether it got to its end.
pub(super) struct Removal<'a> {
    store: &'a Store,
    steps: &'a Steps<'a>,
    now: Timestamp,
    /// How much was removed.
    pub(super) count: u64,
    /// The series of which it is noted that values are removed, and of before which time.
    noted: Option<(i64, i64)>,
    /// A partition couldn't be removed: it may be left so that nobody sees its values. Nothing is made anew then.
    pub(super) left: bool,
}

impl<'a> Removal<'a> {
    pub(super) const fn new(store: &'a Store, steps: &'a Steps<'a>, now: Timestamp) -> Self {
        Self { store, steps, now, count: 0, noted: None, left: false }
    }
}

impl Removal<'_> {
    /// What is too old of an organization's series after one, and of its events.
    pub(super) async fn of_organization(
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
    pub(super) async fn rows(
        &mut self,
        table: &Table,
        series: i64,
        before: i64,
    ) -> Result<bool, StoreError> {
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
    pub(super) async fn blocks(&mut self, series: i64, before: i64) -> Result<bool, StoreError> {
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
