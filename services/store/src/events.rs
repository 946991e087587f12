//! Domain events: appended in the transaction of the change, given a position after commit.
//!
//! Readers follow positions, never row ids: on PostgreSQL row ids are given before commit, so
//! that a reader could pass over a row.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::{EventId, OrganizationId, Timestamp};
use sea_orm::sea_query::{InsertStatement, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::engine::postgres::SEQUENCER_LOCK;
use crate::engine::{Engine, statement};
use crate::entities::event::{self, Column, Entity};
use crate::{Conn, Scope, Store, StoreError};

/// Most events that one transaction of the sequencer gives a position.
const SEQUENCE_BATCH: u64 = 500;

/// Something that has changed, about to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What happened, such as `machine.created`.
    pub event_type: &'static str,
    /// To what.
    pub subject: Subject,
    /// The object's version after the change, where it has one.
    pub version: Option<i64>,
    /// Who did it.
    pub actor: Actor,
    /// The system it came from, as the caller named it, so that systems don't echo each other.
    pub origin: Option<String>,
    /// Details for receivers; never a secret.
    pub data: Map<String, Value>,
    /// When.
    pub occurred_at: Timestamp,
}

/// An event with its position.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainEvent {
    /// Counts up by one over all organizations, in the order of commits.
    pub position: i64,
    /// The event's id.
    pub id: EventId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What happened.
    pub event_type: String,
    /// To what.
    pub subject: Subject,
    /// The object's version after the change.
    pub version: Option<i64>,
    /// Who did it.
    pub actor: Actor,
    /// The system it came from.
    pub origin: Option<String>,
    /// Details.
    pub data: Map<String, Value>,
    /// When.
    pub occurred_at: Timestamp,
}

/// Records an event in the transaction of its change.
///
/// # Errors
/// When the database refuses it.
pub async fn append(tx: impl Into<Conn<'_>>, event: NewEvent) -> Result<(), StoreError> {
    let mut conn = tx.into();
    conn.insert(&insert(event)?).await?;
    conn.mark_events();
    Ok(())
}

fn insert(event: NewEvent) -> Result<InsertStatement, StoreError> {
    let actor = serde_json::to_string(&event.actor)
        .map_err(|error| StoreError::corrupt("events", error))?;
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns([
            Column::Id,
            Column::OrganizationId,
            Column::EventType,
            Column::SubjectKind,
            Column::SubjectId,
            Column::Version,
            Column::Actor,
            Column::Origin,
            Column::Data,
            Column::OccurredAt,
        ])
        .values_panic([
            Uuid::now_v7().into(),
            event.organization.uuid().into(),
            event.event_type.into(),
            event.subject.kind.into(),
            event.subject.id.into(),
            event.version.into(),
            actor.into(),
            event.origin.into(),
            Value::Object(event.data).to_string().into(),
            event.occurred_at.micros().into(),
        ]);
    Ok(statement)
}

/// Gives committed events their positions, in the order of their rows. One process does this at
/// a time: on PostgreSQL the others wait for it. Returns the last position if any was given.
///
/// # Errors
/// When the database can't be used.
pub async fn assign_positions(store: &Store) -> Result<Option<i64>, StoreError> {
    let tx = store.begin_beside().await?;
    if store.engine() == Engine::Postgres {
        let sql = "SELECT pg_advisory_xact_lock(?)";
        tx.conn().execute_raw(statement(tx.conn(), sql, [SEQUENCER_LOCK.into()])).await?;
    }
    let waiting: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Seq)
        .filter(Column::Position.is_null())
        .order_by_asc(Column::Seq)
        .limit(SEQUENCE_BATCH)
        .into_tuple()
        .all(tx.conn())
        .await?;
    if waiting.is_empty() {
        tx.rollback().await?;
        return Ok(None);
    }
    let mut position = last_position_on(tx.conn()).await?;
    for seq in waiting {
        position += 1;
        let row = event::ActiveModel {
            seq: Set(seq),
            position: Set(Some(position)),
            ..Default::default()
        };
        Entity::update(row).exec(tx.conn()).await?;
    }
    tx.commit().await?;
    Ok(Some(position))
}

/// The position of the newest event; 0 when there is none.
///
/// # Errors
/// When the database can't be used.
pub async fn last_position(store: &Store) -> Result<i64, StoreError> {
    last_position_on(store.readers()).await
}

async fn last_position_on(db: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let last: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Position.max(), "position")
        .into_tuple()
        .one(db)
        .await?;
    Ok(last.flatten().unwrap_or(0))
}

/// Events after a position, oldest first. `types` empty: all; a type ending in `.*` stands for
/// all that start so.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn after(
    store: &Store,
    scope: Scope,
    position: i64,
    types: &[String],
    limit: u64,
) -> Result<Vec<DomainEvent>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::Position.gt(position))
        .filter(scope.covers(Column::OrganizationId))
        .order_by_asc(Column::Position)
        .limit(limit);
    if !types.is_empty() {
        let mut any = sea_orm::Condition::any();
        for wanted in types {
            any = any.add(match wanted.strip_suffix('*') {
                Some(prefix) => Column::EventType.starts_with(prefix),
                None => Column::EventType.eq(wanted.as_str()),
            });
        }
        query = query.filter(any);
    }
    query.all(store.readers()).await?.into_iter().map(from_row).collect()
}

fn from_row(row: event::Model) -> Result<DomainEvent, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::corrupt("events", error);
    Ok(DomainEvent {
        position: row.position.unwrap_or(0),
        id: EventId(row.id),
        organization: OrganizationId(row.organization_id),
        event_type: row.event_type,
        subject: Subject { kind: row.subject_kind, id: row.subject_id },
        version: row.version,
        actor: serde_json::from_str(&row.actor).map_err(corrupt)?,
        origin: row.origin,
        data: serde_json::from_str(&row.data).map_err(corrupt)?,
        occurred_at: Timestamp::from_micros(row.occurred_at),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{now, organization, store};

    fn created(organization: OrganizationId, id: i32) -> NewEvent {
        NewEvent {
            organization,
            event_type: "machine.created",
            subject: Subject::new("machine", id),
            version: Some(1),
            actor: Actor::Platform,
            origin: Some("crm".to_owned()),
            data: Map::new(),
            occurred_at: now(),
        }
    }

    async fn append_one(store: &Store, organization: OrganizationId, id: i32) {
        let tx = store.begin().await.unwrap();
        append(&tx, created(organization, id)).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn positions_follow_commits_without_gaps() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        append_one(&store, organization, 1).await;
        let undone = store.begin().await.unwrap();
        append(&undone, created(organization, 2)).await.unwrap();
        undone.rollback().await.unwrap();
        append_one(&store, organization, 3).await;

        let seen = after(&store, Scope::Platform, 0, &[], 10).await.unwrap();
        assert!(seen.is_empty(), "an event without a position is not shown");
        assert_eq!(assign_positions(&store).await.unwrap(), Some(2));
        assert_eq!(assign_positions(&store).await.unwrap(), None);
        append_one(&store, organization, 4).await;
        assert_eq!(assign_positions(&store).await.unwrap(), Some(3));

        let seen = after(&store, Scope::Platform, 0, &[], 10).await.unwrap();
        let seen: Vec<_> = seen.iter().map(|e| (e.position, e.subject.id.as_str())).collect();
        assert_eq!(seen, [(1, "1"), (2, "3"), (3, "4")]);
        assert_eq!(last_position(&store).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn an_organization_sees_its_own_and_those_below() {
        let (store, _folder) = store().await;
        let parent = organization(&store, None).await;
        let child = organization(&store, Some(parent)).await;
        append_one(&store, parent, 1).await;
        append_one(&store, child, 2).await;
        assign_positions(&store).await.unwrap();

        for (scope, expected) in [
            (Scope::Organization(parent), vec!["1", "2"]),
            (Scope::Organization(child), vec!["2"]),
            (Scope::Organization(OrganizationId(Uuid::nil())), vec![]),
        ] {
            let seen = after(&store, scope, 0, &[], 10).await.unwrap();
            let seen: Vec<_> = seen.iter().map(|event| event.subject.id.as_str()).collect();
            assert_eq!(seen, expected);
        }
    }

    #[tokio::test]
    async fn types_are_chosen_by_name_or_prefix() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        append_one(&store, organization, 1).await;
        assign_positions(&store).await.unwrap();
        for (wanted, count) in
            [("machine.created", 1), ("machine.*", 1), ("machine.c", 0), ("user.*", 0), ("%", 0)]
        {
            let types = [wanted.to_owned()];
            let seen = after(&store, Scope::Platform, 0, &types, 10).await.unwrap();
            assert_eq!(seen.len(), count, "{wanted}");
        }
    }
}
