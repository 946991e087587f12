//! Machines' connections: who is connected where, fenced by generation.
//!
//! Each connection of a machine gets the next generation. Only the current generation may
//! commit, close itself or be counted as connected: a gateway that has lost a machine can't act
//! for it after its successor.

use std::collections::HashMap;

use millwright_schemas::api::machines::MachineConnection;
use millwright_schemas::{MachineId, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict, Query, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QuerySelect,
};

use crate::entities::machine_status::{ActiveModel, Column, Entity, Model};
use crate::{Store, StoreError, Tx};

/// Why connections ended that a gateway left behind.
pub const GATEWAY_RESTARTED: &str = "gateway restarted";

/// A connection that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConnection {
    /// Whose it is.
    pub machine: MachineId,
    /// Name of the gateway that holds it.
    pub gateway: String,
    /// MQTT client id.
    pub client_id: String,
    /// MQTT version: `3.1.1` or `5`.
    pub protocol: String,
    /// Address of the other side.
    pub remote_address: String,
    /// When.
    pub at: Timestamp,
}

/// Records that a machine is connected, and returns the connection's generation.
///
/// # Errors
/// When the database refuses it.
pub async fn open(tx: &Tx, new: NewConnection) -> Result<i64, StoreError> {
    let row = ActiveModel {
        machine_id: Set(new.machine.uuid()),
        generation: Set(1),
        connected: Set(true),
        gateway: Set(Some(new.gateway)),
        client_id: Set(Some(new.client_id)),
        protocol: Set(Some(new.protocol)),
        remote_address: Set(Some(new.remote_address)),
        connected_at: Set(Some(new.at.micros())),
        disconnected_at: Set(None),
        disconnect_reason: Set(None),
        last_seen_at: Set(Some(new.at.micros())),
        ..Default::default()
    };
    let overwritten = [
        Column::Connected,
        Column::Gateway,
        Column::ClientId,
        Column::Protocol,
        Column::RemoteAddress,
        Column::ConnectedAt,
        Column::DisconnectedAt,
        Column::DisconnectReason,
        Column::LastSeenAt,
    ];
    let on_conflict = OnConflict::column(Column::MachineId)
        .update_columns(overwritten)
        .value(Column::Generation, Expr::col((Entity, Column::Generation)).add(1))
        .to_owned();
    Entity::insert(row).on_conflict(on_conflict).exec_without_returning(tx.conn()).await?;
    let generation: Option<i64> = Entity::find_by_id(new.machine.uuid())
        .select_only()
        .column(Column::Generation)
        .into_tuple()
        .one(tx.conn())
        .await?;
    generation.ok_or(StoreError::NotFound("machine"))
}

/// Records that a connection has ended, unless a later one has taken its place. Returns whether
/// it was the current one.
///
/// # Errors
/// When the database refuses it.
pub async fn close(
    tx: &Tx,
    machine: MachineId,
    generation: i64,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = Entity::update_many()
        .set(disconnected(reason, now))
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::Generation.eq(generation))
        .filter(Column::Connected.eq(true))
        .exec(tx.conn())
        .await?;
    Ok(done.rows_affected > 0)
}

/// Whether this is the machine's current connection.
///
/// # Errors
/// When the database can't be used.
pub async fn is_current(tx: &Tx, machine: MachineId, generation: i64) -> Result<bool, StoreError> {
    let current = Entity::find_by_id(machine.uuid())
        .filter(Column::Generation.eq(generation))
        .filter(Column::Connected.eq(true))
        .one(tx.conn())
        .await?;
    Ok(current.is_some())
}

/// Records that all connections of a gateway have ended, because it starts anew. Returns whose
/// they were.
///
/// # Errors
/// When the database refuses it.
pub async fn reset(tx: &Tx, gateway: &str, now: Timestamp) -> Result<Vec<MachineId>, StoreError> {
    let of_gateway = Column::Gateway.eq(gateway).and(Column::Connected.eq(true));
    let machines: Vec<uuid::Uuid> = Entity::find()
        .select_only()
        .column(Column::MachineId)
        .filter(of_gateway.clone())
        .into_tuple()
        .all(tx.conn())
        .await?;
    Entity::update_many()
        .set(disconnected(GATEWAY_RESTARTED, now))
        .filter(of_gateway)
        .exec(tx.conn())
        .await?;
    Ok(machines.into_iter().map(MachineId).collect())
}

fn disconnected(reason: &str, now: Timestamp) -> ActiveModel {
    ActiveModel {
        connected: Set(false),
        disconnected_at: Set(Some(now.micros())),
        disconnect_reason: Set(Some(reason.to_owned())),
        ..Default::default()
    }
}

/// The current generation of each of these machines that stands as connected; others are left out.
///
/// # Errors
/// When the database can't be used.
pub async fn generations(
    store: &Store,
    machines: &[MachineId],
) -> Result<HashMap<MachineId, i64>, StoreError> {
    let mut connected = select_generations(machines);
    connected.and_where(Expr::col(Column::Connected).eq(true));
    let rows = store.readers().query_all(&connected).await?;
    rows.into_iter()
        .map(|row| {
            let machine: uuid::Uuid = row.try_get_by_index(0)?;
            Ok((MachineId(machine), row.try_get_by_index(1)?))
        })
        .collect()
}

/// A connection that stands as open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub machine: MachineId,
    /// Which of its connections.
    pub generation: i64,
    /// Which of its sessions.
    pub client_id: String,
}

/// The connections that stand as open at this gateway.
///
/// # Errors
/// When the database can't be used.
pub async fn held_by(store: &Store, gateway: &str) -> Result<Vec<Held>, StoreError> {
    let rows: Vec<(uuid::Uuid, i64, Option<String>)> = Entity::find()
        .select_only()
        .columns([Column::MachineId, Column::Generation, Column::ClientId])
        .filter(Column::Gateway.eq(gateway))
        .filter(Column::Connected.eq(true))
        .into_tuple()
        .all(store.readers())
        .await?;
    let held = rows.into_iter().map(|(machine, generation, client_id)| Held {
        machine: MachineId(machine),
        generation,
        client_id: client_id.unwrap_or_default(),
    });
    Ok(held.collect())
}

/// Selects `machine_id, generation`; for transactions of sqlx and of sea-orm alike.
pub(crate) fn select_generations(machines: &[MachineId]) -> SelectStatement {
    let ids = machines.iter().map(|machine| machine.uuid());
    Query::select()
        .columns([Column::MachineId, Column::Generation])
        .from(Entity)
        .and_where(Expr::col(Column::MachineId).is_in(ids))
        .to_owned()
}

/// The connections of these machines, for whoever has found the machines within a scope.
pub(super) async fn of(
    db: &impl ConnectionTrait,
    machines: &[uuid::Uuid],
) -> Result<HashMap<uuid::Uuid, MachineConnection>, StoreError> {
    let rows =
        Entity::find().filter(Column::MachineId.is_in(machines.iter().copied())).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.machine_id, from_row(row))).collect())
}

fn from_row(row: Model) -> MachineConnection {
    MachineConnection {
        connected: row.connected,
        connected_at: row.connected_at.map(Timestamp::from_micros),
        disconnected_at: row.disconnected_at.map(Timestamp::from_micros),
        reason: row.disconnect_reason,
        last_seen_at: row.last_seen_at.map(Timestamp::from_micros),
        protocol: row.protocol,
        clock_offset_ms: row.clock_offset_us.map(|us| us.div_euclid(1_000)),
    }
}
