//! Events that machines report.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use millwright_schemas::{EventId, MachineId, OrganizationId, OutboxId};

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Row, Type};

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

static INSERT: LazyLock<Bulk<9>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO machine_events \
         (machine_id, id, organization_id, ts, received_at, type, outbox, seq, data) {rows} \
         ON CONFLICT DO NOTHING RETURNING machine_id, id",
        [
            Type::Id,
            Type::Id,
            Type::Id,
            Type::Int,
            Type::Int,
            Type::Text,
            Type::Id,
            Type::Int,
            Type::Text,
        ],
    )
});
static EXISTING: LazyLock<Bulk<2>> = LazyLock::new(|| {
    Bulk::new(
        "WITH wanted (machine_id, id) AS ({rows}) \
         SELECT e.machine_id, e.id, e.ts, e.type, e.data FROM wanted w \
         JOIN machine_events e ON e.machine_id = w.machine_id AND e.id = w.id",
        [Type::Id, Type::Id],
    )
});

/// Inserts events; what became of each, in their order.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &mut BatchTx, rows: &[ReportedRow]) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = Vec::with_capacity(rows.len());
    for piece in INSERT.pieces(tx.engine(), rows) {
        let mut inserted = insert_piece(tx, piece).await?;
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
    piece: &[ReportedRow],
) -> Result<HashSet<(MachineId, EventId)>, StoreError> {
    let rows = INSERT
        .fetch(tx.conn(), piece, |row| {
            [
                row.machine.uuid().into(),
                row.id.uuid().into(),
                row.organization.uuid().into(),
                row.ts.into(),
                row.received_at.into(),
                row.event_type.as_str().into(),
                row.stream.map(|(outbox, _)| outbox.uuid()).into(),
                row.stream.map(|(_, seq)| seq).into(),
                row.data.as_str().into(),
            ]
        })
        .await?;
    rows.iter().map(key).collect()
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
    let found = tx
        .fetch_rows(&EXISTING, rows, |row| [row.machine.uuid().into(), row.id.uuid().into()])
        .await?;
    for row in found {
        let content = Content { ts: row.get(2)?, event_type: row.get(3)?, data: row.get(4)? };
        stored.insert(key(&row)?, content);
    }
    Ok(stored)
}

fn key(row: &Row) -> Result<(MachineId, EventId), StoreError> {
    Ok((MachineId(row.get(0)?), EventId(row.get(1)?)))
}
