//! Rules that learn catch up: they are handed what was stored of them, then the samples that have
//! come since. A part with each batch of their machine; as long they are quiet, so that no
//! acknowledgement waits for them.

use std::collections::HashMap;

use millwright_detection::watch::Behind;
use millwright_schemas::{MachineId, Quality, RuleId, SignalKind, Timestamp};
use millwright_store::StoreError;
use millwright_store::telemetry::BatchTx;
use millwright_store::telemetry::detector_states::{self, DetectorStateRow};
use millwright_store::telemetry::machines::MachineRow;

use crate::limits::{
    CATCH_UP_MACHINES, CATCH_UP_SAMPLES, LEARNED_BYTES_A_RULE, LEARNED_BYTES_MAX, RELIVED_SAMPLES,
    RELIVED_US,
};
use crate::machine::MachineState;
use crate::memory::Memory;

/// What a batch has done for rules that learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CaughtUp {
    /// Stored samples that were taken.
    pub(crate) samples: u64,
    /// Rules that begin with a machine.
    pub(crate) begun: u64,
    /// Rules that don't watch a machine because there is no room.
    pub(crate) left_out: u64,
}

/// Lets the rules of a batch's machines catch up, within its bounds.
pub(crate) async fn catch_up(
    tx: &mut BatchTx,
    memory: &mut Memory,
    machines: &HashMap<MachineId, MachineRow>,
) -> Result<CaughtUp, StoreError> {
    let mut done = CaughtUp::default();
    let behind = behind(memory, machines);
    if behind.is_empty() {
        return Ok(done);
    }
    let new: Vec<MachineId> = behind
        .iter()
        .filter(|(_, rules)| rules.iter().any(|rule| !rule.begun))
        .map(|(machine, _)| *machine)
        .collect();
    let stored = detector_states::load(tx, &new).await?;
    let mut held = memory.learned_bytes();
    let mut left = CATCH_UP_SAMPLES;
    for (machine, rules) in behind {
        let Some(state) = memory.states.get_mut(&machine) else { continue };
        for rule in rules {
            if !rule.begun {
                if held + LEARNED_BYTES_A_RULE > LEARNED_BYTES_MAX {
                    done.left_out += u64::from(leave_out(state, machine, rule.rule));
                    continue;
                }
                held += LEARNED_BYTES_A_RULE;
                let row = stored.iter().find(|it| it.machine == machine && it.rule == rule.rule);
                begin(tx, state, machine, &rule, row).await?;
                done.begun += 1;
            }
            if left > 0 {
                let taken = relive(tx, state, machine, rule.rule, left).await?;
                left = left.saturating_sub(taken);
                done.samples += taken as u64;
            }
        }
    }
    Ok(done)
}

/// The machines of a batch that have rules that are behind, with these. Those that are being
/// worked on have time: they learn anew afterwards.
fn behind(
    memory: &mut Memory,
    machines: &HashMap<MachineId, MachineRow>,
) -> Vec<(MachineId, Vec<Behind>)> {
    let mut behind = Vec::new();
    for row in machines.values() {
        let Some(state) = memory.states.get_mut(&row.machine) else { continue };
        if !state.watch.learns() {
            continue;
        }
        state.watch.learn_since(row.learned_since.map(Timestamp::from_micros));
        let rules = state.watch.behind();
        if row.maintenance_until.is_none() && !rules.is_empty() {
            behind.push((row.machine, rules));
        }
    }
    behind.sort_unstable_by_key(|(machine, _)| *machine);
    behind.truncate(CATCH_UP_MACHINES);
    behind
}

fn leave_out(state: &mut MachineState, machine: MachineId, rule: RuleId) -> bool {
    let is_new = state.watch.leave_out(rule);
    if is_new {
        tracing::warn!(
            machine.id = %machine,
            rule.id = %rule,
            bound = LEARNED_BYTES_MAX,
            "no room for what a rule would learn: it doesn't watch this machine"
        );
    }
    is_new
}

/// Hands a rule what is stored of it. Samples that are too old, or too many, are passed over.
async fn begin(
    tx: &mut BatchTx,
    state: &mut MachineState,
    machine: MachineId,
    rule: &Behind,
    row: Option<&DetectorStateRow>,
) -> Result<(), StoreError> {
    let stored = row.map(|row| (row.state.as_slice(), Timestamp::from_micros(row.saved_at)));
    let used = state.watch.begin_learning(rule.rule, stored);
    tracing::debug!(machine.id = %machine, rule.id = %rule.rule, used, "a rule catches up");
    for (place, name, series) in series(state, rule) {
        let latest = state.series.get(&name).map_or(i64::MIN, |series| series.latest_ts);
        let since = rule.since.map_or(i64::MIN, |since| since.micros() - 1);
        let oldest = latest.saturating_sub(RELIVED_US).max(since);
        let begins = detector_states::start_of_newest(tx, series, oldest, RELIVED_SAMPLES).await?;
        let begins = Timestamp::from_micros(begins.unwrap_or(oldest));
        state.watch.skip_learning_to(rule.rule, place, begins);
    }
    Ok(())
}

/// The signals of a rule that there are, and are numbers: place, name and series.
fn series(state: &MachineState, rule: &Behind) -> Vec<(usize, String, i64)> {
    let signals = rule.signals.iter().enumerate();
    let found = signals.filter_map(|(place, (name, _))| {
        let series = state.series.get(name)?;
        let is_number = series.kind == Some(SignalKind::Number);
        is_number.then(|| (place, name.clone(), series.id))
    });
    found.collect()
}

/// Lets a rule that has begun take stored samples, about so many; how many it were.
async fn relive(
    tx: &mut BatchTx,
    state: &mut MachineState,
    machine: MachineId,
    rule: RuleId,
    most: usize,
) -> Result<usize, StoreError> {
    let behind = state.watch.behind().into_iter().find(|behind| behind.rule == rule);
    let Some(behind) = behind else { return Ok(0) };
    let series = series(state, &behind);
    let page = (most / series.len().max(1)).max(1);
    let mut samples = Vec::new();
    // Signals whose page is full have more: what is later than it must wait.
    let mut horizon = i64::MAX;
    for (place, _, series) in series {
        let seen = behind.signals.get(place).and_then(|(_, seen)| *seen);
        let after = seen.map_or(i64::MIN, Timestamp::micros);
        let rows = detector_states::samples_after(tx, series, after, page).await?;
        if rows.len() >= page
            && let Some(last) = rows.last()
        {
            horizon = horizon.min(last.ts);
        }
        samples.extend(rows.into_iter().map(|row| {
            let usable = Quality::from_code(row.quality) != Quality::Bad;
            (row.ts, place, row.value.filter(|_| usable))
        }));
    }
    samples.retain(|(ts, _, _)| *ts <= horizon);
    samples.sort_unstable_by_key(|(ts, place, _)| (*ts, *place));
    for moment in samples.chunk_by(|(a, _, _), (b, _, _)| a == b) {
        let values: Vec<_> = moment.iter().map(|(_, place, value)| (*place, *value)).collect();
        state.watch.relive(rule, Timestamp::from_micros(moment[0].0), &values);
    }
    if horizon == i64::MAX {
        state.watch.caught_up(rule);
        tracing::debug!(machine.id = %machine, rule.id = %rule, "a rule has caught up");
    }
    Ok(samples.len())
}
