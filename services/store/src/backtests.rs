//! Backtests: what was asked for, how far it is, what came out. The work itself is a job.

use millwright_core::access::Actor;
use millwright_schemas::api::backtests::BacktestState;
use millwright_schemas::{BacktestId, OrganizationId, Timestamp};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, Iterable as _,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::entities::backtest::{ActiveModel, Column, Entity, Model};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "backtest";
const TABLE: &str = "backtests";

/// For how long a backtest is kept, in seconds: 7 days.
pub const KEPT_S: i64 = 7 * 86_400;
/// The same of a preview: an hour.
pub const PREVIEW_KEPT_S: i64 = 3_600;
/// What one transaction of housekeeping removes at most.
const FORGOTTEN_BATCH: u64 = 100;

/// A backtest as it is stored. `request` and `result` are JSON of those who ask and who do.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredBacktest {
    /// Its id.
    pub id: BacktestId,
    /// Of who asked for it.
    pub organization: OrganizationId,
    /// Who did.
    pub created_by: Actor,
    /// What is to be tried on what.
    pub request: String,
    /// Where it is.
    pub state: BacktestState,
    /// 0 to 1.
    pub progress: f64,
    /// Values that were read so far.
    pub values: i64,
    /// Whether it is to be canceled.
    pub cancel_requested: bool,
    /// Why it was given up.
    pub error: Option<String>,
    /// What came out; in lists always `None`.
    pub result: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it is one of many while a rule is edited.
    pub preview: bool,
}

/// For how long such a backtest is kept, in seconds.
#[must_use]
pub const fn kept_s(preview: bool) -> i64 {
    if preview { PREVIEW_KEPT_S } else { KEPT_S }
}

/// How a backtest has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With this result, as JSON.
    Succeeded(String),
    /// For this reason.
    Failed(String),
    /// Somebody wanted it.
    Canceled,
}

/// How far a backtest is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// 0 to 1.
    pub progress: f64,
    /// Values that were read so far.
    pub values: i64,
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(TABLE, error)
}

/// As a literal, so that the partial index is used.
fn unfinished() -> SimpleExpr {
    Expr::cust("state IN ('queued', 'running')")
}

/// Adds one that waits.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &Tx, new: &StoredBacktest) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(new.id.uuid()),
        organization_id: Set(new.organization.uuid()),
        created_by: Set(by(new.created_by)?),
        request: Set(new.request.clone()),
        state: Set(new.state.as_str().to_owned()),
        progress: Set(new.progress),
        values_read: Set(new.values),
        cancel_requested: Set(new.cancel_requested),
        error: Set(new.error.clone()),
        result: Set(new.result.clone()),
        created_at: Set(new.created_at.micros()),
        started_at: Set(new.started_at.map(Timestamp::micros)),
        ended_at: Set(new.ended_at.map(Timestamp::micros)),
        preview: Set(new.preview),
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// How many haven't ended, previews or others: of this organization, and of all.
///
/// # Errors
/// When the database can't be used.
pub async fn count_unfinished(
    tx: &Tx,
    organization: OrganizationId,
    preview: bool,
) -> Result<(u64, u64), StoreError> {
    let own = own_unfinished(organization, preview);
    let all = all_unfinished(preview);
    Ok((own.count(tx.conn()).await?, all.count(tx.conn()).await?))
}

fn own_unfinished(organization: OrganizationId, preview: bool) -> Select<Entity> {
    all_unfinished(preview).filter(Column::OrganizationId.eq(organization.uuid()))
}

fn all_unfinished(preview: bool) -> Select<Entity> {
    Entity::find().filter(unfinished()).filter(Column::Preview.eq(preview))
}

/// The backtest with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(
    store: &Store,
    scope: Scope,
    id: BacktestId,
) -> Result<StoredBacktest, StoreError> {
    find(store.readers(), scope, id).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(tx: &Tx, scope: Scope, id: BacktestId) -> Result<StoredBacktest, StoreError> {
    find(tx.conn(), scope, id).await
}

async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    id: BacktestId,
) -> Result<StoredBacktest, StoreError> {
    let row =
        Entity::find_by_id(id.uuid()).filter(scope.covers(Column::OrganizationId)).one(db).await?;
    from_row(row.ok_or(StoreError::NotFound(WHAT))?)
}

/// What somebody in scope has asked for, newest first, without results and previews.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    actor: Actor,
    page: &PageRequest<Uuid>,
) -> Result<Vec<StoredBacktest>, StoreError> {
    let rows = listed(scope, by(actor)?, page).all(store.readers()).await?;
    rows.into_iter().map(from_row).collect()
}

/// Results aren't read: a page of them would be hundreds of megabytes.
fn listed(scope: Scope, by: String, page: &PageRequest<Uuid>) -> Select<Entity> {
    let query = Entity::find()
        .select_only()
        .columns(Column::iter().filter(|column| !matches!(column, Column::Result)))
        .column_as(Expr::cust("CAST(NULL AS TEXT)"), "result")
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::CreatedBy.eq(by))
        .filter(Expr::cust("NOT preview"))
        .order_by_desc(Column::Id)
        .limit(page.rows());
    match page.after {
        Some(before) => query.filter(Column::Id.lt(before)),
        None => query,
    }
}

/// It begins, or begins anew. `false`: it has ended already, or is gone.
///
/// # Errors
/// When the database refuses it.
pub async fn begin(store: &Store, id: BacktestId, now: Timestamp) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    let row = ActiveModel {
        state: Set(BacktestState::Running.as_str().to_owned()),
        progress: Set(0.0),
        values_read: Set(0),
        started_at: Set(Some(now.micros())),
        ..Default::default()
    };
    update(tx, id, row).await
}

/// Notes how far it is. `false`: it has ended, or is gone.
///
/// # Errors
/// When the database refuses it.
pub async fn advance(
    store: &Store,
    id: BacktestId,
    progress: Progress,
) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    let row = ActiveModel {
        progress: Set(progress.progress),
        values_read: Set(progress.values),
        ..Default::default()
    };
    update(tx, id, row).await
}

/// Whether it is to go on: it hasn't ended, isn't gone, and nobody wants it canceled. Asking costs no
/// turn at the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn is_wanted(store: &Store, id: BacktestId) -> Result<bool, StoreError> {
    let wanted = Entity::find_by_id(id.uuid())
        .filter(unfinished())
        .filter(Column::CancelRequested.eq(false));
    Ok(wanted.count(store.readers()).await? > 0)
}

/// It has ended. `false`: it had ended before, or is gone.
///
/// # Errors
/// When the database refuses it.
pub async fn finish(
    store: &Store,
    id: BacktestId,
    ending: Ending,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let tx = store.begin_beside().await?;
    update(tx, id, ended(ending, now)).await
}

fn ended(ending: Ending, now: Timestamp) -> ActiveModel {
    let row = ActiveModel { ended_at: Set(Some(now.micros())), ..Default::default() };
    let state = |state: BacktestState| Set(state.as_str().to_owned());
    match ending {
        Ending::Succeeded(result) => ActiveModel {
            state: state(BacktestState::Succeeded),
            progress: Set(1.0),
            result: Set(Some(result)),
            ..row
        },
        Ending::Failed(error) => {
            ActiveModel { state: state(BacktestState::Failed), error: Set(Some(error)), ..row }
        }
        Ending::Canceled => ActiveModel { state: state(BacktestState::Canceled), ..row },
    }
}

async fn update(tx: Tx, id: BacktestId, row: ActiveModel) -> Result<bool, StoreError> {
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id.uuid()))
        .filter(unfinished())
        .exec(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected > 0)
}

/// Somebody wants it canceled: what waits has ended at once, what runs is told. It must not have ended.
///
/// # Errors
/// When the database refuses it.
pub async fn cancel(tx: &Tx, before: &StoredBacktest, now: Timestamp) -> Result<(), StoreError> {
    let row = if before.state == BacktestState::Queued {
        ended(Ending::Canceled, now)
    } else {
        ActiveModel { cancel_requested: Set(true), ..Default::default() }
    };
    let this = Column::Id.eq(before.id.uuid());
    Entity::update_many().set(row).filter(this).filter(unfinished()).exec(tx.conn()).await?;
    Ok(())
}

/// Removes the oldest of those whose time is over; how many. What is left waits for the next call.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_expired(tx: &Tx, now: Timestamp) -> Result<u64, StoreError> {
    let before = |kept_s: i64| Column::CreatedAt.lt(now.plus_seconds(-kept_s).micros());
    let preview = Condition::all().add(Expr::cust("preview")).add(before(PREVIEW_KEPT_S));
    let over = Condition::any().add(before(KEPT_S)).add(preview);
    let ids: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(over)
        .order_by_asc(Column::CreatedAt)
        .limit(FORGOTTEN_BATCH)
        .into_tuple()
        .all(tx.conn())
        .await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let done = Entity::delete_many().filter(Column::Id.is_in(ids)).exec(tx.conn()).await?;
    Ok(done.rows_affected)
}

fn by(actor: Actor) -> Result<String, StoreError> {
    serde_json::to_string(&actor).map_err(corrupt)
}

fn from_row(row: Model) -> Result<StoredBacktest, StoreError> {
    Ok(StoredBacktest {
        id: BacktestId(row.id),
        organization: OrganizationId(row.organization_id),
        created_by: serde_json::from_str(&row.created_by).map_err(corrupt)?,
        request: row.request,
        state: row.state.parse().map_err(corrupt)?,
        progress: row.progress,
        values: row.values_read,
        cancel_requested: row.cancel_requested,
        error: row.error,
        result: row.result,
        created_at: Timestamp::from_micros(row.created_at),
        started_at: row.started_at.map(Timestamp::from_micros),
        ended_at: row.ended_at.map(Timestamp::from_micros),
        preview: row.preview,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::UserId;
    use millwright_schemas::api::page::PageQuery;

    use sea_orm::QueryTrait as _;
    use sea_orm::sea_query::SqliteQueryBuilder;

    use super::*;
    use crate::testing::{now, organization, plan, sqlite_store, store};

    async fn add(store: &Store, organization: OrganizationId, user: u128) -> BacktestId {
        add_as(store, organization, user, false).await
    }

    async fn add_as(
        store: &Store,
        organization: OrganizationId,
        user: u128,
        preview: bool,
    ) -> BacktestId {
        let new = StoredBacktest {
            id: BacktestId(Uuid::now_v7()),
            organization,
            created_by: Actor::User(UserId(Uuid::from_u128(user))),
            request: "{}".to_owned(),
            state: BacktestState::Queued,
            progress: 0.0,
            values: 0,
            cancel_requested: false,
            error: None,
            result: None,
            created_at: now(),
            started_at: None,
            ended_at: None,
            preview,
        };
        let tx = store.begin().await.unwrap();
        insert(&tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        new.id
    }

    async fn state(store: &Store, id: BacktestId) -> StoredBacktest {
        get(store, Scope::Platform, id).await.unwrap()
    }

    #[tokio::test]
    async fn it_runs_is_followed_and_ends_once() {
        let (store, _folder) = store().await;
        let id = add(&store, organization(&store, None).await, 1).await;
        assert!(is_wanted(&store, id).await.unwrap());
        assert!(begin(&store, id, now()).await.unwrap());
        let half = Progress { progress: 0.5, values: 7 };
        assert!(advance(&store, id, half).await.unwrap());
        let seen = state(&store, id).await;
        assert_eq!((seen.state, seen.progress, seen.values), (BacktestState::Running, 0.5, 7));
        let done = Ending::Succeeded("{\"a\":1}".to_owned());
        assert!(finish(&store, id, done, now()).await.unwrap());
        let seen = state(&store, id).await;
        assert_eq!((seen.state, seen.progress), (BacktestState::Succeeded, 1.0));
        assert_eq!(seen.result.as_deref(), Some("{\"a\":1}"));
        assert!(!finish(&store, id, Ending::Canceled, now()).await.unwrap());
        assert!(!begin(&store, id, now()).await.unwrap());
        assert!(!advance(&store, id, half).await.unwrap());
        assert!(!is_wanted(&store, id).await.unwrap());
    }

    #[tokio::test]
    async fn what_waits_is_canceled_at_once_and_what_runs_is_told() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        let (waits, runs) =
            (add(&store, organization, 1).await, add(&store, organization, 1).await);
        begin(&store, runs, now()).await.unwrap();
        let tx = store.begin().await.unwrap();
        assert_eq!(count_unfinished(&tx, organization, false).await.unwrap(), (2, 2));
        for id in [waits, runs] {
            let before = load(&tx, Scope::Platform, id).await.unwrap();
            cancel(&tx, &before, now()).await.unwrap();
        }
        assert_eq!(count_unfinished(&tx, organization, false).await.unwrap(), (1, 1));
        tx.commit().await.unwrap();
        assert_eq!(state(&store, waits).await.state, BacktestState::Canceled);
        let running = state(&store, runs).await;
        assert_eq!((running.state, running.cancel_requested), (BacktestState::Running, true));
        assert!(!is_wanted(&store, runs).await.unwrap());
    }

    #[tokio::test]
    async fn a_list_has_no_results_and_reads_none() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let id = add(&store, top, 1).await;
        begin(&store, id, now()).await.unwrap();
        let done = Ending::Succeeded("{\"a\":1}".to_owned());
        assert!(finish(&store, id, done, now()).await.unwrap());
        let page = PageRequest::parse("backtests", &PageQuery::default()).unwrap();
        let (scope, actor) = (Scope::Organization(top), Actor::User(UserId(Uuid::from_u128(1))));
        let own = list(&store, scope, actor, &page).await.unwrap();
        let without = StoredBacktest { result: None, ..state(&store, id).await };
        assert_eq!(own, [without]);
        let query = listed(scope, by(actor).unwrap(), &page).into_query();
        let (sql, _) = query.build(SqliteQueryBuilder);
        assert!(!sql.contains("\"backtests\".\"result\""), "{sql}");
    }

    #[tokio::test]
    async fn counting_those_that_wait_reads_no_others() {
        let (store, _folder) = sqlite_store().await;
        let organization = organization(&store, None).await;
        let plan = plan(&store, &own_unfinished(organization, true).into_query()).await;
        assert!(plan.contains("USING INDEX backtests_open "), "{plan}");
    }

    #[tokio::test]
    async fn previews_that_wait_are_counted_apart() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let below = organization(&store, Some(top)).await;
        add(&store, top, 1).await;
        for of in [top, below, below] {
            add_as(&store, of, 1, true).await;
        }
        let tx = store.begin().await.unwrap();
        assert_eq!(count_unfinished(&tx, top, false).await.unwrap(), (1, 1));
        assert_eq!(count_unfinished(&tx, top, true).await.unwrap(), (1, 3));
        assert_eq!(count_unfinished(&tx, below, true).await.unwrap(), (2, 3));
        assert_eq!(count_unfinished(&tx, below, false).await.unwrap(), (0, 1));
    }

    #[tokio::test]
    async fn previews_are_not_listed_and_kept_for_an_hour() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let (one, preview) = (add(&store, top, 1).await, add_as(&store, top, 1, true).await);
        assert!(state(&store, preview).await.preview);
        let page = PageRequest::parse("backtests", &PageQuery::default()).unwrap();
        let (scope, actor) = (Scope::Organization(top), Actor::User(UserId(Uuid::from_u128(1))));
        let own = list(&store, scope, actor, &page).await.unwrap();
        assert_eq!(own.iter().map(|one| one.id).collect::<Vec<_>>(), [one]);
        let tx = store.begin().await.unwrap();
        assert_eq!(forget_expired(&tx, now().plus_seconds(PREVIEW_KEPT_S)).await.unwrap(), 0);
        assert_eq!(forget_expired(&tx, now().plus_seconds(PREVIEW_KEPT_S + 1)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert!(get(&store, Scope::Platform, one).await.is_ok());
        let gone = get(&store, Scope::Platform, preview).await;
        assert!(matches!(gone, Err(StoreError::NotFound("backtest"))));
    }

    #[tokio::test]
    async fn each_sees_their_own_within_scope_and_for_a_week() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let below = organization(&store, Some(top)).await;
        let (first, other) = (add(&store, top, 1).await, add(&store, top, 2).await);
        assert!(get(&store, Scope::Organization(top), first).await.is_ok());
        let strange = get(&store, Scope::Organization(below), first).await;
        assert!(matches!(strange, Err(StoreError::NotFound("backtest"))));
        let page = PageRequest::parse("backtests", &PageQuery::default()).unwrap();
        let actor = Actor::User(UserId(Uuid::from_u128(2)));
        let own = list(&store, Scope::Organization(top), actor, &page).await.unwrap();
        assert_eq!(own.iter().map(|one| one.id).collect::<Vec<_>>(), [other]);
        let own = list(&store, Scope::Organization(below), actor, &page).await.unwrap();
        assert!(own.is_empty());
        let tx = store.begin().await.unwrap();
        assert_eq!(forget_expired(&tx, now().plus_seconds(KEPT_S)).await.unwrap(), 0);
        assert_eq!(forget_expired(&tx, now().plus_seconds(KEPT_S + 1)).await.unwrap(), 2);
        tx.commit().await.unwrap();
    }
}
