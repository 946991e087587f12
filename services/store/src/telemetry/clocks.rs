//! What is known of the clocks of machines that were ahead of the platform's.

use std::sync::LazyLock;

use millwright_schemas::MachineId;

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Row, Type};

/// A machine's clock. Times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockRow {
    /// The machine.
    pub machine: MachineId,
    /// By so much its clock is known to be ahead; 0: it is right.
    pub ahead_us: i64,
    /// When its clock was known to be another one, by that clock: rules see nothing older.
    pub begins_ts: Option<i64>,
    /// Its last messages by another clock, if there are such.
    pub doubt: Option<DoubtRow>,
}

/// Messages by another clock than the one that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoubtRow {
    /// How far that clock is ahead.
    pub offset_us: i64,
    /// How many they were.
    pub messages: i64,
    /// When the first of them was received.
    pub since: i64,
    /// The newest time of theirs.
    pub newest_ts: i64,
}

static LOAD: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT machine_id, ahead_us, begins_ts, doubt_us, doubt_messages, doubt_since, doubt_ts \
         FROM machine_clocks WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});

static SAVE: LazyLock<Bulk<7>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO machine_clocks \
         (machine_id, ahead_us, begins_ts, doubt_us, doubt_messages, doubt_since, doubt_ts) {rows} \
         ON CONFLICT (machine_id) DO UPDATE SET ahead_us = excluded.ahead_us, \
         begins_ts = excluded.begins_ts, doubt_us = excluded.doubt_us, \
         doubt_messages = excluded.doubt_messages, doubt_since = excluded.doubt_since, \
         doubt_ts = excluded.doubt_ts",
        [Type::Id, Type::Int, Type::Int, Type::Int, Type::Int, Type::Int, Type::Int],
    )
});

/// The clocks of these machines; those that never were ahead are missing from the answer.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<ClockRow>, StoreError> {
    let rows = tx.fetch_rows(&LOAD, machines, |machine| [machine.uuid().into()]).await?;
    rows.iter().map(clock).collect()
}

/// Records what is known of clocks. One row a machine.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[ClockRow]) -> Result<(), StoreError> {
    tx.execute_rows(&SAVE, rows, |row| {
        let doubt = row.doubt;
        [
            row.machine.uuid().into(),
            row.ahead_us.into(),
            row.begins_ts.into(),
            doubt.map(|doubt| doubt.offset_us).into(),
            doubt.map_or(0, |doubt| doubt.messages).into(),
            doubt.map(|doubt| doubt.since).into(),
            doubt.map(|doubt| doubt.newest_ts).into(),
        ]
    })
    .await?;
    Ok(())
}

fn clock(row: &Row) -> Result<ClockRow, StoreError> {
    let messages: i64 = row.get(4)?;
    let (offset, since, newest): (Option<i64>, Option<i64>, Option<i64>) =
        (row.get(3)?, row.get(5)?, row.get(6)?);
    let doubt = offset.zip(since).zip(newest).map(|((offset_us, since), newest_ts)| DoubtRow {
        offset_us,
        messages,
        since,
        newest_ts,
    });
    Ok(ClockRow {
        machine: MachineId(row.get(0)?),
        ahead_us: row.get(1)?,
        begins_ts: row.get(2)?,
        doubt,
    })
}
