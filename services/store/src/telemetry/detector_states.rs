//! What ingest reads and writes of what rules have learned of machines, and the samples from which
//! they catch up.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, RuleId};

use super::BatchTx;
use super::layout::DAY_US;
use super::packed::{Block, Point, merged, unpack};
use crate::StoreError;
use crate::engine::{Bulk, Cell, Type};

/// Packed days among which the newest samples are looked for.
const BLOCKS_COUNTED: usize = 40;

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
        "SELECT machine_id, rule_id, rule_version, through_ts, state, saved_at \
         FROM detector_states WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});

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
               (machine_id, rule_id, rule_version, through_ts, state, saved_at) \
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (machine_id, rule_id) DO UPDATE SET \
               rule_version = excluded.rule_version, through_ts = excluded.through_ts, \
               state = excluded.state, saved_at = excluded.saved_at";
    let cells: [Cell<'_>; 6] = [
        row.machine.uuid().into(),
        row.rule.uuid().into(),
        row.version.into(),
        row.through_ts.into(),
        row.state.as_slice().into(),
        row.saved_at.into(),
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

/// A series' first `most` samples after a time, in microseconds, oldest first; packed ones too.
///
/// # Errors
/// When the database can't be used.
pub async fn samples_after(
    tx: &mut BatchTx,
    series: i64,
    mut after: i64,
    most: usize,
) -> Result<Vec<StoredSample>, StoreError> {
    let mut found: Vec<Point> = Vec::new();
    while found.len() < most {
        let Some((block, data)) = next_block(tx, series, after).await? else {
            found.append(&mut loose(tx, series, (after, i64::MAX), most - found.len()).await?);
            break;
        };
        let day = block.span();
        let left = most - found.len();
        found.append(&mut loose(tx, series, (after, day.from), left).await?);
        let left = most - found.len();
        let beside = loose(tx, series, (after.max(day.from - 1), day.to), left).await?;
        let packed = unpacked(series, block, data).await?;
        let packed: Vec<Point> = packed.into_iter().filter(|point| point.ts > after).collect();
        found.extend(merged(&packed, &beside).into_iter().take(left));
        after = day.to - 1;
    }
    let sample = |Point { ts, value, quality }: Point| StoredSample { ts, value, quality };
    Ok(found.into_iter().map(sample).collect())
}

/// What isn't packed after a time and before another, the oldest first.
async fn loose(
    tx: &mut BatchTx,
    series: i64,
    (after, before): (i64, i64),
    most: usize,
) -> Result<Vec<Point>, StoreError> {
    let sql = "SELECT ts, value, quality FROM points \
               WHERE series_id = ? AND ts > ? AND ts < ? ORDER BY ts LIMIT ?";
    let cells = [series.into(), after.into(), before.into(), bound(most).into()];
    tx.conn().fetch(sql, &cells).await?.iter().map(Point::of).collect()
}

/// The first packed day that has something after a time.
async fn next_block(
    tx: &mut BatchTx,
    series: i64,
    after: i64,
) -> Result<Option<(Block, Vec<u8>)>, StoreError> {
    let sql = "SELECT day, count, filled, first_ts, last_ts, data FROM packed_points \
               WHERE series_id = ? AND day >= ? AND last_ts > ? ORDER BY day LIMIT 1";
    let cells = [series.into(), after.div_euclid(DAY_US).into(), after.into()];
    let rows = tx.conn().fetch(sql, &cells).await?;
    rows.first().map(|row| Ok((Block::of(row)?, row.get(5)?))).transpose()
}

/// Not on the threads that wait for others.
async fn unpacked(series: i64, block: Block, data: Vec<u8>) -> Result<Vec<Point>, StoreError> {
    let unpacked = tokio::task::spawn_blocking(move || unpack(series, block, &data));
    unpacked.await.map_err(|error| StoreError::corrupt("packed_points", error))?
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
    let sql = "SELECT ts, value, quality FROM points_text WHERE series_id = ? AND ts > ? \
               ORDER BY ts LIMIT ?";
    let rows = tx.conn().fetch(sql, &[series.into(), after.into(), bound(most).into()]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
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

/// After a time, in microseconds: the time behind which a series has its `newest` samples, more or
/// less: packed days count as a whole, or not at all. `None`: it has no more than that.
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
    let cells = [series.into(), after.into(), bound(newest).into()];
    let rows = tx.conn().fetch(sql, &cells).await?;
    let of_loose: Option<i64> = rows.first().map(|row| row.get(0)).transpose()?;
    let sql = "SELECT day, count, filled, first_ts, last_ts FROM packed_points \
               WHERE series_id = ? AND day >= ? AND last_ts > ? ORDER BY day DESC LIMIT ?";
    let after = of_loose.unwrap_or(after);
    let days = bound(BLOCKS_COUNTED);
    let cells = [series.into(), after.div_euclid(DAY_US).into(), after.into(), days.into()];
    let rows = tx.conn().fetch(sql, &cells).await?;
    let blocks: Vec<Block> = rows.iter().map(Block::of).collect::<Result<_, _>>()?;
    let Some(last) = blocks.first() else { return Ok(of_loose) };
    let sql = "SELECT count(*) FROM \
               (SELECT 1 FROM points WHERE series_id = ? AND ts >= ? LIMIT ?) AS newer";
    let cells = [series.into(), last.span().to.into(), bound(newest).into()];
    let rows = tx.conn().fetch(sql, &cells).await?;
    let mut counted: i64 = rows.first().map_or(Ok(0), |row| row.get(0))?;
    let too_old = blocks.iter().find(|block| {
        counted = counted.saturating_add(block.count);
        counted > bound(newest)
    });
    Ok(of_loose.max(too_old.map(|block| block.span().to - 1)))
}

/// As SQL takes it.
fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::telemetry::packed::codec;
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

    #[tokio::test]
    async fn packed_samples_are_found_too_in_the_order_of_time() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let day = NOW.div_euclid(DAY_US) - 10;
        let at = |day: i64, n: i64| day * DAY_US + n * SECOND;
        let mut tx = store.begin_batch().await.unwrap();
        for day in [day, day + 1] {
            let point = |n: i64| Point { ts: at(day, 10 * n), value: Some(1.0), quality: 0 };
            let points: Vec<Point> = (1..=4).map(point).collect();
            let data = codec::encode(day, &points).unwrap();
            let sql = "INSERT INTO packed_points \
                       (series_id, day, count, filled, first_ts, last_ts, data) \
                       VALUES (?, ?, 4, 4, ?, ?, ?)";
            let ends = (at(day, 10), at(day, 40));
            let cells: [Cell<'_>; 5] =
                [series.into(), day.into(), ends.0.into(), ends.1.into(), data.as_slice().into()];
            tx.conn().execute(sql, &cells).await.unwrap();
        }
        // Before, between and beside what is packed, one at a packed time, and behind all.
        let times = [at(day - 1, 5), at(day, 15), at(day, 20), at(day, 50), at(day + 3, 1)];
        let row = |ts: i64| PointRow { series, ts, value: Some(2.0), quality: 0 };
        insert_new(&mut tx, &times.map(row)).await.unwrap();
        let next = at(day + 1, 0);
        let all = [
            times[0],
            at(day, 10),
            times[1],
            at(day, 20),
            at(day, 30),
            at(day, 40),
            times[3],
            next + 10 * SECOND,
            next + 20 * SECOND,
            next + 30 * SECOND,
            next + 40 * SECOND,
            times[4],
        ];
        for (from, most) in [(0, 12), (0, 3), (1, 4), (2, 7), (6, 2), (7, 100), (11, 9)] {
            let after = all.get(from).map_or(0, |ts| ts - 1);
            let found = samples_after(&mut tx, series, after, most).await.unwrap();
            let times: Vec<i64> = found.iter().map(|sample| sample.ts).collect();
            assert_eq!(times, all[from..(from + most).min(12)], "{most} from {from} on");
        }
        let packed = samples_after(&mut tx, series, times[1], 1).await.unwrap();
        assert_eq!(packed[0].value, Some(1.0), "of two of one time the packed one counts");
        for (newest, start) in
            [(1, Some(at(day + 2, 0) - 1)), (5, Some(next - 1)), (8, Some(next - 1)), (9, None)]
        {
            let found = start_of_newest(&mut tx, series, at(day - 2, 0), newest).await.unwrap();
            assert_eq!(found, start, "the newest {newest}");
        }
        tx.commit().await.unwrap();
    }
}
