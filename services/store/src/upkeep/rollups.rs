//! Rollups: numbers and booleans by minute and by hour, for charts over long times.
//!
//! What came in order is rolled up behind a cursor of each series; hours in which something came
//! late are marked by ingest and made anew (`repair`). A bucket is always computed from all that it
//! is made of, so late and repeated points leave it right, and every step can be repeated. One that
//! counts as many as are left of its points, or more, stays: points come late, they are never taken back
//! or changed, but retention removes them, so as many are the same ones, or some are gone. Of packed days
//! minutes are computed in `packed_minutes`.
//!
//! With TimescaleDB these are continuous aggregates: see [`super::timescale`].

use std::fmt::Write as _;

use super::limits::{COUNTED_SPANS, ROLLED_MINUTES, ROLLED_POINTS, ROLLED_SERIES};
use super::{Done, Steps, packed_minutes, repair};
use crate::engine::{Engine, Pool, Row};
use crate::telemetry::Layout;
use crate::telemetry::layout::{self, DAY_US};
use crate::telemetry::snapshot::Snapshot;
use crate::{Store, StoreError, Tx};

/// Microseconds of a minute.
pub(crate) const MINUTE_US: i64 = 60_000_000;
/// Microseconds of an hour.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// So many points of a block, which is unpacked as a whole, take as long as one that isn't packed.
const UNPACKED_POINTS: i64 = 16;

/// A span of a series that is to be rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) series: i64,
    /// From this time on: the start of a minute.
    pub(super) from: i64,
    /// Before this time: the start of a minute.
    pub(super) to: i64,
}

/// A round over all series, and over all hours in which something came late. One that was broken off goes
/// on where it was, so that every series has its turn, however long that takes.
#[derive(Debug, Default)]
pub struct Round {
    series: Pass,
    hours: repair::Pass,
}

/// Rolls up what is there, until the round is at its end or `steps`, which are asked between transactions,
/// say no; how many series and hours. A round ends, whatever comes meanwhile: that is for the next one.
///
/// # Errors
/// When the database can't be used, or somebody keeps values out of sight that a removal has left.
pub async fn run(store: &Store, round: &mut Round, steps: &Steps<'_>) -> Result<Done, StoreError> {
    let mut count = 0;
    if matches!(store.layout(), Layout::Hypertables) {
        return Ok(Done { count, finished: true });
    }
    see_all(store).await?;
    // One of the two may have been at its end when the other was broken off: there may be more by now.
    round.series.again();
    round.hours.again();
    while !(round.series.over && round.hours.over) {
        if !steps.go_on().await? {
            return Ok(Done { count, finished: false });
        }
        // In turn, so that neither waits for the other, however much there is of it.
        if !round.series.over {
            count += advance(store, &mut round.series, ROLLED_POINTS).await?;
        }
        if !round.hours.over {
            count += repair::step(store, &mut round.hours, repair::Step::default()).await?;
        }
    }
    Ok(Done { count, finished: true })
}

/// Before anything is rolled up: a removal of a partition that was broken off may have left it so that nobody sees its
/// values. Cursors would pass over them, and marks of what came late would go, as if there were nothing.
///
/// # Errors
/// When the database can't be used, or somebody still looks at what is left.
pub(super) async fn see_all(store: &Store) -> Result<(), StoreError> {
    match (store.layout(), store.writer_pool()) {
        (Layout::Days { .. }, Pool::Postgres(pool)) => layout::bring_back_left(pool).await,
        _ => Ok(()),
    }
}

/// Once over all series, in their order.
#[derive(Debug, Default)]
struct Pass {
    /// Series up to this one had their turn.
    after: i64,
    /// One of them has more than a step took: the pass begins anew at its end.
    more: bool,
    /// It is at its end.
    over: bool,
}

impl Pass {
    fn again(&mut self) {
        if self.over {
            *self = Self::default();
        }
    }

    /// A step has done these spans, the first ones of those that were wanted.
    fn stepped(&mut self, wanted: &[Behind], spans: &[Span]) {
        let ends = wanted.iter().zip(spans);
        let cut = ends.clone().any(|(wanted, span)| span.to < wanted.span.to);
        // One that was cut for those before it is the first one of the next step.
        let alone = spans.len() == 1;
        let taken = if cut && !alone { spans.len() - 1 } else { spans.len() };
        for (wanted, span) in ends.take(taken) {
            self.after = span.series;
            self.more |= span.to < wanted.whole;
        }
        let all = taken == wanted.len();
        if all && i64::try_from(wanted.len()).is_ok_and(|found| found < ROLLED_SERIES) {
            *self = Self { over: !self.more, ..Self::default() };
        }
    }
}

/// Rolls up what has come in order since the last time, one step of a pass of about so many points at most;
/// how many series.
async fn advance(store: &Store, pass: &mut Pass, points: i64) -> Result<u64, StoreError> {
    let wanted = behind(store, pass.after).await?;
    let spans: Vec<Span> = wanted.iter().map(|wanted| wanted.span).collect();
    let spans = within(store, &spans, points).await?;
    if !spans.is_empty() {
        let snapshot = store.snapshot().await?;
        let tx = store.begin_beside().await?;
        roll(snapshot, &tx, &spans).await?;
        let mut values = String::new();
        for span in &spans {
            let comma = if values.is_empty() { "" } else { "," };
            let _ = write!(values, "{comma}({},{})", span.series, span.to);
        }
        tx.run(&format!(
            "INSERT INTO rollup_cursors (series_id, through) VALUES {values} \
             ON CONFLICT (series_id) DO UPDATE SET through = excluded.through"
        ))
        .await?;
        tx.commit().await?;
    }
    pass.stepped(&wanted, &spans);
    Ok(spans.len() as u64)
}

/// A series whose whole minutes aren't all rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Behind {
    /// What of it is to be rolled up now.
    span: Span,
    /// Up to here there are whole minutes.
    whole: i64,
}

/// The first series after one whose whole minutes aren't all rolled up.
async fn behind(store: &Store, after: i64) -> Result<Vec<Behind>, StoreError> {
    // Of a series without a cursor the first point is looked for.
    let sql = format!(
        "SELECT l.series_id, c.through, l.ts, \
         CASE WHEN c.through IS NULL THEN \
             (SELECT min(p.ts) FROM points p WHERE p.series_id = l.series_id) END \
         FROM latest l JOIN series s ON s.id = l.series_id \
         LEFT JOIN rollup_cursors c ON c.series_id = l.series_id \
         WHERE l.series_id > ? AND s.kind IN ('number', 'boolean') \
         AND (c.through IS NULL OR l.ts >= c.through + {MINUTE_US}) \
         ORDER BY l.series_id LIMIT {ROLLED_SERIES}"
    );
    let rows = store.reader_pool().fetch(&sql, &[after.into()]).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let latest: i64 = row.get(2)?;
        let first: Option<i64> = row.get::<Option<i64>>(1)?.or(row.get(3)?);
        // No point is left: retention took it.
        let from = floor(first.unwrap_or(latest), MINUTE_US);
        let whole = floor(latest, MINUTE_US);
        let to = whole.min(from + ROLLED_MINUTES * MINUTE_US);
        found.push(Behind { span: Span { series: row.get(0)?, from, to }, whole });
    }
    skip_silence(store, &mut found).await?;
    Ok(found)
}

/// A span in which nothing is goes on to where something is, so that a machine that was off for a
/// year doesn't take a year of steps.
async fn skip_silence(store: &Store, found: &mut [Behind]) -> Result<(), StoreError> {
    let long = |span: &Span| span.to - span.from >= ROLLED_MINUTES * MINUTE_US;
    for Behind { span, .. } in found.iter_mut().filter(|behind| long(&behind.span)) {
        let sql = "SELECT min(ts) FROM points WHERE series_id = ? AND ts >= ?";
        let cells = [span.series.into(), span.from.into()];
        let row = store.reader_pool().first(sql, &cells).await?;
        let next: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
        if let Some(next) = next.filter(|next| *next >= span.to) {
            span.to = floor(next, MINUTE_US);
        }
    }
    Ok(())
}

/// As many of these spans as have so many points, one at least, the last of them cut. A minute never is.
pub(super) async fn within(
    store: &Store,
    wanted: &[Span],
    points: i64,
) -> Result<Vec<Span>, StoreError> {
    let (mut spans, mut left) = (Vec::with_capacity(wanted.len()), points);
    for some in wanted.chunks(COUNTED_SPANS) {
        for (span, found) in some.iter().zip(counts(store, some, left).await?) {
            if found <= left {
                spans.push(*span);
                left -= found;
                continue;
            }
            let to = cut(store, *span, left).await?;
            if to > span.from && (to < span.to || spans.is_empty()) {
                spans.push(Span { to, ..*span });
            } else if spans.is_empty() {
                spans.push(Span { to: span.from + MINUTE_US, ..*span });
            }
            return Ok(spans);
        }
    }
    Ok(spans)
}

/// How many points there are in each of these spans; of those beside blocks at most one more than `most`
/// is counted.
async fn counts(store: &Store, spans: &[Span], most: i64) -> Result<Vec<i64>, StoreError> {
    // All numbers stand in the text: they are ours.
    let row = |(place, span): (usize, &Span)| {
        let Span { series, from, to } = *span;
        let days = [from, to - 1].map(|ts| floor(ts, DAY_US) / DAY_US);
        format!("({place},{series},{from},{to},{},{})", days[0], days[1])
    };
    let rows: Vec<String> = spans.iter().enumerate().map(row).collect();
    let from = spans.iter().map(|span| span.from).min().unwrap_or(0);
    let to = spans.iter().map(|span| span.to).max().unwrap_or(0);
    // So that only the partitions of these times are looked at.
    let of_all = match store.engine() {
        Engine::Sqlite => String::new(),
        Engine::Postgres => format!(" AND p.ts >= {from} AND p.ts < {to}"),
    };
    let sql = format!(
        "WITH wanted (place, series_id, lo, hi, lo_day, hi_day) AS (VALUES {}) \
         SELECT (SELECT count(*) FROM (SELECT 1 AS one FROM points p \
             WHERE p.series_id = w.series_id AND p.ts >= w.lo AND p.ts < w.hi{of_all} \
             LIMIT {}) AS some_points), \
         (SELECT CAST(coalesce(sum(b.count), 0) AS BIGINT) FROM packed_points b \
             WHERE b.series_id = w.series_id AND b.day >= w.lo_day AND b.day <= w.hi_day \
             AND b.first_ts < w.hi AND b.last_ts >= w.lo) \
         FROM wanted w ORDER BY w.place",
        rows.join(","),
        most.saturating_add(1)
    );
    let rows = store.reader_pool().fetch(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let (loose, packed): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(loose + packed / UNPACKED_POINTS)
        })
        .collect()
}

/// Up to where a span, in whole minutes, has at most so many points beside blocks.
async fn cut(store: &Store, span: Span, points: i64) -> Result<i64, StoreError> {
    let sql = "SELECT count(*), max(s.ts) FROM (SELECT p.ts FROM points p \
               WHERE p.series_id = ? AND p.ts >= ? AND p.ts < ? ORDER BY p.ts LIMIT ?) AS s";
    let cells = [span.series.into(), span.from.into(), span.to.into(), (points + 1).into()];
    let Some(row) = store.reader_pool().first(sql, &cells).await? else { return Ok(span.to) };
    let (found, last): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
    Ok(last.filter(|_| found > points).map_or(span.to, |last| floor(last, MINUTE_US)))
}

/// Rolls up the last minutes of series that have ended before this time, in microseconds: in order a
/// minute is rolled up when something comes after it. Their cursors stay, so that what does come is
/// rolled up with them; up to which value they are finished is noted, and nothing done until there is more.
///
/// # Errors
/// When the database can't be used.
pub(crate) async fn finish(store: &Store, before: i64) -> Result<(), StoreError> {
    let mut after = 0;
    while finish_some(store, before, &mut after).await? {}
    Ok(())
}

/// The same for the first of the series after one, in one transaction; whether there are more.
///
/// # Errors
/// When the database can't be used.
pub(super) async fn finish_some(
    store: &Store,
    before: i64,
    after: &mut i64,
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT l.series_id, c.through, l.ts FROM latest l JOIN series s ON s.id = l.series_id \
         JOIN rollup_cursors c ON c.series_id = l.series_id \
         WHERE s.kind IN ('number', 'boolean') AND l.series_id > ? AND l.ts < ? \
         AND l.ts >= c.through AND l.ts < c.through + {MINUTE_US} \
         AND (c.finished IS NULL OR l.ts > c.finished) \
         ORDER BY l.series_id LIMIT {ROLLED_SERIES}"
    );
    let rows = store.reader_pool().fetch(&sql, &[(*after).into(), before.into()]).await?;
    let span = |row: &Row| -> Result<Span, StoreError> {
        let from: i64 = row.get(1)?;
        Ok(Span { series: row.get(0)?, from, to: from + MINUTE_US })
    };
    let spans: Vec<Span> = rows.iter().map(span).collect::<Result<_, _>>()?;
    let spans = within(store, &spans, ROLLED_POINTS).await?;
    let Some(last) = spans.last() else { return Ok(false) };
    let mut values = String::new();
    for (Span { series, from, .. }, row) in spans.iter().zip(&rows) {
        // It was there before the transaction, which so sees it and all before it.
        let newest: i64 = row.get(2)?;
        let comma = if values.is_empty() { "" } else { "," };
        let _ = write!(values, "{comma}({series},{from},{newest})");
    }
    let snapshot = store.snapshot().await?;
    let tx = store.begin_beside().await?;
    roll(snapshot, &tx, &spans).await?;
    tx.run(&format!(
        "INSERT INTO rollup_cursors (series_id, through, finished) VALUES {values} \
         ON CONFLICT (series_id) DO UPDATE SET finished = excluded.finished"
    ))
    .await?;
    tx.commit().await?;
    *after = last.series;
    Ok(true)
}

/// Before this time, in microseconds, all of a series is rolled up, once it is finished; `None`: all of
/// it is, or none ever will be.
///
/// # Errors
/// When the database can't be used.
pub(crate) async fn through(store: &Store, series: i64) -> Result<Option<i64>, StoreError> {
    if matches!(store.layout(), Layout::Hypertables) {
        return Ok(None);
    }
    let sql = "SELECT l.ts, c.through, \
               (SELECT min(d.hour) FROM rollup_dirty d WHERE d.series_id = s.id) \
               FROM series s JOIN latest l ON l.series_id = s.id \
               LEFT JOIN rollup_cursors c ON c.series_id = s.id \
               WHERE s.id = ? AND s.kind IN ('number', 'boolean')";
    let Some(row) = store.reader_pool().first(sql, &[series.into()]).await? else {
        return Ok(None);
    };
    let (latest, through): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
    let late = row.get::<Option<i64>>(2)?.map(|late| floor(late, HOUR_US));
    let through = through.unwrap_or(i64::MIN);
    let through = (latest >= through.saturating_add(MINUTE_US)).then_some(through);
    Ok([through, late].into_iter().flatten().min())
}

/// What isn't rolled up yet, but for the last minutes of series, which wait for what comes after them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Series with values that came in order.
    pub series: i64,
    /// Hours of series that are to be made anew because something came late.
    pub hours: i64,
    /// From this time on, in microseconds, values wait; `None`: none do.
    pub from: Option<i64>,
}

/// What waits to be rolled up. Means nothing with TimescaleDB, which keeps its own account.
///
/// # Errors
/// When the database can't be used.
pub async fn waiting(store: &Store) -> Result<Waiting, StoreError> {
    let in_order = format!(
        "SELECT count(*), min(CASE WHEN c.through IS NULL THEN \
             (SELECT min(p.ts) FROM points p WHERE p.series_id = l.series_id) \
             ELSE c.through END) \
         FROM latest l JOIN series s ON s.id = l.series_id \
         LEFT JOIN rollup_cursors c ON c.series_id = l.series_id \
         WHERE s.kind IN ('number', 'boolean') \
         AND (c.through IS NULL OR l.ts >= c.through + {MINUTE_US})"
    );
    let (series, first) = counted(store, &in_order).await?;
    let (hours, late) = counted(store, "SELECT count(*), min(hour) FROM rollup_dirty").await?;
    Ok(Waiting { series, hours, from: [first, late].into_iter().flatten().min() })
}

/// How many, and the first time of them.
async fn counted(store: &Store, sql: &str) -> Result<(i64, Option<i64>), StoreError> {
    let row = store.reader_pool().first(sql, &[]).await?;
    row.map_or(Ok((0, None)), |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Computes the minutes of these spans from their points, then the hours that they lie in. The snapshot
/// is one that nothing was asked of yet, so that it sees what the transaction does. It is there before
/// the transaction begins: whoever holds the writer doesn't wait for a reader.
pub(super) async fn roll(
    mut snapshot: Snapshot,
    tx: &Tx,
    spans: &[Span],
) -> Result<(), StoreError> {
    let spans: Vec<Span> = spans.iter().filter(|span| span.from < span.to).copied().collect();
    if spans.is_empty() {
        return Ok(());
    }
    let minutes = Level {
        source: "points",
        time: "ts",
        count: "count(p.value)",
        min: "min(p.value)",
        max: "max(p.value)",
        sum: "sum(p.value)",
        last: "value",
        target: "rollups_1m",
        width: MINUTE_US,
    };
    let hours = Level {
        source: "rollups_1m",
        time: "bucket",
        count: "sum(p.count)",
        min: "min(p.min)",
        max: "max(p.max)",
        sum: "sum(p.sum)",
        last: "last",
        target: "rollups_1h",
        width: HOUR_US,
    };
    let engine = Engine::of(tx.conn());
    let unpacked = packed_minutes::write(&mut snapshot, tx, &spans).await?;
    snapshot.end().await?;
    if !unpacked.is_empty() {
        tx.run(&minutes.sql(engine, &unpacked)).await?;
    }
    let whole: Vec<Span> = spans
        .iter()
        .map(|span| Span {
            series: span.series,
            from: floor(span.from, HOUR_US),
            to: floor(span.to - 1, HOUR_US) + HOUR_US,
        })
        .collect();
    tx.run(&hours.sql(engine, &whole)).await
}

/// One level of rollups, and what it is made of.
struct Level {
    source: &'static str,
    time: &'static str,
    count: &'static str,
    min: &'static str,
    max: &'static str,
    sum: &'static str,
    last: &'static str,
    target: &'static str,
    width: i64,
}

impl Level {
    /// All numbers stand in the text: they are ours.
    fn sql(&self, engine: Engine, spans: &[Span]) -> String {
        let Self { source, time, count, min, max, sum, last, target, width } = self;
        let rows: Vec<String> = spans
            .iter()
            .map(|span| format!("({},{},{})", span.series, span.from, span.to))
            .collect();
        let from = spans.iter().map(|span| span.from).min().unwrap_or(0);
        let to = spans.iter().map(|span| span.to).max().unwrap_or(0);
        // So that only the partitions of these times are looked at.
        let within = |table: &str| match engine {
            Engine::Sqlite => String::new(),
            Engine::Postgres => format!(" AND {table}.{time} >= {from} AND {table}.{time} < {to}"),
        };
        format!(
            "INSERT INTO {target} (series_id, bucket, count, min, max, sum, last) \
             WITH wanted (series_id, lo, hi) AS (VALUES {rows}), \
             made AS (SELECT p.series_id AS series_id, {bucket} AS bucket, {count} AS count, \
                 {min} AS min, {max} AS max, {sum} AS sum, \
                 max(CASE WHEN p.{last} IS NOT NULL THEN p.{time} END) AS at \
                 FROM wanted w CROSS JOIN {source} p \
                 WHERE p.series_id = w.series_id AND p.{time} >= w.lo AND p.{time} < w.hi{inner} \
                 GROUP BY p.series_id, {bucket}) \
             SELECT m.series_id, m.bucket, m.count, m.min, m.max, m.sum, l.{last} \
             FROM made m LEFT JOIN {source} l \
                 ON l.series_id = m.series_id AND l.{time} = m.at{outer} \
             WHERE TRUE \
             ON CONFLICT (series_id, bucket) DO UPDATE SET count = excluded.count, \
                 min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last \
                 WHERE excluded.count > {target}.count",
            rows = rows.join(","),
            bucket = format_args!("p.{time} - ((p.{time} % {width}) + {width}) % {width}"),
            inner = within("p"),
            outer = within("l"),
        )
    }
}

pub(crate) const fn floor(ts: i64, width: i64) -> i64 {
    ts.div_euclid(width) * width
}

#[cfg(test)]
pub(super) use tests::repair_within;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
#[path = "rollups_tests.rs"]
pub(crate) mod tests;
