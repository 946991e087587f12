//! How each kind of upkeep goes.

use millwright_schemas::Timestamp;

use crate::engine::Cell;
use crate::{Store, StoreError};

/// Longest error text kept, in characters.
const ERROR_MAX_CHARS: usize = 1_000;
/// So long after it went well, something done every few seconds or minutes should have gone well
/// again: 15 minutes, in microseconds. That it had nothing to do is noted every 5 minutes.
const OFTEN_US: i64 = 15 * 60_000_000;
/// The same for what is done every hour: 3 hours, in microseconds.
const HOURLY_US: i64 = 3 * 3_600_000_000;

/// How a task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHealth {
    /// Its name, such as `rollups`.
    pub task: String,
    /// When it ran last.
    pub ran_at: Timestamp,
    /// When it last went well.
    pub succeeded_at: Option<Timestamp>,
    /// Why its last run failed, if it did.
    pub error: Option<String>,
    /// When a run last failed, whatever came after.
    pub failed_at: Option<Timestamp>,
    /// Why that run failed.
    pub failure: Option<String>,
    /// When it should have gone well again at the latest; before it ever did, when its first round should
    /// have been at its end.
    pub due_at: Option<Timestamp>,
    /// How much it did the last time; of what, the task says.
    pub done: i64,
}

/// Records how a task went, at the end of its round.
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
    let failed: Option<i64> = outcome.is_err().then(|| now.micros());
    let cells: [Cell<'_>; 7] = [
        task.into(),
        now.micros().into(),
        succeeded.into(),
        error.as_deref().into(),
        outcome.unwrap_or(0).into(),
        failed.into(),
        error.as_deref().into(),
    ];
    let sql = "INSERT INTO upkeep \
               (task, ran_at, succeeded_at, error, done, failed_at, failure) \
               VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task) DO UPDATE SET \
               ran_at = excluded.ran_at, error = excluded.error, done = excluded.done, \
               succeeded_at = coalesce(excluded.succeeded_at, upkeep.succeeded_at), \
               begun_at = CASE WHEN excluded.succeeded_at IS NULL THEN upkeep.begun_at END, \
               failed_at = coalesce(excluded.failed_at, upkeep.failed_at), \
               failure = coalesce(excluded.failure, upkeep.failure)";
    store.writer_pool().execute(sql, &cells).await?;
    Ok(())
}

/// Records how much of its round a task has done so far, without a failure. It has gone well only when it
/// is at the end.
///
/// # Errors
/// When the database can't be used.
pub async fn note_progress(
    store: &Store,
    task: &str,
    now: Timestamp,
    done: i64,
) -> Result<(), StoreError> {
    let (task, at): (Cell<'_>, Cell<'_>) = (task.into(), now.micros().into());
    let sql = "INSERT INTO upkeep (task, ran_at, done, begun_at) VALUES (?, ?, ?, ?) \
               ON CONFLICT (task) DO UPDATE SET ran_at = excluded.ran_at, done = excluded.done, \
               error = NULL, begun_at = coalesce(upkeep.begun_at, excluded.begun_at)";
    store.writer_pool().execute(sql, &[task, at, done.into(), at]).await?;
    Ok(())
}

/// All tasks that ever ran, by name.
///
/// # Errors
/// When the database can't be used.
pub async fn all(store: &Store) -> Result<Vec<TaskHealth>, StoreError> {
    let sql = "SELECT task, ran_at, succeeded_at, error, done, failed_at, failure, begun_at \
               FROM upkeep ORDER BY task";
    let rows = store.reader_pool().fetch(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let task: String = row.get(0)?;
            let succeeded: Option<i64> = row.get(2)?;
            let since = succeeded.or(row.get(7)?);
            let due = since.map(|at: i64| at.saturating_add(patience(&task)));
            Ok(TaskHealth {
                ran_at: Timestamp::from_micros(row.get(1)?),
                succeeded_at: succeeded.map(Timestamp::from_micros),
                error: row.get(3)?,
                done: row.get(4)?,
                failed_at: row.get::<Option<i64>>(5)?.map(Timestamp::from_micros),
                failure: row.get(6)?,
                due_at: due.map(Timestamp::from_micros),
                task,
            })
        })
        .collect()
}

/// How long a task may take until it has gone well again, in microseconds.
fn patience(task: &str) -> i64 {
    match task {
        "rollups" | "refresh" => OFTEN_US,
        _ => HOURLY_US,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{NOW, store};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(NOW + seconds * 1_000_000)
    }

    #[tokio::test]
    async fn the_last_failure_is_known_after_it_went_well_again() {
        let (store, _folder) = store().await;
        note(&store, "rollups", at(0), Ok(3)).await.unwrap();
        let tasks = all(&store).await.unwrap();
        let task = &tasks[0];
        assert_eq!((task.succeeded_at, task.failed_at), (Some(at(0)), None));
        assert_eq!((task.error.as_deref(), task.failure.as_deref()), (None, None));
        assert_eq!((task.done, task.due_at), (3, Some(at(15 * 60))));

        note(&store, "rollups", at(20), Err("disk full")).await.unwrap();
        let tasks = all(&store).await.unwrap();
        let task = &tasks[0];
        assert_eq!((task.ran_at, task.succeeded_at), (at(20), Some(at(0))));
        assert_eq!((task.failed_at, task.error.as_deref()), (Some(at(20)), Some("disk full")));
        assert_eq!(task.due_at, Some(at(15 * 60)), "it goes by what went well");

        note(&store, "rollups", at(40), Ok(1)).await.unwrap();
        let tasks = all(&store).await.unwrap();
        let task = &tasks[0];
        assert_eq!((task.succeeded_at, task.error.as_deref()), (Some(at(40)), None));
        assert_eq!((task.failed_at, task.failure.as_deref()), (Some(at(20)), Some("disk full")));
    }

    #[tokio::test]
    async fn a_round_that_takes_too_long_is_overdue_however_much_it_has_done() {
        let (store, _folder) = store().await;
        let task = async || all(&store).await.unwrap().remove(0);
        // The first one there is.
        note_progress(&store, "retention", at(0), 5).await.unwrap();
        note_progress(&store, "retention", at(60), 9).await.unwrap();
        let found = task().await;
        assert_eq!((found.ran_at, found.done, found.succeeded_at), (at(60), 9, None));
        assert_eq!(found.due_at, Some(at(3 * 3_600)));
        // A failure doesn't begin it anew.
        note(&store, "retention", at(90), Err("disk full")).await.unwrap();
        note_progress(&store, "retention", at(120), 11).await.unwrap();
        let found = task().await;
        assert_eq!((found.error, found.failure.as_deref()), (None, Some("disk full")));
        assert_eq!(found.due_at, Some(at(3 * 3_600)));
        // From then on it goes by its last success.
        note(&store, "retention", at(200), Ok(20)).await.unwrap();
        note_progress(&store, "retention", at(4_000), 1).await.unwrap();
        let found = task().await;
        assert_eq!((found.ran_at, found.succeeded_at), (at(4_000), Some(at(200))));
        assert_eq!(found.due_at, Some(at(200 + 3 * 3_600)));
    }

    #[tokio::test]
    async fn what_never_went_well_has_no_due_time_and_long_words_are_cut() {
        let (store, _folder) = store().await;
        let words = "ä".repeat(ERROR_MAX_CHARS + 1);
        note(&store, "retention", at(0), Err(&words)).await.unwrap();
        note(&store, "compression", at(0), Ok(0)).await.unwrap();
        let tasks = all(&store).await.unwrap();
        let (compression, retention) = (&tasks[0], &tasks[1]);
        assert_eq!(compression.due_at, Some(at(3 * 3_600)));
        assert_eq!((retention.succeeded_at, retention.due_at), (None, None));
        let failure = retention.failure.as_deref().unwrap();
        assert_eq!(failure.chars().count(), ERROR_MAX_CHARS);
        assert_eq!(retention.error.as_deref(), Some(failure));
    }
}
