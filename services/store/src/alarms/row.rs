//! An alarm and its row.

use millwright_schemas::api::alarms::{Alarm, AlarmFeedback, Flapping};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, OrganizationId, RuleId, TicketId, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use serde_json::Value;

use crate::StoreError;
use crate::entities::alarm::{ActiveModel, Model};

const TABLE: &str = "alarms";

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(TABLE, error)
}

/// All columns but the rule's version, which never changes.
pub(super) fn to_row(alarm: &Alarm) -> Result<ActiveModel, StoreError> {
    let by = alarm.acknowledged_by.as_ref();
    let said = alarm.feedback.as_ref();
    let said_by = said.map(|said| serde_json::to_string(&said.by)).transpose().map_err(corrupt)?;
    Ok(ActiveModel {
        id: Set(alarm.id.uuid()),
        organization_id: Set(alarm.organization_id.uuid()),
        machine_id: Set(alarm.machine_id.uuid()),
        origin: Set(alarm.origin.as_str().to_owned()),
        source: Set(alarm.source.clone()),
        code: Set(alarm.code.clone()),
        rule_id: Set(alarm.rule_id.map(RuleId::uuid)),
        rule_version: NotSet,
        severity: Set(alarm.severity.as_str().to_owned()),
        message: Set(alarm.message.clone()),
        context: Set(Value::Object(alarm.context.clone()).to_string()),
        active: Set(alarm.active),
        acknowledged_by: Set(by.map(serde_json::to_string).transpose().map_err(corrupt)?),
        acknowledged_at: Set(alarm.acknowledged_at.map(Timestamp::micros)),
        shelved_until: Set(alarm.shelved_until.map(Timestamp::micros)),
        suppressed_by: Set(alarm.suppressed_by.map(|by| by.as_str().to_owned())),
        out_of_service: Set(alarm.out_of_service),
        count: Set(alarm.count),
        raised_at: Set(alarm.raised_at.micros()),
        changed_at: Set(alarm.changed_at.micros()),
        cleared_at: Set(alarm.cleared_at.map(Timestamp::micros)),
        clear_reason: Set(alarm.clear_reason.map(|reason| reason.as_str().to_owned())),
        received_at: Set(alarm.received_at.micros()),
        ticket_id: Set(alarm.ticket_id.map(TicketId::uuid)),
        feedback: Set(said.map(|said| said.verdict.as_str().to_owned())),
        feedback_note: Set(said.and_then(|said| said.note.clone())),
        feedback_by: Set(said_by),
        feedback_at: Set(said.map(|said| said.at.micros())),
        version: Set(alarm.version),
        flapping_since: Set(alarm.flapping.map(|one| one.since.micros())),
        flapping_count: Set(alarm.flapping.map(|one| one.count)),
        flapping_until: Set(alarm.flapping.map(|one| one.until.micros())),
    })
}

pub(super) fn from_row(row: Model) -> Result<Alarm, StoreError> {
    let by = row.acknowledged_by.as_deref().map(serde_json::from_str).transpose();
    let feedback = feedback(&row)?;
    Ok(Alarm {
        id: AlarmId(row.id),
        organization_id: OrganizationId(row.organization_id),
        machine_id: MachineId(row.machine_id),
        origin: row.origin.parse().map_err(corrupt)?,
        source: row.source,
        code: row.code,
        rule_id: row.rule_id.map(RuleId),
        severity: Severity::from_word(&row.severity),
        message: row.message,
        context: serde_json::from_str(&row.context).map_err(corrupt)?,
        active: row.active,
        acknowledged: row.acknowledged_at.is_some(),
        acknowledged_by: by.map_err(corrupt)?,
        acknowledged_at: row.acknowledged_at.map(Timestamp::from_micros),
        shelved_until: row.shelved_until.map(Timestamp::from_micros),
        suppressed_by: row.suppressed_by.map(|by| by.parse()).transpose().map_err(corrupt)?,
        out_of_service: row.out_of_service,
        flapping: flapping(row.flapping_since, row.flapping_count, row.flapping_until),
        count: row.count,
        raised_at: Timestamp::from_micros(row.raised_at),
        changed_at: Timestamp::from_micros(row.changed_at),
        cleared_at: row.cleared_at.map(Timestamp::from_micros),
        clear_reason: row.clear_reason.map(|word| word.parse()).transpose().map_err(corrupt)?,
        received_at: Timestamp::from_micros(row.received_at),
        ticket_id: row.ticket_id.map(TicketId),
        feedback,
        revision: None,
        version: row.version,
        machine_name: None,
        ticket_number: None,
        rule_name: None,
    })
}

fn flapping(since: Option<i64>, count: Option<i64>, until: Option<i64>) -> Option<Flapping> {
    let (since, until) = (since.map(Timestamp::from_micros)?, until.map(Timestamp::from_micros)?);
    Some(Flapping { since, count: count?, until })
}

fn feedback(row: &Model) -> Result<Option<AlarmFeedback>, StoreError> {
    let (Some(verdict), Some(by), Some(at)) = (&row.feedback, &row.feedback_by, row.feedback_at)
    else {
        return Ok(None);
    };
    Ok(Some(AlarmFeedback {
        verdict: verdict.parse().map_err(corrupt)?,
        note: row.feedback_note.clone(),
        by: serde_json::from_str(by).map_err(corrupt)?,
        at: Timestamp::from_micros(at),
    }))
}
