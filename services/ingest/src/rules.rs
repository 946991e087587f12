//! The rules that watch, kept in memory as of their revision, and the machines' share in them.

use std::collections::{HashMap, HashSet};

use millwright_alarms::Clear;
use millwright_alarms::rules::FAILED;
use millwright_core::alarm::Key;
use millwright_detection::rules::{RuleSet, Watched, causes};
use millwright_detection::state::RuleState;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::Watch;
use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason};
use millwright_schemas::{MachineId, RuleId, Timestamp};
use millwright_store::rules::Understood;
use millwright_store::telemetry::machines::MachineRow;
use millwright_store::telemetry::rule_states::{self, StateRow, WatchedRow};
use millwright_store::telemetry::{BatchTx, detector_states};
use millwright_store::{StoreError, alarms};

use crate::machine::MachineState;

/// No revision: nothing has been read.
pub(crate) const NEVER: i64 = -1;

/// The rules as of a revision.
#[derive(Debug)]
pub(crate) struct Rules {
    revision: i64,
    set: RuleSet,
    /// Rules that are switched on but can't be watched by this program: what is of theirs is left alone.
    strange: HashSet<RuleId>,
}

/// A rule that no longer watches a machine, though it did.
#[derive(Debug)]
pub(crate) struct Lapsed {
    pub(crate) machine: MachineId,
    pub(crate) rule: RuleId,
    /// Of its alarms that may be active.
    pub(crate) clear: Vec<Clear>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { revision: NEVER, set: RuleSet::default(), strange: HashSet::new() }
    }
}

impl Rules {
    /// Gives those machines of the batch that haven't got them their rules, as they were read, with the states
    /// that are stored. What no longer watches them is returned:
    /// because they are of another model now, or because another process has switched it off while a batch
    /// of this one went by it. `now`: when the batch's first message came.
    pub(crate) async fn give(
        &mut self,
        tx: &mut BatchTx,
        states: &mut HashMap<MachineId, MachineState>,
        machines: &HashMap<MachineId, MachineRow>,
        now: Timestamp,
    ) -> Result<Vec<Lapsed>, StoreError> {
        let stale: Vec<MachineId> = machines
            .keys()
            .filter(|id| states.get(id).is_some_and(|state| state.rules_of != self.revision))
            .copied()
            .collect();
        if stale.is_empty() {
            return Ok(Vec::new());
        }
        let (mut watched, mut stored, mut learned) =
            (HashMap::new(), HashMap::new(), HashMap::new());
        if !self.set.is_empty() {
            watched = rule_states::watched(tx, &stale).await?;
        }
        for row in rule_states::load(tx, &stale).await? {
            stored.entry(row.machine).or_insert_with(Vec::new).push(row);
        }
        for (machine, rule) in detector_states::rules(tx, &stale).await? {
            learned.entry(machine).or_insert_with(Vec::new).push(rule);
        }
        let mut lapsed = Vec::new();
        for id in stale {
            let (Some(state), Some(machine)) = (states.get_mut(&id), machines.get(&id)) else {
                continue;
            };
            let watched = watched.remove(&id).unwrap_or_default();
            let mut stored = stored.remove(&id).unwrap_or_default();
            let mut learned = learned.remove(&id).unwrap_or_default();
            let known = self.known(tx, id, &stored).await?;
            let before = std::mem::take(&mut state.watch);
            state.watch = self.watch(id, watched, &known);
            state.watch.follow(before);
            state.rules_of = self.revision;
            let is_over = |rule| !state.watch.has(rule) && !self.strange.contains(&rule);
            stored.retain(|row| is_over(row.rule));
            learned.retain(|rule| is_over(*rule));
            for row in &stored {
                lapsed.push(self.lapsed(tx, machine, row, now).await?);
            }
            // One that learns has a state only once it was about to speak.
            let quiet = |rule| Lapsed { machine: id, rule, clear: Vec::new() };
            lapsed.extend(learned.into_iter().map(quiet));
        }
        Ok(lapsed)
    }

    /// Reads the rules if they have changed; whether they have. What was read stays true when the batch can't be
    /// committed: a batch changes no rule.
    pub(crate) async fn refresh(&mut self, tx: &mut BatchTx) -> Result<bool, StoreError> {
        let revision = rule_states::revision(tx).await?;
        if revision == self.revision {
            return Ok(false);
        }
        let Understood { rules, strange } = rule_states::enabled(tx).await?;
        self.strange.clear();
        for (rule, error) in strange {
            let error = &error as &dyn std::error::Error;
            tracing::error!(rule.id = %rule, error, "a stored rule isn't understood");
            self.strange.insert(rule);
        }
        let (set, refused) = RuleSet::compile(rules);
        for (rule, problems) in refused {
            tracing::error!(rule.id = %rule, ?problems, "a stored rule can't be watched");
            self.strange.insert(rule);
        }
        (self.revision, self.set) = (revision, set);
        Ok(true)
    }

    /// Whether a rule is watched in this version.
    pub(crate) fn has(&self, rule: RuleId, version: i64) -> bool {
        self.set.get(rule).is_some_and(|known| known.rule().version == version)
    }

    /// What is stored of a machine's rules, as far as it is understood. Where it isn't, as after a
    /// change of the program, an alarm that is active is known at least: nobody else would end it.
    async fn known(
        &self,
        tx: &mut BatchTx,
        machine: MachineId,
        stored: &[StateRow],
    ) -> Result<HashMap<RuleId, RuleState>, StoreError> {
        let mut known = HashMap::new();
        for row in stored {
            let Some(rule) = self.set.get(row.rule) else { continue };
            let state = if row.version == rule.rule().version { read(row) } else { None };
            if let Some(state) = state {
                known.insert(row.rule, state);
                continue;
            }
            let code = row.rule.to_string();
            let origin = AlarmOrigin::Rule;
            let key = Key { machine, origin, source: rule.source(), code: &code };
            if let Some(alarm) = alarms::active(&mut *tx, key).await? {
                let causes = causes(&alarm.context);
                // The machine's clock may have been ahead then and have been set since.
                let since = alarm.raised_at.min(alarm.received_at);
                known.insert(row.rule, rule.adopt(since, alarm.severity, &causes));
            }
        }
        Ok(known)
    }

    fn watch(
        &self,
        machine: MachineId,
        row: WatchedRow,
        known: &HashMap<RuleId, RuleState>,
    ) -> Watch {
        let WatchedRow { model, organizations, parameters, time_zone } = row;
        let rules = self.set.watching(&Watched { machine, model, organizations });
        let around = Surroundings { parameters, time_zone };
        Watch::new(rules, &around, |rule, _| known.get(&rule).cloned())
    }

    async fn lapsed(
        &self,
        tx: &mut BatchTx,
        machine: &MachineRow,
        row: &StateRow,
        now: Timestamp,
    ) -> Result<Lapsed, StoreError> {
        let (id, code) = (machine.machine, row.rule.to_string());
        // One that isn't understood may be: to clear what isn't active does nothing.
        let raised = read(row).is_none_or(|state| state.is_raised());
        let sources = match self.set.get(row.rule) {
            _ if !raised => Vec::new(),
            Some(rule) => vec![rule.source().to_owned()],
            None => {
                let active = alarms::active_of_origin(&mut *tx, id, AlarmOrigin::Rule).await?;
                // That it has failed stays true.
                let of_rule =
                    active.into_iter().filter(|it| it.code == code && it.source != FAILED);
                of_rule.map(|alarm| alarm.source).collect()
            }
        };
        let clear = sources.into_iter().map(|source| Clear {
            machine: id,
            organization: machine.organization,
            origin: AlarmOrigin::Rule,
            source,
            code: code.clone(),
            reason: ClearReason::RuleDisabled,
            at: now,
            received_at: now,
        });
        Ok(Lapsed { machine: id, rule: row.rule, clear: clear.collect() })
    }
}

/// A state that isn't understood counts as none.
fn read(row: &StateRow) -> Option<RuleState> {
    let state = serde_json::from_str(&row.state);
    if let Err(error) = &state {
        tracing::error!(machine.id = %row.machine, rule.id = %row.rule, %error, "rule state");
    }
    state.ok()
}
