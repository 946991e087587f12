//! The store: where transactions begin.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sqlx::sqlite::SqlitePool;
use tokio::sync::{Notify, watch};

use crate::sqlite::SqlitePools;
use crate::{StoreError, migrations};

/// File name of the database within the data folder.
pub const DATABASE_FILE: &str = "millwright.db";

/// The platform's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pools: SqlitePools,
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    wakes: Arc<Wakes>,
}

/// What commits tell waiting workers of this process. Other processes learn it from the bus;
/// everyone polls as well.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) events: Notify,
    jobs: watch::Sender<u64>,
}

impl Wakes {
    pub(crate) fn wake_jobs(&self) {
        self.jobs.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Store {
    /// Opens the embedded database in this folder, creates it if needed, and migrates it. Take
    /// the folder's lock ([`crate::DataFolderLock`]) first.
    ///
    /// # Errors
    /// When the file can't be used, or is newer than this program.
    pub async fn open_sqlite(folder: &Path) -> Result<Self, StoreError> {
        let pools = SqlitePools::open(&folder.join(DATABASE_FILE)).await?;
        let store = Self {
            writer: pools.orm_writer(),
            readers: pools.orm_readers(),
            pools,
            wakes: Arc::default(),
        };
        migrations::run(&store.writer).await?;
        Ok(store)
    }

    /// Begins a write transaction. Keep it short: there is one writer.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = self.writer.begin_with_options(options).await?;
        Ok(Tx { inner, wakes: Arc::clone(&self.wakes), events: false.into(), jobs: false.into() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why it doesn't.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pools.readers).await?;
        Ok(())
    }

    /// Waits until a transaction of this process has left domain events without a position.
    pub async fn events_appended(&self) {
        self.wakes.events.notified().await;
    }

    /// Changes whenever a transaction of this process has left jobs, or a job has ended that
    /// others waited for.
    #[must_use]
    pub fn jobs_enqueued(&self) -> watch::Receiver<u64> {
        self.wakes.jobs.subscribe()
    }

    /// Closes all connections, after what runs has ended.
    pub async fn close(&self) {
        self.pools.readers.close().await;
        self.pools.writer.close().await;
    }

    pub(crate) const fn readers(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// For telemetry, which is written by sqlx in transactions of its own.
    pub(crate) const fn writer_pool(&self) -> &SqlitePool {
        &self.pools.writer
    }

    pub(crate) const fn reader_pool(&self) -> &SqlitePool {
        &self.pools.readers
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.wakes
    }
}

/// A write transaction. Rolled back when dropped without [`Tx::commit`].
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    wakes: Arc<Wakes>,
    events: AtomicBool,
    jobs: AtomicBool,
}

impl Tx {
    /// Makes it all true at once, then wakes whom it concerns.
    ///
    /// # Errors
    /// When it couldn't be committed; nothing has changed then.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        if self.events.into_inner() {
            self.wakes.events.notify_one();
        }
        if self.jobs.into_inner() {
            self.wakes.wake_jobs();
        }
        Ok(())
    }

    /// Undoes it all now.
    ///
    /// # Errors
    /// When the database can't be reached; it is undone all the same.
    pub async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }

    pub(crate) const fn conn(&self) -> &DatabaseTransaction {
        &self.inner
    }

    pub(crate) fn mark_events(&self) {
        self.events.store(true, Ordering::Relaxed);
    }

    pub(crate) fn mark_jobs(&self) {
        self.jobs.store(true, Ordering::Relaxed);
    }
}
