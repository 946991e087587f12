//! Migrations: run once, in order, before anything else; a database that is newer than the
//! program is refused. SQL files are kept per database, because the tables' physical form is
//! where the databases differ most.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, SqlxPostgresConnector, Statement};
use sea_orm_migration::prelude::*;
use sqlx::PgPool;

use crate::StoreError;
use crate::engine::postgres::{MIGRATION_LOCK, migrators};
use crate::engine::{Engine, Pool, Pools};
use crate::telemetry::hypertables;

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(SqlFile {
                name: "m0001_initial",
                sqlite: include_str!("0001_initial.sqlite.sql"),
                postgres: include_str!("0001_initial.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0002_operations",
                sqlite: include_str!("0002_operations.sqlite.sql"),
                postgres: include_str!("0002_operations.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0003_signal_units",
                sqlite: include_str!("0003_signal_units.sqlite.sql"),
                postgres: include_str!("0003_signal_units.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0004_open_lists",
                sqlite: include_str!("0004_open_lists.sqlite.sql"),
                postgres: include_str!("0004_open_lists.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0005_alarms_counted",
                sqlite: include_str!("0005_alarms_counted.sqlite.sql"),
                postgres: include_str!("0005_alarms_counted.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0006_years",
                sqlite: include_str!("0006_years.sqlite.sql"),
                postgres: include_str!("0006_years.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0007_upkeep_marks",
                sqlite: include_str!("0007_upkeep_marks.sqlite.sql"),
                postgres: include_str!("0007_upkeep_marks.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0008_parameters",
                sqlite: include_str!("0008_parameters.sqlite.sql"),
                postgres: include_str!("0008_parameters.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0009_packed_points",
                sqlite: include_str!("0009_packed_points.sqlite.sql"),
                postgres: include_str!("0009_packed_points.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0010_detector_states",
                sqlite: include_str!("0010_detector_states.sqlite.sql"),
                postgres: include_str!("0010_detector_states.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0011_backtests",
                sqlite: include_str!("0011_backtests.sqlite.sql"),
                postgres: include_str!("0011_backtests.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0012_upkeep_failures",
                sqlite: include_str!("0012_upkeep_failures.sqlite.sql"),
                postgres: include_str!("0012_upkeep_failures.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0013_machine_rules",
                sqlite: include_str!("0013_machine_rules.sqlite.sql"),
                postgres: include_str!("0013_machine_rules.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0014_alarm_groups",
                sqlite: include_str!("0014_alarm_groups.sqlite.sql"),
                postgres: include_str!("0014_alarm_groups.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0015_alarm_indexes",
                sqlite: include_str!("0015_alarm_indexes.sqlite.sql"),
                postgres: include_str!("0015_alarm_indexes.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0016_revisions",
                sqlite: include_str!("0016_revisions.sqlite.sql"),
                postgres: include_str!("0016_revisions.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0017_neighbours",
                sqlite: include_str!("0017_neighbours.sqlite.sql"),
                postgres: include_str!("0017_neighbours.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0018_grace_and_previews",
                sqlite: include_str!("0018_grace_and_previews.sqlite.sql"),
                postgres: include_str!("0018_grace_and_previews.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0019_ahead",
                sqlite: include_str!("0019_ahead.sqlite.sql"),
                postgres: include_str!("0019_ahead.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0020_detector_marks",
                sqlite: include_str!("0020_detector_marks.sqlite.sql"),
                postgres: include_str!("0020_detector_marks.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0021_verdicts",
                sqlite: include_str!("0021_verdicts.sqlite.sql"),
                postgres: include_str!("0021_verdicts.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0022_watching_since",
                sqlite: include_str!("0022_watching_since.sqlite.sql"),
                postgres: include_str!("0022_watching_since.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0024_upkeep_slices",
                sqlite: include_str!("0024_upkeep_slices.sqlite.sql"),
                postgres: include_str!("0024_upkeep_slices.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0025_jobs_by_kind",
                sqlite: include_str!("0025_jobs_by_kind.sqlite.sql"),
                postgres: include_str!("0025_jobs_by_kind.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0026_machine_clocks",
                sqlite: include_str!("0026_machine_clocks.sqlite.sql"),
                postgres: include_str!("0026_machine_clocks.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0027_finished_minutes",
                sqlite: include_str!("0027_finished_minutes.sqlite.sql"),
                postgres: include_str!("0027_finished_minutes.postgres.sql"),
            }),
            Box::new(SqlFile {
                name: "m0028_points_by_time",
                sqlite: include_str!("0028_points_by_time.sqlite.sql"),
                postgres: include_str!("0028_points_by_time.postgres.sql"),
            }),
        ]
    }
}

/// A migration that is one SQL file per database.
struct SqlFile {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl MigrationName for SqlFile {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SqlFile {
    /// Whole or not at all, on both databases: a process killed in between leaves a database that
    /// the next start can use.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Sqlite => self.sqlite,
            DbBackend::Postgres => self.postgres,
            other => return Err(DbErr::Migration(format!("{other:?} is not supported"))),
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("migrations only go forward; restore a backup instead".to_owned()))
    }
}

/// Brings the database to this program's schema. On PostgreSQL one process at a time does so; the
/// others wait and find nothing left to do. On connections of its own: it may take as long as it takes.
pub(crate) async fn run(pools: &Pools, db: &DatabaseConnection) -> Result<(), StoreError> {
    let Pool::Postgres(pool) = pools.writers() else { return migrate(db).await };
    let pool = migrators(pool).await?;
    let migrated = migrate_alone(&pool).await;
    pool.close().await;
    migrated
}

async fn migrate_alone(pool: &PgPool) -> Result<(), StoreError> {
    let mut guard = pool.acquire().await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut *guard).await?;
    let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let migrated = match migrate(&db).await {
        Ok(()) => hypertables::adopt(pool).await,
        failed => failed,
    };
    // The lock ends with its connection, whatever has become of the migration.
    guard.close().await?;
    migrated
}

async fn migrate(db: &DatabaseConnection) -> Result<(), StoreError> {
    refuse_newer(db).await?;
    Migrator::up(db, None).await.map_err(|error| StoreError::Schema(error.to_string()))
}

/// All migrations that this program knows, in their order.
pub(crate) fn names() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// Makes the tables of an empty database as they were after the first so many migrations: a backup is
/// restored into those that it was made from.
pub(crate) async fn first(db: &DatabaseConnection, migrations: u32) -> Result<(), StoreError> {
    Migrator::up(db, Some(migrations)).await.map_err(|error| StoreError::Schema(error.to_string()))
}

async fn refuse_newer(db: &DatabaseConnection) -> Result<(), StoreError> {
    let known = names();
    let table = Statement::from_string(
        db.get_database_backend(),
        Engine::of(db).choose(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
            "SELECT to_regclass('seaql_migrations')::text AS name WHERE \
             to_regclass('seaql_migrations') IS NOT NULL",
        ),
    );
    if db.query_one_raw(table).await?.is_none() {
        return Ok(());
    }
    let applied =
        Statement::from_string(db.get_database_backend(), "SELECT version FROM seaql_migrations");
    for row in db.query_all_raw(applied).await? {
        let version: String = row.try_get("", "version")?;
        if !known.contains(&version) {
            return Err(StoreError::Schema(format!(
                "the database has migration {version:?}, which this program doesn't know; \
                 use a newer millwright"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn a_migration_takes_as_long_as_it_takes() {
        let (store, _folder) = store().await;
        let Pool::Postgres(pool) = store.writer_pool() else { return };
        let limits = "SELECT current_setting('statement_timeout'), \
                      current_setting('lock_timeout'), \
                      current_setting('idle_in_transaction_session_timeout')";
        let of = async |pool: &PgPool| -> (String, String, String) {
            sqlx::query_as(limits).fetch_one(pool).await.unwrap()
        };
        let owned = |limits: [&str; 3]| {
            let [statement, lock, idle] = limits.map(str::to_owned);
            (statement, lock, idle)
        };
        assert_eq!(of(pool).await, owned(["1min", "5s", "4s"]));
        let migrators = migrators(pool).await.unwrap();
        assert_eq!(of(&migrators).await, owned(["0", "0", "0"]));
        migrators.close().await;
    }
}
