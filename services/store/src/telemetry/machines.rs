//! What a batch reads and writes about machines: whose they are, which connection is theirs,
//! when they were heard, what was counted.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, OrganizationId};
use sqlx::Row as _;
use uuid::Uuid;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::StoreError;

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
    /// Values that came after the detection had passed their time.
    pub late: i64,
}

static LOAD: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "SELECT m.id, m.organization_id, coalesce(s.generation, 0), s.last_seen_at, \
         CASE WHEN m.state <> 'decommissioned' THEN m.parent_id END \
         FROM machines m LEFT JOIN machine_status s ON s.machine_id = m.id WHERE m.id IN (",
        "?",
        ")",
    )
});

static SEEN: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO machine_status (machine_id, last_seen_at, clock_offset_us, through_ts) VALUES",
        "(?,?,?,?)",
        "ON CONFLICT (machine_id) DO UPDATE SET \
         last_seen_at = max(coalesce(last_seen_at, 0), excluded.last_seen_at), \
         clock_offset_us = coalesce(excluded.clock_offset_us, clock_offset_us), \
         through_ts = coalesce(max(through_ts, excluded.through_ts), through_ts, excluded.through_ts)",
    )
});

static COUNT: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO machine_counters \
         (machine_id, duplicates, conflicts, quarantined, quarantine_dropped, late) VALUES",
        "(?,?,?,?,?,?)",
        "ON CONFLICT (machine_id) DO UPDATE SET \
         duplicates = duplicates + excluded.duplicates, \
         conflicts = conflicts + excluded.conflicts, \
         quarantined = quarantined + excluded.quarantined, \
         quarantine_dropped = quarantine_dropped + excluded.quarantine_dropped, \
         late = late + excluded.late",
    )
});

/// The machines of a batch; those that don't exist are missing from the answer.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<MachineRow>, StoreError> {
    let mut rows = Vec::with_capacity(machines.len());
    for (sql, piece) in LOAD.pieces(machines) {
        let mut query = sqlx::query(sql);
        for machine in piece {
            query = query.bind(machine.uuid());
        }
        for row in query.fetch_all(tx.conn()).await? {
            rows.push(MachineRow {
                machine: MachineId(row.try_get::<Uuid, _>(0)?),
                organization: OrganizationId(row.try_get::<Uuid, _>(1)?),
                generation: row.try_get(2)?,
                last_seen_at: row.try_get(3)?,
                parent: row.try_get::<Option<Uuid>, _>(4)?.map(MachineId),
            });
        }
    }
    Ok(rows)
}

/// Records when machines were heard. One row a machine.
///
/// # Errors
/// When the database refuses it.
pub async fn save_seen(tx: &mut BatchTx, rows: &[SeenRow]) -> Result<(), StoreError> {
    for (sql, piece) in SEEN.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query
                .bind(row.machine.uuid())
                .bind(row.last_seen_at)
                .bind(row.clock_offset_us)
                .bind(row.through_ts);
        }
        query.execute(tx.conn()).await?;
    }
    Ok(())
}

/// Adds to machines' counters. One row a machine.
///
/// # Errors
/// When the database refuses it.
pub async fn add_counts(tx: &mut BatchTx, rows: &[CounterRow]) -> Result<(), StoreError> {
    for (sql, piece) in COUNT.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query
                .bind(row.machine.uuid())
                .bind(row.duplicates)
                .bind(row.conflicts)
                .bind(row.quarantined)
                .bind(row.quarantine_dropped)
                .bind(row.late);
        }
        query.execute(tx.conn()).await?;
    }
    Ok(())
}
