//! The platform's database, read beside it: what the API doesn't show point by point.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use uuid::Uuid;

/// Reads the SQLite file; writes nothing.
#[derive(Debug, Clone)]
pub struct Database {
    pool: SqlitePool,
}

/// Stored points of a machine: by signal, microseconds and value in the order of time.
pub type Points = BTreeMap<String, Vec<(i64, Option<f64>)>>;

/// A fault that a machine raised, as stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredFault {
    /// Microseconds of device time.
    pub ts: i64,
    /// The fault's code.
    pub code: String,
}

impl Database {
    /// Opens the file of a running platform.
    pub async fn open(data_dir: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(data_dir.join("millwright.db"))
            .read_only(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .expect("the database opens");
        Self { pool }
    }

    /// All points of a machine's numbers and booleans.
    pub async fn points(&self, machine: &str) -> anyhow::Result<Points> {
        let rows = sqlx::query(
            "SELECT s.signal, p.ts, p.value FROM points p JOIN series s ON s.id = p.series_id \
             WHERE s.machine_id = ? ORDER BY s.signal, p.ts",
        )
        .bind(blob(machine)?)
        .fetch_all(&self.pool)
        .await?;
        let mut points = Points::new();
        for row in rows {
            points.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
        }
        Ok(points)
    }

    /// How many points a machine has.
    pub async fn count_points(&self, machine: &str) -> anyhow::Result<i64> {
        let count = sqlx::query_scalar(
            "SELECT COUNT(*) FROM points p JOIN series s ON s.id = p.series_id \
             WHERE s.machine_id = ?",
        );
        Ok(count.bind(blob(machine)?).fetch_one(&self.pool).await?)
    }

    /// All `fault.raised` of a machine, in the order of time.
    pub async fn faults(&self, machine: &str) -> anyhow::Result<Vec<StoredFault>> {
        let rows = sqlx::query(
            "SELECT ts, json_extract(data, '$.code') FROM machine_events \
             WHERE machine_id = ? AND type = 'fault.raised' ORDER BY ts",
        )
        .bind(blob(machine)?)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| StoredFault { ts: row.get(0), code: row.get(1) }).collect())
    }

    /// How many messages' numbers are missing, over all outboxes and topics.
    pub async fn missing_messages(&self, machine: &str) -> anyhow::Result<i64> {
        let sum = sqlx::query_scalar(
            "SELECT COALESCE(SUM(to_seq - from_seq + 1), 0) FROM gaps WHERE machine_id = ?",
        );
        Ok(sum.bind(blob(machine)?).fetch_one(&self.pool).await?)
    }

    /// How often a point or event came again with another content.
    pub async fn conflicts(&self, machine: &str) -> anyhow::Result<i64> {
        let count = sqlx::query_scalar(
            "SELECT COALESCE(SUM(conflicts), 0) FROM machine_counters WHERE machine_id = ?",
        );
        Ok(count.bind(blob(machine)?).fetch_one(&self.pool).await?)
    }

    /// The canonical records of the audit log, in their order.
    pub async fn audit_records(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let records = sqlx::query_scalar("SELECT record FROM audit ORDER BY seq");
        Ok(records.fetch_all(&self.pool).await?)
    }
}

fn blob(machine: &str) -> anyhow::Result<Vec<u8>> {
    Ok(Uuid::parse_str(machine).context("a machine id")?.as_bytes().to_vec())
}
