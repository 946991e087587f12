//! Policies of organizations: what holds, and changing one's own.

use millwright_core::access::{Caller, Permission};
use millwright_core::audit::Subject;
use millwright_core::fields::Fields;
use millwright_schemas::api::policies::{Policy, PolicyInput, RetentionPolicy};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{OrganizationId, SignalName, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::organizations;
use millwright_store::{Scope, Store, StoreError, policies};

use crate::RegistryError;
use crate::limits::{
    COMPRESS_AFTER_DAYS, FLAPPING_PERIOD_S, FLAPPING_RAISES, GROUPING_MACHINES, GROUPING_WINDOW_S,
    REOPEN_WITHIN_S, RETENTION_DAYS, RETENTION_SIGNALS_MAX,
};

/// Fields that say nothing about what was changed.
const UNTOLD: [&str; 3] = ["version", "updated_at", "from_organization_id"];

/// The policy that holds for an organization that the caller sees: its own, the nearest one above,
/// or the defaults.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(
    store: &Store,
    caller: &Caller,
    organization: OrganizationId,
) -> Result<Policy, RegistryError> {
    caller.require(Permission::ReadPolicies)?;
    let scope = Scope::Organization(caller.organization);
    organizations::get(store, scope, organization).await?;
    Ok(policies::get(store, organization).await?)
}

/// Gives an organization a policy of its own (`version` 0: it has none yet), or replaces it.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, a field can't be accepted, or the database can't.
pub async fn put(
    store: &Store,
    caller: &Caller,
    organization: OrganizationId,
    version: i64,
    input: PolicyInput,
    now: Timestamp,
) -> Result<Policy, RegistryError> {
    caller.require(Permission::WritePolicies)?;
    check(&input)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    organizations::load(&tx, scope, organization).await?;
    let before = policies::effective(&tx, organization).await?;
    if before.version != version {
        return Err(StoreError::VersionMismatch { current: before.version }.into());
    }
    let changed = Policy {
        tickets: input.tickets.clone(),
        commands: input.commands.clone(),
        retention: input.retention.clone(),
        grouping: input.grouping.clone(),
        flapping: input.flapping.clone(),
        from_organization_id: Some(organization),
        version: version + 1,
        updated_at: Some(now),
    };
    policies::put(&tx, organization, &input, changed.version, now).await?;
    let change = Change {
        organization,
        actor: caller.actor,
        action: "policy.updated",
        subject: Subject::new("policy", organization),
        version: Some(changed.version),
        details: changes::differences(&before, &changed, &UNTOLD)?,
        at: now,
    };
    changes::record(&tx, change).await?;
    tx.commit().await?;
    Ok(changed)
}

fn check(input: &PolicyInput) -> Result<(), RegistryError> {
    let mut fields = Fields::default();
    if input.tickets.open_from == Severity::Indeterminate {
        let message = "indeterminate opens no tickets; allowed: critical, major, minor, warning";
        fields.refuse("tickets.open_from", message);
    }
    fields.range("tickets.reopen_within_s", input.tickets.reopen_within_s, &REOPEN_WITHIN_S);
    for (field, classes) in [
        ("commands.approval_required", &input.commands.approval_required),
        ("commands.forbidden", &input.commands.forbidden),
    ] {
        let repeated = classes.iter().enumerate().any(|(at, class)| classes[..at].contains(class));
        if repeated {
            fields.refuse(field, "names a class more than once");
        }
    }
    let (grouping, flapping) = (&input.grouping, &input.flapping);
    fields.range("grouping.window_s", grouping.window_s, &GROUPING_WINDOW_S);
    fields.range("grouping.machines", grouping.machines, &GROUPING_MACHINES);
    fields.range("flapping.raises", flapping.raises, &FLAPPING_RAISES);
    fields.range("flapping.period_s", flapping.period_s, &FLAPPING_PERIOD_S);
    check_retention(&mut fields, &input.retention);
    Ok(fields.finish()?)
}

fn check_retention(fields: &mut Fields, retention: &RetentionPolicy) {
    let RetentionPolicy {
        raw_days,
        minute_days,
        hour_days,
        event_days,
        compress_after_days,
        signals,
    } = retention;
    for (field, days) in [
        ("retention.raw_days", raw_days),
        ("retention.minute_days", minute_days),
        ("retention.hour_days", hour_days),
        ("retention.event_days", event_days),
    ] {
        check_days(fields, field, *days);
    }
    check_order(fields, "retention.minute_days", *raw_days, *minute_days);
    check_compression(fields, "retention.compress_after_days", *raw_days, *compress_after_days);
    if signals.len() > RETENTION_SIGNALS_MAX {
        let message = format!("has {} entries, more than {RETENTION_SIGNALS_MAX}", signals.len());
        fields.refuse("retention.signals", message);
    }
    for signal in signals.iter().take(RETENTION_SIGNALS_MAX) {
        let name = signal.signal.strip_suffix('*').unwrap_or(&signal.signal);
        if signal.signal != "*" && name.parse::<SignalName>().is_err() {
            let message =
                format!("{:?} is not a signal's name, nor the start of one with *", signal.signal);
            fields.refuse("retention.signals.signal", message);
        }
        check_days(fields, "retention.signals.raw_days", signal.raw_days);
        check_days(fields, "retention.signals.minute_days", signal.minute_days);
        check_days(fields, "retention.signals.hour_days", signal.hour_days);
        let field = "retention.signals.minute_days";
        check_order(fields, field, signal.raw_days, signal.minute_days);
        let field = "retention.signals.compress_after_days";
        check_compression(fields, field, signal.raw_days, signal.compress_after_days);
    }
}

/// Values by minute are made of those as received: what is there as received is there by minute too.
fn check_order(
    fields: &mut Fields,
    field: &'static str,
    raw_days: Option<u32>,
    minute_days: Option<u32>,
) {
    let Some(minute_days) = minute_days else { return };
    let rule = "values by minute are kept at least as long as values as received";
    match raw_days {
        None => {
            let message =
                format!("is {minute_days}, but raw_days isn't given, which means for ever: {rule}");
            fields.refuse(field, message);
        }
        Some(raw_days) if minute_days < raw_days => {
            let message = format!("{minute_days} is below raw_days, which is {raw_days}: {rule}");
            fields.refuse(field, message);
        }
        Some(_) => {}
    }
}

/// What is removed before it would be compressed never is: whoever writes that has meant something else.
fn check_compression(
    fields: &mut Fields,
    field: &'static str,
    raw_days: Option<u32>,
    compress_after_days: Option<u32>,
) {
    let Some(days) = compress_after_days else { return };
    fields.range(field, i64::from(days), &COMPRESS_AFTER_DAYS);
    if let Some(raw_days) = raw_days
        && days >= raw_days
        && days > 0
    {
        let message = format!(
            "{days} is not below raw_days, which is {raw_days}: values are compressed before they \
             are removed"
        );
        fields.refuse(field, message);
    }
}

fn check_days(fields: &mut Fields, field: &'static str, days: Option<u32>) {
    if let Some(days) = days {
        fields.range(field, i64::from(days), &RETENTION_DAYS);
    }
}

#[cfg(test)]
mod tests {
    use millwright_schemas::api::policies::SignalRetention;

    use super::*;

    fn refused(raw_days: Option<u32>, minute_days: Option<u32>) -> Vec<String> {
        refused_of(raw_days, minute_days, None)
    }

    fn refused_of(
        raw_days: Option<u32>,
        minute_days: Option<u32>,
        compress_after_days: Option<u32>,
    ) -> Vec<String> {
        let signal = SignalRetention {
            signal: "load".to_owned(),
            raw_days,
            minute_days,
            hour_days: None,
            compress_after_days,
        };
        let retention = RetentionPolicy {
            raw_days,
            minute_days,
            compress_after_days,
            signals: vec![signal],
            ..RetentionPolicy::default()
        };
        match check(&PolicyInput { retention, ..PolicyInput::default() }) {
            Ok(()) => Vec::new(),
            Err(RegistryError::Invalid(fields)) => {
                fields.iter().map(|problem| problem.field.clone()).collect()
            }
            Err(other) => vec![other.to_string()],
        }
    }

    #[test]
    fn values_by_minute_are_kept_as_long_as_values_as_received() {
        let fields = ["retention.minute_days", "retention.signals.minute_days"];
        for (raw_days, minute_days) in [(Some(30), Some(29)), (None, Some(30))] {
            assert_eq!(refused(raw_days, minute_days), fields, "{raw_days:?}, {minute_days:?}");
        }
        for (raw_days, minute_days) in [(Some(30), Some(30)), (Some(30), None), (None, None)] {
            assert!(refused(raw_days, minute_days).is_empty(), "{raw_days:?}, {minute_days:?}");
        }
    }

    #[test]
    fn values_are_compressed_before_they_are_removed() {
        let fields = ["retention.compress_after_days", "retention.signals.compress_after_days"];
        for (raw_days, days) in [(Some(30), 30), (Some(30), 31), (None, 3_651)] {
            assert_eq!(refused_of(raw_days, None, Some(days)), fields, "{raw_days:?}, {days}");
        }
        for (raw_days, days) in
            [(Some(30), Some(29)), (Some(3), None), (None, Some(3_650)), (Some(1), Some(0))]
        {
            assert!(refused_of(raw_days, None, days).is_empty(), "{raw_days:?}, {days:?}");
        }
    }
}
