//! What ingest reads and writes of what rules have learned of machines, and the samples from which
//! they catch up.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, RuleId};

use super::BatchTx;
use super::layout::DAY_US;
use super::packed::Point;
use super::reads::received;
use crate::engine::{Bulk, Cell, Row, Type};
use crate::upkeep::rollups::{MINUTE_US, floor};
use crate::{Store, StoreError};

/// A series' first samples after a time.
const SAMPLES_AFTER: &str =
    "SELECT ts, value, quality FROM points WHERE series_id = ? AND ts > ? ORDER BY ts LIMIT ?";
/// The same of texts.
const TEXTS_AFTER: &str =
    "SELECT ts, value, quality FROM points_text WHERE series_id = ? AND ts > ? ORDER BY ts LIMIT ?";

/// What a rule has learned of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorStateRow {
    /// The machine.
    pub machine: MachineId,
    /// The rule.
    pub rule: RuleId,
    /// The rule's version then.
    pub version: i64,
    /// The newest sample that is in it, in microseconds of the machine's clock.
    pub through_ts: i64,
    /// What was learned.
    pub state: Vec<u8>,
    /// When it was stored: receive time, in microseconds.
    pub saved_at: i64,
    /// Since when all of it watches: receive time, in microseconds. `None`: it learns, or it isn't known.
    pub watching_since: Option<i64>,
}

/// A number, a boolean (0, 1) or null as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredSample {
    /// Device time, in microseconds.
    pub ts: i64,
    /// The value.
    pub value: Option<f64>,
    /// Code of its quality.
    pub quality: i64,
}

static LOAD: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT machine_id, rule_id, rule_version, through_ts, state, saved_at, watching_since \
         FROM detector_states WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});

static RULES: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "WITH wanted (id) AS ({rows}) \
         SELECT machine_id, rule_id FROM detector_states \
         WHERE machine_id IN (SELECT id FROM wanted) UNION \
         SELECT machine_id, rule_id FROM detector_marks \
         WHERE machine_id IN (SELECT id FROM wanted)",
        [Type::Id],
    )
});

/// Of which rules it is stored what they have learned of these machines, or how far they have judged.
///
/// # Errors
/// When the database can't be used.
pub async fn rules(
    tx: &mut BatchTx,
    machines: &[MachineId],
) -> Result<Vec<(MachineId, RuleId)>, StoreError> {
    let rows = tx.fetch_rows(&RULES, machines, |machine| [machine.uuid().into()]).await?;
    rows.iter().map(|row| Ok((MachineId(row.get(0)?), RuleId(row.get(1)?)))).collect()
}

/// What rules have learned of these machines.
///
/// # Errors
/// When the database can't be used.
pub async fn load(
    tx: &mut BatchTx,
    machines: &[MachineId],
) -> Result<Vec<DetectorStateRow>, StoreError> {
    let rows = tx.fetch_rows(&LOAD, machines, |machine| [machine.uuid().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(DetectorStateRow {
                machine: MachineId(row.get(0)?),
                rule: RuleId(row.get(1)?),
                version: row.get(2)?,
                through_ts: row.get(3)?,
                state: row.get(4)?,
                saved_at: row.get(5)?,
                watching_since: row.get(6)?,
            })
        })
        .collect()
}

/// Records what a rule has learned.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, row: &DetectorStateRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO detector_states \
               (machine_id, rule_id, rule_version, through_ts, state, saved_at, watching_since) \
               VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (machine_id, rule_id) DO UPDATE SET \
               rule_version = excluded.rule_version, through_ts = excluded.through_ts, \
               state = excluded.state, saved_at = excluded.saved_at, \
               watching_since = excluded.watching_since";
    let cells: [Cell<'_>; 7] = [
        row.machine.uuid().into(),
        row.rule.uuid().into(),
        row.version.into(),
        row.through_ts.into(),
        row.state.as_slice().into(),
        row.saved_at.into(),
        row.watching_since.into(),
    ];
    tx.conn().execute(sql, &cells).await?;
    Ok(())
}

/// Forgets what a rule has learned of a machine that it no longer watches.
///
/// # Errors
/// When the database refuses it.
pub async fn forget(tx: &mut BatchTx, machine: MachineId, rule: RuleId) -> Result<(), StoreError> {
    let sql = "DELETE FROM detector_states WHERE machine_id = ? AND rule_id = ?";
    tx.conn().execute(sql, &[machine.uuid().into(), rule.uuid().into()]).await?;
    Ok(())
}

/// Forgets what all rules have learned of these machines, and how far they have judged. What came since the
/// time that is given with it, in microseconds, is learned.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_all(tx: &mut BatchTx, machines: &[(MachineId, i64)]) -> Result<(), StoreError> {
    for (machine, since) in machines {
        for sql in [
            "DELETE FROM detector_states WHERE machine_id = ?",
            "DELETE FROM detector_marks WHERE machine_id = ?",
        ] {
            tx.conn().execute(sql, &[machine.uuid().into()]).await?;
        }
        let sql = "UPDATE machines SET learned_since = ? WHERE id = ? AND learned_since > ?";
        let cells: [Cell<'_>; 3] = [(*since).into(), machine.uuid().into(), (*since).into()];
        tx.conn().execute(sql, &cells).await?;
    }
    Ok(())
}

/// A series' first `most` samples after a time, in microseconds, oldest first: of those that were stored
/// before this batch.
///
/// # Errors
/// When the database can't be used.
pub async fn samples_after(
    tx: &mut BatchTx,
    series: i64,
    after: i64,
    most: usize,
) -> Result<Vec<StoredSample>, StoreError> {
    let cells = [series.into(), after.into(), bound(most).into()];
    let rows = tx.conn().fetch(SAMPLES_AFTER, &cells).await?;
    if is_packed(tx, series, after).await? {
        let points = received::points_after(tx.store(), series, after, (most, most)).await;
        let sample = |Point { ts, value, quality }| StoredSample { ts, value, quality };
        if let Some(points) = unless_damaged(points)? {
            return Ok(points.into_iter().map(sample).collect());
        }
    }
    rows.iter().map(sample_of).collect()
}

fn sample_of(row: &Row) -> Result<StoredSample, StoreError> {
    Ok(StoredSample { ts: row.get(0)?, value: row.get(1)?, quality: row.get(2)? })
}

/// Whether something of a series after a time is packed. To be asked after `points` was looked into:
/// what is packed later has been seen there.
async fn is_packed(tx: &mut BatchTx, series: i64, after: i64) -> Result<bool, StoreError> {
    let sql =
        "SELECT day FROM packed_points WHERE series_id = ? AND day >= ? AND last_ts > ? LIMIT 1";
    let cells = [series.into(), after.div_euclid(DAY_US).into(), after.into()];
    Ok(!tx.conn().fetch(sql, &cells).await?.is_empty())
}

/// `None`: a block is damaged. What is read is what there is beside blocks then: nothing that a machine
/// sends may be refused for it.
fn unless_damaged<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error @ StoreError::Corrupt { .. }) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "rules that learn can't be given what is packed");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// After a time, in microseconds: the time behind which a series has `newest` samples. `None`: it
/// has no more than that.
///
/// # Errors
/// When the database can't be used.
pub async fn start_of_newest(
    tx: &mut BatchTx,
    series: i64,
    after: i64,
    newest: usize,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT ts FROM points WHERE series_id = ? AND ts > ? \
               ORDER BY ts DESC LIMIT 1 OFFSET ?";
    let rows = tx.conn().fetch(sql, &[series.into(), after.into(), bound(newest).into()]).await?;
    if rows.is_empty() && is_packed(tx, series, after).await? {
        let start = received::start_of_newest(tx.store(), series, after, newest).await;
        return Ok(unless_damaged(start)?.flatten());
    }
    rows.first().map(|row| row.get(0)).transpose()
}

/// A series' first `most` texts after a time, in microseconds, oldest first, each with the code of its
/// quality.
///
/// # Errors
/// When the database can't be used.
pub async fn texts_after(
    tx: &mut BatchTx,
    series: i64,
    after: i64,
    most: usize,
) -> Result<Vec<(i64, Option<String>, i64)>, StoreError> {
    let cells = [series.into(), after.into(), bound(most).into()];
    let rows = tx.conn().fetch(TEXTS_AFTER, &cells).await?;
    rows.iter().map(text_of).collect()
}

fn text_of(row: &Row) -> Result<(i64, Option<String>, i64), StoreError> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// As [`start_of_newest`], of texts.
///
/// # Errors
/// When the database can't be used.
pub async fn start_of_newest_texts(
    tx: &mut BatchTx,
    series: i64,
    after: i64,
    newest: usize,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT ts FROM points_text WHERE series_id = ? AND ts > ? \
               ORDER BY ts DESC LIMIT 1 OFFSET ?";
    let rows = tx.conn().fetch(sql, &[series.into(), after.into(), bound(newest).into()]).await?;
    rows.first().map(|row| row.get(0)).transpose()
}

/// A series' first samples after a time, in microseconds, oldest first, packed or not, of those that are
/// committed: at most `most`, or `packed` where days are packed, which are unpacked as a whole. Fewer than
/// `most`: there are no more. For who has time, and holds up no batch.
///
/// # Errors
/// When the database can't be used.
pub async fn committed_after(
    store: &Store,
    series: i64,
    after: i64,
    (most, packed): (usize, usize),
) -> Result<Vec<StoredSample>, StoreError> {
    let points = received::points_after(store, series, after, (most, packed)).await;
    if let Some(points) = unless_damaged(points)? {
        let sample = |Point { ts, value, quality }| StoredSample { ts, value, quality };
        return Ok(points.into_iter().map(sample).collect());
    }
    let cells = [series.into(), after.into(), bound(most).into()];
    let rows = store.reader_pool().fetch(SAMPLES_AFTER, &cells).await?;
    rows.iter().map(sample_of).collect()
}

/// As [`committed_after`], of texts, each with the code of its quality.
///
/// # Errors
/// When the database can't be used.
pub async fn committed_texts_after(
    store: &Store,
    series: i64,
    after: i64,
    most: usize,
) -> Result<Vec<(i64, Option<String>, i64)>, StoreError> {
    let cells = [series.into(), after.into(), bound(most).into()];
    let rows = store.reader_pool().fetch(TEXTS_AFTER, &cells).await?;
    rows.iter().map(text_of).collect()
}

/// Some of a series' samples: times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The series.
    pub series: i64,
    /// Whether it has texts.
    pub texts: bool,
    /// What is later than this,
    pub after: i64,
    /// up to this.
    pub to: i64,
}

/// A time behind which a stretch has at most so many samples, to about a minute: where it begins, if it has no
/// more. A packed day, of which something is in it, counts as a whole: it isn't looked into.
///
/// # Errors
/// When the database can't be used.
pub async fn start_within(store: &Store, stretch: Stretch, most: usize) -> Result<i64, StoreError> {
    let Stretch { after, to, .. } = stretch;
    let (mut start, mut left) = (to, bound(most));
    if count(store, stretch, left).await? <= left {
        return Ok(after.min(to));
    }
    // Day by day, as they are packed, then into the one that is too much.
    let mut step = DAY_US;
    while start > after && step >= MINUTE_US {
        let of_day = floor(start, DAY_US).saturating_sub(1);
        let older = of_day.max(start.saturating_sub(step)).max(after);
        let found = count(store, Stretch { after: older, to: start, ..stretch }, left).await?;
        if found > left {
            step /= 2;
        } else {
            (start, left) = (older, left - found);
        }
    }
    Ok(start)
}

/// How many samples there are, packed or not; of those that aren't, at most one more than `enough` is counted.
async fn count(store: &Store, stretch: Stretch, enough: i64) -> Result<i64, StoreError> {
    let Stretch { series, texts, after, to } = stretch;
    let table = if texts { "points_text" } else { "points" };
    let sql = format!(
        "SELECT count(*) FROM (SELECT ts FROM {table} \
         WHERE series_id = ? AND ts > ? AND ts <= ? LIMIT ?) AS found"
    );
    let cells = [series.into(), after.into(), to.into(), enough.saturating_add(1).into()];
    let row = store.reader_pool().first(&sql, &cells).await?;
    let loose: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if texts || loose > enough {
        return Ok(loose);
    }
    let sql = "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM packed_points \
               WHERE series_id = ? AND day >= ? AND day <= ? AND first_ts <= ? AND last_ts > ?";
    let [first, last] = [after, to].map(|ts| ts.div_euclid(DAY_US));
    let cells = [series.into(), first.into(), last.into(), to.into(), after.into()];
    let row = store.reader_pool().first(sql, &cells).await?;
    let packed: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    Ok(loose.saturating_add(packed))
}

/// As SQL takes it.
fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::telemetry::points::{PointRow, TextRow, insert_new, insert_texts};
    use crate::testing::{NOW, machine, organization, store};
    use crate::upkeep::rollups::tests::{SECOND, new_series};

    #[tokio::test]
    async fn samples_are_found_from_a_time_on_and_from_the_end() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let row = |n: i64| PointRow { series, ts: NOW + n * SECOND, value: None, quality: 2 };
        let rows: Vec<PointRow> = (0..10).map(row).collect();
        let mut tx = store.begin_batch().await.unwrap();
        insert_new(&mut tx, &rows).await.unwrap();
        let found = samples_after(&mut tx, series, NOW + 3 * SECOND, 2).await.unwrap();
        let at = |n: i64| StoredSample { ts: NOW + n * SECOND, value: None, quality: 2 };
        assert_eq!(found, [at(4), at(5)]);
        let start = start_of_newest(&mut tx, series, NOW - SECOND, 4).await.unwrap();
        assert_eq!(start, Some(NOW + 5 * SECOND));
        let found = samples_after(&mut tx, series, NOW + 5 * SECOND, 9).await.unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(start_of_newest(&mut tx, series, NOW - SECOND, 10).await.unwrap(), None);
        assert_eq!(start_of_newest(&mut tx, series, NOW + 5 * SECOND, 4).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn what_is_committed_is_found_and_counted() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let at = |n: i64| NOW + n * SECOND;
        let row = |n: i64| PointRow { series, ts: at(n), value: None, quality: 0 };
        let text = |n: i64| TextRow { series, ts: at(n), value: None, quality: 0 };
        let mut tx = store.begin_batch().await.unwrap();
        let rows: Vec<PointRow> = (0..1_000).map(row).collect();
        insert_new(&mut tx, &rows).await.unwrap();
        let texts: Vec<TextRow> = (0..1_000).map(text).collect();
        insert_texts(&mut tx, &texts).await.unwrap();
        tx.commit().await.unwrap();
        let found = committed_after(&store, series, at(3), (2, 1)).await.unwrap();
        assert_eq!(found.iter().map(|it| it.ts).collect::<Vec<_>>(), [at(4), at(5)]);
        let found = committed_texts_after(&store, series, at(997), 5).await.unwrap();
        assert_eq!(found, [(at(998), None, 0), (at(999), None, 0)]);
        for texts in [false, true] {
            let stretch = Stretch { series, texts, after: at(-100), to: at(899) };
            let start = start_within(&store, stretch, 900).await.unwrap();
            assert_eq!(start, at(-100), "all of them");
            for most in [899, 300, 120] {
                let start = start_within(&store, stretch, most).await.unwrap();
                let within = (0..900).filter(|n| at(*n) > start).count();
                assert!(within <= most && within + 130 > most, "{within} of {most}");
            }
            let start = start_within(&store, stretch, 0).await.unwrap();
            assert!((at(778)..=at(899)).contains(&start), "{start}");
        }
    }

    #[tokio::test]
    async fn texts_are_found_from_a_time_on_and_from_the_end() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let value = |n: i64| (n != 5).then(|| n.to_string());
        let row =
            |n: i64| TextRow { series, ts: NOW + n * SECOND, value: value(n), quality: n % 3 };
        let rows: Vec<TextRow> = (0..10).map(row).collect();
        let mut tx = store.begin_batch().await.unwrap();
        insert_texts(&mut tx, &rows).await.unwrap();
        let found = texts_after(&mut tx, series, NOW + 3 * SECOND, 2).await.unwrap();
        let at = |n: i64| (NOW + n * SECOND, value(n), n % 3);
        assert_eq!(found, [at(4), at(5)]);
        let start = start_of_newest_texts(&mut tx, series, NOW - SECOND, 4).await.unwrap();
        assert_eq!(start, Some(NOW + 5 * SECOND));
        let start = start_of_newest_texts(&mut tx, series, NOW - SECOND, 10).await.unwrap();
        assert_eq!(start, None);
        tx.commit().await.unwrap();
    }
}
