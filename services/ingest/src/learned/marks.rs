//! Up to when rules that are behind have judged: noted when they fall behind, before anything of the batch is
//! stored, and kept in the store as long as they are. So what comes meanwhile is judged by whoever goes on, also
//! when this process has ended before.

use std::collections::HashMap;

use millwright_detection::watch::Behind;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::StoreError;
use millwright_store::telemetry::BatchTx;
use millwright_store::telemetry::detector_marks::{self, MarkRow};
use millwright_store::telemetry::machines::MachineRow;

use crate::machine::MachineState;
use crate::memory::Memory;
use crate::plan::mark_row;

/// Notes up to when rules have judged that are behind since now: as is stored, or all that is stored, which
/// was judged when it came, or is older than the rule.
pub(super) async fn note(
    tx: &mut BatchTx,
    memory: &mut Memory,
    machines: &HashMap<MachineId, MachineRow>,
) -> Result<(), StoreError> {
    let mut new: Vec<(MachineId, Vec<Behind>)> = Vec::new();
    for machine in machines.keys() {
        let Some(state) = memory.states.get(machine).filter(|state| state.watch.learns()) else {
            continue;
        };
        let mut rules = state.watch.behind();
        rules.retain(|rule| !rule.judged && !rule.left_out);
        if !rules.is_empty() {
            new.push((*machine, rules));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let ids: Vec<MachineId> = new.iter().map(|(machine, _)| *machine).collect();
    let stored = detector_marks::load(tx, &ids).await?;
    for (machine, rules) in new {
        let Some(state) = memory.states.get_mut(&machine) else { continue };
        for rule in rules {
            let row = stored.iter().find(|row| {
                row.machine == machine
                    && (row.rule, row.version) == (rule.rule, rule.version)
                    && row.judged.len() == rule.signals.len()
            });
            let judged = row.map_or_else(|| newest(state, &rule), of_row);
            state.watch.judged_to(rule.rule, judged, row.is_some());
        }
    }
    Ok(())
}

/// By the places of a rule's signals, the newest sample that is stored of each.
pub(super) fn newest(state: &MachineState, rule: &Behind) -> Vec<Option<Timestamp>> {
    let newest = rule.signals.iter().map(|(name, _)| {
        let latest = state.series.get(name).map(|series| state.seen_to(series));
        latest.filter(|ts| *ts > i64::MIN).map(Timestamp::from_micros)
    });
    newest.collect()
}

fn of_row(row: &MarkRow) -> Vec<Option<Timestamp>> {
    row.judged.iter().map(|judged| judged.map(Timestamp::from_micros)).collect()
}

/// Stores what has changed of these machines' marks.
pub(super) async fn keep(
    tx: &mut BatchTx,
    memory: &mut Memory,
    machines: &HashMap<MachineId, MachineRow>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for machine in machines.keys() {
        let Some(state) = memory.states.get_mut(machine).filter(|state| state.watch.learns())
        else {
            continue;
        };
        let marks = state.watch.take_marks();
        for rule in marks.over {
            detector_marks::forget(tx, *machine, rule).await?;
        }
        rows.extend(marks.kept.iter().map(|mark| mark_row(*machine, mark)));
    }
    // Always in the same order, so that no two processes wait for each other.
    rows.sort_unstable_by_key(|row| (row.machine, row.rule));
    detector_marks::save(tx, &rows).await
}
