//! Work on stored telemetry that goes on by itself: rollups, compression, retention.
//!
//! Called by the platform's worker. One process at a time does it; each step is a short transaction
//! that is right whatever else happens, and safe to repeat.

mod health;
pub(crate) mod marks;
pub mod retention;
pub mod rollups;
pub mod timescale;

use millwright_schemas::Timestamp;
use sqlx::pool::PoolConnection;

pub use health::{TaskHealth, all as health, note};

use crate::engine::Pool;
use crate::engine::postgres::UPKEEP_LOCK;
use crate::telemetry::layout::{self, DAY_US, Layout};
use crate::{Store, StoreError};

/// The right to do upkeep, while it lives. The lock is of its connection: one that isn't ended closes it.
#[derive(Debug)]
pub struct Turn(Option<PoolConnection<sqlx::Postgres>>);

/// Takes the turn at upkeep; `None`: another process has it.
///
/// # Errors
/// When the database can't be used.
pub async fn take_turn(store: &Store) -> Result<Option<Turn>, StoreError> {
    let Pool::Postgres(pool) = store.writer_pool() else { return Ok(Some(Turn(None))) };
    let mut turn = Turn(Some(pool.acquire().await?));
    let Some(connection) = &mut turn.0 else { return Ok(None) };
    let mine: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(UPKEEP_LOCK)
        .fetch_one(&mut **connection)
        .await?;
    if !mine {
        // Nothing is held: it may be lent again.
        turn.0 = None;
        return Ok(None);
    }
    Ok(Some(turn))
}

impl Turn {
    /// Lets another process have it.
    ///
    /// # Errors
    /// When the database can't be used; the turn ends with the connection then.
    pub async fn end(mut self) -> Result<(), StoreError> {
        let Some(connection) = &mut self.0 else { return Ok(()) };
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(UPKEEP_LOCK)
            .execute(&mut **connection)
            .await?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

/// Sees to it that the values of today and tomorrow have where to go, so that no batch has to at
/// midnight.
///
/// # Errors
/// When the database can't be used.
pub async fn make_room(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let (Layout::Days { made }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
    else {
        return Ok(());
    };
    let today = now.micros().div_euclid(DAY_US);
    layout::make(pool, made, [today, today + 1].into_iter()).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Location;
    use crate::testing::{now, store};

    #[tokio::test]
    async fn a_turn_that_isnt_ended_is_nobodys() {
        let (store, folder) = store().await;
        if folder.url().is_none() {
            eprintln!("SKIPPED: on SQLite there is one process");
            return;
        }
        let other = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let turn = take_turn(&store).await.unwrap().unwrap();
        assert!(take_turn(&other).await.unwrap().is_none());
        turn.end().await.unwrap();
        let turn = take_turn(&other).await.unwrap().unwrap();
        assert!(take_turn(&store).await.unwrap().is_none());
        drop(turn);
        let mut next = None;
        for _ in 0..500 {
            next = take_turn(&store).await.unwrap();
            if next.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(next.is_some(), "its connection is closed, and the lock with it");
    }

    #[tokio::test]
    async fn today_and_tomorrow_have_their_partitions() {
        let (store, _folder) = store().await;
        make_room(&store, now()).await.unwrap();
        let Layout::Days { made } = store.layout() else {
            eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
            return;
        };
        let today = now().micros() / DAY_US;
        let made: Vec<i64> = made.lock().await.iter().copied().collect();
        assert_eq!(made, [today, today + 1]);
        let sql = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'points'::regclass";
        let rows = store.reader_pool().fetch(sql, &[]).await.unwrap();
        assert_eq!(rows[0].get::<i64>(0).unwrap(), 2);
    }
}
