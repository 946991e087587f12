//! The plan of a batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use millwright_detection::state::RuleState;
use millwright_detection::watch::{Change, Checkpoints, Mark};
use millwright_schemas::api::telemetry::LiveSample;
use millwright_schemas::wire::telemetry::RejectedValue;
use millwright_schemas::{MachineId, OutboxId, RuleId, SignalKind, Timestamp};
use millwright_store::telemetry::clocks::ClockRow;
use millwright_store::telemetry::detector_marks::MarkRow;
use millwright_store::telemetry::detector_states::DetectorStateRow;
use millwright_store::telemetry::late::LateRow;
use millwright_store::telemetry::latest::LatestRow;
use millwright_store::telemetry::machines::{MachineRow, SeenRow};
use millwright_store::telemetry::points::{PointRow, TextRow};
use millwright_store::telemetry::quarantine::QuarantineRow;
use millwright_store::telemetry::reported::ReportedRow;
use millwright_store::telemetry::series::NewSeries;

use super::consequence::{Consequence, Source, failed, of_rule};
use crate::decode::{Body, Message};
use crate::intake::{AckLine, Uplink};
use crate::limits::{CHECKPOINT_EVERY_US, CHECKPOINTS_A_BATCH, MachineLimits, REASONS_SHOWN};
use crate::machine::MachineState;
use crate::stream::Edits;

/// What is known when a batch is planned.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// The machines of the batch, as the transaction sees them.
    pub(crate) machines: &'a HashMap<MachineId, MachineRow>,
    /// Of which machines live copies are wanted.
    pub(crate) watched: &'a HashSet<MachineId>,
    pub(crate) limits: &'a MachineLimits,
    /// Number of this batch; counts up.
    pub(crate) batch: u64,
}

/// What a batch writes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) new_series: Vec<NewSeries>,
    pub(crate) fixed_kinds: Vec<(i64, SignalKind)>,
    /// Later than all of their series.
    pub(crate) new_points: Vec<PointRow>,
    /// May be there already.
    pub(crate) other_points: Vec<PointRow>,
    pub(crate) texts: Vec<TextRow>,
    /// Nulls of signals that had no kind when they came, with the signal's name.
    pub(super) nulls: Vec<(MachineId, String, PointRow)>,
    pub(crate) latest: Vec<LatestRow>,
    /// Of series whose newest value is ahead of its time, the newest one that isn't.
    pub(crate) in_time: HashMap<i64, LatestRow>,
    /// Stored series whose newest value was in time, and no longer is.
    pub(crate) parted: Vec<i64>,
    /// Stored series whose newest values count as ahead of their time since the clock was set right.
    pub(crate) set_back: Vec<i64>,
    /// Machines whose rules learn anew from what is stored, because the clock was set right, and when.
    pub(crate) unlearned: Vec<(MachineId, i64)>,
    /// Up to when these rules have judged: what came since isn't in it, be it of this batch.
    pub(crate) marks: Vec<MarkRow>,
    /// What is known of machines' clocks, where that has changed.
    pub(crate) clocks: Vec<ClockRow>,
    pub(crate) forgotten: Vec<(MachineId, OutboxId)>,
    pub(crate) streams: Edits,
    pub(crate) reported: Vec<ReportedRow>,
    /// What follows from all that, in the order of the messages.
    pub(crate) consequences: Vec<Consequence>,
    /// Where rules stand that have moved: machine, rule and its version.
    pub(crate) rule_states: Vec<(MachineId, RuleId, i64, RuleState)>,
    /// What rules have learned, where it is to be stored now.
    pub(crate) learned: Vec<DetectorStateRow>,
    /// Values that rules don't see, because they came too late or are ahead of their time; those that were
    /// there already are still among them.
    pub(crate) late: HashMap<MachineId, i64>,
    /// Those of them that are ahead of their time.
    pub(crate) ahead: HashMap<MachineId, i64>,
    /// The times of those of them whose signal a rule watches.
    pub(crate) late_spans: HashMap<MachineId, LateRow>,
    /// Series and time of values that rules see, where one of another clock may be stored already. What they
    /// don't see of such a time is the same value again, and no late one.
    pub(crate) retaken: HashSet<(i64, i64)>,
    pub(crate) quarantine: Vec<QuarantineRow>,
    pub(crate) seen: Vec<SeenRow>,
}

/// The plan, and what follows once it is committed.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// How many messages of each connection are done.
    pub(crate) done: Vec<(Arc<AckLine>, u64)>,
    /// Connections whose messages are not stored.
    pub(crate) refused: Vec<Arc<AckLine>>,
    pub(crate) refused_messages: u64,
    pub(crate) live: HashMap<MachineId, Vec<LiveSample>>,
}

/// Plans a batch. Every machine in `known` has a state.
pub(crate) fn plan(
    states: &mut HashMap<MachineId, MachineState>,
    known: &Known<'_>,
    messages: &[Message],
) -> Planned {
    let mut planner = Planner {
        known,
        planned: Planned::default(),
        lines: HashMap::new(),
        broken: HashSet::new(),
    };
    let mut touched = HashSet::new();
    for message in messages {
        planner.message(states, message, &mut touched);
    }
    let mut planned = planner.planned;
    settle_nulls(states, &mut planned.plan);
    let now = messages.first().map(|message| message.uplink().received_at);
    for machine in touched {
        if let Some(state) = states.get_mut(&machine) {
            state.used_in = known.batch;
            state.take_edits(machine, &mut planned.plan.streams);
            planned.plan.seen.extend(state.take_seen(machine));
            planned.plan.clocks.extend(state.clock.take_changed(machine));
            let moved = state.watch.take_changed().into_iter();
            let rows = moved.map(|(rule, version, state)| (machine, rule, version, state));
            planned.plan.rule_states.extend(rows);
            if planned.plan.unlearned.iter().any(|(set_back, _)| *set_back == machine) {
                let marks = state.watch.take_marks().kept;
                planned.plan.marks.extend(marks.iter().map(|mark| mark_row(machine, mark)));
            }
            if let Some(now) = now {
                keep_learned(state, machine, now, &mut planned.plan);
            }
        }
    }
    planned
}

/// A mark as it is stored.
pub(crate) fn mark_row(machine: MachineId, mark: &Mark) -> MarkRow {
    let judged = mark.judged.iter().map(|judged| judged.map(Timestamp::micros)).collect();
    MarkRow { machine, rule: mark.rule, version: mark.version, judged }
}

/// What the machine's rules have learned is stored, if it is time for that and the batch has room.
fn keep_learned(state: &mut MachineState, machine: MachineId, now: Timestamp, plan: &mut Plan) {
    let most = CHECKPOINTS_A_BATCH.saturating_sub(plan.learned.len());
    let taken =
        state.watch.take_checkpoints(Checkpoints { now, every_us: CHECKPOINT_EVERY_US, most });
    plan.learned.extend(taken.into_iter().map(|taken| DetectorStateRow {
        machine,
        rule: taken.rule,
        version: taken.version,
        through_ts: taken.through.micros(),
        state: taken.state,
        saved_at: now.micros(),
        watching_since: taken.watching_since.map(Timestamp::micros),
    }));
}

/// A null belongs with the values of its signal's kind, known by the end of the batch or not. It
/// came before all of them, so it goes in front.
fn settle_nulls(states: &HashMap<MachineId, MachineState>, plan: &mut Plan) {
    if plan.nulls.is_empty() {
        return;
    }
    let (mut points, mut texts) = (Vec::new(), Vec::new());
    for (machine, signal, row) in std::mem::take(&mut plan.nulls) {
        let series = states.get(&machine).and_then(|state| state.series.get(&signal));
        if series.and_then(|series| series.kind) == Some(SignalKind::Text) {
            let PointRow { series, ts, quality, .. } = row;
            texts.push(TextRow { series, ts, value: None, quality });
        } else {
            points.push(row);
        }
    }
    plan.other_points.splice(0..0, points);
    plan.texts.splice(0..0, texts);
}

pub(super) struct Planner<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) planned: Planned,
    /// Connection → its place in `planned.done`.
    lines: HashMap<*const AckLine, usize>,
    /// Connections of which this batch has refused a message.
    broken: HashSet<*const AckLine>,
}

/// Where samples stand in what the detection has seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) source: Source,
    /// Their stream has said before that nothing older than this would come.
    pub(super) passed: i64,
}

impl<'a> Planner<'a> {
    fn message(
        &mut self,
        states: &mut HashMap<MachineId, MachineState>,
        message: &Message,
        touched: &mut HashSet<MachineId>,
    ) {
        let uplink = message.uplink();
        let Some(row) = self.admitted(uplink) else {
            self.planned.refused_messages += 1;
            return;
        };
        let received_at = uplink.received_at.micros();
        if uplink.sender != uplink.machine
            && let Some(state) = states.get_mut(&uplink.sender)
        {
            state.hear(received_at, message.clock_offset_us, None);
            touched.insert(uplink.sender);
        }
        let Some(state) = states.get_mut(&uplink.machine) else { return };
        state.watch.set_work(self.known.limits.rule_work);
        state.watch.pause_learning(row.maintenance_until.is_some());
        let turn = message.told_ts.and_then(|told| state.clock.hear(told, received_at));
        if let Some(turn) = turn {
            self.turn(uplink.machine, state, turn);
        }
        // A time that is ahead can't have passed.
        let through_ts = message.through_ts.filter(|through| {
            !state.clock.is_ahead(Timestamp::from_micros(*through), uplink.received_at)
        });
        let own_clock = message.clock_offset_us.filter(|_| uplink.sender == uplink.machine);
        state.hear(received_at, own_clock, through_ts);
        touched.insert(uplink.machine);
        let passed =
            message.stream.map_or(i64::MIN, |(outbox, topic, _)| state.passed(outbox, topic));
        if let Some(stream) = message.stream {
            let limits = self.known.limits;
            let forgotten = state.observe_stream(stream, through_ts, received_at, limits);
            self.planned.plan.forgotten.extend(forgotten.map(|outbox| (uplink.machine, outbox)));
        }
        let source = Source {
            machine: uplink.machine,
            organization: row.organization,
            received_at: uplink.received_at,
        };
        match &message.body {
            Body::Samples { points, timed, rejected } => {
                let place = Place { source, passed };
                let points = (points.as_slice(), timed.as_slice());
                let refused = self.samples(place, state, message, points);
                let all: Vec<&RejectedValue> = rejected.iter().chain(&refused).collect();
                self.quarantine_values(message, &all);
            }
            Body::Event(event) => {
                self.event(source, message, event);
                self.detect_event(Place { source, passed }, state, event);
            }
            Body::Unusable { code, reason } => self.quarantine(message, code, reason.clone()),
        }
        // Said again, it tells nothing of what other streams have brought since.
        let begins_ts = state.clock.begins_ts();
        if let Some(through) = through_ts.filter(|it| *it > passed && *it > begins_ts) {
            let changes = state.watch.through(Timestamp::from_micros(through));
            self.changes(source, &changes);
        }
        let over = state.watch.take_failed().into_iter();
        self.planned.plan.consequences.extend(over.map(|over| failed(source, over)));
        self.done(uplink.acks.as_ref());
    }

    /// The machine whose data it is, if it may be stored. If not, the connection is given up: the
    /// message comes again on another one, or is refused there by its topic.
    fn admitted(&mut self, uplink: &Uplink) -> Option<&'a MachineRow> {
        let line = uplink.acks.as_ref();
        if line.is_some_and(|line| line.failed() || self.broken.contains(&Arc::as_ptr(line))) {
            return None;
        }
        let machines = self.known.machines;
        let sender = machines.get(&uplink.sender);
        let current = sender.is_some_and(|row| uplink.generation.0 >= row.generation);
        let row = machines.get(&uplink.machine).filter(|row| {
            current && (row.machine == uplink.sender || row.parent == Some(uplink.sender))
        });
        if row.is_none()
            && let Some(line) = line
        {
            self.broken.insert(Arc::as_ptr(line));
            self.planned.refused.push(Arc::clone(line));
        }
        row
    }

    fn done(&mut self, line: Option<&Arc<AckLine>>) {
        let Some(line) = line else { return };
        let done = &mut self.planned.done;
        let place = *self.lines.entry(Arc::as_ptr(line)).or_insert_with(|| {
            done.push((Arc::clone(line), 0));
            done.len() - 1
        });
        done[place].1 += 1;
    }

    /// Rules' alarms change.
    pub(super) fn changes(&mut self, source: Source, changes: &[Change]) {
        let alarms = changes.iter().map(|change| Consequence::Rule(of_rule(source, change)));
        self.planned.plan.consequences.extend(alarms);
    }

    /// One row for all values of a message that can't be stored.
    pub(super) fn quarantine_values(&mut self, message: &Message, rejected: &[&RejectedValue]) {
        let Some(first) = rejected.first() else { return };
        let mut reasons: Vec<String> = rejected
            .iter()
            .take(REASONS_SHOWN)
            .map(|value| format!("{}: {}", value.signal, value.reason))
            .collect();
        if rejected.len() > REASONS_SHOWN {
            reasons.push(format!("and {} more", rejected.len() - REASONS_SHOWN));
        }
        self.quarantine(message, first.code, reasons.join("; "));
    }

    fn quarantine(&mut self, message: &Message, code: &'static str, reason: String) {
        let uplink = message.uplink();
        self.planned.plan.quarantine.push(QuarantineRow {
            machine: uplink.machine,
            received_at: uplink.received_at.micros(),
            topic: uplink.channel.as_str().to_owned(),
            code,
            reason,
            payload: uplink.payload.to_vec(),
        });
    }
}
