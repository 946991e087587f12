//! Rules that learn catch up: they are handed what was stored of them, then the samples that have
//! come since. A part with each batch of their machine; as long they are quiet, so that no
//! acknowledgement waits for them. Afterwards they have said all the same, of the same times.
//!
//! Where that would be more than a few thousand samples, as with nothing stored of them on a machine that is known
//! for weeks, they are brought up to what was judged beside the batches (`rebuilder`), and take with these what
//! came since.

use std::collections::HashMap;

use millwright_detection::watch::{Behind, Change};
use millwright_schemas::{MachineId, RuleId, SignalKind, Timestamp};
use millwright_store::StoreError;
use millwright_store::telemetry::BatchTx;
use millwright_store::telemetry::detector_states;
use millwright_store::telemetry::machines::MachineRow;

use crate::consequences;
use crate::limits::{
    CATCH_UP_COUNTED, CATCH_UP_LOOK, CATCH_UP_MACHINES, CATCH_UP_SAMPLES, LEARNED_BYTES_A_RULE,
};
use crate::machine::{MachineState, Series};
use crate::memory::Memory;
use crate::plan::{Source, of_rule};
use said::{Said, Stored};

mod begin;
mod marks;
mod rebuilder;
mod rebuilds;
mod said;

pub(crate) use rebuilder::run as rebuild;
pub(crate) use rebuilds::{Bounds, Rebuilds};

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
    rebuilds: &Rebuilds,
    machines: &HashMap<MachineId, MachineRow>,
    now: Timestamp,
) -> Result<CaughtUp, StoreError> {
    marks::note(tx, memory, machines).await?;
    let done = go_on(tx, memory, rebuilds, machines, now).await?;
    marks::keep(tx, memory, machines).await?;
    begin::keep(tx, memory, rebuilds, machines, now).await?;
    Ok(done)
}

async fn go_on(
    tx: &mut BatchTx,
    memory: &mut Memory,
    rebuilds: &Rebuilds,
    machines: &HashMap<MachineId, MachineRow>,
    now: Timestamp,
) -> Result<CaughtUp, StoreError> {
    let mut done = CaughtUp::default();
    let behind = behind(memory, rebuilds, machines);
    if behind.is_empty() {
        return Ok(done);
    }
    let (mut held, most) = (memory.learned_bytes(), memory.learned_bytes_max);
    let has_room = |held: usize| held + LEARNED_BYTES_A_RULE <= most;
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
                    if let Some(row) = machines.get(&machine) {
                        done.left_out += leave_out(tx, state, row, &rule, now).await?;
                    }
                    continue;
                }
                if counted >= CATCH_UP_COUNTED || left == 0 {
                    continue;
                }
                let of = (machine, &rule);
                let begun = begin::begin_or_wait(tx, state, rebuilds, of, &stored).await?;
                counted += begun.counted;
                left = left.saturating_sub(rule.signals.len() * CATCH_UP_LOOK);
                done.samples += begun.taken;
                if !begun.has_begun {
                    continue;
                }
                held += LEARNED_BYTES_A_RULE;
                done.begun += 1;
            }
            if left > 0 {
                let (taken, changes) = relive(tx, state, machine, rule.rule, left).await?;
                left = left.saturating_sub(taken + rule.signals.len() * CATCH_UP_LOOK);
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
    rebuilds: &Rebuilds,
    machines: &HashMap<MachineId, MachineRow>,
) -> Vec<(MachineId, Vec<Behind>)> {
    let mut behind = Vec::new();
    for row in machines.values() {
        let Some(state) = memory.states.get_mut(&row.machine) else { continue };
        if !state.watch.learns() {
            continue;
        }
        state.watch.learn_since(row.learned_since.map(Timestamp::from_micros));
        let mut rules = state.watch.behind();
        // Those that wait, for what is rebuilt or for room for that, don't take the place of others.
        rules.retain(|rule| rebuilds.may_begin((row.machine, rule.rule), rule.aside));
        if row.maintenance_until.is_none() && !rules.is_empty() {
            behind.push((row.machine, rules));
        }
    }
    behind.sort_unstable_by_key(|(machine, rules)| (rules.iter().all(|it| !it.begun), *machine));
    behind.truncate(CATCH_UP_MACHINES);
    behind
}

/// There is no room for what a rule would learn of a machine: it doesn't watch it, and its alarm is over, which
/// nobody else would end. How many rules that are that weren't left out before.
async fn leave_out(
    tx: &mut BatchTx,
    state: &mut MachineState,
    row: &MachineRow,
    rule: &Behind,
    now: Timestamp,
) -> Result<u64, StoreError> {
    // By the machine's time: what it judges when there is room again goes by that.
    let newest = marks::newest(state, rule).into_iter().flatten().max();
    let Some(changes) = state.watch.leave_out(rule.rule, newest.unwrap_or(now)) else {
        return Ok(0);
    };
    tracing::warn!(
        machine.id = %row.machine,
        rule.id = %rule.rule,
        "no room for what a rule would learn: it doesn't watch this machine"
    );
    tell(tx, state, row, &changes, now).await?;
    Ok(1)
}

/// The signals of a rule that there are. What is learned must be numbers.
fn stored_signals(state: &MachineState, rule: &Behind) -> Vec<Stored> {
    let signals = rule.signals.iter().enumerate();
    let found = signals.filter_map(|(place, (name, _))| {
        let of_signal = state.series.get(name)?;
        let (Series { id: series, kind, .. }, latest) = (*of_signal, state.seen_to(of_signal));
        let fits = place >= rule.learned || kind == Some(SignalKind::Number);
        fits.then_some(Stored { place, series, kind, latest })
    });
    found.collect()
}

/// A stored sample of a rule's signal: its time, the signal's place, what it says.
type Sample = (i64, usize, Said);

/// The next stored samples of a signal, as rules would have seen them: none that is ahead of its time.
async fn samples(
    tx: &mut BatchTx,
    signal: Stored,
    after: i64,
    most: usize,
) -> Result<Vec<Sample>, StoreError> {
    let Stored { place, series, kind, latest } = signal;
    if kind == Some(SignalKind::Text) {
        let rows = detector_states::texts_after(tx, series, after, most).await?;
        let sample = |(ts, text, quality): (i64, Option<String>, i64)| {
            (ts, place, Said::of_text(text, quality))
        };
        return Ok(rows.into_iter().map(sample).take_while(|(ts, _, _)| *ts <= latest).collect());
    }
    let rows = detector_states::samples_after(tx, series, after, most).await?;
    let samples = rows.iter().map(|row| (row.ts, place, Said::of_sample(row, kind)));
    Ok(samples.take_while(|(ts, _, _)| *ts <= latest).collect())
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
    let signals = stored_signals(state, &behind);
    let page = (most / signals.len().max(1)).max(1);
    let mut all: Vec<Sample> = Vec::new();
    // Signals whose page is full have more: what is later than it must wait.
    let mut horizon = i64::MAX;
    for signal in signals {
        let seen = behind.signals.get(signal.place).and_then(|(_, seen)| *seen);
        let after = seen.map_or(i64::MIN, Timestamp::micros);
        let mut found = samples(tx, signal, after, page).await?;
        if found.len() >= page
            && let Some((last, _, _)) = found.last()
        {
            horizon = horizon.min(*last);
        }
        all.append(&mut found);
    }
    all.retain(|(ts, _, _)| *ts <= horizon);
    all.sort_unstable_by_key(|(ts, place, _)| (*ts, *place));
    let mut changes = Vec::new();
    for moment in all.chunk_by(|(a, _, _), (b, _, _)| a == b) {
        let said: Vec<_> = moment.iter().map(|(_, place, said)| (*place, said.reading())).collect();
        let at = Timestamp::from_micros(moment[0].0);
        changes.append(&mut state.watch.relive(rule, at, &said));
    }
    if horizon == i64::MAX {
        state.watch.caught_up(rule);
        tracing::debug!(machine.id = %machine, rule.id = %rule, "a rule has caught up");
    }
    Ok((all.len(), changes))
}
