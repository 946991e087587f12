//! A rule that learns begins with a machine: with what is stored of it, with the newest samples, or, if that would
//! be too much for a batch, with what is rebuilt beside batches.

use std::collections::HashMap;

use millwright_detection::watch::Behind;
use millwright_schemas::{MachineId, RuleId, SignalKind, Timestamp};
use millwright_store::StoreError;
use millwright_store::telemetry::BatchTx;
use millwright_store::telemetry::detector_states::{self, DetectorStateRow, Stretch};
use millwright_store::telemetry::machines::MachineRow;

use super::rebuilds::{Job, Key, Outcome, Rebuilds, Wanted};
use super::said::Stored;
use super::{marks, stored_signals};
use crate::limits::{RELIVED_SAMPLES, RELIVED_US};
use crate::machine::MachineState;
use crate::memory::Memory;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// How a rule has begun.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Begun {
    /// Otherwise it waits until it is rebuilt.
    pub(super) has_begun: bool,
    /// About so many stored samples were counted for that.
    pub(super) counted: usize,
    /// Stored samples that were taken beside batches.
    pub(super) taken: u64,
}

/// A rule begins: with what was rebuilt of it, with what is stored of it, or later, when it is rebuilt.
pub(super) async fn begin_or_wait(
    tx: &mut BatchTx,
    state: &mut MachineState,
    rebuilds: &Rebuilds,
    (machine, rule): (MachineId, &Behind),
    stored: &[DetectorStateRow],
) -> Result<Begun, StoreError> {
    let key = (machine, rule.rule);
    let aside = rule.aside.or_else(|| adopt(state, rebuilds, key, rule));
    if !rebuilds.may_begin(key, aside) {
        return Ok(Begun::default());
    }
    let mut beside = Some(rebuilds);
    match rebuilds.take(key, aside) {
        Outcome::Done { rebuild, taken } => {
            if state.watch.take_back(*rebuild) {
                tracing::debug!(machine.id = %machine, rule.id = %rule.rule, taken, "a rule is back");
                return Ok(Begun { has_begun: true, counted: 0, taken });
            }
        }
        // With batches it begins with less, but it begins; what is wrong with it is told there.
        Outcome::Failed => beside = None,
        Outcome::Unknown => {}
    }
    let row = stored.iter().find(|it| it.machine == machine && it.rule == rule.rule);
    begin(tx, state, beside, (machine, rule), row).await
}

/// After a batch that has failed, and in place of a machine that was forgotten, a rule waits for what was asked for of
/// it before.
fn adopt(state: &mut MachineState, rebuilds: &Rebuilds, key: Key, rule: &Behind) -> Option<u64> {
    let ticket = rebuilds.adopt(key, rule.version, rule.since)?;
    state.watch.wait_for(rule.rule, ticket);
    Some(ticket)
}

/// Hands a rule what is stored of it. Samples that are too old, or too many, are passed over; one that needs days
/// is set aside instead if there are too many, to be rebuilt `beside`.
async fn begin(
    tx: &mut BatchTx,
    state: &mut MachineState,
    beside: Option<&Rebuilds>,
    (machine, rule): (MachineId, &Behind),
    row: Option<&DetectorStateRow>,
) -> Result<Begun, StoreError> {
    let stored = row.map(|row| (row.state.as_slice(), Timestamp::from_micros(row.saved_at)));
    let used = state.watch.begin_learning(rule.rule, stored);
    if let Some(since) = row.and_then(|row| row.watching_since).filter(|_| used) {
        state.watch.watched_since(rule.rule, Timestamp::from_micros(since));
    }
    tracing::debug!(machine.id = %machine, rule.id = %rule.rule, used, "a rule catches up");
    if !rule.judged {
        // There was no room for it so far: what was stored meanwhile isn't judged.
        state.watch.judged_to(rule.rule, marks::newest(state, rule), false);
    }
    let begun = state.watch.behind().into_iter().find(|behind| behind.rule == rule.rule);
    let seen = |place: usize| {
        let (_, seen) = begun.as_ref()?.signals.get(place)?;
        seen.map(Timestamp::micros)
    };
    let (mut counted, mut is_too_much, mut signals) = (0, false, Vec::new());
    for Stored { place, series, kind, latest } in stored_signals(state, rule) {
        let learned = place < rule.learned;
        // What says when is known, however old it is.
        let since = rule.since.filter(|_| learned);
        let since = since.map_or(i64::MIN, |since| since.micros() - 1);
        let oldest = latest.saturating_sub(RELIVED_US).max(since).max(seen(place).unwrap_or(since));
        let texts = kind == Some(SignalKind::Text);
        let begins = if texts {
            detector_states::start_of_newest_texts(tx, series, oldest, RELIVED_SAMPLES).await?
        } else {
            detector_states::start_of_newest(tx, series, oldest, RELIVED_SAMPLES).await?
        };
        is_too_much |= begins.is_some();
        // What is later than the newest in time is ahead of its time.
        let newest = begins.unwrap_or(oldest).min(latest.max(oldest));
        let stretch = Stretch { series, texts, after: oldest, to: latest };
        signals.push(Wanted { place, stretch, kind, learned, newest });
        // Since a checkpoint there is little, mostly.
        counted += if used && begins.is_none() { 0 } else { RELIVED_SAMPLES };
    }
    if let Some(rebuilds) = beside.filter(|_| rule.paced && is_too_much) {
        set_aside(state, rebuilds, (machine, rule.rule), signals, used);
        return Ok(Begun { has_begun: false, counted, taken: 0 });
    }
    for Wanted { place, newest, .. } in signals {
        state.watch.skip_learning_to(rule.rule, place, Timestamp::from_micros(newest));
    }
    Ok(Begun { has_begun: true, counted, taken: 0 })
}

/// A rule that has begun waits until it was rebuilt, of what has been judged; where there is no room for that, with
/// a ticket of which nothing is known, until there is.
fn set_aside(
    state: &mut MachineState,
    rebuilds: &Rebuilds,
    (machine, rule): (MachineId, RuleId),
    mut signals: Vec<Wanted>,
    used: bool,
) {
    let Some(rebuild) = state.watch.set_aside(rule, rebuilds.ticket(), used) else { return };
    if !rebuilds.has_room() {
        return;
    }
    for Wanted { place, stretch, .. } in &mut signals {
        let judged = rebuild.judged(*place).map_or(i64::MIN, Timestamp::micros);
        stretch.to = stretch.to.min(judged);
    }
    rebuilds.ask(Job { machine, rebuild, signals, taken: 0, used });
}

/// Stores what rules have learned that are still being rebuilt, so that whoever begins again goes on from there.
pub(super) async fn keep(
    tx: &mut BatchTx,
    memory: &Memory,
    rebuilds: &Rebuilds,
    machines: &HashMap<MachineId, MachineRow>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !rebuilds.has_kept() {
        return Ok(());
    }
    let mut rows = Vec::new();
    for machine in machines.keys() {
        let Some(state) = memory.states.get(machine).filter(|state| state.watch.learns()) else {
            continue;
        };
        for behind in state.watch.behind() {
            let Some(ticket) = behind.aside else { continue };
            let kept = rebuilds.take_kept((*machine, behind.rule), ticket);
            rows.extend(kept.map(|kept| DetectorStateRow {
                machine: *machine,
                rule: behind.rule,
                version: kept.version,
                through_ts: kept.through,
                state: kept.state,
                saved_at: now.micros(),
                watching_since: kept.watching_since,
            }));
        }
    }
    // Always in the same order, so that no two processes wait for each other.
    rows.sort_unstable_by_key(|row| (row.machine, row.rule));
    for row in &rows {
        detector_states::save(tx, row).await?;
    }
    Ok(())
}
