//! Work on stored telemetry that goes on by itself: rollups, compression, retention.
//!
//! Called by the platform's worker. One process at a time does it; each step is a short transaction
//! that is right whatever else happens, and safe to repeat.

mod health;
pub(crate) mod marks;
pub mod retention;
pub mod rollups;
pub mod timescale;

use sqlx::PgConnection;
use sqlx::pool::PoolConnection;

pub use health::{TaskHealth, all as health, note};

use crate::engine::Pool;
use crate::engine::postgres::UPKEEP_LOCK;
use crate::{Store, StoreError};

/// The right to do upkeep, while it lives.
#[derive(Debug)]
pub struct Turn(Option<PoolConnection<sqlx::Postgres>>);

/// Takes the turn at upkeep; `None`: another process has it.
///
/// # Errors
/// When the database can't be used.
pub async fn take_turn(store: &Store) -> Result<Option<Turn>, StoreError> {
    let Pool::Postgres(pool) = store.writer_pool() else { return Ok(Some(Turn(None))) };
    let mut connection = pool.acquire().await?;
    let mine: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(UPKEEP_LOCK)
        .fetch_one(&mut *connection as &mut PgConnection)
        .await?;
    Ok(mine.then_some(Turn(Some(connection))))
}

impl Turn {
    /// Lets another process have it.
    ///
    /// # Errors
    /// When the database can't be used; the turn ends with the connection then.
    pub async fn end(self) -> Result<(), StoreError> {
        let Some(mut connection) = self.0 else { return Ok(()) };
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(UPKEEP_LOCK)
            .execute(&mut *connection as &mut PgConnection)
            .await?;
        Ok(())
    }
}
