//! Makes a batch's consequences true: alarms, domain events, work for other rooms.

use std::collections::HashSet;

use millwright_alarms::AlarmEvent;
use millwright_detection::state::RuleState;
use millwright_schemas::{MachineId, RuleId};
use millwright_store::telemetry::BatchTx;
use millwright_store::telemetry::reported::Outcome;
use millwright_store::telemetry::rule_states::{self, StateRow};
use millwright_store::telemetry::{detector_marks, detector_states};
use millwright_store::{StoreError, events, work};

use crate::plan::{Asked, Consequence, Meaning, Plan};
use crate::rules::Lapsed;

/// In the order of the messages. `outcomes`: one a reported event; only new ones mean anything.
/// After a rule has failed with one machine, it says nothing more of the others: it is switched off,
/// and nobody would clear what it raises.
pub(crate) async fn carry_out(
    tx: &mut BatchTx,
    consequences: Vec<Consequence>,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let mut off = HashSet::new();
    for consequence in consequences {
        match consequence {
            Consequence::Rule(alarm) => {
                if off.is_empty() || !of_rule(&alarm).is_some_and(|rule| off.contains(&rule)) {
                    millwright_alarms::apply(&mut *tx, alarm).await?;
                }
            }
            Consequence::Failed(failed) => {
                let (rule, at) = (failed.rule.rule(), failed.received_at);
                off.insert(rule.id);
                millwright_alarms::rules::fail(&mut *tx, rule, failed.failure, at).await?;
            }
            Consequence::Reported { place, meaning } => {
                if outcomes.get(place) == Some(&Outcome::New) {
                    reported(tx, *meaning).await?;
                }
            }
        }
    }
    Ok(())
}

/// The rule whose alarm it is.
fn of_rule(event: &AlarmEvent) -> Option<RuleId> {
    match event {
        AlarmEvent::Raise(it) | AlarmEvent::Change(it) => it.code.parse().ok(),
        AlarmEvent::Clear(it) => it.code.parse().ok(),
        AlarmEvent::Snapshot(_) => None,
    }
}

async fn reported(tx: &mut BatchTx, meaning: Meaning) -> Result<(), StoreError> {
    let Meaning { organization, received_at, told, alarm, asked } = meaning;
    if let Some(event) = told {
        events::append(&mut *tx, event).await?;
    }
    if let Some(alarm) = alarm {
        millwright_alarms::apply(&mut *tx, alarm).await?;
    }
    match asked {
        None => Ok(()),
        Some(Asked::Command(w)) => work::enqueue(tx, organization, &w, received_at).await,
        Some(Asked::Capabilities(w)) => work::enqueue(tx, organization, &w, received_at).await,
        Some(Asked::Time(w)) => work::enqueue(tx, organization, &w, received_at).await,
        Some(Asked::Help(w)) => work::enqueue(tx, organization, &w, received_at).await,
        Some(Asked::Rules(w)) => work::enqueue(tx, organization, &w, received_at).await,
    }
}

/// Clears the alarms of rules that no longer watch a machine.
pub(crate) async fn let_lapse(tx: &mut BatchTx, lapsed: Vec<Lapsed>) -> Result<(), StoreError> {
    for Lapsed { machine, rule, clear } in lapsed {
        for clear in clear {
            millwright_alarms::apply(&mut *tx, AlarmEvent::Clear(clear)).await?;
        }
        rule_states::forget(tx, machine, rule).await?;
        detector_states::forget(tx, machine, rule).await?;
        detector_marks::forget(tx, machine, rule).await?;
    }
    Ok(())
}

/// Records where rules stand.
pub(crate) async fn save_states(
    tx: &mut BatchTx,
    states: &[(MachineId, RuleId, i64, RuleState)],
) -> Result<(), StoreError> {
    let row = |(machine, rule, version, state): &(MachineId, RuleId, i64, RuleState)| {
        let state = serde_json::to_string(state)
            .map_err(|error| StoreError::corrupt("rule_states", error))?;
        Ok(StateRow { machine: *machine, rule: *rule, version: *version, state })
    };
    let rows: Vec<StateRow> = states.iter().map(row).collect::<Result<_, StoreError>>()?;
    rule_states::save(tx, &rows).await
}

/// Records what rules have learned, where it is time for that.
pub(crate) async fn save_learned(tx: &mut BatchTx, plan: &Plan) -> Result<(), StoreError> {
    for row in &plan.learned {
        detector_states::save(tx, row).await?;
    }
    Ok(())
}
