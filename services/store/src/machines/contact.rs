//! Machines that may be lost, or are back. For the platform's own watch: not bound to a scope.

use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use crate::engine::statement;
use crate::{Store, StoreError, Tx};

/// The code of alarms of lost contact.
pub const CONTACT_LOST: &str = "contact_lost";

/// What is known of a machine's contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactRow {
    /// The machine.
    pub machine: MachineId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Whether it is connected now.
    pub connected: bool,
    /// When its last connection ended.
    pub disconnected_at: Option<Timestamp>,
    /// When it was last heard, on its own connection or its parent's.
    pub last_seen_at: Option<Timestamp>,
    /// The machine that connects it, if that is in use and ever had a connection.
    pub parent: Option<ParentRow>,
    /// Whether its alarm is active.
    pub alarmed: bool,
}

/// What is known of the contact of a machine's parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentRow {
    /// Whether it is connected now.
    pub connected: bool,
    /// When its newest connection began.
    pub connected_at: Option<Timestamp>,
}

/// In the order of [`from_row`].
const SELECT: &str = "
SELECT m.id, m.organization_id, s.connected, s.disconnected_at, s.last_seen_at,
    p.connected, p.connected_at,
    {alarmed} AS alarmed
FROM machine_status s
JOIN machines m ON m.id = s.machine_id
LEFT JOIN machines pm ON pm.id = m.parent_id AND pm.state <> 'decommissioned'
LEFT JOIN machine_status p ON p.machine_id = pm.id AND p.generation > 0
WHERE m.state = 'commissioned' AND s.generation > 0";

const ALARMED: &str = "EXISTS (SELECT 1 FROM alarms a WHERE a.machine_id = m.id
    AND a.origin = 'contact' AND a.source = '' AND a.code = 'contact_lost' AND a.active)";

/// One that speaks through its parent is there, one whose parent is away is its parent's matter:
/// neither is looked at for as long as that is so.
const LOST: &str = "
AND NOT s.connected AND s.disconnected_at <= ?1 AND m.id > ?2 AND NOT {alarmed}
AND (p.machine_id IS NULL
    OR (p.connected AND coalesce(s.last_seen_at, 0) <= s.disconnected_at))
ORDER BY m.id LIMIT ?3";

const BACK: &str = "
AND s.machine_id IN (SELECT machine_id FROM alarms WHERE active AND origin = 'contact')
AND m.id > ?1 AND (s.connected OR (p.connected AND s.last_seen_at > s.disconnected_at))
ORDER BY m.id LIMIT ?2";

/// Machines in use that were disconnected at or before this time, have no active alarm of it, and
/// may be lost; by id, after the last one of the page before.
///
/// # Errors
/// When the database can't be used.
pub async fn lost(
    store: &Store,
    before: Timestamp,
    after: Option<MachineId>,
    limit: u64,
) -> Result<Vec<ContactRow>, StoreError> {
    let values = [before.micros().into(), key(after), limit.into()];
    select(store.readers(), LOST, values.into()).await
}

/// Machines with an active alarm of lost contact that are there again; by id, after the last one of
/// the page before.
///
/// # Errors
/// When the database can't be used.
pub async fn back(
    store: &Store,
    after: Option<MachineId>,
    limit: u64,
) -> Result<Vec<ContactRow>, StoreError> {
    select(store.readers(), BACK, vec![key(after), limit.into()]).await
}

/// These machines, as a transaction that goes on to act on it sees them.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &Tx, machines: &[MachineId]) -> Result<Vec<ContactRow>, StoreError> {
    let places = vec!["?"; machines.len()].join(",");
    let values = machines.iter().map(|machine| machine.uuid().into()).collect();
    select(tx.conn(), &format!(" AND m.id IN ({places}) ORDER BY m.id"), values).await
}

fn key(after: Option<MachineId>) -> Value {
    after.map_or(Uuid::nil(), MachineId::uuid).into()
}

async fn select(
    db: &impl ConnectionTrait,
    condition: &str,
    values: Vec<Value>,
) -> Result<Vec<ContactRow>, StoreError> {
    let sql = format!("{SELECT}{condition}").replace("{alarmed}", ALARMED);
    let query = statement(db, &sql, values);
    db.query_all_raw(query).await?.iter().map(from_row).collect()
}

fn from_row(row: &QueryResult) -> Result<ContactRow, StoreError> {
    let time = |place: usize| -> Result<Option<Timestamp>, StoreError> {
        let micros: Option<i64> = row.try_get_by_index(place)?;
        Ok(micros.map(Timestamp::from_micros))
    };
    let parent: Option<bool> = row.try_get_by_index(5)?;
    let connected_at = time(6)?;
    Ok(ContactRow {
        machine: MachineId(row.try_get_by_index::<Uuid>(0)?),
        organization: OrganizationId(row.try_get_by_index::<Uuid>(1)?),
        connected: row.try_get_by_index(2)?,
        disconnected_at: time(3)?,
        last_seen_at: time(4)?,
        parent: parent.map(|connected| ParentRow { connected, connected_at }),
        alarmed: row.try_get_by_index(7)?,
    })
}
