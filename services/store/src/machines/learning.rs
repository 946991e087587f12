//! From when on a machine's samples are learned.

use millwright_schemas::limits::AHEAD_TOLERANCE_US;
use millwright_schemas::{MachineId, Timestamp};
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::entities::machine::{ActiveModel, Column, Entity};
use crate::entities::{detector_state, latest, machine_status, series};
use crate::{Conn, StoreError};

/// What rules have learned of a machine is forgotten; they learn anew from its samples since now, by its
/// own clock.
///
/// # Errors
/// When the database refuses it.
pub async fn begin_anew(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut conn = conn.into();
    let offset_us = number(&mut conn, &clock_offset(machine)).await?;
    let newest = number(&mut conn, &newest_sample(machine)).await?;
    let since = by_its_clock(now, offset_us, newest);
    let row = ActiveModel { learned_since: Set(Some(since.micros())), ..Default::default() };
    let update = Entity::update_many().set(row).filter(Column::Id.eq(machine.uuid()));
    conn.update(&update.into_query()).await?;
    let forget = detector_state::Entity::delete_many()
        .filter(detector_state::Column::MachineId.eq(machine.uuid()));
    conn.delete(&forget.into_query()).await?;
    Ok(())
}

/// What a machine's clock shows at this time of the platform's: by how far it was ahead when it was heard
/// last, or as late as its newest sample. Not later than both that and the platform's: a clock that was
/// ahead may have been set right. Nor so late that no rule would go by it.
fn by_its_clock(now: Timestamp, offset_us: Option<i64>, newest: Option<i64>) -> Timestamp {
    let now = now.micros();
    let after_newest = newest.map(|newest| newest.saturating_add(1));
    let about = match offset_us {
        Some(offset) => now.saturating_add(offset),
        None => after_newest.unwrap_or(now),
    };
    let most = after_newest.map_or(now, |newest| newest.max(now));
    Timestamp::from_micros(about.min(most).min(now.saturating_add(AHEAD_TOLERANCE_US)))
}

fn clock_offset(machine: MachineId) -> SelectStatement {
    machine_status::Entity::find()
        .select_only()
        .column(machine_status::Column::ClockOffsetUs)
        .filter(machine_status::Column::MachineId.eq(machine.uuid()))
        .into_query()
}

fn newest_sample(machine: MachineId) -> SelectStatement {
    let of_machine = Query::select()
        .column(series::Column::Id)
        .from(series::Entity)
        .and_where(series::Column::MachineId.eq(machine.uuid()))
        .to_owned();
    latest::Entity::find()
        .select_only()
        .column_as(latest::Column::Ts.max(), "newest")
        .filter(latest::Column::SeriesId.in_subquery(of_machine))
        .into_query()
}

async fn number(conn: &mut Conn<'_>, query: &SelectStatement) -> Result<Option<i64>, StoreError> {
    let rows = conn.all(query).await?;
    rows.first().map_or(Ok(None), |row| Ok(row.try_get_by_index(0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when_goes_by_the_machines_clock() {
        let since = |offset: Option<i64>, newest: Option<i64>| {
            by_its_clock(Timestamp::from_micros(1_000), offset, newest).micros()
        };
        assert_eq!(since(None, None), 1_000, "nothing is known");
        assert_eq!(since(Some(0), Some(990)), 1_000);
        assert_eq!(since(Some(-600), Some(390)), 400, "behind");
        assert_eq!(since(None, Some(390)), 391, "behind, of a machine that another one connects");
        assert_eq!(since(Some(600), Some(1_590)), 1_591, "ahead");
        assert_eq!(since(Some(600), Some(990)), 1_000, "it was ahead");
        let far = 1_000 + AHEAD_TOLERANCE_US;
        assert_eq!(since(Some(2 * far), Some(2 * far)), far, "too far ahead for rules");
        assert_eq!(since(None, Some(2 * far)), far, "of a machine that another one connects");
    }
}
