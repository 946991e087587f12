//! The store: where transactions begin.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, Notify, watch};

use crate::engine::postgres::{PostgresPools, WRITE_LOCK};
use crate::engine::sqlite::SqlitePools;
use crate::engine::{Engine, Pool, Pools, statement};
use crate::telemetry::reads::kept::Counts;
use crate::telemetry::spans::Covered;
use crate::telemetry::{Layout, locks};
use crate::{StoreError, migrations};

/// File name of the database within the data folder.
pub const DATABASE_FILE: &str = "millwright.db";

/// Which database. Shown without what may be a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// The embedded one, in this folder. Take the folder's lock ([`crate::DataFolderLock`]) first.
    Folder(PathBuf),
    /// PostgreSQL 15 or newer, by a URL as libpq takes it:
    /// `postgres://user:password@host:port/database`.
    Postgres(String),
}

impl Location {
    /// The server of the URL, or without one the embedded database in the folder.
    #[must_use]
    pub fn new(folder: &Path, url: Option<&str>) -> Self {
        url.map_or_else(|| Self::Folder(folder.to_owned()), |url| Self::Postgres(url.to_owned()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the database in {}", folder.display()),
            Self::Postgres(url) => {
                // Everything before the last @ may be secret.
                let place = url.rsplit_once('@').map_or_else(
                    || url.split_once("://").map_or("", |(_, rest)| rest),
                    |(_, place)| place,
                );
                let place = place.split('?').next().unwrap_or_default();
                write!(f, "the database at {place}")
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

/// The platform's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
    writers: DatabaseConnection,
    readers: DatabaseConnection,
    layout: Arc<Layout>,
    chunks: Arc<Mutex<Covered>>,
    wakes: Arc<Wakes>,
    counts: Arc<Counts>,
}

/// What commits tell waiting workers of this process. Other processes learn it from the bus;
/// everyone polls as well.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) events: Notify,
    jobs: RwLock<Vec<Worker>>,
}

/// Somebody who does jobs of some kinds.
#[derive(Debug)]
struct Worker {
    kinds: Vec<String>,
    wake: watch::Sender<u64>,
}

impl Wakes {
    /// Wakes those who do jobs of these kinds: everybody else would look in vain.
    pub(crate) fn wake_jobs(&self, kinds: &BTreeSet<String>) {
        if kinds.is_empty() {
            return;
        }
        let workers = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.iter().filter(|one| one.kinds.iter().any(|kind| kinds.contains(kind)))
        {
            worker.wake.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn add_worker(&self, kinds: &[&str]) -> watch::Receiver<u64> {
        let (wake, woken) = watch::channel(0);
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let mut workers = self.jobs.write().unwrap_or_else(PoisonError::into_inner);
        // Those who have ended are forgotten.
        workers.retain(|worker| !worker.wake.is_closed());
        workers.push(Worker { kinds, wake });
        woken
    }
}

impl Store {
    /// Opens the database, creates its tables if needed, and migrates it.
    ///
    /// # Errors
    /// When it can't be used, or is newer than this program.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let pools = match location {
            Location::Folder(folder) => {
                Pools::Sqlite(SqlitePools::open(&folder.join(DATABASE_FILE)).await?)
            }
            Location::Postgres(url) => Pools::Postgres(PostgresPools::open(url).await?),
        };
        let writers = pools.orm_writers();
        migrations::run(&pools, &writers).await?;
        let layout = Layout::of(&pools).await?;
        locks::check(&pools, &layout).await?;
        let readers = pools.orm_readers();
        let (layout, chunks) = (Arc::new(layout), Arc::default());
        let (wakes, counts) = (Arc::default(), Arc::default());
        Ok(Self { writers, readers, pools, layout, chunks, wakes, counts })
    }

    /// Opens the embedded database in this folder. See [`Store::open`].
    ///
    /// # Errors
    /// When the file can't be used, or is newer than this program.
    pub async fn open_sqlite(folder: &Path) -> Result<Self, StoreError> {
        Self::open(&Location::Folder(folder.to_owned())).await
    }

    /// Begins a write transaction of a use case: no other one, and no batch of ingest, writes
    /// beside it. Keep it short.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let tx = self.begin_beside().await?;
        if self.engine() == Engine::Postgres {
            let lock = statement(&tx.inner, "SELECT pg_advisory_xact_lock(?)", [WRITE_LOCK.into()]);
            tx.inner.execute_raw(lock).await?;
        }
        Ok(tx)
    }

    /// Begins a write transaction that others may run beside, where the database can do that. Only
    /// for single statements that are right whatever else happens.
    ///
    /// # Errors
    /// When the database can't be used now.
    pub(crate) async fn begin_beside(&self) -> Result<Tx, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = self.writers.begin_with_options(options).await?;
        Ok(Tx {
            inner,
            wakes: Arc::clone(&self.wakes),
            events: false.into(),
            jobs: std::sync::Mutex::default(),
        })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why it doesn't.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.reader_pool().fetch("SELECT 1", &[]).await?;
        Ok(())
    }

    /// Which database it is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.pools.engine()
    }

    /// Waits until a transaction of this process has left domain events without a position.
    pub async fn events_appended(&self) {
        self.wakes.events.notified().await;
    }

    /// Another process has left domain events, or given them positions.
    pub fn wake_events(&self) {
        self.wakes.events.notify_one();
    }

    /// Changes whenever a transaction of this process has left jobs of these kinds, or one of them has
    /// ended that others waited for.
    #[must_use]
    pub fn jobs_enqueued(&self, kinds: &[&str]) -> watch::Receiver<u64> {
        self.wakes.add_worker(kinds)
    }

    /// Closes all connections, after what runs has ended.
    pub async fn close(&self) {
        self.pools.close().await;
    }

    /// Counts that are kept for a while.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) const fn readers(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// For telemetry, which is written by sqlx in transactions of its own.
    pub(crate) const fn writer_pool(&self) -> Pool<'_> {
        self.pools.writers()
    }

    pub(crate) const fn reader_pool(&self) -> Pool<'_> {
        self.pools.readers()
    }

    /// How points are kept.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Days that have a chunk, as far as it is known; only with TimescaleDB.
    pub(crate) fn chunks(&self) -> &Mutex<Covered> {
        &self.chunks
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
    jobs: std::sync::Mutex<BTreeSet<String>>,
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
        self.wakes.wake_jobs(&self.jobs.into_inner().unwrap_or_else(PoisonError::into_inner));
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

    /// Runs a statement that has no parameters.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.inner.execute_raw(statement(&self.inner, sql, [])).await?;
        Ok(())
    }

    pub(crate) fn mark_events(&self) {
        self.events.store(true, Ordering::Relaxed);
    }

    pub(crate) fn mark_jobs(&self, kind: &str) {
        let mut kinds = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if !kinds.contains(kind) {
            kinds.insert(kind.to_owned());
        }
    }
}
