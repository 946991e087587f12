//! Units of signals, as machines' agents tell them.

use millwright_schemas::MachineId;
use millwright_schemas::wire::command::SignalInfo;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::entities::{series, signal_unit};
use crate::{StoreError, Tx};

/// Rows in one statement.
const INSERT_ROWS: usize = 500;

/// Keeps what a machine's agent told of its signals, in place of what it told before, and gives
/// the series that are there their units. Most tell the same at every connect: then nothing is
/// written.
///
/// # Errors
/// When the database refuses it.
pub async fn put(tx: &Tx, machine: MachineId, told: &[SignalInfo]) -> Result<(), StoreError> {
    let before = load(tx, machine).await?;
    let mut rows: Vec<signal_unit::Model> = told
        .iter()
        .map(|info| signal_unit::Model {
            machine_id: machine.uuid(),
            signal: info.signal.as_str().to_owned(),
            unit: info.unit.clone(),
        })
        .collect();
    rows.sort_by(|a, b| a.signal.cmp(&b.signal));
    if rows == before {
        return Ok(());
    }
    signal_unit::Entity::delete_many()
        .filter(signal_unit::Column::MachineId.eq(machine.uuid()))
        .exec(tx.conn())
        .await?;
    for piece in rows.chunks(INSERT_ROWS) {
        let piece = piece.iter().map(|row| signal_unit::ActiveModel {
            machine_id: Set(row.machine_id),
            signal: Set(row.signal.clone()),
            unit: Set(row.unit.clone()),
        });
        signal_unit::Entity::insert_many(piece).exec_without_returning(tx.conn()).await?;
    }
    describe(tx, machine, &rows).await
}

async fn load(tx: &Tx, machine: MachineId) -> Result<Vec<signal_unit::Model>, StoreError> {
    Ok(signal_unit::Entity::find()
        .filter(signal_unit::Column::MachineId.eq(machine.uuid()))
        .order_by_asc(signal_unit::Column::Signal)
        .all(tx.conn())
        .await?)
}

/// Gives the machine's series the units that differ.
async fn describe(
    tx: &Tx,
    machine: MachineId,
    rows: &[signal_unit::Model],
) -> Result<(), StoreError> {
    let found = series::Entity::find()
        .filter(series::Column::MachineId.eq(machine.uuid()))
        .all(tx.conn())
        .await?;
    for known in found {
        let Ok(at) = rows.binary_search_by(|row| row.signal.cmp(&known.signal)) else { continue };
        let unit = rows[at].unit.clone();
        if unit != known.unit {
            series::Entity::update_many()
                .col_expr(series::Column::Unit, Expr::value(unit))
                .filter(series::Column::Id.eq(known.id))
                .exec(tx.conn())
                .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::SignalKind;

    use super::*;
    use crate::telemetry::reads::signals;
    use crate::telemetry::series::{self, NewSeries};
    use crate::{Scope, Store, testing};

    async fn tell(store: &Store, machine: MachineId, units: &[(&str, Option<&str>)]) {
        let info = |(signal, unit): &(&str, Option<&str>)| SignalInfo {
            signal: signal.parse().unwrap(),
            unit: unit.map(str::to_owned),
        };
        let told: Vec<SignalInfo> = units.iter().map(info).collect();
        let tx = store.begin().await.unwrap();
        put(&tx, machine, &told).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn appear(store: &Store, machine: MachineId, signal: &str) {
        let (signal, kind) = (signal.to_owned(), Some(SignalKind::Number));
        let mut tx = store.begin_batch().await.unwrap();
        let new = NewSeries { machine, signal, kind, created_at: 0 };
        series::create(&mut tx, &[new]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn units(store: &Store, machine: MachineId) -> Vec<(String, Option<String>)> {
        let all = signals::all(store, Scope::Platform, machine).await.unwrap();
        all.into_iter().map(|state| (state.signal, state.unit)).collect()
    }

    fn shown(units: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        let owned =
            |(signal, unit): &(&str, Option<&str>)| ((*signal).to_owned(), unit.map(str::to_owned));
        units.iter().map(owned).collect()
    }

    #[tokio::test]
    async fn a_unit_is_known_whatever_comes_first_and_stays_with_its_values() {
        let (store, _folder) = testing::store().await;
        let top = testing::organization(&store, None).await;
        let machine = testing::machine(&store, top).await;
        let other = testing::machine(&store, top).await;
        appear(&store, machine, "before").await;
        appear(&store, other, "before").await;
        let first = [("after", Some("bar")), ("before", Some("°C")), ("never", Some("A"))];
        tell(&store, machine, &first).await;
        appear(&store, machine, "after").await;
        appear(&store, machine, "untold").await;
        let all = [("after", Some("bar")), ("before", Some("°C")), ("untold", None)];
        assert_eq!(units(&store, machine).await, shown(&all));
        assert_eq!(units(&store, other).await, shown(&[("before", None)]), "another's signal");

        // Told without a unit it has none; not told any more, it keeps what it had.
        tell(&store, machine, &[("before", None)]).await;
        let all = [("after", Some("bar")), ("before", None), ("untold", None)];
        assert_eq!(units(&store, machine).await, shown(&all));
        tell(&store, machine, &[]).await;
        assert_eq!(units(&store, machine).await, shown(&all));
    }
}
