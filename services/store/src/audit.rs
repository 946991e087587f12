//! The audit log's rows: written in the transaction of what they prove.

use millwright_core::access::Actor;
use millwright_core::audit::{AuditRecord, RECORD_VERSION, Subject};
use millwright_schemas::{EventId, OrganizationId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, LikeExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entities::audit::{ActiveModel, Column, Entity};
use crate::page::PageRequest;
use crate::{Conn, Scope, Store, StoreError};

/// What was done, about to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// Whose log it belongs to.
    pub organization: OrganizationId,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `machine.created`.
    pub action: &'static str,
    /// To what.
    pub subject: Subject,
    /// More about it; never a secret.
    pub details: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

/// Records what was done, in the transaction that does it.
///
/// # Errors
/// When the record has no canonical form or the database refuses it.
pub async fn append(tx: impl Into<Conn<'_>>, new: NewRecord) -> Result<(), StoreError> {
    let record = AuditRecord {
        v: RECORD_VERSION,
        id: EventId(Uuid::now_v7()),
        at: new.at,
        organization: new.organization,
        actor: new.actor,
        action: new.action.to_owned(),
        subject: new.subject,
        details: new.details,
    };
    let canonical = record.canonical().map_err(|error| StoreError::corrupt("audit", error))?;
    let actor = actor_text(&record.actor)?;
    let row = ActiveModel {
        id: Set(record.id.uuid()),
        organization_id: Set(record.organization.uuid()),
        at: Set(record.at.micros()),
        action: Set(record.action),
        actor: Set(actor),
        subject_kind: Set(record.subject.kind),
        subject_id: Set(record.subject.id),
        record: Set(canonical),
        ..Default::default()
    };
    tx.into().insert(&Entity::insert(row).into_query()).await?;
    Ok(())
}

/// Which records are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Done by the person, API token or machine with this id.
    pub actor: Option<Uuid>,
    /// The action begins so.
    pub action: Option<String>,
    /// Done to what has this id.
    pub subject: Option<String>,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

impl Filter {
    fn condition(&self) -> Result<Condition, StoreError> {
        let actors = self.actor.map(|id| {
            let kinds =
                [Actor::User(id.into()), Actor::ApiToken(id.into()), Actor::Machine(id.into())];
            kinds.iter().map(actor_text).collect::<Result<Vec<_>, _>>()
        });
        // An underscore stands for itself.
        let action = self.action.as_ref().map(|start| start.replace('_', "\\_") + "%");
        Ok(Condition::all()
            .add_option(actors.transpose()?.map(|actors| Column::Actor.is_in(actors)))
            .add_option(
                action
                    .map(|start| Expr::col(Column::Action).like(LikeExpr::new(start).escape('\\'))),
            )
            .add_option(self.subject.as_ref().map(|id| Column::SubjectId.eq(id.as_str())))
            .add_option(self.from.map(|from| Column::At.gte(from.micros())))
            .add_option(self.to.map(|to| Column::At.lt(to.micros()))))
    }
}

fn actor_text(actor: &Actor) -> Result<String, StoreError> {
    serde_json::to_string(actor).map_err(|error| StoreError::corrupt("audit", error))
}

/// Records, newest first, with the number of their row.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    filter: &Filter,
    page: &PageRequest<i64>,
) -> Result<Vec<(i64, AuditRecord)>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition()?)
        .order_by_desc(Column::Seq)
        .limit(page.rows());
    if let Some(before) = page.after {
        query = query.filter(Column::Seq.lt(before));
    }
    let rows = query.all(store.readers()).await?;
    rows.into_iter()
        .map(|row| {
            let record = serde_json::from_slice(&row.record)
                .map_err(|error| StoreError::corrupt("audit", error))?;
            Ok((row.seq, record))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::api::page::PageQuery;
    use sea_orm::ConnectionTrait;

    use super::*;
    use crate::Location;
    use crate::testing::{now, organization, store};

    fn done(organization: OrganizationId) -> NewRecord {
        NewRecord {
            organization,
            actor: Actor::Platform,
            action: "machine.created",
            subject: Subject::new("machine", 1),
            details: Map::new(),
            at: now(),
        }
    }

    #[tokio::test]
    async fn a_record_is_kept_or_undone_with_its_change() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        let undone = store.begin().await.unwrap();
        append(&undone, done(organization)).await.unwrap();
        drop(undone);
        let tx = store.begin().await.unwrap();
        append(&tx, done(organization)).await.unwrap();
        tx.commit().await.unwrap();

        let page = PageRequest::parse("audit", &PageQuery::default()).unwrap();
        let all = Filter::default();
        let records = list(&store, Scope::Organization(organization), &all, &page).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].1.action, "machine.created");
        let other = Scope::Organization(OrganizationId(Uuid::nil()));
        assert!(list(&store, other, &all, &page).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (store, _folder) = store().await;
        let result = store.readers().execute_unprepared("DELETE FROM audit").await;
        assert!(result.unwrap_err().to_string().contains("read"));
    }

    #[tokio::test]
    async fn a_database_of_a_newer_program_is_refused() {
        let (store, folder) = store().await;
        let tx = store.begin().await.unwrap();
        let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
        tx.conn().execute_unprepared(sql).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let location = Location::new(folder.path(), folder.url());
        let error = Store::open(&location).await.unwrap_err();
        assert!(error.to_string().contains("m9999_future"), "{error}");
    }
}
