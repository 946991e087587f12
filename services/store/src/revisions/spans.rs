//! Which late samples are to be looked at, and by whom. The platform's own work: not bound to a scope.
//!
//! Ingest widens a span until it is taken; what comes late after that begins another one.

use millwright_schemas::{MachineId, Timestamp};
use sea_orm::{ConnectionTrait, Value};
use uuid::Uuid;

use crate::engine::{Cell, statement};
use crate::{Store, StoreError, Tx};

/// When spans are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Nothing has come late since then.
    pub quiet_since: Timestamp,
    /// Or the first came before this.
    pub waiting_since: Timestamp,
}

/// Late samples that are looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateRun {
    /// Of this machine.
    pub machine: MachineId,
    /// The oldest of them, in event time.
    pub from: Timestamp,
    /// The newest of them, in event time.
    pub to: Timestamp,
    /// How often it was begun, this time included. Tells this lease from later ones.
    pub attempts: i64,
}

const RUN: &str = "SELECT machine_id, from_ts, to_ts, attempts FROM late_runs \
                   WHERE leased_until <= ? ORDER BY leased_until, machine_id LIMIT 1";
/// What is looked at already waits until that has ended, and samples of a clock that was ahead until their
/// time has come.
const SPAN: &str = "SELECT machine_id, from_ts, to_ts, CAST(0 AS BIGINT) FROM late_spans \
                    WHERE (marked_at <= ? OR since <= ?) AND from_ts <= ? AND NOT EXISTS \
                        (SELECT 1 FROM late_runs r WHERE r.machine_id = late_spans.machine_id) \
                    ORDER BY since, machine_id LIMIT 1";

/// Takes what is due next, until `leased_until`: first what was begun and not ended. Looking costs no
/// turn at the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn take(
    store: &Store,
    due: Due,
    now: Timestamp,
    leased_until: Timestamp,
) -> Result<Option<LateRun>, StoreError> {
    let span: [Cell<'_>; 3] =
        [due.quiet_since.micros().into(), due.waiting_since.micros().into(), now.micros().into()];
    let run: [Cell<'_>; 1] = [now.micros().into()];
    let readers = store.reader_pool();
    if readers.first(RUN, &run).await?.is_none() && readers.first(SPAN, &span).await?.is_none() {
        return Ok(None);
    }
    let tx = store.begin().await?;
    let taken = match first(&tx, RUN, [now.micros().into()]).await? {
        Some(run) => Some(again(&tx, run, leased_until).await?),
        None => {
            let (quiet, waiting) = (due.quiet_since.micros(), due.waiting_since.micros());
            match first(&tx, SPAN, [quiet.into(), waiting.into(), now.micros().into()]).await? {
                Some(span) => Some(begin(&tx, span, now, leased_until).await?),
                None => None,
            }
        }
    };
    tx.commit().await?;
    Ok(taken)
}

async fn first<const N: usize>(
    tx: &Tx,
    sql: &str,
    values: [Value; N],
) -> Result<Option<LateRun>, StoreError> {
    let row = tx.conn().query_one_raw(statement(tx.conn(), sql, values)).await?;
    let Some(row) = row else { return Ok(None) };
    let machine: Uuid = row.try_get_by_index(0)?;
    let (from, to): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    Ok(Some(LateRun {
        machine: MachineId(machine),
        from: Timestamp::from_micros(from),
        to: Timestamp::from_micros(to),
        attempts: row.try_get_by_index(3)?,
    }))
}

async fn again(tx: &Tx, run: LateRun, leased_until: Timestamp) -> Result<LateRun, StoreError> {
    let attempts = run.attempts + 1;
    let sql = "UPDATE late_runs SET attempts = ?, leased_until = ? WHERE machine_id = ?";
    let values: [Value; 3] =
        [attempts.into(), leased_until.micros().into(), run.machine.uuid().into()];
    tx.conn().execute_raw(statement(tx.conn(), sql, values)).await?;
    Ok(LateRun { attempts, ..run })
}

/// What is of later times than now stays and waits as if it had just come.
async fn begin(
    tx: &Tx,
    span: LateRun,
    now: Timestamp,
    leased_until: Timestamp,
) -> Result<LateRun, StoreError> {
    let run = LateRun { attempts: 1, to: span.to.min(now), ..span };
    let sql = "INSERT INTO late_runs (machine_id, from_ts, to_ts, attempts, leased_until) \
               VALUES (?, ?, ?, ?, ?)";
    let values: [Value; 5] = [
        run.machine.uuid().into(),
        run.from.micros().into(),
        run.to.micros().into(),
        run.attempts.into(),
        leased_until.micros().into(),
    ];
    tx.conn().execute_raw(statement(tx.conn(), sql, values)).await?;
    let rest = if span.to > now {
        statement(
            tx.conn(),
            "UPDATE late_spans SET from_ts = ?, since = ? WHERE machine_id = ?",
            [now.plus_micros(1).micros().into(), now.micros().into(), run.machine.uuid().into()],
        )
    } else {
        let sql = "DELETE FROM late_spans WHERE machine_id = ?";
        statement(tx.conn(), sql, [run.machine.uuid().into()])
    };
    tx.conn().execute_raw(rest).await?;
    Ok(run)
}

/// It takes longer. `false`: its lease had ended and another has taken it.
///
/// # Errors
/// When the database can't be used.
pub async fn extend(
    store: &Store,
    run: &LateRun,
    leased_until: Timestamp,
) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    let sql = "UPDATE late_runs SET leased_until = ? \
               WHERE machine_id = ? AND attempts = ? AND from_ts = ?";
    let values: [Value; 4] = [
        leased_until.micros().into(),
        run.machine.uuid().into(),
        run.attempts.into(),
        run.from.micros().into(),
    ];
    let done = tx.conn().execute_raw(statement(tx.conn(), sql, values)).await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// It was looked at: all of it, or up to `rest`, from where it is taken next. `false`: another has
/// taken it meanwhile; the transaction must be given up.
///
/// # Errors
/// When the database refuses it.
pub async fn settle(tx: &Tx, run: &LateRun, rest: Option<Timestamp>) -> Result<bool, StoreError> {
    let (machine, attempts, from) = (run.machine.uuid(), run.attempts, run.from.micros());
    let query = match rest {
        Some(rest) => statement(
            tx.conn(),
            "UPDATE late_runs SET from_ts = ?, attempts = 0, leased_until = 0 \
             WHERE machine_id = ? AND attempts = ? AND from_ts = ?",
            [rest.micros().into(), machine.into(), attempts.into(), from.into()],
        ),
        None => statement(
            tx.conn(),
            "DELETE FROM late_runs WHERE machine_id = ? AND attempts = ? AND from_ts = ?",
            [machine.into(), attempts.into(), from.into()],
        ),
    };
    Ok(tx.conn().execute_raw(query).await?.rows_affected() > 0)
}

/// Up to when a machine has said that nothing older will come; `None`: it never has.
///
/// # Errors
/// When the database can't be used.
pub async fn passed(store: &Store, machine: MachineId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT max(through_ts) FROM stream_cursors WHERE machine_id = ?";
    let row = store.reader_pool().first(sql, &[machine.uuid().into()]).await?;
    let passed: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
    Ok(passed.map(Timestamp::from_micros))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::telemetry::late::{LateRow, mark};
    use crate::testing::{NOW, machine, now, organization, store};

    async fn late(store: &Store, machine: MachineId, from: i64, to: i64, at: i64) {
        let mut tx = store.begin_batch().await.unwrap();
        let row = LateRow { machine, from: NOW + from, to: NOW + to, marked_at: NOW + at };
        mark(&mut tx, &[row]).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn due(quiet: i64, waiting: i64) -> Due {
        let at = |us: i64| now().plus_micros(us);
        Due { quiet_since: at(quiet), waiting_since: at(waiting) }
    }

    async fn taken(store: &Store, due: Due, at: i64) -> Option<(i64, i64, i64)> {
        let now = now().plus_micros(at);
        let run = take(store, due, now, now.plus_micros(100)).await.unwrap()?;
        Some((run.from.micros() - NOW, run.to.micros() - NOW, run.attempts))
    }

    #[tokio::test]
    async fn a_span_widens_until_it_is_quiet_or_has_waited_and_is_taken_once() {
        let (store, _folder) = store().await;
        let machine = machine(&store, organization(&store, None).await).await;
        late(&store, machine, 10, 20, 1).await;
        late(&store, machine, 5, 15, 9).await;
        assert_eq!(taken(&store, due(8, 0), 20).await, None);
        assert_eq!(taken(&store, due(9, 0), 20).await, Some((5, 20, 1)));
        assert_eq!(taken(&store, due(1_000, 1_000), 119).await, None, "it is leased");
        // What comes meanwhile waits, however long.
        late(&store, machine, 30, 40, 50).await;
        assert_eq!(taken(&store, due(1_000, 1_000), 119).await, None);
        // Whoever had it is gone.
        assert_eq!(taken(&store, due(0, 0), 120).await, Some((5, 20, 2)));
    }

    #[tokio::test]
    async fn what_a_clock_that_was_ahead_has_sent_waits_until_its_time_has_come() {
        let (store, _folder) = store().await;
        let machine = machine(&store, organization(&store, None).await).await;
        late(&store, machine, 50, 90, 1).await;
        let (quiet, settled) = (due(1_000, 1_000), async |run: LateRun| {
            let tx = store.begin().await.unwrap();
            assert!(settle(&tx, &run, None).await.unwrap());
            tx.commit().await.unwrap();
        });
        assert_eq!(taken(&store, quiet, 49).await, None);
        let run = |at: i64| {
            let now = now().plus_micros(at);
            take(&store, quiet, now, now.plus_micros(100))
        };
        let first = run(60).await.unwrap().unwrap();
        assert_eq!((first.from.micros() - NOW, first.to.micros() - NOW), (50, 60));
        settled(first).await;
        // The rest has waited since then only.
        assert_eq!(taken(&store, due(0, 59), 90).await, None);
        let rest = run(90).await.unwrap().unwrap();
        assert_eq!((rest.from.micros() - NOW, rest.to.micros() - NOW), (61, 90));
        settled(rest).await;
        assert_eq!(taken(&store, quiet, 5_000).await, None);
    }

    #[tokio::test]
    async fn what_is_left_is_next_and_who_was_too_slow_settles_nothing() {
        let (store, _folder) = store().await;
        let machine = machine(&store, organization(&store, None).await).await;
        late(&store, machine, 10, 20, 1).await;
        // Not quiet, but it has waited long enough.
        let all = due(0, 1);
        let begun = now().plus_micros(20);
        let run = take(&store, all, begun, begun.plus_micros(5)).await.unwrap().unwrap();
        assert!(extend(&store, &run, begun.plus_micros(9)).await.unwrap());
        assert_eq!(taken(&store, all, 28).await, None);
        assert_eq!(taken(&store, all, 29).await, Some((10, 20, 2)));
        assert!(!extend(&store, &run, now().plus_micros(900)).await.unwrap());
        let tx = store.begin().await.unwrap();
        assert!(!settle(&tx, &run, None).await.unwrap());
        let second = LateRun { attempts: 2, ..run };
        assert!(settle(&tx, &second, Some(now().plus_micros(15))).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(taken(&store, all, 29).await, Some((15, 20, 1)));
        let tx = store.begin().await.unwrap();
        let last = LateRun { from: now().plus_micros(15), attempts: 1, ..run };
        assert!(settle(&tx, &last, None).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(taken(&store, due(1_000, 1_000), 2_000).await, None);
        assert_eq!(passed(&store, machine).await.unwrap(), None);
    }
}
