//! A machine's open commands, as the decision needs them what it is sent next.

use millwright_core::command::{Standing, State};
use millwright_schemas::{CommandId, LedgerId, MachineId, TicketId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::OPEN;
use super::row::word;
use crate::engine::{Engine, statement};
use crate::{Store, StoreError, Tx};

/// A machine's open commands in their order. When they were handed over is when they first were.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn open_of(store: &Store, machine: MachineId) -> Result<Vec<Standing>, StoreError> {
    find(store.readers(), machine).await
}

/// The same, within a transaction that goes on to change them.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn load_open(tx: &Tx, machine: MachineId) -> Result<Vec<Standing>, StoreError> {
    find(tx.conn(), machine).await
}

/// Whether a command that does more than look was begun for the ticket, and runs or went well.
///
/// # Errors
/// When the database can't be used.
pub async fn has_acted(tx: &Tx, ticket: TicketId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM commands WHERE ticket_id = ?1 \
               AND class <> 'read' AND state IN ('running', 'succeeded'))";
    let query = statement(tx.conn(), sql, [ticket.uuid().into()]);
    let row = tx.conn().query_one_raw(query).await?;
    Ok(row.map_or(Ok(false), |row| row.try_get_by_index(0))?)
}

/// How many commands of a machine are open.
///
/// # Errors
/// When the database can't be used.
pub async fn count_open(tx: &Tx, machine: MachineId) -> Result<u64, StoreError> {
    let index = Engine::of(tx.conn()).indexed_by("INDEXED BY commands_open");
    let sql =
        format!("SELECT COUNT(*) FROM commands {index} WHERE machine_id = ?1 AND state IN {OPEN}");
    let query = statement(tx.conn(), &sql, [machine.uuid().into()]);
    let row = tx.conn().query_one_raw(query).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn find(db: &impl ConnectionTrait, machine: MachineId) -> Result<Vec<Standing>, StoreError> {
    let index = Engine::of(db).indexed_by("INDEXED BY commands_open");
    let sql = format!(
        "SELECT id, ord, state, ledger, cancel_requested_at, expires_at, deadline_s, sent_at \
         FROM commands {index} WHERE machine_id = ?1 AND state IN {OPEN} ORDER BY ord"
    );
    let query = statement(db, &sql, [machine.uuid().into()]);
    db.query_all_raw(query).await?.iter().map(from_row).collect()
}

fn from_row(row: &QueryResult) -> Result<Standing, StoreError> {
    let ord: i64 = row.try_get_by_index(1)?;
    let state: String = row.try_get_by_index(2)?;
    let ledger: Option<Uuid> = row.try_get_by_index(3)?;
    let cancel: Option<i64> = row.try_get_by_index(4)?;
    let sent_at: Option<i64> = row.try_get_by_index(7)?;
    Ok(Standing {
        id: CommandId(row.try_get_by_index(0)?),
        ord: u64::try_from(ord).unwrap_or(0),
        state: State::of(word(&state)?, ledger.map(LedgerId), cancel.is_some()),
        expires_at: Timestamp::from_micros(row.try_get_by_index(5)?),
        deadline_s: row.try_get_by_index(6)?,
        handed_over_at: sent_at.map(Timestamp::from_micros),
        cancel_handed_over_at: None,
    })
}
