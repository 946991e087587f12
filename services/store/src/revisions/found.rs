//! What late samples have shown, as it is stored and read.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::api::revisions::{AlarmRevision, FoundUnfounded, RevisionKind};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, AlarmRevisionId, MachineId, OrganizationId, RuleId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entities::alarm_revision::{ActiveModel, Column, Entity, Model};
use crate::entities::machine;
use crate::events::{self, NewEvent};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

const TABLE: &str = "alarm_revisions";

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(TABLE, error)
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRevision {
    /// Whose machine.
    pub organization: OrganizationId,
    /// The machine.
    pub machine: MachineId,
    /// The rule and its version.
    pub rule: Option<(RuleId, i64)>,
    /// What.
    pub kind: RevisionKind,
    /// From when, in event time.
    pub from: Timestamp,
    /// Until when.
    pub to: Option<Timestamp>,
    /// How bad.
    pub severity: Option<Severity>,
    /// For people.
    pub message: String,
    /// Values.
    pub context: Map<String, Value>,
    /// The alarm that was found unfounded.
    pub alarm: Option<AlarmId>,
}

/// Stores what was found and isn't known yet, with an event for each; how many.
///
/// # Errors
/// When the database refuses it.
pub async fn record(tx: &Tx, found: &[NewRevision], now: Timestamp) -> Result<u64, StoreError> {
    let mut stored = 0;
    for new in found {
        if Entity::find().filter(known(new)).count(tx.conn()).await? > 0 {
            continue;
        }
        let id = AlarmRevisionId(Uuid::now_v7());
        Entity::insert(to_row(id, new, now)).exec_without_returning(tx.conn()).await?;
        events::append(tx, told(id, new, now)).await?;
        stored += 1;
    }
    Ok(stored)
}

/// An alarm is found unfounded once. One that was missed is the same as long as it meets in time, what
/// wasn't evaluated as long as it lies within.
fn known(new: &NewRevision) -> Condition {
    if let Some(alarm) = new.alarm {
        return Condition::all().add(Column::AlarmId.eq(alarm.uuid()));
    }
    let to = new.to.map_or(i64::MAX, Timestamp::micros);
    let same = Condition::all()
        .add(Column::MachineId.eq(new.machine.uuid()))
        .add(Column::Kind.eq(new.kind.as_str()));
    match new.rule {
        Some((rule, _)) => {
            let until = Condition::any()
                .add(Column::ToTs.is_null())
                .add(Column::ToTs.gte(new.from.micros()));
            same.add(Column::RuleId.eq(rule.uuid())).add(Column::FromTs.lte(to)).add(until)
        }
        None => same.add(Column::FromTs.lte(new.from.micros())).add(Column::ToTs.gte(to)),
    }
}

fn to_row(id: AlarmRevisionId, new: &NewRevision, now: Timestamp) -> ActiveModel {
    ActiveModel {
        id: Set(id.uuid()),
        organization_id: Set(new.organization.uuid()),
        machine_id: Set(new.machine.uuid()),
        rule_id: Set(new.rule.map(|(rule, _)| rule.uuid())),
        rule_version: Set(new.rule.map(|(_, version)| version)),
        kind: Set(new.kind.as_str().to_owned()),
        from_ts: Set(new.from.micros()),
        to_ts: Set(new.to.map(Timestamp::micros)),
        severity: Set(new.severity.map(|severity| severity.as_str().to_owned())),
        message: Set(new.message.clone()),
        context: Set(Value::Object(new.context.clone()).to_string()),
        alarm_id: Set(new.alarm.map(AlarmId::uuid)),
        found_at: Set(now.micros()),
    }
}

fn told(id: AlarmRevisionId, new: &NewRevision, now: Timestamp) -> NewEvent {
    let mut data = Map::new();
    let mut tell = |name: &str, value: Option<String>| {
        data.insert(name.to_owned(), value.map_or(Value::Null, Value::String));
    };
    tell("machine_id", Some(new.machine.to_string()));
    tell("kind", Some(new.kind.as_str().to_owned()));
    tell("rule_id", new.rule.map(|(rule, _)| rule.to_string()));
    tell("alarm_id", new.alarm.map(|alarm| alarm.to_string()));
    tell("severity", new.severity.map(|severity| severity.as_str().to_owned()));
    tell("message", Some(new.message.clone()));
    tell("from", Some(new.from.to_string()));
    tell("to", new.to.map(|to| to.to_string()));
    NewEvent {
        organization: new.organization,
        event_type: "alarm.revised",
        subject: Subject::new("alarm_revision", id),
        version: None,
        actor: Actor::Platform,
        origin: None,
        data,
        occurred_at: now,
    }
}

/// What was found of a machine, newest first.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    page: &PageRequest<Uuid>,
) -> Result<Vec<AlarmRevision>, StoreError> {
    let seen = machine::Entity::find_by_id(machine.uuid())
        .filter(scope.covers(machine::Column::OrganizationId))
        .count(store.readers())
        .await?;
    if seen == 0 {
        return Err(StoreError::NotFound("machine"));
    }
    let mut query = Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .order_by_desc(Column::Id)
        .limit(page.rows());
    if let Some(before) = page.after {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(store.readers()).await?.into_iter().map(from_row).collect()
}

/// Whether an alarm was found unfounded. For one that the caller sees: not bound to a scope.
///
/// # Errors
/// When the database can't be used.
pub async fn of_alarm(store: &Store, alarm: AlarmId) -> Result<Option<FoundUnfounded>, StoreError> {
    let row = Entity::find().filter(Column::AlarmId.eq(alarm.uuid())).one(store.readers()).await?;
    Ok(row.map(|row| FoundUnfounded {
        id: AlarmRevisionId(row.id),
        found_at: Timestamp::from_micros(row.found_at),
    }))
}

fn from_row(row: Model) -> Result<AlarmRevision, StoreError> {
    Ok(AlarmRevision {
        id: AlarmRevisionId(row.id),
        organization_id: OrganizationId(row.organization_id),
        machine_id: MachineId(row.machine_id),
        rule_id: row.rule_id.map(RuleId),
        rule_version: row.rule_version,
        kind: row.kind.parse().map_err(corrupt)?,
        from: Timestamp::from_micros(row.from_ts),
        to: row.to_ts.map(Timestamp::from_micros),
        severity: row.severity.as_deref().map(Severity::from_word),
        message: row.message,
        context: serde_json::from_str(&row.context).map_err(corrupt)?,
        alarm_id: row.alarm_id.map(AlarmId),
        found_at: Timestamp::from_micros(row.found_at),
        rule_name: None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::api::page::PageQuery;

    use super::*;
    use crate::testing::{self, now, organization, store};

    fn unknown(
        organization: OrganizationId,
        machine: MachineId,
        from: i64,
        to: i64,
    ) -> NewRevision {
        NewRevision {
            organization,
            machine,
            rule: None,
            kind: RevisionKind::NotEvaluated,
            from: now().plus_seconds(from),
            to: Some(now().plus_seconds(to)),
            severity: None,
            message: "too many values".to_owned(),
            context: Map::new(),
            alarm: None,
        }
    }

    async fn stored(store: &Store, new: &NewRevision) -> u64 {
        let tx = store.begin().await.unwrap();
        let count = record(&tx, std::slice::from_ref(new), now()).await.unwrap();
        tx.commit().await.unwrap();
        count
    }

    #[tokio::test]
    async fn what_is_known_is_stored_once_and_seen_within_scope() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let below = organization(&store, Some(top)).await;
        let machine = testing::machine(&store, top).await;
        assert_eq!(stored(&store, &unknown(top, machine, 10, 20)).await, 1);
        assert_eq!(stored(&store, &unknown(top, machine, 12, 20)).await, 0, "it lies within");
        assert_eq!(stored(&store, &unknown(top, machine, 12, 21)).await, 1);
        while events::assign_positions(&store).await.unwrap().is_some() {}
        let told = events::after(&store, Scope::Platform, 0, &[], 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|event| event.event_type.as_str()).collect();
        assert_eq!(told, ["alarm.revised", "alarm.revised"]);

        let page = PageRequest::parse("revisions", &PageQuery { limit: Some(1), cursor: None });
        let rows = list(&store, Scope::Organization(top), machine, &page.unwrap()).await.unwrap();
        let ends: Vec<_> = rows.iter().map(|row| row.to).collect();
        assert_eq!(ends, [Some(now().plus_seconds(21)), Some(now().plus_seconds(20))]);
        let page = PageRequest::parse("revisions", &PageQuery::default()).unwrap();
        let strange = list(&store, Scope::Organization(below), machine, &page).await;
        assert!(matches!(strange, Err(StoreError::NotFound("machine"))), "{strange:?}");
    }
}
