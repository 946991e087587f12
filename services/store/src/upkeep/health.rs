//! How each kind of upkeep goes.

use millwright_schemas::Timestamp;

use crate::engine::Cell;
use crate::{Store, StoreError};

/// Longest error text kept, in characters.
const ERROR_MAX_CHARS: usize = 1_000;

/// How a task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHealth {
    /// Its name, such as `rollups`.
    pub task: String,
    /// When it ran last.
    pub ran_at: Timestamp,
    /// When it last went well.
    pub succeeded_at: Option<Timestamp>,
    /// Why it failed the last time, if it did.
    pub error: Option<String>,
    /// How much it did the last time; of what, the task says.
    pub done: i64,
}

/// Records how a task went.
///
/// # Errors
/// When the database can't be used.
pub async fn note(
    store: &Store,
    task: &str,
    now: Timestamp,
    outcome: Result<i64, &str>,
) -> Result<(), StoreError> {
    let error: Option<String> =
        outcome.err().map(|error| error.chars().take(ERROR_MAX_CHARS).collect());
    let succeeded: Option<i64> = outcome.is_ok().then(|| now.micros());
    let cells: [Cell<'_>; 5] = [
        task.into(),
        now.micros().into(),
        succeeded.into(),
        error.as_deref().into(),
        outcome.unwrap_or(0).into(),
    ];
    let sql = "INSERT INTO upkeep (task, ran_at, succeeded_at, error, done) \
               VALUES (?, ?, ?, ?, ?) ON CONFLICT (task) DO UPDATE SET \
               ran_at = excluded.ran_at, error = excluded.error, done = excluded.done, \
               succeeded_at = coalesce(excluded.succeeded_at, upkeep.succeeded_at)";
    store.writer_pool().execute(sql, &cells).await?;
    Ok(())
}

/// All tasks that ever ran, by name.
///
/// # Errors
/// When the database can't be used.
pub async fn all(store: &Store) -> Result<Vec<TaskHealth>, StoreError> {
    let sql = "SELECT task, ran_at, succeeded_at, error, done FROM upkeep ORDER BY task";
    let rows = store.reader_pool().fetch(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(TaskHealth {
                task: row.get(0)?,
                ran_at: Timestamp::from_micros(row.get(1)?),
                succeeded_at: row.get::<Option<i64>>(2)?.map(Timestamp::from_micros),
                error: row.get(3)?,
                done: row.get(4)?,
            })
        })
        .collect()
}
