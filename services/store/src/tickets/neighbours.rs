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

/// Machines near another one of which alarms are looked for one by one; beyond that many, or when there
/// are fewer alarms in that time than machines, alarms are looked for by time.
const NEAR_MACHINES_MAX: u64 = 1_000;

/// Alarms of machines at the same site, connected by the same one, connecting it or connected by it, that
/// began in that time: raised then or, where a clock was ahead, received then. Each way has its index:
/// an alarm of long ago that is told late mustn't lead through all alarms since then. `CASE` keeps planners
/// from going through all alarms of the organization. The joins are in the order that SQLite keeps.
const BY_TIME: &str = "
FROM alarms a CROSS JOIN machines m
LEFT JOIN tickets t ON t.id = a.ticket_id AND t.state IN ('new', 'in_progress', 'on_hold')
WHERE m.id = a.machine_id
    AND CASE a.organization_id WHEN ?1 THEN 1 ELSE 0 END = 1
    AND (a.raised_at BETWEEN ?2 AND ?3
        OR (a.organization_id = ?1 AND a.raised_at > a.received_at
            AND a.received_at BETWEEN ?2 AND ?3))
    AND (m.id = ?4 OR m.parent_id = ?4 OR m.id = ?5 OR m.parent_id = ?5 OR m.site_id = ?6)";

/// The same, from the machines: what others do in a storm costs nothing.
const BY_MACHINE: &str = "
FROM around CROSS JOIN machines m CROSS JOIN alarms a
LEFT JOIN tickets t ON t.id = a.ticket_id AND t.state IN ('new', 'in_progress', 'on_hold')
WHERE m.id = around.id AND a.machine_id = m.id
    AND CASE a.organization_id WHEN ?1 THEN 1 ELSE 0 END = 1
    AND (a.raised_at BETWEEN ?2 AND ?3
        OR (a.raised_at > a.received_at AND a.received_at BETWEEN ?2 AND ?3))";

/// The machines of [`BY_MACHINE`], each once.
const AROUND: &str = "WITH around (id) AS (
    SELECT id FROM machines WHERE id IN (?4, ?5)
    UNION SELECT id FROM machines WHERE parent_id = ?4
    UNION SELECT id FROM machines WHERE parent_id = ?5
    UNION SELECT id FROM machines WHERE site_id = ?6
)";

/// The condition on what has no ticket is the same as `millwright_core::alarm::is_annunciated`.
const OPEN: &str = "
    AND (t.id IS NOT NULL OR (a.ticket_id IS NULL AND a.active AND a.suppressed_by IS NULL
        AND NOT a.out_of_service AND (a.shelved_until IS NULL OR a.shelved_until <= ?7)))
ORDER BY abs(a.raised_at - ?8), a.id
LIMIT ?9";

/// How many machines are near, about: one can be so in several ways.
const MACHINES: &str = "SELECT count(*) FROM (
    SELECT 1 FROM machines WHERE parent_id = ?1
    UNION ALL SELECT 1 FROM machines WHERE parent_id = ?2
    UNION ALL SELECT 1 FROM machines WHERE site_id = ?3
    LIMIT ?4) AS near";

/// How many alarms were raised in that time.
const ALARMS: &str = "SELECT count(*) FROM (
    SELECT 1 FROM alarms WHERE raised_at BETWEEN ?1 AND ?2 LIMIT ?3) AS near";

/// Where [`near`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Time,
    Machines,
}

impl Near {
    fn begins(self) -> i64 {
        self.at.plus_seconds(-GROUP_SPAN_MAX_S).micros()
    }

    fn ends(self) -> i64 {
        self.at.plus_seconds(GROUP_SPAN_MAX_S).micros()
    }

    /// What no machine has stands for none.
    fn parent(self) -> Uuid {
        self.parent.map_or(Uuid::nil(), MachineId::uuid)
    }

    fn site(self) -> Uuid {
        self.site.map_or(Uuid::nil(), SiteId::uuid)
    }
}

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
    let way = way(tx, near).await?;
    read(tx, way, near, now, limit).await
}

/// The way on which less is read.
async fn way(tx: &Tx, near: Near) -> Result<Way, StoreError> {
    let values: [Value; 4] = [
        near.machine.uuid().into(),
        near.parent().into(),
        near.site().into(),
        (NEAR_MACHINES_MAX + 1).into(),
    ];
    let machines = count(tx, MACHINES, values).await?;
    if u64::try_from(machines).is_ok_and(|machines| machines > NEAR_MACHINES_MAX) {
        return Ok(Way::Time);
    }
    // Itself and its parent are near too.
    let machines = machines + 2;
    let alarms =
        count(tx, ALARMS, [near.begins().into(), near.ends().into(), machines.into()]).await?;
    Ok(if alarms < machines { Way::Time } else { Way::Machines })
}

async fn count(
    tx: &Tx,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<i64, StoreError> {
    let row = tx.conn().query_one_raw(statement(tx.conn(), sql, values)).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get_by_index(0))?)
}

async fn read(
    tx: &Tx,
    way: Way,
    near: Near,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Neighbour>, StoreError> {
    let values: [Value; 9] = [
        near.organization.uuid().into(),
        near.begins().into(),
        near.ends().into(),
        near.machine.uuid().into(),
        near.parent().into(),
        near.site().into(),
        now.micros().into(),
        near.at.micros().into(),
        limit.into(),
    ];
    let rows = tx.conn().query_all_raw(statement(tx.conn(), &near_sql(way), values)).await?;
    rows.iter().map(neighbour).collect()
}

fn near_sql(way: Way) -> String {
    let (with, from) = match way {
        Way::Time => ("", BY_TIME),
        Way::Machines => (AROUND, BY_MACHINE),
    };
    format!("{with} SELECT {SIGN}, m.criticality, t.id {from} {OPEN}")
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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use millwright_core::access::Actor;
    use millwright_core::alarm::{Raise, Silence, open};
    use millwright_schemas::api::alarms::AlarmOrigin;
    use sea_orm::sea_query::Expr;
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
    use serde_json::Map;

    use super::*;
    use crate::entities::machine;
    use crate::testing::{self, organization, plan_of, sqlite_store, store};
    use crate::{Store, alarms};

    #[tokio::test]
    async fn only_alarms_of_that_time_are_read() {
        let (store, _folder) = sqlite_store().await;
        let id = || Value::from(Uuid::now_v7());
        let number = || Value::from(1_i64);
        let values = [id(), number(), number(), id(), id(), id(), number(), number(), number()];
        let plan = plan_of(&store, &near_sql(Way::Time), values).await;
        for bounded in [
            "alarms_raised (raised_at>? AND raised_at<?)",
            "alarms_ahead (organization_id=? AND received_at>? AND received_at<?)",
        ] {
            assert!(plan.contains(bounded), "{plan}");
        }
    }

    #[tokio::test]
    async fn of_machines_only_alarms_of_that_time_are_read() {
        let (store, _folder) = sqlite_store().await;
        let id = || Value::from(Uuid::now_v7());
        let number = || Value::from(1_i64);
        let values = [id(), number(), number(), id(), id(), id(), number(), number(), number()];
        let plan = plan_of(&store, &near_sql(Way::Machines), values).await;
        for bounded in [
            "machines_parent (parent_id=?)",
            "machines_site (site_id=?)",
            "alarms_machine_raised (machine_id=? AND raised_at>? AND raised_at<?)",
            "alarms_machine_ahead (machine_id=? AND received_at>? AND received_at<?)",
        ] {
            assert!(plan.contains(bounded), "{plan}");
        }
        assert!(!plan.lines().any(|line| format!("{line} ").starts_with("SCAN a ")), "{plan}");
    }

    fn at(seconds: i64) -> Timestamp {
        testing::now().plus_seconds(seconds)
    }

    async fn raise(
        store: &Store,
        of: OrganizationId,
        machine: MachineId,
        raised_s: i64,
        got_s: i64,
    ) {
        let raise = Raise {
            machine,
            organization: of,
            origin: AlarmOrigin::Fault,
            source: String::new(),
            code: format!("E-{raised_s}"),
            rule: None,
            severity: Severity::Major,
            message: "fault".to_owned(),
            context: Map::new(),
            at: at(raised_s),
            received_at: at(got_s),
        };
        let step = open(None, &raise, Silence::default(), AlarmId(Uuid::now_v7())).unwrap();
        let tx = store.begin().await.unwrap();
        assert!(alarms::insert(&tx, &step, None, Actor::Platform).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// A parent with three machines, and one that has nothing to do with them.
    async fn line(store: &Store) -> (OrganizationId, Vec<MachineId>) {
        let top = organization(store, None).await;
        let mut machines = Vec::new();
        for _ in 0..5 {
            machines.push(testing::machine(store, top).await);
        }
        let children: Vec<Uuid> = machines[1..4].iter().map(|id| id.uuid()).collect();
        let tx = store.begin().await.unwrap();
        machine::Entity::update_many()
            .col_expr(machine::Column::ParentId, Expr::value(machines[0].uuid()))
            .filter(machine::Column::Id.is_in(children))
            .exec(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (top, machines)
    }

    #[tokio::test]
    async fn both_ways_find_the_same() {
        let (store, _folder) = store().await;
        let (top, machines) = line(&store).await;
        let far = GROUP_SPAN_MAX_S + 10;
        // In time, before it, and of a clock that is ahead but was received in time.
        for (number, machine) in (0..).zip(&machines) {
            raise(&store, top, *machine, number, number).await;
            raise(&store, top, *machine, -far - number, -far).await;
            raise(&store, top, *machine, 3 * far + number, number).await;
        }
        let (machine, parent) = (machines[1], Some(machines[0]));
        let near = Near { organization: top, machine, parent, site: None, at: at(0) };
        let tx = store.begin().await.unwrap();
        let by_time = read(&tx, Way::Time, near, at(0), 100).await.unwrap();
        let by_machine = read(&tx, Way::Machines, near, at(0), 100).await.unwrap();
        assert_eq!(by_time, by_machine);
        let of: BTreeSet<MachineId> = by_time.iter().map(|one| one.sign.machine).collect();
        assert_eq!((by_time.len(), of), (8, machines[..4].iter().copied().collect()));
        // More alarms than the five that are near at most: the machines are fewer.
        assert_eq!(way(&tx, near).await.unwrap(), Way::Machines);
        let quiet = Near { at: at(20 * far), ..near };
        assert_eq!(way(&tx, quiet).await.unwrap(), Way::Time);
        tx.rollback().await.unwrap();
    }
}
