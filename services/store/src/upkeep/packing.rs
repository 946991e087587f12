//! Packing: a day of a series becomes one compressed row when it ended as long ago as the organization's
//! policy says, and is rolled up. With TimescaleDB, which compresses itself, nothing is done.
//!
//! A day with very few values stays as it is where a block is no smaller.
//!
//! A day is read and compressed beside everybody. A short transaction, or several of them for a large
//! day, then puts the block in place and removes the rows, if they are still as many as were read:
//! points are only ever added. What came late into a packed day is added to its block by the next round.

use std::collections::BTreeSet;

use millwright_schemas::OrganizationId;
use sea_orm::{ConnectionTrait as _, Value};

use super::retention::{Packing, Wanted};
use super::{Steps, coarse, rollups, shrink, sparse};
use crate::engine::statement;
use crate::telemetry::Layout;
use crate::telemetry::layout::DAY_US;
use crate::telemetry::merging;
use crate::telemetry::packed::codec::encode;
use crate::telemetry::packed::limits::POINTS_MAX;
use crate::telemetry::packed::{self, Block, Point, Span};
use crate::{Store, StoreError, Tx};

/// Series looked at in one go.
const SERIES_MAX: i64 = 500;
/// With partitions only every so many rounds, and in the first one, are all days looked at: of each series
/// it is asked in each partition where something lies, and there may always be something that is never
/// packed. In the others those that have just become old enough for somebody.
const ALL_EVERY: u32 = 6;
/// How far they look back then, in microseconds: three days.
const LOOK_BACK: i64 = 3 * DAY_US;
/// Days of series in one transaction.
const DAYS_MAX: usize = 20;
/// Rows that go in one transaction: SQLite's only writer is held for less than 50 milliseconds.
const ROWS_MAX: usize = 20_000;
/// So many points of a block are written in the time of a row that goes, about.
const BLOCK_POINTS: u64 = 16;

/// A round over all series. One that was broken off goes on where it was.
#[derive(Debug, Default)]
pub struct Round {
    /// Series up to this one are done.
    after: i64,
    /// The series in which it was broken off, and up to where, in microseconds, its days are done: also
    /// those that can't be packed, however long it takes to find out.
    within: Option<(i64, i64)>,
    /// The last partition that was made small, once all series are done.
    partition: String,
    /// Partitions that had nothing to give.
    looked: shrink::Looked,
    /// Groups of old partitions that were merged, or couldn't be.
    merged: BTreeSet<merging::Group>,
    /// Rounds that were done before this one.
    rounds: u32,
    /// The first block that couldn't be made or read.
    failed: Option<StoreError>,
}

/// What a call has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Points that were packed.
    pub points: u64,
    /// Days of series that they are of.
    pub days: u64,
    /// Whether the round is at its end.
    pub finished: bool,
}

/// Packs what is old enough, until the round is at its end or `steps`, which are asked between days, say
/// no.
///
/// # Errors
/// When the database can't be used. At the end of the round, when a block is damaged: all others were
/// packed then.
pub async fn run(
    store: &Store,
    wanted: &Wanted,
    round: &mut Round,
    steps: &Steps<'_>,
) -> Result<Done, StoreError> {
    let nothing = Done { points: 0, days: 0, finished: true };
    if matches!(store.layout(), Layout::Hypertables) {
        return Ok(nothing);
    }
    let Some(before) = wanted.newest_packing() else {
        let finished = tidy(store, None, round, steps).await?;
        if finished {
            round.merged.clear();
            round.partition.clear();
        }
        return Ok(Done { finished, ..nothing });
    };
    if round.after == 0 {
        // Of series that have ended the last minute too.
        rollups::see_all(store).await?;
        rollups::finish(store, before).await?;
    }
    let mut group = Group::default();
    let finished = series(store, wanted, before, round, &mut group, steps).await;
    // What is ready, also when the next one couldn't be read: the round is past it.
    group.write(store).await?;
    let finished = finished?;
    let done = Done { points: group.points, days: group.written, finished };
    if !finished {
        return Ok(done);
    }
    let tidied = tidy(store, Some(before), round, steps).await;
    if matches!(tidied, Ok(false)) {
        // Nothing else is left.
        round.after = i64::MAX;
        return Ok(Done { finished: false, ..done });
    }
    let Round { failed, looked, rounds, .. } = std::mem::take(round);
    (round.looked, round.rounds) = (looked, rounds.wrapping_add(1));
    failed.map_or(Ok(()), Err).and(tidied)?;
    Ok(done)
}

/// Partitions of which rows have gone become small, old ones fewer; whether it got to the end. Before
/// `packed` numbers and booleans are packed.
async fn tidy(
    store: &Store,
    packed: Option<i64>,
    round: &mut Round,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let gone = shrink::Gone::read(store, packed).await?;
    let at = (&mut round.partition, &mut round.looked);
    let shrunk = shrink::partitions(store, gone, at, steps).await;
    if matches!(shrunk, Ok(false)) {
        return shrunk;
    }
    let merged = coarse::partitions(store, &mut round.merged, steps).await;
    shrunk.and(merged)
}

/// A series that has something in `points` that may be old enough.
struct Candidate {
    id: i64,
    signal: String,
    organization: OrganizationId,
    oldest: Option<i64>,
}

/// All series in their order; whether it got to the end.
async fn series(
    store: &Store,
    wanted: &Wanted,
    before: i64,
    round: &mut Round,
    group: &mut Group,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let Some(oldest) = shrink::oldest_loose(store).await? else { return Ok(true) };
    let partitioned = matches!(store.layout(), Layout::Days { .. });
    let from = if partitioned && !round.rounds.is_multiple_of(ALL_EVERY) {
        oldest.max(before.saturating_sub(LOOK_BACK))
    } else {
        oldest
    };
    loop {
        let candidates = candidates(store, round.after, Span { from, to: before }).await?;
        if candidates.is_empty() {
            return Ok(true);
        }
        for candidate in candidates {
            if !(steps.wanted)() {
                return Ok(false);
            }
            let packing = wanted.packing(candidate.organization, &candidate.signal);
            if let (Some(oldest), Some(packing)) = (candidate.oldest, packing) {
                let of = (candidate.id, oldest);
                if !days(store, of, packing, round, group, steps).await? {
                    return Ok(false);
                }
            }
            round.after = candidate.id;
        }
    }
}

async fn candidates(store: &Store, after: i64, span: Span) -> Result<Vec<Candidate>, StoreError> {
    let sql = "SELECT s.id, s.signal, m.organization_id, \
               (SELECT min(p.ts) FROM points p WHERE p.series_id = s.id \
               AND p.ts >= ? AND p.ts < ?) \
               FROM series s JOIN machines m ON m.id = s.machine_id \
               WHERE s.id > ? AND s.kind IN ('number', 'boolean') ORDER BY s.id LIMIT ?";
    let cells = [span.from.into(), span.to.into(), after.into(), SERIES_MAX.into()];
    let rows = store.reader_pool().fetch(sql, &cells).await?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                id: row.get(0)?,
                signal: row.get(1)?,
                organization: OrganizationId(row.get(2)?),
                oldest: row.get(3)?,
            })
        })
        .collect()
}

/// The days of a series from its oldest point on; whether it got to the last one.
async fn days(
    store: &Store,
    (series, oldest): (i64, i64),
    packing: Packing,
    round: &mut Round,
    group: &mut Group,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let rolled_up = rollups::through(store, series).await?.unwrap_or(i64::MAX);
    let before = packing.before.min(rolled_up);
    let done = round.within.take().filter(|(of, _)| *of == series);
    let from = done.map_or(oldest, |(_, done)| done.max(oldest));
    let mut oldest = sparse::next(store, series, from, before).await?;
    while let Some(ts) = oldest {
        let day = ts.div_euclid(DAY_US);
        let span = Span { from: day * DAY_US, to: (day + 1) * DAY_US };
        if span.to > before {
            break;
        }
        // What is removed soon isn't worth it.
        if packing.from.is_none_or(|from| span.from >= from) {
            match prepare(store, series, day, span).await {
                Ok(Some(prepared)) => group.add(store, prepared).await?,
                Ok(None) => {}
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "can't be packed");
                    round.failed.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        if !steps.go_on().await? {
            round.within = Some((series, span.to));
            return Ok(false);
        }
        oldest = sparse::next(store, series, span.to, before).await?;
    }
    Ok(true)
}

/// A part of a day, and the rows that were read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    span: Span,
    rows: u64,
}

fn slices(span: Span, loose: &[Point]) -> Vec<Slice> {
    let mut slices = Vec::new();
    let mut from = span.from;
    let mut parts = loose.chunks(ROWS_MAX).peekable();
    while let Some(part) = parts.next() {
        let next = parts.peek().and_then(|next| next.first());
        let to = next.map_or(span.to, |next| next.ts);
        slices.push(Slice { span: Span { from, to }, rows: part.len() as u64 });
        from = to;
    }
    slices
}

/// A day that is to be written.
#[derive(Debug)]
struct Prepared {
    series: i64,
    day: i64,
    /// Rows that were read, and go.
    rows: u64,
    /// In these steps.
    slices: Vec<Slice>,
    /// Points of the block that is there.
    there: Option<i64>,
    /// The new block and its data; `None`: all was in it already.
    block: Option<(Block, Vec<u8>)>,
}

/// Reads a day and compresses it. `None`: there is nothing to be done, or it has too many points.
async fn prepare(
    store: &Store,
    series: i64,
    day: i64,
    span: Span,
) -> Result<Option<Prepared>, StoreError> {
    let mut snapshot = store.snapshot().await?;
    let sql = "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM rollups_1h \
               WHERE series_id = ? AND bucket >= ? AND bucket < ?";
    let cells = [series.into(), span.from.into(), span.to.into()];
    let row = snapshot.first(sql, &cells).await?;
    let about = row.map_or(Ok(0), |row| row.get::<i64>(0))?;
    if usize::try_from(about).is_ok_and(|about| about > POINTS_MAX) {
        return Ok(None);
    }
    let sql = "SELECT day, count, filled, first_ts, last_ts, data FROM packed_points \
               WHERE series_id = ? AND day = ?";
    let there = match snapshot.first(sql, &[series.into(), day.into()]).await? {
        Some(row) => Some((Block::of(&row)?, row.get::<Vec<u8>>(5)?)),
        None => None,
    };
    let loose = packed::loose(&mut snapshot, series, span, POINTS_MAX).await?;
    snapshot.end().await?;
    if loose.is_empty() || loose.len() > POINTS_MAX {
        return Ok(None);
    }
    let work = move || compress(series, day, span, there, &loose);
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::corrupt("points", error))?
}

fn compress(
    series: i64,
    day: i64,
    span: Span,
    there: Option<(Block, Vec<u8>)>,
    loose: &[Point],
) -> Result<Option<Prepared>, StoreError> {
    let block = match &there {
        Some((block, data)) => packed::unpack(series, *block, data)?,
        None => Vec::new(),
    };
    let points = packed::merged(&block, loose);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(None) };
    if points.len() > POINTS_MAX {
        return Ok(None);
    }
    let new = Block {
        day,
        count: number(points.len()),
        filled: number(points.iter().filter(|point| point.value.is_some()).count()),
        first: first.ts,
        last: last.ts,
    };
    let data = if points.len() > block.len() {
        let data = encode(day, &points).map_err(|error| {
            let reason = format!("series {series}, day {day} can't be packed: {error}");
            StoreError::corrupt("points", reason)
        })?;
        Some((new, data))
    } else {
        None
    };
    let there = there.map(|(block, _)| block.count);
    let rows = loose.len() as u64;
    let slices = slices(span, loose);
    Ok(Some(Prepared { series, day, rows, slices, there, block: data }))
}

impl Prepared {
    /// What it takes to write it, in rows that are removed.
    fn cost(&self) -> u64 {
        let points = self.block.as_ref().map_or(0, |(block, _)| block.count.unsigned_abs());
        self.rows + points / BLOCK_POINTS
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Days that are written together.
#[derive(Debug, Default)]
struct Group {
    days: Vec<Prepared>,
    /// Points that were packed so far.
    points: u64,
    /// Days that they are of.
    written: u64,
}

impl Group {
    /// One that is large is written alone.
    async fn add(&mut self, store: &Store, day: Prepared) -> Result<(), StoreError> {
        let cost = day.cost() + self.days.iter().map(Prepared::cost).sum::<u64>();
        if cost > ROWS_MAX as u64 {
            self.write(store).await?;
        }
        self.days.push(day);
        if self.days.len() >= DAYS_MAX || cost > ROWS_MAX as u64 {
            self.write(store).await?;
        }
        Ok(())
    }

    /// Writes what was added; each day on its own, if not all are as they were read.
    async fn write(&mut self, store: &Store) -> Result<(), StoreError> {
        let days = std::mem::take(&mut self.days);
        if days.is_empty() {
            return Ok(());
        }
        if write(store, &days).await? {
            self.count(&days);
            return Ok(());
        }
        if days.len() == 1 {
            return Ok(());
        }
        for day in &days {
            // One that isn't as it was comes again in the next round.
            let day = std::slice::from_ref(day);
            if write(store, day).await? {
                self.count(day);
            }
        }
        Ok(())
    }

    fn count(&mut self, days: &[Prepared]) {
        self.points += days.iter().map(|day| day.rows).sum::<u64>();
        self.written += days.len() as u64;
    }
}

/// One transaction, or several for a large day; `false`: a day isn't as it was read, and nothing has
/// changed of what isn't.
async fn write(store: &Store, days: &[Prepared]) -> Result<bool, StoreError> {
    if let [day] = days
        && day.slices.len() > 1
    {
        return write_large(store, day).await;
    }
    let tx = store.begin_beside().await?;
    for day in days {
        let mut done = put(&tx, day).await?;
        for slice in &day.slices {
            done = done && remove(&tx, day.series, *slice).await?;
        }
        if !done {
            tx.rollback().await?;
            return Ok(false);
        }
    }
    tx.commit().await?;
    Ok(true)
}

/// First the block, then its rows go, step by step. Meanwhile they are there twice, of which readers
/// see one; should this be broken off, the next round removes the rest.
async fn write_large(store: &Store, day: &Prepared) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    if !put(&tx, day).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    tx.commit().await?;
    for slice in &day.slices {
        let tx = store.begin_beside().await?;
        if !remove(&tx, day.series, *slice).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
    }
    Ok(true)
}

/// Puts a block in place; `false`: what is there isn't what was read.
async fn put(tx: &Tx, day: &Prepared) -> Result<bool, StoreError> {
    let Some(block) = &day.block else { return Ok(true) };
    let mut values = columns(block);
    let sql = match day.there {
        None => {
            values.extend([day.series, day.day].map(Value::from));
            "INSERT INTO packed_points (count, filled, first_ts, last_ts, data, series_id, day) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        }
        Some(there) => {
            values.extend([day.series, day.day, there].map(Value::from));
            "UPDATE packed_points SET count = ?, filled = ?, first_ts = ?, last_ts = ?, data = ? \
             WHERE series_id = ? AND day = ? AND count = ?"
        }
    };
    Ok(change(tx, sql, values).await? == 1)
}

/// Removes rows; `false`: they are not as many as were read.
async fn remove(tx: &Tx, series: i64, slice: Slice) -> Result<bool, StoreError> {
    let sql = "DELETE FROM points WHERE series_id = ? AND ts >= ? AND ts < ?";
    let values = [series, slice.span.from, slice.span.to].map(Value::from);
    Ok(change(tx, sql, values.to_vec()).await? == slice.rows)
}

/// How many rows were changed.
async fn change(tx: &Tx, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
    let done = tx.conn().execute_raw(statement(tx.conn(), sql, values)).await?;
    Ok(done.rows_affected())
}

/// What the row says of a block, and its data.
fn columns((block, data): &(Block, Vec<u8>)) -> Vec<Value> {
    vec![
        block.count.into(),
        block.filled.into(),
        block.first.into(),
        block.last.into(),
        data.clone().into(),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "packing_tests.rs"]
mod tests;
