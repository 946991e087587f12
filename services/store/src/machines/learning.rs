//! From when on a machine's samples are learned, and what rules have learned of it.

use std::collections::BTreeSet;

use millwright_schemas::limits::AHEAD_TOLERANCE_US;
use millwright_schemas::{MachineId, RuleId, SignalKind, Timestamp};
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::entities::machine::{ActiveModel, Column, Entity};
use crate::entities::{detector_state, latest, machine_clock, machine_status, series};
use crate::{Conn, Store, StoreError};

/// What a rule has learned of a machine, as it was stored last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The rule.
    pub rule: RuleId,
    /// What was learned.
    pub state: Vec<u8>,
    /// When it was stored.
    pub saved_at: Timestamp,
    /// Since when all of it watches; `None`: it learns, or it isn't known.
    pub watching_since: Option<Timestamp>,
}

/// What these rules have learned of a machine, which the caller sees. Those of which nothing is stored are
/// left out.
///
/// # Errors
/// When the database can't be used.
pub async fn learned(
    store: &Store,
    machine: MachineId,
    rules: &[RuleId],
) -> Result<Vec<Learned>, StoreError> {
    use detector_state::Column;
    let rows = detector_state::Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::RuleId.is_in(rules.iter().map(|rule| rule.uuid())))
        .all(store.readers())
        .await?;
    let learned = rows.into_iter().map(|row| Learned {
        rule: RuleId(row.rule_id),
        state: row.state,
        saved_at: Timestamp::from_micros(row.saved_at),
        watching_since: row.watching_since.map(Timestamp::from_micros),
    });
    Ok(learned.collect())
}

/// From when on a machine's samples are learned, by its own clock; `None`: all of them.
///
/// # Errors
/// When the database can't be used.
pub async fn since(store: &Store, machine: MachineId) -> Result<Option<Timestamp>, StoreError> {
    let since = Entity::find_by_id(machine.uuid())
        .select_only()
        .column(Column::LearnedSince)
        .into_tuple::<Option<i64>>()
        .one(store.readers())
        .await?;
    Ok(since.flatten().map(Timestamp::from_micros))
}

/// The signals of a machine that are numbers, by name: only such are learned.
///
/// # Errors
/// When the database can't be used.
pub async fn numbers(store: &Store, machine: MachineId) -> Result<BTreeSet<String>, StoreError> {
    let names: Vec<String> = series::Entity::find()
        .select_only()
        .column(series::Column::Signal)
        .filter(series::Column::MachineId.eq(machine.uuid()))
        .filter(series::Column::Kind.eq(SignalKind::Number.as_str()))
        .into_tuple()
        .all(store.readers())
        .await?;
    Ok(names.into_iter().collect())
}

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
    let ahead_us = number(&mut conn, &known_ahead(machine)).await?.unwrap_or(0);
    let since = by_its_clock(now, offset_us, newest, ahead_us);
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
/// ahead may have been set right. Nor so late that no rule would go by it: its clock is known to be ahead by
/// `ahead_us`.
fn by_its_clock(
    now: Timestamp,
    offset_us: Option<i64>,
    newest: Option<i64>,
    ahead_us: i64,
) -> Timestamp {
    let now = now.micros();
    let after_newest = newest.map(|newest| newest.saturating_add(1));
    let about = match offset_us {
        Some(offset) => now.saturating_add(offset),
        None => after_newest.unwrap_or(now),
    };
    let most = after_newest.map_or(now, |newest| newest.max(now));
    let for_rules = now.saturating_add(ahead_us).saturating_add(AHEAD_TOLERANCE_US);
    Timestamp::from_micros(about.min(most).min(for_rules))
}

fn clock_offset(machine: MachineId) -> SelectStatement {
    machine_status::Entity::find()
        .select_only()
        .column(machine_status::Column::ClockOffsetUs)
        .filter(machine_status::Column::MachineId.eq(machine.uuid()))
        .into_query()
}

fn known_ahead(machine: MachineId) -> SelectStatement {
    machine_clock::Entity::find()
        .select_only()
        .column(machine_clock::Column::AheadUs)
        .filter(machine_clock::Column::MachineId.eq(machine.uuid()))
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
            by_its_clock(Timestamp::from_micros(1_000), offset, newest, 0).micros()
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
        let now = Timestamp::from_micros(1_000);
        let known = by_its_clock(now, Some(2 * far), Some(3 * far), 2 * far);
        assert_eq!(known.micros(), 1_000 + 2 * far, "known to be as far ahead");
    }
}
