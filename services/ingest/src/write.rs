//! Writes a batch: reads what isn't remembered, plans, inserts, commits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use millwright_schemas::MachineId;
use millwright_store::telemetry::points::Repeated;
use millwright_store::telemetry::reported::Outcome;
use millwright_store::telemetry::{
    BatchTx, clocks, days_of, detector_marks, detector_states, late, latest, machines, points,
    quarantine, reported, series, streams,
};
use millwright_store::{Store, StoreError};
use uuid::Uuid;

use crate::consequences;
use crate::decode::Message;
use crate::learned::{self, CaughtUp, Rebuilds};
use crate::limits::{CACHED_ENTRIES, CACHED_MACHINES, MachineLimits};
use crate::live::Live;
use crate::machine::MachineState;
use crate::memory::Memory;
use crate::plan::{Counts, Known, Plan, Planned, plan};
use crate::rules::Rules;

/// Writes batches and remembers machines in between.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    live: Live,
    limits: MachineLimits,
    memory: Memory,
    rules: Rules,
    rebuilds: Rebuilds,
    batch: u64,
    /// This run: tells its writes from another gateway's.
    run: Uuid,
}

/// A committed batch.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) planned: Planned,
    pub(crate) counts: Counts,
    pub(crate) caught_up: CaughtUp,
}

/// One of perhaps several attempts at a batch.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// An earlier one may have been committed without anyone knowing.
    again: bool,
    /// Takes no point for new.
    careful: bool,
}

impl Writer {
    pub(crate) fn new(
        store: Store,
        live: Live,
        (limits, learned_bytes_max): (MachineLimits, usize),
        rebuilds: Rebuilds,
    ) -> Self {
        let mut memory = Memory::new(CACHED_MACHINES, CACHED_ENTRIES);
        memory.learned_bytes_max = learned_bytes_max;
        let (rules, run) = (Rules::default(), Uuid::new_v4());
        Self { store, live, limits, memory, rules, rebuilds, batch: 0, run }
    }

    /// Rules that wait to be rebuilt.
    pub(crate) fn rebuilds_waiting(&self) -> usize {
        self.rebuilds.waiting()
    }

    /// Writes and commits. After an error nothing is remembered of the batch's machines, so that
    /// the next attempt starts from what is stored, whatever became of this one, and finds what was rebuilt.
    ///
    /// `again`: an earlier attempt may have been committed without anyone knowing.
    pub(crate) async fn write(
        &mut self,
        messages: &[Message],
        again: bool,
    ) -> Result<Written, StoreError> {
        self.batch += 1;
        // Before anything is held: years of days are no moment's work.
        let days = days_of(messages.iter().flat_map(Message::times));
        self.store.make_room(&days).await?;
        let ids: BTreeSet<MachineId> = messages
            .iter()
            .flat_map(|message| [message.uplink().sender, message.uplink().machine])
            .collect();
        let ids: Vec<MachineId> = ids.into_iter().collect();
        let before = self.memory.entries_of(&ids);
        let mut written = self.write_for(&ids, messages, Attempt { again, careful: false }).await;
        if matches!(written, Err(StoreError::Exists(_))) {
            // More is stored than the newest values say. All is read anew, and each point is
            // looked up.
            tracing::warn!("points were there that could not be");
            self.forget(&ids);
            written = self.write_for(&ids, messages, Attempt { again, careful: true }).await;
        }
        if written.is_err() {
            self.forget(&ids);
        }
        self.rebuilds.settle(written.is_ok());
        self.memory.settle(&ids, before);
        written
    }

    fn forget(&mut self, machines: &[MachineId]) {
        self.memory.forget(machines);
        self.rebuilds.settle(false);
    }

    async fn write_for(
        &mut self,
        ids: &[MachineId],
        messages: &[Message],
        attempt: Attempt,
    ) -> Result<Written, StoreError> {
        let watched = self.live.watched(Instant::now());
        let mut tx = self.store.begin_batch().await?;
        let rows = machines::load(&mut tx, ids).await?;
        let machines = rows.into_iter().map(|row| (row.machine, row)).collect();
        self.take_over(&mut tx, &machines).await?;
        self.remember(&mut tx, &machines).await?;
        let mut caught_up = CaughtUp::default();
        if let Some(first) = messages.first() {
            if self.rules.refresh(&mut tx).await? {
                self.rebuilds.keep_only(|rule, version| self.rules.has(rule, version));
            }
            let (states, at) = (&mut self.memory.states, first.uplink().received_at);
            let lapsed = self.rules.give(&mut tx, states, &machines, at).await?;
            consequences::let_lapse(&mut tx, lapsed).await?;
            let (memory, rebuilds) = (&mut self.memory, &self.rebuilds);
            caught_up = learned::catch_up(&mut tx, memory, rebuilds, &machines, at).await?;
        }
        let known = Known {
            machines: &machines,
            watched: &watched,
            limits: &self.limits,
            batch: self.batch,
        };
        let mut planned = plan(&mut self.memory.states, &known, messages);
        let counts = self.execute(&mut tx, &mut planned.plan, attempt).await?;
        // Also if nobody knows whether it is committed: it is of a time before the clock was set back.
        let set_back: Vec<MachineId> = planned.plan.unlearned.iter().map(|it| it.0).collect();
        self.rebuilds.forget(&set_back);
        tx.commit().await?;
        Ok(Written { planned, counts, caught_up })
    }

    /// Another process has written for these machines: what is remembered of them is old.
    async fn take_over(
        &mut self,
        tx: &mut BatchTx,
        machines: &HashMap<MachineId, machines::MachineRow>,
    ) -> Result<(), StoreError> {
        let others = machines.values().filter(|row| row.writer != Some(self.run));
        let others: Vec<MachineId> = others.map(|row| row.machine).collect();
        self.memory.forget(&others);
        self.rebuilds.forget(&others);
        machines::claim(tx, &others, self.run).await
    }

    /// Reads the machines that aren't remembered.
    async fn remember(
        &mut self,
        tx: &mut BatchTx,
        machines: &HashMap<MachineId, machines::MachineRow>,
    ) -> Result<(), StoreError> {
        let mut missing = Vec::new();
        for row in machines.values() {
            self.memory.states.entry(row.machine).or_insert_with(|| {
                missing.push(row.machine);
                MachineState::new(row.last_seen_at)
            });
        }
        if missing.is_empty() {
            return Ok(());
        }
        for row in series::load(tx, &missing).await? {
            if let Some(state) = self.memory.states.get_mut(&row.machine) {
                state.add_stored_series(row);
            }
        }
        let (cursors, gaps) = streams::load(tx, &missing).await?;
        for row in cursors {
            if let Some(state) = self.memory.states.get_mut(&row.key.machine) {
                state.add_stored_cursor(&row);
            }
        }
        for row in clocks::load(tx, &missing).await? {
            if let Some(state) = self.memory.states.get_mut(&row.machine) {
                state.add_stored_clock(&row);
            }
        }
        for row in gaps {
            if let Some(state) = self.memory.states.get_mut(&row.key.machine) {
                state.add_stored_gap(&row);
            }
        }
        Ok(())
    }

    async fn execute(
        &mut self,
        tx: &mut BatchTx,
        plan: &mut Plan,
        attempt: Attempt,
    ) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        self.create_series(tx, plan).await?;
        for (series, kind) in &plan.fixed_kinds {
            series::fix_kind(tx, *series, *kind).await?;
        }
        if attempt.careful {
            plan.other_points.append(&mut plan.new_points);
        }
        self.insert_points(tx, plan, &mut counts).await?;
        latest::part(tx, &plan.parted).await?;
        latest::set_back(tx, &plan.set_back).await?;
        latest::save(tx, &plan.latest).await?;
        let mut in_time: Vec<_> = std::mem::take(&mut plan.in_time).into_values().collect();
        in_time.sort_unstable_by_key(|row| row.series);
        latest::save_in_time(tx, &in_time).await?;
        for (machine, outbox) in &plan.forgotten {
            streams::forget_outbox(tx, *machine, *outbox).await?;
        }
        mark_late(tx, plan, &mut counts).await?;
        streams::delete_gaps(tx, &plan.streams.closed).await?;
        streams::save_gaps(tx, &plan.streams.gaps).await?;
        streams::save_cursors(tx, &plan.streams.cursors).await?;
        clocks::save(tx, &plan.clocks).await?;
        detector_states::forget_all(tx, &plan.unlearned).await?;
        // Always in the same order, so that no two processes wait for each other.
        plan.marks.sort_unstable_by_key(|row| (row.machine, row.rule));
        detector_marks::save(tx, &plan.marks).await?;
        consequences::save_states(tx, &plan.rule_states).await?;
        consequences::save_learned(tx, plan).await?;
        insert_events(tx, plan, &mut counts).await?;
        insert_quarantine(tx, plan, attempt.again, &mut counts).await?;
        machines::save_seen(tx, &plan.seen).await?;
        machines::add_counts(tx, &counts.rows()).await?;
        Ok(counts)
    }

    /// Creates the new series and puts their ids where the plan has negative ones.
    async fn create_series(&mut self, tx: &mut BatchTx, plan: &mut Plan) -> Result<(), StoreError> {
        if plan.new_series.is_empty() {
            return Ok(());
        }
        let ids = series::create(tx, &plan.new_series).await?;
        for (row, id) in plan.new_series.iter().zip(&ids) {
            let state = self.memory.states.get_mut(&row.machine);
            if let Some(series) = state.and_then(|state| state.series.get_mut(&row.signal)) {
                series.id = *id;
            }
        }
        let stored = |id: &mut i64| {
            let place = usize::try_from(-*id - 1).ok();
            if let Some(stored) = place.and_then(|place| ids.get(place)) {
                *id = *stored;
            }
        };
        plan.new_points.iter_mut().for_each(|row| stored(&mut row.series));
        plan.other_points.iter_mut().for_each(|row| stored(&mut row.series));
        plan.texts.iter_mut().for_each(|row| stored(&mut row.series));
        plan.latest.iter_mut().for_each(|row| stored(&mut row.series));
        plan.in_time.values_mut().for_each(|row| stored(&mut row.series));
        let retaken = std::mem::take(&mut plan.retaken).into_iter();
        plan.retaken = retaken
            .map(|(mut series, ts)| {
                stored(&mut series);
                (series, ts)
            })
            .collect();
        Ok(())
    }

    async fn insert_points(
        &self,
        tx: &mut BatchTx,
        plan: &mut Plan,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        // Neighbours in the tree one after the other; the sort is stable: the first of equal
        // times stays the first.
        plan.new_points.sort_by_key(|row| (row.series, row.ts));
        plan.other_points.sort_by_key(|row| (row.series, row.ts));
        points::insert_new(tx, &plan.new_points).await?;
        let numbers = points::insert_any(tx, &plan.other_points).await?;
        let texts = points::insert_texts(tx, &plan.texts).await?;
        let again = self.count_repeated(&[numbers, texts], &plan.retaken, counts);
        for (machine, late) in &plan.late {
            // One that was there already isn't late.
            let again = again.get(machine).copied().unwrap_or(0);
            counts.of(*machine).late = (late - again).max(0);
        }
        for (machine, ahead) in &plan.ahead {
            counts.of(*machine).ahead = *ahead;
        }
        Ok(())
    }

    /// Counts what was there already. How many of it rules don't see, by machine: not what is `retaken`.
    fn count_repeated(
        &self,
        repeated: &[Repeated],
        retaken: &HashSet<(i64, i64)>,
        counts: &mut Counts,
    ) -> HashMap<MachineId, i64> {
        let mut unseen = HashMap::new();
        if repeated.iter().all(|some| some.duplicates.is_empty() && some.conflicts.is_empty()) {
            return unseen;
        }
        let owners: HashMap<i64, MachineId> = self
            .memory
            .states
            .iter()
            .filter(|(_, state)| state.used_in == self.batch)
            .flat_map(|(machine, state)| state.series.values().map(move |s| (s.id, *machine)))
            .collect();
        for some in repeated {
            for machine in some.duplicates.iter().filter_map(|(series, _)| owners.get(series)) {
                counts.of(*machine).duplicates += 1;
            }
            for machine in some.conflicts.iter().filter_map(|(series, _)| owners.get(series)) {
                counts.of(*machine).conflicts += 1;
            }
            let all = some.duplicates.iter().chain(&some.conflicts);
            for (series, _) in all.filter(|key| !retaken.contains(*key)) {
                if let Some(machine) = owners.get(series) {
                    *unseen.entry(*machine).or_insert(0) += 1;
                }
            }
        }
        unseen
    }
}

/// Tells that rules haven't seen what is new among the late values and those ahead of their time.
async fn mark_late(tx: &mut BatchTx, plan: &Plan, counts: &mut Counts) -> Result<(), StoreError> {
    if plan.late_spans.is_empty() {
        return Ok(());
    }
    let spans = plan.late_spans.values();
    let mut rows: Vec<_> = spans.filter(|row| counts.of(row.machine).late > 0).copied().collect();
    rows.sort_unstable_by_key(|row| row.machine);
    late::mark(tx, &rows).await
}

async fn insert_events(
    tx: &mut BatchTx,
    plan: &mut Plan,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let outcomes = reported::insert(tx, &plan.reported).await?;
    for (row, outcome) in plan.reported.iter().zip(&outcomes) {
        match outcome {
            Outcome::New => {}
            Outcome::Duplicate => counts.of(row.machine).duplicates += 1,
            Outcome::Conflict => counts.of(row.machine).conflicts += 1,
        }
    }
    consequences::carry_out(tx, std::mem::take(&mut plan.consequences), &outcomes).await
}

async fn insert_quarantine(
    tx: &mut BatchTx,
    plan: &Plan,
    again: bool,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let mut machines = BTreeSet::new();
    for row in &plan.quarantine {
        if quarantine::insert(tx, row, again).await? {
            counts.of(row.machine).quarantined += 1;
            machines.insert(row.machine);
        }
    }
    for machine in machines {
        counts.of(machine).quarantine_dropped += quarantine::enforce_bounds(tx, machine).await?;
    }
    Ok(())
}
