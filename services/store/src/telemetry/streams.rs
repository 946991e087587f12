//! How far each outbox has been received, and what is missing in between.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, OutboxId};

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Cell, Row, Type};

/// Which count of an outbox: each topic has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamTopic {
    /// `up/telemetry`.
    Telemetry,
    /// `up/events`.
    Events,
}

impl StreamTopic {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Events => "events",
        }
    }

    pub(super) fn from_word(word: &str) -> Result<Self, StoreError> {
        match word {
            "telemetry" => Ok(Self::Telemetry),
            "events" => Ok(Self::Events),
            other => Err(StoreError::corrupt("stream_cursors", format!("topic is {other:?}"))),
        }
    }
}

/// One counted stream of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// Whose data.
    pub machine: MachineId,
    /// The store on the machine.
    pub outbox: OutboxId,
    /// Which of its counts.
    pub topic: StreamTopic,
}

/// How far a stream has been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorRow {
    /// The stream.
    pub key: StreamKey,
    /// The highest number received.
    pub last_seq: i64,
    /// Nothing older will come, in microseconds.
    pub through_ts: Option<i64>,
    /// Receive time of the newest message, in microseconds.
    pub updated_at: i64,
}

/// Numbers that haven't been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapRow {
    /// The stream.
    pub key: StreamKey,
    /// The first number that is missing.
    pub from_seq: i64,
    /// The last number that is missing.
    pub to_seq: i64,
    /// When it was seen to be missing, in microseconds.
    pub detected_at: i64,
}

static LOAD_CURSORS: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT machine_id, outbox, topic, last_seq, through_ts, updated_at \
         FROM stream_cursors WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});
static LOAD_GAPS: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT machine_id, outbox, topic, from_seq, to_seq, detected_at \
         FROM gaps WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});
static SAVE_CURSORS: LazyLock<Bulk<6>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO stream_cursors \
         (machine_id, outbox, topic, last_seq, through_ts, updated_at) {rows} \
         ON CONFLICT (machine_id, outbox, topic) DO UPDATE SET \
         last_seq = excluded.last_seq, through_ts = excluded.through_ts, \
         updated_at = excluded.updated_at",
        [Type::Id, Type::Id, Type::Text, Type::Int, Type::Int, Type::Int],
    )
});
static SAVE_GAPS: LazyLock<Bulk<6>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO gaps (machine_id, outbox, topic, from_seq, to_seq, detected_at) {rows} \
         ON CONFLICT (machine_id, outbox, topic, from_seq) DO UPDATE SET \
         to_seq = excluded.to_seq, detected_at = excluded.detected_at",
        [Type::Id, Type::Id, Type::Text, Type::Int, Type::Int, Type::Int],
    )
});
static DELETE_GAPS: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::new(
        "DELETE FROM gaps WHERE (machine_id, outbox, topic, from_seq) IN ({rows})",
        [Type::Id, Type::Id, Type::Text, Type::Int],
    )
});

/// All cursors and gaps of these machines.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn load(
    tx: &mut BatchTx,
    machines: &[MachineId],
) -> Result<(Vec<CursorRow>, Vec<GapRow>), StoreError> {
    let cursors = tx.fetch_rows(&LOAD_CURSORS, machines, |id| [id.uuid().into()]).await?;
    let gaps = tx.fetch_rows(&LOAD_GAPS, machines, |id| [id.uuid().into()]).await?;
    Ok((
        cursors.iter().map(cursor).collect::<Result<_, _>>()?,
        gaps.iter().map(gap).collect::<Result<_, _>>()?,
    ))
}

/// Records how far streams have been received. One row a stream.
///
/// # Errors
/// When the database refuses it.
pub async fn save_cursors(tx: &mut BatchTx, rows: &[CursorRow]) -> Result<(), StoreError> {
    tx.execute_rows(&SAVE_CURSORS, rows, |row| {
        let [machine, outbox, topic] = cells(&row.key);
        let (last, at) = (row.last_seq.into(), row.updated_at.into());
        [machine, outbox, topic, last, row.through_ts.into(), at]
    })
    .await?;
    Ok(())
}

/// Records gaps, or their new bounds: a gap is found by its first number.
///
/// # Errors
/// When the database refuses it.
pub async fn save_gaps(tx: &mut BatchTx, rows: &[GapRow]) -> Result<(), StoreError> {
    tx.execute_rows(&SAVE_GAPS, rows, |row| {
        let [machine, outbox, topic] = cells(&row.key);
        let [from, to, at] = [row.from_seq, row.to_seq, row.detected_at].map(Cell::from);
        [machine, outbox, topic, from, to, at]
    })
    .await?;
    Ok(())
}

/// Removes gaps, each by its stream and first number.
///
/// # Errors
/// When the database refuses it.
pub async fn delete_gaps(tx: &mut BatchTx, gaps: &[(StreamKey, i64)]) -> Result<(), StoreError> {
    tx.execute_rows(&DELETE_GAPS, gaps, |(key, from_seq)| {
        let [machine, outbox, topic] = cells(key);
        [machine, outbox, topic, (*from_seq).into()]
    })
    .await?;
    Ok(())
}

/// Forgets an outbox: its cursors and gaps.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_outbox(
    tx: &mut BatchTx,
    machine: MachineId,
    outbox: OutboxId,
) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM stream_cursors WHERE machine_id = ? AND outbox = ?",
        "DELETE FROM gaps WHERE machine_id = ? AND outbox = ?",
    ] {
        tx.conn().execute(sql, &[machine.uuid().into(), outbox.uuid().into()]).await?;
    }
    Ok(())
}

fn cells(key: &StreamKey) -> [Cell<'static>; 3] {
    [key.machine.uuid().into(), key.outbox.uuid().into(), key.topic.as_str().into()]
}

/// A row of `machine_id, outbox, topic, last_seq, through_ts, updated_at`.
pub(crate) fn cursor(row: &Row) -> Result<CursorRow, StoreError> {
    Ok(CursorRow {
        key: key(row)?,
        last_seq: row.get(3)?,
        through_ts: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

/// A row of `machine_id, outbox, topic, from_seq, to_seq, detected_at`.
pub(crate) fn gap(row: &Row) -> Result<GapRow, StoreError> {
    Ok(GapRow {
        key: key(row)?,
        from_seq: row.get(3)?,
        to_seq: row.get(4)?,
        detected_at: row.get(5)?,
    })
}

fn key(row: &Row) -> Result<StreamKey, StoreError> {
    Ok(StreamKey {
        machine: MachineId(row.get(0)?),
        outbox: OutboxId(row.get(1)?),
        topic: StreamTopic::from_word(&row.get::<String>(2)?)?,
    })
}
