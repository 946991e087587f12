//! Finding rules.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::InvalidFields;
use millwright_schemas::api::page::Page;
use millwright_schemas::api::rules::{
    PrecisionQuery, Rule, RulePrecision, RuleQuery, VersionPrecision,
};
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::page::PageRequest;
use millwright_store::rules::{self, Filter, Judged};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use super::fail::FAILED;
use super::limits::{PRECISION_DAYS_DEFAULT, PRECISION_VERSIONS_MAX};
use crate::AlarmError;

/// A rule that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: RuleId) -> Result<Rule, AlarmError> {
    caller.require(Permission::ReadRules)?;
    Ok(rules::get(store, Scope::Organization(caller.organization), id).await?)
}

/// The rules that the caller sees and wants, in the order of their creation, but those that this program
/// doesn't understand.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: RuleQuery,
) -> Result<Page<Rule>, AlarmError> {
    caller.require(Permission::ReadRules)?;
    let page = PageRequest::<Uuid>::parse("rules", &wanted.page())?;
    let filter = Filter { machine: wanted.machine_id, model: wanted.model };
    let scope = Scope::Organization(caller.organization);
    Ok(rules::list(store, scope, &filter, &page).await?)
}

/// How good a rule is, as people have said of its alarms that the caller sees.
///
/// # Errors
/// Not permitted, not found, a field can't be accepted, or the database can't.
pub async fn precision(
    store: &Store,
    caller: &Caller,
    id: RuleId,
    wanted: &PrecisionQuery,
    now: Timestamp,
) -> Result<RulePrecision, AlarmError> {
    caller.require(Permission::ReadRules)?;
    caller.require(Permission::ReadAlarms)?;
    let to = wanted.to.unwrap_or(now);
    let from = wanted.from.unwrap_or_else(|| to.plus_seconds(-PRECISION_DAYS_DEFAULT * 86_400));
    if from >= to {
        return Err(InvalidFields::one("from", format!("{from} is not before to ({to})")).into());
    }
    let scope = Scope::Organization(caller.organization);
    rules::get(store, scope, id).await?;
    let judged = rules::judged(store, scope, id, FAILED, from, to).await?;
    let all = judged.values().copied().fold(Judged::default(), Judged::and);
    let Judged { alarms, real, nuisance, expected } = all;
    let newest = judged.into_iter().rev().take(PRECISION_VERSIONS_MAX);
    Ok(RulePrecision {
        rule_id: id,
        from,
        to,
        alarms,
        real,
        nuisance,
        expected,
        precision: share(real, real + nuisance),
        versions: newest.map(of_version).collect(),
    })
}

fn of_version((version, judged): (i64, Judged)) -> VersionPrecision {
    let Judged { alarms, real, nuisance, expected } = judged;
    let precision = share(real, real + nuisance);
    VersionPrecision { version, alarms, real, nuisance, expected, precision }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of alarms are far below 2^53")]
fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
