//! SQLite as the embedded database: one writer connection, several readers, write-ahead log.

use std::path::Path;
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use crate::StoreError;

/// Connections that only read.
const READERS: u32 = 4;
/// How long a statement waits for another process (a backup, a shell) to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a use case waits for its turn at the writer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// Page cache of the writer, in KiB (negative: KiB, not pages).
const WRITER_CACHE_KIB: &str = "-65536";
/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 200;

/// The two pools of one SQLite file.
#[derive(Debug, Clone)]
pub(crate) struct SqlitePools {
    /// One connection: writers take turns in the order they came, so that neither ingest nor the
    /// API starves the other.
    pub(crate) writer: SqlitePool,
    /// Connections that can't write.
    pub(crate) readers: SqlitePool,
}

/// Whether a connection that comes back can be lent again. When the disk is full, SQLite undoes
/// a transaction by itself; sqlx then still counts it as open and would never begin another one
/// on this connection.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback may still be on its way to the connection's thread; the ping comes after it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

impl SqlitePools {
    pub(crate) async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What is acknowledged must survive a power cut, not only a crash.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENT_CACHE);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| Box::pin(is_clean(connection)))
            .connect_with(options.clone().pragma("cache_size", WRITER_CACHE_KIB))
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.create_if_missing(false).pragma("query_only", "ON"))
            .await?;
        Ok(Self { writer, readers })
    }

    pub(crate) fn orm_writer(&self) -> DatabaseConnection {
        SqlxSqliteConnector::from_sqlx_sqlite_pool(self.writer.clone())
    }

    pub(crate) fn orm_readers(&self) -> DatabaseConnection {
        SqlxSqliteConnector::from_sqlx_sqlite_pool(self.readers.clone())
    }
}
