//! Jobs: what must happen after a transaction, recorded within it.
//!
//! Of the jobs with one ordering key only the oldest unfinished one runs. A job is leased while
//! it runs; when its worker dies the lease ends and another takes it, so a job must be safe to
//! repeat. A worker that comes back after its lease no longer decides about the job: only the
//! attempt that was started last does. What fails for good stays as `dead`, visible, and no longer holds up its key.

use async_trait::async_trait;
use millwright_schemas::{JobId, OrganizationId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde_json::Value;
use uuid::Uuid;

use crate::engine::{Engine, statement};
use crate::entities::job::{ActiveModel, Column, Entity, Model};
use crate::{Conn, Store, StoreError, Tx};

/// Longest error text kept with a job, in characters.
const ERROR_MAX_CHARS: usize = 1_000;

/// Does jobs of some kinds. Jobs may be repeated: a handler must be safe to run again.
#[async_trait]
pub trait JobHandler: Send + Sync {
    /// The kinds that it does.
    fn kinds(&self) -> &'static [&'static str];

    /// Does one.
    ///
    /// # Errors
    /// See [`JobError`].
    async fn run(&self, job: &Job) -> Result<(), JobError>;
}

/// Why a job wasn't done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may work later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It may work later.
    #[error("{0}")]
    Later(String),
    /// It will never work: somebody must look at it.
    #[error("{0}")]
    Never(String),
}

/// Work to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Whose it is; `None`: the platform's own.
    pub organization: Option<OrganizationId>,
    /// Which worker does it.
    pub kind: &'static str,
    /// Jobs with the same key run one after the other.
    pub ordering_key: String,
    /// What the worker needs.
    pub payload: Value,
    /// Not before this time.
    pub run_at: Timestamp,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// A job that this worker has leased, or that is dead.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// Which worker does it.
    pub kind: String,
    /// Its ordering key.
    pub ordering_key: String,
    /// What the worker needs.
    pub payload: Value,
    /// How often it has been started, this time included. Tells this lease from later ones.
    pub attempts: i64,
    /// Why it failed the last time.
    pub last_error: Option<String>,
}

/// Records a job in the transaction of its cause.
///
/// # Errors
/// When the database refuses it.
pub async fn enqueue(tx: impl Into<Conn<'_>>, job: NewJob) -> Result<JobId, StoreError> {
    let mut conn = tx.into();
    let id = Uuid::now_v7();
    let row = ActiveModel {
        id: Set(id),
        organization_id: Set(job.organization.map(OrganizationId::uuid)),
        kind: Set(job.kind.to_owned()),
        ordering_key: Set(job.ordering_key),
        payload: Set(job.payload.to_string()),
        state: Set("ready".to_owned()),
        attempts: Set(0),
        run_at: Set(job.run_at.micros()),
        created_at: Set(job.created_at.micros()),
        ..Default::default()
    };
    conn.insert(&Entity::insert(row).into_query()).await?;
    conn.mark_jobs(job.kind);
    Ok(JobId(id))
}

/// The first takeable job of each kind, then the first of those: however many wait, one entry of an index
/// is read for each kind, and one for each that waits behind another of its key. States are literals,
/// so that SQLite sees that its partial indexes fit; kinds are rows, so that the text, and what PostgreSQL plans
/// each time, is as long for many as for one.
///
/// Several workers may take at once: on PostgreSQL each passes over what another is about to take.
fn take_sql(engine: Engine, kinds: usize) -> String {
    let alone = engine.choose("", "FOR UPDATE SKIP LOCKED");
    let kinds = rows(kinds);
    let first = |due: &str| {
        format!(
            "SELECT (SELECT due.seq FROM jobs due WHERE {due} \
               AND NOT EXISTS (\
                   SELECT 1 FROM jobs older \
                   WHERE older.ordering_key = due.ordering_key AND older.seq < due.seq \
                     AND older.state <> 'dead') \
             ORDER BY due.run_at, due.seq LIMIT 1 {alone}) AS seq FROM ({kinds}) AS kinds"
        )
    };
    let ready = first("due.state = 'ready' AND due.kind = kinds.column1 AND due.run_at <= ?");
    let left =
        first("due.state = 'running' AND due.kind = kinds.column1 AND due.leased_until <= ?");
    // Materialised: each of them is looked for once, in whatever order the rest is done.
    format!(
        "UPDATE jobs SET state = 'running', leased_until = ?, attempts = attempts + 1 \
         WHERE seq = (\
             WITH firsts AS MATERIALIZED ({ready} UNION ALL {left}) \
             SELECT chosen.seq FROM firsts JOIN jobs AS chosen ON chosen.seq = firsts.seq \
             ORDER BY chosen.run_at, chosen.seq LIMIT 1) \
         RETURNING *"
    )
}

/// So many values as rows of one column, which both databases call `column1`.
fn rows(count: usize) -> String {
    format!("VALUES {}", vec!["(?)"; count].join(", "))
}

/// In the order of the text: a condition comes before the kinds that it is about.
fn take_values(kinds: &[&str], now: Timestamp, leased_until: Timestamp) -> Vec<sea_orm::Value> {
    let mut values: Vec<sea_orm::Value> = vec![leased_until.micros().into()];
    for _ in ["ready", "left"] {
        values.push(now.micros().into());
        values.extend(kinds.iter().map(|kind| sea_orm::Value::from(*kind)));
    }
    values
}

/// Leases the next due job of one of these kinds until `leased_until`.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn take(
    store: &Store,
    kinds: &[&str],
    now: Timestamp,
    leased_until: Timestamp,
) -> Result<Option<Job>, StoreError> {
    if kinds.is_empty() {
        return Ok(None);
    }
    let takes_turns = store.engine() == Engine::Sqlite;
    if takes_turns && next_due(store, kinds).await?.is_none_or(|due| due > now) {
        // Looking costs no turn at the writer.
        return Ok(None);
    }
    let tx = store.begin_beside().await?;
    let values = take_values(kinds, now, leased_until);
    let query = statement(tx.conn(), &take_sql(store.engine(), kinds.len()), values);
    let row = tx.conn().query_one_raw(query).await?;
    let job = row
        .map(|row| Model::from_query_result(&row, "").map_err(StoreError::from).and_then(from_row))
        .transpose()?;
    tx.commit().await?;
    Ok(job)
}

/// When the next job of these kinds may run, or its lease ends; `None`: there is none. It may still
/// have to wait for an older one of its key.
///
/// # Errors
/// When the database can't be used.
pub async fn next_due(store: &Store, kinds: &[&str]) -> Result<Option<Timestamp>, StoreError> {
    if kinds.is_empty() {
        return Ok(None);
    }
    let values = kinds.iter().chain(kinds).map(|kind| sea_orm::Value::from(*kind));
    let query = statement(store.readers(), &next_due_sql(kinds.len()), values);
    let row = store.readers().query_one_raw(query).await?;
    let first: Option<i64> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    Ok(first.map(Timestamp::from_micros))
}

/// One entry of an index for each kind and state, however many wait. The kinds are asked for twice.
fn next_due_sql(kinds: usize) -> String {
    let first = |time: &str, state: &str| {
        format!(
            "SELECT (SELECT {time} FROM jobs WHERE state = '{state}' AND kind = kinds.column1 \
             ORDER BY {time} LIMIT 1) AS due FROM ({}) AS kinds",
            rows(kinds)
        )
    };
    let (ready, running) = (first("run_at", "ready"), first("leased_until", "running"));
    format!("SELECT MIN(firsts.due) FROM ({ready} UNION ALL {running}) AS firsts")
}

/// Who decides about a job: the attempt that runs it now.
fn is_running(job: &Job) -> Condition {
    Condition::all()
        .add(Column::Id.eq(job.id.uuid()))
        .add(Column::State.eq("running"))
        .add(Column::Attempts.eq(job.attempts))
}

/// The job is done: removes it. `false`: its lease had ended and another has taken or settled
/// it; nothing is changed.
///
/// # Errors
/// When the database can't be used.
pub async fn complete(store: &Store, job: &Job) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    let done = Entity::delete_many().filter(is_running(job)).exec(tx.conn()).await?;
    finish(tx, job, done.rows_affected).await
}

/// The job takes longer: its lease ends later. `false`: its lease had ended and another has taken or
/// settled it; nothing is changed.
///
/// # Errors
/// When the database can't be used.
pub async fn extend(store: &Store, job: &Job, leased_until: Timestamp) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    let row = ActiveModel { leased_until: Set(Some(leased_until.micros())), ..Default::default() };
    let done = Entity::update_many().set(row).filter(is_running(job)).exec(tx.conn()).await?;
    tx.commit().await?;
    Ok(done.rows_affected > 0)
}

async fn finish(tx: Tx, job: &Job, rows: u64) -> Result<bool, StoreError> {
    if rows > 0 {
        // The next job of the same key may run now: those of a key are for one worker.
        tx.mark_jobs(&job.kind);
    }
    tx.commit().await?;
    Ok(rows > 0)
}

/// What becomes of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Try again at this time.
    RetryAt(Timestamp),
    /// Never again: the job is dead.
    Bury,
}

/// The job failed. `false`: its lease had ended and another has taken or settled it; nothing is
/// changed.
///
/// # Errors
/// When the database can't be used.
pub async fn fail(
    store: &Store,
    job: &Job,
    error: &str,
    then: AfterFailure,
) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    let mut row = ActiveModel {
        leased_until: Set(None),
        last_error: Set(Some(error.chars().take(ERROR_MAX_CHARS).collect())),
        ..Default::default()
    };
    match then {
        AfterFailure::RetryAt(time) => {
            row.state = Set("ready".to_owned());
            row.run_at = Set(time.micros());
        }
        AfterFailure::Bury => row.state = Set("dead".to_owned()),
    }
    let done = Entity::update_many().set(row).filter(is_running(job)).exec(tx.conn()).await?;
    finish(tx, job, done.rows_affected).await
}

/// Gives back all jobs that are being run: whoever ran them is gone. Only for a process that is the
/// only one on its database.
///
/// # Errors
/// When the database can't be used.
pub async fn release_all(store: &Store) -> Result<u64, StoreError> {
    let tx = store.begin().await?;
    let row = ActiveModel {
        state: Set("ready".to_owned()),
        leased_until: Set(None),
        ..Default::default()
    };
    let running = Column::State.eq("running");
    let done = Entity::update_many().set(row).filter(running).exec(tx.conn()).await?;
    tx.commit().await?;
    Ok(done.rows_affected)
}

/// How many jobs failed for good: somebody must look at them.
///
/// # Errors
/// When the database can't be used.
pub async fn count_dead(store: &Store) -> Result<u64, StoreError> {
    // A literal, as in the partial index.
    Ok(Entity::find().filter(Expr::cust("state = 'dead'")).count(store.readers()).await?)
}

/// Jobs that failed for good, newest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn dead(store: &Store, limit: u64) -> Result<Vec<Job>, StoreError> {
    let rows = Entity::find()
        .filter(Expr::cust("state = 'dead'"))
        .order_by_desc(Column::Seq)
        .limit(limit)
        .all(store.readers())
        .await?;
    rows.into_iter().map(from_row).collect()
}

fn from_row(row: Model) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId(row.id),
        kind: row.kind,
        ordering_key: row.ordering_key,
        payload: serde_json::from_str(&row.payload)
            .map_err(|error| StoreError::corrupt("jobs", error))?,
        attempts: row.attempts,
        last_error: row.last_error,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{now, plan_of, sqlite_store, store};

    const LEASE_S: i64 = 60;

    async fn add(store: &Store, key: &str, payload: i32) -> JobId {
        add_at(store, "test", key, payload, now()).await
    }

    async fn add_at(
        store: &Store,
        kind: &'static str,
        key: &str,
        payload: i32,
        run_at: Timestamp,
    ) -> JobId {
        let tx = store.begin().await.unwrap();
        let job = NewJob {
            organization: None,
            kind,
            ordering_key: key.to_owned(),
            payload: payload.into(),
            run_at,
            created_at: now(),
        };
        let id = enqueue(&tx, job).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn take_at(store: &Store, time: Timestamp) -> Option<Job> {
        take(store, &["test"], time, time.plus_seconds(LEASE_S)).await.unwrap()
    }

    #[tokio::test]
    async fn jobs_of_one_key_run_one_after_the_other() {
        let (store, _folder) = store().await;
        let first = add(&store, "a", 1).await;
        add(&store, "a", 2).await;
        let other = add(&store, "b", 3).await;

        let running = take_at(&store, now()).await.unwrap();
        assert_eq!(running.id, first);
        assert_eq!(take_at(&store, now()).await.unwrap().id, other, "another key isn't held up");
        assert_eq!(take_at(&store, now()).await, None, "the key is busy");
        assert!(complete(&store, &running).await.unwrap());
        assert_eq!(take_at(&store, now()).await.unwrap().payload, 2);
    }

    #[tokio::test]
    async fn of_several_kinds_the_one_that_is_due_first_is_taken_and_others_are_left() {
        let (store, _folder) = store().await;
        let kinds = ["test", "other"];
        assert_eq!(next_due(&store, &kinds).await.unwrap(), None);
        assert_eq!(next_due(&store, &[]).await.unwrap(), None);
        let late = add_at(&store, "test", "a", 1, now().plus_seconds(2)).await;
        let early = add_at(&store, "other", "b", 2, now().plus_seconds(1)).await;
        add_at(&store, "another", "c", 3, now()).await;
        assert_eq!(next_due(&store, &kinds).await.unwrap(), Some(now().plus_seconds(1)));

        let time = now().plus_seconds(5);
        let take = async || take(&store, &kinds, time, time.plus_seconds(LEASE_S)).await.unwrap();
        assert_eq!(take().await.map(|job| job.id), Some(early));
        assert_eq!(next_due(&store, &kinds).await.unwrap(), Some(now().plus_seconds(2)));
        assert_eq!(take().await.map(|job| job.id), Some(late));
        assert_eq!(take().await, None, "another kind is another's");
        let leased = Some(time.plus_seconds(LEASE_S));
        assert_eq!(next_due(&store, &kinds).await.unwrap(), leased, "when the first lease ends");
    }

    #[tokio::test]
    async fn only_those_are_woken_who_do_what_was_left() {
        let (store, _folder) = store().await;
        let mut tests = store.jobs_enqueued(&["another", "test"]);
        let others = store.jobs_enqueued(&["other"]);
        let woken = |tests: &mut tokio::sync::watch::Receiver<u64>| {
            let woken = tests.has_changed().unwrap();
            tests.mark_unchanged();
            woken
        };
        add(&store, "a", 1).await;
        assert!(woken(&mut tests));
        let job = take_at(&store, now()).await.unwrap();
        assert!(!woken(&mut tests), "nothing was left");
        assert!(complete(&store, &job).await.unwrap());
        assert!(woken(&mut tests), "the next one of its key may run");
        let mut batch = store.begin_batch().await.unwrap();
        let job = NewJob {
            organization: None,
            kind: "test",
            ordering_key: "b".to_owned(),
            payload: 2.into(),
            run_at: now(),
            created_at: now(),
        };
        enqueue(&mut batch, job).await.unwrap();
        assert!(!woken(&mut tests), "before it is true");
        batch.commit().await.unwrap();
        assert!(woken(&mut tests));
        assert!(!others.has_changed().unwrap());
    }

    #[tokio::test]
    async fn looking_for_a_job_reads_none_of_those_that_wait() {
        let (store, _folder) = sqlite_store().await;
        let plan =
            plan_of(&store, &next_due_sql(2), ["a", "b", "a", "b"].map(sea_orm::Value::from)).await;
        for (index, times) in [("jobs_ready (kind=?)", 1), ("jobs_running (kind=?)", 1)] {
            assert_eq!(plan.matches(index).count(), times, "{plan}");
        }
        assert!(!plan.contains("SCAN jobs"), "{plan}");
        assert!(!plan.contains("ORDER BY"), "nothing is sorted: {plan}");

        let values = take_values(&["a", "b"], now(), now());
        let plan = plan_of(&store, &take_sql(Engine::Sqlite, 2), values).await;
        for (index, times) in [
            ("jobs_ready (kind=? AND run_at<?)", 1),
            ("jobs_running (kind=? AND leased_until<?)", 1),
            ("jobs_key (ordering_key=? AND seq<?)", 2),
        ] {
            assert_eq!(plan.matches(index).count(), times, "{index} in {plan}");
        }
        for table in ["jobs", "due", "older", "chosen"] {
            assert!(!plan.contains(&format!("SCAN {table}")), "{plan}");
        }

        let dead = Entity::find().filter(Expr::cust("state = 'dead'"));
        let plan = crate::testing::plan(&store, &dead.into_query()).await;
        assert!(plan.contains("jobs_dead"), "{plan}");
    }

    #[tokio::test]
    async fn a_job_whose_worker_died_is_taken_again_after_its_lease() {
        let (store, _folder) = store().await;
        let id = add(&store, "a", 1).await;
        assert_eq!(take_at(&store, now()).await.unwrap().attempts, 1);
        assert_eq!(take_at(&store, now().plus_seconds(LEASE_S - 1)).await, None);
        let again = take_at(&store, now().plus_seconds(LEASE_S)).await.unwrap();
        assert_eq!((again.id, again.attempts), (id, 2));
    }

    #[tokio::test]
    async fn jobs_of_a_process_that_is_gone_are_given_back_at_once() {
        let (store, _folder) = store().await;
        let id = add(&store, "a", 1).await;
        let lost = take_at(&store, now()).await.unwrap();
        assert_eq!(take_at(&store, now()).await, None);
        assert_eq!(release_all(&store).await.unwrap(), 1);
        let again = take_at(&store, now()).await.unwrap();
        assert_eq!((again.id, again.attempts), (id, 2));
        assert!(!complete(&store, &lost).await.unwrap(), "its attempt no longer decides");
    }

    #[tokio::test]
    async fn a_job_that_takes_long_keeps_its_lease_as_long_as_it_has_it() {
        let (store, _folder) = store().await;
        add(&store, "a", 1).await;
        let job = take_at(&store, now()).await.unwrap();
        let later = now().plus_seconds(LEASE_S);
        assert!(extend(&store, &job, later.plus_seconds(LEASE_S)).await.unwrap());
        assert_eq!(take_at(&store, later).await, None);
        let other = take_at(&store, later.plus_seconds(LEASE_S)).await.unwrap();
        assert!(!extend(&store, &job, later.plus_seconds(999)).await.unwrap(), "it is another's");
        assert!(complete(&store, &other).await.unwrap());
        assert!(!extend(&store, &other, later).await.unwrap(), "it is done");
    }

    #[tokio::test]
    async fn a_worker_whose_lease_ended_no_longer_decides() {
        let (store, _folder) = store().await;
        add(&store, "a", 1).await;
        let slow = take_at(&store, now()).await.unwrap();
        let later = now().plus_seconds(LEASE_S);
        let current = take_at(&store, later).await.unwrap();
        assert!(!complete(&store, &slow).await.unwrap());
        assert!(!fail(&store, &slow, "too late", AfterFailure::Bury).await.unwrap());
        assert_eq!(count_dead(&store).await.unwrap(), 0);
        assert_eq!(take_at(&store, later).await, None, "the other still runs it");

        let again = AfterFailure::RetryAt(later);
        assert!(fail(&store, &current, "no answer", again).await.unwrap());
        assert!(!complete(&store, &current).await.unwrap(), "it has been given back");
        let last = take_at(&store, later).await.unwrap();
        assert_eq!((last.attempts, last.last_error.as_deref()), (3, Some("no answer")));
        assert!(complete(&store, &last).await.unwrap());
        assert!(!complete(&store, &last).await.unwrap(), "it is gone");
    }

    #[tokio::test]
    async fn a_failed_job_is_retried_later_then_buried_without_holding_up_its_key() {
        let (store, _folder) = store().await;
        let id = add(&store, "a", 1).await;
        add(&store, "a", 2).await;
        let job = take_at(&store, now()).await.unwrap();
        let later = now().plus_seconds(10);
        assert!(fail(&store, &job, "no answer", AfterFailure::RetryAt(later)).await.unwrap());
        assert_eq!(
            take_at(&store, now()).await,
            None,
            "its turn hasn't come, and it is the oldest"
        );
        let again = take_at(&store, later).await.unwrap();
        assert_eq!((again.id, again.last_error.as_deref()), (id, Some("no answer")));
        assert_eq!(count_dead(&store).await.unwrap(), 0);
        assert!(fail(&store, &again, "never", AfterFailure::Bury).await.unwrap());
        assert_eq!(count_dead(&store).await.unwrap(), 1);
        assert_eq!(dead(&store, 10).await.unwrap().len(), 1);
        assert_eq!(take_at(&store, later).await.unwrap().payload, 2);
    }
}
