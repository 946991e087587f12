//! A step of an alarm: its row, its events, its audit record, and what tickets must look at, all
//! in one transaction.

use millwright_core::access::Actor;
use millwright_core::alarm::Step;
use millwright_core::audit::Subject;
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::{AlarmId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryTrait};
use serde_json::{Map, Value};

use super::row::to_row;
use super::wanted::load;
use crate::changes::{self, Change};
use crate::entities::alarm::{Column, Entity};
use crate::events::{self, NewEvent};
use crate::work::{self, AlarmChanged};
use crate::{Conn, Scope, StoreError};

/// Fields that events and audit records leave out: what is in the envelope, and numbers that have
/// no canonical form.
const UNTOLD: [&str; 4] = ["id", "organization_id", "context", "version"];

/// Adds an alarm. `false`: another process has raised one of its key first; nothing is changed.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(
    conn: impl Into<Conn<'_>>,
    step: &Step,
    rule_version: Option<i64>,
    actor: Actor,
) -> Result<bool, StoreError> {
    let mut conn = conn.into();
    let alarm = &step.alarm;
    let mut row = to_row(alarm)?;
    row.rule_version = Set(rule_version);
    let insert = Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
    if conn.insert(&insert.into_query()).await? == 0 {
        return Ok(false);
    }
    let details = changes::fields(alarm, &UNTOLD)?;
    trace(&mut conn, step, details, actor, alarm.received_at).await?;
    Ok(true)
}

/// Saves what a step has made of an alarm, with its trace. Nothing when nothing has changed.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile.
pub async fn carry_out(
    conn: impl Into<Conn<'_>>,
    before: &Alarm,
    step: &Step,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    carry_out_for(conn, before, step, actor, None, now).await
}

/// The same, for a reason that somebody gives.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile.
pub async fn carry_out_for(
    conn: impl Into<Conn<'_>>,
    before: &Alarm,
    step: &Step,
    actor: Actor,
    reason: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if step.told.is_none() {
        return Ok(());
    }
    let mut conn = conn.into();
    let update = Entity::update_many()
        .set(to_row(&step.alarm)?)
        .filter(Column::Id.eq(before.id.uuid()))
        .filter(Column::Version.eq(before.version));
    if conn.update(&update.into_query()).await? == 0 {
        let current = load(&mut conn, Scope::Platform, before.id).await?.version;
        return Err(StoreError::VersionMismatch { current });
    }
    let mut details = changes::differences(before, &step.alarm, &UNTOLD)?;
    let alarm = &step.alarm;
    for (name, value) in [
        ("machine_id", alarm.machine_id.to_string()),
        ("origin", alarm.origin.as_str().to_owned()),
        ("source", alarm.source.clone()),
        ("code", alarm.code.clone()),
    ] {
        details.insert(name.to_owned(), Value::String(value));
    }
    if let Some(reason) = reason {
        details.insert("reason".to_owned(), reason.into());
    }
    trace(&mut conn, step, details, actor, now).await
}

async fn trace(
    conn: &mut Conn<'_>,
    step: &Step,
    details: Map<String, Value>,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (alarm, Some(told)) = (&step.alarm, step.told) else { return Ok(()) };
    let subject = Subject::new("alarm", alarm.id);
    let (organization, version) = (alarm.organization_id, Some(alarm.version));
    if told.audited {
        let action = told.action;
        let change = Change { organization, actor, action, subject, version, details, at: now };
        changes::record(&mut *conn, change).await?;
    } else {
        let event = NewEvent {
            organization,
            event_type: told.action,
            subject,
            version,
            actor,
            origin: None,
            data: details,
            occurred_at: now,
        };
        events::append(&mut *conn, event).await?;
    }
    if !step.tickets {
        return Ok(());
    }
    let brief = !alarm.active && alarm.ticket_id.is_none();
    let work = AlarmChanged { alarm: alarm.id, machine: alarm.machine_id, brief };
    work::enqueue(conn, organization, &work, now).await
}

/// Tells once that an alarm comes and goes.
///
/// # Errors
/// When the database refuses it.
pub async fn tell_flapping(conn: impl Into<Conn<'_>>, alarm: &Alarm) -> Result<(), StoreError> {
    let Some(flapping) = alarm.flapping else { return Ok(()) };
    let details = [
        ("machine_id", Value::String(alarm.machine_id.to_string())),
        ("origin", alarm.origin.as_str().into()),
        ("source", alarm.source.clone().into()),
        ("code", alarm.code.clone().into()),
        ("since", flapping.since.to_string().into()),
        ("count", flapping.count.into()),
    ];
    let change = Change {
        organization: alarm.organization_id,
        actor: Actor::Platform,
        action: "alarm.flapping",
        subject: Subject::new("alarm", alarm.id),
        version: Some(alarm.version),
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        at: alarm.received_at,
    };
    changes::record(conn, change).await
}

/// Shelving, out of service and flapping have gone over to a newer alarm of the same key.
///
/// # Errors
/// When the database refuses it.
pub async fn hand_over(conn: impl Into<Conn<'_>>, id: AlarmId) -> Result<(), StoreError> {
    let update = Entity::update_many()
        .col_expr(Column::ShelvedUntil, Expr::val(Option::<i64>::None))
        .col_expr(Column::OutOfService, Expr::val(false))
        .col_expr(Column::FlappingSince, Expr::val(Option::<i64>::None))
        .col_expr(Column::FlappingCount, Expr::val(Option::<i64>::None))
        .col_expr(Column::FlappingUntil, Expr::val(Option::<i64>::None))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(id.uuid()));
    conn.into().update(&update.into_query()).await.map(drop)
}
