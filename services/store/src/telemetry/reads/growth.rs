//! Whose stored values grow fastest.

use millwright_schemas::{MachineId, Timestamp};
use uuid::Uuid;

use super::storage::bytes_per_point;
use crate::engine::Cell;
use crate::{Scope, Store, StoreError};

/// What came from a machine in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// The machine.
    pub machine: MachineId,
    /// Numbers and booleans that were stored and are rolled up; nulls aren't counted.
    pub values: i64,
    /// Bytes that they take up as received, estimated.
    pub bytes: i64,
}

/// Machines by the values that they measured from a time on and before another, most first. By whole
/// hours of device time that are rolled up: a look at a few rows of each signal, however long its
/// history is.
///
/// # Errors
/// When the database can't be used.
pub async fn by_machine(
    store: &Store,
    scope: Scope,
    from: Timestamp,
    to: Timestamp,
    limit: u32,
) -> Result<Vec<Growth>, StoreError> {
    let mut cells: Vec<Cell<'_>> = vec![from.micros().into(), to.micros().into()];
    let within = match scope {
        Scope::Platform => "",
        Scope::Organization(id) => {
            cells.push(id.uuid().into());
            "AND m.organization_id IN \
             (SELECT descendant_id FROM organization_tree WHERE ancestor_id = ?) "
        }
    };
    cells.push(i64::from(limit).into());
    // In this order, from the signals to their hours: not through the hours of all times.
    let sql = format!(
        "SELECT s.machine_id, CAST(sum(r.count) AS BIGINT) AS stored \
         FROM machines m CROSS JOIN series s CROSS JOIN rollups_1h r \
         WHERE s.machine_id = m.id AND r.series_id = s.id AND r.bucket >= ? AND r.bucket < ? \
         {within}GROUP BY s.machine_id HAVING sum(r.count) > 0 \
         ORDER BY stored DESC, s.machine_id LIMIT ?"
    );
    let per_point = bytes_per_point(store).await?;
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    rows.iter()
        .map(|row| {
            let values: i64 = row.get(1)?;
            let machine = MachineId(row.get::<Uuid>(0)?);
            Ok(Growth { machine, values, bytes: bytes(values, per_point) })
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
fn bytes(count: i64, each: f64) -> i64 {
    (count as f64 * each) as i64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::OrganizationId;

    use super::*;
    use crate::testing::{NOW, machine, organization, store};
    use crate::upkeep::rollups::tests::{SECOND, new_series, settle, write};
    use crate::upkeep::rollups::{HOUR_US, MINUTE_US, floor};

    /// A machine with so many minutes of six values each; what comes after them is null.
    async fn measured(
        store: &Store,
        organization: OrganizationId,
        start: i64,
        minutes: i64,
    ) -> MachineId {
        let machine = machine(store, organization).await;
        let series = new_series(store, machine).await;
        let mut values: Vec<_> =
            (0..minutes * 6).map(|step| (start + step * 10 * SECOND, Some(1.0))).collect();
        values.push((start + (minutes + 1) * MINUTE_US, None));
        write(store, series, &values, true).await;
        machine
    }

    #[tokio::test]
    async fn machines_are_told_by_what_they_sent_most_first() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let below = organization(&store, Some(top)).await;
        let elsewhere = organization(&store, None).await;
        let to = floor(NOW, HOUR_US);
        let from = to - 24 * HOUR_US;
        let some = measured(&store, top, from, 1).await;
        let most = measured(&store, below, to - 2 * HOUR_US, 4).await;
        let stranger = measured(&store, elsewhere, to - HOUR_US, 2).await;
        measured(&store, top, from - 2 * HOUR_US, 5).await;
        measured(&store, top, to, 5).await;
        settle(&store).await;

        let told = async |scope: Scope, limit: u32| {
            let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
            let told = by_machine(&store, scope, from, to, limit).await.unwrap();
            told.iter().map(|growth| (growth.machine, growth.values)).collect::<Vec<_>>()
        };
        assert_eq!(told(Scope::Organization(top), 10).await, [(most, 24), (some, 6)]);
        assert_eq!(told(Scope::Organization(top), 1).await, [(most, 24)]);
        assert_eq!(told(Scope::Organization(elsewhere), 10).await, [(stranger, 12)]);
        assert_eq!(
            told(Scope::Platform, 10).await,
            [(most, 24), (stranger, 12), (some, 6)],
            "neither before nor after"
        );
    }

    #[tokio::test]
    async fn bytes_go_by_what_a_value_takes_up() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let start = floor(NOW, HOUR_US);
        measured(&store, top, start, 5).await;
        settle(&store).await;
        let (from, to) = (Timestamp::from_micros(start), Timestamp::from_micros(start + HOUR_US));
        let told = by_machine(&store, Scope::Platform, from, to, 10).await.unwrap();
        let each = bytes_per_point(&store).await.unwrap();
        assert_eq!(told[0].bytes, bytes(30, each));
        assert!(told[0].bytes > 0);
    }
}
