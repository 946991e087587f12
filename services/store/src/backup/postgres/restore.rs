//! Puts a backup into a PostgreSQL database.

use std::collections::BTreeSet;
use std::path::PathBuf;

use millwright_schemas::Timestamp;
use sea_orm::SqlxPostgresConnector;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};

use super::super::blocking::blocking;
use super::super::container::Archive;
use super::super::error::database;
use super::super::limits::CHUNK_BYTES;
use super::super::mark;
use super::super::place::{Restored, aside, fit};
use super::super::{BackupError, DatabaseKind, Manifest, Part, Watch, keys};
use super::save::lines;
use super::schema::{self, Table, quoted};
use super::{PREFIX, connect, place, run};
use crate::telemetry::{hypertables, layout};
use crate::upkeep::rollups::{HOUR_US, floor};
use crate::upkeep::timescale;
use crate::{DataFolderLock, migrations};

const FAILED: &str = "the database can't be restored";
const NO_ROLLUPS: &str = "all is restored but values by minute and hour, which can't be made";
/// A backup without these tables was made of hypertables, whose rollups are no tables.
const ROLLUPS: [&str; 2] = ["rollups_1m", "rollups_1h"];

/// A backup to be put in place.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The backup.
    pub input: PathBuf,
    /// The database: `postgres://…`; no platform may be connected to it.
    pub url: String,
    /// The platform's data folder, where the keys go.
    pub data_dir: PathBuf,
    /// Whether what is in the database is thrown away.
    pub replace: bool,
    /// When.
    pub now: Timestamp,
}

/// Restores a backup: whole, or what was in the database is as it was.
///
/// # Errors
/// See [`BackupError`].
pub async fn restore(order: Restore, watch: &Watch) -> Result<Restored, BackupError> {
    let mut archive = Archive::open(&order.input)?;
    fit(&archive, DatabaseKind::Postgres)?;
    let told = watch.clone();
    let archive = blocking(&order.input, move || {
        archive.check(&told)?;
        Ok(archive)
    })
    .await?;
    let manifest = archive.manifest().clone();
    let _lock = DataFolderLock::acquire(&order.data_dir)?;
    keys::refuse_others(&archive, &order.data_dir, order.replace, order.now)?;
    let mut connection = connect(&order.url, &order.input).await?;
    refuse_loss(&mut connection, &order, &manifest).await?;
    make_tables(&mut connection, &order, &manifest).await?;

    let failed = || database(&order.input, FAILED);
    let mut tx = connection.begin().await.map_err(failed())?;
    fill(&mut tx, &archive, &order, watch).await?;
    let mark = mark::postgres(&mut tx, &manifest, order.now).await;
    let mark = mark.map_err(|error| error.at(&order.input))?;
    keys::restore(&archive, &order.data_dir, &aside(order.now))?;
    tx.commit().await.map_err(failed())?;
    make_rollups(&mut connection).await.map_err(database(&order.input, NO_ROLLUPS))?;
    // The planner knows nothing of the new rows yet; it would by itself, later.
    let _ = run(&mut connection, "ANALYZE".to_owned()).await;
    let _ = connection.close().await;
    let has_keys = keys::present(&order.data_dir);
    Ok(Restored { manifest, mark, replaced: None, has_keys })
}

/// Refuses a database that is in use, or has something in it that nobody said may go.
async fn refuse_loss(
    connection: &mut PgConnection,
    order: &Restore,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    let failed = || database(&order.input, "the database can't be read");
    let place = place(&order.url);
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name LIKE 'millwright%' AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed())?;
    if others > 0 {
        return Err(BackupError::DatabaseInUse { place, connections: others });
    }
    let had = schema::migrations(connection).await.map_err(failed())?;
    if had.is_empty() {
        return Ok(());
    }
    let tables = schema::tables(connection).await.map_err(failed())?;
    let keeps_rollups = tables.iter().any(|table| table.name == ROLLUPS[0]);
    if had != manifest.migrations || manifest.tables.contains_key(ROLLUPS[0]) && !keeps_rollups {
        return Err(BackupError::OtherTables { place });
    }
    let filled: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM organizations)")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    if !filled || order.replace {
        return Ok(());
    }
    let (machines, position): (i64, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM machines), (SELECT MAX(position) FROM events)",
    )
    .fetch_one(connection)
    .await
    .map_err(failed())?;
    let position = position.unwrap_or(0);
    Err(BackupError::NotEmpty {
        place,
        loss: format!("it has {machines} machines and events up to position {position}"),
        consequence: format!(
            "all of that is thrown away, and the backup of {} takes its place; to keep it, restore \
             into a new database",
            manifest.created_at
        ),
    })
}

/// Makes the tables as they were when the backup was made. What is newer comes at the next start.
async fn make_tables(
    connection: &mut PgConnection,
    order: &Restore,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    let failed = || database(&order.input, FAILED);
    if !schema::migrations(connection).await.map_err(failed())?.is_empty() {
        return Ok(());
    }
    let known = migrations::names();
    let steps = manifest.migrations.len();
    if known.get(..steps) != Some(&manifest.migrations[..]) {
        let rule = format!("its migrations are {:?}", manifest.migrations);
        return Err(BackupError::Newer { path: order.input.clone(), rule });
    }
    let options: PgConnectOptions = order.url.parse().map_err(failed())?;
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options.application_name(super::NAME)).await.map_err(failed())?;
    let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    let made = match migrations::first(&db, steps).await {
        Ok(()) if !manifest.tables.contains_key(ROLLUPS[0]) => hypertables::adopt(&pool).await,
        made => made,
    };
    pool.close().await;
    made.map_err(|source| BackupError::Database { doing: FAILED, source })
}

/// Empties all tables and fills them from the backup.
async fn fill(
    tx: &mut PgConnection,
    archive: &Archive,
    order: &Restore,
    watch: &Watch,
) -> Result<(), BackupError> {
    let failed = || database(&order.input, FAILED);
    let manifest = archive.manifest();
    let tables = schema::tables(tx).await.map_err(failed())?;
    let unknown =
        manifest.tables.keys().find(|name| !tables.iter().any(|table| table.name == **name));
    if let Some(name) = unknown {
        return Err(BackupError::damaged(archive.path(), format!("there is no table {name}")));
    }
    let mut names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
    if makes_rollups(tx).await.map_err(failed())? {
        // TimescaleDB wouldn't find those whose values are gone.
        names.extend(ROLLUPS.map(quoted));
    }
    run(tx, format!("TRUNCATE {} RESTART IDENTITY", names.join(", "))).await.map_err(failed())?;
    layout::drop_leftovers(tx).await.map_err(failed())?;
    make_room(tx, &manifest.days).await.map_err(failed())?;
    let (mut done, all) = (0, manifest.bytes());
    for table in &tables {
        let Some(part) = manifest.part(&format!("{PREFIX}{}", table.name)) else { continue };
        copy_in(tx, archive, table, part, &mut |bytes| {
            done += bytes;
            watch.tell("filling tables", done, all, &order.input)
        })
        .await?;
    }
    set_sequences(tx, &tables).await.map_err(failed())
}

/// Whether TimescaleDB makes the rollups: they aren't in a backup then.
async fn makes_rollups(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'v')",
    )
    .bind(ROLLUPS[0])
    .fetch_one(connection)
    .await
}

/// With TimescaleDB rollups are made of the values that were restored. Not possible within a
/// transaction.
async fn make_rollups(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if !makes_rollups(connection).await? {
        return Ok(());
    }
    let last = sqlx::query_scalar("SELECT max(ts) FROM points").fetch_one(&mut *connection).await?;
    let Some(last): Option<i64> = last else { return Ok(()) };
    let end = floor(last, HOUR_US).saturating_add(HOUR_US);
    let in_batches =
        sqlx::query_scalar(timescale::TAKES_OPTIONS).fetch_one(&mut *connection).await?;
    for view in ROLLUPS {
        run(connection, timescale::refreshing(view, None, end, in_batches)).await?;
    }
    Ok(())
}

async fn copy_in(
    tx: &mut PgConnection,
    archive: &Archive,
    table: &Table,
    part: &Part,
    tell: &mut impl FnMut(u64) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    const FAILED: &str = "a table can't be filled";
    let path = archive.path();
    let damaged = |rule: String| BackupError::damaged(path, rule);
    // In the order of the backup, in whatever order the table has them.
    let columns = archive.manifest().columns.get(&table.name);
    let columns = columns.filter(|columns| columns.iter().all(|name| table.columns.contains(name)));
    let columns =
        columns.ok_or_else(|| damaged(format!("table {} has other columns", table.name)))?;
    let list = Table { columns: columns.clone(), ..table.clone() }.list();
    let sql = format!("COPY {} ({list}) FROM STDIN", quoted(&table.name));
    let mut copy = tx.copy_in_raw(&sql).await.map_err(database(path, FAILED))?;
    let mut reader = archive.read_part(part)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut rows = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        rows += lines(&buffer[..read]);
        copy.send(&buffer[..read]).await.map_err(database(path, FAILED))?;
        tell(read as u64)?;
    }
    let copied = copy.finish().await.map_err(database(path, FAILED))?;
    let wanted = archive.manifest().tables.get(&table.name).copied();
    if wanted == Some(copied) && copied == rows {
        Ok(())
    } else {
        Err(damaged(format!("table {} has {copied} rows, which is not what it says", table.name)))
    }
}

/// Makes the partitions that points of these days need, or the chunks of old ones. As many as intake would,
/// however many there were: old days share theirs.
async fn make_room(tx: &mut PgConnection, days: &[i64]) -> Result<(), sqlx::Error> {
    let days: BTreeSet<i64> = days.iter().copied().collect();
    let partitioned: bool = sqlx::query_scalar(
        "SELECT COALESCE((SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('points')), FALSE)",
    )
    .fetch_one(&mut *tx)
    .await?;
    if partitioned {
        layout::make_within(tx, &days).await
    } else if makes_rollups(tx).await? {
        hypertables::make_within(tx, &days).await
    } else {
        Ok(())
    }
}

/// Numbers that are given out go on after the largest that is there.
async fn set_sequences(tx: &mut PgConnection, tables: &[Table]) -> Result<(), sqlx::Error> {
    for table in tables {
        for column in &table.columns {
            let sequence: Option<String> =
                sqlx::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
                    .bind(quoted(&table.name))
                    .bind(column)
                    .fetch_one(&mut *tx)
                    .await?;
            let Some(sequence) = sequence else { continue };
            let (column, name) = (quoted(column), quoted(&table.name));
            let sql = format!(
                "SELECT setval($1::regclass, COALESCE(MAX({column}), 1), MAX({column}) IS NOT NULL) \
                 FROM {name}"
            );
            sqlx::query(AssertSqlSafe(sql)).bind(sequence).execute(&mut *tx).await?;
        }
    }
    Ok(())
}
