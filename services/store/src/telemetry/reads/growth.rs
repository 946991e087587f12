//! Whose stored values grow fastest.

use std::cmp::Reverse;

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

/// What came from machines in some time, most first.
#[derive(Debug, Clone)]
pub struct Counted {
    /// From this device time on.
    pub from: Timestamp,
    /// Before this one: when it was counted.
    pub to: Timestamp,
    /// The machines.
    pub machines: Vec<Growth>,
}

/// Signals that a scope has at most to be counted each time that it is asked for. Of more, what was counted is
/// kept for five minutes.
const COUNTED_EACH_TIME: i64 = 5_000;
/// Signals whose hours are read by one statement, unless a machine has more alone.
const SIGNALS_A_STATEMENT: i64 = 2_000;
/// Machines of one statement.
const MACHINES_A_STATEMENT: usize = 200;

/// The `limit` machines that have measured most from a time on until now. By whole hours of device time that are
/// rolled up: a look at a few rows of each signal, however long its history is, in short statements; in a large
/// fleet once in five minutes.
///
/// # Errors
/// When the database can't be used.
pub async fn by_machine(
    store: &Store,
    scope: Scope,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Counted, StoreError> {
    let signals = signals(store, scope).await?;
    let all: i64 = signals.iter().map(|(_, signals)| signals).sum();
    let counting = count(store, &signals, from, to);
    let mut counted = if all > COUNTED_EACH_TIME {
        store.counts().growth.get(scope, counting).await?.0
    } else {
        counting.await?
    };
    counted.machines.truncate(limit);
    Ok(counted)
}

/// How many signals each machine of a scope has.
async fn signals(store: &Store, scope: Scope) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let (within, cells): (&str, Vec<Cell<'_>>) = match scope {
        Scope::Platform => ("", Vec::new()),
        Scope::Organization(id) => (
            "WHERE m.organization_id IN \
             (SELECT descendant_id FROM organization_tree WHERE ancestor_id = ?) ",
            vec![id.uuid().into()],
        ),
    };
    let sql = format!(
        "SELECT s.machine_id, count(*) FROM machines m JOIN series s ON s.machine_id = m.id \
         {within}GROUP BY s.machine_id ORDER BY s.machine_id"
    );
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

async fn count(
    store: &Store,
    signals: &[(Uuid, i64)],
    from: Timestamp,
    to: Timestamp,
) -> Result<Counted, StoreError> {
    let per_point = bytes_per_point(store).await?;
    let mut machines = Vec::new();
    let mut rest = signals;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(piece_of(rest));
        rest = after;
        let places = vec!["?"; piece.len()].join(",");
        // In this order, from the signals to their hours: not through the hours of all times.
        let sql = format!(
            "SELECT s.machine_id, CAST(sum(r.count) AS BIGINT) \
             FROM series s CROSS JOIN rollups_1h r \
             WHERE s.machine_id IN ({places}) AND r.series_id = s.id \
             AND r.bucket >= ? AND r.bucket < ? \
             GROUP BY s.machine_id HAVING sum(r.count) > 0"
        );
        let mut cells: Vec<Cell<'_>> = piece.iter().map(|(id, _)| Cell::from(*id)).collect();
        cells.extend([Cell::from(from.micros()), Cell::from(to.micros())]);
        for row in store.reader_pool().fetch(&sql, &cells).await? {
            let (machine, values) = (MachineId(row.get::<Uuid>(0)?), row.get(1)?);
            machines.push(Growth { machine, values, bytes: bytes(values, per_point) });
        }
    }
    machines.sort_unstable_by_key(|growth| (Reverse(growth.values), growth.machine));
    Ok(Counted { from, to, machines })
}

/// How many of these machines one statement may look at.
fn piece_of(machines: &[(Uuid, i64)]) -> usize {
    let mut signals: i64 = 0;
    let fits = machines.iter().take(MACHINES_A_STATEMENT).take_while(|(_, more)| {
        signals += more;
        signals <= SIGNALS_A_STATEMENT
    });
    fits.count().max(1)
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

        let told = async |scope: Scope, limit: usize| {
            let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
            let told = by_machine(&store, scope, from, to, limit).await.unwrap();
            let told = told.machines.iter();
            told.map(|growth| (growth.machine, growth.values)).collect::<Vec<_>>()
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
        assert_eq!(told.machines[0].bytes, bytes(30, each));
        assert!(told.machines[0].bytes > 0);
    }

    #[test]
    fn a_statement_looks_at_so_many_machines_and_signals() {
        let of = |signals: &[i64]| -> Vec<(Uuid, i64)> {
            signals.iter().map(|signals| (Uuid::nil(), *signals)).collect()
        };
        assert_eq!(piece_of(&of(&[1_000, 1_000, 1])), 2);
        assert_eq!(piece_of(&of(&[3_000, 1])), 1);
        assert_eq!(piece_of(&of(&[1; 500])), MACHINES_A_STATEMENT);
    }
}
