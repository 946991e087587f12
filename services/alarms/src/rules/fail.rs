//! A rule that has failed: it is switched off, with an alarm of the platform.

use millwright_core::access::Actor;
use millwright_core::alarm::{Clear, Raise};
use millwright_core::audit::Subject;
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin, ClearReason};
use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use millwright_store::changes::Change;
use millwright_store::{Conn, StoreError, alarms, changes, rules};
use serde_json::{Map, json};

use crate::apply::{AlarmEvent, apply};

/// The source of the alarm that a rule has failed: none. No signal and no event has an empty name, so that
/// it is never that of what the rule finds.
pub const FAILED: &str = "";

/// Where a rule has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// With this machine.
    pub machine: MachineId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Why.
    pub reason: String,
}

/// Switches off a rule that has failed, clears its alarms and raises one that says so, at the
/// machine with which it failed. It is over when the rule is changed. Does nothing when the rule has
/// changed meanwhile.
///
/// # Errors
/// When the database refuses it; then the whole transaction must be given up.
pub async fn fail(
    conn: impl Into<Conn<'_>>,
    rule: &Rule,
    failure: Failure,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut conn = conn.into();
    let Failure { machine, organization, reason } = failure;
    let Some(off) = rules::disable(&mut conn, rule, now).await? else { return Ok(()) };
    tracing::error!(rule.id = %rule.id, machine.id = %machine, reason, "a rule was switched off");
    alarms::clear_rule(&mut conn, rule.id, ClearReason::RuleDisabled, Actor::Platform, now).await?;
    let details = Map::from_iter([
        ("enabled".to_owned(), json!({"from": true, "to": false})),
        ("reason".to_owned(), reason.as_str().into()),
        ("machine_id".to_owned(), machine.to_string().into()),
    ]);
    let change = Change {
        organization: rule.organization_id,
        actor: Actor::Platform,
        action: "rule.updated",
        subject: Subject::new("rule", rule.id),
        version: Some(off.version),
        details,
        at: now,
    };
    changes::record(&mut conn, change).await?;
    let raise = Raise {
        machine,
        organization,
        origin: AlarmOrigin::Rule,
        source: FAILED.to_owned(),
        code: rule.id.to_string(),
        rule: Some((rule.id, off.version)),
        severity: Severity::Minor,
        message: format!("The rule {:?} was switched off: {reason}", rule.name),
        context: Map::new(),
        at: now,
        received_at: now,
    };
    apply(conn, AlarmEvent::Raise(raise)).await
}

/// The rule has been changed: that it had failed is over.
pub(super) async fn settle_failure(
    conn: impl Into<Conn<'_>>,
    alarm: &Alarm,
    now: Timestamp,
) -> Result<(), StoreError> {
    let clear = Clear {
        machine: alarm.machine_id,
        organization: alarm.organization_id,
        origin: alarm.origin,
        source: alarm.source.clone(),
        code: alarm.code.clone(),
        reason: ClearReason::Normal,
        at: now,
        received_at: now,
    };
    apply(conn, AlarmEvent::Clear(clear)).await
}
