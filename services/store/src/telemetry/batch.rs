//! The transaction of a batch of telemetry.

use std::collections::BTreeSet;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use super::hypertables;
use super::layout::{self, DAY_US, Layout};
use super::spans::Covered;
use crate::engine::postgres::WRITE_LOCK;
use crate::engine::sql::Connection;
use crate::engine::{Bulk, Cell, Engine, Pool, Row};
use crate::{Store, StoreError};

/// A write transaction of ingest. Rolled back when dropped without [`BatchTx::commit`].
#[derive(Debug)]
pub struct BatchTx {
    inner: Inner,
    store: Store,
    events: bool,
    jobs: BTreeSet<String>,
}

#[derive(Debug)]
enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Begins the transaction of a batch of telemetry; waits for its turn at the writer.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn begin_batch(&self) -> Result<BatchTx, StoreError> {
        let inner = match self.writer_pool() {
            Pool::Sqlite(pool) => Inner::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => {
                let mut inner = pool.begin().await?;
                sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
                    .bind(WRITE_LOCK)
                    .execute(&mut *inner)
                    .await?;
                Inner::Postgres(inner)
            }
        };
        Ok(BatchTx { inner, store: self.clone(), events: false, jobs: BTreeSet::new() })
    }

    /// Sees to it that points of these days ([`days_of`]) have where to go: in short transactions of its
    /// own. To be called before a batch that may be of many days; one that finds no room makes it while its
    /// transaction waits, which mustn't be for long.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn make_room(&self, days: &BTreeSet<i64>) -> Result<(), StoreError> {
        let Pool::Postgres(pool) = self.writer_pool() else { return Ok(()) };
        match self.layout() {
            Layout::Whole => Ok(()),
            Layout::Days { made } => layout::make(pool, made, days).await,
            Layout::Hypertables => hypertables::make_old(pool, self.chunks(), days).await,
        }
    }

    /// Bounds the size of the embedded database, in pages of 4 KiB. Beyond it every write fails
    /// as on a full disk. Holds until the writer's connection is opened again. Nothing on
    /// PostgreSQL.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        if let Pool::Sqlite(pool) = self.writer_pool() {
            let statement = format!("PRAGMA max_page_count = {pages}");
            sqlx::query(AssertSqlSafe(statement)).execute(pool).await?;
        }
        Ok(())
    }
}

impl BatchTx {
    /// Makes the batch true, then wakes those who follow domain events and jobs.
    ///
    /// # Errors
    /// When it couldn't be committed. Writing the same batch again is harmless, whatever became
    /// of this one.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(inner) => inner.commit().await?,
            Inner::Postgres(inner) => inner.commit().await?,
        }
        if self.events {
            self.store.wakes().events.notify_one();
        }
        self.store.wakes().wake_jobs(&self.jobs);
        Ok(())
    }

    pub(crate) const fn mark_events(&mut self) {
        self.events = true;
    }

    pub(crate) fn mark_jobs(&mut self, kind: &str) {
        if !self.jobs.contains(kind) {
            self.jobs.insert(kind.to_owned());
        }
    }

    pub(crate) fn conn(&mut self) -> Connection<'_> {
        match &mut self.inner {
            Inner::Sqlite(inner) => Connection::Sqlite(inner),
            Inner::Postgres(inner) => Connection::Postgres(inner),
        }
    }

    /// What is committed, beside this transaction.
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) const fn engine(&self) -> Engine {
        self.store.engine()
    }

    /// Whether points have nowhere to go unless room was made for their day.
    pub(super) fn needs_room(&self) -> bool {
        matches!(self.store.layout(), Layout::Days { .. })
    }

    /// Sees to it that points of these times, in microseconds, have where to go.
    pub(super) async fn make_room(
        &self,
        times: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        match (self.store.layout(), self.store.writer_pool()) {
            (Layout::Days { made }, Pool::Postgres(pool)) => {
                layout::make(pool, made, &days_of(times)).await
            }
            _ => Ok(()),
        }
    }

    /// Where points went. A day whose partition another process has removed is an error that may be
    /// gone by trying again: days are looked for anew then. So are chunks, when there were too many to be
    /// made in one transaction.
    pub(super) async fn placed<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        match (done, self.store.layout()) {
            (Err(StoreError::Database(error)), Layout::Days { made }) if no_partition(&error) => {
                *made.lock().await = Covered::default();
                Err(StoreError::Unavailable(error))
            }
            (Err(error), Layout::Hypertables) if error.is_exhausted() => {
                *self.store.chunks().lock().await = Covered::default();
                Err(error)
            }
            (done, _) => done,
        }
    }

    /// Whether it must be noted what comes late: TimescaleDB sees it by itself.
    pub(super) fn needs_marks(&self) -> bool {
        !matches!(self.store.layout(), Layout::Hypertables)
    }

    /// Runs one statement over these rows; how many rows were changed.
    pub(crate) async fn execute_rows<T, const N: usize>(
        &mut self,
        bulk: &'static Bulk<N>,
        rows: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; N],
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for piece in bulk.pieces(self.engine(), rows) {
            changed += bulk.execute(self.conn(), piece, &cells).await?;
        }
        Ok(changed)
    }

    /// Runs one statement over these rows; all that it returns.
    pub(crate) async fn fetch_rows<T, const N: usize>(
        &mut self,
        bulk: &'static Bulk<N>,
        rows: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for piece in bulk.pieces(self.engine(), rows) {
            found.append(&mut bulk.fetch(self.conn(), piece, &cells).await?);
        }
        Ok(found)
    }
}

/// The days, counted from 1970, of these times, in microseconds.
pub fn days_of(times: impl Iterator<Item = i64>) -> BTreeSet<i64> {
    let (mut days, mut last) = (BTreeSet::new(), None);
    for day in times.map(|ts| ts.div_euclid(DAY_US)) {
        // Neighbours are mostly of one day.
        if last != Some(day) {
            days.insert(day);
            last = Some(day);
        }
    }
    days
}

/// Whether a row had no partition to go to. By PostgreSQL's code that is a check that fails, as one of
/// a constraint is; but it has no name.
fn no_partition(error: &DbErr) -> bool {
    let DbErr::Exec(RuntimeErr::SqlxError(error)) = error else { return false };
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("23514") && error.constraint().is_none()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_writer_survives_a_transaction_that_the_database_has_ended_itself() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(folder.path()).await.unwrap();
        let mut tx = store.begin_batch().await.unwrap();
        // As SQLite does when the disk is full.
        tx.conn().execute("ROLLBACK", &[]).await.unwrap();
        assert!(tx.commit().await.is_err());
        store.begin_batch().await.unwrap().commit().await.unwrap();
        store.begin().await.unwrap().commit().await.unwrap();
    }
}
