//! Minutes of packed days: SQL can't look into blocks, so they are computed here.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait as _, Value};

use super::rollups::{MINUTE_US, Span, floor};
use crate::engine::statement;
use crate::telemetry::packed::{self, Packed, Piece, Point};
use crate::telemetry::snapshot::Snapshot;
use crate::{StoreError, Tx};

/// Minutes that are written by one statement.
const ROWS_MAX: usize = 100;

/// Writes the minutes of what is packed of these spans; gives the rest of them. The snapshot's state must
/// be that when the transaction had begun, or later.
pub(super) async fn write(
    snapshot: &mut Snapshot,
    tx: &Tx,
    spans: &[Span],
) -> Result<Vec<Span>, StoreError> {
    let touched = touched(snapshot, spans).await?;
    let mut rest = Vec::with_capacity(spans.len());
    for span in spans {
        let Span { series, from, to } = *span;
        if !touched.contains(&(series, from)) {
            rest.push(*span);
            continue;
        }
        let range = packed::Span { from, to };
        for piece in packed::pieces(snapshot, series, range).await? {
            match piece {
                Piece::Loose(packed::Span { from, to }) => rest.push(Span { series, from, to }),
                Piece::Packed(packed) => match minutes(snapshot, series, &packed).await {
                    Ok(minutes) => save(tx, series, &minutes).await?,
                    Err(error @ StoreError::Corrupt { .. }) => {
                        // Its minutes stay as they are; those of all others don't wait for it.
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "values can't be rolled up anew");
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }
    Ok(rest)
}

/// Of which spans something is packed: by series and start.
async fn touched(
    snapshot: &mut Snapshot,
    spans: &[Span],
) -> Result<BTreeSet<(i64, i64)>, StoreError> {
    // All numbers stand in the text: they are ours.
    let row = |span: &Span| {
        let day = |ts: i64| ts.div_euclid(crate::telemetry::layout::DAY_US);
        let Span { series, from, to } = *span;
        format!("({series},{from},{to},{},{})", day(from), day(to - 1))
    };
    let rows: Vec<String> = spans.iter().map(row).collect();
    let sql = format!(
        "WITH wanted (series_id, lo, hi, lo_day, hi_day) AS (VALUES {}) \
         SELECT DISTINCT b.series_id, CAST(w.lo AS BIGINT) FROM wanted w CROSS JOIN packed_points b \
         WHERE b.series_id = w.series_id AND b.day >= w.lo_day AND b.day <= w.hi_day \
         AND b.first_ts < w.hi AND b.last_ts >= w.lo",
        rows.join(",")
    );
    let rows = snapshot.fetch(&sql, &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// What all points of a minute come to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Minute {
    count: i64,
    min: Option<f64>,
    max: Option<f64>,
    sum: Option<f64>,
    last: Option<f64>,
}

impl Minute {
    /// The next point in the order of time.
    fn add(&mut self, point: &Point) {
        let Some(value) = point.value else { return };
        self.count += 1;
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        self.sum = Some(self.sum.map_or(value, |sum| sum + value));
        self.last = Some(value);
    }
}

async fn minutes(
    snapshot: &mut Snapshot,
    series: i64,
    packed: &Packed,
) -> Result<BTreeMap<i64, Minute>, StoreError> {
    let mut minutes: BTreeMap<i64, Minute> = BTreeMap::new();
    let mut walk = packed::each(series, packed);
    while let Some(points) = walk.next(snapshot).await? {
        for point in &points {
            minutes.entry(floor(point.ts, MINUTE_US)).or_default().add(point);
        }
    }
    Ok(minutes)
}

/// As the statement for what isn't packed does it: only to more than was counted.
async fn save(tx: &Tx, series: i64, minutes: &BTreeMap<i64, Minute>) -> Result<(), StoreError> {
    let rows: Vec<(&i64, &Minute)> = minutes.iter().collect();
    for piece in rows.chunks(ROWS_MAX) {
        let sql = format!(
            "INSERT INTO rollups_1m (series_id, bucket, count, min, max, sum, last) VALUES {} \
             ON CONFLICT (series_id, bucket) DO UPDATE SET count = excluded.count, \
             min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last \
             WHERE excluded.count > rollups_1m.count",
            vec!["(?,?,?,?,?,?,?)"; piece.len()].join(",")
        );
        let values = piece.iter().flat_map(|(bucket, minute)| {
            let Minute { count, min, max, sum, last } = **minute;
            let values: [Value; 7] = [
                series.into(),
                (**bucket).into(),
                count.into(),
                min.into(),
                max.into(),
                sum.into(),
                last.into(),
            ];
            values
        });
        let statement = statement(tx.conn(), &sql, values);
        tx.conn().execute_raw(statement).await?;
    }
    Ok(())
}
