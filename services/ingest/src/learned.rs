//! Rules that learn catch up: they are handed what was stored of them, then the samples that have
//! come since. A part with each batch of their machine; as long they are quiet, so that no
//! acknowledgement waits for them. Afterwards they have said all the same, of the same times.

use std::collections::HashMap;

use millwright_detection::watch::{Behind, Change};
use millwright_schemas::{MachineId, Quality, RuleId, SignalKind, Timestamp};
use millwright_store::StoreError;
use millwright_store::telemetry::BatchTx;
use millwright_store::telemetry::detector_states::{self, DetectorStateRow};
use millwright_store::telemetry::machines::MachineRow;

use crate::consequences;
use crate::limits::{
    CATCH_UP_COUNTED, CATCH_UP_MACHINES, CATCH_UP_SAMPLES, LEARNED_BYTES_A_RULE, LEARNED_BYTES_MAX,
    RELIVED_SAMPLES, RELIVED_US,
};
use crate::machine::MachineState;
use crate::memory::Memory;
use crate::plan::{Source, of_rule};

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

/// Lets the rules of a batch's machines catch up, within its bounds. What came while a rule was behind
/// is judged now. `now`: when the batch's first message came.
pub(crate) async fn catch_up(
    tx: &mut BatchTx,
    memory: &mut Memory,
    machines: &HashMap<MachineId, MachineRow>,
    now: Timestamp,
) -> Result<CaughtUp, StoreError> {
    let mut done = CaughtUp::default();
    let behind = behind(memory, machines);
    if behind.is_empty() {
        return Ok(done);
    }
    let mut held = memory.learned_bytes();
    let has_room = |held: usize| held + LEARNED_BYTES_A_RULE <= LEARNED_BYTES_MAX;
    let begin_now = |(_, rules): &&(MachineId, Vec<Behind>)| rules.iter().any(|it| !it.begun);
    let new = behind.iter().filter(begin_now).map(|(machine, _)| *machine);
    let new: Vec<MachineId> = if has_room(held) { new.collect() } else { Vec::new() };
    let stored = detector_states::load(tx, &new).await?;
    let (mut left, mut counted) = (CATCH_UP_SAMPLES, 0);
    for (machine, rules) in behind {
        let Some(state) = memory.states.get_mut(&machine) else { continue };
        for rule in rules {
            if !rule.begun {
                if !has_room(held) {
                    done.left_out += u64::from(leave_out(state, machine, rule.rule));
                    continue;
                }
                if counted >= CATCH_UP_COUNTED {
                    continue;
                }
                held += LEARNED_BYTES_A_RULE;
                let row = stored.iter().find(|it| it.machine == machine && it.rule == rule.rule);
                counted += begin(tx, state, machine, &rule, row).await?;
                done.begun += 1;
            }
            if left > 0 {
                let (taken, changes) = relive(tx, state, machine, rule.rule, left).await?;
                left = left.saturating_sub(taken);
                done.samples += taken as u64;
                if let Some(row) = machines.get(&machine) {
                    tell(tx, state, row, &changes, now).await?;
                }
            }
        }
    }
    Ok(done)
}

/// What a rule has found in what came while it was behind: before anything of the batch's messages.
async fn tell(
    tx: &mut BatchTx,
    state: &mut MachineState,
    row: &MachineRow,
    changes: &[Change],
    received_at: Timestamp,
) -> Result<(), StoreError> {
    let MachineRow { machine, organization, .. } = *row;
    let source = Source { machine, organization, received_at };
    for change in changes {
        millwright_alarms::apply(&mut *tx, of_rule(source, change)).await?;
    }
    let changed = state.watch.take_changed().into_iter();
    let changed: Vec<_> = changed.map(|(rule, version, it)| (machine, rule, version, it)).collect();
    consequences::save_states(tx, &changed).await
}

/// The machines of a batch that have rules that are behind, with these: first those that go on, so
/// that others, for which there may be no room, don't hold them up. Those that are being worked on
/// have time: they learn anew afterwards.
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
    behind.sort_unstable_by_key(|(machine, rules)| (rules.iter().all(|it| !it.begun), *machine));
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

/// Hands a rule what is stored of it. Samples that are too old, or too many, are passed over. About so
/// many were counted for that.
async fn begin(
    tx: &mut BatchTx,
    state: &mut MachineState,
    machine: MachineId,
    rule: &Behind,
    row: Option<&DetectorStateRow>,
) -> Result<usize, StoreError> {
    let stored = row.map(|row| (row.state.as_slice(), Timestamp::from_micros(row.saved_at)));
    let used = state.watch.begin_learning(rule.rule, stored);
    tracing::debug!(machine.id = %machine, rule.id = %rule.rule, used, "a rule catches up");
    // What is stored now was judged when it came, or is older than the rule.
    let newest = rule.signals.iter().map(|(name, _)| {
        let latest = state.series.get(name).map(|series| series.latest_ts);
        latest.filter(|ts| *ts > i64::MIN).map(Timestamp::from_micros)
    });
    let newest = newest.collect();
    state.watch.judged_to(rule.rule, newest);
    let begun = state.watch.behind().into_iter().find(|behind| behind.rule == rule.rule);
    let seen = |place: usize| {
        let (_, seen) = begun.as_ref()?.signals.get(place)?;
        seen.map(Timestamp::micros)
    };
    let mut counted = 0;
    for (place, name, series) in series(state, rule) {
        let latest = state.series.get(&name).map_or(i64::MIN, |series| series.latest_ts);
        let since = rule.since.map_or(i64::MIN, |since| since.micros() - 1);
        let oldest = latest.saturating_sub(RELIVED_US).max(since).max(seen(place).unwrap_or(since));
        let begins = detector_states::start_of_newest(tx, series, oldest, RELIVED_SAMPLES).await?;
        let begins = Timestamp::from_micros(begins.unwrap_or(oldest));
        state.watch.skip_learning_to(rule.rule, place, begins);
        // Since a checkpoint there is little.
        counted += if used { 0 } else { RELIVED_SAMPLES };
    }
    Ok(counted)
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

/// Lets a rule that has begun take stored samples, about so many; how many it were, and how its alarm
/// has changed.
async fn relive(
    tx: &mut BatchTx,
    state: &mut MachineState,
    machine: MachineId,
    rule: RuleId,
    most: usize,
) -> Result<(usize, Vec<Change>), StoreError> {
    let behind = state.watch.behind().into_iter().find(|behind| behind.rule == rule);
    let Some(behind) = behind else { return Ok((0, Vec::new())) };
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
    let mut changes = Vec::new();
    for moment in samples.chunk_by(|(a, _, _), (b, _, _)| a == b) {
        let values: Vec<_> = moment.iter().map(|(_, place, value)| (*place, *value)).collect();
        let at = Timestamp::from_micros(moment[0].0);
        changes.append(&mut state.watch.relive(rule, at, &values));
    }
    if horizon == i64::MAX {
        state.watch.caught_up(rule);
        tracing::debug!(machine.id = %machine, rule.id = %rule, "a rule has caught up");
    }
    Ok((samples.len(), changes))
}
