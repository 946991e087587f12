//! How far each outbox has been received, and what is missing in between.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, OutboxId};
use sqlx::Row as _;
use uuid::Uuid;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::StoreError;

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

static LOAD_CURSORS: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "SELECT machine_id, outbox, topic, last_seq, through_ts, updated_at \
         FROM stream_cursors WHERE machine_id IN (",
        "?",
        ")",
    )
});
static LOAD_GAPS: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "SELECT machine_id, outbox, topic, from_seq, to_seq, detected_at \
         FROM gaps WHERE machine_id IN (",
        "?",
        ")",
    )
});
static SAVE_CURSORS: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO stream_cursors \
         (machine_id, outbox, topic, last_seq, through_ts, updated_at) VALUES",
        "(?,?,?,?,?,?)",
        "ON CONFLICT (machine_id, outbox, topic) DO UPDATE SET \
         last_seq = excluded.last_seq, through_ts = excluded.through_ts, \
         updated_at = excluded.updated_at",
    )
});
static SAVE_GAPS: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO gaps (machine_id, outbox, topic, from_seq, to_seq, detected_at) VALUES",
        "(?,?,?,?,?,?)",
        "ON CONFLICT (machine_id, outbox, topic, from_seq) DO UPDATE SET \
         to_seq = excluded.to_seq, detected_at = excluded.detected_at",
    )
});
static DELETE_GAPS: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "DELETE FROM gaps WHERE (machine_id, outbox, topic, from_seq) IN (VALUES",
        "(?,?,?,?)",
        ")",
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
    let (mut cursors, mut gaps) = (Vec::new(), Vec::new());
    for (sql, piece) in LOAD_CURSORS.pieces(machines) {
        for row in bind_machines(sql, piece).fetch_all(tx.conn()).await? {
            cursors.push(CursorRow {
                key: key(&row)?,
                last_seq: row.try_get(3)?,
                through_ts: row.try_get(4)?,
                updated_at: row.try_get(5)?,
            });
        }
    }
    for (sql, piece) in LOAD_GAPS.pieces(machines) {
        for row in bind_machines(sql, piece).fetch_all(tx.conn()).await? {
            gaps.push(GapRow {
                key: key(&row)?,
                from_seq: row.try_get(3)?,
                to_seq: row.try_get(4)?,
                detected_at: row.try_get(5)?,
            });
        }
    }
    Ok((cursors, gaps))
}

/// Records how far streams have been received. One row a stream.
///
/// # Errors
/// When the database refuses it.
pub async fn save_cursors(tx: &mut BatchTx, rows: &[CursorRow]) -> Result<(), StoreError> {
    for (sql, piece) in SAVE_CURSORS.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = bind_key(query, row.key)
                .bind(row.last_seq)
                .bind(row.through_ts)
                .bind(row.updated_at);
        }
        query.execute(tx.conn()).await?;
    }
    Ok(())
}

/// Records gaps, or their new bounds: a gap is found by its first number.
///
/// # Errors
/// When the database refuses it.
pub async fn save_gaps(tx: &mut BatchTx, rows: &[GapRow]) -> Result<(), StoreError> {
    for (sql, piece) in SAVE_GAPS.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query =
                bind_key(query, row.key).bind(row.from_seq).bind(row.to_seq).bind(row.detected_at);
        }
        query.execute(tx.conn()).await?;
    }
    Ok(())
}

/// Removes gaps, each by its stream and first number.
///
/// # Errors
/// When the database refuses it.
pub async fn delete_gaps(tx: &mut BatchTx, gaps: &[(StreamKey, i64)]) -> Result<(), StoreError> {
    for (sql, piece) in DELETE_GAPS.pieces(gaps) {
        let mut query = sqlx::query(sql);
        for (key, from_seq) in piece {
            query = bind_key(query, *key).bind(*from_seq);
        }
        query.execute(tx.conn()).await?;
    }
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
        sqlx::query(sql).bind(machine.uuid()).bind(outbox.uuid()).execute(tx.conn()).await?;
    }
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_machines<'q>(sql: &'static str, machines: &[MachineId]) -> Query<'q> {
    let mut query = sqlx::query(sql);
    for machine in machines {
        query = query.bind(machine.uuid());
    }
    query
}

fn bind_key(query: Query<'_>, key: StreamKey) -> Query<'_> {
    query.bind(key.machine.uuid()).bind(key.outbox.uuid()).bind(key.topic.as_str())
}

pub(super) fn key(row: &sqlx::sqlite::SqliteRow) -> Result<StreamKey, StoreError> {
    Ok(StreamKey {
        machine: MachineId(row.try_get::<Uuid, _>(0)?),
        outbox: OutboxId(row.try_get::<Uuid, _>(1)?),
        topic: StreamTopic::from_word(row.try_get(2)?)?,
    })
}
