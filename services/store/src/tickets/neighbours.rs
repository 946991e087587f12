//! Alarms near another one, in place and time. For the platform: not bound to a scope, but within
//! one organization.

use millwright_core::ticket::{GROUP_SPAN_MAX_S, Sign, began};
use millwright_schemas::api::machines::Criticality;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, OrganizationId, SiteId, TicketId, Timestamp};
use sea_orm::{ConnectionTrait as _, QueryResult, Value};
use uuid::Uuid;

use crate::engine::statement;
use crate::{StoreError, Tx};

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("alarms", error)
}

/// What is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near {
    /// Whose alarms.
    pub organization: OrganizationId,
    /// The alarm's machine.
    pub machine: MachineId,
    /// The machine that connects it.
    pub parent: Option<MachineId>,
    /// Where it stands.
    pub site: Option<SiteId>,
    /// When the alarm began.
    pub at: Timestamp,
}

/// An alarm that is near.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The alarm, and where its machine stands.
    pub sign: Sign,
    /// How much depends on its machine.
    pub criticality: Criticality,
    /// The open ticket that it is on.
    pub ticket: Option<TicketId>,
}

/// What [`sign_from`] reads.
pub(super) const SIGN: &str = "a.id, a.machine_id, m.parent_id, m.site_id, a.origin, a.source, \
                               a.code, a.severity, a.raised_at, a.received_at";

/// Of machines at the same site, connected by the same one, connecting it or connected by it, that
/// began in that time: raised then or, where a clock was ahead, received then. Each way has its index:
/// an alarm of long ago that is told late mustn't lead through all alarms since then. `CASE` keeps planners
/// from going through all alarms of the organization. The condition on
/// what has no ticket is the same as `millwright_core::alarm::is_annunciated`.
const NEAR: &str = "
FROM alarms a
JOIN machines m ON m.id = a.machine_id
LEFT JOIN tickets t ON t.id = a.ticket_id AND t.state IN ('new', 'in_progress', 'on_hold')
WHERE CASE a.organization_id WHEN ?1 THEN 1 ELSE 0 END = 1
    AND (a.raised_at BETWEEN ?2 AND ?3
        OR (a.organization_id = ?1 AND a.raised_at > a.received_at
            AND a.received_at BETWEEN ?2 AND ?3))
    AND (m.id = ?4 OR m.parent_id = ?4 OR m.id = ?5 OR m.parent_id = ?5 OR m.site_id = ?6)
    AND (t.id IS NOT NULL OR (a.ticket_id IS NULL AND a.active AND a.suppressed_by IS NULL
        AND NOT a.out_of_service AND (a.shelved_until IS NULL OR a.shelved_until <= ?7)))
ORDER BY abs(a.raised_at - ?8), a.id
LIMIT ?9";

/// Alarms within the span of a group that are on open tickets, or on none and annunciated; the
/// nearest in time first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn near(
    tx: &Tx,
    near: Near,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Neighbour>, StoreError> {
    let uuid = |id: Option<Uuid>| Value::from(id.unwrap_or(Uuid::nil()));
    let values: [Value; 9] = [
        near.organization.uuid().into(),
        near.at.plus_seconds(-GROUP_SPAN_MAX_S).micros().into(),
        near.at.plus_seconds(GROUP_SPAN_MAX_S).micros().into(),
        near.machine.uuid().into(),
        uuid(near.parent.map(MachineId::uuid)),
        uuid(near.site.map(SiteId::uuid)),
        now.micros().into(),
        near.at.micros().into(),
        limit.into(),
    ];
    let rows = tx.conn().query_all_raw(statement(tx.conn(), &near_sql(), values)).await?;
    rows.iter().map(neighbour).collect()
}

fn near_sql() -> String {
    format!("SELECT {SIGN}, m.criticality, t.id {NEAR}")
}

fn neighbour(row: &QueryResult) -> Result<Neighbour, StoreError> {
    let criticality: String = row.try_get_by_index(10)?;
    let ticket: Option<Uuid> = row.try_get_by_index(11)?;
    Ok(Neighbour {
        sign: sign_from(row)?,
        criticality: criticality.parse().map_err(corrupt)?,
        ticket: ticket.map(TicketId),
    })
}

/// The columns of [`SIGN`].
pub(super) fn sign_from(row: &QueryResult) -> Result<Sign, StoreError> {
    let (origin, severity): (String, String) = (row.try_get_by_index(4)?, row.try_get_by_index(7)?);
    let (parent, site): (Option<Uuid>, Option<Uuid>) =
        (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    let time = |place: usize| -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(row.try_get_by_index(place)?))
    };
    Ok(Sign {
        alarm: AlarmId(row.try_get_by_index(0)?),
        machine: MachineId(row.try_get_by_index(1)?),
        parent: parent.map(MachineId),
        site: site.map(SiteId),
        origin: origin.parse().map_err(corrupt)?,
        source: row.try_get_by_index(5)?,
        code: row.try_get_by_index(6)?,
        severity: Severity::from_word(&severity),
        at: began(time(8)?, time(9)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan_of, sqlite_store};

    #[tokio::test]
    async fn only_alarms_of_that_time_are_read() {
        let (store, _folder) = sqlite_store().await;
        let id = || Value::from(Uuid::now_v7());
        let number = || Value::from(1_i64);
        let values = [id(), number(), number(), id(), id(), id(), number(), number(), number()];
        let plan = plan_of(&store, &near_sql(), values).await;
        for bounded in [
            "alarms_raised (raised_at>? AND raised_at<?)",
            "alarms_ahead (organization_id=? AND received_at>? AND received_at<?)",
        ] {
            assert!(plan.contains(bounded), "{plan}");
        }
    }
}
