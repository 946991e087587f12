//! Work on stored telemetry that goes on by itself: rollups, compression, retention.
//!
//! Called by the platform's worker. One process at a time does it; each step is a short transaction
//! that is right whatever else happens, and safe to repeat.

mod coarse;
mod health;
mod kept;
mod limits;
pub(crate) mod marks;
mod packed_minutes;
pub mod packing;
mod removal;
mod repair;
pub mod retention;
pub mod rollups;
mod shrink;
mod sparse;
pub mod timescale;
pub(crate) mod unrolled;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use millwright_schemas::Timestamp;
use sqlx::pool::PoolConnection;
use tokio::sync::Mutex;

pub use health::{TaskHealth, all as health, note, note_progress};
pub use kept::Kept;

use crate::engine::Pool;
use crate::engine::postgres::UPKEEP_LOCK;
use crate::telemetry::layout::{self, DAY_US, Layout};
use crate::{Store, StoreError};

/// How long the connection that holds the turn may take to answer; beyond it the turn counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The right to do upkeep, while it is held. The lock is of its connection: one that isn't ended closes
/// it, and one whose connection is lost is lost with it. [`Turn::check`] tells.
#[derive(Debug)]
pub struct Turn(Option<Mutex<PoolConnection<sqlx::Postgres>>>);

/// Takes the turn at upkeep; `None`: another process has it.
///
/// # Errors
/// When the database can't be used.
pub async fn take_turn(store: &Store) -> Result<Option<Turn>, StoreError> {
    let Pool::Postgres(pool) = store.writer_pool() else { return Ok(Some(Turn(None))) };
    let mut turn = Turn(Some(Mutex::new(pool.acquire().await?)));
    let Some(connection) = &mut turn.0 else { return Ok(None) };
    let mine: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(UPKEEP_LOCK)
        .fetch_one(&mut **connection.get_mut())
        .await?;
    if !mine {
        // Nothing is held: it may be lent again.
        turn.0 = None;
        return Ok(None);
    }
    Ok(Some(turn))
}

impl Turn {
    /// Fails when it isn't held any more: its connection is lost, and with it the lock, which another
    /// process may have by now.
    ///
    /// # Errors
    /// Then.
    pub async fn check(&self) -> Result<(), StoreError> {
        let Some(connection) = &self.0 else { return Ok(()) };
        let mut connection = connection.lock().await;
        // The lock is there for as long as the connection that took it answers.
        answer(sqlx::query("SELECT 1").execute(&mut **connection)).await?;
        Ok(())
    }

    /// Lets another process have it.
    ///
    /// # Errors
    /// When the database can't be used; the turn ends with the connection then.
    pub async fn end(mut self) -> Result<(), StoreError> {
        let Some(connection) = &mut self.0 else { return Ok(()) };
        let unlock = sqlx::query("SELECT pg_advisory_unlock($1)").bind(UPKEEP_LOCK);
        answer(unlock.execute(&mut **connection.get_mut())).await?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.get_mut().close_on_drop();
        }
    }
}

/// What the server says, unless it says nothing: its end may have gone without a word.
async fn answer<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    let text = "the connection that holds the lock of upkeep doesn't answer";
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)).into()),
    }
}

/// What longer work asks between two of its steps.
pub struct Steps<'t> {
    turn: &'t Turn,
    wanted: &'t (dyn Fn() -> bool + Send + Sync),
    rest: Duration,
}

impl<'t> Steps<'t> {
    /// For as long as the turn is held and this says so.
    #[must_use]
    pub const fn new(turn: &'t Turn, wanted: &'t (dyn Fn() -> bool + Send + Sync)) -> Self {
        Self { turn, wanted, rest: Duration::ZERO }
    }

    /// With so long a rest before each step, for others to come first.
    #[must_use]
    pub const fn resting(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// Whether another step is to be done.
    ///
    /// # Errors
    /// When it may not: the turn is lost.
    pub async fn go_on(&self) -> Result<bool, StoreError> {
        if !self.rest.is_zero() {
            tokio::time::sleep(self.rest).await;
        }
        self.turn.check().await?;
        Ok((self.wanted)())
    }
}

/// What a slice of longer work has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// How much was done; of what, the work says.
    pub count: u64,
    /// Whether its round is at its end. If not, the next slice goes on where this one was broken off.
    pub finished: bool,
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
    layout::make(pool, made, &BTreeSet::from([today, today + 1])).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
mod tests {
    use super::*;
    use crate::Location;
    use crate::telemetry::spans::DaySpan;
    use crate::testing::{now, store};

    /// The turn, as soon as the server has noticed that nobody has it any more.
    async fn gets_it(store: &Store) -> Turn {
        for _ in 0..500 {
            if let Some(turn) = take_turn(store).await.unwrap() {
                return turn;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody has the turn, and it isn't to be had");
    }

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
        // Its connection is closed, and the lock with it.
        gets_it(&store).await;
    }

    #[tokio::test]
    async fn a_turn_whose_connection_is_lost_is_lost() {
        let (store, folder) = store().await;
        let Some(url) = folder.url() else {
            eprintln!("SKIPPED: on SQLite there is one process");
            return;
        };
        let other = Store::open(&Location::new(folder.path(), Some(url))).await.unwrap();
        let turn = take_turn(&store).await.unwrap().unwrap();
        let go_on = || true;
        let steps = Steps::new(&turn, &go_on);
        assert!(steps.go_on().await.unwrap());

        // As when the server, or the way to it, cuts this connection and no other.
        let cut = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' \
             AND objid = {} AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())",
            UPKEEP_LOCK & 0xffff_ffff
        );
        assert_eq!(folder.peer().await.value(&cut).await, "1");
        let next = gets_it(&other).await;
        let lost = steps.go_on().await.unwrap_err();
        assert!(lost.is_transient(), "{lost:?}");
        let wanted = retention::Wanted::read(&store, now()).await.unwrap();
        retention::apply(&store, &wanted, &steps).await.unwrap_err();
        turn.end().await.unwrap_err();
        assert!(take_turn(&store).await.unwrap().is_none(), "another one has it");
        next.end().await.unwrap();
        take_turn(&store).await.unwrap().unwrap().end().await.unwrap();
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
        let made = made.lock().await.clone();
        assert_eq!(made.spans(), [DaySpan::of(today), DaySpan::of(today + 1)]);
        let sql = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'points'::regclass";
        let rows = store.reader_pool().fetch(sql, &[]).await.unwrap();
        assert_eq!(rows[0].get::<i64>(0).unwrap(), 2);
    }
}
