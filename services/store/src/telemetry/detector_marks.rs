//! Up to when rules that catch up have judged. A row only while a rule is behind for longer than a batch.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, RuleId};

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Type};

/// How far a rule that is behind has judged a machine's samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRow {
    /// The machine.
    pub machine: MachineId,
    /// The rule.
    pub rule: RuleId,
    /// The rule's version.
    pub version: i64,
    /// By the places of its signals: up to then, in microseconds, all that is stored was judged; `None`:
    /// nothing was.
    pub judged: Vec<Option<i64>>,
}

static LOAD: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT machine_id, rule_id, rule_version, judged FROM detector_marks \
         WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});

static SAVE: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO detector_marks (machine_id, rule_id, rule_version, judged) {rows} \
         ON CONFLICT (machine_id, rule_id) DO UPDATE SET \
         rule_version = excluded.rule_version, judged = excluded.judged",
        [Type::Id, Type::Id, Type::Int, Type::Text],
    )
});

/// The marks of these machines. One that isn't understood is left out: its rule goes on from what is
/// stored now.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<MarkRow>, StoreError> {
    let mut found = Vec::new();
    for row in tx.fetch_rows(&LOAD, machines, |machine| [machine.uuid().into()]).await? {
        let (machine, rule) = (MachineId(row.get(0)?), RuleId(row.get(1)?));
        match serde_json::from_str(&row.get::<String>(3)?) {
            Ok(judged) => found.push(MarkRow { machine, rule, version: row.get(2)?, judged }),
            Err(error) => {
                tracing::warn!(machine.id = %machine, rule.id = %rule, %error, "a mark is damaged");
            }
        }
    }
    Ok(found)
}

/// Records marks. One row a machine and rule.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[MarkRow]) -> Result<(), StoreError> {
    let text = |row: &MarkRow| {
        serde_json::to_string(&row.judged)
            .map_err(|error| StoreError::corrupt("detector_marks", error))
    };
    let texts: Vec<String> = rows.iter().map(text).collect::<Result<_, _>>()?;
    let rows: Vec<(&MarkRow, &str)> = rows.iter().zip(texts.iter().map(String::as_str)).collect();
    tx.execute_rows(&SAVE, &rows, |(row, judged)| {
        [row.machine.uuid().into(), row.rule.uuid().into(), row.version.into(), (*judged).into()]
    })
    .await?;
    Ok(())
}

/// Forgets the mark of a rule that has caught up, or no longer watches the machine.
///
/// # Errors
/// When the database refuses it.
pub async fn forget(tx: &mut BatchTx, machine: MachineId, rule: RuleId) -> Result<(), StoreError> {
    let sql = "DELETE FROM detector_marks WHERE machine_id = ? AND rule_id = ?";
    tx.conn().execute(sql, &[machine.uuid().into(), rule.uuid().into()]).await?;
    Ok(())
}
