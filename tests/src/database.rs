//! The platform's database, read beside it: what the API doesn't show point by point.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow};
use millwright_test_database::Peer;
use serde_json::Value;
use tokio::sync::Mutex;
use uuid::Uuid;

/// Looks at the tables; writes nothing.
#[derive(Debug)]
pub struct Database {
    peer: Mutex<Peer>,
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
    /// Opens the database of a running platform: by URL, or in its data folder.
    pub async fn open(data_dir: &Path, url: Option<&str>) -> Self {
        let peer = match url {
            None => Peer::sqlite(data_dir).await,
            Some(url) => Peer::postgres(url).await,
        };
        Self { peer: Mutex::new(peer) }
    }

    async fn of_machine(&self, sql: &str, machine: &str) -> anyhow::Result<Vec<String>> {
        let machine = Uuid::parse_str(machine).context("a machine id")?;
        let mut peer = self.peer.lock().await;
        let sql = sql.replace('?', &peer.id(machine));
        Ok(peer.rows(&sql).await)
    }

    async fn number(&self, sql: &str, machine: &str) -> anyhow::Result<i64> {
        let rows = self.of_machine(sql, machine).await?;
        rows.first().context("a row")?.parse().context("a number")
    }

    /// All points of a machine's numbers and booleans.
    pub async fn points(&self, machine: &str) -> anyhow::Result<Points> {
        let sql = "SELECT s.signal, p.ts, p.value FROM points p \
                   JOIN series s ON s.id = p.series_id \
                   WHERE s.machine_id = ? ORDER BY s.signal, p.ts";
        let mut points = Points::new();
        for row in self.of_machine(sql, machine).await? {
            // A signal's name may have a bar in it.
            let mut cells = row.rsplitn(3, '|');
            let mut cell = || cells.next().ok_or_else(|| anyhow!("three columns: {row}"));
            let (value, ts, signal) = (cell()?, cell()?, cell()?);
            let value = if value == "NULL" { None } else { Some(value.parse()?) };
            points.entry(signal.to_owned()).or_default().push((ts.parse()?, value));
        }
        Ok(points)
    }

    /// How many points a machine has.
    pub async fn count_points(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT COUNT(*) FROM points p JOIN series s ON s.id = p.series_id \
                   WHERE s.machine_id = ?";
        self.number(sql, machine).await
    }

    /// All `fault.raised` of a machine, in the order of time.
    pub async fn faults(&self, machine: &str) -> anyhow::Result<Vec<StoredFault>> {
        let sql = "SELECT ts, data FROM machine_events \
                   WHERE machine_id = ? AND type = 'fault.raised' ORDER BY ts";
        let rows = self.of_machine(sql, machine).await?;
        rows.iter()
            .map(|row| {
                let (ts, data) = row.split_once('|').context("two columns")?;
                let data: Value = serde_json::from_str(data)?;
                let code = data["code"].as_str().context("a code")?.to_owned();
                Ok(StoredFault { ts: ts.parse()?, code })
            })
            .collect()
    }

    /// How many messages' numbers are missing, over all outboxes and topics.
    pub async fn missing_messages(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT COALESCE(SUM(to_seq - from_seq + 1), 0) FROM gaps WHERE machine_id = ?";
        self.number(sql, machine).await
    }

    /// How often a point or event came again with another content.
    pub async fn conflicts(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT COALESCE(SUM(conflicts), 0) FROM machine_counters WHERE machine_id = ?";
        self.number(sql, machine).await
    }
}
