//! The transaction of a batch of telemetry.

use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction};

use crate::{Store, StoreError};

/// A write transaction of ingest. Rolled back when dropped without [`BatchTx::commit`].
#[derive(Debug)]
pub struct BatchTx {
    inner: Transaction<'static, Sqlite>,
    store: Store,
    events: bool,
    jobs: bool,
}

impl Store {
    /// Begins the transaction of a batch of telemetry; waits for its turn at the writer.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn begin_batch(&self) -> Result<BatchTx, StoreError> {
        let inner = self.writer_pool().begin_with("BEGIN IMMEDIATE").await?;
        Ok(BatchTx { inner, store: self.clone(), events: false, jobs: false })
    }

    /// Bounds the size of the embedded database, in pages of 4 KiB. Beyond it every write fails
    /// as on a full disk. Holds until the writer's connection is opened again.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let statement = format!("PRAGMA max_page_count = {pages}");
        sqlx::query(AssertSqlSafe(statement)).execute(self.writer_pool()).await?;
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
        self.inner.commit().await?;
        if self.events {
            self.store.wakes().events.notify_one();
        }
        if self.jobs {
            self.store.wakes().wake_jobs();
        }
        Ok(())
    }

    pub(crate) const fn mark_events(&mut self) {
        self.events = true;
    }

    pub(crate) const fn mark_jobs(&mut self) {
        self.jobs = true;
    }

    pub(crate) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
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
        sqlx::query("ROLLBACK").execute(tx.conn()).await.unwrap();
        assert!(tx.commit().await.is_err());
        store.begin_batch().await.unwrap().commit().await.unwrap();
        store.begin().await.unwrap().commit().await.unwrap();
    }
}
