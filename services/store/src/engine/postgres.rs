//! PostgreSQL: settings of our connections, and the locks by which writers agree.

use std::str::FromStr;
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::StoreError;

/// Oldest server that is known to work, as `server_version_num` counts.
const VERSION_MIN: i32 = 150_000;
/// Connections that write, of one process.
pub(crate) const WRITERS: u32 = 6;
/// Connections that only read, of one process.
pub(crate) const READERS: u32 = 6;
/// Connections of a process that migrates, until it has.
const MIGRATORS: u32 = 3;
/// How long somebody waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 200;

/// Use cases write one after the other, as on SQLite: what one has read, no other changes before it
/// has written. Ingest's batches share it: they run beside each other, but not beside a use case.
/// A transaction of neither kind, such as a worker's that takes a job, doesn't need it.
pub(crate) const WRITE_LOCK: i64 = 0x6d69_6c6c_0001;
/// One process at a time migrates.
pub(crate) const MIGRATION_LOCK: i64 = 0x6d69_6c6c_0002;
/// One process at a time gives events their positions.
pub(crate) const SEQUENCER_LOCK: i64 = 0x6d69_6c6c_0003;
/// One process at a time makes partitions.
pub(crate) const PARTITION_LOCK: i64 = 0x6d69_6c6c_0005;
/// One process at a time looks after stored telemetry: partitions, rollups, retention.
pub(crate) const UPKEEP_LOCK: i64 = 0x6d69_6c6c_0004;

/// The two pools of one database.
#[derive(Debug, Clone)]
pub(crate) struct PostgresPools {
    pub(crate) writers: PgPool,
    /// Connections that can't write.
    pub(crate) readers: PgPool,
}

impl PostgresPools {
    /// Connects. The URL is that of libpq: `postgres://user:password@host:port/database?sslmode=…`.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::Schema(format!("the address can't be used: {error}")))?
            .application_name("millwright")
            .statement_cache_capacity(STATEMENT_CACHE)
            .options([
                ("TimeZone", "UTC"),
                // A range of time must find its partitions when the statement is planned.
                ("plan_cache_mode", "force_custom_plan"),
                ("lock_timeout", "5s"),
            ]);
        // A pool would try until its time is up: whoever starts us wants to know at once.
        let first = tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect());
        let mut first = first.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        require_version(&mut first).await?;
        // What is asked of it is known; how it ends doesn't matter.
        let _ = first.close().await;
        let writers = PgPoolOptions::new()
            .max_connections(WRITERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone().options([
                // What is acknowledged must survive a power cut, whatever the server's default is.
                ("synchronous_commit", "on"),
                // A process that stands still within a transaction mustn't hold up all others: it loses it
                // before they lose patience (`lock_timeout`).
                ("idle_in_transaction_session_timeout", "4s"),
                ("statement_timeout", "60s"),
                // What comes late may go into compressed chunks, however much of them it touches.
                // Without TimescaleDB it means nothing.
                ("timescaledb.max_tuples_decompressed_per_dml_transaction", "0"),
            ]))
            .await?;
        let readers =
            PgPoolOptions::new()
                .max_connections(READERS)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with(options.options([
                    ("default_transaction_read_only", "on"),
                    ("statement_timeout", "30s"),
                ]))
                .await?;
        Ok(Self { writers, readers })
    }

    pub(crate) fn orm_writers(&self) -> DatabaseConnection {
        SqlxPostgresConnector::from_sqlx_postgres_pool(self.writers.clone())
    }

    pub(crate) fn orm_readers(&self) -> DatabaseConnection {
        SqlxPostgresConnector::from_sqlx_postgres_pool(self.readers.clone())
    }
}

/// A pool of its own, to be closed afterwards, for migrations: one connection keeps their lock.
pub(crate) async fn migrators(pool: &PgPool) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::clone(&pool.connect_options()).options([
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    let pool = PgPoolOptions::new().max_connections(MIGRATORS).acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_with(options).await?)
}

/// A connection of its own, to be closed afterwards, for a statement that takes as long as it takes. It
/// waits for others for a while only: somebody may be waiting for it.
pub(crate) async fn patient(pool: &PgPool) -> Result<PgConnection, StoreError> {
    let options = PgConnectOptions::clone(&pool.connect_options())
        .options([("statement_timeout", "0"), ("lock_timeout", "30s")]);
    Ok(options.connect().await?)
}

async fn require_version(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (version, fsync): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('fsync')",
    )
    .fetch_one(connection)
    .await?;
    if version < VERSION_MIN {
        return Err(StoreError::Schema(format!(
            "the server is PostgreSQL {}.{}; 15 or newer is needed",
            version / 10_000,
            version % 10_000
        )));
    }
    if fsync != "on" {
        tracing::warn!(
            "the server runs with fsync = off: what is acknowledged may be lost in a power cut"
        );
    }
    Ok(())
}
