//! Events that machines report.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use millwright_schemas::{EventId, MachineId, OrganizationId, OutboxId};
use sqlx::Row as _;
use uuid::Uuid;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::StoreError;

/// An event that a machine has reported.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedRow {
    /// Whose event.
    pub machine: MachineId,
    /// Unique for the machine.
    pub id: EventId,
    /// Whose machine.
    pub organization: OrganizationId,
    /// When it happened, in microseconds.
    pub ts: i64,
    /// Whether `ts` is the machine's time, not ours.
    pub ts_is_device_time: bool,
    /// Receive time, in microseconds.
    pub received_at: i64,
    /// What happened.
    pub event_type: String,
    /// The store on the machine, and the message's number in it.
    pub stream: Option<(OutboxId, i64)>,
    /// Details, as JSON.
    pub data: String,
}

/// What became of a reported event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored now.
    New,
    /// There already.
    Duplicate,
    /// There already with another content, which stays.
    Conflict,
}

static INSERT: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO machine_events \
         (machine_id, id, organization_id, ts, received_at, type, outbox, seq, data) VALUES",
        "(?,?,?,?,?,?,?,?,?)",
        "ON CONFLICT DO NOTHING RETURNING machine_id, id",
    )
});
static EXISTING: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "WITH wanted (machine_id, id) AS (VALUES",
        "(?,?)",
        ") SELECT e.machine_id, e.id, e.ts, e.type, e.data FROM wanted w \
         CROSS JOIN machine_events e ON e.machine_id = w.machine_id AND e.id = w.id",
    )
});

/// Inserts events; what became of each, in their order.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &mut BatchTx, rows: &[ReportedRow]) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = Vec::with_capacity(rows.len());
    for (sql, piece) in INSERT.pieces(rows) {
        let mut inserted = insert_piece(tx, sql, piece).await?;
        let stored = if inserted.len() == piece.len() {
            HashMap::new()
        } else {
            existing(tx, piece).await?
        };
        for row in piece {
            let key = (row.machine, row.id);
            outcomes.push(if inserted.remove(&key) {
                Outcome::New
            } else if stored.get(&key).is_some_and(|content| content.is(row)) {
                Outcome::Duplicate
            } else {
                Outcome::Conflict
            });
        }
    }
    Ok(outcomes)
}

async fn insert_piece(
    tx: &mut BatchTx,
    sql: &'static str,
    piece: &[ReportedRow],
) -> Result<HashSet<(MachineId, EventId)>, StoreError> {
    let mut query = sqlx::query(sql);
    for row in piece {
        query = query
            .bind(row.machine.uuid())
            .bind(row.id.uuid())
            .bind(row.organization.uuid())
            .bind(row.ts)
            .bind(row.received_at)
            .bind(row.event_type.as_str())
            .bind(row.stream.map(|(outbox, _)| outbox.uuid()))
            .bind(row.stream.map(|(_, seq)| seq))
            .bind(row.data.as_str());
    }
    query.fetch_all(tx.conn()).await?.iter().map(key).collect()
}

struct Content {
    ts: i64,
    event_type: String,
    data: String,
}

impl Content {
    /// Our own time differs with every delivery, so it doesn't count.
    fn is(&self, row: &ReportedRow) -> bool {
        self.event_type == row.event_type
            && self.data == row.data
            && (self.ts == row.ts || !row.ts_is_device_time)
    }
}

async fn existing(
    tx: &mut BatchTx,
    rows: &[ReportedRow],
) -> Result<HashMap<(MachineId, EventId), Content>, StoreError> {
    let mut stored = HashMap::new();
    for (sql, piece) in EXISTING.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query.bind(row.machine.uuid()).bind(row.id.uuid());
        }
        for row in query.fetch_all(tx.conn()).await? {
            let content =
                Content { ts: row.try_get(2)?, event_type: row.try_get(3)?, data: row.try_get(4)? };
            stored.insert(key(&row)?, content);
        }
    }
    Ok(stored)
}

fn key(row: &sqlx::sqlite::SqliteRow) -> Result<(MachineId, EventId), StoreError> {
    Ok((MachineId(row.try_get::<Uuid, _>(0)?), EventId(row.try_get::<Uuid, _>(1)?)))
}
