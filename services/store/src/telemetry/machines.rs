//! What a batch reads and writes about machines: whose they are, which connection is theirs,
//! when they were heard, what was counted.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, OrganizationId};
use uuid::Uuid;

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Engine, Type};

/// A machine at the time of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineRow {
    /// The machine.
    pub machine: MachineId,
    /// Whose it is now.
    pub organization: OrganizationId,
    /// The machine that speaks for it now; none does for one that is decommissioned.
    pub parent: Option<MachineId>,
    /// Number of its current connection; 0 when it never had one.
    pub generation: i64,
    /// When it was last heard, in microseconds, as recorded.
    pub last_seen_at: Option<i64>,
    /// The run of a process that wrote its samples last.
    pub writer: Option<Uuid>,
    /// Until when it is in maintenance mode, in microseconds; it is until that is gone.
    pub maintenance_until: Option<i64>,
    /// From when on its samples are learned, in microseconds; `None`: all of them.
    pub learned_since: Option<i64>,
}

/// When a machine was heard, and what its clock said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenRow {
    /// The machine.
    pub machine: MachineId,
    /// Receive time, in microseconds.
    pub last_seen_at: i64,
    /// Its clock less ours, in microseconds, if it told.
    pub clock_offset_us: Option<i64>,
    /// Nothing older will come.
    pub through_ts: Option<i64>,
}

/// What is added to a machine's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterRow {
    /// The machine.
    pub machine: MachineId,
    /// Values and events that were there already.
    pub duplicates: i64,
    /// Values and events that were there with another content.
    pub conflicts: i64,
    /// Rows put into quarantine.
    pub quarantined: i64,
    /// Rows that the quarantine's bound pushed out.
    pub quarantine_dropped: i64,
    /// Values that no rule has seen: their time had been passed, or hadn't come.
    pub late: i64,
    /// Values whose time hadn't come, those that came again among them.
    pub ahead: i64,
}

static LOAD: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT m.id, m.organization_id, coalesce(s.generation, 0), s.last_seen_at, \
         CASE WHEN m.state <> 'decommissioned' THEN m.parent_id END, s.writer, \
         m.maintenance_until, m.learned_since \
         FROM machines m LEFT JOIN machine_status s ON s.machine_id = m.id WHERE m.id IN ({rows})",
        [Type::Id],
    )
});

/// Batches of one machine, by two gateways that both think it theirs, come one after the other; in
/// the order of ids, so that no two wait for each other.
static LOCK: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT id FROM machines WHERE id IN ({rows}) ORDER BY id FOR NO KEY UPDATE",
        [Type::Id],
    )
});

static CLAIM: LazyLock<Bulk<2>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO machine_status (machine_id, writer) {rows} \
         ON CONFLICT (machine_id) DO UPDATE SET writer = excluded.writer",
        [Type::Id, Type::Id],
    )
});

static SEEN: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO machine_status (machine_id, last_seen_at, clock_offset_us, through_ts) {rows} \
         ON CONFLICT (machine_id) DO UPDATE SET \
         last_seen_at = CASE WHEN machine_status.last_seen_at > excluded.last_seen_at \
             THEN machine_status.last_seen_at ELSE excluded.last_seen_at END, \
         clock_offset_us = coalesce(excluded.clock_offset_us, machine_status.clock_offset_us), \
         through_ts = CASE WHEN machine_status.through_ts >= excluded.through_ts \
             THEN machine_status.through_ts \
             ELSE coalesce(excluded.through_ts, machine_status.through_ts) END",
        [Type::Id, Type::Int, Type::Int, Type::Int],
    )
});

static COUNT: LazyLock<Bulk<7>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO machine_counters AS c \
         (machine_id, duplicates, conflicts, quarantined, quarantine_dropped, late, ahead) {rows} \
         ON CONFLICT (machine_id) DO UPDATE SET \
         duplicates = c.duplicates + excluded.duplicates, \
         conflicts = c.conflicts + excluded.conflicts, \
         quarantined = c.quarantined + excluded.quarantined, \
         quarantine_dropped = c.quarantine_dropped + excluded.quarantine_dropped, \
         late = c.late + excluded.late, \
         ahead = c.ahead + excluded.ahead",
        [Type::Id, Type::Int, Type::Int, Type::Int, Type::Int, Type::Int, Type::Int],
    )
});

/// The machines of a batch; those that don't exist are missing from the answer.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<MachineRow>, StoreError> {
    if tx.engine() == Engine::Postgres {
        tx.fetch_rows(&LOCK, machines, |machine| [machine.uuid().into()]).await?;
    }
    let rows = tx.fetch_rows(&LOAD, machines, |machine| [machine.uuid().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(MachineRow {
                machine: MachineId(row.get(0)?),
                organization: OrganizationId(row.get(1)?),
                generation: row.get(2)?,
                last_seen_at: row.get(3)?,
                parent: row.get::<Option<Uuid>>(4)?.map(MachineId),
                writer: row.get(5)?,
                maintenance_until: row.get(6)?,
                learned_since: row.get(7)?,
            })
        })
        .collect()
}

/// Records that this run of a process writes these machines' samples from now on, so that what
/// others remember of them no longer counts.
///
/// # Errors
/// When the database refuses it.
pub async fn claim(
    tx: &mut BatchTx,
    machines: &[MachineId],
    writer: Uuid,
) -> Result<(), StoreError> {
    tx.execute_rows(&CLAIM, machines, |machine| [machine.uuid().into(), writer.into()]).await?;
    Ok(())
}

/// Records when machines were heard. One row a machine.
///
/// # Errors
/// When the database refuses it.
pub async fn save_seen(tx: &mut BatchTx, rows: &[SeenRow]) -> Result<(), StoreError> {
    tx.execute_rows(&SEEN, rows, |row| {
        [
            row.machine.uuid().into(),
            row.last_seen_at.into(),
            row.clock_offset_us.into(),
            row.through_ts.into(),
        ]
    })
    .await?;
    Ok(())
}

/// Adds to machines' counters. One row a machine.
///
/// # Errors
/// When the database refuses it.
pub async fn add_counts(tx: &mut BatchTx, rows: &[CounterRow]) -> Result<(), StoreError> {
    tx.execute_rows(&COUNT, rows, |row| {
        [
            row.machine.uuid().into(),
            row.duplicates.into(),
            row.conflicts.into(),
            row.quarantined.into(),
            row.quarantine_dropped.into(),
            row.late.into(),
            row.ahead.into(),
        ]
    })
    .await?;
    Ok(())
}
