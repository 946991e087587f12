//! The rules of this machine in the outbox: they move in the transaction of the samples and events
//! that they see, so that a killed agent goes on exactly where it was.
//!
//! What they see is what is sent, as it is sent: message by message, each value with the time that it
//! got. Values that the platform's own watching takes for late are left out here too.

use std::collections::HashMap;
use std::sync::Arc;

use millwright_detection::rules::CompiledRule;
use millwright_detection::watch::{Change, Transition};
use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::events::EventType;
use millwright_schemas::wire::rules::{AlarmLocal, ConfigClaims, GivenRule, RulesApplied};
use millwright_schemas::{RuleId, SignalName, Timestamp};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::batch::{Batch, EventSize, decode, encode};
use super::message::Encoded;
use super::{Outbox, OutboxError, tables};
use crate::clock;
use crate::rules::{self, FailedRule, Given, LocalAlarm, Point, RulesShown, StoredState, Watching};
use crate::signals::AllowedSignals;

impl Outbox {
    /// From now on rules watch only signals that may leave the machine: others they never see.
    pub fn watch_only(&mut self, allowed: &[AllowedSignals]) {
        self.allowed = Some(allowed.into());
        self.rules = None;
    }

    /// Takes the rules of a document, in place of those before. What stands of rules that stay goes
    /// on; alarms of rules that have gone are over. `false`: the document isn't newer than the one
    /// that is held, and nothing is changed.
    ///
    /// # Errors
    /// When it isn't stored.
    pub fn take_rules(
        &mut self,
        claims: &ConfigClaims,
        now: Timestamp,
    ) -> Result<bool, OutboxError> {
        self.write(|batch| {
            let before = batch.take_rules()?;
            if claims.version <= before.version() {
                // What found no room before may find it now.
                batch.tell_applied(&before, now)?;
                batch.rules = Some(before);
                return Ok(false);
            }
            batch.replace_rules(claims, now)?;
            Ok(true)
        })
    }

    /// Tells by which rules this machine watches, if that is something else than was told last: with
    /// another version of the agent, or another list of signals, others may be refused. The alarms of
    /// those that are refused now are over.
    ///
    /// # Errors
    /// When it isn't stored.
    pub fn settle_rules(&mut self, now: Timestamp) -> Result<(), OutboxError> {
        self.write(|batch| {
            let rules = batch.take_rules()?;
            if rules.version() > 0 {
                batch.end_lapsed(rules.rules(), &[], now)?;
            }
            batch.tell_applied(&rules, now)?;
            batch.rules = Some(rules);
            Ok(())
        })
    }

    /// The version of the rules that are held; 0: none.
    ///
    /// # Errors
    /// Storage errors.
    pub fn rules_version(&mut self) -> Result<u64, OutboxError> {
        self.read(|database| {
            let claims: Option<ConfigClaims> = read_row(database, tables::RULES_GIVEN)?;
            Ok(claims.map_or(0, |claims| claims.version))
        })
    }

    /// What is known of the rules, for people.
    ///
    /// # Errors
    /// Storage errors.
    pub fn rules_shown(&mut self) -> Result<RulesShown, OutboxError> {
        self.read(|database| {
            let told: Option<RulesApplied> = read_row(database, tables::RULES_TOLD)?;
            let table = database.begin_read()?.open_table(tables::LOCAL_ALARMS)?;
            let mut shown = RulesShown::default();
            for row in table.iter()? {
                shown.alarms.extend(understood::<LocalAlarm>(row?.1.value()));
            }
            shown.alarms.sort_by_key(|alarm| (alarm.since, alarm.rule));
            if let Some(RulesApplied { version, watching, refused }) = told {
                (shown.version, shown.watching, shown.refused) = (version, watching, refused);
            }
            Ok(shown)
        })
    }
}

fn read_row<T: DeserializeOwned>(
    database: &Database,
    key: &'static str,
) -> Result<Option<T>, OutboxError> {
    let table = database.begin_read()?.open_table(tables::RULES)?;
    let row = ReadableTable::get(&table, key)?;
    Ok(row.and_then(|row| understood(row.value())))
}

/// A row about rules that isn't understood counts as none: samples are stored all the same, and the
/// platform gives the rules again.
fn understood<T: DeserializeOwned>(row: &[u8]) -> Option<T> {
    let read = decode(row);
    if let Err(error) = &read {
        tracing::error!(%error, "a row about rules isn't understood");
    }
    read.ok()
}

fn to_data(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        // The callers' types are structs with text keys: they are always objects.
        _ => Map::new(),
    }
}

/// Whether a version of a rule judges as the one before did.
fn judges_the_same(before: &GivenRule, after: &Rule) -> bool {
    (&before.condition, before.severity) == (&after.condition, after.severity)
}

const fn key(rule: RuleId) -> u128 {
    rule.0.as_u128()
}

impl Batch<'_> {
    /// Makes the tables when there are none.
    pub(super) fn open_rules(&self) -> Result<(), OutboxError> {
        self.txn.open_table(tables::RULES)?;
        self.txn.open_table(tables::RULE_STATES)?;
        self.txn.open_table(tables::LOCAL_ALARMS)?;
        Ok(())
    }

    /// The rules, to be put back: as they were after the last transaction, or as they are stored.
    fn take_rules(&mut self) -> Result<Watching, OutboxError> {
        match self.rules.take() {
            Some(rules) => Ok(rules),
            None => self.load_rules(),
        }
    }

    fn load_rules(&self) -> Result<Watching, OutboxError> {
        let table = self.txn.open_table(tables::RULES)?;
        let claims: Option<ConfigClaims> = row(&table, tables::RULES_GIVEN)?;
        let failed: Vec<FailedRule> = row(&table, tables::RULES_FAILED)?.unwrap_or_default();
        let Some(claims) = claims else { return Ok(Watching::default()) };
        let mut stored = HashMap::new();
        for row in self.txn.open_table(tables::RULE_STATES)?.iter()? {
            let (rule, row) = row?;
            if let Some(state) = understood::<StoredState>(row.value()) {
                stored.insert(rule.value(), state);
            }
        }
        let given = Given::read(&claims, &failed, self.allowed.as_deref());
        self.adopt_alarms(&given, &mut stored)?;
        Ok(Watching::new(&claims, given, |rule| stored.get(&key(rule)).cloned()))
    }

    /// An alarm whose rule's state isn't understood, as after a change of the program, is known at
    /// least: nobody else would end it.
    fn adopt_alarms(
        &self,
        given: &Given,
        stored: &mut HashMap<u128, StoredState>,
    ) -> Result<(), OutboxError> {
        let alarms = self.txn.open_table(tables::LOCAL_ALARMS)?;
        for rule in &given.rules {
            let (id, version) = (key(rule.rule().id), rule.rule().version);
            if stored.get(&id).is_some_and(|state| state.version == version) {
                continue;
            }
            let alarm = alarms.get(id)?.and_then(|row| understood::<LocalAlarm>(row.value()));
            if let Some(alarm) = alarm.filter(|alarm| alarm.source == rule.source()) {
                let state = rule.adopt(alarm.since, alarm.severity, &alarm.causes);
                stored.insert(id, StoredState { version, state });
            }
        }
        Ok(())
    }

    /// The rules see a message of telemetry.
    pub(super) fn watch_message(
        &mut self,
        samples: &[Encoded],
        through: Option<Timestamp>,
    ) -> Result<(), OutboxError> {
        let mut rules = self.take_rules()?;
        // As the message tells it.
        let through = through.map(|through| Timestamp::from_millis(through.millis()));
        let passed = self.counters.through.map(Timestamp::from_micros);
        if !rules.is_empty() {
            let in_time = |point: &Point<'_>| {
                passed.is_none_or(|passed| point.ts >= passed) && !self.is_late(point)
            };
            let points = samples.iter().flat_map(Encoded::points).filter(in_time).collect();
            let changes = rules.message(points);
            self.settle(&mut rules, &changes)?;
        }
        if let Some(through) = through.filter(|through| Some(*through) > passed) {
            self.counters.through = Some(through.micros());
            if !rules.is_empty() {
                let changes = rules.through(through);
                self.settle(&mut rules, &changes)?;
            }
        }
        self.rules = Some(rules);
        Ok(())
    }

    /// The rules see an event. Those that are about the rules themselves they don't.
    pub(super) fn watch_event(
        &mut self,
        event_type: &EventType,
        ts: Timestamp,
    ) -> Result<(), OutboxError> {
        if matches!(event_type, EventType::AlarmLocal | EventType::RulesApplied) {
            return Ok(());
        }
        let mut rules = self.take_rules()?;
        if !rules.is_empty() {
            let at = Timestamp::from_millis(ts.millis());
            let changes = rules.event(event_type.as_str(), at);
            self.settle(&mut rules, &changes)?;
        }
        self.rules = Some(rules);
        Ok(())
    }

    fn is_late(&self, point: &Point<'_>) -> bool {
        // Nearly always empty.
        !self.late.is_empty() && self.late.contains(&(point.signal.to_owned(), point.ts))
    }

    /// A signal has got this time: notes whether it is late for rules. `set_back_from`: the signal's
    /// last time, if the clock was set back since.
    pub(super) fn note_time(
        &mut self,
        signal: &SignalName,
        ts: Timestamp,
        set_back_from: Option<Timestamp>,
    ) -> Result<(), OutboxError> {
        if set_back_from.is_none() && self.highs.is_empty()? {
            return Ok(());
        }
        let high = self.highs.get(signal.as_str())?.map(|row| Timestamp::from_micros(row.value()));
        let high = high.max(set_back_from);
        if let Some(last) = set_back_from.filter(|last| Some(*last) == high) {
            self.highs.insert(signal.as_str(), last.micros())?;
        }
        if high.is_some_and(|high| ts <= high) {
            self.late.insert((signal.as_str().to_owned(), ts));
        }
        Ok(())
    }

    /// Makes true what the rules have found: alarms, events, states, rules that have failed.
    fn settle(&mut self, rules: &mut Watching, changes: &[Change]) -> Result<(), OutboxError> {
        for change in changes {
            self.note_alarm(change)?;
            if rules.may_tell(clock::now()) {
                self.tell_alarm(&rules::told(change), change.transition.at())?;
            }
        }
        let mut states = self.txn.open_table(tables::RULE_STATES)?;
        for (rule, state) in rules.take_changed() {
            states.insert(key(rule), encode(&state)?.as_slice())?;
        }
        drop(states);
        let failed = rules.take_failed();
        if !failed.is_empty() {
            self.note_failed(failed)?;
            self.tell_applied(rules, clock::now())?;
        }
        Ok(())
    }

    fn note_alarm(&self, change: &Change) -> Result<(), OutboxError> {
        let rule = change.rule.rule();
        let mut alarms = self.txn.open_table(tables::LOCAL_ALARMS)?;
        match &change.transition {
            Transition::Raised(found) | Transition::Changed(found) => {
                let before =
                    alarms.get(key(rule.id))?.and_then(|row| understood::<LocalAlarm>(row.value()));
                let alarm = LocalAlarm::after(change, found, before.as_ref());
                alarms.insert(key(rule.id), encode(&alarm)?.as_slice())?;
                let (severity, at) = (found.severity.as_str(), found.at);
                tracing::warn!(rule = rule.name, severity, %at, "alarm: {}", found.message);
            }
            Transition::Cleared { at } => {
                alarms.remove(key(rule.id))?;
                tracing::info!(rule = rule.name, %at, "the alarm is over");
            }
        }
        Ok(())
    }

    /// What finds no room isn't told: the platform finds it in the samples.
    fn tell_alarm(&mut self, told: &AlarmLocal, at: Timestamp) -> Result<(), OutboxError> {
        let event = EventType::AlarmLocal;
        match self.append_event(event, to_data(told), at, EventSize::NORMAL) {
            Err(OutboxError::EventsFull { .. } | OutboxError::EventTooLarge { .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    fn note_failed(&self, failed: Vec<FailedRule>) -> Result<(), OutboxError> {
        let mut alarms = self.txn.open_table(tables::LOCAL_ALARMS)?;
        let mut states = self.txn.open_table(tables::RULE_STATES)?;
        let mut table = self.txn.open_table(tables::RULES)?;
        for rule in &failed {
            tracing::error!(rule.id = %rule.id, reason = rule.reason, "a rule is switched off here");
            alarms.remove(key(rule.id))?;
            states.remove(key(rule.id))?;
        }
        let mut all: Vec<FailedRule> = row(&table, tables::RULES_FAILED)?.unwrap_or_default();
        all.extend(failed);
        table.insert(tables::RULES_FAILED, encode(&all)?.as_slice())?;
        Ok(())
    }

    /// Tells by which rules this machine watches, unless that is told already.
    fn tell_applied(&mut self, rules: &Watching, now: Timestamp) -> Result<(), OutboxError> {
        if rules.version() == 0 {
            return Ok(());
        }
        let applied = rules.applied();
        let told: Option<RulesApplied> =
            row(&self.txn.open_table(tables::RULES)?, tables::RULES_TOLD)?;
        if told.as_ref() == Some(&applied) {
            return Ok(());
        }
        let event = EventType::RulesApplied;
        let mut taken = self.append_event(event.clone(), to_data(&applied), now, EventSize::NORMAL);
        if matches!(taken, Err(OutboxError::EventTooLarge { .. })) {
            let mut brief = applied.clone();
            brief.refused.iter_mut().for_each(|rule| rule.problems.clear());
            taken = self.append_event(event, to_data(&brief), now, EventSize::NORMAL);
        }
        if matches!(taken, Err(OutboxError::EventsFull { .. })) {
            // The next start tells it.
            return Ok(());
        }
        taken?;
        let mut table = self.txn.open_table(tables::RULES)?;
        table.insert(tables::RULES_TOLD, encode(&applied)?.as_slice())?;
        Ok(())
    }

    /// The rules of this document from now on.
    fn replace_rules(&mut self, claims: &ConfigClaims, now: Timestamp) -> Result<(), OutboxError> {
        let mut table = self.txn.open_table(tables::RULES)?;
        let mut failed: Vec<FailedRule> = row(&table, tables::RULES_FAILED)?.unwrap_or_default();
        let given = Given::read(claims, &failed, self.allowed.as_deref());
        let is_there = |rule: &FailedRule| given.refused.iter().any(|it| it.id == rule.id);
        failed.retain(is_there);
        let before: Option<ConfigClaims> = row(&table, tables::RULES_GIVEN)?;
        let before = before.map_or_else(Vec::new, |claims| rules::read(&claims));
        table.insert(tables::RULES_FAILED, encode(&failed)?.as_slice())?;
        table.insert(tables::RULES_GIVEN, encode(claims)?.as_slice())?;
        drop(table);
        self.end_lapsed(&given.rules, &before, now)?;
        let rules = self.load_rules()?;
        self.tell_applied(&rules, now)?;
        self.rules = Some(rules);
        Ok(())
    }

    /// Ends the alarms of rules that don't watch here any more. `before`: the rules until now.
    fn end_lapsed(
        &mut self,
        watching: &[Arc<CompiledRule>],
        before: &[GivenRule],
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        self.carry_states(watching, before)?;
        for alarm in self.carry_alarms(watching)? {
            tracing::info!(rule = alarm.name, "the alarm is over: its rule has gone or changed");
            self.tell_alarm(&alarm.ended(now), now)?;
        }
        Ok(())
    }

    /// What stays of states under other rules: those of the same version, and of one that judges as
    /// the version before did, as on the platform.
    fn carry_states(
        &self,
        watching: &[Arc<CompiledRule>],
        before: &[GivenRule],
    ) -> Result<(), OutboxError> {
        let mut states = self.txn.open_table(tables::RULE_STATES)?;
        let mut known = Vec::new();
        for row in states.iter()? {
            let (rule, row) = row?;
            known.push((rule.value(), understood::<StoredState>(row.value())));
        }
        for (id, stored) in known {
            let current = watching.iter().find(|it| key(it.rule().id) == id);
            let (Some(current), Some(stored)) = (current.map(|it| it.rule()), stored) else {
                states.remove(id)?;
                continue;
            };
            if stored.version == current.version {
                continue;
            }
            let was = before.iter().find(|was| (key(was.id), was.version) == (id, stored.version));
            if was.is_some_and(|was| judges_the_same(was, current)) {
                let carried = StoredState { version: current.version, ..stored };
                states.insert(id, encode(&carried)?.as_slice())?;
            } else {
                states.remove(id)?;
            }
        }
        Ok(())
    }

    /// What stays of alarms under other rules, whose states were carried; the alarms that are over by
    /// that. A new version of a rule that watches the same knows of its alarm, as on the platform.
    fn carry_alarms(&self, watching: &[Arc<CompiledRule>]) -> Result<Vec<LocalAlarm>, OutboxError> {
        let of = |id: RuleId| watching.iter().find(|rule| rule.rule().id == id);
        let mut states = self.txn.open_table(tables::RULE_STATES)?;
        let mut alarms = self.txn.open_table(tables::LOCAL_ALARMS)?;
        let mut active = Vec::new();
        for row in alarms.iter()? {
            let (rule, row) = row?;
            active.push((rule.value(), understood::<LocalAlarm>(row.value())));
        }
        let mut over = Vec::new();
        for (rule, alarm) in active {
            let Some(mut alarm) = alarm else {
                alarms.remove(rule)?;
                continue;
            };
            let Some(current) = of(alarm.rule).filter(|it| it.source() == alarm.source) else {
                alarms.remove(rule)?;
                over.push(alarm);
                continue;
            };
            let version = current.rule().version;
            if version != alarm.rule_version {
                if states.get(rule)?.is_none() {
                    let state = current.adopt(alarm.since, alarm.severity, &alarm.causes);
                    states.insert(rule, encode(&StoredState { version, state })?.as_slice())?;
                }
                alarm.rule_version = version;
                alarm.name.clone_from(&current.rule().name);
                alarms.insert(rule, encode(&alarm)?.as_slice())?;
            }
        }
        Ok(over)
    }
}

fn row<T: DeserializeOwned>(
    table: &Table<'_, &'static str, &'static [u8]>,
    key: &'static str,
) -> Result<Option<T>, OutboxError> {
    Ok(table.get(key)?.and_then(|row| understood(row.value())))
}
