//! Whether a backtest can be accepted: its times, machines, comparison and failures.

use std::collections::HashSet;

use millwright_core::fields::{Fields, InvalidFields};
use millwright_schemas::api::backtests::{BacktestOptions, KnownFailure};
use millwright_schemas::api::rules::{Rule, RuleInput};
use millwright_schemas::limits::EARLIEST_DEVICE_TIME_US;
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::rules::{self, Target};
use millwright_store::{Scope, StoreError, Tx};
use uuid::Uuid;

use super::limits::{
    FAILURE_NAME_MAX, FAILURES_MAX, LEAD_S, LEAD_S_DEFAULT, MACHINES_MAX, SPAN_DAYS_DEFAULT,
    SPAN_DAYS_MAX,
};
use crate::rules::form;

const DAY_S: i64 = 86_400;

/// The time that it is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

pub(super) fn span(options: &BacktestOptions, now: Timestamp, fields: &mut Fields) -> Span {
    let to = options.to.map_or(now, |to| to.min(now));
    let from = options.from.unwrap_or_else(|| to.plus_seconds(-SPAN_DAYS_DEFAULT * DAY_S));
    if from >= to {
        let what = if options.to.is_some_and(|to| to > now) { "now" } else { "to" };
        fields.refuse("backtest.from", format!("{from} is not before {what} ({to})"));
    } else if to.micros_since(from) > SPAN_DAYS_MAX * DAY_S * 1_000_000 {
        let message = format!("{from} is more than {SPAN_DAYS_MAX} days before {to}");
        fields.refuse("backtest.from", message);
    } else if from.micros() < EARLIEST_DEVICE_TIME_US {
        let earliest = Timestamp::from_micros(EARLIEST_DEVICE_TIME_US);
        fields.refuse("backtest.from", format!("{from} is before {earliest}"));
    }
    Span { from, to }
}

pub(super) fn lead_s(options: &BacktestOptions, fields: &mut Fields) -> i64 {
    let lead_s = options.lead_s.unwrap_or(LEAD_S_DEFAULT);
    fields.range("backtest.lead_s", lead_s, &LEAD_S);
    lead_s
}

/// The machines that it is tried on, and how many were too many.
pub(super) async fn machines(
    tx: &Tx,
    scope: Scope,
    rule: &RuleInput,
    organization: OrganizationId,
    named: Option<&[MachineId]>,
    fields: &mut Fields,
) -> Result<(Vec<MachineId>, i64), StoreError> {
    if let Some(named) = named {
        named_machines(tx, scope, named, fields).await?;
        return Ok((named.to_vec(), 0));
    }
    match (rule.machine_id, &rule.model) {
        (Some(machine), None) => Ok((vec![machine], 0)),
        (None, Some(model)) => {
            let target = Target::Model(model, organization);
            let (found, count) = rules::machines(tx, target, MACHINES_MAX as u64).await?;
            let left_out = count.saturating_sub(found.len() as u64);
            Ok((found, i64::try_from(left_out).unwrap_or(i64::MAX)))
        }
        // Told by the form.
        _ => Ok((Vec::new(), 0)),
    }
}

async fn named_machines(
    tx: &Tx,
    scope: Scope,
    named: &[MachineId],
    fields: &mut Fields,
) -> Result<(), StoreError> {
    const FIELD: &str = "backtest.machine_ids";
    if !(1..=MACHINES_MAX).contains(&named.len()) {
        let message = format!("has {} machines, not 1 to {MACHINES_MAX}", named.len());
        fields.refuse(FIELD, message);
        return Ok(());
    }
    let mut seen = HashSet::new();
    for (place, machine) in named.iter().enumerate() {
        let field = format!("{FIELD}[{place}]");
        if !seen.insert(machine) {
            fields.refuse(&field, format!("machine {machine} is named twice"));
            continue;
        }
        match fleet::load(tx, scope, *machine).await {
            Err(StoreError::NotFound(_)) => {
                fields.refuse(&field, format!("machine {machine} doesn't exist"));
            }
            found => drop(found?),
        }
    }
    Ok(())
}

/// What it is compared with.
pub(super) async fn against(
    tx: &Tx,
    scope: Scope,
    options: &BacktestOptions,
    rule: impl Fn(RuleInput) -> Rule,
    fields: &mut Fields,
) -> Result<Option<Rule>, StoreError> {
    match (options.against_rule_id, &options.against) {
        (Some(_), Some(_)) => {
            fields.refuse("backtest.against", "give against_rule_id or against, not both");
            Ok(None)
        }
        (Some(id), None) => stored(tx, scope, id, options.against_version, fields).await,
        (None, against) => {
            if options.against_version.is_some() {
                fields.refuse("backtest.against_version", "goes only with against_rule_id");
            }
            let Some(input) = against else { return Ok(None) };
            if let Err(InvalidFields(problems)) = form(input).finish() {
                for problem in problems {
                    let field = format!("backtest.against.{}", problem.field);
                    fields.refuse(&field, problem.message);
                }
            }
            Ok(Some(rule((**input).clone())))
        }
    }
}

async fn stored(
    tx: &Tx,
    scope: Scope,
    id: RuleId,
    version: Option<i64>,
    fields: &mut Fields,
) -> Result<Option<Rule>, StoreError> {
    let found = match version {
        None => rules::load(tx, scope, id).await,
        Some(version) => rules::version(tx, scope, id, version).await,
    };
    match (found, version) {
        (Ok(rule), _) => Ok(Some(rule)),
        (Err(StoreError::NotFound("rule")), _) | (Err(StoreError::NotFound(_)), None) => {
            fields.refuse("backtest.against_rule_id", format!("rule {id} doesn't exist"));
            Ok(None)
        }
        (Err(StoreError::NotFound(_)), Some(version)) => {
            let message = format!("rule {id} has had no version {version}");
            fields.refuse("backtest.against_version", message);
            Ok(None)
        }
        (Err(error), _) => Err(error),
    }
}

pub(super) fn failures(
    known: &[KnownFailure],
    machines: &[MachineId],
    span: Span,
    lead_s: i64,
    fields: &mut Fields,
) {
    const FIELD: &str = "backtest.known_failures";
    if known.len() > FAILURES_MAX {
        let message = format!("has {} failures, at most {FAILURES_MAX} fit", known.len());
        fields.refuse(FIELD, message);
        return;
    }
    let last = span.to.plus_seconds(lead_s);
    for (place, failure) in known.iter().enumerate() {
        let KnownFailure { machine_id, at, name } = failure;
        if !machines.contains(machine_id) {
            let message = format!("machine {machine_id} is not one that the rule is tried on");
            fields.refuse(&format!("{FIELD}[{place}].machine_id"), message);
        }
        if !(span.from..=last).contains(at) {
            let message = format!("{at} is not between {} and {last}", span.from);
            fields.refuse(&format!("{FIELD}[{place}].at"), message);
        }
        if let Some(name) = name {
            fields.text(&format!("{FIELD}[{place}].name"), name, FAILURE_NAME_MAX);
        }
    }
}

/// A rule that is nowhere but here.
pub(super) fn rule_of(input: RuleInput, organization: OrganizationId, now: Timestamp) -> Rule {
    Rule {
        id: RuleId(Uuid::nil()),
        organization_id: organization,
        name: input.name,
        machine_id: input.machine_id,
        model: input.model,
        condition: input.condition,
        severity: input.severity,
        message: input.message,
        enabled: true,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
    }

    fn problems(check: impl FnOnce(&mut Fields)) -> Vec<(String, String)> {
        let mut fields = Fields::default();
        check(&mut fields);
        let problems = fields.finish().err().map(|error| error.0).unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn times_have_defaults_and_bounds() {
        let now = at(0);
        let given = |from: Option<i64>, to: Option<i64>| BacktestOptions {
            from: from.map(at),
            to: to.map(at),
            ..BacktestOptions::default()
        };
        for (from, to, expected) in [
            (None, None, (-30 * DAY_S, 0)),
            (None, Some(-5), (-30 * DAY_S - 5, -5)),
            (Some(-7), None, (-7, 0)),
            (Some(-7), Some(60), (-7, 0)),
            (Some(-400 * DAY_S), None, (-400 * DAY_S, 0)),
        ] {
            let (mut fields, options) = (Fields::default(), given(from, to));
            let Span { from, to } = span(&options, now, &mut fields);
            assert_eq!((from, to), (at(expected.0), at(expected.1)));
            assert_eq!(fields.finish(), Ok(()));
        }
        for (from, to, expected) in [
            (Some(-5), Some(-5), "is not before to"),
            (Some(5), Some(9), "is not before now"),
            (Some(-400 * DAY_S - 1), None, "more than 400 days"),
            (Some(-9_999 * DAY_S), Some(-9_998 * DAY_S), "is before 2000-01-01"),
        ] {
            let told = problems(|fields| {
                span(&given(from, to), now, fields);
            });
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].0, "backtest.from");
            assert!(told[0].1.contains(expected), "{told:?}");
        }
        let lead = BacktestOptions { lead_s: Some(59), ..BacktestOptions::default() };
        let told = problems(|fields| {
            lead_s(&lead, fields);
        });
        assert_eq!(told[0].0, "backtest.lead_s");
    }

    #[test]
    fn failures_are_of_the_machines_and_of_the_time() {
        let machine = |n: u128| MachineId(Uuid::from_u128(n));
        let failure = |n: u128, s: i64, name: &str| KnownFailure {
            machine_id: machine(n),
            at: at(s),
            name: Some(name.to_owned()),
        };
        let span = Span { from: at(0), to: at(100) };
        let known = [
            failure(1, 0, "bearing"),
            failure(1, 160, "bearing"),
            failure(2, 50, "bearing"),
            failure(1, 161, "bearing"),
            failure(1, -1, ""),
        ];
        let told = problems(|fields| failures(&known, &[machine(1)], span, 60, fields));
        let named: Vec<_> = told.iter().map(|(field, _)| field.as_str()).collect();
        let field = |rest: &str| format!("backtest.known_failures{rest}");
        let expected =
            [field("[2].machine_id"), field("[3].at"), field("[4].at"), field("[4].name")];
        assert_eq!(named, expected);
        let many = vec![failure(1, 5, "x"); FAILURES_MAX + 1];
        let told = problems(|fields| failures(&many, &[machine(1)], span, 60, fields));
        assert_eq!(told, [(field(""), "has 201 failures, at most 200 fit".to_owned())]);
    }
}
